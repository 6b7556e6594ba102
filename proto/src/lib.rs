//! The northbound contract: messages of package `sextant.v1`, and with feature `rpc` their gRPC stubs; and what is spoken to gobgpd.

/// Package `sextant.v1`.
pub mod v1 {
    #![allow(missing_docs, clippy::all, unreachable_pub)]
    include!(concat!(env!("OUT_DIR"), "/sextant.v1.rs"));
}

/// Package `apipb`: what of the API of gobgpd 3 is used.
#[cfg(feature = "rpc")]
pub mod apipb {
    #![allow(missing_docs, clippy::all, unreachable_pub)]
    include!(concat!(env!("OUT_DIR"), "/apipb.rs"));
}

/// The encoded `FileDescriptorSet` of the contract, for server reflection and for mapping documents.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

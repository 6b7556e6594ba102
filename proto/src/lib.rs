//! The northbound contract: messages of package `sextant.v1`, and with feature `rpc` their gRPC stubs.

/// Package `sextant.v1`.
pub mod v1 {
    #![allow(missing_docs, clippy::all, unreachable_pub)]
    include!(concat!(env!("OUT_DIR"), "/sextant.v1.rs"));
}

/// The encoded `FileDescriptorSet` of the contract, for server reflection and for mapping documents.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

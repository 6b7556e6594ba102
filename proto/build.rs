//! Compiles the contract's `.proto` files, without protoc, and keeps their descriptors for reflection.

use std::path::PathBuf;

use prost::Message as _;

const FILES: [&str; 5] = [
    "sextant/v1/resource.proto",
    "sextant/v1/store.proto",
    "sextant/v1/services.proto",
    "sextant/v1/intent.proto",
    "sextant/v1/operation.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=sextant");
    let descriptors = protox::compile(FILES, ["."])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    let rpc = std::env::var_os("CARGO_FEATURE_RPC").is_some();
    // Ordered maps: the same record has the same bytes.
    tonic_prost_build::configure().btree_map(".").build_client(rpc).build_server(rpc).compile_fds(descriptors)?;
    // What is spoken to gobgpd; not of the contract, and not reflected.
    println!("cargo:rerun-if-changed=gobgp");
    let gobgp = protox::compile(["gobgp/api.proto"], ["."])?;
    tonic_prost_build::configure().build_client(rpc).build_server(rpc).compile_fds(gobgp)?;
    Ok(())
}

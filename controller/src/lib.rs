//! The daemon around the brain: store, OpenFlow sessions, HTTP and metrics, and the handle that northbound faces ask through.

pub mod cli;
pub mod daemon;
mod descriptors;
pub mod doc;
pub mod grpc;
pub mod handle;
pub mod http;
pub mod metrics;
pub mod openflow;
pub mod store;

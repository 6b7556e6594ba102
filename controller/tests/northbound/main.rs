//! The northbound faces against a backend of the tests' own: what gRPC clients and people at a terminal see.

mod cli;
mod controller;
mod fake;
mod grpc;

//! The requesting router: asks a provider's router for prefixes, keeps them, gives them back (RFC 8415, 6.3 and 18.2).

mod exchange;
mod lease;
pub mod service;

pub use exchange::{Client, Step};
pub use lease::{Granted, Lease};

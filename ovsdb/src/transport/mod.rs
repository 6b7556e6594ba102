//! Connections to a database: over unix sockets and TCP, kept up by [`keep`].

mod client;
mod dial;
mod keep;

pub use client::{CallFault, Client, Incoming};
pub use dial::{Stream, dial};
pub use keep::keep;

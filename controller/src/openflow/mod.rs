//! OpenFlow sessions: switches that connect, bridges that are dialled, and what is said on each connection.
//!
//! Each connection has two tasks. One reads, decodes and keeps the conversation's state; it waits neither for the other side
//! nor for the brain's packets. The other writes what the stream did not take at once. A fault costs its own connection, nothing else.

mod batch;
mod conn;
mod handshake;
mod listen;
mod news;
mod pipe;
mod read_back;
mod session;
#[cfg(test)]
mod session_tests;
mod sessions;
mod watch;
mod words;
mod work;

pub use listen::{BadListenAddr, ListenAddr};
pub(crate) use listen::{Listener, accept, bind, dial, session};
pub(crate) use sessions::{Sent, Sessions, command};

//! A client of the Open vSwitch database (RFC 7047): values, operations, messages and a replica without I/O; and, with the feature
//! `transport`, the connection that carries them.

mod fault;
mod framing;
mod link;
mod message;
mod monitor;
mod operation;
mod remote;
mod replica;
mod schema;
mod value;

#[cfg(feature = "transport")]
pub mod transport;

pub use fault::Fault;
pub use framing::{FrameFault, Framer};
pub use link::{Command, LinkEvent, Watched};
pub use message::{Id, Message};
pub use monitor::{Change, Monitor, Snapshot, TableUpdates};
pub use operation::{Condition, Function, Mutation, Mutator, Operation, Outcome, Refused, outcomes};
pub use remote::{BadRemote, Remote};
pub use replica::{Replica, Table};
pub use schema::{AtomType, Column, Schema, TableSchema};
pub use value::{Atom, Row, Uuid, Value};

//! Errors that a switch reports, and their names.

use bytes::Bytes;

/// A refusal (OpenFlow 1.3.5, 7.4.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorMsg {
    /// The kind; 0xffff for an experimenter's.
    pub kind: u16,
    /// The code within the kind, or an experimenter's own kind.
    pub code: u16,
    /// Whose error it is, when the kind is 0xffff.
    pub experimenter: Option<u32>,
    /// The refused message's first bytes (64 at least, if it has them), or a text.
    pub data: Bytes,
}

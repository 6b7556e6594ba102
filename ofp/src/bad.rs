//! Why bytes are refused: small errors with numbers in them.

use thiserror::Error;

/// Bytes that are not what their header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Bad {
    /// Fewer bytes than the structure needs.
    #[error("{what}: {have} bytes where {need} are needed")]
    Short {
        /// Bytes needed.
        need: usize,
        /// Bytes there.
        have: usize,
        /// The structure.
        what: &'static str,
    },
    /// A length field that its structure can't have.
    #[error("{what}: length {length} is impossible")]
    Length {
        /// The length as read.
        length: usize,
        /// The structure.
        what: &'static str,
    },
    /// The length of an action or instruction that can't be one: where the next begins is not known. Open vSwitch refuses a message
    /// with one too (`OFPBAC_BAD_LEN`, `OFPBIC_BAD_LEN`).
    #[error("{what}: length {length} of {have} bytes; a multiple of 8 and at least 8 is needed")]
    Frame {
        /// The length as read.
        length: usize,
        /// Bytes there.
        have: usize,
        /// The structure.
        what: &'static str,
    },
    /// A number where only some are defined. A message with one is kept whole as [`crate::Body::Unknown`].
    #[error("{what}: {value} is not defined")]
    Value {
        /// The number as read.
        value: u64,
        /// The field.
        what: &'static str,
    },
    /// Structures nested deeper than any switch needs.
    #[error("nested deeper than {limit}")]
    Nested {
        /// The limit.
        limit: usize,
    },
}

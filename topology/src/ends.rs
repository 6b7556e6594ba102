//! What is there for a time.

/// How long a prefix is there: milliseconds since 1970-01-01 UTC; all ones is for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// New connections begin from it until then; 0: it is deprecated.
    pub preferred_until_ms: u64,
    /// It is gone then.
    pub valid_until_ms: u64,
}

//! What a peer said that is not the protocol.

use serde_json::Value as Json;
use thiserror::Error;

/// A message, value or schema that can't be read, and where in it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{path}: {problem}")]
pub struct Fault {
    /// The place: `Bridge.other_config`.
    pub path: String,
    /// What is wrong, with what would be right.
    pub problem: String,
}

/// Characters of a foreign text that a fault repeats.
const SHOWN_MAX: usize = 80;

impl Fault {
    pub(crate) fn new(path: impl Into<String>, problem: impl Into<String>) -> Fault {
        Fault { path: path.into(), problem: problem.into() }
    }

    /// Something else was expected than this.
    pub(crate) fn unexpected(path: impl Into<String>, expected: &str, found: &Json) -> Fault {
        let mut shown: String = found.to_string().chars().take(SHOWN_MAX + 1).collect();
        if shown.chars().count() > SHOWN_MAX {
            shown = shown.chars().take(SHOWN_MAX).chain("...".chars()).collect();
        }
        Fault::new(path, format!("{expected} expected, found {shown}"))
    }

    /// The same fault, seen from further out.
    pub(crate) fn within(self, outer: &str) -> Fault {
        let path = if self.path.is_empty() { outer.to_owned() } else { format!("{outer}.{}", self.path) };
        Fault { path, ..self }
    }
}

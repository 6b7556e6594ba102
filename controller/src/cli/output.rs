//! Printing: to a reader that may go away, and complaints.

use std::borrow::Cow;
use std::io::{ErrorKind, Write as _};

use super::Failure;

/// Prints lines to standard output, at once.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| match text.ends_with('\n') || text.is_empty() {
        true => out.flush(),
        false => out.write_all(b"\n").and_then(|()| out.flush()),
    });
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::Unread,
        _ => Failure::new(format!("cannot write the output: {error}")),
    })
}

/// Prints one line for each reason to standard error.
pub(super) fn complain(reasons: &[String]) {
    let mut err = std::io::stderr().lock();
    for reason in reasons {
        // Nothing can be done about a standard error that can't be written to.
        let _ = writeln!(err, "{}", harmless(reason));
    }
}

/// A text for one line of a terminal: what others wrote into a description shall not move its cursor.
pub(super) fn harmless(text: &str) -> Cow<'_, str> {
    match text.contains(char::is_control) {
        true => text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect(),
        false => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_do_not_reach_the_terminal() {
        assert_eq!(harmless("a\u{1b}[2Jb\nc\u{9b}"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}");
        assert_eq!(harmless("é: ok"), "é: ok");
    }
}

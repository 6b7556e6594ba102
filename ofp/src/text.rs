//! Small pieces of text: NUL-padded names, and hexadecimal.

use std::borrow::Cow;
use std::fmt;

/// A text of at most `N` bytes, as it stands in a message: padded with NUL, in no stated encoding.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FixedText<const N: usize>(pub [u8; N]);

impl<const N: usize> FixedText<N> {
    /// The text before the first NUL; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> Cow<'_, str> {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(N);
        String::from_utf8_lossy(&self.0[..end])
    }
}

impl<const N: usize> Default for FixedText<N> {
    fn default() -> Self {
        FixedText([0; N])
    }
}

impl<const N: usize> From<&str> for FixedText<N> {
    /// Cuts what doesn't fit before the last NUL.
    fn from(text: &str) -> Self {
        let mut bytes = [0; N];
        let length = text.len().min(N.saturating_sub(1));
        bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
        FixedText(bytes)
    }
}

impl<const N: usize> PartialEq<str> for FixedText<N> {
    fn eq(&self, other: &str) -> bool {
        self.text() == other
    }
}

impl<const N: usize> fmt::Display for FixedText<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl<const N: usize> fmt::Debug for FixedText<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text())
    }
}

/// C's `%#x`: hexadecimal with `0x`, but zero is just `0`.
pub(crate) struct Hex(pub u128);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 { f.write_str("0") } else { write!(f, "{:#x}", self.0) }
    }
}

/// Bytes as two digits each with dots between: `01.02.ff`.
pub(crate) struct Dotted<'a>(pub &'a [u8]);

impl fmt::Display for Dotted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(".")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

//! Where messages end in a stream of bytes: they are JSON objects, one after the other, with nothing but whitespace between
//! (RFC 7047, 4).

use serde_json::Value as Json;
use thiserror::Error;

/// Braces and brackets that may be open at once; no message of the protocol comes near.
const DEPTH_MAX: usize = 100;

/// Cuts a stream of bytes into JSON objects. What was looked at is not looked at again, however the bytes come.
#[derive(Debug)]
pub struct Framer {
    buffer: Vec<u8>,
    /// Bytes of the buffer that were looked at.
    seen: usize,
    depth: usize,
    in_string: bool,
    escaped: bool,
    max: usize,
}

/// Why the rest of a stream can't be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FrameFault {
    /// A message is longer than it may be.
    #[error("a message has more than {0} bytes")]
    TooLong(usize),
    /// Something else than an object begins, or nesting is too deep.
    #[error("no JSON object of at most {DEPTH_MAX} levels: byte {0:#04x} at its place {1}")]
    NoObject(u8, usize),
    /// It looked like an object and is none.
    #[error("no JSON: {0}")]
    NoJson(String),
}

impl Framer {
    /// A framer that takes messages of up to `max` bytes.
    pub fn new(max: usize) -> Framer {
        Framer { buffer: Vec::new(), seen: 0, depth: 0, in_string: false, escaped: false, max }
    }

    /// Takes bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message; `None`: more bytes are needed. After a fault the stream is lost.
    ///
    /// # Errors
    /// If what stands there can't become a message.
    pub fn next_message(&mut self) -> Result<Option<Json>, FrameFault> {
        while let Some(byte) = self.buffer.get(self.seen).copied() {
            if self.depth == 0 && byte.is_ascii_whitespace() {
                self.seen += 1;
                continue;
            }
            if self.depth == 0 {
                // Between messages: what was looked at is whitespace.
                self.buffer.drain(..self.seen);
                self.seen = 0;
            }
            self.seen += 1;
            if self.step(byte)? {
                let message: Vec<u8> = self.buffer.drain(..self.seen).collect();
                self.seen = 0;
                return serde_json::from_slice(&message).map(Some).map_err(|e| FrameFault::NoJson(e.to_string()));
            }
            if self.seen >= self.max {
                return Err(FrameFault::TooLong(self.max));
            }
        }
        if self.depth == 0 {
            self.buffer.clear();
            self.seen = 0;
        }
        Ok(None)
    }

    /// Looks at one byte; true: a message ends with it.
    fn step(&mut self, byte: u8) -> Result<bool, FrameFault> {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return Ok(false);
        }
        match byte {
            b'{' | b'[' => {
                if self.depth == DEPTH_MAX || (self.depth == 0 && byte == b'[') {
                    return Err(FrameFault::NoObject(byte, self.seen - 1));
                }
                self.depth += 1;
            }
            b'}' | b']' if self.depth > 0 => self.depth -= 1,
            b'"' if self.depth > 0 => self.in_string = true,
            _ if self.depth == 0 => return Err(FrameFault::NoObject(byte, self.seen - 1)),
            _ => {}
        }
        Ok(self.depth == 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn all(framer: &mut Framer) -> Vec<Json> {
        std::iter::from_fn(|| framer.next_message().unwrap()).collect()
    }

    #[test]
    fn messages_are_cut_wherever_the_stream_is() {
        let messages = [json!({"a": "}]{[\"\\", "b": [1, {}]}), json!({}), json!({"id": null, "ü": "\u{1f600}"})];
        let stream = format!(" {}{}\n\t{} ", messages[0], messages[1], messages[2]);
        for cut in 0..=stream.len() {
            let mut framer = Framer::new(1000);
            framer.push(&stream.as_bytes()[..cut]);
            let mut found = all(&mut framer);
            framer.push(&stream.as_bytes()[cut..]);
            found.extend(all(&mut framer));
            assert_eq!(found, messages, "cut at {cut}");
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let refused = |bytes: &[u8]| {
            let mut framer = Framer::new(20);
            framer.push(bytes);
            framer.next_message().unwrap_err()
        };
        assert_eq!(refused(b"[1]"), FrameFault::NoObject(b'[', 0));
        assert_eq!(refused(b"  x"), FrameFault::NoObject(b'x', 0));
        assert_eq!(refused(b"}"), FrameFault::NoObject(b'}', 0));
        assert_eq!(refused(br#"{"a": "0123456789abcdefghij"#), FrameFault::TooLong(20));
        assert!(matches!(refused(br#"{"a" 1}"#), FrameFault::NoJson(_)));
        assert!(matches!(refused(b"{]"), FrameFault::NoJson(_)));
        let mut deep = Framer::new(1000);
        deep.push("{\"a\":".repeat(101).as_bytes());
        assert!(matches!(deep.next_message(), Err(FrameFault::NoObject(b'{', _))));
    }

    proptest! {
        #[test]
        fn one_byte_at_a_time_is_the_same(text in "[ {}\\[\\]\":,a\\\\0]{0,60}") {
            let (mut whole, mut bytewise) = (Framer::new(50), Framer::new(50));
            whole.push(text.as_bytes());
            let mut at_once = Vec::new();
            let end = loop {
                match whole.next_message() {
                    Ok(Some(message)) => at_once.push(message),
                    end => break end,
                }
            };
            let mut one_by_one = Vec::new();
            let mut last = Ok(None);
            'bytes: for byte in text.as_bytes() {
                bytewise.push(&[*byte]);
                loop {
                    match bytewise.next_message() {
                        Ok(Some(message)) => one_by_one.push(message),
                        Ok(None) => break,
                        fault => { last = fault; break 'bytes; }
                    }
                }
            }
            prop_assert_eq!(at_once, one_by_one);
            prop_assert_eq!(end.is_err(), last.is_err());
        }
    }
}

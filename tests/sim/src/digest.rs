//! A number that stands for all that was said in a run: equal runs have equal ones.

/// FNV-1a, 64 bits, over times and bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(u64);

impl Default for Digest {
    fn default() -> Digest {
        Digest(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    /// Adds what happened, and when.
    pub fn add(&mut self, at_ms: u64, what: &[u8], bytes: &[u8]) {
        for byte in at_ms.to_be_bytes().iter().chain(what).chain(&[0]).chain(bytes) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// The number.
    pub fn value(self) -> u64 {
        self.0
    }
}

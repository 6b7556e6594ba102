//! Time as features know it: told to them, never asked for.

/// Milliseconds on a clock that only runs forward.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub u64);

impl Millis {
    /// So many milliseconds later.
    pub const fn after_ms(self, ms: u64) -> Millis {
        Millis(self.0.saturating_add(ms))
    }

    /// So many seconds later.
    pub const fn after_s(self, s: u64) -> Millis {
        self.after_ms(s.saturating_mul(1000))
    }
}

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

/// The preferred and valid lifetimes to tell, seconds: those given, or of what is deprecated and gone at a time, none and what is
/// left of it (RFC 4862, 5.5.4).
pub(crate) fn left(ends_ms: Option<u64>, now: Millis, preferred_s: u32, valid_s: u32) -> (u32, u32) {
    match ends_ms {
        None => (preferred_s, valid_s),
        Some(ends_ms) => {
            let left_s = ends_ms.saturating_sub(now.0).div_ceil(1000);
            (0, u32::try_from(left_s).unwrap_or(u32::MAX).min(valid_s))
        }
    }
}

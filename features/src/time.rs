//! Time as features know it: told to them, never asked for.

use topology::Ends;

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

/// The preferred and valid lifetimes to tell, seconds: those given, or of what is there for a time, no more than is left of it
/// (RFC 4862, 5.5.4).
pub(crate) fn left(ends: Option<Ends>, now: Millis, preferred_s: u32, valid_s: u32) -> (u32, u32) {
    match ends {
        None => (preferred_s, valid_s),
        Some(Ends { preferred_until_ms, valid_until_ms }) => {
            let left_s =
                |until_ms: u64| u32::try_from(until_ms.saturating_sub(now.0).div_ceil(1000)).unwrap_or(u32::MAX);
            let valid_s = left_s(valid_until_ms).min(valid_s);
            (left_s(preferred_until_ms).min(preferred_s).min(valid_s), valid_s)
        }
    }
}

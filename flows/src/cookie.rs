//! Cookies: whose flow it is, as a pure function of the unit that wants it.

use std::fmt::Write as _;

use crate::engine::Unit;
use crate::pipeline::Table;

/// The first 16 bits of every cookie of ours. Flows without it are reported and left alone.
pub const COOKIE_MAGIC: u64 = 0x5e78;

/// The cookie of what a switch makes itself, to count drops by port and name.
pub const ACCUSED_COOKIE: u64 = (COOKIE_MAGIC << 48) | 0xff << 40;

/// Whether a flow is one that a switch has made itself, to count drops by port and name.
pub fn counts_drops(table: u8, cookie: u64) -> bool {
    [Table::Accused.id(), Table::Refused.id()].contains(&table) && cookie == ACCUSED_COOKIE
}

/// Magic (16 bits), feature (8), 40 bits of FNV-1a over the unit's text. Says nothing of revisions: an unchanged flow keeps
/// its cookie for ever.
pub fn cookie(unit: &Unit) -> u64 {
    let mut fnv = Fnv(0xcbf2_9ce4_8422_2325);
    // It takes any text: there is nothing that could fail.
    let _ = write!(fnv, "{}", unit.key);
    let hash = fnv.0;
    (COOKIE_MAGIC << 48) | (u64::from(unit.feature.0) << 40) | ((hash ^ (hash >> 40)) & 0xff_ffff_ffff)
}

/// Whether a cookie is one of ours.
pub fn is_ours(cookie: u64) -> bool {
    cookie >> 48 == COOKIE_MAGIC
}

/// FNV-1a, of 64 bits, over text as it is written.
struct Fnv(u64);

impl std::fmt::Write for Fnv {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0 = text.bytes().fold(self.0, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use topology::{ChassisKey, Key, PortKey};

    use super::*;
    use crate::engine::FeatureId;

    #[test]
    fn a_cookie_never_changes() {
        let unit = Unit { feature: FeatureId(6), key: Key::Reach(PortKey(77), ChassisKey(3)) };
        assert_eq!(cookie(&unit), 0x5e78_069b_9d33_55e5);
        assert!(is_ours(cookie(&unit)));
    }
}

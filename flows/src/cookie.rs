//! Cookies: whose flow it is, as a pure function of the unit that wants it.

use crate::engine::Unit;

/// The first 16 bits of every cookie of ours. Flows without it are reported and left alone.
pub const COOKIE_MAGIC: u64 = 0x5e78;

/// Magic (16 bits), feature (8), 40 bits of FNV-1a over the unit's text. Says nothing of revisions: an unchanged flow keeps
/// its cookie for ever.
pub fn cookie(unit: &Unit) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in unit.key.to_string().bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    (COOKIE_MAGIC << 48) | (u64::from(unit.feature.0) << 40) | ((hash ^ (hash >> 40)) & 0xff_ffff_ffff)
}

/// Whether a cookie is one of ours.
pub fn is_ours(cookie: u64) -> bool {
    cookie >> 48 == COOKIE_MAGIC
}

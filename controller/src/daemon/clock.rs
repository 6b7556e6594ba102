//! Time: one clock that only runs forward for the brain, and the wall clock for people.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use brain::Millis;
use tokio::time::Instant;

/// The brain's clock: the wall clock's milliseconds at the start, and from then on only forward, whatever is done to the wall
/// clock. So times that the brain stores mean something after a restart.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    base_ms: u64,
}

impl Clock {
    /// A clock that shows the wall clock's time now.
    pub fn start() -> Clock {
        Clock::start_at(wall_ms())
    }

    /// A clock that shows a time now, in milliseconds since 1970-01-01 UTC. It runs as tokio's clock does.
    pub fn start_at(base_ms: u64) -> Clock {
        Clock { start: Instant::now(), base_ms }
    }

    pub(crate) fn now(&self) -> Millis {
        Millis(self.base_ms.saturating_add(millis(self.start.elapsed())))
    }

    /// The instant that shows `at`; the past is now.
    pub(crate) fn instant(&self, at: Millis) -> Instant {
        self.start + Duration::from_millis(at.0.saturating_sub(self.base_ms).min(u64::from(u32::MAX) * 1000))
    }
}

/// Milliseconds since 1970-01-01 UTC.
pub(crate) fn wall_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

//! File descriptors: each connection takes one, so the process takes as many as the system grants it. A listener that gets none
//! says so, waits for others to close theirs, and goes on.

use std::io::{Error, ErrorKind};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::time::{Instant, sleep};

/// After a failed accept others get time to close theirs.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// A listener that keeps failing says so this often.
const TELL_AGAIN: Duration = Duration::from_secs(10);

/// Raises what the process may have open (the soft RLIMIT_NOFILE) to what it may grant itself (the hard one), and says so.
pub(crate) fn take_all_that_are_granted() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        tracing::info!("file descriptors: {}", words(current));
        return;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => tracing::info!("file descriptors: {}, raised from {}", words(maximum), words(current)),
        Err(error) => tracing::warn!("file descriptors: {}, {} was refused: {error}", words(current), words(maximum)),
    }
}

fn words(limit: Option<u64>) -> String {
    limit.map_or_else(|| "without a limit".to_owned(), |limit| format!("at most {limit}"))
}

/// A listener's failures.
pub(crate) struct Faults {
    /// What it accepts.
    what: &'static str,
    told: Option<Instant>,
}

impl Faults {
    pub(crate) fn of(what: &'static str) -> Faults {
        Faults { what, told: None }
    }

    /// Accepting failed: says so, and waits until it is worth another try. Safe to drop at its await.
    pub(crate) async fn after(&mut self, error: &Error) {
        if error.kind() == ErrorKind::ConnectionAborted {
            // The other side has hung up already: that says nothing of us.
            return;
        }
        if self.told.is_none_or(|told| told.elapsed() >= TELL_AGAIN) {
            self.told = Some(Instant::now());
            tracing::warn!("no {} is accepted: {error}{}; trying again", self.what, remedy(error));
        }
        sleep(ACCEPT_RETRY).await;
    }
}

/// What an operator can do.
fn remedy(error: &Error) -> String {
    match Errno::from_io_error(error) {
        Some(Errno::MFILE) => {
            let limit = words(getrlimit(Resource::Nofile).current);
            format!(": this process has its share of file descriptors, {limit} (LimitNOFILE= in systemd, ulimit -Hn)")
        }
        Some(Errno::NFILE) => ": the system has no file descriptor left (sysctl fs.file-max)".to_owned(),
        _ => String::new(),
    }
}

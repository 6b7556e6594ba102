//! Running a test on random inputs: briefly, or for as long as is asked for.

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestRunner};

/// Inputs of each test in an ordinary run.
const BRIEF: u32 = 400;

/// Bytes to be read; shown as hexadecimal digits.
#[derive(Clone, PartialEq, Eq)]
pub struct Input(pub Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Where the value at hand is noted in a long run, beside the test's program: an overflowed stack ends it without a word.
fn note() -> Option<PathBuf> {
    let test = std::thread::current().name()?.replace("::", "-");
    Some(std::env::current_exe().ok()?.with_file_name(format!("fuzz-last-{test}")))
}

/// Runs a test on values of a strategy.
///
/// # Panics
/// With the smallest value on which the test panics.
pub fn run<S: Strategy>(strategy: S, test: impl Fn(S::Value)) {
    let seconds = std::env::var("FUZZ_SECONDS").ok().map(|text| text.parse().expect("FUZZ_SECONDS is a number"));
    let until = Instant::now() + Duration::from_secs(seconds.unwrap_or(0));
    let note = note().filter(|_| seconds.is_some());
    let config = Config { cases: BRIEF, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() };
    let mut rounds = 0u64;
    loop {
        // A runner counts over all its runs, and does nothing once it has had its number.
        let result = TestRunner::new(config.clone()).run(&strategy, |value| {
            if let Some(path) = &note {
                std::fs::write(path, format!("{value:?}")).expect("a file beside the program");
            }
            test(value);
            Ok(())
        });
        if let Err(error) = result {
            panic!("{error}");
        }
        rounds += 1;
        if Instant::now() >= until {
            println!("{} inputs", rounds * u64::from(BRIEF));
            return;
        }
    }
}

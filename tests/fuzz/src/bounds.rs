//! A bound on the memory that reading an input may take.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Bytes that any reader may take, whatever its input.
const BASE: u64 = 64 << 10;

/// Runs a reader of so many bytes.
///
/// # Panics
/// If it takes more memory at once than `factor` times its input, and a constant; or if it panics.
pub fn bounded<T>(bytes: usize, factor: u64, read: impl FnOnce() -> T) -> T {
    let mut result = None;
    let read = AssertUnwindSafe(read);
    // The count must end, whatever happens: it is nested as deep as it was begun.
    let used = allocation_counter::measure(|| result = Some(catch_unwind(|| { read }.0())));
    let limit = BASE + factor * bytes as u64;
    match result {
        Some(Ok(result)) => {
            assert!(used.bytes_max <= limit, "{bytes} bytes took {}, more than {limit}", used.bytes_max);
            result
        }
        Some(Err(panic)) => resume_unwind(panic),
        None => unreachable!("it was run"),
    }
}

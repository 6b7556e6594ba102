//! Work on all cores, with the same result as on one: what comes out is in the order of what went in.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

/// Less than this is not worth a thread.
const WORTH_IT: usize = 4_096;
/// Pieces of work that one thread takes at a time.
const CHUNK: usize = 1_024;
/// Finished chunks that may wait for an earlier one, for each thread.
const AHEAD: usize = 8;

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// Does `work` to each of many, with a `state` for each thread, and hands every result to `take`, in order.
pub(super) fn each<T: Sync, S, R: Send>(
    items: &[T],
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &T) -> R + Sync,
    mut take: impl FnMut(R),
) {
    if items.len() < WORTH_IT || threads() == 1 {
        let mut state = state();
        return items.iter().for_each(|item| take(work(&mut state, item)));
    }
    let chunks: Vec<&[T]> = items.chunks(CHUNK).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (done, finished) = sync_channel(threads() * AHEAD);
        for _ in 0..threads() {
            let done = done.clone();
            scope.spawn(|| {
                let (done, mut state) = (done, state());
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(chunk) = chunks.get(at) else { break };
                    let results: Vec<R> = chunk.iter().map(|item| work(&mut state, item)).collect();
                    if done.send((at, results)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(done);
        let (mut early, mut wanted) = (BTreeMap::new(), 0);
        for (at, results) in finished {
            early.insert(at, results);
            while let Some(results) = early.remove(&wanted) {
                results.into_iter().for_each(&mut take);
                wanted += 1;
            }
        }
    });
}

/// Does `work` to each of a few large ones, with a `state` for each thread. `size`: how much there is to do in all.
pub(super) fn large<T: Send, S, R: Send>(
    items: Vec<T>,
    size: usize,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, T) -> R + Sync,
) -> Vec<R> {
    let all = |part: Vec<T>| {
        let mut state = state();
        part.into_iter().map(|item| work(&mut state, item)).collect::<Vec<R>>()
    };
    if size < WORTH_IT || threads() == 1 {
        return all(items);
    }
    let mut parts: Vec<Vec<T>> = Vec::new();
    let each = items.len().div_ceil(threads()).max(1);
    let mut items = items.into_iter().peekable();
    while items.peek().is_some() {
        parts.push(items.by_ref().take(each).collect());
    }
    std::thread::scope(|scope| {
        let all = &all;
        let running: Vec<_> = parts.into_iter().map(|part| scope.spawn(move || all(part))).collect();
        let finished = running.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        finished.flatten().collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whatever_each_takes() {
        let items: Vec<u64> = (0..50_000).collect();
        let mut out = Vec::new();
        let slow = |count: &mut u64, n: &u64| {
            *count += 1;
            (0..(n * 7919) % 200).fold(*n, |sum, step| std::hint::black_box(sum ^ step ^ step))
        };
        each(&items, || 0, slow, |n| out.push(n));
        assert_eq!(out, items);
        assert_eq!(large(items.clone(), items.len(), || (), |(), n| n + 1), (1..=50_000).collect::<Vec<_>>());
        assert_eq!(large(Vec::<u64>::new(), 50_000, || (), |(), n| n), []);
    }
}

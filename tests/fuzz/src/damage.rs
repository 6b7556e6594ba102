//! Damage: a few changes to a well-formed input.

use proptest::prelude::*;

use crate::Input;

/// The longest input made: more than an OpenFlow message can have.
const LENGTH_MAX: usize = 70_000;

/// One change. Places count from the beginning, and around.
#[derive(Clone, Debug)]
pub enum Step {
    /// A byte becomes another.
    Set {
        /// Where.
        at: u16,
        /// The byte.
        value: u8,
    },
    /// One bit is turned.
    Flip {
        /// Where.
        at: u16,
        /// Which.
        bit: u8,
    },
    /// A byte becomes one of those at which things change.
    Extreme {
        /// Where.
        at: u16,
        /// Which.
        which: u8,
    },
    /// A 16-bit number, perhaps a length, becomes a little more or less.
    Nudge {
        /// Where.
        at: u16,
        /// By how much.
        by: i8,
    },
    /// Some bytes go.
    Cut {
        /// From where.
        at: u16,
        /// How many.
        length: u8,
    },
    /// Some bytes come again and again.
    Repeat {
        /// From where.
        at: u16,
        /// How many.
        length: u8,
        /// How often.
        times: u8,
    },
    /// Some bytes come in.
    Insert {
        /// Where.
        at: u16,
        /// These.
        bytes: [u8; 8],
    },
    /// Some bytes of another input come in.
    Splice {
        /// Which input.
        seed: u16,
        /// Its bytes from here.
        from: u16,
        /// How many.
        length: u8,
        /// Where.
        at: u16,
    },
    /// The rest goes.
    Truncate {
        /// From where.
        at: u16,
    },
}

const EXTREMES: [u8; 8] = [0, 1, 4, 8, 0x7f, 0x80, 0xfe, 0xff];

/// Some changes, seven at most.
pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let at = any::<u16>;
    let n = any::<u8>;
    let step = prop_oneof![
        (at(), n()).prop_map(|(at, value)| Step::Set { at, value }),
        (at(), n()).prop_map(|(at, bit)| Step::Flip { at, bit }),
        (at(), n()).prop_map(|(at, which)| Step::Extreme { at, which }),
        (at(), any::<i8>()).prop_map(|(at, by)| Step::Nudge { at, by }),
        (at(), n()).prop_map(|(at, length)| Step::Cut { at, length }),
        (at(), n(), n()).prop_map(|(at, length, times)| Step::Repeat { at, length, times }),
        (at(), any::<[u8; 8]>()).prop_map(|(at, bytes)| Step::Insert { at, bytes }),
        (any::<u16>(), at(), n(), at()).prop_map(|(seed, from, length, at)| Step::Splice { seed, from, length, at }),
        at().prop_map(|at| Step::Truncate { at }),
    ];
    proptest::collection::vec(step, 0..8)
}

/// One of the well-formed inputs, damaged. Places and lengths are multiples of `unit`, as most structures are; 1 for text.
pub fn damaged(seeds: &[Vec<u8>], unit: usize) -> impl Strategy<Value = Input> + '_ {
    (0..seeds.len(), steps()).prop_map(move |(seed, steps)| {
        let mut bytes = seeds[seed].clone();
        for (i, step) in steps.iter().enumerate() {
            // Half of them break units.
            step.apply(&mut bytes, seeds, if i % 2 == 0 { unit } else { 1 });
            bytes.truncate(LENGTH_MAX);
        }
        Input(bytes)
    })
}

impl Step {
    fn apply(&self, bytes: &mut Vec<u8>, seeds: &[Vec<u8>], unit: usize) {
        let length = bytes.len();
        let place = |at: u16| usize::from(at) % (length + 1);
        let aligned = |at: u16| place(at) / unit * unit;
        let many = |n: u8| (usize::from(n) / unit).max(1) * unit;
        match *self {
            Step::Set { at, value } => change(bytes, place(at), |byte| *byte = value),
            Step::Flip { at, bit } => change(bytes, place(at), |byte| *byte ^= 1 << (bit % 8)),
            Step::Extreme { at, which } => {
                change(bytes, place(at), |byte| *byte = EXTREMES[usize::from(which) % EXTREMES.len()]);
            }
            Step::Nudge { at, by } => {
                if let Some([high, low]) = bytes.get_mut(place(at) & !1..).and_then(|rest| rest.first_chunk_mut()) {
                    let number = u16::from_be_bytes([*high, *low]).wrapping_add_signed(by.into());
                    [*high, *low] = number.to_be_bytes();
                }
            }
            Step::Cut { at, length: n } => {
                let at = aligned(at);
                bytes.drain(at..(at + many(n)).min(length));
            }
            Step::Repeat { at, length: n, times } => {
                let at = aligned(at);
                let end = (at + many(n)).min(length);
                let again = bytes[at..end].repeat(times.into());
                bytes.splice(end..end, again);
            }
            Step::Insert { at, bytes: new } => drop(bytes.splice(aligned(at)..aligned(at), new)),
            Step::Splice { seed, from, length: n, at } => {
                let other = &seeds[usize::from(seed) % seeds.len()];
                let from = usize::from(from) % (other.len() + 1) / unit * unit;
                let part = other[from..(from + many(n)).min(other.len())].to_vec();
                bytes.splice(aligned(at)..aligned(at), part);
            }
            Step::Truncate { at } => bytes.truncate(place(at)),
        }
    }
}

fn change(bytes: &mut [u8], at: usize, how: impl FnOnce(&mut u8)) {
    if let Some(byte) = bytes.get_mut(at) {
        how(byte);
    }
}

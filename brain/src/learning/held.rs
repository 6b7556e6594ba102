//! Frames that wait: for their port, for an address that somebody may have, for switches to install what they need.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use addr::OfPort;
use features::Millis;
use features::punt::Punted;
use topology::{ChassisKey, NetworkKey};

/// An OpenFlow port of a chassis.
pub(crate) type At = (ChassisKey, OfPort);

/// How long a frame waits at most.
const HELD_MS: u64 = 2_000;
/// Frames of one port that taught something.
const TEACHING_MAX: usize = 4;
/// Frames of one port for addresses that nobody is known to have.
const ASKING_MAX: usize = 16;
/// Frames of all ports.
const HELD_MAX: usize = 4_096;

/// What a frame waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// That its port is somebody's.
    Plugged,
    /// That somebody has an address.
    Address(NetworkKey, IpAddr),
    /// That the switches that a network concerns have confirmed what was wanted at this sequence number of the world.
    Installed(NetworkKey, u64),
}

/// What then becomes of it.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    /// Into the pipeline, as if its host sent it again.
    Again(Vec<u8>),
    /// From a router to its destination; if nobody has that, an error to its source.
    Routed(Box<Punted>, IpAddr),
}

/// A frame that waits.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) at: At,
    pub(crate) way: Way,
    until: Millis,
    wait: Wait,
    asks: bool,
}

/// All frames that wait, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Held {
    frames: VecDeque<Frame>,
    teaching: BTreeMap<At, usize>,
    asking: BTreeMap<At, usize>,
}

impl Held {
    /// Keeps a frame; false: its port, or all ports, have as many waiting as they may.
    pub(crate) fn hold(&mut self, at: At, way: Way, wait: Wait, asks: bool, now: Millis) -> bool {
        let (counts, max) = if asks { (&mut self.asking, ASKING_MAX) } else { (&mut self.teaching, TEACHING_MAX) };
        if self.frames.len() >= HELD_MAX || counts.get(&at).is_some_and(|count| *count >= max) {
            return false;
        }
        *counts.entry(at).or_insert(0) += 1;
        self.frames.push_back(Frame { at, way, until: now.after_ms(HELD_MS), wait, asks });
        true
    }

    /// A port is somebody's now.
    pub(crate) fn plugged(&mut self, at: At, network: NetworkKey, sequence: u64) {
        for frame in self.frames.iter_mut().filter(|frame| frame.at == at && frame.wait == Wait::Plugged) {
            frame.wait = Wait::Installed(network, sequence);
        }
    }

    /// Somebody has an address now.
    pub(crate) fn addressed(&mut self, network: NetworkKey, address: IpAddr, sequence: u64) {
        for frame in self.frames.iter_mut().filter(|frame| frame.wait == Wait::Address(network, address)) {
            frame.wait = Wait::Installed(network, sequence);
        }
    }

    /// Takes the frames whose wait is over. `since`: the sequence number from which on a network's switches have not
    /// confirmed all.
    pub(crate) fn take_ready(&mut self, since: impl Fn(NetworkKey) -> Option<u64>) -> Vec<Frame> {
        let mut known: BTreeMap<NetworkKey, Option<u64>> = BTreeMap::new();
        self.take(|frame| match frame.wait {
            Wait::Installed(network, sequence) => {
                known.entry(network).or_insert_with(|| since(network)).is_none_or(|since| since > sequence)
            }
            Wait::Plugged | Wait::Address(..) => false,
        })
    }

    /// Takes the frames that have waited long enough.
    pub(crate) fn take_expired(&mut self, now: Millis) -> Vec<Frame> {
        self.take(|frame| frame.until <= now)
    }

    /// When the next frame has waited long enough.
    pub(crate) fn next_due(&self) -> Option<Millis> {
        self.frames.front().map(|frame| frame.until)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    fn take(&mut self, mut wanted: impl FnMut(&Frame) -> bool) -> Vec<Frame> {
        let (taken, kept): (Vec<Frame>, Vec<Frame>) =
            std::mem::take(&mut self.frames).into_iter().partition(|frame| wanted(frame));
        self.frames = kept.into();
        for frame in &taken {
            let counts = if frame.asks { &mut self.asking } else { &mut self.teaching };
            if let Some(count) = counts.get_mut(&frame.at) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(&frame.at);
                }
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETWORK: NetworkKey = NetworkKey(7);

    fn at(port: u32) -> At {
        (ChassisKey(1), OfPort(port))
    }

    fn frames(taken: Vec<Frame>) -> Vec<u8> {
        let byte = |frame: Frame| match frame.way {
            Way::Again(bytes) => bytes[0],
            Way::Routed(..) => unreachable!(),
        };
        taken.into_iter().map(byte).collect()
    }

    #[test]
    fn each_frame_waits_for_its_own_thing_and_not_for_ever() {
        let mut held = Held::default();
        let address: IpAddr = "fe80::1".parse().unwrap();
        assert!(held.hold(at(1), Way::Again(vec![1]), Wait::Plugged, false, Millis(0)));
        assert!(held.hold(at(2), Way::Again(vec![2]), Wait::Address(NETWORK, address), true, Millis(1)));
        assert!(held.hold(at(3), Way::Again(vec![3]), Wait::Plugged, false, Millis(2)));
        assert_eq!(frames(held.take_ready(|_| None)), [0u8; 0]);
        held.plugged(at(1), NETWORK, 10);
        held.addressed(NETWORK, address, 20);
        assert_eq!(frames(held.take_ready(|_| Some(10))), [0u8; 0], "what it needs is not confirmed");
        assert_eq!(frames(held.take_ready(|_| Some(11))), [1]);
        assert_eq!(frames(held.take_ready(|_| None)), [2]);
        assert_eq!(held.next_due(), Some(Millis(2_002)));
        assert_eq!(frames(held.take_expired(Millis(2_001))), [0u8; 0]);
        assert_eq!(frames(held.take_expired(Millis(2_002))), [3]);
        assert!(held.is_empty() && held.teaching.is_empty() && held.asking.is_empty());
    }

    #[test]
    fn there_is_a_limit_for_a_port_and_for_all() {
        let mut held = Held::default();
        let mut hold = |port, asks| held.hold(at(port), Way::Again(vec![0]), Wait::Plugged, asks, Millis(0));
        assert_eq!((0..100).filter(|_| hold(1, false)).count(), TEACHING_MAX);
        assert_eq!((0..100).filter(|_| hold(1, true)).count(), ASKING_MAX);
        assert!(hold(2, false), "another port's");
        let rest = (3..100_000).filter(|port| hold(*port, false)).count();
        assert_eq!(rest, HELD_MAX - TEACHING_MAX - ASKING_MAX - 1);
        assert!(held.teaching.len() <= HELD_MAX, "nothing is kept of what was turned away");
    }
}

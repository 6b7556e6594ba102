//! When which port says who it is: often at first, then as often as silence must be noticed.

use std::collections::{BTreeMap, BTreeSet};

use addr::OfPort;
use features::Millis;
use topology::ChassisKey;

use super::cables::At;

/// Milliseconds to the second probe and those after it.
const FIRST_MS: [u64; 4] = [50, 100, 200, 300];
/// Milliseconds between two probes over a cable: three fit into the time after which it counts as silent.
const OVER_CABLE_MS: u64 = 625;
/// The same where nothing was ever heard: a cable that is plugged in makes its ports go up, which starts over.
const ELSEWHERE_MS: u64 = 2_000;
/// Probes after which a port where nothing was heard leads to no bridge of ours that is there to answer.
const ENOUGH: u32 = 4;

#[derive(Clone, Copy, Debug)]
struct Port {
    began: Millis,
    next: Millis,
    count: u32,
}

/// The ports that are probed.
#[derive(Debug, Default)]
pub(crate) struct Probing {
    ports: BTreeMap<At, Port>,
    due: BTreeSet<(Millis, At)>,
}

impl Probing {
    /// The ports of a chassis that are to be probed: new ones at once, others no longer. Returns those that are no longer.
    pub(crate) fn set(&mut self, chassis: ChassisKey, ports: &BTreeSet<OfPort>, now: Millis) -> Vec<At> {
        let known = self.ports.range((chassis, OfPort(0))..=(chassis, OfPort(u32::MAX)));
        let gone: Vec<At> = known.map(|(at, _)| *at).filter(|at| !ports.contains(&at.1)).collect();
        gone.iter().for_each(|at| self.stop(*at));
        for port in ports {
            if !self.ports.contains_key(&(chassis, *port)) {
                self.start((chassis, *port), now);
            }
        }
        gone
    }

    /// A port begins anew.
    pub(crate) fn start(&mut self, at: At, now: Millis) {
        self.stop(at);
        self.ports.insert(at, Port { began: now, next: now, count: 0 });
        self.due.insert((now, at));
    }

    pub(crate) fn stop(&mut self, at: At) {
        if let Some(port) = self.ports.remove(&at) {
            self.due.remove(&(port.next, at));
        }
    }

    /// The other end was heard for the first time, and waits to hear this one.
    pub(crate) fn hasten(&mut self, at: At, now: Millis) {
        if let Some(port) = self.ports.get_mut(&at).filter(|port| port.next > now) {
            self.due.remove(&(port.next, at));
            port.next = now;
            self.due.insert((now, at));
        }
    }

    /// The ports whose turn it is. `knows`: something was heard there.
    pub(crate) fn take_due(&mut self, now: Millis, knows: impl Fn(At) -> bool) -> Vec<At> {
        let mut taken = Vec::new();
        while let Some((when, at)) = self.due.first().copied().filter(|(when, _)| *when <= now) {
            self.due.remove(&(when, at));
            let Some(port) = self.ports.get_mut(&at) else { continue };
            let then = if knows(at) { OVER_CABLE_MS } else { ELSEWHERE_MS };
            let wait = FIRST_MS.get(port.count as usize).copied().unwrap_or(then);
            port.count = port.count.saturating_add(1);
            port.next = now.after_ms(wait);
            self.due.insert((port.next, at));
            taken.push(at);
        }
        taken
    }

    pub(crate) fn next_due(&self) -> Option<Millis> {
        self.due.first().map(|(when, _)| *when)
    }

    /// Since when a port has been probed, if it was so often enough to be answered.
    pub(crate) fn probed_since(&self, at: At) -> Option<Millis> {
        self.ports.get(&at).filter(|port| port.count >= ENOUGH).map(|port| port.began)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const C: ChassisKey = ChassisKey(1);

    fn times(probing: &mut Probing, until: u64, knows: bool) -> Vec<u64> {
        let mut times = Vec::new();
        while let Some(now) = probing.next_due().filter(|due| due.0 <= until) {
            times.extend(probing.take_due(now, |_| knows).iter().map(|_| now.0));
        }
        times
    }

    #[test]
    fn often_at_first_then_as_silence_must_be_noticed() {
        let mut probing = Probing::default();
        let at = (C, OfPort(1));
        assert_eq!(probing.set(C, &[OfPort(1)].into(), Millis(1_000)), []);
        assert_eq!(probing.probed_since(at), None);
        assert_eq!(times(&mut probing, 1_700, true), [1_000, 1_050, 1_150, 1_350, 1_650]);
        assert_eq!(probing.probed_since(at), Some(Millis(1_000)));
        let rest = times(&mut probing, 6_000, true);
        assert!(rest.windows(2).all(|pair| pair[1] - pair[0] == OVER_CABLE_MS) && rest.len() > 5);
        let now = Millis(6_000);
        probing.hasten(at, now);
        assert_eq!(probing.next_due(), Some(now));
        assert_eq!(probing.set(C, &BTreeSet::new(), now), [at]);
        assert_eq!((probing.next_due(), probing.probed_since(at)), (None, None));
    }

    #[test]
    fn where_nobody_answers_seldom() {
        let mut probing = Probing::default();
        probing.start((C, OfPort(1)), Millis(0));
        assert_eq!(times(&mut probing, 7_000, false), [0, 50, 150, 350, 650, 2_650, 4_650, 6_650]);
    }
}

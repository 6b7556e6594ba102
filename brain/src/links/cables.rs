//! Which ports are the two ends of a cable: those of which each has lately heard the other, and nobody else.

use std::collections::BTreeMap;

use addr::OfPort;
use features::Millis;
use topology::ChassisKey;

/// An OpenFlow port of a chassis.
pub(crate) type At = (ChassisKey, OfPort);

/// A cable on which nothing was heard for so long carries nothing: three probes were lost.
pub(crate) const SILENT_MS: u64 = 2_000;
/// Milliseconds between two looks at who is silent.
const LOOK_MS: u64 = 100;
/// A look that comes so late says that the controller was busy, not that cables were silent.
const LATE_MS: u64 = 300;

/// What a port has heard.
#[derive(Clone, Copy, Debug)]
struct Heard {
    from: At,
    at: Millis,
    /// When it last heard another one too: what more than two bridges share is no cable.
    crowded: Option<Millis>,
}

/// The far end of a cable, as seen from one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cable {
    pub(crate) peer: At,
    /// Milliseconds since 1970-01-01 UTC.
    pub(crate) since: Millis,
}

/// What changed about a cable; the lesser end first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    Up(At, At),
    Down(At, At, &'static str),
}

/// All cables, each at both of its ends.
#[derive(Debug, Default)]
pub(crate) struct Cables {
    heard: BTreeMap<At, Heard>,
    up: BTreeMap<At, Cable>,
    looked: Option<Millis>,
}

impl Cables {
    /// The far end, while the cable is up.
    pub(crate) fn peer(&self, at: At) -> Option<At> {
        self.up.get(&at).map(|cable| cable.peer)
    }

    /// All cables, at both ends of each.
    pub(crate) fn up(&self) -> impl Iterator<Item = (At, Cable)> + '_ {
        self.up.iter().map(|(at, cable)| (*at, *cable))
    }

    /// Cables that are up.
    pub(crate) fn count(&self) -> usize {
        self.up.len() / 2
    }

    /// Whether a bridge of ours was heard by a port, however long ago.
    pub(crate) fn knows(&self, at: At) -> bool {
        self.heard.contains_key(&at)
    }

    /// The ports of a chassis that have heard another one.
    pub(crate) fn ports(&self, chassis: ChassisKey) -> impl Iterator<Item = At> + '_ {
        let all = (chassis, OfPort(0))..=(chassis, OfPort(u32::MAX));
        self.heard.range(all).map(|(at, _)| *at)
    }

    /// A port hears another one.
    pub(crate) fn hear(&mut self, at: At, from: At, now: Millis) -> Vec<News> {
        let before = self.heard.get(&at).copied();
        let other = before.filter(|heard| heard.from != from && now < heard.at.after_ms(SILENT_MS));
        let crowded = if other.is_some() { Some(now) } else { before.and_then(|heard| heard.crowded) };
        self.heard.insert(at, Heard { from, at: now, crowded });
        let mut news = Vec::new();
        if let Some(cable) = self.up.get(&at).copied().filter(|cable| crowded == Some(now) || cable.peer != from) {
            let why = if crowded == Some(now) { "more than two bridges are on it" } else { "it leads elsewhere now" };
            news.extend(self.cut(at, cable.peer, why));
        }
        let both = self.hears(at, from, now) && self.hears(from, at, now) && at.0 != from.0;
        if both && !self.up.contains_key(&at) {
            if let Some(cable) = self.up.get(&from).copied() {
                news.extend(self.cut(from, cable.peer, "it leads elsewhere now"));
            }
            self.up.insert(at, Cable { peer: from, since: now });
            self.up.insert(from, Cable { peer: at, since: now });
            news.push(News::Up(at.min(from), at.max(from)));
        }
        news
    }

    /// A port is down, gone, or somebody's.
    pub(crate) fn lose(&mut self, at: At, why: &'static str) -> Option<News> {
        let heard = self.heard.remove(&at);
        let cable = self.up.get(&at).copied();
        // What the other end has heard came over the same cable.
        if let Some(from) = heard.map(|heard| heard.from).or(cable.map(|cable| cable.peer))
            && self.heard.get(&from).is_some_and(|other| other.from == at)
        {
            self.heard.remove(&from);
        }
        self.cut(at, cable?.peer, why)
    }

    /// A chassis is gone.
    pub(crate) fn forget(&mut self, chassis: ChassisKey) -> Vec<News> {
        let ports: Vec<At> = self.ports(chassis).collect();
        ports.into_iter().filter_map(|at| self.lose(at, "the chassis is gone")).collect()
    }

    /// A chassis can be spoken to again: what it and the others hear of each other counts from now on.
    pub(crate) fn refresh(&mut self, chassis: ChassisKey, now: Millis) {
        let concerned = self.heard.iter_mut().filter(|(at, heard)| at.0 == chassis || heard.from.0 == chassis);
        concerned.for_each(|(_, heard)| heard.at = now);
    }

    /// Cuts what has been silent for too long, where both ends can be spoken to: of the others nothing is known.
    pub(crate) fn look(&mut self, now: Millis, speaks: impl Fn(ChassisKey) -> bool) -> Vec<News> {
        let late = self.looked.map_or(0, |looked| now.0.saturating_sub(looked.after_ms(LOOK_MS).0));
        self.looked = Some(now);
        if late > LATE_MS {
            self.heard.values_mut().for_each(|heard| heard.at = heard.at.after_ms(late).min(now));
        }
        let silent =
            |(at, heard): &(&At, &Heard)| now >= heard.at.after_ms(SILENT_MS) && speaks(at.0) && speaks(heard.from.0);
        let silent: Vec<At> = self.heard.iter().filter(silent).map(|(at, _)| *at).collect();
        let mut news = Vec::new();
        for at in silent {
            if let Some(Cable { peer, .. }) = self.up.get(&at).copied() {
                news.extend(self.cut(at, peer, "nothing is heard over it"));
            }
            self.heard.remove(&at);
        }
        news
    }

    /// When to look next.
    pub(crate) fn next_look(&self) -> Option<Millis> {
        let looked = self.looked.unwrap_or_default();
        (!self.heard.is_empty()).then(|| looked.after_ms(LOOK_MS))
    }

    fn hears(&self, at: At, from: At, now: Millis) -> bool {
        self.heard.get(&at).is_some_and(|heard| {
            let alone = heard.crowded.is_none_or(|crowded| now >= crowded.after_ms(SILENT_MS));
            heard.from == from && alone && now < heard.at.after_ms(SILENT_MS)
        })
    }

    fn cut(&mut self, a: At, b: At, why: &'static str) -> Option<News> {
        self.up.remove(&b);
        self.up.remove(&a).map(|_| News::Down(a.min(b), a.max(b), why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(chassis: u16, port: u32) -> At {
        (ChassisKey(chassis), OfPort(port))
    }

    const A: At = at(1, 2);
    const B: At = at(2, 1);
    const C: At = at(3, 1);

    fn cable() -> Cables {
        let mut cables = Cables::default();
        assert_eq!(cables.hear(A, B, Millis(1_000)), []);
        assert_eq!(cables.hear(B, A, Millis(1_000)), [News::Up(A, B)]);
        cables
    }

    #[test]
    fn a_cable_is_what_both_ends_hear() {
        let mut cables = cable();
        assert_eq!((cables.peer(A), cables.peer(B), cables.count()), (Some(B), Some(A), 1));
        assert_eq!(cables.hear(A, B, Millis(1_600)), []);
        // One direction fails.
        assert_eq!(cables.look(Millis(2_900), |_| true), []);
        assert_eq!(cables.next_look(), Some(Millis(3_000)));
        assert_eq!(cables.look(Millis(3_000), |_| true), [News::Down(A, B, "nothing is heard over it")]);
        assert_eq!((cables.peer(A), cables.peer(B), cables.count()), (None, None, 0));
        assert_eq!(cables.hear(B, A, Millis(3_050)), [News::Up(A, B)], "the other one went on");
    }

    #[test]
    fn a_port_that_goes_down_cuts_at_once() {
        let mut cables = cable();
        assert_eq!(cables.lose(B, "down"), Some(News::Down(A, B, "down")));
        assert_eq!(cables.lose(A, "down"), None);
        // What was heard before does not count any more.
        assert_eq!(cables.hear(A, B, Millis(1_200)), []);
        assert_eq!(cables.hear(B, A, Millis(1_200)), [News::Up(A, B)]);
        assert_eq!(cables.forget(ChassisKey(1)), [News::Down(A, B, "the chassis is gone")]);
    }

    #[test]
    fn whom_nobody_can_speak_to_is_not_silent() {
        let mut cables = cable();
        let speaks = |chassis| chassis != ChassisKey(2);
        for now in (1_000..60_000).step_by(100) {
            assert_eq!(cables.look(Millis(now), speaks), []);
        }
        cables.refresh(ChassisKey(2), Millis(60_000));
        for now in (60_000..62_000).step_by(100) {
            assert_eq!(cables.look(Millis(now), |_| true), []);
        }
        assert_eq!(cables.look(Millis(62_000), |_| true).len(), 1);
    }

    #[test]
    fn a_busy_controller_is_no_silent_cable() {
        let mut cables = cable();
        assert_eq!(cables.look(Millis(1_500), |_| true), []);
        assert_eq!(cables.look(Millis(9_000), |_| true), [], "it did not look for 7.5 s");
        for now in (9_100..10_400).step_by(100) {
            assert_eq!(cables.look(Millis(now), |_| true), []);
        }
        assert_eq!(cables.look(Millis(10_500), |_| true).len(), 1, "1,500 of 2,000 ms were over before");
    }

    #[test]
    fn what_more_than_two_share_is_no_cable() {
        let mut cables = cable();
        assert_eq!(cables.hear(A, C, Millis(1_100)), [News::Down(A, B, "more than two bridges are on it")]);
        for now in (1_200..8_000).step_by(600) {
            assert_eq!(cables.hear(A, B, Millis(now)), []);
            assert_eq!(cables.hear(B, A, Millis(now)), []);
            assert_eq!(cables.hear(A, C, Millis(now)), []);
            assert_eq!(cables.hear(C, A, Millis(now)), []);
        }
        // The third one leaves.
        let news: Vec<News> = (8_100..11_000)
            .step_by(600)
            .flat_map(|now| [cables.hear(A, B, Millis(now)), cables.hear(B, A, Millis(now))].concat())
            .collect();
        assert_eq!(news, [News::Up(A, B)]);
    }

    #[test]
    fn a_cable_that_is_moved_leads_elsewhere() {
        let mut cables = cable();
        assert_eq!(cables.lose(A, "down"), Some(News::Down(A, B, "down")));
        assert_eq!(cables.hear(A, C, Millis(1_500)), []);
        assert_eq!(cables.hear(C, A, Millis(1_500)), [News::Up(A, C)]);
        // Two ports of one bridge are no way to another.
        assert_eq!(cables.hear(at(5, 1), at(5, 2), Millis(2_000)), []);
        assert_eq!(cables.hear(at(5, 2), at(5, 1), Millis(2_000)), []);
    }
}

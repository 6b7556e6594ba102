//! Which chassis answer to which over the underlay: by BFD (RFC 5880) on the ports that managed chassis have for it. Open vSwitch says
//! that a port is live while its session is up.

use std::collections::{BTreeMap, BTreeSet};

use addr::OfPort;
use features::Millis;
use topology::{Alive, Change, ChassisKey, PROBE_PREFIX, View};

use crate::brain::Brain;
use crate::effect::Effect;
use crate::event::SessionId;
use crate::switch::Switch;

/// A session that came up is trusted after this: until both sides have agreed on their fast timers it may take 3 s to notice anything.
const TRUST_MS: u64 = 3_000;
/// One that was lost again and again is trusted ever later, up to this; without a loss for as long, it begins anew.
const TRUST_MAX_MS: u64 = 60_000;

/// Who watches, and whom.
type Pair = (ChassisKey, ChassisKey);

/// All that watch each other.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    pairs: BTreeMap<Pair, Peer>,
    /// Those that nobody hears.
    unheard: BTreeSet<ChassisKey>,
    due: BTreeSet<(Millis, Pair)>,
}

#[derive(Clone, Copy, Debug)]
struct Peer {
    port: OfPort,
    live: bool,
    /// As it is stated; `None`: not yet.
    up: Option<bool>,
    trusted_at: Millis,
    losses: u32,
    lost: Millis,
}

impl Peers {
    /// A port for BFD is there, live or not, or is gone; what is stated of it from now on, if that is new.
    fn note(&mut self, pair: Pair, port: Option<(OfPort, bool)>, now: Millis) -> Option<Option<Alive>> {
        let Some((port, live)) = port else {
            return self.pairs.remove(&pair).and_then(|peer| peer.up).map(|_| None);
        };
        let before = self.pairs.get(&pair).copied();
        let fresh = Peer { port, live: false, up: None, trusted_at: now, losses: 0, lost: Millis(0) };
        let mut peer = before.unwrap_or(fresh);
        let (renumbered, rose, fell) = (peer.port != port, live && !peer.live, !live && peer.up == Some(true));
        (peer.port, peer.live) = (port, live);
        if fell {
            let calm = peer.lost.after_ms(TRUST_MAX_MS) <= now;
            peer.losses = if calm { 1 } else { peer.losses + 1 };
            (peer.lost, peer.up) = (now, Some(false));
        }
        if rose {
            let wait = TRUST_MS.checked_shl(peer.losses.saturating_sub(1)).unwrap_or(TRUST_MAX_MS).min(TRUST_MAX_MS);
            peer.trusted_at = now.after_ms(wait);
            self.due.insert((peer.trusted_at, pair));
        }
        self.pairs.insert(pair, peer);
        (fell || (renumbered && peer.up.is_some())).then(|| peer.up.map(|up| Alive { port, up }))
    }

    /// A session is trusted by now.
    fn next_trusted(&mut self, now: Millis) -> Option<(Pair, Alive)> {
        while self.due.first().is_some_and(|(at, _)| *at <= now) {
            let (at, pair) = self.due.pop_first()?;
            let Some(peer) = self.pairs.get_mut(&pair) else { continue };
            if peer.live && peer.trusted_at == at && peer.up != Some(true) {
                peer.up = Some(true);
                return Some((pair, Alive { port: peer.port, up: true }));
            }
        }
        None
    }

    pub(crate) fn next_due(&self) -> Option<Millis> {
        self.due.first().map(|(at, _)| *at)
    }

    fn watched_by(&self, chassis: ChassisKey) -> Vec<ChassisKey> {
        let all = (chassis, ChassisKey(0))..=(chassis, ChassisKey(u16::MAX));
        self.pairs.range(all).map(|((_, to), _)| *to).collect()
    }

    /// Whether nobody hears a chassis any more, and somebody misses it who hears others, so that it is not him that is cut off.
    fn misses(&self, chassis: ChassisKey, speaks: impl Fn(ChassisKey) -> bool) -> bool {
        let hears = |from: ChassisKey| {
            let up = |to: &ChassisKey| self.pairs.get(&(from, *to)).is_some_and(|peer| peer.up == Some(true));
            self.watched_by(from).iter().any(up)
        };
        let about = self.pairs.iter().filter(|((from, to), _)| *to == chassis && speaks(*from));
        let opinions: Vec<(ChassisKey, bool)> = about.filter_map(|((from, _), peer)| Some((*from, peer.up?))).collect();
        !opinions.iter().any(|(_, up)| *up) && opinions.iter().any(|(from, _)| hears(*from))
    }

    /// Whether a chassis was found to be heard by nobody.
    pub(crate) fn is_unheard(&self, chassis: ChassisKey) -> bool {
        self.unheard.contains(&chassis)
    }

    /// The chassis that don't answer to one.
    fn lost_by(&self, chassis: ChassisKey) -> Vec<ChassisKey> {
        let mut watched = self.watched_by(chassis);
        watched.retain(|to| self.pairs.get(&(chassis, *to)).is_some_and(|peer| peer.up == Some(false)));
        watched
    }
}

/// The chassis that a port for BFD is about.
fn watched(name: &str) -> Option<ChassisKey> {
    name.strip_prefix(PROBE_PREFIX)?.parse().ok().map(ChassisKey)
}

impl Brain {
    /// A bridge has told all its ports.
    pub(crate) fn note_peers(&mut self, id: SessionId, chassis: ChassisKey) {
        let Some(session) = self.sessions.get(&id) else { return };
        let ports = session
            .ports
            .iter()
            .filter_map(|(port, name)| Some((watched(name)?, (*port, session.live.contains(port)))));
        let ports: BTreeMap<ChassisKey, (OfPort, bool)> = ports.collect();
        for gone in self.peers.watched_by(chassis).into_iter().filter(|to| !ports.contains_key(to)) {
            self.note_peer((chassis, gone), None);
        }
        for (to, port) in ports {
            self.note_peer((chassis, to), Some(port));
        }
    }

    /// A bridge has told of one port.
    pub(crate) fn note_peer_port(&mut self, chassis: ChassisKey, name: &str, port: Option<(OfPort, bool)>) {
        if let Some(to) = watched(name) {
            self.note_peer((chassis, to), port);
        }
    }

    /// A chassis is deleted.
    pub(crate) fn forget_peers(&mut self, chassis: ChassisKey) {
        for to in self.peers.watched_by(chassis) {
            self.note_peer((chassis, to), None);
        }
    }

    fn note_peer(&mut self, pair: Pair, port: Option<(OfPort, bool)>) {
        if let Some(alive) = self.peers.note(pair, port, self.now) {
            self.state_peer(pair, alive, false);
        }
    }

    /// Sessions that are trusted by now are stated.
    pub(crate) fn trust_peers(&mut self) {
        while let Some((pair, alive)) = self.peers.next_trusted(self.now) {
            self.state_peer(pair, Some(alive), true);
        }
    }

    fn state_peer(&mut self, (from, to): Pair, alive: Option<Alive>, back: bool) {
        self.commit(vec![Change::Alive(from, to, alive)]);
        // Whether it is to be believed may be otherwise, too, whatever it says of others.
        for about in self.peers.watched_by(from).into_iter().chain([to]).collect::<BTreeSet<_>>() {
            self.judge_gateway(about);
        }
        let (resource, other) = (self.chassis_resource(from), self.chassis_resource(to));
        let (Some(resource), Some(other), Some(alive)) = (resource, other, alive) else { return };
        if alive.up != back {
            return;
        }
        let (kind, state) = if back { ("peer.up", "up") } else { ("peer.lost", "lost") };
        let labels =
            vec![("chassis", resource.name.to_string()), ("peer", other.name.to_string()), ("state", state.to_owned())];
        self.effects.push(Effect::Count { counter: "sextant_peer_changes_total", labels, by: 1 });
        let words = if back { "answers over the underlay (BFD)" } else { "does not answer over the underlay (BFD)" };
        self.happened(kind, Some(&resource), format!("{} {words}", other.name));
        self.statuses.remove(&resource);
        self.restless.insert(resource);
    }

    /// A gateway that nobody hears over the underlay is out of reach at once, however its connection to the controller stands.
    fn judge_gateway(&mut self, chassis: ChassisKey) {
        let connected = |chassis| self.switches.get(&chassis).and_then(Switch::session).is_some();
        let (missed, connected) = (self.peers.misses(chassis, connected), connected(chassis));
        let gateway = View::new(&self.world).chassis(chassis).is_some_and(|chassis| chassis.gateway_priority.is_some());
        if missed && gateway && self.peers.unheard.insert(chassis) {
            self.gateway_unheard(chassis);
        } else if !missed && self.peers.unheard.remove(&chassis) && connected {
            self.gateway_within_reach(chassis, true);
        }
    }

    /// The names of chassis that don't answer to one.
    pub(crate) fn peers_lost(&self, chassis: ChassisKey) -> Vec<String> {
        let lost = self.peers.lost_by(chassis).into_iter();
        lost.filter_map(|to| self.chassis_resource(to)).map(|other| other.name.to_string()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIR: Pair = (ChassisKey(1), ChassisKey(2));
    const PORT: OfPort = OfPort(7);

    #[test]
    fn a_session_is_trusted_late_and_lost_at_once() {
        let mut peers = Peers::default();
        let alive = |up| Some(Some(Alive { port: PORT, up }));
        assert_eq!(peers.note(PAIR, Some((PORT, false)), Millis(0)), None);
        assert_eq!(peers.note(PAIR, Some((PORT, true)), Millis(100)), None);
        // Lost before it was trusted: nothing was said, and nothing is.
        assert_eq!(peers.note(PAIR, Some((PORT, false)), Millis(200)), None);
        assert_eq!(peers.note(PAIR, Some((PORT, true)), Millis(300)), None);
        assert_eq!(peers.next_trusted(Millis(3_299)), None);
        assert_eq!(peers.next_trusted(Millis(3_300)), Some((PAIR, Alive { port: PORT, up: true })));
        assert_eq!(peers.note(PAIR, Some((PORT, true)), Millis(3_400)), None);
        // Each loss of several in a minute is waited for longer than the one before.
        let mut now = 4_000;
        for wait in [3_000, 6_000, 12_000, 24_000, 48_000] {
            assert_eq!(peers.note(PAIR, Some((PORT, false)), Millis(now)), alive(false));
            assert_eq!(peers.lost_by(PAIR.0), [PAIR.1]);
            assert_eq!(peers.note(PAIR, Some((PORT, true)), Millis(now)), None);
            assert_eq!(peers.next_trusted(Millis(now + wait - 1)), None, "{wait}");
            assert!(peers.next_trusted(Millis(now + wait)).is_some());
            now += wait + 1;
        }
        assert_eq!(
            peers.note(PAIR, Some((OfPort(9), true)), Millis(now)),
            Some(Some(Alive { port: OfPort(9), up: true }))
        );
        assert_eq!(peers.note(PAIR, None, Millis(now)), Some(None));
        assert_eq!((peers.note(PAIR, None, Millis(now)), peers.next_due()), (None, None));
    }

    #[test]
    fn who_hears_nobody_is_not_asked_whom_he_misses() {
        let mut peers = Peers::default();
        let say = |peers: &mut Peers, from, to, up| {
            let pair = (ChassisKey(from), ChassisKey(to));
            let peer = Peer { port: PORT, live: up, up: Some(up), trusted_at: Millis(0), losses: 0, lost: Millis(0) };
            peers.pairs.insert(pair, peer);
        };
        let missed =
            |peers: &Peers, speaks: &dyn Fn(ChassisKey) -> bool| [1, 2, 3].map(|n| peers.misses(ChassisKey(n), speaks));
        for (from, to) in [(1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2)] {
            say(&mut peers, from, to, true);
        }
        let all = |_| true;
        assert_eq!(missed(&peers, &all), [false; 3]);
        for (from, to) in [(1, 2), (1, 3), (2, 1), (3, 1)] {
            say(&mut peers, from, to, false);
        }
        assert_eq!(missed(&peers, &all), [true, false, false]);
        assert_eq!(missed(&peers, &|chassis| chassis == ChassisKey(1)), [false; 3]);
        // Two that miss each other: it may be either.
        peers.pairs.retain(|(from, to), _| from.0 < 3 && to.0 < 3);
        assert_eq!(missed(&peers, &all), [false; 3]);
    }

    #[test]
    fn ports_for_bfd_are_known_by_their_names() {
        assert_eq!(watched("sx-bfd-12"), Some(ChassisKey(12)));
        assert_eq!([watched("sx-bfd-"), watched("sx-bfd-70000"), watched("sx-tun")], [None; 3]);
    }
}

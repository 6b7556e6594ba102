//! Paths on switches that confirm when they like, under frames that are on their way meanwhile: none comes to a chassis twice.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use addr::OfPort;
use proptest::prelude::*;

use super::*;

/// A switch: what it holds, and what is on its way to it.
#[derive(Default)]
struct Switch {
    hops: BTreeMap<(ChassisKey, u8), Hop>,
    ways: BTreeMap<ChassisKey, Way>,
    coming: VecDeque<(u64, Change)>,
    away: bool,
}

/// A frame on its way: where it is, to whom, by which lane or label, and where it has been.
#[derive(Clone, Debug)]
struct Frame {
    at: ChassisKey,
    to: ChassisKey,
    label: Option<u8>,
    been: Vec<ChassisKey>,
    since: Millis,
}

/// What a frame meets next.
#[derive(Debug, PartialEq)]
enum Fate {
    On,
    Arrived,
    Lost,
}

struct Net {
    now: Millis,
    sequence: u64,
    switches: BTreeMap<ChassisKey, Switch>,
    /// Cables by both ends; whether they are whole.
    cables: BTreeMap<At, (At, bool)>,
    paths: Paths,
    frames: Vec<Frame>,
}

fn c(n: u16) -> ChassisKey {
    ChassisKey(n)
}

impl Net {
    fn new(size: u16, cables: &[(u16, u16)]) -> Net {
        let mut net = Net {
            now: Millis(1_000),
            sequence: 0,
            switches: (1..=size).map(|n| (c(n), Switch::default())).collect(),
            cables: BTreeMap::new(),
            paths: Paths::default(),
            frames: Vec::new(),
        };
        for (i, (a, b)) in cables.iter().enumerate() {
            let port = OfPort(i as u32 + 1);
            net.cables.insert((c(*a), port), ((c(*b), port), true));
            net.cables.insert((c(*b), port), ((c(*a), port), true));
        }
        net
    }

    fn peer(&self, at: At) -> Option<At> {
        self.cables.get(&at).filter(|(_, whole)| *whole).map(|(peer, _)| *peer)
    }

    fn commit(&mut self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        self.sequence += 1;
        for change in changes {
            let (Change::Hop(at, ..) | Change::Way(at, ..)) = change else { panic!("{change:?}") };
            self.switches.get_mut(&at).unwrap().coming.push_back((self.sequence, change));
        }
    }

    fn confirmed(&self, chassis: ChassisKey, sequence: u64) -> bool {
        self.switches[&chassis].coming.front().is_none_or(|(since, _)| *since > sequence)
    }

    /// As the brain does.
    fn step(&mut self) {
        loop {
            let ready =
                self.paths.staged.as_ref().is_some_and(|staged| {
                    staged.concerned.iter().all(|chassis| self.confirmed(*chassis, staged.sequence))
                });
            if ready {
                let changes = self.paths.make_use();
                self.commit(changes);
                self.paths.used_at(self.sequence);
                continue;
            }
            let late: Vec<u64> = self
                .switches
                .values()
                .filter(|switch| !switch.away)
                .filter_map(|switch| switch.coming.front().map(|(since, _)| *since))
                .collect();
            let confirmed = |sequence: u64| late.iter().all(|since| *since > sequence);
            let changes = self.paths.give_up(self.now, confirmed);
            self.commit(changes);
            self.paths.removed_at(self.sequence);
            return;
        }
    }

    fn plan(&mut self) {
        if self.paths.staged.is_some() {
            let changes = self.paths.abort();
            self.commit(changes);
            self.paths.removed_at(self.sequence);
        }
        let mut graph = Graph::default();
        self.switches.iter().for_each(|(chassis, switch)| graph.add(*chassis, !switch.away));
        for ((chassis, port), (peer, _)) in self.cables.iter().filter(|(_, (_, whole))| *whole) {
            graph.wire(*chassis, Step { port: *port, next: peer.0 });
        }
        let cables = self.cables.clone();
        let peer = |at: At| cables.get(&at).filter(|(_, whole)| *whole).map(|(peer, _)| *peer);
        let changes = self.paths.plan(&graph, self.now, peer);
        self.commit(changes);
        self.paths.staged_at(self.sequence);
        self.step();
    }

    /// A switch takes what comes next; false: nothing comes, or it is away.
    fn take(&mut self, chassis: ChassisKey) -> bool {
        let switch = self.switches.get_mut(&chassis).unwrap();
        let Some((_, change)) = switch.coming.pop_front_if(|_| !switch.away) else { return false };
        match change {
            Change::Hop(_, to, label, Some(hop)) => {
                let before = switch.hops.insert((to, label), hop);
                assert!(before.is_none() || before == Some(hop), "the rows of a label change under it");
            }
            Change::Hop(_, to, label, None) => drop(switch.hops.remove(&(to, label))),
            Change::Way(_, to, Some(way)) => drop(switch.ways.insert(to, way)),
            Change::Way(_, to, None) => drop(switch.ways.remove(&to)),
            other => panic!("{other:?}"),
        }
        self.step();
        true
    }

    /// One step of a frame.
    fn go(&self, frame: &mut Frame) -> Fate {
        let switch = &self.switches[&frame.at];
        let begins = frame.been.is_empty();
        let (port, label) = if begins {
            let Some(way) = switch.ways.get(&frame.to) else { return Fate::Lost };
            let lane = way.lanes[usize::from(frame.label == Some(1))];
            (lane.port, lane.label)
        } else {
            let label = frame.label.unwrap();
            let Some(hop) = switch.hops.get(&(frame.to, label)) else { return Fate::Lost };
            (hop.port, Some(label).filter(|_| !hop.last))
        };
        assert!(!frame.been.contains(&frame.at), "a loop: {frame:?}");
        frame.been.push(frame.at);
        let Some((at, _)) = self.peer((frame.at, port)) else { return Fate::Lost };
        (frame.at, frame.label) = (at, label);
        match label {
            None => {
                assert_eq!(at, frame.to, "it lost its label too early");
                Fate::Arrived
            }
            Some(_) => Fate::On,
        }
    }

    /// A frame goes all the way at once.
    fn send(&self, from: ChassisKey, to: ChassisKey, lane: u8) -> (Fate, Vec<ChassisKey>) {
        let mut frame = Frame { at: from, to, label: Some(lane), been: Vec::new(), since: self.now };
        loop {
            match self.go(&mut frame) {
                Fate::On => {}
                fate => return (fate, frame.been),
            }
        }
    }

    /// Frames that are on their way for long arrive now; time goes on.
    fn pass(&mut self, ms: u64) {
        self.now = self.now.after_ms(ms);
        let (late, rest): (Vec<Frame>, Vec<Frame>) =
            std::mem::take(&mut self.frames).into_iter().partition(|frame| self.now >= frame.since.after_ms(200));
        self.frames = rest;
        for mut frame in late {
            while self.go(&mut frame) == Fate::On {}
        }
        self.step();
    }

    /// All is confirmed, and labels are free again.
    fn settle(&mut self) {
        for _ in 0..100 {
            let all: Vec<ChassisKey> = self.switches.keys().copied().collect();
            all.iter().for_each(|chassis| while self.take(*chassis) {});
            self.pass(50);
        }
        assert!(self.paths.staged.is_none());
    }

    /// Everybody reaches everybody who is wired to him, by both lanes, and by the shortest path.
    fn all_reach(&mut self) {
        self.plan();
        self.settle();
        // What could not be done for want of labels can be now.
        self.plan();
        self.settle();
        assert!(!self.paths.short && self.paths.leaving.is_empty(), "{:?}", self.paths.leaving);
        let mut graph = Graph::default();
        self.switches.keys().for_each(|chassis| graph.add(*chassis, true));
        for ((chassis, port), (peer, whole)) in &self.cables {
            if *whole {
                graph.wire(*chassis, Step { port: *port, next: peer.0 });
            }
        }
        let all: Vec<ChassisKey> = self.switches.keys().copied().collect();
        for to in &all {
            let (reached, _) = graph.towards(*to);
            for (from, lane) in all.iter().filter(|from| *from != to).flat_map(|from| [(from, 0), (from, 1)]) {
                let expected = if reached.contains(from) { Fate::Arrived } else { Fate::Lost };
                assert_eq!(self.send(*from, *to, lane).0, expected, "{from} to {to}");
            }
        }
        // Rows may outlive some of those who used them, but not all.
        let named = |to: &ChassisKey, label: &u8| {
            let ways = self.switches.values().filter_map(|switch| switch.ways.get(to));
            ways.flat_map(|way| way.lanes).any(|lane| lane.label == Some(*label))
        };
        let rows = self.switches.values().flat_map(|switch| switch.hops.keys());
        let unused: Vec<_> = rows.filter(|(to, label)| !named(to, label)).collect();
        assert!(unused.is_empty(), "{unused:?}");
    }
}

const TORUS: [(u16, u16); 18] = [
    (1, 2),
    (2, 3),
    (3, 1),
    (4, 5),
    (5, 6),
    (6, 4),
    (7, 8),
    (8, 9),
    (9, 7),
    (1, 4),
    (4, 7),
    (7, 1),
    (2, 5),
    (5, 8),
    (8, 2),
    (3, 6),
    (6, 9),
    (9, 3),
];
const RING: [(u16, u16); 5] = [(1, 2), (2, 3), (3, 4), (4, 5), (5, 1)];

#[test]
fn everybody_is_reached_by_two_paths_where_there_are_two() {
    let mut net = Net::new(4, &[(1, 2), (2, 3), (3, 4), (4, 1)]);
    net.all_reach();
    let middles: BTreeSet<Vec<ChassisKey>> = [0, 1].map(|lane| net.send(c(1), c(3), lane).1).into();
    assert_eq!(middles, [vec![c(1), c(2)], vec![c(1), c(4)]].into());
    // A cable between neighbours needs no label.
    assert!(net.switches[&c(1)].ways[&c(2)].lanes.iter().all(|lane| lane.label.is_none()));
    assert_eq!(net.plan_is_empty(), Vec::new());
}

impl Net {
    /// The controller starts anew, and takes what switches hold for its own.
    fn recall(&mut self) {
        self.paths = Paths::default();
        for (chassis, switch) in &self.switches {
            for ((to, label), hop) in &switch.hops {
                self.paths.recall_hop(*chassis, *to, *label, *hop);
            }
            for (to, way) in &switch.ways {
                self.paths.recall_way(*chassis, *to, way.lanes);
            }
        }
    }

    fn plan_is_empty(&mut self) -> Vec<Change> {
        let (before, sequence) = (self.sequence, self.sequence);
        self.plan();
        if self.sequence == before { Vec::new() } else { panic!("{sequence} changes") }
    }

    fn set(&mut self, a: u16, b: u16, whole: bool) {
        for ((chassis, _), (peer, state)) in &mut self.cables {
            if (chassis.0, peer.0.0) == (a, b) || (chassis.0, peer.0.0) == (b, a) {
                *state = whole;
            }
        }
    }
}

#[test]
fn what_is_cut_changes_little_and_comes_back() {
    let mut net = Net::new(9, &TORUS);
    net.all_reach();
    net.set(1, 2, false);
    net.plan();
    let ways: usize =
        net.switches.values().map(|s| s.coming.iter().filter(|(_, c)| matches!(c, Change::Way(..))).count()).sum();
    let hops: usize = net.switches.values().map(|s| s.coming.len()).sum::<usize>() - ways;
    assert!((1..60).contains(&hops), "{hops} rows for 72 paths");
    net.all_reach();
    net.set(1, 2, true);
    net.all_reach();
    for (a, b) in TORUS {
        net.set(a, b, false);
        net.all_reach();
    }
    assert!(net.switches.values().all(|switch| switch.ways.is_empty() && switch.hops.is_empty()));
}

#[test]
fn who_is_away_is_passed_as_before_but_by_no_new_path() {
    let mut net = Net::new(5, &RING);
    net.all_reach();
    let through = net.send(c(1), c(3), 0).1;
    assert_eq!(through, [c(1), c(2)]);
    net.switches.get_mut(&c(2)).unwrap().away = true;
    assert_eq!(net.plan_is_empty(), Vec::new(), "it forwards as it did");
    // Another cable is cut: nobody's new path leads over the one that is away.
    net.set(3, 4, false);
    net.plan();
    net.settle();
    assert_eq!(net.send(c(1), c(3), 0).0, Fate::Arrived);
    assert_eq!(net.send(c(5), c(3), 0).0, Fate::Lost, "the only way leads over the one that can't be told");
    net.switches.get_mut(&c(2)).unwrap().away = false;
    net.all_reach();
}

#[test]
fn what_was_found_is_gone_on_with() {
    let mut net = Net::new(9, &TORUS);
    net.all_reach();
    net.set(4, 5, false);
    net.all_reach();
    net.set(4, 5, true);
    net.all_reach();
    net.recall();
    let cables = net.cables.clone();
    net.paths.resolve(|at| cables.get(&at).map(|(peer, _)| *peer));
    net.paths.used_at(net.sequence);
    net.step();
    assert_eq!(net.plan_is_empty(), Vec::new());
    assert!(net.paths.leaving.is_empty());
}

#[test]
fn what_was_found_halfway_is_put_right() {
    let mut net = Net::new(9, &TORUS);
    net.all_reach();
    net.set(4, 5, false);
    net.plan();
    // Some have got what was sent, others not; then the controller is gone.
    [1, 5, 9].into_iter().for_each(|n| while net.take(c(n)) {});
    net.switches.values_mut().for_each(|switch| switch.coming.clear());
    net.recall();
    let cables = net.cables.clone();
    net.paths.resolve(|at| cables.get(&at).filter(|(_, whole)| *whole).map(|(peer, _)| *peer));
    net.paths.used_at(net.sequence);
    net.step();
    net.all_reach();
}

#[derive(Clone, Debug)]
enum Act {
    Cut(usize),
    Mend(usize),
    Plan,
    Take(u16),
    Send(u16, u16, u8),
    Go(usize),
    Pass(u64),
    Away(u16),
    Back(u16),
}

fn act() -> impl Strategy<Value = Act> {
    let n = 1..=9u16;
    prop_oneof![
        2 => (0..18usize).prop_map(Act::Cut),
        2 => (0..18usize).prop_map(Act::Mend),
        3 => Just(Act::Plan),
        30 => n.clone().prop_map(Act::Take),
        20 => (n.clone(), n.clone(), 0..2u8).prop_map(|(a, b, lane)| Act::Send(a, b, lane)),
        30 => (0..20usize).prop_map(Act::Go),
        8 => (1..100u64).prop_map(Act::Pass),
        1 => n.clone().prop_map(Act::Away),
        2 => n.prop_map(Act::Back),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    /// Whatever happens when: no frame comes to a chassis twice, and in the end everybody reaches everybody.
    #[test]
    fn no_loops_ever(acts in prop::collection::vec(act(), 1..400)) {
        let mut net = Net::new(9, &TORUS);
        net.all_reach();
        for act in acts {
            match act {
                Act::Cut(n) => net.set(TORUS[n].0, TORUS[n].1, false),
                Act::Mend(n) => net.set(TORUS[n].0, TORUS[n].1, true),
                Act::Plan => net.plan(),
                Act::Take(n) => drop(net.take(c(n))),
                Act::Send(a, b, lane) if a != b => net.frames.push(
                    Frame { at: c(a), to: c(b), label: Some(lane), been: Vec::new(), since: net.now }),
                Act::Send(..) => {}
                Act::Go(n) => {
                    if n < net.frames.len() {
                        let mut frame = net.frames.swap_remove(n);
                        if net.go(&mut frame) == Fate::On {
                            net.frames.push(frame);
                        }
                    }
                }
                Act::Pass(ms) => net.pass(ms),
                Act::Away(n) => {
                    net.switches.get_mut(&c(n)).unwrap().away = true;
                    if net.paths.staged.as_ref().is_some_and(|staged| staged.concerned.contains(&c(n))) {
                        net.plan();
                    }
                }
                Act::Back(n) => net.switches.get_mut(&c(n)).unwrap().away = false,
            }
        }
        net.switches.values_mut().for_each(|switch| switch.away = false);
        net.all_reach();
    }

    /// Better paths cost no frame: what has a way goes on having one, whoever confirms when.
    #[test]
    fn nothing_is_lost_for_a_better_path(order in prop::collection::vec(0..9u16, 1..300), cut in 0..18usize) {
        let mut net = Net::new(9, &TORUS);
        net.set(TORUS[cut].0, TORUS[cut].1, false);
        net.all_reach();
        net.set(TORUS[cut].0, TORUS[cut].1, true);
        net.plan();
        for n in order {
            net.take(c(n + 1));
            net.pass(7);
            for (from, to) in [(1, 2), (4, 2), (9, 1), (3, 8)] {
                for lane in [0, 1] {
                    prop_assert_eq!(net.send(c(from), c(to), lane).0, Fate::Arrived);
                }
            }
        }
    }
}

#[test]
fn a_large_torus_is_planned_for() {
    const SIDE: u16 = 12;
    let at = |x: u16, y: u16| 1 + (x % SIDE) * SIDE + y % SIDE;
    let all = (0..SIDE).flat_map(|x| (0..SIDE).map(move |y| (x, y)));
    let cables: Vec<(u16, u16)> = all.flat_map(|(x, y)| [(at(x, y), at(x + 1, y)), (at(x, y), at(x, y + 1))]).collect();
    let mut net = Net::new(SIDE * SIDE, &cables);
    net.plan();
    net.settle();
    assert!((2..=SIDE * SIDE).all(|n| net.send(c(n), c(1), 0).0 == Fate::Arrived));
    // What one cable costs: few paths, and few rows for them.
    let cut = cables[17];
    net.set(cut.0, cut.1, false);
    net.plan();
    let changes: usize = net.switches.values().map(|switch| switch.coming.len()).sum();
    let paths = usize::from(SIDE).pow(4);
    assert!(changes < paths / 4, "{changes} changes for one of {} cables and {paths} paths", cables.len());
    net.settle();
    assert!((2..=SIDE * SIDE).all(|n| net.send(c(n), c(1), 1).0 == Fate::Arrived));
}

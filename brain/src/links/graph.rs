//! Shortest paths between chassis: for each that is sent to, two trees that lead to it.

use std::hash::Hasher as _;

use addr::OfPort;
use rustc_hash::FxHasher;
use topology::ChassisKey;

/// The next step of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) port: OfPort,
    pub(crate) next: ChassisKey,
}

/// Steps towards one chassis, by the number of the chassis that takes them.
pub(crate) type Tree = Vec<Option<Step>>;

/// Chassis and the cables between them; by their numbers, which are small.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graph {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    there: bool,
    /// Others' frames may pass.
    transit: bool,
    edges: Vec<Step>,
}

impl Graph {
    /// A chassis; `transit`: paths of others may lead over it.
    pub(crate) fn add(&mut self, chassis: ChassisKey, transit: bool) {
        let at = usize::from(chassis.0);
        if self.nodes.len() <= at {
            self.nodes.resize(at + 1, Node::default());
        }
        self.nodes[at].there = true;
        self.nodes[at].transit = transit;
    }

    /// One direction of a cable between chassis that were added.
    pub(crate) fn wire(&mut self, from: ChassisKey, step: Step) {
        let there = |chassis: ChassisKey| self.nodes.get(usize::from(chassis.0)).is_some_and(|node| node.there);
        if there(from) && there(step.next) {
            self.nodes[usize::from(from.0)].edges.push(step);
        }
    }

    /// Whether paths of others may lead over a chassis.
    pub(crate) fn passes(&self, chassis: ChassisKey) -> bool {
        self.nodes.get(usize::from(chassis.0)).is_some_and(|node| node.there && node.transit)
    }

    /// One more than the greatest number.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The chassis from which another one can be reached, the nearest first, itself included; and the two trees that lead to
    /// it. Where several next steps are equally short, the trees take two different ones: which, is drawn by lot from chassis
    /// and port, so that load spreads, and that a step that is taken away changes nothing for those who did not take it.
    pub(crate) fn towards(&self, to: ChassisKey) -> (Vec<ChassisKey>, [Tree; 2]) {
        let mut trees = [vec![None; self.nodes.len()], vec![None; self.nodes.len()]];
        let mut far: Vec<u32> = vec![u32::MAX; self.nodes.len()];
        if !self.nodes.get(usize::from(to.0)).is_some_and(|node| node.there) {
            return (Vec::new(), trees);
        }
        far[usize::from(to.0)] = 0;
        let mut reached = vec![to];
        let mut next = 0;
        while let Some(chassis) = reached.get(next).copied() {
            next += 1;
            let here = usize::from(chassis.0);
            if !self.nodes[here].transit && chassis != to {
                continue;
            }
            for step in &self.nodes[here].edges {
                let there = usize::from(step.next.0);
                if far[there] == u32::MAX {
                    far[there] = far[here] + 1;
                    reached.push(step.next);
                }
            }
        }
        for chassis in &reached[1..] {
            let here = usize::from(chassis.0);
            let nearer = self.nodes[here].edges.iter().filter(|step| {
                let there = usize::from(step.next.0);
                far[there] < far[here] && (step.next == to || self.nodes[there].transit)
            });
            let mut best: [Option<(u64, Step)>; 2] = [None, None];
            for step in nearer {
                let drawn = Some((lot(to, *chassis, *step), *step));
                if rank(drawn) > rank(best[0]) {
                    best = [drawn, best[0]];
                } else if rank(drawn) > rank(best[1]) {
                    best[1] = drawn;
                }
            }
            let first = best[0].map(|(_, step)| step);
            trees[0][here] = first;
            trees[1][here] = best[1].map(|(_, step)| step).or(first);
        }
        (reached, trees)
    }
}

fn rank(drawn: Option<(u64, Step)>) -> Option<(u64, OfPort)> {
    drawn.map(|(lot, step)| (lot, step.port))
}

/// A number that differs from chassis to chassis and port to port, and is the same in every run.
fn lot(to: ChassisKey, at: ChassisKey, step: Step) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write_u64(u64::from(to.0) << 48 | u64::from(at.0) << 32 | u64::from(step.port.0));
    hasher.write_u16(step.next.0);
    let mixed = hasher.finish();
    // Its upper bits are the good ones.
    (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 1
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    impl Graph {
        fn chassis(&self) -> impl Iterator<Item = ChassisKey> + '_ {
            let there = self.nodes.iter().enumerate().filter(|(_, node)| node.there);
            there.map(|(number, _)| ChassisKey(number as u16))
        }
    }

    fn c(n: usize) -> ChassisKey {
        ChassisKey(n as u16)
    }

    /// Chassis and cables between them, each end with a port of its own.
    fn graph(size: usize, cables: &[(usize, usize)]) -> Graph {
        let mut graph = Graph::default();
        (1..=size).for_each(|n| graph.add(c(n), true));
        for (i, (a, b)) in cables.iter().enumerate() {
            let port = OfPort(i as u32 + 1);
            graph.wire(c(*a), Step { port, next: c(*b) });
            graph.wire(c(*b), Step { port, next: c(*a) });
        }
        graph
    }

    fn torus(side: usize) -> Vec<(usize, usize)> {
        let at = |x: usize, y: usize| 1 + (x % side) * side + y % side;
        let all = (0..side).flat_map(|x| (0..side).map(move |y| (x, y)));
        all.flat_map(|(x, y)| [(at(x, y), at(x + 1, y)), (at(x, y), at(x, y + 1))]).collect()
    }

    fn path(tree: &Tree, from: ChassisKey, to: ChassisKey) -> Vec<ChassisKey> {
        let mut path = vec![from];
        while *path.last().unwrap() != to {
            let step = tree[usize::from(path.last().unwrap().0)].expect("a step");
            assert!(!path.contains(&step.next), "a loop");
            path.push(step.next);
        }
        path
    }

    #[test]
    fn paths_are_shortest_and_two_where_there_are_two() {
        let ring = graph(4, &[(1, 2), (2, 3), (3, 4), (4, 1)]);
        let (reached, [even, odd]) = ring.towards(c(1));
        assert_eq!(reached.len(), 4);
        let middle: BTreeSet<ChassisKey> = [&even, &odd].map(|tree| path(tree, c(3), c(1))[1]).into();
        assert_eq!(middle, [c(2), c(4)].into());
        assert_eq!(even[2], odd[2], "there is one shortest path");
        assert_eq!(even[1], None);
    }

    #[test]
    fn parallel_cables_are_both_used() {
        let pair = graph(2, &[(1, 2), (1, 2)]);
        let (_, [even, odd]) = pair.towards(c(2));
        assert_ne!(even[1].unwrap().port, odd[1].unwrap().port);
    }

    #[test]
    fn nobody_is_passed_who_must_not_be() {
        let mut line = graph(3, &[(1, 2), (2, 3)]);
        line.add(c(2), false);
        let (reached, trees) = line.towards(c(3));
        assert_eq!(reached, [c(3), c(2)]);
        assert_eq!(trees[0][1], None);
        let (reached, _) = line.towards(c(2));
        assert_eq!(reached.len(), 3, "it can be sent to");
        assert_eq!(line.towards(c(9)).0, []);
    }

    #[test]
    fn a_cable_that_is_cut_changes_only_paths_over_it() {
        let all = torus(5);
        let whole = graph(25, &all);
        let mut cut = whole.clone();
        let (a, b) = all[7];
        cut.nodes[a].edges.retain(|step| step.next != c(b));
        cut.nodes[b].edges.retain(|step| step.next != c(a));
        let mut changed = 0;
        for to in 1..=25 {
            let (before, after) = (whole.towards(c(to)).1, cut.towards(c(to)).1);
            for (before, after) in before.iter().zip(&after) {
                for from in (1..=25).filter(|from| *from != to) {
                    let path = path(before, c(from), c(to));
                    let over = path.windows(2).any(|w| [w[0], w[1]] == [c(a), c(b)] || [w[0], w[1]] == [c(b), c(a)]);
                    // The second tree takes what the first one left.
                    let left = [a, b].iter().any(|end| path.contains(&c(*end)));
                    assert!(over || left || before[from] == after[from]);
                    changed += usize::from(before[from] != after[from]);
                }
            }
        }
        assert!((1..100).contains(&changed), "{changed} steps of 1,200 changed");
    }

    #[test]
    fn no_tree_has_a_loop_and_load_spreads() {
        let graph = graph(49, &torus(7));
        let mut uses = vec![0; 99];
        for to in graph.chassis() {
            let (reached, trees) = graph.towards(to);
            assert_eq!(reached.len(), 49);
            for tree in &trees {
                for from in graph.chassis() {
                    path(tree, from, to);
                    if let Some(step) = tree[usize::from(from.0)] {
                        uses[step.port.0 as usize] += 1;
                    }
                }
            }
        }
        let (least, most) = (uses[1..].iter().min().unwrap(), uses[1..].iter().max().unwrap());
        assert!(*least * 3 > *most, "{least} to {most} paths over a cable");
    }

    #[test]
    fn a_thousand_chassis_reach_each_other() {
        let size = 1_024;
        let graph = graph(size, &torus(32));
        let steps: usize = graph.chassis().map(|to| graph.towards(to).1[1].iter().flatten().count()).sum();
        assert_eq!(steps, size * (size - 1));
    }
}

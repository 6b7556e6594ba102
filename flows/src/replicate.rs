//! Copies to many: one group where they fit, a chain of groups where they don't.
//!
//! Two limits of Open vSwitch stand against a single group. A message ends at 64 KiB: 2,000 ports, or 900 tunnels. And one
//! translation of a packet ends at 64 KiB of datapath actions, 104 bytes for a tunnelled copy: of 800 tunnels, 630 got
//! theirs, silently, and so they did from a group of groups. But before a `select` group goes on, Open vSwitch
//! recirculates the packet, and what follows is a translation of its own. So a large group copies to gates, `select`
//! groups of one bucket, and each gate leads to its part of the copies.

use addr::OfPort;
use ofp::{Action, Bucket, GroupType};

use crate::item::Group;

/// Copies of one group, at most: 52 KB of tunnel headers' actions and room for what the underlay adds, a VLAN tag for one.
pub const COPIES_MAX: usize = 400;
/// As many of those weighs one that goes through tables again: a translation ends after 4,096 lookups, so that 80 are left for each.
const LOOKED_UP: usize = 8;

/// The numbers of a part of a large replication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The `select` group that leads to the copies.
    pub gate: u32,
    /// The group with the copies.
    pub copies: u32,
}

/// The groups that make the copies, those that others name first; and how many copies found no room. `part`: the numbers
/// of each part, as far as there are any.
pub(crate) fn groups(
    id: u32,
    part: impl Fn(usize) -> Option<Part>,
    copies: Vec<Vec<Action>>,
    why: &'static str,
) -> (Vec<Group>, usize) {
    if copies.iter().map(|copy| weight(copy)).sum::<usize>() <= COPIES_MAX {
        return (vec![all(id, copies, why)], 0);
    }
    let mut groups = Vec::new();
    let mut gates = Vec::new();
    let mut left_out = 0;
    for (index, chunk) in chunks(&copies).into_iter().enumerate() {
        let Some(Part { gate, copies }) = part(index) else {
            left_out += chunk.len();
            continue;
        };
        groups.push(all(copies, chunk.to_vec(), "a part of the copies"));
        let through = vec![bucket(1, vec![Action::Group(copies)])];
        groups.push(Group {
            id: gate,
            kind: GroupType::Select,
            buckets: through,
            why: "each part is translated on its own",
        });
        gates.push(vec![Action::Group(gate)]);
    }
    groups.push(all(id, gates, why));
    (groups, left_out)
}

fn weight(copy: &[Action]) -> usize {
    let looked_up = copy.iter().any(|action| matches!(action, Action::Resubmit { .. }));
    if looked_up { LOOKED_UP } else { 1 }
}

/// Runs of copies, each as heavy as one group may be.
fn chunks(copies: &[Vec<Action>]) -> Vec<&[Vec<Action>]> {
    let (mut chunks, mut start, mut sum) = (Vec::new(), 0, 0);
    for (at, copy) in copies.iter().enumerate() {
        sum += weight(copy);
        if sum > COPIES_MAX {
            chunks.push(&copies[start..at]);
            (start, sum) = (at, weight(copy));
        }
    }
    chunks.push(&copies[start..]);
    chunks
}

fn all(id: u32, copies: Vec<Vec<Action>>, why: &'static str) -> Group {
    let buckets = copies.into_iter().map(|actions| bucket(0, actions)).collect();
    Group { id, kind: GroupType::All, buckets, why }
}

/// A group that takes one of its buckets.
pub(crate) fn select(id: u32, buckets: Vec<Vec<Action>>, why: &'static str) -> Group {
    let buckets = buckets.into_iter().map(|actions| bucket(1, actions)).collect();
    Group { id, kind: GroupType::Select, buckets, why }
}

/// Weights are for `select` groups, where a bucket without any is never chosen.
pub(crate) fn bucket(weight: u16, actions: Vec<Action>) -> Bucket {
    Bucket { weight, watch_port: OfPort::ANY, watch_group: u32::MAX, actions }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copies(n: u32) -> Vec<Vec<Action>> {
        (1..=n).map(|p| vec![Action::Output { port: OfPort(p), max_len: 0 }]).collect()
    }

    fn part(index: usize) -> Option<Part> {
        (index < 3).then(|| Part { gate: 100 + index as u32, copies: 200 + index as u32 })
    }

    fn named(group: &Group) -> Vec<u32> {
        let actions = group.buckets.iter().flat_map(|b| &b.actions);
        actions.filter_map(|a| if let Action::Group(id) = a { Some(*id) } else { None }).collect()
    }

    #[test]
    fn few_copies_are_one_group() {
        for n in [0, 1, 400] {
            let (groups, left_out) = groups(1, part, copies(n), "");
            assert_eq!((groups.len(), groups[0].buckets.len(), left_out), (1, n as usize, 0));
        }
    }

    #[test]
    fn many_copies_go_by_gates_each_once_and_in_order() {
        let (groups, left_out) = groups(1, part, copies(801), "");
        assert_eq!(left_out, 0);
        let by_id = |id| groups.iter().find(|g| g.id == id).unwrap();
        assert_eq!(groups.last().map(|g| g.id), Some(1), "what names others comes after them");
        let mut found = Vec::new();
        for gate in named(by_id(1)) {
            let gate = by_id(gate);
            assert_eq!((gate.kind, gate.buckets.len(), gate.buckets[0].weight), (GroupType::Select, 1, 1));
            let part = by_id(named(gate)[0]);
            assert!(part.kind == GroupType::All && part.buckets.len() <= COPIES_MAX);
            found.extend(part.buckets.iter().map(|b| b.actions.clone()));
        }
        assert_eq!(found, copies(801));
    }

    #[test]
    fn what_finds_no_number_is_left_out_and_counted() {
        let mut emit = crate::Emit::new("l2");
        emit.on(topology::ChassisKey(5)).replicate(1, part, copies(1500), "to everybody");
        let (items, faults) = emit.finish();
        assert_eq!(items.len(), 7, "the others are made");
        let [fault] = &faults[..] else { panic!("{faults:?}") };
        assert_eq!(
            fault.to_string(),
            "feature l2, table groups: 300 of 1500 copies on chassis 5 have no room: to everybody"
        );
    }
}

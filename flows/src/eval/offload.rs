//! Whether the datapath flow of a packet is one that NICs take over (`tc flower`, as Open vSwitch 3.1 writes it: `lib/netdev-offload-tc.c`).
//!
//! What rows do doesn't matter: resubmits, registers and learning are done once, for the first packet. What counts is what is left of it: keys
//! that the datapath looks at, actions that it does. NICs know outputs, tunnels, VLAN tags, conntrack, and new Ethernet and IP fields.

use std::collections::BTreeSet;

use ofp::{Action, Field, Instruction};

use super::{Fate, Item, Step, Trace};

/// Of a connection's first packet: no key of a NIC's.
const FIRST_PACKET: [Field; 7] = [
    Field::CT_NW_SRC,
    Field::CT_NW_DST,
    Field::CT_IPV6_SRC,
    Field::CT_IPV6_DST,
    Field::CT_NW_PROTO,
    Field::CT_TP_SRC,
    Field::CT_TP_DST,
];
/// Of neighbour discovery.
const DISCOVERY: [Field; 3] = [Field::ND_TARGET, Field::ND_SLL, Field::ND_TLL];
/// What no NIC writes.
const UNWRITTEN: [Field; 11] = [
    Field::ND_TARGET,
    Field::ND_SLL,
    Field::ND_TLL,
    Field::ND_RESERVED,
    Field::ND_OPTIONS_TYPE,
    Field::ICMPV6_TYPE,
    Field::ICMPV4_TYPE,
    Field::ARP_OP,
    Field::ARP_SPA,
    Field::ARP_SHA,
    Field::ARP_TPA,
];

/// What keeps a NIC from taking over a packet's datapath flow, each reason once, in the order of words; none: it can.
pub fn obstacles(trace: &Trace) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    if trace.outputs.iter().any(|output| matches!(output.fate, Fate::Controller { .. })) {
        found.insert("the controller is asked (userspace)");
    }
    if trace.alternatives {
        found.insert("one of several ways is taken by a hash (hash, recirc)");
    }
    trace.steps.iter().for_each(|step| of_step(step, &mut found));
    found
}

fn of_step(step: &Step, found: &mut BTreeSet<&'static str>) {
    let Some(Item::Flow(flow)) = step.item.as_deref() else { return };
    let looks_at = |fields: &[Field]| fields.iter().any(|field| flow.match_.get(*field).is_some());
    if looks_at(&FIRST_PACKET) {
        found.insert("rules of security groups look at a connection's first packet (ct_nw_proto, ct_tp_dst ...)");
    }
    if looks_at(&DISCOVERY) {
        found.insert("neighbour discovery is looked into (nd)");
    }
    let lists = flow.instructions.iter().filter_map(|instruction| match instruction {
        Instruction::ApplyActions(list) => Some(list),
        _ => None,
    });
    for action in lists.flatten() {
        match action {
            Action::CheckPktLarger { .. } => {
                found.insert("it is measured: it goes to a network with a smaller MTU (check_pkt_len)");
            }
            Action::Sample(_) => {
                found.insert("it is sampled (sample)");
            }
            _ => {}
        }
    }
    if step.changes.iter().any(|(field, _)| UNWRITTEN.contains(field)) {
        found.insert("the switch answers it itself (set nd, arp, icmp)");
    }
}

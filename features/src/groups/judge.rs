//! The same for every port: what is not asked of groups, what is, and what follows from the answers.
//!
//! Neighbour discovery, what routers say, MLD and DHCP pass whatever the groups say (RFC 4890, 4.4): without them a host has no
//! addresses. Conntrack would call the first three invalid. Errors about a connection that is followed pass with it.

use ::flows::{Asked, Drop, Emit, On, Reg, Row, Table};
use ofp::Field;
use packet::protocol;
use topology::{ChassisKey, View};

use crate::l2::GROUP_BIT;

/// Neighbour discovery (RFC 4861) but for redirects, and multicast listener discovery (RFC 2710, RFC 3810).
const ALWAYS: [u8; 8] = [130, 131, 132, 133, 134, 135, 136, 143];
const DHCP_SERVER: [(u16, u16); 2] = [(0x0800, 67), (0x86dd, 547)];
const IPV6: u16 = 0x86dd;
const IPV4: u16 = 0x0800;
/// `NXM_NX_IP_FRAG`: any fragment; a fragment but the first.
const FRAGMENT_ANY: u8 = 3;
const FRAGMENT_LATER: u8 = 2;

/// Bits of `ct_state` (ovs-fields(7)).
pub(super) mod state {
    pub(in crate::groups) const NEW: u32 = 0x01;
    pub(in crate::groups) const RELATED: u32 = 0x04;
    pub(in crate::groups) const REPLY: u32 = 0x08;
    pub(in crate::groups) const INVALID: u32 = 0x10;
    pub(in crate::groups) const TRACKED: u32 = 0x20;
}
use state::{INVALID, NEW, RELATED, REPLY, TRACKED};

/// The tables of one way, and what follows a good end.
struct Side {
    leaves: bool,
    first: Table,
    open: Table,
    state: Table,
    verdict: Table,
    kept: Table,
}

const EGRESS: Side = Side {
    leaves: true,
    first: Table::Egress,
    open: Table::EgressOpen,
    state: Table::EgressState,
    verdict: Table::EgressVerdict,
    kept: Table::EgressKept,
};
const INGRESS: Side = Side {
    leaves: false,
    first: Table::Ingress,
    open: Table::IngressOpen,
    state: Table::IngressState,
    verdict: Table::IngressVerdict,
    kept: Table::IngressKept,
};

impl Side {
    /// What is asked about a connection that began this way, or the other.
    fn asks(&self, reply: bool) -> Asked {
        if self.leaves == reply { Asked::Ingress } else { Asked::Egress }
    }

    fn passes(&self, row: Row<'_>) {
        if self.leaves { row.goto(Table::Gateway) } else { row.goto(Table::Deliver) }
    }
}

pub(super) fn everybody(view: &View<'_>, emit: &mut Emit, chassis: ChassisKey) {
    if view.chassis(chassis).is_none() {
        return;
    }
    let mut on = emit.on(chassis);
    on.row(Table::Deliver, 10, "a port of the bridge").deliver();
    on.row(Table::Egress, 400, "its port has no groups").when_reg(Reg::Filtered, 0u64).goto(Table::Gateway);
    for (ethertype, port) in DHCP_SERVER {
        on.row(Table::Egress, 300, "to a DHCP server")
            .when(Field::ETH_TYPE, ethertype)
            .when(Field::IP_PROTO, protocol::UDP)
            .when(Field::UDP_DST, port)
            .goto(Table::Gateway);
    }
    on.row(Table::Egress, 100, "what do the port's groups say?")
        .keep_bits(Field::IN_PORT.sub(0, 16), Reg::Judged)
        .load(Reg::Leaves, 1u64)
        .ask(Table::Groups)
        .goto(Table::EgressOpen);
    on.row(Table::Ingress, 100, "what do the port's groups say?")
        .load(Reg::Leaves, 0u64)
        .load(Reg::Asks, Asked::Open as u64)
        .load(Reg::Allowed, 0u64)
        .load(Reg::Follows, 0u64)
        .ask(Table::Groups)
        .goto(Table::IngressOpen);
    // A copy of its own for each port: nothing is to be held, or let go, among them.
    on.row(Table::IngressOpen, 95, "for many: by itself")
        .when_reg(Reg::Follows, 1u64)
        .when_masked(Field::ETH_DST, GROUP_BIT, GROUP_BIT)
        .load(Reg::Asks, Asked::Alone as u64)
        .ask(Table::Groups)
        .goto(Table::IngressVerdict);
    // Neighbours' chatter is nobody's attempt to reach the port.
    for table in [Table::IngressOpen, Table::IngressVerdict] {
        on.row(table, 5, "for many, and no rule lets it through: not counted")
            .when_masked(Field::ETH_DST, GROUP_BIT, GROUP_BIT)
            .drop_uncounted(Drop::NoRule);
    }
    for side in [EGRESS, INGRESS] {
        always(&mut on, &side);
        answers(&mut on, &side);
        states(&mut on, &side);
    }
}

fn always(on: &mut On<'_>, side: &Side) {
    side.passes(on.row(side.first, 300, "who has an address is found out whatever groups say").arp());
    for kind in ALWAYS {
        let row = on.row(side.first, 300, "hosts get and keep addresses whatever groups say (RFC 4890, 4.4)");
        side.passes(row.ipv6().when(Field::IP_PROTO, protocol::ICMPV6).when(Field::ICMPV6_TYPE, kind));
    }
}

fn answers(on: &mut On<'_>, side: &Side) {
    let row = on.row(side.open, 100, "no connection need be followed for it").when_reg(Reg::Allowed, 1u64);
    side.passes(row);
    for ethertype in [IPV6, IPV4] {
        on.row(side.open, 90, "whose connection is it?")
            .when_reg(Reg::Follows, 1u64)
            .when(Field::ETH_TYPE, ethertype)
            .track(side.state);
        on.row(side.verdict, 110, "a rule lets the new connection through")
            .when_reg(Reg::Allowed, 1u64)
            .when(Field::ETH_TYPE, ethertype)
            .when_masked(Field::CT_STATE, TRACKED | NEW, TRACKED | NEW)
            .ask(Table::Connections)
            .commit(side.kept);
    }
    let row = on.row(side.kept, 100, "the connection is kept");
    side.passes(row.when_masked(Field::CT_STATE, TRACKED, TRACKED | INVALID));
    side.passes(on.row(side.verdict, 100, "a rule lets its connection through").when_reg(Reg::Allowed, 1u64));
}

fn states(on: &mut On<'_>, side: &Side) {
    for (ethertype, protocol) in [(IPV6, protocol::ICMPV6), (IPV4, protocol::ICMPV4)] {
        on.row(side.state, 120, "ICMP that belongs to no connection: by itself")
            .when_masked(Field::CT_STATE, TRACKED | INVALID, TRACKED | INVALID)
            .when(Field::ETH_TYPE, ethertype)
            .when(Field::IP_PROTO, protocol)
            // Fragments that overlap are invalid, too.
            .when_masked(Field::IP_FRAG, 0u8, FRAGMENT_ANY)
            .load(Reg::Asks, Asked::Alone as u64)
            .ask(Table::Groups)
            .goto(side.verdict);
    }
    on.row(side.state, 110, "it does not fit its connection")
        .when_masked(Field::CT_STATE, TRACKED | INVALID, TRACKED | INVALID)
        .drop(Drop::InvalidState);
    let row = on.row(side.state, 100, "an error about a connection (RFC 4890, 4.3.1)");
    side.passes(row.when_masked(Field::CT_STATE, TRACKED | RELATED, TRACKED | RELATED));
    for ethertype in [IPV6, IPV4] {
        // Conntrack lets fragments go on only when all of a packet have come. Where the first is kept as a new connection's, they
        // come together there again; and where it is not, they wait in vain.
        let row =
            behind(on.row(side.state, 95, "behind the first of a new connection: if that one is kept"), ethertype);
        row.when_masked(Field::CT_STATE, TRACKED | NEW, TRACKED | NEW).commit(side.kept);
        let row = behind(on.row(side.state, 95, "behind a first: nobody can read it without that one"), ethertype);
        side.passes(row.when_masked(Field::CT_STATE, TRACKED, TRACKED | NEW));
    }
    for (reply, why) in [(false, "of a connection that began this way"), (true, "of one that began the other way")] {
        let state = if reply { TRACKED | REPLY } else { TRACKED };
        on.row(side.state, 90, why)
            .when_masked(Field::CT_STATE, state, TRACKED | REPLY)
            .load(Reg::Asks, side.asks(reply) as u64)
            .ask(Table::Groups)
            .goto(side.verdict);
    }
}

/// A fragment but the first.
fn behind(row: Row<'_>, ethertype: u16) -> Row<'_> {
    row.when(Field::ETH_TYPE, ethertype).when_masked(Field::IP_FRAG, FRAGMENT_LATER, FRAGMENT_LATER)
}

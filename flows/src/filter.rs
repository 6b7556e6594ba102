//! The pipeline's tables of security groups: those that a packet passes, one set for each way, and those that they ask.

use ofp::Field;

use crate::item::Drop;
use crate::pipeline::{Miss, REST, Table, TableSpec};
use crate::registers::Reg;

/// What a port sends, between `nd` and `gateway`.
pub(crate) const EGRESS: [TableSpec; 5] = [
    TableSpec {
        table: Table::Egress,
        name: "egress",
        about: "What a port's security groups say of what it sends. First: may everything pass between it and that other end? Then no connection is followed.",
        writers: &["groups"],
        matches: &[Field::ETH_TYPE, Field::IP_PROTO, Field::ICMPV6_TYPE, Field::UDP_DST],
        reads: &[Reg::Filtered],
        loads: &[Reg::Judged, Reg::Leaves, Reg::Asks, Reg::Allowed, Reg::Follows],
        next: &[Table::EgressOpen, Table::Gateway],
        asks: &[Table::Groups],
        miss: Miss::Covered,
        ..REST
    },
    TableSpec {
        table: Table::EgressOpen,
        name: "egress_open",
        about: "Passes what needs no more; else, where groups follow connections, it is looked up among the port's.",
        writers: &["groups"],
        matches: &[Field::ETH_TYPE],
        reads: &[Reg::Allowed, Reg::Follows],
        next: &[Table::Gateway],
        tracks: &[Table::EgressState],
        miss: Miss::Drop(Drop::NoRule),
        ..REST
    },
    TableSpec {
        table: Table::EgressState,
        name: "egress_state",
        about: "Whose connection it is: rules are asked about its first packet, whichever one this is.",
        writers: &["groups"],
        matches: &[Field::ETH_TYPE, Field::IP_PROTO, Field::IP_FRAG, Field::CT_STATE],
        loads: &[Reg::Asks],
        next: &[Table::EgressVerdict, Table::Gateway],
        asks: &[Table::Groups],
        tracks: &[Table::EgressKept],
        miss: Miss::Drop(Drop::InvalidState),
        ..REST
    },
    TableSpec {
        table: Table::EgressVerdict,
        name: "egress_verdict",
        about: "What a rule lets through goes on; a connection that is new is kept.",
        writers: &["groups"],
        matches: &[Field::ETH_TYPE, Field::CT_STATE],
        reads: &[Reg::Allowed],
        next: &[Table::Gateway],
        asks: &[Table::Connections],
        tracks: &[Table::EgressKept],
        miss: Miss::Drop(Drop::NoRule),
        ..REST
    },
    TableSpec {
        table: Table::EgressKept,
        name: "egress_kept",
        about: "The first packet of a connection goes on. Not what conntrack had held in vain, and lets go with any packet.",
        writers: &["groups"],
        matches: &[Field::CT_STATE],
        next: &[Table::Gateway],
        miss: Miss::Drop(Drop::InvalidState),
        ..REST
    },
];

/// What is for a port, behind `out`.
pub(crate) const INGRESS: [TableSpec; 5] = [
    TableSpec {
        table: Table::Ingress,
        name: "ingress",
        about: "What a port's security groups say of what is for it. First: may everything pass between it and that other end? Then no connection is followed.",
        writers: &["groups"],
        matches: &[Field::ETH_TYPE, Field::IP_PROTO, Field::ICMPV6_TYPE],
        loads: &[Reg::Judged, Reg::Leaves, Reg::Asks, Reg::Allowed, Reg::Follows],
        next: &[Table::IngressOpen, Table::Deliver],
        asks: &[Table::Groups],
        miss: Miss::Covered,
        ..REST
    },
    TableSpec {
        table: Table::IngressOpen,
        name: "ingress_open",
        about: "Delivers what needs no more; else, where groups follow connections, it is looked up among the port's.",
        writers: &["groups"],
        matches: &[Field::ETH_DST, Field::ETH_TYPE],
        reads: &[Reg::Allowed, Reg::Follows],
        loads: &[Reg::Asks],
        next: &[Table::IngressVerdict, Table::Deliver],
        asks: &[Table::Groups],
        tracks: &[Table::IngressState],
        miss: Miss::Drop(Drop::NoRule),
        ..REST
    },
    TableSpec {
        table: Table::IngressState,
        name: "ingress_state",
        about: "Whose connection it is: rules are asked about its first packet, whichever one this is.",
        writers: &["groups"],
        matches: &[Field::ETH_TYPE, Field::IP_PROTO, Field::IP_FRAG, Field::CT_STATE],
        loads: &[Reg::Asks],
        next: &[Table::IngressVerdict, Table::Deliver],
        asks: &[Table::Groups],
        tracks: &[Table::IngressKept],
        miss: Miss::Drop(Drop::InvalidState),
        ..REST
    },
    TableSpec {
        table: Table::IngressVerdict,
        name: "ingress_verdict",
        about: "What a rule lets through is delivered; a connection that is new is kept.",
        writers: &["groups"],
        matches: &[Field::ETH_DST, Field::ETH_TYPE, Field::CT_STATE],
        reads: &[Reg::Allowed],
        next: &[Table::Deliver],
        asks: &[Table::Connections],
        tracks: &[Table::IngressKept],
        miss: Miss::Drop(Drop::NoRule),
        ..REST
    },
    TableSpec {
        table: Table::IngressKept,
        name: "ingress_kept",
        about: "The first packet of a connection is delivered. Not what conntrack had held in vain, and lets go with any packet.",
        writers: &["groups"],
        matches: &[Field::CT_STATE],
        next: &[Table::Deliver],
        miss: Miss::Drop(Drop::InvalidState),
        ..REST
    },
];

/// Behind those, and behind `out`.
pub(crate) const DELIVER: TableSpec = TableSpec {
    table: Table::Deliver,
    name: "deliver",
    about: "Out of the port that is judged, or of the trunk that it is one of, with its tag; but not back to who sent it.",
    writers: &["port", "groups"],
    matches: &[Field::IN_PORT],
    reads: &[Reg::Judged],
    sets: &[Field::IN_PORT_NXM, Field::VLAN_VID],
    outputs: true,
    miss: Miss::Covered,
    ..REST
};

/// What is asked, both ways.
pub(crate) const ASKED: [TableSpec; 4] = [
    TableSpec {
        table: Table::Groups,
        name: "groups",
        about: "Asked: the port's security groups, one after the other.",
        writers: &["groups"],
        reads: &[Reg::Judged],
        loads: &[Reg::Follows, Reg::Group],
        asks: &[Table::Group],
        miss: Miss::Answer,
        ..REST
    },
    TableSpec {
        table: Table::Group,
        name: "group",
        about: "Asked: a group's rules, first those that name no set of addresses.",
        writers: &["groups"],
        matches: &[Field::ETH_TYPE],
        reads: &[Reg::Group, Reg::Asks, Reg::Leaves],
        loads: &[Reg::AddressSet, Reg::Allowed],
        asks: &[Table::Members, Table::Rules],
        miss: Miss::Answer,
        ..REST
    },
    TableSpec {
        table: Table::Members,
        name: "members",
        about: "Asked: is the other end's address in the set?",
        writers: &["groups"],
        matches: &[Field::ETH_TYPE, Field::IPV6_SRC, Field::IPV6_DST, Field::IPV4_SRC, Field::IPV4_DST],
        reads: &[Reg::AddressSet, Reg::Leaves, Reg::Net],
        next: &[Table::Rules],
        miss: Miss::Answer,
        ..REST
    },
    TableSpec {
        table: Table::Rules,
        name: "rules",
        about: "Asked: does a rule let it through? Where connections are followed, by what their first packet was.",
        writers: &["groups"],
        matches: &[
            Field::ETH_TYPE,
            Field::IP_PROTO,
            Field::IP_FRAG,
            Field::IPV6_SRC,
            Field::IPV6_DST,
            Field::IPV4_SRC,
            Field::IPV4_DST,
            Field::TCP_DST,
            Field::UDP_DST,
            Field::SCTP_SRC,
            Field::SCTP_DST,
            Field::ICMPV4_TYPE,
            Field::ICMPV4_CODE,
            Field::ICMPV6_TYPE,
            Field::ICMPV6_CODE,
            Field::CT_STATE,
            Field::CT_NW_PROTO,
            Field::CT_NW_SRC,
            Field::CT_NW_DST,
            Field::CT_IPV6_SRC,
            Field::CT_IPV6_DST,
            Field::CT_TP_SRC,
            Field::CT_TP_DST,
        ],
        reads: &[Reg::Group, Reg::AddressSet, Reg::Asks, Reg::Leaves],
        loads: &[Reg::Allowed],
        miss: Miss::Answer,
        ..REST
    },
];

/// Meters that are asked before the switch does for a port what costs more than to forward.
pub(crate) const METERED: [TableSpec; 2] = [
    TableSpec {
        table: Table::Answers,
        name: "answers",
        about: "Asked before an answer is sent: a meter by the number of the port that asks. What is above its rate goes no further.",
        writers: &["port"],
        reads: &[Reg::Judged],
        miss: Miss::Answer,
        ..REST
    },
    TableSpec {
        table: Table::Connections,
        name: "connections",
        about: "Asked before a new connection is kept: a meter by the number of the port whose it is. What is above its rate goes no further.",
        writers: &["groups"],
        reads: &[Reg::Judged],
        miss: Miss::Answer,
        ..REST
    },
];

/// Where what groups drop is counted.
pub(crate) const REFUSED: TableSpec = TableSpec {
    table: Table::Refused,
    name: "refused",
    about: "Counts what a port's security groups drop, by port, direction and name. The switch makes its rows itself, as those of \
            accused.",
    reads: &[Reg::Judged, Reg::Leaves, Reg::Refused],
    miss: Miss::Covered,
    ..REST
};

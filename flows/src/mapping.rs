//! The pipeline's tables of addresses that are others outside.

use ofp::Field;

use crate::pipeline::{Miss, REST, Table, TableSpec};
use crate::registers::Reg;

/// Behind `router_in`, by way of conntrack.
pub(crate) const SNAT_BACK: TableSpec = TableSpec {
    table: Table::SnatBack,
    name: "snat_back",
    about: "Answers to what went out from a router's own address have the address inside again; what else is for that address is for the router.",
    writers: &["mapping"],
    matches: &[Field::ETH_TYPE, Field::IPV4_DST],
    reads: &[Reg::Router],
    loads: &[Reg::Natted],
    next: &[Table::RouterOwn, Table::Route],
    miss: Miss::Goto(Table::Route),
    ..REST
};

/// Asked by `router_in`.
pub(crate) const FLOATS: TableSpec = TableSpec {
    table: Table::Floats,
    name: "floats",
    about: "Asked: is the source another one outside by itself? Then it need not leave by the chassis that remembers connections.",
    writers: &["mapping"],
    matches: &[Field::ETH_TYPE, Field::IPV4_SRC],
    reads: &[Reg::Router],
    loads: &[Reg::Floats],
    miss: Miss::Answer,
    ..REST
};

/// Behind `router_in`, where destinations get their addresses inside.
pub(crate) const INWARD: TableSpec = TableSpec {
    table: Table::Inward,
    name: "inward",
    about: "What was for an address outside has that inside. What an ICMP error quotes, only the controller can translate.",
    writers: &["mapping"],
    matches: &[Field::ETH_TYPE, Field::IP_PROTO, Field::ICMPV6_TYPE, Field::ICMPV4_TYPE],
    loads: &[Reg::PuntOp, Reg::PuntClass],
    next: &[Table::Route, Table::Punt],
    miss: Miss::Goto(Table::Route),
    ..REST
};

/// Behind `mtu_verdict`: what leaves by a router whose addresses are others outside.
pub(crate) const OUTWARD: [TableSpec; 3] = [
    TableSpec {
        table: Table::Outward,
        name: "outward",
        about: "Sources get their addresses outside.",
        writers: &["mapping"],
        matches: &[Field::ETH_TYPE, Field::IPV6_SRC, Field::IPV4_SRC],
        reads: &[Reg::Router, Reg::Mapped, Reg::FromLocalnet, Reg::FromFabric],
        sets: &[Field::IPV6_SRC, Field::IPV4_SRC],
        loads: &[Reg::Natted],
        tracks: &[Table::OutwardSaid],
        next: &[Table::OutwardSaid, Table::Onward],
        miss: Miss::Goto(Table::Onward),
        ..REST
    },
    TableSpec {
        table: Table::OutwardSaid,
        name: "outward_said",
        about: "What an ICMP error quotes of what came in, only the controller can translate. What conntrack was to translate has \
                another source now, or goes no further.",
        writers: &["mapping"],
        matches: &[Field::ETH_TYPE, Field::IP_PROTO, Field::ICMPV6_TYPE, Field::ICMPV4_TYPE, Field::IPV4_SRC],
        reads: &[Reg::Router, Reg::Natted],
        loads: &[Reg::PuntOp, Reg::PuntClass],
        next: &[Table::Onward, Table::Punt],
        miss: Miss::Goto(Table::Onward),
        ..REST
    },
    TableSpec {
        table: Table::Onward,
        name: "onward",
        about: "Where it goes, now that its source is as it has to be.",
        writers: &["mapping"],
        reads: &[Reg::Nexthop, Reg::ByRouter],
        next: &[Table::Nexthop, Table::Neighbor, Table::Out],
        miss: Miss::Goto(Table::Neighbor),
        ..REST
    },
];

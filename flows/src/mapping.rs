//! The pipeline's tables of addresses that are others outside.

use ofp::Field;

use crate::pipeline::{Miss, REST, Table, TableSpec};
use crate::registers::Reg;

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
        next: &[Table::OutwardSaid, Table::Onward],
        miss: Miss::Goto(Table::Onward),
        ..REST
    },
    TableSpec {
        table: Table::OutwardSaid,
        name: "outward_said",
        about: "What an ICMP error quotes of what came in, only the controller can translate.",
        writers: &["mapping"],
        matches: &[Field::ETH_TYPE, Field::IP_PROTO, Field::ICMPV6_TYPE, Field::ICMPV4_TYPE],
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

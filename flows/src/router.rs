//! The pipeline's tables of routers: what is for one, and where what is not goes.

use ofp::Field;

use crate::item::Drop;
use crate::pipeline::{Miss, REST, Table, TableSpec};
use crate::registers::Reg;

/// Behind `gateway`.
pub(crate) const ROUTER_IN: TableSpec = TableSpec {
    table: Table::RouterIn,
    name: "router_in",
    about: "What is for the router itself, and what may not be routed.",
    writers: &["routing", "icmp", "nd", "gateway", "mapping"],
    matches: &[
        Field::ETH_TYPE,
        Field::IP_PROTO,
        Field::NW_TTL,
        Field::IPV6_SRC,
        Field::IPV6_DST,
        Field::IPV4_SRC,
        Field::IPV4_DST,
        Field::ICMPV6_TYPE,
        Field::ICMPV6_CODE,
    ],
    reads: &[Reg::Net, Reg::Router, Reg::FromLocalnet],
    sets: &[Field::IPV6_DST, Field::IPV4_DST],
    loads: &[Reg::Kept, Reg::NdEui, Reg::NdBits, Reg::NdAsks, Reg::Maps, Reg::Mapped, Reg::PuntOp, Reg::PuntClass],
    asks: &[Table::Floats],
    tracks: &[Table::SnatBack],
    next: &[Table::RouterOwn, Table::Inward, Table::Route, Table::Neighbor, Table::Punt],
    miss: Miss::Drop(Drop::EtherType),
    ..REST
};

/// Behind `router_in`.
pub(crate) const ROUTER_OWN: TableSpec = TableSpec {
    table: Table::RouterOwn,
    name: "router_own",
    about: "What is for an address of the router's: echo is answered, DHCP, DNS and all else punted.",
    writers: &["icmp", "dhcp4", "dns"],
    matches: &[
        Field::ETH_TYPE,
        Field::IP_PROTO,
        Field::IP_FRAG,
        Field::ICMPV6_TYPE,
        Field::ICMPV6_CODE,
        Field::ICMPV4_TYPE,
        Field::ICMPV4_CODE,
        Field::UDP_DST,
    ],
    reads: &[Reg::Net],
    sets: &[
        Field::ETH_SRC,
        Field::ETH_DST,
        Field::IPV6_SRC,
        Field::IPV6_DST,
        Field::IPV4_SRC,
        Field::IPV4_DST,
        Field::ICMPV6_TYPE,
        Field::ICMPV4_TYPE,
        Field::NW_TTL,
    ],
    loads: &[Reg::Kept, Reg::Judged, Reg::PuntOp, Reg::PuntClass],
    next: &[Table::Reply, Table::Punt],
    asks: &[Table::Answers],
    miss: Miss::Covered,
    ..REST
};

/// Behind `router_in`, or `inward`.
pub(crate) const ROUTE: TableSpec = TableSpec {
    table: Table::Route,
    name: "route",
    about: "The router's prefixes, the longest first; the way out by source too.",
    writers: &["routing", "icmp", "gateway"],
    matches: &[Field::ETH_TYPE, Field::IPV6_SRC, Field::IPV6_DST, Field::IPV4_DST],
    reads: &[Reg::Router, Reg::Floats],
    sets: &[Field::ETH_SRC, Field::ETH_DST],
    loads: &[
        Reg::Net,
        Reg::FromLocalnet,
        Reg::Routed,
        Reg::Nexthop,
        Reg::ByRouter,
        Reg::Maps,
        Reg::NexthopAddress,
        Reg::PuntOp,
        Reg::PuntClass,
    ],
    next: &[Table::Mtu, Table::Punt],
    miss: Miss::Covered,
    ..REST
};

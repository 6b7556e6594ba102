//! The pipeline's tables of physical networks: what comes from one, and what goes onto one.

use ofp::Field;

use crate::item::Drop;
use crate::pipeline::{Miss, REST, Table, TableSpec};
use crate::registers::Reg;

/// Behind `classify`, on VLAN fabrics.
pub(crate) const RESTORE: TableSpec = TableSpec {
    table: Table::Restore,
    name: "restore",
    about: "On VLAN fabrics: puts the router's MAC back where the sending chassis put one of its own.",
    writers: &["overlay", "routing"],
    matches: &[Field::ETH_SRC],
    reads: &[Reg::Net],
    sets: &[Field::ETH_SRC],
    next: &[Table::Out],
    miss: Miss::Goto(Table::Out),
    ..REST
};

/// Behind `classify`.
pub(crate) const BORDER: TableSpec = TableSpec {
    table: Table::Border,
    name: "border",
    about: "What comes from a physical network: only its declared routers speak as routers, nobody uses MACs and addresses of ports \
            here, questions go to the one who is asked.",
    writers: &["provider", "gateway", "mapping", "direct"],
    matches: &[
        Field::ETH_SRC,
        Field::ETH_DST,
        Field::ETH_TYPE,
        Field::VLAN_VID,
        Field::IP_PROTO,
        Field::IP_FRAG,
        Field::NW_TTL,
        Field::IPV6_SRC,
        Field::IPV6_DST,
        Field::IPV4_SRC,
        Field::IPV4_DST,
        Field::ICMPV6_TYPE,
        Field::ICMPV6_CODE,
        Field::ND_TARGET,
        Field::ARP_OP,
        Field::ARP_SPA,
        Field::ARP_TPA,
        Field::TCP_SRC,
        Field::TCP_DST,
        Field::UDP_SRC,
        Field::UDP_DST,
    ],
    reads: &[Reg::Net, Reg::Nic],
    sets: &[
        Field::IN_PORT_NXM,
        Field::ETH_SRC,
        Field::ETH_DST,
        Field::IPV6_DST,
        Field::ARP_OP,
        Field::ARP_SPA,
        Field::ARP_TPA,
        Field::ARP_SHA,
        Field::ARP_THA,
    ],
    loads: &[
        Reg::Kept,
        Reg::NdEui,
        Reg::NdBits,
        Reg::NdAsks,
        Reg::Router,
        Reg::AskerMac,
        Reg::GatewayMac,
        Reg::PuntOp,
        Reg::PuntClass,
        Reg::Nic,
    ],
    reenters: &[Table::Classify, Table::Border],
    asks: &[Table::Punt],
    next: &[Table::RouterIn, Table::Neighbor, Table::Out, Table::Multicast, Table::Reply, Table::Punt],
    miss: Miss::Drop(Drop::EtherType),
    ..REST
};

/// Behind `out`.
pub(crate) const LOCALNET: TableSpec = TableSpec {
    table: Table::Localnet,
    name: "localnet",
    about: "Onto a physical network, with the tag of the provider network there. What came from one never returns to it.",
    writers: &["provider"],
    matches: &[Field::VLAN_VID],
    reads: &[Reg::Net, Reg::FromLocalnet, Reg::Routed],
    sets: &[Field::IN_PORT_NXM, Field::VLAN_VID, Field::ETH_SRC],
    outputs: true,
    miss: Miss::Drop(Drop::NoUplink),
    ..REST
};

/// Behind `mtu_verdict`.
pub(crate) const NEXTHOP: TableSpec = TableSpec {
    table: Table::Nexthop,
    name: "nexthop",
    about: "The MAC of the router on a physical network that a packet goes to.",
    writers: &["gateway"],
    matches: &[Field::ETH_TYPE],
    reads: &[Reg::Net, Reg::NexthopAddress],
    sets: &[Field::ETH_DST],
    loads: &[Reg::PuntOp, Reg::PuntClass],
    next: &[Table::Out, Table::Punt],
    miss: Miss::Covered,
    ..REST
};

/// Behind what answers.
pub(crate) const REPLY: TableSpec = TableSpec {
    table: Table::Reply,
    name: "reply",
    about: "Back by the port that the question came in by, with the tag that it had there.",
    writers: &["nd", "gateway", "direct", "port"],
    matches: &[Field::IN_PORT],
    reads: &[Reg::Net, Reg::FromLocalnet, Reg::Nic],
    sets: &[Field::IN_PORT_NXM, Field::VLAN_VID],
    outputs: true,
    miss: Miss::Covered,
    ..REST
};

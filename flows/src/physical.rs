//! The pipeline's tables of physical networks: what comes from one, and what goes onto one.

use ofp::Field;

use crate::item::Drop;
use crate::pipeline::{Miss, REST, Table, TableSpec};
use crate::registers::Reg;

/// Behind `classify`.
pub(crate) const BORDER: TableSpec = TableSpec {
    table: Table::Border,
    name: "border",
    about: "What comes from a physical network: only its declared routers speak as routers, nobody uses MACs and addresses of ports \
            here, questions go to the one who is asked.",
    writers: &["provider"],
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
    reads: &[Reg::Net],
    sets: &[Field::ETH_SRC, Field::ETH_DST, Field::IPV6_DST],
    loads: &[Reg::Kept, Reg::NdEui, Reg::NdBits, Reg::NdAsks],
    next: &[Table::Neighbor, Table::Out, Table::Multicast],
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
    sets: &[Field::VLAN_VID, Field::ETH_SRC],
    outputs: true,
    miss: Miss::Drop(Drop::NoUplink),
    ..REST
};

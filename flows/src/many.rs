//! The pipeline's tables of what is for many: for all of a network, or for those who listen.

use ofp::Field;

use crate::item::Drop;
use crate::pipeline::{Miss, REST, Table, TableSpec};
use crate::registers::Reg;

/// Behind `out`.
pub(crate) const FLOOD: TableSpec = TableSpec {
    table: Table::Flood,
    name: "flood",
    about: "Copies to every port of the network: on this chassis, and once to each other chassis, or to the physical network.",
    writers: &["l2"],
    reads: &[Reg::Net, Reg::FromFabric, Reg::FromLocalnet],
    outputs: true,
    miss: Miss::Drop(Drop::UnknownMac),
    ..REST
};

/// Behind `out`.
pub(crate) const MULTICAST: TableSpec = TableSpec {
    table: Table::Multicast,
    name: "multicast",
    about: "Copies to who listens to a group: here, and once to each other chassis with listeners, or to the physical network. On the \
            chassis where they are, routers forward to their other networks.",
    writers: &["multicast"],
    matches: &[Field::ETH_TYPE, Field::IPV6_SRC, Field::IPV6_DST, Field::IPV4_SRC, Field::IPV4_DST],
    reads: &[Reg::Net, Reg::FromFabric, Reg::FromLocalnet],
    outputs: true,
    miss: Miss::Drop(Drop::NoListener),
    ..REST
};

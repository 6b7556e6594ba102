//! What a router's port may send beyond its own: what it forwards.

use std::net::{Ipv4Addr, Ipv6Addr};

use ::flows::{Drop, On, Reg, Row, Table};
use addr::{IpNet, Ipv4Net, Ipv6Net};
use ofp::Field;
use topology::{Place, Policy, Port, Role, View};

/// Sources of no packet that a router forwards: loopback and unspecified, link-local, groups.
const NEVER_V6: [Ipv6Net; 3] = [Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 127), addr::LINK_LOCAL, addr::MULTICAST];
/// The same for IPv4, with the reserved block that the broadcast address is in.
const NEVER_V4: [Ipv4Net; 4] = [
    Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 8),
    Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16),
    Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 3),
];

/// A router forwards packets of any source but those of the network itself: whoever is there, sends for himself.
pub(super) fn forwards(on: &mut On<'_>, view: &View<'_>, port: &Port, place: Place, policy: &Policy) {
    if policy.role != Role::Router {
        return;
    }
    let subnets =
        view.subnets_of(port.network).into_iter().filter_map(|key| view.subnet(key)).map(|subnet| subnet.cidr);
    let never = NEVER_V6.map(IpNet::V6).into_iter().chain(NEVER_V4.map(IpNet::V4));
    for prefix in subnets.chain(never) {
        let row = on.row(Table::Admit, 35, "a source that a router on the network has nothing to forward from");
        from(row, place, prefix).drop(Drop::SpoofedSource);
    }
    for any in [
        IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0)),
        IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0)),
    ] {
        from(on.row(Table::Admit, 30, "the port is a router's: it forwards"), place, any)
            .when_reg(Reg::Claim, 0u64)
            .goto(Table::Nd);
    }
}

fn from<'r>(row: Row<'r>, place: Place, prefix: IpNet) -> Row<'r> {
    let row = row.when(Field::IN_PORT, place.ofport);
    match prefix {
        IpNet::V6(net) if net.prefix_len() == 0 => row.ipv6(),
        IpNet::V6(net) => row.ipv6().when_masked(Field::IPV6_SRC, net.network(), net.netmask()),
        IpNet::V4(net) if net.prefix_len() == 0 => row.ipv4(),
        IpNet::V4(net) => row.ipv4().when_masked(Field::IPV4_SRC, net.network(), net.netmask()),
    }
}

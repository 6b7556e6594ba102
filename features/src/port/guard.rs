//! What no secured port may send: router advertisements, redirects, advertisements for others' addresses, and what hides
//! them from the switch (RFC 6105, RFC 6980).

use std::net::Ipv6Addr;

use ::flows::{Drop, Emit, On, Table};
use addr::{Ipv6Net, MacAddr};
use ofp::Field;
use topology::{ChassisKey, Place, Port, View};

const ROUTER_SOLICIT: u8 = 133;
const ROUTER_ADVERT: u8 = 134;
const NEIGHBOR_SOLICIT: u8 = 135;
const NEIGHBOR_ADVERT: u8 = 136;
const REDIRECT: u8 = 137;
/// What a host may send before it has an address, with its hop limit: MLD reports and done (RFC 2710, 3; RFC 3810, 5),
/// router solicitations (RFC 4861, 4.1). All to groups.
const FROM_UNSPECIFIED: [(u8, u8); 4] = [(131, 1), (132, 1), (143, 1), (ROUTER_SOLICIT, 255)];
/// `ff00::/8`.
const MULTICAST: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8);
/// `NXM_NX_IP_FRAG`: any fragment.
const FRAGMENT_ANY: u8 = 1;

/// Rows for every secured port alike.
pub(super) fn everybody(view: &View<'_>, emit: &mut Emit, chassis: ChassisKey) {
    if view.chassis(chassis).is_none() {
        return;
    }
    let mut on = emit.on(chassis);
    on.row(Table::Guard, 1000, "no port sends VLAN tags")
        .when_masked(Field::VLAN_VID, 0x1000u16, 0x1000u16)
        .drop(Drop::VlanTag);
    on.row(Table::Guard, 990, "a chain of extension headers that the switch can't follow")
        .ipv6()
        .when(Field::IP_PROTO, 0u8)
        .drop(Drop::UnparsableHeaders);
    // Neighbour discovery has hop limit 255 and is never fragmented. What is hidden in later fragments can't be seen, so a host
    // that sends everything with hop limit 255 loses its fragments.
    on.row(Table::Guard, 980, "a fragment with hop limit 255 can only be neighbour discovery (RFC 6980, 5)")
        .ipv6()
        .when_masked(Field::IP_FRAG, FRAGMENT_ANY, FRAGMENT_ANY)
        .when(Field::NW_TTL, 255u8)
        .drop(Drop::FragmentedNd);
    for (kind, drop) in [(ROUTER_ADVERT, Drop::RogueRouterAdvert), (REDIRECT, Drop::RogueRedirect)] {
        on.row(Table::Guard, 960, "only routers may send it")
            .ipv6()
            .when(Field::IP_PROTO, 58u8)
            .when(Field::ICMPV6_TYPE, kind)
            .drop(drop);
    }
    on.row(Table::Guard, 950, "duplicate address detection: any target; who has it says so")
        .icmpv6(NEIGHBOR_SOLICIT)
        .when(Field::IPV6_SRC, Ipv6Addr::UNSPECIFIED)
        .when(Field::NW_TTL, 255u8)
        .goto(Table::Nd);
    for (kind, hop_limit) in FROM_UNSPECIFIED {
        on.row(Table::Guard, 950, "a host may send it before it has an address")
            .icmpv6(kind)
            .when(Field::IPV6_SRC, Ipv6Addr::UNSPECIFIED)
            .when_masked(Field::IPV6_DST, MULTICAST.network(), MULTICAST.netmask())
            .when(Field::NW_TTL, hop_limit)
            .goto(Table::Nd);
    }
    on.row(Table::Guard, 940, "an advertisement that is not of an own address")
        .ipv6()
        .when(Field::IP_PROTO, 58u8)
        .when(Field::ICMPV6_TYPE, NEIGHBOR_ADVERT)
        .drop(Drop::ForeignNeighborAdvert);
    for (ethertype, why) in
        [(0x86ddu16, "IPv6: by its source"), (0x0800, "IPv4: by its source"), (0x0806, "ARP: by its sender")]
    {
        on.row(Table::Guard, 100, why).when(Field::ETH_TYPE, ethertype).goto(Table::Admit);
    }
}

/// A port's own neighbour advertisements. Linux leaves the option out when it answers a unicast solicitation.
pub(super) fn own(on: &mut On<'_>, port: &Port, place: Place) {
    for address in port.v6() {
        for option in [port.mac, MacAddr::ZERO] {
            on.row(Table::Guard, 945, "an advertisement of the port's own address")
                .icmpv6(NEIGHBOR_ADVERT)
                .when(Field::IN_PORT, place.ofport)
                .when(Field::NW_TTL, 255u8)
                .when(Field::ND_TARGET, address)
                .when(Field::ND_TLL, option)
                .goto(Table::Admit);
        }
    }
}

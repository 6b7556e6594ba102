//! What no secured port may send: router advertisements, redirects, servers' answers, advertisements for others' addresses, and
//! what hides them from the switch (RFC 6105, RFC 6980, RFC 7112, RFC 7113, RFC 7610). What a port of another role may send all the
//! same, its own rows let through.

use std::net::{Ipv4Addr, Ipv6Addr};

use ::flows::{Claim, Drop, Emit, On, Reg, Row, Table};
use addr::{Ipv6Net, LINK_LOCAL, MULTICAST, MacAddr};
use ofp::Field;
use packet::{DHCP4_CLIENT_PORT, DHCP6_CLIENT_PORT, protocol};
use topology::{ChassisKey, Place, Policy, Role, View};

const ROUTER_SOLICIT: u8 = 133;
const ROUTER_ADVERT: u8 = 134;
const NEIGHBOR_SOLICIT: u8 = 135;
const NEIGHBOR_ADVERT: u8 = 136;
const REDIRECT: u8 = 137;
/// ICMPv6 messages that only routers send, and their names here: queries for listeners (RFC 3810, 5.1), router renumbering
/// (RFC 2894), multicast router discovery (RFC 4286).
const OF_ROUTERS: [(u8, Drop); 6] = [
    (ROUTER_ADVERT, Drop::RogueRouterAdvert),
    (REDIRECT, Drop::RogueRedirect),
    (130, Drop::RogueMulticastRouter),
    (138, Drop::RogueRouterAdvert),
    (151, Drop::RogueMulticastRouter),
    (153, Drop::RogueMulticastRouter),
];
/// Protocols that only routers speak, and those that carry a second packet past the guard: IPv6 in IPv6 (RFC 2473) and a Mobility
/// Header (RFC 6275).
const PROTOCOLS_OF_ROUTERS: [(u8, Drop); 3] =
    [(PIM, Drop::RogueMulticastRouter), (IPV6_IN_IPV6, Drop::TunnelCarrier), (MOBILITY, Drop::TunnelCarrier)];
const PIM: u8 = 103;
const IGMP: u8 = 2;
const IPV6_IN_IPV6: u8 = 41;
const MOBILITY: u8 = 135;
/// What a host may send before it has an address, with its hop limit: MLD reports and done (RFC 2710, 3; RFC 3810, 5),
/// router solicitations (RFC 4861, 4.1). All to groups.
const FROM_UNSPECIFIED: [(u8, u8); 4] = [(131, 1), (132, 1), (143, 1), (ROUTER_SOLICIT, 255)];
/// `ff02::/16`: groups of one link.
const LINK_GROUPS: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0), 16);
/// `NXM_NX_IP_FRAG`: any fragment; and one that is not the first.
const FRAGMENT_ANY: u8 = 1;
const FRAGMENT_LATER: u8 = 2;

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
    fragments(&mut on, Table::Guard);
    of_others(&mut on);
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
    on.row(Table::Guard, 100, "IPv6: by its source").ipv6().goto(Table::Admit);
    on.row(Table::Guard, 100, "IPv4: by its source").ipv4().goto(Table::Admit);
    on.row(Table::Admit, 90, "a host may say what it listens to before it has an address (RFC 3376, 4.2.13)")
        .ipv4()
        .when(Field::IP_PROTO, IGMP)
        .when(Field::IPV4_SRC, Ipv4Addr::UNSPECIFIED)
        .goto(Table::Nd);
    solicitations(&mut on);
    adverts(&mut on);
    arp(&mut on);
}

/// What is hidden in later fragments, or under overlapping ones, can't be seen. So what neighbours say to each other goes unfragmented. Rows of the
/// guard, or of the border.
pub(crate) fn fragments(on: &mut On<'_>, table: Table) {
    fn fragment(row: Row<'_>) -> Row<'_> {
        row.ipv6().when_masked(Field::IP_FRAG, FRAGMENT_ANY, FRAGMENT_ANY)
    }
    // A host that sends everything with hop limit 255 loses its fragments.
    fragment(on.row(table, 985, "a fragment with hop limit 255 can only be neighbour discovery (RFC 6980, 5)"))
        .when(Field::NW_TTL, 255u8)
        .drop(Drop::FragmentedNd);
    for (groups, why) in [
        (LINK_LOCAL, "DHCPv6 may be hidden in it: servers answer to link-local addresses"),
        (LINK_GROUPS, "to a group of the link: discovery of any kind may be hidden in it"),
    ] {
        fragment(on.row(table, 984, why))
            .when_masked(Field::IPV6_DST, groups.network(), groups.netmask())
            .drop(Drop::FragmentedControl);
    }
    fragment(on.row(table, 983, "to a group, with hop limit 1: a query for listeners may be hidden in it"))
        .when_masked(Field::IPV6_DST, MULTICAST.network(), MULTICAST.netmask())
        .when(Field::NW_TTL, 1u8)
        .drop(Drop::FragmentedControl);
    on.row(table, 983, "a broadcast in fragments: DHCP may be hidden in it")
        .ipv4()
        .when_masked(Field::IP_FRAG, FRAGMENT_ANY, FRAGMENT_ANY)
        .when(Field::IPV4_DST, Ipv4Addr::BROADCAST)
        .drop(Drop::FragmentedControl);
    // The switch reads 0 where the header is not there.
    let why = "a first fragment without its transport header (RFC 7112, 5)";
    fn first(row: Row<'_>) -> Row<'_> {
        row.ipv6().when_masked(Field::IP_FRAG, FRAGMENT_ANY, FRAGMENT_ANY | FRAGMENT_LATER)
    }
    for (number, source, destination) in
        [(protocol::UDP, Field::UDP_SRC, Field::UDP_DST), (protocol::TCP, Field::TCP_SRC, Field::TCP_DST)]
    {
        first(on.row(table, 980, why))
            .when(Field::IP_PROTO, number)
            .when(source, 0u16)
            .when(destination, 0u16)
            .drop(Drop::TruncatedHeaders);
    }
    first(on.row(table, 980, why))
        .when(Field::IP_PROTO, protocol::ICMPV6)
        .when(Field::ICMPV6_TYPE, 0u8)
        .when(Field::ICMPV6_CODE, 0u8)
        .drop(Drop::TruncatedHeaders);
}

/// What others than hosts send: routers, and DHCP servers (RFC 7610, 4).
fn of_others(on: &mut On<'_>) {
    for (kind, drop) in OF_ROUTERS {
        on.row(Table::Guard, 960, "only routers may send it")
            .ipv6()
            .when(Field::IP_PROTO, protocol::ICMPV6)
            .when(Field::ICMPV6_TYPE, kind)
            .drop(drop);
    }
    for (number, drop) in PROTOCOLS_OF_ROUTERS {
        on.row(Table::Guard, 960, "only routers may send it").ipv6().when(Field::IP_PROTO, number).drop(drop);
    }
    on.row(Table::Guard, 960, "only routers may send it")
        .ipv4()
        .when(Field::IP_PROTO, PIM)
        .drop(Drop::RogueMulticastRouter);
    to_clients(on.row(Table::Guard, 960, "only servers send to DHCPv6 clients")).drop(Drop::RogueDhcpServer);
    on.row(Table::Guard, 960, "only servers send to DHCP clients")
        .ipv4()
        .when(Field::IP_PROTO, protocol::UDP)
        .when(Field::UDP_DST, DHCP4_CLIENT_PORT)
        .drop(Drop::RogueDhcpServer);
}

fn to_clients(row: Row<'_>) -> Row<'_> {
    row.ipv6().when(Field::IP_PROTO, protocol::UDP).when(Field::UDP_DST, DHCP6_CLIENT_PORT)
}

/// What a port of another role may send beside what hosts do. Its sources are its own all the same.
pub(super) fn privileges(on: &mut On<'_>, place: Place, policy: &Policy) {
    if policy.relays {
        to_clients(on.row(Table::Guard, 965, "a relay agent hands on what servers say to its clients"))
            .when(Field::IN_PORT, place.ofport)
            .goto(Table::Admit);
    }
    if policy.role != Role::Router {
        return;
    }
    let why = "the port is a router's";
    for kind in [ROUTER_ADVERT, REDIRECT] {
        on.row(Table::Guard, 965, why)
            .icmpv6(kind)
            .when(Field::IN_PORT, place.ofport)
            .when(Field::NW_TTL, 255u8)
            .goto(Table::Admit);
    }
    for (kind, drop) in OF_ROUTERS {
        if drop == Drop::RogueMulticastRouter {
            on.row(Table::Guard, 965, why).icmpv6(kind).when(Field::IN_PORT, place.ofport).goto(Table::Admit);
        }
    }
    on.row(Table::Guard, 965, why)
        .ipv4()
        .when(Field::IN_PORT, place.ofport)
        .when(Field::IP_PROTO, PIM)
        .goto(Table::Admit);
    for (number, _) in PROTOCOLS_OF_ROUTERS {
        on.row(Table::Guard, 965, why)
            .ipv6()
            .when(Field::IN_PORT, place.ofport)
            .when(Field::IP_PROTO, number)
            .goto(Table::Admit);
    }
}

/// A solicitation has an own source, and if it has a link-layer option, the own MAC in it: that takes the Ethernet source's place for
/// one pass from the start. An advertisement without one, Linux sends where it knows whom it asks.
fn solicitations(on: &mut On<'_>) {
    fn sound(row: Row<'_>) -> Row<'_> {
        row.icmpv6(NEIGHBOR_SOLICIT).when(Field::NW_TTL, 255u8)
    }
    sound(on.row(Table::Guard, 949, "options that the switch can't read, or no target"))
        .when(Field::ND_TARGET, Ipv6Addr::UNSPECIFIED)
        .drop(Drop::MalformedNd);
    sound(on.row(Table::Guard, 948, "its MAC is the port's: now its source"))
        .when_reg(Reg::Claim, Claim::SourceMac as u64)
        .goto(Table::Admit);
    sound(on.row(Table::Guard, 947, "a solicitation without a MAC: by its source"))
        .when(Field::ND_SLL, MacAddr::ZERO)
        .goto(Table::Admit);
    sound(on.row(Table::Guard, 946, "a solicitation: first, is the MAC in it the port's?"))
        // Once: were the row for a proven claim missing, a packet would else come round and round.
        .when_reg(Reg::Claim, 0u64)
        .copy(Field::ND_SLL, Field::ETH_SRC)
        .load(Reg::Claim, Claim::SourceMac as u64)
        .reenter(Table::Classify);
    on.row(Table::Guard, 945, "a solicitation of routers as it has to be (RFC 4861, 6.1.1)")
        .icmpv6(ROUTER_SOLICIT)
        .when(Field::NW_TTL, 255u8)
        .goto(Table::Admit);
    for kind in [ROUTER_SOLICIT, NEIGHBOR_SOLICIT] {
        on.row(Table::Guard, 940, "a solicitation that is none (RFC 4861, 6.1.1 and 7.1.1)")
            .ipv6()
            .when(Field::IP_PROTO, protocol::ICMPV6)
            .when(Field::ICMPV6_TYPE, kind)
            .drop(Drop::MalformedNd);
    }
    on.row(Table::Classify, 50, "a solicitation with another's MAC")
        .when_reg(Reg::Claim, Claim::SourceMac as u64)
        .drop(Drop::ForeignNeighborSolicit);
}

/// A neighbour advertisement is of an own address, with the own MAC. Target and MAC take the places of the sources, one pass
/// from the start: what admits those knows them. Then the source itself is shown, by a second one.
fn adverts(on: &mut On<'_>) {
    on.row(Table::Guard, 945, "its target and its MAC are the port's: now its source")
        .icmpv6(NEIGHBOR_ADVERT)
        .when_reg(Reg::Claim, Claim::TargetMac as u64)
        .goto(Table::Admit);
    // Linux leaves the option out when it answers a unicast solicitation.
    let plain =
        of_target(on.row(Table::Guard, 944, "an advertisement without a MAC: first, is the target the port's?"));
    plain.when(Field::ND_TLL, MacAddr::ZERO).load(Reg::Claim, Claim::Target as u64).goto(Table::Admit);
    let row = of_target(on.row(Table::Guard, 943, "an advertisement: first, is the target the port's?"));
    row.copy(Field::ND_TLL, Field::ETH_SRC).load(Reg::Claim, Claim::Target as u64).goto(Table::Admit);
    on.row(Table::Guard, 940, "an advertisement that is none (RFC 4861, 7.1.2)")
        .ipv6()
        .when(Field::IP_PROTO, 58u8)
        .when(Field::ICMPV6_TYPE, NEIGHBOR_ADVERT)
        .drop(Drop::ForeignNeighborAdvert);
    on.row(Table::Admit, 50, "an advertisement of another's address")
        .when_reg(Reg::Claim, Claim::Target as u64)
        .drop(Drop::ForeignNeighborAdvert);
    on.row(Table::Classify, 50, "an advertisement with another's MAC")
        .when_reg(Reg::Claim, Claim::TargetMac as u64)
        .drop(Drop::ForeignNeighborAdvert);
}

fn of_target(row: Row<'_>) -> Row<'_> {
    // Once: were the rows for a proven claim missing, a packet would else come round and round.
    row.icmpv6(NEIGHBOR_ADVERT)
        .when_reg(Reg::Claim, 0u64)
        .when(Field::NW_TTL, 255u8)
        .keep(Field::IPV6_SRC, Reg::Kept)
        .copy(Field::ND_TARGET, Field::IPV6_SRC)
}

/// An ARP packet's sender has the port's MAC; then its address is admitted, or it has none yet.
fn arp(on: &mut On<'_>) {
    on.row(Table::Guard, 110, "its MAC is the port's: now its address")
        .arp()
        .when_reg(Reg::Claim, Claim::SenderMac as u64)
        .goto(Table::Admit);
    on.row(Table::Guard, 100, "ARP: first, is the sender's MAC the port's?")
        .arp()
        // Once: were the row above missing, a packet would else come round and round.
        .when_reg(Reg::Claim, 0u64)
        .copy(Field::ARP_SHA, Field::ETH_SRC)
        .load(Reg::Claim, Claim::SenderMac as u64)
        .reenter(Table::Classify);
    on.row(Table::Classify, 50, "an ARP packet with another's MAC")
        .when_reg(Reg::Claim, Claim::SenderMac as u64)
        .drop(Drop::SpoofedSource);
    on.row(Table::Admit, 90, "a probe has no sender address (RFC 5227, 2.1.1)")
        .arp()
        .when(Field::ARP_SPA, Ipv4Addr::UNSPECIFIED)
        .goto(Table::Nd);
}

//! What no secured port may send: router advertisements, redirects, advertisements for others' addresses, and what hides
//! them from the switch (RFC 6105, RFC 6980).

use std::net::{Ipv4Addr, Ipv6Addr};

use ::flows::{Claim, Drop, Emit, On, Reg, Row, Table};
use addr::{Ipv6Net, MacAddr};
use ofp::Field;
use topology::{ChassisKey, View};

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
    on.row(Table::Guard, 100, "IPv6: by its source").ipv6().goto(Table::Admit);
    on.row(Table::Guard, 100, "IPv4: by its source").ipv4().goto(Table::Admit);
    adverts(&mut on);
    arp(&mut on);
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

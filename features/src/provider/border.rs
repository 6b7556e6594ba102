//! The guard at a physical network: what may come in from there.

use std::net::{Ipv4Addr, Ipv6Addr};

use ::flows::{Drop, On, Reg, Row, Table};
use addr::MacAddr;
use ofp::Field;
use packet::{DHCP4_CLIENT_PORT, DHCP6_CLIENT_PORT, OP_REQUEST, protocol};
use topology::{NetworkKey, Port, View};

use crate::l2::GROUP_BIT;
use crate::nd::flows::ask;
use crate::overlay::warm;
use crate::port::guard::fragments;

const ROUTER_ADVERT: u8 = 134;
const NEIGHBOR_SOLICIT: u8 = 135;
const NEIGHBOR_ADVERT: u8 = 136;
const REDIRECT: u8 = 137;
/// What only routers say to hosts: advertisements, redirects, renumbering (RFC 2894).
const OF_ROUTERS: [(u8, Drop); 3] =
    [(ROUTER_ADVERT, Drop::RogueRouterAdvert), (REDIRECT, Drop::RogueRedirect), (138, Drop::RogueRouterAdvert)];
/// To whom IGMP's general queries go (RFC 3376, 4.1.12).
const ALL_SYSTEMS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
/// `01:80:c2:00:00:0X`: what bridges say to each other (IEEE 802.1Q, 8.6.3).
const LINK_GROUPS: (MacAddr, MacAddr) =
    (MacAddr([0x01, 0x80, 0xc2, 0, 0, 0]), MacAddr([0xff, 0xff, 0xff, 0xff, 0xff, 0xf0]));

/// Rows for all provider networks alike.
pub(super) fn everybody(on: &mut On<'_>) {
    on.row(Table::Border, 1000, "a second tag").when_masked(Field::VLAN_VID, 0x1000u16, 0x1000u16).drop(Drop::VlanTag);
    on.row(Table::Border, 995, "what bridges say to each other is for bridges")
        .when_masked(Field::ETH_DST, LINK_GROUPS.0, LINK_GROUPS.1)
        .drop(Drop::LinkProtocol);
    on.row(Table::Border, 995, "what other chassis tell the switches between of where ports are")
        .when(Field::ETH_TYPE, warm::ETHERTYPE)
        .drop(Drop::LinkProtocol);
    on.row(Table::Border, 990, "a chain of extension headers that the switch can't follow")
        .ipv6()
        .when(Field::IP_PROTO, 0u8)
        .drop(Drop::UnparsableHeaders);
    fragments(on, Table::Border);
    for (kind, drop) in OF_ROUTERS {
        message(on.row(Table::Border, 960, "not from a router that the network names"), kind).drop(drop);
    }
    // Delivered to the one who is asked, by his row in the table of neighbours: nobody else hears it.
    let question = on
        .row(Table::Border, 945, "a question for an address here?")
        .icmpv6(NEIGHBOR_SOLICIT)
        .when(Field::NW_TTL, 255u8)
        .when_masked(Field::ETH_DST, GROUP_BIT, GROUP_BIT);
    ask(question);
    for kind in 133..=NEIGHBOR_ADVERT {
        if kind != ROUTER_ADVERT {
            on.row(Table::Border, 943, "neighbour discovery as it has to be (RFC 4861, 6.1 and 7.1)")
                .icmpv6(kind)
                .when(Field::NW_TTL, 255u8)
                .goto(Table::Out);
            message(on.row(Table::Border, 940, "neighbour discovery that is none"), kind).drop(Drop::MalformedNd);
        }
    }
    on.row(Table::Border, 110, "requests for nobody here, never flooded")
        .arp()
        .when(Field::ARP_OP, OP_REQUEST)
        .when_masked(Field::ETH_DST, GROUP_BIT, GROUP_BIT)
        .drop(Drop::UnknownTarget);
    let why = "what others outside listen to is for routers and monitors";
    for kind in [131, 132, 143] {
        message(on.row(Table::Border, 950, why), kind).goto(Table::Multicast);
    }
    let queries = on.row(Table::Border, 951, "a router outside asks who listens");
    queries.ipv4().when(Field::IP_PROTO, protocol::IGMP).when(Field::IPV4_DST, ALL_SYSTEMS).goto(Table::Out);
    on.row(Table::Border, 950, why).ipv4().when(Field::IP_PROTO, protocol::IGMP).goto(Table::Multicast);
    for ethertype in [0x86ddu16, 0x0800, 0x0806] {
        on.row(Table::Border, 100, "by its destination").when(Field::ETH_TYPE, ethertype).goto(Table::Out);
    }
}

/// With whatever code: nothing that looks like it passes.
fn message(row: Row<'_>, kind: u8) -> Row<'_> {
    row.ipv6().when(Field::IP_PROTO, protocol::ICMPV6).when(Field::ICMPV6_TYPE, kind)
}

/// The routers whose word hosts of a network shall take.
pub(super) fn routers(on: &mut On<'_>, network: NetworkKey, routers: &[Ipv6Addr]) {
    for router in routers {
        for kind in [ROUTER_ADVERT, REDIRECT] {
            on.row(Table::Border, 965, "from a router that the network names")
                .icmpv6(kind)
                .when_reg(Reg::Net, network.0)
                .when(Field::NW_TTL, 255u8)
                .when(Field::IPV6_SRC, *router)
                .goto(Table::Out);
        }
    }
}

/// Where hosts are served here, nobody outside serves them.
pub(super) fn servers(view: &View<'_>, on: &mut On<'_>, network: NetworkKey) {
    let subnets = view.subnets_of(network);
    let (v6, v4) = (subnets.iter().any(|s| view.dhcp6(*s).is_some()), subnets.iter().any(|s| view.dhcp4(*s).is_some()));
    let served = "hosts of the network are served here";
    for (ethertype, port, is_served) in [(0x86ddu16, DHCP6_CLIENT_PORT, v6), (0x0800, DHCP4_CLIENT_PORT, v4)] {
        if is_served {
            on.row(Table::Border, 960, served)
                .when(Field::ETH_TYPE, ethertype)
                .when_reg(Reg::Net, network.0)
                .when(Field::IP_PROTO, protocol::UDP)
                .when(Field::UDP_DST, port)
                .drop(Drop::RogueDhcpServer);
        }
    }
}

/// A port here: what bears its name does not come from outside.
pub(super) fn own(on: &mut On<'_>, port: &Port) {
    let network = port.network.0;
    on.row(Table::Border, 980, "from a MAC of a port here: a loop, or a lie")
        .when_reg(Reg::Net, network)
        .when(Field::ETH_SRC, port.mac)
        .drop(Drop::SpoofedSource);
    for address in port.v6() {
        on.row(Table::Border, 956, "an advertisement of an address of a port here")
            .icmpv6(NEIGHBOR_ADVERT)
            .when_reg(Reg::Net, network)
            .when(Field::ND_TARGET, address)
            .drop(Drop::ForeignNeighborAdvert);
    }
    for address in port.v4() {
        on.row(Table::Border, 956, "from an address of a port here")
            .arp()
            .when_reg(Reg::Net, network)
            .when(Field::ARP_SPA, address)
            .drop(Drop::SpoofedSource);
        on.row(Table::Border, 950, "a question for an address here: to the one who has it")
            .arp()
            .when_reg(Reg::Net, network)
            .when(Field::ARP_OP, OP_REQUEST)
            .when(Field::ARP_TPA, address)
            .when_masked(Field::ETH_DST, GROUP_BIT, GROUP_BIT)
            .set(Field::ETH_DST, port.mac)
            .goto(Table::Out);
    }
}

//! Rows that lead packets to those who listen, and what is said of groups to the controller.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ::flows::{Drop, Emit, Feature, FeatureId, On, Part, PuntOp, Reg, Row, Table};
use addr::{IpNet, Ipv4Net, Ipv6Net, MULTICAST, MacAddr};
use ofp::{Action, Field};
use packet::protocol;
use topology::{ChassisKey, Key, KeyKind, Member, NetworkKey, Place, PortKey, View};

use crate::l2::{GROUP_BIT, copies_there, copy_here};

/// The feature.
pub struct Multicast;

/// MLD: queries, reports of version 1, done, reports of version 2 (RFC 2710, 3; RFC 3810, 5).
const MLD: [u8; 4] = [130, 131, 132, 143];
/// Groups of one link, which everybody gets (RFC 4541, 2.1.2 and 3): whoever has an address must hear its solicited-node group, though
/// it never says so.
const OF_LINK_V6: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0), 16);
const OF_LINK_V4: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 24);
const MULTICAST_V4: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 4);

/// The first byte of groups' numbers: then come a case's 24 bits, or a network's, whose watchers it is about.
const EVERYWHERE: u32 = 0x03;
const HERE: u32 = 0x04;
const WATCHERS_EVERYWHERE: u32 = 0x05;
const WATCHERS_HERE: u32 = 0x06;
/// The same of a large replication's parts, behind those of networks: 4 for each part, 2 if it is for this chassis only, 1 for the copies.
const FIRST_PART: u32 = 0x84;
/// 12,000 copies.
const PARTS_MAX: usize = 30;

impl Feature for Multicast {
    fn id(&self) -> FeatureId {
        FeatureId(16)
    }

    fn name(&self) -> &'static str {
        "multicast"
    }

    fn anchors(&self) -> &'static [KeyKind] {
        &[KeyKind::Chassis, KeyKind::Need, KeyKind::Audience]
    }

    fn compile(&self, key: Key, view: &View<'_>, emit: &mut Emit) {
        match key {
            Key::Chassis(chassis) => everybody(view, emit, chassis),
            Key::Need(network, chassis) => watched(view, emit, network, chassis),
            Key::Audience(network, group) => audience(view, emit, network, group),
            _ => {}
        }
    }
}

/// Whether frames of a network come to a chassis: it has ports there, or routes what is sent to groups on it.
pub(crate) fn arrives(view: &View<'_>, network: NetworkKey, chassis: ChassisKey) -> bool {
    view.need(network, chassis).is_some_and(|need| need.resident || need.routed && view.is_forwarded(network))
}

/// Whether a group's number is one of those above.
pub(crate) fn is_our_group(id: u32) -> bool {
    let parts = FIRST_PART..FIRST_PART + 4 * PARTS_MAX as u32;
    matches!(id >> 24, EVERYWHERE..=WATCHERS_HERE) || parts.contains(&(id >> 24))
}

/// The numbers of a part of a case's copies.
fn part(number: u32, here: bool, index: usize) -> Option<Part> {
    let first = FIRST_PART + 4 * u32::try_from(index).ok().filter(|_| index < PARTS_MAX)? + 2 * u32::from(here);
    let id = |byte: u32| (byte << 24) | (number & 0xff_ffff);
    Some(Part { gate: id(first), copies: id(first + 1) })
}

/// What is said of groups, and which packets are for who listens.
fn everybody(view: &View<'_>, emit: &mut Emit, chassis: ChassisKey) {
    if view.chassis(chassis).is_none() {
        return;
    }
    let mut on = emit.on(chassis);
    for kind in MLD {
        on.row(Table::Nd, 90, "who listens to which group")
            .ipv6()
            .when(Field::IP_PROTO, protocol::ICMPV6)
            .when(Field::ICMPV6_TYPE, kind)
            .punt(PuntOp::Membership);
    }
    // The switch can't tell a query from a report here: the controller hands on what is to go on.
    on.row(Table::Nd, 90, "who listens to which group")
        .ipv4()
        .when(Field::IP_PROTO, protocol::IGMP)
        .punt(PuntOp::Membership);
    for (priority, v6, v4, to, why) in [
        (65, OF_LINK_V6, OF_LINK_V4, Table::Flood, "to a group of the link: everybody gets it, whoever has said what"),
        (60, MULTICAST, MULTICAST_V4, Table::Multicast, "to a group: for those who listen"),
    ] {
        to_many(on.row(Table::Out, priority, why))
            .ipv6()
            .when_masked(Field::IPV6_DST, v6.network(), v6.netmask())
            .goto(to);
        to_many(on.row(Table::Out, priority, why))
            .ipv4()
            .when_masked(Field::IPV4_DST, v4.network(), v4.netmask())
            .goto(to);
    }
}

fn to_many(row: Row<'_>) -> Row<'_> {
    row.when_masked(Field::ETH_DST, GROUP_BIT, GROUP_BIT)
}

/// Routers and monitors get what nobody listens to, too (RFC 4541, 2.1.2).
fn watched(view: &View<'_>, emit: &mut Emit, network: NetworkKey, chassis: ChassisKey) {
    if !view.is_resident(network, chassis) {
        return;
    }
    let watchers = plugged(view, view.watchers(network));
    let physical = view.physical(network).is_some();
    if watchers.is_empty() && !physical {
        return;
    }
    let copies = copies(view, network, chassis, &watchers, &[]);
    let mut on = emit.on(chassis);
    let from = arriving(physical);
    for (from_others, byte, copies) in
        [(0u64, WATCHERS_EVERYWHERE, copies.everywhere()), (1, WATCHERS_HERE, copies.here)]
    {
        if copies.is_empty() {
            continue;
        }
        let (id, here) = ((byte << 24) | network.0, from_others == 1);
        // Parts have no numbers here: a network with more routers and monitors than one group holds is no network.
        on.replicate(id, |_| None, copies, "routers and monitors of the network");
        let why = if here { "routers and monitors here" } else { "nobody has said that it listens" };
        on.row(Table::Multicast, 10, why).when_reg(Reg::Net, network.0).when_reg(from, from_others).group(id);
    }
}

/// What tells that a frame of a network came from others of it than ports here.
const fn arriving(physical: bool) -> Reg {
    if physical { Reg::FromLocalnet } else { Reg::FromFabric }
}

/// Ports with their places.
fn plugged(view: &View<'_>, ports: impl IntoIterator<Item = PortKey>) -> Vec<(PortKey, Place)> {
    let plugged = |port| view.place(port).filter(|place| place.beyond().is_none());
    ports.into_iter().filter_map(|port| Some((port, plugged(port)?))).collect()
}

/// Copies by where they go.
struct Copies {
    here: Vec<Vec<Action>>,
    there: Vec<Vec<Action>>,
}

impl Copies {
    fn everywhere(&self) -> Vec<Vec<Action>> {
        self.here.iter().chain(&self.there).cloned().collect()
    }
}

/// Ports of another network, by a router with this MAC there.
struct Routed {
    network: NetworkKey,
    mac: MacAddr,
    ports: Vec<(PortKey, Place)>,
}

fn copies(
    view: &View<'_>,
    network: NetworkKey,
    chassis: ChassisKey,
    ports: &[(PortKey, Place)],
    routed: &[Routed],
) -> Copies {
    let all = ports.iter().chain(routed.iter().flat_map(|routed| &routed.ports));
    let there: BTreeSet<ChassisKey> = all.map(|(_, place)| place.chassis).filter(|c| *c != chassis).collect();
    let copy = |(port, place): &(PortKey, Place)| {
        let filtered = view.filter(*port).is_some();
        copy_here(Member { port: *port, ofport: place.ofport, secured: true, filtered })
    };
    let is_here = |(_, place): &&(PortKey, Place)| place.chassis == chassis;
    let mut here: Vec<Vec<Action>> = ports.iter().filter(is_here).map(copy).collect();
    for Routed { network, mac, ports } in routed {
        here.extend(ports.iter().filter(is_here).map(|port| {
            let net = Action::RegLoad { dst: Reg::Net.subfield(), value: network.0.into() };
            let source = Action::SetField { field: Field::ETH_SRC, value: ofp::Value::from(*mac).0, mask: None };
            // A packet that has no hop left ends here: no error answers it (RFC 4443, 2.4).
            [Action::DecNwTtl, source, net].into_iter().chain(copy(port)).collect()
        }));
    }
    let there: Vec<ChassisKey> = there.into_iter().collect();
    Copies { here, there: copies_there(view, network, chassis, &there) }
}

/// What is sent to a group on a network, on each chassis that it is sent from or comes to.
fn audience(view: &View<'_>, emit: &mut Emit, network: NetworkKey, group: IpAddr) {
    let Some(audience) = view.audience(network, group) else { return };
    let residents = view.residents(network);
    let watchers = view.watchers(network);
    let from = arriving(view.physical(network).is_some());
    for (source, case) in &audience.cases {
        let named = source.filter(|net| net.prefix_len() == net.max_prefix_len()).map(|net| net.addr());
        let listening = |network: NetworkKey| {
            let ports = view.listening(network, group).into_iter();
            ports.filter(|port| view.listener(*port, group).is_some_and(|listener| listener.hears(named)))
        };
        let own: BTreeSet<PortKey> = listening(network).chain(watchers.iter().copied()).collect();
        let own = plugged(view, own);
        let routed: Vec<Routed> = case
            .routed
            .iter()
            .map(|(other, mac)| Routed { network: *other, mac: *mac, ports: plugged(view, listening(*other)) })
            .collect();
        let all = own.iter().chain(routed.iter().flat_map(|routed| &routed.ports));
        let mut chassis: BTreeSet<ChassisKey> = all.map(|(_, place)| place.chassis).collect();
        chassis.extend(&residents);
        for chassis in chassis {
            let copies = copies(view, network, chassis, &own, &routed);
            let mut on = emit.on(chassis);
            let at = (network, group, *source);
            if residents.contains(&chassis) {
                row(&mut on, at, case.number, (from, false), copies.everywhere());
            }
            row(&mut on, at, case.number, (from, true), copies.here);
        }
    }
}

fn row(
    on: &mut On<'_>,
    (network, group, source): (NetworkKey, IpAddr, Option<IpNet>),
    number: u32,
    (from, from_others): (Reg, bool),
    copies: Vec<Vec<Action>>,
) {
    let why = match source {
        None => "who listens to the group",
        Some(net) if net.prefix_len() == net.max_prefix_len() => "who listens to the group and this source",
        Some(_) => "who listens to the group, here and where routers forward from this prefix",
    };
    // Where nobody is told apart by source, the table drops what nobody listens to.
    if copies.is_empty() && source.is_none() {
        return;
    }
    let id = ((if from_others { HERE } else { EVERYWHERE }) << 24) | number;
    if !copies.is_empty() {
        on.replicate(id, |index| part(number, from_others, index), copies.clone(), why);
    }
    // The longest prefix first.
    let priority = 20 + source.map_or(0, |net| 1 + u16::from(net.prefix_len()));
    let row =
        on.row(Table::Multicast, priority, why).when_reg(Reg::Net, network.0).when_reg(from, u64::from(from_others));
    let row = match group {
        IpAddr::V6(group) => row.ipv6().when(Field::IPV6_DST, group),
        IpAddr::V4(group) => row.ipv4().when(Field::IPV4_DST, group),
    };
    let row = match source {
        Some(IpNet::V6(net)) => row.when_masked(Field::IPV6_SRC, net.network(), net.netmask()),
        Some(IpNet::V4(net)) => row.when_masked(Field::IPV4_SRC, net.network(), net.netmask()),
        None => row,
    };
    if copies.is_empty() { row.drop(Drop::NoListener) } else { row.group(id) }
}

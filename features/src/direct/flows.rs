//! Rows for pass-through NICs, where they are served and where they are only heard.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ::flows::{Drop, Emit, Feature, FeatureId, On, Reg, Row, Table};
use addr::{IpNet, MacAddr, OfPort};
use ofp::Field;
use packet::{OP_REPLY, OP_REQUEST};
use topology::{ChassisKey, Key, KeyKind, NetworkKey, PortKey, RouterKey, SubnetKey, View};

use super::speaks_from;
use crate::l2::GROUP_BIT;
use crate::nd::flows::ask;
use crate::router::{self, sends_from};
use crate::{dns, metadata, provider};

/// The feature.
pub struct Direct;

const NEIGHBOR_SOLICIT: u8 = 135;
/// [`Reg::Nic`]: of whom a frame is.
const SERVED: u64 = 1;
const HEARD: u64 = 2;

impl Feature for Direct {
    fn id(&self) -> FeatureId {
        FeatureId(41)
    }

    fn name(&self) -> &'static str {
        "direct"
    }

    fn anchors(&self) -> &'static [KeyKind] {
        &[KeyKind::Need, KeyKind::Reach, KeyKind::InterfaceAt]
    }

    fn compile(&self, key: Key, view: &View<'_>, emit: &mut Emit) {
        match key {
            Key::Need(network, chassis) => network_at(view, emit, network, chassis),
            Key::Reach(port, chassis) => nic(view, emit, port, chassis),
            Key::InterfaceAt(router, subnet, chassis) => router_at(view, emit, (router, subnet), chassis),
            _ => {}
        }
    }
}

fn nic(view: &View<'_>, emit: &mut Emit, key: PortKey, chassis: ChassisKey) {
    let Some(port) = view.port(key).filter(|_| view.is_direct(key)) else { return };
    let Some(binding) = view.binding(key).filter(|_| view.localnet(port.network, chassis).is_some()) else { return };
    let mut on = emit.on(chassis);
    if binding.chassis == chassis {
        if let Some(place) = view.place(key) {
            on.row(Table::Border, 1010, "of a pass-through NIC that is served here: now as by a port of its own")
                .when_reg(Reg::Net, port.network.0)
                .when(Field::ETH_SRC, port.mac)
                .load(Reg::Nic, SERVED)
                .enters_by(place.ofport)
                .reenter(Table::Classify);
        }
        return;
    }
    if view.policy(key).is_some_and(|policy| policy.secured) {
        heard(&mut on, port);
    }
}

/// Another chassis serves it: here its sources alone are looked at, and then it is like any stranger.
fn heard(on: &mut On<'_>, port: &topology::Port) {
    let from = |on: &mut On<'_>, sets: &dyn Fn(Row<'_>) -> Row<'_>| {
        let row = on
            .row(Table::Border, 1006, "of a pass-through NIC, from an address of its own")
            .when_reg(Reg::Net, port.network.0)
            .when_reg(Reg::Nic, 0u64)
            .when(Field::ETH_SRC, port.mac);
        sets(row).load(Reg::Nic, HEARD).reenter(Table::Border);
    };
    let pairs = port.pairs.iter().map(|pair| pair.prefix);
    let routed = port.prefixes.iter().map(|delegated| IpNet::V6(delegated.prefix));
    let own = port.all().chain([Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()]).map(IpNet::from);
    for source in own.chain(pairs).chain(routed).collect::<BTreeSet<_>>() {
        match source {
            IpNet::V6(net) => {
                from(on, &|row| row.ipv6().when_masked(Field::IPV6_SRC, net.network(), net.netmask()));
            }
            IpNet::V4(net) => {
                from(on, &|row| row.ipv4().when_masked(Field::IPV4_SRC, net.network(), net.netmask()));
                from(on, &|row| row.arp().when_masked(Field::ARP_SPA, net.network(), net.netmask()));
            }
        }
    }
    on.row(Table::Border, 1005, "of a pass-through NIC, from an address that is not its own")
        .when_reg(Reg::Net, port.network.0)
        .when_reg(Reg::Nic, 0u64)
        .when(Field::ETH_SRC, port.mac)
        .drop(Drop::SpoofedSource);
}

/// A network of which NICs are served here.
fn served_at(view: &View<'_>, network: NetworkKey, chassis: ChassisKey) -> Option<OfPort> {
    let port = view.localnet(network, chassis)?;
    (!view.directs(network, chassis).is_empty()).then_some(port)
}

fn network_at(view: &View<'_>, emit: &mut Emit, network: NetworkKey, chassis: ChassisKey) {
    let (Some(port), Some(physical)) = (served_at(view, network, chassis), view.physical(network)) else { return };
    let (mut on, mac) = (emit.on(chassis), speaks_from(chassis));
    let row = on.row(Table::Reply, 200, "to a pass-through NIC").when_reg(Reg::Net, network.0);
    provider::tagged(row.when_reg(Reg::Nic, SERVED), physical.vlan).output(port);
    for address in [metadata::OPENSTACK, metadata::EC2] {
        found(&mut on, network, address, mac);
    }
    if let Some(address) = dns::server::on_link(view, network) {
        found(&mut on, network, address, mac);
    }
    answered(&mut on, network, metadata::IPV4, mac);
    let row = on
        .row(Table::Nd, 112, "is the service still there? (RFC 4861, 7.3)")
        .icmpv6(NEIGHBOR_SOLICIT)
        .when_reg(Reg::Net, network.0)
        .when_reg(Reg::Nic, SERVED)
        .when(Field::ETH_DST, mac)
        .when(Field::NW_TTL, 255u8);
    ask(row);
    on.row(Table::Nd, 205, "a pass-through NIC asks: who has the address answers himself")
        .arp()
        .when_reg(Reg::Net, network.0)
        .when_reg(Reg::Nic, SERVED)
        .when(Field::ARP_OP, OP_REQUEST)
        .when_masked(Field::ETH_DST, GROUP_BIT, GROUP_BIT)
        .goto(Table::Egress);
}

/// A router on such a network: to NICs it speaks from the MAC of the chassis, and takes what is for that.
fn router_at(view: &View<'_>, emit: &mut Emit, (router, subnet): (RouterKey, SubnetKey), chassis: ChassisKey) {
    let Some(interface) = view.interface(router, subnet).filter(|_| view.routes_for(router, chassis)) else { return };
    let network = interface.network;
    if served_at(view, network, chassis).is_none() {
        return;
    }
    let (mut on, mac) = (emit.on(chassis), sends_from(chassis, router));
    for address in router::addresses(view, router, subnet) {
        match address {
            IpAddr::V6(address) => found(&mut on, network, address, mac),
            IpAddr::V4(address) => answered(&mut on, network, address, mac),
        }
    }
    if view.interfaces_on(network).into_iter().find(|(other, _)| *other == router) == Some((router, subnet)) {
        on.row(Table::Gateway, 101, "for a router, by its MAC on the physical network")
            .when_reg(Reg::Net, network.0)
            .when(Field::ETH_DST, mac)
            .keep(Field::ETH_SRC, Reg::AskerMac)
            .keep(Field::ETH_DST, Reg::GatewayMac)
            .load(Reg::Router, router.0)
            // It is of a port of ours: it may go on by where it came from.
            .load(Reg::FromLocalnet, 0u64)
            .goto(Table::RouterIn);
    }
}

/// A NIC that solicits an address of ours learns the MAC that it has by the physical network.
fn found(on: &mut On<'_>, network: NetworkKey, address: Ipv6Addr, mac: MacAddr) {
    on.row(Table::Neighbor, 111, "a pass-through NIC asks: the address is at a MAC of this chassis")
        .ipv6()
        .when_reg(Reg::Net, network.0)
        .when_reg(Reg::Nic, SERVED)
        .when_reg(Reg::NdAsks, 1u64)
        .when(Field::IPV6_DST, address)
        .set(Field::ETH_DST, mac)
        .load(Reg::NdRouter, 1u64)
        .goto(Table::Out);
}

/// The same for ARP.
fn answered(on: &mut On<'_>, network: NetworkKey, address: Ipv4Addr, mac: MacAddr) {
    on.row(Table::Nd, 215, "a pass-through NIC asks: the address is at a MAC of this chassis")
        .arp()
        .when_reg(Reg::Net, network.0)
        .when_reg(Reg::Nic, SERVED)
        .when(Field::ARP_OP, OP_REQUEST)
        .when(Field::ARP_TPA, address)
        .set(Field::ARP_OP, OP_REPLY)
        .copy(Field::ETH_SRC, Field::ETH_DST)
        .set(Field::ETH_SRC, mac)
        .copy(Field::ARP_SHA, Field::ARP_THA)
        .copy(Field::ARP_SPA, Field::ARP_TPA)
        .set(Field::ARP_SHA, mac)
        .set(Field::ARP_SPA, address)
        .meter_answer()
        .goto(Table::Reply);
}

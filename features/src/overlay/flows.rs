//! Rows for the tunnel or trunk port.

use std::net::IpAddr;

use ::flows::{Drop, Emit, Feature, FeatureId, Reg, Row, Table};
use addr::OfPort;
use ofp::{Action, Field};
use topology::{ChassisKey, Encap, Key, KeyKind, NetworkKey, RouterKey, SubnetKey, View};

use crate::multicast;
use crate::router::{CHASSIS_MAC_PREFIX, chassis_mac};

/// The feature.
pub struct Overlay;

impl Feature for Overlay {
    fn id(&self) -> FeatureId {
        FeatureId(1)
    }

    fn name(&self) -> &'static str {
        "overlay"
    }

    fn anchors(&self) -> &'static [KeyKind] {
        &[KeyKind::Uplink, KeyKind::Peer, KeyKind::Need, KeyKind::InterfaceAt]
    }

    fn compile(&self, key: Key, view: &View<'_>, emit: &mut Emit) {
        match key {
            Key::Uplink(chassis) => uplink(view, emit, chassis),
            Key::Peer(from, to) => peer(view, emit, from, to),
            Key::Need(network, chassis) => arrival(view, emit, network, chassis),
            Key::InterfaceAt(router, subnet, chassis) => restore(view, emit, router, subnet, chassis),
            _ => {}
        }
    }
}

/// What holds for every packet that leaves by the fabric.
fn uplink(view: &View<'_>, emit: &mut Emit, chassis: ChassisKey) {
    let (Some(fabric), Some(port), Some(_)) = (view.fabric(), view.uplink(chassis), view.chassis(chassis)) else {
        return;
    };
    let mut on = emit.on(chassis);
    on.row(Table::Fabric, 300, "what came from the fabric does not return to it")
        .when_reg(Reg::FromFabric, 1u64)
        .drop(Drop::FabricHairpin);
    on.row(Table::Classify, 10, "a segment that no port here has")
        .when(Field::IN_PORT, port)
        .drop(Drop::UnknownSegment);
    if fabric.encap != Encap::Vlan {
        return;
    }
    let source = Field::ETH_SRC;
    let own = on
        .row(Table::Fabric, 200, "routed frames leave from a MAC of this chassis")
        .when_reg(Reg::Routed, 1u64)
        .copy_bits(Reg::Router.subfield(), source.sub(0, 24))
        .load_bits(source.sub(24, 16), u64::from(chassis.0))
        .load_bits(source.sub(40, 8), u64::from(CHASSIS_MAC_PREFIX));
    tag(own).output(port);
    tag(on.row(Table::Fabric, 100, "to the VLAN of the network")).output(port);
}

fn tag(row: Row<'_>) -> Row<'_> {
    row.push_vlan().copy_bits(Reg::Segment.field().sub(0, 12), Field::VLAN_VID.sub(0, 12))
}

/// To one other chassis, by its tunnel endpoint.
fn peer(view: &View<'_>, emit: &mut Emit, from: ChassisKey, to: ChassisKey) {
    if !view.sends_to(from, to) {
        return;
    }
    let (Some(fabric), Some(port), Some(there)) = (view.fabric(), view.uplink(from), view.chassis(to)) else { return };
    if fabric.encap == Encap::Vlan {
        return;
    }
    let Some(endpoint) = there.tunnel_ip else { return };
    let mut on = emit.on(from);
    let row = on
        .row(Table::Fabric, 100, "to the chassis' tunnel endpoint")
        .when_reg(Reg::OutChassis, to.0)
        .copy_bits(Reg::Segment.subfield(), Field::TUN_ID.sub(0, 24));
    match endpoint {
        IpAddr::V6(ip) => row.set(Field::TUN_IPV6_DST, ip).output(port),
        IpAddr::V4(ip) => row.set(Field::TUN_IPV4_DST, ip).output(port),
    }
}

/// What arrives for a network with ports here.
fn arrival(view: &View<'_>, emit: &mut Emit, key: NetworkKey, chassis: ChassisKey) {
    let (Some(fabric), Some(port), Some(segment)) = (view.fabric(), view.uplink(chassis), view.segment(key)) else {
        return;
    };
    let provider = view.physical(key).is_some();
    // Of provider networks, from chassis that are not on them: what is for outside, and for pass-through NICs.
    let leads = || view.is_exit(key, chassis) || !view.directs(key, chassis).is_empty();
    let exit = provider && view.localnet(key, chassis).is_some() && leads();
    if !exit && (!multicast::arrives(view, key, chassis) || provider) {
        return;
    }
    let mut on = emit.on(chassis);
    let row = on.row(Table::Classify, 100, "arrives from another chassis").when(Field::IN_PORT, port);
    if fabric.encap == Encap::Vlan {
        row.when(Field::VLAN_VID, vid(segment))
            .pop_vlan()
            .load(Reg::Net, key.0)
            .load(Reg::FromFabric, 1u64)
            .goto(Table::Restore);
    } else {
        row.when(Field::TUN_ID, u64::from(segment)).load(Reg::Net, key.0).load(Reg::FromFabric, 1u64).goto(Table::Out);
    }
}

/// On VLAN fabrics: a routed frame gets its router's MAC back before a host sees it.
fn restore(view: &View<'_>, emit: &mut Emit, router: RouterKey, subnet: SubnetKey, chassis: ChassisKey) {
    let (Some(fabric), Some(interface)) = (view.fabric(), view.interface(router, subnet)) else { return };
    let resident = view.is_resident(interface.network, chassis);
    let first = view.interfaces_on(interface.network).into_iter().find(|(r, _)| *r == router);
    if fabric.encap != Encap::Vlan || !resident || first != Some((router, subnet)) || !view.routes_for(router, chassis)
    {
        return;
    }
    let (sent_from, mask) = chassis_mac(router);
    emit.on(chassis)
        .row(Table::Restore, 100, "the router's MAC, in place of the sending chassis'")
        .when_reg(Reg::Net, interface.network.0)
        .when_masked(Field::ETH_SRC, sent_from, mask)
        .set(Field::ETH_SRC, interface.mac)
        .goto(Table::Out);
}

/// A VLAN id as OpenFlow matches it: with the bit that says that a tag is present.
fn vid(segment: u32) -> u16 {
    0x1000 | (segment & 0xfff) as u16
}

/// The actions that send a copy of a frame of a segment to another chassis, or onto the VLAN underlay (`to` is `None`).
pub(crate) fn copy_to(segment: u32, to: Option<IpAddr>, port: OfPort) -> Vec<Action> {
    let output = Action::Output { port, max_len: 0 };
    let set = |field, value: ofp::Value| Action::SetField { field, value: value.0, mask: None };
    let Some(endpoint) = to else {
        return vec![Action::PushVlan(0x8100), set(Field::VLAN_VID, vid(segment).into()), output];
    };
    let destination = match endpoint {
        IpAddr::V6(ip) => set(Field::TUN_IPV6_DST, ip.into()),
        IpAddr::V4(ip) => set(Field::TUN_IPV4_DST, ip.into()),
    };
    vec![set(Field::TUN_ID, u64::from(segment).into()), destination, output]
}

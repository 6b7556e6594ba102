//! Rows for links: what comes in by them, and what goes out.

use ::flows::{Drop, Emit, Feature, FeatureId, Metered, PortMeter, PuntClass, PuntOp, Reg, Table};
use addr::{MacAddr, OfPort};
use ofp::{Action, Field};
use packet::{ETHERTYPE_LLDP, LLDP_GROUP};
use topology::{ChassisKey, Encap, Key, KeyKind, NetworkKey, View};

use super::{CHASSIS_MAX, NETWORK_PCP, PRESENT, USERDATA_LLDP};
use crate::multicast;

/// The feature.
pub struct Links;

/// LLDP frames per second that one port may punt, and the burst on top: eight times what a bridge of ours sends.
const PUNT_RATE: (u32, u32) = (16, 16);

/// The bit of a destination that picks one of two lanes.
const LANE_BIT: MacAddr = MacAddr([0, 0, 0, 0, 0, 1]);

impl Feature for Links {
    fn id(&self) -> FeatureId {
        FeatureId(11)
    }

    fn name(&self) -> &'static str {
        "links"
    }

    fn anchors(&self) -> &'static [KeyKind] {
        &[KeyKind::Uplink, KeyKind::Spare, KeyKind::Trunk, KeyKind::Need, KeyKind::Hop, KeyKind::Way]
    }

    fn compile(&self, key: Key, view: &View<'_>, emit: &mut Emit) {
        match key {
            Key::Uplink(chassis) => everywhere(view, emit, chassis),
            Key::Spare(chassis, port) => listen(view, emit, chassis, port),
            Key::Trunk(chassis, port) => trunk(view, emit, chassis, port),
            Key::Need(network, chassis) => arrival(view, emit, network, chassis),
            Key::Hop(at, to, label) => hop(view, emit, at, to, label),
            Key::Way(from, to) => way(view, emit, from, to),
            _ => {}
        }
    }
}

fn wired(view: &View<'_>) -> bool {
    view.fabric().is_some_and(|fabric| fabric.encap == Encap::Links)
}

/// What holds for all that comes from another chassis.
fn everywhere(view: &View<'_>, emit: &mut Emit, chassis: ChassisKey) {
    if !wired(view) || view.chassis(chassis).is_none() {
        return;
    }
    let mut on = emit.on(chassis);
    on.row(Table::Fabric, 300, "what came from the fabric does not return to it")
        .when_reg(Reg::FromFabric, 1u64)
        .drop(Drop::FabricHairpin);
    // Open vSwitch keeps two tags in mind: a third one would be lost on the way, and the frame would arrive without it.
    on.row(Table::Fabric, 250, "a tag of the sender's own, which has no room under two others")
        .when_masked(Field::VLAN_VID, PRESENT, PRESENT)
        .drop(Drop::VlanTag);
    on.row(Table::Arrive, 10, "a segment that no port here has")
        .when_masked(Field::VLAN_VID, PRESENT, PRESENT)
        .when(Field::VLAN_PCP, NETWORK_PCP)
        .drop(Drop::UnknownSegment);
}

/// A port that nothing claims may lead to another bridge of ours: what that says of itself is for the controller.
fn listen(view: &View<'_>, emit: &mut Emit, chassis: ChassisKey, port: OfPort) {
    if !wired(view) || view.spare(chassis, port).is_none() {
        return;
    }
    let mut on = emit.on(chassis);
    on.row(Table::Classify, 200, "what a bridge at the other end says of itself")
        .when(Field::IN_PORT, port)
        .when(Field::ETH_DST, LLDP_GROUP)
        .when(Field::ETH_TYPE, ETHERTYPE_LLDP)
        .punt(PuntOp::Lldp);
    let meter = PortMeter { port, metered: Metered::Punts(PuntClass::Link) };
    let (rate, burst) = PUNT_RATE;
    on.meter(meter, rate, burst, "what the port may tell the controller of the bridge behind it");
    on.row(Table::Punt, 100, "to the controller")
        .when(Field::IN_PORT, port)
        .when_reg(Reg::PuntClass, PuntClass::Link as u64)
        .metered(meter)
        .to_controller(USERDATA_LLDP.to_vec());
}

/// A port that leads to another chassis. Tags come before LLDP, so that what is carried is not told apart by its destination.
fn trunk(view: &View<'_>, emit: &mut Emit, chassis: ChassisKey, port: OfPort) {
    if !view.is_trunk(chassis, port) || view.spare(chassis, port).is_none() {
        return;
    }
    let mut on = emit.on(chassis);
    on.row(Table::Classify, 210, "from another chassis")
        .when(Field::IN_PORT, port)
        .when_masked(Field::VLAN_VID, PRESENT, PRESENT)
        .goto(Table::Arrive);
    on.row(Table::Classify, 150, "what no chassis sends to another").when(Field::IN_PORT, port).drop(Drop::UnknownPort);
}

/// What arrives for a network with ports here.
fn arrival(view: &View<'_>, emit: &mut Emit, key: NetworkKey, chassis: ChassisKey) {
    let exit = || view.is_exit(key, chassis) && view.localnet(key, chassis).is_some();
    let arrives = if view.physical(key).is_some() { exit() } else { multicast::arrives(view, key, chassis) };
    let Some(segment) = view.segment(key).filter(|_| arrives && wired(view)) else { return };
    emit.on(chassis)
        .row(Table::Arrive, 100, "arrives from another chassis")
        .when(Field::VLAN_VID, tag(segment))
        .when(Field::VLAN_PCP, NETWORK_PCP)
        .pop_vlan()
        .load(Reg::Net, key.0)
        .load(Reg::FromFabric, 1u64)
        .goto(Table::Out);
}

/// One step of a path.
fn hop(view: &View<'_>, emit: &mut Emit, at: ChassisKey, to: ChassisKey, label: u8) {
    let Some(hop) = view.hop(at, to, label).filter(|_| to.0 <= CHASSIS_MAX) else { return };
    let mut on = emit.on(at);
    let row = on
        .row(Table::Hop, 100, "the next chassis of a path")
        .when(Field::VLAN_VID, tag(to.0.into()))
        .when(Field::VLAN_PCP, label);
    let row = if hop.last { row.pop_vlan() } else { row };
    row.output(hop.port);
}

/// The first step of a path, or of one of two.
fn way(view: &View<'_>, emit: &mut Emit, from: ChassisKey, to: ChassisKey) {
    let Some(way) = view.way(from, to).filter(|_| to.0 <= CHASSIS_MAX) else { return };
    let mut on = emit.on(from);
    let one = way.lanes[0] == way.lanes[1];
    for (parity, lane) in (0u8..).zip(way.lanes).take(if one { 1 } else { 2 }) {
        let row = on.row(Table::Fabric, 100, "to the chassis, over links").when_reg(Reg::OutChassis, to.0);
        let row = if one { row } else { row.when_masked(Field::ETH_DST, MacAddr([0, 0, 0, 0, 0, parity]), LANE_BIT) };
        let row = row
            .push_vlan()
            .copy_bits(Reg::Segment.field().sub(0, 12), Field::VLAN_VID.sub(0, 12))
            .set(Field::VLAN_PCP, NETWORK_PCP);
        let row = match lane.label {
            Some(label) => row.push_vlan().set(Field::VLAN_VID, tag(to.0.into())).set(Field::VLAN_PCP, label),
            None => row,
        };
        row.output(lane.port);
    }
}

/// An identifier as OpenFlow matches and sets it: with the bit that says that a tag is present.
fn tag(id: u32) -> u16 {
    PRESENT | (id & 0xfff) as u16
}

/// The actions that send a copy of a frame of a segment to another chassis, by whichever path leads there at that time.
pub(crate) fn copy_to(segment: u32, to: ChassisKey) -> Vec<Action> {
    let load = |reg: Reg, value: u64| Action::RegLoad { dst: reg.subfield(), value };
    vec![
        load(Reg::Segment, segment.into()),
        load(Reg::OutChassis, to.0.into()),
        Action::Resubmit { port: None, table: Some(Table::Fabric.id()), ct: false },
    ]
}

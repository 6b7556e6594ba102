//! Rows for the ports that lead to physical networks, and for the networks there.

use ::flows::{Drop, Emit, Feature, FeatureId, On, Reg, Row, Table};
use addr::OfPort;
use ofp::{Action, Field};
use packet::{OP_REPLY, OP_REQUEST};
use topology::{ChassisKey, Key, KeyKind, NetworkKey, PortKey, RouterKey, SubnetKey, View};

use super::USERDATA_LOCALNET;
use super::border;
use crate::l2::GROUP_BIT;
use crate::nd::flows::made_of_mac;
use crate::port::{ADDRESS, SERVICE, way_to_controller};
use crate::ra::advert;
use crate::router::{CHASSIS_MAC_PREFIX, chassis_mac};

/// The feature.
pub struct Provider;

const ROUTER_SOLICIT: u8 = 133;
const NEIGHBOR_ADVERT: u8 = 136;
/// No port has this number.
pub(crate) const NO_PORT: OfPort = OfPort(0);
/// "A tag is there", above the identifier (OpenFlow 1.3.5, 7.2.3.7).
const PRESENT: u16 = 0x1000;
/// The first three bytes of the MACs of IPv6 groups with a solicited node's address (RFC 2464, 7; RFC 4291, 2.7.1).
const SOLICITED_NODE: u64 = 0x33_33ff;

impl Feature for Provider {
    fn id(&self) -> FeatureId {
        FeatureId(30)
    }

    fn name(&self) -> &'static str {
        "provider"
    }

    fn anchors(&self) -> &'static [KeyKind] {
        &[KeyKind::Localnets, KeyKind::Need, KeyKind::Reach, KeyKind::InterfaceAt]
    }

    fn compile(&self, key: Key, view: &View<'_>, emit: &mut Emit) {
        match key {
            Key::Localnets(chassis) => everywhere(view, emit, chassis),
            Key::Need(network, chassis) => segment(view, emit, network, chassis),
            Key::Reach(port, chassis) => attached(view, emit, port, chassis),
            Key::InterfaceAt(router, subnet, chassis) => restore(view, emit, router, subnet, chassis),
            _ => {}
        }
    }
}

/// What holds for all that comes from physical networks, or goes there.
fn everywhere(view: &View<'_>, emit: &mut Emit, chassis: ChassisKey) {
    let ports = view.localnets(chassis);
    if ports.is_empty() || view.chassis(chassis).is_none() {
        return;
    }
    let mut on = emit.on(chassis);
    for port in ports {
        on.row(Table::Classify, 10, "no network here has this tag")
            .when(Field::IN_PORT, port)
            .drop(Drop::UnknownSegment);
        for rate in [ADDRESS, SERVICE] {
            way_to_controller(&mut on, port, rate, USERDATA_LOCALNET);
        }
    }
    border::everybody(&mut on);
    on.row(Table::Out, 310, "from outside: who has the address answers himself (RFC 6085)")
        .ipv6()
        .when_reg(Reg::NdAsks, 1u64)
        .when_reg(Reg::FromLocalnet, 1u64)
        .restore(Reg::Kept, Field::IPV6_DST)
        .load(Reg::NdAsks, 0u64)
        .reenter(Table::Out);
    on.row(Table::Localnet, 300, "what came from a physical network does not return to it")
        .when_reg(Reg::FromLocalnet, 1u64)
        .drop(Drop::UplinkHairpin);
    on.row(Table::Localnet, 250, "a tag of the sender's own: it would lead to another network")
        .when_masked(Field::VLAN_VID, PRESENT, PRESENT)
        .drop(Drop::VlanTag);
}

/// A provider network on a chassis that has ports of it.
fn segment(view: &View<'_>, emit: &mut Emit, key: NetworkKey, chassis: ChassisKey) {
    let (Some(need), Some(physical)) = (view.need(key, chassis), view.physical(key)) else { return };
    let mut on = emit.on(chassis);
    let Some(port) = view.localnet(key, chassis) else {
        on.row(Table::Out, 30, "whoever it is, he is on the physical network, and nothing here leads there")
            .when_reg(Reg::Net, key.0)
            .drop(Drop::NoUplink);
        return;
    };
    leaves(&mut on, key, physical.vlan, port);
    on.row(Table::Out, 30, "whoever it is, he is on the physical network")
        .when_reg(Reg::Net, key.0)
        .when_reg(Reg::FromLocalnet, 0u64)
        .goto(Table::Localnet);
    if !need.resident && !need.external {
        return;
    }
    let arrives = on.row(Table::Classify, 100, "arrives from the physical network").when(Field::IN_PORT, port);
    let arrives = match physical.vlan {
        Some(vlan) => arrives.when(Field::VLAN_VID, PRESENT | vlan).pop_vlan(),
        None => arrives.when(Field::VLAN_VID, 0u16),
    };
    arrives.load(Reg::Net, key.0).load(Reg::FromLocalnet, 1u64).goto(Table::Border);
    border::routers(&mut on, key, &physical.routers);
    if need.resident {
        border::servers(view, &mut on, key);
        questions(view, &mut on, key);
    }
}

/// A frame gets the tag that its network has.
pub(crate) fn tagged(row: Row<'_>, vlan: Option<u16>) -> Row<'_> {
    match vlan {
        Some(vlan) => row.push_vlan().set(Field::VLAN_VID, PRESENT | vlan),
        None => row,
    }
}

fn leaves(on: &mut On<'_>, key: NetworkKey, vlan: Option<u16>, port: OfPort) {
    let (source, chassis) = (Field::ETH_SRC, on.chassis());
    // The switches there would else see one MAC at many of their ports.
    let row = on
        .row(Table::Localnet, 200, "routed frames leave from a MAC of this chassis")
        .when_reg(Reg::Net, key.0)
        .when_reg(Reg::Routed, 1u64)
        .copy_bits(Reg::Router.subfield(), source.sub(0, 24))
        .load_bits(source.sub(24, 16), u64::from(chassis.0))
        .load_bits(source.sub(40, 8), u64::from(CHASSIS_MAC_PREFIX));
    // Nothing goes out of the port that it came in by, and this may: on another network, or by another router.
    tagged(row, vlan).enters_by(NO_PORT).output(port);
    let row = on.row(Table::Localnet, 100, "onto the physical network").when_reg(Reg::Net, key.0);
    tagged(row, vlan).output(port);
}

/// What hosts here ask of others that nobody here can answer, and what they say to all.
fn questions(view: &View<'_>, on: &mut On<'_>, key: NetworkKey) {
    if advert::senders(view, key).is_empty() {
        on.row(Table::Nd, 60, "routers are on the physical network")
            .when_reg(Reg::Net, key.0)
            .icmpv6(ROUTER_SOLICIT)
            .goto(Table::Egress);
    }
    let why = "neighbours on the physical network shall know the address";
    on.row(Table::Nd, 60, why)
        .ipv6()
        .when_reg(Reg::Net, key.0)
        .when(Field::IP_PROTO, 58u8)
        .when(Field::ICMPV6_TYPE, NEIGHBOR_ADVERT)
        .when_masked(Field::ETH_DST, GROUP_BIT, GROUP_BIT)
        .goto(Table::Egress);
    for (operation, why, next) in [
        (OP_REPLY, why, Table::Egress),
        (OP_REQUEST, "who has the address is on the physical network, if anybody", Table::Localnet),
    ] {
        on.row(Table::Nd, 60, why)
            .arp()
            .when_reg(Reg::Net, key.0)
            .when(Field::ARP_OP, operation)
            .when_masked(Field::ETH_DST, GROUP_BIT, GROUP_BIT)
            .goto(next);
    }
    on.row(Table::Neighbor, 45, "who has the address is on the physical network, if anybody")
        .ipv6()
        .when_reg(Reg::Net, key.0)
        .when_reg(Reg::NdAsks, 1u64)
        .when_reg(Reg::FromLocalnet, 0u64)
        .restore(Reg::Kept, Field::IPV6_DST)
        .load(Reg::NdAsks, 0u64)
        .goto(Table::Localnet);
    for flipped in [0u64, 1] {
        let row = on
            .row(Table::Neighbor, 55, "a link-local address made of a MAC: a host here may have that")
            .when_reg(Reg::Net, key.0)
            .when_reg(Reg::FromLocalnet, 0u64);
        made_of_mac(row, flipped).load(Reg::NdEither, 1u64).goto(Table::Out);
    }
    let group = Field::ETH_DST;
    on.row(Table::Out, 35, "nobody here has the MAC: who has the address is on the physical network, if anybody")
        .ipv6()
        .when_reg(Reg::Net, key.0)
        .when_reg(Reg::NdEither, 1u64)
        .copy_bits(Field::IPV6_DST.sub(0, 24), group.sub(0, 24))
        .load_bits(group.sub(24, 24), SOLICITED_NODE)
        .goto(Table::Localnet);
}

/// A port here: nobody outside is who it is, and questions for it come to it.
fn attached(view: &View<'_>, emit: &mut Emit, key: PortKey, chassis: ChassisKey) {
    let (Some(port), Some(binding)) = (view.port(key), view.binding(key)) else { return };
    let network = port.network;
    if binding.chassis != chassis || view.physical(network).is_none() || view.localnet(network, chassis).is_none() {
        return;
    }
    // What it sends comes from there.
    if view.is_direct(key) {
        return;
    }
    let mut on = emit.on(chassis);
    border::own(&mut on, port);
    for address in port.v4() {
        on.row(Table::Nd, 210, "an announcement (RFC 5227, 2.3): for the physical network too")
            .arp()
            .when_reg(Reg::Net, network.0)
            .when(Field::ARP_OP, OP_REQUEST)
            .when(Field::ARP_SPA, address)
            .when(Field::ARP_TPA, address)
            .when_masked(Field::ETH_DST, GROUP_BIT, GROUP_BIT)
            .goto(Table::Egress);
    }
}

/// What another chassis has routed to the network gets its router's MAC back before a host sees it.
fn restore(view: &View<'_>, emit: &mut Emit, router: RouterKey, subnet: SubnetKey, chassis: ChassisKey) {
    let Some(interface) = view.interface(router, subnet) else { return };
    let network = interface.network;
    let here = view.is_resident(network, chassis) && view.physical(network).is_some();
    let first = view.interfaces_on(network).into_iter().find(|(r, _)| *r == router);
    if !here || first != Some((router, subnet)) || view.localnet(network, chassis).is_none() {
        return;
    }
    let (sent_from, mask) = chassis_mac(router);
    let mut on = emit.on(chassis);
    for ethertype in [0x86ddu16, 0x0800] {
        on.row(Table::Border, 105, "the router's MAC, in place of the sending chassis'")
            .when(Field::ETH_TYPE, ethertype)
            .when_reg(Reg::Net, network.0)
            .when_masked(Field::ETH_SRC, sent_from, mask)
            .set(Field::ETH_SRC, interface.mac)
            .goto(Table::Out);
    }
}

/// The actions that send a copy of a frame onto a physical network.
pub(crate) fn copy_to(vlan: Option<u16>, port: OfPort) -> Vec<Action> {
    let tag = |vlan: u16| {
        let value = ofp::Value::from(PRESENT | vlan).0;
        [Action::PushVlan(0x8100), Action::SetField { field: Field::VLAN_VID, value, mask: None }]
    };
    let output = Action::Output { port, max_len: 0 };
    vlan.into_iter().flat_map(tag).chain([output]).collect()
}

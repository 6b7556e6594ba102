//! Ports: which network a frame is on by the port that it came in by, and what a secured port may send. And each port's
//! way to the controller, with its meters.

pub(crate) mod guard;
mod pairs;
mod routers;

use ::flows::{Drop, Emit, Feature, FeatureId, Metered, PortMeter, PuntClass, Reg, Row, SHARES, Table};
use addr::OfPort;
use ofp::Field;
use topology::{ChassisKey, Key, KeyKind, Place, PortKey, Role, Shared, View};

use crate::provider::NO_PORT;

/// The feature.
pub struct Port;

/// The first byte of a punt's userdata; the port's key follows, four bytes, big-endian.
pub const USERDATA_PORT: u8 = 1;

/// A class of punts, packets per second of it that one port may send, and the burst on top.
type Rate = (PuntClass, u32, u32);
pub(crate) const ADDRESS: Rate = (PuntClass::Address, 200, 200);
/// A connection to the metadata service with one question takes six packets of the client.
pub(crate) const SERVICE: Rate = (PuntClass::Service, 300, 300);
/// Of an instance that is asked every 50 ms, by each of a few services, over HTTP.
pub(crate) const HEALTH: Rate = (PuntClass::Health, 400, 400);
/// Answers per second that the switch gives one port, and the burst on top. A Linux host has 1,024 neighbours at most of each family
/// (`gc_thresh3`), asks for each once a second at most (RFC 4861, 10: RETRANS_TIMER) and makes sure of each every half minute: with
/// all of them gone at once it asks for 2,048. Who looks through a /64 asks for more.
const ANSWERS: (u32, u32) = (1_000, 2_048);

impl Feature for Port {
    fn id(&self) -> FeatureId {
        FeatureId(5)
    }

    fn name(&self) -> &'static str {
        "port"
    }

    fn anchors(&self) -> &'static [KeyKind] {
        &[KeyKind::Chassis, KeyKind::Place, KeyKind::Spare]
    }

    fn compile(&self, key: Key, view: &View<'_>, emit: &mut Emit) {
        match key {
            Key::Chassis(chassis) => {
                nobodys(view, emit, chassis);
                answers(view, emit, chassis);
                guard::everybody(view, emit, chassis);
            }
            Key::Spare(chassis, port) => spare(view, emit, chassis, port),
            Key::Place(port) => plugged(view, emit, port),
            _ => {}
        }
    }
}

/// The port that a punt's userdata names.
pub fn punting_port(userdata: &[u8]) -> Option<PortKey> {
    match userdata {
        [USERDATA_PORT, key @ ..] => Some(PortKey(u32::from_be_bytes(key.try_into().ok()?))),
        _ => None,
    }
}

/// The userdata of a port's punts.
pub(crate) fn userdata_of(port: PortKey) -> Vec<u8> {
    let mut userdata = vec![USERDATA_PORT];
    userdata.extend(port.0.to_be_bytes());
    userdata
}

/// The bridge itself is on no network.
fn nobodys(view: &View<'_>, emit: &mut Emit, chassis: ChassisKey) {
    if view.chassis(chassis).is_some() {
        emit.on(chassis)
            .row(Table::Classify, 10, "the bridge's own interface")
            .when(Field::IN_PORT, OfPort::LOCAL)
            .drop(Drop::UnknownPort);
    }
}

/// What stands before whatever the switch answers.
fn answers(view: &View<'_>, emit: &mut Emit, chassis: ChassisKey) {
    if view.chassis(chassis).is_none() {
        return;
    }
    let (mut on, (rate, burst)) = (emit.on(chassis), ANSWERS);
    for share in 0..SHARES {
        let meter = PortMeter { port: OfPort(share), metered: Metered::Answers };
        on.meter(meter, rate, burst, "what the switch answers a port");
        on.row(Table::Answers, 100, "by the port's meter").when_shares(share).metered(meter).answer();
    }
}

fn spare(view: &View<'_>, emit: &mut Emit, chassis: ChassisKey, port: OfPort) {
    if view.spare(chassis, port).is_some() {
        emit.on(chassis)
            .row(Table::Classify, 10, "no port is bound to it")
            .when(Field::IN_PORT, port)
            .drop(Drop::UnknownPort);
    }
}

fn plugged(view: &View<'_>, emit: &mut Emit, key: PortKey) {
    let (Some(place), Some(port)) = (view.place(key), view.port(key)) else { return };
    let policy = view.policy(key);
    let secured = policy.is_none_or(|policy| policy.secured);
    let forms = policy.is_some_and(|policy| policy.forming);
    let filtered = u64::from(view.filter(key).is_some());
    let mut on = emit.on(place.chassis);
    if policy.is_some_and(|policy| policy.role == Role::Monitor) {
        on.row(Table::Classify, 100, "the port only listens")
            .when(Field::IN_PORT, place.ofport)
            .drop(Drop::MonitorSends);
    } else if secured {
        on.row(Table::Classify, 100, "a frame from the port's own MAC")
            .when(Field::IN_PORT, place.ofport)
            .when(Field::ETH_SRC, port.mac)
            .load(Reg::Net, port.network.0)
            .load(Reg::Secured, 1u64)
            .load(Reg::Forms, u64::from(forms))
            .load(Reg::Filtered, filtered)
            .goto(Table::Guard);
        admit(&mut on, port, place);
        if let Some(policy) = policy {
            guard::privileges(&mut on, place, &policy);
            pairs::admit(&mut on, port, place, forms);
            routers::forwards(&mut on, view, port, place, &policy);
        }
    } else {
        on.row(Table::Classify, 100, "any frame: port security is off")
            .when(Field::IN_PORT, place.ofport)
            .load(Reg::Net, port.network.0)
            .load(Reg::Filtered, filtered)
            .goto(Table::Nd);
    }
    trunk(&mut on, place);
    let userdata = userdata_of(key);
    for rate in [ADDRESS, SERVICE] {
        way_to_controller(&mut on, place.ofport, rate, &userdata);
    }
}

/// Punts of a class from an OpenFlow port: by a meter of its own, with userdata that tells whose they are.
pub(crate) fn way_to_controller(on: &mut ::flows::On<'_>, port: OfPort, (class, rate, burst): Rate, userdata: &[u8]) {
    let meter = PortMeter { port, metered: Metered::Punts(class) };
    on.meter(meter, rate, burst, "what the port may ask of the controller");
    on.row(Table::Punt, 100, "to the controller")
        .when(Field::IN_PORT, port)
        .when_reg(Reg::PuntClass, class as u64)
        .metered(meter)
        .to_controller(userdata.to_vec());
}

/// A port of a trunk: its frames have its tag, and go on as by a port of its own.
fn trunk(on: &mut ::flows::On<'_>, place: Place) {
    let Some(Shared { port, vlan: Some(vlan), .. }) = place.trunk() else { return };
    let tag = 0x1000 | vlan;
    on.row(Table::Classify, 110, "with the tag of a trunk's port: now as by a port of its own")
        .when(Field::IN_PORT, port)
        .when(Field::VLAN_VID, tag)
        .pop_vlan()
        .enters_by(place.ofport)
        .reenter(Table::Classify);
    // The switch sends nothing out of the port that it came in by.
    on.row(Table::Deliver, 200, "not back to who sent it")
        .when_reg(Reg::Judged, place.ofport.0)
        .when(Field::IN_PORT, place.ofport)
        .enters_by(port)
        .output(port);
    let (to, answer) = ("out of the trunk, with the port's tag", "back by the trunk, with the port's tag");
    let row = on.row(Table::Deliver, 100, to).when_reg(Reg::Judged, place.ofport.0);
    row.push_vlan().set(Field::VLAN_VID, tag).enters_by(NO_PORT).output(port);
    let row = on.row(Table::Reply, 160, answer).when(Field::IN_PORT, place.ofport);
    row.push_vlan().set(Field::VLAN_VID, tag).enters_by(NO_PORT).output(port);
}

/// The port's own addresses as source.
fn admit(on: &mut ::flows::On<'_>, port: &topology::Port, place: Place) {
    fn row<'o>(on: &'o mut ::flows::On<'_>, place: Place) -> Row<'o> {
        on.row(Table::Admit, 100, "the source is the port's own").when(Field::IN_PORT, place.ofport)
    }
    for address in port.v6() {
        row(on, place).ipv6().when(Field::IPV6_SRC, address).goto(Table::Nd);
    }
    for delegated in &port.prefixes {
        on.row(Table::Admit, 100, "the source is of a prefix that is routed to the port")
            .when(Field::IN_PORT, place.ofport)
            .ipv6()
            .when_masked(Field::IPV6_SRC, delegated.prefix.network(), delegated.prefix.netmask())
            .goto(Table::Nd);
    }
    for address in port.v4() {
        row(on, place).ipv4().when(Field::IPV4_SRC, address).goto(Table::Nd);
        row(on, place).arp().when(Field::ARP_SPA, address).goto(Table::Nd);
    }
}

//! Security groups: what may pass to and from a port, judged where the port is plugged.
//!
//! A group's rules are rows once on a chassis, however many ports have the group; the addresses of a group that rules name are
//! rows once, however many rules name it. A packet asks the port's groups one after the other, a group asks first its rules, then
//! for each set that they name whether the other end is in it, and then the rules that name it. So what one rule or one member
//! more costs does not depend on how many there are of the other.
//!
//! Where groups follow connections, what is asked is about a connection's first packet, which conntrack remembers: answers, and
//! fragments behind the first, are judged by it too; and a rule that is taken away ends what it alone had let through.

mod judge;
mod rules;
mod sets;

use ::flows::{Emit, Feature, FeatureId, Metered, PortMeter, Reg, SHARES, Table};
use addr::OfPort;
use topology::{ChassisKey, Key, KeyKind, PortKey, SetKey, View};

/// New connections per second that the switch keeps for one port, and the burst on top. Those that nobody answers it forgets within a
/// minute (`udp_first`, `icmp_first`): so they are a tenth of the 3,000,000 that it can keep.
const CONNECTIONS: (u32, u32) = (5_000, 10_000);

/// The feature.
pub struct Groups;

impl Feature for Groups {
    fn id(&self) -> FeatureId {
        FeatureId(14)
    }

    fn name(&self) -> &'static str {
        "groups"
    }

    fn anchors(&self) -> &'static [KeyKind] {
        &[
            KeyKind::Chassis,
            KeyKind::Place,
            KeyKind::GroupAt,
            KeyKind::AddressesAt,
            KeyKind::SetAddress,
            KeyKind::SetPrefix,
            KeyKind::SetNetwork,
        ]
    }

    fn compile(&self, key: Key, view: &View<'_>, emit: &mut Emit) {
        match key {
            Key::Chassis(chassis) => {
                judge::everybody(view, emit, chassis);
                connections(view, emit, chassis);
            }
            Key::Place(port) => plugged(view, emit, port),
            Key::GroupAt(group, chassis) => rules::group(view, emit, group, chassis),
            Key::AddressesAt(group, chassis) => sets::addresses(view, emit, group, chassis),
            Key::SetAddress(address, scope, group, chassis) => {
                sets::address(view, emit, (address, scope), group, chassis);
            }
            Key::SetPrefix(prefix, group, chassis) => sets::prefix(view, emit, prefix, group, chassis),
            Key::SetNetwork(network, group, chassis) => sets::network(view, emit, network, group, chassis),
            _ => {}
        }
    }
}

/// The groups that a port has.
fn plugged(view: &View<'_>, emit: &mut Emit, key: PortKey) {
    let (Some(place), Some(membership)) = (view.place(key), view.filter(key)) else { return };
    if membership.groups.is_empty() {
        return;
    }
    let follows = membership.groups.iter().any(|group| view.is_stateful(*group));
    let mut on = emit.on(place.chassis);
    let row = on.row(Table::Groups, 100, "the groups that the port has").when_reg(Reg::Judged, place.ofport.0);
    let row = row.load(Reg::Follows, u64::from(follows));
    membership.groups.iter().fold(row, |row, group| row.load(Reg::Group, group.0).ask(Table::Group)).answer();
}

/// What stands before whatever connection is kept.
fn connections(view: &View<'_>, emit: &mut Emit, chassis: ChassisKey) {
    if view.chassis(chassis).is_none() {
        return;
    }
    let (mut on, (rate, burst)) = (emit.on(chassis), CONNECTIONS);
    for share in 0..SHARES {
        let meter = PortMeter { port: OfPort(share), metered: Metered::Connections };
        on.meter(meter, rate, burst, "new connections of a port");
        on.row(Table::Connections, 100, "by the port's meter").when_shares(share).metered(meter).answer();
    }
}

/// A set's number in the register; never 0.
fn set_number(set: SetKey) -> u64 {
    const ADDRESSES: u64 = 1 << 23;
    match set {
        SetKey::Group(group) => u64::from(group.0),
        SetKey::Addresses(addresses) => ADDRESSES | u64::from(addresses.0),
    }
}

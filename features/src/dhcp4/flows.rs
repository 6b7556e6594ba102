//! What clients broadcast, or send to their router, is punted where somebody is served.

use std::net::Ipv4Addr;

use ::flows::{Emit, Feature, FeatureId, PuntOp, Reg, Table};
use addr::MacAddr;
use ofp::Field;
use packet::{DHCP4_SERVER_PORT, protocol};
use topology::{ChassisKey, Key, KeyKind, NetworkKey, View};

/// The feature.
pub struct Dhcp4;

impl Feature for Dhcp4 {
    fn id(&self) -> FeatureId {
        FeatureId(13)
    }

    fn name(&self) -> &'static str {
        "dhcp4"
    }

    fn anchors(&self) -> &'static [KeyKind] {
        &[KeyKind::Chassis, KeyKind::Need]
    }

    fn compile(&self, key: Key, view: &View<'_>, emit: &mut Emit) {
        match key {
            Key::Chassis(chassis) => from_nobody(view, emit, chassis),
            Key::Need(network, chassis) => clients(view, emit, network, chassis),
            _ => {}
        }
    }
}

/// A client has no address yet. Only what has that source is looked at any closer.
fn from_nobody(view: &View<'_>, emit: &mut Emit, chassis: ChassisKey) {
    if view.chassis(chassis).is_some() {
        emit.on(chassis)
            .row(Table::Admit, 90, "a DHCP client has no address yet (RFC 2131, 4.1)")
            .ipv4()
            .when(Field::IPV4_SRC, Ipv4Addr::UNSPECIFIED)
            .when(Field::IP_PROTO, protocol::UDP)
            .when(Field::UDP_DST, DHCP4_SERVER_PORT)
            .goto(Table::Nd);
    }
}

fn clients(view: &View<'_>, emit: &mut Emit, network: NetworkKey, chassis: ChassisKey) {
    let served = || view.subnets_of(network).into_iter().any(|subnet| view.dhcp4(subnet).is_some());
    if view.is_resident(network, chassis) && served() {
        let mut on = emit.on(chassis);
        on.row(Table::Nd, 200, "a client asks whatever DHCP server there is (RFC 2131, 3.1)")
            .ipv4()
            .when_reg(Reg::Net, network.0)
            .when(Field::ETH_DST, MacAddr::BROADCAST)
            .when(Field::IP_PROTO, protocol::UDP)
            .when(Field::UDP_DST, DHCP4_SERVER_PORT)
            .punt(PuntOp::Dhcp4);
        // Who has an address asks its server by unicast (RFC 2131, 4.4.5), and that is its router's address.
        on.row(Table::RouterOwn, 200, "a client renews its lease with its router")
            .ipv4()
            .when_reg(Reg::Net, network.0)
            .when(Field::IP_PROTO, protocol::UDP)
            .when(Field::UDP_DST, DHCP4_SERVER_PORT)
            .punt(PuntOp::Dhcp4);
    }
}

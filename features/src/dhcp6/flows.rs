//! What clients send to all servers is punted where somebody is served.

use ::flows::{Emit, Feature, FeatureId, PuntOp, Reg, Table};
use addr::multicast_mac;
use ofp::Field;
use packet::{ALL_DHCP_SERVERS, DHCP6_SERVER_PORT};
use topology::{ChassisKey, Key, KeyKind, NetworkKey, View};

/// The feature.
pub struct Dhcp6;

const UDP: u8 = 17;

impl Feature for Dhcp6 {
    fn id(&self) -> FeatureId {
        FeatureId(12)
    }

    fn name(&self) -> &'static str {
        "dhcp6"
    }

    fn anchors(&self) -> &'static [KeyKind] {
        &[KeyKind::Need]
    }

    fn compile(&self, key: Key, view: &View<'_>, emit: &mut Emit) {
        if let Key::Need(network, chassis) = key {
            clients(view, emit, network, chassis);
        }
    }
}

/// By the MAC first: what is for another one is not looked at any closer, so that its ports stay out of megaflows.
fn clients(view: &View<'_>, emit: &mut Emit, network: NetworkKey, chassis: ChassisKey) {
    let delegates = || view.network(network).is_some_and(|network| network.delegates);
    let served = || view.subnets_of(network).into_iter().any(|subnet| view.dhcp6(subnet).is_some()) || delegates();
    if view.is_resident(network, chassis) && served() {
        emit.on(chassis)
            .row(Table::Nd, 200, "a client asks all DHCPv6 servers (RFC 8415, 7.1)")
            .ipv6()
            .when_reg(Reg::Net, network.0)
            .when(Field::ETH_DST, multicast_mac(ALL_DHCP_SERVERS))
            .when(Field::IP_PROTO, UDP)
            .when(Field::UDP_DST, DHCP6_SERVER_PORT)
            .punt(PuntOp::Dhcp6);
    }
}

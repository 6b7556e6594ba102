//! What clients send to all servers is punted where somebody is served.

use ::flows::{Emit, Feature, FeatureId, PuntOp, Reg, Table};
use addr::multicast_mac;
use ofp::Field;
use packet::{ALL_DHCP_SERVERS, ALL_DHCP_SERVERS_OF_SITE, DHCP6_SERVER_PORT};
use topology::{ChassisKey, Key, KeyKind, NetworkKey, PortKey, View};

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
        &[KeyKind::Need, KeyKind::Place]
    }

    fn compile(&self, key: Key, view: &View<'_>, emit: &mut Emit) {
        match key {
            Key::Need(network, chassis) => clients(view, emit, network, chassis),
            Key::Place(port) => relay(view, emit, port),
            _ => {}
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

/// A relay agent asks for clients of other links too, so it is heard whether or not its own is served.
fn relay(view: &View<'_>, emit: &mut Emit, key: PortKey) {
    let (Some(place), Some(policy)) = (view.place(key), view.policy(key)) else { return };
    if policy.relays {
        for group in [ALL_DHCP_SERVERS, ALL_DHCP_SERVERS_OF_SITE] {
            emit.on(place.chassis)
                .row(Table::Nd, 210, "a relay agent asks for its clients (RFC 8415, 19.1)")
                .ipv6()
                .when(Field::IN_PORT, place.ofport)
                .when(Field::ETH_DST, multicast_mac(group))
                .when(Field::IP_PROTO, UDP)
                .when(Field::UDP_DST, DHCP6_SERVER_PORT)
                .punt(PuntOp::Dhcp6);
        }
    }
}

//! Questions are punted where they are answered: at the router's addresses, or at the network's own.

use ::flows::{Emit, Feature, FeatureId, PuntOp, Reg, Table};
use ofp::Field;
use packet::{DNS_PORT, protocol};
use topology::{ChassisKey, Key, KeyKind, NetworkKey, View};

use super::server;
use crate::nd;
use crate::router::network_mac;

/// The feature.
pub struct Dns;

const NEIGHBOR_SOLICIT: u8 = 135;

impl Feature for Dns {
    fn id(&self) -> FeatureId {
        FeatureId(18)
    }

    fn name(&self) -> &'static str {
        "dns"
    }

    fn anchors(&self) -> &'static [KeyKind] {
        &[KeyKind::Need]
    }

    fn compile(&self, key: Key, view: &View<'_>, emit: &mut Emit) {
        let Key::Need(network, chassis) = key else { return };
        if !view.is_resident(network, chassis) || !server::is_served(view, network) {
            return;
        }
        if view.interfaces_on(network).is_empty() {
            of_network(view, emit, network, chassis);
        } else {
            of_router(emit, network, chassis);
        }
    }
}

fn of_router(emit: &mut Emit, network: NetworkKey, chassis: ChassisKey) {
    let mut on = emit.on(chassis);
    for ethertype in [0x86ddu16, 0x0800] {
        on.row(Table::RouterOwn, 200, "a question for a name, to the router")
            .when(Field::ETH_TYPE, ethertype)
            .when_reg(Reg::Net, network.0)
            .when(Field::IP_PROTO, protocol::UDP)
            .when(Field::UDP_DST, DNS_PORT)
            .punt(PuntOp::Dns);
    }
}

fn of_network(view: &View<'_>, emit: &mut Emit, network: NetworkKey, chassis: ChassisKey) {
    let Some(address) = server::on_link(view, network) else { return };
    let mac = network_mac(network);
    let mut on = emit.on(chassis);
    on.row(Table::Nd, 200, "a question for a name, to the network's own server")
        .ipv6()
        .when_reg(Reg::Net, network.0)
        .when(Field::ETH_DST, mac)
        .when(Field::IP_PROTO, protocol::UDP)
        .when(Field::UDP_DST, DNS_PORT)
        .punt(PuntOp::Dns);
    let row = on
        .row(Table::Nd, 110, "is the name server still there? (RFC 4861, 7.3)")
        .icmpv6(NEIGHBOR_SOLICIT)
        .when_reg(Reg::Net, network.0)
        .when(Field::ETH_DST, mac)
        .when(Field::NW_TTL, 255u8);
    nd::flows::ask(row);
    on.row(Table::Neighbor, 100, "the address is the network's name server's")
        .ipv6()
        .when_reg(Reg::Net, network.0)
        .when(Field::IPV6_DST, address)
        .set(Field::ETH_DST, mac)
        .load(Reg::NdRouter, 1u64)
        .goto(Table::Out);
}

//! Router solicitations are punted where something is advertised, and dropped where nothing is.

use ::flows::{Drop, Emit, Feature, FeatureId, PuntOp, Reg, Table};
use topology::{ChassisKey, Key, KeyKind, NetworkKey, View};

use super::advert;

/// The feature.
pub struct Ra;

const ROUTER_SOLICIT: u8 = 133;

impl Feature for Ra {
    fn id(&self) -> FeatureId {
        FeatureId(8)
    }

    fn name(&self) -> &'static str {
        "ra"
    }

    fn anchors(&self) -> &'static [KeyKind] {
        &[KeyKind::Chassis, KeyKind::Need]
    }

    fn compile(&self, key: Key, view: &View<'_>, emit: &mut Emit) {
        match key {
            Key::Chassis(chassis) => nobody(view, emit, chassis),
            Key::Need(network, chassis) => solicited(view, emit, network, chassis),
            _ => {}
        }
    }
}

fn nobody(view: &View<'_>, emit: &mut Emit, chassis: ChassisKey) {
    if view.chassis(chassis).is_some() {
        emit.on(chassis)
            .row(Table::Nd, 50, "no router advertises on the network")
            .icmpv6(ROUTER_SOLICIT)
            .drop(Drop::NoRouterAdvert);
    }
}

fn solicited(view: &View<'_>, emit: &mut Emit, network: NetworkKey, chassis: ChassisKey) {
    let resident = view.is_resident(network, chassis);
    if resident && !advert::senders(view, network).is_empty() {
        emit.on(chassis)
            .row(Table::Nd, 200, "answered by an advertisement to the one who asks")
            .when_reg(Reg::Net, network.0)
            .icmpv6(ROUTER_SOLICIT)
            .punt(PuntOp::RouterSolicit);
    }
}

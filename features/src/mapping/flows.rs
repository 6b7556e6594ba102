//! Rows for addresses on provider networks that routers answer for, beside their own.

use std::net::IpAddr;

use ::flows::{Emit, Feature, FeatureId};
use topology::{ChassisKey, Key, KeyKind, NetworkKey, View};

use crate::gateway::{self, choice};
use crate::router::sends_from;

/// The feature.
pub struct Mapping;

impl Feature for Mapping {
    fn id(&self) -> FeatureId {
        FeatureId(32)
    }

    fn name(&self) -> &'static str {
        "mapping"
    }

    fn anchors(&self) -> &'static [KeyKind] {
        &[KeyKind::PresenceAt]
    }

    fn compile(&self, key: Key, view: &View<'_>, emit: &mut Emit) {
        if let Key::PresenceAt(network, address, chassis) = key {
            presence(view, emit, (network, address), chassis);
        }
    }
}

/// An address that a router answers for on somebody's behalf.
fn presence(view: &View<'_>, emit: &mut Emit, at: (NetworkKey, IpAddr), chassis: ChassisKey) {
    let Some(presence) = view.presence(at.0, at.1).filter(|there| view.routes_for(there.router, chassis)) else {
        return;
    };
    if choice::holder(view, at, presence) == Some(chassis) && view.localnet(at.0, chassis).is_some() {
        gateway::answered(&mut emit.on(chassis), at.0, at.1, sends_from(chassis, presence.router));
    }
}

//! The declared miss of every table, as rows.

use topology::{Key, KeyKind, View};

use crate::emit::Emit;
use crate::engine::{Feature, FeatureId};
use crate::pipeline::PIPELINE;

/// Writes what the pipeline's declaration says of packets without a row.
pub struct Misses;

impl Feature for Misses {
    fn id(&self) -> FeatureId {
        FeatureId(0)
    }

    fn name(&self) -> &'static str {
        "misses"
    }

    fn anchors(&self) -> &'static [KeyKind] {
        &[KeyKind::Chassis]
    }

    fn compile(&self, key: Key, view: &View<'_>, emit: &mut Emit) {
        let Key::Chassis(chassis) = key else { return };
        if view.chassis(chassis).is_some() {
            for spec in &PIPELINE {
                emit.on(chassis).miss(spec.table);
            }
        }
    }
}

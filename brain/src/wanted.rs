//! What is wanted on a switch, as values: for those who compare it with what is there.

use std::sync::Arc;

use flows::{Item, cookie};

use crate::brain::Brain;

/// Something that a switch should hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// The flow, group or meter.
    pub item: Arc<Item>,
    /// A flow's cookie; meaningless for groups and meters.
    pub cookie: u64,
    /// Whose it is, `port acme/vm1`; `None`: the resource is gone, or it is nobody's.
    pub resource: Option<String>,
}

impl Brain {
    /// All that a chassis' switch should hold, in no order; nothing for a chassis that there is not.
    pub fn wanted(&self, chassis: &str) -> Vec<Wanted> {
        let named = |key: &_| self.chassis_resource(*key).is_some_and(|resource| *resource.name == *chassis);
        let Some(key) = self.world.chassis_keys().into_iter().find(named) else { return Vec::new() };
        let wanted = self.engine.desired(key).map(|(item, unit)| Wanted {
            item: item.clone(),
            cookie: cookie(&unit),
            resource: self.world.resource_of(&unit.key).map(|resource| resource.to_string()),
        });
        wanted.collect()
    }
}

//! Metadata: what is told of a port's VM, from its intent; and the connections that ask, which the service keeps.

use features::metadata::service::TOO_MANY;
use features::metadata::{Described, Nic};
use features::punt::Punted;
use topology::{Key, PortKey, World};

use crate::brain::Brain;
use crate::catalog::Catalog;
use crate::effect::Effect;
use crate::learning::Outcome;

impl Brain {
    /// A segment for the metadata service.
    pub(crate) fn asked_metadata(&mut self, punted: &Punted) -> Outcome {
        let (catalog, world) = (&self.catalog, &self.world);
        let came = self.metadata.came(world, &|port| described(catalog, world, port), punted);
        self.count_responses();
        if came == Err(TOO_MANY)
            && let Some(id) = self.world.resource_of(&Key::Port(punted.port))
        {
            let at = (punted.place.chassis, punted.place.ofport);
            let words = "a connection to the metadata service is not taken: there are as many as there may be";
            self.tell_refusal(at, "metadata.refused", &id, words.to_owned());
        }
        self.send(came?);
        Ok("answered")
    }

    /// What connections do by themselves: they send again, and end.
    pub(crate) fn metadata_timers(&mut self) {
        if self.metadata.next_due().is_none_or(|due| due > self.now) {
            return;
        }
        let (catalog, world) = (&self.catalog, &self.world);
        let packets = self.metadata.due(world, &|port| described(catalog, world, port), self.now);
        self.count_responses();
        self.send(packets);
    }

    fn count_responses(&mut self) {
        for (status, by) in self.metadata.take_responses() {
            let labels = vec![("status", status.to_string())];
            self.effects.push(Effect::Count { counter: "sextant_metadata_responses_total", labels, by });
        }
    }
}

/// What is told of a port's VM.
fn described(catalog: &Catalog, world: &World, port: PortKey) -> Option<Described> {
    let id = world.resource_of(&Key::Port(port))?;
    let told = catalog.instance(&id)?;
    let nic = |id| {
        let (key, uid, network_uid) = catalog.nic(&id)?;
        Some(Nic { port: PortKey(key), uid, network_uid })
    };
    let others = catalog.ports_of_device(&id);
    let nics: Vec<Nic> = std::iter::once(id).chain(others).filter_map(nic).collect();
    let own = nics.first().map(|nic| nic.uid.clone()).unwrap_or_default();
    Some(Described {
        id: told.device_id.unwrap_or(own),
        user_data: told.user_data,
        public_keys: told.public_keys,
        nics,
    })
}

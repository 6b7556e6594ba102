//! Questions for an address that nobody is known to have: passed on to all that may have it, at a bounded rate.

use std::net::IpAddr;

use addr::OfPort;
use features::learn::resolve;
use features::punt::{PacketOut, Punted, Unanswered};
use topology::{ChassisKey, Key, View};

use super::Outcome;
use super::held::{Wait, Way};
use super::rates::May;
use crate::brain::Brain;

impl Brain {
    /// A host asks for an address that nobody is known to have.
    pub(crate) fn resolve(&mut self, punted: Punted) -> Outcome {
        let target = resolve::target(&punted.frame)?;
        let at = (punted.place.chassis, punted.place.ofport);
        if View::new(&self.world).holder(punted.network, target).is_some() {
            let wait = Wait::Installed(punted.network, self.world.sequence());
            return self.hold(at, Way::Again(punted.frame), wait, true);
        }
        let packets = self.ask(&punted, target, &punted.frame)?;
        let asked = if packets.is_empty() { "waits" } else { "asked" };
        self.send(packets);
        // What is not kept is asked again by the host.
        let wait = Wait::Address(punted.network, target);
        self.hold(at, Way::Again(punted.frame), wait, true).map(|_| asked)
    }

    /// A router has a packet for an address that nobody is known to have on the network: false, if that is all there is to it.
    pub(crate) fn resolve_routed(&mut self, punted: &Punted) -> bool {
        let view = View::new(&self.world);
        let Some(target) = resolve::destination(&punted.frame).filter(|_| view.auto_ports(punted.network)) else {
            return false;
        };
        let Some(question) = resolve::question(&view, punted.router, punted.network, target) else { return false };
        let at = (punted.place.chassis, punted.place.ofport);
        let mut wait = Wait::Installed(punted.network, self.world.sequence());
        if view.holder(punted.network, target).is_none() {
            let Ok(packets) = self.ask(punted, target, &question) else { return false };
            self.send(packets);
            wait = Wait::Address(punted.network, target);
        }
        self.hold(at, Way::Routed(Box::new(punted.clone()), target), wait, true).is_ok()
    }

    /// The question for an address that a punted frame has brought up, to be sent now; none if it was asked a moment ago.
    ///
    /// # Errors
    /// Why it is not asked at all: it can be no host's, or too much was asked.
    fn ask(&mut self, punted: &Punted, target: IpAddr, frame: &[u8]) -> Result<Vec<PacketOut>, Unanswered> {
        let network = self.world.resource_of(&Key::Network(punted.network)).ok_or("gone")?;
        if let Some(why) = self.catalog.illegal(&network, target) {
            return Err(why.name());
        }
        let at = (punted.place.chassis, punted.place.ofport);
        match self.learning.rates.ask(at, punted.network, target, self.now) {
            May::No => Err("asks_too_often"),
            May::Wait => Ok(Vec::new()),
            May::Ask => {
                let learnable = |chassis: ChassisKey, port: OfPort| self.may_be_a_hosts(chassis, port);
                Ok(resolve::ask(&self.world, punted.network, Some(punted.place), frame, learnable))
            }
        }
    }
}

//! Questions for an address that nobody is known to have: passed on to all that may have it, at a bounded rate.

use std::net::IpAddr;

use addr::OfPort;
use features::learn::resolve;
use features::punt::{PacketOut, Punted, Unanswered};
use topology::{ChassisKey, View};

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
        self.check_askable(&punted, target)?;
        let packets = match self.learning.rates.ask(at, punted.network, target, self.now) {
            May::No => return Err("asks_too_often"),
            May::Wait => Vec::new(),
            May::Ask => self.ask(&punted, &punted.frame),
        };
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
            if self.check_askable(punted, target).is_err() {
                return false;
            }
            let packets = match self.learning.rates.ask(at, punted.network, target, self.now) {
                May::No => return false,
                May::Wait => Vec::new(),
                May::Ask => self.ask(punted, &question),
            };
            self.send(packets);
            wait = Wait::Address(punted.network, target);
        }
        self.hold(at, Way::Routed(Box::new(punted.clone()), target), wait, true).is_ok()
    }

    /// Whether an address can be a host's at all.
    fn check_askable(&self, punted: &Punted, target: IpAddr) -> Result<(), Unanswered> {
        let network = self.world.resource_of(&topology::Key::Network(punted.network)).ok_or("gone")?;
        self.catalog.illegal(&network, target).map_or(Ok(()), |why| Err(why.name()))
    }

    fn ask(&self, punted: &Punted, frame: &[u8]) -> Vec<PacketOut> {
        let learnable = |chassis: ChassisKey, port: OfPort| self.may_be_a_hosts(chassis, port);
        resolve::ask(&self.world, punted.network, Some(punted.place), frame, learnable)
    }
}

//! Addresses that hosts took grow old: a host that has many is asked for one after the other, and loses what it does not answer
//! for (RFC 6620, 3.2.5). One that has few is left alone: a restarted host leaves some behind.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};

use features::Millis;
use features::learn::alive;
use features::punt::{Punted, Unanswered};
use topology::{Key, PortKey, ResourceId, View};

use crate::brain::Brain;

/// Learned addresses of a port that nobody asks for.
const LEFT_ALONE: usize = 8;
/// Between one address of a port and the next.
const NEXT_MS: u64 = 10_000;
/// Between questions for one address (RFC 4861, 10: RETRANS_TIMER), and how many there are (MAX_UNICAST_SOLICIT).
const AGAIN_MS: u64 = 1_000;
const QUESTIONS: u32 = 3;

/// What a port is asked for.
#[derive(Debug)]
struct Asked {
    due: Millis,
    /// The address that is, or was last, asked for.
    address: Option<Ipv6Addr>,
    /// How often, without an answer.
    questions: u32,
}

/// The ports that are asked.
#[derive(Debug, Default)]
pub(crate) struct Ages {
    asked: BTreeMap<PortKey, Asked>,
    due: BTreeSet<(Millis, PortKey)>,
}

impl Ages {
    pub(super) fn next_due(&self) -> Option<Millis> {
        self.due.first().map(|(at, _)| *at)
    }

    fn set(&mut self, port: PortKey, asked: Asked) {
        self.forget(port);
        self.due.insert((asked.due, port));
        self.asked.insert(port, asked);
    }

    fn forget(&mut self, port: PortKey) {
        if let Some(asked) = self.asked.remove(&port) {
            self.due.remove(&(asked.due, port));
        }
    }
}

impl Brain {
    /// A port has taken an address.
    pub(crate) fn note_age(&mut self, id: &ResourceId) {
        let Some(key) = self.catalog.by_id(id).map(|stored| PortKey(stored.record.key)) else { return };
        let many = self.catalog.learned_by(id).nth(LEFT_ALONE).is_some();
        if many && !self.learning.ages.asked.contains_key(&key) {
            let due = self.now.after_ms(NEXT_MS);
            self.learning.ages.set(key, Asked { due, address: None, questions: 0 });
        }
    }

    /// Asks what is due to be asked.
    pub(super) fn ask_ages(&mut self) {
        while let Some((_, port)) = self.learning.ages.due.first().copied().filter(|(at, _)| *at <= self.now) {
            let Some(asked) = self.learning.ages.asked.remove(&port) else { continue };
            self.learning.ages.due.remove(&(asked.due, port));
            if let Some(id) = self.world.resource_of(&Key::Port(port)) {
                self.ask_age(port, &id, asked);
            }
        }
    }

    fn ask_age(&mut self, port: PortKey, id: &ResourceId, asked: Asked) {
        let learned: Vec<Ipv6Addr> = self.catalog.learned_by(id).filter_map(v6).collect();
        if learned.len() <= LEFT_ALONE {
            return;
        }
        let next = || learned.iter().copied().find(|a| Some(*a) > asked.address).or(learned.first().copied());
        let (address, questions) = match asked.address.filter(|_| asked.questions > 0) {
            Some(address) if asked.questions >= QUESTIONS => {
                self.learning.wishes.age(id.clone(), IpAddr::V6(address));
                self.happened("address.aged", Some(id), format!("{address} does not answer"));
                self.next_write();
                (asked.address, 0)
            }
            Some(address) => (Some(address), asked.questions + 1),
            None => (next(), 1),
        };
        let due = self.now.after_ms(if questions == 0 { NEXT_MS } else { AGAIN_MS });
        if questions > 0 {
            let packet = address.and_then(|address| alive::probe(&View::new(&self.world), port, address));
            // A port that is not plugged keeps what it has until it is.
            let Some(packet) = packet else {
                let due = self.now.after_ms(NEXT_MS);
                return self.learning.ages.set(port, Asked { due, address: asked.address, questions: 0 });
            };
            self.send(vec![packet]);
        }
        self.learning.ages.set(port, Asked { due, address, questions });
    }

    /// A host answers for an address.
    pub(crate) fn answers_for(&mut self, punted: &Punted) -> Result<&'static str, Unanswered> {
        let address = alive::answered(punted)?;
        let asked = self.learning.ages.asked.get(&punted.port).and_then(|asked| asked.address);
        if asked != Some(address) {
            return Err("was_not_asked");
        }
        let due = self.now.after_ms(NEXT_MS);
        self.learning.ages.set(punted.port, Asked { due, address: Some(address), questions: 0 });
        Ok("answered")
    }
}

fn v6(address: IpAddr) -> Option<Ipv6Addr> {
    match address {
        IpAddr::V6(address) => Some(address),
        IpAddr::V4(_) => None,
    }
}

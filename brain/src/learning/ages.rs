//! Addresses that hosts took grow old: a host that has many is asked for one after the other, and loses what it does not answer
//! for (RFC 6620, 3.2.5). One that has few is left alone: a restarted host leaves some behind.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use features::Millis;
use features::learn::alive;
use features::punt::{Punted, Unanswered};
use features::turns::Turns;
use topology::{Key, PortKey, ResourceId, View};

use crate::brain::Brain;

/// Learned addresses of a port that nobody asks for.
const LEFT_ALONE: usize = 8;
/// Between one address of a port and the next.
const NEXT_MS: u64 = 10_000;
/// Between questions for one address (RFC 4861, 10: RETRANS_TIMER), and how many there are (MAX_UNICAST_SOLICIT).
const AGAIN_MS: u64 = 1_000;
const QUESTIONS: u32 = 3;

/// The ports that are asked.
#[derive(Debug, Default)]
pub(crate) struct Ages {
    /// When each is asked next, and how often it was asked for its address without an answer.
    turns: Turns<PortKey>,
    /// The address that each is, or was last, asked for.
    addresses: BTreeMap<PortKey, Ipv6Addr>,
}

impl Ages {
    pub(super) fn next_due(&self) -> Option<Millis> {
        self.turns.first()
    }
}

impl Brain {
    /// A port has taken an address.
    pub(crate) fn note_age(&mut self, id: &ResourceId) {
        let Some(key) = self.catalog.by_id(id).map(|stored| PortKey(stored.record.key)) else { return };
        let many = self.catalog.learned_by(id).nth(LEFT_ALONE).is_some();
        if many && !self.learning.ages.turns.contains(key) {
            self.learning.ages.turns.set(key, self.now.after_ms(NEXT_MS), 0);
        }
    }

    /// Asks what is due to be asked.
    pub(super) fn ask_ages(&mut self) {
        while let Some((port, questions)) = self.learning.ages.turns.take(self.now) {
            let asked = self.learning.ages.addresses.remove(&port);
            if let Some(id) = self.world.resource_of(&Key::Port(port)) {
                self.ask_age(port, &id, asked, questions);
            }
        }
    }

    fn ask_age(&mut self, port: PortKey, id: &ResourceId, asked: Option<Ipv6Addr>, questions: u32) {
        let learned: Vec<Ipv6Addr> = self.catalog.learned_by(id).filter_map(addr::v6).collect();
        if learned.len() <= LEFT_ALONE {
            return;
        }
        let next = || learned.iter().copied().find(|a| Some(*a) > asked).or(learned.first().copied());
        let asks = match asked.filter(|_| questions > 0) {
            Some(address) if questions >= QUESTIONS => {
                self.learning.wishes.age(id.clone(), IpAddr::V6(address));
                self.happened("address.aged", Some(id), format!("{address} does not answer"));
                self.next_write();
                None
            }
            Some(address) => Some((address, questions + 1)),
            None => next().map(|address| (address, 1)),
        };
        // A port that is not plugged keeps what it has until it is.
        let packet = asks.and_then(|(address, _)| alive::probe(&View::new(&self.world), port, address));
        let (address, questions, wait) = match (asks, packet) {
            (Some((address, questions)), Some(packet)) => {
                self.send(vec![packet]);
                (Some(address), questions, AGAIN_MS)
            }
            _ => (asked, 0, NEXT_MS),
        };
        self.learning.ages.addresses.extend(address.map(|address| (port, address)));
        self.learning.ages.turns.set(port, self.now.after_ms(wait), questions);
    }

    /// A host answers for an address.
    pub(crate) fn answers_for(&mut self, punted: &Punted) -> Result<&'static str, Unanswered> {
        let address = alive::answered(punted)?;
        if self.learning.ages.addresses.get(&punted.port) != Some(&address) {
            return Err("was_not_asked");
        }
        self.learning.ages.turns.set(punted.port, self.now.after_ms(NEXT_MS), 0);
        Ok("answered")
    }
}

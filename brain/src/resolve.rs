//! Questions for names that are for others to answer: they wait for the daemon, which puts them to its resolvers.

use std::collections::BTreeMap;

use features::Millis;
use features::dns::service::{self, Asked, Waiting};
use features::punt::Punted;
use topology::{PortKey, View};

use crate::brain::Brain;
use crate::effect::Effect;
use crate::event::QuestionId;
use crate::learning::Outcome;

/// Questions that wait at once.
const WAITING_MAX: usize = 4096;
/// Those of one port.
const WAITING_PORT_MAX: usize = 32;
/// The daemon answers sooner, if only that there is no answer.
const WAIT_MAX_S: u64 = 10;

/// The questions that wait.
#[derive(Debug, Default)]
pub(crate) struct Resolving {
    /// In the order of their deadlines, for each waits equally long.
    waiting: BTreeMap<QuestionId, (Millis, Waiting)>,
    by_port: BTreeMap<PortKey, usize>,
    last: u64,
}

impl Resolving {
    /// When the first of them has waited too long.
    pub(crate) fn next_due(&self) -> Option<Millis> {
        self.waiting.first_key_value().map(|(_, (deadline, _))| *deadline)
    }

    /// Lets a question wait; the name of why it can't.
    fn add(&mut self, now: Millis, question: Waiting) -> Result<QuestionId, &'static str> {
        let of_port = self.by_port.entry(question.port()).or_default();
        if *of_port > 0 && self.waiting.values().any(|(_, other)| *other == question) {
            return Err("waits_already");
        }
        if *of_port >= WAITING_PORT_MAX || self.waiting.len() >= WAITING_MAX {
            return Err("too_many_questions");
        }
        *of_port += 1;
        self.last += 1;
        let id = QuestionId(self.last);
        self.waiting.insert(id, (now.after_s(WAIT_MAX_S), question));
        Ok(id)
    }

    fn take(&mut self, id: QuestionId) -> Option<Waiting> {
        let (_, question) = self.waiting.remove(&id)?;
        if let Some(of_port) = self.by_port.get_mut(&question.port()) {
            *of_port -= 1;
            if *of_port == 0 {
                self.by_port.remove(&question.port());
            }
        }
        Some(question)
    }
}

impl Brain {
    /// A port asks for a name.
    pub(crate) fn asked_name(&mut self, punted: &Punted) -> Outcome {
        match service::asked(&self.world, punted)? {
            Asked::Answered(packet) => {
                self.send(vec![packet]);
                Ok("answered")
            }
            Asked::Elsewhere(question) => {
                let message = question.question().to_vec();
                let question = self.resolving.add(self.now, question)?;
                self.effects.push(Effect::Resolve { question, message });
                Ok("forwarded")
            }
        }
    }

    /// A resolver has answered, or none will.
    pub(crate) fn resolved(&mut self, id: QuestionId, answer: Option<&[u8]>) {
        let Some(question) = self.resolving.take(id) else { return };
        let packet = question.told(&View::new(&self.world), answer);
        let result = match (answer, &packet) {
            (_, None) => "port_moved",
            (Some(_), Some(_)) => "relayed",
            (None, Some(_)) => "no_resolver_answers",
        };
        self.count_punt("dns", result);
        self.send(packet.into_iter().collect());
    }

    /// Questions whose answer never came.
    pub(crate) fn give_up_questions(&mut self) {
        while let Some(id) =
            self.resolving.waiting.first_key_value().filter(|(_, (at, _))| *at <= self.now).map(|(id, _)| *id)
        {
            self.resolving.take(id);
        }
    }
}

//! Packets: punted ones are answered by their feature's service; what is due by the clock is sent.

use features::holder::{OWN_ADDRESS, UNKNOWN_TARGET};
use features::learn::USERDATA_SPARE;
use features::links::USERDATA_LLDP;
use features::overlay::warm::{self, WARM_INTERVAL_S};
use features::provider::USERDATA_LOCALNET;
use features::punt::{PacketOut, Punted, Unanswered, op_of};
use features::{Millis, arp, dhcp4, dhcp6, icmp, mapping, nd, provider, ra};
use flows::PuntOp;
use topology::{ChassisKey, View};

use crate::brain::Brain;
use crate::effect::{Effect, SwitchCommand};
use crate::event::{Punt, SessionId};
use crate::learning::Outcome;
use crate::switch::Switch;

/// The first warming packets come close together: an underlay may still be waking up.
const WARM_AGAIN_S: [u64; 3] = [1, 5, 30];

impl Brain {
    pub(crate) fn punted(&mut self, session: SessionId, punt: Punt) {
        let Some(chassis) = self.sessions.get(&session).and_then(|s| s.chassis) else { return };
        if punt.userdata == USERDATA_SPARE {
            let outcome = self.learn_port(chassis, punt.in_port, punt.data);
            return self.count_outcome("learn_port", outcome);
        }
        if let Some(op @ (PuntOp::QuotedInward | PuntOp::QuotedOutward)) = op_of(&punt.metadata) {
            let (view, at) = (View::new(&self.world), (chassis, punt.in_port));
            let answer = mapping::service::quoted(&view, at, op, &punt.metadata, punt.data);
            let outcome = self.answer(answer);
            return self.count_outcome(op.name(), outcome);
        }
        if punt.userdata == USERDATA_LOCALNET {
            let (op, outcome) = self.punted_outside(chassis, punt);
            return self.count_outcome(op, outcome);
        }
        if punt.userdata == USERDATA_LLDP {
            let result = self.heard_lldp(chassis, punt.in_port, &punt.data);
            return self.count_punt("lldp", result);
        }
        let view = View::new(&self.world);
        let read = Punted::read(&view, chassis, punt.in_port, &punt.userdata, &punt.metadata, punt.data, self.now);
        let punted = match read {
            Ok(punted) => punted,
            Err(reason) => return self.count_punt("unknown", reason),
        };
        let name = punted.op.name();
        let outcome = match punted.op {
            PuntOp::RouterSolicit => {
                let answer = ra::service::solicited(&view, &punted);
                self.answer(answer)
            }
            PuntOp::NeighborSolicit => self.solicited(punted, nd::service::solicited),
            PuntOp::ArpProbe => self.solicited(punted, arp::service::probed),
            PuntOp::Alive => self.answers_for(&punted),
            PuntOp::Dhcp4 => self.serve(&punted, dhcp4::service::answer),
            PuntOp::Dhcp6 => self.serve(&punted, dhcp6::service::answer),
            PuntOp::Dns => self.asked_name(&punted),
            PuntOp::Health => self.heard_instance(&punted),
            PuntOp::Metadata => self.asked_metadata(&punted),
            PuntOp::Membership => self.said_of_groups(&punted),
            PuntOp::Learn => self.learn_addresses(punted),
            PuntOp::Resolve => self.resolve(punted),
            PuntOp::Unreachable if self.resolve_routed(&punted) => Ok("resolves"),
            PuntOp::HopLimit | PuntOp::NoRoute | PuntOp::Unreachable | PuntOp::PortUnreachable | PuntOp::TooBig => {
                return self.answer_error(&punted);
            }
            // It has userdata of its own.
            PuntOp::Lldp
            | PuntOp::Neighbor
            | PuntOp::RouterAdvert
            | PuntOp::Upstream
            | PuntOp::QuotedInward
            | PuntOp::QuotedOutward => Err("foreign_userdata"),
        };
        self.count_outcome(name, outcome);
    }

    fn count_outcome(&mut self, op: &'static str, outcome: Outcome) {
        self.count_punt(op, outcome.unwrap_or_else(|reason| reason));
    }

    fn answer(&mut self, answer: Result<Vec<PacketOut>, Unanswered>) -> Outcome {
        self.send(answer?);
        Ok("answered")
    }

    /// A question for an address. A probe that nobody objects to: the address is the prober's, if its port learns.
    fn solicited(
        &mut self,
        punted: Punted,
        service: fn(&View<'_>, &Punted) -> Result<Vec<PacketOut>, Unanswered>,
    ) -> Outcome {
        let view = View::new(&self.world);
        let learns = view.policy(punted.port).is_some_and(|policy| policy.learning || policy.forming);
        let answer = service(&view, &punted);
        if matches!(answer, Err(UNKNOWN_TARGET | OWN_ADDRESS)) {
            self.send(provider::service::probe_outside(&view, &punted).into_iter().collect());
        }
        match answer {
            Err(UNKNOWN_TARGET) if learns => self.learn_addresses(punted),
            answer => {
                if answer.is_ok() {
                    self.tell_conflict(&punted);
                }
                self.answer(answer)
            }
        }
    }

    /// What is owed an ICMP error gets it.
    pub(crate) fn answer_error(&mut self, punted: &Punted) {
        let answer = icmp::service::error(&self.world, punted);
        let outcome = self.answer(answer);
        self.count_outcome(punted.op.name(), outcome);
    }

    pub(crate) fn count_punt(&mut self, op: &'static str, result: &'static str) {
        let labels = vec![("operation", op.to_owned()), ("result", result.to_owned())];
        self.effects.push(Effect::Count { counter: "sextant_punts_total", labels, by: 1 });
    }

    /// Sends packets by the chassis that are in step; for the others nothing is promised.
    pub(crate) fn send(&mut self, packets: Vec<PacketOut>) {
        for PacketOut { chassis, in_port, actions, frame } in packets {
            let Some(session) = self.switches.get(&chassis).filter(|s| s.in_step()).and_then(Switch::session) else {
                continue;
            };
            let command = SwitchCommand::PacketOut { in_port, actions, data: frame };
            self.effects.push(Effect::Switch(session, command));
        }
    }

    /// What is due by the clock.
    pub(crate) fn timers(&mut self) {
        self.learning_timers();
        self.give_up_questions();
        self.link_timers();
        self.listening_timers();
        self.reconfigure_timers();
        self.finish_renumberings();
        self.upstream_timers();
        self.anycast_timers();
        self.rate_timers();
        self.metadata_timers();
        let packets = self.ra.due(&self.world, self.now);
        self.send(packets);
        let switches = &self.switches;
        let ready = |chassis| switches.get(&chassis).is_some_and(|s| s.ready);
        let packets = self.announce.due(&self.world, self.now, ready);
        self.send(packets);
        let left_out = self.announce.take_left_out();
        if left_out > 0 {
            self.effects.push(Effect::Count {
                counter: "sextant_announcements_left_out_total",
                labels: vec![],
                by: left_out,
            });
        }
        while let Some((_, chassis)) = self.warm_due.first().copied().filter(|(at, _)| *at <= self.now) {
            self.warm_now(chassis);
        }
        for chassis in self.switches.due(self.now) {
            self.try_again(chassis);
        }
    }

    /// A switch refused something, or so much that it was left alone.
    fn try_again(&mut self, chassis: ChassisKey) {
        let now = self.now;
        let Some(mut switch) = self.switches.get_mut(&chassis) else { return };
        if switch.halted_until.is_some() || switch.drift.due().is_some_and(|at| at <= now) {
            drop(switch);
            return self.resume(chassis);
        }
        self.restless.extend(switch.retry());
        drop(switch);
        self.restless.extend(self.chassis_resource(chassis));
        self.busy.insert(chassis);
    }

    /// A chassis may send to others that it has not sent to before.
    pub(crate) fn warm_soon(&mut self, chassis: ChassisKey) {
        if self.switches.get(&chassis).is_some_and(Switch::in_step) {
            self.warm_at(chassis, self.now, 0);
        }
    }

    /// It is out of reach.
    pub(crate) fn unwarm(&mut self, chassis: ChassisKey) {
        if let Some((at, _)) = self.warm.remove(&chassis) {
            self.warm_due.remove(&(at, chassis));
        }
    }

    fn warm_at(&mut self, chassis: ChassisKey, at: Millis, count: u32) {
        self.unwarm(chassis);
        self.warm.insert(chassis, (at, count));
        self.warm_due.insert((at, chassis));
    }

    fn warm_now(&mut self, chassis: ChassisKey) {
        let peers = self.world.peers(chassis);
        let packets = warm::packets(&View::new(&self.world), chassis, &peers);
        let send = |(actions, frame)| PacketOut::by(chassis, actions, frame);
        self.send(packets.into_iter().map(send).collect());
        let count = self.warm.get(&chassis).map_or(0, |(_, count)| *count);
        let wait = WARM_AGAIN_S.get(count as usize).copied().unwrap_or(WARM_INTERVAL_S);
        self.warm_at(chassis, self.now.after_s(wait), count.saturating_add(1));
    }
}

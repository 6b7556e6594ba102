//! Which instances of anycast services are alive: each is asked in turn, by its chassis, and its port and chassis are watched. What is
//! found is a fact ([`Change::Serves`]), as what is plugged is one: after a restart those that are there serve until they are asked.

mod health;

use std::collections::{BTreeMap, BTreeSet};

use addr::OfPort;
use features::Millis;
use features::anycast::probe::{Answer, Probe};
use features::punt::Punted;
use features::turns::Turns;
use proto::v1;
use topology::{AnycastKey, Change, ChassisKey, Health as Asking, Key, Place, PortKey, ResourceId, View};

use crate::brain::Brain;
use crate::effect::Effect;
use crate::learning::Outcome;
use crate::switch::Switch;
use health::{Health, Standing};

/// How long a chassis may be out of reach before its instances serve no more; and one that has not been there yet.
const GRACE_MS: u64 = 1_000;
const FIRST_GRACE_MS: u64 = 10_000;
/// When a chassis is looked at again whose tables are being read.
const AGAIN_MS: u64 = 50;
/// When a port that is down, or a chassis that is gone, is looked at again.
const GONE_AGAIN_MS: u64 = 1_000;
/// A turn that comes so much later than it should finds this controller short of time: answers may wait to be read. So often it takes
/// that for no miss.
const LATE_MS: u64 = 20;
const EXCUSES_MAX: u32 = 5;
/// A server that has taken the connection may take so long for what it is asked.
const SERVER_MS: u64 = 500;
/// An answer that took long may take four times as long, but no longer than this, before it is missed.
const PATIENCE_MAX_MS: u64 = 1_000;
/// Probes in one stretch of time, and its milliseconds: more wait for the next, and are counted.
const PROBES_MAX: u32 = 400;
const STRETCH_MS: u64 = 100;

/// A port as an instance of a service.
type At = (PortKey, AnycastKey);

/// What is asked of instances, and what they answered.
#[derive(Debug, Default)]
pub(crate) struct Anycast {
    instances: BTreeMap<At, Instance>,
    turns: Turns<At>,
    /// Services whose instances may be others.
    stale: BTreeSet<AnycastKey>,
    number: u32,
    stretch: (Millis, u32),
}

#[derive(Debug)]
struct Instance {
    chassis: ChassisKey,
    /// Where it is plugged; `None`: its chassis has not been there yet, and may have it.
    place: Option<Place>,
    health: Health,
    /// The probe that was sent last, and when.
    probe: Probe,
    sent: Millis,
    /// It is waited for.
    waits: bool,
    /// It has been heard, and has more to say.
    heard: bool,
    /// How long answers took lately, milliseconds.
    took: u64,
    /// Misses in a row that were this controller's own.
    excused: u32,
    /// Since when its chassis is out of reach.
    lost: Option<Millis>,
}

impl Instance {
    /// How long an answer is waited for, milliseconds.
    fn patience(&self, asking: &Asking) -> u64 {
        let patience = u64::from(asking.timeout_ms).max((4 * self.took).min(PATIENCE_MAX_MS));
        if self.heard { patience.max(SERVER_MS) } else { patience }
    }
}

impl Anycast {
    pub(crate) fn next_due(&self) -> Option<Millis> {
        self.turns.first()
    }

    /// Facts have changed: there may be other services, or other places.
    pub(crate) fn changed(&mut self, world: &topology::World, key: &Key) {
        match *key {
            Key::Anycast(service) => drop(self.stale.insert(service)),
            Key::Place(port) | Key::Binding(port) => self.stale.extend(world.anycasts_of(port)),
            _ => {}
        }
    }

    /// Whether another probe may be sent now; else when.
    fn room(&mut self, now: Millis) -> Result<(), Millis> {
        if self.stretch.0.after_ms(STRETCH_MS) <= now {
            self.stretch = (now, 0);
        }
        if self.stretch.1 >= PROBES_MAX {
            return Err(self.stretch.0.after_ms(STRETCH_MS));
        }
        self.stretch.1 += 1;
        Ok(())
    }
}

impl Brain {
    /// What is due by the clock.
    pub(crate) fn anycast_timers(&mut self) {
        for service in std::mem::take(&mut self.anycast.stale) {
            self.reconsider(service);
        }
        while let Some((at, _)) = self.anycast.turns.take(self.now) {
            self.look_at_instance(at);
        }
    }

    /// A service's instances are those of its ports that are plugged, or may be.
    fn reconsider(&mut self, key: AnycastKey) {
        let view = View::new(&self.world);
        let ports = view.anycast(key).map(|service| service.ports.clone()).unwrap_or_default();
        let at = |port| {
            let (chassis, place) = (view.binding(port)?.chassis, view.place(port));
            (place.is_some() || !self.plugs.contains_key(&chassis)).then_some((port, (chassis, place)))
        };
        let there: BTreeMap<PortKey, (ChassisKey, Option<Place>)> = ports.into_iter().filter_map(at).collect();
        let known = self.anycast.instances.keys().filter(|(_, service)| *service == key).map(|(port, _)| *port);
        let gone: Vec<PortKey> = known.filter(|port| !there.contains_key(port)).collect();
        for port in gone {
            self.anycast.turns.remove((port, key));
            if self.anycast.instances.remove(&(port, key)).is_some_and(|instance| instance.health.serves()) {
                self.serve_or_not((port, key), false, "its port is unplugged");
            }
        }
        for (port, (chassis, place)) in there {
            let at = (port, key);
            let same = |instance: &Instance| (instance.chassis, instance.place) == (chassis, place);
            if self.anycast.instances.get(&at).is_some_and(same) {
                continue;
            }
            // Where the chassis itself has just come, the instance may have been there all the time.
            let steady = self.switches.get(&chassis).is_some_and(Switch::in_step);
            let known = self.anycast.instances.remove(&at).map(|instance| instance.health);
            let health = match known {
                Some(health) => health,
                None if steady => Health::new(self.now),
                None => Health::unproven(self.now),
            };
            let serves = health.serves();
            let probe = Probe { number: 0 };
            let instance = Instance {
                chassis,
                place,
                health,
                probe,
                sent: self.now,
                waits: false,
                heard: false,
                took: 0,
                excused: 0,
                lost: None,
            };
            self.anycast.instances.insert(at, instance);
            self.anycast.turns.set(at, self.now, 0);
            self.commit(vec![Change::Serves(key, port, serves)]);
        }
        self.tell_service(key);
    }

    /// A chassis has come or gone: its instances are looked at.
    pub(crate) fn look_at_instances(&mut self, chassis: ChassisKey) {
        let there = self.anycast.instances.iter().filter(|(_, instance)| instance.chassis == chassis);
        for at in there.map(|(at, _)| *at).collect::<Vec<_>>() {
            self.anycast.turns.set(at, self.now, 0);
            self.anycast.stale.insert(at.1);
        }
    }

    /// An instance's turn: to be asked, or to be given up.
    fn look_at_instance(&mut self, at: At) {
        let now = self.now;
        let view = View::new(&self.world);
        let Some(service) = view.anycast(at.1) else { return };
        let asking = service.health.clone();
        let Some((chassis, place)) = self.anycast.instances.get(&at).map(|one| (one.chassis, one.place)) else {
            return;
        };
        let switch = self.switches.get(&chassis);
        let connected = place.is_some() && switch.is_some_and(|switch| switch.session().is_some());
        let in_step = switch.is_some_and(Switch::in_step);
        let down = place.is_some_and(|place| self.is_port_down(place));
        let Some(instance) = self.anycast.instances.get_mut(&at) else { return };
        if !connected {
            let lost = *instance.lost.get_or_insert(now);
            instance.waits = false;
            let over = lost.after_ms(if place.is_some() { GRACE_MS } else { FIRST_GRACE_MS });
            let next = if now < over { over } else { now.after_ms(GONE_AGAIN_MS) };
            self.anycast.turns.set(at, next, 0);
            if now >= over {
                self.fail_instance(at, "its chassis is not connected");
            }
            return;
        }
        instance.lost = None;
        if !in_step {
            instance.waits = false;
            return self.anycast.turns.set(at, now.after_ms(AGAIN_MS), 0);
        }
        if down {
            instance.waits = false;
            self.anycast.turns.set(at, now.after_ms(GONE_AGAIN_MS), 0);
            return self.fail_instance(at, "its port is down");
        }
        if instance.waits {
            let given_up = instance.sent.after_ms(instance.patience(&asking));
            if now < given_up {
                return self.anycast.turns.set(at, given_up, 0);
            }
            instance.waits = false;
            if now > given_up.after_ms(LATE_MS) && instance.excused < EXCUSES_MAX {
                instance.excused += 1;
                return self.ask_instance(at, &asking);
            }
            let out = instance.health.miss(now, "no answer");
            if !instance.health.serves() {
                self.anycast.turns.set(at, now.after_ms(asking.interval_ms.into()), 0);
                if out {
                    self.serve_or_not(at, false, "no answer");
                }
                return;
            }
        }
        self.ask_instance(at, &asking);
    }

    fn ask_instance(&mut self, at: At, asking: &Asking) {
        let now = self.now;
        if let Err(later) = self.anycast.room(now) {
            self.anycast.turns.set(at, later, 0);
            let counter = "sextant_health_probes_delayed_total";
            return self.effects.push(Effect::Count { counter, labels: vec![], by: 1 });
        }
        self.anycast.number = self.anycast.number.wrapping_add(1);
        let probe = Probe { number: self.anycast.number };
        let view = View::new(&self.world);
        let packets = view.anycast(at.1).map(|service| probe.question(&view, service, at.0)).unwrap_or_default();
        let asked = !packets.is_empty();
        self.send(packets);
        let Some(instance) = self.anycast.instances.get_mut(&at) else { return };
        (instance.probe, instance.sent, instance.waits, instance.heard) = (probe, now, asked, false);
        if asked {
            let given_up = now.after_ms(instance.patience(asking));
            return self.anycast.turns.set(at, given_up, 0);
        }
        // There is nothing to ask it: it is alive as long as it is plugged.
        let back = instance.health.answer(now);
        self.anycast.turns.set(at, now.after_ms(asking.interval_ms.into()), 0);
        if back {
            self.serve_or_not(at, true, "");
        }
    }

    /// What an instance answers.
    pub(crate) fn heard_instance(&mut self, punted: &Punted) -> Outcome {
        let all = (punted.port, AnycastKey(0))..=(punted.port, AnycastKey(u32::MAX));
        let instances: Vec<(At, Probe)> = self.anycast.instances.range(all).map(|(at, i)| (*at, i.probe)).collect();
        let mut outcome = Err("not_asked");
        for (at, probe) in instances {
            let view = View::new(&self.world);
            let Some(service) = view.anycast(at.1) else { continue };
            let heard = probe.heard(&view, service, punted);
            let asking = service.health.clone();
            match heard {
                Ok((answer, packets)) => {
                    self.send(packets);
                    outcome = Ok(self.take_answer(at, &asking, &answer));
                }
                Err(reason) if outcome.is_err() => outcome = Err(reason),
                Err(_) => {}
            }
        }
        outcome
    }

    fn take_answer(&mut self, at: At, asking: &Asking, answer: &Answer) -> &'static str {
        let now = self.now;
        let Some(instance) = self.anycast.instances.get_mut(&at).filter(|instance| instance.waits) else {
            return "stale";
        };
        let interval = u64::from(asking.interval_ms);
        match answer {
            Answer::More => {
                instance.heard = true;
                "more"
            }
            Answer::Stale => "stale",
            Answer::Alive => {
                instance.waits = false;
                instance.excused = 0;
                // Soon as long as the longest, slowly shorter.
                instance.took = now.0.saturating_sub(instance.sent.0).max(instance.took * 7 / 8);
                let back = instance.health.answer(now);
                let next = instance.sent.after_ms(jittered(interval, instance.probe.number)).max(now);
                self.anycast.turns.set(at, next, 0);
                if back {
                    self.serve_or_not(at, true, "");
                }
                "alive"
            }
            Answer::Dead(why) => {
                instance.waits = false;
                let out = instance.health.miss(now, why);
                // Who says no is asked again soon: it takes no time to say it.
                let wait = if instance.health.serves() { interval / 4 } else { interval };
                self.anycast.turns.set(at, now.after_ms(wait), 0);
                if out {
                    self.serve_or_not(at, false, why);
                }
                "dead"
            }
        }
    }

    fn fail_instance(&mut self, at: At, why: &str) {
        let now = self.now;
        let Some(instance) = self.anycast.instances.get_mut(&at) else { return };
        if instance.health.fail(now, why) {
            self.serve_or_not(at, false, why);
        }
    }

    fn serve_or_not(&mut self, (port, key): At, serves: bool, why: &str) {
        self.commit(vec![Change::Serves(key, port, serves)]);
        let name = self.world.resource_of(&Key::Port(port)).map(|port| port.to_string()).unwrap_or_default();
        let (kind, words) = match serves {
            true => ("anycast.up", name),
            false => ("anycast.down", format!("{name}: {why}")),
        };
        let service = self.world.resource_of(&Key::Anycast(key));
        self.happened(kind, service.as_ref(), words);
        let labels = vec![("change", if serves { "up" } else { "down" }.to_owned())];
        self.effects.push(Effect::Count { counter: "sextant_anycast_changes_total", labels, by: 1 });
        self.tell_service(key);
    }

    /// What is shown of a service may differ though it stands as it stood.
    fn tell_service(&mut self, key: AnycastKey) {
        if let Some(service) = self.world.resource_of(&Key::Anycast(key)) {
            self.statuses.remove(&service);
            self.restless.insert(service);
        }
    }

    fn is_port_down(&self, place: Place) -> bool {
        let session = self.switches.get(&place.chassis).and_then(Switch::session);
        session.and_then(|id| self.sessions.get(&id)).is_some_and(|session| session.down.contains(&place.ofport))
    }

    /// A port's link has changed.
    pub(crate) fn look_at_instance_port(&mut self, chassis: ChassisKey, ofport: OfPort) {
        let place = Place::plugged(chassis, ofport);
        let there = self.anycast.instances.iter().filter(|(_, instance)| instance.place == Some(place));
        for at in there.map(|(at, _)| *at).collect::<Vec<_>>() {
            self.anycast.turns.set(at, self.now, 0);
        }
    }

    /// The instances of a service, as they are shown.
    pub(crate) fn shown_instances(&self, id: &ResourceId) -> Vec<v1::AnycastInstance> {
        let Some(key) = self.catalog.by_id(id).map(|stored| AnycastKey(stored.record.key)) else { return Vec::new() };
        let view = View::new(&self.world);
        let ports = view.anycast(key).map(|service| &service.ports[..]).unwrap_or_default();
        let shown = ports.iter().map(|port| {
            let name = self.world.resource_of(&Key::Port(*port));
            let chassis = view.binding(*port).and_then(|binding| self.chassis_resource(binding.chassis));
            let instance = self.anycast.instances.get(&(*port, key));
            let (health, reason, since_ms) = match instance.map(|instance| &instance.health) {
                None => (v1::AnycastHealth::Absent, "its port is not plugged".to_owned(), 0),
                Some(health) => {
                    let word = match health.standing {
                        Standing::Unproven => v1::AnycastHealth::Unproven,
                        Standing::Alive => v1::AnycastHealth::Alive,
                        Standing::Dead => v1::AnycastHealth::Dead,
                    };
                    (word, health.words.clone(), health.since.0)
                }
            };
            v1::AnycastInstance {
                port: name.map(|name| name.name.to_string()).unwrap_or_default(),
                chassis: chassis.map(|chassis| chassis.name.to_string()).unwrap_or_default(),
                health: health.into(),
                reason,
                since_ms,
            }
        });
        shown.collect()
    }

    /// How a service stands beside its flows: in words how many of its instances serve, and whether any does.
    pub(crate) fn serving_in_words(&self, id: &ResourceId) -> (bool, String) {
        let instances = self.shown_instances(id);
        let serves =
            |i: &&v1::AnycastInstance| matches!(i.health(), v1::AnycastHealth::Alive | v1::AnycastHealth::Unproven);
        let (serving, all) = (instances.iter().filter(serves).count(), instances.len());
        match serving {
            0 => (false, "no instance is alive".to_owned()),
            _ if serving == all => (true, String::new()),
            _ => (true, format!("{serving} of {all} instances serve")),
        }
    }
}

/// An interval, a tenth more or less: instances are not asked in one breath.
fn jittered(interval: u64, number: u32) -> u64 {
    let span = interval / 5;
    interval - span / 2 + u64::from(number.wrapping_mul(0x9e37_79b9) >> 16) % (span + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_stay_near() {
        for interval in [50, 100, 1_000, 60_000] {
            let all: Vec<u64> = (0..1_000).map(|number| jittered(interval, number)).collect();
            assert!(all.iter().all(|ms| (interval * 9 / 10..=interval * 11 / 10).contains(ms)), "{interval}");
            assert!(all.iter().any(|ms| *ms != all[0]), "{interval}");
        }
    }

    #[test]
    fn probes_are_bounded() {
        let mut anycast = Anycast::default();
        let now = Millis(1_000);
        for _ in 0..PROBES_MAX {
            assert_eq!(anycast.room(now), Ok(()));
        }
        assert_eq!(anycast.room(now), Err(now.after_ms(STRETCH_MS)));
        assert_eq!(anycast.room(now.after_ms(STRETCH_MS)), Ok(()));
    }
}

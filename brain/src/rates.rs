//! What is above the rates of ports' meters. A switch says nothing of it by itself, so that it is asked now and then.

use std::collections::BTreeMap;

use addr::OfPort;
use features::Millis;
use features::turns::Turns;
use flows::{ACCUSED_COOKIE, Metered, PortMeter};
use ofp::MeterStats;
use topology::{ChassisKey, Key};

use crate::brain::Brain;
use crate::effect::{Effect, SwitchCommand};
use crate::switch::Switch;

/// Between two questions to a switch, milliseconds.
const ASK_MS: u64 = 60_000;
/// A port that goes on is told of again after so long, milliseconds.
const TOLD_AGAIN_MS: u64 = 3_600_000;

/// What meters have dropped so far, and when ports were told of.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    turns: Turns<ChassisKey>,
    /// By chassis and number: no more than there are meters.
    counted: BTreeMap<(ChassisKey, u32), Metering>,
}

#[derive(Debug, Default)]
struct Metering {
    packets: u64,
    told: Option<Millis>,
}

impl Rates {
    /// When a switch is asked next.
    pub(crate) fn next_due(&self) -> Option<Millis> {
        self.turns.first()
    }
}

impl Brain {
    /// A chassis has come: it is asked from now on.
    pub(crate) fn ask_rates_of(&mut self, chassis: ChassisKey) {
        if !self.rates.turns.contains(chassis) {
            self.rates.turns.set(chassis, self.now.after_ms(ASK_MS), 0);
        }
    }

    /// What is due by the clock.
    pub(crate) fn rate_timers(&mut self) {
        while let Some((chassis, _)) = self.rates.turns.take(self.now) {
            let Some(switch) = self.switches.get(&chassis) else { continue };
            // One that is away is asked again when it is back.
            let Some(session) = switch.session() else { continue };
            if Switch::in_step(switch) {
                let ask = SwitchCommand::CountDrops { cookie: ACCUSED_COOKIE };
                self.effects.push(Effect::Switch(session, ask));
            }
            self.rates.turns.set(chassis, self.now.after_ms(ASK_MS), 0);
        }
    }

    /// A switch has said what its meters have dropped: what is new of it is told of, for each port that has the meter.
    pub(crate) fn rates_counted(&mut self, chassis: ChassisKey, meters: &[MeterStats], plugged: &[OfPort]) {
        let there: BTreeMap<u32, u64> = meters.iter().map(|meter| (meter.meter_id, dropped(meter))).collect();
        let first = (chassis, 0)..=(chassis, u32::MAX);
        let gone = self.rates.counted.range(first).map(|(at, _)| *at).filter(|(_, id)| !there.contains_key(id));
        for at in gone.collect::<Vec<_>>() {
            self.rates.counted.remove(&at);
        }
        for (id, packets) in there.into_iter().filter(|(_, packets)| *packets > 0) {
            let Some(meter) = PortMeter::from_id(id) else { continue };
            let known = self.rates.counted.entry((chassis, id)).or_default();
            // A meter that was made anew counts from nothing.
            let more = packets.checked_sub(known.packets).unwrap_or(packets);
            known.packets = packets;
            if more == 0 {
                continue;
            }
            let again = known.told.is_none_or(|told| self.now >= told.after_ms(TOLD_AGAIN_MS));
            if again {
                known.told = Some(self.now);
            }
            let labels = vec![("meter", meter.metered.name().to_owned())];
            self.effects.push(Effect::Count { counter: "sextant_rate_drops_total", labels, by: more });
            for port in plugged.iter().filter(|port| again && meter.is_of(**port)) {
                self.tell_rate(chassis, *port, meter.metered, more);
            }
        }
    }

    fn tell_rate(&mut self, chassis: ChassisKey, port: OfPort, metered: Metered, more: u64) {
        let port = self.port_behind(chassis, port).and_then(|port| self.world.resource_of(&Key::Port(port)));
        let Some(port) = port else { return };
        let whose = match metered {
            Metered::Punts(_) => "the port",
            Metered::Answers | Metered::Connections => "the port, or one that shares its meter",
        };
        let words =
            format!("{}: {whose} was above its rate: {more} packets; `sextant get drops` counts", metered.name());
        self.happened("rate.drop", Some(&port), words);
    }
}

/// What a meter has dropped.
pub(crate) fn dropped(meter: &MeterStats) -> u64 {
    meter.bands.iter().map(|band| band.packets).fold(0, u64::saturating_add)
}

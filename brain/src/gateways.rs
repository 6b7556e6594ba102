//! Gateways: routers on physical networks are found and lost, chassis out of reach are replaced, what comes from outside is answered.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use addr::{MacAddr, OfPort};
use features::Millis;
use features::gateway::service::Service;
use features::icmp::service::Outside;
use features::punt::{op_of, register};
use features::{icmp, mapping, nd};
use flows::{Item, PuntOp, Reg, Table};
use ofp::{Action, Field, Instruction};
use proto::v1;
use topology::{Change, ChassisKey, Key, NetworkKey, RouterKey, View, World};

use crate::brain::Brain;
use crate::event::Punt;
use crate::found::Found;
use crate::learning::Outcome;
use crate::switch::Switch;

/// Milliseconds for which a gateway may be out of reach before others take its place. It may be the controller's way to it alone that is cut:
/// then nothing is lost either, for it still passes what comes to it. Longer where it has not been heard of yet: a controller that starts anew waits for its chassis.
const GRACE_MS: u64 = 250;
const FIRST_GRACE_MS: u64 = 15_000;

/// What is known of gateways beside facts.
#[derive(Debug, Default)]
pub(crate) struct Gateways {
    pub(crate) service: Service,
    /// Something has changed that the service goes by.
    stale: bool,
    /// Addresses that others may answer for now.
    presences: BTreeSet<(NetworkKey, IpAddr)>,
    /// Chassis out of reach, and when others take their place.
    missing: BTreeMap<ChassisKey, Millis>,
}

impl Gateways {
    /// When something is due next.
    pub(crate) fn next_due(&self) -> Option<Millis> {
        self.service.next_due().into_iter().chain(self.missing.values().copied()).min()
    }

    /// Facts have changed.
    pub(crate) fn note(&mut self, world: &World, changed: &[Key]) {
        self.note_presences(world, changed);
        self.stale |= changed.iter().any(|key| {
            matches!(
                key,
                Key::Gateway(_)
                    | Key::GatewayAt(..)
                    | Key::Gateways(_)
                    | Key::Localnet(..)
                    | Key::Physical(_)
                    | Key::Upstreams(_)
                    | Key::Route(..)
            ) || matches!(key, Key::Need(..))
        });
    }
}

impl Gateways {
    /// The addresses whose holder a change may concern.
    fn note_presences(&mut self, world: &World, changed: &[Key]) {
        for key in changed {
            match *key {
                Key::Presence(network, address) | Key::PresenceAt(network, address, _) => {
                    self.presences.insert((network, address));
                }
                Key::Place(port) => self.presences.extend(world.presences_for(port)),
                Key::Localnet(network, _) | Key::Gateways(network) | Key::Physical(network) => {
                    self.presences.extend(world.presences_on(network).map(|address| (network, address)));
                }
                Key::Gateway(router) => self.presences.extend(world.presences_of(router)),
                _ => {}
            }
        }
    }
}

impl Brain {
    /// What is due, and what follows from what has changed.
    pub(crate) fn gateway_timers(&mut self) {
        let now = self.now;
        let over: Vec<ChassisKey> =
            self.gateways.missing.iter().filter(|(_, at)| **at <= now).map(|(chassis, _)| *chassis).collect();
        for chassis in over {
            self.gateways.missing.remove(&chassis);
            let resource = self.chassis_resource(chassis);
            self.happened("gateway.lost", resource.as_ref(), "out of reach: other gateways take its place".to_owned());
            self.commit(vec![Change::Lame(chassis, true)]);
        }
        // What the service learns may be what it goes by.
        for _ in 0..4 {
            let mut changes = Vec::new();
            let presences = std::mem::take(&mut self.gateways.presences);
            if !presences.is_empty() {
                self.gateways.service.presences_changed(&self.world, &presences, now);
            }
            if std::mem::take(&mut self.gateways.stale) {
                changes.extend(self.gateways.service.changed(&self.world, now));
            }
            let switches = &self.switches;
            let ready = |chassis| switches.get(&chassis).is_some_and(|s| s.ready);
            let settled = |chassis| switches.get(&chassis).is_some_and(|s| s.ready && s.unconfirmed() == 0);
            let wants = self.gateways.service.due(&self.world, now, ready, settled);
            self.send(wants.packets);
            changes.extend(wants.changes);
            if changes.is_empty() && !self.gateways.stale {
                return;
            }
            self.commit(changes);
        }
    }

    /// Nobody hears a gateway over the underlay any more.
    pub(crate) fn gateway_unheard(&mut self, chassis: ChassisKey) {
        self.gateways.missing.remove(&chassis);
        let resource = self.chassis_resource(chassis);
        let words = "nobody hears it over the underlay (BFD): other gateways take its place".to_owned();
        self.happened("gateway.lost", resource.as_ref(), words);
        self.commit(vec![Change::Lame(chassis, true)]);
    }

    /// A gateway is within reach, or not.
    pub(crate) fn gateway_within_reach(&mut self, chassis: ChassisKey, within: bool) {
        let is_gateway = self.has_stand_ins(chassis);
        if self.peers.is_unheard(chassis) {
            return;
        }
        if within {
            self.gateways.missing.remove(&chassis);
            self.commit(vec![Change::Lame(chassis, false)]);
        } else if is_gateway {
            self.gateways.missing.entry(chassis).or_insert(self.now.after_ms(GRACE_MS));
        }
    }

    /// Whether others take a chassis' place when it is out of reach: it is a gateway, or serves pass-through NICs.
    fn has_stand_ins(&self, chassis: ChassisKey) -> bool {
        let gateway = View::new(&self.world).chassis(chassis).is_some_and(|c| c.gateway_priority.is_some());
        gateway || self.world.is_home(chassis)
    }

    /// Chassis are others: gateways that don't connect are not waited for longer than this.
    pub(crate) fn await_gateways(&mut self) {
        for chassis in self.world.chassis_keys() {
            let gateway = self.has_stand_ins(chassis);
            let connected = self.switches.get(&chassis).is_some_and(|switch| switch.session().is_some());
            if gateway && !connected && !self.world.is_lame(chassis) {
                self.gateways.missing.entry(chassis).or_insert(self.now.after_ms(FIRST_GRACE_MS));
            }
        }
    }

    /// Which of a chassis' ports carry nothing, as its switch has it.
    pub(crate) fn carriers(&self, chassis: ChassisKey) -> Vec<Change> {
        let Some(session) = self.switches.get(&chassis).and_then(Switch::session) else { return Vec::new() };
        let Some(session) = self.sessions.get(&session) else { return Vec::new() };
        let change = |port: &OfPort| Change::Down(chassis, *port, session.down.contains(port));
        session.ports.keys().map(change).collect()
    }

    /// Rows that a controller before this one has made: the routers that it had found.
    pub(crate) fn recall_neighbors(&mut self, chassis: ChassisKey, found: &Found) {
        let mut changes = Vec::new();
        for (network, address, mac) in found.items.values().filter_map(|(item, _)| recall(item)) {
            let at = (network, chassis, address);
            changes.extend(self.gateways.service.recalled(&self.world, at, mac, self.now));
        }
        self.commit(changes);
    }

    /// Something that came in from a physical network was punted.
    pub(crate) fn punted_outside(&mut self, chassis: ChassisKey, punt: Punt) -> (&'static str, Outcome) {
        let Some(op) = op_of(&punt.metadata) else { return ("unknown", Err("unknown_operation")) };
        let network = NetworkKey(register(&punt.metadata, Reg::Net) as u32);
        let now = self.now;
        let outcome = match op {
            PuntOp::Neighbor => self.gateways.service.heard((network, chassis), &punt.data, now),
            PuntOp::RouterAdvert => self.gateways.service.advertised(&self.world, network, &punt.data, now),
            PuntOp::Upstream => {
                let router = RouterKey(register(&punt.metadata, Reg::Router) as u32);
                return (op.name(), self.heard_upstream((router, network), &punt.data));
            }
            PuntOp::NeighborSolicit => {
                let answer = nd::service::solicited_outside(&View::new(&self.world), chassis, network, &punt.data);
                return (op.name(), answer.map(|packets| self.sent(packets)));
            }
            _ => {
                let mut frame = punt.data;
                mapping::service::as_sent(&View::new(&self.world), &punt.metadata, &mut frame);
                let outside = Outside {
                    op,
                    chassis,
                    network,
                    router: RouterKey(register(&punt.metadata, Reg::Router) as u32),
                    asker: MacAddr::from_u64(register(&punt.metadata, Reg::AskerMac)),
                    frame,
                };
                let answer = icmp::service::error_outside(&self.world, &outside);
                let natted = register(&punt.metadata, Reg::Natted) == 1;
                let answer = answer.and_then(|errors| match natted {
                    true => mapping::service::remembered(&View::new(&self.world), (chassis, outside.router), errors),
                    false => Ok(errors),
                });
                return (op.name(), answer.map(|packets| self.sent(packets)));
            }
        };
        let outcome = outcome.map(|changes| {
            self.commit(changes);
            "heard"
        });
        (op.name(), outcome)
    }

    fn sent(&mut self, packets: Vec<features::punt::PacketOut>) -> &'static str {
        self.send(packets);
        "answered"
    }

    /// Who holds a router's addresses, and which next hops its chassis have.
    pub(crate) fn gateway_status(&self, router: RouterKey, status: &mut v1::RouterStatus) {
        let view = View::new(&self.world);
        let Some(gateway) = view.gateway(router) else { return };
        let name = |chassis: ChassisKey| self.chassis_resource(chassis).map(|r| r.name.to_string()).unwrap_or_default();
        let held = features::gateway::choice::holders(&view, router).into_iter();
        status.gateway_addresses = held
            .map(|(address, holder)| v1::GatewayAddress {
                ip_address: address.to_string(),
                chassis: holder.map(name).unwrap_or_default(),
            })
            .collect();
        for chassis in self.world.chassis_routing(router) {
            if view.localnet(gateway.network, chassis).is_none() {
                continue;
            }
            let defaults = [true, false].map(|ipv6| features::gateway::choice::default_routers(&view, gateway, ipv6));
            for nexthops in &defaults {
                let exit = features::gateway::choice::exit(&view, gateway.network, chassis, nexthops);
                status.gateway_nexthops.extend(
                    nexthops.iter().map(|address| v1::GatewayNexthop {
                        chassis: name(chassis),
                        address: address.to_string(),
                        mac_address: view
                            .neighbor(gateway.network, chassis, *address)
                            .map(|mac| mac.to_string())
                            .unwrap_or_default(),
                        used: exit == features::gateway::choice::Exit::Here(*address),
                    }),
                );
            }
        }
    }

    /// Why a router does not lead out as it should, in words.
    pub(crate) fn gateway_trouble(&self, router: RouterKey) -> Option<String> {
        use features::gateway::choice::{self, Exit};
        let view = View::new(&self.world);
        let gateway = view.gateway(router)?;
        let network = self.world.resource_of(&Key::Network(gateway.network))?.name;
        let routers = choice::default_routers(&view, gateway, true);
        let routers = if routers.is_empty() { choice::default_routers(&view, gateway, false) } else { routers };
        if routers.is_empty() {
            return Some(format!(
                "no router advertises itself on {network}, and none of its subnets names a gateway_ip"
            ));
        }
        let nowhere = |chassis: &ChassisKey| choice::exit(&view, gateway.network, *chassis, &routers) == Exit::Nowhere;
        let lost: Vec<ChassisKey> = self.world.chassis_routing(router).into_iter().filter(nowhere).collect();
        if !lost.is_empty() {
            let words = routers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            return Some(format!("no way out to {network} from {}: {words} not found", self.names(&lost)));
        }
        let unheld = choice::holders(&view, router).into_iter().find(|(_, holder)| holder.is_none())?.0;
        Some(format!("no gateway answers for {unheld} on {network}"))
    }
}

/// Reads a row of the table of next hops.
fn recall(item: &Item) -> Option<(NetworkKey, std::net::IpAddr, MacAddr)> {
    let Item::Flow(flow) = item else { return None };
    if flow.table != Table::Nexthop {
        return None;
    }
    let (network, _) = flow.match_.get(Reg::Net.field())?;
    let (address, _) = flow.match_.get(Reg::NexthopAddress.field())?;
    let mac = flow.instructions.iter().find_map(|instruction| match instruction {
        Instruction::ApplyActions(actions) => actions.iter().find_map(|action| match action {
            Action::SetField { field: Field::ETH_DST, value, .. } => Some(MacAddr::from_u64(*value as u64)),
            _ => None,
        }),
        _ => None,
    })?;
    let v6 = std::net::Ipv6Addr::from(address);
    let address = v6.to_ipv4_mapped().map_or(std::net::IpAddr::V6(v6), std::net::IpAddr::V4);
    Some((NetworkKey((network & 0xff_ffff) as u32), address, mac))
}

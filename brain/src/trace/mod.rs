//! What becomes of a packet, by the rows that are wanted: from a port over every chassis that it reaches, to where it ends.

mod spec;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use addr::{MacAddr, OfPort};
use features::{direct, holder, metadata, punt::Punted};
use flows::eval::{Fate, Output, Problem, Step, Switch, Trace, Tunnel};
use flows::{Item, PuntOp, Table};
use ofp::{Field, Match, Value};
use proto::v1;
use topology::{ChassisKey, Key, Place, PortKey, Shared, View};

use crate::brain::Brain;
use crate::effect::{Refusal, RefusalKind, Reply, Violation};
use crate::requests::refusal;
use spec::Spec;

/// Arrivals at a chassis that one trace follows: the first at each costs as much as reading all rows of that chassis, 2.5 ms for
/// 10,000.
const ARRIVALS_MAX: usize = 256;

/// How an outcome begins that names a receiver.
const DELIVERED: &str = "delivered: ";

/// A frame on its way to a switch.
#[derive(Clone)]
struct Arrival {
    chassis: ChassisKey,
    in_port: OfPort,
    tunnel: Option<Tunnel>,
    frame: Vec<u8>,
}

/// What has been seen so far.
#[derive(Default)]
struct Seen {
    /// The rows of the chassis that it has come to.
    switches: BTreeMap<ChassisKey, Switch>,
    steps: Vec<v1::TraceStep>,
    /// `delivered`, `answered`, `punted`.
    ends: BTreeSet<String>,
    /// Of those that it was delivered to, one was meant: which, a switch tells by a hash.
    alternatives: bool,
    /// `drop`, in the order in which they were met.
    drops: Vec<String>,
}

impl Brain {
    pub(crate) fn trace(&self, request: &v1::TraceRequest) -> Result<Reply, Refusal> {
        let spec = Spec::parse(&request.packet).map_err(|message| Refusal {
            kind: RefusalKind::Invalid,
            violations: vec![Violation { path: "packet".to_owned(), message }],
        })?;
        let port = self
            .port_named(&request.port)
            .ok_or_else(|| refusal(RefusalKind::NotFound, format!("there is no port {}", request.port)))?;
        let view = View::new(&self.world);
        let Some(place) = view.place(port) else {
            let words = format!("port {} is on no chassis that is connected and has its interface", request.port);
            return Err(refusal(RefusalKind::InUse, words));
        };
        let mut seen = Seen::default();
        let frame = match self.first_hop(&view, port, place, &spec, &mut seen) {
            Ok((mac, to)) => Some(spec.frame(mac, to)),
            Err(question) => question,
        };
        match frame {
            Some(frame) => {
                let (in_port, frame) = enters(place, frame);
                let first = Arrival { chassis: place.chassis, in_port, tunnel: None, frame };
                // What a pass-through NIC sends, everybody on the physical network gets.
                let beyond = place.beyond().map(|shared| self.beyond(place.chassis, shared.port)).unwrap_or_default();
                let others = beyond.into_iter().map(|(chassis, in_port)| Arrival { chassis, in_port, ..first.clone() });
                self.follow([first.clone()].into_iter().chain(others).collect(), &mut seen)?;
                if place.beyond().is_some() && seen.ends.is_empty() {
                    seen.ends.extend(self.passed_by(&view, port, place, &first.frame));
                }
            }
            None => seen.drops.push("drop: no_router".to_owned()),
        }
        let Seen { steps, ends, mut drops, alternatives, .. } = seen;
        let ends = if alternatives { one_of(ends) } else { ends };
        let outcomes = if ends.is_empty() { drops.drain(..).take(1).collect() } else { ends.into_iter().collect() };
        Ok(Reply::Traced(v1::TraceResponse { steps, outcomes }))
    }

    /// The port's MAC, and the one that a host would send to: what the network answers where the address is on the link, else
    /// a router's. An error: there is no router, or the question that nobody answers.
    fn first_hop(
        &self,
        view: &View<'_>,
        key: PortKey,
        place: Place,
        spec: &Spec,
        seen: &mut Seen,
    ) -> Result<(MacAddr, MacAddr), Option<Vec<u8>>> {
        let port = view.port(key).ok_or(None)?;
        if let Some(group) = spec.group() {
            return Ok((port.mac, group));
        }
        if metadata::is_own(spec.to) {
            return Ok((port.mac, direct::known_as(view, place, port.network, metadata::MAC)));
        }
        let subnets = view.subnets_of(port.network).into_iter().filter_map(|subnet| view.subnet(subnet));
        let local = matches!(spec.to, IpAddr::V6(to) if addr::is_link_local(to));
        if !local && !subnets.map(|subnet| subnet.cidr).any(|cidr| cidr.contains(&spec.to)) {
            let interfaces = view.interfaces_on(port.network).into_iter();
            let router = interfaces
                .filter_map(|(router, subnet)| view.interface(router, subnet))
                .find(|interface| interface.address.is_ipv6() == spec.to.is_ipv6());
            let outside = view.localnet(port.network, place.chassis).map(|_| SOMEBODY);
            let router = router.map(|router| direct::known_as(view, place, port.network, router.mac));
            return Ok((port.mac, router.or(outside).ok_or(None)?));
        }
        if place.beyond().is_some() {
            // Who has the address is on the physical network, and answers there.
            let who = holder::of(view, port.network, spec.to);
            let mac = who.map_or(SOMEBODY, |who| direct::known_as(view, place, port.network, who.mac));
            return Ok((port.mac, mac));
        }
        let question: Vec<u8> = match spec.to {
            IpAddr::V6(to) => {
                packet::neighbor_solicit(port.mac, port.v6().next().unwrap_or(addr::link_local(port.mac)), to).into()
            }
            IpAddr::V4(to) => {
                packet::arp_request(port.mac, port.v4().next().unwrap_or(std::net::Ipv4Addr::UNSPECIFIED), to).into()
            }
        };
        let (in_port, question) = enters(place, question);
        let trace = self.switch(place.chassis, seen).run(&question, in_port, None);
        // An answer comes from the MAC asked for; a question that is handed to the one host who can answer goes to it.
        let (out, output) = trace.sent().next().ok_or(Some(question.clone()))?;
        if view.localnet(port.network, place.chassis) == Some(out) {
            return Ok((port.mac, SOMEBODY));
        }
        let at = if out == in_port { 6..12 } else { 0..6 };
        let mac = output.frame.get(at).and_then(|mac| mac.try_into().ok()).map(MacAddr);
        mac.map(|mac| (port.mac, mac)).ok_or(Some(question))
    }

    /// The rows of a chassis, read once for each trace.
    fn switch<'s>(&self, chassis: ChassisKey, seen: &'s mut Seen) -> &'s Switch {
        seen.switches.entry(chassis).or_insert_with(|| Switch::desired(&self.engine, chassis))
    }

    fn port_named(&self, name: &str) -> Option<PortKey> {
        let (tenant, name) = name.split_once('/')?;
        self.catalog.get("port", tenant, name).map(|stored| PortKey(stored.record.key))
    }

    fn follow(&self, mut arrivals: VecDeque<Arrival>, seen: &mut Seen) -> Result<(), Refusal> {
        let view = View::new(&self.world);
        let mut count = 0;
        while let Some(Arrival { chassis, in_port, tunnel, frame }) = arrivals.pop_front() {
            count += 1;
            if count > ARRIVALS_MAX {
                let words = format!("the packet goes to more than {ARRIVALS_MAX} chassis: too many to follow");
                return Err(refusal(RefusalKind::InUse, words));
            }
            let trace = self.switch(chassis, seen).run(&frame, in_port, tunnel);
            let uplink = view.uplink(chassis);
            seen.alternatives |= trace.alternatives;
            for output in &trace.outputs {
                match &output.fate {
                    Fate::Port(port) if Some(*port) == uplink => arrivals.extend(self.carried(&view, chassis, output)),
                    Fate::Port(port) if self.world.localnets(chassis).iter().any(|(_, there)| there == port) => {
                        let vlan = tag(&output.frame);
                        let network = self.network_beyond(chassis, *port, vlan);
                        let nic = network.and_then(|network| self.direct_with(network, &output.frame));
                        seen.ends.insert(match nic {
                            Some(port) => format!("{DELIVERED}{port}"),
                            None => format!("uplink: {}", self.uplink_name(network, chassis)),
                        });
                        let beyond = self.beyond(chassis, *port).into_iter();
                        arrivals.extend(beyond.map(|(chassis, in_port)| Arrival {
                            chassis,
                            in_port,
                            tunnel: None,
                            frame: output.frame.clone(),
                        }));
                    }
                    Fate::Port(port) if view.is_trunk(chassis, *port) => match self.links.cables.peer((chassis, *port))
                    {
                        Some((chassis, in_port)) => {
                            arrivals.push_back(Arrival { chassis, in_port, tunnel: None, frame: output.frame.clone() });
                        }
                        None => seen.drops.push("drop: link_down".to_owned()),
                    },
                    Fate::Port(port) if (*port, tag(&output.frame)) == (in_port, tag(&frame)) => {
                        seen.ends.insert(self.answerer(&trace));
                    }
                    Fate::Port(port) => {
                        let vlan = tag(&output.frame);
                        let at = vlan.and_then(|vlan| self.world.subport_at(chassis, *port, vlan));
                        seen.ends.insert(self.delivered(chassis, at.unwrap_or(*port)));
                    }
                    Fate::Controller { userdata, metadata, .. } => {
                        // What shares a port with others has come in by a number of its own.
                        let by = metadata.get(Field::IN_PORT).map_or(in_port, |(port, _)| OfPort(port as u32));
                        let punted =
                            Punted::read(&view, chassis, by, userdata, metadata, output.frame.clone(), self.now);
                        let end = match punted.map(|punted| punted.op) {
                            Ok(PuntOp::Metadata) => "answered: metadata".to_owned(),
                            Ok(op) => format!("punted: {}", feature(op)),
                            Err(_) => "punted: unknown".to_owned(),
                        };
                        seen.ends.insert(end);
                    }
                    Fate::Dropped(drop) => {
                        let too_deep = trace.problems.contains(&Problem::TooDeep);
                        let unnamed = if too_deep { "too_many_routers" } else { "back_to_sender" };
                        seen.drops.push(format!("drop: {}", drop.map_or(unnamed, |drop| drop.name())));
                    }
                }
            }
            seen.steps.extend(trace.steps.iter().filter_map(|step| self.step(chassis, step)));
        }
        Ok(())
    }

    /// What left by the fabric, where it arrives: at the tunnel's end, or on a VLAN underlay everywhere.
    fn carried(&self, view: &View<'_>, from: ChassisKey, output: &Output) -> Vec<Arrival> {
        let others = self.world.chassis_keys().into_iter().filter(|chassis| *chassis != from);
        let source = view.chassis(from).and_then(|chassis| chassis.tunnel_ip);
        others
            .filter(|chassis| match output.tunnel {
                None => true,
                Some(tunnel) => view.chassis(*chassis).is_some_and(|c| c.tunnel_ip == tunnel.dst),
            })
            .filter_map(|chassis| {
                let tunnel = output.tunnel.map(|tunnel| Tunnel { src: source, ..tunnel });
                Some(Arrival { chassis, in_port: view.uplink(chassis)?, tunnel, frame: output.frame.clone() })
            })
            .collect()
    }

    fn delivered(&self, chassis: ChassisKey, ofport: OfPort) -> String {
        let name = self.port_behind(chassis, ofport).and_then(|port| self.full_name(&Key::Port(port)));
        format!("{DELIVERED}{}", name.unwrap_or_else(|| format!("port {ofport}")))
    }

    /// The port that is bound to an OpenFlow port.
    pub(crate) fn port_behind(&self, chassis: ChassisKey, ofport: OfPort) -> Option<PortKey> {
        let plugged = self.plugs.get(&chassis).and_then(|plugs| plugs.iter().find(|(_, port)| **port == ofport));
        match plugged {
            Some((interface, _)) => self.world.bound_to(chassis, interface),
            None => self.world.numbered(chassis, ofport),
        }
    }

    /// Who is spoken for by a row that answers: the last one that knew an address.
    fn answerer(&self, trace: &Trace) -> String {
        let knowing = trace
            .steps
            .iter()
            .rev()
            .filter(|step| matches!(step.table, Some(Table::Nd | Table::Neighbor | Table::RouterIn)));
        let name = knowing.filter_map(|step| self.full_name(&step.unit?.key)).next();
        format!("answered: {}", name.unwrap_or_else(|| "the switch".to_owned()))
    }

    /// `TENANT/NAME` of the resource behind a key.
    pub(crate) fn full_name(&self, key: &Key) -> Option<String> {
        let resource = self.world.resource_of(key)?;
        let global = resource.tenant.is_empty();
        Some(if global { resource.name.to_string() } else { format!("{}/{}", resource.tenant, resource.name) })
    }

    fn step(&self, chassis: ChassisKey, step: &Step) -> Option<v1::TraceStep> {
        let (item, unit) = (step.item.as_ref()?, step.unit?);
        let name =
            self.chassis_resource(chassis).map_or_else(|| chassis.to_string(), |resource| resource.name.to_string());
        let resource = self.world.resource_of(&unit.key);
        let switch = self.switches.get(&chassis).filter(|switch| switch.in_step());
        let key = flows::Keyed(item.clone());
        let installed = switch.is_some_and(|switch| !switch.unconfirmed_keys().contains(&key));
        let row = self.flow_row(&name, item, unit, resource, installed);
        let write = |(field, value): &(ofp::Field, u128)| match *value {
            0 => format!("{}=0", field.name()),
            value => Match::new().with(*field, Value(value)).to_string(),
        };
        let changes = if matches!(**item, Item::Flow(_)) { step.changes.iter().map(write).collect() } else { vec![] };
        Some(v1::TraceStep { row: Some(row), changes })
    }
}

/// Where a port's frame comes in, and as which: that of a pass-through NIC by the physical network, with its tag.
fn enters(place: Place, mut frame: Vec<u8>) -> (OfPort, Vec<u8>) {
    let Some(Shared { port, vlan, .. }) = place.shared else { return (place.ofport, frame) };
    if let Some(vlan) = vlan.filter(|_| frame.len() >= 12) {
        let [high, low] = vlan.to_be_bytes();
        frame.splice(12..12, [0x81, 0x00, high, low]);
    }
    (port, frame)
}

/// Stands for the MAC of somebody on a physical network, which only he can tell.
const SOMEBODY: MacAddr = MacAddr([0x02, 0x53, 0x03, 0, 0, 0]);

/// The identifier of a frame's VLAN tag.
fn tag(frame: &[u8]) -> Option<u16> {
    let tag: [u8; 4] = frame.get(12..16)?.try_into().ok()?;
    (tag[..2] == [0x81, 0x00]).then(|| u16::from_be_bytes([tag[2], tag[3]]) & 0xfff)
}

/// Several receivers of which one gets the packet, as one end.
fn one_of(ends: BTreeSet<String>) -> BTreeSet<String> {
    let (delivered, mut others): (Vec<String>, Vec<String>) =
        ends.into_iter().partition(|end| end.starts_with(DELIVERED));
    let names: Vec<&str> = delivered.iter().filter_map(|end| end.strip_prefix(DELIVERED)).collect();
    others.extend(match names[..] {
        [] => None,
        [one] => Some(format!("{DELIVERED}{one}")),
        _ => Some(format!("{DELIVERED}one of {}", names.join(", "))),
    });
    others.into_iter().collect()
}

/// Who answers a punted packet.
const fn feature(op: PuntOp) -> &'static str {
    match op {
        PuntOp::RouterSolicit => "ra",
        PuntOp::NeighborSolicit => "nd",
        PuntOp::ArpProbe => "arp",
        PuntOp::HopLimit | PuntOp::NoRoute | PuntOp::Unreachable | PuntOp::PortUnreachable | PuntOp::TooBig => "icmp",
        PuntOp::Learn | PuntOp::Resolve | PuntOp::Alive => "learn",
        PuntOp::Dhcp6 => "dhcp6",
        PuntOp::Dhcp4 => "dhcp4",
        PuntOp::Dns => "dns",
        PuntOp::Health => "anycast",
        PuntOp::Metadata => "metadata",
        PuntOp::Membership => "multicast",
        PuntOp::Neighbor | PuntOp::RouterAdvert | PuntOp::Upstream => "gateway",
        PuntOp::QuotedInward | PuntOp::QuotedOutward => "mapping",
        PuntOp::Lldp => "links",
    }
}

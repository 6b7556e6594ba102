//! One frame at one chassis: what the switch in memory does with it, what the real one does, and where they differ.

use std::collections::HashMap;
use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;

use addr::OfPort;
use features::links::LABELS;
use flows::eval::{Fate, Problem, Switch, Trace, Tunnel};
use flows::{Item, PuntOp, Reg, Table};
use ofp::{Field, Match, Value};
use packet::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, Ethernet};
use topology::{ChassisKey, Encap};

use crate::beyond::UPLINK;
use crate::dice::Dice;
use crate::frames::Sender;
use crate::rig::{PORTS_MAX, Rig, Seen, fabric_port, hex, row};
use crate::scene::Scene;
use crate::wire;

/// A frame that arrives at a switch.
#[derive(Clone, Debug)]
pub struct Arriving {
    pub in_port: OfPort,
    pub tunnel: Option<Tunnel>,
    pub frame: Vec<u8>,
}

/// Port, tunnel key and far end, frame.
type Sent = (u32, Option<(u64, IpAddr)>, Vec<u8>);

/// What a switch did, comparable.
#[derive(Debug, Default, PartialEq)]
pub struct Verdict {
    pub sent: Vec<Sent>,
    pub punted: Vec<Punt>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Punt {
    /// The row that sent it, by its place in the list of rows, from 1.
    row: u64,
    reason: u8,
    userdata: Vec<u8>,
    /// Port of ingress, tunnel, registers.
    metadata: Vec<(Field, u128)>,
    frame: Vec<u8>,
}

/// What arrives at a chassis: mostly from its ports; and from the fabric, by segments of its own, of others', of nobody.
pub fn arriving(dice: &mut Dice, scene: &Scene, chassis: ChassisKey) -> Arriving {
    let here = scene.here(chassis);
    let sender = match dice.any(&scene.ports).filter(|_| !dice.one_in(12)) {
        Some(vm) => Sender::new(scene, &vm.port),
        None => Sender::stranger(scene, dice),
    };
    if dice.one_in(6)
        && let Some(arriving) = from_beyond(dice, scene, chassis, &sender)
    {
        return arriving;
    }
    match dice.below(16) {
        0..=3 => {
            let segment = dice.of(&scene.networks).1;
            let segment = if dice.one_in(6) { dice.of(&[0, 1, segment + 1, 0xff_ffff]) } else { segment };
            let frame = sender.frame(dice);
            from_fabric(dice, scene, chassis, segment, frame)
        }
        // Where nothing is plugged, or somebody else.
        4 => Arriving {
            in_port: OfPort(1 + dice.below(PORTS_MAX as usize) as u32),
            tunnel: None,
            frame: sender.frame(dice),
        },
        _ => match dice.any(&here) {
            Some(vm) => {
                let in_port = vm.at.map_or(OfPort(1), |(_, port)| port);
                let mut frame = Sender::new(scene, &vm.port).frame(dice);
                // As below: long ones are measured otherwise.
                if let Some(tag) = vm.tag.filter(|_| frame.len() <= SHORT && !dice.one_in(10)) {
                    let [high, low] = tag.to_be_bytes();
                    frame.splice(12..12, [0x81, 0x00, high, low]);
                }
                Arriving { in_port, tunnel: None, frame }
            }
            None => Arriving { in_port: OfPort(1), tunnel: None, frame: sender.frame(dice) },
        },
    }
}

fn from_fabric(dice: &mut Dice, scene: &Scene, chassis: ChassisKey, segment: u32, mut frame: Vec<u8>) -> Arriving {
    let in_port = fabric_port(scene.encap);
    let others: Vec<IpAddr> =
        scene.chassis.iter().filter(|host| host.key != chassis).filter_map(|h| h.tunnel_ip).collect();
    if scene.encap == Encap::Vlan {
        let [high, low] = (segment as u16 & 0xfff).to_be_bytes();
        if !dice.one_in(10) {
            frame.splice(12..12, [0x81, 0x00, high, low]);
        }
        return Arriving { in_port, tunnel: None, frame };
    }
    if scene.encap == Encap::Links {
        return over_a_link(dice, scene, segment, frame);
    }
    let stranger: IpAddr = match scene.chassis[0].tunnel_ip {
        Some(IpAddr::V4(_)) => "10.9.77.77".parse().unwrap(),
        _ => "fd00:a::7777".parse().unwrap(),
    };
    let src = dice.any(&others).unwrap_or(stranger);
    let tunnel = Tunnel { id: segment.into(), src: Some(src), dst: Some(wire::local(src)) };
    Arriving { in_port, tunnel: Some(tunnel), frame }
}

/// Below what any network takes.
const SHORT: usize = 1200;

/// From the physical network: for a router there, or anybody.
fn from_beyond(dice: &mut Dice, scene: &Scene, chassis: ChassisKey, sender: &Sender<'_>) -> Option<Arriving> {
    let (router, vlan) = scene.beyond?;
    let mut frame = sender.frame(dice);
    // A real trace measures a frame with the tag that it came with, which the data path has taken off by then.
    if vlan.is_some() && frame.len() > SHORT {
        return None;
    }
    if dice.one_in(3) {
        frame[..6].copy_from_slice(&features::router::sends_from(chassis, router).0);
        frame[6..12].copy_from_slice(&[2, 0, 0, 0, 9, 9]);
    }
    if let Some(vlan) = vlan.filter(|_| !dice.one_in(10)) {
        let [high, low] = vlan.to_be_bytes();
        frame.splice(12..12, [0x81, 0x00, high, low]);
    }
    Some(Arriving { in_port: OfPort(UPLINK), tunnel: None, frame })
}

/// A network's tag, or one of a path above it; or another priority; or what bridges say to each other.
fn over_a_link(dice: &mut Dice, scene: &Scene, segment: u32, mut frame: Vec<u8>) -> Arriving {
    let in_port = fabric_port(scene.encap);
    let tag = |frame: &mut Vec<u8>, priority: u8, id: u16| {
        let [high, low] = (u16::from(priority) << 13 | id & 0xfff).to_be_bytes();
        frame.splice(12..12, [0x81, 0x00, high, low]);
    };
    match dice.below(8) {
        0 => {}
        // Few: the switch meters them, which the one in memory does not.
        1 if dice.one_in(4) => {
            frame[..6].copy_from_slice(&packet::LLDP_GROUP.0);
            frame[12..14].copy_from_slice(&packet::ETHERTYPE_LLDP.to_be_bytes());
        }
        2..=4 => {
            tag(&mut frame, LABELS, segment as u16);
            let to = dice.of(&scene.chassis).key;
            tag(&mut frame, dice.below(8) as u8, to.0);
        }
        _ => tag(&mut frame, if dice.one_in(5) { dice.below(8) as u8 } else { LABELS }, segment as u16),
    }
    Arriving { in_port, tunnel: None, frame }
}

/// Rows by their place in the list that the real switch knows them by.
pub struct Rows {
    list: Vec<Arc<Item>>,
    places: HashMap<*const Item, u64>,
}

impl Rows {
    pub fn new(list: Vec<Arc<Item>>) -> Rows {
        let places = (1..).zip(&list).map(|(place, item)| (Arc::as_ptr(item), place)).collect();
        Rows { list, places }
    }

    /// The rows of flows that a packet met before conntrack, in order: behind it, a real trace knows no connection's first packet.
    fn met(&self, trace: &Trace) -> Vec<u64> {
        let before = trace.steps.iter().filter(|step| step.tracked == 0);
        let items = before.filter_map(|step| step.item.as_ref());
        items.filter(|item| row(item).is_some()).map(|item| self.place(item)).collect()
    }

    fn place(&self, item: &Arc<Item>) -> u64 {
        self.places[&Arc::as_ptr(item)]
    }

    /// Whether two rows are the same but for what they match: a packet that both match may meet either.
    fn alike(&self, a: u64, b: u64) -> bool {
        let flow = |place: u64| self.list.get(place as usize - 1).and_then(|item| row(item));
        match (flow(a), flow(b)) {
            (Some(a), Some(b)) => {
                (a.table, a.priority, a.drop) == (b.table, b.priority, b.drop) && a.instructions == b.instructions
            }
            _ => false,
        }
    }

    /// The row that a packet met last, in words.
    pub fn last(&self, trace: &Trace) -> String {
        let last = trace.steps.iter().rev().find_map(|step| step.item.as_ref());
        last.map_or_else(String::new, |item| self.words(self.place(item)))
    }

    /// A row in words.
    fn words(&self, place: u64) -> String {
        match self.list.get(place as usize - 1).and_then(|item| row(item)) {
            Some(flow) => {
                let drop = flow.drop.map_or("", |drop| drop.name());
                format!("{} priority={} {}: {} {drop}", flow.table.spec().name, flow.priority, flow.match_, flow.why)
            }
            None => format!("row {place}"),
        }
    }
}

/// In memory.
pub fn expected(trace: &Trace, rows: &Rows, in_port: OfPort) -> Verdict {
    let mut verdict = Verdict::default();
    for output in &trace.outputs {
        match &output.fate {
            Fate::Port(port) => {
                let by_tunnel = (fabric_port(Encap::Geneve)..=fabric_port(Encap::Gre)).contains(port);
                let tunnel = output.tunnel.filter(|_| by_tunnel).and_then(|tunnel| Some((tunnel.id, tunnel.dst?)));
                verdict.sent.push((port.0, tunnel, output.frame.clone()));
            }
            Fate::Controller { userdata, metadata, reason, .. } => {
                let by = output.step.and_then(|step| trace.steps.get(step)).and_then(|step| step.item.as_ref());
                verdict.punted.push(Punt {
                    row: by.map_or(0, |item| rows.place(item)),
                    reason: *reason,
                    userdata: userdata.clone(),
                    metadata: fields(metadata, in_port),
                    frame: output.frame.clone(),
                });
            }
            Fate::Dropped(_) => {}
        }
    }
    verdict.sent.sort();
    verdict
}

/// What a packet-in says beside the packet, as far as both switches speak of it.
fn fields(metadata: &Match, in_port: OfPort) -> Vec<(Field, u128)> {
    let tunnel = [Field::TUN_ID, Field::TUN_IPV4_SRC, Field::TUN_IPV4_DST, Field::TUN_IPV6_SRC, Field::TUN_IPV6_DST];
    let known = tunnel.into_iter().chain([Field::METADATA]).chain((0..16).map(Field::reg));
    let port = metadata.get(Field::IN_PORT).map_or(u128::from(in_port.0), |(port, _)| port);
    let said = known.filter_map(|field| Some((field, metadata.get(field)?.0))).filter(|(_, value)| *value != 0);
    [(Field::IN_PORT, port)].into_iter().chain(said).collect()
}

/// What the real switch did.
pub fn real(rig: &mut Rig, encap: Encap, arriving: &Arriving) -> Result<Verdict, String> {
    let seen = match &arriving.tunnel {
        None => rig.receive(Some(arriving.in_port), &arriving.frame),
        Some(tunnel) => {
            let outer = wire::encapsulate(encap, tunnel, &arriving.frame).ok_or("no such tunnel")?;
            rig.receive(None, &outer)
        }
    };
    let Seen { sent, tunnelled, punted } = seen;
    let mut verdict = Verdict::default();
    verdict.sent.extend(sent.into_iter().map(|(port, frame)| (port, None, frame)));
    for outer in tunnelled {
        let (encap, key, to, frame) =
            wire::decapsulate(&outer).ok_or_else(|| format!("no tunnel's: {}", hex(&outer)))?;
        verdict.sent.push((fabric_port(encap).0, Some((key, to)), frame));
    }
    verdict.sent.sort();
    verdict.punted.extend(punted.into_iter().map(|packet| Punt {
        row: packet.cookie,
        reason: packet.reason,
        userdata: packet.userdata.to_vec(),
        metadata: fields(&packet.metadata, arriving.in_port),
        frame: packet.packet.to_vec(),
    }));
    Ok(verdict)
}

/// The rows that the real switch's trace names; and its text.
pub fn real_rows(rig: &mut Rig, arriving: &Arriving) -> (Vec<u64>, String) {
    let mut flow = format!("in_port={}", arriving.in_port);
    if let Some(tunnel) = arriving.tunnel {
        write!(flow, ",tun_id={}", tunnel.id).unwrap();
        for (end, which) in [(tunnel.src, "src"), (tunnel.dst, "dst")] {
            match end {
                Some(IpAddr::V6(end)) => write!(flow, ",tun_ipv6_{which}={end}").unwrap(),
                Some(IpAddr::V4(end)) => write!(flow, ",tun_{which}={end}").unwrap(),
                None => {}
            }
        }
    }
    let text = rig.trace(&flow, unpadded(&arriving.frame));
    // Lines like `10. in_port=1, priority 100, cookie 0x7`; rows of the underlay's bridge have no cookie.
    let rows = text
        .lines()
        .take_while(|line| !line.contains("resume conntrack"))
        .filter_map(|line| {
            let (table, row) = line.trim().split_once(". ")?;
            let table: u8 = table.parse().ok()?;
            // Its rows are the switch's own.
            if [Table::Accused.id(), Table::Refused.id()].contains(&table) {
                return None;
            }
            let (_, cookie) = row.split_once(", cookie 0x")?;
            u64::from_str_radix(cookie.trim(), 16).ok()
        })
        .collect();
    (rows, text)
}

/// The frame without what follows its IP packet: a trace would measure that, the data path doesn't.
fn unpadded(frame: &[u8]) -> &[u8] {
    let Ok((ethernet, mut packet)) = Ethernet::parse(frame) else { return frame };
    let mut ethertype = ethernet.ethertype;
    if let [0xaa, 0xaa, 3, 0, 0, 0, high, low, behind @ ..] = packet
        && ethertype < 0x600
    {
        (ethertype, packet) = (u16::from_be_bytes([*high, *low]), behind);
    }
    let length = match (ethertype, packet) {
        (ETHERTYPE_IPV6, [_, _, _, _, high, low, ..]) => 40 + usize::from(u16::from_be_bytes([*high, *low])),
        (ETHERTYPE_IPV4, [_, _, high, low, ..]) => usize::from(u16::from_be_bytes([*high, *low])),
        _ => packet.len(),
    };
    let padding = packet.len().saturating_sub(length);
    &frame[..frame.len() - padding]
}

/// Compares; a difference in words.
pub fn differs(
    rows: &Rows,
    trace: &Trace,
    arriving: &Arriving,
    (theirs, text): &(Vec<u64>, String),
    real: &Result<Verdict, String>,
) -> Option<String> {
    // Which of several ways it takes depends on how the switch was compiled.
    if trace.alternatives {
        return None;
    }
    let mut words = String::new();
    let ours = rows.met(trace);
    let same_rows = ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| a == b || rows.alike(*a, *b));
    if !same_rows {
        for (who, list) in [("in memory", &ours), ("the switch", theirs)] {
            let list: String = list.iter().map(|place| format!("\n    {}", rows.words(*place))).collect();
            writeln!(words, "rows {who}:{list}").unwrap();
        }
        writeln!(words, "{text}").unwrap();
    }
    if let Some(problem) = trace.problems.iter().find(|problem| **problem != Problem::TooDeep) {
        writeln!(words, "problem: {problem}").unwrap();
    }
    let expected = expected(trace, rows, arriving.in_port);
    // What is held depends on what came before.
    if !trace.held && real.as_ref() != Ok(&expected) {
        write!(words, "in memory: {}", shown(&expected)).unwrap();
        match real {
            Ok(verdict) => write!(words, "the switch: {}", shown(verdict)).unwrap(),
            Err(error) => writeln!(words, "the switch: {error}").unwrap(),
        }
        let steps: String = trace.steps.iter().map(|step| format!("  {step}\n")).collect();
        words.push_str(&steps);
    }
    (!words.is_empty()).then_some(words)
}

fn shown(verdict: &Verdict) -> String {
    let mut text = String::new();
    for (port, tunnel, frame) in &verdict.sent {
        write!(text, "\n    out of {port} {tunnel:?} {}", hex(frame)).unwrap();
    }
    for Punt { row, reason, userdata, metadata, frame } in &verdict.punted {
        let metadata = metadata.iter().fold(Match::new(), |all, (field, value)| all.with(*field, Value(*value)));
        write!(text, "\n    punt by {row} reason {reason} {} {metadata} {}", hex(userdata), hex(frame)).unwrap();
    }
    text + "\n"
}

/// What kinds of end a frame came to, for counting that all are met.
pub fn kinds(trace: &Trace, in_port: OfPort) -> Vec<String> {
    let fabric = fabric_port(Encap::Geneve).0..=fabric_port(Encap::Vlan).0;
    let kind = |fate: &Fate| match fate {
        Fate::Port(port) if *port == in_port => "back to the sender".to_owned(),
        Fate::Port(port) if fabric.contains(&port.0) => "into the fabric".to_owned(),
        Fate::Port(_) => "to a port".to_owned(),
        Fate::Controller { metadata, .. } => {
            let (value, _) = metadata.get(Reg::PuntOp.field()).unwrap_or_default();
            let op = PuntOp::from_number((value >> Reg::PuntOp.spec().offset) as u64 & 0xff);
            format!("punt: {}", op.map_or("none", PuntOp::name))
        }
        dropped => dropped.to_string(),
    };
    let too_deep = trace.problems.contains(&Problem::TooDeep).then(|| "too many routers".to_owned());
    trace.outputs.iter().map(|output| kind(&output.fate)).chain(too_deep).collect()
}

/// In memory, by the rows that the real switch has.
pub fn in_memory(switch: &Switch, arriving: &Arriving) -> Trace {
    switch.run(&arriving.frame, arriving.in_port, arriving.tunnel)
}

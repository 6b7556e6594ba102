//! The switch in memory against a real `ovs-vswitchd`: for generated frames over a whole site, both say the same: which ports,
//! by which tunnel, to the controller or not, or nothing, by which rows. `ofproto/trace` tells what the real one does. And the
//! frames that leave its ports are, byte for byte, those that leave in memory.

mod common;

#[path = "common/ovs.rs"]
mod ovs;

#[path = "common/packets.rs"]
mod packets;

use std::collections::BTreeMap;
use std::fmt::Write;

use flows::eval::{Fate, Problem, Switch, Trace, Tunnel};
use flows::{Engine, Item, Op, Plan, cookie};
use ofp::{Body, SwitchConfig, config_flags};
use ovs::Ovs;
use packets::{Arriving, Dice, UPLINK, arriving, ports_on, site};
use topology::{ChassisKey, Encap, World};

/// Frames for each chassis.
const FRAMES: u64 = 200;

/// What a switch did, comparable: ports in order, each with tunnel key and far end if it is the fabric's.
type Verdict = Vec<String>;

fn engine(encap: Encap) -> Engine {
    let mut world = World::default();
    world.commit(site(encap));
    let (engine, delta) = Engine::from_scratch(features::ALL, &world);
    assert_eq!((delta.faults, delta.conflicts), (vec![], vec![]));
    engine
}

/// A bridge `brN` for each chassis, all rows installed, fragments matched as the controller has them.
fn install(ovs: &Ovs, engine: &Engine, chassis: u16) {
    let bridge = format!("br{chassis}");
    let uplink = (format!("fabric{chassis}"), UPLINK.0, "dummy");
    let ports: Vec<_> = ports_on(chassis).into_iter().map(|p| (format!("vm{p}"), p, "dummy")).chain([uplink]).collect();
    ovs.bridge(&bridge, &ports.iter().map(|(n, p, t)| (n.as_str(), *p, *t)).collect::<Vec<_>>());
    let mut connection = ovs.connect(&bridge);
    connection.send(Body::SetConfig(SwitchConfig { flags: config_flags::FRAG_NX_MATCH, miss_send_len: 0xffff }));
    let puts = engine
        .desired(ChassisKey(chassis))
        .map(|(item, unit)| Op::Put { item: item.clone(), cookie: cookie(&unit) })
        .collect();
    for op in Plan::new(puts).ops {
        connection.send(op.to_body(false));
    }
    let answers = connection.barrier();
    assert!(answers.iter().all(|m| !matches!(m.body, Body::Error(_))), "{answers:?}");
}

fn in_memory(trace: &Trace) -> Verdict {
    let mut verdict: Verdict = trace
        .outputs
        .iter()
        .filter_map(|out| match &out.fate {
            Fate::Port(port) => Some(sent(port.0, out.tunnel)),
            Fate::Controller { .. } => Some("controller".to_owned()),
            Fate::Dropped(_) => None,
        })
        .collect();
    verdict.sort();
    verdict
}

fn sent(port: u32, tunnel: Option<Tunnel>) -> String {
    match tunnel.filter(|_| port == UPLINK.0) {
        Some(Tunnel { id, dst: Some(dst), .. }) => format!("{port} to {dst} by {id:#x}"),
        _ => port.to_string(),
    }
}

/// What `ofproto/trace` says, line by line: outputs, with what was last written to the tunnel's fields.
fn real(text: &str, in_port: u32) -> Verdict {
    let mut verdict = Verdict::new();
    let mut fields = BTreeMap::from([("id", String::new()), ("dst", String::new())]);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    for (at, line) in lines.iter().enumerate() {
        if line.starts_with("Final flow") {
            break;
        }
        if let Some(set) = line.strip_prefix("set_field:") {
            let (value, field) = set.split_once("->").unwrap();
            match field {
                "tun_id" => drop(fields.insert("id", value.to_owned())),
                "tun_ipv6_dst" => drop(fields.insert("dst", value.to_owned())),
                _ => {}
            }
        } else if let Some(value) = line.strip_prefix("-> NXM_NX_TUN_ID[0..23] is now ") {
            fields.insert("id", value.to_owned());
        } else if let Some(port) = line.strip_prefix("output:") {
            if lines.get(at + 1).is_some_and(|next| next.contains("skipping output to input port")) {
                continue;
            }
            let tunnelled = port == UPLINK.0.to_string() && !fields["dst"].is_empty();
            verdict.push(if tunnelled {
                format!("{port} to {} by {}", fields["dst"], fields["id"])
            } else {
                port.into()
            });
        } else if *line == "IN_PORT" {
            verdict.push(in_port.to_string());
        } else if line.starts_with("controller(") {
            verdict.push("controller".to_owned());
        }
    }
    if text.contains("Translation failed") {
        verdict.clear();
    }
    verdict.sort();
    verdict
}

/// The rows that a packet met: table, priority, cookie.
type Path = Vec<(u8, u16, u64)>;

fn path_in_memory(trace: &Trace) -> Path {
    trace
        .steps
        .iter()
        .filter_map(|step| match (step.table, step.item.as_deref(), step.unit) {
            (Some(table), Some(Item::Flow(flow)), Some(unit)) => Some((table.id(), flow.priority, cookie(&unit))),
            _ => None,
        })
        .collect()
}

/// Lines like `10. in_port=1, priority 100, cookie 0x5e78050000000000`.
fn real_path(text: &str) -> Path {
    text.lines()
        .filter_map(|line| {
            let (table, row) = line.trim().split_once(". ")?;
            let table = table.parse().ok()?;
            let (_, priority) = row.split_once("priority ")?;
            let (priority, cookie) = priority.split_once(", cookie 0x")?;
            Some((table, priority.parse().ok()?, u64::from_str_radix(cookie, 16).ok()?))
        })
        .collect()
}

fn traced(ovs: &Ovs, chassis: u16, arriving: &Arriving) -> String {
    let mut flow = format!("in_port={}", arriving.in_port);
    if let Some(Tunnel { id, src: Some(src), dst: Some(dst) }) = arriving.tunnel {
        write!(flow, ",tun_id={id},tun_ipv6_src={src},tun_ipv6_dst={dst}").unwrap();
    }
    ovs.appctl(&["ofproto/trace", &format!("br{chassis}"), &flow, &hex(&arriving.frame)])
}

fn hex(frame: &[u8]) -> String {
    frame.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn agree(encap: Encap, name: &str) {
    let engine = engine(encap);
    let ovs = Ovs::start(name);
    let mut differences = Vec::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for chassis in 1..=3u16 {
        install(&ovs, &engine, chassis);
        // Else the trace shows both sides of a measured length.
        ovs.appctl(&["dpif/set-dp-features", &format!("br{chassis}"), "check_pkt_len", "false"]);
        let switch = Switch::desired(&engine, ChassisKey(chassis));
        for seed in 0..FRAMES {
            let arriving = arriving(&mut Dice::new(seed * 3 + u64::from(chassis)), chassis, encap);
            let trace = switch.run(&arriving.frame, arriving.in_port, arriving.tunnel);
            assert!(
                !trace.problems.contains(&Problem::PastTheEnd),
                "the switch would damage its memory: {}",
                hex(&arriving.frame)
            );
            let text = traced(&ovs, chassis, &arriving);
            let (ours, theirs) = (in_memory(&trace), real(&text, arriving.in_port.0));
            let kind = trace.outputs.iter().map(|out| out.fate.to_string()).next().unwrap_or_default();
            *seen.entry(kind.split(':').next().unwrap_or_default().to_owned()).or_default() += 1;
            let unknown = trace.problems.iter().find(|p| !matches!(p, Problem::TwoNames(..) | Problem::TooDeep));
            let two_names = trace.problems.iter().any(|p| matches!(p, Problem::TwoNames(..)));
            let another_way = !two_names && path_in_memory(&trace) != real_path(&text);
            if ours != theirs || unknown.is_some() || another_way {
                let steps: String = trace.steps.iter().map(|step| format!("  {step}\n")).collect();
                differences.push(format!(
                    "chassis {chassis}, seed {seed}: {ours:?}, the switch {theirs:?} {unknown:?}\n{steps}{text}\n"
                ));
            }
        }
    }
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
    assert!(seen.len() >= 3 && seen.values().all(|n| *n >= 10), "every kind of end is met: {seen:?}");
}

/// Bytes of each frame in a capture file.
fn captured(path: &str) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(path).unwrap_or_default();
    let mut rest = bytes.get(24..).unwrap_or_default();
    let mut frames = Vec::new();
    while let Some((header, behind)) = rest.split_first_chunk::<16>() {
        let length = u32::from_ne_bytes([header[8], header[9], header[10], header[11]]) as usize;
        let Some((frame, behind)) = behind.split_at_checked(length) else { break };
        frames.push(frame.to_vec());
        rest = behind;
    }
    frames.sort();
    frames
}

/// Frames go through the real data path, and what it sends is captured.
fn send_the_same(encap: Encap, name: &str) {
    let engine = engine(encap);
    let ovs = Ovs::start(name);
    for chassis in 1..=3u16 {
        install(&ovs, &engine, chassis);
        let switch = Switch::desired(&engine, ChassisKey(chassis));
        let name = |port: u32| if port == UPLINK.0 { format!("fabric{chassis}") } else { format!("vm{port}") };
        let capture = |port: u32| ovs.path(&format!("{}.pcap", name(port)));
        let ports: Vec<u32> = ports_on(chassis).into_iter().chain([UPLINK.0]).collect();
        for port in &ports {
            ovs.vsctl(&["set", "interface", &name(*port), &format!("options:tx_pcap={}", capture(*port))]);
        }
        let mut expected: BTreeMap<u32, Vec<Vec<u8>>> = ports.iter().map(|port| (*port, Vec::new())).collect();
        for seed in 0..FRAMES {
            let arriving = arriving(&mut Dice::new(seed * 3 + u64::from(chassis)), chassis, encap);
            // A port without a tunnel can't say that a frame came by one.
            if arriving.tunnel.is_some() || arriving.frame.len() < 14 {
                continue;
            }
            let trace = switch.run(&arriving.frame, arriving.in_port, None);
            for (port, output) in trace.sent() {
                expected.get_mut(&port.0).unwrap().push(output.frame.clone());
            }
            ovs.appctl(&["netdev-dummy/receive", &name(arriving.in_port.0), &hex(&arriving.frame)]);
        }
        for (port, mut wanted) in expected {
            wanted.sort();
            let mut got = captured(&capture(port));
            for _ in 0..100 {
                if got.len() >= wanted.len() {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_millis(20));
                got = captured(&capture(port));
            }
            let hexes = |ours: &[Vec<u8>], theirs: &[Vec<u8>]| -> Vec<String> {
                ours.iter().filter(|frame| !theirs.contains(frame)).map(|frame| hex(frame)).collect()
            };
            let (missing, spare) = (hexes(&wanted, &got), hexes(&got, &wanted));
            let at = format!("chassis {chassis}, port {port}, {encap:?}");
            assert!(missing.is_empty() && spare.is_empty(), "{at}: in memory {missing:#?}, the switch {spare:#?}");
            assert_eq!(got.len(), wanted.len(), "{at}");
        }
    }
}

#[test]
fn frames_by_tunnel_leave_alike() {
    send_the_same(Encap::Geneve, "frames-tunnels");
}

#[test]
fn frames_by_vlan_leave_alike() {
    send_the_same(Encap::Vlan, "frames-vlans");
}

#[test]
fn tunnels() {
    agree(Encap::Geneve, "eval-tunnels");
}

#[test]
fn vlans() {
    agree(Encap::Vlan, "eval-vlans");
}

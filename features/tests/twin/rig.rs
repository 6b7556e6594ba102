//! A real switch with a dummy datapath: ports to put frames into and to see them leave by, a real tunnel port of each kind over
//! an underlay bridge, and the controller's connection. One chassis of a world at a time is put on it whole.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::sync::Arc;

use addr::OfPort;
use flows::{Engine, Flow, Item, Op, Plan};
use ofp::{
    AsyncConfig, Body, FlowMod, FlowModCommand, GroupMod, GroupModCommand, GroupType, Match, MeterMod, MeterModCommand,
    PacketIn2, SwitchConfig, config_flags,
};
use topology::{ChassisKey, Encap};

use crate::ovs::{Connection, Ovs};
use crate::scene::Scene;
use crate::unixctl::Unixctl;
use crate::wire;

/// Ports of hosts: 1 to this.
pub const PORTS_MAX: u32 = 16;
const BRIDGE: &str = "br0";
const TUNNELS: [(Encap, u32, &str); 3] =
    [(Encap::Geneve, 100, "geneve"), (Encap::Vxlan, 101, "vxlan"), (Encap::Gre, 102, "gre")];
/// Towards a VLAN underlay.
const TRUNK: u32 = 103;

/// The OpenFlow port that leads into the fabric.
pub fn fabric_port(encap: Encap) -> OfPort {
    OfPort(TUNNELS.iter().find(|(kind, ..)| *kind == encap).map_or(TRUNK, |(_, number, _)| *number))
}

/// The interface behind a port that is no tunnel's.
fn interface(port: u32) -> String {
    if port == TRUNK { "trunk".to_owned() } else { format!("p{port}") }
}

pub struct Rig {
    ovs: Ovs,
    unixctl: Unixctl,
    connection: Connection,
    /// By port; the underlay's is under [`WIRE`].
    captures: BTreeMap<u32, Capture>,
}

const WIRE: u32 = 0;

/// What the real switch did with a frame.
#[derive(Debug, Default)]
pub struct Seen {
    /// By port, what left by it.
    pub sent: Vec<(u32, Vec<u8>)>,
    /// What left by the underlay, as it is there.
    pub tunnelled: Vec<Vec<u8>>,
    pub punted: Vec<PacketIn2>,
}

impl Rig {
    pub fn new(name: &str) -> Rig {
        let ovs = Ovs::start(name);
        let hosts: Vec<(String, u32)> =
            (1..=crate::beyond::UPLINK).chain([TRUNK]).map(|port| (interface(port), port)).collect();
        let mut ports: Vec<_> = hosts.iter().map(|(name, port)| (name.as_str(), *port, "dummy")).collect();
        ports.extend(TUNNELS.iter().map(|(_, port, kind)| (*kind, *port, *kind)));
        ovs.bridge(BRIDGE, &ports);
        ovs.bridge("under", &[("wire", 1, "dummy")]);
        ovs.vsctl(&[
            "set",
            "bridge",
            "under",
            "fail_mode=standalone",
            &format!("other_config:hwaddr={}", wire::LOCAL_MAC),
        ]);
        let mut captures = BTreeMap::new();
        for (name, port) in hosts.iter().cloned().chain([("wire".to_owned(), WIRE)]) {
            let path = ovs.path(&format!("{name}.pcap"));
            let capture = format!("options:tx_pcap={path}");
            ovs.vsctl(&["set", "interface", &name, &capture, "mtu_request=9500"]);
            captures.insert(port, Capture::new(&path));
        }
        ovs.vsctl(&["set", "interface", "under", "mtu_request=9500"]);
        let mut unixctl = Unixctl::new(&ovs.path("vsw.ctl"));
        for (command, address, prefix) in [
            ("netdev-dummy/ip4addr", IpAddr::from(wire::LOCAL_V4), 16),
            ("netdev-dummy/ip6addr", wire::LOCAL_V6.into(), 64),
        ] {
            unixctl.call(command, &["under", &format!("{address}/{prefix}")]);
            unixctl.call("ovs/route/add", &[&format!("{address}/{prefix}"), "under"]);
        }
        let mut connection = ovs.connect(BRIDGE);
        connection.send(Body::SetConfig(SwitchConfig { flags: config_flags::FRAG_NX_MATCH, miss_send_len: 0xffff }));
        connection.send(Body::SetPacketInFormat(ofp::packet_in_format::NXT_PACKET_IN2));
        let all = AsyncConfig { packet_in: [7, 7], ..AsyncConfig::default() };
        connection.send(Body::SetAsync(all));
        assert!(connection.barrier().is_empty());
        Rig { ovs, unixctl, connection, captures }
    }

    /// Whether the switch has crashed.
    pub fn has_crashed(&mut self) -> bool {
        self.ovs.has_crashed()
    }

    /// Puts on the switch what an engine wants on a chassis, in place of all that was there. Each row's cookie is its place in
    /// the answer, counted from 1, so that a trace names rows for certain.
    pub fn install(&mut self, engine: &Engine, chassis: ChassisKey, scene: &Scene) -> Vec<Arc<Item>> {
        // Before the rows: what the data path holds of the world before is translated anew by them.
        for host in &scene.chassis {
            if let Some(address) = host.tunnel_ip {
                self.unixctl
                    .call("tnl/neigh/set", &["under", &address.to_string(), &wire::mac_of(address).to_string()]);
            }
        }
        let rows: Vec<Arc<Item>> = engine.desired(chassis).map(|(item, _)| item.clone()).collect();
        let puts = (1..).zip(&rows).map(|(cookie, item)| Op::Put { item: item.clone(), cookie }).collect();
        let (meters, others): (Vec<Body>, Vec<Body>) =
            Plan::new(puts).ops.iter().map(|op| op.to_body(false)).partition(|body| matches!(body, Body::MeterMod(_)));
        let none =
            MeterMod { command: MeterModCommand::Delete, flags: 0, meter_id: ofp::meter_id::ALL, bands: Vec::new() };
        for body in [Body::MeterMod(none)].into_iter().chain(meters) {
            self.connection.send(body);
        }
        let answers = self.connection.barrier();
        assert!(answers.is_empty(), "{answers:?}");
        self.connection.bundle(clear().into_iter().chain(others));
        self.unixctl.call("revalidator/purge", &[]);
        rows
    }

    /// Whether the data path measures packets itself. Where it does, a trace shows both sides of a measured length.
    pub fn measures_in_datapath(&mut self, yes: bool) {
        // Traces punt, too.
        self.connection.barrier();
        self.unixctl.call("dpif/set-dp-features", &[BRIDGE, "check_pkt_len", if yes { "true" } else { "false" }]);
    }

    /// What the switch would do, in its own words.
    pub fn trace(&mut self, flow: &str, frame: &[u8]) -> String {
        self.unixctl.call("ofproto/trace", &[BRIDGE, flow, &hex(frame)])
    }

    /// A frame comes in by a port, through the data path. `None`: by the underlay.
    pub fn receive(&mut self, port: Option<OfPort>, frame: &[u8]) -> Seen {
        let name = port.map_or("wire".to_owned(), |port| interface(port.0));
        // The switch in memory knows no connections either.
        self.unixctl.call("dpctl/flush-conntrack", &[]);
        self.unixctl.call("netdev-dummy/receive", &[&name, &hex(frame)]);
        // The switch reads its ports before its OpenFlow connections, in every round of one thread, and sends packet-ins
        // before the barrier's reply.
        let mut seen = Seen::default();
        for message in self.connection.barrier() {
            match message.body {
                Body::PacketIn2(packet) => seen.punted.push(packet),
                other => panic!("{other:?}"),
            }
        }
        for (port, capture) in &mut self.captures {
            for frame in capture.news() {
                if *port == WIRE { seen.tunnelled.push(frame) } else { seen.sent.push((*port, frame)) }
            }
        }
        seen
    }
}

/// Messages that take all flows and groups away.
fn clear() -> [Body; 2] {
    let flow = FlowMod {
        cookie: 0,
        cookie_mask: 0,
        table: ofp::TABLE_ALL,
        command: FlowModCommand::Delete,
        idle_timeout_s: 0,
        hard_timeout_s: 0,
        priority: 0,
        buffer_id: ofp::NO_BUFFER,
        out_port: OfPort::ANY,
        out_group: ofp::GROUP_ANY,
        flags: 0,
        match_: Match::new(),
        instructions: Vec::new(),
    };
    let group = GroupMod {
        command: GroupModCommand::Delete,
        kind: GroupType::All,
        group_id: ofp::GROUP_ALL,
        buckets: Vec::new(),
    };
    [Body::FlowMod(flow), Body::GroupMod(group)]
}

/// A capture file that grows.
struct Capture {
    file: File,
    unread: Vec<u8>,
}

impl Capture {
    fn new(path: &str) -> Capture {
        let mut file = File::open(path).unwrap();
        let mut header = [0; 24];
        file.read_exact(&mut header).unwrap();
        Capture { file, unread: Vec::new() }
    }

    /// Frames since the last time.
    fn news(&mut self) -> Vec<Vec<u8>> {
        self.file.read_to_end(&mut self.unread).unwrap();
        let mut frames = Vec::new();
        while let Some((header, behind)) = self.unread.split_first_chunk::<16>() {
            let length = u32::from_ne_bytes([header[8], header[9], header[10], header[11]]) as usize;
            let Some(frame) = behind.get(..length) else { break };
            frames.push(frame.to_vec());
            self.unread.drain(..16 + length);
        }
        frames
    }
}

pub fn hex(frame: &[u8]) -> String {
    frame.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The row of an item that is a flow.
pub fn row(item: &Item) -> Option<&Flow> {
    if let Item::Flow(flow) = item { Some(flow) } else { None }
}

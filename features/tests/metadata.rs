//! The metadata service: whose its addresses are, who is answered what, and where it stops.

mod common;

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use addr::{MacAddr, OfPort, link_local, multicast_mac, solicited_node};
use common::*;
use features::Millis;
use features::metadata::service::{Service, TOO_MANY};
use features::metadata::{self, Described, Nic};
use features::punt::{PacketOut, Punted};
use flows::eval::{Fate, Output, Switch, Trace};
use flows::{Drop, Engine, PuntClass, PuntOp};
use packet::{
    Frame, Icmpv6, NdOption, Net, OP_REPLY, Tcp, icmpv6_frame, ipv4_frame, ipv6_frame, protocol, tcp, tcp_v4,
};
use serde_json::{Value, json};
use topology::{Change, ChassisKey, Dhcp4, Encap, NetworkKey, PortKey, RouterKey, SubnetKey, View, World};

/// On network 1 and chassis 2, of tenant umbra; port 5 has the same prefix, of tenant acme on network 2.
const HOST: u32 = 4;
const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBxh me@there";

fn world(changes: Vec<Change>) -> World {
    let mut world = World::default();
    world.commit(changes);
    world
}

fn described(port: PortKey) -> Option<Described> {
    let nic = |p: u32| Nic { port: PortKey(p), uid: format!("0000000{p}-port"), network_uid: format!("{p}-net") };
    Some(Described {
        id: format!("vm-of-{}", port.0),
        user_data: Some(format!("#cloud-config {}\n", port.0).into_bytes()),
        public_keys: vec![KEY.to_owned(), KEY.replace("me@there", "")],
        nics: vec![nic(port.0), nic(port.0 + 4)],
    })
}

/// A frame from the host through the rows of its chassis.
fn run(world: &World, frame: &[u8]) -> Trace {
    let (engine, delta) = Engine::from_scratch(features::ALL, world);
    assert_eq!((delta.faults, delta.conflicts), (vec![], vec![]));
    let trace = Switch::desired(&engine, ChassisKey(2)).run(frame, OfPort(HOST), None);
    assert_eq!(trace.problems, []);
    trace
}

fn drops(trace: &Trace) -> Vec<Drop> {
    let of = |output: &Output| match output.fate {
        Fate::Dropped(drop) => drop,
        _ => None,
    };
    trace.outputs.iter().filter_map(of).collect()
}

/// A client's end of a connection.
struct Client {
    p: u32,
    from: IpAddr,
    to: IpAddr,
    to_mac: MacAddr,
    port: u16,
    seq: u32,
    ack: u32,
    ended: bool,
}

impl Client {
    fn new(p: u32, from: IpAddr, to: IpAddr, port: u16) -> Client {
        Client { p, from, to, to_mac: metadata::MAC, port, seq: 1000, ack: 0, ended: false }
    }

    fn frame(&self, flags: u8, payload: &[u8]) -> Vec<u8> {
        let segment = Tcp {
            sport: self.port,
            dport: 80,
            seq: self.seq,
            ack: self.ack,
            flags,
            window: 60_000,
            options: vec![].into(),
            payload: payload.to_vec().into(),
        };
        let mac = port_mac(self.p);
        match (self.from, self.to) {
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let segment = tcp(from, to, &segment);
                ipv6_frame(mac, self.to_mac, from, to, 64, protocol::TCP, &segment).to_vec()
            }
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let segment = tcp_v4(from, to, &segment);
                ipv4_frame(mac, self.to_mac, from, to, 64, protocol::TCP, &segment).to_vec()
            }
            _ => unreachable!(),
        }
    }

    /// Hears frames; the bytes that are new.
    fn hear(&mut self, packets: &[PacketOut]) -> (Vec<u8>, u8) {
        let (mut heard, mut all) = (Vec::new(), 0);
        for packet in packets {
            let frame = Frame::parse(&packet.frame).unwrap();
            assert_eq!((frame.ethernet.src, frame.ethernet.dst), (self.to_mac, port_mac(self.p)));
            let (src, dst, payload) = match &frame.net {
                Net::Ipv6(ip) => {
                    assert_eq!(packet::checksum_v6(ip.src, ip.dst, protocol::TCP, &ip.payload), 0);
                    (IpAddr::V6(ip.src), IpAddr::V6(ip.dst), &ip.payload)
                }
                Net::Ipv4(ip) => (IpAddr::V4(ip.src), IpAddr::V4(ip.dst), &ip.payload),
                other => panic!("{other:?}"),
            };
            let segment = Tcp::parse(payload).unwrap();
            if (src, dst, segment.dport) != (self.to, self.from, self.port) {
                continue;
            }
            all |= segment.flags;
            if segment.flags & Tcp::SYN != 0 {
                self.ack = segment.seq.wrapping_add(1);
            } else if segment.seq == self.ack {
                heard.extend(&segment.payload);
                self.ack = self.ack.wrapping_add(segment.payload.len() as u32);
                if segment.flags & Tcp::FIN != 0 {
                    self.ack = self.ack.wrapping_add(1);
                    self.ended = true;
                }
            }
        }
        (heard, all)
    }
}

/// A service with its world and its time.
struct Site {
    world: World,
    service: Service,
    now: Cell<u64>,
}

impl Site {
    fn new(changes: Vec<Change>) -> Site {
        Site { world: world(changes), service: Service::default(), now: Cell::new(1_000_000) }
    }

    fn say(&mut self, p: u32, frame: Vec<u8>) -> Result<Vec<PacketOut>, &'static str> {
        self.now.set(self.now.get() + 1);
        let place = View::new(&self.world).place(PortKey(p)).unwrap();
        let network = View::new(&self.world).port(PortKey(p)).unwrap().network;
        let (op, router, at) = (PuntOp::Metadata, RouterKey(0), Millis(self.now.get()));
        let punted = Punted { op, port: PortKey(p), place, network, router, frame, at };
        let packets = self.service.came(&self.world, &described, &punted)?;
        assert!(packets.iter().all(|packet| *packet == PacketOut::to(place, packet.frame.clone())));
        Ok(packets)
    }

    fn open(&mut self, client: &mut Client) -> u8 {
        let packets = self.say(client.p, client.frame(Tcp::SYN, &[])).unwrap();
        let (_, flags) = client.hear(&packets);
        client.seq += 1;
        flags
    }

    /// All that comes to a request on an open connection, acknowledged as it comes.
    fn ask(&mut self, client: &mut Client, request: &str) -> String {
        let packets = self.say(client.p, client.frame(Tcp::ACK, request.as_bytes())).unwrap();
        client.seq += request.len() as u32;
        let (mut all, _) = client.hear(&packets);
        loop {
            let packets = self.say(client.p, client.frame(Tcp::ACK, &[])).unwrap();
            let (more, _) = client.hear(&packets);
            if more.is_empty() {
                return String::from_utf8(all).unwrap();
            }
            all.extend(more);
        }
    }

    /// A connection with one request: status and body.
    fn get(&mut self, p: u32, from: IpAddr, to: IpAddr, path: &str) -> (u16, String) {
        self.request(p, from, to, &format!("GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n"))
    }

    fn request(&mut self, p: u32, from: IpAddr, to: IpAddr, request: &str) -> (u16, String) {
        let mut client = Client::new(p, from, to, 40_000);
        assert_eq!(self.open(&mut client), Tcp::SYN | Tcp::ACK);
        let all = self.ask(&mut client, request);
        assert!(client.ended, "{all}");
        let packets = self.say(p, client.frame(Tcp::FIN | Tcp::ACK, &[])).unwrap();
        client.hear(&packets);
        let (head, body) = all.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), body.to_owned())
    }

    fn told(&mut self, path: &str) -> (u16, String) {
        self.get(HOST, link_local(port_mac(HOST)).into(), metadata::OPENSTACK.into(), path)
    }

    fn json(&mut self, path: &str) -> Value {
        let (status, body) = self.told(path);
        assert_eq!(status, 200, "{path}");
        serde_json::from_str(&body).unwrap()
    }
}

fn own(p: u32) -> Ipv6Addr {
    link_local(port_mac(p))
}

#[test]
fn who_asks_for_an_address_learns_the_services_mac() {
    let world = world(small(Encap::Geneve));
    let options = vec![NdOption::SourceLinkLayer(port_mac(HOST))];
    for target in [metadata::OPENSTACK, metadata::EC2] {
        let group = solicited_node(target);
        for (mac, to) in [(multicast_mac(group), group), (metadata::MAC, target)] {
            let message = Icmpv6::NeighborSolicit { target, options: options.clone() };
            let frame = icmpv6_frame(port_mac(HOST), mac, own(HOST), to, 255, &message);
            let trace = run(&world, &frame);
            let [(port, output)] = trace.sent().collect::<Vec<_>>()[..] else { panic!("{target} by {mac}") };
            assert_eq!(port, OfPort(HOST));
            let answer = Frame::parse(&output.frame).unwrap().icmpv6().unwrap();
            let Some(Icmpv6::NeighborAdvert { target: told, options, solicited: true, .. }) = answer else { panic!() };
            assert_eq!((told, options), (target, vec![NdOption::TargetLinkLayer(metadata::MAC)]));
        }
    }
    let from = Ipv4Addr::from(0x0a00_0000 | HOST);
    let trace = run(&world, &packet::arp_request(port_mac(HOST), from, metadata::IPV4));
    let [(_, output)] = trace.sent().collect::<Vec<_>>()[..] else { panic!("no answer") };
    let Net::Arp(arp) = Frame::parse(&output.frame).unwrap().net else { panic!() };
    assert_eq!((arp.op, arp.sha, arp.spa), (OP_REPLY, metadata::MAC, metadata::IPV4));
}

#[test]
fn a_probe_for_an_address_finds_it_taken() {
    let world = world(small(Encap::Geneve));
    let view = View::new(&world);
    for target in [metadata::OPENSTACK, metadata::EC2] {
        let frame = packet::neighbor_solicit(port_mac(HOST), Ipv6Addr::UNSPECIFIED, target);
        let place = view.place(PortKey(HOST)).unwrap();
        let (op, network, router) = (PuntOp::NeighborSolicit, NetworkKey(1), RouterKey(0));
        let (port, at) = (PortKey(HOST), Millis(0));
        let punted = Punted { op, port, place, network, router, frame: frame.to_vec(), at };
        let answer = features::nd::service::solicited(&view, &punted).unwrap();
        let advert = Frame::parse(&answer[0].frame).unwrap().icmpv6().unwrap();
        assert!(matches!(advert, Some(Icmpv6::NeighborAdvert { target: told, .. }) if told == target));
    }
}

#[test]
fn nobody_says_that_it_has_an_address() {
    let mut changes = small(Encap::Geneve);
    let Change::Port(key, Some(mut port)) = port(HOST, 1) else { unreachable!() };
    // Whatever its intent lets it send.
    let any = ["fe80::/10", "fd00::/8", "169.254.0.0/16"].map(|net| net.parse().unwrap());
    port.pairs = any.map(|prefix| topology::AddressPair { prefix, mac: None }).to_vec();
    changes.push(Change::Port(key, Some(port)));
    let world = world(changes);
    let mac = port_mac(HOST);
    for target in [metadata::OPENSTACK, metadata::EC2] {
        let what = packet::Advertised { mac, target, src: own(HOST), router: false, override_: true };
        let advert = packet::neighbor_advert(&what, Some((port_mac(8), own(8))));
        assert_eq!(drops(&run(&world, &advert)), [Drop::ForeignNeighborAdvert], "{target}");
        let data = ipv6_frame(mac, port_mac(8), target, own(8), 64, protocol::NO_NEXT, &[]);
        assert_eq!(drops(&run(&world, &data)), [Drop::SpoofedSource], "{target}");
        // Another of the pair's passes.
        let other = Ipv6Addr::from(u128::from(target) + 1);
        let data = ipv6_frame(mac, port_mac(8), other, own(8), 64, protocol::NO_NEXT, &[]);
        assert_eq!(drops(&run(&world, &data)), [], "{other}");
    }
    let arp = packet::arp_request(mac, metadata::IPV4, Ipv4Addr::new(10, 0, 0, 8));
    assert_eq!(drops(&run(&world, &arp)), [Drop::SpoofedSource]);
    let data = ipv4_frame(mac, port_mac(8), metadata::IPV4, Ipv4Addr::new(10, 0, 0, 8), 64, protocol::UDP, &[0; 8]);
    assert_eq!(drops(&run(&world, &data)), [Drop::SpoofedSource]);
}

#[test]
fn questions_are_punted_from_own_addresses_by_any_way_and_whatever_groups_say() {
    let mut changes = small(Encap::Geneve);
    changes.push(Change::Membership(PortKey(HOST), Some(topology::Membership::default())));
    let world = world(changes);
    let router = features::router::generated_mac(RouterKey(1));
    let v4 = IpAddr::from(Ipv4Addr::from(0x0a00_0000 | HOST));
    let global = port_address(1, HOST);
    for (from, to) in
        [(own(HOST).into(), metadata::OPENSTACK.into()), (global, metadata::EC2.into()), (v4, metadata::IPV4.into())]
    {
        for mac in [metadata::MAC, router, port_mac(8)] {
            let client = Client { to_mac: mac, ..Client::new(HOST, from, to, 40_000) };
            let trace = run(&world, &client.frame(Tcp::SYN, &[]));
            let punts: Vec<_> = trace.punted().collect();
            let [Output { fate: Fate::Controller { metadata, .. }, .. }] = punts[..] else { panic!("{to} by {mac}") };
            assert_eq!(features::punt::op_of(metadata), Some(PuntOp::Metadata));
        }
        let other = if from.is_ipv6() { port_address(1, 8) } else { Ipv4Addr::new(10, 0, 0, 8).into() };
        let spoofed = Client::new(HOST, other, to, 40_000).frame(Tcp::SYN, &[]);
        assert_eq!(drops(&run(&world, &spoofed)), [Drop::SpoofedSource], "{other}");
    }
    assert_eq!(PuntOp::Metadata.class(), PuntClass::Service);
}

#[test]
fn openstack_s_clients_find_what_they_look_for() {
    let mut site = Site::new(small(Encap::Geneve));
    let (status, versions) = site.told("/openstack");
    assert_eq!((status, versions.lines().last()), (200, Some("latest")));
    let (_, files) = site.told("/openstack/2018-08-27/");
    assert!(files.lines().any(|file| file == "network_data.json") && files.ends_with("user_data"), "{files}");
    assert_eq!(
        site.json("/openstack/latest/meta_data.json"),
        json!({
            "uuid": "vm-of-4", "name": "vm4", "hostname": "vm4", "project_id": "umbra", "launch_index": 0, "devices": [],
            "public_keys": {"me@there": KEY, "key-1": KEY.replace("me@there", "")},
            "keys": [
                {"name": "me@there", "type": "ssh", "data": KEY},
                {"name": "key-1", "type": "ssh", "data": KEY.replace("me@there", "")},
            ],
        })
    );
    assert_eq!(site.told("/openstack/2012-08-10/user_data"), (200, "#cloud-config 4\n".to_owned()));
    assert_eq!(site.json("/openstack/latest/vendor_data.json"), json!({}));
    assert_eq!(site.told("/openstack/latest/password"), (200, String::new()));
    for path in ["/openstack/1999-01-01", "/openstack/latest/none", "/openstack/latest/meta_data.json/x"] {
        assert_eq!(site.told(path).0, 404, "{path}");
    }
    let networks = site.json("/openstack/latest/network_data.json");
    assert_eq!(networks["links"][0]["ethernet_mac_address"], json!(port_mac(HOST).to_string()));
    assert_eq!(
        (&networks["links"][0]["mtu"], &networks["links"][1]["vif_id"]),
        (&json!(1430), &json!("00000008-port"))
    );
    let first = &networks["networks"][0];
    let address = port_address(1, HOST).to_string();
    assert_eq!((&first["type"], &first["ip_address"]), (&json!("ipv6_slaac"), &json!(address)));
    assert_eq!((&first["netmask"], &first["link"]), (&json!("ffff:ffff:ffff:ffff::"), &networks["links"][0]["id"]));
    assert_eq!(networks["services"], json!([{"type": "dns", "address": "2001:db8::53"}]));
}

#[test]
fn ec2_s_clients_walk_its_tree() {
    let mut site = Site::new(small(Encap::Geneve));
    assert!(site.told("/").1.lines().any(|version| version == "2009-04-04"));
    assert_eq!(site.told("/latest").1, "dynamic/\nmeta-data/\nuser-data");
    let (_, names) = site.told("/2021-03-23/meta-data/");
    let names: Vec<&str> = names.lines().collect();
    for name in ["instance-id", "local-hostname", "mac", "network/", "public-keys/", "local-ipv4", "ipv6"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    let mut at = |path: &str| site.told(&format!("/2009-04-04/meta-data/{path}"));
    assert_eq!(at("local-hostname").1, "vm4");
    assert_eq!(at("public-keys/").1, "0=me@there\n1=key-1");
    assert_eq!(at("public-keys/0/openssh-key").1, KEY);
    let macs = "network/interfaces/macs/";
    assert_eq!(at(macs).1, format!("{}/\n{}/", port_mac(HOST), port_mac(8)));
    assert_eq!(at(&format!("{macs}{}/device-number", port_mac(8))).1, "1");
    assert_eq!(at(&format!("{macs}{}/ipv6s", port_mac(HOST))).1, port_address(1, HOST).to_string());
    let id = at("instance-id").1;
    assert!(id.starts_with("i-0") && id.len() == 19, "{id}");
    assert_eq!(at("none").0, 404);
    assert_eq!(site.told("/latest/user-data"), (200, "#cloud-config 4\n".to_owned()));
    assert_eq!(site.json("/latest/dynamic/instance-identity/document")["instanceId"], json!(id));
    assert_eq!(site.told("/2000-01-01/meta-data/").0, 404);
}

#[test]
fn a_token_is_handed_out_and_a_wrong_one_refused() {
    let mut site = Site::new(small(Encap::Geneve));
    let (from, to) = (port_address(1, HOST), metadata::EC2.into());
    let mut ask = |line: &str, header: &str| {
        site.request(HOST, from, to, &format!("{line} HTTP/1.1\r\n{header}\r\nConnection: close\r\n\r\n"))
    };
    let (status, token) = ask("PUT /latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds: 60");
    assert_eq!(status, 200);
    let good = format!("X-aws-ec2-metadata-token: {token}");
    assert_eq!(ask("GET /latest/meta-data/mac", &good), (200, port_mac(HOST).to_string()));
    assert_eq!(ask("GET /latest/meta-data/mac", "X-aws-ec2-metadata-token: 1-2").0, 401);
    assert_eq!(ask("PUT /latest/api/token", "Host: x").0, 400);
    assert_eq!(ask("POST /openstack/latest/password", "Content-Length: 0").0, 405);
    assert_eq!(ask("HEAD /latest/meta-data/mac", "Host: x"), (200, String::new()));
}

#[test]
fn two_ports_with_one_address_are_told_each_its_own() {
    let mut changes = small(Encap::Geneve);
    // Port 5, of the other tenant, is the same to look at.
    let Change::Port(_, Some(same)) = port(HOST, 2) else { unreachable!() };
    changes.push(Change::Port(PortKey(5), Some(topology::Port { name: "twin".into(), ..same })));
    let mut site = Site::new(changes);
    let (from, to) = (port_address(1, HOST), metadata::EC2.into());
    assert_eq!(port_address(2, HOST), port_address(3, HOST));
    let mut mine = Client::new(HOST, from, to, 40_000);
    let mut theirs = Client::new(HOST, from, to, 40_000);
    theirs.p = HOST;
    assert_eq!(site.open(&mut mine), Tcp::SYN | Tcp::ACK);
    // The same addresses and ports, another switch port.
    let packets = site.say(5, theirs.frame(Tcp::SYN, &[])).unwrap();
    theirs.hear(&packets);
    theirs.seq += 1;
    let request = "GET /latest/user-data HTTP/1.1\r\n\r\n";
    assert!(site.ask(&mut mine, request).ends_with("#cloud-config 4\n"));
    let packets = site.say(5, theirs.frame(Tcp::ACK, request.as_bytes())).unwrap();
    let (told, _) = theirs.hear(&packets);
    assert!(String::from_utf8(told).unwrap().ends_with("#cloud-config 5\n"));
    assert_eq!(site.service.connections(), 2);
}

#[test]
fn a_connection_takes_requests_one_after_the_other_and_ends_with_the_client() {
    let mut site = Site::new(small(Encap::Geneve));
    let mut client = Client::new(HOST, own(HOST).into(), metadata::OPENSTACK.into(), 40_000);
    site.open(&mut client);
    let one = "GET /latest/meta-data/mac HTTP/1.1\r\n\r\n";
    let all = site.ask(&mut client, &format!("{one}{one}GET /latest/meta-da"));
    assert_eq!(all.matches("HTTP/1.1 200 OK").count(), 2, "{all}");
    assert!(site.ask(&mut client, "ta/none HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404"));
    assert_eq!(site.service.connections(), 1);
    let packets = site.say(HOST, client.frame(Tcp::FIN | Tcp::ACK, &[])).unwrap();
    client.seq += 1;
    let (_, flags) = client.hear(&packets);
    assert!(client.ended && flags & Tcp::FIN != 0);
    site.say(HOST, client.frame(Tcp::ACK, &[])).unwrap();
    assert_eq!((site.service.connections(), site.service.next_due()), (0, None));
    let responses = site.service.take_responses();
    assert_eq!(responses.into_iter().collect::<Vec<_>>(), [(200, 2), (404, 1)]);
}

#[test]
fn what_belongs_to_no_connection_is_reset() {
    let mut site = Site::new(small(Encap::Geneve));
    let mut client = Client::new(HOST, own(HOST).into(), metadata::OPENSTACK.into(), 40_000);
    client.ack = 77;
    let packets = site.say(HOST, client.frame(Tcp::ACK, b"GET / HTTP/1.1\r\n\r\n")).unwrap();
    assert_eq!(client.hear(&packets).1 & Tcp::RST, Tcp::RST, "as after a restart");
    assert_eq!(site.say(HOST, client.frame(Tcp::RST, &[])), Ok(vec![]));
    assert_eq!((site.service.connections(), site.service.next_due()), (0, None));
    let stray = Client::new(HOST, own(HOST).into(), own(8).into(), 1).frame(Tcp::SYN, &[]);
    assert_eq!(site.say(HOST, stray), Err("not_to_the_service"));
    for length in [0, 13, 30, 60] {
        let mut frame = client.frame(Tcp::SYN, &[]);
        frame.truncate(length);
        assert_eq!(site.say(HOST, frame), Err("malformed"), "{length}");
    }
}

#[test]
fn connections_are_counted_and_silent_ones_given_up() {
    let mut site = Site::new(small(Encap::Geneve));
    let client = |port| Client::new(HOST, own(HOST).into(), metadata::OPENSTACK.into(), port);
    for port in 1..=8 {
        assert_eq!(site.open(&mut client(port)), Tcp::SYN | Tcp::ACK);
    }
    assert_eq!(site.say(HOST, client(9).frame(Tcp::SYN, &[])), Err(TOO_MANY));
    // Another port has its own.
    assert_eq!(site.open(&mut Client::new(8, own(8).into(), metadata::OPENSTACK.into(), 1)), Tcp::SYN | Tcp::ACK);
    assert_eq!(site.service.connections(), 9);
    let until = site.now.get() + 61_000;
    let mut sent = 0;
    while let Some(due) = site.service.next_due() {
        assert!(due.0 <= until, "a connection that nobody gives up");
        sent += site.service.due(&site.world, &described, due).len();
    }
    assert_eq!(site.service.connections(), 0);
    // Each is told again and again, and in the end that it is over.
    assert!((9..200).contains(&sent), "{sent} packets");
    assert_eq!(site.open(&mut client(9)), Tcp::SYN | Tcp::ACK);
}

#[test]
fn a_request_too_long_is_refused_and_a_long_answer_comes_whole() {
    let mut site = Site::new(small(Encap::Geneve));
    let mut client = Client::new(HOST, own(HOST).into(), metadata::OPENSTACK.into(), 40_000);
    site.open(&mut client);
    let mut all = site.ask(&mut client, "GET /");
    for _ in 0..10 {
        all += &site.ask(&mut client, &"a".repeat(1000));
    }
    assert!(all.starts_with("HTTP/1.1 431") && client.ended, "{all}");
    let long = |port| Some(Described { user_data: Some(vec![b'x'; 65_535]), ..described(port)? });
    let mut client = Client::new(HOST, own(HOST).into(), metadata::OPENSTACK.into(), 40_001);
    site.open(&mut client);
    let mut say = |client: &mut Client, payload: &[u8]| {
        let place = View::new(&site.world).place(PortKey(HOST)).unwrap();
        let (op, network, router) = (PuntOp::Metadata, NetworkKey(1), RouterKey(0));
        let (port, frame, at) = (PortKey(HOST), client.frame(Tcp::ACK, payload), Millis(site.now.get()));
        let punted = Punted { op, port, place, network, router, frame, at };
        let packets = site.service.came(&site.world, &long, &punted).unwrap();
        assert!(packets.iter().all(|packet| packet.frame.len() <= 14 + 1430));
        client.hear(&packets).0
    };
    let request = b"GET /latest/user-data HTTP/1.1\r\n\r\n";
    let mut all = say(&mut client, request);
    client.seq += request.len() as u32;
    for _ in 0..100 {
        all.extend(say(&mut client, &[]));
    }
    let body = all.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    assert_eq!(all.len() - body, 65_535);
}

#[test]
fn hosts_without_a_router_are_told_the_way() {
    let mut changes = small(Encap::Geneve);
    changes.push(Change::Interface(RouterKey(1), SubnetKey(1), None));
    let v4 = "10.0.0.0/24".parse().unwrap();
    let fact = Dhcp4 {
        prefix: v4,
        gateway: Ipv4Addr::new(10, 0, 0, 1),
        gateway_given: false,
        dns: vec![],
        routes: vec![],
        ipv6_mostly: false,
        lease_s: 3600,
        options: vec![],
        next_server: None,
    };
    changes.push(Change::Dhcp4(SubnetKey(1), Some(fact)));
    let alone = world(changes);
    let told = |world: &World| {
        let senders = features::ra::advert::senders(&View::new(world), NetworkKey(1));
        let frame = features::ra::advert::frame(&senders[0], features::ra::advert::To::Everybody, &[], Millis(0));
        let Some(Icmpv6::RouterAdvert(advert)) = Frame::parse(&frame).unwrap().icmpv6().unwrap() else { panic!() };
        let of_service = |option: &NdOption| {
            matches!(option, NdOption::PrefixInformation { prefix, on_link: true, autonomous: false, .. }
                if prefix.network() == metadata::EC2 && prefix.prefix_len() == 128)
        };
        (advert.router_lifetime_s, advert.options.iter().filter(|option| of_service(option)).count())
    };
    assert_eq!(told(&alone), (0, 1));
    assert_eq!(told(&world(small(Encap::Geneve))), (1800, 0), "a router leads there");
}

//! Which instances of a service are alive: what they are asked, what their answers do to rows and status, and what takes them away.

mod common;

use std::net::Ipv6Addr;

use addr::MacAddr;
use common::*;
use flows::PuntOp;
use packet::{Frame, Net, Tcp, ipv6_frame, protocol, tcp};
use proto::v1::{self, resource::Kind};

const ADDRESS: &str = "2001:db8:a::53";
/// `vm1` and `vm2` of acme: their bridges, and their OpenFlow ports there.
const INSTANCES: [(usize, u32, &str); 2] = [(0, 11, "acme-vm1"), (1, 12, "acme-vm2")];
/// The group by which a chassis without an instance picks one.
const GROUP: u32 = 7 << 24 | 1;

fn site() -> Site {
    let mut documents = site_documents();
    let health = v1::AnycastHealthCheck {
        r#type: v1::AnycastCheck::Tcp.into(),
        port: Some(53),
        interval_ms: Some(100),
        ..v1::AnycastHealthCheck::default()
    };
    let spec = v1::AnycastServiceSpec {
        network: "red".to_owned(),
        address: ADDRESS.to_owned(),
        ports: vec!["vm1".to_owned(), "vm2".to_owned()],
        health: Some(health),
    };
    let meta = Some(v1::Meta { name: "dns".to_owned(), ..v1::Meta::default() });
    documents[1].anycast_services = vec![v1::AnycastService { meta, spec: Some(spec), status: None }];
    let mut site = Site::new(bridges());
    site.apply(documents).unwrap();
    site.connect_all();
    site
}

fn address() -> Ipv6Addr {
    ADDRESS.parse().unwrap()
}

/// The SYNs that an instance was sent since it was looked at last.
fn asked(site: &mut Site, instance: usize) -> Vec<(Ipv6Addr, Tcp)> {
    let (bridge, ..) = INSTANCES[instance];
    let frames = site.bridges[bridge].packets.drain(..).map(|(_, frame)| frame);
    let read = frames.filter_map(|frame| match Frame::parse(&frame).ok()?.net {
        Net::Ipv6(ip) if ip.dst == address() && ip.next == protocol::TCP => {
            Some((ip.src, Tcp::parse(&ip.payload).unwrap()))
        }
        _ => None,
    });
    read.filter(|(_, segment)| segment.flags == Tcp::SYN).collect()
}

/// An instance answers what it was asked last, if it was asked anything.
fn answers(site: &mut Site, instance: usize, flags: u8) -> bool {
    let (bridge, port, _) = INSTANCES[instance];
    let Some((prober, syn)) = asked(site, instance).pop() else { return false };
    let segment = Tcp { sport: 53, dport: syn.sport, ack: syn.seq.wrapping_add(1), flags, ..Tcp::default() };
    let payload = tcp(address(), prober, &segment);
    let mac = MacAddr([2, 0, 0, 0, 0, instance as u8 + 1]);
    let prober_mac = features::router::prober_mac(topology::NetworkKey(1));
    let frame = ipv6_frame(mac, prober_mac, address(), prober, 64, protocol::TCP, &payload);
    from_port(site, bridge, port, PuntOp::Health, &frame);
    true
}

const ACCEPTS: u8 = Tcp::SYN | Tcp::ACK;
const REFUSES: u8 = Tcp::RST | Tcp::ACK;

/// Both answer for a while.
fn settle(site: &mut Site) {
    for _ in 0..40 {
        site.tick(10);
        for instance in [0, 1] {
            answers(site, instance, ACCEPTS);
        }
    }
    assert_eq!(health(site), [v1::AnycastHealth::Alive; 2]);
}

fn status(site: &mut Site) -> v1::AnycastServiceStatus {
    let [resource] = &site.list("anycast_service")[..] else { panic!("one service") };
    let Some(Kind::AnycastService(service)) = &resource.kind else { panic!("{resource:?}") };
    service.status.clone().unwrap()
}

fn health(site: &mut Site) -> Vec<v1::AnycastHealth> {
    status(site).instances.iter().map(v1::AnycastInstance::health).collect()
}

fn told(site: &Site, kind: &str) -> Vec<String> {
    site.happened.iter().filter(|event| event.r#type == kind).map(|event| event.message.clone()).collect()
}

#[test]
fn who_refuses_is_left_and_who_answers_again_is_back() {
    let mut site = site();
    settle(&mut site);
    assert_eq!(status(&mut site).phase(), v1::Phase::Active);
    assert!(site.bridges[2].tables.groups.contains_key(&GROUP), "the third chassis has no instance: it shares");
    let begun = site.now;
    while health(&mut site)[0] != v1::AnycastHealth::Dead {
        site.tick(5);
        answers(&mut site, 0, REFUSES);
        answers(&mut site, 1, ACCEPTS);
        assert!(site.now - begun < 200, "three refusals take no longer");
    }
    assert_eq!(told(&site, "anycast.down"), ["port acme/vm1: connection refused"]);
    assert!(!site.bridges[2].tables.groups.contains_key(&GROUP), "there is nothing to pick from");
    assert_eq!(status(&mut site).reason, "1 of 2 instances serve");
    settle(&mut site);
    assert_eq!(told(&site, "anycast.up").last().map(String::as_str), Some("port acme/vm1"));
    assert!(site.bridges[2].tables.groups.contains_key(&GROUP));
}

#[test]
fn who_says_nothing_is_left_and_with_nobody_the_service_is_degraded() {
    let mut site = site();
    settle(&mut site);
    let begun = site.now;
    while health(&mut site)[1] != v1::AnycastHealth::Dead {
        site.tick(10);
        answers(&mut site, 0, ACCEPTS);
        assert!(site.now - begun <= 450, "an interval, and three times the timeout");
    }
    assert_eq!(told(&site, "anycast.down"), ["port acme/vm2: no answer"]);
    for _ in 0..60 {
        site.tick(10);
    }
    let status = status(&mut site);
    assert_eq!((status.phase(), &*status.reason), (v1::Phase::Degraded, "no instance is alive"));
}

#[test]
fn a_port_that_is_down_is_out_at_once_and_a_lost_chassis_after_a_while() {
    let mut site = site();
    settle(&mut site);
    let (bridge, port, name) = INSTANCES[0];
    site.carrier(bridge, port, name, false);
    site.tick(0);
    assert_eq!(health(&mut site)[0], v1::AnycastHealth::Dead);
    assert_eq!(told(&site, "anycast.down"), ["port acme/vm1: its port is down"]);
    site.carrier(bridge, port, name, true);
    settle(&mut site);
    site.disconnect(1);
    site.tick(990);
    assert_eq!(health(&mut site)[1], v1::AnycastHealth::Alive, "its host may be well");
    site.tick(20);
    assert_eq!(health(&mut site)[1], v1::AnycastHealth::Dead);
    assert_eq!(told(&site, "anycast.down").last().unwrap(), "port acme/vm2: its chassis is not connected");
    site.connect(1);
    settle(&mut site);
    site.plug(bridge, port, name, false);
    site.tick(0);
    assert_eq!(health(&mut site)[0], v1::AnycastHealth::Absent);
}

#[test]
fn a_controller_that_comes_back_moves_nothing() {
    let mut site = site();
    settle(&mut site);
    let mut site = site.restarted();
    site.now = 5_000;
    let before = site.flow_mods();
    for bridge in 0..3 {
        site.connect(bridge);
        assert_eq!(site.bridges[2].tables.groups[&GROUP].buckets.len(), flows::SLOTS);
    }
    assert_eq!(site.flow_mods(), before, "nothing is sent");
    assert_eq!(health(&mut site), [v1::AnycastHealth::Unproven; 2]);
    settle(&mut site);
    assert_eq!((told(&site, "anycast.up"), told(&site, "anycast.down")), (vec![], vec![]));
}

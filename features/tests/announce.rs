//! What is announced unasked: places on VLAN fabrics, addresses with another MAC.

mod common;
#[path = "common/ovs.rs"]
mod ovs;

use std::net::{IpAddr, Ipv4Addr};

use addr::{MacAddr, OfPort};
use common::*;
use features::Millis;
use features::announce::service::{ADDRESSES_PENDING_MAX, BURST, Service};
use features::l2::{L2, group_here};
use features::punt::PacketOut;
use features::router::FE80_1;
use flows::{Emit, Feature, Op, Plan};
use ofp::{Action, Body, Field, StatsReply, StatsRequest};
use packet::{Frame, Icmpv6, NdOption, Net};
use topology::{Change, ChassisKey, Encap, Key, NetworkKey, PortKey, RouterKey, SubnetKey, View, World};

/// A world and the service beside it; every chassis but those in `away` is ready.
#[derive(Default)]
struct Site {
    world: World,
    service: Service,
    away: Vec<u16>,
}

impl Site {
    fn new(changes: Vec<Change>) -> Site {
        let mut site = Site::default();
        site.commit(changes, 0);
        site
    }

    fn commit(&mut self, changes: Vec<Change>, now: u64) {
        let committed = self.world.commit(changes);
        self.service.changed(&self.world, &committed.changed, Millis(now));
    }

    fn due(&mut self, now: u64) -> Vec<PacketOut> {
        let away = self.away.clone();
        self.service.due(&self.world, Millis(now), |chassis| !away.contains(&chassis.0))
    }

    /// Everything up to a time, with the times at which it came.
    fn until(&mut self, end: u64) -> Vec<(u64, PacketOut)> {
        let mut all = Vec::new();
        while let Some(Millis(at)) = self.service.next_due().filter(|at| at.0 <= end) {
            all.extend(self.due(at).into_iter().map(|out| (at, out)));
        }
        all
    }
}

/// What a frame tells of one place: source MAC, VLAN, uplink.
fn told(out: &PacketOut) -> (MacAddr, u64, OfPort) {
    let frame = Frame::parse(&out.frame).unwrap().ethernet;
    assert_eq!((frame.ethertype, frame.dst.is_multicast()), (0x88b5, false), "no host listens to it");
    let [Action::PushVlan(0x8100), Action::SetField { field: Field::VLAN_VID, value, .. }, Action::Output { port, .. }] =
        out.actions[..]
    else {
        panic!("{:?}", out.actions)
    };
    (frame.src, value as u64 & 0xfff, port)
}

#[test]
fn a_port_is_told_to_the_underlay_again_and_again_and_by_its_new_chassis_when_it_moves() {
    let mut site = Site::new(small(Encap::Vlan));
    let mine = |found: Vec<(u64, PacketOut)>| -> Vec<(u64, PacketOut)> {
        found.into_iter().filter(|(_, out)| told(out).0 == port_mac(9)).collect()
    };
    // Port 9 is on network 2 and chassis 3.
    let first = mine(site.until(10_000));
    assert_eq!(first.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 1_000, 3_000]);
    assert!(
        first
            .iter()
            .all(|(_, out)| out.chassis == ChassisKey(3) && told(out) == (port_mac(9), 5002 & 0xfff, OfPort(100)))
    );
    let steady = mine(site.until(500_000));
    let times: Vec<u64> = [3_000].into_iter().chain(steady.iter().map(|(at, _)| *at)).collect();
    assert!(times.windows(2).all(|t| (100_000..=120_000).contains(&(t[1] - t[0]))), "{times:?}");
    assert!(times.last().unwrap() + 120_000 > 500_000);

    site.commit(vec![bind(9, 1), plug(1, "vm9", Some(77))], 500_000);
    let moved = mine(site.until(510_000));
    assert_eq!(moved.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [500_000, 501_000, 503_000]);
    assert!(moved.iter().all(|(_, out)| out.chassis == ChassisKey(1)));

    site.commit(vec![plug(1, "vm9", None)], 510_000);
    assert_eq!(mine(site.until(1_000_000)), [], "it is nowhere");
}

#[test]
fn a_place_is_told_when_the_way_from_it_is_new() {
    let mut site = Site::new(small(Encap::Vlan));
    site.until(10_000);
    site.commit(vec![plug(2, "sx-tun", Some(200))], 10_000);
    let found = site.due(10_000);
    assert!(!found.is_empty() && found.iter().all(|out| out.chassis == ChassisKey(2) && told(out).2 == OfPort(200)));
    let Change::Network(key, Some(mut other)) = network(1, 1430) else { unreachable!() };
    other.segment = 99;
    site.until(20_000);
    site.commit(vec![Change::Network(key, Some(other))], 20_000);
    let found = site.due(20_000);
    assert!(!found.is_empty() && found.iter().all(|out| told(out).1 == 99));
}

#[test]
fn a_chassis_that_is_not_ready_tells_nothing_until_it_is() {
    let mut site = Site { away: vec![2], ..Site::default() };
    site.commit(small(Encap::Vlan), 0);
    assert!(site.until(200_000).iter().all(|(_, out)| out.chassis != ChassisKey(2)));
    site.away.clear();
    assert!(site.until(400_000).iter().all(|(_, out)| out.chassis != ChassisKey(2)), "not by itself");
    site.service.ready(&site.world, ChassisKey(2), Millis(400_000));
    let found = site.due(400_000);
    assert_eq!(found.iter().filter(|out| out.chassis == ChassisKey(2)).count(), 4);
}

#[test]
fn tunnels_need_no_telling() {
    let mut site = Site::new(small(Encap::Geneve));
    site.service.ready(&site.world, ChassisKey(1), Millis(0));
    site.commit(vec![bind(9, 1), plug(1, "vm9", Some(77))], 0);
    assert_eq!(site.service.next_due(), None);
    // And a fabric that changes to tunnels falls silent.
    let mut site = Site::new(small(Encap::Vlan));
    site.until(10_000);
    site.commit(vec![fabric(Encap::Geneve)], 10_000);
    assert_eq!(site.until(1_000_000), []);
    assert_eq!(site.service.next_due(), None);
}

/// What an announcement says: address, MAC, whether of a router.
fn said(out: &PacketOut) -> (IpAddr, MacAddr, bool) {
    let frame = Frame::parse(&out.frame).unwrap();
    match &frame.net {
        Net::Arp(arp) => {
            assert_eq!((arp.op, arp.spa, arp.tha), (1, arp.tpa, MacAddr::ZERO), "RFC 5227, 2.3");
            assert_eq!((frame.ethernet.dst, frame.ethernet.src), (MacAddr::BROADCAST, arp.sha));
            (arp.spa.into(), arp.sha, false)
        }
        Net::Ipv6(ip) => {
            let Ok(Some(Icmpv6::NeighborAdvert { router, solicited, override_, target, options })) = ip.icmpv6() else {
                panic!("{ip:?}")
            };
            assert_eq!((solicited, override_, ip.hop_limit), (false, true, 255), "RFC 4861, 7.2.6");
            assert_eq!((ip.src, ip.dst), (target, addr::ALL_NODES));
            assert_eq!(frame.ethernet.dst, addr::multicast_mac(addr::ALL_NODES));
            assert_eq!(options, [NdOption::TargetLinkLayer(frame.ethernet.src)]);
            (target.into(), frame.ethernet.src, router)
        }
        other => panic!("{other:?}"),
    }
}

fn times(found: &[(u64, PacketOut)], address: IpAddr, chassis: u16) -> Vec<u64> {
    let of = |(_, out): &&(u64, PacketOut)| said(out).0 == address && out.chassis == ChassisKey(chassis);
    found.iter().filter(of).map(|(at, _)| *at).collect()
}

/// A port with another MAC than [`port_mac`].
fn with_mac(p: u32, n: u32, mac: MacAddr) -> Change {
    let Change::Port(key, Some(port)) = port(p, n) else { unreachable!() };
    Change::Port(key, Some(topology::Port { mac, ..port }))
}

const OTHER: MacAddr = MacAddr([2, 0, 0, 0, 9, 9]);

#[test]
fn neighbours_hear_of_a_port_s_new_mac_thrice() {
    let mut site = Site::new(small(Encap::Geneve));
    assert_eq!(site.service.next_due(), None, "what was never otherwise is no news");
    // Port 4 is on network 1 and chassis 2; ports of network 1 are on all three.
    site.away = vec![3];
    site.commit(vec![with_mac(4, 1, OTHER)], 5_000);
    let found = site.until(100_000);
    let v4: IpAddr = Ipv4Addr::from(0x0a00_0004).into();
    for address in [port_address(1, 4), v4] {
        assert_eq!(times(&found, address, 1), [5_100, 6_100, 7_100]);
        assert_eq!(times(&found, address, 2), [5_100, 6_100, 7_100]);
        assert_eq!(times(&found, address, 3), <[u64; 0]>::default(), "it is not ready");
    }
    assert_eq!(found.len(), 2 * 2 * 3, "the link-local address is a new one");
    for (_, out) in &found {
        assert_eq!((said(out).1, said(out).2), (OTHER, false));
        assert_eq!(out.actions, [Action::Group(group_here(NetworkKey(1)))]);
        let owner = out.chassis == ChassisKey(2);
        assert_eq!(out.in_port, if owner { OfPort(4) } else { OfPort::CONTROLLER }, "its own probes must not meet it");
    }
    assert_eq!(site.service.next_due(), None);
}

#[test]
fn a_port_that_comes_back_with_another_mac_is_announced_and_with_the_same_is_not() {
    let mut site = Site::new(small(Encap::Geneve));
    site.commit(vec![Change::Port(PortKey(4), None)], 1_000);
    site.commit(vec![port(4, 1)], 2_000);
    assert_eq!(site.until(50_000), []);
    // Another port, as a port that is created anew is.
    site.commit(vec![Change::Port(PortKey(4), None)], 50_000);
    let Change::Port(_, Some(again)) = with_mac(4, 1, OTHER) else { unreachable!() };
    site.commit(vec![Change::Port(PortKey(90), Some(again)), bind(90, 2)], 60_000);
    assert_eq!(times(&site.until(100_000), port_address(1, 4), 1), [60_100, 61_100, 62_100]);
}

#[test]
fn a_router_s_new_mac_is_announced_as_a_router_s() {
    let mut site = Site::new(small(Encap::Geneve));
    site.commit(vec![interface(1, 1, OTHER)], 0);
    let found = site.until(50_000);
    let gateway: IpAddr = "2001:db8::1".parse().unwrap();
    for address in [gateway, FE80_1.into()] {
        assert_eq!(times(&found, address, 2), [100, 1_100, 2_100], "{address}");
    }
    assert!(found.iter().all(|(_, out)| said(out).1 == OTHER && said(out).2));
    assert!(found.iter().all(|(_, out)| out.actions == [Action::Group(group_here(NetworkKey(1)))]));
    site.commit(vec![Change::Interface(RouterKey(1), SubnetKey(1), None)], 60_000);
    assert_eq!(site.until(100_000), [], "nobody has it now");
}

#[test]
fn what_is_pending_is_bounded_and_what_is_too_much_counted() {
    let many = ADDRESSES_PENDING_MAX as u32 + 10;
    let with = |mac: MacAddr| {
        let addresses =
            (0..many).map(|a| IpAddr::from(std::net::Ipv6Addr::from(0xfd00_u128 << 112 | u128::from(a)))).collect();
        let Change::Port(key, Some(port)) = port(1, 1) else { unreachable!() };
        Change::Port(key, Some(topology::Port { mac, addresses, ..port }))
    };
    let mut site = Site::new(vec![fabric(Encap::Geneve), chassis(1), network(1, 1430), with(port_mac(1)), bind(1, 1)]);
    site.commit(vec![with(OTHER)], 0);
    assert_eq!((site.service.take_left_out(), site.service.take_left_out()), (10, 0));
    let mut last = None;
    let mut count = 0;
    for (at, _) in site.until(100_000) {
        count = if last == Some(at) { count + 1 } else { 1 };
        assert!(count <= BURST, "{count} at {at}");
        last = Some(at);
    }
    assert!(last > Some(2_000));
}

/// The chassis' own switch: a group of groups, and the port that has the address hears nothing of it.
#[test]
fn on_a_real_switch_all_hear_it_but_the_one_who_has_the_address() {
    for (name, ports) in [("announce-few", 3), ("announce-many", 900)] {
        let mut site = Site::new(vec![fabric(Encap::Geneve), chassis(1), network(1, 1430)]);
        for p in 1..=ports {
            site.commit(vec![port(p, 1), bind(p, 1), plug(1, &format!("vm{p}"), Some(1 + p % 3))], 0);
        }
        let mut emit = Emit::new("l2");
        L2.compile(Key::Need(NetworkKey(1), ChassisKey(1)), &View::new(&site.world), &mut emit);
        let ops = emit.finish().0.into_iter().map(|(_, item)| Op::Put { item, cookie: 0 }).collect();
        let ovs = ovs::Ovs::start(name);
        ovs.bridge("br0", &[("p1", 1, "dummy"), ("p2", 2, "dummy"), ("p3", 3, "dummy")]);
        let mut connection = ovs.connect("br0");
        for op in Plan::new(ops).ops {
            connection.send(op.to_body(false));
        }
        // Port 1 is plugged at OpenFlow port 2.
        site.commit(vec![with_mac(1, 1, OTHER)], 0);
        for PacketOut { in_port, actions, frame, .. } in site.due(100) {
            connection.send(ofp::PacketOut { buffer_id: ofp::NO_BUFFER, in_port, actions, data: frame.into() }.into());
        }
        let answers = connection.barrier();
        assert!(!answers.iter().any(|m| matches!(m.body, Body::Error(_))), "{answers:?}");
        let mut sent = vec![0; 4];
        for part in connection.ask(StatsRequest::PortStats(OfPort::ANY)) {
            let StatsReply::PortStats(stats) = part else { panic!("not ports") };
            stats.iter().filter(|s| s.port.0 < 4).for_each(|s| sent[s.port.0 as usize] = s.tx_packets);
        }
        let each = 2 * u64::from(ports) / 3;
        assert_eq!(sent, [0, each, 0, each], "two announcements: IPv6 and IPv4");
    }
}

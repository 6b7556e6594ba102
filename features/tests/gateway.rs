//! External gateways: by which way what is for outside leaves, who answers for a router's addresses, what comes back.

mod common;

use std::net::{IpAddr, Ipv6Addr};

use addr::{OfPort, link_local, multicast_mac};
use common::outside::*;
use common::port_mac;
use features::gateway::choice;
use features::requesting::service;
use features::router::{generated_mac, sends_from};
use flows::eval::Tunnel;
use flows::{Drop, PuntOp};
use packet::{icmpv6_frame, ipv6_frame, neighbor_probe, neighbor_solicit, udp};
use topology::{Change, ChassisKey, Encap, ExternalGateway, View};

#[test]
fn what_is_for_outside_leaves_where_it_is() {
    let world = world(Encap::Geneve, &[]);
    let (port, tunnel, frame) = left(&switch(&world, 2).run(&outward(HERE), OfPort(HERE), None));
    assert_eq!((port, tunnel), (UPLINK, None), "no tunnel");
    assert_eq!(on_the_wire(&frame), (NEXT_MAC, sends_from(ChassisKey(2), R), 63));
}

#[test]
fn where_there_is_no_way_it_takes_one_hop_to_a_gateway() {
    for encap in [Encap::Geneve, Encap::Vlan] {
        let world = world(encap, &[]);
        let trace = switch(&world, 1).run(&outward(LOST), OfPort(LOST), None);
        let (port, tunnel, frame) = left(&trace);
        assert_eq!(port, TUNNEL);
        let (gateway, tunnel) = match tunnel {
            Some(tunnel) => {
                assert_eq!(tunnel.id, 77);
                let of = |c: &u16| tunnel.dst == format!("fd00:a::{c}").parse().ok();
                ([2u16, 3].into_iter().find(of).unwrap(), Some(Tunnel { id: 77, src: None, dst: None }))
            }
            None => (u16::from_be_bytes([frame[1], frame[2]]), None),
        };
        let (port, _, frame) = left(&switch(&world, gateway).run(&frame, OfPort(TUNNEL), tunnel));
        assert_eq!(port, UPLINK, "{encap:?}");
        assert_eq!(on_the_wire(&frame), (NEXT_MAC, sends_from(ChassisKey(gateway), R), 63), "{encap:?}");
    }
}

#[test]
fn a_gateway_that_can_not_is_not_sent_to() {
    let buckets = |more: &[Change]| {
        let world = world(Encap::Geneve, more);
        let view = View::new(&world);
        choice::gateways(&view, OUT).into_iter().map(|chassis| chassis.0).collect::<Vec<_>>()
    };
    assert_eq!(buckets(&[]), [2, 3]);
    assert_eq!(buckets(&[gateway_chassis(2, Some(100), true)]), [3], "drained");
    assert_eq!(buckets(&[Change::Lame(ChassisKey(2), true)]), [3], "out of reach");
    assert_eq!(buckets(&[Change::Down(ChassisKey(3), OfPort(UPLINK), true)]), [2], "its cable is out");
    assert_eq!(buckets(&[Change::Isolated(OUT, ChassisKey(3), true)]), [2], "it finds no router");
    assert_eq!(buckets(&[gateway_chassis(2, Some(200), false)]), [2], "of higher priority");
    assert_eq!(buckets(&[gateway_chassis(2, None, false)]), [3], "no gateway");
}

#[test]
fn without_its_own_router_a_chassis_leaves_by_another() {
    let world = world(Encap::Geneve, &[found(2, false)]);
    let (port, tunnel, _) = left(&switch(&world, 2).run(&outward(HERE), OfPort(HERE), None));
    assert_eq!((port, tunnel.and_then(|t| t.dst)), (TUNNEL, "fd00:a::3".parse().ok()));
    let gone = [found(2, false), found(3, false), Change::Lame(ChassisKey(3), true)];
    let world = self::world(Encap::Geneve, &gone);
    assert_eq!(punted(&switch(&world, 2).run(&outward(HERE), OfPort(HERE), None)), Some(PuntOp::Unreachable));
    // Nor does a gateway send back what was sent to it.
    let trace = switch(&self::world(Encap::Geneve, &[found(2, false)]), 2).run(
        &data((generated_mac(R), v6(LOST)), (generated_mac(R), far()), 64),
        OfPort(TUNNEL),
        Some(Tunnel { id: 77, src: None, dst: None }),
    );
    assert!(trace.sent().next().is_none(), "{:?}", trace.outputs);
}

#[test]
fn addresses_are_spread_and_move_only_when_they_must() {
    let holders = |more: &[Change]| {
        let world = world(Encap::Geneve, more);
        let view = View::new(&world);
        choice::holders(&view, R).into_iter().map(|(_, holder)| holder.map(|c| c.0)).collect::<Vec<_>>()
    };
    let mut both: Vec<_> = holders(&[]).into_iter().flatten().collect();
    both.sort_unstable();
    assert_eq!(both, [2, 3]);
    assert_eq!(holders(&[Change::Lame(ChassisKey(2), true)]), [Some(3), Some(3)]);
    assert_eq!(holders(&[Change::Lame(ChassisKey(2), true), gateway_chassis(3, None, false)]), [None, None]);
}

#[test]
fn the_holder_alone_answers_for_an_address() {
    let world = world(Encap::Geneve, &[]);
    let view = View::new(&world);
    for (address, holder) in choice::holders(&view, R) {
        let (IpAddr::V6(target), Some(holder)) = (address, holder) else { panic!() };
        for c in [2, 3] {
            let mac = sends_from(ChassisKey(c), R);
            let asked = neighbor_solicit(NEXT_MAC, NEXT, target);
            let trace = switch(&world, c).run(&tagged(&asked), OfPort(UPLINK), None);
            assert_eq!(trace.problems, []);
            if ChassisKey(c) == holder {
                let (port, _, frame) = left(&trace);
                assert_eq!((port, on_the_wire(&frame).0, on_the_wire(&frame).1), (UPLINK, NEXT_MAC, mac));
                assert_eq!(frame[58], 136, "an advertisement");
            } else {
                assert!(trace.sent().next().is_none(), "{:?}", trace.outputs);
            }
            // By its link-local address each answers.
            let probe = neighbor_probe(NEXT_MAC, NEXT, link_local(mac), mac);
            let (port, _, frame) = left(&switch(&world, c).run(&tagged(&probe), OfPort(UPLINK), None));
            assert_eq!((port, frame[58]), (UPLINK, 136));
        }
    }
}

#[test]
fn what_comes_in_for_the_router_is_routed_once_and_not_out_again() {
    let world = world(Encap::Geneve, &[]);
    let mac = sends_from(ChassisKey(2), R);
    let switch = switch(&world, 2);
    let inward = |to: Ipv6Addr| switch.run(&tagged(&data((NEXT_MAC, far()), (mac, to), 64)), OfPort(UPLINK), None);
    let (port, tunnel, frame) = left(&inward(v6(HERE)));
    assert_eq!((port, tunnel, frame[21]), (HERE, None, 63));
    let (port, tunnel, _) = left(&inward(v6(LOST)));
    assert_eq!((port, tunnel.and_then(|t| t.dst)), (TUNNEL, "fd00:a::1".parse().ok()), "one hop to where the port is");
    let trace = inward("2001:db8:77::1".parse().unwrap());
    assert_eq!(trace.dropped(), Some(Some(Drop::UnknownMac)), "no way through");
    // By the MAC that hosts inside have for the router nobody comes in from outside.
    let inside = data((NEXT_MAC, far()), (generated_mac(R), v6(HERE)), 64);
    let trace = switch.run(&tagged(&inside), OfPort(UPLINK), None);
    assert!(trace.sent().next().is_none(), "{:?}", trace.outputs);
}

#[test]
fn a_router_that_asks_for_prefixes_hears_answers_and_lets_nothing_of_them_out() {
    let delegated = "2001:db8:500::/56";
    let gateway = |asks| ExternalGateway {
        network: OUT,
        addresses: held(),
        nexthops: vec![NEXT.into()],
        asks,
        delegated: if asks { vec![delegated.parse().unwrap()] } else { vec![] },
        snat: None,
    };
    let mac = sends_from(ChassisKey(2), R);
    let server = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xdd);
    let reply = udp(server, link_local(mac), 547, 546, b"\x07abc");
    let reply = ipv6_frame(NEXT_MAC, mac, server, link_local(mac), 64, 17, &reply).to_vec();
    for asks in [false, true] {
        let world = world(Encap::Geneve, &[Change::Gateway(R, Some(gateway(asks)))]);
        let switch = switch(&world, 2);
        let heard = punted(&switch.run(&tagged(&reply), OfPort(UPLINK), None));
        assert_eq!(heard == Some(PuntOp::Upstream), asks);
        let to = |address: &str| {
            let to = address.parse().unwrap();
            let frame = data((port_mac(HERE), v6(HERE)), (generated_mac(R), to), 64);
            punted(&switch.run(&frame, OfPort(HERE), None))
        };
        assert_eq!(to("2001:db8:500:7::1"), asks.then_some(PuntOp::NoRoute));
        assert_eq!(to("2001:db8:600::1"), None);
    }
    let world = world(Encap::Geneve, &[Change::Gateway(R, Some(gateway(true)))]);
    let asker = |turn, ready: fn(ChassisKey) -> bool| service::asker(&world, (R, OUT), turn, ready);
    assert_eq!((asker(0, |_| true), asker(1, |_| true)), (Some(ChassisKey(2)), Some(ChassisKey(3))));
    assert_eq!((asker(0, |c| c != ChassisKey(2)), asker(0, |_| false)), (Some(ChassisKey(3)), None));
    let message = packet::Dhcp6Message { kind: packet::Dhcp6Kind::Solicit, transaction: 7, options: vec![] };
    let out = service::sent(&View::new(&world), ChassisKey(2), (R, OUT), &message).unwrap();
    let frame = packet::Frame::parse(&out.frame).unwrap();
    let ip = frame.ipv6().unwrap();
    assert_eq!((frame.ethernet.src, ip.src, ip.dst), (mac, link_local(mac), "ff02::1:2".parse().unwrap()));
    assert_eq!(service::heard(&reply).unwrap().kind, packet::Dhcp6Kind::Reply);
    assert_eq!(service::heard(&out.frame), Err("malformed"));
}

#[test]
fn neighbours_are_heard_and_echoes_answered() {
    let world = world(Encap::Geneve, &[]);
    let mac = sends_from(ChassisKey(3), R);
    let switch = switch(&world, 3);
    let advert = packet::Icmpv6::NeighborAdvert {
        router: true,
        solicited: true,
        override_: true,
        target: NEXT,
        options: vec![packet::NdOption::TargetLinkLayer(NEXT_MAC)],
    };
    let frame = icmpv6_frame(NEXT_MAC, mac, NEXT, link_local(mac), 255, &advert);
    assert_eq!(punted(&switch.run(&tagged(&frame), OfPort(UPLINK), None)), Some(PuntOp::Neighbor));
    let IpAddr::V6(own) = held()[0] else { panic!() };
    let echo = packet::Icmpv6::EchoRequest { id: 1, seq: 1, data: vec![0; 8].into() };
    let (port, _, frame) =
        left(&switch.run(&tagged(&icmpv6_frame(NEXT_MAC, mac, far(), own, 64, &echo)), OfPort(UPLINK), None));
    assert_eq!((port, on_the_wire(&frame).0, frame[58]), (UPLINK, NEXT_MAC, 129));
    let advert = packet::Icmpv6::Unknown { kind: 134, code: 0, body: vec![0; 12].into() };
    let all = addr::ALL_NODES;
    let frame = icmpv6_frame(NEXT_MAC, multicast_mac(all), NEXT, all, 255, &advert);
    assert_eq!(punted(&switch.run(&tagged(&frame), OfPort(UPLINK), None)), Some(PuntOp::RouterAdvert));
}

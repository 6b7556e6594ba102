//! What punted packets are answered with, and what is advertised unasked.

mod common;

use std::net::Ipv6Addr;

use common::*;
use features::Millis;
use features::punt::{PacketOut, Punted};
use features::{icmp, nd, ra};
use flows::PuntOp;
use packet::{Frame, Icmpv6, Ipv6Packet, NdOption, Net, Preference, RouterAdvert, icmpv6_frame};
use topology::{
    Change, ChassisKey, Encap, Key, NetworkKey, Place, PortKey, RouterKey, RouterPreference, SubnetKey, View, World,
};

const HOST: PortKey = PortKey(4);

fn world() -> World {
    let mut world = World::default();
    world.commit(small(Encap::Geneve));
    world
}

/// Port 4 is on network 1 (router 1, beside network 3) and chassis 2.
fn punted(op: PuntOp, network: u32, frame: &[u8]) -> Punted {
    let place = Place::plugged(ChassisKey(2), addr::OfPort(4));
    Punted {
        op,
        port: HOST,
        place,
        network: NetworkKey(network),
        router: RouterKey(1),
        frame: frame.to_vec(),
        at: Millis(0),
    }
}

fn v6(out: &PacketOut) -> (packet::Ethernet, Ipv6Packet) {
    let frame = Frame::parse(&out.frame).unwrap();
    let Net::Ipv6(ip) = frame.net else { panic!("not IPv6") };
    (frame.ethernet, ip)
}

fn advert(out: &PacketOut) -> RouterAdvert {
    match v6(out).1.icmpv6().unwrap() {
        Some(Icmpv6::RouterAdvert(advert)) => advert,
        other => panic!("not a router advertisement: {other:?}"),
    }
}

#[test]
fn a_solicitation_is_answered_to_the_one_who_asks() {
    let world = world();
    let mac = port_mac(4);
    let frame = packet::router_solicit(mac, addr::link_local(mac));
    let out = ra::service::solicited(&View::new(&world), &punted(PuntOp::RouterSolicit, 1, &frame)).unwrap();
    let [out] = &out[..] else { panic!("one router, one answer: {out:?}") };
    let (ethernet, ip) = v6(out);
    let router = features::router::generated_mac(RouterKey(1));
    assert_eq!((ethernet.dst, ethernet.src), (mac, router));
    assert_eq!((ip.src, ip.dst, ip.hop_limit), (addr::link_local(router), addr::link_local(mac), 255));
    let advert = advert(out);
    assert_eq!(
        (advert.managed, advert.other, advert.router_lifetime_s, advert.cur_hop_limit),
        (false, false, 1800, 64)
    );
    assert_eq!(
        advert.options,
        vec![
            NdOption::SourceLinkLayer(router),
            NdOption::Mtu(1430),
            NdOption::PrefixInformation {
                prefix: "2001:db8:0::/64".parse().unwrap(),
                on_link: true,
                autonomous: true,
                router_address: false,
                pd_preferred: false,
                valid_s: 86400,
                preferred_s: 14400,
            },
            NdOption::Rdnss { lifetime_s: 1800, servers: vec!["2001:db8::53".parse().unwrap()] },
        ]
    );
}

#[test]
fn preference_and_portal_are_told() {
    let mut world = world();
    let frame = packet::router_solicit(port_mac(4), addr::link_local(port_mac(4)));
    let ask = |world: &World| {
        let out = ra::service::solicited(&View::new(world), &punted(PuntOp::RouterSolicit, 1, &frame)).unwrap();
        let advert = advert(&out[0]);
        let routes = advert.options.iter().filter_map(|option| match option {
            NdOption::RouteInformation { preference, .. } => Some(*preference),
            _ => None,
        });
        let routes = routes.collect::<Vec<_>>();
        (advert.router_lifetime_s, advert.preference, routes, advert.options)
    };
    let [_, Change::Advert(key, Some(mut fact))] = subnet(1) else { unreachable!() };
    fact.preference = Some(RouterPreference::High);
    fact.routes = vec!["2001:db8:f::/48".parse().unwrap()];
    let Change::Network(network, Some(mut noun)) = network(1, 1430) else { unreachable!() };
    noun.captive_portal = Some("https://portal.example/api".into());
    world.commit(vec![Change::Advert(key, Some(fact.clone())), Change::Network(network, Some(noun))]);
    let (lifetime_s, preference, routes, options) = ask(&world);
    assert_eq!((lifetime_s, preference, routes), (1800, Preference::High, vec![Preference::High]));
    assert!(options.contains(&NdOption::CaptivePortal("https://portal.example/api".into())));
    // RFC 4191, 2.2: who is no default router has none, but its routes have.
    fact.default_router = false;
    fact.preference = Some(RouterPreference::Low);
    world.commit(vec![Change::Advert(key, Some(fact))]);
    let (lifetime_s, preference, routes, _) = ask(&world);
    assert_eq!((lifetime_s, preference, routes), (0, Preference::Medium, vec![Preference::Low]));
}

#[test]
fn from_the_unspecified_address_the_answer_is_for_all_nodes_but_to_one_mac() {
    let world = world();
    let frame = packet::router_solicit(port_mac(4), Ipv6Addr::UNSPECIFIED);
    let out = ra::service::solicited(&View::new(&world), &punted(PuntOp::RouterSolicit, 1, &frame)).unwrap();
    let (ethernet, ip) = v6(&out[0]);
    assert_eq!((ethernet.dst, ip.dst), (port_mac(4), addr::ALL_NODES));
}

#[test]
fn a_bad_solicitation_gets_nothing() {
    let world = world();
    let mac = port_mac(4);
    let message = Icmpv6::RouterSolicit { options: vec![NdOption::SourceLinkLayer(mac)] };
    let unspecified = icmpv6_frame(
        mac,
        packet::MacAddr([0x33, 0x33, 0, 0, 0, 2]),
        Ipv6Addr::UNSPECIFIED,
        addr::ALL_ROUTERS,
        255,
        &message,
    );
    let far = icmpv6_frame(
        mac,
        packet::MacAddr([0x33, 0x33, 0, 0, 0, 2]),
        addr::link_local(mac),
        addr::ALL_ROUTERS,
        254,
        &message,
    );
    for frame in [&unspecified[..], &far[..], &far[..30], &[]] {
        let punted = punted(PuntOp::RouterSolicit, 1, frame);
        assert!(ra::service::solicited(&View::new(&world), &punted).is_err(), "{frame:?}");
    }
}

#[test]
fn unasked_advertisements_keep_their_pace_and_say_farewell() {
    let mut world = world();
    let mut service = ra::service::Service::default();
    let ready = |_| true;
    service.ready(&world, ChassisKey(2), Millis(1_000));
    let first = service.due(&world, Millis(1_000));
    assert!(!first.is_empty() && first.iter().all(|out| out.chassis == ChassisKey(2)));
    assert_eq!(service.due(&world, Millis(2_000)), [], "nothing more yet");
    assert_eq!(service.next_due(), Some(Millis(17_000)), "the first ones are 16 s apart");
    service.due(&world, Millis(17_000));
    service.due(&world, Millis(33_000));
    let later = service.next_due().unwrap().0 - 33_000;
    assert!((200_000..=600_000).contains(&later), "then 200 to 600 s: {later} ms");

    let gone = world.commit(vec![Change::Interface(RouterKey(1), SubnetKey(1), None)]);
    let last = service.changed(&world, &gone.changed, Millis(40_000), ready);
    let on_network: Vec<_> = last.iter().map(advert).collect();
    assert_eq!(on_network.len(), 1, "one farewell, on the one network that lost its router");
    assert_eq!(on_network[0].router_lifetime_s, 0);
    let preferred = on_network[0].options.iter().find_map(|o| match o {
        NdOption::PrefixInformation { preferred_s, .. } => Some(*preferred_s),
        _ => None,
    });
    assert_eq!(preferred, Some(0));
    let now = service.due(&world, Millis(43_000));
    let by_network =
        now.iter().map(advert).find(|a| a.router_lifetime_s == 0).expect("the prefix goes on, without a router");
    assert!(by_network.options.iter().any(|o| matches!(o, NdOption::PrefixInformation { preferred_s: 14400, .. })));
}

#[test]
fn a_prefix_is_taken_back_without_giving_up_the_router() {
    let mut world = world();
    let mut service = ra::service::Service::default();
    let mac = features::router::generated_mac(RouterKey(1));
    // A second subnet on network 1, by the same router.
    let second: packet::Ipv6Net = "2001:db8:99::/64".parse().unwrap();
    let subnet = topology::Subnet { network: NetworkKey(1), cidr: second.into(), own_dns: true };
    let Change::Advert(_, Some(mut fact)) = common::subnet(1)[1].clone() else { unreachable!() };
    fact.prefix = second;
    fact.rdnss = vec!["2001:db8::54".parse().unwrap()];
    let interface = topology::Interface { network: NetworkKey(1), mac, address: "2001:db8:99::1".parse().unwrap() };
    world.commit(vec![
        Change::Subnet(SubnetKey(9), Some(subnet)),
        Change::Advert(SubnetKey(9), Some(fact)),
        Change::Interface(RouterKey(1), SubnetKey(9), Some(interface)),
    ]);
    service.ready(&world, ChassisKey(2), Millis(0));
    service.due(&world, Millis(0));
    let gone = world.commit(vec![Change::Advert(SubnetKey(9), None)]);
    let out = service.changed(&world, &gone.changed, Millis(5_000), |_| true);
    let advert = advert(&out[0]);
    assert_eq!(advert.router_lifetime_s, 1800);
    let prefixes: Vec<_> = advert
        .options
        .iter()
        .filter_map(|o| match o {
            NdOption::PrefixInformation { prefix, valid_s, preferred_s, .. } => {
                Some((prefix.to_string(), *valid_s, *preferred_s))
            }
            _ => None,
        })
        .collect();
    assert_eq!(prefixes, [("2001:db8::/64".to_owned(), 86400, 14400), ("2001:db8:99::/64".to_owned(), 0, 0)]);
    let servers: Vec<_> = advert
        .options
        .iter()
        .filter_map(|o| match o {
            NdOption::Rdnss { lifetime_s, servers } => Some((*lifetime_s, servers[0].to_string())),
            _ => None,
        })
        .collect();
    assert_eq!(servers, [(1800, "2001:db8::53".to_owned()), (0, "2001:db8::54".to_owned())]);
}

/// RFC 4862, 5.5.4, and RFC 9096: a deprecated prefix is told so, with what is left of it; one that is gone, as gone.
#[test]
fn what_is_deprecated_counts_down() {
    let mut world = world();
    let frame = packet::router_solicit(port_mac(4), addr::link_local(port_mac(4)));
    let [_, Change::Advert(key, Some(fact))] = subnet(1) else { unreachable!() };
    let gone = "2001:db8:77::/64";
    let fact = topology::Advert {
        ends: Some(topology::Ends { preferred_until_ms: 0, valid_until_ms: 7_200_000 }),
        withdrawn: vec![gone.parse().unwrap()],
        ..fact
    };
    world.commit(vec![Change::Advert(key, Some(fact))]);
    for (now_ms, left_s) in [(0, 7200), (1_000_001, 6200), (7_199_999, 1), (7_200_000, 0), (u64::MAX, 0)] {
        let asked = Punted { at: Millis(now_ms), ..punted(PuntOp::RouterSolicit, 1, &frame) };
        let told = advert(&ra::service::solicited(&View::new(&world), &asked).unwrap()[0]);
        let prefixes = told.options.iter().filter_map(|option| match option {
            NdOption::PrefixInformation { prefix, valid_s, preferred_s, .. } => {
                Some((prefix.to_string(), *valid_s, *preferred_s))
            }
            _ => None,
        });
        let expected = [("2001:db8::/64".to_owned(), left_s, 0), (gone.to_owned(), 0, 0)];
        assert_eq!(prefixes.collect::<Vec<_>>(), expected, "at {now_ms}");
    }
}

/// RFC 8781, 4.1: a NAT64 prefix that nobody makes true is taken back at once.
#[test]
fn a_nat64_prefix_is_told_as_long_as_its_translator_lives() {
    let mut world = world();
    let mut service = ra::service::Service::default();
    let [_, Change::Advert(key, Some(fact))] = subnet(1) else { unreachable!() };
    let by = topology::AnycastKey(7);
    let Change::Anycast(_, Some(asked)) = common::anycast(7, 3, 0b1, true) else { unreachable!() };
    let asked = topology::Anycast { translates: Some(vec![NetworkKey(1)]), ..asked };
    let port = asked.ports[0];
    let pref64 = "64:ff9b::/96".parse().unwrap();
    let fact = topology::Advert { pref64: Some(pref64), pref64_by: Some(by), ..fact };
    world.commit(vec![Change::Advert(key, Some(fact)), Change::Anycast(by, Some(asked))]);
    service.ready(&world, ChassisKey(2), Millis(0));
    service.due(&world, Millis(0));
    let told = |out: &[PacketOut]| -> Vec<u16> {
        let options = out.iter().filter(|out| out.chassis == ChassisKey(2)).flat_map(|out| advert(out).options);
        let lifetimes = options.filter_map(|option| match option {
            NdOption::Pref64 { lifetime_s, prefix } if prefix == pref64 => Some(lifetime_s),
            _ => None,
        });
        lifetimes.collect()
    };
    let mut at = 10_000;
    for (alive, lifetime_s) in [(true, 1_800), (false, 0), (true, 1_800)] {
        let changed = world.commit(vec![Change::Serves(by, port, alive)]).changed;
        let mut out = service.changed(&world, &changed, Millis(at), |_| true);
        out.extend(service.due(&world, Millis(at + 4_000)));
        assert_eq!(told(&out).first(), Some(&lifetime_s), "{out:?}");
        at += 10_000;
    }
}

#[test]
fn nothing_is_advertised_where_the_switch_is_not_ready() {
    let mut world = world();
    let mut service = ra::service::Service::default();
    let changed = world.commit(vec![Change::Advert(SubnetKey(1), None)]).changed;
    assert_eq!(service.changed(&world, &changed, Millis(0), |_| false), []);
    assert_eq!(service.next_due(), None);
}

#[test]
fn a_solicitation_without_options_is_answered_in_full() {
    let world = world();
    let (mac, other) = (port_mac(4), port_mac(8));
    let target = addr::link_local(other);
    let message = Icmpv6::NeighborSolicit { target, options: vec![] };
    let group = addr::solicited_node(target);
    let frame = icmpv6_frame(mac, addr::multicast_mac(group), addr::link_local(mac), group, 255, &message);
    let out = nd::service::solicited(&View::new(&world), &punted(PuntOp::NeighborSolicit, 1, &frame)).unwrap();
    let (ethernet, ip) = v6(&out[0]);
    assert_eq!((ethernet.dst, ethernet.src, ip.src), (mac, other, target));
    let Some(Icmpv6::NeighborAdvert { router, solicited, override_, target: t, options }) = ip.icmpv6().unwrap() else {
        panic!("not an advertisement")
    };
    assert_eq!((router, solicited, override_, t), (false, true, true, target));
    assert_eq!(options, [NdOption::TargetLinkLayer(other)]);
}

#[test]
fn each_error_comes_from_the_router_s_address_on_the_sender_s_network() {
    let world = world();
    let router = features::router::generated_mac(RouterKey(1));
    let std::net::IpAddr::V6(host) = port_address(1, 4) else { unreachable!() };
    let beyond: Ipv6Addr = "2001:db8:1::99".parse().unwrap();
    let packet = packet::udp(host, beyond, 1000, 2000, b"hello");
    // As a routed packet comes to be punted: with the next network's MACs.
    let frame = packet::ipv6_frame(router, packet::MacAddr::ZERO, host, beyond, 1, 17, &packet);
    for (op, network, kind, code) in [
        (PuntOp::HopLimit, 1, 3, 0),
        (PuntOp::NoRoute, 1, 1, 0),
        (PuntOp::Unreachable, 3, 1, 3),
        (PuntOp::PortUnreachable, 1, 1, 4),
        (PuntOp::TooBig, 3, 2, 0),
    ] {
        let out = icmp::service::error(&world, &punted(op, network, &frame)).unwrap();
        let (ethernet, ip) = v6(&out[0]);
        assert_eq!((ethernet.src, ethernet.dst), (router, port_mac(4)), "{op:?}");
        // What was sent to an address of the router is answered from it.
        let from = if op == PuntOp::PortUnreachable { beyond } else { "2001:db8::1".parse().unwrap() };
        assert_eq!((ip.src, ip.dst), (from, host), "{op:?}");
        let message = ip.icmpv6().unwrap().unwrap();
        assert_eq!((message.kind(), message.code()), (kind, code), "{op:?}");
        if let Icmpv6::PacketTooBig { mtu, .. } = message {
            assert_eq!(mtu, 1430);
        }
    }
}

#[test]
fn no_error_about_an_error() {
    let world = world();
    let std::net::IpAddr::V6(host) = port_address(1, 4) else { unreachable!() };
    let beyond: Ipv6Addr = "2001:db8:1::99".parse().unwrap();
    let message = Icmpv6::TimeExceeded { code: 0, invoking: vec![0; 48].into() };
    let frame = icmpv6_frame(port_mac(4), packet::MacAddr::ZERO, host, beyond, 1, &message);
    assert_eq!(icmp::service::error(&world, &punted(PuntOp::HopLimit, 1, &frame)), Err("no_error_owed"));
}

#[test]
fn keys_that_no_network_has_change_no_advertisement() {
    let world = world();
    let mut service = ra::service::Service::default();
    assert_eq!(
        service.changed(&world, &[Key::Fabric, Key::Peer(ChassisKey(1), ChassisKey(2))], Millis(0), |_| true),
        []
    );
}

#[test]
fn each_host_is_told_of_its_own_prefix_alone_and_of_none_on_the_link() {
    let mut changes = small(Encap::Geneve);
    let [_, Change::Advert(key, Some(mut shared))] = subnet(1) else { unreachable!() };
    shared.prefix = "2001:db8:100::/56".parse().unwrap();
    shared.per_host = true;
    let cidr = shared.prefix.into();
    changes.push(Change::Advert(key, Some(shared)));
    changes.push(Change::Subnet(SubnetKey(1), Some(topology::Subnet { network: NetworkKey(1), cidr, own_dns: true })));
    let own = |p: u32, n: u32| {
        let Change::Port(key, Some(mut fact)) = port(p, 1) else { unreachable!() };
        let prefix: addr::Ipv6Net = format!("2001:db8:100:{n}::/64").parse().unwrap();
        fact.addresses = vec![addr::eui64_address(prefix, fact.mac).into()];
        fact.prefixes = vec![topology::Delegated { prefix, preferred_s: 14_400, valid_s: 86_400, advertised: true }];
        Change::Port(key, Some(fact))
    };
    // Of the network's ports 4 and 13 are on chassis 2, and 13 has no prefix.
    changes.extend([own(4, 1), own(8, 2), own(12, 3), port(13, 1), bind(13, 2), plug(2, "vm13", Some(13))]);
    let mut world = World::default();
    world.commit(changes);
    let told = |out: &PacketOut| {
        let prefixes = advert(out).options.into_iter().filter_map(|option| match option {
            NdOption::PrefixInformation { prefix, on_link, autonomous, valid_s, .. } => {
                Some((prefix.to_string(), on_link, autonomous, valid_s))
            }
            _ => None,
        });
        (v6(out).0.dst, prefixes.collect::<Vec<_>>())
    };
    let of_host = ("2001:db8:100:1::/64".to_owned(), false, true, 86_400);
    let mac = port_mac(4);
    let solicit = packet::router_solicit(mac, addr::link_local(mac));
    let out = ra::service::solicited(&View::new(&world), &punted(PuntOp::RouterSolicit, 1, &solicit)).unwrap();
    assert_eq!(told(&out[0]), (mac, vec![of_host.clone()]));
    assert!(!advert(&out[0]).managed, "nothing is to be had by DHCPv6");
    // Unasked too: each its own frame.
    let mut service = ra::service::Service::default();
    let changed: Vec<Key> = world.all_keys();
    service.changed(&world, &changed, Millis(0), |chassis| chassis == ChassisKey(2));
    let out = service.due(&world, Millis(1_000));
    let mut heard: Vec<_> =
        out.iter().filter(|out| v6(out).0.dst == mac || v6(out).0.dst == port_mac(13)).map(told).collect();
    heard.sort();
    assert_eq!(heard, [(mac, vec![of_host]), (port_mac(13), vec![])]);
    // What is a host's no longer, or of a subnet that is gone, it is told at once, and by nobody else's frame.
    let Change::Port(_, Some(mut moved)) = own(4, 9) else { unreachable!() };
    let committed = world.commit(vec![Change::Port(PortKey(4), Some(moved.clone()))]);
    let first = service.changed(&world, &committed.changed, Millis(2_000), |_| true);
    let gone = ("2001:db8:100:1::/64".to_owned(), false, true, 0);
    let new = ("2001:db8:100:9::/64".to_owned(), false, true, 86_400);
    let heard: Vec<_> = first.iter().map(told).filter(|(_, prefixes)| prefixes.contains(&gone)).collect();
    assert_eq!(heard, [(mac, vec![new.clone(), gone])]);
    moved.prefixes.clear();
    let mut gone_subnet =
        vec![Change::Port(PortKey(4), Some(moved)), Change::Interface(RouterKey(1), SubnetKey(1), None)];
    gone_subnet.extend([Change::Advert(SubnetKey(1), None), Change::Subnet(SubnetKey(1), None)]);
    let committed = world.commit(gone_subnet);
    let last = service.changed(&world, &committed.changed, Millis(3_000), |_| true);
    let gone = ("2001:db8:100:9::/64".to_owned(), false, true, 0);
    assert!(
        last.iter().map(told).any(|heard| heard == (mac, vec![gone.clone()])),
        "{:?}",
        last.iter().map(told).collect::<Vec<_>>()
    );
    let network1 = |out: &&PacketOut| v6(out).0.src == features::router::generated_mac(RouterKey(1));
    let others = out.iter().filter(network1).filter(|out| v6(out).0.dst.is_multicast());
    assert!(
        others.map(told).all(|(_, prefixes)| !prefixes.iter().any(|(prefix, ..)| prefix.starts_with("2001:db8:100:")))
    );
}

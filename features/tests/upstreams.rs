//! Routers upstream that say more of themselves than that they are there: prefixes that they pass on, and the link's MTU.

mod common;

use std::net::{IpAddr, Ipv6Addr};

use addr::{IpNet, Ipv6Net, MacAddr, OfPort};
use common::outside::*;
use common::*;
use features::Millis;
use features::gateway::{choice, service::Service};
use features::router::generated_mac;
use flows::PuntOp;
use packet::{NdOption, Preference, RouterAdvert, ipv6_frame, router_advert, udp};
use topology::{Change, ChassisKey, Encap, ExternalGateway, NetworkKey, RouterPreference, UpstreamRouter, View, World};

const OTHER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xbb);
const OTHER_MAC: MacAddr = MacAddr([2, 0, 0, 0, 0xaa, 2]);

fn v6net(n: u32) -> Ipv6Net {
    let IpNet::V6(net) = prefix(n) else { unreachable!() };
    net
}

fn upstream(router: Ipv6Addr, preference: RouterPreference, mtu: Option<u32>, prefixes: &[Ipv6Net]) -> Change {
    Change::Upstream(OUT, router, Some(UpstreamRouter { preference, mtu, prefixes: prefixes.to_vec() }))
}

/// Two routers out there: the preferred one, and one that passes on what comes from network 1.
fn two() -> Vec<Change> {
    let gateway = ExternalGateway { network: OUT, addresses: held(), nexthops: Vec::new(), ..external() };
    let mut changes = vec![Change::Gateway(R, Some(gateway))];
    changes.push(upstream(NEXT, RouterPreference::High, None, &["2001:db8:100::/64".parse().unwrap()]));
    changes.push(upstream(OTHER, RouterPreference::Low, None, &[v6net(1)]));
    changes.extend([2, 3].map(|c| Change::Neighbor(OUT, ChassisKey(c), OTHER.into(), Some(OTHER_MAC))));
    changes
}

/// The router's way out as the site has it.
fn external() -> ExternalGateway {
    let world = world(Encap::Geneve, &[]);
    View::new(&world).gateway(R).unwrap().clone()
}

/// To which MAC what a port on chassis 2 has for far away leaves, from an address.
fn leaves(world: &World, source: Ipv6Addr) -> MacAddr {
    // Whoever it is from: the guard is not what is asked here.
    let frame = data((port_mac(HERE), source), (generated_mac(R), far()), 64);
    let (port, tunnel, frame) = left(&switch(world, 2).run(&frame, OfPort(HERE), None));
    assert_eq!((port, tunnel), (UPLINK, None));
    on_the_wire(&frame).0
}

#[test]
fn what_is_from_a_prefix_leaves_by_the_router_that_advertises_it() {
    let mut world = world(Encap::Geneve, &two());
    assert_eq!(leaves(&world, v6(HERE)), OTHER_MAC);
    let gateway = external();
    let learned = ExternalGateway { nexthops: Vec::new(), ..gateway.clone() };
    let ways = choice::by_source(&View::new(&world), &learned);
    assert_eq!(ways, [(v6net(1), vec![IpAddr::from(OTHER), IpAddr::from(NEXT)])], "the preferred one's needs no row");
    // It is not found by this chassis: by the other one, rather than not at all.
    world.commit(vec![Change::Neighbor(OUT, ChassisKey(2), OTHER.into(), None)]);
    assert_eq!(leaves(&world, v6(HERE)), NEXT_MAC);
    world.commit(vec![Change::Neighbor(OUT, ChassisKey(2), OTHER.into(), Some(OTHER_MAC))]);
    assert_eq!(leaves(&world, v6(HERE)), OTHER_MAC);
    // Both advertise it, or none does: by preference.
    world.commit(vec![upstream(NEXT, RouterPreference::High, None, &[v6net(1)])]);
    assert_eq!(leaves(&world, v6(HERE)), NEXT_MAC);
    world.commit(vec![
        upstream(NEXT, RouterPreference::High, None, &[]),
        upstream(OTHER, RouterPreference::Low, None, &[v6net(2)]),
    ]);
    assert_eq!(leaves(&world, v6(HERE)), NEXT_MAC);
    // Whom the intent names, that one is.
    world.commit(vec![upstream(OTHER, RouterPreference::Low, None, &[v6net(1)]), Change::Gateway(R, Some(gateway))]);
    assert_eq!(leaves(&world, v6(HERE)), NEXT_MAC);
}

#[test]
fn of_prefixes_in_each_other_the_longer_counts() {
    let wide: Ipv6Net = Ipv6Net::new(v6net(1).network(), 48).unwrap().trunc();
    let mut changes = two();
    changes.push(upstream(OTHER, RouterPreference::Low, None, &[v6net(1), wide]));
    let world = world(Encap::Geneve, &changes);
    let learned = ExternalGateway { nexthops: Vec::new(), ..external() };
    let ways = choice::by_source(&View::new(&world), &learned);
    assert_eq!(ways.iter().map(|(source, _)| *source).collect::<Vec<_>>(), [v6net(1)]);
}

#[test]
fn what_the_link_out_there_does_not_take_is_told_to_who_sent_it() {
    let big = |world: &World, size: usize| {
        let payload = udp(v6(HERE), far(), 5, 6, &vec![0; size - 48]);
        let frame = ipv6_frame(port_mac(HERE), generated_mac(R), v6(HERE), far(), 64, 17, &payload).to_vec();
        punted(&switch(world, 2).run(&frame, OfPort(HERE), None))
    };
    let mut world = world(Encap::Geneve, &two());
    assert_eq!(big(&world, 1_400), None);
    world.commit(vec![upstream(NEXT, RouterPreference::High, Some(1_300), &[])]);
    assert_eq!((big(&world, 1_300), big(&world, 1_301)), (None, Some(PuntOp::TooBig)));
    assert_eq!(choice::mtu(&View::new(&world), OUT), Some(1_300));
    assert_ne!(choice::mtu(&View::new(&world), NetworkKey(1)), Some(1_300));
}

#[test]
fn what_a_router_says_is_heard_and_forgotten_in_time() {
    let world = world(Encap::Geneve, &two());
    let mut service = Service::default();
    let says = |service: &mut Service, now: u64, options: Vec<NdOption>| {
        let advert =
            RouterAdvert { router_lifetime_s: 600, preference: Preference::High, options, ..RouterAdvert::default() };
        let frame = router_advert(NEXT_MAC, NEXT, None, &advert);
        let mut changes = service.advertised(&world, OUT, &frame, Millis(now)).unwrap();
        let Some(Change::Upstream(OUT, NEXT, Some(fact))) = changes.pop() else { panic!("{changes:?}") };
        (fact.mtu, fact.prefixes)
    };
    let pio = |prefix: Ipv6Net, valid_s| NdOption::PrefixInformation {
        prefix,
        on_link: true,
        autonomous: false,
        router_address: false,
        pd_preferred: false,
        valid_s,
        preferred_s: valid_s,
    };
    let both = vec![pio(v6net(1), 10), pio(v6net(2), 100), NdOption::Mtu(1_400)];
    assert_eq!(says(&mut service, 0, both), (Some(1_400), vec![v6net(1), v6net(2)]));
    // What it leaves out stays; what it takes back goes; what is no MTU is none.
    assert_eq!(says(&mut service, 1_000, vec![NdOption::Mtu(1_000)]), (Some(1_400), vec![v6net(1), v6net(2)]));
    assert_eq!(service.next_due(), Some(Millis(10_000)));
    let wants = service.due(&world, Millis(10_000), |_| true, |_| true);
    let [Change::Upstream(OUT, NEXT, Some(fact))] = &wants.changes[..] else { panic!("{:?}", wants.changes) };
    assert_eq!(fact.prefixes, [v6net(2)]);
    assert_eq!(says(&mut service, 11_000, vec![pio(v6net(2), 0)]), (Some(1_400), vec![]));
    let wants = service.due(&world, Millis(11_000 + 600_000), |_| true, |_| true);
    assert_eq!(wants.changes, [Change::Upstream(OUT, NEXT, None)]);
}

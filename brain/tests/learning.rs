//! Learning, from a host's first frame to the flows that carry it: what is written, what waits, what is asked of whom.

mod common;

use std::net::{IpAddr, Ipv6Addr};

use addr::{MacAddr, OfPort};
use brain::{Reply, Request};
use common::*;
use flows::{PuntOp, Reg};
use ofp::{Action, Match};
use packet::{Advertised, neighbor_advert, neighbor_solicit};
use proto::v1;

const SPARE: &[u8] = &[2];

fn mac(n: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 1, n])
}

fn v6(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

fn global(n: u8) -> Ipv6Addr {
    v6(&format!("2001:db8:f::{n:x}"))
}

/// Two chassis with two unclaimed ports each, and a network that takes them in.
fn site() -> Site {
    let bridges = (1..=2).map(|n| Bridge::new(n, &[(100, "sx-tun"), (1, "h1"), (2, "h2")])).collect();
    let mut site = Site::new(bridges);
    site.apply(documents(true)).unwrap();
    site.connect_all();
    site.now = 10_000;
    site
}

fn documents(auto_ports: bool) -> Vec<v1::Document> {
    let mut all = site_documents();
    all.truncate(1);
    all[0].chassis.truncate(2);
    let meta = |name: &str| Some(v1::Meta { name: name.to_owned(), ..v1::Meta::default() });
    let spec = v1::NetworkSpec { auto_ports, ..v1::NetworkSpec::default() };
    let lab = v1::Network { meta: meta("lab"), spec: Some(spec), status: None };
    let spec = v1::SubnetSpec {
        network: "lab".to_owned(),
        cidr: "2001:db8:f::/64".to_owned(),
        gateway_ip: Some("2001:db8:f::ff".to_owned()),
        ..v1::SubnetSpec::default()
    };
    let subnet = v1::Subnet { meta: meta("lab6"), spec: Some(spec), status: None };
    let interface = v1::RouterInterface { subnet: "lab6".to_owned(), ..v1::RouterInterface::default() };
    let spec = v1::RouterSpec { interfaces: vec![interface], ..Default::default() };
    let router = v1::Router { meta: meta("r1"), spec: Some(spec), status: None };
    let tenant = "acme".to_owned();
    let (networks, subnets, routers) = (vec![lab], vec![subnet], vec![router]);
    all.push(v1::Document { tenant, networks, subnets, routers, ..v1::Document::default() });
    all
}

fn from_spare(site: &mut Site, bridge: usize, port: u32, frame: &[u8]) {
    punt(site, bridge, port, SPARE, Match::new(), frame);
}

/// The bindings that are no port's by assignment: address and port, in order.
fn learned(site: &mut Site) -> Vec<(String, String)> {
    let bindings = match site.ask(Request::Bindings(v1::BindingsRequest::default())) {
        Some(Ok(Reply::Bindings(bindings))) => bindings,
        other => panic!("{other:?}"),
    };
    let learned = bindings.into_iter().filter(|binding| binding.proof() != v1::Proof::Static);
    learned.map(|binding| (binding.address, binding.port)).collect()
}

fn ports(site: &mut Site) -> Vec<String> {
    let name = |resource: v1::Resource| match resource.kind {
        Some(v1::resource::Kind::Port(port)) => port.meta.unwrap().name,
        other => panic!("{other:?}"),
    };
    site.list("port").into_iter().map(name).collect()
}

fn told(site: &Site, kind: &str) -> Vec<String> {
    site.happened.iter().filter(|event| event.r#type == kind).map(|event| event.message.clone()).collect()
}

/// A frame with how many actions.
type Sent = (usize, Vec<u8>);

/// What a bridge was given since the last time: frames that go into the pipeline, and by how many ports others go out.
fn packets(site: &mut Site, bridge: usize) -> (Vec<Vec<u8>>, Vec<Sent>) {
    let (mut again, mut out) = (Vec::new(), Vec::new());
    for (actions, frame) in site.bridges[bridge].packets.drain(..) {
        match &actions[..] {
            [Action::Output { port: OfPort::TABLE, .. }] => again.push(frame),
            // Tunnels are warmed by frames to nobody.
            _ if frame[12..14] == [0x88, 0xb5] => {}
            _ => out.push((actions.len(), frame)),
        }
    }
    (again, out)
}

fn quiet(site: &mut Site) {
    for bridge in 0..2 {
        packets(site, bridge);
    }
}

fn probe(n: u8, target: Ipv6Addr) -> Vec<u8> {
    neighbor_solicit(mac(n), Ipv6Addr::UNSPECIFIED, target).to_vec()
}

#[test]
fn a_first_frame_makes_a_port_and_is_not_lost() {
    let mut site = site();
    quiet(&mut site);
    let frame = neighbor_solicit(mac(1), global(1), global(2)).to_vec();
    // The switches are slow: what waits, waits.
    site.bridges[1].slow = true;
    from_spare(&mut site, 0, 1, &frame);
    assert_eq!(ports(&mut site), ["hv1-h1"]);
    assert_eq!(learned(&mut site), [("2001:db8:f::1".to_owned(), "hv1-h1".to_owned())]);
    assert_eq!(told(&site, "port.learned"), ["02:00:00:00:01:01 at h1 on chassis hv1, on network acme/lab"]);
    assert_eq!(told(&site, "address.learned"), ["2001:db8:f::1 (nd)"]);
    assert_eq!(packets(&mut site, 0).0, vec![frame.clone()], "only the switch of hv1 is concerned");
    // Another one on the slow switch: its port concerns both.
    from_spare(&mut site, 1, 1, &neighbor_solicit(mac(2), global(2), global(1)));
    assert_eq!(ports(&mut site), ["hv1-h1", "hv2-h1"]);
    assert_eq!(packets(&mut site, 1).0.len(), 0);
    site.bridges[1].slow = false;
    while let Some(batch) =
        site.bridges[1].batches.last().map(|batch| batch.number).filter(|_| site.installed().is_err())
    {
        let last = site.bridges[1].batches.pop().unwrap();
        site.confirm(1, &last);
        assert!(batch > 0);
    }
    assert_eq!(packets(&mut site, 1).0.len(), 1);
    site.tick(5_000);
    assert_eq!((packets(&mut site, 0).0.len(), packets(&mut site, 1).0.len()), (0, 0), "once");
}

#[test]
fn more_addresses_are_learned_and_nobody_s_is_taken_over() {
    let mut site = site();
    from_spare(&mut site, 0, 1, &probe(1, global(1)));
    from_spare(&mut site, 0, 2, &probe(2, global(2)));
    quiet(&mut site);
    from_port(&mut site, 0, 1, PuntOp::NeighborSolicit, &probe(1, global(3)));
    let frame = neighbor_solicit(mac(2), v6("fe80::2"), global(1));
    from_port(&mut site, 0, 2, PuntOp::Learn, &frame);
    let mut all: Vec<(String, String)> = vec![
        ("2001:db8:f::1".into(), "hv1-h1".into()),
        ("2001:db8:f::2".into(), "hv1-h2".into()),
        ("2001:db8:f::3".into(), "hv1-h1".into()),
        ("fe80::2".into(), "hv1-h2".into()),
    ];
    assert_eq!(learned(&mut site), all);
    assert_eq!(packets(&mut site, 0).0, [frame.to_vec()], "a probe has done its work");
    for thief in
        [neighbor_solicit(mac(2), global(1), global(9)), neighbor_solicit(mac(2), v6("2001:db8:e::1"), global(9))]
    {
        from_port(&mut site, 0, 2, PuntOp::Learn, &thief);
    }
    let what = Advertised { mac: mac(2), target: global(3), src: global(2), router: false, override_: true };
    from_port(&mut site, 0, 2, PuntOp::Learn, &neighbor_advert(&what, None));
    assert_eq!(learned(&mut site), all);
    assert_eq!(
        told(&site, "address.refused"),
        ["2001:db8:f::1 is not learned: held_by_another"],
        "one event, not three"
    );
    assert_eq!(packets(&mut site, 0).0.len(), 0, "and nothing of it goes on");
    // With more than a port may have, the rest is refused and told.
    site.tick(11_000);
    for n in 0x10..0x60 {
        from_port(&mut site, 0, 1, PuntOp::NeighborSolicit, &probe(1, global(n)));
    }
    all = learned(&mut site);
    assert_eq!(all.iter().filter(|(_, port)| port == "hv1-h1").count(), 64);
    assert!(told(&site, "address.refused")[1].ends_with("too_many_addresses"));
}

#[test]
fn a_mac_that_somebody_has_makes_no_port_and_no_storm() {
    let mut site = site();
    from_spare(&mut site, 0, 1, &probe(1, global(1)));
    let written = site.store.revision;
    for _ in 0..100 {
        from_spare(&mut site, 1, 2, &probe(1, global(9)));
    }
    assert_eq!((ports(&mut site).len(), site.store.revision), (1, written));
    let words = "h2: 02:00:00:00:01:01 is port acme/hv1-h1's already on network acme/lab";
    assert_eq!(told(&site, "port.refused"), [words]);
    site.tick(10_000);
    from_spare(&mut site, 1, 2, &probe(1, global(9)));
    assert_eq!(told(&site, "port.refused").len(), 2);
    // What bridges say by their own ports is no host's; but a host may be an internal port of its bridge.
    let bridges_own = |n: u8| neighbor_solicit(MacAddr([0x0a, 0, 0, 0, 0, n]), Ipv6Addr::UNSPECIFIED, global(7));
    from_spare(&mut site, 1, 2, &bridges_own(1));
    assert_eq!(ports(&mut site).len(), 1);
}

#[test]
fn a_port_that_is_down_or_gone_is_nobody_s_again() {
    let mut site = site();
    from_spare(&mut site, 0, 1, &probe(1, global(1)));
    from_spare(&mut site, 0, 2, &probe(2, global(2)));
    from_spare(&mut site, 1, 1, &probe(3, global(3)));
    from_spare(&mut site, 1, 2, &probe(4, global(4)));
    assert_eq!(ports(&mut site).len(), 4);
    site.carrier(0, 1, "h1", false);
    assert_eq!(ports(&mut site), ["hv1-h2", "hv2-h1", "hv2-h2"]);
    site.carrier(0, 1, "h1", true);
    site.plug(1, 1, "h1", false);
    assert_eq!(ports(&mut site), ["hv1-h2", "hv2-h2"]);
    assert_eq!(learned(&mut site).len(), 2);
    // While the controller is away another one is unplugged; the rest is as it was, and nothing is sent for it.
    let mut site = site.restarted();
    site.bridges[1].ports.retain(|(_, name)| name != "h2");
    site.connect(0);
    assert_eq!((site.flow_mods(), ports(&mut site).len()), (0, 2));
    site.connect(1);
    assert_eq!(ports(&mut site), ["hv1-h2"]);
    // A cut connection says nothing about ports.
    site.disconnect(0);
    assert_eq!(ports(&mut site), ["hv1-h2"]);
    // Deleted by hand it is found anew, by whoever is first.
    site.connect(0);
    let delete = v1::DeleteRequest { tenant: "acme".into(), name: "hv1-h2".into(), ..v1::DeleteRequest::default() };
    site.ask(Request::Delete { kind: "port".to_owned(), delete }).unwrap().unwrap();
    from_spare(&mut site, 0, 2, &probe(9, global(2)));
    assert_eq!(site.port("acme", "hv1-h2").mac_address, mac(9).to_string());
    assert_eq!(site.installed(), Ok(()));
}

#[test]
fn a_silent_host_is_asked_by_all_ports_but_the_asker_s() {
    let mut site = site();
    from_spare(&mut site, 0, 1, &probe(1, global(1)));
    from_spare(&mut site, 1, 1, &probe(3, global(3)));
    quiet(&mut site);
    let question = neighbor_solicit(mac(1), global(1), global(2)).to_vec();
    from_port(&mut site, 0, 1, PuntOp::Resolve, &question);
    assert_eq!(packets(&mut site, 0).1, [(1, question.clone())], "h2 of hv1, nobody's yet");
    assert_eq!(packets(&mut site, 1).1, [(2, question.clone())], "h1 and h2 of hv2");
    // Another one asks at once: it waits for the same answer.
    let other = neighbor_solicit(mac(3), global(3), global(2)).to_vec();
    from_port(&mut site, 1, 1, PuntOp::Resolve, &other);
    assert_eq!((packets(&mut site, 0).1.len(), packets(&mut site, 1).1.len()), (0, 0));
    // The answer teaches, and all questions go into the pipeline, where flows answer them; so does the answer itself.
    let what = Advertised { mac: mac(2), target: global(2), src: global(2), router: false, override_: true };
    let answer = neighbor_advert(&what, Some((mac(1), global(1)))).to_vec();
    from_spare(&mut site, 0, 2, &answer);
    assert_eq!(packets(&mut site, 0).0, [question, answer]);
    assert_eq!(packets(&mut site, 1).0, [other]);
    // What is nobody's in any case is asked of nobody.
    for target in [v6("2001:db8:f::ff"), v6("2001:db8:e::9"), v6("fe80::1")] {
        from_port(&mut site, 0, 1, PuntOp::Resolve, &neighbor_solicit(mac(1), global(1), target));
    }
    assert_eq!((packets(&mut site, 0).1.len(), packets(&mut site, 1).1.len()), (0, 0));
    // A scan is held back.
    for n in 0..200 {
        let target = v6(&format!("2001:db8:f::a:{n:x}"));
        from_port(&mut site, 0, 1, PuntOp::Resolve, &neighbor_solicit(mac(1), global(1), target));
    }
    let asked = packets(&mut site, 1).1.len();
    assert!((32..100).contains(&asked), "{asked}");
    // Questions that nobody answers are given up.
    site.tick(2_000);
    site.tick(2_000);
    assert!(site.brain.next_due().is_none_or(|due| due.0 > site.now));
}

#[test]
fn a_router_asks_for_a_silent_host_before_it_says_that_nobody_is_there() {
    let mut site = site();
    from_spare(&mut site, 0, 1, &probe(1, global(1)));
    quiet(&mut site);
    let router = MacAddr([2, 0x53, 0, 0, 0, 1]);
    let data = |to: Ipv6Addr| packet::ipv6_frame(router, mac(1), global(1), to, 63, 59, &[1, 2, 3]).to_vec();
    let punt_routed = |site: &mut Site, frame: &[u8]| {
        let key = port_key(site, 0, 1);
        let register = |metadata: Match, reg: Reg, value: u64| {
            let (value, mask) = reg.matching(value);
            metadata.masked(reg.field(), value, mask)
        };
        let metadata = register(Match::new(), Reg::PuntOp, PuntOp::Unreachable as u64);
        let metadata = register(register(metadata, Reg::Net, 1), Reg::Router, 1);
        let userdata = [&[1u8][..], &key.to_be_bytes()].concat();
        punt(site, 0, 1, &userdata, metadata, frame);
    };
    punt_routed(&mut site, &data(global(2)));
    punt_routed(&mut site, &data(global(3)));
    let questions = packets(&mut site, 1).1;
    assert_eq!(questions.len(), 2);
    let frame = packet::Frame::parse(&questions[0].1).unwrap();
    assert_eq!(frame.ethernet.src, router);
    quiet(&mut site);
    let what = Advertised { mac: mac(2), target: global(2), src: global(2), router: false, override_: true };
    from_spare(&mut site, 1, 2, &neighbor_advert(&what, Some((router, addr::link_local(router)))));
    let (_, sent) = packets(&mut site, 0);
    let [(actions, frame)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((*actions, frame), (5, &data(global(2))), "with what it needs to go on behind the neighbour table");
    // Nobody has the other one.
    site.tick(2_000);
    let (_, mut sent) = packets(&mut site, 0);
    // All hosts are asked what they listen to, too.
    sent.retain(|(_, frame)| !packet::Frame::parse(frame).unwrap().ethernet.dst.is_multicast());
    let [(1, error)] = &sent[..] else { panic!("{sent:?}") };
    let error = packet::Frame::parse(error).unwrap();
    assert!(matches!(error.icmpv6(), Ok(Some(packet::Icmpv6::DestinationUnreachable { code: 3, .. }))));
}

#[test]
fn a_port_resource_replaces_what_was_found() {
    let mut site = site();
    from_spare(&mut site, 0, 1, &probe(1, global(1)));
    let mut documents = documents(true);
    let binding = v1::Binding { chassis: "hv1".to_owned(), interface: "h1".to_owned() };
    let spec = v1::PortSpec { network: "lab".to_owned(), binding: Some(binding), ..v1::PortSpec::default() };
    let meta = v1::Meta { name: "vm1".to_owned(), ..v1::Meta::default() };
    documents[1].ports = vec![v1::Port { meta: Some(meta), spec: Some(spec), status: None }];
    site.apply(documents).unwrap();
    assert_eq!((ports(&mut site), learned(&mut site)), (vec!["vm1".to_owned()], vec![]));
    // Without automatic ports nothing is left of it, and old punts teach nothing.
    site.apply(self::documents(false)).unwrap();
    from_spare(&mut site, 0, 2, &probe(2, global(2)));
    assert_eq!(ports(&mut site), ["vm1"]);
    let spares = site.bridges[0].tables.flows.values().filter(|row| row.table == 0 && row.priority == 20);
    assert_eq!(spares.count(), 0);
}

#[test]
fn what_the_store_can_t_write_is_learned_later() {
    let mut site = site();
    site.broken_store = true;
    from_spare(&mut site, 0, 1, &probe(1, global(1)));
    from_spare(&mut site, 0, 1, &probe(1, global(1)));
    assert_eq!(ports(&mut site).len(), 0);
    assert_eq!(told(&site, "store.fault").len(), 1, "once a second at most");
    site.broken_store = false;
    from_spare(&mut site, 0, 1, &probe(1, global(1)));
    assert_eq!(ports(&mut site).len(), 0, "not before a second is over");
    site.tick(1_000);
    assert_eq!(ports(&mut site), ["hv1-h1"]);
}

#[test]
fn addresses_of_both_families_are_shown_with_their_proof() {
    let mut site = site();
    from_spare(&mut site, 0, 1, &packet::arp_request(mac(1), "10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()));
    let request = v1::BindingsRequest { port: "acme/hv1-h1".to_owned(), ..v1::BindingsRequest::default() };
    let Some(Ok(Reply::Bindings(all))) = site.ask(Request::Bindings(request)) else { panic!() };
    let shown: Vec<_> = all.iter().map(|b| (b.address.parse().unwrap(), b.proof(), b.since_ms)).collect();
    let local: IpAddr = addr::link_local(mac(1)).into();
    let four: IpAddr = "10.0.0.1".parse().unwrap();
    assert_eq!(shown, [(four, v1::Proof::Arp, 10_000), (local, v1::Proof::Static, 10_000)]);
    assert_eq!((all[0].chassis.as_str(), all[0].network.as_str()), ("hv1", "acme/lab"));
    let wrong = v1::BindingsRequest { port: "acme/nobody".to_owned(), ..v1::BindingsRequest::default() };
    assert!(site.ask(Request::Bindings(wrong)).unwrap().is_err());
}

/// A host that has many addresses is asked for one after the other, and loses those that it does not answer for; one with few
/// keeps them.
#[test]
fn addresses_that_nobody_answers_for_grow_old() {
    let mut site = site();
    from_spare(&mut site, 0, 1, &probe(1, global(1)));
    let few = 7;
    for n in 2..=few {
        from_port(&mut site, 0, 1, PuntOp::NeighborSolicit, &probe(1, global(n)));
    }
    site.bridges[0].packets.clear();
    site.tick(600_000);
    assert!(questions(&mut site).is_empty(), "few are left alone");
    for n in few + 1..=12 {
        from_port(&mut site, 0, 1, PuntOp::NeighborSolicit, &probe(1, global(n)));
    }
    assert_eq!(learned(&mut site).len(), 12);
    // It answers for all but two.
    let silent = [global(3), global(9)];
    let mut asked = Vec::new();
    for _ in 0..400 {
        site.tick(1_000);
        for target in questions(&mut site) {
            asked.push(target);
            if !silent.contains(&target) {
                let what = Advertised { mac: mac(1), target, src: target, router: false, override_: true };
                let network = features::router::network_mac(topology::NetworkKey(1));
                let to = (network, addr::link_local(network));
                from_port(&mut site, 0, 1, PuntOp::Alive, &neighbor_advert(&what, Some(to)));
            }
        }
    }
    let left: Vec<String> = learned(&mut site).into_iter().map(|(address, _)| address).collect();
    assert_eq!(left.len(), 10, "{left:?}");
    assert!(silent.iter().all(|address| !left.contains(&address.to_string())));
    for address in silent {
        assert_eq!(asked.iter().filter(|a| **a == address).count(), 3, "three questions for {address}");
    }
    assert!(asked.len() < 60, "no more than one in ten seconds: {}", asked.len());
    assert_eq!(told(&site, "address.aged").len(), 2);
}

/// What the first port was asked for since the last time.
fn questions(site: &mut Site) -> Vec<Ipv6Addr> {
    let asked = packets(site, 0).1.into_iter().filter_map(|(_, frame)| {
        let packet::Net::Ipv6(ip) = packet::Frame::parse(&frame).ok()?.net else { return None };
        match ip.icmpv6() {
            Ok(Some(packet::Icmpv6::NeighborSolicit { target, .. })) => Some(target),
            _ => None,
        }
    });
    asked.collect()
}

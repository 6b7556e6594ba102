//! Rows of a network that takes in hosts, run in memory: what teaches is punted, what is known already is not, and what
//! nobody is known to have is asked for.

mod common;

use std::net::{IpAddr, Ipv6Addr};

use addr::{IpNet, MacAddr, OfPort, link_local, multicast_mac, solicited_node};
use common::*;
use features::learn::{USERDATA_SPARE, heard, resolve};
use features::punt::Punted;
use flows::eval::{Fate, Output, Switch, Trace};
use flows::{Drop, Engine, PuntOp, Reg};
use packet::{Advertised, Frame, Icmpv6, NdOption, Net, arp_request, icmpv6_frame, neighbor_advert};
use topology::{Change, ChassisKey, Dhcp6, Encap, NetworkKey, Policy, PortKey, Role, SubnetKey, View, World};

/// A port of network 1 that learns, on chassis 2; one of another network that does not; and one that nobody claims.
const LEARNER: u32 = 4;
const OTHER: u32 = 5;
const SPARE: u32 = 30;
/// A port of network 1 on chassis 3.
const FAR: u32 = 8;
const SILENT: MacAddr = MacAddr([2, 0, 0, 0, 9, 9]);

struct Site {
    world: World,
    switch: Switch,
}

impl Site {
    fn new(auto: bool) -> Site {
        let mut changes = small(Encap::Geneve);
        changes.extend([auto_ports(1, auto), learning(LEARNER, auto), plug(2, "spare", Some(SPARE))]);
        let mut world = World::default();
        world.commit(changes);
        let (engine, delta) = Engine::from_scratch(features::ALL, &world);
        assert_eq!((delta.faults, delta.conflicts), (vec![], vec![]));
        Site { world, switch: Switch::desired(&engine, ChassisKey(2)) }
    }

    fn sends(&self, port: u32, frame: &[u8]) -> Trace {
        let trace = self.switch.run(frame, OfPort(port), None);
        assert_eq!(trace.problems, []);
        trace
    }

    fn drops(&self, port: u32, frame: &[u8]) -> Option<&'static str> {
        self.sends(port, frame).dropped().flatten().map(Drop::name)
    }

    /// What a port's frame is punted for, and the frame as the controller gets it.
    fn punts(&self, port: u32, frame: &[u8]) -> Option<(PuntOp, Vec<u8>)> {
        let trace = self.sends(port, frame);
        let punts: Vec<_> = trace.punted().collect();
        let [Output { fate: Fate::Controller { userdata, metadata, .. }, frame, .. }] = punts[..] else { return None };
        let view = View::new(&self.world);
        let punted =
            Punted::read(&view, ChassisKey(2), OfPort(port), userdata, metadata, frame.clone(), features::Millis(0))
                .unwrap();
        assert_eq!(punted.network, NetworkKey(1));
        Some((punted.op, punted.frame))
    }
}

fn v6(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

fn global(p: u32) -> Ipv6Addr {
    let IpAddr::V6(address) = port_address(1, p) else { unreachable!() };
    address
}

fn mac() -> MacAddr {
    port_mac(LEARNER)
}

fn solicit(src: Ipv6Addr, target: Ipv6Addr) -> Vec<u8> {
    let group = solicited_node(target);
    let options = vec![NdOption::SourceLinkLayer(mac())];
    let options = if src.is_unspecified() { vec![] } else { options };
    icmpv6_frame(mac(), multicast_mac(group), src, group, 255, &Icmpv6::NeighborSolicit { target, options }).to_vec()
}

fn advert(src: Ipv6Addr, target: Ipv6Addr, option: MacAddr) -> Vec<u8> {
    let what = Advertised { mac: option, target, src, router: false, override_: true };
    let mut frame = neighbor_advert(&what, Some((port_mac(FAR), global(FAR)))).to_vec();
    frame[6..12].copy_from_slice(&mac().0);
    frame
}

fn data(src: Ipv6Addr, to: MacAddr, dst: Ipv6Addr) -> Vec<u8> {
    packet::ipv6_frame(mac(), to, src, dst, 64, 59, &[7]).to_vec()
}

#[test]
fn what_a_learner_has_not_is_punted_as_it_was_sent() {
    let site = Site::new(true);
    let new = v6("2001:db8::77");
    for frame in [
        solicit(new, global(FAR)),
        solicit(v6("fe80::77"), global(FAR)),
        data(new, port_mac(FAR), global(FAR)),
        advert(new, new, mac()),
        advert(global(LEARNER), new, mac()),
        advert(new, global(LEARNER), mac()),
        advert(global(LEARNER), new, MacAddr::ZERO),
        arp_request(mac(), "10.0.0.77".parse().unwrap(), "10.0.0.8".parse().unwrap()).to_vec(),
    ] {
        let (op, punted) = site.punts(LEARNER, &frame).unwrap();
        assert_eq!(op, PuntOp::Learn);
        assert_eq!(heard::hear(&punted), heard::hear(&frame), "{:?}", Frame::parse(&frame));
        assert_eq!(punted[12..], frame[12..]);
    }
    // With another's MAC nothing is learned of it.
    let (_, punted) = site.punts(LEARNER, &advert(new, new, port_mac(FAR))).unwrap();
    assert_eq!(heard::hear(&punted).map(|heard| heard.mac), Ok(port_mac(FAR)));
    let relayed = arp_request(port_mac(FAR), "10.0.0.77".parse().unwrap(), "10.0.0.8".parse().unwrap()).to_vec();
    let relayed = [&relayed[..6], &mac().0, &relayed[12..]].concat();
    assert_eq!(site.drops(LEARNER, &relayed), Some("spoofed_source"));
    // Probes are the controller's in any case.
    assert_eq!(site.punts(LEARNER, &solicit(Ipv6Addr::UNSPECIFIED, new)).unwrap().0, PuntOp::NeighborSolicit);
    let probe = arp_request(mac(), "0.0.0.0".parse().unwrap(), "10.0.0.77".parse().unwrap());
    assert_eq!(site.punts(LEARNER, &probe).unwrap().0, PuntOp::ArpProbe);
}

#[test]
fn what_is_known_reaches_no_controller() {
    let site = Site::new(true);
    for frame in [
        solicit(global(LEARNER), global(FAR)),
        solicit(link_local(mac()), link_local(port_mac(FAR))),
        data(global(LEARNER), port_mac(FAR), global(FAR)),
        advert(global(LEARNER), global(LEARNER), mac()),
        arp_request(mac(), "10.0.0.4".parse().unwrap(), "10.0.0.8".parse().unwrap()).to_vec(),
    ] {
        let trace = site.sends(LEARNER, &frame);
        assert_eq!((trace.punted().count(), trace.dropped()), (0, None), "{:?}", Frame::parse(&frame));
        assert_eq!(trace.sent().count(), 1);
    }
}

#[test]
fn what_nobody_is_known_to_have_is_asked_for() {
    let site = Site::new(true);
    let (op, frame) = site.punts(LEARNER, &solicit(global(LEARNER), v6("2001:db8::99"))).unwrap();
    assert_eq!((op, &frame), (PuntOp::Resolve, &solicit(global(LEARNER), v6("2001:db8::99"))), "as it was sent");
    // A link-local address that is made of a MAC: to that MAC, for its group, and still a question for the address.
    let local = link_local(SILENT);
    let (op, frame) = site.punts(LEARNER, &solicit(link_local(mac()), local)).unwrap();
    assert_eq!((op, resolve::target(&frame)), (PuntOp::Resolve, Ok(local.into())));
    let parsed = Frame::parse(&frame).unwrap();
    assert_eq!((parsed.ethernet.dst, parsed.ipv6().unwrap().dst), (SILENT, solicited_node(local)));
    let request = arp_request(mac(), "10.0.0.4".parse().unwrap(), "10.0.0.99".parse().unwrap()).to_vec();
    let (op, frame) = site.punts(LEARNER, &request).unwrap();
    assert_eq!((op, resolve::target(&frame)), (PuntOp::Resolve, Ok("10.0.0.99".parse().unwrap())));
    // By a router's packet too.
    let routed = data(global(LEARNER), features::router::generated_mac(topology::RouterKey(1)), v6("2001:db8::99"));
    let (op, frame) = site.punts(LEARNER, &routed).unwrap();
    assert_eq!((op, resolve::destination(&frame)), (PuntOp::Unreachable, Some("2001:db8::99".parse().unwrap())));
}

#[test]
fn a_question_goes_to_all_that_may_answer_and_to_nobody_else() {
    let site = Site::new(true);
    let place = View::new(&site.world).place(topology::PortKey(LEARNER)).unwrap();
    let out = |asker| {
        let packets = resolve::ask(&site.world, NetworkKey(1), asker, &[0; 60], |_, port| port == OfPort(SPARE));
        let port = |action: &ofp::Action| match action {
            ofp::Action::Output { port, .. } => port.0,
            other => panic!("{other:?}"),
        };
        packets.iter().map(|p| (p.chassis.0, p.actions.iter().map(port).collect())).collect::<Vec<(u16, Vec<u32>)>>()
    };
    assert_eq!(out(None), [(2, vec![LEARNER, SPARE])], "ports that don't learn have told all that they have");
    assert_eq!(out(Some(place)), [(2, vec![SPARE])]);
    let view = View::new(&site.world);
    let question = resolve::question(&view, topology::RouterKey(1), NetworkKey(1), "2001:db8::99".parse().unwrap());
    let frame = Frame::parse(&question.unwrap()).unwrap();
    assert_eq!(frame.ethernet.src, features::router::generated_mac(topology::RouterKey(1)));
    assert!(matches!(frame.net, Net::Ipv6(ip) if ip.src == link_local(frame.ethernet.src)));
    let no_address = resolve::question(&view, topology::RouterKey(1), NetworkKey(1), "10.0.0.9".parse().unwrap());
    assert_eq!(no_address, None, "the router has no IPv4 address there");
}

#[test]
fn a_routed_packet_goes_on_behind_the_neighbour_table() {
    let site = Site::new(true);
    let view = View::new(&site.world);
    let place = view.place(topology::PortKey(LEARNER)).unwrap();
    let frame = data(v6("2001:db8:1::5"), MacAddr::ZERO, global(LEARNER));
    let punted = Punted {
        at: features::Millis(0),
        op: PuntOp::Unreachable,
        port: topology::PortKey(LEARNER),
        place,
        network: NetworkKey(1),
        router: topology::RouterKey(1),
        frame: frame.clone(),
    };
    let packet = resolve::routed(&view, punted, global(LEARNER).into()).unwrap();
    let trace = site.switch.send(&packet.frame, packet.in_port, &packet.actions);
    assert_eq!(trace.problems, []);
    let [(port, output)] = trace.sent().collect::<Vec<_>>()[..] else { panic!("{trace:#?}") };
    assert_eq!((port, &output.frame[..6], &output.frame[6..]), (OfPort(LEARNER), &mac().0[..], &frame[6..]));
}

#[test]
fn a_port_that_nobody_claims_is_punted_whole_and_only_there() {
    let site = Site::new(true);
    let frame = solicit(Ipv6Addr::UNSPECIFIED, v6("fe80::9"));
    let trace = site.sends(SPARE, &frame);
    let [Output { fate: Fate::Controller { userdata, metadata, .. }, frame: punted, .. }] =
        trace.punted().collect::<Vec<_>>()[..]
    else {
        panic!("{trace:#?}")
    };
    assert_eq!((&userdata[..], punted), (USERDATA_SPARE, &frame));
    let (op, _) = metadata.get(Reg::PuntOp.field()).unwrap();
    assert_eq!((op >> 16) as u8, PuntOp::Learn as u8);
    let without = Site::new(false);
    assert_eq!(without.drops(SPARE, &frame), Some("unknown_port"));
    assert_eq!(without.drops(LEARNER, &data(v6("2001:db8::77"), port_mac(FAR), global(FAR))), Some("spoofed_source"));
    assert_eq!(without.drops(LEARNER, &solicit(global(LEARNER), v6("2001:db8::99"))), Some("unknown_target"));
    let other = port_mac(OTHER);
    let of_other = |frame: Vec<u8>| [&frame[..6], &other.0, &frame[12..]].concat();
    let foreign = of_other(data(v6("2001:db8:1::77"), port_mac(FAR), global(FAR)));
    assert_eq!(site.drops(OTHER, &foreign), Some("spoofed_source"), "another network's ports don't learn");
}

/// A port that forms its addresses itself (RFC 8981, RFC 7217), on a network where hosts do: who it is, is told by what it says in
/// neighbour discovery; from what it only sends, nothing is learned.
#[test]
fn a_formed_address_is_learned_where_hosts_form_them() {
    let site = |forming: bool| {
        let mut changes = small(Encap::Geneve);
        let IpNet::V6(prefix) = prefix(1) else { unreachable!() };
        let told = Dhcp6 {
            prefix,
            stateful: false,
            everybody: false,
            valid_s: 1,
            preferred_s: 1,
            ends: None,
            dns: vec![],
            options: vec![],
        };
        let policy = Policy { secured: true, learning: false, forming, relays: false, role: Role::Host };
        changes.extend([Change::Dhcp6(SubnetKey(1), Some(told)), Change::Policy(PortKey(LEARNER), Some(policy))]);
        let mut world = World::default();
        world.commit(changes);
        let (engine, delta) = Engine::from_scratch(features::ALL, &world);
        assert_eq!((delta.faults, delta.conflicts), (vec![], vec![]));
        Site { world, switch: Switch::desired(&engine, ChassisKey(2)) }
    };
    let (formed, local, outside) = (v6("2001:db8::aaaa"), v6("fe80::aaaa"), v6("2001:db8:ffff::aaaa"));
    let advert = |src: Ipv6Addr| {
        let what = Advertised { mac: mac(), target: src, src, router: false, override_: true };
        neighbor_advert(&what, None).to_vec()
    };
    let forms = site(true);
    for address in [formed, local] {
        for frame in [solicit(address, global(FAR)), advert(address)] {
            assert_eq!(forms.punts(LEARNER, &frame), Some((PuntOp::Learn, frame.clone())), "{address}");
        }
        assert_eq!(
            forms.drops(LEARNER, &data(address, port_mac(FAR), global(FAR))),
            Some("spoofed_source"),
            "{address}"
        );
    }
    assert_eq!(
        forms.punts(LEARNER, &solicit(Ipv6Addr::UNSPECIFIED, formed)).map(|(op, _)| op),
        Some(PuntOp::NeighborSolicit)
    );
    for frame in [solicit(outside, global(FAR)), advert(outside)] {
        assert_eq!(forms.punts(LEARNER, &frame), None);
    }
    // What is the port's already goes its way; and a port that was given its address may take no other.
    assert_eq!(forms.punts(LEARNER, &solicit(global(LEARNER), global(FAR))), None);
    let pinned = site(false);
    for frame in [solicit(formed, global(FAR)), advert(formed)] {
        assert_eq!(pinned.punts(LEARNER, &frame), None);
    }
}

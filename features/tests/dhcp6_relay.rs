//! DHCPv6 by relay agents: who may speak for whom, and what comes back.

mod common;

use std::net::Ipv6Addr;

use addr::{IpNet, MacAddr, OfPort, link_local, multicast_mac};
use common::*;
use features::dhcp6::service;
use features::lease::{Association, LeaseChange, Secret, Served};
use features::punt::Punted;
use flows::eval::Switch;
use flows::{Engine, PuntOp};
use packet::{
    ALL_DHCP_SERVERS, ALL_DHCP_SERVERS_OF_SITE, DHCP6_SERVER_PORT, Dhcp6, Dhcp6Kind, Dhcp6Message, Dhcp6Option,
    Dhcp6Relay, Frame, Net, Udp, ipv6_frame, protocol, udp,
};
use topology::{
    Change, ChassisKey, Dhcp6 as Fact, Encap, NetworkKey, Place, Policy, Port, PortKey, Role, RouterKey, SubnetKey,
    World,
};

const SECRET: Secret = [0; 16];
/// The relay agent's port, on network 1 of umbra and chassis 2.
const RELAY: u32 = 4;
/// On network 3 of umbra, plugged nowhere.
const CLIENT: u32 = 77;
const ADDRESS: &str = "2001:db8:1::77";
/// On network 3; and on network 2, which is another tenant's.
const LINK: &str = "2001:db8:1::1";

fn v6(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

fn dhcp6(n: u32) -> Change {
    let IpNet::V6(prefix) = prefix(n) else { unreachable!() };
    let fact = Fact {
        prefix,
        stateful: true,
        everybody: true,
        valid_s: 1000,
        preferred_s: 500,
        ends: None,
        dns: vec![],
        options: vec![],
    };
    Change::Dhcp6(SubnetKey(n), Some(fact))
}

fn client(network: u32) -> Port {
    let Change::Port(_, Some(fact)) = port(CLIENT, network) else { unreachable!() };
    Port { addresses: vec![ADDRESS.parse().unwrap()], ..fact }
}

fn world(relays: bool) -> World {
    let mut world = World::default();
    let mut changes = small(Encap::Geneve);
    changes.extend([
        network(3, 1430),
        dhcp6(3),
        Change::Port(PortKey(CLIENT), Some(client(3))),
        Change::Policy(
            PortKey(RELAY),
            Some(Policy { secured: true, learning: false, forming: false, relays, role: Role::Host }),
        ),
    ]);
    changes.extend(subnet(3));
    world.commit(changes);
    world
}

fn solicit(kind: Dhcp6Kind) -> Vec<u8> {
    let mut options = vec![Dhcp6Option::ClientId(bytes::Bytes::from_static(&[0, 4, 9]))];
    if kind == Dhcp6Kind::Request {
        let server = packet::duid_ll(features::router::network_mac(NetworkKey(3)));
        options.push(Dhcp6Option::ServerId(server));
    }
    options.push(Dhcp6Option::IaNa { iaid: 7, t1_s: 0, t2_s: 0, options: vec![] });
    Dhcp6Message { kind, transaction: 5, options }.emit().unwrap().to_vec()
}

/// What a relay agent brings, and what else it says.
fn forward(hop_count: u8, link: &str, peer: Ipv6Addr, inner: Vec<u8>, more: Vec<Dhcp6Option>) -> Dhcp6Relay {
    let mut options = more;
    options.push(Dhcp6Option::RelayMessage(inner.into()));
    Dhcp6Relay { kind: Dhcp6Kind::RelayForw, hop_count, link_address: v6(link), peer_address: peer, options }
}

fn peer() -> Ipv6Addr {
    link_local(port_mac(CLIENT))
}

fn frame(payload: &[u8], to: Ipv6Addr) -> Vec<u8> {
    let (mac, from) = (port_mac(RELAY), link_local(port_mac(RELAY)));
    let payload = udp(from, to, DHCP6_SERVER_PORT, DHCP6_SERVER_PORT, payload);
    ipv6_frame(mac, multicast_mac(to), from, to, 64, protocol::UDP, &payload).to_vec()
}

fn asks(world: &World, relay: &Dhcp6Relay) -> Result<(Dhcp6Relay, Served), &'static str> {
    let place = Place::plugged(ChassisKey(2), OfPort(RELAY));
    let frame = frame(&relay.emit().unwrap(), ALL_DHCP_SERVERS_OF_SITE);
    let punted = Punted {
        op: PuntOp::Dhcp6,
        port: PortKey(RELAY),
        place,
        network: NetworkKey(1),
        router: RouterKey(0),
        frame,
        at: features::Millis(0),
    };
    let served = service::answer(world, &punted, SECRET)?;
    let read = Frame::parse(&served.packets[0].frame).unwrap();
    let Net::Ipv6(ip) = &read.net else { panic!() };
    assert_eq!((read.ethernet.dst, ip.dst), (port_mac(RELAY), link_local(port_mac(RELAY))));
    let datagram = Udp::parse(&ip.payload).unwrap();
    assert_eq!((datagram.sport, datagram.dport), (DHCP6_SERVER_PORT, DHCP6_SERVER_PORT));
    let Dhcp6::Relay(answer) = Dhcp6::parse(&datagram.payload).unwrap() else { panic!() };
    Ok((answer, served))
}

/// What a relay agent's message holds, and what else there is in it.
fn opened(relay: &Dhcp6Relay) -> (Dhcp6, Vec<Dhcp6Option>) {
    let (inner, others): (Vec<_>, Vec<_>) =
        relay.options.iter().cloned().partition(|option| matches!(option, Dhcp6Option::RelayMessage(_)));
    let [Dhcp6Option::RelayMessage(inner)] = &inner[..] else { panic!("{relay:?}") };
    (Dhcp6::parse(inner).unwrap(), others)
}

#[test]
fn a_client_behind_a_relay_gets_its_ports_address() {
    let world = world(true);
    let interface = Dhcp6Option::InterfaceId(bytes::Bytes::from_static(b"vf7"));
    let remote = Dhcp6Option::Unknown { code: 37, data: vec![0, 0, 0, 9, 1].into() };
    let by = |kind| forward(0, LINK, peer(), solicit(kind), vec![remote.clone(), interface.clone()]);
    let (answer, served) = asks(&world, &by(Dhcp6Kind::Solicit)).unwrap();
    assert_eq!((served.operation, served.port, served.leases), ("solicit", PortKey(CLIENT), vec![]));
    assert_eq!(answer.kind, Dhcp6Kind::RelayRepl);
    assert_eq!((answer.hop_count, answer.link_address, answer.peer_address), (0, v6(LINK), peer()));
    let (Dhcp6::Message(advertise), others) = opened(&answer) else { panic!() };
    assert_eq!((advertise.kind, advertise.transaction, others), (Dhcp6Kind::Advertise, 5, vec![interface.clone()]));
    let (answer, served) = asks(&world, &by(Dhcp6Kind::Request)).unwrap();
    let bound = LeaseChange::Bind {
        association: Association::Na(7),
        client: bytes::Bytes::from_static(&[0, 4, 9]),
        leased: vec!["2001:db8:1::77/128".parse().unwrap()],
        valid_s: 1000,
    };
    assert_eq!((served.port, served.leases), (PortKey(CLIENT), vec![bound]));
    let (Dhcp6::Message(reply), _) = opened(&answer) else { panic!() };
    assert_eq!(reply.kind, Dhcp6Kind::Reply);
}

#[test]
fn up_to_eight_relays_in_one_another() {
    let world = world(true);
    let chain = |levels: u8| {
        let mut relay = forward(0, LINK, peer(), solicit(Dhcp6Kind::Solicit), vec![]);
        for hop in 1..levels {
            let interface = Dhcp6Option::InterfaceId(vec![hop].into());
            relay = forward(hop, "::", v6("fe80::9"), relay.emit().unwrap().to_vec(), vec![interface]);
        }
        relay
    };
    let (mut answer, _) = asks(&world, &chain(8)).unwrap();
    for hop in (1..8).rev() {
        assert_eq!((answer.kind, answer.hop_count, answer.peer_address), (Dhcp6Kind::RelayRepl, hop, v6("fe80::9")));
        let (inner, others) = opened(&answer);
        assert_eq!(others, [Dhcp6Option::InterfaceId(vec![hop].into())]);
        let Dhcp6::Relay(inner) = inner else { panic!() };
        answer = inner;
    }
    assert!(matches!(opened(&answer).0, Dhcp6::Message(_)));
    assert_eq!(asks(&world, &chain(9)).map(drop), Err("hop_count"));
    // Hops grow from relay to relay.
    let inner = forward(3, LINK, peer(), solicit(Dhcp6Kind::Solicit), vec![]).emit().unwrap().to_vec();
    assert_eq!(asks(&world, &forward(3, "::", peer(), inner, vec![])).map(drop), Err("hop_count"));
    let far = forward(9, LINK, peer(), solicit(Dhcp6Kind::Solicit), vec![]);
    assert_eq!(asks(&world, &far).map(drop), Err("hop_count"));
}

#[test]
fn who_may_speak_for_whom() {
    let mut world = world(true);
    let by = |link: &str, peer, more| forward(0, link, peer, solicit(Dhcp6Kind::Solicit), more);
    let refused = |world: &World, relay| asks(world, &relay).map(drop);
    let good = || by(LINK, peer(), vec![]);
    assert_eq!(refused(&self::world(false), good()), Err("from_a_relay"));
    assert_eq!(refused(&world, by("2001:db8:99::1", peer(), vec![])), Err("relayed_from_a_foreign_link"));
    assert_eq!(refused(&world, by(LINK, v6("fe80::5"), vec![])), Err("relayed_for_nobody"));
    // By the MAC that the relay agent tells, whatever the client's own address is (RFC 6939).
    let mac = vec![Dhcp6Option::ClientLinkLayer(port_mac(CLIENT))];
    assert_eq!(refused(&world, by(LINK, v6("fe80::5"), mac)), Ok(()));
    let mac = vec![Dhcp6Option::ClientLinkLayer(MacAddr([2; 6]))];
    assert_eq!(refused(&world, by(LINK, peer(), mac)), Err("relayed_for_nobody"));
    let empty = Dhcp6Relay { options: vec![], ..good() };
    assert_eq!(refused(&world, empty), Err("relays_nothing"));
    let broken = forward(0, LINK, peer(), vec![1, 0], vec![]);
    assert_eq!(refused(&world, broken), Err("malformed"));
    let reply = Dhcp6Relay { kind: Dhcp6Kind::RelayRepl, ..good() };
    assert_eq!(refused(&world, reply), Err("not_a_clients"));
    // Without a link's address, on its own network: there is nobody's DHCPv6.
    assert_eq!(refused(&world, by("::", peer(), vec![])), Err("relayed_for_nobody"));
    world.commit(vec![Change::Port(PortKey(CLIENT), Some(client(1))), dhcp6(1)]);
    assert_eq!(refused(&world, by("::", peer(), vec![])), Ok(()));
    assert_eq!(refused(&world, by("fe80::1", peer(), vec![])), Ok(()));
    // Of another tenant, with the same prefix.
    world.commit(vec![Change::Subnet(SubnetKey(3), None), Change::Port(PortKey(CLIENT), Some(client(2))), dhcp6(2)]);
    assert_eq!(refused(&world, good()), Err("relayed_from_a_foreign_link"));
}

#[test]
fn who_is_plugged_speaks_for_itself() {
    let mut world = world(true);
    world.commit(vec![bind(CLIENT, 1), plug(1, "vm77", Some(77))]);
    let relay = forward(0, LINK, peer(), solicit(Dhcp6Kind::Solicit), vec![]);
    assert_eq!(asks(&world, &relay).map(drop), Err("relayed_for_a_plugged_port"));
}

#[test]
fn the_switch_punts_what_relays_send_and_no_more() {
    let punts = |relays: bool, to: Ipv6Addr, port: u32| {
        let (engine, delta) = Engine::from_scratch(features::ALL, &world(relays));
        assert_eq!((delta.faults, delta.conflicts), (vec![], vec![]));
        let relay = forward(0, LINK, peer(), solicit(Dhcp6Kind::Solicit), vec![]);
        let frame = frame(&relay.emit().unwrap(), to);
        Switch::desired(&engine, ChassisKey(2)).run(&frame, OfPort(port), None).punted().count()
    };
    for group in [ALL_DHCP_SERVERS, ALL_DHCP_SERVERS_OF_SITE] {
        assert_eq!((punts(true, group, RELAY), punts(false, group, RELAY)), (1, 0), "{group}");
    }
}

//! DHCPv6 as clients meet it: who is served what, on which kind of subnet, and which messages get no answer.

mod common;

use std::net::Ipv6Addr;

use addr::{IpNet, Ipv6Net, OfPort, eui64_address, link_local, multicast_mac};
use common::*;
use features::Millis;
use features::dhcp6::service;
use features::lease::{Association, LeaseChange, Secret, Served};
use features::punt::Punted;
use features::ra;
use flows::eval::Switch;
use flows::{Engine, PuntOp};
use packet::{
    ALL_DHCP_SERVERS, DHCP6_CLIENT_PORT, DHCP6_SERVER_PORT, Dhcp6, Dhcp6Kind, Dhcp6Message, Dhcp6Option, Dhcp6Status,
    Frame, Icmpv6, NdOption, Net, RouterAdvert, Udp, dhcp6_option, duid_ll, ipv6_frame, protocol, udp,
};
use topology::{
    Change, ChassisKey, Delegated, Dhcp6 as Fact, DhcpOption, DhcpOptions, Encap, NetworkKey, Place, PortKey,
    RouterKey, SubnetKey, View, World,
};

const SECRET: Secret = [0; 16];
/// On network 1 and chassis 2, with an address formed from its MAC.
const HOST: u32 = 4;
/// Milliseconds since 1970-01-01 UTC.
const NOW_MS: u64 = 1_000_000;
const TRANSACTION: u32 = 0xabcdef;
/// What client, server and associations are told by.
const CLIENT: &[u8] = &[0, 3, 0, 1, 2, 2, 2, 2, 2, 2];

fn v6(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

fn prefix_of(n: u32) -> Ipv6Net {
    let IpNet::V6(prefix) = prefix(n) else { unreachable!() };
    prefix
}

fn dhcp6(stateful: bool, everybody: bool) -> Change {
    let dns = vec![v6("2001:db8::53"), v6("2001:db8::54")];
    let fact = Fact {
        prefix: prefix_of(1),
        stateful,
        everybody,
        valid_s: 1000,
        preferred_s: 500,
        ends: None,
        dns,
        options: vec![],
    };
    Change::Dhcp6(SubnetKey(1), Some(fact))
}

/// The small site, with DHCPv6 on network 1 and other addresses for the host.
fn world(stateful: bool, everybody: bool, addresses: &[&str]) -> World {
    let mut world = World::default();
    let mut changes = small(Encap::Geneve);
    changes.push(dhcp6(stateful, everybody));
    if !addresses.is_empty() {
        let Change::Port(key, Some(mut fact)) = port(HOST, 1) else { unreachable!() };
        fact.addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        changes.push(Change::Port(key, Some(fact)));
    }
    world.commit(changes);
    world
}

fn frame(message: &Dhcp6Message) -> Vec<u8> {
    let (mac, from) = (port_mac(HOST), link_local(port_mac(HOST)));
    let payload = udp(from, ALL_DHCP_SERVERS, DHCP6_CLIENT_PORT, DHCP6_SERVER_PORT, &message.emit().unwrap());
    ipv6_frame(mac, multicast_mac(ALL_DHCP_SERVERS), from, ALL_DHCP_SERVERS, 1, protocol::UDP, &payload).to_vec()
}

fn punted(frame: Vec<u8>) -> Punted {
    let place = Place::plugged(ChassisKey(2), OfPort(HOST));
    Punted {
        op: PuntOp::Dhcp6,
        port: PortKey(HOST),
        place,
        network: NetworkKey(1),
        router: RouterKey(0),
        frame,
        at: Millis(NOW_MS),
    }
}

fn message(kind: Dhcp6Kind, options: Vec<Dhcp6Option>) -> Dhcp6Message {
    use Dhcp6Kind::*;
    let mut all = vec![Dhcp6Option::ClientId(CLIENT.into())];
    if matches!(kind, Request | Renew | Release | Decline) {
        all.push(Dhcp6Option::ServerId(server()));
    }
    all.extend(options);
    Dhcp6Message { kind, transaction: TRANSACTION, options: all }
}

fn server() -> bytes::Bytes {
    duid_ll(features::router::network_mac(NetworkKey(1)))
}

fn ia(iaid: u32, addresses: &[&str]) -> Dhcp6Option {
    let one = |text: &&str| Dhcp6Option::IaAddress { address: v6(text), preferred_s: 0, valid_s: 0, options: vec![] };
    Dhcp6Option::IaNa { iaid, t1_s: 0, t2_s: 0, options: addresses.iter().map(one).collect() }
}

/// What a message is answered with, and what it does to leases.
fn asks(world: &World, message: &Dhcp6Message) -> Result<(Dhcp6Message, Vec<LeaseChange>), &'static str> {
    let Served { operation, packets, leases, .. } = service::answer(world, &punted(frame(message)), SECRET)?;
    assert_eq!(operation, message.kind.name());
    let [out] = &packets[..] else { panic!("{packets:?}") };
    assert_eq!(out.chassis, ChassisKey(2));
    let read = Frame::parse(&out.frame).unwrap();
    let Net::Ipv6(ip) = &read.net else { panic!() };
    let mac = features::router::network_mac(NetworkKey(1));
    assert_eq!((read.ethernet.src, read.ethernet.dst), (mac, port_mac(HOST)));
    assert_eq!((ip.src, ip.dst), (link_local(mac), link_local(port_mac(HOST))));
    let datagram = Udp::parse(&ip.payload).unwrap();
    assert_eq!((datagram.sport, datagram.dport), (DHCP6_SERVER_PORT, DHCP6_CLIENT_PORT));
    let Dhcp6::Message(answer) = Dhcp6::parse(&datagram.payload).unwrap() else { panic!() };
    assert_eq!(answer.transaction, TRANSACTION);
    assert!(answer.options.contains(&Dhcp6Option::ServerId(server())));
    Ok((answer, leases))
}

/// IAID with addresses, their lifetimes in seconds, and status.
type Got = (u32, Vec<(Ipv6Addr, u32, u32)>, Option<Dhcp6Status>);

fn got(answer: &Dhcp6Message) -> Vec<Got> {
    let associations = answer.options.iter().filter_map(|option| match option {
        Dhcp6Option::IaNa { iaid, options, .. } => Some((*iaid, options)),
        _ => None,
    });
    let read = associations.map(|(iaid, options)| {
        let addresses = options.iter().filter_map(|option| match option {
            Dhcp6Option::IaAddress { address, preferred_s, valid_s, .. } => Some((*address, *preferred_s, *valid_s)),
            _ => None,
        });
        (iaid, addresses.collect(), status_of(options))
    });
    read.collect()
}

fn status_of(options: &[Dhcp6Option]) -> Option<Dhcp6Status> {
    options.iter().find_map(|option| match option {
        Dhcp6Option::Status { code, .. } => Some(*code),
        _ => None,
    })
}

fn bound(leases: &[LeaseChange]) -> Vec<(Association, Vec<IpNet>)> {
    let read = leases.iter().filter_map(|change| match change {
        LeaseChange::Bind { association, client, leased, valid_s } => {
            assert_eq!((&client[..], *valid_s), (CLIENT, 1000));
            Some((*association, leased.clone()))
        }
        LeaseChange::End { .. } => None,
    });
    read.collect()
}

#[test]
fn four_messages_and_two() {
    let world = world(true, true, &["2001:db8::77", "10.0.0.7"]);
    let address = v6("2001:db8::77");
    let (offer, leases) = asks(&world, &message(Dhcp6Kind::Solicit, vec![ia(7, &[])])).unwrap();
    assert_eq!((offer.kind, &leases[..]), (Dhcp6Kind::Advertise, &[][..]));
    let ahead = |message: &Dhcp6Message| service::answer(&world, &punted(frame(message)), SECRET).unwrap().ahead;
    let offered = [(Association::Na(7), vec!["2001:db8::77/128".parse().unwrap()])];
    assert_eq!(bound(&ahead(&message(Dhcp6Kind::Solicit, vec![ia(7, &[])]))), offered, "it asks for it next");
    let mut accepts = message(Dhcp6Kind::Solicit, vec![ia(7, &[])]);
    accepts.options.push(Dhcp6Option::ReconfigureAccept);
    assert_eq!(ahead(&accepts), [], "a key is agreed on with the lease, and written with it");
    assert_eq!(ahead(&message(Dhcp6Kind::Request, vec![ia(7, &[])])), []);
    assert!(offer.options.contains(&Dhcp6Option::Preference(255)));
    assert_eq!(got(&offer), [(7, vec![(address, 500, 1000)], None)]);
    let (reply, leases) = asks(&world, &message(Dhcp6Kind::Request, vec![ia(7, &["2001:db8::77"])])).unwrap();
    assert_eq!((reply.kind, got(&reply)), (Dhcp6Kind::Reply, vec![(7, vec![(address, 500, 1000)], None)]));
    assert_eq!(bound(&leases), [(Association::Na(7), vec!["2001:db8::77/128".parse().unwrap()])]);
    assert!(reply.options.iter().any(|o| matches!(o, Dhcp6Option::IaNa { t1_s: 250, t2_s: 400, .. })));
    let rapid = message(Dhcp6Kind::Solicit, vec![Dhcp6Option::RapidCommit, ia(7, &[])]);
    let (reply, leases) = asks(&world, &rapid).unwrap();
    assert_eq!((reply.kind, bound(&leases).len()), (Dhcp6Kind::Reply, 1));
    assert!(reply.options.contains(&Dhcp6Option::RapidCommit));
}

#[test]
fn any_client_and_any_association_gets_the_ports_addresses() {
    let world = world(true, true, &["2001:db8::77", "2001:db8::78"]);
    for kind in [Dhcp6Kind::Request, Dhcp6Kind::Renew, Dhcp6Kind::Rebind] {
        for iaid in [0, 7, u32::MAX] {
            let (reply, leases) = asks(&world, &message(kind, vec![ia(iaid, &[])])).unwrap();
            let [(got_iaid, addresses, None)] = &got(&reply)[..] else { panic!("{reply:?}") };
            assert_eq!((*got_iaid, addresses.len()), (iaid, 2));
            assert_eq!(bound(&leases)[0].1.len(), 2);
        }
    }
    let two = message(Dhcp6Kind::Request, vec![ia(1, &[]), ia(2, &["2001:db8::77"]), ia(3, &[])]);
    let (reply, leases) = asks(&world, &two).unwrap();
    let address = |n| vec![(v6(n), 500, 1000)];
    let none = Some(Dhcp6Status::NoAddrsAvail);
    assert_eq!(
        got(&reply),
        [(1, address("2001:db8::78"), None), (2, address("2001:db8::77"), None), (3, vec![], none)]
    );
    assert_eq!(bound(&leases).len(), 2);
}

#[test]
fn what_a_client_may_no_longer_use_is_told_so() {
    let world = world(true, true, &["2001:db8::77"]);
    let (reply, _) = asks(&world, &message(Dhcp6Kind::Renew, vec![ia(7, &["2001:db8::66"])])).unwrap();
    assert_eq!(got(&reply), [(7, vec![(v6("2001:db8::77"), 500, 1000), (v6("2001:db8::66"), 0, 0)], None)]);
    let (reply, leases) = asks(&world, &message(Dhcp6Kind::Request, vec![ia(7, &["2001:db8:ffff::1"])])).unwrap();
    assert_eq!((got(&reply), leases), (vec![(7, vec![], Some(Dhcp6Status::NotOnLink))], vec![]));
    for (address, expected) in [("2001:db8::77", Dhcp6Status::Success), ("2001:db8::66", Dhcp6Status::NotOnLink)] {
        let (reply, leases) = asks(&world, &message(Dhcp6Kind::Confirm, vec![ia(7, &[address])])).unwrap();
        assert_eq!((status_of(&reply.options), leases), (Some(expected), vec![]));
    }
    for kind in [Dhcp6Kind::Release, Dhcp6Kind::Decline] {
        let (reply, leases) = asks(&world, &message(kind, vec![ia(7, &["2001:db8::77"])])).unwrap();
        assert_eq!(status_of(&reply.options), Some(Dhcp6Status::Success));
        assert_eq!(leases, [LeaseChange::End { association: Association::Na(7) }]);
    }
}

#[test]
fn settings_go_to_whom_they_are_for() {
    let asked = |codes: &[u16]| {
        let options = vec![Dhcp6Option::OptionRequest(codes.to_vec())];
        message(Dhcp6Kind::InformationRequest, options)
    };
    let dns = Dhcp6Option::DnsServers(vec![v6("2001:db8::53"), v6("2001:db8::54")]);
    let stateless = world(false, true, &[]);
    let (reply, leases) = asks(&stateless, &asked(&[dhcp6_option::DNS_SERVERS])).unwrap();
    assert!(reply.options.contains(&dns) && leases.is_empty());
    assert!(!reply.options.iter().any(|o| matches!(o, Dhcp6Option::InformationRefreshTime(_))));
    let (reply, _) = asks(&stateless, &asked(&[dhcp6_option::INFORMATION_REFRESH_TIME])).unwrap();
    assert!(!reply.options.contains(&dns) && reply.options.contains(&Dhcp6Option::InformationRefreshTime(86_400)));
    // A neighbour that asks for an address where it forms its own.
    let (reply, leases) = asks(&stateless, &message(Dhcp6Kind::Solicit, vec![ia(7, &[])])).unwrap();
    assert_eq!((got(&reply), leases), (vec![(7, vec![], Some(Dhcp6Status::NoAddrsAvail))], vec![]));
    // Where hosts form addresses, only who was given one is served.
    assert_eq!(asks(&world(false, false, &[]), &asked(&[])), Err("not_served"));
    let formed = eui64_address(prefix_of(1), port_mac(HOST)).to_string();
    assert_eq!(asks(&world(false, false, &[&formed]), &asked(&[])), Err("not_served"));
    let given = world(false, false, &[&formed, "2001:db8::77"]);
    let (reply, _) = asks(&given, &message(Dhcp6Kind::Request, vec![ia(7, &[])])).unwrap();
    assert_eq!(got(&reply), [(7, vec![(v6("2001:db8::77"), 500, 1000)], None)]);
}

#[test]
fn what_is_named_goes_before_what_is_told_anyhow() {
    let mut world = world(true, true, &["2001:db8::77"]);
    let Change::Dhcp6(subnet, Some(mut told)) = dhcp6(true, true) else { unreachable!() };
    let option = |code, data: &[u8]| DhcpOption { code, data: data.into() };
    told.options = vec![option(59, b"http://of-all/"), option(56, &[0, 3, 0, 3, 1, 97, 0])];
    let own = DhcpOptions {
        v6: vec![option(23, &[0x20; 16]), option(59, b"http://own/"), option(220, &[7])],
        ..DhcpOptions::default()
    };
    world.commit(vec![Change::Dhcp6(subnet, Some(told)), Change::DhcpOptions(PortKey(HOST), Some(own))]);
    let told = |codes: &[u16]| {
        let options = vec![ia(7, &[]), Dhcp6Option::OptionRequest(codes.to_vec())];
        let (reply, _) = asks(&world, &message(Dhcp6Kind::Request, options)).unwrap();
        let told = reply.options.into_iter().filter(|option| option.code() >= 20);
        told.collect::<Vec<_>>()
    };
    assert_eq!(
        told(&[23, 56, 59, 220]),
        [
            Dhcp6Option::DnsServers(vec![Ipv6Addr::from([0x20; 16])]),
            Dhcp6Option::BootfileUrl("http://own/".into()),
            Dhcp6Option::Unknown { code: 220, data: vec![7].into() },
            Dhcp6Option::NtpName("a".into()),
        ]
    );
    assert_eq!(told(&[56]), [Dhcp6Option::NtpName("a".into())]);
}

#[test]
fn no_answer_is_larger_than_a_packet() {
    let addresses: Vec<String> = (1..=64).map(|n| format!("2001:db8::{n:x}")).collect();
    let world = world(true, true, &addresses.iter().map(String::as_str).collect::<Vec<_>>());
    let request = message(Dhcp6Kind::Request, vec![ia(7, &[])]);
    let served = service::answer(&world, &punted(frame(&request)), SECRET).unwrap();
    assert_eq!(served.lacks, Some("a packet has no room for all of the port's"));
    let (reply, leases) = asks(&world, &request).unwrap();
    let [(7, told, None)] = &got(&reply)[..] else { panic!("{reply:?}") };
    assert!((30..64).contains(&told.len()) && bound(&leases)[0].1.len() == told.len(), "{}", told.len());
    // The client has room for what it has, too.
    let named: Vec<String> = told.iter().map(|(address, ..)| address.to_string()).collect();
    let renew = message(Dhcp6Kind::Renew, vec![ia(7, &named.iter().map(String::as_str).collect::<Vec<_>>())]);
    assert!(frame(&renew).len() <= 14 + 1430 && served.packets[0].frame.len() <= 14 + 1430);
    let (renewed, _) = asks(&world, &renew).unwrap();
    assert_eq!(&got(&renewed)[0].1, told);
}

#[test]
fn associations_that_nothing_is_for_are_told_so() {
    let world = world(true, true, &["2001:db8::77"]);
    let options = vec![
        Dhcp6Option::IaTa { iaid: 1, options: vec![] },
        Dhcp6Option::IaPd { iaid: 2, t1_s: 0, t2_s: 0, options: vec![] },
    ];
    let (reply, leases) = asks(&world, &message(Dhcp6Kind::Solicit, options)).unwrap();
    assert_eq!((reply.kind, &leases[..]), (Dhcp6Kind::Advertise, &[][..]));
    let [ta, pd] = &reply.options[reply.options.len() - 2..] else { panic!() };
    let (Dhcp6Option::IaTa { options: ta, .. }, Dhcp6Option::IaPd { options: pd, .. }) = (ta, pd) else { panic!() };
    assert_eq!(status_of(ta), Some(Dhcp6Status::NoAddrsAvail));
    assert_eq!(status_of(pd), Some(Dhcp6Status::NoPrefixAvail));
}

/// RFC 8415, 16: what is discarded.
#[test]
fn what_is_no_clients_message_gets_no_answer() {
    let world = world(true, true, &["2001:db8::77"]);
    let without = |kind, code: u16| {
        let mut message = message(kind, vec![ia(7, &["2001:db8::77"])]);
        message.options.retain(|option| option.code() != code);
        message
    };
    let to_another = |kind| {
        let mut message = without(kind, dhcp6_option::SERVERID);
        message.options.push(Dhcp6Option::ServerId(bytes::Bytes::from_static(&[9])));
        message
    };
    use Dhcp6Kind::*;
    for kind in [Solicit, Request, Confirm, Renew, Rebind, Release, Decline] {
        assert_eq!(asks(&world, &without(kind, dhcp6_option::CLIENTID)), Err("names_no_client"), "{kind:?}");
    }
    for kind in [Request, Renew, Release, Decline] {
        assert_eq!(asks(&world, &without(kind, dhcp6_option::SERVERID)), Err("names_no_server"), "{kind:?}");
        assert_eq!(asks(&world, &to_another(kind)), Err("for_another_server"), "{kind:?}");
    }
    for kind in [Solicit, Confirm, Rebind] {
        assert_eq!(asks(&world, &to_another(kind)), Err("names_a_server"), "{kind:?}");
    }
    for kind in [Advertise, Reply, Reconfigure, Other(200)] {
        assert_eq!(asks(&world, &message(kind, vec![ia(7, &[])])), Err("not_a_clients"), "{kind:?}");
    }
    assert_eq!(asks(&world, &message(InformationRequest, vec![ia(7, &[])])), Err("asks_for_both"));
    assert_eq!(asks(&world, &message(Confirm, vec![ia(7, &[])])), Err("names_no_address"));
    assert_eq!(asks(&world, &message(Request, vec![])), Err("names_no_association"));
    let whole = frame(&message(Solicit, vec![ia(7, &["2001:db8::77"])]));
    for length in 0..whole.len() {
        // Cut anywhere, it is refused or, where only options are missing, judged by what is left; nothing panics.
        let _ = service::answer(&world, &punted(whole[..length].to_vec()), SECRET);
    }
}

/// How often the host's switch punts a frame.
fn punts(world: &World, frame: &[u8]) -> usize {
    let (engine, delta) = Engine::from_scratch(features::ALL, world);
    assert_eq!((delta.faults, delta.conflicts), (vec![], vec![]));
    Switch::desired(&engine, ChassisKey(2)).run(frame, OfPort(HOST), None).punted().count()
}

#[test]
fn the_switch_punts_what_is_for_all_servers_where_somebody_is_served() {
    let solicit = frame(&message(Dhcp6Kind::Solicit, vec![ia(7, &[])]));
    assert_eq!(punts(&world(true, true, &[]), &solicit), 1);
    let mut unserved = World::default();
    unserved.commit(small(Encap::Geneve));
    assert_eq!(punts(&unserved, &solicit), 0);
}

/// A port alone is told to ask for its address; its neighbours form theirs (requirement 8).
#[test]
fn a_given_address_singles_its_port_out() {
    let adverts = |packets: &[features::punt::PacketOut]| -> Vec<(packet::MacAddr, usize, RouterAdvert)> {
        let read = packets.iter().map(|out| {
            let frame = Frame::parse(&out.frame).unwrap();
            let Net::Ipv6(ip) = &frame.net else { panic!() };
            let Ok(Some(Icmpv6::RouterAdvert(advert))) = ip.icmpv6() else { panic!() };
            (frame.ethernet.dst, out.actions.len(), advert)
        });
        read.collect()
    };
    let autonomous = |advert: &RouterAdvert| {
        advert.options.iter().find_map(|o| match o {
            NdOption::PrefixInformation { autonomous, .. } => Some(*autonomous),
            _ => None,
        })
    };
    let mut world = world(false, false, &["2001:db8::77"]);
    let mut service = ra::service::Service::default();
    service.changed(&world, &world.all_keys(), features::Millis(0), |_| false);
    service.ready(&world, ChassisKey(2), features::Millis(0));
    let due = service.due(&world, features::Millis(0));
    let of_network_1: Vec<_> = due.into_iter().filter(|out| out.frame[6..12] == due_mac()).collect();
    let all = adverts(&of_network_1);
    let (alone, others): (Vec<_>, Vec<_>) = all.iter().partition(|(to, ..)| *to == port_mac(HOST));
    let [(_, 1, advert)] = alone[..] else { panic!("{all:?}") };
    assert_eq!((advert.managed, autonomous(advert)), (true, Some(false)));
    for (to, _, advert) in others {
        assert_eq!(*to, multicast_mac(addr::ALL_NODES));
        assert_eq!((advert.managed, autonomous(advert)), (false, Some(true)));
    }
    // And when it asks; and as soon as it is as its neighbours again.
    let asked = packet::router_solicit(port_mac(HOST), link_local(port_mac(HOST))).to_vec();
    let answer = ra::service::solicited(&View::new(&world), &punted(asked)).unwrap();
    assert_eq!(adverts(&answer).iter().map(|(.., a)| autonomous(a)).collect::<Vec<_>>(), [Some(false)]);
    let committed = world.commit(vec![port(HOST, 1)]);
    let told = service.changed(&world, &committed.changed, features::Millis(10), |_| true);
    let told = adverts(&told);
    let [(to, 1, advert)] = &told[..] else { panic!("{told:?}") };
    assert_eq!((*to, advert.managed, autonomous(advert)), (port_mac(HOST), false, Some(true)));
    let committed = world.commit(vec![port(HOST, 1)]);
    assert_eq!(service.changed(&world, &committed.changed, features::Millis(20), |_| true), []);
}

/// The MAC of network 1's router.
fn due_mac() -> [u8; 6] {
    features::router::generated_mac(RouterKey(1)).0
}

/// The small site, with prefixes delegated to the host.
fn delegating(dhcp6_too: bool, prefixes: &[&str]) -> World {
    let mut world = if dhcp6_too { world(true, true, &["2001:db8::77"]) } else { World::default() };
    let mut changes = if dhcp6_too { vec![] } else { small(Encap::Geneve) };
    let Change::Port(key, Some(mut fact)) = port(HOST, 1) else { unreachable!() };
    fact.addresses = vec![v6("2001:db8::77").into()];
    let delegated =
        |text: &&str| Delegated { prefix: text.parse().unwrap(), preferred_s: 500, valid_s: 1000, advertised: false };
    fact.prefixes = prefixes.iter().map(delegated).collect();
    changes.push(Change::Port(key, Some(fact)));
    let Change::Network(key, Some(fact)) = network(1, 1500) else { unreachable!() };
    changes.push(Change::Network(key, Some(topology::Network { delegates: !prefixes.is_empty(), ..fact })));
    world.commit(changes);
    world
}

fn pd(iaid: u32, prefixes: &[&str]) -> Dhcp6Option {
    let one = |text: &&str| Dhcp6Option::IaPrefix {
        prefix: text.parse().unwrap(),
        preferred_s: 0,
        valid_s: 0,
        options: vec![],
    };
    Dhcp6Option::IaPd { iaid, t1_s: 0, t2_s: 0, options: prefixes.iter().map(one).collect() }
}

/// The prefixes of an answer's one association of them, with their preferred lifetimes, and its status.
fn got_prefixes(answer: &Dhcp6Message) -> (Vec<(Ipv6Net, u32)>, Option<Dhcp6Status>) {
    let pd = answer.options.iter().find_map(|option| match option {
        Dhcp6Option::IaPd { options, .. } => Some(options),
        _ => None,
    });
    let read = pd.unwrap().iter().filter_map(|option| match option {
        Dhcp6Option::IaPrefix { prefix, preferred_s, .. } => Some((*prefix, *preferred_s)),
        _ => None,
    });
    (read.collect(), status_of(pd.unwrap()))
}

/// RFC 8415, 6.3 and 18.3: addresses and prefixes of one message, each by its own association.
#[test]
fn prefixes_are_delegated_to_whom_they_are_routed() {
    let prefix: Ipv6Net = "2001:db8:d000:100::/56".parse().unwrap();
    let world = delegating(true, &["2001:db8:d000:100::/56"]);
    // What a client wishes for makes no difference.
    let wish = message(Dhcp6Kind::Request, vec![ia(1, &[]), pd(2, &["::/60"])]);
    let (reply, leases) = asks(&world, &wish).unwrap();
    assert_eq!(got(&reply), [(1, vec![(v6("2001:db8::77"), 500, 1000)], None)]);
    assert_eq!(got_prefixes(&reply), (vec![(prefix, 500)], None));
    let both = [(Association::Na(1), "2001:db8::77/128"), (Association::Pd(2), "2001:db8:d000:100::/56")];
    assert_eq!(bound(&leases), both.map(|(which, net)| (which, vec![net.parse().unwrap()])));
    let other = message(Dhcp6Kind::Rebind, vec![pd(2, &["2001:db8:e000::/56"])]);
    let gone = ("2001:db8:e000::/56".parse().unwrap(), 0);
    assert_eq!(got_prefixes(&asks(&world, &other).unwrap().0), (vec![(prefix, 500), gone], None));
    let back = message(Dhcp6Kind::Release, vec![pd(2, &["2001:db8:d000:100::/56"])]);
    assert_eq!(asks(&world, &back).unwrap().1, [LeaseChange::End { association: Association::Pd(2) }]);
}

/// Also where nobody is given an address; and the port alone is told to ask.
#[test]
fn prefixes_are_delegated_without_addresses_too() {
    let world = delegating(false, &["2001:db8:d000:100::/56"]);
    let ask = message(Dhcp6Kind::Solicit, vec![Dhcp6Option::RapidCommit, pd(2, &[])]);
    let (reply, leases) = asks(&world, &ask).unwrap();
    assert_eq!((got_prefixes(&reply).0.len(), leases.len()), (1, 1));
    assert_eq!(punts(&world, &frame(&ask)), 1);
    // Who has nothing any more is told so when it renews, also where nobody is served (RFC 8415, 18.3.4).
    let after = delegating(false, &[]);
    for kind in [Dhcp6Kind::Renew, Dhcp6Kind::Rebind] {
        let (reply, leases) = asks(&after, &message(kind, vec![pd(2, &["2001:db8:d000:100::/56"])])).unwrap();
        let gone = ("2001:db8:d000:100::/56".parse().unwrap(), 0);
        assert_eq!((reply.kind, got_prefixes(&reply), leases), (Dhcp6Kind::Reply, (vec![gone], None), vec![]));
        assert_eq!(asks(&after, &message(kind, vec![pd(2, &[])])), Err("not_served"));
    }
    let none = delegating(true, &[]);
    let (reply, leases) = asks(&none, &message(Dhcp6Kind::Solicit, vec![pd(2, &[])])).unwrap();
    assert_eq!((got_prefixes(&reply), leases), ((vec![], Some(Dhcp6Status::NoPrefixAvail)), vec![]));
}

/// A registration of an address, from where it is said to come.
fn registers(
    world: &World,
    from: Ipv6Addr,
    options: Vec<Dhcp6Option>,
) -> Result<(Vec<u8>, Vec<LeaseChange>), &'static str> {
    let message = Dhcp6Message { kind: Dhcp6Kind::AddrRegInform, transaction: TRANSACTION, options };
    let payload = udp(from, ALL_DHCP_SERVERS, DHCP6_CLIENT_PORT, DHCP6_SERVER_PORT, &message.emit().unwrap());
    let to = multicast_mac(ALL_DHCP_SERVERS);
    let frame = ipv6_frame(port_mac(HOST), to, from, ALL_DHCP_SERVERS, 1, protocol::UDP, &payload).to_vec();
    let served = service::answer(world, &punted(frame), SECRET)?;
    let [out] = &served.packets[..] else { panic!("{:?}", served.packets) };
    let read = Frame::parse(&out.frame).unwrap();
    let Net::Ipv6(ip) = &read.net else { panic!() };
    assert_eq!((ip.dst, read.ethernet.dst), (from, port_mac(HOST)));
    Ok((Udp::parse(&ip.payload).unwrap().payload.to_vec(), served.leases))
}

#[test]
fn a_formed_address_is_registered_from_itself_alone() {
    let own = eui64_address(prefix_of(1), port_mac(HOST));
    let world = world(false, true, &[&own.to_string()]);
    let client = || Dhcp6Option::ClientId(CLIENT.into());
    let one = |address, valid_s| Dhcp6Option::IaAddress { address, preferred_s: 300, valid_s, options: vec![] };
    let association = Association::Registered(own);
    let (answer, leases) = registers(&world, own, vec![client(), one(own, 600)]).unwrap();
    let said = Dhcp6Message { kind: Dhcp6Kind::AddrRegReply, transaction: TRANSACTION, options: vec![one(own, 600)] };
    assert_eq!(answer, said.emit().unwrap().to_vec());
    let leased = vec![IpNet::V6(own.into())];
    assert_eq!(leases, [LeaseChange::Bind { association, client: CLIENT.into(), leased, valid_s: 600 }]);
    let (_, leases) = registers(&world, own, vec![client(), one(own, 0)]).unwrap();
    assert_eq!(leases, [LeaseChange::End { association }]);
    let local = link_local(port_mac(HOST));
    let outside = v6("2001:db8:77::1");
    for (from, options, why) in [
        (own, vec![one(own, 600)], "names_no_client"),
        (own, vec![client()], "names_no_address"),
        (own, vec![client(), one(own, 600), one(own, 600)], "registers_several"),
        (own, vec![client(), one(own, 600), Dhcp6Option::ServerId(server())], "names_a_server"),
        (own, vec![client(), one(own, 600), Dhcp6Option::OptionRequest(vec![23])], "asks_for_options"),
        (local, vec![client(), one(own, 600)], "registers_anothers"),
        (local, vec![client(), one(local, 600)], "registers_off_link"),
        (outside, vec![client(), one(outside, 600)], "registers_off_link"),
    ] {
        assert_eq!(registers(&world, from, options), Err(why), "{why}");
    }
    let unheld = Ipv6Addr::from(u128::from(prefix_of(1).network()) | 0xabcd);
    assert_eq!(registers(&world, unheld, vec![client(), one(unheld, 600)]), Err("registers_unheld"));
}

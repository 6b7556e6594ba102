//! Clients that take reconfigure messages are told to renew as soon as there is something new for them, by the key that was agreed
//! on with the lease (RFC 8415, 18.3.11 and 20.4).

mod common;

use addr::{MacAddr, link_local, multicast_mac};
use bytes::Bytes;
use common::*;
use flows::PuntOp;
use packet::{
    ALL_DHCP_SERVERS, DHCP6_CLIENT_PORT, DHCP6_SERVER_PORT, Dhcp6, Dhcp6Kind, Dhcp6Message, Dhcp6Option, Frame, Net,
    Udp, duid_ll, ipv6_frame, protocol, udp,
};
use proto::v1;

/// `vm1` of acme, on the first chassis.
const BRIDGE: usize = 0;
const PORT: u32 = 11;
const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const CLIENT: &[u8] = &[0, 4, 1];
/// Within which a change is told.
const SOON_MS: u64 = 10;

fn documents(edit: impl Fn(&mut v1::Document)) -> Vec<v1::Document> {
    let mut all = site_documents();
    let spec = all[1].subnets[0].spec.as_mut().unwrap();
    spec.ipv6_ra_mode = v1::Ipv6Mode::Dhcpv6Stateful.into();
    spec.ipv6_address_mode = v1::Ipv6Mode::Dhcpv6Stateful.into();
    edit(&mut all[1]);
    all
}

fn port_spec(acme: &mut v1::Document) -> &mut v1::PortSpec {
    acme.ports[0].spec.as_mut().unwrap()
}

fn site() -> Site {
    let mut site = Site::new(bridges());
    site.apply(documents(|_| {})).unwrap();
    site.connect_all();
    site.now = 10_000;
    site
}

fn server() -> Bytes {
    duid_ll(features::router::network_mac(topology::NetworkKey(1)))
}

/// What the port's client says, and what it hears: DHCPv6 only.
fn says(site: &mut Site, kind: Dhcp6Kind, accepts: bool) -> Vec<Dhcp6Message> {
    says_of(site, kind, accepts, Dhcp6Option::IaNa { iaid: 7, t1_s: 0, t2_s: 0, options: vec![] })
}

fn says_of(site: &mut Site, kind: Dhcp6Kind, accepts: bool, association: Dhcp6Option) -> Vec<Dhcp6Message> {
    site.bridges[BRIDGE].packets.clear();
    let mut options = vec![Dhcp6Option::ClientId(CLIENT.into()), Dhcp6Option::ServerId(server())];
    options.extend(accepts.then_some(Dhcp6Option::ReconfigureAccept));
    options.push(association);
    let payload = Dhcp6Message { kind, transaction: 1, options }.emit().unwrap();
    let from = link_local(MAC);
    let payload = udp(from, ALL_DHCP_SERVERS, DHCP6_CLIENT_PORT, DHCP6_SERVER_PORT, &payload);
    let frame = ipv6_frame(MAC, multicast_mac(ALL_DHCP_SERVERS), from, ALL_DHCP_SERVERS, 1, protocol::UDP, &payload);
    from_port(site, BRIDGE, PORT, PuntOp::Dhcp6, &frame);
    heard(site).into_iter().map(|(message, _)| message).collect()
}

/// Messages with their bytes.
fn heard(site: &mut Site) -> Vec<(Dhcp6Message, Bytes)> {
    let read = site.bridges[BRIDGE].packets.drain(..).filter_map(|(_, frame)| {
        let frame = Frame::parse(&frame).ok()?;
        let Net::Ipv6(ip) = frame.net else { return None };
        let payload = Udp::parse(&ip.payload).ok()?.payload;
        let Dhcp6::Message(message) = Dhcp6::parse(&payload).ok()? else { return None };
        assert_eq!((frame.ethernet.dst, ip.dst), (MAC, link_local(MAC)));
        Some((message, Bytes::copy_from_slice(&payload)))
    });
    read.collect()
}

/// The key that a reply tells.
fn key_in(reply: &Dhcp6Message) -> Option<[u8; 16]> {
    assert_eq!(reply.kind, Dhcp6Kind::Reply);
    reply.options.iter().find_map(|option| match option {
        Dhcp6Option::Auth { protocol: 3, algorithm: 1, rdm: 0, information, .. } => {
            assert!(information[0] == 1 && reply.options.contains(&Dhcp6Option::ReconfigureAccept));
            information[1..].try_into().ok()
        }
        _ => None,
    })
}

/// Holds what is heard against what a client demands of it; how many reconfigure messages there were, and the last one's counter.
fn told(site: &mut Site, key: [u8; 16]) -> (usize, u64) {
    let mut last = (0, 0);
    for (message, bytes) in heard(site) {
        assert_eq!((message.kind, message.transaction), (Dhcp6Kind::Reconfigure, 0));
        let Some(Dhcp6Option::Auth { replay, .. }) = message.options.last() else { panic!("{message:?}") };
        assert!(*replay > last.1, "replays are known by it");
        last = (last.0 + 1, *replay);
        let mut unsigned = message.clone();
        unsigned.options.pop();
        assert_eq!(
            unsigned.options,
            [Dhcp6Option::ServerId(server()), Dhcp6Option::ClientId(CLIENT.into()), Dhcp6Option::ReconfigureMessage(5)]
        );
        assert_eq!(unsigned.emit_signed(key, *replay).unwrap(), bytes, "its digest is right");
    }
    last
}

fn with_address(last: u16) -> Vec<v1::Document> {
    let items = vec![v1::FixedIp { subnet: None, ip_address: Some(format!("2001:db8:a::{last:x}")) }];
    documents(|acme| port_spec(acme).fixed_ips = Some(v1::FixedIpList { items: items.clone() }))
}

#[test]
fn a_client_is_told_as_soon_as_its_address_is_another() {
    let mut site = site();
    let key = key_in(&says(&mut site, Dhcp6Kind::Request, true)[0]).unwrap();
    site.tick(1_000);
    assert_eq!(told(&mut site, key).0, 0);
    site.apply(with_address(0x77)).unwrap();
    site.tick(SOON_MS);
    assert_eq!(told(&mut site, key).0, 1);
    // Twice as long each time, eight times at most.
    let mut counts = Vec::new();
    for wait in [1_900, 110, 3_800, 210, 7_800, 210] {
        site.tick(wait);
        counts.push(told(&mut site, key).0);
    }
    assert_eq!(counts, [0, 1, 0, 1, 0, 1]);
    // The client does as it is told: it hears no more, and has the new address.
    let renewed = says(&mut site, Dhcp6Kind::Renew, true);
    let Some(Dhcp6Option::IaNa { options, .. }) =
        renewed[0].options.iter().find(|option| matches!(option, Dhcp6Option::IaNa { .. }))
    else {
        panic!("{renewed:?}")
    };
    assert!(matches!(options[..], [Dhcp6Option::IaAddress { address, .. }] if address.segments()[7] == 0x77));
    assert_eq!(key_in(&renewed[0]), None, "the key is told once");
    site.tick(100_000);
    assert_eq!(told(&mut site, key).0, 0);
    // And goes on with the same key, though it is another lease.
    site.apply(with_address(0x78)).unwrap();
    site.tick(SOON_MS);
    assert_eq!(told(&mut site, key).0, 1);
}

/// A prefix that is taken back where nobody else is served.
#[test]
fn a_client_is_told_when_there_is_nothing_for_it_any_more() {
    let mut site = Site::new(bridges());
    let delegation = v1::DelegationSpec {
        port: "vm1".to_owned(),
        pool: "2001:db8:d000::/40".to_owned(),
        length: 56,
        ..v1::DelegationSpec::default()
    };
    let meta = v1::Meta { name: "cpe".to_owned(), ..v1::Meta::default() };
    let mut documents = site_documents();
    documents[1].delegations = vec![v1::Delegation { meta: Some(meta), spec: Some(delegation), status: None }];
    site.apply(documents).unwrap();
    site.connect_all();
    site.now = 10_000;
    let of = |options| Dhcp6Option::IaPd { iaid: 7, t1_s: 0, t2_s: 0, options };
    let key = key_in(&says_of(&mut site, Dhcp6Kind::Request, true, of(vec![]))[0]).unwrap();
    let delete =
        v1::DeleteRequest { tenant: "acme".to_owned(), name: "cpe".to_owned(), ..v1::DeleteRequest::default() };
    site.ask(brain::Request::Delete { kind: "delegation".to_owned(), delete }).unwrap().unwrap();
    site.tick(SOON_MS);
    assert_eq!(told(&mut site, key).0, 1);
    let prefix = "2001:db8:d000::/56".parse().unwrap();
    let had = Dhcp6Option::IaPrefix { prefix, preferred_s: 0, valid_s: 0, options: vec![] };
    let renewed = says_of(&mut site, Dhcp6Kind::Renew, true, of(vec![had.clone()]));
    assert!(renewed[0].options.contains(&of(vec![had])), "{renewed:?}");
    site.tick(100_000);
    assert_eq!(told(&mut site, key).0, 0);
}

#[test]
fn options_are_told_too_and_what_is_told_already_is_not() {
    let mut site = site();
    let key = key_in(&says(&mut site, Dhcp6Kind::Request, true)[0]).unwrap();
    let option =
        v1::ExtraDhcpOpt { opt_name: "bootfile-url".into(), opt_value: "http://a/".into(), ip_version: Some(6) };
    let edits: [&dyn Fn(&mut v1::Document); 3] = [
        &|acme| port_spec(acme).extra_dhcp_opts = vec![option.clone()],
        &|acme| acme.subnets[0].spec.as_mut().unwrap().dns_nameservers = vec!["2001:db8::53".into()],
        &|acme| acme.networks[0].spec.as_mut().unwrap().dns_domain = Some("a.example".into()),
    ];
    for edit in edits {
        site.apply(documents(edit)).unwrap();
        site.tick(SOON_MS);
        assert_eq!(told(&mut site, key).0, 1);
        assert_eq!(says(&mut site, Dhcp6Kind::Renew, false).len(), 1);
    }
    // What is nothing to a client of DHCPv6 tells it nothing.
    let edit = |acme: &mut v1::Document| {
        acme.networks[0].spec.as_mut().unwrap().dns_domain = Some("a.example".into());
        port_spec(acme).extra_dhcp_opts =
            vec![v1::ExtraDhcpOpt { opt_name: "mtu".into(), opt_value: "1400".into(), ip_version: Some(4) }];
    };
    site.apply(documents(edit)).unwrap();
    site.tick(SOON_MS);
    assert_eq!(told(&mut site, key).0, 0);
}

#[test]
fn who_does_not_take_them_or_has_given_back_is_told_nothing() {
    let mut site = site();
    assert_eq!(key_in(&says(&mut site, Dhcp6Kind::Request, false)[0]), None);
    site.apply(with_address(0x77)).unwrap();
    site.tick(SOON_MS);
    assert_eq!(heard(&mut site), []);
    let key = key_in(&says(&mut site, Dhcp6Kind::Request, true)[0]).unwrap();
    assert_eq!(says(&mut site, Dhcp6Kind::Release, false).len(), 1);
    site.apply(with_address(0x78)).unwrap();
    site.tick(SOON_MS);
    assert_eq!(told(&mut site, key).0, 0);
    // Nobody that does not answer is told for ever.
    let key = key_in(&says(&mut site, Dhcp6Kind::Request, true)[0]).unwrap();
    site.apply(with_address(0x79)).unwrap();
    let mut count = 0;
    for _ in 0..2_000 {
        site.tick(1_000);
        count += told(&mut site, key).0;
    }
    assert_eq!(count, 8);
}

#[test]
fn a_restart_keeps_what_was_agreed_on() {
    let mut site = site();
    let key = key_in(&says(&mut site, Dhcp6Kind::Request, true)[0]).unwrap();
    let mut site = site.restarted();
    site.connect_all();
    site.now = 50_000;
    site.tick(1_000);
    assert_eq!(told(&mut site, key).0, 0);
    site.apply(with_address(0x77)).unwrap();
    site.tick(SOON_MS);
    assert_eq!(told(&mut site, key), (1, 51_000));
}

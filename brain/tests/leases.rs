//! Leases, from a client's message to the answer: durable before it is told, the same for whoever asks, gone with the port.

mod common;

use std::net::Ipv6Addr;

use addr::{MacAddr, link_local, multicast_mac};
use brain::{Reply, Request};
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

/// The site, its first network with stateful DHCPv6.
fn documents() -> Vec<v1::Document> {
    let mut all = site_documents();
    let spec = all[1].subnets[0].spec.as_mut().unwrap();
    spec.ipv6_ra_mode = v1::Ipv6Mode::Dhcpv6Stateful.into();
    spec.ipv6_address_mode = v1::Ipv6Mode::Dhcpv6Stateful.into();
    all
}

fn site() -> Site {
    let mut site = Site::new(bridges());
    site.apply(documents()).unwrap();
    site.connect_all();
    site.now = 10_000;
    site
}

fn frame(kind: Dhcp6Kind, client: u8, iaid: u32) -> Vec<u8> {
    let mut options = vec![Dhcp6Option::ClientId(Bytes::from(vec![0, 4, client]))];
    if kind != Dhcp6Kind::Solicit {
        options.push(Dhcp6Option::ServerId(duid_ll(features::router::network_mac(topology::NetworkKey(1)))));
    }
    options.push(Dhcp6Option::IaNa { iaid, t1_s: 0, t2_s: 0, options: vec![] });
    let message = Dhcp6Message { kind, transaction: 1, options };
    let from = link_local(MAC);
    let payload = udp(from, ALL_DHCP_SERVERS, DHCP6_CLIENT_PORT, DHCP6_SERVER_PORT, &message.emit().unwrap());
    ipv6_frame(MAC, multicast_mac(ALL_DHCP_SERVERS), from, ALL_DHCP_SERVERS, 1, protocol::UDP, &payload).to_vec()
}

/// What the port hears: kind, and addresses.
fn heard(site: &mut Site) -> Vec<(Dhcp6Kind, Vec<Ipv6Addr>)> {
    let read = site.bridges[BRIDGE].packets.drain(..).filter_map(|(_, frame)| {
        let Net::Ipv6(ip) = Frame::parse(&frame).ok()?.net else { return None };
        let Dhcp6::Message(message) = Dhcp6::parse(&Udp::parse(&ip.payload).ok()?.payload).ok()? else { return None };
        let addresses = message.options.iter().filter_map(|option| match option {
            Dhcp6Option::IaNa { options, .. } => Some(options),
            _ => None,
        });
        let addresses = addresses.flatten().filter_map(|option| match option {
            Dhcp6Option::IaAddress { address, .. } => Some(*address),
            _ => None,
        });
        Some((message.kind, addresses.collect()))
    });
    read.filter(|(kind, _)| matches!(kind, Dhcp6Kind::Advertise | Dhcp6Kind::Reply)).collect()
}

fn says(site: &mut Site, kind: Dhcp6Kind, client: u8, iaid: u32) -> Vec<(Dhcp6Kind, Vec<Ipv6Addr>)> {
    site.bridges[BRIDGE].packets.clear();
    from_port(site, BRIDGE, PORT, PuntOp::Dhcp6, &frame(kind, client, iaid));
    heard(site)
}

fn leases(site: &mut Site) -> Vec<v1::Lease> {
    match site.ask(Request::Leases(v1::LeasesRequest::default())) {
        Some(Ok(Reply::Leases(leases))) => leases,
        other => panic!("{other:?}"),
    }
}

fn stored(site: &Site) -> Vec<String> {
    site.store.entries.keys().filter(|key| key.contains("/lease/")).cloned().collect()
}

#[test]
fn a_lease_is_durable_before_it_is_told_and_outlives_a_restart() {
    let mut site = site();
    let address: Ipv6Addr = site.port("acme", "vm1").addresses[0].parse().unwrap();
    assert_eq!(says(&mut site, Dhcp6Kind::Solicit, 1, 7), [(Dhcp6Kind::Advertise, vec![address])]);
    // What is offered is written while the client reads the offer, so that its request waits for no disk.
    assert_eq!(stored(&site), ["/sextant/v1/lease/acme/vm1/na-7"]);
    site.broken_store = true;
    assert_eq!(says(&mut site, Dhcp6Kind::Request, 1, 7), [(Dhcp6Kind::Reply, vec![address])]);
    site.broken_store = false;
    let [lease] = &leases(&mut site)[..] else { panic!() };
    let recorded = 86_400_000 + 60_000;
    assert_eq!((lease.since_ms, lease.until_ms, lease.client.as_str()), (10_000, 10_000 + recorded, "000401"));
    assert_eq!((&lease.leased[..], lease.association.as_str()), (&[address.to_string()][..], "na-7"));
    // After a restart the same client goes on with it, and it began when it began.
    let mut site = site.restarted();
    site.connect_all();
    // What the disk has until then is as much as it is told for a minute: nothing is written, and the answer waits for nothing.
    (site.now, site.broken_store) = (70_000, true);
    assert_eq!(says(&mut site, Dhcp6Kind::Renew, 1, 7), [(Dhcp6Kind::Reply, vec![address])]);
    site.now = 70_001;
    assert_eq!(says(&mut site, Dhcp6Kind::Renew, 1, 7), [], "now there is something to write");
    site.broken_store = false;
    site.tick(10_000);
    assert_eq!(says(&mut site, Dhcp6Kind::Renew, 1, 7), [(Dhcp6Kind::Reply, vec![address])]);
    let [lease] = &leases(&mut site)[..] else { panic!() };
    assert_eq!((lease.since_ms, lease.until_ms), (10_000, 80_001 + recorded));
}

#[test]
fn whoever_asks_on_the_port_gets_its_address_and_the_lease() {
    let mut site = site();
    let first = says(&mut site, Dhcp6Kind::Request, 1, 7);
    let second = says(&mut site, Dhcp6Kind::Request, 2, 8);
    assert_eq!(first, second);
    assert_eq!(stored(&site), ["/sextant/v1/lease/acme/vm1/na-8"], "one address, one lease");
    assert_eq!(says(&mut site, Dhcp6Kind::Release, 2, 8), [(Dhcp6Kind::Reply, vec![])]);
    assert!(stored(&site).is_empty());
}

#[test]
fn nothing_is_told_that_the_store_does_not_have() {
    let mut site = site();
    site.broken_store = true;
    assert_eq!(says(&mut site, Dhcp6Kind::Solicit, 1, 7).len(), 1, "an offer is no promise");
    site.tick(2_000);
    assert_eq!(says(&mut site, Dhcp6Kind::Request, 1, 7), []);
    site.broken_store = false;
    site.tick(2_000);
    assert_eq!((heard(&mut site), stored(&site).len()), (vec![], 0));
    assert_eq!(says(&mut site, Dhcp6Kind::Request, 1, 7).len(), 1, "the client asks again");
    assert_eq!(stored(&site).len(), 1);
}

#[test]
fn a_lease_goes_with_what_it_is_of() {
    let mut site = site();
    says(&mut site, Dhcp6Kind::Request, 1, 7);
    let mut other = documents();
    let items = vec![v1::FixedIp { subnet: None, ip_address: Some("2001:db8:a::77".to_owned()) }];
    other[1].ports[0].spec.as_mut().unwrap().fixed_ips = Some(v1::FixedIpList { items });
    site.apply(other.clone()).unwrap();
    assert!(stored(&site).is_empty(), "the port has another address");
    let moved = says(&mut site, Dhcp6Kind::Renew, 1, 7);
    assert_eq!(moved, [(Dhcp6Kind::Reply, vec!["2001:db8:a::77".parse().unwrap()])]);
    assert_eq!(stored(&site).len(), 1);
    let delete =
        v1::DeleteRequest { tenant: "acme".to_owned(), name: "vm1".to_owned(), ..v1::DeleteRequest::default() };
    assert!(site.ask(Request::Delete { kind: "port".to_owned(), delete }).unwrap().is_ok());
    assert!(stored(&site).is_empty());
}

/// A subnet gets another prefix: its leases have both, over a restart in the middle, and then the new one.
#[test]
fn a_renumbering_ends_by_the_clock() {
    let mut site = site();
    let old: Ipv6Addr = site.port("acme", "vm1").addresses[0].parse().unwrap();
    let subnet = documents()[1].subnets[0].meta.as_ref().unwrap().name.clone();
    let meta = v1::Meta { name: "move".to_owned(), tenant: "acme".to_owned(), ..v1::Meta::default() };
    let spec = v1::RenumberingSpec { subnet, cidr: "2001:db8:c::/64".to_owned(), overlap_s: Some(60) };
    let renumbering = v1::Renumbering { meta: Some(meta), spec: Some(spec), status: None };
    site.apply(vec![v1::Document { renumberings: vec![renumbering], ..v1::Document::default() }]).unwrap();
    site.now = 40_000;
    let new: Ipv6Addr = (u128::from(old) & u128::from(u64::MAX) | 0x2001_0db8_000c_u128 << 80).into();
    assert_eq!(says(&mut site, Dhcp6Kind::Request, 1, 7), [(Dhcp6Kind::Reply, vec![old, new])]);
    let mut site = site.restarted();
    site.connect_all();
    site.now = 69_000;
    site.tick(0);
    assert_eq!(says(&mut site, Dhcp6Kind::Renew, 1, 7), [(Dhcp6Kind::Reply, vec![old, new])]);
    site.now = 70_000;
    site.tick(0);
    assert_eq!(leases(&mut site)[0].leased, [new.to_string()], "the old address is nobody's");
    assert_eq!(says(&mut site, Dhcp6Kind::Renew, 1, 7), [(Dhcp6Kind::Reply, vec![new])]);
    assert!(!site.port("acme", "vm1").addresses.contains(&old.to_string()));
    site.installed().unwrap();
}

/// Events of one type: the port that each is about, and its words.
fn told_of(site: &Site, kind: &str) -> Vec<(String, String)> {
    let of = site.happened.iter().filter(|event| event.r#type == kind);
    of.map(|event| (event.name.clone(), event.message.clone())).collect()
}

#[test]
fn who_gets_nothing_is_told_so_and_operators_now_and_then() {
    let mut site = site();
    let mut other = documents();
    other[1].ports[0].spec.as_mut().unwrap().fixed_ips = Some(v1::FixedIpList::default());
    site.apply(other).unwrap();
    for _ in 0..5 {
        for kind in [Dhcp6Kind::Solicit, Dhcp6Kind::Request] {
            let answers = says(&mut site, kind, 1, 7);
            assert!(matches!(&answers[..], [(_, addresses)] if addresses.is_empty()), "{answers:?}");
        }
    }
    assert!(stored(&site).is_empty());
    let words = "dhcp6: a client asks for addresses, and there is none left for the port".to_owned();
    assert_eq!(told_of(&site, "lease.refused"), [("vm1".to_owned(), words)]);
    site.tick(11_000);
    says(&mut site, Dhcp6Kind::Solicit, 1, 7);
    assert_eq!(told_of(&site, "lease.refused").len(), 2);
}

#[test]
fn what_no_good_client_sends_is_told_of() {
    let mut site = site();
    let whole = frame(Dhcp6Kind::Solicit, 1, 7);
    for length in 70..whole.len() {
        from_port(&mut site, BRIDGE, PORT, PuntOp::Dhcp6, &whole[..length]);
    }
    let [(port, words)] = &told_of(&site, "dhcp6.drop")[..] else { panic!("{:?}", told_of(&site, "dhcp6.drop")) };
    assert_eq!((port.as_str(), words.as_str()), ("vm1", "a message gets no answer: malformed"));
    assert_eq!(says(&mut site, Dhcp6Kind::Solicit, 1, 7).len(), 1);
}

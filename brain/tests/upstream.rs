//! A router's delegation from upstream: asked for by a gateway, kept over a restart and the gateway's loss, given back.

mod common;

use addr::{Ipv6Net, link_local};
use brain::Request;
use bytes::Bytes;
use common::*;
use flows::{PuntOp, Reg};
use ofp::Match;
use packet::{
    DHCP6_CLIENT_PORT, DHCP6_SERVER_PORT, Dhcp6, Dhcp6Kind, Dhcp6Message, Dhcp6Option, Frame, Net, Udp, ipv6_frame,
    protocol, udp,
};
use proto::v1::{self, resource::Kind};

const UPLINK: u32 = 50;
const SERVER: &[u8] = &[0, 3, 0, 1, 2, 0, 0, 0, 0xaa, 1];

fn documents() -> Vec<v1::Document> {
    let mut documents = site_documents_with_a_way_out();
    let acme = &mut documents[1];
    let cidr = "2001:db8:100::/64".to_owned();
    let spec = v1::SubnetSpec { network: "public".to_owned(), cidr, ..v1::SubnetSpec::default() };
    acme.subnets.push(v1::Subnet { meta: meta("public6"), spec: Some(spec), status: None });
    acme.subnets[0].spec.as_mut().unwrap().cidr = String::new();
    acme.routers[0].spec.as_mut().unwrap().external_gateway = Some(v1::ExternalGateway {
        network: "public".to_owned(),
        ip_addresses: vec!["2001:db8:100::10".to_owned()],
        enable_snat: None,
    });
    let spec = v1::DelegationSpec {
        router: "r1".to_owned(),
        upstream: "public".to_owned(),
        hint: Some("::/56".to_owned()),
        subnets: vec![v1::DelegatedSubnet { subnet: "red6".to_owned(), length: None }],
        ..v1::DelegationSpec::default()
    };
    acme.delegations.push(v1::Delegation { meta: meta("uplink"), spec: Some(spec), status: None });
    documents
}

fn site() -> Site {
    let mut bridges = bridges();
    bridges[..2].iter_mut().for_each(|bridge| bridge.ports.push((UPLINK, "eth1".to_owned())));
    let mut site = Site::new(bridges);
    site.apply(documents()).unwrap();
    site.connect_all();
    site
}

/// What was asked upstream since: the bridge, the frame, and the message.
fn asked(site: &mut Site) -> Vec<(usize, Frame, Dhcp6Message)> {
    let all = site.bridges.iter_mut().enumerate().flat_map(|(at, bridge)| {
        let packets: Vec<_> = bridge.packets.drain(..).collect();
        packets.into_iter().map(move |(_, frame)| (at, frame))
    });
    let read = all.filter_map(|(at, frame)| {
        let frame = Frame::parse(&frame).ok()?;
        let Net::Ipv6(ip) = &frame.net else { return None };
        let datagram = Udp::parse(&ip.payload).ok().filter(|datagram| datagram.dport == DHCP6_SERVER_PORT)?;
        let Ok(Dhcp6::Message(message)) = Dhcp6::parse(&datagram.payload) else { return None };
        Some((at, frame, message))
    });
    read.collect()
}

/// The server answers what was asked last, until nothing more is; the kinds that it heard.
fn serve(site: &mut Site, prefix: &str) -> Vec<(usize, Dhcp6Kind)> {
    let mut heard = Vec::new();
    loop {
        let Some((bridge, frame, message)) = asked(site).pop() else { return heard };
        heard.push((bridge, message.kind));
        let kind = if message.kind == Dhcp6Kind::Solicit { Dhcp6Kind::Advertise } else { Dhcp6Kind::Reply };
        let (mut options, mut iaid) = (vec![Dhcp6Option::ServerId(Bytes::from_static(SERVER))], 0);
        for option in message.options {
            match option {
                Dhcp6Option::IaPd { iaid: own, .. } => iaid = own,
                Dhcp6Option::ClientId(_) => options.push(option),
                _ => {}
            }
        }
        let prefix: Ipv6Net = prefix.parse().unwrap();
        let given = Dhcp6Option::IaPrefix { prefix, preferred_s: 1_000, valid_s: 2_000, options: vec![] };
        options.push(Dhcp6Option::IaPd { iaid, t1_s: 500, t2_s: 800, options: vec![given] });
        if kind == Dhcp6Kind::Advertise {
            options.push(Dhcp6Option::Preference(255));
        }
        let answer = Dhcp6Message { kind, transaction: message.transaction, options };
        let (mac, from) = (frame.ethernet.src, "fe80::aa".parse().unwrap());
        let to = link_local(mac);
        let payload = udp(from, to, DHCP6_SERVER_PORT, DHCP6_CLIENT_PORT, &answer.emit().unwrap());
        let server = "02:00:00:00:aa:01".parse().unwrap();
        let frame = ipv6_frame(server, mac, from, to, 64, protocol::UDP, &payload);
        let network = number(site, "network", "public");
        let router = number(site, "router", "r1");
        let mut metadata = Match::new();
        for (register, value) in [(Reg::PuntOp, PuntOp::Upstream as u64), (Reg::Net, network), (Reg::Router, router)] {
            let (value, mask) = register.matching(value);
            metadata = metadata.masked(register.field(), value, mask);
        }
        punt(site, bridge, UPLINK, features::provider::USERDATA_LOCALNET, metadata, &frame);
    }
}

/// The number that a resource has in registers, off the store.
fn number(site: &Site, kind: &str, name: &str) -> u64 {
    use prost::Message as _;
    let (value, _) = &site.store.entries[&format!("/sextant/v1/{kind}/acme/{name}")];
    v1::Record::decode(&value[..]).unwrap().key.into()
}

fn status(site: &mut Site) -> v1::DelegationStatus {
    let shown = site.list("delegation").remove(0);
    let Some(Kind::Delegation(delegation)) = shown.kind else { panic!("{shown:?}") };
    delegation.status.unwrap()
}

fn given(site: &mut Site) -> Vec<String> {
    status(site).subnets.into_iter().map(|one| one.prefix).collect()
}

#[test]
fn it_is_asked_for_kept_over_a_restart_and_given_back() {
    let mut site = site();
    assert_eq!(status(&mut site).phase(), v1::Phase::Pending);
    site.tick(1_000);
    let all = asked(&mut site);
    let [(bridge, frame, message)] = &all[..] else { panic!("{all:?}") };
    assert_eq!((*bridge, message.kind), (1, Dhcp6Kind::Solicit), "one gateway asks");
    assert_eq!(frame.ipv6().unwrap().src, link_local(frame.ethernet.src));
    assert!(status(&mut site).reason.contains("no delegating router has answered hv2"), "{:?}", status(&mut site));
    assert_eq!(site.port("acme", "vm1").addresses, ["fe80::ff:fe00:1"]);
    site.tick(1_200);
    let heard = serve(&mut site, "2001:db8:500::/56");
    assert_eq!(heard, [(1, Dhcp6Kind::Solicit), (1, Dhcp6Kind::Request)]);
    assert_eq!(
        (status(&mut site).phase(), given(&mut site)),
        (v1::Phase::Active, vec!["2001:db8:500::/64".to_owned()])
    );
    assert_eq!(site.port("acme", "vm1").addresses, ["2001:db8:500::ff:fe00:1", "fe80::ff:fe00:1"]);
    // Another controller goes on with it, and renews when it is time.
    let now = site.now;
    let mut site = site.restarted();
    site.now = now + 1_000;
    site.connect_all();
    assert_eq!(given(&mut site), ["2001:db8:500::/64"]);
    assert_eq!(asked(&mut site).len(), 0, "nothing is asked anew");
    site.tick(500_000);
    assert_eq!(serve(&mut site, "2001:db8:500::/56"), [(1, Dhcp6Kind::Renew)]);
    // The gateway that asks is gone: the other one does.
    site.disconnect(1);
    site.tick(300);
    site.tick(500_000);
    site.tick(500);
    assert_eq!(serve(&mut site, "2001:db8:500::/56").last(), Some(&(0, Dhcp6Kind::Renew)));
    // Nobody answers: it is told, and ends.
    site.tick(801_000);
    let late = status(&mut site);
    assert!(late.phase() == v1::Phase::Degraded && late.reason.contains("not prolonged"), "{late:?}");
    asked(&mut site);
    site.tick(1_200_000);
    assert_eq!((given(&mut site), status(&mut site).phase()), (vec![], v1::Phase::Pending));
    assert_eq!(site.port("acme", "vm1").addresses, ["fe80::ff:fe00:1"]);
    // The next one; then it is deleted.
    asked(&mut site);
    for _ in 0..40 {
        site.tick(1_000);
        serve(&mut site, "2001:db8:600::/56");
    }
    assert_eq!(given(&mut site), ["2001:db8:600::/64"]);
    let delete =
        v1::DeleteRequest { tenant: "acme".to_owned(), name: "uplink".to_owned(), ..v1::DeleteRequest::default() };
    site.ask(Request::Delete { kind: "delegation".to_owned(), delete }).unwrap().unwrap();
    assert_eq!(serve(&mut site, "2001:db8:600::/56"), [(0, Dhcp6Kind::Release)]);
    site.tick(10_000);
    assert_eq!(serve(&mut site, "2001:db8:600::/56"), [], "once is enough");
}

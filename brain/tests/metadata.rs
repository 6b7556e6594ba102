//! The metadata service, from the intent to what a port hears; its addresses, which nobody learns; and a trace to it.

mod common;

use addr::{MacAddr, link_local};
use brain::{Reply, Request};
use common::*;
use features::metadata;
use flows::PuntOp;
use packet::{Frame, Net, Tcp, ipv6_frame, protocol, tcp};
use proto::v1;

/// `vm1` of acme, on the first chassis; umbra's is the same to look at.
const BRIDGE: usize = 0;
const PORTS: [u32; 2] = [11, 21];
const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

fn documents() -> Vec<v1::Document> {
    let mut all = site_documents();
    for document in &mut all[1..] {
        let spec = document.ports[0].spec.as_mut().unwrap();
        spec.user_data = Some(format!("#cloud-config of {}", document.tenant));
        spec.device_id = Some("the-vm".to_owned());
        document.ports[3].spec.as_mut().unwrap().device_id = Some("the-vm".to_owned());
    }
    all
}

fn site() -> Site {
    let mut site = Site::new(bridges());
    site.apply(documents()).unwrap();
    site.connect_all();
    site.now = 10_000;
    site
}

fn say(site: &mut Site, port: u32, seq: u32, ack: u32, flags: u8, payload: &str) -> Vec<Tcp> {
    let (from, to) = (link_local(MAC), metadata::OPENSTACK);
    let payload = bytes::Bytes::copy_from_slice(payload.as_bytes());
    let segment = Tcp { sport: 4053, dport: 80, seq, ack, flags, window: 60_000, payload, ..Tcp::default() };
    let frame = ipv6_frame(MAC, metadata::MAC, from, to, 64, protocol::TCP, &tcp(from, to, &segment));
    from_port(site, BRIDGE, port, PuntOp::Metadata, &frame);
    let read = site.bridges[BRIDGE].packets.drain(..).filter_map(|(actions, frame)| {
        let Net::Ipv6(ip) = Frame::parse(&frame).ok()?.net else { return None };
        let segment = Tcp::parse(&ip.payload).ok().filter(|segment| ip.next == protocol::TCP && segment.sport == 80)?;
        assert!(matches!(actions[..], [ofp::Action::Output { port: to, .. }] if to.0 == port));
        Some(segment)
    });
    read.collect()
}

fn get(site: &mut Site, port: u32, path: &str) -> String {
    let opened = say(site, port, 1, 0, Tcp::SYN, "");
    let [Tcp { seq, flags, .. }] = opened[..] else { panic!("{opened:?}") };
    assert_eq!(flags, Tcp::SYN | Tcp::ACK);
    let request = format!("GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n");
    let answers = say(site, port, 2, seq + 1, Tcp::ACK, &request);
    let all: Vec<u8> = answers.iter().flat_map(|segment| segment.payload.to_vec()).collect();
    assert!(answers.last().unwrap().flags & Tcp::FIN != 0);
    // The client's last word.
    say(site, port, 2 + request.len() as u32, 0, Tcp::RST, "");
    String::from_utf8(all).unwrap()
}

#[test]
fn each_tenants_vm_is_told_its_own() {
    let mut site = site();
    for (port, tenant) in PORTS.into_iter().zip(["acme", "umbra"]) {
        let told = get(&mut site, port, "/openstack/latest/user_data");
        assert!(told.starts_with("HTTP/1.1 200 OK") && told.ends_with(&format!("#cloud-config of {tenant}")), "{told}");
        let told = get(&mut site, port, "/openstack/latest/meta_data.json");
        assert!(told.contains(r#""uuid":"the-vm""#) && told.contains(&format!(r#""project_id":"{tenant}""#)), "{told}");
        // Of its other port too, and of no other tenant's.
        let told = get(&mut site, port, "/openstack/latest/network_data.json");
        assert_eq!(told.matches("ethernet_mac_address").count(), 2, "{told}");
    }
    // What is changed is told from then on, without a flow.
    let before = site.flow_mods();
    let mut changed = documents();
    changed[1].ports[0].spec.as_mut().unwrap().user_data = Some("other".to_owned());
    site.apply(changed).unwrap();
    assert!(get(&mut site, PORTS[0], "/latest/user-data").ends_with("other"));
    assert_eq!(site.flow_mods(), before);
}

#[test]
fn what_is_silent_is_given_up_by_the_clock() {
    let mut site = site();
    assert_eq!(say(&mut site, PORTS[0], 1, 0, Tcp::SYN, "").len(), 1);
    assert!(site.brain.next_due().is_some_and(|due| due.0 <= site.now + 10_000));
    for _ in 0..70 {
        site.tick(1_000);
    }
    site.bridges[BRIDGE].packets.clear();
    let answers = say(&mut site, PORTS[0], 2, 1, Tcp::ACK, "GET / HTTP/1.1\r\n\r\n");
    assert!(matches!(&answers[..], [reset] if reset.flags & Tcp::RST != 0), "{answers:?}");
}

#[test]
fn more_connections_than_may_be_are_told_of() {
    let mut site = site();
    for n in 0..9u16 {
        let (from, to) = (link_local(MAC), metadata::OPENSTACK);
        let segment = Tcp { sport: 1000 + n, dport: 80, flags: Tcp::SYN, window: 1000, ..Tcp::default() };
        let frame = ipv6_frame(MAC, metadata::MAC, from, to, 64, protocol::TCP, &tcp(from, to, &segment));
        from_port(&mut site, BRIDGE, PORTS[0], PuntOp::Metadata, &frame);
    }
    let told: Vec<_> = site.happened.iter().filter(|event| event.r#type == "metadata.refused").collect();
    assert!(matches!(&told[..], [event] if event.name == "vm1" && event.tenant == "acme"), "{told:?}");
}

#[test]
fn a_trace_ends_at_the_service() {
    let mut site = site();
    for to in ["fe80::a9fe:a9fe", "fd00:ec2::254"] {
        let packet = format!("tcp from fe80::ff:fe00:1 to {to} dport 80");
        let request = v1::TraceRequest { port: "acme/vm1".to_owned(), packet };
        let Some(Ok(Reply::Traced(traced))) = site.ask(Request::Trace(request)) else { panic!() };
        assert_eq!(traced.outcomes, ["answered: metadata"], "{to}");
    }
}

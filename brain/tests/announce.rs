//! Announcements, from the request that changes a MAC to the packets that switches are given.

mod common;

use common::*;
use packet::{Frame, Icmpv6, Net};
use proto::v1;

/// Targets, MACs and times of what the bridges were told to send, beginning with now.
fn adverts(site: &mut Site, ms: u64) -> Vec<(usize, String, packet::MacAddr, u64)> {
    let mut found = Vec::new();
    for elapsed in (0..=ms).step_by(100) {
        for (index, bridge) in site.bridges.iter_mut().enumerate() {
            for (_, data) in bridge.packets.drain(..) {
                let frame = Frame::parse(&data).unwrap();
                let Net::Ipv6(ip) = frame.net else { continue };
                if let Ok(Some(Icmpv6::NeighborAdvert { target, .. })) = ip.icmpv6() {
                    found.push((index, target.to_string(), frame.ethernet.src, elapsed));
                }
            }
        }
        site.tick(100);
    }
    found
}

#[test]
fn neighbours_are_told_of_a_router_s_new_mac() {
    let mut site = Site::new(bridges());
    site.connect_all();
    site.apply(site_documents()).unwrap();
    assert_eq!(adverts(&mut site, 5_000), [], "a new site has no news");

    let mac = "02:00:00:00:99:99";
    let interface =
        v1::RouterInterface { subnet: "red6".to_owned(), mac_address: Some(mac.to_owned()), ..Default::default() };
    let mut documents = site_documents();
    let router = documents[1].routers[0].spec.as_mut().unwrap();
    router.interfaces[0] = interface;
    site.apply(documents).unwrap();
    let found = adverts(&mut site, 5_000);
    for bridge in 0..3 {
        for target in ["2001:db8:a::", "fe80::1"] {
            let of = found.iter().filter(|(b, t, ..)| (*b, t.as_str()) == (bridge, target));
            assert_eq!(of.map(|(.., at)| *at).collect::<Vec<_>>(), [100, 1_100, 2_100], "{target} by bridge {bridge}");
        }
    }
    assert_eq!(found.len(), 3 * 2 * 3);
    assert!(found.iter().all(|(_, _, from, _)| from.to_string() == mac));
}

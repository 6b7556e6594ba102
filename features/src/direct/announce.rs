//! What a pass-through NIC must hear when another chassis serves it: that the addresses it may have learnt are at that one's MACs.

use std::net::IpAddr;

use packet::{Advertised, arp_request, neighbor_advert};
use topology::{PortKey, View, World};

use super::speaks_from;
use crate::punt::PacketOut;
use crate::router::{self, sends_from};
use crate::{dns, metadata};

/// Unsolicited advertisements that override (RFC 4861, 7.2.6), and ARP announcements (RFC 5227, 2.3), to the NIC alone: of all routers on its
/// network, the network's name server and the metadata service.
pub fn frames(world: &World, key: PortKey) -> Vec<PacketOut> {
    let view = View::new(world);
    let (Some(port), Some(place)) = (view.port(key), view.place(key)) else { return Vec::new() };
    if place.beyond().is_none() {
        return Vec::new();
    }
    let mut said = Vec::new();
    for (router, subnet) in view.interfaces_on(port.network) {
        let mac = sends_from(place.chassis, router);
        said.extend(router::addresses(&view, router, subnet).into_iter().map(|address| (address, mac)));
    }
    let own = dns::server::on_link(&view, port.network).map(IpAddr::V6);
    let service = [metadata::OPENSTACK.into(), metadata::EC2.into(), metadata::IPV4.into()];
    said.extend(own.into_iter().chain(service).map(|address| (address, speaks_from(place.chassis))));
    let frame = |(address, mac)| {
        let frame = match address {
            IpAddr::V6(target) => {
                let what = Advertised { mac, target, src: target, router: true, override_: true };
                neighbor_advert(&what, None).to_vec()
            }
            IpAddr::V4(address) => arp_request(mac, address, address).to_vec(),
        };
        PacketOut::to(place, to_one(frame, port.mac))
    };
    said.into_iter().map(frame).collect()
}

/// A frame for many, for one alone (RFC 6085).
fn to_one(mut frame: Vec<u8>, mac: addr::MacAddr) -> Vec<u8> {
    if let Some(destination) = frame.get_mut(..6) {
        destination.copy_from_slice(&mac.0);
    }
    frame
}

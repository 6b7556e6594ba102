//! A DHCPv6 client on every port, as its switch punts what it says.

use addr::{OfPort, link_local, multicast_mac};
use brain::{Punt, SwitchEvent};
use flows::{PuntOp, Reg};
use ofp::Match;
use packet::{
    ALL_DHCP_SERVERS, DHCP6_CLIENT_PORT, DHCP6_SERVER_PORT, Dhcp6Kind, Dhcp6Message, Dhcp6Option, duid_ll, ipv6_frame,
    protocol, udp,
};

use crate::site::{Site, mac, network_of};

/// What a port's client says in an exchange of four messages.
pub(crate) fn solicit_and_request(site: Site, p: u32) -> [SwitchEvent; 2] {
    let client = Dhcp6Option::ClientId(duid_ll(mac(p)));
    let server = duid_ll(features::router::network_mac(topology::NetworkKey(network_of(p))));
    [
        said(site, p, Dhcp6Kind::Solicit, vec![client.clone()]),
        said(site, p, Dhcp6Kind::Request, vec![client, Dhcp6Option::ServerId(server)]),
    ]
}

fn said(site: Site, p: u32, kind: Dhcp6Kind, mut options: Vec<Dhcp6Option>) -> SwitchEvent {
    options.push(Dhcp6Option::IaNa { iaid: p, t1_s: 0, t2_s: 0, options: vec![] });
    let message = Dhcp6Message { kind, transaction: p & 0xff_ffff, options };
    let (mac, from) = (mac(p), link_local(mac(p)));
    let payload = message.emit().unwrap_or_default();
    let payload = udp(from, ALL_DHCP_SERVERS, DHCP6_CLIENT_PORT, DHCP6_SERVER_PORT, &payload);
    let frame = ipv6_frame(mac, multicast_mac(ALL_DHCP_SERVERS), from, ALL_DHCP_SERVERS, 1, protocol::UDP, &payload);
    let (value, mask) = Reg::PuntOp.matching(PuntOp::Dhcp6 as u64);
    let metadata = Match::new().masked(Reg::PuntOp.field(), value, mask);
    let (value, mask) = Reg::Net.matching(network_of(p).into());
    let metadata = metadata.masked(Reg::Net.field(), value, mask);
    // As the port's row says it: keys were handed out in the order of the documents.
    let userdata = [&[1][..], &p.to_be_bytes()].concat();
    SwitchEvent::Packet(Punt { in_port: OfPort(site.number(p)), metadata, userdata, data: frame.to_vec() })
}

//! What a frame tells about the host that sent it: its MAC, and which addresses it uses.

use std::net::IpAddr;

use addr::MacAddr;
use packet::{ETHERTYPE_LLDP, Frame, Icmpv6, Ipv6Packet, NdOption, Net, OP_REQUEST};

use crate::punt::Unanswered;

/// `01:80:c2:00:00:0X`: what bridges say to each other (IEEE 802.1Q, 8.6.3), LLDP among it.
const LINK_LOCAL_GROUPS: [u8; 5] = [0x01, 0x80, 0xc2, 0x00, 0x00];

/// How a frame shows that its sender uses an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It asks whether anybody has it, before it takes it (RFC 4862, 5.4; RFC 5227, 2.1).
    Dad,
    /// It speaks of it in neighbour discovery.
    Nd,
    /// It speaks of it in ARP.
    Arp,
    /// It sends a packet from it.
    Data,
}

/// What a frame tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The sender's MAC.
    pub mac: MacAddr,
    /// The addresses that it says are its own; two at most.
    pub addresses: Vec<(IpAddr, Proof)>,
}

/// Hears a frame, or says why nothing can be believed of it. Whether the addresses can be a host's is not judged.
pub fn hear(bytes: &[u8]) -> Result<Heard, Unanswered> {
    let frame = Frame::parse(bytes).map_err(|_| "malformed")?;
    let mac = frame.ethernet.src;
    if frame.ethernet.ethertype == ETHERTYPE_LLDP || frame.ethernet.dst.0[..5] == LINK_LOCAL_GROUPS {
        return Err("link_protocol");
    }
    if mac.is_multicast() || mac == MacAddr::ZERO {
        return Err("no_hosts_mac");
    }
    if !frame.ethernet.vlans.is_empty() {
        return Err("vlan_tag");
    }
    let addresses = match &frame.net {
        Net::Ipv6(ip) => from_ipv6(ip, mac)?,
        Net::Ipv4(ip) => vec![(IpAddr::V4(ip.src), Proof::Data)],
        // A relay speaks for another host.
        Net::Arp(arp) if arp.sha != mac => return Err("foreign_sender"),
        Net::Arp(arp) if arp.op == OP_REQUEST && arp.spa.is_unspecified() => vec![(IpAddr::V4(arp.tpa), Proof::Dad)],
        Net::Arp(arp) => vec![(IpAddr::V4(arp.spa), Proof::Arp)],
        Net::Other(_) => Vec::new(),
    };
    let addresses = addresses.into_iter().filter(|(address, _)| !address.is_unspecified()).collect();
    Ok(Heard { mac, addresses })
}

fn from_ipv6(ip: &Ipv6Packet, mac: MacAddr) -> Result<Vec<(IpAddr, Proof)>, Unanswered> {
    let source = |proof| (IpAddr::V6(ip.src), proof);
    // Fragments have no message to read; discovery in fragments is dropped by the switch.
    let message = match ip.fragment() {
        None => ip.icmpv6().map_err(|_| "malformed")?,
        Some(_) => None,
    };
    Ok(match message {
        Some(Icmpv6::NeighborSolicit { target, .. }) if ip.src.is_unspecified() => {
            vec![(IpAddr::V6(target), Proof::Dad)]
        }
        Some(Icmpv6::NeighborAdvert { target, options, .. }) => {
            let foreign = |option: &NdOption| matches!(option, NdOption::TargetLinkLayer(other) if *other != mac);
            if options.iter().any(foreign) {
                return Err("foreign_sender");
            }
            let target = (IpAddr::V6(target), Proof::Nd);
            if target.0 == ip.src { vec![target] } else { vec![target, source(Proof::Nd)] }
        }
        Some(Icmpv6::NeighborSolicit { .. } | Icmpv6::RouterSolicit { .. }) => vec![source(Proof::Nd)],
        // The switch drops them from hosts: nothing is learned from them either.
        Some(Icmpv6::RouterAdvert(_) | Icmpv6::Redirect { .. }) => Vec::new(),
        _ => vec![source(Proof::Data)],
    })
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use packet::{Advertised, Ethernet, arp_request, neighbor_advert, neighbor_solicit, router_solicit};

    use super::*;

    const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 7]);

    fn a(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn v6(text: &str) -> Ipv6Addr {
        text.parse().unwrap()
    }

    fn addresses(frame: &[u8]) -> Vec<(IpAddr, Proof)> {
        let heard = hear(frame).unwrap();
        assert_eq!(heard.mac, MAC);
        heard.addresses
    }

    #[test]
    fn discovery_tells_addresses() {
        let probe = neighbor_solicit(MAC, Ipv6Addr::UNSPECIFIED, v6("2001:db8::7"));
        assert_eq!(addresses(&probe), [(a("2001:db8::7"), Proof::Dad)]);
        let question = neighbor_solicit(MAC, v6("fe80::7"), v6("fe80::8"));
        assert_eq!(addresses(&question), [(a("fe80::7"), Proof::Nd)]);
        assert_eq!(addresses(&router_solicit(MAC, Ipv6Addr::UNSPECIFIED)), []);
        let advert = |mac, src| {
            let what = Advertised { mac, target: v6("2001:db8::7"), src: v6(src), router: false, override_: true };
            let mut frame = neighbor_advert(&what, None).to_vec();
            frame[6..12].copy_from_slice(&MAC.0);
            frame
        };
        assert_eq!(addresses(&advert(MAC, "2001:db8::7")), [(a("2001:db8::7"), Proof::Nd)]);
        assert_eq!(addresses(&advert(MAC, "fe80::7")), [(a("2001:db8::7"), Proof::Nd), (a("fe80::7"), Proof::Nd)]);
        assert_eq!(hear(&advert(MacAddr([2, 0, 0, 0, 0, 8]), "2001:db8::7")), Err("foreign_sender"));
    }

    #[test]
    fn arp_and_data_tell_addresses() {
        let question = arp_request(MAC, Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
        assert_eq!(addresses(&question), [(a("10.0.0.1"), Proof::Arp)]);
        let probe = arp_request(MAC, Ipv4Addr::UNSPECIFIED, Ipv4Addr::new(10, 0, 0, 2));
        assert_eq!(addresses(&probe), [(a("10.0.0.2"), Proof::Dad)]);
        let mut relayed = question.to_vec();
        relayed[22] = 0x12;
        assert_eq!(hear(&relayed), Err("foreign_sender"));
        let other = MacAddr([2, 0, 0, 0, 0, 9]);
        let data = packet::ipv6_frame(MAC, other, v6("2001:db8::7"), v6("2001:db8::9"), 64, 59, &[]);
        assert_eq!(addresses(&data), [(a("2001:db8::7"), Proof::Data)]);
    }

    #[test]
    fn what_no_host_says_teaches_nothing() {
        let frame =
            |dst: [u8; 6], src: MacAddr, ethertype| Ethernet::untagged(src, MacAddr(dst), ethertype).emit(&[0; 46]);
        let bridges = [0x01, 0x80, 0xc2, 0, 0, 0x0e];
        assert_eq!(hear(&frame(bridges, MAC, 0x1234)), Err("link_protocol"));
        assert_eq!(hear(&frame([2, 0, 0, 0, 0, 1], MAC, ETHERTYPE_LLDP)), Err("link_protocol"));
        for mac in [MacAddr::ZERO, MacAddr([1, 0, 0, 0, 0, 1]), MacAddr([0xff; 6])] {
            assert_eq!(hear(&frame([0xff; 6], mac, 0x1234)), Err("no_hosts_mac"));
        }
        let mut question = neighbor_solicit(MAC, v6("fe80::7"), v6("fe80::8")).to_vec();
        question[21] = 64;
        assert_eq!(hear(&question), Err("malformed"), "its hop limit is not 255");
        assert_eq!(hear(&[0; 5]), Err("malformed"));
    }
}

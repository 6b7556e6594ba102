//! Frames as they are on the underlay: Geneve (RFC 8926), VXLAN (RFC 7348), GRE with a key (RFC 2890), over IPv6 or IPv4.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use addr::MacAddr;
use flows::eval::Tunnel;
use packet::{Frame, Net, Udp, protocol};
use topology::Encap;

/// The switch's own end of every tunnel.
pub const LOCAL_V4: Ipv4Addr = Ipv4Addr::new(10, 9, 255, 254);
pub const LOCAL_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xa, 0, 0, 0, 0, 1, 0);
pub const LOCAL_MAC: MacAddr = MacAddr([0x02, 0xaa, 0, 0, 0, 0xff]);

const GENEVE_PORT: u16 = 6081;
const VXLAN_PORT: u16 = 4789;
const GRE: u8 = 47;
/// Transparent Ethernet bridging, in Geneve and GRE.
const ETHERNET: u16 = 0x6558;

/// The switch's own end of a tunnel to an address.
pub fn local(other: IpAddr) -> IpAddr {
    if other.is_ipv6() { LOCAL_V6.into() } else { LOCAL_V4.into() }
}

/// The MAC of another tunnel end.
pub fn mac_of(address: IpAddr) -> MacAddr {
    let low = match address {
        IpAddr::V6(address) => u128::from(address) as u16,
        IpAddr::V4(address) => u32::from(address) as u16,
    };
    MacAddr::from_u64(0x02aa_0001_0000 | u64::from(low))
}

/// A frame, as it reaches the switch through a tunnel.
pub fn encapsulate(encap: Encap, tunnel: &Tunnel, frame: &[u8]) -> Option<Vec<u8>> {
    let key = tunnel.id as u32;
    let mut header = Vec::new();
    match encap {
        Encap::Geneve => {
            header.extend([0, 0]);
            header.extend(ETHERNET.to_be_bytes());
            header.extend((key << 8).to_be_bytes());
        }
        Encap::Vxlan => {
            header.extend([0x08, 0, 0, 0]);
            header.extend((key << 8).to_be_bytes());
        }
        Encap::Gre => {
            header.extend([0x20, 0]);
            header.extend(ETHERNET.to_be_bytes());
            header.extend(key.to_be_bytes());
        }
        _ => return None,
    }
    header.extend(frame);
    let (next, port) = match encap {
        Encap::Gre => (GRE, 0),
        Encap::Vxlan => (protocol::UDP, VXLAN_PORT),
        _ => (protocol::UDP, GENEVE_PORT),
    };
    let from = tunnel.src.map(mac_of)?;
    Some(match (tunnel.src?, tunnel.dst?) {
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            let payload = if next == GRE { header } else { packet::udp(src, dst, 5000, port, &header).to_vec() };
            packet::ipv6_frame(from, LOCAL_MAC, src, dst, 64, next, &payload).to_vec()
        }
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let payload = if next == GRE { header } else { packet::udp_v4(src, dst, 5000, port, &header).to_vec() };
            packet::ipv4_frame(from, LOCAL_MAC, src, dst, 64, next, &payload).to_vec()
        }
        _ => return None,
    })
}

/// By which port, key and end a frame left, and the frame.
pub fn decapsulate(outer: &[u8]) -> Option<(Encap, u64, IpAddr, Vec<u8>)> {
    let (to, next, payload) = match Frame::parse(outer).ok()?.net {
        Net::Ipv6(ip) => (IpAddr::V6(ip.dst), ip.next, ip.payload),
        Net::Ipv4(ip) => (IpAddr::V4(ip.dst), ip.protocol, ip.payload),
        _ => return None,
    };
    let word = |bytes: &[u8], at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    if next == GRE {
        let key = word(&payload, 4).filter(|_| payload[..2] == [0x20, 0])?;
        return Some((Encap::Gre, key.into(), to, payload[8..].to_vec()));
    }
    let udp = Udp::parse(&payload).ok()?;
    let encap = if udp.dport == VXLAN_PORT { Encap::Vxlan } else { Encap::Geneve };
    let vni = word(&udp.payload, 4)? >> 8;
    // Options of Geneve: none are sent.
    (udp.payload[0] & 0x3f == 0 || encap == Encap::Vxlan).then(|| (encap, vni.into(), to, udp.payload[8..].to_vec()))
}

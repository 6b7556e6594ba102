//! Arithmetic on IPv6 addresses: interface identifiers, solicited-node groups, multicast MACs.

use std::net::Ipv6Addr;

use ipnet::Ipv6Net;

use crate::MacAddr;

/// `ff02::1`: all nodes on the link (RFC 4291, 2.7.1).
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// `ff02::2`: all routers on the link (RFC 4291, 2.7.1).
pub const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

/// `fe80::/10`: link-local addresses (RFC 4291, 2.4).
pub const LINK_LOCAL: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10);
/// `ff00::/8`: groups (RFC 4291, 2.7).
pub const MULTICAST: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8);

/// The modified EUI-64 interface identifier of a MAC (RFC 4291, appendix A).
pub fn eui64_interface_id(mac: MacAddr) -> u64 {
    let [a, b, c, d, e, f] = mac.0;
    u64::from_be_bytes([a ^ 0x02, b, c, 0xff, 0xfe, d, e, f])
}

/// The address that SLAAC forms from a /64 prefix and a MAC (RFC 4862, 5.5.3; RFC 2464, 4).
pub fn eui64_address(prefix: Ipv6Net, mac: MacAddr) -> Ipv6Addr {
    let network = u128::from(prefix.network()) & !u128::from(u64::MAX);
    Ipv6Addr::from(network | u128::from(eui64_interface_id(mac)))
}

/// The link-local address formed from a MAC (RFC 2464, 5).
///
/// ```
/// let mac: addr::MacAddr = "02:00:00:00:01:01".parse().unwrap();
/// assert_eq!(addr::link_local(mac).to_string(), "fe80::ff:fe00:101");
/// ```
pub fn link_local(mac: MacAddr) -> Ipv6Addr {
    Ipv6Addr::from((0xfe80u128 << 112) | u128::from(eui64_interface_id(mac)))
}

/// Whether an address is link-local unicast, `fe80::/10` (RFC 4291, 2.5.6).
pub fn is_link_local(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xffc0 == 0xfe80
}

/// The solicited-node group of an address, `ff02::1:ffXX:XXXX` (RFC 4291, 2.7.1).
pub fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let low = u128::from(address) & 0xff_ffff;
    Ipv6Addr::from(0xff02_0000_0000_0000_0000_0001_ff00_0000u128 | low)
}

/// The Ethernet address of an IPv6 group, `33:33` and its last four bytes (RFC 2464, 7).
pub fn multicast_mac(group: Ipv6Addr) -> MacAddr {
    let o = group.octets();
    MacAddr([0x33, 0x33, o[12], o[13], o[14], o[15]])
}

/// The subnet-router anycast address: the prefix with a zero host part (RFC 4291, 2.6.1).
pub fn subnet_router_anycast(prefix: Ipv6Net) -> Ipv6Addr {
    prefix.network()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_addresses_from_a_mac() {
        let mac: MacAddr = "fa:16:3e:aa:bb:cc".parse().unwrap();
        assert_eq!(link_local(mac).to_string(), "fe80::f816:3eff:feaa:bbcc");
        let prefix: Ipv6Net = "2001:db8:a::/64".parse().unwrap();
        assert_eq!(eui64_address(prefix, mac).to_string(), "2001:db8:a:0:f816:3eff:feaa:bbcc");
        assert_eq!(subnet_router_anycast(prefix).to_string(), "2001:db8:a::");
    }

    #[test]
    fn forms_groups() {
        let address: Ipv6Addr = "2001:db8::1234:5678".parse().unwrap();
        assert_eq!(solicited_node(address).to_string(), "ff02::1:ff34:5678");
        assert_eq!(multicast_mac(solicited_node(address)).to_string(), "33:33:ff:34:56:78");
        assert!(is_link_local("febf::1".parse().unwrap()));
        assert!(!is_link_local("fec0::1".parse().unwrap()));
    }
}

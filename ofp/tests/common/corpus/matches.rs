//! Matches that Open vSwitch 3.1 accepts.

use addr::{MacAddr, OfPort};
use ofp::{Field, Match};

pub fn mac(text: &str) -> MacAddr {
    text.parse().unwrap()
}

pub fn ip6(text: &str) -> std::net::Ipv6Addr {
    text.parse().unwrap()
}

pub fn ip4(text: &str) -> std::net::Ipv4Addr {
    text.parse().unwrap()
}

pub fn ipv6() -> Match {
    Match::new().with(Field::ETH_TYPE, 0x86ddu16)
}

pub fn ipv4() -> Match {
    Match::new().with(Field::ETH_TYPE, 0x0800u16)
}

pub fn icmp6(kind: u8) -> Match {
    ipv6().with(Field::IP_PROTO, 58u8).with(Field::ICMPV6_TYPE, kind)
}

pub fn tcp6() -> Match {
    ipv6().with(Field::IP_PROTO, 6u8)
}

pub fn matches() -> Vec<Match> {
    let mut all = [links(), ipv6_packets(), the_rest()].concat();
    for n in 1..16 {
        all.push(Match::new().with(Field::reg(n), 1u32 << n).masked(Field::reg(0), 1u32, 3u32));
    }
    all
}

/// Ports, Ethernet, VLANs, metadata, tunnels.
fn links() -> Vec<Match> {
    let any = Match::new;
    vec![
        any(),
        any().with(Field::IN_PORT, OfPort(3)),
        any().with(Field::IN_PORT, OfPort::LOCAL).with(Field::ETH_SRC, mac("02:00:00:00:00:01")),
        any().with(Field::IN_PORT, OfPort::CONTROLLER),
        any().masked(Field::ETH_DST, mac("01:00:00:00:00:00"), mac("01:00:00:00:00:00")),
        any().with(Field::ETH_DST, MacAddr::BROADCAST).with(Field::ETH_TYPE, 0x88ccu16),
        any().with(Field::VLAN_VID, 0x1000u16 | 100),
        any().with(Field::VLAN_VID, 0x1000u16 | 100).with(Field::VLAN_PCP, 5u8),
        any().with(Field::VLAN_VID, 0u16),
        any().masked(Field::VLAN_VID, 0x1000u16, 0x1000u16),
        any().masked(Field::VLAN_VID, 0x1010u16, 0x10f0u16),
        any().masked(Field::VLAN_TCI, 0x1000u16, 0x1000u16).with(Field::ETH_TYPE, 0x86ddu16),
        any().masked(Field::VLAN_TCI, 0xb064u16, 0xffffu16),
        any().with(Field::METADATA, 0x1234_5678_9abcu64),
        any().masked(Field::METADATA, 0x1200u64, 0xff00u64),
        any().with(Field::TUN_ID, 7u64),
        any().masked(Field::TUN_ID, 0x700u64, 0xf00u64).with(Field::TUN_IPV6_SRC, ip6("fd00:99::1")),
        any().with(Field::TUN_IPV6_DST, ip6("fd00:99::2")).masked(Field::TUN_FLAGS, 1u8, 1u8),
        any().with(Field::TUN_IPV4_SRC, ip4("10.0.0.1")).masked(Field::TUN_IPV4_DST, ip4("10.0.0.0"), 0xffff_ff00u32),
        any().with(Field::PKT_MARK, 0x77u32),
        any().with(Field::CONJ_ID, 9u32).with(Field::ETH_TYPE, 0x86ddu16),
    ]
}

/// IPv6 and what is in it.
fn ipv6_packets() -> Vec<Match> {
    let udp6 = || ipv6().with(Field::IP_PROTO, 17u8);
    let sctp6 = || ipv6().with(Field::IP_PROTO, 132u8);
    vec![
        ipv6(),
        ipv6().with(Field::IPV6_SRC, ip6("fd00:1::1")).with(Field::IPV6_DST, ip6("ff02::1")),
        ipv6().masked(Field::IPV6_DST, ip6("2001:db8:1::"), ip6("ffff:ffff:ffff::")),
        ipv6().masked(Field::IPV6_DST, ip6("::1"), ip6("::ffff")),
        ipv6().with(Field::IPV6_LABEL, 0x12345u32),
        ipv6().masked(Field::IPV6_LABEL, 0x12000u32, 0xff000u32),
        ipv6().with(Field::IP_DSCP, 46u8).with(Field::IP_ECN, 1u8).with(Field::NW_TTL, 255u8),
        ipv6().with(Field::NW_TOS, 0xb8u8),
        ipv6().with(Field::IP_PROTO, 0u8),
        ipv6().with(Field::IP_PROTO, 50u8),
        ipv6().with(Field::IP_FRAG, 1u8),
        ipv6().with(Field::IP_FRAG, 3u8),
        ipv6().masked(Field::IP_FRAG, 1u8, 1u8).with(Field::NW_TTL, 255u8),
        ipv6().masked(Field::IP_FRAG, 0u8, 2u8),
        ipv6().with(Field::IP_FRAG, 0u8),
        tcp6().with(Field::TCP_SRC, 22u16).masked(Field::TCP_DST, 0x1388u16, 0xfff8u16),
        tcp6().masked(Field::TCP_FLAGS, 2u16, 0x12u16),
        tcp6().with(Field::TCP_FLAGS, 0x12u16),
        udp6().with(Field::UDP_SRC, 547u16).with(Field::UDP_DST, 546u16),
        sctp6().with(Field::SCTP_SRC, 1u16).with(Field::SCTP_DST, 2u16),
        icmp6(134),
        icmp6(128).with(Field::ICMPV6_CODE, 0u8).with(Field::NW_TTL, 1u8),
        icmp6(135).with(Field::ND_TARGET, ip6("fd00:1::1")).with(Field::ND_SLL, mac("02:00:00:00:01:01")),
        icmp6(136).with(Field::ND_TARGET, ip6("fe80::1")).with(Field::ND_TLL, MacAddr::ZERO),
        icmp6(136).with(Field::ND_RESERVED, 0xe000_0000u32).with(Field::ND_OPTIONS_TYPE, 2u8),
        icmp6(135).masked(Field::ND_TARGET, ip6("fd00::"), ip6("ffff::")).with(Field::ND_OPTIONS_TYPE, 1u8),
    ]
}

/// IPv4, ARP, MPLS, conntrack, registers.
fn the_rest() -> Vec<Match> {
    let any = Match::new;
    let arp = || any().with(Field::ETH_TYPE, 0x0806u16);
    let tracked = || ipv6().masked(Field::CT_STATE, 0x22u8, 0x22u8);
    vec![
        ipv4().with(Field::IPV4_SRC, ip4("10.1.0.1")).masked(Field::IPV4_DST, ip4("10.0.0.0"), ip4("255.0.0.0")),
        ipv4().with(Field::IP_PROTO, 6u8).with(Field::TCP_DST, 80u16),
        ipv4().with(Field::IP_PROTO, 1u8).with(Field::ICMPV4_TYPE, 8u8).with(Field::ICMPV4_CODE, 0u8),
        arp().with(Field::ARP_OP, 1u16).with(Field::ARP_TPA, ip4("10.1.0.1")),
        arp().with(Field::ARP_SPA, ip4("10.1.0.2")).with(Field::ARP_SHA, mac("02:00:00:00:00:02")),
        arp().with(Field::ARP_THA, mac("02:00:00:00:00:03")).masked(Field::ARP_TPA, ip4("10.0.0.0"), 0xff00_0000u32),
        any().with(Field::ETH_TYPE, 0x8847u16).with(Field::MPLS_LABEL, 70007u32).with(Field::MPLS_BOS, 1u8),
        any().with(Field::ETH_TYPE, 0x8847u16).with(Field::MPLS_TC, 3u8).with(Field::MPLS_TTL, 64u8),
        tracked(),
        tracked().with(Field::CT_MARK, 0x77u32).with(Field::CT_ZONE, 5u16),
        tracked().masked(Field::CT_LABEL, 0xabcdu128 << 64, 0xffffu128 << 64),
        tracked().with(Field::CT_LABEL, 0x1234_5678_90ab_cdefu64),
        tracked().with(Field::CT_NW_PROTO, 6u8).with(Field::CT_IPV6_SRC, ip6("fd00::1")),
        tracked().with(Field::CT_NW_PROTO, 17u8).with(Field::CT_TP_SRC, 5u16).with(Field::CT_TP_DST, 6u16),
        tracked().masked(Field::CT_IPV6_DST, ip6("fd00::"), ip6("ffff::")),
        any().with(Field::reg(0), 5u32),
        any().masked(Field::reg(15), 0x50u32, 0xf0u32),
        any().with(Field::xreg(0), 0x0000_0001_0000_0002u64),
        any().masked(Field::xreg(7), 0xf0u64, 0xff_0000_00ffu64),
        any().with(Field::xxreg(0), ip6("fd00:1::1")),
        any().masked(Field::xxreg(1), ip6("fd00:1::"), ip6("ffff:ffff::")),
        any().masked(Field::reg(3), 0u32, 1u32).with(Field::reg(4), 0u32),
        any().with(Field::TUN_GBP_ID, 3u16),
    ]
}

//! A packet in words: `PROTO from A to B [sport N] [dport N] [type N] [hop_limit N]`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use addr::{MacAddr, multicast_mac, solicited_node};
use packet::{Icmpv4, Icmpv6, NdOption, Tcp, icmpv6_frame, protocol};

/// The packet that is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spec {
    protocol: u8,
    from: IpAddr,
    pub(super) to: IpAddr,
    sport: u16,
    dport: u16,
    kind: Option<u8>,
    hop_limit: Option<u8>,
}

const SYNTAX: &str = "a packet is written PROTO from A to B [sport N] [dport N] [type N] [hop_limit N]";
const HOP_LIMIT: u8 = 64;
const PROTOCOLS: [(&str, u8); 10] = [
    ("icmp6", protocol::ICMPV6),
    ("icmpv6", protocol::ICMPV6),
    ("ipv6-icmp", protocol::ICMPV6),
    ("icmp", protocol::ICMPV4),
    ("tcp", protocol::TCP),
    ("tcp6", protocol::TCP),
    ("udp", protocol::UDP),
    ("udp6", protocol::UDP),
    ("esp", protocol::ESP),
    ("ah", protocol::AH),
];

impl Spec {
    /// Reads the words; an error says what is wrong with them.
    pub(super) fn parse(text: &str) -> Result<Spec, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let [proto, "from", from, "to", to, rest @ ..] = &words[..] else { return Err(SYNTAX.to_owned()) };
        let named = PROTOCOLS.iter().find(|(name, _)| name == proto).map(|(_, number)| *number);
        let protocol = named.or_else(|| proto.parse().ok()).ok_or(format!("there is no protocol {proto}"))?;
        let address = |text: &str| text.parse::<IpAddr>().map_err(|_| format!("{text} is no address"));
        let (from, to) = (address(from)?, address(to)?);
        if from.is_ipv6() != to.is_ipv6() {
            return Err(format!("{from} and {to} are not of one family"));
        }
        let icmp = if to.is_ipv6() { protocol::ICMPV6 } else { protocol::ICMPV4 };
        if matches!(protocol, protocol::ICMPV4 | protocol::ICMPV6) && protocol != icmp {
            return Err(format!("{proto} is not for {to}"));
        }
        let mut spec = Spec { protocol, from, to, sport: 0, dport: 0, kind: None, hop_limit: None };
        let ports = matches!(protocol, protocol::TCP | protocol::UDP);
        for pair in rest.chunks(2) {
            let [name, value] = *pair else { return Err(format!("{} has no value: {SYNTAX}", pair[0])) };
            let wrong = || format!("{name} {value} is out of range");
            match name {
                "sport" if ports => spec.sport = value.parse().map_err(|_| wrong())?,
                "dport" if ports => spec.dport = value.parse().map_err(|_| wrong())?,
                "type" if protocol == icmp => spec.kind = Some(value.parse().map_err(|_| wrong())?),
                "hop_limit" => spec.hop_limit = Some(value.parse().map_err(|_| wrong())?),
                "sport" | "dport" | "type" => return Err(format!("{proto} has no {name}")),
                _ => return Err(format!("{name} is not known: {SYNTAX}")),
            }
        }
        Ok(spec)
    }

    /// The MAC of a multicast or broadcast destination.
    pub(super) fn group(&self) -> Option<MacAddr> {
        match self.to {
            IpAddr::V6(to) if self.kind == Some(135) && !to.is_multicast() => Some(multicast_mac(solicited_node(to))),
            IpAddr::V6(to) => to.is_multicast().then(|| multicast_mac(to)),
            IpAddr::V4(to) if to.is_broadcast() => Some(MacAddr::BROADCAST),
            IpAddr::V4(to) => {
                let [_, b, c, d] = to.octets();
                to.is_multicast().then_some(MacAddr([0x01, 0x00, 0x5e, b & 0x7f, c, d]))
            }
        }
    }

    /// The frame, as a host with this MAC would send it.
    pub(super) fn frame(&self, mac: MacAddr, to: MacAddr) -> Vec<u8> {
        match (self.from, self.to) {
            (IpAddr::V6(src), IpAddr::V6(dst)) => self.frame_v6(mac, to, src, dst),
            (IpAddr::V4(src), IpAddr::V4(dst)) => self.frame_v4(mac, to, src, dst),
            // Refused by `parse`.
            _ => Vec::new(),
        }
    }

    fn segment(&self) -> Tcp {
        Tcp { sport: self.sport, dport: self.dport, flags: 2, ..Tcp::default() }
    }

    fn frame_v6(&self, mac: MacAddr, to: MacAddr, src: Ipv6Addr, dst: Ipv6Addr) -> Vec<u8> {
        let ttl = self.hop_limit.unwrap_or(HOP_LIMIT);
        let payload = match self.protocol {
            protocol::ICMPV6 => return self.icmpv6(mac, to, src, dst),
            protocol::UDP => packet::udp(src, dst, self.sport, self.dport, &[]),
            protocol::TCP => packet::tcp(src, dst, &self.segment()),
            _ => vec![0; 32].into(),
        };
        packet::ipv6_frame(mac, to, src, dst, ttl, self.protocol, &payload).into()
    }

    /// Neighbour discovery is made whole, with hop limit 255.
    fn icmpv6(&self, mac: MacAddr, to: MacAddr, src: Ipv6Addr, dst: Ipv6Addr) -> Vec<u8> {
        let source = if src.is_unspecified() { vec![] } else { vec![NdOption::SourceLinkLayer(mac)] };
        let kind = self.kind.unwrap_or(128);
        let message = match kind {
            128 => Icmpv6::EchoRequest { id: 1, seq: 1, data: vec![0; 8].into() },
            133 => Icmpv6::RouterSolicit { options: source },
            135 => Icmpv6::NeighborSolicit { target: dst, options: source },
            136 => Icmpv6::NeighborAdvert {
                router: false,
                solicited: !dst.is_multicast(),
                override_: true,
                target: src,
                options: vec![NdOption::TargetLinkLayer(mac)],
            },
            kind => Icmpv6::Unknown { kind, code: 0, body: vec![0; 36].into() },
        };
        let asks = kind == 135 && !dst.is_multicast();
        let dst = if asks { solicited_node(dst) } else { dst };
        let usual = if (133..=137).contains(&kind) { 255 } else { HOP_LIMIT };
        icmpv6_frame(mac, to, src, dst, self.hop_limit.unwrap_or(usual), &message).into()
    }

    fn frame_v4(&self, mac: MacAddr, to: MacAddr, src: Ipv4Addr, dst: Ipv4Addr) -> Vec<u8> {
        let ttl = self.hop_limit.unwrap_or(HOP_LIMIT);
        let payload = match self.protocol {
            protocol::ICMPV4 => match self.kind.unwrap_or(8) {
                8 => Icmpv4::EchoRequest { id: 1, seq: 1, data: vec![0; 8].into() }.emit(),
                kind => Icmpv4::Unknown { kind, code: 0, body: vec![0; 36].into() }.emit(),
            },
            protocol::UDP => packet::udp_v4(src, dst, self.sport, self.dport, &[]),
            protocol::TCP => packet::tcp_v4(src, dst, &self.segment()),
            _ => vec![0; 32].into(),
        };
        packet::ipv4_frame(mac, to, src, dst, ttl, self.protocol, &payload).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_in_any_order_after_the_addresses() {
        let spec = Spec::parse("udp from 2001:db8::1 to 2001:db8::2 dport 53 hop_limit 3 sport 7").unwrap();
        assert_eq!((spec.protocol, spec.sport, spec.dport, spec.hop_limit), (17, 7, 53, Some(3)));
        assert_eq!(Spec::parse("icmp6 from fe80::1 to ff02::2 type 133").unwrap().kind, Some(133));
        assert_eq!(Spec::parse("50 from 10.0.0.1 to 10.0.0.2").unwrap().protocol, 50);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, words) in [
            ("icmp6", "a packet is written"),
            ("ipx from ::1 to ::2", "no protocol ipx"),
            ("tcp from ::1 to b", "b is no address"),
            ("tcp from ::1 to 10.0.0.1", "not of one family"),
            ("icmp from ::1 to ::2", "icmp is not for ::2"),
            ("tcp from ::1 to ::2 dport", "has no value"),
            ("tcp from ::1 to ::2 dport 70000", "out of range"),
            ("icmp6 from ::1 to ::2 dport 7", "icmp6 has no dport"),
            ("tcp from ::1 to ::2 colour 7", "not known"),
        ] {
            let error = Spec::parse(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}

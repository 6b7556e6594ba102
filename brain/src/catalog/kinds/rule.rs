//! One rule of a security group: what may pass which way, to or from whom. Neutron's rules hold for what is legal.

use addr::IpNet;
use proto::v1;
use topology::ResourceId;

use super::text::{self, Prefix};
use crate::catalog::findings::Findings;
use crate::catalog::ident::{ADDRESS_GROUP, SECURITY_GROUP};

pub(super) const IPV6: &str = "IPv6";
pub(super) const IPV4: &str = "IPv4";
const ICMPV4: u8 = 1;
const ICMPV6: u8 = 58;
/// What the one ICMP of IPv6 is called, however it was written.
const ICMPV6_NAME: &str = "ipv6-icmp";
/// Protocols with ports that the switch reads.
const WITH_PORTS: [u8; 3] = [6, 17, 132];
/// Headers that Open vSwitch skips to find what an IPv6 packet carries.
const SKIPPED: [u8; 5] = [0, 43, 44, 51, 60];

/// Names of IP protocols (IANA's keywords, as Neutron has them).
const PROTOCOLS: [(&str, u8); 23] = [
    ("ah", 51),
    ("dccp", 33),
    ("egp", 8),
    ("esp", 50),
    ("gre", 47),
    ("hopopt", 0),
    ("icmp", ICMPV4),
    ("icmpv6", ICMPV6),
    ("igmp", 2),
    ("ipip", 4),
    ("ipv6-encap", 41),
    ("ipv6-frag", 44),
    (ICMPV6_NAME, ICMPV6),
    ("ipv6-nonxt", 59),
    ("ipv6-opts", 60),
    ("ipv6-route", 43),
    ("ospf", 89),
    ("pgm", 113),
    ("rsvp", 46),
    ("sctp", 132),
    ("tcp", 6),
    ("udp", 17),
    ("vrrp", 112),
];

/// A rule, read. Two that are equal say the same.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) egress: bool,
    pub(crate) ipv6: bool,
    pub(crate) protocol: Option<u8>,
    pub(crate) ports: Option<(u16, u16)>,
    pub(crate) icmp: Option<(u8, Option<u8>)>,
    pub(crate) remote: Other,
}

/// The other end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Other {
    Anybody,
    Prefix(IpNet),
    Group(ResourceId),
    Addresses(ResourceId),
}

impl Rule {
    /// The group of either kind that it names.
    pub(crate) fn named(&self) -> Option<&ResourceId> {
        match &self.remote {
            Other::Group(group) | Other::Addresses(group) => Some(group),
            Other::Anybody | Other::Prefix(_) => None,
        }
    }
}

pub(super) fn parse(
    id: &ResourceId,
    spec: &mut v1::SecurityGroupRule,
    field: &str,
    findings: &mut Findings,
) -> Option<Rule> {
    let before = findings.len();
    let egress = match v1::RuleDirection::try_from(spec.direction) {
        Ok(v1::RuleDirection::Egress) => true,
        Ok(v1::RuleDirection::Ingress) => false,
        _ => {
            findings.spec(format!("{field}.direction"), "is needed: ingress or egress");
            false
        }
    };
    let prefix = spec.remote_ip_prefix.as_mut();
    let prefix = prefix.and_then(|text| text::read::<Prefix>(text, &format!("{field}.remote_ip_prefix"), findings));
    let prefix = prefix.map(|Prefix(prefix)| prefix);
    let ipv6 = family(spec, prefix, field, findings)?;
    let protocol = protocol(spec, ipv6, field, findings);
    let ports = ports(spec, protocol, field, findings);
    let icmp = icmp(spec, ipv6, protocol, field, findings);
    let remote = remote(id, spec, prefix, field, findings);
    if prefix.is_some_and(|prefix| matches!(prefix, IpNet::V6(_)) != ipv6) {
        findings.spec(format!("{field}.remote_ip_prefix"), format!("is not {}, as the rule is", spec.ethertype));
    }
    (findings.len() == before).then_some(Rule { egress, ipv6, protocol, ports, icmp, remote })
}

/// As it says, or as what it names has it.
fn family(
    spec: &mut v1::SecurityGroupRule,
    prefix: Option<IpNet>,
    field: &str,
    findings: &mut Findings,
) -> Option<bool> {
    let named = spec.protocol.as_ref().map(|name| name.to_ascii_lowercase());
    let ipv6 = match (spec.ethertype.to_ascii_lowercase().as_str(), prefix) {
        ("ipv6", _) => true,
        ("ipv4", _) => false,
        ("", Some(prefix)) => matches!(prefix, IpNet::V6(_)),
        ("", None) if named.is_some_and(|name| name == "icmpv6" || name.starts_with("ipv6-")) => true,
        ("", None) => {
            findings.spec(format!("{field}.ethertype"), "is needed: IPv6 or IPv4");
            return None;
        }
        _ => {
            findings.spec(format!("{field}.ethertype"), format!("{:?} is neither IPv6 nor IPv4", spec.ethertype));
            return None;
        }
    };
    spec.ethertype = if ipv6 { IPV6 } else { IPV4 }.to_owned();
    Some(ipv6)
}

fn protocol(spec: &mut v1::SecurityGroupRule, ipv6: bool, field: &str, findings: &mut Findings) -> Option<u8> {
    let field = format!("{field}.protocol");
    let text = spec.protocol.as_mut()?;
    let name = text.to_ascii_lowercase();
    let known = PROTOCOLS.iter().find(|(known, _)| *known == name).map(|(_, number)| *number);
    let Some(number) = known.or_else(|| name.parse().ok()) else {
        let names: Vec<&str> = PROTOCOLS.iter().map(|(name, _)| *name).collect();
        findings.spec(field, format!("{text:?} is no protocol: 0 to 255, or one of {}", names.join(", ")));
        return None;
    };
    // Of IPv6 there is one ICMP, by whatever name or number.
    let number = if ipv6 && number == ICMPV4 { ICMPV6 } else { number };
    if ipv6 && SKIPPED.contains(&number) {
        let why = "Open vSwitch looks past this header of IPv6: such a packet is judged by what it carries";
        findings.spec(field, format!("{text} can't be matched: {why}"));
        return None;
    }
    if !ipv6 && (name.starts_with("ipv6-") || matches!(number, 0 | ICMPV6)) {
        findings.spec(field, format!("{text} is IPv6's"));
        return None;
    }
    *text = match PROTOCOLS.iter().find(|(name, known)| *known == number && (ipv6 || !name.starts_with("ipv6-"))) {
        _ if number == ICMPV6 => ICMPV6_NAME.to_owned(),
        Some((name, _)) => (*name).to_owned(),
        None => number.to_string(),
    };
    Some(number)
}

fn ports(
    spec: &mut v1::SecurityGroupRule,
    protocol: Option<u8>,
    field: &str,
    findings: &mut Findings,
) -> Option<(u16, u16)> {
    let field = format!("{field}.port_range");
    let (first, last) = match spec.port_range[..] {
        [] => return None,
        [port] => (port, port),
        [first, last] => (first, last),
        _ => {
            findings.spec(field, "is a port, or the first and the last");
            return None;
        }
    };
    if !protocol.is_some_and(|protocol| WITH_PORTS.contains(&protocol)) {
        let hint = if spec.protocol.is_none() { "needs a protocol:" } else { "can't be had:" };
        findings.spec(field, format!("{hint} Open vSwitch reads ports of tcp, udp and sctp"));
        return None;
    }
    let (Ok(first @ 1..), Ok(last)) = (u16::try_from(first), u16::try_from(last)) else {
        findings.spec(field, format!("{first} to {last} are not ports: 1 to 65535 are"));
        return None;
    };
    if first > last {
        findings.spec(field, format!("{first} is not before {last}"));
        return None;
    }
    spec.port_range = if first == last { vec![first.into()] } else { vec![first.into(), last.into()] };
    // All of them, and none asked for, are the same.
    (first > 1 || last < u16::MAX).then_some((first, last))
}

fn icmp(
    spec: &v1::SecurityGroupRule,
    ipv6: bool,
    protocol: Option<u8>,
    field: &str,
    findings: &mut Findings,
) -> Option<(u8, Option<u8>)> {
    let mut byte = |name: &str, value: Option<u32>| {
        let value = value?;
        let read = u8::try_from(value).ok();
        if read.is_none() {
            findings.spec(format!("{field}.{name}"), format!("{value} is not 0 to 255"));
        }
        read
    };
    let (kind, code) = (byte("icmp_type", spec.icmp_type), byte("icmp_code", spec.icmp_code));
    let given = if spec.icmp_type.is_some() { "icmp_type" } else { "icmp_code" };
    if spec.icmp_type.is_none() && spec.icmp_code.is_none() {
        return None;
    }
    if protocol != Some(if ipv6 { ICMPV6 } else { ICMPV4 }) {
        let wanted = if ipv6 { ICMPV6_NAME } else { "icmp" };
        findings.spec(format!("{field}.{given}"), format!("needs protocol {wanted}"));
    } else if spec.icmp_type.is_none() {
        findings.spec(format!("{field}.icmp_code"), "needs an icmp_type");
    }
    Some((kind?, code))
}

fn remote(
    id: &ResourceId,
    spec: &v1::SecurityGroupRule,
    prefix: Option<IpNet>,
    field: &str,
    findings: &mut Findings,
) -> Other {
    let given = [spec.remote_ip_prefix.is_some(), spec.remote_group.is_some(), spec.remote_address_group.is_some()];
    if given.into_iter().filter(|given| *given).count() > 1 {
        let message = "names more than one of remote_ip_prefix, remote_group and remote_address_group";
        findings.spec(field, message);
    }
    let mut group = |kind, text: &Option<String>, name: &str| {
        let text = text.as_ref()?;
        text::target(kind, &id.tenant, text, &format!("{field}.{name}"), findings)
    };
    let remote = group(SECURITY_GROUP, &spec.remote_group, "remote_group").map(Other::Group);
    let addresses = group(ADDRESS_GROUP, &spec.remote_address_group, "remote_address_group").map(Other::Addresses);
    let prefix = prefix.filter(|prefix| prefix.prefix_len() > 0).map(|prefix| Other::Prefix(prefix.trunc()));
    remote.or(addresses).or(prefix).unwrap_or(Other::Anybody)
}

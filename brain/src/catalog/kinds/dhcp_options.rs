//! Options of DHCP by name or number: `extra_dhcp_opts` of subnets and ports, put into the bytes that are told.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use addr::{IpNet, Ipv4Net};
use bytes::{BufMut, Bytes, BytesMut};
use packet::{Dhcp4Option, Dhcp6Option};
use proto::v1;
use topology::{DhcpOption, DhcpOptions};

use super::text;
use crate::catalog::findings::Findings;

const OPTIONS_MAX: usize = 32;
/// Content of all options of one version, bytes: with what else is told they fit into a packet of 1,280 bytes.
const BYTES_MAX: usize = 512;
/// RFC 791: the least MTU of an IPv4 link.
const MTU_MIN: u16 = 68;

/// How an option's value is written, and what is made of it.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// Addresses of the option's version.
    Addresses,
    Text,
    /// One domain name, as text.
    Domain,
    /// Domain names, in wire format.
    Domains,
    Mtu,
    /// Prefix and next hop in turns (RFC 3442).
    Routes,
    /// Hexadecimal.
    Bytes,
    /// Enterprise number and suboptions, hexadecimal.
    Vendor,
    /// Texts, each behind its length (RFC 5970, 3.2).
    Texts,
    /// Addresses and domain names of time servers, an option each (RFC 5908, 4).
    TimeServers,
    /// `siaddr`, which is no option.
    NextServer,
    /// An option without a name here: hexadecimal, addresses, or else text.
    Free,
}

/// dnsmasq's names, and others that are in use. Of those with the same number the first is told of.
const V4: &[(&str, u16, Form)] = &[
    ("router", 3, Form::Addresses),
    ("dns-server", 6, Form::Addresses),
    ("dns-servers", 6, Form::Addresses),
    ("log-server", 7, Form::Addresses),
    ("hostname", 12, Form::Text),
    ("domain-name", 15, Form::Domain),
    ("root-path", 17, Form::Text),
    ("mtu", 26, Form::Mtu),
    ("nis-domain", 40, Form::Text),
    ("nis-server", 41, Form::Addresses),
    ("ntp-server", 42, Form::Addresses),
    ("ntp-servers", 42, Form::Addresses),
    ("vendor-encap", 43, Form::Bytes),
    ("netbios-ns", 44, Form::Addresses),
    ("vendor-class", 60, Form::Text),
    ("tftp-server", 66, Form::Text),
    ("tftp-server-name", 66, Form::Text),
    ("bootfile-name", 67, Form::Text),
    ("posix-timezone", 100, Form::Text),
    ("tzdb-timezone", 101, Form::Text),
    ("domain-search", 119, Form::Domains),
    ("classless-static-route", 121, Form::Routes),
    ("vendor-id-encap", 125, Form::Vendor),
    ("tftp-server-address", 150, Form::Addresses),
    ("config-file", 209, Form::Text),
    ("path-prefix", 210, Form::Text),
    ("wpad", 252, Form::Text),
    ("server-ip-address", 255, Form::NextServer),
    ("next-server", 255, Form::NextServer),
];
const V6: &[(&str, u16, Form)] = &[
    ("vendor-opts", 17, Form::Vendor),
    ("dns-server", 23, Form::Addresses),
    ("dns-servers", 23, Form::Addresses),
    ("domain-search", 24, Form::Domains),
    ("sntp-server", 31, Form::Addresses),
    ("sntp-servers", 31, Form::Addresses),
    ("posix-timezone", 41, Form::Text),
    ("tzdb-timezone", 42, Form::Text),
    ("ntp-server", 56, Form::TimeServers),
    ("ntp-servers", 56, Form::TimeServers),
    ("bootfile-url", 59, Form::Text),
    ("bootfile-param", 60, Form::Texts),
];

/// Options by which the protocols themselves work, or that other fields say.
const fn is_own(v6: bool, code: u16) -> bool {
    if v6 {
        matches!(code, 0..=16 | 18..=20 | 25 | 26 | 32 | 39 | 148)
    } else {
        matches!(code, 0 | 1 | 50..=59 | 61 | 80 | 82 | 90 | 108 | 255..)
    }
}

/// Whose options are read.
#[derive(Clone, Copy)]
pub(super) enum Whose {
    /// A port's, of both versions.
    Port,
    /// A subnet's, of its family.
    Subnet(IpNet),
}

/// Reads a list of options.
pub(super) fn read(list: &mut [v1::ExtraDhcpOpt], whose: Whose, findings: &mut Findings) -> DhcpOptions {
    if list.len() > OPTIONS_MAX {
        findings.spec("extra_dhcp_opts", format!("has {} entries; {OPTIONS_MAX} are the most", list.len()));
        return DhcpOptions::default();
    }
    let mut read = DhcpOptions::default();
    for (i, option) in list.iter_mut().enumerate() {
        let field = format!("extra_dhcp_opts[{i}]");
        let Some(v6) = version(option, whose, &field, findings) else { continue };
        if let Some((code, form)) = named(&option.opt_name, v6, &field, findings)
            && let Some(contents) = contents(form, &option.opt_value, v6, &field, findings)
        {
            add(&mut read, v6, (code, form), contents, &field, findings);
        }
    }
    for (options, version) in [(&read.v4, "IPv4"), (&read.v6, "IPv6")] {
        let bytes: usize = options.iter().map(|option| option.data.len()).sum();
        if bytes > BYTES_MAX {
            findings.spec("extra_dhcp_opts", format!("has {bytes} bytes for {version}; {BYTES_MAX} are the most"));
        }
    }
    read
}

/// Whether it is an option of DHCPv6.
fn version(option: &mut v1::ExtraDhcpOpt, whose: Whose, field: &str, findings: &mut Findings) -> Option<bool> {
    let family = |cidr: IpNet| if matches!(cidr, IpNet::V6(_)) { 6 } else { 4 };
    let usual = match whose {
        Whose::Port => 4,
        Whose::Subnet(cidr) => family(cidr),
    };
    let version = *option.ip_version.get_or_insert(usual);
    match whose {
        _ if !matches!(version, 4 | 6) => {
            findings.spec(format!("{field}.ip_version"), format!("{version} is neither 4 nor 6"));
            None
        }
        Whose::Subnet(cidr) if version != usual => {
            findings.spec(format!("{field}.ip_version"), format!("{version} is not of {cidr}'s family"));
            None
        }
        _ => Some(version == 6),
    }
}

/// The number and form of an option.
fn named(name: &str, v6: bool, field: &str, findings: &mut Findings) -> Option<(u16, Form)> {
    let field = format!("{field}.opt_name");
    let known = if v6 { V6 } else { V4 };
    if let Some((_, code, form)) = known.iter().find(|(known, ..)| *known == name) {
        return Some((*code, *form));
    }
    let protocol = if v6 { "DHCPv6" } else { "DHCP for IPv4" };
    let Ok(code) = name.parse::<u16>() else {
        let mut codes = Vec::new();
        let first = |(_, code, _): &&(&str, u16, Form)| {
            !codes.contains(code) && {
                codes.push(*code);
                true
            }
        };
        let names: Vec<&str> = known.iter().filter(first).map(|(name, ..)| *name).collect();
        let said = format!("{name:?} is no option of {protocol}; options are {}, or a number", names.join(", "));
        findings.spec(field, said);
        return None;
    };
    if is_own(v6, code) {
        findings.spec(field, format!("{code} is an option that {protocol} itself needs, or that another field says"));
        return None;
    }
    Some(known.iter().find(|(_, known, _)| *known == code).map_or((code, Form::Free), |(_, code, form)| (*code, *form)))
}

/// The contents of options that a value makes: one, but for time servers.
fn contents(form: Form, value: &str, v6: bool, field: &str, findings: &mut Findings) -> Option<Vec<Bytes>> {
    let made = match form {
        Form::TimeServers => value.split(',').map(|one| time_server(one.trim())).collect::<Result<Vec<_>, _>>(),
        _ => content(form, value, v6).map(|one| vec![one]),
    };
    made.map_err(|wrong| findings.spec(format!("{field}.opt_value"), format!("{value:?} {wrong}"))).ok()
}

/// What is wrong with a value, and what would be right.
type Wrong = &'static str;

const ADDRESSES: Wrong = "is not a list of addresses of the option's version, separated by commas";
const HEXADECIMAL: Wrong = "is not in hexadecimal, as 0x0102 or 01:02";
const VENDOR: Wrong = "is not an enterprise number, a comma, and suboptions (each its code, length and content) in \
                       hexadecimal, as 9,0x0102";
const DOMAINS: Wrong = "is not a list of domain names, separated by commas";

fn content(form: Form, value: &str, v6: bool) -> Result<Bytes, Wrong> {
    match form {
        Form::Addresses => addresses(value, v6).ok_or(ADDRESSES),
        Form::Text => plain(value),
        Form::Domain => Ok(Bytes::copy_from_slice(domain(value)?.as_bytes())),
        Form::Domains => {
            let names = value.split(',').map(|name| domain(name.trim())).collect::<Result<Vec<_>, _>>()?;
            Dhcp6Option::DomainSearch(names).content().map_err(|_| DOMAINS)
        }
        Form::Mtu => match value.parse::<u16>() {
            Ok(mtu) if mtu >= MTU_MIN => Ok(Bytes::copy_from_slice(&mtu.to_be_bytes())),
            _ => Err("is not an MTU of 68 to 65535 bytes"),
        },
        Form::Routes => routes(value).ok_or("is not prefixes with next hops, as 10.9.0.0/16,10.0.0.1"),
        Form::Bytes => hexadecimal(value).ok_or(HEXADECIMAL),
        Form::Vendor => vendor(value, v6).ok_or(VENDOR),
        Form::Texts => {
            let texts = value.split(',').map(plain).collect::<Result<Vec<_>, _>>()?;
            Dhcp6Option::BootfileParameters(texts).content().map_err(|_| "is too long")
        }
        Form::NextServer => match value.parse::<Ipv4Addr>() {
            Ok(address) => Ok(Bytes::copy_from_slice(&address.octets())),
            Err(_) => Err("is not an IPv4 address"),
        },
        Form::Free => match hexadecimal(value).or_else(|| addresses(value, v6)) {
            Some(bytes) => Ok(bytes),
            None => plain(value),
        },
        Form::TimeServers => time_server(value),
    }
}

fn plain(value: &str) -> Result<Bytes, Wrong> {
    if value.is_empty() || value.chars().any(char::is_control) {
        return Err("is not a text of printable characters");
    }
    Ok(Bytes::copy_from_slice(value.as_bytes()))
}

fn domain(name: &str) -> Result<String, Wrong> {
    text::canonical_domain(name).ok_or(DOMAINS)
}

fn addresses(value: &str, v6: bool) -> Option<Bytes> {
    let mut out = BytesMut::new();
    for one in value.split(',') {
        match one.trim().parse::<IpAddr>().ok()? {
            IpAddr::V6(address) if v6 => out.put_slice(&address.octets()),
            IpAddr::V4(address) if !v6 => out.put_slice(&address.octets()),
            _ => return None,
        }
    }
    Some(out.freeze())
}

/// A suboption for a time server: its address, unicast or multicast, or its name.
fn time_server(value: &str) -> Result<Bytes, Wrong> {
    let option = match value.parse::<Ipv6Addr>() {
        Ok(address) => Dhcp6Option::NtpAddress { address, multicast: address.is_multicast() },
        Err(_) => {
            Dhcp6Option::NtpName(domain(value).map_err(|_| "is not IPv6 addresses or names, separated by commas")?)
        }
    };
    option.content().map_err(|_| DOMAINS)
}

fn routes(value: &str) -> Option<Bytes> {
    let words: Vec<&str> = value.split(',').map(str::trim).collect();
    let (pairs, rest) = words.as_chunks::<2>();
    let read = |[prefix, nexthop]: &[&str; 2]| Some((prefix.parse::<Ipv4Net>().ok()?.trunc(), nexthop.parse().ok()?));
    let routes = pairs.iter().map(read).collect::<Option<Vec<(Ipv4Net, Ipv4Addr)>>>()?;
    (rest.is_empty() && !routes.is_empty()).then(|| Dhcp4Option::routes(&routes).data)
}

/// `0x0102`, or pairs of digits with colons between them.
fn hexadecimal(value: &str) -> Option<Bytes> {
    let digits = match value.strip_prefix("0x") {
        Some(digits) => digits.to_owned(),
        None => {
            let pairs: Vec<&str> = value.split(':').collect();
            let whole = pairs.len() > 1 && pairs.iter().all(|pair| pair.len() == 2);
            whole.then(|| pairs.concat())?
        }
    };
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let digit = |c: u8| char::from(c).to_digit(16);
    let byte = |[a, b]: &[u8; 2]| Some((digit(*a)? * 16 + digit(*b)?) as u8);
    let bytes = pairs.iter().map(byte).collect::<Option<Vec<u8>>>()?;
    (rest.is_empty() && !bytes.is_empty()).then(|| bytes.into())
}

/// RFC 8415, 21.17, and RFC 3925, 4.
fn vendor(value: &str, v6: bool) -> Option<Bytes> {
    let (enterprise, bytes) = value.split_once(',')?;
    let (enterprise, bytes) = (enterprise.trim().parse::<u32>().ok()?, hexadecimal(bytes.trim())?);
    let wide = if v6 { 2 } else { 1 };
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number * 256 + usize::from(*byte));
    let mut left = &bytes[..];
    while !left.is_empty() {
        let (head, rest) = left.split_at_checked(2 * wide)?;
        left = rest.split_at_checked(number(&head[wide..]))?.1;
    }
    let mut out = BytesMut::new();
    out.put_u32(enterprise);
    if !v6 {
        out.put_u8(u8::try_from(bytes.len()).ok()?);
    }
    out.put_slice(&bytes);
    Some(out.freeze())
}

fn add(
    read: &mut DhcpOptions,
    v6: bool,
    (code, form): (u16, Form),
    contents: Vec<Bytes>,
    field: &str,
    findings: &mut Findings,
) {
    let options = if v6 { &mut read.v6 } else { &mut read.v4 };
    let given = if form == Form::NextServer {
        read.next_server.is_some()
    } else {
        options.iter().any(|option| option.code == code)
    };
    if given {
        return findings.spec(format!("{field}.opt_name"), "is listed twice");
    }
    for content in contents {
        match (form, <[u8; 4]>::try_from(&content[..])) {
            (Form::NextServer, Ok(address)) => read.next_server = Some(address.into()),
            _ => options.push(DhcpOption { code, data: (&content[..]).into() }),
        }
    }
}

//! Text in specs: read, and put into its canonical form, so that stating the same differently changes nothing.

use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use addr::{Dpid, IpNet, MacAddr};
use topology::ResourceId;

use crate::catalog::findings::Findings;
use crate::catalog::ident;

/// The longest domain name (RFC 1035, 2.3.4), without the final dot.
pub(crate) const DOMAIN_MAX: usize = 253;

/// A kind of value that specs spell as text.
pub(crate) trait Spelled: FromStr + Display {
    /// What it is and what it looks like, for messages.
    const WHAT: &'static str;
}

impl Spelled for IpAddr {
    const WHAT: &'static str = "an IPv6 or IPv4 address";
}
impl Spelled for IpNet {
    const WHAT: &'static str = "a prefix such as 2001:db8:a::/64";
}
/// A prefix, or an address, which is one of its own. Host bits stay in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prefix(pub(crate) IpNet);

impl FromStr for Prefix {
    type Err = ();

    fn from_str(text: &str) -> Result<Prefix, ()> {
        let address = text.parse::<IpAddr>().map(IpNet::from);
        address.or_else(|_| text.parse::<IpNet>()).map(Prefix).map_err(|_| ())
    }
}

impl Display for Prefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Spelled for Prefix {
    const WHAT: &'static str = "an address, or a prefix such as 2001:db8:a::/64";
}
impl Spelled for MacAddr {
    const WHAT: &'static str = "a MAC address such as 02:00:00:00:01:0a";
}
impl Spelled for Dpid {
    const WHAT: &'static str = "a datapath id: 1 to 16 hexadecimal digits";
}

/// Reads a text, and spells it canonically.
pub(crate) fn read<T: Spelled>(text: &mut String, field: &str, findings: &mut Findings) -> Option<T> {
    match text.parse::<T>() {
        Ok(value) => {
            *text = value.to_string();
            Some(value)
        }
        Err(_) if text.is_empty() => {
            findings.spec(field, format!("is needed: {}", T::WHAT));
            None
        }
        Err(_) => {
            findings.spec(field, format!("{text:?} is not {}", T::WHAT));
            None
        }
    }
}

/// Reads a text that may be absent.
pub(crate) fn opt<T: Spelled>(text: &mut Option<String>, field: &str, findings: &mut Findings) -> Option<T> {
    text.as_mut().and_then(|text| read(text, field, findings))
}

/// Reads a domain name (RFC 1035, 2.3.1; RFC 1123, 2.1), and spells it in lower case without the final dot.
pub(crate) fn domain(name: &mut String, field: &str, findings: &mut Findings) -> Option<Arc<str>> {
    let Some(canonical) = canonical_domain(name) else {
        findings.spec(field, format!("{name:?} is not a domain name such as cloud.example.net"));
        return None;
    };
    *name = canonical;
    Some(Arc::from(name.as_str()))
}

/// A domain name in lower case without the final dot; `None`: it is none.
pub(crate) fn canonical_domain(name: &str) -> Option<String> {
    let lower = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (lower.len() <= DOMAIN_MAX && lower.split('.').all(is_label)).then_some(lower)
}

/// What a port is called in the DNS: one label, and the domain if it was given with it.
pub(crate) type DnsName = (Arc<str>, Option<Arc<str>>);

/// Reads what a port is called in the DNS: one label, or a whole name with its final dot. Empty is absent.
pub(crate) fn dns_name(name: &mut Option<String>, findings: &mut Findings) -> Option<DnsName> {
    if name.as_deref() == Some("") {
        *name = None;
    }
    let text = name.as_mut()?;
    let mut wrong = Findings::default();
    let whole = text.ends_with('.');
    let read = domain(text, "dns_name", &mut wrong).filter(|read| read.contains('.') == whole);
    let Some(read) = read else {
        let message =
            format!("{text:?} is neither one label such as vm1 nor a whole name such as vm1.cloud.example.net.");
        findings.spec("dns_name", message);
        return None;
    };
    if whole {
        text.push('.');
    }
    Some(match read.split_once('.') {
        Some((label, domain)) => (label.into(), Some(domain.into())),
        None => (read, None),
    })
}

/// Reads a MAC that may be absent: unicast, and not all zeros.
pub(crate) fn unicast_mac(text: &mut Option<String>, field: &str, findings: &mut Findings) -> Option<MacAddr> {
    let mac: MacAddr = opt(text, field, findings)?;
    if mac.is_multicast() || mac == MacAddr::ZERO {
        findings.spec(field, format!("{mac} is not a unicast address"));
    }
    Some(mac)
}

/// Reads a MAC that may be absent, and that an intent may give.
pub(crate) fn mac(text: &mut Option<String>, field: &str, findings: &mut Findings) -> Option<MacAddr> {
    let mac = unicast_mac(text, field, findings)?;
    if features::router::is_reserved(mac) {
        findings.spec(
            field,
            format!("{mac} is kept for routers and chassis: any that begins with neither 02:53 nor d6 will do"),
        );
    }
    Some(mac)
}

/// Reads a reference.
pub(crate) fn target(
    kind: &'static str,
    own_tenant: &str,
    text: &str,
    field: &str,
    findings: &mut Findings,
) -> Option<ResourceId> {
    let target = ident::target(kind, own_tenant, text);
    if target.is_none() {
        let or = if ident::is_global(kind) { "" } else { " or TENANT/NAME" };
        let found = if text.is_empty() { "is needed:".to_owned() } else { format!("{text:?} is not") };
        findings.spec(field, format!("{found} a {kind}'s NAME{or}"));
    }
    target
}

/// Checks the name of an OpenFlow port.
pub(crate) fn interface(name: &str, field: &str, findings: &mut Findings) {
    let strange = |c: char| c.is_whitespace() || c.is_control() || c == '/';
    if name.is_empty() {
        findings.spec(field, "is needed: the name of the bridge's port");
    } else if name.len() > 15 {
        findings.spec(field, format!("{name:?} is longer than 15 characters, where OpenFlow port names end"));
    } else if name.contains(strange) || name == "." || name == ".." {
        findings.spec(field, format!("{name:?} can't be the name of an interface"));
    }
}

//! How hosts of an IPv6 subnet come by their addresses: the pairs of `ipv6_ra_mode` and `ipv6_address_mode`.
//!
//! Neutron's matrix. The first says what our router advertisements carry, and that there are any; the second, who tells hosts
//! the rest. Ten pairs are legal: each mode twice, each alone, and none at all. An absent `ipv6_ra_mode` leaves advertising to
//! a router that is not ours, an absent `ipv6_address_mode` serving DHCPv6 to somebody else.

use addr::IpNet;
use proto::v1;

use crate::catalog::findings::Findings;

/// One way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Formed by the host (RFC 4862).
    Slaac,
    /// The same, with other settings by DHCPv6 (RFC 8415, 6.1).
    Stateless,
    /// Addresses and settings by DHCPv6 (RFC 8415, 6.2).
    Stateful,
}

/// A legal pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Modes {
    pub(crate) ra: Option<Mode>,
    pub(crate) address: Option<Mode>,
}

impl Mode {
    /// Hosts form their addresses.
    pub(crate) fn forms(self) -> bool {
        self != Mode::Stateful
    }

    const fn name(self) -> &'static str {
        match self {
            Mode::Slaac => "slaac",
            Mode::Stateless => "dhcpv6-stateless",
            Mode::Stateful => "dhcpv6-stateful",
        }
    }
}

impl Modes {
    /// Hosts form their addresses, by whoever's advertisements.
    pub(crate) fn form(self) -> bool {
        self.ra.or(self.address).is_some_and(Mode::forms)
    }

    /// Hosts go by the advertisements of a router that is not ours.
    pub(crate) fn foreign_ra(self) -> bool {
        self.ra.is_none() && self.address.is_some()
    }

    /// Every host is told its settings by our DHCPv6.
    pub(crate) fn settings(self) -> bool {
        matches!(self.address, Some(Mode::Stateless | Mode::Stateful))
    }

    /// Every host is given its address by our DHCPv6.
    pub(crate) fn stateful(self) -> bool {
        self.address == Some(Mode::Stateful)
    }

    /// Our DHCPv6 speaks for the subnet: to everybody, or where hosts form their addresses to those that can't form theirs.
    pub(crate) fn served(self) -> bool {
        self.settings() || self.form()
    }
}

/// Reads a subnet's pair. `cidr` is `None` where it makes no sense.
pub(super) fn read(spec: &v1::SubnetSpec, cidr: Option<IpNet>, findings: &mut Findings) -> Modes {
    let ra = mode(spec.ipv6_ra_mode, "ipv6_ra_mode", findings);
    let address = mode(spec.ipv6_address_mode, "ipv6_address_mode", findings);
    if let (Some(ra), Some(address)) = (ra, address)
        && ra != address
    {
        let message = format!(
            "{} differs from ipv6_ra_mode {}: both must be the same where both are set",
            address.name(),
            ra.name()
        );
        findings.spec("ipv6_address_mode", message);
    }
    let Some(cidr) = cidr else { return Modes { ra, address } };
    for (set, field) in [(ra.is_some(), "ipv6_ra_mode"), (address.is_some(), "ipv6_address_mode")] {
        if set && matches!(cidr, IpNet::V4(_)) {
            findings.spec(field, format!("is for IPv6 subnets only, and {cidr} is IPv4"));
        }
    }
    let forms = ra.or(address).filter(|mode| mode.forms());
    let shared = !spec.prefix_per_host;
    if let Some(mode) = forms.filter(|_| shared && matches!(cidr, IpNet::V6(_)) && cidr.prefix_len() != 64) {
        findings.spec("cidr", format!("{cidr} is not a /64, which {} needs", mode.name()));
    }
    Modes { ra, address }
}

fn mode(mode: i32, field: &str, findings: &mut Findings) -> Option<Mode> {
    match v1::Ipv6Mode::try_from(mode) {
        Ok(v1::Ipv6Mode::Unspecified) => None,
        Ok(v1::Ipv6Mode::Slaac) => Some(Mode::Slaac),
        Ok(v1::Ipv6Mode::Dhcpv6Stateless) => Some(Mode::Stateless),
        Ok(v1::Ipv6Mode::Dhcpv6Stateful) => Some(Mode::Stateful),
        Err(_) => {
            findings.spec(field, "is unknown: slaac, dhcpv6-stateless, dhcpv6-stateful, or absent");
            None
        }
    }
}

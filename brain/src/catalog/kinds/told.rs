//! What a subnet's hosts are told, by router advertisements and DHCP: lifetimes, DNS servers, routes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use addr::{IpNet, Ipv4Net, Ipv6Net};
use proto::v1;
use topology::{Advert, Dhcp4, Dhcp6, DhcpOptions, RouterPreference};

use super::dhcp_options::{self, Whose};
use super::modes::{Mode, Modes};
use super::renumbering::Face;
use super::subnet::same_family;
use super::text;
use crate::catalog::findings::Findings;

/// Neutron's limit.
const DNS_MAX: usize = 5;
/// Neutron's limit.
const ROUTES_MAX: usize = 20;
const VALID_S: u32 = 86_400;
const PREFERRED_S: u32 = 14_400;
/// Neutron's default.
const LEASE_S: u32 = 86_400;
/// Shorter ones are renewed more often than a controller may be restarted, seconds.
const LEASE_MIN_S: u32 = 10;

/// What is told, by whom; `None`: nothing, that way.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Told {
    pub(super) advert: Option<Advert>,
    pub(super) dhcp6: Option<Dhcp6>,
    pub(super) dhcp4: Option<Dhcp4>,
}

impl Told {
    /// The same of another prefix of the subnet.
    pub(super) fn of(&self, face: Face) -> Told {
        let mut told = self.clone();
        let IpNet::V6(prefix) = face.cidr else { return told };
        if let Some(advert) = &mut told.advert {
            (advert.prefix, advert.ends) = (prefix, face.ends);
            advert.withdrawn = face.instead_of.into_iter().collect();
        }
        if let Some(dhcp6) = &mut told.dhcp6 {
            (dhcp6.prefix, dhcp6.ends) = (prefix, face.ends);
        }
        told
    }
}

/// The lists in a subnet's spec, read.
pub(super) struct Lists {
    dns: Vec<IpAddr>,
    routes: Vec<(IpNet, IpAddr)>,
    pref64: Option<Ipv6Net>,
    options: DhcpOptions,
    preference: Option<RouterPreference>,
}

impl Lists {
    /// Reads them. `cidr` is `None` where it makes no sense.
    pub(super) fn read(spec: &mut v1::SubnetSpec, cidr: Option<IpNet>, findings: &mut Findings) -> Lists {
        Lists {
            dns: nameservers(&mut spec.dns_nameservers, cidr, findings),
            pref64: pref64(&mut spec.pref64, findings),
            preference: preference(spec, findings),
            options: cidr.map_or_else(DhcpOptions::default, |cidr| {
                dhcp_options::read(&mut spec.extra_dhcp_opts, Whose::Subnet(cidr), findings)
            }),
            routes: host_routes(spec, cidr, findings),
        }
    }

    /// What they mean.
    pub(super) fn told(
        self,
        spec: &v1::SubnetSpec,
        cidr: IpNet,
        gateway: IpAddr,
        modes: Modes,
        findings: &mut Findings,
    ) -> Told {
        match (cidr, gateway) {
            (IpNet::V6(prefix), _) => {
                check_advertised_routes(&self.routes, gateway, modes, findings);
                let dns: Vec<Ipv6Addr> = self.dns.iter().copied().filter_map(addr::v6).collect();
                Told {
                    advert: self.advert(spec, prefix, modes, &dns),
                    dhcp6: self.dhcp6(spec, prefix, modes, dns),
                    dhcp4: None,
                }
            }
            (IpNet::V4(prefix), IpAddr::V4(gateway)) => {
                Told { dhcp4: self.dhcp4(spec, prefix, gateway), ..Told::default() }
            }
            (IpNet::V4(_), IpAddr::V6(_)) => Told::default(),
        }
    }

    fn advert(&self, spec: &v1::SubnetSpec, prefix: Ipv6Net, modes: Modes, dns: &[Ipv6Addr]) -> Option<Advert> {
        let ra = modes.ra?;
        let v1::PrefixLifetimes { preferred_s, valid_s } = lifetimes(spec.prefix_lifetimes);
        let destination = |(destination, _): &(IpNet, IpAddr)| match destination {
            IpNet::V6(prefix) => Some(*prefix),
            IpNet::V4(_) => None,
        };
        Some(Advert {
            prefix,
            autonomous: ra.forms(),
            managed: ra == Mode::Stateful,
            other: ra == Mode::Stateless,
            default_router: spec.advertise_router.unwrap_or(true),
            advertise_prefix: spec.advertise_prefix.unwrap_or(true),
            valid_s,
            preferred_s,
            ends: None,
            withdrawn: Vec::new(),
            pref64_by: None,
            rdnss: dns.to_vec(),
            pref64: self.pref64,
            routes: self.routes.iter().filter_map(destination).collect(),
            preference: self.preference,
            per_host: spec.prefix_per_host,
        })
    }

    fn dhcp4(&self, spec: &v1::SubnetSpec, prefix: Ipv4Net, gateway: Ipv4Addr) -> Option<Dhcp4> {
        let route = |(destination, nexthop): &(IpNet, IpAddr)| match destination {
            IpNet::V4(prefix) => Some((*prefix, addr::v4(*nexthop)?)),
            IpNet::V6(_) => None,
        };
        spec.enable_dhcp.unwrap_or(true).then(|| Dhcp4 {
            prefix,
            gateway,
            gateway_given: spec.gateway_ip.is_some(),
            dns: self.dns.iter().copied().filter_map(addr::v4).collect(),
            routes: self.routes.iter().filter_map(route).collect(),
            ipv6_mostly: spec.ipv6_mostly,
            lease_s: spec.dhcp_lease_s.unwrap_or(LEASE_S),
            options: self.options.v4.clone(),
            next_server: self.options.next_server,
        })
    }

    fn dhcp6(&self, spec: &v1::SubnetSpec, prefix: Ipv6Net, modes: Modes, dns: Vec<Ipv6Addr>) -> Option<Dhcp6> {
        let v1::PrefixLifetimes { preferred_s, valid_s } = lifetimes(spec.prefix_lifetimes);
        let (stateful, everybody) = (modes.stateful(), modes.settings());
        let options = self.options.v6.clone();
        modes.served().then_some(Dhcp6 { prefix, stateful, everybody, valid_s, preferred_s, ends: None, dns, options })
    }
}

/// Those given, or the default.
pub(super) fn lifetimes(given: Option<v1::PrefixLifetimes>) -> v1::PrefixLifetimes {
    given.unwrap_or(v1::PrefixLifetimes { preferred_s: PREFERRED_S, valid_s: VALID_S })
}

/// What can't be told by anybody is refused.
pub(super) fn check_meaning(spec: &v1::SubnetSpec, cidr: IpNet, modes: Modes, findings: &mut Findings) {
    match cidr {
        IpNet::V6(_) => {
            check_per_host(spec, cidr, modes, findings);
            check_meaning6(spec, modes, findings);
        }
        IpNet::V4(_) => check_meaning4(spec, findings),
    }
}

fn nameservers(texts: &mut [String], cidr: Option<IpNet>, findings: &mut Findings) -> Vec<IpAddr> {
    if texts.len() > DNS_MAX {
        findings.spec("dns_nameservers", format!("has {} entries; {DNS_MAX} are the most", texts.len()));
    }
    let mut found = Vec::new();
    let alone = texts.len() == 1;
    for (i, text) in texts.iter_mut().enumerate() {
        let field = format!("dns_nameservers[{i}]");
        let Some(address) = text::read::<IpAddr>(text, &field, findings) else { continue };
        if let Some(cidr) = cidr.filter(|cidr| !same_family(address, *cidr)) {
            findings.spec(field, format!("{address} is not of {cidr}'s family"));
        } else if alone && address.is_unspecified() {
            // Neutron's way to say that hosts shall be told of none.
        } else if address.is_multicast() || address.is_unspecified() {
            findings.spec(field, format!("{address} is not a unicast address"));
        } else if found.contains(&address) {
            findings.spec(field, format!("{address} is listed twice"));
        } else {
            found.push(address);
        }
    }
    found
}

/// Routes that hosts are told of: destination and next hop.
fn host_routes(spec: &mut v1::SubnetSpec, cidr: Option<IpNet>, findings: &mut Findings) -> Vec<(IpNet, IpAddr)> {
    if spec.host_routes.len() > ROUTES_MAX {
        let message = format!("has {} entries; {ROUTES_MAX} are the most", spec.host_routes.len());
        findings.spec("host_routes", message);
    }
    let mut found: Vec<(IpNet, IpAddr)> = Vec::new();
    for (i, route) in spec.host_routes.iter_mut().enumerate() {
        let field = format!("host_routes[{i}]");
        let destination = text::read::<IpNet>(&mut route.destination, &format!("{field}.destination"), findings);
        let nexthop = text::read::<IpAddr>(&mut route.nexthop, &format!("{field}.nexthop"), findings);
        let (Some(destination), Some(nexthop)) = (destination.map(|d| d.trunc()), nexthop) else { continue };
        route.destination = destination.to_string();
        let is_v6 = |net: IpNet| matches!(net, IpNet::V6(_));
        if let Some(cidr) = cidr
            && (is_v6(destination) != is_v6(cidr) || nexthop.is_ipv6() != is_v6(cidr))
        {
            findings.spec(field, format!("is not of {cidr}'s family"));
        } else if nexthop.is_multicast() || nexthop.is_unspecified() || nexthop.is_loopback() {
            findings.spec(format!("{field}.nexthop"), format!("{nexthop} is not a unicast address"));
        } else if found.iter().any(|(other, _)| *other == destination) {
            findings.spec(format!("{field}.destination"), format!("{destination} is listed twice"));
        } else {
            found.push((destination, nexthop));
        }
    }
    found
}

/// Routes in a router advertisement lead to its sender (RFC 4191, 2.3).
fn check_advertised_routes(routes: &[(IpNet, IpAddr)], gateway: IpAddr, modes: Modes, findings: &mut Findings) {
    if !routes.is_empty() && modes.ra.is_none() {
        let message = "has no meaning without ipv6_ra_mode: the subnet is in no router advertisement";
        return findings.spec("host_routes", message);
    }
    for (i, (_, nexthop)) in routes.iter().enumerate().filter(|(_, (_, nexthop))| *nexthop != gateway) {
        let message = format!(
            "{nexthop} can't be told by a router advertisement: its routes lead to the gateway ({gateway}); others are routes of \
             the router"
        );
        findings.spec(format!("host_routes[{i}].nexthop"), message);
    }
}

fn check_meaning4(spec: &v1::SubnetSpec, findings: &mut Findings) {
    let of_v6 = [
        (spec.advertise_router.is_some(), "advertise_router"),
        (spec.advertise_prefix.is_some(), "advertise_prefix"),
        (spec.pref64.is_some(), "pref64"),
        (spec.prefix_per_host, "prefix_per_host"),
        (spec.prefix_lifetimes.is_some(), "prefix_lifetimes"),
        (spec.router_preference != 0, "router_preference"),
    ];
    for (_, field) in of_v6.into_iter().filter(|(given, _)| *given) {
        findings.spec(field, "is for IPv6 subnets only");
    }
    let told = [
        (!spec.dns_nameservers.is_empty(), "dns_nameservers"),
        (!spec.host_routes.is_empty(), "host_routes"),
        (spec.dhcp_lease_s.is_some(), "dhcp_lease_s"),
        (spec.ipv6_mostly, "ipv6_mostly"),
        (!spec.extra_dhcp_opts.is_empty(), "extra_dhcp_opts"),
    ];
    for (_, field) in told.into_iter().filter(|(given, _)| *given && spec.enable_dhcp == Some(false)) {
        findings.spec(field, "has no meaning with enable_dhcp false: nobody is told of the subnet");
    }
    if let Some(lease_s) = spec.dhcp_lease_s.filter(|lease_s| *lease_s < LEASE_MIN_S) {
        findings.spec("dhcp_lease_s", format!("{lease_s} is less than {LEASE_MIN_S}"));
    }
}

/// RFC 4861, 4.6.2.
pub(super) fn check_lifetimes(given: Option<v1::PrefixLifetimes>, findings: &mut Findings) {
    if let Some(v1::PrefixLifetimes { preferred_s, valid_s }) = given
        && preferred_s > valid_s
    {
        findings.spec("prefix_lifetimes", format!("preferred_s {preferred_s} is more than valid_s {valid_s}"));
    }
}

/// Each port its own prefix: there must be some, and hosts that form addresses of them.
fn check_per_host(spec: &v1::SubnetSpec, cidr: IpNet, modes: Modes, findings: &mut Findings) {
    if !spec.prefix_per_host {
        return;
    }
    if cidr.prefix_len() >= 64 {
        let message = format!("{cidr} has no /64 for each port, as prefix_per_host needs: a /56 has 256");
        findings.spec("cidr", message);
    }
    if !modes.ra.is_some_and(Mode::forms) {
        findings.spec("prefix_per_host", "needs ipv6_ra_mode slaac or dhcpv6-stateless: hosts form their addresses");
    }
    let senseless = [
        (!spec.allocation_pools.is_empty(), "allocation_pools"),
        (spec.advertise_prefix == Some(false), "advertise_prefix"),
    ];
    for (_, field) in senseless.into_iter().filter(|(given, _)| *given) {
        findings.spec(field, "has no meaning with prefix_per_host: each port is told of its own prefix");
    }
}

fn check_meaning6(spec: &v1::SubnetSpec, modes: Modes, findings: &mut Findings) {
    check_lifetimes(spec.prefix_lifetimes, findings);
    let of_v4 = [
        (spec.enable_dhcp.is_some(), "enable_dhcp", ": ipv6_address_mode says whether DHCPv6 is served"),
        (spec.dhcp_lease_s.is_some(), "dhcp_lease_s", ": prefix_lifetimes are DHCPv6's too"),
    ];
    for (_, field, instead) in of_v4.into_iter().filter(|(given, ..)| *given) {
        findings.spec(field, format!("is for IPv4 subnets only{instead}"));
    }
    let advertised = [
        (spec.advertise_router.is_some(), "advertise_router"),
        (spec.advertise_prefix.is_some(), "advertise_prefix"),
        (spec.pref64.is_some(), "pref64"),
        (spec.router_preference != 0, "router_preference"),
    ];
    for (_, field) in advertised.into_iter().filter(|(given, _)| *given && modes.ra.is_none()) {
        findings.spec(field, "has no meaning without ipv6_ra_mode: the subnet is in no router advertisement");
    }
    if !spec.extra_dhcp_opts.is_empty() && !modes.served() {
        findings.spec("extra_dhcp_opts", "has no meaning without ipv6_address_mode: nobody is served by DHCPv6");
    }
    let told =
        [(spec.prefix_lifetimes.is_some(), "prefix_lifetimes"), (!spec.dns_nameservers.is_empty(), "dns_nameservers")];
    for (_, field) in told.into_iter().filter(|(given, _)| *given && modes.ra.is_none() && !modes.served()) {
        let why = "has no meaning without ipv6_ra_mode or ipv6_address_mode: nobody is told of the subnet";
        findings.spec(field, why);
    }
}

fn preference(spec: &v1::SubnetSpec, findings: &mut Findings) -> Option<RouterPreference> {
    match v1::RouterPreference::try_from(spec.router_preference) {
        Ok(v1::RouterPreference::Unspecified) => None,
        Ok(v1::RouterPreference::Low) => Some(RouterPreference::Low),
        Ok(v1::RouterPreference::Medium) => Some(RouterPreference::Medium),
        Ok(v1::RouterPreference::High) => Some(RouterPreference::High),
        Err(_) => {
            findings.spec("router_preference", "is unknown: low, medium, high, or absent");
            None
        }
    }
}

/// A NAT64 prefix (RFC 6052, 2.2).
fn pref64(text: &mut Option<String>, findings: &mut Findings) -> Option<Ipv6Net> {
    let prefix = nat64_prefix(text::opt::<IpNet>(text, "pref64", findings)?, "pref64", findings)?;
    *text = Some(prefix.to_string());
    Some(prefix)
}

/// RFC 6052, 2.2.
pub(super) fn nat64_prefix(prefix: IpNet, field: &str, findings: &mut Findings) -> Option<Ipv6Net> {
    match prefix.trunc() {
        IpNet::V6(prefix) if matches!(prefix.prefix_len(), 32 | 40 | 48 | 56 | 64 | 96) => Some(prefix),
        other => {
            findings.spec(field, format!("{other} is not an IPv6 prefix of length 96, 64, 56, 48, 40 or 32"));
            None
        }
    }
}

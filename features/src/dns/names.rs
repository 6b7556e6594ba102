//! What is known of names: those of ports on the asker's network, and of its tenant's ports on networks that its routers join.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use packet::{DnsAnswer, DnsCode, DnsData, DnsKind, DnsQuery};
use topology::{Holder, NetworkKey, PortKey, View, World};

/// How long an answer may be kept, seconds: ports come and go, and form addresses.
const TTL_S: u32 = 60;
/// How long it may be remembered that there is nothing, seconds.
const NOTHING_S: u32 = 10;
/// Addresses that one answer has, at most.
const ADDRESSES_MAX: usize = 16;

/// What a port is called at one of its addresses, without the domain: its name, or one made of the address, as Neutron has it.
pub fn hostname(name: Option<&str>, address: IpAddr) -> String {
    match name {
        Some(name) => name.to_owned(),
        None => format!("host-{}", address.to_string().replace(['.', ':'], "-")),
    }
}

/// A hostname with its network's domain.
pub fn whole(hostname: &str, domain: Option<&str>) -> String {
    match domain {
        Some(domain) => format!("{hostname}.{domain}"),
        None => hostname.to_owned(),
    }
}

/// The answer that we know; `None`: it is not for us to say.
pub(super) fn answer(world: &World, port: PortKey, query: &DnsQuery) -> Option<DnsAnswer> {
    let asker = Asker::new(world, port)?;
    match reverse(&query.name) {
        Some(address) => asker.named_at(address, query.kind),
        None => asker.addresses_of(&query.name, query.kind),
    }
}

/// Who asks, and what it may know.
struct Asker<'w> {
    view: View<'w>,
    tenant: Arc<str>,
    network: NetworkKey,
    /// Its network first, then the others.
    networks: Vec<NetworkKey>,
}

impl<'w> Asker<'w> {
    fn new(world: &'w World, port: PortKey) -> Option<Asker<'w>> {
        let view = View::new(world);
        let port = view.port(port)?;
        let mut networks = vec![port.network];
        let mut joined: Vec<NetworkKey> = Vec::new();
        for (router, _) in view.interfaces_on(port.network) {
            joined.extend(world.interfaces_of(router).into_iter().map(|interface| interface.network));
        }
        joined.sort_unstable();
        joined.dedup();
        networks.extend(joined.into_iter().filter(|network| *network != port.network));
        Some(Asker { tenant: port.tenant.clone(), network: port.network, networks, view })
    }

    /// On its own network it sees whoever there is, elsewhere what is of its tenant: no tenant sees another's names.
    fn sees(&self, network: NetworkKey, port: PortKey) -> bool {
        network == self.network || self.view.port(port).is_some_and(|port| port.tenant == self.tenant)
    }

    fn domain(&self, network: NetworkKey) -> Option<&'w Arc<str>> {
        self.view.network(network)?.dns_domain.as_ref()
    }

    /// Of the networks where a name is, the nearest: all its ports there, for names need not be unique.
    fn addresses_of(&self, name: &str, kind: DnsKind) -> Option<DnsAnswer> {
        let mut zone: Option<&Arc<str>> = None;
        for network in &self.networks {
            let Some(domain) = self.domain(*network) else { continue };
            let label = name.strip_suffix(&**domain).and_then(|rest| rest.strip_suffix('.'));
            if let Some(addresses) = label.and_then(|label| self.on(*network, label)) {
                return Some(told(addresses, kind, Some(domain)));
            }
            let within = name == &**domain || label.is_some();
            if within && zone.is_none_or(|zone| zone.len() < domain.len()) {
                zone = Some(domain);
            }
        }
        if let Some(zone) = zone {
            let code = if name == &**zone { DnsCode::NoError } else { DnsCode::NxDomain };
            let nothing_in = Some((zone.to_string(), NOTHING_S));
            return Some(DnsAnswer { code, records: vec![], ttl_s: TTL_S, nothing_in });
        }
        // Without a domain, as a host asks that searches none.
        let addresses = self.on(self.network, name)?;
        Some(told(addresses, kind, None))
    }

    /// The addresses of whoever is called so on a network.
    fn on(&self, network: NetworkKey, label: &str) -> Option<Vec<IpAddr>> {
        let named: Vec<PortKey> =
            self.view.named(network, label).into_iter().filter(|port| self.sees(network, *port)).collect();
        if !named.is_empty() {
            let ports = named.into_iter().filter_map(|port| self.view.port(port));
            let of_ports = ports.flat_map(|port| port.addresses.iter().chain(&port.learned).copied());
            return Some(of_ports.filter(|address| !crate::router::is_local_to_link(*address)).collect());
        }
        let address = address_in(label)?;
        let holder = self.nameless(network, address)?;
        self.sees(network, holder).then(|| vec![address])
    }

    /// The port that has an address, but no name.
    fn nameless(&self, network: NetworkKey, address: IpAddr) -> Option<PortKey> {
        self.domain(network)?;
        let port = self.holder(network, address)?;
        self.view.hostname(port).is_none().then_some(port)
    }

    fn holder(&self, network: NetworkKey, address: IpAddr) -> Option<PortKey> {
        match self.view.holder(network, address) {
            Some(Holder::Port(port)) if !crate::router::is_local_to_link(address) => Some(port),
            _ => None,
        }
    }

    fn named_at(&self, address: IpAddr, kind: DnsKind) -> Option<DnsAnswer> {
        let held = |network: &NetworkKey| {
            let port = self.holder(*network, address).filter(|port| self.sees(*network, *port))?;
            Some((*network, port))
        };
        let (network, port) = self.networks.iter().find_map(held)?;
        let (name, domain) = (self.view.hostname(port), self.domain(network));
        if name.is_none() && domain.is_none() {
            return None;
        }
        let name = whole(&hostname(name.map(|name| &**name), address), domain.map(|domain| &**domain));
        let wanted = matches!(kind, DnsKind::Ptr | DnsKind::Any);
        let records = if wanted { vec![DnsData::Ptr(name)] } else { vec![] };
        Some(DnsAnswer { code: DnsCode::NoError, records, ttl_s: TTL_S, nothing_in: None })
    }
}

fn told(addresses: Vec<IpAddr>, kind: DnsKind, zone: Option<&Arc<str>>) -> DnsAnswer {
    let record = |address| match (address, kind) {
        (IpAddr::V6(address), DnsKind::Aaaa | DnsKind::Any) => Some(DnsData::Aaaa(address)),
        (IpAddr::V4(address), DnsKind::A | DnsKind::Any) => Some(DnsData::A(address)),
        _ => None,
    };
    let records: Vec<DnsData> = addresses.into_iter().filter_map(record).take(ADDRESSES_MAX).collect();
    let nothing_in = zone.filter(|_| records.is_empty()).map(|zone| (zone.to_string(), NOTHING_S));
    DnsAnswer { code: DnsCode::NoError, records, ttl_s: TTL_S, nothing_in }
}

/// The address in a name that is made of one.
fn address_in(label: &str) -> Option<IpAddr> {
    let digits = label.strip_prefix("host-")?;
    let v4 = digits.replace('-', ".").parse::<Ipv4Addr>().map(IpAddr::V4);
    v4.or_else(|_| digits.replace('-', ":").parse::<Ipv6Addr>().map(IpAddr::V6)).ok()
}

/// The address whose name is asked for (RFC 1035, 3.5; RFC 3596, 2.5).
fn reverse(name: &str) -> Option<IpAddr> {
    if let Some(labels) = name.strip_suffix(".ip6.arpa") {
        let nibbles: Vec<&str> = labels.split('.').collect();
        if nibbles.len() != 32 || nibbles.iter().any(|nibble| nibble.len() != 1) {
            return None;
        }
        let digits: String = nibbles.into_iter().rev().collect();
        return u128::from_str_radix(&digits, 16).ok().map(|bits| IpAddr::V6(Ipv6Addr::from(bits)));
    }
    let labels: Vec<&str> = name.strip_suffix(".in-addr.arpa")?.split('.').collect();
    if labels.len() != 4 {
        return None;
    }
    let text: Vec<&str> = labels.into_iter().rev().collect();
    text.join(".").parse::<Ipv4Addr>().map(IpAddr::V4).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_addresses_there_and_back() {
        for address in ["10.1.0.5", "2001:db8::5", "2001:db8:a:b:c:d:e:f", "fd00::a:0:0:1"] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(address_in(&hostname(None, address)), Some(address));
        }
        assert_eq!(hostname(None, "2001:db8::5".parse().unwrap()), "host-2001-db8--5");
        for label in
            ["host-", "host-10-1-0", "host-10-1-0-256", "host-2001-db8", "vm1", "host-2001-db8---5", "10-1-0-5"]
        {
            assert_eq!(address_in(label), None, "{label}");
        }
    }

    #[test]
    fn addresses_in_reverse_names() {
        let v6 = "5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.a.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
        assert_eq!(reverse(v6), Some("2001:db8:a::5".parse().unwrap()));
        assert_eq!(reverse("5.0.1.10.in-addr.arpa"), Some("10.1.0.5".parse().unwrap()));
        for name in
            [&v6[2..], "x.0.1.10.in-addr.arpa", "5.0.1.in-addr.arpa", "ip6.arpa", "+5.0.1.10.in-addr.arpa", "", "a.b"]
        {
            assert_eq!(reverse(name), None, "{name}");
        }
        assert_eq!(reverse(&v6.replace("8.b", "+.b")), None);
    }
}

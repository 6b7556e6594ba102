//! Ports: MAC, wished-for and assigned addresses, and where they are bound.

use std::net::IpAddr;
use std::sync::Arc;

use addr::{IpNet, Ipv6Net, MacAddr, link_local};
use proto::v1;
use topology::{
    AddressPair, Change, ChassisKey, DhcpOptions, GroupKey, NetworkKey, PortKey, ResourceId, Role, Route, RouterKey,
};

use super::address_pairs;
use super::class::{self, Class};
use super::dhcp_options::{self, Whose};
use super::instance;
use super::network::Network;
use super::subnet::Subnet;
use super::{Model, proxy, text};
use crate::catalog::Catalog;
use crate::catalog::findings::Findings;
use crate::catalog::ident::{self, CHASSIS, NETWORK, ROUTER, SECURITY_GROUP, SUBNET};
use crate::catalog::index::Claim;
use crate::catalog::learned::Formed;

const FIXED_IPS_MAX: usize = 64;
/// Each is asked about a packet.
const GROUPS_MAX: usize = 16;

/// A port's spec, read, and what was allocated for it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Port {
    pub(crate) network: ResourceId,
    /// As given, or generated; `None` until it is.
    pub(crate) mac: Option<MacAddr>,
    /// Whether the MAC was given.
    pub(crate) mac_given: bool,
    /// `None`: the default addresses.
    pub(crate) fixed: Option<Vec<Fixed>>,
    /// Chassis, and the name of its port: as its intent says, or as an iface-id did.
    pub(crate) binding: Option<(ResourceId, Arc<str>)>,
    /// Its interface is the one with its iface-id.
    pub(crate) by_iface_id: bool,
    /// Where that must be.
    pub(crate) on_chassis: Option<ResourceId>,
    /// How it is attached.
    pub(crate) class: Class,
    secured: bool,
    /// Its security groups; `None`: nothing is filtered.
    groups: Option<Vec<ResourceId>>,
    dhcp_options: DhcpOptions,
    /// A DHCPv6 relay agent's.
    relays: bool,
    pub(crate) dns_name: Option<text::DnsName>,
    /// The VM that it is of.
    pub(crate) device_id: Option<Arc<str>>,
    role: Role,
    /// What it may also send from.
    pub(crate) pairs: Vec<AddressPair>,
    /// What it has.
    pub(crate) assigned: Vec<Assigned>,
    /// Made by its network's `auto_ports`: it is given no addresses, it learns them.
    pub(crate) automatic: bool,
}

/// One entry of `fixed_ips`: a subnet, an address, or both.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fixed {
    pub(crate) subnet: Option<ResourceId>,
    pub(crate) address: Option<IpAddr>,
}

/// An address with the subnet that it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assigned {
    pub(crate) address: IpAddr,
    pub(crate) subnet: ResourceId,
}

pub(super) fn parse(id: &ResourceId, record: &mut v1::Record, findings: &mut Findings) -> Option<Port> {
    let Some(v1::resource::Kind::Port(v1::Port { spec: Some(spec), .. })) =
        record.resource.as_mut().and_then(|r| r.kind.as_mut())
    else {
        return None;
    };
    let network = text::target(NETWORK, &id.tenant, &spec.network, "network", findings);
    // A host that was found has the MAC that it has.
    let read_mac = if record.automatic { text::unicast_mac } else { text::mac };
    let given = read_mac(&mut spec.mac_address, "mac_address", findings);
    let fixed = spec.fixed_ips.as_mut().map(|list| parse_fixed(id, &mut list.items, findings));
    let class = class::read(spec, findings);
    let role = match v1::PortRole::try_from(spec.role) {
        Ok(v1::PortRole::Router) => Role::Router,
        Ok(v1::PortRole::Monitor) => Role::Monitor,
        Ok(v1::PortRole::Host | v1::PortRole::Unspecified) => Role::Host,
        Err(_) => {
            findings.spec("role", "is unknown: host, router and monitor are the roles of ports");
            Role::Host
        }
    };
    // Absent means it, and is stored as it.
    if spec.role == v1::PortRole::Unspecified as i32 {
        spec.role = v1::PortRole::Host.into();
    }
    let on_chassis =
        spec.binding.as_ref().and_then(|b| text::target(CHASSIS, "", &b.chassis, "binding.chassis", findings));
    let direct = class == Class::Direct;
    let by_iface_id = !direct && spec.binding.as_ref().is_none_or(|binding| binding.interface.is_empty());
    if let Some(binding) = spec.binding.as_ref().filter(|_| !by_iface_id && !direct) {
        text::interface(&binding.interface, "binding.interface", findings);
    }
    let elsewhere =
        |claimed: &v1::Binding| on_chassis.as_ref().is_some_and(|chassis| *chassis.name != *claimed.chassis);
    if !by_iface_id || record.claimed.as_ref().is_some_and(elsewhere) {
        record.claimed = None;
    }
    let bound = if by_iface_id { record.claimed.as_ref() } else { spec.binding.as_ref() };
    let binding = bound.filter(|_| !direct);
    let binding = binding.map(|b| (ident::id(CHASSIS, "", &b.chassis), Arc::from(b.interface.as_str())));
    let pairs = address_pairs::read(&mut spec.allowed_address_pairs, given, findings);
    if !pairs.is_empty() && spec.port_security_enabled == Some(false) {
        findings.spec("allowed_address_pairs", "go with port security: without it the port sends from any address");
    }
    let groups = read_groups(id, spec, findings);
    let dhcp_options = dhcp_options::read(&mut spec.extra_dhcp_opts, Whose::Port, findings);
    let dns_name = text::dns_name(&mut spec.dns_name, findings);
    let device_id = instance::read(spec, findings);
    let network = network?;
    let assigned = record.addresses.iter().filter_map(|assigned| {
        let address = assigned.ip_address.parse().ok()?;
        Some(Assigned { address, subnet: ident::id(SUBNET, &network.tenant, &assigned.subnet) })
    });
    Some(Port {
        mac: given.or_else(|| record.mac_address.parse().ok()),
        mac_given: given.is_some(),
        fixed,
        binding,
        by_iface_id,
        on_chassis,
        class,
        secured: spec.port_security_enabled.unwrap_or(true),
        groups,
        dhcp_options,
        relays: spec.dhcp_relay,
        dns_name,
        device_id,
        role,
        pairs,
        assigned: assigned.collect(),
        automatic: record.automatic,
        network,
    })
}

/// The security groups of a spec with the fields that name them: those that it lists, or the tenant's default one.
pub(super) fn groups_named(spec: &v1::PortSpec) -> Vec<(String, &str)> {
    match &spec.security_groups {
        Some(list) => {
            list.items.iter().enumerate().map(|(i, name)| (format!("security_groups[{i}]"), name.as_str())).collect()
        }
        None if spec.port_security_enabled == Some(false) => Vec::new(),
        None => vec![("security_groups".to_owned(), ident::DEFAULT_GROUP)],
    }
}

/// Whether its tenant's default group is needed.
pub(crate) fn wants_default_group(spec: Option<&v1::PortSpec>) -> bool {
    spec.is_none_or(|spec| groups_named(spec).iter().any(|(_, name)| *name == ident::DEFAULT_GROUP))
}

fn read_groups(id: &ResourceId, spec: &v1::PortSpec, findings: &mut Findings) -> Option<Vec<ResourceId>> {
    let named = groups_named(spec);
    if spec.port_security_enabled == Some(false) {
        if !named.is_empty() {
            findings.spec("security_groups", "need port_security_enabled: without it nothing is filtered");
        }
        return None;
    }
    if named.len() > GROUPS_MAX {
        findings.spec("security_groups", format!("has {} entries; {GROUPS_MAX} are the most", named.len()));
    }
    let mut groups: Vec<ResourceId> = Vec::new();
    for (field, name) in named {
        let Some(group) = text::target(SECURITY_GROUP, &id.tenant, name, &field, findings) else { continue };
        if groups.contains(&group) {
            findings.spec(field, "is listed twice");
        }
        groups.push(group);
    }
    Some(groups)
}

fn parse_fixed(id: &ResourceId, items: &mut [v1::FixedIp], findings: &mut Findings) -> Vec<Fixed> {
    if items.len() > FIXED_IPS_MAX {
        findings.spec("fixed_ips", format!("has {} entries; {FIXED_IPS_MAX} are the most", items.len()));
    }
    let mut all: Vec<Fixed> = Vec::new();
    for (i, item) in items.iter_mut().enumerate() {
        let field = format!("fixed_ips[{i}]");
        let at_subnet = format!("{field}.subnet");
        let subnet = item.subnet.as_ref();
        let subnet = subnet.and_then(|subnet| text::target(SUBNET, &id.tenant, subnet, &at_subnet, findings));
        let address = text::opt::<IpAddr>(&mut item.ip_address, &format!("{field}.ip_address"), findings);
        if item.subnet.is_none() && item.ip_address.is_none() {
            findings.spec(&field, "needs a subnet, an ip_address, or both");
        }
        if address.is_some() && all.iter().any(|other| other.address == address) {
            findings.spec(format!("{field}.ip_address"), "is listed twice");
        }
        all.push(Fixed { subnet, address });
    }
    all
}

pub(super) fn claims(catalog: &Catalog, id: &ResourceId, port: &Port, claims: &mut Vec<Claim>) {
    claims.extend(port.mac.map(|mac| Claim::Mac(port.network.clone(), mac)));
    // As it is written, and as it is shown.
    let written = port.assigned.iter().map(|assigned| assigned.address);
    let all = written.chain(catalog.addresses_of(port));
    claims.extend(all.map(|address| Claim::Address(port.network.clone(), address)));
    claims.extend(catalog.learned_by(id).map(|address| Claim::Address(port.network.clone(), address)));
    // Nobody else has an address of its shares.
    let shares = catalog.shares_of(port).into_iter();
    claims.extend(shares.map(|(_, share)| Claim::Address(port.network.clone(), IpAddr::V6(share.network()))));
    claims.extend(port.binding.clone().map(|(chassis, interface)| Claim::Interface(chassis, interface)));
    proxy::claims(catalog, id, port, claims);
}

/// The field that a claim of a port is about.
pub(super) fn field_of(port: &Port, claim: &Claim) -> String {
    match claim {
        Claim::Mac(..) => "mac_address".to_owned(),
        Claim::Interface(..) => "binding.interface".to_owned(),
        Claim::Address(_, address) => {
            let given = port.fixed.iter().flatten().position(|fixed| fixed.address == Some(*address));
            given.map_or("fixed_ips".to_owned(), |i| format!("fixed_ips[{i}].ip_address"))
        }
        _ => String::new(),
    }
}

pub(super) fn check(catalog: &Catalog, port: &Port, findings: &mut Findings) {
    let groups = port.groups.iter().flatten();
    let sorts: Vec<_> = groups.filter_map(|id| Some((id, catalog.security_group(id)?.stateful))).collect();
    let of = |sort: bool| sorts.iter().find(|(_, stateful)| *stateful == sort).map(|(id, _)| id);
    if let (Some(stateful), Some(stateless)) = (of(true), of(false)) {
        findings.spec(
            "security_groups",
            format!("{stateful} is stateful, {stateless} is not: a port's are all of one sort"),
        );
    }
    if let Some(chassis) = port.on_chassis.as_ref().filter(|id| port.by_iface_id && catalog.chassis(id).is_some())
        && !catalog.is_managed(chassis)
    {
        findings.spec(
            "binding.interface",
            format!("is needed: the name of the bridge's port. {chassis} is not managed, so no iface-id tells it"),
        );
    }
    if let (Some((_, interface)), Some(fabric)) = (&port.binding, catalog.fabric())
        && *interface == fabric.interface
    {
        findings.spec("binding.interface", format!("{interface} is the fabric's interface"));
    }
    class::check(catalog, port, findings);
    let shares = catalog.shares_of(port);
    for (i, (subnet, share)) in shares.iter().enumerate() {
        if let Some((_, other)) = shares[..i].iter().find(|(other, _)| other == subnet) {
            findings.spec("fixed_ips", format!("{share} and {other} are two prefixes of {subnet}: a port has one"));
        }
    }
    if let Some(message) = catalog.network(&port.network).and_then(|network| misnamed(&port.network, network, port)) {
        findings.spec("dns_name", message);
    }
}

/// What is wrong with a port's name on its network.
pub(super) fn misnamed(id: &ResourceId, network: &Network, port: &Port) -> Option<String> {
    let (label, given) = port.dns_name.as_ref()?;
    let domain = network.dns_domain.as_deref();
    if given.is_some() && given.as_deref() != domain {
        let domain = domain.map_or("it has none".to_owned(), |domain| format!("that is {domain}"));
        return Some(format!(
            "{label}.{}. is not in the dns_domain of {id}: {domain}",
            given.as_deref().unwrap_or_default()
        ));
    }
    let length = label.len() + domain.map_or(0, |domain| domain.len() + 1);
    (length > text::DOMAIN_MAX).then(|| format!("is too long with the dns_domain of {id}: {length} characters"))
}

pub(super) fn facts(catalog: &Catalog, id: &ResourceId, key: u32, port: &Port, facts: &mut Vec<Change>) {
    let key = PortKey(key);
    let (Some(network), Some(mac)) = (catalog.key_of(&port.network).map(NetworkKey), port.mac) else { return };
    let shares = catalog.shares_of(port).into_iter().map(|(subnet, share)| {
        let lifetimes = catalog.subnet(&subnet).map(Subnet::lifetimes).unwrap_or_default();
        topology::Delegated { advertised: true, ..delegated((share, lifetimes)) }
    });
    let fact = topology::Port {
        tenant: id.tenant.clone(),
        name: id.name.clone(),
        network,
        mac,
        addresses: catalog.addresses_of(port),
        learned: catalog.learned_by(id).collect(),
        prefixes: catalog.delegated_to(id).map(delegated).chain(shares).collect(),
        pairs: port.pairs.iter().copied().chain(catalog.translated_by(id)).collect(),
    };
    facts.push(Change::Port(key, Some(fact)));
    for (subnet, share) in catalog.shares_of(port) {
        let routers = catalog.users(&subnet, ROUTER).filter_map(|router| catalog.key_of(router)).map(RouterKey);
        let route = Route { network, nexthop: link_local(mac).into() };
        facts.extend(routers.map(|router| Change::Route(router, IpNet::V6(share), Some(route.clone()))));
    }
    if let Some((chassis, interface)) = port.binding.as_ref().filter(|_| catalog.trunk_with(id).is_none())
        && let Some(Ok(chassis)) = catalog.key_of(chassis).map(u16::try_from)
    {
        let fact = topology::Binding { chassis: ChassisKey(chassis), interface: interface.clone() };
        facts.push(Change::Binding(key, Some(fact)));
    }
    if let Some(Ok(chassis)) = port.home().and_then(|home| catalog.key_of(home)).map(u16::try_from) {
        facts.push(Change::Direct(key, Some(topology::Direct { home: ChassisKey(chassis) })));
    }
    let forming = !port.automatic && catalog.formed_by(id).local;
    let policy = topology::Policy {
        secured: port.secured,
        learning: port.automatic,
        forming,
        relays: port.relays,
        role: port.role,
    };
    facts.push(Change::Policy(key, Some(policy)));
    if let Some(groups) = &port.groups {
        let groups = groups.iter().filter_map(|group| catalog.key_of(group).map(GroupKey)).collect();
        facts.push(Change::Membership(key, Some(topology::Membership { groups })));
    }
    let listened = catalog.listeners_of(id);
    facts.extend(listened.map(|(group, listened)| Change::Listener(key, group, Some(listened.wants.clone()))));
    if port.dhcp_options != DhcpOptions::default() {
        facts.push(Change::DhcpOptions(key, Some(port.dhcp_options.clone())));
    }
    facts.extend(port.dns_name.as_ref().map(|(label, _)| Change::Hostname(key, Some(label.clone()))));
    proxy::facts(catalog, id, key, port, facts);
}

fn delegated((prefix, lifetimes): (Ipv6Net, v1::PrefixLifetimes)) -> topology::Delegated {
    let v1::PrefixLifetimes { preferred_s, valid_s } = lifetimes;
    topology::Delegated { prefix, preferred_s, valid_s, advertised: false }
}

impl Catalog {
    /// Every port, in the order of tenant and name.
    pub(crate) fn port_ids(&self) -> impl Iterator<Item = &ResourceId> {
        self.ids(ident::PORT)
    }

    /// The /64s that are a port's own, each once, with their subnets.
    pub(crate) fn shares_of(&self, port: &Port) -> Vec<(ResourceId, Ipv6Net)> {
        let share = |assigned: &Assigned| {
            let share = self.subnet(&assigned.subnet)?.share(assigned.address)?;
            Some((assigned.subnet.clone(), share))
        };
        let mut shares: Vec<_> = port.assigned.iter().filter_map(share).collect();
        shares.dedup();
        shares
    }

    /// What a port forms as it likes: addresses where hosts do and it was given none by its intent, those of its address pairs, and
    /// link-local ones.
    pub(crate) fn formed_by(&self, id: &ResourceId) -> Formed {
        let Some(port) = self.port(id).filter(|port| port.secured) else { return Formed::default() };
        // Of its own prefix all addresses are its: there is nothing to learn.
        let forms = |subnet: &Subnet| subnet.modes.form() && !subnet.per_host;
        let subnets = self.subnets_of(&port.network).into_iter().filter(|(_, subnet)| forms(subnet));
        let given = |id: &ResourceId, subnet: &Subnet| {
            let mut given = port.fixed.iter().flatten().filter_map(|fixed| fixed.address);
            given.any(|address| self.written_in(id, subnet, address).is_some())
        };
        let forms = subnets.filter(|(id, subnet)| !given(id, subnet));
        let forming = forms.flat_map(|(id, subnet)| self.faces(id, subnet)).map(|face| face.cidr);
        let prefixes = forming.chain(port.pairs.iter().map(|pair| pair.prefix)).collect();
        Formed { prefixes, local: true }
    }

    /// The addresses that a port was given or forms from its MAC, as hosts have them: while its subnet is renumbered, those of
    /// both prefixes.
    pub(crate) fn addresses_of(&self, port: &Port) -> Vec<IpAddr> {
        port.assigned.iter().flat_map(|assigned| self.shown_in(&assigned.subnet, assigned.address)).collect()
    }

    pub(crate) fn port(&self, id: &ResourceId) -> Option<&Port> {
        match self.model(id) {
            Some(Model::Port(port)) => Some(port),
            _ => None,
        }
    }
}

//! What the controller has told of resources: as they are, and all that they have been since all was last at rest.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};

use addr::{Ipv6Net, MacAddr, link_local};
use proto::v1::{self, Phase, resource::Kind};

/// Tenant and name.
pub type Name = (String, String);
/// Chassis and interface.
pub type Plug = (String, String);

/// What is known of resources.
#[derive(Debug, Default)]
pub struct Model {
    /// All resources, by kind, tenant and name.
    pub all: BTreeMap<(String, String, String), v1::Resource>,
    /// What a watcher has seen of them; `None`: nobody watches.
    watched: Option<BTreeMap<(String, String, String), v1::Resource>>,
    /// What may still be on some switch.
    window: Window,
    /// Whose a MAC is that advertises: learned when it was first heard, and never anybody else's.
    advertisers: BTreeMap<MacAddr, String>,
    /// Requests that wait for their answers.
    pub open: u64,
}

/// All that was since all was last at rest.
#[derive(Debug, Default)]
struct Window {
    /// Ports by where they are plugged.
    ports: BTreeMap<Plug, Vec<PortView>>,
    /// Networks that a router joined.
    joins: BTreeSet<(Name, Name)>,
}

/// A port, as it is or was.
#[derive(Clone, Debug, PartialEq)]
pub struct PortView {
    /// Its tenant and name.
    pub name: Name,
    /// Its network.
    pub network: Name,
    /// Its MAC.
    pub mac: MacAddr,
    /// Its addresses, the link-local one included.
    pub addresses: Vec<IpAddr>,
    /// What is delegated to it.
    pub prefixes: Vec<Ipv6Net>,
    /// Where it is bound.
    pub plug: Option<Plug>,
    /// Whether it may send only as itself.
    pub secured: bool,
    /// How far it has come.
    pub phase: Phase,
    /// Why not further.
    pub reason: String,
}

impl Model {
    /// A resource is, or stands, otherwise.
    pub fn changed(&mut self, resource: &v1::Resource) {
        let Some(key) = key_of(resource) else { return };
        self.all.insert(key, resource.clone());
        match &resource.kind {
            Some(Kind::Port(port)) => self.window.port(port),
            Some(Kind::Subnet(_) | Kind::Router(_)) => self.window.routers(&self.all),
            _ => {}
        }
    }

    /// A resource is gone.
    pub fn deleted(&mut self, gone: &v1::ResourceChange) {
        self.all.remove(&(gone.kind.clone(), gone.tenant.clone(), gone.name.clone()));
    }

    /// The controller is another: what it has to tell it tells anew.
    pub fn restarted(&mut self) {
        self.all.clear();
        (self.watched, self.open) = (None, 0);
    }

    /// All is at rest: nothing of what was is on any switch.
    pub fn rested(&mut self) {
        self.window = Window::default();
        for resource in self.all.values() {
            if let Some(Kind::Port(port)) = &resource.kind {
                self.window.port(port);
            }
        }
        self.window.routers(&self.all);
    }

    /// What a plug has been since all was last at rest.
    pub fn at(&self, chassis: &str, interface: &str) -> &[PortView] {
        self.window.ports.get(&(chassis.to_owned(), interface.to_owned())).map_or(&[], |views| views)
    }

    /// The ports as they are.
    pub fn ports(&self) -> Vec<PortView> {
        let ports = self.all.values().filter_map(|resource| match &resource.kind {
            Some(Kind::Port(port)) => PortView::of(port),
            _ => None,
        });
        ports.collect()
    }

    /// The networks that routers join to one, itself included, in any number of hops.
    pub fn reach(&self, network: &Name) -> BTreeSet<Name> {
        let mut reached = BTreeSet::from([network.clone()]);
        loop {
            let next = self.window.joins.iter().filter(|(a, _)| reached.contains(a)).map(|(_, b)| b.clone());
            let next: Vec<Name> = next.filter(|b| !reached.contains(b)).collect();
            if next.is_empty() {
                return reached;
            }
            reached.extend(next);
        }
    }

    /// A tenant's host hears an advertisement from a MAC. Who else's it is.
    pub fn advertised(&mut self, mac: MacAddr, tenant: &str) -> Option<&str> {
        let owner = self.advertisers.entry(mac).or_insert_with(|| tenant.to_owned());
        (owner != tenant).then_some(owner)
    }

    /// A watcher begins with these.
    pub fn watched(&mut self, resources: Vec<v1::Resource>) {
        let named = resources.into_iter().filter_map(|resource| Some((key_of(&resource)?, resource)));
        self.watched = Some(named.collect());
    }

    /// A watcher sees a resource.
    pub fn watch_set(&mut self, resource: &v1::Resource) {
        if let (Some(watched), Some(key)) = (&mut self.watched, key_of(resource)) {
            watched.insert(key, resource.clone());
        }
    }

    /// A watcher sees one go.
    pub fn watch_deleted(&mut self, gone: &v1::ResourceChange) {
        if let Some(watched) = &mut self.watched {
            watched.remove(&(gone.kind.clone(), gone.tenant.clone(), gone.name.clone()));
        }
    }

    /// Whether a watcher, if there is one, has seen exactly what there is; otherwise what differs.
    pub fn watcher_differs(&self, now: &[v1::Resource]) -> Option<String> {
        let watched = self.watched.as_ref()?;
        let now: BTreeMap<_, _> = now.iter().filter_map(|resource| Some((key_of(resource)?, resource))).collect();
        // Counts of a chassis are of the moment: they are not told of one by one.
        let differs = |key: &(String, String, String)| key.0 != "chassis" && watched.get(key) != now.get(key).copied();
        let key = now.keys().chain(watched.keys()).find(|key| differs(key))?;
        Some(format!("{key:?}: seen {:?}, is {:?}", watched.get(key), now.get(key)))
    }
}

impl Window {
    fn port(&mut self, port: &v1::Port) {
        let Some(view) = PortView::of(port) else { return };
        let Some(plug) = view.plug.clone() else { return };
        let views = self.ports.entry(plug).or_default();
        if !views.iter().any(|known| known.is_same(&view)) {
            views.push(view);
        }
    }

    fn routers(&mut self, all: &BTreeMap<(String, String, String), v1::Resource>) {
        let network_of = |tenant: &str, subnet: &str| {
            let key = ("subnet".to_owned(), tenant.to_owned(), subnet.to_owned());
            match &all.get(&key)?.kind {
                Some(Kind::Subnet(subnet)) => Some((tenant.to_owned(), subnet.spec.as_ref()?.network.clone())),
                _ => None,
            }
        };
        for resource in all.values() {
            let Some(Kind::Router(v1::Router { meta: Some(meta), spec: Some(spec), .. })) = &resource.kind else {
                continue;
            };
            let networks = spec.interfaces.iter().filter_map(|i| network_of(&meta.tenant, &i.subnet));
            let networks: Vec<Name> = networks.collect();
            for a in &networks {
                self.joins.extend(networks.iter().map(|b| (a.clone(), b.clone())));
            }
        }
    }
}

impl PortView {
    /// Reads a port.
    pub fn of(port: &v1::Port) -> Option<PortView> {
        let (meta, spec, status) = (port.meta.as_ref()?, port.spec.as_ref()?, port.status.as_ref()?);
        let mac: MacAddr = status.mac_address.parse().ok()?;
        let told = status.addresses.iter().filter_map(|address| address.parse().ok());
        let addresses = told.chain([IpAddr::V6(link_local(mac))]).collect();
        let plug = spec.binding.as_ref().map(|binding| (binding.chassis.clone(), binding.interface.clone()));
        Some(PortView {
            name: (meta.tenant.clone(), meta.name.clone()),
            network: (meta.tenant.clone(), spec.network.clone()),
            mac,
            addresses,
            prefixes: status.prefixes.iter().filter_map(|prefix| prefix.parse().ok()).collect(),
            plug,
            secured: spec.port_security_enabled.unwrap_or(true),
            phase: status.phase(),
            reason: status.reason.clone(),
        })
    }

    /// Whether two views are the same to the data plane.
    fn is_same(&self, other: &PortView) -> bool {
        let of = |view: &PortView| (view.name.clone(), view.network.clone(), view.mac, view.secured);
        of(self) == of(other) && (&self.addresses, &self.prefixes) == (&other.addresses, &other.prefixes)
    }

    /// Whether it may send from an address.
    pub fn sends_from(&self, source: IpAddr) -> bool {
        let delegated = |source| self.prefixes.iter().any(|prefix| prefix.contains(&source));
        self.addresses.contains(&source) || matches!(source, IpAddr::V6(source) if delegated(source))
    }

    /// Its global IPv6 addresses.
    pub fn global(&self) -> impl Iterator<Item = Ipv6Addr> + '_ {
        self.addresses.iter().filter_map(|address| match address {
            IpAddr::V6(address) if !addr::is_link_local(*address) => Some(*address),
            _ => None,
        })
    }
}

/// Kind, tenant and name.
fn key_of(resource: &v1::Resource) -> Option<(String, String, String)> {
    let (kind, meta) = match resource.kind.as_ref()? {
        Kind::Chassis(r) => ("chassis", &r.meta),
        Kind::Fabric(r) => ("fabric", &r.meta),
        Kind::Network(r) => ("network", &r.meta),
        Kind::Subnet(r) => ("subnet", &r.meta),
        Kind::Router(r) => ("router", &r.meta),
        Kind::Port(r) => ("port", &r.meta),
        Kind::Delegation(r) => ("delegation", &r.meta),
        Kind::Renumbering(r) => ("renumbering", &r.meta),
        Kind::SecurityGroup(r) => ("security_group", &r.meta),
        Kind::AddressGroup(r) => ("address_group", &r.meta),
        Kind::AnycastService(r) => ("anycast_service", &r.meta),
        Kind::Translator(r) => ("translator", &r.meta),
        Kind::Exposure(r) => ("exposure", &r.meta),
        Kind::Trunk(r) => ("trunk", &r.meta),
        Kind::FloatingIp(r) => ("floating_ip", &r.meta),
        Kind::PrefixMapping(r) => ("prefix_mapping", &r.meta),
    };
    let meta = meta.clone().unwrap_or_default();
    Some((kind.to_owned(), meta.tenant, meta.name))
}

//! Worlds from a seed, as facts: one to three chassis, networks of two tenants with the same prefixes and MACs, routers in
//! chains, secured ports and others. Only what admission would let pass.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use addr::{Dpid, IpNet, MacAddr, OfPort, eui64_address, is_link_local, link_local, subnet_router_anycast};
use features::links::LABELS;
use topology::{
    AddressPair, Advert, Binding, Change, Chassis, ChassisKey, Delegated, Encap, Fabric, Hop, Interface, Lane,
    Listener, Network, NetworkKey, Policy, Port, PortKey, Role, Route, Router, RouterKey, Subnet, SubnetKey, Way,
};

use crate::beyond::beyond;
use crate::dice::Dice;
use crate::filters::filters;
use crate::rig::{PORTS_MAX, fabric_port};
use crate::services::services;
use crate::shared::shared;

/// Prefixes that do not overlap: both tenants have them.
const PREFIXES: [&str; 13] = [
    "2001:db8:1::/64",
    "2001:db8:2::/64",
    "2001:db8:3::/64",
    "2001:db8:4::/64",
    "fd00:7::/48",
    "2001:db8:9::40/122",
    "2001:db8:5::/127",
    "10.0.0.0/24",
    "10.0.1.0/24",
    "10.1.0.0/16",
    "192.0.2.4/30",
    "198.51.100.6/31",
    "172.16.0.0/12",
];
const DESTINATIONS_V6: [&str; 5] =
    ["2001:db8:f0::/48", "::/0", "2001:db8:1::/65", "2001:db8:ee::/48", "2001:db8:2::7/128"];
const DESTINATIONS_V4: [&str; 4] = ["0.0.0.0/0", "203.0.113.0/24", "10.0.0.128/25", "192.0.2.128/32"];

/// What has been decided so far.
struct Maker {
    dice: Dice,
    changes: Vec<Change>,
    encap: Encap,
    chassis: Vec<u16>,
    networks: Vec<Net>,
    routers: Vec<RouterKey>,
}

struct Net {
    key: NetworkKey,
    tenant: &'static str,
    subnets: Vec<(SubnetKey, IpNet)>,
    /// Taken on it.
    macs: BTreeSet<MacAddr>,
    addresses: BTreeSet<IpAddr>,
    /// Who could be a next hop: a router or a port.
    hosts: Vec<(Option<RouterKey>, IpAddr)>,
    /// Whose interfaces are on it.
    routers: Vec<RouterKey>,
}

/// A world. The same seed, the same world.
pub fn world(seed: u64) -> Vec<Change> {
    let mut dice = Dice::new(seed ^ 0x005e_ed00_0000);
    let encap = [Encap::Geneve, Encap::Vlan, Encap::Links, Encap::Vxlan, Encap::Gre][seed as usize % 5];
    let over_ipv6 = !dice.one_in(3);
    let mut maker =
        Maker { dice, changes: Vec::new(), encap, chassis: Vec::new(), networks: Vec::new(), routers: Vec::new() };
    let mtu_max = maker.dice.of(&[1500, 1500, 9000]) - encap.overhead(over_ipv6);
    let interface = if encap == Encap::Links { "" } else { "sx-tun" };
    maker.changes.push(Change::Fabric(Some(Fabric { encap, interface: interface.into(), mtu_max })));
    maker.chassis(over_ipv6);
    maker.links();
    let count = 1 + maker.dice.below(5);
    for n in 1..=count as u32 {
        maker.network(n, mtu_max);
    }
    for r in 1..=maker.dice.of(&[0, 1, 1, 2, 2, 3, 3]) {
        maker.router(r);
    }
    maker.ports();
    for router in maker.routers.clone() {
        maker.routes(router);
    }
    maker.ring();
    let filters = filters(&mut Dice::new(seed ^ 0xf117_e500_0000), &maker.changes);
    maker.changes.extend(filters);
    let services = services(&mut Dice::new(seed ^ 0xa17c_a570_0000), &maker.changes);
    maker.changes.extend(services);
    let listeners = listeners(&mut Dice::new(seed ^ 0x6d1d_6d1d_0000), &maker.changes);
    maker.changes.extend(listeners);
    beyond(&mut Dice::new(seed ^ 0xbe10_9d00_0000), &mut maker.changes);
    shared(&mut Dice::new(seed ^ 0x5a4e_d000_0000), &mut maker.changes);
    maker.changes
}

/// Groups that frames are sent to: of two scopes that routers forward, and of IPv4.
const GROUPS: [&str; 4] = ["ff05::2", "ff3e::8000:1", "ff15::1", "239.1.2.3"];

/// Ports that listen to groups, to all sources or to some.
fn listeners(dice: &mut Dice, changes: &[Change]) -> Vec<Change> {
    let ports: Vec<(PortKey, Vec<IpAddr>)> = changes
        .iter()
        .filter_map(|change| match change {
            Change::Port(key, Some(port)) => Some((*key, port.addresses.clone())),
            _ => None,
        })
        .collect();
    let mut found = Vec::new();
    for (port, _) in &ports {
        for group in GROUPS {
            if dice.one_in(2) {
                continue;
            }
            let group: IpAddr = group.parse().unwrap();
            let exclude = !dice.one_in(3);
            let some = (0..dice.below(3)).flat_map(|_| dice.of(&ports).1);
            let named: BTreeSet<IpAddr> = some.filter(|source| source.is_ipv6() == group.is_ipv6()).collect();
            let fact = Listener { exclude, sources: named.into_iter().collect() };
            let heard = exclude || !fact.sources.is_empty();
            found.push(Change::Listener(*port, group, heard.then_some(fact)));
        }
    }
    found
}

impl Maker {
    /// A small key, or one that fills its bits.
    fn key(&mut self, n: u32, bits: u32) -> u32 {
        let large = (1u64 << bits) as u32;
        if self.dice.one_in(4) { large.wrapping_sub(n) } else { n }
    }

    fn chassis(&mut self, over_ipv6: bool) {
        for n in 1..=1 + self.dice.below(3) as u16 {
            let largest = if self.encap == Encap::Links { features::links::CHASSIS_MAX } else { 0xffff };
            let key = self.dice.of(&[n, n, 0x100 + n, largest - n]);
            let tunnel_ip: IpAddr = if over_ipv6 {
                format!("fd00:a::{key:x}").parse().unwrap()
            } else {
                Ipv4Addr::from(0x0a09_0000 | u32::from(key)).into()
            };
            let chassis = Chassis {
                name: format!("hv{n}").into(),
                dpid: Some(Dpid(key.into())),
                tunnel_ip: Some(tunnel_ip).filter(|_| self.encap.tunnels() || n == 1),
                mappings: vec![],
                gateway_priority: None,
                drained: false,
            };
            self.changes.push(Change::Chassis(ChassisKey(key), Some(chassis)));
            if !self.dice.one_in(12) {
                let port = Some(fabric_port(self.encap));
                self.changes.push(Change::Plug(ChassisKey(key), "sx-tun".into(), port));
            }
            self.chassis.push(key);
        }
    }

    /// On links: a port of each chassis that leads to another, and paths out of it and of one more.
    fn links(&mut self) {
        if self.encap != Encap::Links {
            return;
        }
        let ports = [fabric_port(self.encap), OfPort(PORTS_MAX)];
        let ends: Vec<(ChassisKey, ChassisKey)> = self
            .chassis
            .iter()
            .flat_map(|here| self.chassis.iter().map(move |there| (ChassisKey(*here), ChassisKey(*there))))
            .filter(|(here, there)| here != there)
            .collect();
        for chassis in self.chassis.clone() {
            if !self.dice.one_in(12) {
                self.changes.push(Change::Trunk(ChassisKey(chassis), ports[0], true));
            }
        }
        for (here, there) in ends {
            let mut lane = || {
                let label = self.dice.below(8) as u8;
                Lane { port: self.dice.of(&ports), label: Some(label).filter(|label| *label < LABELS) }
            };
            let (even, odd) = (lane(), lane());
            if !self.dice.one_in(6) {
                self.changes.push(Change::Way(here, there, Some(Way { lanes: [even, odd] })));
            }
            for label in (0..LABELS).filter(|_| self.dice.one_in(2)).collect::<Vec<u8>>() {
                let hop = Hop { port: self.dice.of(&ports), last: self.dice.one_in(2) };
                self.changes.push(Change::Hop(here, there, label, Some(hop)));
            }
        }
    }

    fn network(&mut self, n: u32, mtu_max: u32) {
        let key = NetworkKey(self.key(n, 24));
        let largest = if self.encap.tags() { 4094 } else { 0xff_ffff };
        let segment = self.dice.of(&[n, 100 + n, 2000 + n, largest - n]);
        let mtu = self.dice.of(&[mtu_max, mtu_max, 1280, 1400]);
        let tenant = self.dice.of(&["acme", "acme", "umbra"]);
        let name = format!("net{n}").into();
        let auto_ports = self.dice.one_in(3);
        let dns_domain = self.dice.one_in(2).then(|| "example.net".into());
        let fact = Network {
            tenant: tenant.into(),
            name,
            segment,
            physical: None,
            mtu,
            auto_ports,
            dns_domain,
            captive_portal: None,
            delegates: false,
        };
        self.changes.push(Change::Network(key, Some(fact)));
        let mut net = Net {
            key,
            tenant,
            subnets: Vec::new(),
            macs: BTreeSet::new(),
            addresses: BTreeSet::new(),
            hosts: Vec::new(),
            routers: Vec::new(),
        };
        let mut free: Vec<&str> = PREFIXES.to_vec();
        for s in 0..self.dice.of(&[0, 1, 1, 2, 2, 2, 3]) {
            let cidr: IpNet = free.swap_remove(self.dice.below(free.len())).parse().unwrap();
            let subnet = SubnetKey(self.key(10 * n + s, 32));
            self.changes.push(Change::Subnet(subnet, Some(Subnet { network: key, cidr, own_dns: true })));
            if let (IpNet::V6(prefix), true) = (cidr, self.dice.one_in(2)) {
                let advert = Advert {
                    prefix,
                    autonomous: prefix.prefix_len() == 64,
                    default_router: !self.dice.one_in(4),
                    advertise_prefix: true,
                    valid_s: 86400,
                    preferred_s: 14400,
                    ends: None,
                    withdrawn: vec![],
                    pref64_by: None,
                    rdnss: vec![],
                    managed: false,
                    other: false,
                    pref64: None,
                    routes: vec![],
                    preference: None,
                    per_host: false,
                };
                self.changes.push(Change::Advert(subnet, Some(advert)));
            }
            net.subnets.push((subnet, cidr));
        }
        self.networks.push(net);
    }

    /// A router on some of its tenant's subnets.
    fn router(&mut self, r: u32) {
        let key = RouterKey(self.key(r, 24));
        let tenant = self.dice.of(&["acme", "acme", "umbra"]);
        let generated = features::router::generated_mac(key);
        let mac = if self.dice.one_in(4) { MacAddr([2, 0, 0x5e, 0, 0, r as u8]) } else { generated };
        self.changes
            .push(Change::Router(key, Some(Router { tenant: tenant.into(), name: format!("r{r}").into(), mac })));
        let mut prefixes = BTreeSet::new();
        for at in 0..self.networks.len() {
            if self.networks[at].tenant != tenant {
                continue;
            }
            // Its own on this network, or the router's.
            let mac = if self.dice.one_in(5) { MacAddr([2, 0, 0x5e, 1, at as u8, r as u8]) } else { mac };
            for (subnet, cidr) in self.networks[at].subnets.clone() {
                if self.dice.one_in(4) || !prefixes.insert(cidr) {
                    continue;
                }
                let Some(address) = self.gateway(at, cidr) else { continue };
                let net = &mut self.networks[at];
                let ours = net.routers.contains(&key);
                if !ours && !net.macs.insert(mac) {
                    continue;
                }
                net.addresses.extend([address, link_local(mac).into()]);
                net.hosts.extend([(Some(key), address), (Some(key), link_local(mac).into())]);
                net.routers.push(key);
                let interface = Interface { network: net.key, mac, address };
                self.changes.push(Change::Interface(key, subnet, Some(interface)));
            }
        }
        self.routers.push(key);
    }

    /// A free address for a router in a prefix: the anycast one, the first, or any.
    fn gateway(&mut self, at: usize, cidr: IpNet) -> Option<IpAddr> {
        let first = match cidr {
            IpNet::V6(prefix) => Ipv6Addr::from(u128::from(prefix.network()) | 1).into(),
            IpNet::V4(prefix) => Ipv4Addr::from(u32::from(prefix.network()) | 1).into(),
        };
        let mut choices = vec![first];
        match cidr {
            IpNet::V6(prefix) => choices.push(subnet_router_anycast(prefix).into()),
            IpNet::V4(prefix) if prefix.prefix_len() < 31 => {
                choices.push(Ipv4Addr::from(u32::from(prefix.broadcast()) - 1).into());
            }
            IpNet::V4(_) => {}
        }
        let address = self.dice.of(&choices);
        (!self.networks[at].addresses.contains(&address)).then_some(address)
    }

    fn ports(&mut self) {
        let mut free: Vec<Vec<u32>> = self.chassis.iter().map(|_| (1..=PORTS_MAX).collect()).collect();
        for (c, free) in free.iter_mut().enumerate() {
            // A port that nobody claims.
            if self.dice.one_in(2) {
                let spare = OfPort(free.swap_remove(self.dice.below(free.len())));
                self.changes.push(Change::Plug(ChassisKey(self.chassis[c]), "spare".into(), Some(spare)));
            }
        }
        for p in 1..=self.dice.of(&[1, 6, 8, 10, 12, 14, 16]) {
            let at = self.dice.below(self.networks.len());
            let key = PortKey(self.key(p, 32));
            let small = MacAddr::from_u64(0x0200_0000_0100 | self.dice.below(8) as u64);
            let net = &mut self.networks[at];
            let mac = if net.macs.insert(small) { small } else { MacAddr::from_u64(0x0200_0000_1000 | u64::from(p)) };
            net.macs.insert(mac);
            net.addresses.insert(link_local(mac).into());
            let addresses = self.addresses(at, mac);
            let net = &mut self.networks[at];
            net.hosts.extend(addresses.iter().copied().chain([link_local(mac).into()]).map(|address| (None, address)));
            let prefixes = self.prefixes(p);
            let behind = prefixes.iter().map(|d| IpAddr::from(Ipv6Addr::from(u128::from(d.prefix.network()) | 1)));
            let net = &mut self.networks[at];
            net.hosts.extend(behind.map(|address| (None, address)));
            let name: std::sync::Arc<str> = format!("vm{p}").into();
            let pairs = pairs(&mut self.dice, &net.hosts);
            let port = Port {
                tenant: net.tenant.into(),
                name: name.clone(),
                network: net.key,
                mac,
                addresses,
                learned: vec![],
                prefixes,
                pairs,
            };
            self.changes.push(Change::Port(key, Some(port)));
            if !self.dice.one_in(10) {
                let c = self.dice.below(self.chassis.len());
                let chassis = ChassisKey(self.chassis[c]);
                self.changes.push(Change::Binding(key, Some(Binding { chassis, interface: name.clone() })));
                if !self.dice.one_in(10) && !free[c].is_empty() {
                    let number = self.dice.below(free[c].len());
                    let number = OfPort(free[c].swap_remove(number));
                    self.changes.push(Change::Plug(chassis, name, Some(number)));
                }
            }
            if !self.dice.one_in(6) {
                let secured = !self.dice.one_in(3);
                let learning = self.dice.one_in(3);
                let relays = self.dice.one_in(4);
                let role =
                    self.dice.of(&[Role::Host, Role::Host, Role::Host, Role::Router, Role::Router, Role::Monitor]);
                self.changes
                    .push(Change::Policy(key, Some(Policy { secured, learning, forming: false, relays, role })));
            }
        }
    }

    /// Of some ports one or two, of others' subnets too, as only a bad intent would have it.
    fn prefixes(&mut self, p: u32) -> Vec<Delegated> {
        let count = self.dice.of(&[0, 0, 0, 1, 2]);
        let prefix = |n: u32| {
            let text = format!("2001:db8:d{p:x}{n:x}::/{}", [48, 56, 64][(p + n) as usize % 3]);
            Delegated { prefix: text.parse().unwrap_or_default(), preferred_s: 100, valid_s: 200, advertised: false }
        };
        (0..count).map(prefix).collect()
    }

    /// Of most of its network's subnets one, of some two.
    fn addresses(&mut self, at: usize, mac: MacAddr) -> Vec<IpAddr> {
        let mut addresses = Vec::new();
        for (_, cidr) in self.networks[at].subnets.clone() {
            for _ in 0..self.dice.of(&[0, 1, 1, 1, 1, 2]) {
                let host = 2 + self.dice.below(60) as u32;
                let address: IpAddr = match cidr {
                    IpNet::V6(prefix) if prefix.prefix_len() == 64 && self.dice.one_in(2) => {
                        eui64_address(prefix, mac).into()
                    }
                    IpNet::V6(prefix) => {
                        let bits = u128::from(host) & (u128::MAX >> prefix.prefix_len());
                        Ipv6Addr::from(u128::from(prefix.network()) | bits).into()
                    }
                    IpNet::V4(prefix) => {
                        Ipv4Addr::from(u32::from(prefix.network()) | (host & !u32::from(prefix.netmask()))).into()
                    }
                };
                // No port has the subnet-router anycast address, nor a network's or broadcast address.
                let edge = address == cidr.network() || address == cidr.broadcast();
                let small = cidr.max_prefix_len() - cidr.prefix_len() == 1;
                if (small || !edge) && self.networks[at].addresses.insert(address) {
                    addresses.push(address);
                }
            }
        }
        addresses
    }

    /// Static routes to ports, to other routers, to nobody.
    fn routes(&mut self, router: RouterKey) {
        let mut there = BTreeSet::new();
        for _ in 0..self.dice.below(4) {
            let nets: Vec<usize> =
                (0..self.networks.len()).filter(|at| self.networks[*at].routers.contains(&router)).collect();
            let Some(at) = self.dice.any(&nets) else { return };
            let net = &self.networks[at];
            let nobody: IpAddr = "fe80::dead".parse().unwrap();
            let others = net.hosts.iter().filter(|(owner, _)| *owner != Some(router)).map(|(_, address)| *address);
            let others: Vec<IpAddr> = others.chain([nobody]).collect();
            // Routers first, so that there are rings of them.
            let count = if self.dice.one_in(2) { others.len() } else { 1 + others.len() / 4 };
            let (network, nexthop) = (net.key, others[self.dice.below(count)]);
            let destinations = if nexthop.is_ipv6() { &DESTINATIONS_V6[..] } else { &DESTINATIONS_V4 };
            let destination: IpNet = self.dice.of(destinations).parse().unwrap();
            if there.insert(destination) {
                self.changes.push(Change::Route(router, destination, Some(Route { network, nexthop })));
            }
        }
    }

    /// Two routers on one network whose routes lead to each other.
    fn ring(&mut self) {
        for net in &self.networks {
            let v6 = net.hosts.iter().filter(|(_, address)| matches!(address, IpAddr::V6(a) if is_link_local(*a)));
            let mut routers = v6.filter_map(|(owner, address)| Some((*owner.as_ref()?, *address)));
            let (Some(one), Some(other)) = (routers.next(), routers.next()) else { continue };
            if one.0 == other.0 || self.dice.one_in(3) {
                continue;
            }
            let everywhere = "2001:db8:e000::/36".parse().unwrap();
            for (router, nexthop) in [(one.0, other.1), (other.0, one.1)] {
                let route = Route { network: net.key, nexthop };
                self.changes.push(Change::Route(router, everywhere, Some(route)));
            }
            return;
        }
    }
}

/// A few address pairs: of neighbours' addresses, of prefixes, with a MAC and without.
fn pairs(dice: &mut Dice, hosts: &[(Option<RouterKey>, IpAddr)]) -> Vec<AddressPair> {
    let count = if dice.one_in(3) { 1 + dice.below(2) } else { 0 };
    let mut pairs: Vec<AddressPair> = Vec::new();
    for _ in 0..count {
        let near = dice.any(hosts).map(|(_, address)| IpNet::from(address));
        let wide: IpNet = dice.of(&["2001:db8:99::/64", "10.99.0.0/24", "2001:db8:99::7/128"]).parse().unwrap();
        let prefix = near.filter(|_| dice.one_in(2)).unwrap_or(wide);
        let mac = dice.one_in(3).then_some(MacAddr([0, 0, 0x5e, 0, 2, 1 + dice.below(2) as u8]));
        if pairs.iter().all(|pair| pair.prefix != prefix) {
            pairs.push(AddressPair { prefix, mac });
        }
    }
    pairs
}

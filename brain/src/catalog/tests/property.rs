//! Random requests, right and wrong: the rig holds every step against a fresh load, and answers against each other.

use std::net::IpAddr;

use features::Millis;
use features::requesting::{Granted, Lease};
use proto::v1::{self, Document, Encap, resource::Kind};

use super::rig::*;
use crate::catalog::{Answer, Found, Seen, Upkeep};
use crate::event::{Caller, Request};

/// Enough for every run; 1,000 have been held to, and take a minute.
const SEEDS: u64 = 80;

/// Marsaglia's xorshift: seeds that fail can be written down.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % n
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn some<T>(&mut self, percent: usize, value: impl FnOnce(&mut Random) -> T) -> Option<T> {
        self.chance(percent).then(|| value(self))
    }
}

const CHASSIS: [&str; 3] = ["hv1", "hv2", "hv3"];
const NETWORKS: [&str; 3] = ["red", "blue", "acme/red"];
const GROUPS: [&str; 3] = ["g1", "g2", "default"];
const SUBNETS: [(&str, &str); 10] = [
    ("s1", "2001:db8:1::/64"),
    ("s2", "2001:db8:2::/64"),
    ("s3", "2001:db8:2::/63"),
    ("s4", "10.0.0.0/29"),
    ("s5", "10.0.1.0/29"),
    ("s6", "2001:db8:6::/125"),
    ("s7", "2001:db8:d000::/64"),
    ("s8", "2001:db8:f00::/60"),
    ("s8", "2001:db8:f00::/60"),
    ("s9", ""),
];
const ADDRESSES: [&str; 12] = [
    "2001:db8:1::5",
    "2001:db8:2::5",
    "10.0.0.2",
    "10.0.0.3",
    "10.0.1.2",
    "2001:db8:6::1",
    "2001:db8:6::2",
    "fe80::1",
    "2001:db8:1::",
    "2001:db8:9::5",
    "2001:db8:f00:1::5",
    "2001:db8:f00::5",
];

fn random_chassis(r: &mut Random) -> v1::Chassis {
    let name = r.one(&CHASSIS);
    let dpid = r.one(&["", "", "1", "2"]);
    let tunnel_ip = r.one(&["fd00::1", "fd00::2", "fd00::3", "fd00::4", "192.0.2.1", "192.0.2.2"]);
    let mut chassis = chassis(name, dpid, tunnel_ip);
    let mappings = &mut chassis.spec.as_mut().unwrap().bridge_mappings;
    for physical in ["phys1", "phys2"] {
        mappings.extend(r.some(30, |r| (physical.to_owned(), r.one(&["if1", "if3", "if4", "eth1"]).to_owned())));
    }
    chassis
}

fn random_fabric(r: &mut Random) -> v1::Fabric {
    let mut fabric = fabric(r.one(&[Encap::Geneve, Encap::Vxlan, Encap::Gre, Encap::Vlan]));
    fabric.spec.as_mut().unwrap().underlay_mtu = r.some(30, |r| r.one(&[1500, 9000, 1340]));
    fabric
}

fn random_network(r: &mut Random) -> v1::Network {
    let mut network = network(r.one(&["red", "blue"]));
    let spec = network.spec.as_mut().unwrap();
    spec.shared = r.chance(50);
    spec.auto_ports = r.chance(60);
    spec.dns_domain = r.some(40, |r| r.one(&["a.example", "b.example"]).to_owned());
    spec.mtu = r.some(20, |r| r.one(&[1280, 1400, 1500, 600]));
    spec.segmentation_id = r.some(20, |r| r.one(&[1, 2, 5000]));
    if r.chance(25) {
        (spec.r#type, spec.auto_ports) = (v1::NetworkType::Provider.into(), false);
        spec.physical_network = Some(r.one(&["phys1", "phys2"]).to_owned());
        spec.upstream_routers = r.some(50, |_| "fe80::9".to_owned()).into_iter().collect();
    }
    network
}

fn random_subnet(r: &mut Random) -> v1::Subnet {
    let (name, cidr) = r.one(&SUBNETS);
    let mut subnet = subnet(name, r.one(&["red", "blue"]), cidr);
    let spec = subnet.spec.as_mut().unwrap();
    spec.ipv6_ra_mode = i32::from(r.chance(40) && cidr.ends_with("/64"));
    spec.ipv6_address_mode = i32::from(r.chance(40) && cidr.ends_with("/64"));
    if cidr.is_empty() {
        spec.ipv6_ra_mode = 1;
    } else {
        spec.gateway_ip = r.some(30, |r| r.one(&ADDRESSES).to_owned());
    }
    if cidr.ends_with("/60") {
        (spec.prefix_per_host, spec.ipv6_ra_mode, spec.ipv6_address_mode) = (r.chance(95), 1, 1);
        spec.prefix_lifetimes = r.some(30, |_| v1::PrefixLifetimes { preferred_s: 60, valid_s: 120 });
    }
    spec.pref64 = r.some(30, |_| "64:ff9b::/96".to_owned()).filter(|_| spec.ipv6_ra_mode != 0);
    spec.ipv6_mostly = r.chance(10);
    subnet
}

fn random_router(r: &mut Random) -> v1::Router {
    let subnets: Vec<&str> = (0..r.below(3))
        .map(|_| r.one(&["s1", "s1", "s2", "s3", "s4", "s4", "s7", "s8", "s8", "s9", "acme/s1"]))
        .collect();
    let mut router = router(r.one(&["r1", "r2"]), &subnets);
    let spec = router.spec.as_mut().unwrap();
    spec.external_gateway = r.some(25, |r| v1::ExternalGateway {
        network: r.one(&["red", "blue"]).to_owned(),
        ip_addresses: vec![r.one(&ADDRESSES).to_owned()],
        enable_snat: r.some(50, |r| r.chance(70)),
    });
    for interface in &mut spec.interfaces {
        interface.ip_address = r.some(15, |r| r.one(&ADDRESSES).to_owned());
    }
    if r.chance(25) {
        let destination =
            r.one(&["::/0", "0.0.0.0/0", "2001:db8:f::/48", "2001:db8:d000::/56", "2001:db8:f00:1::/64"]).to_owned();
        let nexthop = r.one(&["2001:db8:1::9", "fe80::9", "10.0.0.4", "2001:db8:2::9"]).to_owned();
        spec.routes.push(v1::Route { destination, nexthop, interface: r.some(30, |_| "s1".to_owned()) });
    }
    router
}

fn random_port(r: &mut Random) -> v1::Port {
    let mut new = port(r.one(&["p1", "p2", "p3", "p4"]), r.one(&NETWORKS));
    if r.chance(50) {
        let choices: Vec<&str> = ADDRESSES.iter().copied().chain(["s1", "s2", "s4", "s6", "s8"]).collect();
        let fixed: Vec<&str> = (0..r.below(3)).map(|_| r.one(&choices)).collect();
        new = with_fixed(new, &fixed);
    }
    if r.chance(30) {
        new = with_mac(new, r.one(&["02:00:00:00:00:01", "02:00:00:00:00:02", "02:54:00:00:00:01"]));
    }
    if r.chance(60) {
        new = bound(new, r.one(&CHASSIS), r.one(&["if1", "if2", "if3", "if4"]));
    }
    new.spec.as_mut().unwrap().dns_name = r.some(30, |r| r.one(&["vm", "vm", "vm.a.example."]).to_owned());
    let spec = new.spec.as_mut().unwrap();
    spec.port_security_enabled = r.some(30, |r| r.chance(50));
    spec.security_groups = r.some(50, |r| {
        let items = (0..r.below(3)).map(|_| r.one(&GROUPS).to_owned()).collect();
        v1::NameList { items }
    });
    new
}

fn random_group(r: &mut Random) -> v1::SecurityGroup {
    let rule = |r: &mut Random| v1::SecurityGroupRule {
        direction: r.one(&[1, 1, 2]),
        ethertype: r.one(&["IPv6", "ipv6", "IPv4"]).to_owned(),
        protocol: r.some(60, |r| r.one(&["tcp", "58", "icmp", "esp", "ah"]).to_owned()),
        port_range: if r.chance(20) { vec![80, r.one(&[80, 443])] } else { vec![] },
        remote_group: r.some(30, |r| r.one(&GROUPS).to_owned()),
        remote_address_group: r.some(20, |r| r.one(&["a1", "a2"]).to_owned()),
        ..v1::SecurityGroupRule::default()
    };
    let rules = (0..r.below(3)).map(|_| rule(r)).collect();
    let spec = v1::SecurityGroupSpec { stateful: r.some(30, |r| r.chance(50)), rules };
    v1::SecurityGroup { meta: meta(r.one(&GROUPS)), spec: Some(spec), status: None }
}

fn random_addresses(r: &mut Random) -> v1::AddressGroup {
    let addresses =
        (0..r.below(3)).map(|_| r.one(&["2001:db8:7::/48", "2001:db8::1", "10.0.0.7/8"]).to_owned()).collect();
    let spec = v1::AddressGroupSpec { addresses };
    v1::AddressGroup { meta: meta(r.one(&["a1", "a2"])), spec: Some(spec), status: None }
}

fn random_anycast(r: &mut Random) -> v1::AnycastService {
    let ports = ["p1", "p2", "p3", "p4"].into_iter().filter(|_| r.chance(40)).map(str::to_owned).collect();
    let address = r.one(&["2001:db8:1::53", "2001:db8:1::2", "2001:db8:2::53", "10.0.0.5"]).to_owned();
    let network = r.one(&["red", "blue"]).to_owned();
    let spec = v1::AnycastServiceSpec { network, address, ports, health: None };
    v1::AnycastService { meta: meta(r.one(&["s1", "s2"])), spec: Some(spec), status: None }
}

/// One from upstream: for `s9`, on the router that leads out.
fn random_upstream(r: &mut Random) -> v1::Delegation {
    let subnets = vec![v1::DelegatedSubnet { subnet: "s9".to_owned(), length: None }];
    let hint = r.some(50, |_| "::/56".to_owned());
    let (router, upstream) = (r.one(&["r3", "r3", "r3", "r1"]).to_owned(), "out".to_owned());
    let spec = v1::DelegationSpec { router, upstream, hint, subnets, ..Default::default() };
    v1::Delegation { meta: meta("d5"), spec: Some(spec), status: None }
}

/// What a server may have given by then.
fn random_lease(r: &mut Random, now_ms: u64) -> Lease {
    let granted = |r: &mut Random| Granted {
        prefix: r
            .one(&["2001:db8:e000::/60", "2001:db8:e100::/60", "2001:db8:1::/63", "2001:db8:d000::/62"])
            .parse()
            .unwrap(),
        preferred_until: Millis(now_ms + r.one(&[0, 400, 900, 1_300, 5_000])),
        valid_until: Millis(now_ms + r.one(&[5_000, 9_000])),
    };
    let prefixes = (0..=r.below(2)).map(|_| granted(r)).collect();
    Lease { server: b"server".to_vec().into(), prefixes, renew_at: Millis(now_ms), rebind_at: Millis(now_ms) }
}

fn random_mapping(r: &mut Random) -> v1::PrefixMapping {
    let internal = r.one(&["2001:db8:1::/64", "2001:db8:2::/63", "fd00:1::/48"]).to_owned();
    let external = r.one(&["2001:db8:77::/64", "2001:db8:78::/63", "2001:db8:79::/48"]).to_owned();
    let spec = v1::PrefixMappingSpec { router: r.one(&["r1", "r2"]).to_owned(), internal, external };
    v1::PrefixMapping { meta: meta(r.one(&["m1", "m2"])), spec: Some(spec), status: None }
}

fn random_floating(r: &mut Random) -> v1::FloatingIp {
    let spec = v1::FloatingIpSpec {
        network: r.one(&["red", "blue"]).to_owned(),
        floating_ip_address: r.some(30, |r| r.one(&ADDRESSES).to_owned()),
        port: r.some(70, |r| r.one(&["p1", "p2", "p3"]).to_owned()),
        fixed_ip_address: r.some(20, |r| r.one(&ADDRESSES).to_owned()),
    };
    v1::FloatingIp { meta: meta(r.one(&["f1", "f2"])), spec: Some(spec), status: None }
}

fn random_delegation(r: &mut Random) -> v1::Delegation {
    if r.chance(20) {
        return random_upstream(r);
    }
    let pool = r
        .one(&[
            "2001:db8:d000::/52",
            "2001:db8:d000::/54",
            "2001:db8:d000::/54",
            "2001:db8:1::/48",
            "2001:db8:f00::/56",
        ])
        .to_owned();
    let prefix =
        r.some(30, |r| r.one(&["2001:db8:d000::/56", "2001:db8:d000:100::/56", "2001:db8:1:1::/64"]).to_owned());
    let (port, length) = (r.one(&["p1", "p2", "p3"]).to_owned(), r.one(&[56, 56, 64]));
    let spec = v1::DelegationSpec { port, pool, length, prefix, ..Default::default() };
    v1::Delegation { meta: meta(r.one(&["d1", "d2", "d3", "d4"])), spec: Some(spec), status: None }
}

fn random_renumbering(r: &mut Random) -> v1::Renumbering {
    let subnet = r.one(&["s1", "s1", "s2", "s3", "s6"]);
    let to = ["2001:db8:1::/64", "2001:db8:2::/64", "2001:db8:9::/64", "2001:db8:8::/63", "2001:db8:6::8/125"];
    let spec = v1::RenumberingSpec { subnet: subnet.to_owned(), cidr: r.one(&to).to_owned(), overlap_s: Some(1) };
    v1::Renumbering { meta: meta(r.one(&["n1", "n2"])), spec: Some(spec), status: None }
}

fn random_exposure(r: &mut Random) -> v1::Exposure {
    let ports = ["p1", "p2", "p3", "p4"].into_iter().filter(|_| r.chance(40)).map(str::to_owned).collect();
    let method = r.one(&[1, 2]);
    let subnets = if method == 1 { ["s9", "near", "s2"] } else { ["near", "near", "s1"] };
    let subnets = subnets.into_iter().filter(|_| r.chance(30)).map(str::to_owned).collect();
    let router = r.one(&["r3", "r3", "r3", "r1"]).to_owned();
    let spec = v1::ExposureSpec { router, method, ports, subnets };
    v1::Exposure { meta: meta(r.one(&["e1", "e2"])), spec: Some(spec), status: None }
}

fn random_trunk(r: &mut Random) -> v1::Trunk {
    let ports: Vec<&str> = ["p1", "p2", "p3", "p4"].into_iter().filter(|_| r.chance(40)).collect();
    let entry =
        |(i, port): (usize, &&str)| v1::TrunkSubPort { port: (*port).to_owned(), segmentation_id: 10 + i as u32 };
    let sub_ports = ports.iter().enumerate().map(entry).collect();
    let spec = v1::TrunkSpec { port: r.one(&["p1", "p2"]).to_owned(), sub_ports };
    v1::Trunk { meta: meta(r.one(&["t1", "t2"])), spec: Some(spec), status: None }
}

/// A few of something, each name once.
fn few<T>(r: &mut Random, max: usize, make: fn(&mut Random) -> T, name: fn(&T) -> &Option<v1::Meta>) -> Vec<T> {
    let mut all: Vec<T> = Vec::new();
    for _ in 0..r.below(max + 1) {
        let new = make(r);
        if all.iter().all(|old| name(old) != name(&new)) {
            all.push(new);
        }
    }
    all
}

fn random_document(r: &mut Random) -> Document {
    Document {
        tenant: r.one(&["acme", "acme", "umbra"]).to_owned(),
        chassis: few(r, 1, random_chassis, |x| &x.meta),
        fabric: r.some(5, random_fabric),
        networks: few(r, 1, random_network, |x| &x.meta),
        subnets: few(r, 1, random_subnet, |x| &x.meta),
        routers: few(r, 1, random_router, |x| &x.meta),
        ports: few(r, 2, random_port, |x| &x.meta),
        delegations: few(r, 2, random_delegation, |x| &x.meta),
        renumberings: few(r, 1, random_renumbering, |x| &x.meta),
        security_groups: few(r, 1, random_group, |x| &x.meta),
        address_groups: few(r, 1, random_addresses, |x| &x.meta),
        anycast_services: few(r, 1, random_anycast, |x| &x.meta),
        exposures: if r.chance(10) { few(r, 1, random_exposure, |x| &x.meta) } else { Vec::new() },
        trunks: if r.chance(10) { few(r, 1, random_trunk, |x| &x.meta) } else { Vec::new() },
        floating_ips: few(r, 1, random_floating, |x| &x.meta),
        prefix_mappings: few(r, 1, random_mapping, |x| &x.meta),
        translators: few(r, 1, random_translator, |x| &x.meta),
    }
}

fn random_one(r: &mut Random) -> Kind {
    let mut kind = match r.below(16) {
        0 => return Kind::Chassis(random_chassis(r)),
        1 => return Kind::Fabric(random_fabric(r)),
        2 => Kind::Network(random_network(r)),
        3 => Kind::Subnet(random_subnet(r)),
        4 => Kind::Router(random_router(r)),
        5 => Kind::Delegation(random_delegation(r)),
        6 => Kind::Renumbering(random_renumbering(r)),
        7 => Kind::SecurityGroup(random_group(r)),
        8 => Kind::AddressGroup(random_addresses(r)),
        9 => Kind::AnycastService(random_anycast(r)),
        10 => Kind::Exposure(random_exposure(r)),
        11 => Kind::FloatingIp(random_floating(r)),
        12 => Kind::PrefixMapping(random_mapping(r)),
        13 => Kind::Translator(random_translator(r)),
        14 => Kind::Trunk(random_trunk(r)),
        _ => Kind::Port(random_port(r)),
    };
    crate::catalog::resource::meta_mut(&mut kind).tenant = r.one(&["acme", "acme", "umbra"]).to_owned();
    kind
}

fn random_translator(r: &mut Random) -> v1::Translator {
    let mapping = |r: &mut Random| v1::AddressMapping {
        ipv4: r.one(&["198.51.100.3", "198.51.101.3", "10.0.1.2"]).to_owned(),
        ipv6: r.one(&["2001:db8:1::5", "2001:db8:e000::5", "2001:db8:77::5"]).to_owned(),
    };
    let spec = v1::TranslatorSpec {
        router: r.one(&["r1", "r1", "r3"]).to_owned(),
        port: r.one(&["p1", "p1", "p3"]).to_owned(),
        prefix: r.one(&["64:ff9b::/96", "64:ff9b::/96", "2001:db8:d000:64::/96"]).to_owned(),
        pool: r.one(&["198.51.100.0/28", "10.0.1.0/28"]).to_owned(),
        ip_address: r.one(&["2001:db8:1::64", "2001:db8:1::5"]).to_owned(),
        mappings: (0..r.below(2)).map(|_| mapping(r)).collect(),
    };
    v1::Translator { meta: meta(r.one(&["t1", "t2"])), spec: Some(spec), status: None }
}

/// What a brain may have heard, right or wrong.
fn random_upkeep(r: &mut Random, rig: &Rig) -> Upkeep {
    let networks: Vec<_> = rig.catalog.ids("network").cloned().collect();
    let ports: Vec<_> = rig.catalog.port_ids().cloned().collect();
    let mut upkeep = Upkeep { now_ms: rig.now_ms, ..Upkeep::default() };
    let address = |r: &mut Random| -> IpAddr {
        let more = ["fe80::ff:fe00:1", "fe80::7", "10.0.0.4", "2001:db8:1::7", "2001:db8:9::8", "ff02::1"];
        r.one(&[&ADDRESSES[..], &more].concat()).parse().unwrap()
    };
    for _ in 0..r.below(3) {
        let Some(network) = networks.get(r.below(networks.len().max(1))).cloned() else { break };
        upkeep.found.push(Found {
            network,
            chassis: crate::catalog::ident::id("chassis", "", r.one(&CHASSIS)),
            interface: r.one(&["if1", "if2", "if3", "sx-tun"]).into(),
            mac: r
                .one(&["02:00:00:00:00:01", "02:00:00:00:00:02", "02:53:00:00:00:01", "d6:00:00:00:00:01"])
                .parse()
                .unwrap(),
            addresses: (0..r.below(3)).map(|_| (address(r), v1::Proof::Data)).collect(),
        });
    }
    for _ in 0..r.below(4) {
        let Some(port) = ports.get(r.below(ports.len().max(1))).cloned() else { break };
        if r.chance(20) {
            upkeep.forget.push(port);
        } else {
            upkeep.seen.push(Seen { port, address: address(r), proof: v1::Proof::Nd });
        }
    }
    let ends = rig.catalog.ids("renumbering").chain(rig.catalog.ids("delegation"));
    upkeep.finish = ends.filter(|_| r.chance(50)).cloned().collect();
    let asks: Vec<_> = rig.catalog.ids("delegation").filter(|id| rig.catalog.asks(id).is_some()).cloned().collect();
    for id in asks {
        let lease = r.some(80, |r| random_lease(r, rig.now_ms));
        upkeep.upstream.extend(r.some(70, |_| (id, lease)));
    }
    // Some at the revision at which they were released, some at another.
    for (segment, released) in &rig.catalog.released {
        let revision = released.mod_revision - u64::from(r.chance(20));
        upkeep.free.extend(r.some(50, |_| (*segment, revision)));
    }
    upkeep
}

fn random_request(r: &mut Random, rig: &Rig) -> Request {
    match r.below(12) {
        0 => create(random_one(r)),
        1..=3 => update(random_one(r), r.one(&[&[][..], &["spec"], &["*"], &["meta.labels"]])),
        4..=6 => {
            let all: Vec<_> = rig.catalog.all_ids().cloned().collect();
            let Some(id) = r.some(95, |r| all.get(r.below(all.len().max(1))).cloned()).flatten() else {
                return delete("port", "acme", "nobody");
            };
            delete(id.kind, &id.tenant, &id.name)
        }
        7 => prune(&[random_document(r)]),
        _ => {
            let documents: Vec<_> = (0..=r.below(2)).map(|_| random_document(r)).collect();
            apply(&documents)
        }
    }
}

/// Something to refer to.
fn base() -> Vec<Document> {
    let globals = Document {
        chassis: vec![chassis("hv1", "1", "fd00::1"), chassis("hv2", "2", "fd00::2")],
        fabric: Some(fabric(Encap::Geneve)),
        ..Default::default()
    };
    let mut red = network("red");
    red.spec.as_mut().unwrap().shared = true;
    red.spec.as_mut().unwrap().auto_ports = true;
    let mut out = network("out");
    out.spec.as_mut().unwrap().r#type = v1::NetworkType::Provider.into();
    out.spec.as_mut().unwrap().physical_network = Some("phys3".to_owned());
    let mut leads_out = router("r3", &["s9", "near"]);
    let ip_addresses = vec!["2001:db8:fff::10".to_owned()];
    leads_out.spec.as_mut().unwrap().external_gateway =
        Some(v1::ExternalGateway { network: "out".to_owned(), ip_addresses, enable_snat: None });
    let mut asks = random_upstream(&mut Random(1));
    asks.spec.as_mut().unwrap().router = "r3".to_owned();
    let mut shared = slaac(subnet("s8", "red", "2001:db8:f00::/60"));
    shared.spec.as_mut().unwrap().prefix_per_host = true;
    let method = v1::ExposureMethod::NdProxy.into();
    let spec =
        v1::ExposureSpec { router: "r3".to_owned(), method, subnets: vec!["near".to_owned()], ports: Vec::new() };
    let near = v1::Exposure { meta: meta("e1"), spec: Some(spec), status: None };
    let acme = Document {
        networks: vec![red, network("blue"), out],
        subnets: vec![
            slaac(subnet("s1", "red", "2001:db8:1::/64")),
            subnet("s4", "blue", "10.0.0.0/29"),
            subnet("s5", "red", "10.0.1.0/29"),
            shared,
            slaac(subnet("s9", "red", "")),
            subnet("out6", "out", "2001:db8:fff::/64"),
            subnet("near", "blue", "2001:db8:fff:0:b::/80"),
        ],
        exposures: vec![near],
        routers: vec![router("r1", &["s1", "s8", "s5"]), leads_out],
        delegations: vec![asks],
        ports: vec![port("p1", "red"), bound(port("p2", "blue"), "hv1", "if1")],
        ..doc()
    };
    let umbra = Document { networks: vec![network("red"), network("blue")], ..Default::default() };
    vec![globals, acme, Document { tenant: "umbra".to_owned(), ..umbra }]
}

/// Nothing two resources must not share is shared, and nobody refers to what is not there.
fn check_sound(rig: &Rig) {
    for id in rig.catalog.all_ids() {
        let item = rig.catalog.item(id).unwrap();
        for claim in &item.claims {
            assert_eq!(rig.catalog.owners(claim).collect::<Vec<_>>(), [id], "{claim}");
        }
        for target in &item.references {
            assert!(rig.catalog.item(target).is_some(), "{id} refers to {target}");
        }
        let mut findings = crate::catalog::findings::Findings::default();
        item.model.as_ref().unwrap().check(&rig.catalog, id, &mut findings);
        assert_eq!(findings.0, [], "{id} breaks a rule that it was admitted under");
    }
    for ((network, address), learned) in &rig.catalog.learned {
        let port = rig.catalog.port(&learned.port).unwrap();
        let may = port.automatic || rig.catalog.formed_by(&learned.port).has(*address);
        assert!(may && port.network == *network, "{address} of {}", learned.port);
        assert_eq!(rig.catalog.illegal(network, *address), None, "{address} on {network}");
    }
    for id in rig.catalog.port_ids().filter(|id| rig.catalog.is_automatic(id)) {
        let port = rig.catalog.port(id).unwrap();
        assert!(rig.catalog.network(&port.network).unwrap().auto_ports && port.assigned.is_empty(), "{id}");
    }
}

fn run(seed: u64, steps: usize) -> [usize; 6] {
    let mut r = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut rig = Rig::default();
    rig.apply(&base());
    let [mut written, mut refused, mut learned, mut shared, mut carved, mut exposed] = [0; 6];
    for _ in 0..steps {
        let before = rig.revision;
        rig.now_ms += 400;
        if r.chance(25) {
            // What can't be written together may be refused as a whole.
            if let Ok(proposal) = rig.catalog.upkeep(&random_upkeep(&mut r, &rig)) {
                rig.commit(&proposal);
            }
            learned += usize::from(rig.catalog.learned.size() > 0);
            let has = |id| rig.catalog.upstream(id).is_some_and(|upstream| !upstream.carved.is_empty());
            carved += usize::from(rig.catalog.ids("delegation").any(has));
            check_sound(&rig);
            continue;
        }
        let request = random_request(&mut r, &rig);
        match rig.send(request.clone()) {
            Err(refusal) => {
                assert!(!refusal.violations.is_empty());
                refused += 1;
                continue;
            }
            Ok(Answer::Applied(_)) => {
                let again = rig.catalog.propose(&Caller::administrator(), &request, rig.now_ms).unwrap();
                assert_eq!(again.changes, [], "{request:#?}");
            }
            Ok(_) => {}
        }
        written += usize::from(rig.revision > before);
        let shares = |id| rig.catalog.port(id).is_some_and(|port| !rig.catalog.shares_of(port).is_empty());
        shared += usize::from(rig.catalog.port_ids().any(shares));
        exposed += usize::from(rig.world.presences().any(|(.., presence)| presence.owner.kind == "exposure"));
        check_sound(&rig);
    }
    [written, refused, learned, shared, carved, exposed]
}

#[test]
fn what_grew_bit_by_bit_is_what_a_fresh_load_says() {
    let mut all = [0; 6];
    for seed in 0..SEEDS {
        let one = std::panic::catch_unwind(|| run(seed, 60)).unwrap_or_else(|_| panic!("seed {seed}"));
        all.iter_mut().zip(one).for_each(|(all, one)| *all += one);
    }
    let [written, refused, learned, shared, carved, exposed] = all;
    assert!(
        written > 400 && refused > 500 && learned > 50 && shared > 50 && carved > 50 && exposed > 50,
        "{written} written, {refused} refused, {learned} learned, {shared} with prefixes of their own, {carved} with upstream's, \
         {exposed} with exposed addresses: the requests test nothing"
    );
}

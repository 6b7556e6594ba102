//! A store in memory, a catalog and a world, held against a fresh load after every write; and short ways to say resources.

use std::collections::BTreeMap;

use proto::v1::{self, resource::Kind};
use topology::{Change, Key, ResourceId, View, World};

use crate::catalog::{Answer, Applied, Catalog, Proposal, Stored};
use crate::effect::{Refusal, RefusalKind};
use crate::event::{Caller, Entry, Request};

#[derive(Default)]
pub(super) struct Rig {
    pub(super) store: BTreeMap<String, (Vec<u8>, u64)>,
    pub(super) revision: u64,
    pub(super) catalog: Catalog,
    pub(super) world: World,
    pub(super) last: Applied,
    /// Milliseconds since 1970-01-01 UTC.
    pub(super) now_ms: u64,
}

impl Rig {
    pub(super) fn propose(&self, request: &Request) -> Result<Proposal, Refusal> {
        self.catalog.propose(&Caller::administrator(), request, self.now_ms)
    }

    /// Carries a request out as a store would.
    pub(super) fn send(&mut self, request: Request) -> Result<Answer, Refusal> {
        let proposal = self.propose(&request)?;
        assert_eq!(self.propose(&request).as_ref(), Ok(&proposal), "the same question has the same answer");
        self.commit(&proposal);
        let answer = match proposal.answer {
            Answer::Applied(mut response) if response.revision == 0 => {
                response.revision = self.revision;
                Answer::Applied(response)
            }
            answer => answer,
        };
        self.catalog.remember(&Caller::administrator(), &request, &answer);
        Ok(answer)
    }

    pub(super) fn commit(&mut self, proposal: &Proposal) {
        assert!(proposal.compare.is_sorted() && proposal.changes.is_sorted_by_key(|change| &change.key));
        for (key, revision) in &proposal.compare {
            assert_eq!(self.store.get(key).map_or(0, |(_, revision)| *revision), *revision, "{key}");
        }
        if proposal.changes.is_empty() {
            return;
        }
        self.revision += 1;
        for change in &proposal.changes {
            assert!(proposal.compare.iter().any(|(key, _)| *key == change.key), "{} is written blindly", change.key);
            match &change.value {
                Some(value) => self.store.insert(change.key.clone(), (value.clone(), self.revision)),
                None => self.store.remove(&change.key),
            };
        }
        self.last = self.catalog.apply(self.revision, &proposal.changes);
        assert_eq!(self.last.faults, Vec::<String>::new());
        self.world.commit(self.last.facts.clone());
        self.check();
    }

    /// What was applied bit by bit is what a fresh load says.
    pub(super) fn check(&self) {
        let mut fresh = Catalog::default();
        let loaded = fresh.load(self.revision, &self.entries());
        assert_eq!(loaded.faults, Vec::<String>::new());
        let mut world = World::default();
        world.commit(loaded.facts.clone());
        assert_same(&self.world, &world, &loaded.facts);
        let ours = all(&self.catalog);
        let theirs = all(&fresh);
        assert_eq!(ours, theirs);
        assert_eq!(self.catalog.counters, fresh.counters);
        assert_eq!(self.catalog.claims.size(), fresh.claims.size());
        assert_eq!(self.catalog.users, fresh.users);
        assert_eq!(self.catalog.learned, fresh.learned);
        assert_eq!(self.catalog.learned_by, fresh.learned_by);
        assert_eq!(self.catalog.released, fresh.released);
        assert_eq!(self.catalog.delegated, fresh.delegated);
        assert_eq!(self.catalog.renumberings, fresh.renumberings);
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        let entry = |(key, (value, revision)): (&String, &(Vec<u8>, u64))| Entry {
            key: key.clone(),
            value: value.clone(),
            mod_revision: *revision,
        };
        self.store.iter().map(entry).collect()
    }

    /// Applies documents, which must be right.
    pub(super) fn apply(&mut self, documents: &[v1::Document]) -> Vec<(String, v1::Change)> {
        match self.send(apply(documents)) {
            Ok(Answer::Applied(response)) => told(&response),
            other => panic!("{other:#?}"),
        }
    }

    /// The paths and messages of a refusal.
    pub(super) fn refused(&self, request: &Request) -> (RefusalKind, Vec<(String, String)>) {
        let refusal = self.propose(request).expect_err("is refused");
        (refusal.kind, refusal.violations.into_iter().map(|v| (v.path, v.message)).collect())
    }

    pub(super) fn shown(&self, kind: &str, tenant: &str, name: &str) -> Kind {
        let id = crate::catalog::ident::id(crate::catalog::ident::kind(kind).unwrap(), tenant, name);
        self.catalog.shown(&id).and_then(|r| r.kind).unwrap_or_else(|| panic!("there is no {id}"))
    }

    /// A port's assigned addresses, without the link-local one, in words.
    pub(super) fn addresses(&self, name: &str) -> String {
        let Kind::Port(port) = self.shown("port", "acme", name) else { unreachable!() };
        let addresses = port.status.unwrap().addresses;
        addresses.into_iter().filter(|a| !a.starts_with("fe80")).collect::<Vec<_>>().join(" ")
    }

    /// The number of a resource.
    pub(super) fn key(&self, kind: &str, tenant: &str, name: &str) -> u32 {
        self.catalog.get(kind, tenant, name).map_or(0, |stored| stored.record.key)
    }

    pub(super) fn mac(&self, name: &str) -> String {
        match self.shown("port", "acme", name) {
            Kind::Port(port) => port.status.unwrap().mac_address,
            _ => unreachable!(),
        }
    }
}

/// Every resource as stored.
pub(super) fn all(catalog: &Catalog) -> Vec<Stored> {
    catalog.all_ids().filter_map(|id| catalog.by_id(id)).map(|stored| (**stored).clone()).collect()
}

/// Two worlds say the same: keys, and what a view answers at them.
fn assert_same(ours: &World, theirs: &World, facts: &[Change]) {
    assert_eq!(ours.all_keys(), theirs.all_keys());
    let (ours, theirs) = (View::new(ours), View::new(theirs));
    for fact in facts {
        match fact {
            Change::Fabric(_) => assert_eq!(ours.fabric(), theirs.fabric()),
            Change::Chassis(k, _) => assert_eq!(ours.chassis(*k), theirs.chassis(*k)),
            Change::Network(k, _) => assert_eq!(ours.network(*k), theirs.network(*k)),
            Change::Subnet(k, _) => assert_eq!(ours.subnet(*k), theirs.subnet(*k)),
            Change::Advert(k, _) => assert_eq!(ours.advert(*k), theirs.advert(*k)),
            Change::Dhcp6(k, _) => assert_eq!(ours.dhcp6(*k), theirs.dhcp6(*k)),
            Change::Dhcp4(k, _) => assert_eq!(ours.dhcp4(*k), theirs.dhcp4(*k)),
            Change::Router(k, _) => assert_eq!(ours.router(*k), theirs.router(*k)),
            Change::Interface(k, s, fact) => {
                assert_eq!(ours.interface(*k, *s), theirs.interface(*k, *s));
                let fact = fact.as_ref().unwrap();
                assert_eq!(ours.holder(fact.network, fact.address), theirs.holder(fact.network, fact.address));
            }
            Change::Route(k, p, _) => assert_eq!(ours.route(*k, *p), theirs.route(*k, *p)),
            Change::Port(k, fact) => {
                assert_eq!(ours.port(*k), theirs.port(*k));
                for address in fact.as_ref().unwrap().all() {
                    let network = fact.as_ref().unwrap().network;
                    assert_eq!(ours.holder(network, address), theirs.holder(network, address));
                }
            }
            Change::Binding(k, _) | Change::Direct(k, _) | Change::Subport(k, _) => {
                assert_eq!(ours.binding(*k), theirs.binding(*k))
            }
            Change::Policy(k, _) => assert_eq!(ours.policy(*k), theirs.policy(*k)),
            Change::Membership(k, _) => assert_eq!(ours.membership(*k), theirs.membership(*k)),
            Change::Listener(k, g, _) => assert_eq!(ours.listener(*k, *g), theirs.listener(*k, *g)),
            Change::Group(k, _) => assert_eq!(ours.security_group(*k), theirs.security_group(*k)),
            Change::Addresses(k, _) => assert_eq!(ours.address_group(*k), theirs.address_group(*k)),
            Change::Anycast(k, fact) => {
                assert_eq!(ours.anycast(*k), theirs.anycast(*k));
                let fact = fact.as_ref().unwrap();
                let with = |view: &View<'_>| view.anycast_with(fact.network, fact.address);
                assert_eq!(with(&ours), with(&theirs));
            }
            Change::Exposure(k, _) => assert_eq!(ours.exposure(*k), theirs.exposure(*k)),
            Change::DhcpOptions(k, _) => assert_eq!(ours.dhcp_options(*k), theirs.dhcp_options(*k)),
            Change::Hostname(k, _) => assert_eq!(ours.hostname(*k), theirs.hostname(*k)),
            Change::Gateway(k, _) => assert_eq!(ours.gateway(*k), theirs.gateway(*k)),
            Change::PrefixMapping(r, p, _) => assert_eq!(ours.prefix_mapping(*r, *p), theirs.prefix_mapping(*r, *p)),
            Change::Presence(n, a, _) => assert_eq!(ours.presence(*n, *a), theirs.presence(*n, *a)),
            Change::Plug(..)
            | Change::Alive(..)
            | Change::Serves(..)
            | Change::Trunk(..)
            | Change::Hop(..)
            | Change::Way(..)
            | Change::Lame(..)
            | Change::Isolated(..)
            | Change::Down(..)
            | Change::Neighbor(..)
            | Change::Upstream(..) => {
                unreachable!("the catalog states none of them")
            }
        }
    }
}

/// Which facts changed, in words.
pub(super) fn changed(applied: &Applied) -> Vec<String> {
    let gone = |gone: bool| if gone { "-" } else { "+" };
    let word = |change: &Change| match change {
        Change::Fabric(f) => format!("{}{}", gone(f.is_none()), Key::Fabric),
        Change::Chassis(k, f) => format!("{}{}", gone(f.is_none()), Key::Chassis(*k)),
        Change::Exposure(k, f) => format!("{}{}", gone(f.is_none()), Key::Exposure(*k)),
        Change::Anycast(k, f) => format!("{}{}", gone(f.is_none()), Key::Anycast(*k)),
        Change::Gateway(k, f) => format!("{}{}", gone(f.is_none()), Key::Gateway(*k)),
        Change::PrefixMapping(r, p, f) => format!("{}{}", gone(f.is_none()), Key::PrefixMapping(*r, *p)),
        Change::Presence(n, a, f) => format!("{}{}", gone(f.is_none()), Key::Presence(*n, *a)),
        Change::Plug(..)
        | Change::Alive(..)
        | Change::Serves(..)
        | Change::Trunk(..)
        | Change::Hop(..)
        | Change::Way(..)
        | Change::Lame(..)
        | Change::Isolated(..)
        | Change::Down(..)
        | Change::Neighbor(..)
        | Change::Upstream(..) => unreachable!(),
        Change::Network(k, f) => format!("{}{}", gone(f.is_none()), Key::Network(*k)),
        Change::Subnet(k, f) => format!("{}{}", gone(f.is_none()), Key::Subnet(*k)),
        Change::Advert(k, f) => format!("{}{}", gone(f.is_none()), Key::Advert(*k)),
        Change::Dhcp6(k, f) => format!("{}{}", gone(f.is_none()), Key::Dhcp6(*k)),
        Change::Dhcp4(k, f) => format!("{}{}", gone(f.is_none()), Key::Dhcp4(*k)),
        Change::Router(k, f) => format!("{}{}", gone(f.is_none()), Key::Router(*k)),
        Change::Interface(k, s, f) => format!("{}{}", gone(f.is_none()), Key::Interface(*k, *s)),
        Change::Route(k, p, f) => format!("{}{}", gone(f.is_none()), Key::Route(*k, *p)),
        Change::Port(k, f) => format!("{}{}", gone(f.is_none()), Key::Port(*k)),
        Change::Subport(k, f) => format!("{}{}", gone(f.is_none()), Key::Subport(*k)),
        Change::Direct(k, f) => format!("{}direct {}", gone(f.is_none()), Key::Binding(*k)),
        Change::Binding(k, f) => format!("{}{}", gone(f.is_none()), Key::Binding(*k)),
        Change::Policy(k, f) => format!("{}{}", gone(f.is_none()), Key::Policy(*k)),
        Change::Membership(k, f) => format!("{}{}", gone(f.is_none()), Key::Membership(*k)),
        Change::Listener(k, g, f) => format!("{}{}", gone(f.is_none()), Key::Listener(*k, *g)),
        Change::Group(k, f) => format!("{}{}", gone(f.is_none()), Key::Group(*k)),
        Change::Addresses(k, f) => format!("{}{}", gone(f.is_none()), Key::Addresses(*k)),
        Change::DhcpOptions(k, f) => format!("{}{}", gone(f.is_none()), Key::DhcpOptions(*k)),
        Change::Hostname(k, f) => format!("{}{}", gone(f.is_none()), Key::Hostname(*k)),
    };
    applied.facts.iter().map(word).collect()
}

pub(super) fn told(response: &v1::ApplyResponse) -> Vec<(String, v1::Change)> {
    let word = |c: &v1::ResourceChange| match c.tenant.as_str() {
        "" => format!("{} {}", c.kind, c.name),
        tenant => format!("{} {tenant}/{}", c.kind, c.name),
    };
    response.changes.iter().map(|c| (word(c), c.change())).collect()
}

pub(super) fn apply(documents: &[v1::Document]) -> Request {
    Request::Apply(v1::ApplyRequest { documents: documents.to_vec(), ..Default::default() })
}

pub(super) fn prune(documents: &[v1::Document]) -> Request {
    Request::Apply(v1::ApplyRequest { documents: documents.to_vec(), prune: true, ..Default::default() })
}

pub(super) fn create(kind: Kind) -> Request {
    Request::Create { resource: v1::Resource { kind: Some(kind) }, options: v1::WriteOptions::default() }
}

pub(super) fn update(kind: Kind, mask: &[&str]) -> Request {
    Request::Update {
        resource: v1::Resource { kind: Some(kind) },
        mask: mask.iter().map(|path| (*path).to_owned()).collect(),
        options: v1::WriteOptions::default(),
    }
}

pub(super) fn delete(kind: &str, tenant: &str, name: &str) -> Request {
    let delete = v1::DeleteRequest { tenant: tenant.to_owned(), name: name.to_owned(), ..Default::default() };
    Request::Delete { kind: kind.to_owned(), delete }
}

pub(super) fn meta(name: &str) -> Option<v1::Meta> {
    Some(v1::Meta { name: name.to_owned(), ..Default::default() })
}

pub(super) fn doc() -> v1::Document {
    v1::Document { tenant: "acme".to_owned(), ..Default::default() }
}

pub(super) fn chassis(name: &str, dpid: &str, tunnel_ip: &str) -> v1::Chassis {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let spec = v1::ChassisSpec { datapath_id: some(dpid), tunnel_ip: some(tunnel_ip), ..Default::default() };
    v1::Chassis { meta: meta(name), spec: Some(spec), status: None }
}

pub(super) fn fabric(encap: v1::Encap) -> v1::Fabric {
    let spec = v1::FabricSpec { encap: encap.into(), ..Default::default() };
    v1::Fabric { meta: None, spec: Some(spec), status: None }
}

pub(super) fn network(name: &str) -> v1::Network {
    v1::Network { meta: meta(name), spec: Some(v1::NetworkSpec::default()), status: None }
}

/// Two networks: SLAAC on one, pools of both families on the other, a router between.
pub(super) fn site() -> Vec<v1::Document> {
    let globals = v1::Document {
        chassis: vec![chassis("hv1", "1", "fd00:a::1"), chassis("hv2", "2", "fd00:a::2")],
        fabric: Some(fabric(v1::Encap::Geneve)),
        ..Default::default()
    };
    let acme = v1::Document {
        networks: vec![network("red"), network("blue")],
        subnets: vec![
            slaac(subnet("red6", "red", "2001:db8:a::/64")),
            subnet("blue6", "blue", "2001:db8:b::/64"),
            subnet("blue4", "blue", "10.1.0.0/24"),
        ],
        routers: vec![router("r1", &["red6", "blue6", "blue4"])],
        ports: vec![
            bound(with_mac(port("vm1", "red"), "02:00:00:00:01:01"), "hv1", "vm1"),
            bound(port("vm2", "blue"), "hv2", "vm2"),
        ],
        ..doc()
    };
    vec![globals, acme]
}

pub(super) fn subnet(name: &str, network: &str, cidr: &str) -> v1::Subnet {
    let spec = v1::SubnetSpec { network: network.to_owned(), cidr: cidr.to_owned(), ..Default::default() };
    v1::Subnet { meta: meta(name), spec: Some(spec), status: None }
}

pub(super) fn slaac(mut subnet: v1::Subnet) -> v1::Subnet {
    let spec = subnet.spec.as_mut().unwrap();
    spec.ipv6_ra_mode = v1::Ipv6Mode::Slaac.into();
    spec.ipv6_address_mode = v1::Ipv6Mode::Slaac.into();
    subnet
}

pub(super) fn router(name: &str, subnets: &[&str]) -> v1::Router {
    let interface = |subnet: &&str| v1::RouterInterface { subnet: (*subnet).to_owned(), ..Default::default() };
    let spec = v1::RouterSpec { interfaces: subnets.iter().map(interface).collect(), ..Default::default() };
    v1::Router { meta: meta(name), spec: Some(spec), status: None }
}

pub(super) fn port(name: &str, network: &str) -> v1::Port {
    let spec = v1::PortSpec { network: network.to_owned(), ..Default::default() };
    v1::Port { meta: meta(name), spec: Some(spec), status: None }
}

pub(super) fn with_mac(mut port: v1::Port, mac: &str) -> v1::Port {
    port.spec.as_mut().unwrap().mac_address = Some(mac.to_owned());
    port
}

pub(super) fn bound(mut port: v1::Port, chassis: &str, interface: &str) -> v1::Port {
    let binding = v1::Binding { chassis: chassis.to_owned(), interface: interface.to_owned() };
    port.spec.as_mut().unwrap().binding = Some(binding);
    port
}

/// Fixed IPs as `subnet`, `address`, or `subnet=address`.
pub(super) fn with_fixed(mut port: v1::Port, fixed: &[&str]) -> v1::Port {
    let item = |text: &&str| match text.split_once('=') {
        Some((subnet, address)) => {
            v1::FixedIp { subnet: Some(subnet.to_owned()), ip_address: Some(address.to_owned()) }
        }
        None if text.contains(':') || text.contains('.') => {
            v1::FixedIp { subnet: None, ip_address: Some((*text).to_owned()) }
        }
        None => v1::FixedIp { subnet: Some((*text).to_owned()), ip_address: None },
    };
    port.spec.as_mut().unwrap().fixed_ips = Some(v1::FixedIpList { items: fixed.iter().map(item).collect() });
    port
}

pub(super) fn id(kind: &'static str, name: &str) -> ResourceId {
    crate::catalog::ident::id(kind, "acme", name)
}

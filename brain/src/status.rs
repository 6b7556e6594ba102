//! How far each resource has come: read off the facts and off what switches have confirmed, never remembered.

use std::collections::BTreeSet;

use proto::v1;
use proto::v1::resource::Kind;
use topology::{
    AddressGroupKey, AnycastKey, ChassisKey, Encap, GroupKey, Key, NetworkKey, PortKey, ResourceId, RouterKey, SetKey,
    View,
};

use crate::brain::Brain;
use crate::effect::Effect;
use crate::switch::Switch;

/// Resources that are looked at at once, whenever something happens to them.
const FEW: usize = 100;
/// Milliseconds for each so many others, at most so many milliseconds in all, in which many are not looked at again: what happens to a
/// whole site, as when its switches connect, happens to it several times in a row.
const PER_MS: usize = 10;
const REST_MAX_MS: u64 = 1_000;
/// Chassis that a reason names; the others are counted.
const NAMED_MAX: usize = 3;

type Standing = (v1::Phase, String);

impl Brain {
    /// Looks again at the resources that something happened to, and tells watchers what is different.
    pub(crate) fn settle(&mut self) {
        if self.restless.len() <= FEW || self.now >= self.rests_until {
            self.rest();
            self.look_again();
        }
        self.answer_waiters();
        self.answer_drops();
    }

    /// Many that wait to be looked at may wait for a while.
    pub(crate) fn rest(&mut self) {
        let many = self.restless.len().saturating_sub(FEW);
        let rest_ms = u64::try_from(many / PER_MS).unwrap_or(u64::MAX).min(REST_MAX_MS);
        self.rests_until = self.rests_until.max(self.now.after_ms(rest_ms));
    }

    fn look_again(&mut self) {
        let revision = self.catalog.revision();
        let mut restless = std::mem::take(&mut self.restless);
        // A subnet stands as its network does, a renumbering as its subnet; a delegation, a floating IP and a translator as their port.
        let follow = [
            ("subnet", "network"),
            ("renumbering", "subnet"),
            ("delegation", "port"),
            ("floating_ip", "port"),
            ("trunk", "port"),
            ("prefix_mapping", "router"),
            ("translator", "port"),
        ];
        for (of, stands_on) in follow {
            let on = restless.iter().filter(|id| id.kind == stands_on);
            let followers: Vec<ResourceId> = on.flat_map(|id| self.catalog.users(id, of).cloned()).collect();
            restless.extend(followers);
        }
        // An exposure works where its router does, and its ports are.
        restless.extend(self.exposures_after(&restless));
        self.announce_exposed(&restless);
        for id in restless {
            let standing = self.standing(&id);
            let before = self.statuses.get(&id);
            if before == Some(&standing) {
                continue;
            }
            let moved = before.is_some_and(|(phase, _)| *phase != standing.0);
            let Some(resource) = self.shown_as(&id, standing.clone()).map(Box::new) else { continue };
            self.effects.push(Effect::Changed { revision, resource });
            let (phase, reason) = &standing;
            if *phase == v1::Phase::Active || (moved && *phase != v1::Phase::Installing) {
                let kind = format!("{}.{}", id.kind, phase_word(*phase));
                self.happened(&kind, Some(&id), reason.clone());
            }
            self.statuses.insert(id, standing);
        }
    }

    /// A connection came or went: all that the chassis has flows for may stand differently.
    pub(crate) fn make_restless(&mut self, chassis: ChassisKey) {
        let world = &self.world;
        self.restless.extend(world.resources_of(&world.concerns_of(chassis)));
        self.look_for_uplink(chassis);
    }

    /// Whether a chassis is connected and lacks the fabric's interface may be otherwise than before.
    pub(crate) fn look_for_uplink(&mut self, chassis: ChassisKey) {
        let connected = self.switches.get(&chassis).is_some_and(|switch| switch.session().is_some());
        let missing = connected && View::new(&self.world).uplink(chassis).is_none();
        let differs = if missing { self.without_uplink.insert(chassis) } else { self.without_uplink.remove(&chassis) };
        if differs {
            self.restless.extend(self.world.resource_of(&Key::Fabric));
        }
    }

    /// A resource with its revision and status.
    pub(crate) fn with_status(&self, id: &ResourceId) -> Option<v1::Resource> {
        self.shown_as(id, self.standing(id))
    }

    fn shown_as(&self, id: &ResourceId, (phase, reason): Standing) -> Option<v1::Resource> {
        let mut resource = self.catalog.shown(id)?;
        let phase = phase.into();
        match resource.kind.as_mut()? {
            Kind::Chassis(chassis) => chassis.status = Some(self.chassis_status(id, phase, reason)),
            Kind::Fabric(r) => {
                let status = r.status.get_or_insert_default();
                (status.phase, status.reason) = (phase, reason);
                status.links = self.links_up();
            }
            Kind::Network(r) => {
                let status = r.status.get_or_insert_default();
                (status.phase, status.reason) = (phase, reason);
            }
            Kind::Subnet(r) => {
                let status = r.status.get_or_insert_default();
                (status.phase, status.reason) = (phase, reason);
            }
            Kind::Router(r) => {
                let status = r.status.get_or_insert_default();
                (status.phase, status.reason) = (phase, reason);
                if let Some(key) = self.number(id).map(RouterKey) {
                    self.gateway_status(key, status);
                }
                self.bgp_status(id, status);
            }
            Kind::Port(r) => {
                let status = r.status.get_or_insert_default();
                (status.phase, status.reason) = (phase, reason);
                let place = self.port_key(id).and_then(|key| View::new(&self.world).place(key));
                let own = place.filter(|place| place.beyond().is_none());
                status.ofport = own.map_or(0, |place| place.shared.map_or(place.ofport, |trunk| trunk.port).0);
                status.served_by = self.served_by(id);
            }
            Kind::Renumbering(r) => {
                let status = r.status.get_or_insert_default();
                (status.phase, status.reason) = (phase, reason);
            }
            Kind::SecurityGroup(r) => {
                let status = r.status.get_or_insert_default();
                (status.phase, status.reason) = (phase, reason);
            }
            Kind::AddressGroup(r) => {
                let status = r.status.get_or_insert_default();
                (status.phase, status.reason) = (phase, reason);
            }
            Kind::AnycastService(r) => {
                let status = r.status.get_or_insert_default();
                (status.phase, status.reason) = (phase, reason);
                status.instances = self.shown_instances(id);
            }
            Kind::Delegation(r) => {
                let status = r.status.get_or_insert_default();
                (status.phase, status.reason) = (phase, reason);
                status.chassis = self.asks_by(id);
            }
            Kind::Translator(r) => {
                let status = r.status.get_or_insert_default();
                (status.phase, status.reason) = (phase, reason);
                status.instance = self.shown_instances(id).pop();
            }
            Kind::Trunk(r) => {
                let status = r.status.get_or_insert_default();
                (status.phase, status.reason) = (phase, reason);
            }
            Kind::Exposure(r) => {
                let status = r.status.get_or_insert_default();
                (status.phase, status.reason) = (phase, reason);
                self.exposure_status(id, status);
            }
            Kind::PrefixMapping(r) => {
                let status = r.status.get_or_insert_default();
                (status.phase, status.reason) = (phase, reason);
            }
            Kind::FloatingIp(r) => {
                let status = r.status.get_or_insert_default();
                (status.phase, status.reason) = (phase, reason);
                status.chassis = self.floating_holder(id).map(|chassis| self.names(&[chassis])).unwrap_or_default();
            }
        }
        Some(resource)
    }

    fn chassis_status(&self, id: &ResourceId, phase: i32, reason: String) -> v1::ChassisStatus {
        let drained = self.catalog.by_id(id).is_some_and(|stored| stored.record.drained);
        let mut status = v1::ChassisStatus { phase, reason, drained, ..v1::ChassisStatus::default() };
        let key = self.chassis_key(id);
        if self.catalog.is_managed(id) {
            status.database_connected = Some(self.managed.is_connected(id));
            status.peers_lost = key.map(|key| self.peers_lost(key)).unwrap_or_default();
            status.ovs_version = self.managed.version(id).unwrap_or_default();
        }
        let Some(key) = key else { return status };
        let desired = self.engine.desired_count(key) as u64;
        status.desired = desired;
        if let Some(switch) = self.switches.get(&key) {
            let missing = (switch.unconfirmed() + switch.refused_count()) as u64;
            status.installed = if switch.in_step() { desired.saturating_sub(missing) } else { 0 };
            status.foreign_flows = switch.foreign_flows;
            if let Some(session) = switch.session().and_then(|id| self.sessions.get(&id)) {
                status.connected = true;
                status.datapath_id = session.dpid.to_string();
                status.bridge = session.bridge.to_string();
            }
        }
        status
    }

    fn chassis_key(&self, id: &ResourceId) -> Option<ChassisKey> {
        self.number(id).and_then(|n| u16::try_from(n).ok()).map(ChassisKey)
    }

    pub(crate) fn port_key(&self, id: &ResourceId) -> Option<PortKey> {
        self.number(id).map(PortKey)
    }

    fn network_key(&self, id: &ResourceId) -> Option<NetworkKey> {
        self.number(id).map(NetworkKey)
    }

    fn number(&self, id: &ResourceId) -> Option<u32> {
        self.catalog.by_id(id).map(|stored| stored.record.key)
    }

    /// Bridges that connected and that no chassis names.
    pub(crate) fn discovered(&self) -> Vec<v1::Resource> {
        let strangers = self.sessions.values().filter(|s| s.chassis.is_none());
        strangers
            .map(|session| {
                let meta = v1::Meta { name: session.bridge.to_string(), ..v1::Meta::default() };
                let status = v1::ChassisStatus {
                    phase: v1::Phase::Pending.into(),
                    reason: "no chassis names this bridge: it is left alone".to_owned(),
                    datapath_id: session.dpid.to_string(),
                    bridge: session.bridge.to_string(),
                    connected: true,
                    discovered: true,
                    ..v1::ChassisStatus::default()
                };
                let chassis =
                    v1::Chassis { meta: Some(meta), spec: Some(v1::ChassisSpec::default()), status: Some(status) };
                v1::Resource { kind: Some(Kind::Chassis(chassis)) }
            })
            .collect()
    }

    /// How a resource stands.
    pub(crate) fn standing_of(&self, id: &ResourceId) -> Standing {
        self.standing(id)
    }

    fn standing(&self, id: &ResourceId) -> Standing {
        match id.kind {
            "chassis" => self.chassis_standing(id),
            "fabric" => self.fabric_standing(),
            "port" => self.port_standing(id),
            "router" => {
                let key = self.number(id).map(RouterKey);
                let concerned = key.map(|key| self.world.chassis_routing(key)).unwrap_or_default();
                let standing = self.spread_standing(id, &concerned);
                match key.and_then(|key| self.gateway_trouble(key)) {
                    Some(words) if standing.0 == v1::Phase::Active => (v1::Phase::Degraded, words),
                    _ => standing,
                }
            }
            "subnet" => match self.catalog.subnet(id) {
                Some(subnet) => match self.catalog.unprefixed(id, subnet) {
                    Some(words) => (v1::Phase::Pending, words),
                    None => self.standing(&subnet.network),
                },
                None => (v1::Phase::Active, String::new()),
            },
            "renumbering" => match self.catalog.renumbering(id) {
                Some(renumbering) => self.standing(&renumbering.subnet),
                None => (v1::Phase::Active, String::new()),
            },
            "delegation" if self.catalog.upstream(id).is_some() => self.upstream_standing(id),
            "delegation" => self.delegation_standing(id),
            "floating_ip" => self.floating_standing(id),
            "prefix_mapping" => self.mapping_standing(id),
            "security_group" => {
                let key = self.number(id).map(GroupKey);
                let at = |key| [self.world.chassis_with(key), self.world.chassis_naming(SetKey::Group(key))].concat();
                let concerned: BTreeSet<ChassisKey> = key.map(at).into_iter().flatten().collect();
                self.spread_standing(id, &concerned.into_iter().collect::<Vec<_>>())
            }
            "anycast_service" => self.anycast_standing(id),
            "translator" => self.translator_standing(id),
            "exposure" => self.exposure_standing(id),
            "trunk" => self.trunk_standing(id),
            "address_group" => {
                let key = self.number(id).map(|n| SetKey::Addresses(AddressGroupKey(n)));
                let concerned = key.map(|key| self.world.chassis_naming(key)).unwrap_or_default();
                self.spread_standing(id, &concerned)
            }
            _ => self.network_standing(id),
        }
    }

    /// A delegated prefix works where its port does, if a router leads to it.
    fn delegation_standing(&self, id: &ResourceId) -> Standing {
        let delegation = self.catalog.delegation(id);
        let Some((delegation, port)) = delegation.and_then(|d| Some((d, self.catalog.port(&d.port)?))) else {
            return (v1::Phase::Pending, String::new());
        };
        if self.catalog.routers_for(id, port).is_empty() {
            let words = format!("no router of {} is on {}: nothing leads to the prefix", id.tenant, port.network);
            return (v1::Phase::Pending, words);
        }
        self.port_standing(&delegation.port)
    }

    /// A service works where its flows are, if an instance is alive.
    fn anycast_standing(&self, id: &ResourceId) -> Standing {
        let key = self.number(id).map(AnycastKey);
        let concerned = key.map(|key| self.world.chassis_serving(key)).unwrap_or_default();
        let (phase, reason) = self.spread_standing(id, &concerned);
        match (phase, self.serving_in_words(id)) {
            (v1::Phase::Active | v1::Phase::Degraded, (false, words)) => (v1::Phase::Degraded, words),
            (v1::Phase::Active, (true, words)) => (phase, words),
            _ => (phase, reason),
        }
    }

    /// A translator works where its port does, if it is alive.
    fn translator_standing(&self, id: &ResourceId) -> Standing {
        let Some(translator) = self.catalog.translator(id) else { return (v1::Phase::Pending, String::new()) };
        match (self.port_standing(&translator.port), self.shown_instances(id).pop()) {
            ((v1::Phase::Active, _), Some(one)) if one.health() == v1::AnycastHealth::Dead => {
                (v1::Phase::Degraded, format!("does not answer: {}; its prefix is told to nobody", one.reason))
            }
            (standing, _) => standing,
        }
    }

    /// A managed chassis stands as its bridge does, unless its database is not as it should be.
    fn chassis_standing(&self, id: &ResourceId) -> Standing {
        match (self.bridge_standing(id), self.managed.trouble(id)) {
            ((v1::Phase::Active | v1::Phase::Installing, _), Some(words)) => (v1::Phase::Degraded, words),
            ((phase, reason), Some(words)) => (phase, format!("{reason}; {words}")),
            (standing, None) => standing,
        }
    }

    fn bridge_standing(&self, id: &ResourceId) -> Standing {
        let key = self.chassis_key(id);
        let Some(switch) = key.and_then(|key| self.switches.get(&key)) else {
            return (v1::Phase::Pending, "not connected".to_owned());
        };
        if switch.session().is_none() {
            (v1::Phase::Pending, "not connected".to_owned())
        } else if !switch.in_step() {
            (v1::Phase::Installing, "its tables are being read".to_owned())
        } else if switch.halted_until.is_some() {
            (v1::Phase::Failed, format!("the switch refused {} changes: the rest waits", switch.refused_count()))
        } else if switch.unconfirmed() > 0 {
            (v1::Phase::Installing, String::new())
        } else if switch.refused_count() > 0 {
            (v1::Phase::Degraded, format!("the switch refused {} flows", switch.refused_count()))
        } else {
            (v1::Phase::Active, String::new())
        }
    }

    /// The fabric works where every connected chassis has its port.
    fn fabric_standing(&self) -> Standing {
        let view = View::new(&self.world);
        let Some(fabric) = view.fabric() else { return (v1::Phase::Pending, String::new()) };
        if fabric.encap == Encap::Links {
            return self.links_standing();
        }
        let known = |chassis: &&ChassisKey| self.chassis_resource(**chassis).is_some();
        let without: Vec<ChassisKey> = self.without_uplink.iter().filter(known).copied().collect();
        if without.is_empty() {
            (v1::Phase::Active, String::new())
        } else {
            (v1::Phase::Degraded, format!("no port {} on {}", fabric.interface, self.names(&without)))
        }
    }

    /// Links work where every connected chassis reaches every other.
    fn links_standing(&self) -> Standing {
        match self.paths_standing() {
            (_, true) => (v1::Phase::Installing, String::new()),
            (None, false) => (v1::Phase::Active, String::new()),
            (Some((a, b)), false) => {
                (v1::Phase::Degraded, format!("no links lead from {} to {}", self.names(&[a]), self.names(&[b])))
            }
        }
    }

    fn port_standing(&self, id: &ResourceId) -> Standing {
        let pending = |reason: String| (v1::Phase::Pending, reason);
        let view = View::new(&self.world);
        let Some(key) = self.port_key(id) else { return pending(String::new()) };
        if let Some(words) = self.direct_standing(key).or_else(|| self.subport_standing(id, key)) {
            return words;
        }
        let (Some(port), Some(binding)) = (view.port(key), view.binding(key)) else {
            return pending(self.claim_words(id).unwrap_or_else(|| "not bound to a chassis".to_owned()));
        };
        let home = self.chassis_resource(binding.chassis).map(|r| r.name.to_string()).unwrap_or_default();
        if self.switches.get(&binding.chassis).and_then(Switch::session).is_none() {
            return pending(format!("chassis {home} is not connected"));
        }
        if view.place(key).is_none() {
            return pending(format!("{home} has no interface {}", binding.interface));
        }
        let network = self.world.resource_of(&Key::Network(port.network));
        if let Some(network) = network.filter(|network| self.catalog.waits_for(network).is_some()) {
            return pending(format!("{network} waits for its segmentation id"));
        }
        let standing = self.spread_standing(id, &self.world.chassis_concerned(port.network));
        let (phase, reason) = match self.lacks_uplink(port.network, binding.chassis) {
            Some(words) if standing.0 == v1::Phase::Active => (v1::Phase::Degraded, words),
            _ => standing,
        };
        let claimed = self.claim_words(id).filter(|_| self.catalog.trunk_with(id).is_none());
        match claimed.filter(|_| reason.is_empty()) {
            Some(words) => (phase, words),
            None => (phase, reason),
        }
    }

    /// A network works where its chassis do, and of a provider network where they have a way to it.
    fn network_standing(&self, id: &ResourceId) -> Standing {
        if let Some(words) = self.waits_in_words(id) {
            return (v1::Phase::Pending, words);
        }
        let Some(key) = self.network_key(id) else { return self.spread_standing(id, &[]) };
        let concerned = self.world.chassis_concerned(key);
        let standing = self.spread_standing(id, &concerned);
        let residents = self.world.residents(key);
        match residents.into_iter().find_map(|chassis| self.lacks_uplink(key, chassis)) {
            Some(words) if standing.0 == v1::Phase::Active => (v1::Phase::Degraded, words),
            _ => standing,
        }
    }

    /// A resource whose flows are spread over chassis.
    pub(crate) fn spread_standing(&self, id: &ResourceId, concerned: &[ChassisKey]) -> Standing {
        if let Some(words) = self.troubled.get(id) {
            return (v1::Phase::Degraded, words.clone());
        }
        let mut missing: Vec<ChassisKey> = Vec::new();
        let mut installing = false;
        for chassis in concerned {
            let name = || self.chassis_resource(*chassis).map(|r| r.name.to_string()).unwrap_or_default();
            match self.switches.get(chassis) {
                Some(switch) if switch.session().is_some() => {
                    if let Some(words) = switch.refusal_of(id) {
                        return (v1::Phase::Failed, format!("{}: {words}", name()));
                    }
                    installing |= !switch.in_step() || switch.concerns(id);
                }
                _ => missing.push(*chassis),
            }
        }
        if installing {
            (v1::Phase::Installing, String::new())
        } else if missing.is_empty() {
            (v1::Phase::Active, String::new())
        } else {
            (v1::Phase::Degraded, format!("not connected: {}", self.names(&missing)))
        }
    }

    /// The names of a few chassis, and how many more there are.
    pub(crate) fn names(&self, chassis: &[ChassisKey]) -> String {
        let (named, rest) = chassis.split_at(chassis.len().min(NAMED_MAX));
        let name = |chassis: &ChassisKey| self.chassis_resource(*chassis).map(|r| r.name.to_string());
        let named: Vec<String> = named.iter().map(|chassis| name(chassis).unwrap_or_default()).collect();
        let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        format!("{}{more}", named.join(", "))
    }
}

const fn phase_word(phase: v1::Phase) -> &'static str {
    match phase {
        v1::Phase::Unspecified => "unknown",
        v1::Phase::Pending => "pending",
        v1::Phase::Installing => "installing",
        v1::Phase::Active => "active",
        v1::Phase::Degraded => "degraded",
        v1::Phase::Failed => "failed",
    }
}

//! What is told to routers upstream by BGP, and how each exposure stands: read off the facts, switches and what gobgpd says.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use addr::IpNet;
use features::exposure::routes::{Route, outside, routes};
use features::gateway::choice;
use proto::v1;
use topology::{ChassisKey, ExposureKey, ExposureMethod, NetworkKey, PortKey, ResourceId, RouterKey, View};

use crate::brain::Brain;
use crate::catalog::{EXPOSURE, Proxied};
use crate::effect::{Announcement, BgpPath, BgpPeer, Effect};
use crate::event::Speaker;
use crate::switch::Switch;

/// Resources that a reason names; the others are counted.
const NAMED_MAX: usize = 2;

/// What is known beside facts.
#[derive(Debug, Default)]
pub(crate) struct Exposures {
    /// The routes of each exposure, as last worked out.
    routes: BTreeMap<ResourceId, Routed>,
    /// Of each exposure that has addresses answered for: these, with who does.
    answered: BTreeMap<ResourceId, Vec<Answered>>,
    /// The peers that each router names.
    peers: BTreeMap<ResourceId, Vec<BgpPeer>>,
    /// What gobgpd said last; `None`: the controller was not told of one.
    speaker: Option<Speaker>,
    /// What it was told last.
    told: Option<Announcement>,
    /// Everything was looked at once: before, nothing is known, and nothing is taken back.
    looked: bool,
    /// What it is to be told may be something else.
    stale: bool,
}

/// An address that is answered for, and by which chassis; `None`: by none.
type Answered = (IpAddr, Option<ChassisKey>);

/// An exposure's routes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Routed {
    router: Option<ResourceId>,
    /// Each with whether all switches concerned have confirmed that it works, by next hop.
    routes: Vec<(Route, Vec<bool>)>,
}

impl Exposures {
    /// A resource is gone.
    pub(crate) fn forget(&mut self, id: &ResourceId) {
        self.answered.remove(id);
        self.stale |= self.routes.remove(id).is_some() || self.peers.remove(id).is_some();
    }

    fn announces(&self, router: &ResourceId) -> bool {
        self.peers.get(router).is_some_and(|peers| !peers.is_empty())
    }

    fn holds(&self, prefix: IpNet, nexthop: IpAddr) -> bool {
        self.speaker.as_ref().is_some_and(|speaker| speaker.paths.contains(&(prefix, nexthop)))
    }

    /// All that gobgpd is to say: of two routers that lead to the same the first does.
    fn announcement(&self) -> Announcement {
        let peers: BTreeSet<&BgpPeer> = self.peers.values().flatten().collect();
        let mut paths: BTreeMap<(IpNet, IpAddr), bool> = BTreeMap::new();
        let mut leads: BTreeMap<IpNet, &ResourceId> = BTreeMap::new();
        for routed in self.routes.values() {
            let Some(router) = routed.router.as_ref().filter(|router| self.announces(router)) else { continue };
            for (route, sure) in &routed.routes {
                if *leads.entry(route.prefix).or_insert(router) != router {
                    continue;
                }
                for ((nexthop, _), sure) in route.nexthops.iter().zip(sure) {
                    *paths.entry((route.prefix, *nexthop)).or_default() |= *sure;
                }
            }
        }
        let paths = paths.into_iter().map(|((prefix, nexthop), sure)| BgpPath { prefix, nexthop, sure });
        Announcement { peers: peers.into_iter().cloned().collect(), paths: paths.collect() }
    }
}

impl Brain {
    /// Looks again at what these exposures and routers want announced, and tells gobgpd what is different.
    pub(crate) fn announce_exposed(&mut self, restless: &BTreeSet<ResourceId>) {
        for router in restless.iter().filter(|id| id.kind == "router") {
            let peers = self.catalog.bgp_peers(router).to_vec();
            let before = match peers.is_empty() {
                true => self.exposures.peers.remove(router),
                false => self.exposures.peers.insert(router.clone(), peers.clone()),
            };
            self.exposures.stale |= before.unwrap_or_default() != peers;
        }
        for id in restless.iter().filter(|id| id.kind == "exposure") {
            let Some(exposure) = self.catalog.exposure(id) else { continue };
            let (router, method) = (exposure.router.clone(), exposure.method);
            if method == ExposureMethod::NdProxy {
                let answered = self.answered_of(id);
                if self.exposures.answered.insert(id.clone(), answered.clone()) != Some(answered) {
                    self.statuses.remove(id);
                }
            } else {
                self.exposures.answered.remove(id);
            }
            let routes = self.exposure_key(id).map(|key| routes(&View::new(&self.world), key)).unwrap_or_default();
            let routes = routes.into_iter().filter_map(|route| {
                let sure = self.sure_of(&router, &route)?;
                Some((route, sure))
            });
            let routed = Routed { routes: routes.collect(), router: Some(router) };
            if self.exposures.routes.get(id) != Some(&routed) {
                self.exposures.routes.insert(id.clone(), routed);
                self.exposures.stale = true;
                // What is shown differs, though it may stand as it stood.
                self.statuses.remove(id);
            }
        }
        self.exposures.looked = true;
        self.tell_speaker();
    }

    fn tell_speaker(&mut self) {
        let (stale, looked) = (self.exposures.stale, self.exposures.looked);
        if self.exposures.speaker.is_none() || !looked || !(stale || self.exposures.told.is_none()) {
            return;
        }
        self.exposures.stale = false;
        let announcement = self.exposures.announcement();
        if self.exposures.told.as_ref() != Some(&announcement) {
            self.exposures.told = Some(announcement.clone());
            self.effects.push(Effect::Announce(Box::new(announcement)));
        }
    }

    /// gobgpd has said how it stands.
    pub(crate) fn spoken(&mut self, speaker: Speaker) {
        let before = self.exposures.speaker.replace(speaker);
        let now = self.exposures.speaker.as_ref();
        let fault = |speaker: Option<&Speaker>| speaker.and_then(|speaker| speaker.fault.clone());
        let (was, is) = (fault(before.as_ref()), fault(now));
        let up = |speaker: Option<&Speaker>| {
            let all = speaker.into_iter().flat_map(|speaker| &speaker.peers);
            all.filter(|peer| peer.established).map(|peer| peer.address).collect::<BTreeSet<_>>()
        };
        let (were, are) = (up(before.as_ref()), up(now));
        match is {
            Some(words) if was != Some(words.clone()) => self.happened("bgp.fault", None, words),
            None if was.is_some() => self.happened("bgp.ready", None, "gobgpd is spoken to".to_owned()),
            _ => {}
        }
        for peer in are.difference(&were) {
            self.happened("bgp.up", None, format!("peer {peer}"));
        }
        for peer in were.difference(&are) {
            self.happened("bgp.down", None, format!("peer {peer}"));
        }
        let concerned = self.exposures.routes.keys().chain(self.exposures.peers.keys()).cloned();
        let concerned: Vec<ResourceId> = concerned.collect();
        concerned.iter().for_each(|id| drop(self.statuses.remove(id)));
        self.restless.extend(concerned);
        self.tell_speaker();
    }

    /// What is answered for by way of an exposure.
    fn answered_of(&self, id: &ResourceId) -> Vec<Answered> {
        let view = View::new(&self.world);
        let holder = |(port, Proxied { network, address, .. }): (ResourceId, Proxied)| {
            let at = (NetworkKey(self.key_of(&network)), address);
            let presence = self.world.presence(at.0, at.1)?;
            let own = presence.port == Some(PortKey(self.key_of(&port))) && presence.inside.is_none();
            own.then(|| (address, choice::holder(&view, at, presence)))
        };
        self.catalog.proxied_by(id).into_iter().filter_map(holder).collect()
    }

    /// The exposures that may stand otherwise, now that these resources do.
    pub(crate) fn exposures_after(&self, restless: &BTreeSet<ResourceId>) -> Vec<ResourceId> {
        let mut found = Vec::new();
        for id in restless.iter().filter(|id| matches!(id.kind, "router" | "port")) {
            found.extend(self.catalog.users(id, EXPOSURE).cloned());
            if id.kind == "port" {
                let for_port = self.world.presences_for(PortKey(self.key_of(id)));
                let owners = for_port.filter_map(|at| Some(self.world.presence(at.0, at.1)?.owner.clone()));
                found.extend(owners.filter(|owner| owner.kind == EXPOSURE));
            }
        }
        found
    }

    fn exposure_key(&self, id: &ResourceId) -> Option<ExposureKey> {
        self.catalog.by_id(id).map(|stored| ExposureKey(stored.record.key))
    }

    /// Whether the switches concerned have confirmed that a route works, by next hop; `None`: it is known that it doesn't, for the port
    /// is not there.
    fn sure_of(&self, router: &ResourceId, route: &Route) -> Option<Vec<bool>> {
        let port = route.port.and_then(|port| Some((port, self.world.resource_of(&topology::Key::Port(port))?)));
        let confirmed = |chassis: ChassisKey| {
            let Some(switch) = self.switches.get(&chassis).filter(|switch| switch.in_step()) else { return false };
            !switch.concerns(router) && port.as_ref().is_none_or(|(_, id)| !switch.concerns(id))
        };
        let mut plugged = true;
        if let Some((key, _)) = &port {
            plugged = self.is_plugged(*key)?;
        }
        Some(route.nexthops.iter().map(|(_, chassis)| plugged && confirmed(*chassis)).collect())
    }

    /// Whether a port is plugged and its chassis has confirmed what it has for it; `None`: it is not there, as its chassis says.
    fn is_plugged(&self, port: PortKey) -> Option<bool> {
        let view = View::new(&self.world);
        let Some(binding) = view.binding(port) else { return Some(false) };
        let switch = self.switches.get(&binding.chassis);
        let in_step = switch.as_ref().is_some_and(|switch| Switch::in_step(switch));
        match view.place(port) {
            None if in_step => None,
            None => Some(false),
            Some(_) => Some(in_step),
        }
    }

    /// How an exposure stands.
    pub(crate) fn exposure_standing(&self, id: &ResourceId) -> (v1::Phase, String) {
        let Some(exposure) = self.catalog.exposure(id) else { return (v1::Phase::Pending, String::new()) };
        let concerned = self.world.chassis_routing(RouterKey(self.key_of(&exposure.router)));
        let flows_of = if exposure.method == ExposureMethod::NdProxy { id } else { &exposure.router };
        let (phase, reason) = self.spread_standing(flows_of, &concerned);
        if matches!(phase, v1::Phase::Failed | v1::Phase::Installing) {
            return (phase, reason);
        }
        let checks = self.preflight(id);
        if let Some(failed) = checks.iter().find(|check| check.verdict() == v1::ExposureVerdict::Failed) {
            return (v1::Phase::Degraded, failed.message.clone());
        }
        let routed = self.exposures.routes.get(id);
        let missing = routed.into_iter().flat_map(|routed| &routed.routes).any(|(route, sure)| {
            let unsaid = |nexthop: IpAddr| {
                self.exposures.announces(&exposure.router) && !self.exposures.holds(route.prefix, nexthop)
            };
            sure.contains(&false) || route.nexthops.iter().any(|(nexthop, _)| unsaid(*nexthop))
        });
        match (missing, checks.iter().find(|check| check.verdict() == v1::ExposureVerdict::Warning)) {
            _ if phase != v1::Phase::Active => (phase, reason),
            (true, _) => (v1::Phase::Installing, String::new()),
            (false, Some(warning)) => (phase, warning.message.clone()),
            (false, None) => (phase, reason),
        }
    }

    fn key_of(&self, id: &ResourceId) -> u32 {
        self.catalog.by_id(id).map(|stored| stored.record.key).unwrap_or_default()
    }

    /// What is shown of an exposure beside how it stands.
    pub(crate) fn exposure_status(&self, id: &ResourceId, status: &mut v1::ExposureStatus) {
        let name = |chassis: ChassisKey| self.chassis_resource(chassis).map(|r| r.name.to_string()).unwrap_or_default();
        for (route, _) in self.exposures.routes.get(id).into_iter().flat_map(|routed| &routed.routes) {
            let nexthops = route.nexthops.iter().map(|(address, chassis)| v1::ExposureNexthop {
                address: address.to_string(),
                chassis: name(*chassis),
                announced: self.exposures.holds(route.prefix, *address),
            });
            status.routes.push(v1::ExposureRoute { prefix: route.prefix.to_string(), nexthops: nexthops.collect() });
            let hint = |(address, _): &(IpAddr, _)| format!("{} via {address}", route.prefix);
            status.static_routes.extend(route.nexthops.iter().map(hint));
        }
        for (address, holder) in self.exposures.answered.get(id).into_iter().flatten() {
            let chassis = holder.map(name).unwrap_or_default();
            status.addresses.push(v1::GatewayAddress { ip_address: address.to_string(), chassis });
        }
        status.checks = self.preflight(id);
    }

    /// A router's sessions with its peers.
    pub(crate) fn bgp_status(&self, id: &ResourceId, status: &mut v1::RouterStatus) {
        let speaker = self.exposures.speaker.as_ref();
        let state = |peer: &BgpPeer| {
            let Some(speaker) = speaker else { return (false, NO_SPEAKER.to_owned()) };
            let said = speaker.peers.iter().find(|said| said.address == peer.address);
            let unsaid = || (false, speaker.fault.clone().unwrap_or_default());
            said.map_or_else(unsaid, |said| (said.established, said.state.clone()))
        };
        status.bgp_sessions = self
            .catalog
            .bgp_peers(id)
            .iter()
            .map(|peer| {
                let (established, state) = state(peer);
                v1::BgpSession { address: peer.address.to_string(), asn: peer.asn, established, state }
            })
            .collect();
    }
}

/// What a method needs of the way out.
impl Brain {
    fn preflight(&self, id: &ResourceId) -> Vec<v1::ExposureCheck> {
        let Some(exposure) = self.catalog.exposure(id) else { return Vec::new() };
        if exposure.method == ExposureMethod::NdProxy {
            return self.preflight_proxy(id);
        }
        let none = Routed::default();
        let routed = self.exposures.routes.get(id).unwrap_or(&none);
        let mut checks = vec![self.check_gateways(&exposure.router)];
        checks.push(check_nexthops(routed));
        checks.push(self.check_bgp(&exposure.router));
        checks.push(check_scope(routed.routes.iter().map(|(route, _)| route.prefix)));
        checks.push(self.check_mapping(id, &exposure.router));
        checks
    }

    /// What is exposed is the same outside: of what is not, that is led to which it is.
    fn check_mapping(&self, id: &ResourceId, router: &ResourceId) -> v1::ExposureCheck {
        let (view, router) = (View::new(&self.world), RouterKey(self.key_of(router)));
        let exposure = self.exposure_key(id).and_then(|key| view.exposure(key));
        let (prefixes, ports) = exposure.map(|fact| (&fact.prefixes[..], &fact.ports[..])).unwrap_or_default();
        let addresses = ports.iter().filter_map(|port| view.port(*port)).flat_map(|port| port.all().map(IpNet::from));
        let all = prefixes.iter().map(|(_, prefix)| *prefix).chain(addresses);
        let other = all.filter_map(|prefix| match outside(&view, router, prefix) {
            Some(same) if same == prefix => None,
            Some(other) => Some(format!("{prefix} is {other} outside, by a prefix mapping")),
            None => Some(format!("{prefix} is another outside, by a floating IP, and not led to")),
        });
        let other: Vec<String> = other.collect();
        match other.is_empty() {
            true => check("mapping", None),
            false => verdict("mapping", v1::ExposureVerdict::Warning, few(&other)),
        }
    }

    /// Of one whose addresses are answered for.
    fn preflight_proxy(&self, id: &ResourceId) -> Vec<v1::ExposureCheck> {
        let answered = self.exposures.answered.get(id).map(Vec::as_slice).unwrap_or_default();
        let addresses: Vec<IpAddr> = answered.iter().map(|(address, _)| *address).collect();
        let (mut off_link, mut taken) = (Vec::new(), Vec::new());
        for (port, proxied) in self.catalog.proxied_by(id) {
            if addresses.contains(&proxied.address) {
                continue;
            }
            match self.catalog.on_link(&proxied.network, IpNet::from(proxied.address)) {
                Ok(()) => taken.push(format!("{} of {port}", proxied.address)),
                Err(_) => off_link.push(format!("{} of {port}", proxied.address)),
            }
        }
        let nothing = addresses.is_empty().then(|| "no port has an address to be answered for".to_owned());
        let nobody: Vec<String> =
            answered.iter().filter(|(_, holder)| holder.is_none()).map(|(address, _)| address.to_string()).collect();
        let nobody = (!nobody.is_empty()).then(|| {
            let why = "its chassis has no way to the provider network that is up, and no gateway is there";
            format!("nobody answers for {}: {why}", few(&nobody))
        });
        let mut checks = vec![check("addresses", nothing), check("gateways", nobody)];
        if !off_link.is_empty() {
            let words = format!("not on the link out there, and not answered for: {}", few(&off_link));
            checks.push(verdict("on_link", v1::ExposureVerdict::Warning, words));
        } else {
            checks.push(check("on_link", None));
        }
        if !taken.is_empty() {
            checks.push(check("unique", Some(format!("another has the address out there: {}", few(&taken)))));
        }
        let view = View::new(&self.world);
        let router = self.catalog.exposure(id).map(|exposure| RouterKey(self.key_of(&exposure.router)));
        let mapped = |address: &&IpAddr| {
            router.is_some_and(|router| outside(&view, router, IpNet::from(**address)) != Some(IpNet::from(**address)))
        };
        let mapped: Vec<String> = addresses.iter().filter(mapped).map(IpAddr::to_string).collect();
        let words = (!mapped.is_empty()).then(|| {
            format!("answers of {} leave with another source, by a floating IP or prefix mapping", few(&mapped))
        });
        checks.push(check("mapping", words));
        checks.push(check_scope(addresses.into_iter().map(IpNet::from)));
        checks
    }

    /// Somebody answers for the router's addresses.
    fn check_gateways(&self, router: &ResourceId) -> v1::ExposureCheck {
        let view = View::new(&self.world);
        let Some(gateway) = view.gateway(RouterKey(self.key_of(router))) else {
            return check("gateways", Some(format!("{router} leads to no provider network")));
        };
        let network = self.world.resource_of(&topology::Key::Network(gateway.network));
        let network = network.map(|network| network.name.to_string()).unwrap_or_default();
        let all = view.gateways(gateway.network);
        if all.is_empty() {
            let words = format!("no chassis on {network} has a gateway_priority: nobody answers for the router");
            return check("gateways", Some(words));
        }
        if !all.iter().any(|gateway| gateway.usable) {
            return check("gateways", Some(format!("no gateway of {network} is up, connected and not drained")));
        }
        check("gateways", None)
    }

    /// Routers upstream hear of it, or an operator tells them.
    fn check_bgp(&self, router: &ResourceId) -> v1::ExposureCheck {
        if !self.exposures.announces(router) {
            let words = format!("{router} has no bgp_peers: set the static_routes upstream");
            return verdict("bgp", v1::ExposureVerdict::Warning, words);
        }
        let Some(speaker) = &self.exposures.speaker else { return check("bgp", Some(NO_SPEAKER.to_owned())) };
        if let Some(fault) = &speaker.fault {
            return check("bgp", Some(fault.clone()));
        }
        let wanted = self.exposures.peers.get(router).into_iter().flatten();
        let state = |peer: &BgpPeer| speaker.peers.iter().find(|said| said.address == peer.address);
        let silent: Vec<String> = wanted
            .filter(|peer| !state(peer).is_some_and(|said| said.established))
            .map(|peer| match state(peer) {
                Some(said) => format!("{} ({})", peer.address, said.state),
                None => peer.address.to_string(),
            })
            .collect();
        let words = format!("no BGP session with {}", few(&silent));
        check("bgp", (!silent.is_empty()).then_some(words))
    }
}

const NO_SPEAKER: &str = "the controller was not told of a gobgpd (--gobgp): set the static_routes upstream";

fn few(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMED_MAX);
    let named = names[..names.len().min(NAMED_MAX)].join(", ");
    if more > 0 { format!("{named} and {more} more") } else { named }
}

fn check(name: &str, failed: Option<String>) -> v1::ExposureCheck {
    match failed {
        Some(words) => verdict(name, v1::ExposureVerdict::Failed, words),
        None => verdict(name, v1::ExposureVerdict::Passed, String::new()),
    }
}

fn verdict(name: &str, verdict: v1::ExposureVerdict, message: String) -> v1::ExposureCheck {
    v1::ExposureCheck { name: name.to_owned(), verdict: verdict.into(), message }
}

/// Each route has a next hop of its family.
fn check_nexthops(routed: &Routed) -> v1::ExposureCheck {
    if routed.routes.is_empty() {
        return check(
            "nexthops",
            Some(
                "there is nothing to lead to: the ports have no address on the router's networks, or are nowhere"
                    .to_owned(),
            ),
        );
    }
    let without: Vec<String> = routed
        .routes
        .iter()
        .filter(|(route, _)| route.nexthops.is_empty())
        .map(|(route, _)| route.prefix.to_string())
        .collect();
    let words = format!(
        "no address of the router's leads to {}: give external_gateway.ip_addresses of its family",
        few(&without)
    );
    check("nexthops", (!without.is_empty()).then_some(words))
}

/// What is exposed has a meaning outside.
fn check_scope(prefixes: impl Iterator<Item = IpNet>) -> v1::ExposureCheck {
    let private: Vec<String> = prefixes.filter(|prefix| is_private(*prefix)).map(|prefix| prefix.to_string()).collect();
    if private.is_empty() {
        return check("scope", None);
    }
    let words = format!(
        "{} is private (RFC 4193, RFC 1918): it is reached as far as upstream routes it, and not from the Internet",
        few(&private)
    );
    verdict("scope", v1::ExposureVerdict::Warning, words)
}

fn is_private(prefix: IpNet) -> bool {
    match prefix {
        IpNet::V6(net) => net.addr().is_unique_local(),
        IpNet::V4(net) => net.addr().is_private(),
    }
}

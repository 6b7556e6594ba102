//! The only place where a router advertisement is made: solicited, periodic and final ones alike.

use std::net::Ipv6Addr;
use std::sync::Arc;

use addr::{Ipv6Net, MacAddr, link_local};
use packet::{NdOption, Preference, RouterAdvert, router_advert};
use topology::{Advert, NetworkKey, PortKey, RouterKey, RouterPreference, SubnetKey, View};

use crate::router::network_mac;
use crate::time::{Millis, left};
use crate::{dns, given, metadata};

/// Seconds between two unsolicited advertisements, at most (RFC 4861, 6.2.1).
pub const MAX_INTERVAL_S: u64 = 600;
/// How long the router stays a default router: three intervals (RFC 4861, 6.2.1).
const ROUTER_LIFETIME_S: u16 = 1800;
/// How long DNS servers and domains are used: three intervals (RFC 8106, 5.1).
const DNS_LIFETIME_S: u32 = 1800;
/// How long the metadata service is on the link: three intervals.
const METADATA_LIFETIME_S: u32 = 1800;
const HOP_LIMIT: u8 = 64;

/// Who advertises on a network, and what: a router with the subnets that it serves there; or, for subnets that no router
/// serves, the network itself, which is no default router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The router; `None`: the network itself.
    pub router: Option<RouterKey>,
    /// The MAC that it sends from.
    pub mac: MacAddr,
    /// Bytes of an IP packet.
    pub mtu: u32,
    /// The domain that hosts search.
    pub domain: Option<Arc<str>>,
    /// The captive portal's API.
    pub portal: Option<Arc<str>>,
    /// Its subnets' adverts.
    pub adverts: Vec<Advert>,
}

/// All who advertise on a network, routers first.
pub fn senders(view: &View<'_>, network: NetworkKey) -> Vec<Sender> {
    let Some(fact) = view.network(network) else { return Vec::new() };
    let sender = |router, mac, adverts| Sender {
        router,
        mac,
        mtu: fact.mtu,
        domain: fact.dns_domain.clone(),
        portal: fact.captive_portal.clone(),
        adverts,
    };
    let mut senders: Vec<Sender> = Vec::new();
    let mut served = Vec::new();
    for (router, subnet) in view.interfaces_on(network) {
        let (Some(interface), Some(advert)) = (view.interface(router, subnet), told_of(view, subnet)) else { continue };
        served.push(subnet);
        let mac = interface.mac;
        match senders.iter_mut().find(|s| s.router == Some(router) && s.mac == mac) {
            Some(sender) => sender.adverts.push(advert),
            None => senders.push(sender(Some(router), mac, vec![advert])),
        }
    }
    let unserved = view.subnets_of(network).into_iter().filter(|s| !served.contains(s));
    let adverts: Vec<Advert> = unserved.filter_map(|s| told_of(view, s)).collect();
    if !adverts.is_empty() {
        senders.push(sender(None, network_mac(network), adverts));
    }
    senders
}

/// What is said of a subnet: its advert, with the network's own name server where no other is named.
fn told_of(view: &View<'_>, subnet: SubnetKey) -> Option<Advert> {
    let mut advert = view.advert(subnet)?.clone();
    advert.rdnss = dns::server::told_v6(view, subnet, &advert.rdnss);
    // What does not translate is not told of.
    if let Some(by) = advert.pref64_by
        && !view.anycast(by).is_some_and(|translator| translator.ports.iter().any(|port| view.serves(by, *port)))
    {
        advert.pref64 = None;
    }
    Some(advert)
}

/// Whether hosts of a network that do without IPv4 reach it: false where all NAT64 prefixes are of translators that don't answer.
pub fn reaches_ipv4(view: &View<'_>, network: NetworkKey) -> bool {
    let subnets = view.subnets_of(network);
    let meant = subnets.iter().any(|subnet| view.advert(*subnet).is_some_and(|advert| advert.pref64.is_some()));
    !meant || subnets.into_iter().any(|subnet| told_of(view, subnet).is_some_and(|advert| advert.pref64.is_some()))
}

/// What a sender tells a port alone. One that was given an address on a prefix that its neighbours form theirs from: to ask DHCPv6
/// for it, and unless it has a formed one too, to form none. One that prefixes are delegated to: to ask DHCPv6. `None`: what
/// everybody is told.
pub fn alone(view: &View<'_>, sender: &Sender, port: PortKey) -> Option<Sender> {
    let mut told = sender.clone();
    for advert in told.adverts.iter_mut().filter(|advert| advert.autonomous) {
        if advert.per_host {
            own_prefix(view, advert, port);
        }
        if !given::not_formed(view, port, advert.prefix).is_empty() {
            (advert.autonomous, advert.managed) = (given::forms(view, port, advert.prefix), true);
        }
    }
    if let Some(first) = told.adverts.first_mut()
        && view.port(port).is_some_and(|port| port.prefixes.iter().any(|prefix| !prefix.advertised))
    {
        first.managed = true;
    }
    (told != *sender).then_some(told)
}

/// Puts a port's own prefix in the place of the one that it is of. Without one, it is told of none.
fn own_prefix(view: &View<'_>, advert: &mut Advert, port: PortKey) {
    let mut prefixes = view.port(port).into_iter().flat_map(|port| &port.prefixes).filter(|own| own.advertised);
    match prefixes.find(|own| advert.prefix.contains(&own.prefix)) {
        Some(own) => advert.prefix = own.prefix,
        None => advert.advertise_prefix = false,
    }
}

/// What an advert says of a prefix of one host's, without what else is told with it.
pub fn only_prefix(advert: &Advert, prefix: Ipv6Net) -> Advert {
    let (rdnss, routes, withdrawn) = (Vec::new(), Vec::new(), Vec::new());
    Advert { prefix, rdnss, routes, withdrawn, pref64: None, ..advert.clone() }
}

/// To whom an advertisement goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// All nodes.
    Everybody,
    /// One port, by its MAC, unasked (RFC 6085).
    One(MacAddr),
    /// The one who asked, by MAC and address. From `::` it asked for all nodes; its MAC still has it to itself (RFC 6085).
    Asker(MacAddr, Ipv6Addr),
}

/// A whole frame: what the sender says now, and what it takes back of what it said before: prefixes that hosts shall form no
/// more addresses from, servers not to be asked any more. A sender that says nothing now gives up being a router (RFC 4861,
/// 6.2.5).
pub fn frame(sender: &Sender, to: To, taken_back: &[Advert], now: Millis) -> Vec<u8> {
    frame_from(sender, sender.mac, to, taken_back, now)
}

/// The same by another MAC, where hosts have to know the sender by that: its address stays what it is.
pub fn frame_from(sender: &Sender, mac: MacAddr, to: To, taken_back: &[Advert], now: Millis) -> Vec<u8> {
    let source = link_local(sender.mac);
    let advert = advert(sender, mac, taken_back, now);
    let to = match to {
        To::Everybody => None,
        To::One(mac) => Some((mac, addr::ALL_NODES)),
        To::Asker(mac, address) if address.is_unspecified() => Some((mac, addr::ALL_NODES)),
        To::Asker(mac, address) => Some((mac, address)),
    };
    router_advert(mac, source, to, &advert).to_vec()
}

fn advert(sender: &Sender, mac: MacAddr, taken_back: &[Advert], now: Millis) -> RouterAdvert {
    let is_default = sender.router.is_some() && sender.adverts.iter().any(|a| a.default_router);
    let adverts = &sender.adverts;
    let mut options = vec![NdOption::SourceLinkLayer(mac), NdOption::Mtu(sender.mtu)];
    // A prefix that is shared out among hosts is told to nobody as a whole.
    let shown = |a: &&Advert| a.advertise_prefix && !(a.per_host && a.prefix.prefix_len() < 64);
    for advert in adverts.iter().filter(shown) {
        let (preferred_s, valid_s) = left(advert.ends, now, advert.preferred_s, advert.valid_s);
        options.push(prefix(advert, valid_s, preferred_s));
        let withdrawn = |prefix: &Ipv6Net| Advert { prefix: *prefix, ..advert.clone() };
        options.extend(advert.withdrawn.iter().map(withdrawn).map(|gone| self::prefix(&gone, 0, 0)));
    }
    options.extend(taken_back.iter().filter(shown).map(|a| prefix(a, 0, 0)));
    if !is_default && !adverts.is_empty() {
        options.push(metadata_on_link());
    }
    let (servers, gone) = said(adverts, taken_back, |a| &a.rdnss);
    for (lifetime_s, servers) in [(DNS_LIFETIME_S, servers), (0, gone)] {
        if !servers.is_empty() {
            options.push(NdOption::Rdnss { lifetime_s, servers });
        }
    }
    if let Some(domain) = sender.domain.as_ref().filter(|_| !adverts.is_empty()) {
        options.push(NdOption::Dnssl { lifetime_s: DNS_LIFETIME_S, domains: vec![domain.to_string()] });
    }
    if let Some(portal) = sender.portal.as_ref().filter(|_| !adverts.is_empty()) {
        options.push(NdOption::CaptivePortal(portal.to_string()));
    }
    let (prefixes, gone) = said(adverts, taken_back, |a| a.pref64.as_slice());
    let pref64 = |lifetime_s| move |prefix| NdOption::Pref64 { lifetime_s, prefix };
    options.extend(prefixes.into_iter().map(pref64(ROUTER_LIFETIME_S)).chain(gone.into_iter().map(pref64(0))));
    let (routes, gone) = said(adverts, taken_back, |a| &a.routes);
    let preference = preference(adverts);
    let route = |lifetime_s| move |prefix| NdOption::RouteInformation { prefix, preference, lifetime_s };
    options.extend(routes.into_iter().map(route(ROUTER_LIFETIME_S.into())).chain(gone.into_iter().map(route(0))));
    RouterAdvert {
        cur_hop_limit: HOP_LIMIT,
        managed: adverts.iter().any(|a| a.managed),
        other: adverts.iter().any(|a| a.other),
        // RFC 4191, 2.2: who is no default router has none.
        preference: if is_default { preference } else { Preference::Medium },
        router_lifetime_s: if is_default { ROUTER_LIFETIME_S } else { 0 },
        options,
        ..RouterAdvert::default()
    }
}

/// Where no router leads there, the metadata service is on the link. Linux takes that as it takes any prefix; of routes that an RA
/// tells (RFC 4191) its kernel takes none, unless it is set to.
fn metadata_on_link() -> NdOption {
    NdOption::PrefixInformation {
        prefix: Ipv6Net::new_assert(metadata::EC2, 128),
        on_link: true,
        autonomous: false,
        router_address: false,
        pd_preferred: false,
        valid_s: METADATA_LIFETIME_S,
        preferred_s: METADATA_LIFETIME_S,
    }
}

/// What subnets say of their router, those that say anything the same.
fn preference(adverts: &[Advert]) -> Preference {
    match adverts.iter().find_map(|advert| advert.preference) {
        Some(RouterPreference::Low) => Preference::Low,
        Some(RouterPreference::Medium) | None => Preference::Medium,
        Some(RouterPreference::High) => Preference::High,
    }
}

fn prefix(advert: &Advert, valid_s: u32, preferred_s: u32) -> NdOption {
    NdOption::PrefixInformation {
        prefix: advert.prefix,
        on_link: !advert.per_host,
        autonomous: advert.autonomous,
        router_address: false,
        pd_preferred: false,
        valid_s,
        preferred_s,
    }
}

/// What adverts say of one thing, in order and each once; and what those taken back said of it and is said no more.
fn said<T: Copy + PartialEq>(
    adverts: &[Advert],
    taken_back: &[Advert],
    of: impl Fn(&Advert) -> &[T],
) -> (Vec<T>, Vec<T>) {
    let once = |adverts: &[Advert]| {
        let mut all = Vec::new();
        for one in adverts.iter().flat_map(&of) {
            if !all.contains(one) {
                all.push(*one);
            }
        }
        all
    };
    let now = once(adverts);
    let gone = once(taken_back).into_iter().filter(|one| !now.contains(one)).collect();
    (now, gone)
}

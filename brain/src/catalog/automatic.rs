//! Automatic ports: made of what was seen at a chassis' port that no port resource claims, and given up when intent wants
//! otherwise.
//!
//! The brain asks for them as callers ask for resources, through the store. Intent has precedence: an automatic port is gone in
//! the same write that takes its interface or MAC, its chassis, or its network's `auto_ports`; a learned address, in the one that
//! assigns it, or makes it no host's.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use addr::{MacAddr, link_local};
use features::requesting::Lease;
use features::router;
use proto::v1::{self, resource::Kind};
use topology::ResourceId;

use super::admit::{self, Admission};
use super::asks::Asked;
use super::ident::{self, CHASSIS, FABRIC, NETWORK, PORT, ROUTER, SECURITY_GROUP, SUBNET};
use super::index::Claim;
use super::kinds::port::Port;
use super::learned::{Address, Learned};
use super::{Catalog, Leasing, Listening, Proposal};
use crate::effect::Refusal;

/// The longest name of a resource.
const NAME_MAX: usize = 63;

/// A host seen at a port of a chassis that nothing claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) network: ResourceId,
    pub(crate) chassis: ResourceId,
    pub(crate) interface: Arc<str>,
    pub(crate) mac: MacAddr,
    /// The addresses that it used.
    pub(crate) addresses: Vec<(IpAddr, v1::Proof)>,
}

/// An address that a port used and nobody has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) port: ResourceId,
    pub(crate) address: IpAddr,
    pub(crate) proof: v1::Proof,
}

/// A port's interface, found by its iface-id; `None`: there is none any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claimed {
    pub(crate) port: ResourceId,
    pub(crate) at: Option<(ResourceId, Arc<str>)>,
}

/// What the brain itself wants written.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Upkeep {
    /// Automatic ports whose chassis' port is gone.
    pub(crate) forget: Vec<ResourceId>,
    pub(crate) found: Vec<Found>,
    pub(crate) seen: Vec<Seen>,
    /// Segmentation ids that no switch has flows with, with the revisions at which they were released.
    pub(crate) free: Vec<(u32, u64)>,
    pub(crate) leases: Vec<Leasing>,
    /// What ports want of multicast groups.
    pub(crate) listeners: Vec<Listening>,
    /// Learned addresses that their ports' hosts do not answer for.
    pub(crate) aged: Vec<(ResourceId, IpAddr)>,
    /// Renumberings, and delegations from upstream, of which prefixes are to go.
    pub(crate) finish: Vec<ResourceId>,
    /// What is delegated from upstream now.
    pub(crate) upstream: Vec<(ResourceId, Option<Lease>)>,
    pub(crate) claimed: Vec<Claimed>,
    /// Tenants whose ports have the default group, which is not there: from before there were groups.
    pub(crate) ungrouped: Vec<Arc<str>>,
    /// Milliseconds since 1970-01-01 UTC.
    pub(crate) now_ms: u64,
}

impl Upkeep {
    /// How much is wanted; ids that are free count as one.
    pub(crate) fn wishes(&self) -> usize {
        let listed = self.forget.len() + self.found.len() + self.seen.len() + self.leases.len() + self.finish.len();
        let listed = listed + self.claimed.len() + self.ungrouped.len() + self.upstream.len();
        listed
            + usize::from(!self.listeners.is_empty())
            + usize::from(!self.free.is_empty())
            + usize::from(!self.aged.is_empty())
    }
}

impl Catalog {
    /// Why a host can't be made a port of; `None`: it can.
    pub(crate) fn unwelcome(&self, found: &Found) -> Option<String> {
        let Found { network, chassis, interface, mac, .. } = found;
        if !self.network(network).is_some_and(|network| network.auto_ports) {
            return Some(format!("{network} has no auto_ports"));
        }
        if router::is_own_mac(*mac) || (router::is_chassis_mac(*mac) && self.is_vlan()) {
            return Some(format!("{mac} is kept for routers and chassis"));
        }
        if let Some(owner) = self.owners(&Claim::Interface(chassis.clone(), interface.clone())).next() {
            return Some(format!("{interface} on {chassis} is {owner}'s already"));
        }
        if let Some(owner) = self.owners(&Claim::Mac(network.clone(), *mac)).next() {
            return Some(format!("{mac} is {owner}'s already on {network}"));
        }
        let local = link_local(*mac);
        let learned = self.learned(&(network.clone(), IpAddr::V6(local)));
        learned.map(|learned| format!("{local}, which follows from {mac}, is {}'s already on {network}", learned.port))
    }

    /// Tenants whose ports have the default group, which is not there.
    pub(crate) fn ungrouped(&self) -> BTreeSet<Arc<str>> {
        let spec = |id: &ResourceId| match self.by_id(id)?.record.resource.as_ref()?.kind.as_ref()? {
            Kind::Port(port) => port.spec.clone(),
            _ => None,
        };
        let wants = |id: &&ResourceId| admit::wants_default_group(spec(id).as_ref());
        let there = |tenant: &Arc<str>| self.by_id(&ident::id(SECURITY_GROUP, tenant, ident::DEFAULT_GROUP)).is_some();
        let mut grouped: BTreeSet<Arc<str>> = BTreeSet::new();
        let mut found = BTreeSet::new();
        for id in self.ids(PORT) {
            if grouped.contains(&id.tenant) || found.contains(&id.tenant) {
                continue;
            }
            if there(&id.tenant) {
                grouped.insert(id.tenant.clone());
            } else if wants(&id) {
                found.insert(id.tenant.clone());
            }
        }
        found
    }

    /// The automatic port that is bound to a chassis' interface.
    pub(crate) fn automatic_at(&self, chassis: &ResourceId, interface: &Arc<str>) -> Option<ResourceId> {
        let mut owners = self.owners(&Claim::Interface(chassis.clone(), interface.clone()));
        owners.find(|id| self.is_automatic(id)).cloned()
    }

    /// The automatic ports of a chassis, each with its interface.
    pub(crate) fn automatic_on(&self, chassis: &ResourceId) -> Vec<(ResourceId, Arc<str>)> {
        let automatic = self.users(chassis, PORT).filter(|id| self.is_automatic(id));
        automatic.filter_map(|id| Some((id.clone(), self.port(id)?.binding.clone()?.1))).collect()
    }

    /// The automatic port that has a MAC on a network, with its chassis and interface.
    pub(crate) fn automatic_with_mac(
        &self,
        network: &ResourceId,
        mac: MacAddr,
    ) -> Option<(ResourceId, ResourceId, Arc<str>)> {
        let id = self.owners(&Claim::Mac(network.clone(), mac)).find(|id| self.is_automatic(id))?;
        let (chassis, interface) = self.port(id)?.binding.clone()?;
        Some((id.clone(), chassis, interface))
    }

    /// A port's MAC and where it is, in words.
    pub(crate) fn whereabouts(&self, id: &ResourceId) -> Option<String> {
        let port = self.port(id)?;
        let (chassis, interface) = port.binding.as_ref()?;
        Some(format!("{} at {interface} on {chassis}, on {}", port.mac?, port.network))
    }

    pub(super) fn is_automatic(&self, id: &ResourceId) -> bool {
        self.port(id).is_some_and(|port| port.automatic)
    }

    /// What to write for the brain's own wishes; those that have become pointless are left out.
    ///
    /// # Errors
    /// Every reason why not all of it can be written.
    pub(crate) fn upkeep(&self, upkeep: &Upkeep) -> Result<Proposal, Refusal> {
        let mut asked = Asked::automatic(upkeep.now_ms);
        asked.deletes = upkeep.forget.iter().filter(|id| self.is_automatic(id)).cloned().collect();
        asked.seen = upkeep.seen.iter().filter(|seen| !asked.deletes.contains(&seen.port)).cloned().collect();
        asked.free = upkeep.free.clone();
        asked.aged = upkeep.aged.clone();
        asked.finish = upkeep.finish.clone();
        asked.upstream = upkeep.upstream.clone();
        asked.claimed = upkeep.claimed.clone();
        asked.listeners = upkeep.listeners.clone();
        asked.leases = upkeep.leases.iter().filter(|leasing| self.port(&leasing.port).is_some()).cloned().collect();
        for tenant in &upkeep.ungrouped {
            let id = ident::id(SECURITY_GROUP, tenant, ident::DEFAULT_GROUP);
            if self.by_id(&id).is_none() {
                asked.ask_automatic(&id, admit::default_group(&id));
            }
        }
        let mut names = BTreeSet::new();
        for found in upkeep.found.iter().filter(|found| self.unwelcome(found).is_none()) {
            let name = self.free_name(found, &names);
            let id = ident::id(PORT, &found.network.tenant, &name);
            let seen =
                |(address, proof): &(IpAddr, v1::Proof)| Seen { port: id.clone(), address: *address, proof: *proof };
            asked.seen.extend(found.addresses.iter().map(seen));
            asked.ask_automatic(&id, automatic_port(&id, found));
            names.insert(name);
        }
        admit::admit(self, asked)
    }

    /// `CHASSIS-INTERFACE` in the letters that names have; numbered where another resource has that name.
    fn free_name(&self, found: &Found, taken: &BTreeSet<String>) -> String {
        let legal = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '_' };
        let interface: String = found.interface.chars().map(legal).collect();
        // The interface's name tells ports of one chassis apart: it is the chassis' that is cut.
        let numbered = |number: usize| {
            let tail = if number == 1 { format!("-{interface}") } else { format!("-{interface}-{number}") };
            let room = NAME_MAX.saturating_sub(tail.len());
            format!("{}{tail}", found.chassis.name.get(..room).unwrap_or(&found.chassis.name))
        };
        let free = |name: &String| {
            !taken.contains(name) && self.by_id(&ident::id(PORT, &found.network.tenant, name)).is_none()
        };
        (1..).map(numbered).find(free).unwrap_or_default()
    }
}

/// A port with a found host's MAC, bound to where that was found.
fn automatic_port(id: &ResourceId, found: &Found) -> Kind {
    let meta = v1::Meta { name: id.name.to_string(), tenant: id.tenant.to_string(), ..v1::Meta::default() };
    let binding = v1::Binding { chassis: found.chassis.name.to_string(), interface: found.interface.to_string() };
    let spec = v1::PortSpec {
        security_groups: None,
        network: ident::short(&id.tenant, &found.network),
        mac_address: Some(found.mac.to_string()),
        fixed_ips: Some(v1::FixedIpList::default()),
        vnic_type: v1::VnicType::Normal.into(),
        role: v1::PortRole::Host.into(),
        binding: Some(binding),
        port_security_enabled: None,
        extra_dhcp_opts: vec![],
        dhcp_relay: false,
        dns_name: None,
        allowed_address_pairs: vec![],
        device_id: None,
        user_data: None,
        user_data_base64: None,
        public_keys: vec![],
    };
    Kind::Port(v1::Port { meta: Some(meta), spec: Some(spec), status: None })
}

impl Admission<'_> {
    /// Automatic ports that are in the way of what is asked for go.
    pub(crate) fn give_up_ports(&mut self) {
        let mut gone: BTreeSet<ResourceId> = BTreeSet::new();
        for id in self.asked.deletes.iter().filter(|id| matches!(id.kind, NETWORK | CHASSIS)) {
            gone.extend(self.before.users(id, PORT).cloned());
        }
        for Claimed { port, at } in &self.asked.claimed {
            let Some((chassis, interface)) = at else { continue };
            let owners = self.after.owners(&Claim::Interface(chassis.clone(), interface.clone()));
            gone.extend(owners.filter(|owner| *owner != port).cloned());
        }
        for (_, id) in self.sound() {
            match id.kind {
                NETWORK if !self.after.network(&id).is_some_and(|network| network.auto_ports) => {
                    gone.extend(self.before.users(&id, PORT).cloned());
                }
                FABRIC => {
                    let Some(interface) = self.after.fabric().map(|fabric| fabric.interface.clone()) else { continue };
                    for chassis in self.after.ids(CHASSIS) {
                        gone.extend(self.after.owners(&Claim::Interface(chassis.clone(), interface.clone())).cloned());
                    }
                    let kept = |port: &Port| port.mac.is_some_and(router::is_chassis_mac);
                    if self.after.is_vlan() && !self.before.is_vlan() {
                        let ports = self.before.ids(PORT);
                        gone.extend(ports.filter(|id| self.before.port(id).is_some_and(kept)).cloned());
                    }
                }
                PORT | ROUTER if !self.asked.automatic => {
                    let claims = self.after.item(&id).into_iter().flat_map(|item| &item.claims);
                    for claim in claims.filter(|claim| matches!(claim, Claim::Interface(..) | Claim::Mac(..))) {
                        gone.extend(self.after.owners(claim).filter(|owner| **owner != id).cloned());
                    }
                }
                _ => {}
            }
        }
        for id in gone {
            if self.before.is_automatic(&id) && !self.index.contains_key(&id) && !self.asked.deletes.contains(&id) {
                self.after.remove(&id);
                self.asked.deletes.push(id);
            }
        }
    }

    /// Learned addresses that their ports can't have any more go, and what was seen is learned.
    pub(crate) fn settle_learned(&mut self) {
        let mut networks: BTreeSet<ResourceId> = BTreeSet::new();
        let mut ports: Vec<ResourceId> = Vec::new();
        let mut stale: Vec<ResourceId> = Vec::new();
        for id in self.asked.deletes.clone() {
            match id.kind {
                PORT => ports.push(id),
                SUBNET => networks.extend(self.before.subnet(&id).map(|subnet| subnet.network.clone())),
                _ => {}
            }
        }
        for (_, id) in self.sound() {
            match id.kind {
                PORT if !self.after.is_automatic(&id) => stale.push(id.clone()),
                SUBNET => networks.extend(self.after.subnet(&id).map(|subnet| subnet.network.clone())),
                _ => {}
            }
            self.take_from_learners(&id);
        }
        for id in self.followers.keys().cloned().collect::<Vec<_>>() {
            self.take_from_learners(&id);
        }
        let renumbered = self.renumbered_subnets();
        networks.extend(renumbered.iter().filter_map(|id| Some(self.after.subnet(id)?.network.clone())));
        for port in ports {
            let learned: Vec<IpAddr> = self.after.learned_by(&port).collect();
            let network = self.after.port(&port).or(self.before.port(&port)).map(|port| port.network.clone());
            for address in learned {
                self.unlearn(network.iter().map(|network| (network.clone(), address)));
            }
        }
        for port in stale {
            self.unlearn_unformed(&port);
        }
        for network in networks {
            for port in self.after.users(&network, PORT).cloned().collect::<Vec<_>>() {
                self.unlearn_unformed(&port);
            }
            let paired = |address: &IpAddr| {
                let owner = self.after.learned(&(network.clone(), *address)).and_then(|l| self.after.port(&l.port));
                owner.is_some_and(|port| port.pairs.iter().any(|pair| pair.prefix.contains(address)))
            };
            let illegal = |address: &IpAddr| self.after.illegal(&network, *address).is_some() && !paired(address);
            let gone: Vec<Address> =
                self.after.learned_on(&network).filter(illegal).map(|address| (network.clone(), address)).collect();
            self.unlearn(gone);
        }
        for (port, address) in std::mem::take(&mut self.asked.aged) {
            let Some(network) = self.after.port(&port).map(|port| port.network.clone()) else { continue };
            let at = (network, address);
            if self.after.learned(&at).is_some_and(|learned| learned.port == port) {
                self.unlearn([at]);
            }
        }
        for Seen { port, address, proof } in std::mem::take(&mut self.asked.seen) {
            if self.after.unlearnable(&port, address).is_some() {
                continue;
            }
            let Some(network) = self.after.port(&port).map(|port| port.network.clone()) else { continue };
            let paired =
                self.after.port(&port).is_some_and(|p| p.pairs.iter().any(|pair| pair.prefix.contains(&address)));
            let proof = if paired { v1::Proof::Pair } else { proof };
            let learned = Learned { port, proof, since_ms: self.asked.now_ms, mod_revision: 0 };
            self.after.set_learned((network.clone(), address), Some(learned));
            self.learned.insert((network, address));
        }
    }

    /// A port that is not automatic has only what it forms, where it still does, and on the network where it did.
    fn unlearn_unformed(&mut self, id: &ResourceId) {
        let Some(port) = self.after.port(id).filter(|port| !port.automatic) else { return };
        let was_on = self.before.port(id).map_or(&port.network, |before| &before.network).clone();
        let moved = was_on != port.network;
        let formed = self.after.formed_by(id);
        let goes = |address: &IpAddr| moved || !formed.has(*address);
        let gone: Vec<Address> =
            self.after.learned_by(id).filter(goes).map(|address| (was_on.clone(), address)).collect();
        self.unlearn(gone);
    }

    /// What a resource has by intent, nobody has by learning.
    fn take_from_learners(&mut self, id: &ResourceId) {
        if self.asked.automatic {
            return;
        }
        let claims = self.after.item(id).map(|item| item.claims.clone()).unwrap_or_default();
        let claimed = claims.into_iter().filter_map(|claim| match claim {
            Claim::Address(network, address) => Some((network, address)),
            Claim::Mac(network, mac) => Some((network, IpAddr::V6(link_local(mac)))),
            _ => None,
        });
        let others = |at: &Address| self.after.learned(at).is_some_and(|learned| learned.port != *id);
        let gone: Vec<Address> = claimed.filter(others).collect();
        self.unlearn(gone);
    }

    fn unlearn(&mut self, gone: impl IntoIterator<Item = Address>) {
        for at in gone {
            self.after.set_learned(at.clone(), None);
            self.learned.insert(at);
        }
    }
}

//! Which addresses a port gets: given ones, picked ones, and those formed from its MAC.
//!
//! Neutron's rules (a port that names no addresses gets one of an IPv4 subnet, one of an IPv6 subnet with pools, and one of
//! every subnet that hosts form their own addresses on; those last are always added), but any address may be given on any
//! subnet. Explicit addresses have their place before any are picked, and kept ones before new ones.

use std::net::{IpAddr, Ipv6Addr};

use addr::{IpNet, Ipv6Net, eui64_address, is_link_local};
use proto::v1::{self, resource::Kind};
use topology::ResourceId;

use super::Catalog;
use super::admit::{Admission, Partial};
use super::findings::Findings;
use super::ident::{PORT, SUBNET};
use super::index::Claim;
use super::kinds::Model;
use super::kinds::port::{Assigned, Fixed, Port};
use super::kinds::range::{self, Range};
use super::kinds::subnet::Subnet;

/// One address of a port.
enum Slot {
    /// This one.
    Fixed(Assigned),
    /// One from the pools of one of these subnets.
    Pool { from: Vec<ResourceId>, field: String, found: Option<Assigned> },
}

/// A port whose addresses are being worked out.
struct Work {
    id: ResourceId,
    /// The ask that is the cause.
    at: usize,
    network: ResourceId,
    slots: Vec<Slot>,
    /// What it had.
    old: Vec<Assigned>,
    /// Whether missing addresses are picked anew.
    fresh: bool,
}

impl Admission<'_> {
    /// Works out the addresses of every port that was asked for, or whose network's subnets changed.
    pub(crate) fn address_ports(&mut self) {
        self.find_followers();
        let asks = self.sound().into_iter().filter(|(_, id)| id.kind == PORT);
        let asks: Vec<_> = asks
            .map(|(at, id)| {
                let rewritten =
                    self.before.port(&id).map(|port| &port.fixed) != self.after.port(&id).map(|port| &port.fixed);
                (at, id, rewritten || self.asked.asks[at].fresh)
            })
            .collect();
        let followers: Vec<_> = self.followers.iter().map(|(id, at)| (*at, id.clone(), false)).collect();
        let mut works = Vec::new();
        for (at, id, fresh) in asks.into_iter().chain(followers) {
            // An automatic port is given no address: it learns them.
            let Some(port) = self.after.port(&id).filter(|port| !port.automatic).cloned() else { continue };
            let mut findings = Findings::default();
            let slots = self.slots(&id, &port, &mut findings);
            if self.index.contains_key(&id) {
                self.say(at, findings);
            }
            works.push(Work { id, at, network: port.network, slots, old: port.assigned, fresh });
        }
        let partial = std::mem::take(&mut self.partial);
        for Partial { at, id, model, .. } in &partial {
            let Model::Port(port) = model else { continue };
            let mut findings = Findings::default();
            self.slots(id, port, &mut findings);
            self.say(*at, findings);
        }
        self.partial = partial;
        // Ports that already have what they ask for are left alone; given addresses are put in place before any are judged.
        let (given, kept): (Vec<_>, Vec<_>) = works.into_iter().partition(gives);
        given.iter().for_each(|work| self.write(work));
        let mut works = given;
        for work in kept {
            if !self.settled(&work) {
                self.write(&work);
                works.push(work);
            }
        }
        works.retain(|work| work.slots.iter().any(|slot| matches!(slot, Slot::Pool { .. })));
        for work in &mut works {
            self.keep(work);
            self.write(work);
        }
        for work in &mut works {
            self.pick(work);
            self.write(work);
        }
    }

    /// Ports on networks where a subnet that hosts form their own addresses on came, went, or turned into one or from one.
    fn find_followers(&mut self) {
        let auto = |catalog: &Catalog, id: &ResourceId| catalog.subnet(id).map(|s| s.modes.form()).unwrap_or_default();
        for (at, id) in self.sound().into_iter().filter(|(_, id)| id.kind == SUBNET) {
            if auto(self.before, &id) != auto(&self.after, &id) {
                self.follow(at, &id, false);
            }
        }
        for id in self.asked.deletes.clone() {
            if id.kind == SUBNET && auto(self.before, &id) {
                self.follow(usize::MAX, &id, true);
            }
        }
    }

    fn follow(&mut self, at: usize, subnet: &ResourceId, gone: bool) {
        let Some(network) = self.after.subnet(subnet).or(self.before.subnet(subnet)).map(|s| s.network.clone()) else {
            return;
        };
        for port in self.after.users(&network, PORT).cloned().collect::<Vec<_>>() {
            if self.index.contains_key(&port) {
                continue;
            }
            if gone {
                self.forget(&port, subnet);
            }
            self.followers.entry(port).or_insert(at);
        }
    }

    /// Takes what a port was given on a subnet out of its spec.
    fn forget(&mut self, id: &ResourceId, subnet: &ResourceId) {
        let (Some(stored), Some(port)) = (self.after.by_id(id).cloned(), self.after.port(id).cloned()) else { return };
        let mut record = stored.record.clone();
        let Some(Kind::Port(v1::Port { spec: Some(spec), .. })) =
            record.resource.as_mut().and_then(|r| r.kind.as_mut())
        else {
            return;
        };
        let (Some(list), Some(fixed)) = (&mut spec.fixed_ips, &port.fixed) else { return };
        let there = |address| port.assigned.iter().any(|a| Some(a.address) == address && a.subnet == *subnet);
        let mut stays = fixed.iter().map(|f| f.subnet.as_ref() != Some(subnet) && !there(f.address));
        list.items.retain(|_| stays.next().unwrap_or(true));
        if record != stored.record {
            self.after.put(id, record, stored.mod_revision, &mut Findings::default());
        }
    }

    /// What a port asks for.
    fn slots(&self, id: &ResourceId, port: &Port, findings: &mut Findings) -> Vec<Slot> {
        let subnets = self.after.subnets_of(&port.network);
        let mut slots = Vec::new();
        match &port.fixed {
            None => {
                for v6 in [false, true] {
                    let pooled =
                        subnets.iter().filter(|(_, s)| !s.modes.form() && matches!(s.cidr, IpNet::V6(_)) == v6);
                    let from: Vec<ResourceId> = pooled.map(|(id, _)| (*id).clone()).collect();
                    if !from.is_empty() {
                        slots.push(Slot::Pool { from, field: "fixed_ips".to_owned(), found: None });
                    }
                }
            }
            Some(list) => {
                for (i, fixed) in list.iter().enumerate() {
                    let slot = self.fixed_slot(id, port, &subnets, fixed, &format!("fixed_ips[{i}]"), findings);
                    if let Some(slot) = slot {
                        let twice = slots.iter().any(|other| same_auto(other, &slot));
                        if twice && fixed.address.is_none() {
                            findings.spec(format!("fixed_ips[{i}]"), "its address is listed already");
                        }
                        slots.push(slot);
                    }
                }
            }
        }
        for (subnet, model) in subnets.iter().filter(|(_, s)| s.modes.form()) {
            let has = slots.iter().any(|slot| match slot {
                Slot::Fixed(assigned) => assigned.subnet == **subnet,
                Slot::Pool { from, .. } => from.contains(subnet),
            });
            if model.per_host {
                if !has {
                    slots.push(Slot::Pool {
                        from: vec![(*subnet).clone()],
                        field: "fixed_ips".to_owned(),
                        found: None,
                    });
                }
                continue;
            }
            if let Some(formed) = formed(subnet, model, port).filter(|_| !has) {
                if let Err(message) = hosts(&self.after, id, port, subnet, model, formed.address) {
                    findings.spec("mac_address", format!("{}, formed from it, {message}", formed.address));
                }
                slots.push(Slot::Fixed(formed));
            }
        }
        slots
    }

    fn fixed_slot(
        &self,
        id: &ResourceId,
        port: &Port,
        subnets: &[(&ResourceId, &Subnet)],
        fixed: &Fixed,
        field: &str,
        findings: &mut Findings,
    ) -> Option<Slot> {
        let named = match &fixed.subnet {
            Some(named) => {
                let found = subnets.iter().find(|(id, _)| *id == named);
                if found.is_none() {
                    // A subnet that is missing is said to be by those who look after references.
                    let elsewhere = self.after.subnet(named).map(|subnet| &subnet.network);
                    if let Some(network) = elsewhere {
                        findings.spec(format!("{field}.subnet"), format!("{named} is on {network}, the port is not"));
                    }
                    return None;
                }
                found
            }
            None => None,
        };
        let Some(address) = fixed.address else {
            let (subnet, model) = named?;
            if model.modes.form() && !model.per_host {
                return formed(subnet, model, port).map(Slot::Fixed);
            }
            return Some(Slot::Pool { from: vec![(*subnet).clone()], field: field.to_owned(), found: None });
        };
        let at = format!("{field}.ip_address");
        let around = |(id, subnet): &&(&ResourceId, &Subnet)| self.after.written_in(id, subnet, address).is_some();
        let Some((subnet, model)) = named.or_else(|| subnets.iter().find(around)) else {
            if !self.doubtful(&port.network) {
                findings.spec(at, format!("{address} is in no subnet of {}", port.network));
            }
            return None;
        };
        let address = self.after.written_in(subnet, model, address).unwrap_or(address);
        if let Err(message) = hosts(&self.after, id, port, subnet, model, address) {
            findings.spec(at, format!("{address} {message}"));
            return None;
        }
        Some(Slot::Fixed(Assigned { address, subnet: (*subnet).clone() }))
    }

    /// Whether the subnets of a network can't all be known: it is not there, or one may be among what makes no sense.
    fn doubtful(&self, network: &ResourceId) -> bool {
        let there = self.after.item(network).is_some() || self.broken.contains(network);
        !there || self.broken.iter().any(|id| id.kind == SUBNET && id.tenant == network.tenant)
    }

    /// Writes what a port has by now into its record.
    fn write(&mut self, work: &Work) {
        let Some(stored) = self.after.by_id(&work.id).cloned() else { return };
        let found = work.slots.iter().filter_map(|slot| match slot {
            Slot::Fixed(assigned) => Some(assigned),
            Slot::Pool { found, .. } => found.as_ref(),
        });
        let mut addresses: Vec<v1::AssignedIp> = Vec::new();
        for Assigned { address, subnet } in found {
            let (ip_address, subnet) = (address.to_string(), subnet.name.to_string());
            let had = stored.record.addresses.iter().find(|had| had.ip_address == ip_address && had.subnet == subnet);
            let since_ms = had.map_or(self.asked.now_ms, |had| had.since_ms);
            let assigned = v1::AssignedIp { ip_address, subnet, since_ms };
            if !addresses.contains(&assigned) {
                addresses.push(assigned);
            }
        }
        if addresses != stored.record.addresses {
            let record = v1::Record { addresses, ..stored.record.clone() };
            self.after.put(&work.id, record, stored.mod_revision, &mut Findings::default());
        }
    }

    /// Whether a port has exactly what it asks for, and nobody else was given any of it.
    fn settled(&self, work: &Work) -> bool {
        let Some(item) = self.after.item(&work.id) else { return false };
        let own = |address| !self.after.taken(&Claim::Address(work.network.clone(), address), &work.id);
        let mut slots = work.slots.iter();
        let fits = work.old.iter().all(|old| {
            own(old.address)
                && slots.next().is_some_and(|slot| match slot {
                    Slot::Fixed(assigned) => assigned == old,
                    Slot::Pool { from, .. } => {
                        from.contains(&old.subnet)
                            && self.free(work, &old.subnet, old.address)
                            && self.kept_as(work, old) == Some(old.address)
                    }
                })
        });
        fits && slots.next().is_none() && item.stored.record.addresses.len() == work.old.len()
    }

    /// Lets a port keep what it had, where that is still right and nobody was given it.
    fn keep(&mut self, work: &mut Work) {
        for i in 0..work.slots.len() {
            let Slot::Pool { from, found: None, .. } = &work.slots[i] else { continue };
            let kept = work.old.iter().filter(|old| from.contains(&old.subnet)).find_map(|old| {
                let address = self.kept_as(work, old)?;
                let kept = !has(&work.slots, address) && self.free(work, &old.subnet, address);
                kept.then(|| Assigned { address, subnet: old.subnet.clone() })
            });
            if let Slot::Pool { found, .. } = &mut work.slots[i] {
                *found = kept;
            }
        }
    }

    /// What a port keeps of an address that it had: of a prefix of its own the address that its MAC makes there now.
    fn kept_as(&self, work: &Work, old: &Assigned) -> Option<IpAddr> {
        match self.after.subnet(&old.subnet)?.share(old.address) {
            Some(share) => Some(IpAddr::V6(eui64_address(share, self.after.port(&work.id)?.mac?))),
            None => Some(old.address),
        }
    }

    /// The next free prefix of a subnet whose ports have one each, with the address that a port's MAC makes there.
    fn pick_share(&self, work: &Work, subnet: &ResourceId) -> Option<Assigned> {
        let (model, mac) = (self.after.subnet(subnet)?, self.after.port(&work.id)?.mac?);
        let IpNet::V6(cidr) = model.cidr else { return None };
        let shares = 1u64.checked_shl(64 - u32::from(cidr.prefix_len()))?;
        let first = (u128::from(cidr.network()) >> 64) as u64;
        let last = self.after.hints.get(subnet).copied().and_then(addr::v6);
        let start = last.map_or(0, |last| ((u128::from(last) >> 64) as u64).wrapping_sub(first).wrapping_add(1));
        let address = |step: u64| {
            let share = first | (start.wrapping_add(step) % shares);
            let share = Ipv6Net::new(Ipv6Addr::from(u128::from(share) << 64), 64).ok()?;
            Some(IpAddr::V6(eui64_address(share, mac)))
        };
        let free = (0..shares).filter_map(address).find(|address| self.free(work, subnet, *address));
        free.map(|address| Assigned { address, subnet: subnet.clone() })
    }

    /// Picks what is missing: of a port that was only changed, no more than its own prefixes.
    fn pick(&mut self, work: &mut Work) {
        for i in 0..work.slots.len() {
            let Slot::Pool { from, field, found: None } = &work.slots[i] else { continue };
            let per_host = from.iter().any(|id| self.after.subnet(id).is_some_and(|subnet| subnet.per_host));
            if !per_host && !work.fresh {
                continue;
            }
            let picked = from.iter().find_map(|subnet| {
                let model = self.after.subnet(subnet)?;
                if model.per_host {
                    return self.pick_share(work, subnet);
                }
                let hint = self.after.hints.get(subnet).copied();
                let mut walk = range::walk(&model.pools, hint);
                let address = walk.find(|a| !has(&work.slots, *a) && self.free(work, subnet, *a))?;
                Some(Assigned { address, subnet: subnet.clone() })
            });
            let Some(picked) = picked else {
                let mut findings = Findings::default();
                // A port that nobody asked for is there before the subnet, which is too small for it.
                let asked = self.index.contains_key(&work.id);
                let whose = if asked { String::new() } else { format!(" for {}", work.id) };
                let field = if asked { field } else { "cidr" };
                findings.spec(field, format!("{}{whose}", self.exhausted(from)));
                self.say(work.at, findings);
                continue;
            };
            self.after.hints.insert_mut(picked.subnet.clone(), picked.address);
            if let Slot::Pool { found, .. } = &mut work.slots[i] {
                *found = Some(picked);
            }
        }
    }

    fn free(&self, work: &Work, subnet: &ResourceId, address: IpAddr) -> bool {
        let (Some(model), Some(port)) = (self.after.subnet(subnet), self.after.port(&work.id)) else { return false };
        let share = model.share(address).map(|share| IpAddr::V6(share.network()));
        let foreign = |share: &IpAddr| self.after.taken(&Claim::Address(work.network.clone(), *share), &work.id);
        hosts(&self.after, &work.id, port, subnet, model, address).is_ok()
            && !share.as_ref().is_some_and(foreign)
            && !self.after.taken(&Claim::Address(work.network.clone(), address), &work.id)
    }

    fn exhausted(&self, from: &[ResourceId]) -> String {
        if let [id] = from
            && let Some(subnet) = self.after.subnet(id).filter(|subnet| subnet.per_host)
        {
            return format!("no /64 is free in {id} ({})", subnet.cidr);
        }
        let pools = from.iter().map(|id| {
            let pools = self.after.subnet(id).map(|subnet| subnet.pools.clone()).unwrap_or_default();
            format!("{id} ({})", pools.iter().map(Range::to_string).collect::<Vec<_>>().join(", "))
        });
        format!("no address is free in {}", pools.collect::<Vec<_>>().join(" or "))
    }
}

/// The address that a port forms itself on a subnet (RFC 4862, 5.5.3).
fn formed(subnet: &ResourceId, model: &Subnet, port: &Port) -> Option<Assigned> {
    match model.cidr {
        IpNet::V6(prefix) => {
            let address = IpAddr::V6(eui64_address(prefix, port.mac?));
            Some(Assigned { address, subnet: subnet.clone() })
        }
        IpNet::V4(_) => None,
    }
}

/// Whether a port is given an address that it does not have yet.
fn gives(work: &Work) -> bool {
    work.slots.iter().any(|slot| matches!(slot, Slot::Fixed(assigned) if !work.old.contains(assigned)))
}

fn same_auto(a: &Slot, b: &Slot) -> bool {
    matches!((a, b), (Slot::Fixed(a), Slot::Fixed(b)) if a == b)
}

fn has(slots: &[Slot], address: IpAddr) -> bool {
    slots.iter().any(|slot| match slot {
        Slot::Fixed(assigned) | Slot::Pool { found: Some(assigned), .. } => assigned.address == address,
        Slot::Pool { found: None, .. } => false,
    })
}

/// A subnet's IPv6 gateway; of another family there is none.
fn gateway_of(model: &Subnet) -> Ipv6Addr {
    addr::v6(model.gateway).unwrap_or(Ipv6Addr::UNSPECIFIED)
}

/// Whether an address of a subnet can be a port's.
fn hosts(
    catalog: &Catalog,
    id: &ResourceId,
    port: &Port,
    subnet: &ResourceId,
    model: &Subnet,
    address: IpAddr,
) -> Result<(), String> {
    let Subnet { cidr, .. } = model;
    if !cidr.contains(&address) {
        return Err(format!("is outside of {subnet} ({cidr})"));
    }
    // A gateway may lie in another subnet of the network.
    if let Some((subnet, _)) = catalog.subnets_of(&port.network).into_iter().find(|(_, s)| s.gateway == address) {
        return Err(format!("is the gateway of {subnet}"));
    }
    if let Some(share) = model.share(address).filter(|share| share.contains(&gateway_of(model))) {
        return Err(format!("is of {share}, the gateway's of {subnet}"));
    }
    if range::is_edge(*cidr, address) {
        let what = if address.is_ipv6() { "subnet-router anycast" } else { "network or broadcast" };
        return Err(format!("is the {what} address of {subnet} ({cidr})"));
    }
    if address == IpAddr::V6(features::router::FE80_1) {
        return Err("is every router's".to_owned());
    }
    if features::metadata::is_own(address) {
        return Err("is the metadata service's".to_owned());
    }
    if matches!(address, IpAddr::V6(address) if is_link_local(address)) {
        // Everybody has the link-local address of its MAC, assigned or not.
        let holders = catalog.holders(&port.network, address);
        if let Some(holder) = holders.iter().find(|holder| *holder != id) {
            return Err(format!("is {holder}'s already"));
        }
    }
    Ok(())
}

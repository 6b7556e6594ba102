//! Security groups: which chassis needs which rules, and for which sets of addresses. A port that joins a group touches one key
//! for each chassis where rules name that group.
//!
//! A tenant's default group is told by network: every port on the tenant's networks is in it, unless a key says otherwise.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use crate::commit::{Marks, put};
use addr::{IpNet, is_link_local};

use crate::facts::{Membership, Open, SecurityGroup};
use crate::keys::{AddressGroupKey, ChassisKey, GroupKey, Key, NetworkKey, PortKey, SetKey, SubnetKey};
use crate::world::World;

/// What must be looked at again: sets that a chassis may need, or no longer.
#[derive(Default)]
pub(crate) struct Stale(BTreeSet<(SetKey, ChassisKey)>);

pub(crate) fn membership_changed(world: &mut World, marks: &mut Marks, port: PortKey, new: Option<Membership>) {
    if world.memberships.get(&port) == new.as_ref() {
        return;
    }
    let groups = |of: Option<&Membership>| of.map(|m| m.groups.iter().copied().collect()).unwrap_or_default();
    let before: BTreeSet<GroupKey> = groups(world.memberships.get(&port));
    let after: BTreeSet<GroupKey> = groups(new.as_ref());
    say_port(world, marks, port, false);
    put(&mut world.memberships, port, new);
    marks.changed(Key::Membership(port));
    for group in before.symmetric_difference(&after) {
        world.group_members.set(*group, port, after.contains(group));
    }
    say_port(world, marks, port, true);
    if let Some((network, chassis)) = world.whereabouts(port) {
        marks.changed(Key::Members(network, chassis));
        for group in before.symmetric_difference(&after) {
            set_port_at(world, marks, (*group, chassis), port, after.contains(group));
        }
    }
}

/// A port is on another chassis, or on none.
pub(crate) fn moved(world: &mut World, marks: &mut Marks, port: PortKey, [before, after]: [Option<ChassisKey>; 2]) {
    if before == after {
        return;
    }
    let groups = world.memberships.get(&port).map(|membership| membership.groups.clone()).unwrap_or_default();
    for group in groups {
        for (chassis, present) in [(before, false), (after, true)] {
            if let Some(chassis) = chassis {
                set_port_at(world, marks, (group, chassis), port, present);
            }
        }
    }
}

fn set_port_at(world: &mut World, marks: &mut Marks, at: (GroupKey, ChassisKey), port: PortKey, present: bool) {
    world.group_ports.set(at, port, present);
    let (group, chassis) = at;
    let present = world.group_ports.any(at);
    if world.groups_at.contains(group, chassis) == present {
        return;
    }
    world.groups_at.set(group, chassis, present);
    world.chassis_groups.set(chassis, group, present);
    marks.changed(Key::GroupAt(group, chassis));
    let sets = world.security_groups.get(&group).map(SecurityGroup::sets);
    marks.stale_sets.0.extend(sets.into_iter().flatten().map(|set| (set, chassis)));
}

pub(crate) fn group_changed(world: &mut World, marks: &mut Marks, group: GroupKey, new: Option<SecurityGroup>) {
    let manner = |group: &SecurityGroup| (group.stateful, group.open());
    let judges = new.as_ref().map(manner);
    let default = |of: Option<&SecurityGroup>| of.filter(|group| group.default).map(|group| group.tenant.clone());
    let after = default(new.as_ref());
    let before = default(world.security_groups.get(&group));
    let sets: BTreeSet<SetKey> = new.iter().flat_map(SecurityGroup::sets).collect();
    let Some(old) = put(&mut world.security_groups, group, new) else { return };
    marks.changed(Key::Group(group));
    if old.as_ref().map(manner) != judges {
        marks.changed(Key::Manner(group));
        let places = world.group_members.of(group).filter_map(|port| world.whereabouts(port));
        places.for_each(|(network, chassis)| marks.changed(Key::Members(network, chassis)));
    }
    if before != after {
        for (tenant, present) in [(before, false), (after, true)] {
            let Some(tenant) = tenant else { continue };
            say_tenant(world, marks, &tenant, false);
            if present {
                world.default_groups.insert_mut((tenant.clone(), group));
            } else {
                world.default_groups.remove_mut(&(tenant.clone(), group));
            }
            say_tenant(world, marks, &tenant, true);
        }
    }
    let old: BTreeSet<SetKey> = old.iter().flat_map(SecurityGroup::sets).collect();
    for set in old.symmetric_difference(&sets) {
        world.set_users.set(*set, group, sets.contains(set));
        marks.stale_sets.0.extend(world.groups_at.of(group).map(|chassis| (*set, chassis)));
    }
}

/// All that a tenant's networks tell. To be called before and after a change.
fn say_tenant(world: &mut World, marks: &mut Marks, tenant: &Arc<str>, present: bool) {
    let of_tenant = world.networks.iter().filter(|(_, network)| network.tenant == *tenant);
    for network in of_tenant.map(|(key, _)| *key).collect::<Vec<_>>() {
        say_network(world, marks, network, present);
    }
}

/// What a network tells, and what must be said of its ports. To be called before and after a change.
pub(crate) fn say_network(world: &mut World, marks: &mut Marks, network: NetworkKey, present: bool) {
    for subnet in world.subnets_by_network.of(network).collect::<Vec<_>>() {
        say_subnet(world, marks, subnet, present);
    }
    for port in world.ports_by_network.of(network).collect::<Vec<_>>() {
        say_port(world, marks, port, present);
    }
    if let Some(group) = world.told_by(network) {
        for chassis in world.sets_at.of(SetKey::Group(group)) {
            marks.changed(Key::SetNetwork(network, group, chassis));
        }
    }
}

/// The prefix whose addresses are in a group. To be called before and after a change.
pub(crate) fn say_subnet(world: &mut World, marks: &mut Marks, key: SubnetKey, present: bool) {
    let Some(subnet) = world.subnets.get(&key) else { return };
    let Some(group) = world.told_by(subnet.network) else { return };
    let prefix = subnet.cidr;
    world.told_prefixes.set((group, prefix), key, present);
    world.prefixes_told.set(group, prefix, world.told_prefixes.any((group, prefix)));
    for chassis in world.sets_at.of(SetKey::Group(group)) {
        marks.changed(Key::SetPrefix(prefix, group, chassis));
    }
}

/// The addresses of which it must be said whether they are in a group: all where the port's network doesn't tell it rightly, and
/// those that are routed to the port or that it may have beside its own. To be called before and after a change.
pub(crate) fn say_port(world: &mut World, marks: &mut Marks, key: PortKey, present: bool) {
    let Some(port) = world.ports.get(&key) else { return };
    let own = world.memberships.get(&key).into_iter().flat_map(|membership| &membership.groups).copied();
    let told = world.told_by(port.network);
    let groups: BTreeSet<GroupKey> = own.chain(told).collect();
    let mut said: Vec<(GroupKey, NetworkKey, IpNet)> = Vec::new();
    let routed = port.prefixes.iter().map(|routed| IpNet::V6(routed.prefix));
    let lent: Vec<IpNet> = routed.chain(port.pairs.iter().map(|pair| pair.prefix)).collect();
    let anybodys = |prefix: &IpNet| world.covers_a_subnet(port.network, *prefix);
    for group in groups {
        let member = world.group_members.contains(group, key);
        let told = told == Some(group);
        if member != told {
            said.extend(port.all().map(|address| (group, scope(port.network, address), IpNet::from(address))));
        }
        // Who may send as everybody is not told from them.
        let lent = lent.iter().filter(|prefix| member || (told && !anybodys(prefix)));
        said.extend(lent.map(|prefix| (group, scope(port.network, prefix.network()), *prefix)));
    }
    for at @ (group, scope, address) in said {
        world.said.set(at, key, present);
        world.said_of.set(group, (scope, address), world.said.any(at));
        for chassis in world.sets_at.of(SetKey::Group(group)) {
            marks.changed(Key::SetAddress(address, scope, group, chassis));
        }
    }
}

/// A link-local address means something on its network only.
fn scope(network: NetworkKey, address: IpAddr) -> NetworkKey {
    match address {
        IpAddr::V6(address) if is_link_local(address) => network,
        _ => NetworkKey(0),
    }
}

/// Brings in step which chassis need which sets.
pub(crate) fn refresh(world: &mut World, marks: &mut Marks) {
    for (set, chassis) in std::mem::take(&mut marks.stale_sets).0 {
        let present = world.set_users.of(set).any(|group| world.groups_at.contains(group, chassis));
        if world.sets_at.contains(set, chassis) == present {
            continue;
        }
        world.sets_at.set(set, chassis, present);
        if present {
            world.chassis_sets.insert_mut((chassis, set));
        } else {
            world.chassis_sets.remove_mut(&(chassis, set));
        }
        world.set_keys(set, chassis).into_iter().for_each(|key| marks.changed(key));
    }
}

impl World {
    /// The security groups that a port's packets are judged by: none where nobody has to judge, for the groups that it has let
    /// everything through, both ways.
    pub(crate) fn filter(&self, port: PortKey) -> Option<&Membership> {
        // What passes a pass-through NIC, no chassis sees.
        let membership = self.memberships.get(&port).filter(|_| !self.directs.contains_key(&port))?;
        let groups = membership.groups.iter().filter_map(|group| self.security_groups.get(group));
        let open = groups.fold(Open::default(), |open, group| open.or(group.open()));
        (!open.is_wide()).then_some(membership)
    }

    /// A tenant's default group.
    pub fn default_group(&self, tenant: &Arc<str>) -> Option<GroupKey> {
        let all = (tenant.clone(), GroupKey(0))..=(tenant.clone(), GroupKey(u32::MAX));
        self.default_groups.range(all).next().map(|(_, group)| *group)
    }

    /// The group that a network tells its ports to be in. A provider network tells nothing: who else is there may have any address.
    fn told_by(&self, network: NetworkKey) -> Option<GroupKey> {
        let network = self.networks.get(&network).filter(|network| network.physical.is_none())?;
        self.default_group(&network.tenant)
    }

    fn covers_a_subnet(&self, network: NetworkKey, prefix: IpNet) -> bool {
        let mut subnets = self.subnets_by_network.of(network).filter_map(|subnet| self.subnets.get(&subnet));
        subnets.any(|subnet| prefix.contains(&subnet.cidr))
    }

    /// The networks that tell their ports to be in a group.
    fn told_networks(&self, group: GroupKey) -> impl Iterator<Item = NetworkKey> + '_ {
        let tenant = self.security_groups.get(&group).filter(|found| found.default).map(|found| &found.tenant);
        let tenant = tenant.filter(|tenant| self.default_group(tenant) == Some(group));
        let networks = tenant.into_iter().flat_map(|_| self.networks.iter());
        let tells =
            move |network: &crate::facts::Network| network.physical.is_none() && tenant == Some(&network.tenant);
        networks.filter(move |(_, network)| tells(network)).map(|(key, _)| *key)
    }

    /// Whether an address is in a group, if it must be said on a chassis. Where several have it, on networks that don't know
    /// each other, it is only if all are.
    pub(crate) fn set_address(
        &self,
        address: IpNet,
        scope: NetworkKey,
        group: GroupKey,
        chassis: ChassisKey,
    ) -> Option<bool> {
        if !self.sets_at.contains(SetKey::Group(group), chassis) {
            return None;
        }
        let said = self.said.of((group, scope, address)).map(|port| self.group_members.contains(group, port));
        said.reduce(|all, member| all && member)
    }

    /// Whether a prefix is of a network that tells its ports to be in a group, and it must be said on a chassis.
    pub(crate) fn set_prefix(&self, prefix: IpNet, group: GroupKey, chassis: ChassisKey) -> bool {
        self.sets_at.contains(SetKey::Group(group), chassis) && self.told_prefixes.any((group, prefix))
    }

    /// Whether a network tells its ports to be in a group, and it must be said on a chassis.
    pub(crate) fn set_network(&self, network: NetworkKey, group: GroupKey, chassis: ChassisKey) -> bool {
        self.sets_at.contains(SetKey::Group(group), chassis) && self.told_by(network) == Some(group)
    }

    /// The chassis where ports have a security group.
    pub fn chassis_with(&self, group: GroupKey) -> Vec<ChassisKey> {
        self.groups_at.of(group).collect()
    }

    /// The chassis where rules name a set.
    pub fn chassis_naming(&self, set: SetKey) -> Vec<ChassisKey> {
        self.sets_at.of(set).collect()
    }

    /// All that a set consists of on a chassis.
    fn set_keys(&self, set: SetKey, chassis: ChassisKey) -> Vec<Key> {
        let group = match set {
            SetKey::Addresses(addresses) => return vec![Key::AddressesAt(addresses, chassis)],
            SetKey::Group(group) => group,
        };
        let networks = self.told_networks(group).map(|network| Key::SetNetwork(network, group, chassis));
        let prefixes = self.prefixes_told.of(group).map(|prefix| Key::SetPrefix(prefix, group, chassis));
        let addresses = self.said_of.of(group);
        let addresses = addresses.map(|(scope, address)| Key::SetAddress(address, scope, group, chassis));
        networks.chain(prefixes).chain(addresses).collect()
    }

    /// The groups of either kind that a chassis has flows for.
    pub(crate) fn group_concerns(&self, chassis: ChassisKey, keys: &mut Vec<Key>) {
        keys.extend(self.chassis_groups.of(chassis).map(Key::Group));
        let all = (chassis, SetKey::Group(GroupKey(0)))..=(chassis, SetKey::Addresses(AddressGroupKey(u32::MAX)));
        keys.extend(self.chassis_sets.range(all).map(|(_, set)| match *set {
            SetKey::Group(group) => Key::Group(group),
            SetKey::Addresses(addresses) => Key::Addresses(addresses),
        }));
    }

    /// The keys that are about security groups.
    pub(crate) fn group_keys(&self, keys: &mut Vec<Key>) {
        keys.extend(self.memberships.keys().map(|p| Key::Membership(*p)));
        keys.extend(self.security_groups.keys().flat_map(|g| [Key::Group(*g), Key::Manner(*g)]));
        keys.extend(self.address_groups.keys().map(|a| Key::Addresses(*a)));
        keys.extend(self.groups_at.iter().map(|(g, c)| Key::GroupAt(g, c)));
        keys.extend(self.sets_at.iter().flat_map(|(set, chassis)| self.set_keys(set, chassis)));
    }
}

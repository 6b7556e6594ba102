//! Which OpenFlow ports are left over: plugged on a chassis of ours, no port bound to them, not the fabric's interface, and leading to
//! no physical network.

use std::sync::Arc;

use addr::OfPort;

use crate::commit::Marks;
use crate::facts::PROBE_PREFIX;
use crate::keys::{ChassisKey, Key};
use crate::world::World;

/// A name has another number, or none.
pub(crate) fn replugged(
    world: &mut World,
    marks: &mut Marks,
    (chassis, name): (ChassisKey, &Arc<str>),
    old: Option<OfPort>,
    new: Option<OfPort>,
) {
    if let Some(port) = old {
        world.plugged.remove_mut(&(chassis, port, name.clone()));
    }
    if let Some(port) = new {
        world.plugged.insert_mut((chassis, port, name.clone()));
    }
    marks.stale_spares.extend([old, new].into_iter().flatten().map(|port| (chassis, port)));
}

/// A name is bound to a port, or no longer.
pub(crate) fn stale_name(world: &World, marks: &mut Marks, at: &(ChassisKey, Arc<str>)) {
    marks.stale_spares.extend(world.plugs.get(at).map(|port| (at.0, *port)));
}

/// A chassis came or went.
pub(crate) fn stale_all(world: &World, marks: &mut Marks, chassis: ChassisKey) {
    let all = (chassis, OfPort(0), Arc::from(""))..;
    let ports = world.plugged.range(all).take_while(|(c, ..)| *c == chassis);
    marks.stale_spares.extend(ports.map(|(_, port, _)| (chassis, *port)));
}

/// The fabric's interface is, or was, another.
pub(crate) fn stale_uplinks(world: &World, marks: &mut Marks) {
    let Some(interface) = world.fabric.as_ref().map(|fabric| fabric.interface.clone()) else { return };
    for chassis in world.chassis.keys() {
        stale_name(world, marks, &(*chassis, interface.clone()));
    }
}

/// Derives anew whether a port is left over.
pub(crate) fn refresh(world: &mut World, marks: &mut Marks, at: (ChassisKey, OfPort)) {
    let spare = derive(world, at);
    if world.spares.get(&at) == spare.as_ref() {
        return;
    }
    match spare {
        Some(name) => world.spares.insert_mut(at, name),
        None => drop(world.spares.remove_mut(&at)),
    }
    marks.changed(Key::Spare(at.0, at.1));
}

/// Its name, if it is left over. While it has two names, one of which is wanted, it is not.
fn derive(world: &World, (chassis, port): (ChassisKey, OfPort)) -> Option<Arc<str>> {
    let fact = world.chassis.get(&chassis)?;
    let all = (chassis, port, Arc::from(""))..;
    let names = || world.plugged.range(all.clone()).take_while(|(c, p, _)| (*c, *p) == (chassis, port));
    let wanted = |name: &Arc<str>| {
        name.starts_with(PROBE_PREFIX)
            || world.fabric.as_ref().is_some_and(|fabric| fabric.interface == *name)
            || world.bound_by_interface.contains_key(&(chassis, name.clone()))
            || fact.mappings.iter().any(|(_, interface)| interface == name)
    };
    let (_, _, name) = names().next()?;
    (!names().any(|(_, _, name)| wanted(name))).then(|| name.clone())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{Binding, Change, Chassis, Encap, Fabric, PortKey};

    const C: ChassisKey = ChassisKey(1);

    fn plug(name: &str, port: Option<u32>) -> Change {
        Change::Plug(C, name.into(), port.map(OfPort))
    }

    fn bind(port: u32, name: Option<&str>) -> Change {
        Change::Binding(PortKey(port), name.map(|name| Binding { chassis: C, interface: name.into() }))
    }

    fn chassis(there: bool) -> Change {
        Change::Chassis(
            C,
            there.then(|| Chassis {
                name: "hv1".into(),
                dpid: None,
                tunnel_ip: None,
                mappings: vec![],
                gateway_priority: None,
                drained: false,
            }),
        )
    }

    fn fabric(interface: &str) -> Change {
        Change::Fabric(Some(Fabric { encap: Encap::Vlan, interface: interface.into(), mtu_max: 1500 }))
    }

    #[test]
    fn a_port_is_spare_while_nobody_wants_it() {
        let mut world = World::default();
        let spares = |world: &World| -> BTreeMap<u32, String> {
            world.spares(C).map(|(port, name)| (port.0, name.to_string())).collect()
        };
        let mut step = |changes: Vec<Change>, expected: &[(u32, &str)]| {
            let before = spares(&world);
            let committed = world.commit(changes.clone());
            let after = spares(&world);
            let expected: BTreeMap<u32, String> = expected.iter().map(|(p, n)| (*p, (*n).to_owned())).collect();
            assert_eq!(after, expected, "{changes:?}");
            let told = committed.changed.iter().filter_map(|k| if let Key::Spare(_, p) = k { Some(p.0) } else { None });
            let differ = |p: &u32| before.get(p) != after.get(p);
            let all = before.keys().chain(after.keys()).copied().filter(differ);
            assert_eq!(told.collect::<std::collections::BTreeSet<_>>(), all.collect(), "{changes:?}");
        };
        step(vec![plug("a", Some(1)), plug("b", Some(2))], &[]);
        step(vec![chassis(true)], &[(1, "a"), (2, "b")]);
        step(vec![bind(7, Some("a"))], &[(2, "b")]);
        step(vec![fabric("b")], &[]);
        step(vec![bind(7, Some("c"))], &[(1, "a")]);
        step(vec![plug("c", Some(3)), plug("a", Some(4))], &[(4, "a")]);
        step(vec![fabric("a")], &[(2, "b")]);
        step(vec![bind(7, None)], &[(2, "b"), (3, "c")]);
        step(vec![plug("b", None), plug("c", Some(2))], &[(2, "c")]);
        step(vec![chassis(false)], &[]);
        step(vec![Change::Fabric(None), chassis(true)], &[(2, "c"), (4, "a")]);
    }
}

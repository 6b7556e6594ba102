//! At rest, what should arrive arrives: between all ports of a network, and across routers.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use addr::MacAddr;
use fastrand::Rng;
use packet::protocol;
use proto::v1::{self, Phase, resource::Kind};

use crate::host::within;
use crate::intents::chassis_name;
use crate::model::{Name, PortView};
use crate::world::World;

/// Pairs that are tried.
const PAIRS: usize = 12;
/// Of a packet that starts on a router's own network.
const HOP_LIMIT: u8 = 64;

/// A port that is active and plugged: where, and under which number.
struct Placed {
    view: PortView,
    switch: usize,
    number: u32,
}

/// Tries some pairs of ports.
pub fn all(world: &mut World, rng: &mut Rng) {
    let placed = placed(world);
    let gateways = gateways(world);
    if placed.is_empty() {
        return;
    }
    for _ in 0..PAIRS {
        let (from, to) = (&placed[rng.usize(..placed.len())], &placed[rng.usize(..placed.len())]);
        // A port without security is in no group: whose groups are asked hears nothing new from it.
        if from.view.name == to.view.name || (to.view.secured && !from.view.secured) {
            continue;
        }
        if from.view.network == to.view.network {
            let (src, dst) = (addr::link_local(from.view.mac), addr::link_local(to.view.mac));
            expect(world, from, to, (to.view.mac, src, dst), "on one network");
        } else if let Some(mac) = joint(&gateways, &from.view.network, &to.view.network)
            && let (Some(src), Some(dst)) = (from.view.global().next(), to.view.global().next())
        {
            expect(world, from, to, (mac, src, dst), "by their router");
        }
        // What is delegated is behind the router, wherever the sender is.
        if let Some(prefix) = to.view.prefixes.first()
            && let Some(mac) = joint(&gateways, &from.view.network, &to.view.network)
            && let Some(src) = from.view.prefixes.first().map(|own| within(*own, rng)).or(from.view.global().next())
        {
            expect(world, from, to, (mac, src, within(*prefix, rng)), "to what is delegated");
        }
    }
}

fn placed(world: &World) -> Vec<Placed> {
    let ports = world.model.ports().into_iter().filter(|view| view.phase == Phase::Active);
    let placed = ports.filter_map(|view| {
        let (chassis, interface) = view.plug.clone()?;
        let switch = (0..world.switches.len()).find(|at| chassis_name(*at as u8) == chassis)?;
        let number = world.switches[switch].number_of(&interface)?;
        Some(Placed { view, switch, number })
    });
    placed.collect()
}

/// For each router: the MAC that it shows, and its networks with IPv6 subnets.
fn gateways(world: &World) -> Vec<(MacAddr, Vec<Name>)> {
    let all = &world.model.all;
    let subnets: BTreeMap<Name, Name> = all
        .values()
        .filter_map(|resource| match &resource.kind {
            Some(Kind::Subnet(v1::Subnet { meta: Some(meta), spec: Some(spec), .. })) if spec.cidr.contains(':') => {
                Some(((meta.tenant.clone(), meta.name.clone()), (meta.tenant.clone(), spec.network.clone())))
            }
            _ => None,
        })
        .collect();
    let routers = all.values().filter_map(|resource| match &resource.kind {
        Some(Kind::Router(v1::Router { meta: Some(meta), spec: Some(spec), status: Some(status) })) => {
            let subnet =
                |interface: &v1::RouterInterface| subnets.get(&(meta.tenant.clone(), interface.subnet.clone()));
            let networks = spec.interfaces.iter().filter_map(subnet).cloned().collect();
            Some((status.mac_address.parse().ok()?, networks))
        }
        _ => None,
    });
    routers.collect()
}

fn joint(gateways: &[(MacAddr, Vec<Name>)], a: &Name, b: &Name) -> Option<MacAddr> {
    gateways.iter().find(|(_, networks)| networks.contains(a) && networks.contains(b)).map(|(mac, _)| *mac)
}

fn expect(world: &mut World, from: &Placed, to: &Placed, (mac, src, dst): (MacAddr, Ipv6Addr, Ipv6Addr), how: &str) {
    world.totals.add("pairs that must reach each other", 1);
    let udp = packet::udp(src, dst, 1000, 2000, b"are you there");
    let frame = packet::ipv6_frame(from.view.mac, mac, src, dst, HOP_LIMIT, protocol::UDP, &udp);
    let walk = world.inject(from.switch, from.number, frame.to_vec());
    let interface = to.view.plug.as_ref().map(|(_, interface)| interface.clone()).unwrap_or_default();
    let arrived: Vec<_> = walk.deliveries.iter().map(|d| (d.switch, d.interface.clone())).collect();
    if arrived != [(to.switch, interface)] {
        let (a, b) = (&from.view, &to.view);
        let rows = world.explain(from.switch, from.number, &frame);
        world.violation(format!(
            "at rest, {how}: {:?} on switch {} does not reach {:?} on switch {} ({dst}): {arrived:?} got it{rows}",
            a.name, from.switch, b.name, to.switch
        ));
    }
}

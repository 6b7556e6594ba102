//! Where a port's MAC is, for the switches under a VLAN fabric, and of physical networks: a host that only listens is in none of their
//! tables, and one that has moved is in them where it was. A frame from its MAC tells them, at once and before the entry
//! ages (300 s as a rule; IEEE 802.1Q, 8.8.3).

use topology::{ChassisKey, Encap, Key, NetworkKey, PortKey, View, World};

use crate::overlay::{copy_to, warm};
use crate::punt::PacketOut;
use crate::{direct, provider};

/// Milliseconds to the second and third frame of a port that has come.
const AGAIN_MS: [u64; 2] = [1_000, 2_000];
/// Milliseconds between two frames from then on, at most.
const INTERVAL_MS: u64 = 120_000;
/// By so much they come earlier, each port by another part of it, so that not all come at once.
const SPREAD_MS: u64 = 20_000;

/// Whether switches between chassis see the MACs of ports.
fn matters(world: &World) -> bool {
    View::new(world).fabric().is_some_and(|fabric| fabric.encap == Encap::Vlan)
}

/// The ports whose place, or the way from it, a change concerns.
pub(super) fn concerned(world: &World, key: &Key) -> Vec<PortKey> {
    match *key {
        Key::Place(port) | Key::Port(port) => vec![port],
        Key::Localnet(network, chassis) => members(world, network, chassis),
        _ if !matters(world) => Vec::new(),
        // The fabric's own changes are changes of every uplink.
        Key::Uplink(chassis) => on(world, chassis),
        Key::Segment(network) => {
            let residents = world.residents(network);
            residents.into_iter().flat_map(|chassis| members(world, network, chassis)).collect()
        }
        _ => Vec::new(),
    }
}

/// The ports on a chassis that have something to tell.
pub(super) fn on(world: &World, chassis: ChassisKey) -> Vec<PortKey> {
    let seen = |network: &NetworkKey| matters(world) || world.localnet(*network, chassis).is_some();
    let networks = world.networks_resident(chassis).into_iter().filter(seen);
    networks.flat_map(|network| members(world, network, chassis)).collect()
}

fn members(world: &World, network: NetworkKey, chassis: ChassisKey) -> Vec<PortKey> {
    let view = View::new(world);
    let members = view.members(network, chassis).into_iter().map(|member| member.port);
    members.chain(view.directs(network, chassis)).collect()
}

/// The frames that tell where a port is; none if it is nowhere, or if it does not matter. To a pass-through NIC, where those are that it may
/// know.
pub(super) fn frames(world: &World, key: PortKey) -> Vec<PacketOut> {
    match View::new(world).is_direct(key) {
        true => direct::frames(world, key),
        false => frame(world, key).into_iter().collect(),
    }
}

fn frame(world: &World, key: PortKey) -> Option<PacketOut> {
    let view = View::new(world);
    let (place, port) = (view.place(key)?, view.port(key)?);
    let actions = match view.physical(port.network) {
        Some(physical) => provider::copy_to(physical.vlan, view.localnet(port.network, place.chassis)?),
        None if matters(world) => copy_to(view.segment(port.network)?, None, view.uplink(place.chassis)?),
        None => return None,
    };
    Some(PacketOut::by(place.chassis, actions, warm::frame(port.mac)))
}

/// Milliseconds to the next frame of a port that sent so many.
pub(super) fn interval_ms(port: PortKey, sent: u32) -> u64 {
    let steady = || INTERVAL_MS - u64::from(port.0).wrapping_mul(0x9e37_79b9_7f4a_7c15) % SPREAD_MS;
    AGAIN_MS.get(sent.saturating_sub(1) as usize).copied().unwrap_or_else(steady)
}

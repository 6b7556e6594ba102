//! What may never be, at any moment: a packet across tenants, a stranger's packet delivered, a loop, a status that lies.

use std::collections::BTreeSet;

use addr::MacAddr;
use fastrand::Rng;
use flows::Item;
use flows::eval::Problem;
use ofp::PacketOut;
use packet::{Frame, Icmpv6};
use proto::v1::{self, Phase, resource::Kind};

use crate::fabric::{Delivery, Walk};
use crate::host::{Host, Sent};
use crate::intents::{chassis_name, tenant_of};
use crate::model::PortView;
use crate::switch::Switch;
use crate::world::{UPLINK, World};

/// Sends some packets from anywhere, through the tables as they are at this moment.
pub fn walks(world: &mut World, rng: &mut Rng, count: usize) {
    for _ in 0..count {
        let plugged = world.switches.iter().enumerate().filter(|(_, switch)| switch.alive).flat_map(|(at, switch)| {
            let hosts = switch.ports.iter().filter(|(_, name)| *name != UPLINK);
            hosts.map(move |(number, name)| (at, *number, name.clone()))
        });
        let plugged: Vec<(usize, u32, String)> = plugged.collect();
        if plugged.is_empty() {
            return;
        }
        let (switch, number, interface) = plugged[rng.usize(..plugged.len())].clone();
        let views = world.model.at(&chassis_name(switch as u8), &interface).to_vec();
        let view = if views.is_empty() { None } else { views.get(rng.usize(..views.len())) };
        let (others, routers) = (world.model.ports(), router_macs(world));
        let sent = Host { view, others: &others, routers: &routers }.sends(rng);
        let walk = world.inject(switch, number, sent.frame.clone());
        sent_by_host(world, (switch, &interface), &views, &sent, &walk);
    }
}

/// Now and then, a switch's change is followed by packets at once.
pub fn after_change(world: &mut World, rng: &mut Rng) {
    const ONE_IN: u8 = 6;
    if rng.u8(..ONE_IN) == 0 {
        walks(world, rng, 2);
    }
}

fn router_macs(world: &World) -> Vec<MacAddr> {
    let macs = world.model.all.values().filter_map(|resource| match &resource.kind {
        Some(Kind::Router(router)) => router.status.as_ref()?.mac_address.parse().ok(),
        _ => None,
    });
    macs.collect()
}

/// Judges what became of a host's frame. `views`: what its port has been since all was last at rest.
pub fn sent_by_host(
    world: &mut World,
    (switch, interface): (usize, &str),
    views: &[PortView],
    sent: &Sent,
    walk: &Walk,
) {
    world.totals.add("deliveries", walk.deliveries.len() as u64);
    let mut found = faults_of(world, walk);
    if !walk.deliveries.is_empty()
        && !world.switches[switch].open
        && let Some(why) = may_not_send(views, sent)
    {
        found.push(format!("{why}, and it was delivered to {:?}", places(&walk.deliveries)));
    }
    let mut seen = BTreeSet::new();
    for delivery in &walk.deliveries {
        if !seen.insert((delivery.switch, &delivery.interface)) {
            found.push(format!("{:?} got it twice", (delivery.switch, &delivery.interface)));
        }
        if let Some(why) = may_not_receive(world, interface, views, delivery) {
            // A chassis that is deleted while it can't be reached keeps its flows, and nobody waits for it.
            if switch != delivery.switch
                && (world.switches[switch].abandoned || world.switches[delivery.switch].abandoned)
            {
                world.totals.add("deliveries by flows of deleted chassis", 1);
            } else {
                found.push(why);
            }
        }
        if (delivery.switch, &*delivery.interface) == (switch, interface) && delivery.frame == sent.frame {
            found.push("it came back to its sender".to_owned());
        }
    }
    for fault in found {
        let rows = if world.loud {
            world.explain(switch, world.number(switch, interface), &sent.frame)
        } else {
            String::new()
        };
        let frame: String = sent.frame.iter().take(96).map(|byte| format!("{byte:02x}")).collect();
        world.violation(format!("a frame from {interface} on switch {switch}: {fault}; the frame: {frame}{rows}"));
    }
}

/// Judges what became of the controller's frame: a router's advertisement is for its own tenant.
pub fn sent_by_controller(world: &mut World, packet: &PacketOut, walk: &Walk) {
    let mut found = faults_of(world, walk);
    let advert =
        Frame::parse(&packet.data).ok().filter(|frame| matches!(frame.icmpv6(), Ok(Some(Icmpv6::RouterAdvert(_)))));
    if let Some(frame) = advert {
        world.totals.add("router advertisements", 1);
        let mac = frame.ethernet.src;
        for delivery in &walk.deliveries {
            let to = &delivery.interface;
            if let Some(owner) = world.model.advertised(mac, tenant_of(to).unwrap_or_default()) {
                found.push(format!("an advertisement of {mac}, which is {owner}'s, was delivered to {to}"));
            }
        }
    }
    for fault in found {
        world.violation(format!("a frame from the controller: {fault}"));
    }
}

fn faults_of(world: &World, walk: &Walk) -> Vec<String> {
    let mut found: Vec<String> =
        walk.looped.then(|| "it went through the fabric twice".to_owned()).into_iter().collect();
    for (at, problem) in &walk.problems {
        let switch = &world.switches[*at];
        // Whose flows somebody has changed may lack what others lead to, and have what disagrees.
        let excused =
            switch.open && matches!(problem, Problem::NoGroup(_) | Problem::Overlap(..) | Problem::TwoNames(..));
        if !excused {
            found.push(format!("on switch {at}: {problem}"));
        }
    }
    found
}

/// Why a port that is, or was, these may not send a frame, whichever of them it is.
fn may_not_send(views: &[PortView], sent: &Sent) -> Option<String> {
    if views.is_empty() {
        return Some("nobody is bound to that interface".to_owned());
    }
    if views.iter().any(|view| !view.secured) {
        return None;
    }
    if sent.forbidden {
        return Some("no host may send it".to_owned());
    }
    let honest = views.iter().any(|view| {
        view.mac == sent.mac && sent.source.is_none_or(|source| is_unset(source) || view.sends_from(source))
    });
    (!honest).then(|| format!("its source {} {:?} is not the port's", sent.mac, sent.source))
}

fn is_unset(address: std::net::IpAddr) -> bool {
    address.is_unspecified()
}

/// Why a frame of a port may not arrive at an interface.
fn may_not_receive(world: &World, from: &str, views: &[PortView], delivery: &Delivery) -> Option<String> {
    let to = &delivery.interface;
    if tenant_of(from) != tenant_of(to) {
        return Some(format!("ACROSS TENANTS, it was delivered to {to} on switch {}", delivery.switch));
    }
    let receivers = world.model.at(&chassis_name(delivery.switch as u8), to);
    if receivers.is_empty() {
        return Some(format!("it was delivered to {to} on switch {}, which nobody is bound to", delivery.switch));
    }
    let reach = views.iter().flat_map(|view| world.model.reach(&view.network)).collect::<BTreeSet<_>>();
    if receivers.iter().any(|receiver| reach.contains(&receiver.network)) {
        return None;
    }
    Some(format!("it was delivered to {to}, on a network that no router leads to"))
}

fn places(deliveries: &[Delivery]) -> Vec<(usize, &str)> {
    deliveries.iter().map(|delivery| (delivery.switch, &*delivery.interface)).collect()
}

/// Whether what is called active is: every row of it is where it should be, on every switch that nobody else has changed.
pub fn statuses(world: &mut World) {
    let Some(running) = &world.controller else { return };
    let brain = running.brain();
    let active: BTreeSet<String> = world.model.all.values().filter_map(active_name).collect();
    let mut lies = Vec::new();
    for (at, switch) in world.switches.iter().enumerate().filter(|(_, switch)| !switch.is_doubtful()) {
        let chassis = chassis_name(at as u8);
        for wanted in brain.wanted(&chassis) {
            let whole = active.contains(&format!("chassis {chassis}"));
            let own = wanted.resource.as_ref().is_some_and(|resource| active.contains(resource));
            if (whole || own) && !holds(switch, &wanted.item, wanted.cookie) {
                let who = if own { wanted.resource.unwrap_or_default() } else { format!("chassis {chassis}") };
                lies.push(format!("{who} is called active, but switch {at} lacks {:?}", wanted.item));
                break;
            }
        }
    }
    drop(brain);
    world.totals.add("statuses checked", active.len() as u64);
    lies.into_iter().for_each(|lie| world.violation(lie));
}

/// Its name as a row's owner is written, if it is called active.
fn active_name(resource: &v1::Resource) -> Option<String> {
    standing_of(resource).filter(|(_, phase, _)| *phase == Phase::Active).map(|(name, ..)| name)
}

/// Kind and name as a row's owner is written, phase and reason.
pub fn standing_of(resource: &v1::Resource) -> Option<(String, Phase, &str)> {
    macro_rules! of {
        ($kind:literal, $r:ident) => {{
            let status = $r.status.as_ref()?;
            ($kind, $r.meta.as_ref()?, status.phase(), &*status.reason)
        }};
    }
    let (kind, meta, phase, reason) = match resource.kind.as_ref()? {
        Kind::Chassis(r) => of!("chassis", r),
        Kind::Network(r) => of!("network", r),
        Kind::Router(r) => of!("router", r),
        Kind::Port(r) => of!("port", r),
        Kind::Subnet(r) => of!("subnet", r),
        Kind::Fabric(r) => of!("fabric", r),
        Kind::Delegation(r) => of!("delegation", r),
        Kind::Renumbering(r) => of!("renumbering", r),
        Kind::SecurityGroup(r) => of!("security_group", r),
        Kind::AddressGroup(r) => of!("address_group", r),
        Kind::AnycastService(r) => of!("anycast_service", r),
        Kind::Translator(r) => of!("translator", r),
        Kind::Exposure(r) => of!("exposure", r),
        Kind::Trunk(r) => of!("trunk", r),
        Kind::FloatingIp(r) => of!("floating_ip", r),
        Kind::PrefixMapping(r) => of!("prefix_mapping", r),
    };
    let name = if meta.tenant.is_empty() { meta.name.clone() } else { format!("{}/{}", meta.tenant, meta.name) };
    Some((format!("{kind} {name}"), phase, reason))
}

/// Whether a switch has an item exactly as it is wanted.
pub fn holds(switch: &Switch, item: &Item, cookie: u64) -> bool {
    match item {
        Item::Flow(flow) => {
            let row = switch.tables.flows.get(&(flow.table.id(), flow.priority, flow.match_.clone()));
            row.is_some_and(|row| row.cookie == cookie && *row.instructions == *flow.instructions)
        }
        Item::Group(group) => {
            let there = switch.tables.groups.get(&group.id);
            there.is_some_and(|there| there.kind == group.kind && there.buckets == group.buckets)
        }
        Item::Meter(meter) => {
            let there = switch.tables.meters.get(&meter.id);
            there.is_some_and(|there| there.flags == meter.flags && there.bands == meter.bands)
        }
    }
}

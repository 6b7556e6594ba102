//! OpenFlow connections: which chassis one belongs to, what is plugged there, and whether its tables are in step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use addr::{Dpid, MacAddr, OfPort};
use flows::cookie;
use ofp::{PortDesc, PortReason};
use topology::{Change, ChassisKey, ResourceId};

use crate::brain::{Brain, Session};
use crate::effect::{Effect, SwitchCommand};
use crate::event::{SessionId, SwitchEvent};
use crate::found::Found;
use crate::learning::is_down;
use crate::switch::Link;
use crate::switches::SwitchMut;

impl Brain {
    pub(crate) fn switch_event(&mut self, session: SessionId, event: SwitchEvent) {
        match event {
            SwitchEvent::Up { dpid, ports, peer } => self.session_up(session, dpid, ports, peer),
            SwitchEvent::Down { reason } => self.session_down(session, &reason),
            SwitchEvent::Port { reason, port } => self.port_status(session, reason, &port),
            SwitchEvent::Tables { flows, groups, meters } => self.tables(session, Found::new(flows, groups, meters)),
            SwitchEvent::BatchDone { batch, commit_us } => self.batch_done(session, batch, commit_us),
            SwitchEvent::BatchFailed { batch, operation, error } => {
                self.batch_failed(session, batch, operation, &error)
            }
            SwitchEvent::Drops { rows, meters } => self.drops_counted(session, &rows, &meters),
            SwitchEvent::FlowsChanged { updates, more } => self.flows_changed(session, updates, more),
            SwitchEvent::Packet(punt) => self.punted(session, punt),
        }
    }

    fn session_up(&mut self, id: SessionId, dpid: Dpid, descs: Vec<PortDesc>, peer: String) {
        let local = descs.iter().find(|p| p.port == OfPort::LOCAL);
        let bridge: Arc<str> = local.map_or_else(|| dpid.to_string(), |p| p.name.to_string()).into();
        let hw_addr = local.map_or(MacAddr::ZERO, |p| p.hw_addr);
        let ordinary = descs.iter().filter(|p| p.port.is_ordinary());
        let ports = ordinary.map(|p| (p.port, Arc::from(p.name.to_string()))).collect();
        let down = ordinary_down(&descs);
        let live = descs.iter().filter(|p| is_live(p)).map(|p| p.port).collect();
        let macs = descs.iter().map(|p| (p.port, p.hw_addr)).collect();
        self.sessions
            .insert(id, Session { dpid, bridge, hw_addr, ports, down, live, macs, chassis: None, leaving: None, peer });
        self.match_session(id);
    }

    /// Chassis have changed: connections may belong to others now.
    pub(crate) fn match_sessions(&mut self) {
        let ids: Vec<SessionId> = self.sessions.keys().copied().collect();
        for id in ids {
            let Some(session) = self.sessions.get(&id) else { continue };
            let matched = self.catalog.chassis_for(session.dpid, &session.bridge).map(|(key, _)| key);
            if session.chassis == matched || session.leaving.is_some() {
                continue;
            }
            if session.chassis.is_some() {
                self.take_leave(id);
            } else {
                self.match_session(id);
            }
        }
    }

    fn match_session(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get(&id) else { return };
        let (dpid, bridge, hw_addr, peer) =
            (session.dpid, session.bridge.clone(), session.hw_addr, session.peer.clone());
        let Some((chassis, resource)) = self.catalog.chassis_for(dpid, &bridge) else {
            let words = format!("bridge {bridge} with datapath id {dpid} ({peer}) is no chassis: left alone");
            self.happened("bridge.discovered", None, words);
            return;
        };
        let other = self
            .sessions
            .iter()
            .find(|(_, s)| s.chassis == Some(chassis))
            .map(|(i, s)| (*i, s.hw_addr, s.bridge.clone()));
        if let Some((other, other_hw, other_bridge)) = other {
            if (other_hw, &other_bridge) == (hw_addr, &bridge) {
                self.close(other, "the same bridge has connected anew");
            } else {
                let words = format!("a second bridge {bridge} ({peer}) has datapath id {dpid}: refused");
                self.happened("bridge.duplicate", Some(&resource), words);
                self.close(id, "another bridge with this datapath id is connected");
                return;
            }
        }
        if let Some(session) = self.sessions.get_mut(&id) {
            session.chassis = Some(chassis);
        }
        self.happened(
            "chassis.connected",
            Some(&resource),
            format!("bridge {bridge} with datapath id {dpid} ({peer})"),
        );
        let sequence = self.world.sequence();
        self.switches.get_or_new(chassis, sequence).reading(id, sequence);
        self.managed.touch(&resource);
        self.replug(id, chassis);
        self.note_peers(id, chassis);
        self.note_bridge_macs(id, chassis);
        self.effects.push(Effect::Switch(id, SwitchCommand::ReadBack));
        self.make_restless(chassis);
    }

    /// Everything plugged, as the switch has just told it; what it does not name is unplugged.
    fn replug(&mut self, id: SessionId, chassis: ChassisKey) {
        let Some(session) = self.sessions.get(&id) else { return };
        let now: BTreeMap<Arc<str>, OfPort> = session.ports.iter().map(|(port, name)| (name.clone(), *port)).collect();
        let before = self.plugs.insert(chassis, now.clone()).unwrap_or_default();
        let gone =
            before.into_keys().filter(|name| !now.contains_key(name)).map(|name| Change::Plug(chassis, name, None));
        let there = now.iter().map(|(name, port)| Change::Plug(chassis, name.clone(), Some(*port)));
        let changes = gone.chain(there).chain(self.carriers(chassis)).collect();
        let down = session.down.clone();
        self.commit(changes);
        self.forget_unplugged(chassis, |name| now.get(name).is_some_and(|port| !down.contains(port)));
    }

    fn session_down(&mut self, id: SessionId, reason: &str) {
        let Some(session) = self.sessions.remove(&id) else { return };
        let Some(chassis) = session.chassis else { return };
        self.look_at_releases(chassis);
        let sequence = self.world.sequence();
        let Some(mut switch) = self.switches.get_mut(&chassis).filter(|s| s.session() == Some(id)) else { return };
        if switch.in_step() {
            // With all confirmed, it has what it should, and will have nothing else before it is back.
            let all_done = switch.has_done(sequence);
            switch.may_have = all_done.then(|| self.world.networks_needed(chassis));
        }
        switch.down(sequence);
        drop(switch);
        self.relink(chassis);
        self.look_at_instances(chassis);
        self.ra.lost(chassis);
        self.gateway_within_reach(chassis, false);
        self.unwarm(chassis);
        let resource = self.chassis_resource(chassis);
        resource.iter().for_each(|chassis| self.managed.touch(chassis));
        self.happened("chassis.disconnected", resource.as_ref(), format!("bridge {}: {reason}", session.bridge));
        self.make_restless(chassis);
    }

    fn port_status(&mut self, id: SessionId, reason: PortReason, desc: &PortDesc) {
        let Some(session) = self.sessions.get_mut(&id).filter(|_| desc.port.is_ordinary()) else { return };
        let before = session.ports.remove(&desc.port);
        let name: Arc<str> = desc.name.to_string().into();
        let down = is_down(desc);
        session.down.remove(&desc.port);
        session.live.remove(&desc.port);
        session.macs.remove(&desc.port);
        if reason != PortReason::Delete {
            session.ports.insert(desc.port, name.clone());
            session.down.extend(down.then_some(desc.port));
            session.live.extend(is_live(desc).then_some(desc.port));
            session.macs.insert(desc.port, desc.hw_addr);
        }
        let Some(chassis) = session.chassis else { return };
        let there = (reason != PortReason::Delete).then_some((desc.port, is_live(desc)));
        self.note_peer_port(chassis, &name, there);
        let plugs = self.plugs.entry(chassis).or_default();
        let (mut changes, mut gone) = (Vec::new(), Vec::new());
        // The old name first: a port that was renamed is one that went and one that came. A number that another name has
        // meanwhile is not this port's.
        if let Some(old) = before.filter(|old| reason == PortReason::Delete || *old != name)
            && plugs.get(&old) == Some(&desc.port)
        {
            plugs.remove(&old);
            changes.push(Change::Plug(chassis, old.clone(), None));
            gone.push(old);
        }
        if reason != PortReason::Delete {
            plugs.insert(name.clone(), desc.port);
            changes.push(Change::Plug(chassis, name.clone(), Some(desc.port)));
            gone.extend(down.then_some(name));
        }
        changes.push(Change::Down(chassis, desc.port, down && reason != PortReason::Delete));
        self.commit(changes);
        gone.iter().for_each(|name| self.forget_port(chassis, name));
        self.look_at_localnet(chassis, desc.port);
        self.relink(chassis);
        self.look_at_instance_port(chassis, desc.port);
        self.note_bridge_mac(id, chassis, desc.port);
    }

    fn tables(&mut self, id: SessionId, found: Found) {
        let Some(chassis) = self.sessions.get(&id).and_then(|s| s.chassis) else { return };
        if self.switches.get(&chassis).is_some_and(|s| s.link == Link::Reading(id)) {
            self.recall_paths(chassis, &found);
            self.recall_neighbors(chassis, &found);
        }
        self.relink(chassis);
        let sequence = self.world.sequence();
        let (engine, world) = (&self.engine, &self.world);
        let Some(mut switch) = self.switches.get_mut(&chassis).filter(|s| s.link == Link::Reading(id)) else { return };
        let desired =
            engine.desired(chassis).map(|(item, unit)| (item.clone(), cookie(&unit), world.resource_of(&unit.key)));
        switch.in_step_with(id, sequence, found, desired);
        switch.drift.was_read(self.now);
        let differs = switch.unconfirmed();
        drop(switch);
        self.look_at_instances(chassis);
        self.ask_rates_of(chassis);
        let resource = self.chassis_resource(chassis);
        self.happened(
            "chassis.read",
            resource.as_ref(),
            format!("its tables were read back: {differs} differences to send"),
        );
        self.progress(chassis);
        self.make_restless(chassis);
    }

    fn batch_done(&mut self, id: SessionId, batch: u64, commit_us: u64) {
        if self.sessions.get(&id).is_some_and(|s| s.leaving == Some(batch)) {
            return self.close(id, LEFT);
        }
        let Some((chassis, mut switch)) = self.switch_of(id) else { return };
        let resources = switch.confirmed(batch, commit_us);
        drop(switch);
        self.restless.extend(resources);
        self.progress(chassis);
    }

    fn batch_failed(&mut self, id: SessionId, batch: u64, operation: Option<usize>, error: &str) {
        if self.sessions.get(&id).is_some_and(|s| s.leaving == Some(batch)) {
            self.happened(
                "flow.refused",
                None,
                format!("the bridge keeps flows of a chassis that it no longer is: {error}"),
            );
            return self.close(id, LEFT);
        }
        let now = self.now;
        let Some((chassis, mut switch)) = self.switch_of(id) else { return };
        let failed = switch.failed(batch, operation, error);
        let guards = failed.as_ref().is_some_and(|refused| guards(&refused.item));
        let halts = switch.refusals >= REFUSED_MAX || guards;
        if halts {
            switch.halted_until = Some(now.after_s(HALT_S));
        } else if failed.is_some() {
            switch.retry_later(now);
        }
        drop(switch);
        self.progress(chassis);
        let Some(refused) = failed else { return };
        if halts {
            let resource = self.chassis_resource(chassis);
            let what = if guards { "a row of the guard".to_owned() } else { format!("{REFUSED_MAX} changes") };
            let words = format!("it refused {what}: the rest waits {HALT_S} s, then its tables are read anew");
            self.happened("chassis.halted", resource.as_ref(), words);
        }
        let words = format!("the switch refused {}: {error}", describe(&refused.item));
        self.happened("flow.refused", refused.resource.as_ref(), words);
        self.restless.extend(refused.resource);
    }

    /// Something was confirmed: a chassis that holds all for the first time may begin to speak.
    fn progress(&mut self, chassis: ChassisKey) {
        self.restless.extend(self.chassis_resource(chassis));
        self.busy.insert(chassis);
        self.look_at_releases(chassis);
        let Some(mut switch) = self.switches.get_mut(&chassis) else { return };
        if !switch.ready && switch.caught_up() {
            switch.ready = true;
            drop(switch);
            self.warm_soon(chassis);
            self.ra.ready(&self.world, chassis, self.now);
            self.announce.ready(&self.world, chassis, self.now);
            self.gateway_within_reach(chassis, true);
        }
    }

    pub(crate) fn close(&mut self, id: SessionId, reason: &str) {
        self.effects.push(Effect::Switch(id, SwitchCommand::Close { reason: reason.to_owned() }));
        self.session_down(id, reason);
    }

    /// A chassis that is gone, or another's now: what is ours is taken off the bridge, then it starts over with a connection
    /// of its own.
    fn take_leave(&mut self, id: SessionId) {
        let Some((chassis, mut switch)) = self.switch_of(id) else {
            return self.close(id, "the bridge belongs to no chassis now");
        };
        let batch = switch.purge();
        drop(switch);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.leaving = Some(batch.number);
        }
        self.effects.push(Effect::Switch(id, SwitchCommand::Batch(batch)));
        let sequence = self.world.sequence();
        if let Some(mut switch) = self.switches.get_mut(&chassis) {
            switch.down(sequence);
        }
        self.relink(chassis);
        self.ra.lost(chassis);
        self.gateway_within_reach(chassis, false);
        self.unwarm(chassis);
        self.look_for_uplink(chassis);
        self.forget_if_gone(chassis);
    }

    /// Nothing is kept of chassis that were deleted while they were out of reach; nobody waits for them.
    pub(crate) fn forget_deleted(&mut self) {
        let connected =
            |brain: &Brain, chassis| brain.sessions.values().any(|session| session.chassis == Some(chassis));
        let gone: Vec<ChassisKey> = self.switches.keys().chain(self.releases.awaited()).collect();
        for chassis in gone {
            if self.chassis_resource(chassis).is_none() && !connected(self, chassis) {
                self.forget_if_gone(chassis);
                self.look_at_releases(chassis);
            }
        }
    }

    /// Nothing is kept of a chassis that no longer exists.
    fn forget_if_gone(&mut self, chassis: ChassisKey) {
        if self.chassis_resource(chassis).is_some() {
            return;
        }
        self.switches.remove(&chassis);
        self.learning.forget_bridge(chassis);
        self.forget_peers(chassis);
        let plugs = self.plugs.remove(&chassis).unwrap_or_default();
        self.commit(plugs.into_keys().map(|name| Change::Plug(chassis, name, None)).collect());
    }

    /// Asks a switch that was left alone for a while for its tables, to try again.
    pub(crate) fn resume(&mut self, chassis: ChassisKey) {
        let sequence = self.world.sequence();
        let Some(mut switch) = self.switches.get_mut(&chassis) else { return };
        let Some(session) = switch.session() else { return };
        switch.drift.is_read(self.now);
        switch.reading(session, sequence);
        drop(switch);
        self.relink(chassis);
        self.effects.push(Effect::Switch(session, SwitchCommand::ReadBack));
        self.make_restless(chassis);
    }

    pub(crate) fn switch_of(&mut self, id: SessionId) -> Option<(ChassisKey, SwitchMut<'_>)> {
        let chassis = self.sessions.get(&id)?.chassis?;
        let switch = self.switches.get_mut(&chassis).filter(|s| s.session() == Some(id))?;
        Some((chassis, switch))
    }

    pub(crate) fn chassis_resource(&self, chassis: ChassisKey) -> Option<ResourceId> {
        self.world.resource_of(&topology::Key::Chassis(chassis))
    }
}

/// The ports that carry nothing.
fn ordinary_down(descs: &[PortDesc]) -> BTreeSet<OfPort> {
    descs.iter().filter(|desc| desc.port.is_ordinary() && is_down(desc)).map(|desc| desc.port).collect()
}

/// Whether what is beyond a port answers, as far as that is asked.
fn is_live(desc: &PortDesc) -> bool {
    desc.state & ofp::port_state::LIVE != 0
}

/// Why a connection ends after what was ours has been taken off its bridge.
const LEFT: &str = "the bridge belongs to no chassis, or to another one, now";
/// Refusals of one switch after which the rest waits.
const REFUSED_MAX: usize = 100;
/// Seconds that it waits.
const HALT_S: u64 = 30;

/// Whether a row keeps something out that the rows after it would let in: without it, nothing may pass. Rows of later tables
/// are sent before it, those that let ports in after it, so a chassis that never had it stays closed.
fn guards(item: &flows::Item) -> bool {
    matches!(item, flows::Item::Flow(flow) if flow.table == flows::Table::Guard && flow.drop.is_some())
}

pub(crate) fn describe(item: &flows::Item) -> String {
    match item {
        flows::Item::Flow(flow) => {
            format!("a flow of table {}, priority {}, {}", flow.table.spec().name, flow.priority, flow.match_)
        }
        flows::Item::Group(group) => format!("group {}", group.id),
        flows::Item::Meter(meter) => format!("meter {}", meter.id),
    }
}

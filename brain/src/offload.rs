//! What a NIC takes over of a representor's traffic (`vnic_type: switchdev`): one packet of each kind is run through the rows that are wanted.

use std::net::Ipv6Addr;

use addr::{MacAddr, OfPort};
use flows::eval::{Connections, Switch, Trace, Tunnel, obstacles};
use packet::{ipv6_frame, protocol, udp};
use proto::v1;
use topology::{ChassisKey, Key, NetworkKey, Place, PortKey, View};

use crate::brain::Brain;

/// A host: its MAC and an address.
type Host = (MacAddr, Ipv6Addr);
/// Somebody outside, by a router.
const FAR: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0xffff, 0, 0, 0, 1);

impl Brain {
    /// For a representor, a row for each kind of its traffic: whether a NIC takes it over, and else why not. Others have none.
    pub(crate) fn offload_rows(&self, full_name: &str) -> Vec<v1::FlowRow> {
        let named = full_name.split_once('/').and_then(|(tenant, name)| self.catalog.get("port", tenant, name));
        let Some(stored) = named else { return Vec::new() };
        let kind = match stored.record.resource.as_ref().and_then(|resource| resource.kind.as_ref()) {
            Some(v1::resource::Kind::Port(port)) => port.spec.as_ref().map_or(0, |spec| spec.vnic_type),
            _ => 0,
        };
        let view = View::new(&self.world);
        let key = PortKey(stored.record.key);
        let place = view.place(key).filter(|_| kind == v1::VnicType::Switchdev as i32);
        let Some(place) = place.filter(|place| place.shared.is_none()) else { return Vec::new() };
        let chassis = self.chassis_resource(place.chassis).map(|r| r.name.to_string()).unwrap_or_default();
        let row = |(traffic, trace): (String, Trace)| {
            let why: Vec<&str> = obstacles(&trace).into_iter().collect();
            let dropped = if trace.dropped().is_some() { "dropped, " } else { "" };
            v1::FlowRow {
                chassis: chassis.clone(),
                table: "offload".to_owned(),
                r#match: traffic,
                actions: if why.is_empty() {
                    format!("{dropped}offloadable")
                } else {
                    format!("{dropped}not offloadable: {}", why.join("; "))
                },
                feature: "offload".to_owned(),
                owner: Key::Port(key).to_string(),
                resource: format!("port {full_name}"),
                why: "what is left of its rows in the datapath".to_owned(),
                installed: true,
                ..v1::FlowRow::default()
            }
        };
        self.kinds(&view, key, place).into_iter().map(row).collect()
    }

    fn kinds(&self, view: &View<'_>, key: PortKey, place: Place) -> Vec<(String, Trace)> {
        let Some(network) = view.port(key).map(|port| port.network) else { return Vec::new() };
        let Some(own) = host(view, key) else { return Vec::new() };
        let switch = Switch::desired(&self.engine, place.chassis);
        let peers = |network: NetworkKey| {
            let there = view.residents(network).into_iter();
            let all = there
                .flat_map(move |chassis| view.members(network, chassis).into_iter().map(move |m| (chassis, m.port)));
            all.filter(move |(_, port)| *port != key)
        };
        let mut kinds = Vec::new();
        for (here, what) in [(true, "on the same hypervisor"), (false, "on another hypervisor")] {
            let peer = peers(network).find(|(chassis, _)| (*chassis == place.chassis) == here);
            if let Some((_, port)) = peer
                && let Some(peer) = host(view, port)
            {
                let name = self.full_name(&Key::Port(port)).unwrap_or_default();
                kinds.push((format!("to {name} {what}"), twice(&switch, own, peer, (place.ofport, None))));
            }
        }
        let routers = view.interfaces_on(network).into_iter();
        let first = routers.filter_map(|(router, subnet)| Some((router, view.interface(router, subnet)?.mac))).next();
        if let Some((router, mac)) = first {
            let networks = self.world.interfaces_of(router).into_iter().map(|other| other.network);
            let mut routed = networks.filter(|other| *other != network).flat_map(peers);
            if let Some((_, port)) = routed.next()
                && let Some((_, address)) = host(view, port)
            {
                let name = self.full_name(&Key::Port(port)).unwrap_or_default();
                kinds.push((
                    format!("to {name} by a router"),
                    twice(&switch, own, (mac, address), (place.ofport, None)),
                ));
            }
            if self.world.gateway(router).is_some() {
                kinds
                    .push(("to outside by a router".to_owned(), twice(&switch, own, (mac, FAR), (place.ofport, None))));
            }
        }
        kinds.extend(self.others_send(view, &switch, (network, place.chassis), own));
        kinds
    }

    /// From beyond the chassis: by the physical network, or the fabric.
    fn others_send(
        &self,
        view: &View<'_>,
        switch: &Switch,
        (network, chassis): (NetworkKey, ChassisKey),
        own: Host,
    ) -> Option<(String, Trace)> {
        let stranger: Host = (MacAddr([2, 0, 0, 0, 0, 1]), FAR);
        if let Some(physical) = view.physical(network) {
            let (port, vlan) = (view.localnet(network, chassis)?, physical.vlan);
            return Some(("from outside".to_owned(), tagged_twice(switch, stranger, own, (port, None), vlan)));
        }
        view.fabric().filter(|fabric| fabric.encap.tunnels())?;
        let id = u64::from(view.segment(network)?);
        let tunnel = Tunnel { id, src: None, dst: view.chassis(chassis)?.tunnel_ip };
        let by = (view.uplink(chassis)?, Some(tunnel));
        Some(("from another hypervisor".to_owned(), twice(switch, stranger, own, by)))
    }
}

fn host(view: &View<'_>, key: PortKey) -> Option<Host> {
    let port = view.port(key)?;
    Some((port.mac, port.v6().find(|address| !addr::is_link_local(*address))?))
}

/// The second packet of a flow: the first one is the switch's own anyway.
fn twice(switch: &Switch, from: Host, to: Host, by: (OfPort, Option<Tunnel>)) -> Trace {
    tagged_twice(switch, from, to, by, None)
}

fn tagged_twice(switch: &Switch, from: Host, to: Host, by: (OfPort, Option<Tunnel>), vlan: Option<u16>) -> Trace {
    let datagram = udp(from.1, to.1, 40_000, 5_001, b"?");
    let mut frame = ipv6_frame(from.0, to.0, from.1, to.1, 64, protocol::UDP, &datagram).to_vec();
    if let Some([high, low]) = vlan.map(u16::to_be_bytes) {
        frame.splice(12..12, [0x81, 0x00, high, low]);
    }
    let first = switch.run(&frame, by.0, by.1);
    let mut known = Connections::default();
    first.commits.iter().for_each(|connection| known.keep(*connection));
    switch.run_knowing(&known, &frame, by.0, by.1)
}

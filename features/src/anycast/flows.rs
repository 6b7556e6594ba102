//! Rows that lead to an instance, answer for the address, admit it as a source, and bring back what instances answer to probes.

use std::net::{IpAddr, Ipv4Addr};

use ::flows::{Claim, Drop, Emit, Feature, FeatureId, On, PuntOp, Reg, Row, Table};
use addr::{IpNet, MacAddr, link_local};
use ofp::{Action, Field};
use packet::{OP_REPLY, OP_REQUEST, protocol};
use topology::{AnycastKey, ChassisKey, Key, KeyKind, NetworkKey, Place, PortKey, View};

use super::{PROBE_PORTS, slots};
use crate::l2::{ANYCAST_GROUPS, GROUP_BIT};
use crate::nd::flows::ask;
use crate::port::{HEALTH, userdata_of, way_to_controller};
use crate::router::{anycast_mac, prober_mac};

/// The feature.
pub struct Anycast;

const NEIGHBOR_SOLICIT: u8 = 135;

/// An instance of a service that is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its port.
    pub port: PortKey,
    /// The port's MAC.
    pub mac: MacAddr,
    /// Where it is bound to.
    pub chassis: ChassisKey,
}

impl Feature for Anycast {
    fn id(&self) -> FeatureId {
        FeatureId(40)
    }

    fn name(&self) -> &'static str {
        "anycast"
    }

    fn anchors(&self) -> &'static [KeyKind] {
        &[KeyKind::AnycastAt, KeyKind::Need]
    }

    fn compile(&self, key: Key, view: &View<'_>, emit: &mut Emit) {
        match key {
            Key::AnycastAt(service, chassis) => service_at(view, emit, service, chassis),
            Key::Need(network, chassis) => probed(view, emit, network, chassis),
            _ => {}
        }
    }
}

/// The instances of a service that are alive, in the order of its ports.
pub fn instances(view: &View<'_>, key: AnycastKey) -> Vec<Instance> {
    let Some(service) = view.anycast(key) else { return Vec::new() };
    let alive = service.ports.iter().filter(|port| view.serves(key, **port));
    alive
        .filter_map(|port| {
            let mac = view.port(*port).filter(|port| port.network == service.network)?.mac;
            Some(Instance { port: *port, mac, chassis: view.binding(*port)?.chassis })
        })
        .collect()
}

fn service_at(view: &View<'_>, emit: &mut Emit, key: AnycastKey, chassis: ChassisKey) {
    let Some(service) = view.anycast(key) else { return };
    let (network, address) = (service.network, service.address);
    let Some(need) = view.need(network, chassis) else { return };
    let mac = anycast_mac(key);
    let mut on = emit.on(chassis);
    for port in &service.ports {
        if let Some(place) = view.place(*port).filter(|place| place.chassis == chassis)
            && view.policy(*port).is_none_or(|policy| policy.secured)
        {
            admit(&mut on, place, address);
        }
    }
    if need.resident {
        asked_by_instances(&mut on, network, address, mac);
    }
    let alive = instances(view, key);
    if alive.is_empty() {
        on.row(Table::Out, 110, "no instance of the service is alive")
            .when_reg(Reg::Net, network.0)
            .when(Field::ETH_DST, mac)
            .punt(PuntOp::Unreachable);
        return;
    }
    if need.resident || need.routed {
        let row = on.row(Table::Neighbor, 100, "the address is the service's").when_reg(Reg::Net, network.0);
        match address {
            IpAddr::V6(address) => row.ipv6().when(Field::IPV6_DST, address).load(Reg::NdAnycast, 1u64),
            IpAddr::V4(address) => row.ipv4().when(Field::IPV4_DST, address),
        }
        .set(Field::ETH_DST, mac)
        .goto(Table::Out);
    }
    if need.resident {
        answered(&mut on, network, address, mac);
    }
    choose(&mut on, key, (network, mac), &alive);
}

/// One on this chassis, or one of those on it; where none is, one of all.
fn choose(on: &mut On<'_>, key: AnycastKey, (network, mac): (NetworkKey, MacAddr), alive: &[Instance]) {
    let here: Vec<Instance> = alive.iter().copied().filter(|one| one.chassis == on.chassis()).collect();
    let (candidates, why) = match here[..] {
        [] => (alive, "an instance on another chassis"),
        _ => (&here[..], "an instance on this chassis"),
    };
    if let [one] = candidates {
        on.row(Table::Out, 110, why)
            .when_reg(Reg::Net, network.0)
            .when(Field::ETH_DST, mac)
            .set(Field::ETH_DST, one.mac)
            .reenter(Table::Out);
        return;
    }
    let ports: Vec<PortKey> = candidates.iter().map(|one| one.port).collect();
    let buckets = slots::assign(&ports).into_iter().filter_map(|at| candidates.get(at)).map(|one| {
        let to = Action::SetField { field: Field::ETH_DST, value: ofp::Value::from(one.mac).0, mask: None };
        vec![to, Action::Resubmit { port: None, table: Some(Table::Out.id()), ct: false }]
    });
    let group = ANYCAST_GROUPS << 24 | key.0 & 0xff_ffff;
    on.spread(group, buckets.collect(), "one of the instances, by a hash of addresses and TCP ports");
    on.row(Table::Out, 110, why).when_reg(Reg::Net, network.0).when(Field::ETH_DST, mac).group(group);
}

/// An instance sends from the address, and says nothing of it: the network does.
fn admit(on: &mut On<'_>, place: Place, address: IpAddr) {
    fn row<'o>(on: &'o mut On<'_>, priority: u16, why: &'static str, place: Place) -> Row<'o> {
        on.row(Table::Admit, priority, why).when(Field::IN_PORT, place.ofport)
    }
    let own = "the source is an address that the port is an instance of";
    match address {
        IpAddr::V6(address) => {
            row(on, 101, "the network speaks for the service", place)
                .ipv6()
                .when(Field::IPV6_SRC, address)
                .when_reg(Reg::Claim, Claim::Target as u64)
                .drop(Drop::UnsolicitedAdvert);
            row(on, 100, own, place).ipv6().when(Field::IPV6_SRC, address).goto(Table::Nd);
        }
        IpAddr::V4(address) => {
            row(on, 100, own, place).ipv4().when(Field::IPV4_SRC, address).goto(Table::Nd);
            row(on, 100, own, place).arp().when(Field::ARP_SPA, address).goto(Table::Nd);
        }
    }
}

/// A question that an instance asks from the service's address shows its own MAC, which must get into nobody's cache.
fn asked_by_instances(on: &mut On<'_>, network: NetworkKey, address: IpAddr, mac: MacAddr) {
    match address {
        IpAddr::V6(address) => {
            let row = on
                .row(
                    Table::Nd,
                    110,
                    "an instance asks from the service's address: who it asks for is not to learn its MAC",
                )
                .icmpv6(NEIGHBOR_SOLICIT)
                .when_reg(Reg::Net, network.0)
                .when(Field::NW_TTL, 255u8)
                .when(Field::IPV6_SRC, address);
            ask(row);
        }
        IpAddr::V4(address) => {
            for op in [OP_REQUEST, OP_REPLY] {
                on.row(Table::Nd, 60, "an instance speaks of the service's address: neighbours have the service's MAC")
                    .arp()
                    .when_reg(Reg::Net, network.0)
                    .when(Field::ARP_OP, op)
                    .when(Field::ARP_SPA, address)
                    .when_masked(Field::ETH_DST, MacAddr::ZERO, GROUP_BIT)
                    .set(Field::ARP_SHA, mac)
                    .goto(Table::Egress);
            }
        }
    }
}

/// The network answers for the service: to whoever asks anew, and to whoever makes sure.
fn answered(on: &mut On<'_>, network: NetworkKey, address: IpAddr, mac: MacAddr) {
    match address {
        IpAddr::V6(_) => {
            let row = on
                .row(Table::Nd, 105, "is the service still there? An instance would tell its own MAC")
                .icmpv6(NEIGHBOR_SOLICIT)
                .when_reg(Reg::Net, network.0)
                .when(Field::NW_TTL, 255u8)
                .when(Field::ETH_DST, mac);
            ask(row);
        }
        IpAddr::V4(address) => {
            let row = on
                .row(Table::Nd, 200, "the address is the service's")
                .arp()
                .when_reg(Reg::Net, network.0)
                .when(Field::ARP_OP, OP_REQUEST)
                .when(Field::ARP_TPA, address);
            reply(row, address, mac);
        }
    }
}

fn reply(row: Row<'_>, address: Ipv4Addr, mac: MacAddr) {
    row.set(Field::ARP_OP, OP_REPLY)
        .copy(Field::ETH_SRC, Field::ETH_DST)
        .set(Field::ETH_SRC, mac)
        .copy(Field::ARP_SHA, Field::ARP_THA)
        .copy(Field::ARP_SPA, Field::ARP_TPA)
        .set(Field::ARP_SHA, mac)
        .set(Field::ARP_SPA, address)
        .goto(Table::Reply);
}

/// From where an instance is asked over IPv4: the address of a router on the service's subnet, or of its gateway.
pub fn prober(view: &View<'_>, network: NetworkKey, address: Ipv4Addr) -> Option<Ipv4Addr> {
    let subnets = view.subnets_of(network);
    let around = |subnet: &&topology::SubnetKey| {
        view.subnet(**subnet).is_some_and(|subnet| subnet.cidr.contains(&IpNet::from(IpAddr::V4(address))))
    };
    let subnet = *subnets.iter().find(around)?;
    let of_router = view.interfaces_on(network).into_iter().filter(|(_, other)| *other == subnet);
    let mut of_router = of_router.filter_map(|(router, subnet)| addr::v4(view.interface(router, subnet)?.address));
    of_router.next().or_else(|| Some(view.dhcp4(subnet)?.gateway))
}

/// What instances on a chassis answer to probes. It goes by a meter of its own.
fn probed(view: &View<'_>, emit: &mut Emit, network: NetworkKey, chassis: ChassisKey) {
    let services: Vec<_> = view.anycasts_on(network).into_iter().filter_map(|key| view.anycast(key)).collect();
    let here = |port: &PortKey| view.place(*port).filter(|place| place.chassis == chassis).map(|place| (*port, place));
    let mut ports: Vec<(PortKey, Place)> =
        services.iter().flat_map(|service| &service.ports).filter_map(here).collect();
    ports.sort_unstable_by_key(|(port, _)| *port);
    ports.dedup();
    if ports.is_empty() || !view.is_resident(network, chassis) {
        return;
    }
    let mut on = emit.on(chassis);
    let mac = prober_mac(network);
    on.row(Table::Neighbor, 100, "from here instances are asked whether they are alive")
        .when_reg(Reg::Net, network.0)
        .ipv6()
        .when(Field::IPV6_DST, link_local(mac))
        .set(Field::ETH_DST, mac)
        .goto(Table::Out);
    let v4 = services.iter().filter_map(|service| addr::v4(service.address));
    let mut sources: Vec<Ipv4Addr> = v4.filter_map(|address| prober(view, network, address)).collect();
    sources.sort_unstable();
    sources.dedup();
    let nobodys = |source: &Ipv4Addr| view.holder(network, IpAddr::V4(*source)).is_none();
    for (port, place) in ports {
        way_to_controller(&mut on, place.ofport, HEALTH, &userdata_of(port));
        for ethertype in [0x86ddu16, 0x0800, 0x0806] {
            on.row(Table::Nd, 205, "an instance's answer")
                .when(Field::IN_PORT, place.ofport)
                .when_reg(Reg::Net, network.0)
                .when(Field::ETH_DST, mac)
                .when(Field::ETH_TYPE, ethertype)
                .punt(PuntOp::Health);
        }
        let row = on
            .row(Table::Nd, 208, "an instance makes sure of who asks it")
            .icmpv6(NEIGHBOR_SOLICIT)
            .when(Field::IN_PORT, place.ofport)
            .when_reg(Reg::Net, network.0)
            .when(Field::NW_TTL, 255u8)
            .when(Field::ETH_DST, mac);
        ask(row);
        for source in &sources {
            on.row(Table::Nd, 210, "an instance's answer, by way of its gateway")
                .ipv4()
                .when(Field::IN_PORT, place.ofport)
                .when_reg(Reg::Net, network.0)
                .when(Field::IP_PROTO, protocol::TCP)
                .when(Field::IPV4_DST, *source)
                .when_masked(Field::TCP_DST, PROBE_PORTS, PROBE_PORTS)
                .punt(PuntOp::Health);
        }
        for source in sources.iter().filter(|source| nobodys(source)) {
            let row = on
                .row(Table::Nd, 190, "the gateway, from where instances are asked, is nobody's")
                .arp()
                .when(Field::IN_PORT, place.ofport)
                .when_reg(Reg::Net, network.0)
                .when(Field::ARP_OP, OP_REQUEST)
                .when(Field::ARP_TPA, *source);
            reply(row, *source, mac);
        }
    }
}

//! What there is in a world for a packet to be aimed at, read from its facts.

#![allow(dead_code, unreachable_pub)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use addr::{IpNet, MacAddr, OfPort, link_local, subnet_router_anycast};
use topology::{Change, ChassisKey, Encap, Interface, NetworkKey, Port, PortKey, RouterKey};

use super::dice::Dice;

/// Who and what there is.
#[derive(Clone, Debug)]
pub struct Scene {
    pub encap: Encap,
    pub chassis: Vec<Host>,
    pub ports: Vec<Vm>,
    /// Network, segment, MTU.
    pub networks: Vec<(NetworkKey, u32, u32)>,
    pub interfaces: Vec<Interface>,
    /// Everybody's MACs.
    pub macs: Vec<MacAddr>,
    /// Addresses that somebody has, or could have, or that routes lead to.
    pub v6: Vec<Ipv6Addr>,
    pub v4: Vec<Ipv4Addr>,
    /// Services' MACs and addresses, by network.
    pub services: Vec<(NetworkKey, MacAddr, IpAddr)>,
    /// Beyond static routes.
    pub routed: Vec<Ipv6Addr>,
    /// The router that leads to a provider network, and its VLAN there.
    pub beyond: Option<(RouterKey, Option<u16>)>,
}

#[derive(Clone, Debug)]
pub struct Host {
    pub key: ChassisKey,
    pub tunnel_ip: Option<IpAddr>,
    pub uplink: Option<OfPort>,
}

#[derive(Clone, Debug)]
pub struct Vm {
    pub key: PortKey,
    pub port: Port,
    /// Where it is plugged.
    pub at: Option<(ChassisKey, OfPort)>,
    /// The tag that its frames have there.
    pub tag: Option<u16>,
}

/// Addresses that nobody has, or that mean something everywhere.
const ODD_V6: [&str; 16] = [
    "fe80::a9fe:a9fe",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::99",
    "2001:db8:1::99",
    "2001:db8:ff::1",
    "ff02::1",
    "ff02::2",
    "ff02::16",
    "ff02::1:ff00:1",
    "ff05::2",
    "ff3e::8000:1",
    "ff15::1",
    "::1",
    "::",
    "::ffff:10.0.0.1",
];
const ODD_V4: [Ipv4Addr; 10] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::UNSPECIFIED,
    Ipv4Addr::LOCALHOST,
    Ipv4Addr::BROADCAST,
    Ipv4Addr::new(224, 0, 0, 5),
    Ipv4Addr::new(239, 1, 2, 3),
    Ipv4Addr::new(192, 0, 2, 1),
    Ipv4Addr::new(10, 0, 0, 99),
    Ipv4Addr::new(0, 1, 2, 3),
    Ipv4Addr::new(169, 254, 1, 1),
];

impl Scene {
    /// Of the facts that these changes state.
    pub fn of(changes: &[Change]) -> Scene {
        let mut scene = Scene {
            encap: Encap::Geneve,
            chassis: Vec::new(),
            ports: Vec::new(),
            networks: Vec::new(),
            interfaces: Vec::new(),
            macs: Vec::new(),
            v6: ODD_V6.iter().map(|text| text.parse().unwrap()).collect(),
            v4: ODD_V4.to_vec(),
            services: Vec::new(),
            routed: Vec::new(),
            beyond: None,
        };
        for change in changes {
            scene.state(change, changes);
        }
        scene.chassis.sort_by_key(|host| host.key);
        scene
    }

    fn state(&mut self, change: &Change, all: &[Change]) {
        match change {
            Change::Fabric(Some(fabric)) => self.encap = fabric.encap,
            Change::Chassis(key, Some(chassis)) => {
                let uplink = plugged(all, *key, "sx-tun");
                self.chassis.push(Host { key: *key, tunnel_ip: chassis.tunnel_ip, uplink });
            }
            Change::Network(key, Some(network)) => {
                self.networks.retain(|(other, ..)| other != key);
                self.networks.push((*key, network.segment, network.mtu));
            }
            Change::Gateway(router, Some(gateway)) => {
                gateway.addresses.iter().for_each(|address| self.address(*address));
                let vlan = all.iter().find_map(|change| match change {
                    Change::Network(key, Some(network)) if *key == gateway.network => network.physical.as_ref()?.vlan,
                    _ => None,
                });
                self.beyond = Some((*router, vlan));
            }
            Change::Presence(_, outside, Some(_)) => self.address(*outside),
            Change::PrefixMapping(_, _, Some(mapping)) => {
                let outside: Vec<Ipv6Addr> =
                    self.v6.iter().filter_map(|inside| mapping.pair.outward(*inside)).collect();
                self.v6.extend(outside);
            }
            Change::Anycast(key, Some(service)) => {
                let mac = features::router::anycast_mac(*key);
                self.macs.extend([mac, features::router::prober_mac(service.network)]);
                self.address(service.address);
                self.services.push((service.network, mac, service.address));
            }
            Change::Subnet(_, Some(subnet)) => self.prefix(subnet.cidr),
            Change::Route(_, destination, _) => {
                self.prefix(*destination);
                if let IpNet::V6(prefix) = destination {
                    self.routed.push((u128::from(prefix.network()) | 7).into());
                }
            }
            Change::Interface(_, _, Some(interface)) => {
                self.macs.push(interface.mac);
                self.address(interface.address);
                self.v6.push(link_local(interface.mac));
                self.interfaces.push(interface.clone());
            }
            Change::Port(key, Some(port)) => {
                self.macs.push(port.mac);
                port.all().for_each(|address| self.address(address));
                let trunk = all.iter().find_map(|change| match change {
                    Change::Subport(other, Some(subport)) if other == key => Some(subport),
                    _ => None,
                });
                let by = trunk.map_or(key, |trunk| &trunk.parent);
                let bound = all.iter().find_map(|change| match change {
                    Change::Binding(other, Some(binding)) if other == by => Some(binding),
                    _ => None,
                });
                let at = bound.and_then(|b| Some((b.chassis, plugged(all, b.chassis, &b.interface)?)));
                self.ports.push(Vm { key: *key, port: port.clone(), at, tag: trunk.map(|trunk| trunk.vlan) });
            }
            _ => {}
        }
    }

    fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V6(address) => self.v6.push(address),
            IpAddr::V4(address) => self.v4.push(address),
        }
    }

    /// Its first, an inner and its last address.
    fn prefix(&mut self, cidr: IpNet) {
        match cidr {
            IpNet::V6(prefix) => {
                self.v6.extend([subnet_router_anycast(prefix), prefix.broadcast()]);
                self.v6
                    .push((u128::from(prefix.network()) | (0x99 & (u128::MAX >> prefix.prefix_len().min(127)))).into());
            }
            IpNet::V4(prefix) => self.v4.extend([prefix.network(), prefix.broadcast()]),
        }
    }

    /// Those plugged on a chassis.
    pub fn here(&self, chassis: ChassisKey) -> Vec<&Vm> {
        self.ports.iter().filter(|vm| vm.at.is_some_and(|(at, _)| at == chassis)).collect()
    }

    /// The routers' interfaces on a network.
    pub fn routers_on(&self, network: NetworkKey) -> Vec<&Interface> {
        self.interfaces.iter().filter(|interface| interface.network == network).collect()
    }

    /// The MACs and addresses on a network, mostly; else of anywhere.
    pub fn near(&self, dice: &mut Dice, network: NetworkKey) -> (MacAddr, Vec<IpAddr>) {
        let ports = self.ports.iter().filter(|vm| vm.port.network == network);
        let ports = ports.map(|vm| (vm.port.mac, vm.port.all().collect()));
        let routers = self.routers_on(network).into_iter();
        let routers = routers.map(|router| (router.mac, vec![router.address, link_local(router.mac).into()]));
        let services = self.services.iter().filter(|(on, ..)| *on == network);
        let services = services.map(|(_, mac, address)| (*mac, vec![*address]));
        let all: Vec<(MacAddr, Vec<IpAddr>)> = ports.chain(routers).chain(services).collect();
        dice.any(&all).unwrap_or((MacAddr::BROADCAST, Vec::new()))
    }

    pub fn any_v6(&self, dice: &mut Dice) -> Ipv6Addr {
        dice.of(&self.v6)
    }

    pub fn any_v4(&self, dice: &mut Dice) -> Ipv4Addr {
        dice.of(&self.v4)
    }
}

fn plugged(all: &[Change], chassis: ChassisKey, name: &str) -> Option<OfPort> {
    all.iter().find_map(|change| match change {
        Change::Plug(at, interface, port) if *at == chassis && **interface == *name => *port,
        _ => None,
    })
}

//! `network_data.json`: a VM's interfaces, and how each comes by its addresses, as Nova writes it.

use std::net::IpAddr;

use addr::{IpNet, Ipv6Net};
use serde_json::{Value, json};
use topology::{NetworkKey, Port, SubnetKey, View};

use super::Nic;
use super::vm::Vm;
use crate::{dns, given};

/// All interfaces, the one that asks first.
pub(super) fn of(vm: &Vm<'_>) -> Value {
    let (mut links, mut networks, mut services) = (Vec::new(), Vec::new(), Vec::new());
    for (nic, port, network) in vm.nics() {
        let link = format!("tap{}", nic.uid.get(..11).unwrap_or(&nic.uid));
        links.push(json!({
            "id": link,
            "vif_id": nic.uid,
            "type": "ovs",
            "mtu": network.mtu,
            "ethernet_mac_address": port.mac.to_string(),
        }));
        for address in &port.addresses {
            let Some((subnet, cidr)) = around(vm.view, port.network, *address) else { continue };
            let servers = servers(vm.view, subnet, cidr);
            let mut told = network_of(vm.view, nic, port, subnet, cidr, *address);
            told["id"] = json!(format!("network{}", networks.len()));
            told["link"] = json!(link);
            told["network_id"] = json!(nic.network_uid);
            told["services"] = servers.iter().map(service).collect();
            networks.push(told);
            services.extend(servers.into_iter().filter(|server| !services.contains(server)).collect::<Vec<_>>());
        }
    }
    json!({"links": links, "networks": networks, "services": services.iter().map(service).collect::<Vec<_>>()})
}

fn service(server: &IpAddr) -> Value {
    json!({"type": "dns", "address": server.to_string()})
}

/// The subnet that an address is of.
fn around(view: &View<'_>, network: NetworkKey, address: IpAddr) -> Option<(SubnetKey, IpNet)> {
    let subnets = view.subnets_of(network).into_iter();
    let mut cidrs = subnets.filter_map(|key| Some((key, view.subnet(key)?.cidr)));
    cidrs.find(|(_, cidr)| cidr.contains(&address))
}

fn servers(view: &View<'_>, subnet: SubnetKey, cidr: IpNet) -> Vec<IpAddr> {
    match cidr {
        IpNet::V6(_) => {
            let advert = view.advert(subnet).map(|advert| &advert.rdnss[..]);
            let named = advert.or_else(|| view.dhcp6(subnet).map(|fact| &fact.dns[..])).unwrap_or_default();
            dns::server::told_v6(view, subnet, named).into_iter().map(IpAddr::V6).collect()
        }
        IpNet::V4(_) => {
            let named = view.dhcp4(subnet).map_or(&[][..], |fact| &fact.dns);
            dns::server::told_v4(view, subnet, named).into_iter().map(IpAddr::V4).collect()
        }
    }
}

fn network_of(view: &View<'_>, nic: &Nic, port: &Port, subnet: SubnetKey, cidr: IpNet, address: IpAddr) -> Value {
    let kind = match cidr {
        IpNet::V6(prefix) => kind_v6(view, nic, subnet, prefix, address),
        IpNet::V4(_) if view.dhcp4(subnet).is_some() => "ipv4_dhcp",
        IpNet::V4(_) => "ipv4",
    };
    let routers = view.interfaces_on(port.network).into_iter().filter(|(_, on)| *on == subnet);
    let gateway = routers.filter_map(|(router, on)| view.interface(router, on)).map(|i| i.address).next();
    let all = if cidr.network().is_ipv6() { "::" } else { "0.0.0.0" };
    let route = |gateway: IpAddr| json!({"network": all, "netmask": all, "gateway": gateway.to_string()});
    // What is told by other means is not to be set by hand.
    let fixed = matches!(kind, "ipv6" | "ipv4");
    json!({
        "type": kind,
        "ip_address": address.to_string(),
        "netmask": cidr.netmask().to_string(),
        "routes": gateway.filter(|_| fixed).map(route).into_iter().collect::<Vec<_>>(),
    })
}

/// How a port comes by an address: formed, by DHCPv6, or in no way that we serve.
fn kind_v6(view: &View<'_>, nic: &Nic, subnet: SubnetKey, prefix: Ipv6Net, address: IpAddr) -> &'static str {
    let chosen = |address| given::not_formed(view, nic.port, prefix).contains(&address);
    let chosen = addr::v6(address).is_some_and(chosen);
    let (advert, dhcp6) = (view.advert(subnet), view.dhcp6(subnet));
    let forms = advert.is_some_and(|advert| advert.autonomous && (advert.per_host || !chosen));
    match (forms, dhcp6) {
        (true, Some(fact)) if fact.everybody => "ipv6_dhcpv6-stateless",
        (true, _) => "ipv6_slaac",
        (false, Some(_)) => "ipv6_dhcpv6-stateful",
        (false, None) => "ipv6",
    }
}

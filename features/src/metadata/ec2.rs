//! EC2's paths: a tree under each version, of those names that have a meaning here.

use serde_json::{Map, Value};

use super::answers::{BYTES, JSON, TEXT};
use super::http::Response;
use super::tree::{self, Entry};
use super::vm::{self, Vm};

/// Versions that clients look for, oldest first. All are the same here.
const VERSIONS: [&str; 18] = [
    "1.0",
    "2007-01-19",
    "2007-03-01",
    "2007-08-29",
    "2007-10-10",
    "2007-12-15",
    "2008-02-01",
    "2008-09-01",
    "2009-04-04",
    "2011-01-01",
    "2012-01-12",
    "2014-02-25",
    "2014-11-05",
    "2016-09-02",
    "2018-09-24",
    "2020-10-27",
    "2021-03-23",
    "latest",
];

/// What a path leads to.
pub(super) fn find(vm: &Vm<'_>, path: &[&str]) -> Option<Response> {
    let (version, rest) = match path {
        [] => return Some(Response::found(TEXT, format!("{}\nopenstack", VERSIONS.join("\n")))),
        [version, rest @ ..] => (version, rest),
    };
    if !VERSIONS.contains(version) {
        return None;
    }
    match rest {
        [] => {
            let user_data = vm.described.user_data.as_ref().map_or("", |_| "\nuser-data");
            Some(Response::found(TEXT, format!("dynamic/\nmeta-data/{user_data}")))
        }
        ["user-data"] => Some(Response::found(BYTES, vm.described.user_data.clone()?)),
        ["meta-data", rest @ ..] => tree::find(meta_data(vm), rest).map(|text| Response::found(TEXT, text)),
        ["dynamic", "instance-identity", "document"] => Some(Response::found(JSON, identity(vm).to_string())),
        ["dynamic", rest @ ..] => tree::find(dynamic(), rest).map(|text| Response::found(TEXT, text)),
        _ => None,
    }
}

fn meta_data(vm: &Vm<'_>) -> Vec<Entry> {
    let (v4, v6) = (vm::addresses(vm.port, false), vm::addresses(vm.port, true));
    let hostname = vm.hostname();
    let mut entries = vec![
        Entry::file("ami-launch-index", "0"),
        Entry::file("hostname", &*hostname),
        Entry::file("instance-id", instance_id(vm)),
    ];
    entries.extend(v6.first().map(|address| Entry::file("ipv6", address)));
    entries.push(Entry::file("local-hostname", hostname));
    entries.extend(v4.first().map(|address| Entry::file("local-ipv4", address)));
    entries.push(Entry::file("mac", vm.port.mac.to_string()));
    let nics = vm.nics().into_iter().enumerate().map(|(n, (nic, port, _))| {
        Entry::folder(&port.mac.to_string(), interface(vm, n, &nic.uid, &nic.network_uid, port))
    });
    let macs = Entry::folder("macs", nics.collect());
    entries.push(Entry::folder("network", vec![Entry::folder("interfaces", vec![macs])]));
    let keys = vm.public_keys();
    if !keys.is_empty() {
        let folder = |(n, key): (usize, &vm::PublicKey<'_>)| {
            Entry::folder(&n.to_string(), vec![Entry::file("openssh-key", key.line)]).shown(format!("{n}={}", key.name))
        };
        entries.push(Entry::folder("public-keys", keys.iter().enumerate().map(folder).collect()));
    }
    let groups = vm.security_groups();
    if !groups.is_empty() {
        entries.push(Entry::file("security-groups", groups.join("\n")));
    }
    entries
}

/// An interface, as VMs in a VPC are told of theirs.
fn interface(vm: &Vm<'_>, number: usize, uid: &str, network_uid: &str, port: &topology::Port) -> Vec<Entry> {
    let mut entries = vec![
        Entry::file("device-number", number.to_string()),
        Entry::file("interface-id", format!("eni-{}", vm::short_id(uid))),
        Entry::file("mac", port.mac.to_string()),
        Entry::file("owner-id", &*port.tenant),
        Entry::file("vpc-id", format!("vpc-{}", vm::short_id(network_uid))),
    ];
    let subnets = vm.view.subnets_of(port.network).into_iter().filter_map(|subnet| vm.view.subnet(subnet));
    let cidrs: Vec<addr::IpNet> = subnets.map(|subnet| subnet.cidr).collect();
    for (v6, addresses, blocks) in
        [(false, "local-ipv4s", "subnet-ipv4-cidr-block"), (true, "ipv6s", "subnet-ipv6-cidr-blocks")]
    {
        let own = vm::addresses(port, v6);
        if own.is_empty() {
            continue;
        }
        entries.push(Entry::file(addresses, own.join("\n")));
        let of = cidrs.iter().filter(|cidr| cidr.network().is_ipv6() == v6).map(addr::IpNet::to_string);
        // The first is what clients take for all of IPv4.
        let of: Vec<String> = if v6 { of.collect() } else { of.take(1).collect() };
        entries.push(Entry::file(blocks, of.join("\n")));
    }
    entries
}

fn dynamic() -> Vec<Entry> {
    vec![Entry::folder("instance-identity", vec![Entry::file("document", "")])]
}

fn identity(vm: &Vm<'_>) -> Value {
    let mut told = Map::new();
    told.insert("accountId".to_owned(), vm.port.tenant.as_ref().into());
    told.insert("instanceId".to_owned(), instance_id(vm).into());
    told.insert("privateIp".to_owned(), vm::addresses(vm.port, false).into_iter().next().into());
    told.insert("version".to_owned(), "2017-09-30".into());
    Value::Object(told)
}

fn instance_id(vm: &Vm<'_>) -> String {
    format!("i-{}", vm::short_id(&vm.described.id))
}

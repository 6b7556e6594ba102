//! Documents good and bad, and the shape of what is shown.

use super::*;
use serde_json::json;

fn source(text: &str) -> Vec<Source> {
    vec![Source { name: "site.yaml".to_owned(), text: text.to_owned() }]
}

fn one(text: &str) -> v1::Document {
    read(&source(text)).unwrap().messages[0].clone()
}

fn told(text: &str) -> Vec<String> {
    read(&source(text)).unwrap_err().reasons(&[])
}

const SITE: &str = r#"tenant: acme
chassis:
  - name: hv1
    datapath_id: "0000000000000001"
    tunnel_ip: fd00:a::1
fabric: {encap: geneve, interface: sx-tun}
networks:
  - {name: red, type: overlay, mtu: 1430, labels: {tier: "1"}}
subnets:
  - name: red6
    network: red
    cidr: 2001:db8:a::/64
    ipv6_ra_mode: slaac
    allocation_pools: [{start: 2001:db8:a::100, end: 2001:db8:a::1ff}]
    prefix_lifetimes: {preferred_s: 14400, valid_s: 86400}
    advertise_router: false
routers:
  - name: r1
    interfaces: [{subnet: red6}]
    routes: [{destination: "::/0", nexthop: fe80::ffff}]
ports:
  - name: vm1
    network: red
    mac_address: "02:00:00:00:01:01"
    fixed_ips: [{subnet: red6}, {ip_address: 10.1.0.5}]
    binding: {chassis: hv1, interface: vm1}
  - {name: vm2, network: red, fixed_ips: []}
  - {name: vm3, network: red, tenant: other, uid: 6b1f6f8e-0000-4000-8000-000000000001}
"#;

#[test]
fn nothing_of_a_document_is_lost() {
    let site = one(SITE);
    assert_eq!(site.tenant, "acme");
    let chassis = site.chassis[0].clone();
    assert_eq!(chassis.meta.unwrap().name, "hv1");
    assert_eq!(chassis.spec.unwrap().datapath_id.as_deref(), Some("0000000000000001"));
    assert_eq!(site.fabric.unwrap().spec.unwrap().encap(), v1::Encap::Geneve);
    let network = site.networks[0].clone();
    assert_eq!(network.meta.unwrap().labels["tier"], "1");
    assert_eq!(network.spec.unwrap().mtu, Some(1430));
    let subnet = site.subnets[0].spec.clone().unwrap();
    assert_eq!(subnet.ipv6_ra_mode(), v1::Ipv6Mode::Slaac);
    assert_eq!(subnet.ipv6_address_mode(), v1::Ipv6Mode::Unspecified);
    assert_eq!(subnet.allocation_pools[0].end, "2001:db8:a::1ff");
    assert_eq!(subnet.prefix_lifetimes.unwrap().valid_s, 86400);
    assert_eq!((subnet.advertise_router, subnet.advertise_prefix), (Some(false), None));
    let port = site.ports[0].spec.clone().unwrap();
    let ips = port.fixed_ips.unwrap().items;
    assert_eq!(ips[0], v1::FixedIp { subnet: Some("red6".to_owned()), ip_address: None });
    assert_eq!(ips[1].ip_address.as_deref(), Some("10.1.0.5"));
    assert_eq!(port.binding.unwrap().interface, "vm1");
    assert_eq!(site.ports[1].spec.clone().unwrap().fixed_ips, Some(v1::FixedIpList::default()), "empty is not absent");
    let third = site.ports[2].clone();
    assert_eq!(third.spec.unwrap().fixed_ips, None);
    assert_eq!(third.meta.unwrap().tenant, "other");
}

#[test]
fn several_documents_and_files() {
    let all = read(&[
        Source { name: "a.yaml".to_owned(), text: "ports: [{name: a}]\n---\nports: [{name: b}]\n".to_owned() },
        Source { name: "b.yaml".to_owned(), text: "# nothing\n---\nports: []\n".to_owned() },
    ])
    .unwrap();
    assert_eq!(all.messages().len(), 3);
    assert_eq!(all.empty_lists(), ["b.yaml:3: ports"]);
}

#[test]
fn every_problem_is_told_with_its_place() {
    let bad = "\
tenant: 5
networks:
  - name: red
    mtu: \"1430\"
    segmentation_id: 4294967296
    type: overly
    shared: yes
  - red
subnets:
  - nmae: red6
    cidr:
    prefix_lifetimes: {valid_s: -1, preferred_s: 1.5}
    allocation_pools: {start: a}
    dns_nameservers: [1, ~]
    zebra: 1
ports:
  - {name: vm1, status: {phase: active}, revision: 5, kind: port, spec: {network: red}}
  - name: vm2
    fixed_ips: [{subnett: x}, 10.0.0.1]
    labels: {a: 1, b: true}
    binding: hv1
fabric: [{encap: geneve}]
porst: []
pigeons: []
";
    let expected = "\
site.yaml:1: tenant: must be a text, and 5 is a number: write \"5\"
site.yaml:4: networks[0].mtu: must be a whole number, and is the text \"1430\"
site.yaml:5: networks[0].segmentation_id: must be 0 to 4294967295, and is 4294967296
site.yaml:6: networks[0].type: must be one of overlay, provider, and is \"overly\"
site.yaml:7: networks[0].shared: must be true or false, and is the text \"yes\"
site.yaml:8: networks[1]: must be a mapping (`field: value`), and is the text \"red\"
site.yaml:10: subnets[0].nmae: unknown field; did you mean `name`?
site.yaml:11: subnets[0].cidr: has no value: give it one, or leave the field out
site.yaml:12: subnets[0].prefix_lifetimes.valid_s: must be 0 to 4294967295, and is -1
site.yaml:12: subnets[0].prefix_lifetimes.preferred_s: must be a whole number, and is 1.5
site.yaml:13: subnets[0].allocation_pools: must be a list (`- ...` or `[...]`), and is a mapping
site.yaml:14: subnets[0].dns_nameservers[0]: must be a text, and 1 is a number: write \"1\"
site.yaml:14: subnets[0].dns_nameservers[1]: has no value: give it one, or leave the item out
site.yaml:15: subnets[0].zebra: unknown field; known here: name, tenant, uid, display_name, description, labels, network, cidr, ";
    let after = "\
site.yaml:17: ports[0].status: this is for the controller to say; it can't be written
site.yaml:17: ports[0].revision: this is for the controller to say; it can't be written
site.yaml:17: ports[0].kind: a resource's kind is the key of the list that it stands in
site.yaml:17: ports[0].spec: a resource's fields are written beside its name, not inside a mapping of their own
site.yaml:19: ports[1].fixed_ips[0].subnett: unknown field; did you mean `subnet`?
site.yaml:19: ports[1].fixed_ips[1]: must be a mapping (`field: value`), and is the text \"10.0.0.1\"
site.yaml:20: ports[1].labels.a: must be a text, and 1 is a number: write \"1\"
site.yaml:20: ports[1].labels.b: must be a text, and true is a truth value: write \"true\"
site.yaml:21: ports[1].binding: must be a mapping (`field: value`), and is the text \"hv1\"
site.yaml:22: fabric: must be a mapping (`field: value`), and is a list
site.yaml:23: porst: unknown field; did you mean `ports`?
site.yaml:24: pigeons: unknown field; known here: tenant, chassis, fabric, ";
    let told = told(bad);
    let lines: Vec<&str> = expected.lines().chain(after.lines()).collect();
    for (told, expected) in told.iter().zip(&lines) {
        assert!(told.starts_with(expected), "\n{told}\n{expected}");
    }
    assert_eq!(told.len(), lines.len(), "{told:#?}");
}

#[test]
fn all_files_are_read_before_any_is_refused() {
    let told = read(&[
        Source { name: "a.yaml".to_owned(), text: "x: [\n".to_owned() },
        Source { name: "b.yaml".to_owned(), text: "ports: [{a: 1}]\n---\nports: [{b: 1, b: 1}]\n".to_owned() },
        Source { name: "c.yaml".to_owned(), text: "just words\n".to_owned() },
    ])
    .unwrap_err()
    .reasons(&[]);
    assert!(told[0].starts_with("a.yaml:2: x[0]: this is not YAML") || told[0].starts_with("a.yaml:"), "{told:#?}");
    assert!(
        told.iter().any(|line| line == "b.yaml:3: ports[0].b: is given twice; the first time on line 3"),
        "{told:#?}"
    );
    assert!(told.iter().any(|line| line.starts_with("c.yaml:1: must be a mapping")), "{told:#?}");
}

#[test]
fn refusals_are_placed() {
    let explain = |documents: &Documents, path: &str| {
        documents.explain(&Violation { path: path.to_owned(), message: "no".to_owned() })
    };
    let one = read(&source(SITE)).unwrap();
    assert_eq!(explain(&one, "subnets[0].cidr"), "site.yaml:12: subnets[0].cidr: no");
    assert_eq!(explain(&one, "documents[0].subnets[0].spec.gateway_ip"), "site.yaml:10: subnets[0].gateway_ip: no");
    assert_eq!(
        explain(&one, "ports[0].fixed_ips.items[1].ip_address"),
        "site.yaml:25: ports[0].fixed_ips[1].ip_address: no"
    );
    assert_eq!(explain(&one, "ports[2].name"), "site.yaml:28: ports[2].name: no");
    assert_eq!(explain(&one, "fabric.encap"), "site.yaml:6: fabric.encap: no");
    assert_eq!(explain(&one, ""), "no");
    let two = read(&source("ports:\n- name: a\n---\nports:\n- name: b\n")).unwrap();
    assert_eq!(explain(&two, "documents[1].ports[0].network"), "site.yaml:5: ports[0].network: no");
    assert_eq!(explain(&two, "documents[7].ports[0]"), "documents[7].ports[0]: no");
    assert_eq!(explain(&two, "ports[0]"), "ports[0]: no");
}

fn meta(name: &str, tenant: &str) -> Option<v1::Meta> {
    Some(v1::Meta {
        name: name.to_owned(),
        tenant: tenant.to_owned(),
        uid: "u".to_owned(),
        revision: 7,
        ..v1::Meta::default()
    })
}

fn shown(resource: v1::resource::Kind) -> serde_json::Value {
    let (kind, message) = resource_of(&v1::Resource { kind: Some(resource) }).unwrap();
    show(kind, &message)
}

/// The shape of `-o json` is a promise: these are its pins.
#[test]
fn the_json_of_each_kind_is_pinned() {
    let site = one(SITE);
    let status =
        v1::ChassisStatus { phase: v1::Phase::Active.into(), desired: u64::MAX, connected: true, ..Default::default() };
    let chassis = v1::Chassis { meta: meta("hv1", ""), spec: site.chassis[0].spec.clone(), status: Some(status) };
    assert_eq!(
        shown(v1::resource::Kind::Chassis(chassis)),
        json!({"kind": "chassis", "name": "hv1", "tenant": "", "uid": "u", "revision": 7,
            "spec": {"datapath_id": "0000000000000001", "tunnel_ip": "fd00:a::1"},
            "status": {"phase": "Active", "reason": "", "datapath_id": "", "bridge": "", "connected": true, "discovered": false,
                "desired": u64::MAX, "installed": 0, "foreign_flows": 0, "drained": false, "ovs_version": "",
                "peers_lost": []}})
    );
    let status = v1::FabricStatus { phase: v1::Phase::Pending.into(), reason: "none".to_owned(), links: None };
    let fabric =
        v1::Fabric { meta: meta("default", ""), spec: site.fabric.clone().unwrap().spec, status: Some(status) };
    assert_eq!(
        shown(v1::resource::Kind::Fabric(fabric)),
        json!({"kind": "fabric", "name": "default", "tenant": "", "uid": "u", "revision": 7,
            "spec": {"encap": "geneve", "interface": "sx-tun"}, "status": {"phase": "Pending", "reason": "none"}})
    );
    let mut network = v1::Network { meta: meta("red", "acme"), ..site.networks[0].clone() };
    network.meta.as_mut().unwrap().labels = site.networks[0].meta.clone().unwrap().labels;
    network.meta.as_mut().unwrap().display_name = "Red".to_owned();
    network.status = Some(v1::NetworkStatus { segmentation_id: 5, mtu: 1430, ..Default::default() });
    assert_eq!(
        shown(v1::resource::Kind::Network(network)),
        json!({"kind": "network", "name": "red", "tenant": "acme", "uid": "u", "revision": 7, "display_name": "Red",
            "labels": {"tier": "1"}, "spec": {"type": "overlay", "mtu": 1430},
            "status": {"reason": "", "segmentation_id": 5, "mtu": 1430}})
    );
    let subnet = v1::Subnet { meta: meta("red6", "acme"), ..site.subnets[0].clone() };
    assert_eq!(
        shown(v1::resource::Kind::Subnet(subnet)),
        json!({"kind": "subnet", "name": "red6", "tenant": "acme", "uid": "u", "revision": 7,
            "spec": {"network": "red", "cidr": "2001:db8:a::/64", "ipv6_ra_mode": "slaac",
                "allocation_pools": [{"start": "2001:db8:a::100", "end": "2001:db8:a::1ff"}], "advertise_router": false,
                "prefix_lifetimes": {"preferred_s": 14400, "valid_s": 86400}},
            "status": {"reason": "", "gateway_ip": "", "cidrs": []}})
    );
    let router = v1::Router { meta: meta("r1", "acme"), ..site.routers[0].clone() };
    assert_eq!(
        shown(v1::resource::Kind::Router(router)),
        json!({"kind": "router", "name": "r1", "tenant": "acme", "uid": "u", "revision": 7,
            "spec": {"interfaces": [{"subnet": "red6"}], "routes": [{"destination": "::/0", "nexthop": "fe80::ffff"}]},
            "status": {"reason": "", "mac_address": "", "gateway_addresses": [], "gateway_nexthops": [], "bgp_sessions": []}})
    );
    let status = v1::PortStatus { phase: v1::Phase::Installing.into(), ofport: 3, ..Default::default() };
    let port = v1::Port { meta: meta("vm1", "acme"), status: Some(status), ..site.ports[0].clone() };
    assert_eq!(
        shown(v1::resource::Kind::Port(port)),
        json!({"kind": "port", "name": "vm1", "tenant": "acme", "uid": "u", "revision": 7,
            "spec": {"network": "red", "mac_address": "02:00:00:00:01:01",
                "fixed_ips": [{"subnet": "red6"}, {"ip_address": "10.1.0.5"}], "binding": {"chassis": "hv1", "interface": "vm1"}},
            "status": {"phase": "Installing", "reason": "", "mac_address": "", "addresses": [], "chassis": "", "ofport": 3,
                "automatic": false, "prefixes": [], "dns_assignment": [], "interface": "", "served_by": "", "not_enforced": []}})
    );
    let empty = v1::Port { meta: meta("vm2", "acme"), ..site.ports[1].clone() };
    assert_eq!(shown(v1::resource::Kind::Port(empty))["spec"], json!({"network": "red", "fixed_ips": []}));
}

#[test]
fn what_is_shown_can_be_applied() {
    let site = one(SITE);
    let mut all: Vec<v1::resource::Kind> = site.chassis.iter().cloned().map(v1::resource::Kind::Chassis).collect();
    all.extend(site.fabric.clone().map(v1::resource::Kind::Fabric));
    all.extend(site.subnets.iter().cloned().map(v1::resource::Kind::Subnet));
    all.extend(site.ports.iter().cloned().map(v1::resource::Kind::Port));
    let list: serde_json::Value = all.into_iter().map(shown).collect();
    for text in [list.to_string(), yaml::emit(&list).unwrap(), serde_json::to_string_pretty(&list).unwrap()] {
        let again = one(&text);
        assert_eq!(again.chassis, site.chassis, "{text}");
        assert_eq!(again.fabric, site.fabric, "{text}");
        assert_eq!(again.subnets, site.subnets, "{text}");
        assert_eq!(again.ports, site.ports, "{text}");
    }
    let single = shown(v1::resource::Kind::Port(site.ports[0].clone())).to_string();
    assert_eq!(one(&single).ports, site.ports[..1]);
    assert_eq!(told("[{name: a}, {kind: pigeon}, 5]").len(), 3);
    let documents = read(&source("[\n{kind: port, name: a, spec: {network: x}}\n]")).unwrap();
    let violation = Violation { path: "ports[0].network".to_owned(), message: "no".to_owned() };
    assert_eq!(documents.explain(&violation), "site.yaml:2: ports[0].network: no");
}

#[test]
fn what_can_be_read_is_judged_in_spite_of_problems() {
    let text = "networks:\n- {name: a, mtu: big}\n- 7\n- {name: c, colour: blue, mtu: 100}\n";
    let unreadable = read(&source(text)).unwrap_err();
    assert_eq!(unreadable.rest().messages[0].networks.len(), 3, "indices stay");
    let violation = |path: &str, message: &str| Violation { path: path.to_owned(), message: message.to_owned() };
    let reasons = unreadable.reasons(&[
        violation("networks[2].mtu", "is less than 1280"),
        violation("networks[0].mtu", "is needed"),
        violation("networks[1].name", "is needed"),
    ]);
    let starts: Vec<&str> = reasons.iter().map(|r| r.split(": ").nth(1).unwrap()).collect();
    assert_eq!(starts, ["networks[0].mtu", "networks[1]", "networks[2].colour", "networks[2].mtu"], "{reasons:#?}");
}

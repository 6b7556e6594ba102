//! What a port says of its VM: what is taken, and what is refused with its limit.

use super::*;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA me";

#[test]
fn what_a_port_says_of_its_vm_is_bounded() {
    let with = |edit: &dyn Fn(&mut v1::PortSpec), field: &str, words: &str| {
        refuses(|_, a| edit(prt(a, 0)), &[(&format!("ports[0].{field}"), words)]);
    };
    with(&|p| p.user_data = Some("x".repeat(65_536)), "user_data", "has 65536 bytes; 65535 are the most");
    with(&|p| p.user_data_base64 = Some("A".repeat(87_384)), "user_data_base64", "has 65538 bytes");
    with(&|p| p.user_data_base64 = text("AAH/!"), "user_data_base64", "is not base64");
    with(
        &|p| (p.user_data, p.user_data_base64) = (text("#!/bin/sh"), text("AAAA")),
        "user_data_base64",
        "is there beside user_data",
    );
    with(&|p| p.public_keys = (0..17).map(|n| format!("{KEY}{n}")).collect(), "public_keys", "has 17 entries; 16 are");
    with(&|p| p.public_keys = vec![KEY.to_owned(); 2], "public_keys[1]", "is listed twice");
    let long = format!("ssh-rsa {}", "A".repeat(9000));
    for (key, words) in [
        (long.as_str(), "has 9008 bytes; 8192 are the most"),
        ("me", "is not the line of an OpenSSH public key"),
        ("ssh-ed25519", "is not the line"),
        ("ssh-ed25519 ?", "is not the line"),
        ("ssh-ed25519 AAAA me\nssh-ed25519 AAAA", "is not the line"),
    ] {
        with(&|p| p.public_keys = vec![key.to_owned()], "public_keys[0]", words);
    }
    with(&|p| p.device_id = Some("x".repeat(256)), "device_id", "has 256 bytes; 255 are the most");
    with(&|p| p.device_id = text("a b"), "device_id", "spaces or control characters");
}

#[test]
fn what_is_said_is_kept_as_it_was_said() {
    let mut documents = site();
    let spec = prt(&mut documents[1], 0);
    (spec.user_data, spec.public_keys) = (text("#cloud-config\n"), vec![format!("{KEY} \n")]);
    (spec.device_id, spec.user_data_base64) = (text("vm"), text(""));
    let other = prt(&mut documents[1], 1);
    (other.device_id, other.user_data_base64) = (text("vm"), text("AA H/\n"));
    let mut rig = Rig::default();
    rig.apply(&documents);
    let told = rig.catalog.instance(&id("port", "vm1")).unwrap();
    assert_eq!((told.device_id.as_deref(), told.user_data.as_deref()), (Some("vm"), Some(&b"#cloud-config\n"[..])));
    assert_eq!(told.public_keys, [KEY]);
    let bytes = rig.catalog.instance(&id("port", "vm2")).unwrap().user_data;
    assert_eq!(bytes.as_deref(), Some(&[0, 1, 0xff][..]));
    assert_eq!(rig.catalog.ports_of_device(&id("port", "vm1")), [id("port", "vm2")]);
    // Another tenant's VM of the same name is another.
    prt(&mut documents[1], 1).device_id = None;
    rig.apply(&documents);
    assert!(rig.catalog.ports_of_device(&id("port", "vm1")).is_empty());
    rig.check();
}

#[test]
fn the_services_addresses_are_nobodys() {
    let services = "the metadata service's";
    refuses(
        |_, a| {
            a.subnets.push(slaac(subnet("ec2", "red", "fd00:ec2::/64")));
            let item = v1::FixedIp { ip_address: text("fd00:ec2::254"), subnet: None };
            prt(a, 0).fixed_ips = Some(v1::FixedIpList { items: vec![item] });
        },
        &[("ports[0].fixed_ips[0].ip_address", services)],
    );
    refuses(
        |_, a| {
            let mut subnet = subnet("ec2", "red", "fd00:ec2::/64");
            subnet.spec.as_mut().unwrap().gateway_ip = text("fd00:ec2::254");
            a.subnets.push(slaac(subnet));
        },
        &[(&format!("subnets[{}].gateway_ip", site()[1].subnets.len()), services)],
    );
}

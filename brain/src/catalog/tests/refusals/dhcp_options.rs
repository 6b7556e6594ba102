//! Options of DHCP by name: the bytes that each makes, and what is refused.

use super::*;

fn option(name: &str, value: &str, version: Option<u32>) -> v1::ExtraDhcpOpt {
    v1::ExtraDhcpOpt { opt_name: name.into(), opt_value: value.into(), ip_version: version }
}

/// Version, number and bytes of each option, and the next server.
type Made = (Vec<(u8, u16, Vec<u8>)>, Option<String>);

/// What a port's options become, or the reasons against them.
fn made(options: &[v1::ExtraDhcpOpt]) -> Result<Made, Vec<(String, String)>> {
    let mut documents = site();
    prt(&mut documents[1], 0).extra_dhcp_opts = options.to_vec();
    let mut rig = Rig::default();
    if let Err(refusal) = rig.propose(&apply(&documents)) {
        return Err(refusal.violations.into_iter().map(|v| (v.path, v.message)).collect());
    }
    rig.apply(&documents);
    let fact = topology::View::new(&rig.world).dhcp_options(topology::PortKey(1)).cloned().unwrap_or_default();
    let of = |version, options: Vec<topology::DhcpOption>| {
        options.into_iter().map(move |option| (version, option.code, option.data.to_vec()))
    };
    Ok((of(4, fact.v4).chain(of(6, fact.v6)).collect(), fact.next_server.map(|address| address.to_string())))
}

#[test]
fn names_and_numbers_become_bytes() {
    let six = Some(6);
    for (name, value, version, code, bytes) in [
        ("ntp-server", "192.0.2.1, 192.0.2.2", None, 42, &[192, 0, 2, 1, 192, 0, 2, 2][..]),
        ("bootfile-name", "pxelinux.0", Some(4), 67, b"pxelinux.0"),
        ("tftp-server", "192.0.2.9", None, 66, b"192.0.2.9"),
        ("tftp-server-address", "192.0.2.9", None, 150, &[192, 0, 2, 9]),
        ("150", "192.0.2.9", None, 150, &[192, 0, 2, 9]),
        ("vendor-encap", "01:02:ff:ff", None, 43, &[1, 2, 255, 255]),
        ("vendor-id-encap", "9,0x010107", None, 125, &[0, 0, 0, 9, 3, 1, 1, 7]),
        ("mtu", "1400", None, 26, &[5, 120]),
        ("domain-name", "A.example.", None, 15, b"a.example"),
        ("domain-search", "a.b,c", None, 119, b"\x01a\x01b\0\x01c\0"),
        ("classless-static-route", "10.9.0.0/16,10.1.0.1", None, 121, &[16, 10, 9, 10, 1, 0, 1]),
        ("220", "0x0aB0", None, 220, &[10, 176]),
        ("221", "words, all of them", None, 221, b"words, all of them"),
        ("222", "192.0.2.3,192.0.2.4", None, 222, &[192, 0, 2, 3, 192, 0, 2, 4]),
        ("bootfile-url", "tftp://[2001:db8::1]/a.efi", six, 59, b"tftp://[2001:db8::1]/a.efi"),
        ("bootfile-param", "ab,c", six, 60, b"\0\x02ab\0\x01c"),
        ("vendor-opts", "9,0x0001000107", six, 17, &[0, 0, 0, 9, 0, 1, 0, 1, 7]),
        ("domain-search", "x", six, 24, b"\x01x\0"),
    ] {
        let version_byte = version.unwrap_or(4) as u8;
        assert_eq!(
            made(&[option(name, value, version)]),
            Ok((vec![(version_byte, code, bytes.to_vec())], None)),
            "{name}"
        );
    }
    let address = |last| {
        let mut bytes = vec![0x20, 1, 0x0d, 0xb8];
        bytes.resize(15, 0);
        bytes.push(last);
        bytes
    };
    assert_eq!(made(&[option("sntp-servers", "2001:db8::1", six)]), Ok((vec![(6, 31, address(1))], None)));
    // RFC 5908: an option for each server; by address, to be listened to, by name.
    let servers = made(&[option("ntp-server", "2001:db8::1,ff0e::101,a.b", six)]).unwrap().0;
    let suboption = |kind: u8, content: Vec<u8>| (6, 56, [vec![0, kind, 0, content.len() as u8], content].concat());
    assert_eq!(servers[0], suboption(1, address(1)));
    assert_eq!((servers[1].2[1], servers[2].clone()), (2, suboption(3, b"\x01a\x01b\0".to_vec())));
    assert_eq!(made(&[option("server-ip-address", "192.0.2.7", None)]), Ok((vec![], Some("192.0.2.7".into()))));
    assert_eq!(made(&[]), Ok((vec![], None)));
}

#[test]
fn what_can_not_be_told_is_refused() {
    let wrong = |name: &str, value: &str, version: Option<u32>, field: &str, words: &str| {
        let violations = made(&[option(name, value, version)]).unwrap_err();
        let [(path, message)] = &violations[..] else { panic!("{name}: {violations:?}") };
        let field = format!("documents[1].ports[0].extra_dhcp_opts[0].{field}");
        assert!(*path == field && message.contains(words), "{name} {value}: {path}: {message}");
    };
    wrong(
        "colour",
        "blue",
        None,
        "opt_name",
        "is no option of DHCP for IPv4; options are router, dns-server, log-server",
    );
    wrong("bootfile-name", "x", Some(6), "opt_name", "is no option of DHCPv6; options are vendor-opts, dns-server");
    wrong("53", "0x01", None, "opt_name", "53 is an option that DHCP for IPv4 itself needs");
    wrong("3", "", Some(6), "opt_name", "3 is an option that DHCPv6 itself needs");
    wrong("65536", "x", Some(6), "opt_name", "is no option of DHCPv6");
    wrong("256", "x", None, "opt_name", "256 is an option that DHCP for IPv4 itself needs");
    wrong("ntp-server", "2001:db8::1", None, "opt_value", "is not a list of addresses of the option's version");
    wrong("dns-server", "192.0.2.1", Some(6), "opt_value", "is not a list of addresses");
    wrong("ntp-server", "-", Some(6), "opt_value", "is not IPv6 addresses or names");
    wrong("mtu", "67", None, "opt_value", "is not an MTU of 68 to 65535");
    wrong("vendor-encap", "0x123", None, "opt_value", "is not in hexadecimal");
    wrong("vendor-opts", "9,0x0001", Some(6), "opt_value", "is not an enterprise number");
    wrong("vendor-opts", "9,0x00010002ff", Some(6), "opt_value", "is not an enterprise number");
    wrong("domain-search", "a..b", None, "opt_value", "is not a list of domain names");
    wrong("classless-static-route", "10.0.0.0/8", None, "opt_value", "is not prefixes with next hops");
    wrong("server-ip-address", "a", None, "opt_value", "is not an IPv4 address");
    wrong("bootfile-name", "", None, "opt_value", "is not a text");
    wrong("bootfile-name", "a\u{7}", None, "opt_value", "is not a text");
    wrong("mtu", "1400", Some(5), "ip_version", "5 is neither 4 nor 6");
    let twice = made(&[option("ntp-server", "192.0.2.1", None), option("42", "192.0.2.2", None)]).unwrap_err();
    assert!(twice[0].0.ends_with("[1].opt_name") && twice[0].1 == "is listed twice", "{twice:?}");
    let many: Vec<_> = (200..233).map(|n| option(&n.to_string(), "x", None)).collect();
    assert_eq!(made(&many).unwrap_err()[0].1, "has 33 entries; 32 are the most");
    let long = option("bootfile-url", &"x".repeat(513), Some(6));
    assert_eq!(made(&[long]).unwrap_err()[0].1, "has 513 bytes for IPv6; 512 are the most");
}

#[test]
fn of_subnets() {
    let with = |i: usize, option: v1::ExtraDhcpOpt| {
        let mut documents = site();
        sub(&mut documents[1], i).extra_dhcp_opts = vec![option];
        documents
    };
    let wrong = |i, option, words: &str| {
        let (_, violations) = Rig::default().refused(&apply(&with(i, option)));
        assert!(violations.len() == 1 && violations[0].1.contains(words), "{violations:?}");
    };
    wrong(0, option("mtu", "1400", Some(4)), "4 is not of 2001:db8:a::/64's family");
    wrong(1, option("bootfile-url", "http://a/", None), "has no meaning without ipv6_address_mode");
    let mut rig = Rig::default();
    rig.apply(&with(2, option("bootfile-name", "b", None)));
    let fact = topology::View::new(&rig.world).dhcp4(topology::SubnetKey(3)).cloned().unwrap();
    assert_eq!(fact.options, [topology::DhcpOption { code: 67, data: b"b"[..].into() }]);
}

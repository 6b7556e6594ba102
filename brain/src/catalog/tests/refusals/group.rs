//! Security groups and address groups.

use v1::resource::Kind;
use v1::{
    AddressGroup, AddressGroupSpec, NameList, RuleDirection, SecurityGroup, SecurityGroupRule, SecurityGroupSpec,
};

use super::*;

fn rule() -> SecurityGroupRule {
    SecurityGroupRule {
        direction: RuleDirection::Ingress.into(),
        ethertype: "IPv6".to_owned(),
        ..SecurityGroupRule::default()
    }
}

fn group(name: &str, rules: Vec<SecurityGroupRule>) -> SecurityGroup {
    let spec = SecurityGroupSpec { rules, ..SecurityGroupSpec::default() };
    SecurityGroup { meta: meta(name), spec: Some(spec), status: None }
}

/// A group `web` with a rule, changed.
fn web(a: &mut Document, edit: impl FnOnce(&mut SecurityGroupRule)) {
    let mut rule = rule();
    edit(&mut rule);
    a.security_groups = vec![group("web", vec![rule])];
}

fn names(names: &[&str]) -> Option<NameList> {
    Some(NameList { items: names.iter().map(|name| (*name).to_owned()).collect() })
}

const PROTOCOL: &str = "security_groups[0].rules[0].protocol";
const PORTS: &str = "security_groups[0].rules[0].port_range";

#[test]
fn protocols() {
    for skipped in ["0", "hopopt", "43", "ipv6-route", "44", "ipv6-frag", "51", "AH", "60", "ipv6-opts"] {
        let mut rig = Rig::default();
        let mut site = site();
        web(&mut site[1], |rule| rule.protocol = text(skipped));
        let (_, violations) = rig.refused(&apply(&site));
        assert!(violations[0].0.ends_with("rules[0].protocol"), "{violations:?}");
        assert!(violations[0].1.contains("Open vSwitch looks past this header"), "{violations:?}");
        // IPv4 has no such headers but the first.
        if matches!(skipped, "43" | "51" | "AH" | "60") {
            web(&mut site[1], |rule| (rule.ethertype, rule.protocol) = ("IPv4".into(), text(skipped)));
            rig.apply(&site);
        }
    }
    refuses(|_, a| web(a, |r| r.protocol = text("tpc")), &[(PROTOCOL, "is no protocol: 0 to 255, or one of ah")]);
    refuses(|_, a| web(a, |r| r.protocol = text("256")), &[(PROTOCOL, "is no protocol")]);
    for v6 in ["ipv6-icmp", "58", "icmpv6", "ipv6-nonxt"] {
        let mut site = site();
        web(&mut site[1], |rule| (rule.ethertype, rule.protocol) = ("ipv4".into(), text(v6)));
        let (_, violations) = Rig::default().refused(&apply(&site));
        assert!(violations[0].1.ends_with("is IPv6's"), "{violations:?}");
    }
    for (given, kept) in
        [("icmp", "ipv6-icmp"), ("1", "ipv6-icmp"), ("58", "ipv6-icmp"), ("TCP", "tcp"), ("50", "esp"), ("200", "200")]
    {
        let mut rig = Rig::default();
        let mut site = site();
        web(&mut site[1], |rule| rule.protocol = text(given));
        rig.apply(&site);
        let Kind::SecurityGroup(shown) = rig.shown("security_group", "acme", "web") else { unreachable!() };
        assert_eq!(shown.spec.unwrap().rules[0].protocol.as_deref(), Some(kept));
    }
}

#[test]
fn ports_types_and_families() {
    refuses(|_, a| web(a, |r| r.port_range = vec![80]), &[(PORTS, "needs a protocol")]);
    for (protocol, range, words) in [
        ("ipv6-icmp", vec![128], "reads ports of tcp, udp and sctp"),
        ("dccp", vec![80], "reads ports of tcp, udp and sctp"),
        ("tcp", vec![443, 80], "443 is not before 80"),
        ("udp", vec![0, 80], "are not ports"),
        ("udp", vec![80, 65_536], "are not ports"),
        ("udp", vec![1, 2, 3], "the first and the last"),
    ] {
        let mut site = site();
        web(&mut site[1], |rule| (rule.protocol, rule.port_range) = (text(protocol), range));
        let (_, violations) = Rig::default().refused(&apply(&site));
        assert!(violations[0].0.ends_with("port_range") && violations[0].1.contains(words), "{violations:?}");
    }
    let kind = "security_groups[0].rules[0].icmp_type";
    let code = "security_groups[0].rules[0].icmp_code";
    refuses(|_, a| web(a, |r| r.icmp_type = Some(128)), &[(kind, "needs protocol ipv6-icmp")]);
    refuses(|_, a| web(a, |r| (r.protocol, r.icmp_type) = (text("icmp"), Some(256))), &[(kind, "256 is not 0 to 255")]);
    refuses(|_, a| web(a, |r| (r.protocol, r.icmp_code) = (text("icmp"), Some(0))), &[(code, "needs an icmp_type")]);
    let direction = "security_groups[0].rules[0].direction";
    refuses(|_, a| web(a, |r| r.direction = 0), &[(direction, "is needed: ingress or egress")]);
    let family = "security_groups[0].rules[0].ethertype";
    refuses(|_, a| web(a, |r| r.ethertype = String::new()), &[(family, "is needed: IPv6 or IPv4")]);
    refuses(|_, a| web(a, |r| r.ethertype = "IPX".into()), &[(family, "is neither IPv6 nor IPv4")]);
    accepts(|_, a| web(a, |r| (r.ethertype, r.protocol) = (String::new(), text("icmpv6"))));
    accepts(|_, a| web(a, |r| (r.ethertype, r.remote_ip_prefix) = (String::new(), text("10.0.0.1"))));
}

#[test]
fn remotes_and_duplicates() {
    let prefix = "security_groups[0].rules[0].remote_ip_prefix";
    refuses(|_, a| web(a, |r| r.remote_ip_prefix = text("10.0.0.0/8")), &[(prefix, "is not IPv6, as the rule is")]);
    refuses(|_, a| web(a, |r| r.remote_ip_prefix = text("::/129")), &[(prefix, "is not an address, or a prefix")]);
    refuses(
        |_, a| web(a, |r| (r.remote_ip_prefix, r.remote_group) = (text("::/0"), text("web"))),
        &[("security_groups[0].rules[0]", "names more than one of")],
    );
    refuses(
        |_, a| web(a, |r| r.remote_group = text("none")),
        &[("security_groups[0].rules[0].remote_group", "there is no security_group acme/none")],
    );
    refuses(
        |_, a| web(a, |r| r.remote_address_group = text("none")),
        &[("security_groups[0].rules[0].remote_address_group", "there is no address_group acme/none")],
    );
    // `::/0` is everybody; host bits, names and numbers, all ports and none are the same.
    for (one, other) in [("::/0", None), ("2001:db8::1/64", text("2001:db8::/64"))] {
        let rules = [text(one), other].map(|prefix| SecurityGroupRule { remote_ip_prefix: prefix, ..rule() });
        let mut site = site();
        site[1].security_groups = vec![group("web", rules.to_vec())];
        let (_, violations) = Rig::default().refused(&apply(&site));
        assert!(violations[0].0.ends_with("rules[1]"), "{violations:?}");
        assert!(violations[0].1.contains("says what rules[0] says"), "{violations:?}");
    }
    refuses(
        |_, a| {
            let tcp = |protocol: &str, port_range| SecurityGroupRule { protocol: text(protocol), port_range, ..rule() };
            a.security_groups = vec![group("web", vec![tcp("tcp", vec![1, 65_535]), tcp("6", vec![])])];
        },
        &[("security_groups[0].rules[1]", "says what rules[0] says")],
    );
    accepts(|_, a| web(a, |r| r.remote_group = text("web")));
    refuses(
        |_, a| {
            let addresses = vec!["2001:db8::1/48".to_owned(), "2001:db8::/48".to_owned(), "x".to_owned()];
            let spec = Some(AddressGroupSpec { addresses });
            a.address_groups = vec![AddressGroup { meta: meta("offices"), spec, status: None }];
        },
        &[
            ("address_groups[0].addresses[1]", "2001:db8::/48 is addresses[0] already"),
            ("address_groups[0].addresses[2]", "is not an address, or a prefix"),
        ],
    );
}

#[test]
fn groups_of_ports() {
    refuses(
        |_, a| prt(a, 0).security_groups = names(&["none"]),
        &[("ports[0].security_groups[0]", "there is no security_group acme/none")],
    );
    refuses(
        |_, a| prt(a, 0).security_groups = names(&["default", "default"]),
        &[("ports[0].security_groups[1]", "is listed twice")],
    );
    refuses(
        |_, a| (prt(a, 0).security_groups, prt(a, 0).port_security_enabled) = (names(&["default"]), Some(false)),
        &[("ports[0].security_groups", "need port_security_enabled")],
    );
    refuses(
        |_, a| {
            let mut simple = group("simple", vec![]);
            simple.spec.as_mut().unwrap().stateful = Some(false);
            a.security_groups = vec![group("web", vec![]), simple];
            prt(a, 0).security_groups = names(&["web", "simple"]);
        },
        &[("ports[0].security_groups", "acme/web is stateful, security_group acme/simple is not")],
    );
    accepts(|_, a| prt(a, 0).security_groups = names(&[]));
    accepts(|_, a| (prt(a, 0).security_groups, prt(a, 0).port_security_enabled) = (names(&[]), Some(false)));
}

#[test]
fn the_default_group_is_made_once_stays_and_can_be_said_otherwise() {
    let mut rig = accepts(|_, _| {});
    let Kind::SecurityGroup(made) = rig.shown("security_group", "acme", "default") else { unreachable!() };
    let rules = &made.spec.as_ref().unwrap().rules;
    let words: Vec<_> =
        rules.iter().map(|r| (r.direction(), r.ethertype.as_str(), r.remote_group.as_deref())).collect();
    let (egress, ingress) = (RuleDirection::Egress, RuleDirection::Ingress);
    assert_eq!(
        words,
        [
            (egress, "IPv6", None),
            (egress, "IPv4", None),
            (ingress, "IPv6", Some("default")),
            (ingress, "IPv4", Some("default"))
        ]
    );
    assert!(rules.iter().all(|rule| rule.uid.len() == 36));
    // Pruning, and a document with other groups, leave it.
    let mut site = site();
    site[1].security_groups = vec![group("web", vec![])];
    rig.send(prune(&site)).unwrap();
    assert!(rig.catalog.get("security_group", "acme", "default").is_some());
    // It keeps the rules' uids where they say the same.
    site[1].security_groups = vec![group("default", vec![rules[2].clone(), rule()])];
    rig.apply(&site);
    let Kind::SecurityGroup(changed) = rig.shown("security_group", "acme", "default") else { unreachable!() };
    let uids: Vec<_> = changed.spec.unwrap().rules.into_iter().map(|rule| rule.uid).collect();
    assert_eq!(uids.len(), 4, "and two for egress");
    assert_eq!((&uids[0], &uids[2..]), (&rules[2].uid, &[rules[0].uid.clone(), rules[1].uid.clone()][..]));
}

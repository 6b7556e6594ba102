//! Neutron's matrix: every pair of `ipv6_ra_mode` and `ipv6_address_mode`, what it makes of a subnet, or why it can't be.

use proto::v1::{self, Document, Ipv6Mode};
use topology::{SubnetKey, View};

use super::rig::*;
use crate::effect::RefusalKind;

const MODES: [Ipv6Mode; 4] =
    [Ipv6Mode::Unspecified, Ipv6Mode::Slaac, Ipv6Mode::Dhcpv6Stateless, Ipv6Mode::Dhcpv6Stateful];
const FORMED: &str = "2001:db8:a::ff:fe00:aa";
const POOLED: &str = "2001:db8:a::1";

fn with_modes(ra: Ipv6Mode, address: Ipv6Mode) -> Document {
    let mut six = subnet("six", "n", "2001:db8:a::/64");
    let spec = six.spec.as_mut().unwrap();
    (spec.ipv6_ra_mode, spec.ipv6_address_mode) = (ra.into(), address.into());
    let ports = vec![with_mac(port("p", "n"), "02:00:00:00:00:aa")];
    Document { networks: vec![network("n")], subnets: vec![six], ports, ..doc() }
}

/// The port's address; A, M, O of the advertisement; of DHCPv6, whether it gives every port its address, and whether it tells
/// every port its settings.
type Made = (String, Option<(bool, bool, bool)>, Option<(bool, bool)>);

/// What a pair makes of a subnet.
fn made(ra: Ipv6Mode, address: Ipv6Mode) -> Made {
    let mut rig = Rig::default();
    rig.apply(&[with_modes(ra, address)]);
    let view = View::new(&rig.world);
    let advert = view.advert(SubnetKey(1)).map(|a| (a.autonomous, a.managed, a.other));
    let dhcp6 = view.dhcp6(SubnetKey(1)).map(|d| (d.stateful, d.everybody));
    (rig.addresses("p"), advert, dhcp6)
}

#[test]
fn ten_pairs_are_legal_and_each_does_what_it_says() {
    use Ipv6Mode::{Dhcpv6Stateful as Stateful, Dhcpv6Stateless as Stateless, Slaac, Unspecified as None_};
    let (slaac, stateless, stateful) = ((true, false, false), (true, false, true), (false, true, false));
    let given = (false, false);
    for (ra, address, port, advert, dhcp6) in [
        (None_, None_, POOLED, None, None),
        (Slaac, Slaac, FORMED, Some(slaac), Some(given)),
        (Slaac, None_, FORMED, Some(slaac), Some(given)),
        (None_, Slaac, FORMED, None, Some(given)),
        (Stateless, Stateless, FORMED, Some(stateless), Some((false, true))),
        (Stateless, None_, FORMED, Some(stateless), Some(given)),
        (None_, Stateless, FORMED, None, Some((false, true))),
        (Stateful, Stateful, POOLED, Some(stateful), Some((true, true))),
        (Stateful, None_, POOLED, Some(stateful), None),
        (None_, Stateful, POOLED, None, Some((true, true))),
    ] {
        assert_eq!(made(ra, address), (port.to_owned(), advert, dhcp6), "{ra:?} {address:?}");
    }
}

#[test]
fn six_pairs_are_refused_with_the_reason() {
    let mut refused = 0;
    for ra in MODES {
        for address in MODES.into_iter().filter(|address| *address != ra) {
            if ra == Ipv6Mode::Unspecified || address == Ipv6Mode::Unspecified {
                continue;
            }
            let (kind, violations) = Rig::default().refused(&apply(&[with_modes(ra, address)]));
            assert_eq!(kind, RefusalKind::Invalid);
            let [(path, message)] = &violations[..] else { panic!("{violations:?}") };
            assert_eq!(path, "subnets[0].ipv6_address_mode");
            assert!(message.contains("both must be the same where both are set"), "{message}");
            refused += 1;
        }
    }
    assert_eq!(refused, 6);
}

#[test]
fn hosts_that_form_addresses_need_a_64_and_others_do_not() {
    let long = |mode: Ipv6Mode| {
        let mut document = with_modes(mode, mode);
        document.subnets[0].spec.as_mut().unwrap().cidr = "2001:db8:a::/120".to_owned();
        document
    };
    for (mode, name) in [(Ipv6Mode::Slaac, "slaac"), (Ipv6Mode::Dhcpv6Stateless, "dhcpv6-stateless")] {
        let (_, violations) = Rig::default().refused(&apply(&[long(mode)]));
        let [(path, message)] = &violations[..] else { panic!("{violations:?}") };
        assert_eq!(
            (path.as_str(), message.as_str()),
            ("subnets[0].cidr", &*format!("2001:db8:a::/120 is not a /64, which {name} needs"))
        );
    }
    let mut rig = Rig::default();
    rig.apply(&[long(Ipv6Mode::Dhcpv6Stateful)]);
    assert_eq!(rig.addresses("p"), POOLED);
}

#[test]
fn a_subnet_that_turns_stateful_gives_its_ports_addresses_when_they_ask_anew() {
    let mut rig = Rig::default();
    rig.apply(&[with_modes(Ipv6Mode::Slaac, Ipv6Mode::Slaac)]);
    assert_eq!(rig.addresses("p"), FORMED);
    rig.apply(&[with_modes(Ipv6Mode::Dhcpv6Stateful, Ipv6Mode::Dhcpv6Stateful)]);
    let view = View::new(&rig.world);
    assert!(view.advert(SubnetKey(1)).is_some_and(|a| a.managed && !a.autonomous));
    rig.apply(&[with_modes(Ipv6Mode::Slaac, Ipv6Mode::Slaac)]);
    assert_eq!(rig.addresses("p"), FORMED);
}

#[test]
fn a_networks_domain_is_spelled_one_way() {
    let with_domain = |name: &str| {
        let mut document = with_modes(Ipv6Mode::Slaac, Ipv6Mode::Slaac);
        document.networks[0].spec.as_mut().unwrap().dns_domain = Some(name.to_owned());
        document
    };
    let mut rig = Rig::default();
    rig.apply(&[with_domain("Cloud.Example.NET.")]);
    let domain = |rig: &Rig| View::new(&rig.world).network(topology::NetworkKey(1)).unwrap().dns_domain.clone();
    assert_eq!(domain(&rig).as_deref(), Some("cloud.example.net"));
    let again = rig.apply(&[with_domain("cloud.example.net")]);
    assert!(again.iter().all(|(_, change)| *change == v1::Change::Unchanged), "{again:?}");
    for bad in ["", ".", "a..b", "-a", "a-", "a b", "é", &"a".repeat(64), &"a.".repeat(128)] {
        let (_, violations) = Rig::default().refused(&apply(&[with_domain(bad)]));
        let [(path, message)] = &violations[..] else { panic!("{bad:?}: {violations:?}") };
        assert!(path == "networks[0].dns_domain" && message.contains("is not a domain name"), "{path}: {message}");
    }
}

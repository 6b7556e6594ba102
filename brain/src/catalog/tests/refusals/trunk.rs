//! Trunks, and the ports that they are of.

use super::*;

fn trunk(name: &str, port: &str, sub_ports: &[(&str, u32)]) -> v1::Trunk {
    let entry = |(port, vlan): &(&str, u32)| v1::TrunkSubPort { port: (*port).to_owned(), segmentation_id: *vlan };
    let spec = v1::TrunkSpec { port: port.to_owned(), sub_ports: sub_ports.iter().map(entry).collect() };
    v1::Trunk { meta: meta(name), spec: Some(spec), status: None }
}

/// Two ports without a binding, for trunks.
fn with(a: &mut Document, trunks: &[v1::Trunk]) {
    a.ports.extend([port("vm8", "red"), port("vm9", "red")]);
    a.trunks.extend_from_slice(trunks);
}

#[test]
fn trunks() {
    accepts(|_, a| with(a, &[trunk("t1", "vm1", &[("vm8", 20), ("vm9", 30)])]));
    let entry = |at: &'static str, words| [(at, words)];
    let t1 = |subs: &[(&str, u32)]| trunk("t1", "vm1", subs);
    let vlan = "trunks[0].sub_ports[0].segmentation_id";
    refuses(|_, a| with(a, &[t1(&[("vm8", 0)])]), &entry(vlan, "is 0: a VLAN is 1 to 4094"));
    refuses(|_, a| with(a, &[t1(&[("vm8", 4095)])]), &entry(vlan, "is 4095"));
    let second = "trunks[0].sub_ports[1].segmentation_id";
    refuses(|_, a| with(a, &[t1(&[("vm8", 20), ("vm9", 20)])]), &entry(second, "20 is that of sub_ports[0] already"));
    let first = "trunks[0].sub_ports[0].port";
    refuses(|_, a| with(a, &[t1(&[("vm1", 20)])]), &entry(first, "is of this trunk already"));
    refuses(
        |_, a| with(a, &[t1(&[("vm2", 20)])]),
        &[("ports[1].binding", "is that of trunk acme/t1"), (first, "vm2 has a binding of its own")],
    );
    refuses(|_, a| with(a, &[t1(&[("vm7", 20)])]), &entry(first, "there is no port acme/vm7"));
    let both = [trunk("t1", "vm1", &[("vm8", 20)]), trunk("t2", "vm2", &[("vm8", 20)])];
    refuses(
        |_, a| with(a, &both),
        &[(first, "port acme/vm8 is of trunk acme/t2"), ("trunks[1].sub_ports[0].port", "is of trunk acme/t1")],
    );
}

#[test]
fn a_port_of_a_trunk_gets_no_binding() {
    let site = |bound_too: bool| {
        edited(move |_, a| {
            with(a, &[trunk("t1", "vm1", &[("vm8", 20)])]);
            if bound_too {
                let at = a.ports.iter().position(|port| port.meta.as_ref().is_some_and(|meta| meta.name == "vm8"));
                let spec = a.ports[at.unwrap()].spec.as_mut().unwrap();
                spec.binding = Some(v1::Binding { chassis: "hv1".to_owned(), interface: "vm8".to_owned() });
            }
        })
    };
    let mut rig = Rig::default();
    rig.apply(&site(false));
    let (_, violations) = rig.refused(&apply(&site(true)));
    assert!(
        violations.iter().any(|(_, message)| message.contains("a trunk's port is where the trunk is")),
        "{violations:?}"
    );
}

//! Against `ovs-ofctl ofp-print`: it reads our bytes, and says of them what we say.

mod common;

use std::process::Command;

use addr::{Dpid, OfPort};
use bytes::Bytes;
use common::corpus;
use ofp::{
    AsyncConfig, Body, BundleControl, BundleCtrlType, ControllerRole, ErrorMsg, FeaturesReply, Field, FlowMod,
    FlowStats, Hello, Match, Message, MultipartReply, PacketIn2, PacketOut, Role, StatsReply, SwitchConfig,
    bundle_flags,
};

/// What `ovs-ofctl` says of a message, after its header.
fn printed(message: &Message) -> (String, String) {
    let hex: String = message.encode().iter().map(|byte| format!("{byte:02x}")).collect();
    let output = Command::new("ovs-ofctl").args(["ofp-print", &hex]).output();
    let output = output.expect("ovs-ofctl is installed (or SEXTANT_NO_OVS is set)");
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && !text.contains("***decode"), "{message:?}: {text}{errors}");
    let (header, rest) = text.split_once("):").unwrap_or((&text, ""));
    assert!(header.contains("(xid=0x2a"), "{text}");
    (header.split(' ').next().unwrap().to_owned(), rest.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn compare(what: &str, body: impl Into<Body>, ours: String, differences: &mut Vec<String>) {
    let (kind, theirs) = printed(&Message::new(42, body));
    if kind != what || theirs != ours {
        differences.push(format!("{kind}\n  theirs: {theirs}\n    ours: {ours}"));
    }
}

#[test]
fn flows_groups_and_meters_read_as_we_say() {
    if !common::ovs_wanted() {
        return;
    }
    let mut differences = Vec::new();
    for flow in corpus::flows().into_iter().map(FlowMod::canonical) {
        compare("OFPT_FLOW_MOD", flow.clone(), flow.to_string(), &mut differences);
    }
    for group in corpus::groups() {
        compare("OFPT_GROUP_MOD", group.clone(), group.to_string(), &mut differences);
    }
    for meter in corpus::meters() {
        compare("OFPT_METER_MOD", meter.clone(), meter.to_string(), &mut differences);
    }
    for flow in corpus::flows() {
        let flow = flow.canonical();
        let stats = FlowStats {
            table: flow.table,
            duration_s: 12,
            duration_ns: 5_000_000,
            priority: flow.priority,
            idle_timeout_s: flow.idle_timeout_s,
            flags: flow.flags,
            packets: 3,
            bytes: 200,
            match_: flow.match_,
            instructions: flow.instructions,
            ..FlowStats::default()
        };
        let reply = MultipartReply { more: false, body: StatsReply::Flow(vec![stats.clone()]) };
        compare("OFPST_FLOW", reply, stats.to_string(), &mut differences);
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn other_messages_are_understood() {
    if !common::ovs_wanted() {
        return;
    }
    let add = Message::new(42, corpus::flows().remove(0)).in_bundle(7, bundle_flags::ATOMIC);
    let packet = PacketIn2 {
        packet: Bytes::from_static(&[0; 60]),
        total_len: 1500,
        table_id: 3,
        cookie: 5,
        reason: 1,
        metadata: Match::new().with(Field::IN_PORT, OfPort(2)).with(Field::reg(0), 7u32),
        userdata: Bytes::from_static(&[1, 2]),
        ..PacketIn2::default()
    };
    let out = PacketOut {
        buffer_id: ofp::NO_BUFFER,
        in_port: OfPort::CONTROLLER,
        actions: vec![ofp::Action::output(OfPort(1))],
        data: Bytes::from_static(&[0; 60]),
    };
    let error = ErrorMsg { kind: 5, code: 1, experimenter: None, data: Bytes::from_static(&[4, 2, 0, 8, 0, 0, 0, 1]) };
    let role = ControllerRole { role: Role::Master, generation_id: 3 };
    let config = AsyncConfig { packet_in: [7, 0], port_status: [7, 7], flow_removed: [15, 0] };
    let control = BundleControl::new(7, BundleCtrlType::CommitRequest, bundle_flags::ATOMIC | bundle_flags::ORDERED);
    let features =
        FeaturesReply { datapath_id: Dpid(0xab), n_tables: 254, capabilities: 0x4f, ..FeaturesReply::default() };
    let cases: Vec<(Body, &str, &str)> = vec![
        (Hello::v13().into(), "OFPT_HELLO", "version bitmap: 0x04"),
        (Body::Error(error), "OFPT_ERROR", "OFPFMFC_TABLE_FULL"),
        (Body::EchoRequest(Bytes::from_static(b"abc")), "OFPT_ECHO_REQUEST", "3 bytes of payload"),
        (features.into(), "OFPT_FEATURES_REPLY", "dpid:00000000000000ab n_tables:254"),
        (
            Body::SetConfig(SwitchConfig { flags: 3, miss_send_len: 0xffff }),
            "OFPT_SET_CONFIG",
            "frags=nx-match miss_send_len=65535",
        ),
        (out.into(), "OFPT_PACKET_OUT", "in_port=CONTROLLER actions=output:1 data_len=60"),
        (Body::RoleRequest(role), "OFPT_ROLE_REQUEST", "role=primary generation_id=3"),
        (Body::SetAsync(config), "OFPT_SET_ASYNC", "PACKET_IN: no_match action invalid_ttl"),
        (Body::SetPacketInFormat(2), "NXT_SET_PACKET_IN_FORMAT", "nxt_packet_in2"),
        (Body::SetControllerId(9), "NXT_SET_CONTROLLER_ID", "id=9"),
        (
            packet.clone().into(),
            "NXT_PACKET_IN2",
            "table_id=3 cookie=0x5 total_len=1500 reg0=0x7,in_port=2 (via action)",
        ),
        (packet.clone().into(), "NXT_PACKET_IN2", "userdata=01.02"),
        (Body::Resume(packet), "NXT_RESUME", "reg0=0x7,in_port=2"),
        (Body::CtFlushZone(9), "NXT_CT_FLUSH_ZONE", "zone_id=9"),
        (control.into(), "OFPT_BUNDLE_CONTROL", "bundle_id=0x7 type=COMMIT_REQUEST flags=atomic ordered"),
        (add.body, "OFPT_BUNDLE_ADD_MESSAGE", "bundle_id=0x7 flags=atomic"),
    ];
    for (body, kind, text) in cases {
        let (said_kind, said) = printed(&Message { xid: 42, body });
        assert!(said.contains(text), "{said_kind}: {said:?} lacks {text:?}");
        assert!(said_kind.contains(&kind["OFPT".len()..]), "{said_kind} is not {kind}");
    }
}

#[test]
fn every_error_has_the_name_that_it_has_there() {
    if !common::ovs_wanted() {
        return;
    }
    let standard = (0..=17u16).flat_map(|kind| (0..=18u16).map(move |code| (kind, code, None)));
    let numbers = |whose: u32, codes: std::ops::Range<u16>| codes.map(move |code| (0xffff, code, Some(whose)));
    let onf = 0x4f4e_4600;
    let mut ours = Vec::new();
    let mut stream = Vec::new();
    let groups = [numbers(0x2320, 0..48), numbers(onf, 2298..2318), numbers(onf, 2358..2374), numbers(onf, 2598..2602)];
    let more = [numbers(onf, 2638..2643), numbers(onf, 4248..4252), numbers(onf, 4440..4452)];
    for (kind, code, experimenter) in standard.chain(groups.into_iter().chain(more).flatten()) {
        let error = ErrorMsg { kind, code, experimenter, data: Bytes::from_static(&[4, 2, 0, 8, 0, 0, 0, 1]) };
        ours.push(error.name());
        stream.extend_from_slice(&Message { xid: 42, body: Body::Error(error) }.encode());
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), stream).unwrap();
    let output = Command::new("ovs-ofctl").arg("ofp-parse").arg(file.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let theirs: Vec<Option<&str>> = text
        .lines()
        .filter_map(|line| line.strip_prefix("OFPT_ERROR (OF1.3) (xid=0x2a): "))
        .map(|name| name.strip_prefix("OFP").or(name.strip_prefix("NX")).map(|_| name))
        .collect();
    let differ: Vec<_> = theirs.iter().zip(&ours).filter(|(theirs, ours)| theirs != ours).collect();
    assert_eq!((theirs.len(), differ), (ours.len(), vec![]));
}

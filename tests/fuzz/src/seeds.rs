//! Well-formed inputs, and those that once found a fault.

use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};

use addr::MacAddr;
use packet::{
    Dhcp6Kind, Dhcp6Message, Dhcp6Option, Dhcp6Relay, DnsAnswer, DnsCode, DnsData, DnsQuery, Ethernet, Icmpv4, Icmpv6,
    Igmp, IgmpQuery, IgmpRecord, Lldp, LldpId, LldpTlv, MldQuery, MldRecord, MldRecordKind, NdOption, Preference,
    RouterAdvert, Tcp, protocol,
};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn from_hex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap_or_default());
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal digits")).collect()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// OpenFlow messages, as `ofp/tests/corpus` has them.
pub fn openflow() -> Vec<Vec<u8>> {
    let folder = repository().join("ofp/tests/corpus");
    let files = ["matches", "flows", "actions", "groups_and_meters", "questions", "refusals"];
    let texts = files.map(|name| read(&folder.join(format!("{name}.txt"))));
    let lines = texts.iter().flat_map(|text| text.lines());
    let messages = lines.filter_map(|line| line.strip_prefix("> ").or(line.strip_prefix("< "))).map(from_hex);
    messages.collect()
}

/// Inputs of a test that once found a fault: lines of hexadecimal digits, with words after `#`.
pub fn regressions(test: &str) -> Vec<Vec<u8>> {
    let text = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("regressions/{test}.hex")));
    let lines = text.lines().filter_map(|line| line.split('#').next()).map(str::trim).filter(|line| !line.is_empty());
    lines.map(from_hex).collect()
}

/// Intent, as people write it.
pub fn documents() -> Vec<Vec<u8>> {
    let labs = std::fs::read_dir(repository().join("labs")).expect("the labs' folder");
    let mut sites: Vec<PathBuf> =
        labs.flatten().map(|lab| lab.path().join("site.yaml")).filter(|p| p.exists()).collect();
    sites.sort();
    let mut texts: Vec<Vec<u8>> = sites.iter().map(|site| read(site).into_bytes()).collect();
    assert!(!texts.is_empty(), "no lab has a site.yaml");
    let more = [
        "a: &a {x: 1, y: [1, 2]}\nb: *a\nc: [*a, *a]\n",
        "? [k]\n: v\n---\n!!str 5: 'it''s'\n",
        "t: |\n  two\n  lines\nf: >-\n  folded\n  words\n\"\\u0041\": [~, .5, 0x1f, 1e3, .inf]\n",
        "{\"kind\": \"port\", \"meta\": {\"tenant\": \"a\", \"name\": \"p\"}, \"spec\": {\"network\": \"n\"}}\n",
        "ports:\n- name: p\n  network: n\n  fixed_ips: [{subnet: s, ip_address: 2001:db8::5}]\n  binding: {chassis: c, interface: i}\n",
        "routers:\n- {name: r, interfaces: [{subnet: s}], routes: [{destination: ::/0, nexthop: fe80::1}]}\n",
    ];
    texts.extend(more.map(|text| text.as_bytes().to_vec()));
    texts
}

const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const OTHER: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

fn v6(text: &str) -> Ipv6Addr {
    text.parse().expect("an address")
}

/// Frames of every kind that is read.
pub fn frames() -> Vec<Vec<u8>> {
    let (host, router, group) = (v6("fe80::ff:fe00:1"), v6("fe80::1"), v6("ff02::1"));
    let mut frames: Vec<Vec<u8>> = icmpv6()
        .into_iter()
        .map(|message| packet::icmpv6_frame(MAC, OTHER, router, host, 255, &message).into())
        .collect();
    frames.push(packet::neighbor_solicit(MAC, host, router).into());
    frames.push(packet::router_solicit(MAC, host).into());
    let (src, dst) = (v6("2001:db8::1"), v6("2001:db8::2"));
    let udp = |payload: &[u8]| packet::udp(src, dst, 546, 547, payload);
    frames.push(packet::ipv6_frame(MAC, OTHER, src, dst, 64, protocol::UDP, &udp(b"payload")).into());
    for message in dhcp6() {
        frames.push(packet::ipv6_frame(MAC, OTHER, src, dst, 64, protocol::UDP, &udp(&message)).into());
    }
    let tcp = packet::tcp(src, dst, &Tcp { sport: 1, dport: 2, options: vec![2, 4, 5, 0xa0].into(), ..Tcp::default() });
    frames.push(packet::ipv6_frame(MAC, OTHER, src, dst, 64, protocol::TCP, &tcp).into());
    frames.extend(extended(src, dst));
    let (src, dst) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    let echo = Icmpv4::EchoRequest { id: 1, seq: 2, data: vec![7; 16].into() };
    frames.push(packet::icmpv4_frame(MAC, OTHER, src, dst, 64, &echo).into());
    frames.push(
        packet::ipv4_frame(MAC, OTHER, src, dst, 64, protocol::UDP, &packet::udp_v4(src, dst, 67, 68, b"x")).into(),
    );
    frames.extend(igmp().iter().map(|message| packet::igmp_frame(MAC, src, [239, 1, 2, 3].into(), message).into()));
    frames.push(packet::arp_request(MAC, src, dst).into());
    let mut tagged = packet::router_advert(MAC, router, None, &RouterAdvert::default()).to_vec();
    tagged.splice(12..12, [0x81, 0, 0x20, 5]);
    frames.push(tagged);
    frames.push(packet::icmpv6_frame(MAC, OTHER, router, group, 1, &Icmpv6::MldDone { group }).into());
    frames.push(Ethernet::untagged(MAC, packet::LLDP_GROUP, packet::ETHERTYPE_LLDP).emit(&lldp()).into());
    frames
}

fn igmp() -> Vec<Igmp> {
    let (group, sources) = ([239, 1, 2, 3].into(), vec![[10, 0, 0, 1].into(), [10, 0, 0, 2].into()]);
    let record = IgmpRecord { kind: MldRecordKind::ToInclude, group, sources: sources.clone(), aux: vec![7; 4].into() };
    let query = IgmpQuery { max_response_ds: 100, group, suppress: true, robustness: 2, interval_s: 125, sources };
    vec![
        Igmp::QueryV2 { max_response_ds: 10, group },
        Igmp::QueryV3(query),
        Igmp::ReportV2 { group },
        Igmp::Leave { group },
        Igmp::ReportV3 { records: vec![record.clone(), record] },
        Igmp::Unknown { kind: 0x13, code: 1, body: vec![1, 2].into() },
    ]
}

/// Questions, and what is answered to them.
pub fn dns() -> Vec<Vec<u8>> {
    let question =
        b"\x12\x34\x01\0\0\x01\0\0\0\0\0\x01\x03vm1\x03red\x07example\0\0\x1c\0\x01\0\0\x29\x04\xd0\0\0\x80\0\0\0";
    let asked = DnsQuery::parse(question).expect("a question");
    let records = vec![DnsData::Aaaa(v6("2001:db8::7")), DnsData::Ptr("vm1.red.example".to_owned())];
    let some = DnsAnswer { code: DnsCode::NoError, records, ttl_s: 60, nothing_in: None };
    let nothing = DnsAnswer {
        code: DnsCode::NxDomain,
        records: vec![],
        ttl_s: 60,
        nothing_in: Some(("red.example".to_owned(), 10)),
    };
    vec![question.to_vec(), asked.answer(&some, 1232).into(), asked.answer(&nothing, 1232).into()]
}

/// What one bridge tells another.
pub fn lldp() -> Vec<u8> {
    let tlvs = vec![
        LldpTlv::SystemName(b"s1"[..].into()),
        LldpTlv::Unknown { kind: 7, body: vec![0, 4, 0, 4].into() },
        LldpTlv::Organization { oui: [2, 0x53, 0x4c], subtype: 1, info: vec![7; 20].into() },
    ];
    let port = LldpId { subtype: 5, id: b"s1-eth1"[..].into() };
    let lldp = Lldp { chassis: LldpId::local(&b"0000000000000001"[..]), port, ttl_s: 3, tlvs };
    lldp.emit().expect("names that fit").into()
}

fn icmpv6() -> Vec<Icmpv6> {
    let (target, group) = (v6("fe80::1"), v6("ff1e::7"));
    let net = |text: &str| text.parse().expect("a prefix");
    let options = vec![
        NdOption::SourceLinkLayer(MAC),
        NdOption::PrefixInformation {
            prefix: net("2001:db8:1::/64"),
            on_link: true,
            autonomous: true,
            router_address: false,
            pd_preferred: false,
            valid_s: 86_400,
            preferred_s: 14_400,
        },
        NdOption::Mtu(1430),
        NdOption::RouteInformation { prefix: net("2001:db8:2::/48"), preference: Preference::High, lifetime_s: 600 },
        NdOption::Rdnss { lifetime_s: 600, servers: vec![target] },
        NdOption::Dnssl { lifetime_s: 600, domains: vec!["example.org".to_owned(), "a.example".to_owned()] },
        NdOption::CaptivePortal("https://example.org/".to_owned()),
        NdOption::Pref64 { lifetime_s: 600, prefix: net("64:ff9b::/96") },
        NdOption::Nonce(vec![1, 2, 3, 4, 5, 6].into()),
        NdOption::Unknown { kind: 99, body: vec![9; 14].into() },
    ];
    let record = |kind| MldRecord { kind, group, sources: vec![target], aux: vec![1, 2, 3, 4].into() };
    let query = MldQuery {
        max_response_ms: 10_000,
        group,
        suppress: true,
        robustness: 2,
        interval_s: 125,
        sources: vec![target],
    };
    let invoking = packet::ipv6_frame(MAC, OTHER, target, group, 1, protocol::UDP, &[0; 8]).slice(14..);
    vec![
        Icmpv6::RouterAdvert(RouterAdvert {
            router_lifetime_s: 1800,
            options: options.clone(),
            ..RouterAdvert::default()
        }),
        Icmpv6::NeighborSolicit { target, options: options[..1].to_vec() },
        Icmpv6::NeighborAdvert {
            router: true,
            solicited: true,
            override_: true,
            target,
            options: vec![NdOption::TargetLinkLayer(MAC)],
        },
        Icmpv6::Redirect {
            target,
            destination: v6("2001:db8::9"),
            options: vec![NdOption::TargetLinkLayer(MAC), NdOption::RedirectedHeader(vec![6; 40].into())],
        },
        Icmpv6::EchoRequest { id: 1, seq: 2, data: vec![5; 32].into() },
        Icmpv6::PacketTooBig { mtu: 1280, invoking: invoking.clone() },
        Icmpv6::DestinationUnreachable { code: 3, invoking: invoking.clone() },
        Icmpv6::ParameterProblem { code: 1, pointer: 6, invoking },
        Icmpv6::MldQueryV1 { max_response_ms: 1000, group },
        Icmpv6::MldQueryV2(query),
        Icmpv6::MldReportV1 { group },
        Icmpv6::MldReportV2 { records: vec![record(MldRecordKind::ToExclude), record(MldRecordKind::AllowNew)] },
        Icmpv6::Unknown { kind: 200, code: 1, body: vec![8; 12].into() },
    ]
}

/// With extension headers: router alert, fragments, routing, and options to the destination.
fn extended(src: Ipv6Addr, dst: Ipv6Addr) -> Vec<Vec<u8>> {
    let udp = packet::udp(src, dst, 1, 2, b"in pieces");
    let chains: [&[(u8, &[u8])]; 5] = [
        &[(protocol::HOP_BY_HOP, &[0, 5, 2, 0, 0, 1, 0])],
        &[(protocol::FRAGMENT, &[0, 0, 1, 1, 2, 3, 4])],
        &[(protocol::FRAGMENT, &[0, 0, 0, 1, 2, 3, 4])],
        &[(protocol::ROUTING, &[0, 4, 0, 0, 0, 0, 0]), (protocol::DESTINATION, &[0, 1, 4, 0, 0, 0, 0])],
        &[
            (protocol::HOP_BY_HOP, &[1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            (protocol::AH, &[1, 0, 0, 9, 9, 9, 9]),
        ],
    ];
    let frame = |chain: &[(u8, &[u8])]| {
        let next = |i: usize| chain.get(i).map_or(protocol::UDP, |(kind, _)| *kind);
        let mut payload = Vec::new();
        for (i, (_, body)) in chain.iter().enumerate() {
            payload.push(next(i + 1));
            payload.extend_from_slice(body);
        }
        payload.extend_from_slice(&udp);
        packet::ipv6_frame(MAC, OTHER, src, dst, 64, next(0), &payload).into()
    };
    chains.map(frame).into()
}

/// Messages of clients, servers and relay agents.
fn dhcp6() -> Vec<Vec<u8>> {
    let address = |options| Dhcp6Option::IaAddress { address: v6("2001:db8::5"), preferred_s: 1, valid_s: 2, options };
    let prefix = "2001:db8:9::/56".parse().expect("a prefix");
    let options = vec![
        Dhcp6Option::ClientId(packet::duid_ll(MAC)),
        Dhcp6Option::IaNa { iaid: 1, t1_s: 2, t2_s: 3, options: vec![address(vec![Dhcp6Option::Preference(1)])] },
        Dhcp6Option::IaPd {
            iaid: 1,
            t1_s: 2,
            t2_s: 3,
            options: vec![Dhcp6Option::IaPrefix { prefix, preferred_s: 1, valid_s: 2, options: vec![] }],
        },
        Dhcp6Option::OptionRequest(vec![23, 24, 82]),
        Dhcp6Option::ElapsedTime(9),
        Dhcp6Option::RapidCommit,
        Dhcp6Option::UserClass(vec![vec![1, 2].into()]),
        Dhcp6Option::VendorClass { enterprise: 9, data: vec![vec![3].into()] },
        Dhcp6Option::DnsServers(vec![v6("2001:db8::53")]),
        Dhcp6Option::DomainSearch(vec!["example.org".to_owned()]),
        Dhcp6Option::ClientFqdn { flags: 1, name: vec![1, b'a', 0].into() },
        Dhcp6Option::NtpName("ntp.example".to_owned()),
        Dhcp6Option::Unknown { code: 999, data: vec![1, 2, 3].into() },
    ];
    let message = Dhcp6Message { kind: Dhcp6Kind::from_number(1), transaction: 0x12_3456, options };
    let inner = message.emit().expect("options that can be written");
    let relay = Dhcp6Relay {
        kind: Dhcp6Kind::from_number(12),
        hop_count: 1,
        link_address: v6("2001:db8::1"),
        peer_address: v6("fe80::1"),
        options: vec![Dhcp6Option::InterfaceId(vec![7].into()), Dhcp6Option::RelayMessage(inner.clone())],
    };
    vec![inner.into(), relay.emit().expect("options that can be written").into()]
}

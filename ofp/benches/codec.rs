//! The codec on one core: flow-mods written, flow statistics and packet-ins read; beside each, a plain copy of its bytes.

use std::hint::black_box;

use addr::{MacAddr, OfPort};
use bytes::{Bytes, BytesMut};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ofp::{Action, Field, FlowMod, FlowStats, Instruction, Match, Message, MultipartReply, PacketIn2, StatsReply};

/// Rows as the pipeline has them, of one port each: what comes in by it, its answer to a solicitation, where it is, the way
/// to it and to its prefix.
fn flows(port: u32) -> Vec<FlowMod> {
    let mac = MacAddr::from_u64(0x0200_0000_0000 | u64::from(port));
    let address = std::net::Ipv6Addr::from(0xfd00_000a_u128 << 96 | 0xff_fe00_0000 | u128::from(port));
    let prefix = u128::MAX << 64;
    let ipv6 = || Match::new().with(Field::ETH_TYPE, 0x86ddu16);
    let solicit = || ipv6().with(Field::IP_PROTO, 58u8).with(Field::ICMPV6_TYPE, 135u8);
    let row = |table: u8, priority: u16, match_: Match, actions: Vec<Action>, next: Option<u8>| {
        let mut instructions = vec![Instruction::ApplyActions(actions)];
        instructions.extend(next.map(Instruction::GotoTable));
        let cookie = 0x5e << 56 | u64::from(port);
        FlowMod { cookie, table, priority, match_, instructions, ..FlowMod::default() }
    };
    let reg = |n, value: u64| Action::load(Field::reg(n), value);
    vec![
        row(
            4,
            100,
            ipv6().with(Field::IN_PORT, port).with(Field::ETH_SRC, mac).with(Field::IPV6_SRC, address),
            vec![reg(0, 7), reg(1, port.into()), reg(2, 1)],
            Some(5),
        ),
        row(
            12,
            200,
            solicit().with(Field::reg(0), 7u32).with(Field::ND_TARGET, address),
            vec![
                Action::copy(Field::ETH_SRC, Field::ETH_DST),
                Action::set(Field::ETH_SRC, mac),
                Action::set(Field::ICMPV6_TYPE, 136u8),
                reg(3, port.into()),
                Action::set(Field::IPV6_SRC, address),
            ],
            Some(13),
        ),
        row(
            20,
            329,
            ipv6().with(Field::reg(4), 3u32).masked(Field::IPV6_DST, address, prefix),
            vec![Action::DecNwTtl, Action::set(Field::ETH_SRC, mac), reg(0, 9), reg(5, 1)],
            Some(21),
        ),
        row(
            30,
            100,
            Match::new().with(Field::reg(0), 7u32).with(Field::ETH_DST, mac).masked(Field::reg(6), 0u32, 0xffu32),
            vec![
                Action::set(Field::TUN_ID, 7u64),
                Action::set(Field::TUN_IPV6_DST, address),
                Action::load(Field::reg(7).sub(0, 16), port.into()),
                Action::output(OfPort(4)),
            ],
            None,
        ),
    ]
}

const COUNT: usize = 1_000;

fn messages() -> Vec<Message> {
    let all = (1..=COUNT as u32 / 4).flat_map(flows);
    (1..).zip(all).map(|(xid, flow)| Message::new(xid, flow)).collect()
}

fn encode(c: &mut Criterion) {
    let mut group = c.benchmark_group("codec");
    let messages = messages();
    let mut out = BytesMut::with_capacity(1 << 20);
    messages.iter().for_each(|message| message.encode_into(&mut out));
    let bytes = out.clone().freeze();
    println!("{COUNT} flow-mods are {} bytes", bytes.len());
    group.throughput(Throughput::Elements(COUNT as u64));
    group.bench_function("flow_mods_written", |b| {
        b.iter(|| {
            out.clear();
            messages.iter().for_each(|message| black_box(message).encode_into(&mut out));
            out.len()
        });
    });
    let bundled: Vec<_> = messages.iter().map(|message| message.clone().in_bundle(1, 3)).collect();
    group.bench_function("flow_mods_written_in_bundles", |b| {
        b.iter(|| {
            out.clear();
            bundled.iter().for_each(|message| black_box(message).encode_into(&mut out));
            out.len()
        });
    });
    group.bench_function("flow_mods_copied", |b| {
        b.iter(|| {
            out.clear();
            out.extend_from_slice(black_box(&bytes));
            out.len()
        });
    });
    group.finish();
}

fn decode(c: &mut Criterion) {
    let mut group = c.benchmark_group("codec");
    let stats: Vec<_> = messages()
        .into_iter()
        .map(|message| {
            let ofp::Body::FlowMod(flow) = message.body else { unreachable!() };
            let FlowMod { table, priority, cookie, match_, instructions, .. } = flow;
            FlowStats { table, priority, cookie, match_, instructions, packets: 9, bytes: 999, ..FlowStats::default() }
        })
        .collect();
    // As many as a message holds.
    let replies: Vec<Bytes> = stats
        .chunks(250)
        .map(|part| Message::new(1, MultipartReply { more: true, body: StatsReply::Flow(part.to_vec()) }).encode())
        .collect();
    group.throughput(Throughput::Elements(COUNT as u64));
    group.bench_function("flow_stats_read", |b| {
        b.iter(|| replies.iter().map(|reply| Message::decode(black_box(reply)).is_ok()).filter(|ok| *ok).count());
    });
    group.throughput(Throughput::Elements(1));
    let packet_in = PacketIn2 {
        packet: Bytes::from_static(&[0x33; 86]),
        total_len: 86,
        table_id: 40,
        cookie: 0x5e << 56,
        reason: 1,
        metadata: (0..6).fold(Match::new().with(Field::IN_PORT, 3u8), |match_, n| {
            match_.with(Field::reg(n), 1000u32 + u32::from(n))
        }),
        userdata: Bytes::from_static(&[1, 2, 3, 4]),
        ..PacketIn2::default()
    };
    let bytes = Message::new(0, packet_in).encode();
    group.bench_function("packet_in_read", |b| b.iter(|| Message::decode(black_box(&bytes)).is_ok()));
    group.finish();
}

criterion_group!(benches, encode, decode);
criterion_main!(benches);

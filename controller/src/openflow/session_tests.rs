//! Sessions against a switch made of a pipe: what it is told, and what the brain hears.

use std::sync::Arc;
use std::time::Duration;

use addr::{Dpid, OfPort};
use brain::{Batch, Event, SessionId, SwitchCommand, SwitchEvent};
use bytes::{Bytes, BytesMut};
use ofp::{
    Body, BundleControl, BundleCtrlType, ControllerRole, Desc, ErrorMsg, FeaturesReply, Field, FlowMod, Hello, Match,
    Message, MultipartReply, PacketIn2, PortDesc, PortReason, PortStatus, Role, StatsReply, StatsRequest, SwitchConfig,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{command, session};
use crate::daemon::{Clock, Shared, Taken};

/// The switch's end, the daemon's state, and the session between them.
struct Fake {
    stream: DuplexStream,
    received: BytesMut,
    shared: Arc<Shared>,
    stop: CancellationToken,
    session: JoinHandle<()>,
    /// What `SET_CONFIG` set.
    fragments: u16,
    /// Whether it keeps to its fragment mode whatever it is told.
    stubborn: bool,
    /// What it answers later.
    late: Vec<Message>,
}

impl Fake {
    fn connect() -> Fake {
        let (stream, ours) = tokio::io::duplex(1 << 20);
        let shared = Arc::new(Shared::new(0, Clock::start()));
        let (reader, writer) = tokio::io::split(ours);
        let stop = CancellationToken::new();
        let run = session::run(reader, writer, "test".to_owned(), Arc::clone(&shared), stop.clone());
        let session = tokio::spawn(run);
        Fake {
            stream,
            received: BytesMut::new(),
            shared,
            stop,
            session,
            fragments: 0,
            stubborn: false,
            late: Vec::new(),
        }
    }

    /// Connected, shaken hands, and reported to the brain.
    async fn up() -> (Fake, SessionId) {
        let mut fake = Fake::connect();
        fake.shake_hands().await;
        match fake.event().await {
            Event::Switch(id, SwitchEvent::Up { dpid: Dpid(7), .. }) => (fake, id),
            other => panic!("{other:?}"),
        }
    }

    async fn send(&mut self, message: Message) {
        self.stream.write_all(&message.encode()).await.unwrap();
    }

    /// The next message; `None` when the session hung up.
    async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(bytes) = ofp::frame(&mut self.received).unwrap() {
                return Some(Message::decode(&bytes).unwrap());
            }
            if self.stream.read_buf(&mut self.received).await.unwrap() == 0 {
                return None;
            }
        }
    }

    async fn expect(&mut self) -> Message {
        self.next().await.expect("the session hung up")
    }

    /// Behaves, until the last question of the handshake is answered.
    async fn shake_hands(&mut self) {
        self.send(Message::new(1, Hello::v13())).await;
        loop {
            let message = self.expect().await;
            let last = matches!(&message.body, Body::MultipartRequest(request) if request.body == StatsRequest::Desc);
            if let Some(body) = self.reply(message.body) {
                self.send(Message { xid: message.xid, body }).await;
            }
            if last {
                return;
            }
        }
    }

    fn reply(&mut self, request: Body) -> Option<Body> {
        Some(match request {
            Body::FeaturesRequest => {
                FeaturesReply { datapath_id: Dpid(7), n_tables: 254, ..FeaturesReply::default() }.into()
            }
            Body::SetConfig(config) => {
                self.fragments = if self.stubborn { 0 } else { config.flags };
                return None;
            }
            Body::GetConfigRequest => {
                Body::GetConfigReply(SwitchConfig { flags: self.fragments, miss_send_len: 0xffff })
            }
            Body::RoleRequest(_) => Body::RoleReply(ControllerRole { role: Role::Equal, generation_id: u64::MAX }),
            Body::BarrierRequest => Body::BarrierReply,
            Body::BundleControl(control) => {
                let kind = match control.kind {
                    BundleCtrlType::OpenRequest => BundleCtrlType::OpenReply,
                    BundleCtrlType::CommitRequest => BundleCtrlType::CommitReply,
                    BundleCtrlType::DiscardRequest => BundleCtrlType::DiscardReply,
                    other => panic!("{other:?}"),
                };
                BundleControl { kind, ..control }.into()
            }
            Body::MultipartRequest(request) => {
                let body = match request.body {
                    StatsRequest::PortDesc => StatsReply::PortDesc(vec![port(1), port(2)]),
                    StatsRequest::Desc => StatsReply::Desc(Box::<Desc>::default()),
                    StatsRequest::Flow(_) => StatsReply::Flow(vec![ofp::FlowStats::default()]),
                    StatsRequest::GroupDesc => StatsReply::GroupDesc(Vec::new()),
                    StatsRequest::MeterConfig(_) => StatsReply::MeterConfig(Vec::new()),
                    StatsRequest::FlowMonitor(_) => StatsReply::FlowMonitor(Vec::new()),
                    other => panic!("{other:?}"),
                };
                MultipartReply { more: false, body }.into()
            }
            _ => return None,
        })
    }

    /// Answers what can be answered until the brain hears something. Returns the kinds of what was asked, too.
    async fn serve(&mut self) -> (Event, Vec<&'static str>) {
        let mut asked = Vec::new();
        loop {
            if let Some(event) = self.try_event() {
                return (event, asked);
            }
            tokio::select! {
                message = self.next() => {
                    let message = message.expect("the session hung up");
                    asked.push(super::words::kind(&message.body));
                    if let Some(body) = self.reply(message.body) {
                        self.send(Message { xid: message.xid, body }).await;
                    }
                }
                () = sleep(Duration::from_millis(1)) => {}
            }
        }
    }

    fn try_event(&self) -> Option<Event> {
        match self.shared.inbox.take_now() {
            Some(Taken::Event(event)) => Some(event),
            _ => None,
        }
    }

    /// What the brain hears next.
    async fn event(&self) -> Event {
        loop {
            match self.try_event() {
                Some(event) => return event,
                None => sleep(Duration::from_millis(1)).await,
            }
        }
    }

    /// The next message, if it comes at once.
    async fn heard_now(&mut self) -> Option<Message> {
        tokio::task::yield_now().await;
        tokio::select! {
            biased;
            message = self.next() => message,
            () = std::future::ready(()) => None,
        }
    }

    /// What the brain hears next, if it hears anything soon.
    async fn event_soon(&self) -> Option<Event> {
        tokio::time::timeout(Duration::from_millis(50), self.event()).await.ok()
    }

    /// Answers until so many barriers were asked for.
    async fn serve_at_once(&mut self, mut barriers: usize) {
        while barriers > 0 {
            let message = self.expect().await;
            barriers -= usize::from(matches!(message.body, Body::BarrierRequest));
            if let Some(body) = self.reply(message.body) {
                self.send(Message { xid: message.xid, body }).await;
            }
        }
    }

    async fn down(&self) -> String {
        match self.event().await {
            Event::Switch(_, SwitchEvent::Down { reason }) => reason,
            other => panic!("{other:?}"),
        }
    }

    fn metrics(&self) -> String {
        self.shared.measure();
        self.shared.metrics.text()
    }
}

fn port(number: u32) -> PortDesc {
    PortDesc { port: OfPort(number), name: format!("p{number}").as_str().into(), ..PortDesc::default() }
}

fn flows(number: u64, count: usize) -> SwitchCommand {
    SwitchCommand::Batch(Batch {
        number,
        operations: vec![FlowMod::default().into(); count],
        follows: None,
        gentle: false,
    })
}

fn punted(in_port: u32) -> Message {
    let metadata = Match::new().with(Field::IN_PORT, in_port);
    let packet = PacketIn2 {
        packet: Bytes::from_static(b"frame"),
        userdata: Bytes::from_static(&[9, 1]),
        metadata,
        ..PacketIn2::default()
    };
    Message { xid: 0, body: Body::PacketIn2(packet) }
}

#[tokio::test]
async fn a_handshake_sets_what_guards_rely_on() {
    let mut fake = Fake::connect();
    fake.shake_hands().await;
    let Event::Switch(_, SwitchEvent::Up { dpid, ports, peer }) = fake.event().await else { panic!("not up") };
    assert_eq!((dpid, ports, peer.as_str()), (Dpid(7), vec![port(1), port(2)], "test"));
    assert_eq!(fake.fragments, 3);
    let metrics = fake.metrics();
    assert!(metrics.contains("sextant_sessions 1\n"), "{metrics}");
    for sent in ["set_packet_in_format", "set_async", "role_request"] {
        assert!(metrics.contains(&format!("{{direction=\"out\",type=\"{sent}\"}} 1\n")), "{sent}: {metrics}");
    }
    fake.stop.cancel();
    assert_eq!(fake.down().await, "the controller is stopping");
    assert!(fake.next().await.is_none());
}

#[tokio::test]
async fn another_version_is_told_why_and_the_brain_hears_nothing() {
    let mut fake = Fake::connect();
    let hello = Hello { version: 1, bitmap: Vec::new(), unknown: Bytes::new() };
    let mut bytes = Message::new(9, hello).encode().to_vec();
    bytes[0] = 1;
    fake.stream.write_all(&bytes).await.unwrap();
    assert!(matches!(fake.expect().await.body, Body::Hello(_)));
    let Message { xid: 9, body: Body::Error(ErrorMsg { kind: 0, code: 0, .. }) } = fake.expect().await else {
        panic!("no HELLO_FAILED")
    };
    assert!(fake.next().await.is_none());
    (&mut fake.session).await.unwrap();
    assert!(fake.try_event().is_none());
    let (happenings, _) = fake.shared.happenings.follow();
    assert!(happenings[0].message.contains("version 0x01"), "{happenings:?}");
}

#[tokio::test]
async fn a_switch_that_keeps_its_fragment_mode_is_refused() {
    let mut fake = Fake::connect();
    fake.stubborn = true;
    fake.send(Message::new(1, Hello::v13())).await;
    while let Some(message) = fake.next().await {
        if let Some(body) = fake.reply(message.body) {
            fake.send(Message { xid: message.xid, body }).await;
        }
    }
    let (happenings, _) = fake.shared.happenings.follow();
    assert!(happenings[0].message.contains("fragments"), "{happenings:?}");
}

#[tokio::test]
async fn malformed_bytes_cost_their_session_only() {
    for (bytes, excerpt) in [(&[4, 10, 0, 4, 0, 0, 0, 0][..], "04 0a 00 04"), (&[4, 12, 0, 8, 0, 0, 0, 1], "04 0c")] {
        let (mut fake, _) = Fake::up().await;
        fake.stream.write_all(bytes).await.unwrap();
        let reason = fake.down().await;
        assert!(reason.starts_with("malformed message: ") && reason.contains(excerpt), "{reason}");
        assert!(fake.metrics().contains("sextant_session_faults_total{reason=\"malformed\"} 1\n"));
    }
}

#[tokio::test]
async fn a_batch_is_a_bundle_that_is_committed_after_a_barrier() {
    let (mut fake, id) = Fake::up().await;
    command(&fake.shared, id, flows(5, 2), false);
    let (event, asked) = fake.serve().await;
    assert!(matches!(event, Event::Switch(_, SwitchEvent::BatchDone { batch: 5, .. })), "{event:?}");
    let bundle = ["bundle_control", "bundle_add", "bundle_add", "barrier_request", "bundle_control", "barrier_request"];
    assert_eq!(asked, bundle);
    assert!(fake.metrics().contains("sextant_flow_mods_total{dpid=\"0000000000000007\"} 2\n"), "{}", fake.metrics());
}

#[tokio::test]
async fn a_batch_with_a_bad_flow_is_discarded_and_the_next_goes_on() {
    let (mut fake, id) = Fake::up().await;
    command(&fake.shared, id, flows(1, 2), false);
    command(&fake.shared, id, flows(2, 1), false);
    let mut adds = 0;
    let mut controls = Vec::new();
    while adds < 2 || controls.len() < 2 {
        let message = fake.expect().await;
        match message.body {
            Body::BundleAdd(_) => {
                adds += 1;
                if adds == 2 {
                    let error = ErrorMsg { kind: 5, code: 2, experimenter: None, data: Bytes::new() };
                    fake.send(Message { xid: message.xid, body: Body::Error(error) }).await;
                }
            }
            body => {
                if let Body::BundleControl(control) = &body {
                    controls.push(control.kind);
                }
                let body = fake.reply(body).unwrap();
                fake.send(Message { xid: message.xid, body }).await;
            }
        }
    }
    assert_eq!(controls, [BundleCtrlType::OpenRequest, BundleCtrlType::DiscardRequest]);
    let (event, _) = fake.serve().await;
    let Event::Switch(_, SwitchEvent::BatchFailed { batch: 1, operation: Some(1), .. }) = event else {
        panic!("{event:?}")
    };
    let (event, _) = fake.serve().await;
    assert!(matches!(event, Event::Switch(_, SwitchEvent::BatchDone { batch: 2, .. })), "{event:?}");
    assert!(fake.metrics().contains("sextant_bundle_failures_total{dpid=\"0000000000000007\"} 1\n"));
}

#[tokio::test]
async fn what_is_too_long_to_send_costs_no_session() {
    let (mut fake, id) = Fake::up().await;
    let packet =
        |bytes| SwitchCommand::PacketOut { in_port: OfPort::CONTROLLER, actions: vec![], data: vec![0; bytes] };
    let flow = FlowMod { instructions: vec![ofp::Instruction::GotoTable(1); 9000], ..FlowMod::default() };
    let operations = vec![FlowMod::default().into(), flow.into()];
    command(&fake.shared, id, packet(70_000), false);
    let batch = SwitchCommand::Batch(Batch { number: 1, operations, follows: None, gentle: false });
    command(&fake.shared, id, batch, false);
    command(&fake.shared, id, flows(2, 1), false);
    command(&fake.shared, id, packet(14), false);
    let (event, _) = fake.serve().await;
    let Event::Switch(_, SwitchEvent::BatchFailed { batch: 1, operation: Some(1), error }) = event else {
        panic!("{event:?}")
    };
    assert!(error.starts_with("a flow_mod can't be sent, it is too long"), "{error}");
    let (event, asked) = fake.serve().await;
    assert!(matches!(event, Event::Switch(_, SwitchEvent::BatchDone { batch: 2, .. })), "{event:?}");
    let sent = asked.contains(&"packet_out") || matches!(fake.expect().await.body, Body::PacketOut(_));
    assert!(sent, "the short one");
    assert!(fake.metrics().contains("reason=\"too_long\"} 1\n"), "{}", fake.metrics());
}

#[tokio::test]
async fn work_keeps_its_order_and_packets_wait_for_none_of_it() {
    let (mut fake, id) = Fake::up().await;
    let packet = SwitchCommand::PacketOut { in_port: OfPort::CONTROLLER, actions: Vec::new(), data: vec![0; 14] };
    command(&fake.shared, id, SwitchCommand::ReadBack, false);
    command(&fake.shared, id, flows(1, 1), false);
    command(&fake.shared, id, packet, false);
    let mut asked = Vec::new();
    while asked.last() != Some(&"packet_out") {
        let message = fake.expect().await;
        asked.push(super::words::kind(&message.body));
        if asked.len() == 3 {
            assert!(!asked.contains(&"bundle_control"), "nothing was answered yet");
        }
        let Body::MultipartRequest(_) = message.body else { continue };
        // Tables are read, but slowly: the packet is there first.
        fake.late.push(message);
    }
    for message in std::mem::take(&mut fake.late) {
        let body = fake.reply(message.body).unwrap();
        fake.send(Message { xid: message.xid, body }).await;
    }
    let (event, more) = fake.serve().await;
    assert!(matches!(event, Event::Switch(_, SwitchEvent::Tables { .. })), "{event:?}");
    asked.extend(more);
    let (event, more) = fake.serve().await;
    assert!(matches!(event, Event::Switch(_, SwitchEvent::BatchDone { batch: 1, .. })), "{event:?}");
    asked.extend(more);
    asked.retain(|kind| *kind != "packet_out");
    let bundle = ["bundle_control", "bundle_add", "barrier_request", "bundle_control", "barrier_request"];
    assert_eq!(asked, [&["multipart_request"; 4][..], &bundle].concat());
    command(&fake.shared, id, SwitchCommand::Close { reason: "told to".to_owned() }, false);
    assert_eq!(fake.down().await, "told to");
}

#[tokio::test]
async fn what_follows_a_refused_batch_is_left_out() {
    let (mut fake, id) = Fake::up().await;
    let batch = |number, follows| {
        let operations = vec![FlowMod::default().into()];
        SwitchCommand::Batch(Batch { number, operations, follows, gentle: false })
    };
    let bad = FlowMod { instructions: vec![ofp::Instruction::GotoTable(1); 9000], ..FlowMod::default() };
    let operations = vec![bad.into()];
    let commands = [
        SwitchCommand::Batch(Batch { number: 1, operations, follows: None, gentle: false }),
        batch(2, Some(1)),
        batch(3, Some(2)),
        batch(4, None),
        batch(5, Some(4)),
    ];
    for each in commands {
        command(&fake.shared, id, each, false);
    }
    let mut heard = Vec::new();
    while heard.last() != Some(&5) {
        match fake.serve().await.0 {
            Event::Switch(_, SwitchEvent::BatchFailed { batch, .. } | SwitchEvent::BatchDone { batch, .. }) => {
                heard.push(batch);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(heard, [1, 4, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_forwards_rests_between_bundles_and_no_other() {
    let (mut fake, id) = Fake::up().await;
    let batch = |number, gentle| {
        let operations = vec![FlowMod::default().into()];
        SwitchCommand::Batch(Batch { number, operations, follows: None, gentle })
    };
    let mut took = Vec::new();
    for (first, gentle) in [(1, true), (3, false)] {
        let start = Instant::now();
        command(&fake.shared, id, batch(first, gentle), false);
        command(&fake.shared, id, batch(first + 1, gentle), false);
        fake.serve_at_once(4).await;
        took.push(start.elapsed());
        while fake.try_event().is_some() {}
        sleep(Duration::from_secs(1)).await;
    }
    assert!(took[0] >= Duration::from_millis(2), "{took:?}");
    assert_eq!(took[1], Duration::ZERO);
}

#[tokio::test]
async fn while_the_brain_takes_nothing_the_session_reads_on_and_drops_are_named() {
    let (mut fake, id) = Fake::up().await;
    command(&fake.shared, id, flows(1, 1), false);
    // The control queue is full of others' events: nothing of this session's has room.
    while let Some(room) = fake.shared.inbox.room_now() {
        fake.shared.inbox.push_into(room, Event::Tick, None).unwrap();
    }
    for n in 0..3000_u32 {
        fake.send(punted(3)).await;
        if n % 1000 == 0 {
            let status = PortStatus { reason: PortReason::Modify, desc: port(n) };
            fake.send(Message { xid: 0, body: Body::PortStatus(status) }).await;
        }
        while let Some(message) = fake.heard_now().await {
            if let Some(body) = fake.reply(message.body) {
                fake.send(Message { xid: message.xid, body }).await;
            }
        }
    }
    fake.send(Message { xid: 77, body: Body::EchoRequest(Bytes::new()) }).await;
    while fake.expect().await.xid != 77 {}
    let metrics = fake.metrics();
    let dropped = "sextant_packet_overflows_total{dpid=\"0000000000000007\",port=\"3\",class=\"unknown\"} 2936\n";
    assert!(metrics.contains(dropped), "{metrics}");
    // Now the brain takes all: nothing but packets was lost.
    let (mut ports, mut done) = (Vec::new(), false);
    while let Some(event) = fake.event_soon().await {
        match event {
            Event::Switch(_, SwitchEvent::Port { port, .. }) => ports.push(port.port.0),
            Event::Switch(_, SwitchEvent::BatchDone { batch: 1, .. }) => done = true,
            _ => {}
        }
    }
    assert_eq!((ports, done), (vec![0, 1000, 2000], true));
}

#[tokio::test]
async fn packets_and_ports_reach_the_brain() {
    let (mut fake, _) = Fake::up().await;
    fake.send(punted(3)).await;
    fake.send(punted(4)).await;
    let status = PortStatus { reason: PortReason::Delete, desc: port(2) };
    fake.send(Message { xid: 0, body: Body::PortStatus(status) }).await;
    fake.send(Message { xid: 77, body: Body::EchoRequest(Bytes::from_static(b"?")) }).await;
    let echo = fake.expect().await;
    assert_eq!(echo, Message { xid: 77, body: Body::EchoReply(Bytes::from_static(b"?")) });
    // Ports first, although they came last.
    let event = fake.event().await;
    let Event::Switch(_, SwitchEvent::Port { reason: PortReason::Delete, port: gone }) = event else {
        panic!("{event:?}")
    };
    assert_eq!(gone, port(2));
    for expected in [3, 4] {
        let event = fake.event().await;
        let Event::Switch(_, SwitchEvent::Packet(punt)) = event else { panic!("{event:?}") };
        assert_eq!(
            (punt.in_port, punt.userdata.as_slice(), punt.data.as_slice()),
            (OfPort(expected), &[9, 1][..], &b"frame"[..])
        );
    }
    assert!(fake.metrics().contains("sextant_packet_ins_total{feature=\"9\"} 2\n"), "{}", fake.metrics());
}

#[tokio::test(start_paused = true)]
async fn a_silent_switch_is_asked_and_then_given_up() {
    let (mut fake, _) = Fake::up().await;
    let start = Instant::now();
    assert!(matches!(fake.expect().await.body, Body::EchoRequest(_)));
    assert_eq!(start.elapsed().as_secs_f64().round(), 5.0);
    fake.send(Message { xid: 1, body: Body::EchoReply(Bytes::new()) }).await;
    assert!(matches!(fake.expect().await.body, Body::EchoRequest(_)));
    assert_eq!(start.elapsed().as_secs_f64().round(), 10.0);
    assert_eq!(fake.down().await, "no sign of life for 15 s");
    assert_eq!(start.elapsed().as_secs_f64().round(), 20.0);
    assert!(fake.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_handshake_and_a_batch_have_their_time() {
    let mut fake = Fake::connect();
    let start = Instant::now();
    while fake.next().await.is_some() {}
    assert_eq!(start.elapsed().as_secs_f64().round(), 10.0);
    assert!(fake.try_event().is_none());

    let (mut fake, id) = Fake::up().await;
    command(&fake.shared, id, flows(1, 1), false);
    let start = Instant::now();
    // It answers echoes, but not what matters.
    while let Some(message) = fake.next().await {
        if let Body::EchoRequest(data) = message.body {
            fake.send(Message { xid: message.xid, body: Body::EchoReply(data) }).await;
        }
    }
    assert!(start.elapsed().as_secs_f64().round() == 120.0 && fake.down().await.contains("120 s"));
}

/// Messages that a switch may send at any time, one of each kind that matters.
fn chatter() -> Vec<u8> {
    let status = PortStatus { reason: PortReason::Modify, desc: port(1) };
    let error = ErrorMsg { kind: 4, code: 1, experimenter: None, data: Bytes::from_static(&[4, 14, 0, 8, 0, 0, 0, 9]) };
    let flows = MultipartReply { more: true, body: StatsReply::Flow(vec![ofp::FlowStats::default(); 2]) };
    let control = BundleControl { bundle_id: 1, kind: BundleCtrlType::CommitReply, flags: 3, properties: Bytes::new() };
    let messages = [
        punted(1),
        Message { xid: 0, body: Body::PortStatus(status) },
        Message { xid: 3, body: Body::Error(error) },
        Message::new(8, flows),
        Message::new(9, control),
        Message { xid: 5, body: Body::BarrierReply },
    ];
    messages.iter().flat_map(|message| message.encode().to_vec()).collect()
}

#[tokio::test]
async fn no_bytes_make_a_session_panic() {
    // A small generator with a fixed seed: every run is the same run.
    let mut state = 0x5e_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    for _ in 0..300 {
        let (mut fake, id) = Fake::up().await;
        command(&fake.shared, id, flows(1, 1), false);
        let mut bytes = chatter();
        for _ in 0..=random(4) {
            let at = random(bytes.len());
            bytes[at] = u8::try_from(random(256)).unwrap();
        }
        // Fails when the session has ended before it read all.
        drop(fake.stream.write_all(&bytes).await);
        drop(fake.stream.shutdown().await);
        (&mut fake.session).await.unwrap();
        let metrics = fake.metrics();
        assert!(!metrics.contains("internal"), "{bytes:02x?}: {metrics}");
        assert!(metrics.contains("sextant_sessions 0\n"));
    }
}

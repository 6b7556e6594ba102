//! The brain: any packet-in, any words of a trace, and any bytes of a request.

#[path = "../../../brain/tests/common/mod.rs"]
mod common;

use std::cell::{Cell, RefCell};

use addr::OfPort;
use brain::{Brain, Caller, Effect, Event, Millis, Punt, Refusal, Reply, Request, RequestId, SessionId, SwitchEvent};
use fuzz::{Input, bounded, damaged, frames, regressions, run};
use ofp::{Field, Match};
use proptest::prelude::*;
use prost::Message;
use proto::v1;

use common::{Site, bridges, port, site_documents};

/// A brain in charge of a site, and its clock.
struct Running {
    brain: RefCell<Brain>,
    now: Cell<u64>,
    sessions: Vec<SessionId>,
}

impl Running {
    fn start() -> Running {
        let mut site = Site::new(bridges());
        site.connect_all();
        site.apply(site_documents()).unwrap();
        let sessions = site.bridges.iter().filter_map(|bridge| bridge.session).collect();
        Running { brain: RefCell::new(site.brain), now: Cell::new(site.now), sessions }
    }

    fn handle(&self, event: Event) -> Vec<Effect> {
        self.now.set(self.now.get() + 1);
        self.brain.borrow_mut().handle(Millis(self.now.get()), event)
    }

    /// Asks; what would change the store is refused there, so that the next question finds the same site.
    fn ask(&self, request: Request) -> Result<Reply, Refusal> {
        let event = Event::Request { id: RequestId(9), caller: Caller::administrator(), request };
        let mut effects = self.handle(event);
        while let Some(effect) = effects.pop() {
            match effect {
                Effect::Reply { result, .. } => return result,
                Effect::Propose { proposal, .. } => {
                    let refused = Event::Refused { proposal, fault: Some("the disk is full".to_owned()) };
                    effects.extend(self.handle(refused));
                }
                _ => {}
            }
        }
        panic!("no answer")
    }
}

/// Registers as a punting row sets them, or any.
fn metadata() -> impl Strategy<Value = Match> {
    let register = (0u8..16, prop_oneof![0u32..16, any::<u32>()]);
    let op = prop_oneof![(1u32..10).prop_map(|op| op << 16), any::<u32>()];
    (op, proptest::collection::vec(register, 0..4)).prop_map(|(op, registers)| {
        let match_ = Match::new().with(Field::reg(3), op).with(Field::reg(0), 1u32);
        registers.into_iter().fold(match_, |match_, (n, value)| match_.with(Field::reg(n), value))
    })
}

#[test]
fn any_packet_in() {
    let site = Running::start();
    let userdata = prop_oneof![
        4 => (1u32..14).prop_map(|port| [&[1][..], &port.to_be_bytes()].concat()),
        1 => any::<Vec<u8>>(),
    ];
    let seeds = frames();
    let in_port = prop_oneof![4 => (1u32..30).prop_map(OfPort), 1 => any::<u32>().prop_map(OfPort)];
    let told = |session: usize, in_port, userdata: Vec<u8>, metadata, data: Vec<u8>| {
        let punt = Punt { in_port, metadata, userdata, data };
        let effects = site.handle(Event::Switch(site.sessions[session], SwitchEvent::Packet(punt)));
        // One packet is never answered by a flood of others.
        assert!(effects.len() <= 8, "{} effects", effects.len());
    };
    for frame in regressions("brain") {
        told(0, OfPort(11), vec![1, 0, 0, 0, 1], Match::new().with(Field::reg(3), 1u32 << 16), frame);
    }
    run(
        (0..3usize, in_port, userdata, metadata(), damaged(&seeds, 2)),
        |(session, in_port, userdata, metadata, data)| {
            told(session, in_port, userdata, metadata, data.0);
        },
    );
}

#[test]
fn any_words_of_a_trace() {
    let site = Running::start();
    let seeds: Vec<Vec<u8>> = [
        "icmp6 from 2001:db8:a::ff:fe00:1 to 2001:db8:a::ff:fe00:2 type 135 hop_limit 255",
        "tcp from 2001:db8:a::ff:fe00:1 to 2001:db8:b::ff:fe00:6 sport 1 dport 22 hop_limit 2",
        "udp from 10.0.0.1 to 255.255.255.255 dport 67",
        "icmp from 10.0.0.1 to 224.0.0.1 type 8",
        "esp from fe80::1 to ff02::1",
        "50 from :: to ::1",
    ]
    .map(|words| words.as_bytes().to_vec())
    .into();
    run(damaged(&seeds, 1), |Input(words)| {
        let packet = String::from_utf8_lossy(&words).into_owned();
        if packet.len() > 2_000 {
            return;
        }
        match site.ask(Request::Trace(v1::TraceRequest { port: "acme/vm1".to_owned(), packet })) {
            Ok(Reply::Traced(traced)) => assert!(!traced.outcomes.is_empty()),
            Ok(other) => panic!("{other:?}"),
            Err(refusal) => assert!(refusal.violations.iter().all(|violation| !violation.message.is_empty())),
        }
    });
}

#[test]
fn any_bytes_of_a_request() {
    let site = Running::start();
    let mut documents = site_documents();
    documents.push(v1::Document { tenant: "acme".to_owned(), ports: vec![port("acme", 7)], ..v1::Document::default() });
    let apply = |documents, dry_run| v1::ApplyRequest { documents, dry_run, ..v1::ApplyRequest::default() };
    let mut seeds: Vec<Vec<u8>> = documents.iter().map(|one| apply(vec![one.clone()], false).encode_to_vec()).collect();
    seeds.push(apply(documents, true).encode_to_vec());
    run(damaged(&seeds, 1), |Input(bytes)| {
        // A message of nothing costs two bytes, and a resource's value about a kilobyte.
        let Ok(request) = bounded(bytes.len(), 1024, || v1::ApplyRequest::decode(&bytes[..])) else { return };
        match site.ask(Request::Apply(request)) {
            Ok(Reply::Applied(_)) => {}
            Ok(other) => panic!("{other:?}"),
            Err(refusal) => assert!(refusal.violations.iter().all(|violation| !violation.message.is_empty())),
        }
    });
}

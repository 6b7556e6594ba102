//! OpenFlow: one message, a stream cut anywhere, and the pieces that flows are made of.

use bytes::BytesMut;
use fuzz::{Input, bounded, damaged, openflow, regressions, run};
use ofp::{Body, Message, MultipartReply, StatsReply};
use proptest::prelude::*;

/// Bytes in memory for each byte of a message: an OXM of 5 bytes becomes an entry of 48, in a list that may double.
const FACTOR: u64 = 32;

/// Reads a message. What can be read is written in a form that is read as the same, and written as the same bytes.
fn read(bytes: &[u8]) {
    let Ok(message) = bounded(bytes.len(), FACTOR, || Message::decode(bytes)) else { return };
    let _ = format!("{message:?}");
    said(&message);
    // Wide registers become narrow ones, so a long message may become too long.
    let Ok(written) = message.try_encode() else { return };
    assert_eq!(Message::decode(&written).as_ref(), Ok(&message));
    assert_eq!(Message::decode(&written).unwrap().encode(), written);
}

fn said(message: &Message) {
    let _ = match &message.body {
        Body::FlowMod(flow) => flow.clone().canonical().to_string() + &flow.to_string(),
        Body::GroupMod(group) => group.to_string(),
        Body::MeterMod(meter) => meter.clone().canonical().to_string(),
        Body::Error(error) => format!("{error} {:?}", error.refused_xid()),
        Body::BundleAdd(add) => return said(&add.message),
        Body::MultipartReply(MultipartReply { body: StatsReply::Flow(flows), .. }) => {
            flows.iter().map(|flow| flow.to_string()).collect()
        }
        _ => return,
    };
}

/// Makes the header say the true length and, but for the hello, the version that is read.
fn mend(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.len() >= ofp::HEADER_LEN {
        bytes.truncate(u16::MAX.into());
        let length = (bytes.len() as u16).to_be_bytes();
        bytes[0] = ofp::VERSION;
        bytes[2..4].copy_from_slice(&length);
    }
    bytes
}

#[test]
fn messages() {
    let seeds = openflow();
    regressions("openflow").iter().chain(&seeds).for_each(|bytes| read(bytes));
    run(damaged(&seeds, 4), |Input(bytes)| {
        read(&bytes);
        read(&mend(bytes));
    });
}

#[test]
fn random_bytes() {
    run((0u8..32, any::<Vec<u8>>()), |(kind, body)| {
        read(&body);
        let header = [ofp::VERSION, kind, 0, 0, 0, 0, 0, 1];
        read(&mend([&header[..], &body].concat()));
    });
}

#[test]
fn a_stream_cut_anywhere() {
    let seeds = openflow();
    let whole = proptest::collection::vec(0..seeds.len(), 0..4);
    run((whole, any::<Vec<u8>>(), damaged(&seeds, 1)), |(whole, cuts, Input(damaged))| {
        let whole: Vec<&[u8]> = whole.iter().map(|n| &seeds[*n][..]).collect();
        let stream = [whole.concat(), damaged].concat();
        let (mut received, mut rest, mut count) = (BytesMut::new(), &stream[..], 0);
        let mut cuts = cuts.iter().chain(std::iter::repeat(&255));
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(usize::from(*cuts.next().unwrap()).clamp(1, rest.len()));
            received.extend_from_slice(chunk);
            rest = after;
            // After an error the rest is lost; before it every message comes out whole.
            while let Ok(Some(message)) = ofp::frame(&mut received) {
                if let Some(expected) = whole.get(count) {
                    assert_eq!(&message[..], *expected);
                }
                count += 1;
            }
        }
        assert!(count >= whole.len());
    });
}

//! Bytes to values and back, for values of every kind and for bytes of no kind at all.

mod common;

use bytes::{Bytes, BytesMut};
use common::{corpus, strategies};
use ofp::{Action, Bad, Body, FlowMod, Instruction, Message};
use proptest::prelude::*;

/// What a controller sends, as bytes.
fn sent() -> Vec<Bytes> {
    let flows = corpus::flows().into_iter().map(Body::from);
    let groups = corpus::groups().into_iter().map(Body::from);
    let meters = corpus::meters().into_iter().map(Body::from);
    flows.chain(groups).chain(meters).map(|body| Message { xid: 7, body }.encode()).collect()
}

/// Reads bytes; what can be read must be written so that the same is read again.
fn read_and_write(bytes: &[u8]) {
    let Ok(message) = Message::decode(bytes) else { return };
    let Ok(again) = message.try_encode() else { return };
    assert_eq!(Message::decode(&again).as_ref(), Ok(&message));
    let _ = format!("{message:?}");
    if let Body::FlowMod(flow) = &message.body {
        let _ = flow.to_string();
    }
}

fn fix_length(bytes: &mut [u8]) {
    let length = (bytes.len() as u16).to_be_bytes();
    bytes[2..4].copy_from_slice(&length);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn every_message_is_read_as_written(message in strategies::message()) {
        let bytes = message.encode();
        prop_assert_eq!(Message::decode(&bytes).unwrap(), message);
        prop_assert_eq!(bytes.len(), usize::from(u16::from_be_bytes([bytes[2], bytes[3]])));
    }

    #[test]
    fn every_truncated_message_is_refused(message in strategies::message(), cut in any::<prop::sample::Index>()) {
        let bytes = message.encode();
        let cut = cut.index(bytes.len());
        prop_assert!(Message::decode(&bytes[..cut]).is_err());
        let mut received = BytesMut::from(&bytes[..cut]);
        prop_assert_eq!(ofp::frame(&mut received), Ok(None));
        received.extend_from_slice(&bytes[cut..]);
        received.extend_from_slice(b"\x04");
        prop_assert_eq!(ofp::frame(&mut received), Ok(Some(bytes)));
        prop_assert_eq!(&received[..], b"\x04");
    }

    #[test]
    fn random_bytes_do_no_harm(kind in 0u8..32, body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Message::decode(&body);
        let mut bytes = vec![4, kind, 0, 0, 0, 0, 0, 1];
        bytes.extend_from_slice(&body);
        fix_length(&mut bytes);
        read_and_write(&bytes);
    }

    #[test]
    fn damaged_messages_do_no_harm(
        message in strategies::message(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = message.encode().to_vec();
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()).max(8));
        }
        fix_length(&mut bytes);
        read_and_write(&bytes);
    }
}

#[test]
fn what_a_controller_sends_is_written_as_read() {
    for bytes in sent() {
        assert_eq!(Message::decode(&bytes).unwrap().encode(), bytes);
    }
}

#[test]
fn every_byte_of_them_may_be_wrong() {
    for bytes in sent() {
        for at in 8..bytes.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = bytes.to_vec();
                bytes[at] = value;
                read_and_write(&bytes);
            }
        }
    }
}

#[test]
fn nesting_is_bounded_and_nothing_is_lost() {
    let mut action = Action::Exit;
    for _ in 0..2000 {
        action = Action::Clone(vec![action]);
    }
    let instructions = vec![Instruction::ApplyActions(vec![action])];
    let bytes = Message::new(1, FlowMod { instructions, ..FlowMod::default() }).encode();
    let message = Message::decode(&bytes).unwrap();
    assert_eq!(message.encode(), bytes);
    let mut bundled = Message::new(1, FlowMod::default());
    for _ in 0..100 {
        bundled = bundled.in_bundle(1, 0);
    }
    let bytes = bundled.encode();
    assert_eq!(Message::decode(&bytes).unwrap().encode(), bytes);
}

#[test]
fn an_action_or_instruction_of_impossible_length_is_an_error() {
    let message = |instructions| Message::new(1, FlowMod { instructions, ..FlowMod::default() }).encode().to_vec();
    let inner = Action::Clone(vec![Action::DecNwTtl]);
    // The flow-mod's instruction begins after 56 bytes, its actions 8 later, those that are cloned 16 after that.
    let bytes = message(vec![Instruction::ApplyActions(vec![inner])]);
    for (at, what) in [(56, "instruction"), (64, "action"), (80, "action")] {
        let right = bytes[at + 3];
        let have = bytes.len() - at;
        for length in [0, 1, 4, 7, right - 1, right + 1, right + 4, right + 8, 255] {
            let mut bytes = bytes.clone();
            bytes[at + 3] = length;
            let bad = Bad::Frame { length: length.into(), have, what };
            assert_eq!(Message::decode(&bytes), Err(bad), "{what} at {at}, {length}");
        }
    }
    // An experimenter's action of a length that may be, with what nobody knows in it, is kept.
    let unknown = [0xff, 0xff, 0, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    let bytes = message(vec![Instruction::ApplyActions(vec![Action::Unknown(Bytes::copy_from_slice(&unknown))])]);
    assert_eq!(Message::decode(&bytes).unwrap().encode(), bytes);
}

#[test]
fn too_long_a_message_is_found() {
    let echo = |length| Message { xid: 1, body: Body::EchoRequest(Bytes::from(vec![0; length])) };
    assert_eq!(echo(65527).try_encode().map(|bytes| bytes.len()), Ok(65535));
    assert_eq!(echo(65528).try_encode(), Err(Bad::Length { length: 65536, what: "message" }));
}

#[test]
fn a_stream_that_is_none_is_refused() {
    let mut received = BytesMut::from(&b"\x04\x00\x00\x07\x00\x00\x00\x00"[..]);
    assert_eq!(ofp::frame(&mut received), Err(Bad::Length { length: 7, what: "message" }));
}

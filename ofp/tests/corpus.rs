//! What ovs-ofctl and a switch were heard to say (`corpus/*.txt`): read, written again as the same bytes, and told in the same
//! words. `corpus/record.py` records it anew.

use std::fmt::Write;
use std::path::Path;

use bytes::Bytes;
use ofp::{Body, Message, MultipartReply, StatsReply};

/// One message as it was heard, and what `ovs-ofctl ofp-print` says of it.
struct Heard {
    command: String,
    bytes: Bytes,
    printed: String,
}

fn bytes_of(hex: &str) -> Bytes {
    let digits = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn corpus() -> Vec<Heard> {
    let mut heard: Vec<Heard> = Vec::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    for file in ["matches", "flows", "actions", "groups_and_meters", "questions", "refusals"] {
        let text = std::fs::read_to_string(folder.join(format!("{file}.txt"))).unwrap();
        let mut command = "";
        for line in text.lines() {
            match line.split_once(' ') {
                Some(("#", rest)) => command = rest,
                Some((">" | "<", hex)) => {
                    heard.push(Heard { command: command.to_owned(), bytes: bytes_of(hex), printed: String::new() });
                }
                Some(("=", rest)) => rest.clone_into(&mut heard.last_mut().unwrap().printed),
                _ => {}
            }
        }
    }
    heard
}

/// What we say of a message, where we have words for it.
fn said(message: &Message) -> Option<String> {
    fn all<T: ToString>(list: &[T]) -> String {
        list.iter().map(T::to_string).collect::<Vec<_>>().join(" ")
    }
    let (kind, text) = match &message.body {
        Body::FlowMod(flow) => ("OFPT_FLOW_MOD", flow.to_string()),
        Body::GroupMod(group) => ("OFPT_GROUP_MOD", group.to_string()),
        Body::MeterMod(meter) => ("OFPT_METER_MOD", meter.to_string()),
        Body::MultipartReply(MultipartReply { body, .. }) => match body {
            StatsReply::Flow(flows) => ("OFPST_FLOW", all(flows)),
            StatsReply::GroupDesc(groups) => ("OFPST_GROUP_DESC", all(groups)),
            StatsReply::MeterConfig(meters) => ("OFPST_METER_CONFIG", all(meters)),
            _ => return None,
        },
        _ => return None,
    };
    Some(format!("{kind}: {text}"))
}

/// What we write otherwise, and why: commands' parts.
const DIFFERENT: [(&str, &str); 1] = [
    // The switch knows from its map that the option has 16 bytes, and says that the mask leaves some out. The message doesn't.
    ("tun_metadata1=0x5/0xff", "a mask over all bytes that are there is no mask"),
];

#[test]
fn what_was_heard_is_understood() {
    let heard = corpus();
    assert!(heard.len() > 250, "only {}", heard.len());
    let mut faults = String::new();
    for Heard { command, bytes, printed } in &heard {
        let message = match Message::decode(bytes) {
            Ok(message) => message,
            Err(error) => {
                writeln!(faults, "{command}\n  {error}").unwrap();
                continue;
            }
        };
        let written = message.encode();
        let stated = DIFFERENT.iter().any(|(part, _)| command.contains(part));
        if (written != bytes) != stated {
            writeln!(faults, "{command}\n  read:    {bytes:02x?}\n  written: {written:02x?}").unwrap();
        }
        if format!("{message:?}").contains("nknown(") || matches!(message.body, Body::Unknown { .. }) {
            writeln!(faults, "{command}\n  not understood: {message:?}").unwrap();
        }
        if let Some(said) = said(&message).filter(|said| !printed.is_empty() && said != printed) {
            writeln!(faults, "{command}\n  theirs: {printed}\n    ours: {said}").unwrap();
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

/// Bytes that are not padding, in no order.
fn said_bytes(bytes: &[u8]) -> Vec<u8> {
    let mut said: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != 0).collect();
    said.sort_unstable();
    said
}

/// What has two forms on the wire, of which one is written: options of a tunnel (as many bytes as the value needs), a resubmit to
/// the same table, a punt without properties, and fields with a newer and an older header.
const TWO_FORMS: [&str; 5] =
    ["tun_metadata", "table: None, ct: false", "Controller(", "actset_output", "NXM_OF_TCP_DST"];

#[test]
fn no_bit_of_an_instruction_is_lost() {
    let mut flips = 0;
    for Heard { command, bytes, .. } in corpus() {
        // Type flow-mod, whose match begins at its 48th byte.
        if bytes[1] != 14 {
            continue;
        }
        let meant = Message::decode(&bytes).unwrap();
        let match_length = usize::from(u16::from_be_bytes([bytes[50], bytes[51]])).next_multiple_of(8);
        for at in 48 + match_length..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.to_vec();
                flipped[at] ^= 1 << bit;
                let Ok(message) = Message::decode(&flipped) else { continue };
                flips += 1;
                // A property may count zeros behind it into its length, or not.
                if message == meant {
                    continue;
                }
                let Ok(written) = message.try_encode() else { continue };
                let words = format!("{message:?}");
                // Properties may change places.
                if written != flipped && !TWO_FORMS.iter().any(|form| words.contains(form)) {
                    assert_eq!(said_bytes(&written), said_bytes(&flipped), "{command}: byte {at}, bit {bit}: {words}");
                }
            }
        }
    }
    assert!(flips > 10_000, "only {flips}");
}

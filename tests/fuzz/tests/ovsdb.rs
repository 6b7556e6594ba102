//! What a database server says: cut into messages, read, and taken into a replica.

use std::sync::Arc;

use fuzz::{Input, bounded, damaged, regressions, run};
use ovsdb::{Framer, Message, Replica, Schema, Snapshot, TableUpdates, outcomes};

/// Bytes in memory for each byte of text: `[[[[` becomes a list of lists, each with room for a few.
const FACTOR: u64 = 600;

const SCHEMA: &str = r#"{"id": 1, "error": null, "result": {"name": "D", "version": "1.0.0", "tables": {"T": {"columns": {
    "name": {"type": "string"}, "tag": {"type": {"key": {"type": "integer"}, "min": 0, "max": 1}},
    "set": {"type": {"key": "uuid", "min": 0, "max": "unlimited"}},
    "map": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}}}}}}}"#;

const SAID: [&str; 6] = [
    r#"{"id": "echo", "method": "echo", "params": [1, "a"]}"#,
    r#"{"id": 2, "error": null, "result": [false, "00000000-0000-0000-0000-000000000000", {"T": {
        "550e8400-e29b-41d4-a716-446655440000": {"initial": {"name": "a\"}{", "set": ["set", []], "map": ["map", [["k", "v"]]]}}}}]}"#,
    r#"{"id": null, "method": "update3", "params": ["D", "550e8400-e29b-41d4-a716-446655440000", {"T": {
        "550e8400-e29b-41d4-a716-446655440000": {"modify": {"tag": 7, "map": ["map", [["k", "w"]]]}},
        "550e8400-e29b-41d4-a716-446655440001": {"insert": {"set": ["uuid", "550e8400-e29b-41d4-a716-446655440000"]}}}}]}"#,
    r#"{"id": null, "method": "update2", "params": ["D", {"T": {"550e8400-e29b-41d4-a716-446655440000": {"delete": null}}}]}"#,
    r#"{"id": 3, "error": null, "result": [{"uuid": ["uuid", "550e8400-e29b-41d4-a716-446655440000"]}, {"count": 1}, {},
        {"rows": [{"name": "a", "real": 1.5e3}]}, {"error": "timed out", "details": "d"}, null]}"#,
    r#"{"id": 4, "error": {"error": "unknown database"}, "result": null}"#,
];

/// Reads a stream as a client does; each message as all that it may be.
fn read(bytes: &[u8]) {
    let mut known = Framer::new(10_000);
    known.push(SCHEMA.as_bytes());
    let schema = match known.next_message().unwrap().map(Message::from_json) {
        Some(Ok(Message::Answer { result: Ok(schema), .. })) => Arc::new(Schema::from_json(&schema).unwrap()),
        other => panic!("{other:?}"),
    };
    bounded(bytes.len(), FACTOR, || {
        let mut framer = Framer::new(60_000);
        let mut replica = Replica::new(schema);
        framer.push(bytes);
        while let Ok(Some(json)) = framer.next_message() {
            let Ok(message) = Message::from_json(json) else { return };
            assert_eq!(Message::from_json(message.to_json()).as_ref(), Ok(&message));
            let updates = match &message {
                Message::Request { .. } => return drop(message.echoed()),
                Message::Notice { method, params } => TableUpdates::told(method, params).and_then(Result::ok),
                Message::Answer { result: Err(_), .. } => None,
                Message::Answer { result: Ok(result), .. } => {
                    let _ = (Schema::from_json(result), outcomes(result, 4), Snapshot::conditional(result));
                    Snapshot::since(result).ok().map(|snapshot| snapshot.updates)
                }
            };
            if updates.is_some_and(|updates| replica.apply(updates).is_err()) {
                return;
            }
        }
    });
}

#[test]
fn damaged_streams() {
    let mut seeds: Vec<Vec<u8>> = SAID.iter().map(|said| said.as_bytes().to_vec()).collect();
    seeds.push(SAID.concat().into_bytes());
    seeds.push(SCHEMA.as_bytes().to_vec());
    regressions("ovsdb").iter().chain(&seeds).for_each(|bytes| read(bytes));
    run(damaged(&seeds, 1), |Input(bytes)| read(&bytes));
}

#[test]
fn marks_of_json() {
    run("[{}\\[\\]\":,0a\\\\ ]{0,200}", |text: String| read(format!("{{{text}").as_bytes()));
}

#[test]
fn streams_made_to_be_costly() {
    for mark in ["{\"a\":", "[", "{", "\"", "{\"a\":[]}", "{\"result\":[[]", "1,"] {
        read(mark.repeat(50_000 / mark.len()).as_bytes());
        read(format!("{{\"id\":1,\"result\":[{}]}}", mark.repeat(20_000 / mark.len())).as_bytes());
    }
}

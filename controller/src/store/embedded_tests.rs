//! The store keeps its promises: compare and swap, all or nothing, and what was acknowledged survives a kill.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::*;

fn set(key: &str, value: &str) -> EntryChange {
    EntryChange { key: key.to_owned(), value: Some(value.as_bytes().to_vec()) }
}

fn delete(key: &str) -> EntryChange {
    EntryChange { key: key.to_owned(), value: None }
}

fn write(store: &Embedded, changes: Vec<EntryChange>) -> Outcome {
    store.commit(Transaction { compare: Vec::new(), changes }).unwrap()
}

fn revision_of(outcome: &Outcome) -> u64 {
    match outcome {
        Outcome::Committed { revision, .. } => *revision,
        Outcome::Conflict { .. } => panic!("{outcome:?}"),
    }
}

#[test]
fn a_new_store_is_empty_at_revision_0() {
    let store = Embedded::in_memory().unwrap();
    assert_eq!(store.load().unwrap(), Content { revision: 0, entries: Vec::new() });
}

#[test]
fn each_write_has_a_revision_and_its_keys_remember_it() {
    let store = Embedded::in_memory().unwrap();
    assert_eq!(
        write(&store, vec![set("/b", "1"), set("/a", "1")]),
        Outcome::Committed { revision: 1, changes: vec![set("/a", "1"), set("/b", "1")] }
    );
    assert_eq!(revision_of(&write(&store, vec![set("/b", "2")])), 2);
    let content = store.load().unwrap();
    assert_eq!(content.revision, 2);
    let entries: Vec<_> = content.entries.iter().map(|e| (e.key.as_str(), e.mod_revision)).collect();
    assert_eq!(entries, [("/a", 1), ("/b", 2)]);
}

/// Written together, each is judged by itself on what those before it left.
#[test]
fn many_at_once_are_one_after_the_other() {
    let store = Embedded::in_memory().unwrap();
    let swap = |key: &str, expected, changes| Transaction { compare: vec![(key.to_owned(), expected)], changes };
    let outcomes = store.commit_all(vec![
        swap("/a", 0, vec![set("/a", "1")]),
        swap("/a", 0, vec![set("/a", "2"), set("/c", "2")]),
        Transaction { compare: vec![], changes: vec![set("/b", "1"), set("/b", "2")] },
        swap("/a", 1, vec![set("/a", "3")]),
    ]);
    let [first, stale, twice, last] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!(revision_of(first.as_ref().unwrap()), 1);
    assert_eq!(*stale.as_ref().unwrap(), Outcome::Conflict { key: "/a".to_owned(), expected: 0, found: 1 });
    assert!(matches!(twice, Err(StoreError::Twice { .. })));
    assert_eq!(revision_of(last.as_ref().unwrap()), 2);
    let content = store.load().unwrap();
    let entries: Vec<_> = content.entries.iter().map(|e| (e.key.as_str(), &e.value[..], e.mod_revision)).collect();
    assert_eq!(entries, [("/a", &b"3"[..], 2)]);
    assert_eq!(store.log_after(0).unwrap().unwrap().len(), 2);
}

#[test]
fn a_stale_comparison_changes_nothing() {
    let store = Embedded::in_memory().unwrap();
    write(&store, vec![set("/a", "1")]);
    let stale = Transaction {
        compare: vec![("/a".to_owned(), 1), ("/b".to_owned(), 7)],
        changes: vec![set("/a", "2"), set("/c", "2")],
    };
    assert_eq!(store.commit(stale).unwrap(), Outcome::Conflict { key: "/b".to_owned(), expected: 7, found: 0 });
    let exists = Transaction { compare: vec![("/a".to_owned(), 0)], changes: vec![delete("/a")] };
    assert_eq!(store.commit(exists).unwrap(), Outcome::Conflict { key: "/a".to_owned(), expected: 0, found: 1 });
    assert_eq!(store.load().unwrap().entries.len(), 1);
    assert_eq!(store.load().unwrap().revision, 1);
}

#[test]
fn a_deleted_key_may_be_made_again() {
    let store = Embedded::in_memory().unwrap();
    write(&store, vec![set("/a", "1")]);
    let gone = Transaction { compare: vec![("/a".to_owned(), 1)], changes: vec![delete("/a")] };
    assert_eq!(revision_of(&store.commit(gone).unwrap()), 2);
    let again = Transaction { compare: vec![("/a".to_owned(), 0)], changes: vec![set("/a", "2")] };
    assert_eq!(revision_of(&store.commit(again).unwrap()), 3);
}

#[test]
fn a_transaction_without_effect_takes_no_revision() {
    let store = Embedded::in_memory().unwrap();
    write(&store, vec![set("/a", "1")]);
    assert_eq!(write(&store, Vec::new()), Outcome::Committed { revision: 1, changes: Vec::new() });
    assert_eq!(write(&store, vec![delete("/z")]), Outcome::Committed { revision: 1, changes: Vec::new() });
    assert_eq!(store.log_after(0).unwrap().unwrap().len(), 1);
}

#[test]
fn a_key_changed_twice_is_refused() {
    let store = Embedded::in_memory().unwrap();
    let twice = Transaction { compare: Vec::new(), changes: vec![set("/a", "1"), delete("/a")] };
    assert!(matches!(store.commit(twice), Err(StoreError::Twice { key }) if key == "/a"));
    assert_eq!(store.load().unwrap().revision, 0);
}

#[test]
fn the_log_replays_to_the_content() {
    let store = Embedded::in_memory().unwrap();
    write(&store, vec![set("/a", "1"), set("/b", "1")]);
    write(&store, vec![delete("/a")]);
    write(&store, vec![set("/c", "3"), set("/b", "3")]);
    let log = store.log_after(1).unwrap().unwrap();
    assert_eq!(
        log,
        [
            Logged { revision: 2, changes: vec![delete("/a")] },
            Logged { revision: 3, changes: vec![set("/b", "3"), set("/c", "3")] },
        ]
    );
    let mut replayed: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for change in store.log_after(0).unwrap().unwrap().into_iter().flat_map(|logged| logged.changes) {
        match change.value {
            Some(value) => replayed.insert(change.key, value),
            None => replayed.remove(&change.key),
        };
    }
    let content: BTreeMap<_, _> = store.load().unwrap().entries.into_iter().map(|e| (e.key, e.value)).collect();
    assert_eq!(replayed, content);
}

#[test]
fn the_log_has_a_limit_in_revisions_and_in_rows() {
    let mut store = Embedded::in_memory().unwrap();
    store.limits = LogLimits { revisions: 20, rows: 30 };
    let wide = |n: u64| (0..20).map(|i| set(&format!("/{i:08}"), &n.to_string())).collect();
    write(&store, wide(1));
    write(&store, wide(2));
    assert_eq!(store.log_after(0).unwrap(), Err(Compacted { oldest: 1 }));
    assert_eq!(store.log_after(1).unwrap().unwrap().len(), 1);
    for n in 0..25 {
        write(&store, vec![set("/a", &n.to_string())]);
    }
    let newest = store.load().unwrap().revision;
    assert_eq!(store.log_after(1).unwrap(), Err(Compacted { oldest: newest - 20 }));
    assert_eq!(store.log_after(newest - 20).unwrap().unwrap().len(), 20);
}

#[test]
fn a_store_is_found_again_after_a_restart_and_locked_while_open() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().join("made/here");
    let store = Embedded::open(&data_dir).unwrap();
    write(&store, vec![set("/a", "1")]);
    let Err(locked) = Embedded::open(&data_dir) else { panic!("opened twice") };
    assert!(matches!(locked, StoreError::Locked { .. }), "{locked}");
    drop(store);
    let content = Embedded::open(&data_dir).unwrap().load().unwrap();
    assert_eq!((content.revision, content.entries.len()), (1, 1));
}

/// The child of the test below: writes for ever, and says so after each answer.
#[test]
#[ignore = "run by the test below, in a process of its own"]
fn write_until_killed() {
    let Some(directory) = std::env::var_os("SEXTANT_STORE_KILL_TEST") else { return };
    let store = Embedded::open(Path::new(&directory)).unwrap();
    for n in 0.. {
        let outcome = write(&store, vec![set(&format!("/{:04}", n % 100), &n.to_string())]);
        println!("ack {}", revision_of(&outcome));
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for _ in 0..5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--nocapture", "--exact", "store::embedded::tests::write_until_killed"])
            .env("SEXTANT_STORE_KILL_TEST", directory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let acks = lines.map_while(Result::ok).filter_map(|line| line.split("ack ").nth(1)?.trim().parse().ok());
        let goal = acknowledged + 40;
        for revision in acks {
            let revision: u64 = revision;
            acknowledged = revision;
            if revision == goal {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(acknowledged >= goal, "the child wrote up to {acknowledged} only");
        let store = Embedded::open(directory.path()).unwrap();
        let content = store.load().unwrap();
        assert!(content.revision >= acknowledged, "acknowledged {acknowledged}, found {}", content.revision);
        assert_eq!(store.log_after(0).unwrap().unwrap().len() as u64, content.revision);
    }
}

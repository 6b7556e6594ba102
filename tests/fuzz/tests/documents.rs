//! Intent as text: YAML and JSON to messages, and what is told of their faults.

use controller::doc::{self, Source, yaml};
use fuzz::{Input, bounded, damaged, documents, regressions, run};

/// Bytes in memory for each byte of text: `a: 1` becomes an entry of two nodes, then a field of a message.
const FACTOR: u64 = 600;

/// What a text may copy by anchors and aliases, as nodes and then as messages.
const COPIES: u64 = 160 << 20;

/// Runs a reader of a text.
fn within<T>(text: &str, read: impl FnOnce() -> T) -> T {
    let copies = if text.contains('&') { COPIES / FACTOR } else { 0 };
    bounded(text.len() + copies as usize, FACTOR, read)
}

/// Reads a text. Its faults are told, each with its line; what can be read is the same when it is read again.
fn read(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    // The contract is read once, by whoever comes first.
    let _ = doc::shape::pool();
    let _nodes = within(&text, || yaml::parse(&text));
    let source = [Source { name: "site.yaml".to_owned(), text: text.clone() }];
    match within(&text, || doc::read(&source)) {
        Ok(documents) => {
            assert_eq!(doc::read(&source).unwrap().messages(), documents.messages());
            let _ = documents.empty_lists();
        }
        Err(unreadable) => {
            let reasons = within(&text, || unreadable.reasons(&[]));
            assert!(
                !reasons.is_empty() && reasons.iter().all(|reason| reason.starts_with("site.yaml:")),
                "{reasons:?}"
            );
        }
    }
}

#[test]
fn damaged_texts() {
    let seeds = documents();
    regressions("documents").iter().chain(&seeds).for_each(|bytes| read(bytes));
    run(damaged(&seeds, 1), |Input(bytes)| read(&bytes));
}

#[test]
fn words_of_yaml() {
    // Whatever can be made of the marks that mean something.
    run("[-:,{}\\[\\]#&*!|>'\"%@`?~ \n\ta0.<]{0,120}", |text: String| read(text.as_bytes()));
}

#[test]
fn texts_made_to_be_costly() {
    let marks = [
        "? ", "- ", "[", "{", "&a ", "*a ", "'", "\"", "%", "!<", "!!", "|\n", "> ", "a: ", "\t", "#", "a: b\n", "-\n",
        "? a\n", "{a: ", "[a, ", "\\u0041", "<<: ", "--- ", "...\n", "a:\n ", "&a [", "- &a - ",
    ];
    for mark in marks {
        let many = mark.repeat(20_000 / mark.len());
        read(many.as_bytes());
        read(format!("a: {many}").as_bytes());
    }
    let anchors: String = (0..60).map(|n| format!("&a{n} [")).collect();
    read(format!("{anchors}{}{}", "1,".repeat(10_000), "]".repeat(60)).as_bytes());
    read(format!("a: &x \"{}\"\nb: [{}]\n", "y".repeat(10_000), "*x,".repeat(10_000)).as_bytes());
}

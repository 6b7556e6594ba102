//! A text as a tree in which every node and every key knows its line and column.

use std::fmt;

/// A place in a text, both counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pos {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// A node.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub pos: Pos,
    /// What it is.
    pub value: Value,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`, `~`, or nothing at all.
    Null,
    /// `true` or `false`; no other word.
    Bool(bool),
    /// A number, as it was written.
    Number(String),
    /// Anything else.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the text.
    Map(Vec<Entry>),
}

/// A key and its value. A duplicate key never gets here: the reader of the text refuses it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_pos: Pos,
    /// Its value.
    pub node: Node,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A mapping's key.
    Key(String),
    /// A sequence's index.
    Index(usize),
}

/// Something wrong at a place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where.
    pub pos: Pos,
    /// The path, `subnets[2].cidr`; empty: the whole text.
    pub path: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Node {
    /// A mapping's value of a key.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// The node in words, for messages: `the number 5`.
    pub fn words(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Bool(value) => format!("the truth value {value}"),
            Value::Number(text) => format!("the number {text}"),
            Value::Text(text) => format!("the text {text:?}"),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        }
    }

    /// Where the nearest existing ancestor of a path stands: the key of a mapping's value, the beginning of a sequence's item.
    ///
    /// Steps that only a message has (`spec`, `meta`, a wrapped list's `items`) are passed over.
    pub fn locate(&self, path: &[Step]) -> Pos {
        let (mut node, mut pos) = (self, self.pos);
        for step in path {
            let next = match (step, &node.value) {
                (Step::Key(key), _) => node.get(key).map(|entry| (&entry.node, entry.key_pos)),
                (Step::Index(index), Value::List(items)) => items.get(*index).map(|item| (item, item.pos)),
                (Step::Index(_), _) => None,
            };
            match (next, step) {
                (Some(next), _) => (node, pos) = next,
                (None, Step::Key(key)) if MESSAGE_ONLY.contains(&key.as_str()) => {}
                (None, _) => return pos,
            }
        }
        pos
    }
}

/// Steps of a message's path that its text doesn't have.
const MESSAGE_ONLY: [&str; 3] = ["spec", "meta", "items"];

/// Takes a path apart: `documents[0].subnets[2].cidr`. What makes no sense ends it.
pub fn steps(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let (key, indices) = part.split_once('[').map_or((part, ""), |(key, rest)| (key, rest));
        if !key.is_empty() {
            steps.push(Step::Key(key.to_owned()));
        }
        for index in indices.split('[').filter(|index| !index.is_empty()) {
            match index.trim_end_matches(']').parse() {
                Ok(index) => steps.push(Step::Index(index)),
                Err(_) => return steps,
            }
        }
    }
    steps
}

/// Leaves out the steps that only messages have: what remains is the path in a text.
pub fn in_text(steps: &[Step]) -> Vec<Step> {
    let kept = |step: &&Step| !matches!(step, Step::Key(key) if MESSAGE_ONLY.contains(&key.as_str()));
    steps.iter().filter(kept).cloned().collect()
}

/// Puts a path together.
pub fn path(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => {
                text.push('.');
                text.push_str(key);
            }
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

impl fmt::Display for Pos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_apart_and_together_again() {
        for text in ["", "tenant", "subnets[2].cidr", "documents[1].ports[0].fixed_ips[3].ip_address", "a[1][2].b"] {
            assert_eq!(path(&steps(text)), text);
        }
        assert_eq!(path(&in_text(&steps("ports[0].spec.fixed_ips.items[1].subnet"))), "ports[0].fixed_ips[1].subnet");
        assert_eq!(steps("ports[x].name"), [Step::Key("ports".to_owned())], "what makes no sense ends the path");
    }
}

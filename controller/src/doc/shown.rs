//! Resources as `get` shows them (`kind`, `spec`, `status` ...), one or a list of them, made into a plain document.
//!
//! Nodes keep their places. What only the controller says (`revision`, `status`) is left out.

use super::shape::{KindShape, kind, kinds};
use super::tree::{Entry, Node, Problem, Value};

/// A plain document is itself; shown resources become one.
pub(super) fn plain(node: Node) -> Result<Node, Vec<Problem>> {
    let pos = node.pos;
    let items = match node.value {
        Value::List(items) => items,
        Value::Map(_) if node.get("kind").is_some() => vec![node],
        _ => return Ok(node),
    };
    let mut lists: Vec<(&KindShape, Vec<Node>)> = Vec::new();
    let mut problems = Vec::new();
    for (at, item) in items.into_iter().enumerate() {
        match resource(item) {
            Ok((kind, item)) => match lists.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, list)) => list.push(item),
                None => lists.push((kind, vec![item])),
            },
            Err(mut problem) => {
                problem.path = format!("[{at}]{}{}", if problem.path.is_empty() { "" } else { "." }, problem.path);
                problems.push(problem);
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let entry = |(kind, mut list): (&KindShape, Vec<Node>)| {
        let place = list.first().map_or(pos, |node| node.pos);
        let node = match kind.single && list.len() == 1 {
            true => list.remove(0),
            false => Node { pos: place, value: Value::List(list) },
        };
        Entry { key: kind.plural.clone(), key_pos: place, node }
    };
    Ok(Node { pos, value: Value::Map(lists.into_iter().map(entry).collect()) })
}

fn resource(node: Node) -> Result<(&'static KindShape, Node), Problem> {
    let pos = node.pos;
    let problem = |path: &str, message: String| Problem { pos, path: path.to_owned(), message };
    let words = node.words();
    let Value::Map(entries) = node.value else {
        return Err(problem("", format!("must be a resource as `get -o json` shows it, and is {words}")));
    };
    let mut found = None;
    let mut flat = Vec::new();
    for entry in entries {
        match (entry.key.as_str(), entry.node.value) {
            ("kind", Value::Text(name)) => found = Some((kind(&name), name)),
            ("revision" | "status", _) => {}
            ("spec", Value::Map(spec)) => flat.extend(spec),
            (_, value) => flat.push(Entry { node: Node { pos: entry.node.pos, value }, ..entry }),
        }
    }
    match found {
        Some((Some(kind), _)) => Ok((kind, Node { pos, value: Value::Map(flat) })),
        Some((None, name)) => Err(problem("kind", format!("there is no kind {name:?}; known: {}", singulars()))),
        None => Err(problem("", format!("a resource in a list must say its `kind`: {}", singulars()))),
    }
}

fn singulars() -> String {
    kinds().iter().map(|kind| kind.singular.as_str()).collect::<Vec<_>>().join(", ")
}

//! Documents: how people write intent, and how resources are shown to them.
//!
//! ```text
//! text -> yaml (positioned tree) -> shown (what `get` printed, made plain) -> read (messages) -> Apply
//!                                                         refusals <- locate (file and line) <-
//! resource -> show (JSON value) -> JSON, YAML;  -> table
//! ```

mod read;
pub mod shape;
mod show;
mod shown;
#[cfg(test)]
mod tests;
pub mod tree;
pub mod yaml;

use std::sync::Arc;

use brain::Violation;
use proto::v1;

pub use show::{message as show_message, resource as show, resource_of};

use tree::{Node, Problem, Step, in_text, path, steps};

/// A text that documents are read from.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name in messages: the file's.
    pub name: String,
    /// Its content.
    pub text: String,
}

/// Documents that were read, which remember where everything stood.
#[derive(Debug)]
pub struct Documents {
    located: Vec<Located>,
    messages: Vec<v1::Document>,
}

#[derive(Debug)]
struct Located {
    file: Arc<str>,
    root: Node,
}

/// Reads all documents of all sources, or tells every problem, each as `FILE:LINE: PATH: WORDS`.
pub fn read(sources: &[Source]) -> Result<Documents, Vec<String>> {
    let mut documents = Documents { located: vec![], messages: vec![] };
    let mut told = Vec::new();
    for source in sources {
        let file: Arc<str> = source.name.as_str().into();
        if let Err(mut problems) = read_one(&file, &source.text, &mut documents) {
            problems.sort();
            told.extend(problems.iter().map(|problem| line(&file, problem)));
        }
    }
    if told.is_empty() { Ok(documents) } else { Err(told) }
}

fn read_one(file: &Arc<str>, text: &str, documents: &mut Documents) -> Result<(), Vec<Problem>> {
    let mut problems = Vec::new();
    for node in yaml::parse(text)? {
        let read = shown::plain(node).and_then(|root| Ok((read::document(&root)?, root)));
        match read {
            Ok((message, root)) => match message.transcode_to() {
                Ok(message) => {
                    documents.messages.push(message);
                    documents.located.push(Located { file: Arc::clone(file), root });
                }
                Err(error) => {
                    problems.push(Problem { pos: root.pos, path: String::new(), message: error.to_string() });
                }
            },
            Err(more) => problems.extend(more),
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// `site.yaml:41: subnets[2].cidr: ...`
fn line(file: &str, problem: &Problem) -> String {
    let Problem { pos, path, message } = problem;
    match path.is_empty() {
        true => format!("{file}:{}: {message}", pos.line),
        false => format!("{file}:{}: {path}: {message}", pos.line),
    }
}

impl Documents {
    /// What was read, for an `ApplyRequest`.
    pub fn messages(&self) -> &[v1::Document] {
        &self.messages
    }

    /// The keys of kinds that a document names without listing a resource (`ports: []`), each as `FILE:LINE: KEY`.
    pub fn empty_lists(&self) -> Vec<String> {
        let mut empty = Vec::new();
        for Located { file, root } in &self.located {
            let kinds = shape::kinds().iter().filter_map(|kind| root.get(&kind.plural));
            let kinds = kinds.filter(|entry| entry.node.value == tree::Value::List(Vec::new()));
            empty.extend(kinds.map(|entry| format!("{file}:{}: {}", entry.key_pos.line, entry.key)));
        }
        empty
    }

    /// A refusal's violation as people read it: with the file and line that it is about, where it is about one.
    pub fn explain(&self, violation: &Violation) -> String {
        let steps = steps(&violation.path);
        let (document, rest) = match steps.as_slice() {
            [Step::Key(key), Step::Index(at), rest @ ..] if key == "documents" => (self.located.get(*at), rest),
            all if self.located.len() == 1 => (self.located.first(), all),
            all => (None, all),
        };
        match document {
            Some(Located { file, root }) if !(rest.is_empty() && violation.path.is_empty()) => {
                let message = violation.message.clone();
                line(file, &Problem { pos: root.locate(rest), path: path(&in_text(rest)), message })
            }
            _ if violation.path.is_empty() => violation.message.clone(),
            _ => format!("{}: {}", path(&steps), violation.message),
        }
    }
}

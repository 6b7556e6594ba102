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

/// Documents with problems: what could be read of them can still be judged, so that every reason comes at once.
#[derive(Debug)]
pub struct Unreadable {
    /// Each with its file, in the order of files.
    problems: Vec<(Arc<str>, Problem)>,
    rest: Documents,
}

/// Reads all documents of all sources.
///
/// # Errors
/// Every problem of every source, with what could be read in spite of them.
pub fn read(sources: &[Source]) -> Result<Documents, Unreadable> {
    let mut rest = Documents { located: vec![], messages: vec![] };
    let mut problems = Vec::new();
    for source in sources {
        let file: Arc<str> = source.name.as_str().into();
        let found = read_one(&file, &source.text, &mut rest);
        problems.extend(found.into_iter().map(|problem| (Arc::clone(&file), problem)));
    }
    if problems.is_empty() { Ok(rest) } else { Err(Unreadable { problems, rest }) }
}

fn read_one(file: &Arc<str>, text: &str, documents: &mut Documents) -> Vec<Problem> {
    let nodes = match yaml::parse(text) {
        Ok(nodes) => nodes,
        Err(problems) => return problems,
    };
    let mut problems = Vec::new();
    for node in nodes {
        let root = match shown::plain(node) {
            Ok(root) => root,
            Err(more) => {
                problems.extend(more);
                continue;
            }
        };
        let (message, more) = read::document(&root);
        problems.extend(more);
        match message.transcode_to() {
            Ok(message) => {
                documents.messages.push(message);
                documents.located.push(Located { file: Arc::clone(file), root });
            }
            Err(error) => problems.push(Problem { pos: root.pos, path: String::new(), message: error.to_string() }),
        }
    }
    problems
}

impl Unreadable {
    /// What could be read.
    pub fn rest(&self) -> &Documents {
        &self.rest
    }

    /// Every reason, each as `FILE:LINE: PATH: WORDS`, by file and line: the problems, and what the controller says of the rest,
    /// but for what it says of fields that could not be read.
    pub fn reasons(&self, violations: &[Violation]) -> Vec<String> {
        let mut files: Vec<Arc<str>> = Vec::new();
        let placed = violations.iter().filter_map(|violation| self.rest.place(violation));
        let about_read = |(file, found): &(Arc<str>, Problem)| {
            let same =
                |(f, p): &(Arc<str>, Problem)| f == file && !p.path.is_empty() && found.path.starts_with(&p.path);
            !self.problems.iter().any(same)
        };
        let mut all: Vec<(Arc<str>, Problem)> =
            self.problems.iter().cloned().chain(placed.filter(about_read)).collect();
        for (file, _) in &all {
            if !files.contains(file) {
                files.push(Arc::clone(file));
            }
        }
        all.sort_by_key(|(file, problem)| (files.iter().position(|f| f == file), problem.clone()));
        let unplaced = violations.iter().filter(|violation| self.rest.place(violation).is_none());
        let unplaced = unplaced.map(|violation| self.rest.explain(violation));
        all.iter().map(|(file, problem)| line(file, problem)).chain(unplaced).collect()
    }
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
        match self.place(violation) {
            Some((file, problem)) => line(&file, &problem),
            None if violation.path.is_empty() => violation.message.clone(),
            None => format!("{}: {}", path(&steps(&violation.path)), violation.message),
        }
    }

    /// The file and place that a violation is about, where it is about one.
    fn place(&self, violation: &Violation) -> Option<(Arc<str>, Problem)> {
        let steps = steps(&violation.path);
        let (document, rest) = match steps.as_slice() {
            [Step::Key(key), Step::Index(at), rest @ ..] if key == "documents" => (self.located.get(*at), rest),
            all if self.located.len() == 1 => (self.located.first(), all),
            all => (None, all),
        };
        let Located { file, root } = document.filter(|_| !violation.path.is_empty())?;
        let message = violation.message.clone();
        Some((Arc::clone(file), Problem { pos: root.locate(rest), path: path(&in_text(rest)), message }))
    }
}

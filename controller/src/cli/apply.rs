//! `sextant apply`: documents become intent, all of them or none.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proto::v1;

use super::client::{Client, reasons, with_details};
use super::{Context, Failure, names, output};
use crate::doc::{self, Documents, Source};

/// Arguments of `apply`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A file, a directory (its .yaml, .yml and .json files), or - for standard input; may be repeated.
    #[arg(short, long = "file", required = true, value_name = "FILE|DIR|-")]
    files: Vec<PathBuf>,
    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Delete what the documents don't list, of the kinds and tenants that they name; never chassis or fabric.
    #[arg(long)]
    prune: bool,
    /// Wait until every switch concerned has confirmed the change, this long at most: 500ms, 10s, 2m.
    #[arg(long, value_name = "TIME", value_parser = names::duration, conflicts_with = "dry_run")]
    wait: Option<Duration>,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<(), Failure> {
    let sources = sources(&args.files).map_err(Failure::Refused)?;
    let documents = match doc::read(&sources) {
        Ok(documents) => documents,
        Err(unreadable) => return Err(Failure::Refused(all_reasons(&unreadable, context).await)),
    };
    if documents.messages().is_empty() {
        return Err(Failure::new("there is no document in what was given: nothing to apply"));
    }
    if args.prune && !documents.empty_lists().is_empty() {
        let words = "an empty list says nothing to --prune: use `sextant delete` for the last of a kind";
        return Err(Failure::Refused(
            documents.empty_lists().iter().map(|place| format!("{place}: {words}")).collect(),
        ));
    }
    let request = v1::ApplyRequest {
        documents: with_tenant(&documents, context),
        prune: args.prune,
        dry_run: args.dry_run,
        ..v1::ApplyRequest::default()
    };
    let client = context.client().await?;
    let answer = client.intent().apply(with_details(request)).await;
    let response = answer
        .map_err(|status| Failure::Refused(reasons(&status).iter().map(|v| documents.explain(v)).collect()))?
        .into_inner();
    output::print(&changed(&response, args.dry_run))?;
    match args.wait {
        Some(timeout) => wait(&client, response.revision, timeout).await,
        None => Ok(()),
    }
}

/// Documents with problems are refused whatever the controller says; what could be read of them is shown to it all the same, so
/// that every reason comes at once. Where it can't be asked, the problems must do.
async fn all_reasons(unreadable: &doc::Unreadable, context: &Context) -> Vec<String> {
    let request = v1::ApplyRequest {
        documents: with_tenant(unreadable.rest(), context),
        dry_run: true,
        ..v1::ApplyRequest::default()
    };
    let Ok(client) = context.client().await else { return unreadable.reasons(&[]) };
    match client.intent().apply(with_details(request)).await {
        Ok(_) => unreadable.reasons(&[]),
        Err(status) => unreadable.reasons(&reasons(&status)),
    }
}

fn with_tenant(documents: &Documents, context: &Context) -> Vec<v1::Document> {
    let mut messages = documents.messages().to_vec();
    if let Some(tenant) = &context.tenant {
        for message in messages.iter_mut().filter(|message| message.tenant.is_empty()) {
            message.tenant.clone_from(tenant);
        }
    }
    messages
}

/// One line for each resource that changed: `port acme/vm1 created`.
fn changed(response: &v1::ApplyResponse, dry_run: bool) -> String {
    let line = |change: &v1::ResourceChange| {
        let verb = match change.change() {
            v1::Change::Created => "created",
            v1::Change::Updated => "updated",
            v1::Change::Deleted => "deleted",
            v1::Change::Unchanged | v1::Change::Unspecified => return None,
        };
        let note = if dry_run { " (dry run)" } else { "" };
        Some(format!("{} {verb}{note}\n", names::full(&change.kind, &change.tenant, &change.name)))
    };
    response.changes.iter().filter_map(line).collect()
}

async fn wait(client: &Client, revision: u64, timeout: Duration) -> Result<(), Failure> {
    // The contract's 0 means the server's default; nobody can tell it from a millisecond.
    let timeout_ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX).max(1);
    let request = v1::WaitInstalledRequest { revision: Some(revision), timeout_ms };
    let response = client.intent().wait_installed(with_details(request)).await?.into_inner();
    if response.installed {
        return Ok(());
    }
    let mut told = vec![format!("revision {revision} is applied, but not on every switch after {timeout:?}:")];
    told.extend(response.waiting_for.iter().map(|missing| format!("  {missing}")));
    Err(Failure::Refused(told))
}

/// Reads everything that was named, or tells all that can't be read.
fn sources(files: &[PathBuf]) -> Result<Vec<Source>, Vec<String>> {
    let (mut sources, mut told) = (Vec::new(), Vec::new());
    for file in files {
        match named(file) {
            Ok(more) => sources.extend(more),
            Err(more) => told.extend(more),
        }
    }
    if told.is_empty() { Ok(sources) } else { Err(told) }
}

fn named(file: &Path) -> Result<Vec<Source>, Vec<String>> {
    if file == Path::new("-") {
        let mut text = String::new();
        let read = std::io::stdin().read_to_string(&mut text);
        read.map_err(|error| vec![format!("cannot read standard input: {error}")])?;
        return Ok(vec![Source { name: "<stdin>".to_owned(), text }]);
    }
    if !file.is_dir() {
        return Ok(vec![one(file).map_err(|told| vec![told])?]);
    }
    let wrong = |error: std::io::Error| vec![format!("cannot read {}: {error}", file.display())];
    let entries: Vec<PathBuf> =
        std::fs::read_dir(file).and_then(|dir| dir.map(|entry| Ok(entry?.path())).collect()).map_err(wrong)?;
    let known = |path: &PathBuf| path.extension().is_some_and(|end| end == "yaml" || end == "yml" || end == "json");
    let mut documents: Vec<PathBuf> = entries.into_iter().filter(known).collect();
    documents.sort();
    if documents.is_empty() {
        return Err(vec![format!("{} has no .yaml, .yml or .json file", file.display())]);
    }
    let (mut sources, mut told) = (Vec::new(), Vec::new());
    for document in &documents {
        match one(document) {
            Ok(source) => sources.push(source),
            Err(words) => told.push(words),
        }
    }
    if told.is_empty() { Ok(sources) } else { Err(told) }
}

fn one(file: &Path) -> Result<Source, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    Ok(Source { name: file.display().to_string(), text })
}

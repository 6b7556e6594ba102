//! `sextant get`.

use clap::ValueEnum;
use prost_reflect::{DynamicMessage, MethodDescriptor};
use proto::v1;
use proto::v1::watch_response::Item;
use serde_json::{Value, json};
use tonic::{Code, Status};

use super::client::{Client, with_details};
use super::names::Name;
use super::table::Layout;
use super::{Context, Failure, bindings, delete, drops, leases, links, listeners, names, output};
use crate::doc::shape::KindShape;
use crate::doc::{self, resource_of, yaml};

/// Arguments of `get`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Singular or plural: port, ports. Or bindings: who holds which address; leases: what was promised by DHCP; listeners: who
    /// listens to which multicast group; drops: what ports sent and may not; links: which chassis are wired to each other.
    #[arg(value_parser = subject)]
    kind: Subject,
    /// [TENANT/]NAME; without it, all of the kind. Of links: a chassis.
    #[arg(value_parser = names::name)]
    name: Option<Name>,
    /// Of bindings, leases, listeners and drops: only this port's.
    #[arg(long, value_name = "[TENANT/]NAME", value_parser = names::name)]
    port: Option<Name>,
    /// How to show them.
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    /// Stay and show every change; with -o json one object per line.
    #[arg(long)]
    watch: bool,
    /// Of bindings.
    #[command(flatten)]
    bindings: bindings::Which,
}

/// What can be shown.
#[derive(Clone, Copy, Debug)]
enum Subject {
    Kind(&'static KindShape),
    Bindings,
    Leases,
    Listeners,
    Drops,
    Links,
}

fn subject(text: &str) -> Result<Subject, String> {
    match text {
        "binding" | "bindings" => Ok(Subject::Bindings),
        "lease" | "leases" => Ok(Subject::Leases),
        "listener" | "listeners" => Ok(Subject::Listeners),
        "drop" | "drops" => Ok(Subject::Drops),
        "link" | "links" => Ok(Subject::Links),
        _ => {
            let more = "bindings, leases, listeners, drops, links";
            names::kind(text).map(Subject::Kind).map_err(|message| format!("{message}, {more}"))
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// The columns that matter most.
    Table,
    /// More columns.
    Wide,
    /// One object, or an array of them.
    Json,
    /// What `apply` takes.
    Yaml,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<(), Failure> {
    let Args { kind, name, port, output, watch, bindings: of_bindings } = args;
    if !matches!(kind, Subject::Bindings) && of_bindings.any() {
        return Err(Failure::Usage("--address, --at and --history go with bindings".to_owned()));
    }
    let kind = match kind {
        Subject::Kind(_) | Subject::Links if port.is_some() => {
            return Err(Failure::Usage("--port goes with bindings, leases, listeners and drops".to_owned()));
        }
        Subject::Kind(kind) => kind,
        Subject::Links if watch => return Err(Failure::Usage("links take no --watch".to_owned())),
        Subject::Links => return links::run(name, output, context).await,
        Subject::Bindings | Subject::Leases | Subject::Listeners | Subject::Drops if name.is_some() => {
            let words = "bindings, leases, listeners and drops take no name; --port NAME shows one port's".to_owned();
            return Err(Failure::Usage(words));
        }
        Subject::Leases | Subject::Listeners | Subject::Drops if watch => {
            return Err(Failure::Usage("leases, listeners and drops take no --watch".to_owned()));
        }
        Subject::Bindings => return bindings::run(port, of_bindings, watch, output, context).await,
        Subject::Leases => return leases::run(port, output, context).await,
        Subject::Listeners => return listeners::run(port, output, context).await,
        Subject::Drops => return drops::run(port, output, context).await,
    };
    let wanted = match &name {
        Some(name) => Some((delete::tenant(kind, name, context)?, name.name.clone())),
        None => None,
    };
    let client = context.client().await?;
    if watch {
        return follow(kind, wanted, output, context, &client).await;
    }
    match wanted {
        Some((tenant, name)) => {
            let resource = one(kind, tenant, name, &client).await?;
            match output {
                Format::Json => output::print(&pretty(&resource)?),
                Format::Yaml => output::print(&yaml::emit(&resource).map_err(Failure::new)?),
                Format::Table | Format::Wide => {
                    output::print(&Layout::new(kind, output == Format::Wide).table(&[resource]))
                }
            }
        }
        None => {
            let resources = all(kind, context.tenant.clone().unwrap_or_default(), &client).await?;
            match output {
                Format::Json => output::print(&pretty(&Value::Array(resources))?),
                Format::Yaml => output::print(&yaml::emit(&Value::Array(resources)).map_err(Failure::new)?),
                Format::Table | Format::Wide => {
                    output::print(&Layout::new(kind, output == Format::Wide).table(&resources))
                }
            }
        }
    }
}

pub(super) fn pretty(value: &Value) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map_err(|error| Failure::new(error.to_string()))
}

/// The kind's method, with its request made from a message of the same shape.
fn request(method: &MethodDescriptor, message: &impl prost::Message) -> Result<DynamicMessage, Failure> {
    let read = DynamicMessage::decode(method.input(), message.encode_to_vec().as_slice());
    read.map_err(|error| Failure::new(error.to_string()))
}

fn method(kind: &KindShape, verb: &str) -> Result<MethodDescriptor, Failure> {
    kind.method(verb).ok_or_else(|| Failure::Usage(format!("{} has no {verb}", kind.plural)))
}

async fn one(kind: &KindShape, tenant: String, name: String, client: &Client) -> Result<Value, Failure> {
    let get = method(kind, "Get")?;
    let resource = client.call(&get, request(&get, &v1::GetRequest { tenant, name })?).await?;
    Ok(doc::show(kind, &resource))
}

/// All of a kind, page by page.
async fn all(kind: &KindShape, tenant: String, client: &Client) -> Result<Vec<Value>, Failure> {
    let Some(list) = kind.method("List") else {
        // The fabric: there is one or none.
        let get = method(kind, "Get")?;
        let answer = client.call(&get, request(&get, &v1::GetRequest::default())?).await;
        return match answer {
            Ok(resource) => Ok(vec![doc::show(kind, &resource)]),
            Err(status) if status.code() == Code::NotFound => Ok(Vec::new()),
            Err(status) => Err(status.into()),
        };
    };
    let mut resources = Vec::new();
    let mut page_token = String::new();
    loop {
        let message = v1::ListRequest { tenant: tenant.clone(), page_size: 0, page_token: page_token.clone() };
        let page = client.call(&list, request(&list, &message)?).await?;
        if let Some(items) = page.get_field_by_name(&kind.plural) {
            let items = items.as_list().unwrap_or_default().iter().filter_map(|item| item.as_message());
            resources.extend(items.map(|item| doc::show(kind, item)));
        }
        let next = page.get_field_by_name("next_page_token");
        match next.as_ref().and_then(|token| token.as_str()) {
            Some(token) if !token.is_empty() && token != page_token => page_token = token.to_owned(),
            _ => return Ok(resources),
        }
    }
}

/// Shows what is, then what changes, until the stream ends.
async fn follow(
    kind: &KindShape,
    wanted: Option<(String, String)>,
    format: Format,
    context: &Context,
    client: &Client,
) -> Result<(), Failure> {
    let tenant = match &wanted {
        Some((tenant, _)) => tenant.clone(),
        None => context.tenant.clone().unwrap_or_default(),
    };
    let request = v1::WatchRequest { after_revision: None, kinds: vec![kind.singular.clone()], tenant };
    let mut stream = client.intent().watch(with_details(request)).await?.into_inner();
    let mut layout = Layout::new(kind, format == Format::Wide);
    let mut first = Some(Vec::new());
    let name = wanted.map(|(_, name)| name);
    let is_wanted = |shown: &Value| name.as_ref().is_none_or(|name| shown["name"] == name.as_str());
    while let Some(response) = stream.message().await? {
        let shown = match response.item {
            Some(Item::Changed(resource)) => resource_of(&resource).map(|(kind, message)| doc::show(kind, &message)),
            Some(Item::Deleted(gone)) => Some(deleted(&gone)),
            Some(Item::Synced(_)) => {
                if let (Some(resources), Format::Table | Format::Wide) = (first.take(), format) {
                    output::print(&layout.table(&resources))?;
                }
                None
            }
            Some(Item::Bookmark(_)) | None => None,
        };
        let Some(shown) = shown.filter(is_wanted) else { continue };
        match (format, &mut first) {
            (Format::Table | Format::Wide, Some(first)) => first.push(shown),
            (Format::Table | Format::Wide, None) => output::print(&layout.line(&shown))?,
            (Format::Json, _) => output::print(&shown.to_string())?,
            (Format::Yaml, _) => output::print(&format!("---\n{}", yaml::emit(&shown).map_err(Failure::new)?))?,
        }
    }
    Err(Status::unavailable("the controller ended the watch").into())
}

/// What is shown for a resource that is gone.
fn deleted(gone: &v1::ResourceChange) -> Value {
    json!({"kind": gone.kind, "name": gone.name, "tenant": gone.tenant, "deleted": true, "status": {"phase": "Deleted"}})
}

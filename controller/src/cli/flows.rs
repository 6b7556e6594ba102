//! `sextant flows`: what the controller wants on switches, and who wants it.

use clap::ValueEnum;
use prost_reflect::DynamicMessage;
use proto::v1;

use super::client::with_details;
use super::names::Name;
use super::{Context, Failure, names, output};
use crate::doc;
use crate::doc::shape;

/// Arguments of `flows`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only this chassis'.
    #[arg(long, value_name = "NAME")]
    chassis: Option<String>,
    /// Only those that are there for this port.
    #[arg(long, value_name = "[TENANT/]NAME", value_parser = names::name)]
    port: Option<Name>,
    /// Say for each flow which feature wants it, for what, and why.
    #[arg(long)]
    why: bool,
    /// How to show them.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A line for each flow, as ovs-ofctl has it, after its chassis.
    Text,
    /// An object for each flow, one per line.
    Json,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<(), Failure> {
    let port = args.port.map(|port| format!("{}/{}", context.tenant_of(&port), port.name)).unwrap_or_default();
    let request = v1::FlowsRequest { chassis: args.chassis.unwrap_or_default(), port };
    let mut stream = context.client().await?.operation().flows(with_details(request)).await?.into_inner();
    while let Some(row) = stream.message().await? {
        match args.output {
            Format::Text => output::print(&line(&row, args.why))?,
            Format::Json => {
                let mut message = DynamicMessage::new(shape::message("FlowRow"));
                message.transcode_from(&row).map_err(|error| Failure::new(error.to_string()))?;
                output::print(&doc::show_message(&message).to_string())?;
            }
        }
    }
    Ok(())
}

/// `hv1: cookie=0x1, table=classify, priority=100,in_port=1 actions=drop`, and who wants it.
pub(super) fn line(row: &v1::FlowRow, why: bool) -> String {
    let matched = if row.r#match.is_empty() { String::new() } else { format!(",{}", row.r#match) };
    let mut text = match row.table.as_str() {
        table @ ("group" | "meter" | "offload") => format!("{}: {table} {} {}", row.chassis, row.r#match, row.actions),
        table => format!(
            "{}: cookie={:#x}, table={table}, priority={}{matched} actions={}",
            row.chassis, row.cookie, row.priority, row.actions
        ),
    };
    if !row.installed {
        text.push_str("  (not confirmed)");
    }
    if why {
        let resource = match row.resource.is_empty() {
            true => String::new(),
            false => format!(", {}@{}", row.resource, row.revision),
        };
        let path = if row.path.is_empty() { String::new() } else { format!(" {}", row.path) };
        text.push_str(&format!("\n    {} for {}{resource}{path}: {}", row.feature, row.owner, row.why));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_ovs_ofctls() {
        let row = v1::FlowRow {
            chassis: "hv1".to_owned(),
            table: "classify".to_owned(),
            priority: 100,
            r#match: "in_port=1".to_owned(),
            actions: "drop".to_owned(),
            cookie: 0x5e,
            feature: "l2".to_owned(),
            owner: "port 3".to_owned(),
            resource: "port acme/vm1".to_owned(),
            revision: 17,
            why: "frames of the port".to_owned(),
            installed: true,
            path: String::new(),
        };
        assert_eq!(line(&row, false), "hv1: cookie=0x5e, table=classify, priority=100,in_port=1 actions=drop");
        assert!(line(&row, true).ends_with("\n    l2 for port 3, port acme/vm1@17: frames of the port"));
        let part = v1::FlowRow { path: "interfaces[red6]".to_owned(), ..row.clone() };
        assert!(line(&part, true).ends_with("port acme/vm1@17 interfaces[red6]: frames of the port"));
        let any = v1::FlowRow { r#match: String::new(), installed: false, ..row };
        assert_eq!(line(&any, false), "hv1: cookie=0x5e, table=classify, priority=100 actions=drop  (not confirmed)");
    }
}

//! `sextant trace`: what becomes of a packet, row by row, without sending it.

use clap::ValueEnum;
use prost_reflect::DynamicMessage;
use proto::v1;

use super::client::with_details;
use super::names::Name;
use super::{Context, Failure, flows, names, output};
use crate::doc;
use crate::doc::shape;

/// Arguments of `trace`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The port that sends it.
    #[arg(long, value_name = "[TENANT/]NAME", value_parser = names::name)]
    port: Name,
    /// PROTO from A to B [sport N] [dport N] [type N] [hop_limit N]
    #[arg(value_name = "PACKET")]
    packet: String,
    /// How to show it.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// Each row that the packet meets, who wants it and what it changes; then where the packet ends.
    Text,
    /// One object with all of it.
    Json,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<(), Failure> {
    let port = format!("{}/{}", context.tenant_of(&args.port), args.port.name);
    let request = v1::TraceRequest { port, packet: args.packet };
    let traced = context.client().await?.operation().trace(with_details(request)).await?.into_inner();
    match args.output {
        Format::Text => {
            for step in &traced.steps {
                output::print(&flows::line(&step.row.clone().unwrap_or_default(), true))?;
                for change in &step.changes {
                    output::print(&format!("    {change}"))?;
                }
            }
            for outcome in &traced.outcomes {
                output::print(outcome)?;
            }
        }
        Format::Json => {
            let mut message = DynamicMessage::new(shape::message("TraceResponse"));
            message.transcode_from(&traced).map_err(|error| Failure::new(error.to_string()))?;
            output::print(&doc::show_message(&message).to_string())?;
        }
    }
    Ok(())
}

//! `sextant events`: what happened, and with `--watch` what happens.

use clap::ValueEnum;
use prost_reflect::DynamicMessage;
use proto::v1;

use super::client::with_details;
use super::{Context, Failure, names, output, time};
use crate::doc;
use crate::doc::shape;

/// Arguments of `events`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Stay, and show what comes.
    #[arg(long)]
    watch: bool,
    /// How to show them.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// One line each.
    Text,
    /// One object each, one per line.
    Json,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<(), Failure> {
    let request = v1::EventsRequest { tenant: context.tenant.clone().unwrap_or_default(), watch: args.watch };
    let mut stream = context.client().await?.operation().events(with_details(request)).await?.into_inner();
    while let Some(event) = stream.message().await? {
        match args.output {
            Format::Text => output::print(&line(&event))?,
            Format::Json => {
                let mut message = DynamicMessage::new(shape::message("Event"));
                message.transcode_from(&event).map_err(|error| Failure::new(error.to_string()))?;
                output::print(&doc::show_message(&message).to_string())?;
            }
        }
    }
    Ok(())
}

/// `2026-11-24T22:10:00.123Z port.active port acme/vm1: words`
fn line(event: &v1::Event) -> String {
    let about = match event.kind.is_empty() {
        true => String::new(),
        false => format!(" {}", names::full(&event.kind, &event.tenant, &event.name)),
    };
    let words = if event.message.is_empty() { String::new() } else { format!(": {}", event.message) };
    let line = format!("{} {}{about}{words}", time::moment(event.time_ms), event.r#type);
    output::harmless(&line).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_line() {
        let event = v1::Event {
            sequence: 5,
            time_ms: 1_795_558_200_123,
            r#type: "port.active".to_owned(),
            kind: "port".to_owned(),
            tenant: "acme".to_owned(),
            name: "vm1".to_owned(),
            message: "confirmed\nby hv1".to_owned(),
        };
        assert_eq!(line(&event), "2026-11-24T22:10:00.123Z port.active port acme/vm1: confirmed\u{fffd}by hv1");
    }
}

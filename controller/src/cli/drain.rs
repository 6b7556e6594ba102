//! `sextant drain`: a chassis gives up being a gateway, without loss.

use proto::v1;

use super::client::with_details;
use super::names::Name;
use super::{Context, Failure, names, output};

/// Arguments of `drain`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What is drained: chassis.
    #[arg(value_parser = ["chassis"])]
    kind: String,
    /// NAME
    #[arg(value_parser = names::name)]
    name: Name,
    /// It is a gateway again.
    #[arg(long)]
    undo: bool,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<(), Failure> {
    let Args { kind, name, undo } = args;
    if name.tenant.is_some() {
        return Err(Failure::Usage("chassis have no tenant: write just NAME".to_owned()));
    }
    let request = v1::DrainRequest { chassis: name.name.clone(), undo };
    context.client().await?.operation().drain(with_details(request)).await?;
    output::print(&format!("{kind} {} {}", name.name, if undo { "is a gateway again" } else { "drained" }))
}

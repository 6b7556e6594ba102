//! `sextant delete`.

use prost_reflect::DynamicMessage;
use proto::v1;

use super::names::Name;
use super::{Context, Failure, names, output};
use crate::doc::shape::{KindShape, is_global};

/// Arguments of `delete`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Singular or plural: port, ports.
    #[arg(value_parser = names::kind)]
    kind: &'static KindShape,
    /// [TENANT/]NAME
    #[arg(value_parser = names::name)]
    name: Name,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<(), Failure> {
    let Args { kind, name } = args;
    let Some(method) = kind.method("Delete") else {
        return Err(Failure::Usage(format!("a {} can't be deleted", kind.singular)));
    };
    let tenant = tenant(kind, &name, context)?;
    let message = v1::DeleteRequest { tenant: tenant.clone(), name: name.name.clone(), ..v1::DeleteRequest::default() };
    let mut request = DynamicMessage::new(method.input());
    request.transcode_from(&message).map_err(|error| Failure::new(error.to_string()))?;
    context.client().await?.call(&method, request).await?;
    output::print(&format!("{} deleted", names::full(&kind.singular, &tenant, &name.name)))
}

/// The tenant for a request about one resource; global kinds have none.
pub(super) fn tenant(kind: &KindShape, name: &Name, context: &Context) -> Result<String, Failure> {
    match (is_global(kind), &name.tenant) {
        (true, Some(_)) => Err(Failure::Usage(format!("{} have no tenant: write just NAME", kind.plural))),
        (true, None) => Ok(String::new()),
        (false, _) => Ok(context.tenant_of(name)),
    }
}

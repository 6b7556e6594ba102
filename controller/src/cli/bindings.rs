//! `sextant get bindings`: who holds which address, how that was proved, and since when.

use comfy_table::Cell;
use prost_reflect::DynamicMessage;
use proto::v1;
use serde_json::Value;

use super::client::with_details;
use super::get::{Format, pretty};
use super::names::Name;
use super::{Context, Failure, output, table, time};
use crate::doc;
use crate::doc::shape;
use crate::doc::yaml;

pub(super) async fn run(port: Option<Name>, format: Format, context: &Context) -> Result<(), Failure> {
    let (tenant, port) = of_port(port, context);
    let request = v1::BindingsRequest { tenant, port };
    let mut stream = context.client().await?.operation().bindings(with_details(request)).await?.into_inner();
    let mut bindings = Vec::new();
    while let Some(binding) = stream.message().await? {
        bindings.push(binding);
    }
    print_all("AddressBinding", &bindings, format, |wide| rows(&bindings, wide))
}

/// The tenant and port that a request is about: of a port, `TENANT/NAME`; without one, a tenant or all.
pub(super) fn of_port(port: Option<Name>, context: &Context) -> (String, String) {
    match port {
        Some(port) => (String::new(), format!("{}/{}", context.tenant_of(&port), port.name)),
        None => (context.tenant.clone().unwrap_or_default(), String::new()),
    }
}

/// Prints messages of a type: by `rows`, which takes whether all columns are wanted, or as data.
pub(super) fn print_all<M: prost::Message>(
    kind: &str,
    all: &[M],
    format: Format,
    rows: impl Fn(bool) -> String,
) -> Result<(), Failure> {
    match format {
        Format::Table | Format::Wide => output::print(&rows(format == Format::Wide)),
        Format::Json => output::print(&pretty(&Value::Array(shown(kind, all)?))?),
        Format::Yaml => output::print(&yaml::emit(&Value::Array(shown(kind, all)?)).map_err(Failure::new)?),
    }
}

fn shown<M: prost::Message>(kind: &str, all: &[M]) -> Result<Vec<Value>, Failure> {
    let show = |one: &M| {
        let mut message = DynamicMessage::new(shape::message(kind));
        message.transcode_from(one).map_err(|error| Failure::new(error.to_string()))?;
        Ok(doc::show_message(&message))
    };
    all.iter().map(show).collect()
}

fn rows(bindings: &[v1::AddressBinding], wide: bool) -> String {
    let mut table = table::blank();
    let mut heads = vec!["NETWORK", "ADDRESS", "PORT", "MAC", "PROOF", "SINCE"];
    heads.extend(wide.then_some("CHASSIS"));
    table.set_header(heads);
    for binding in bindings {
        let proof = binding.proof().as_str_name().trim_start_matches("PROOF_").to_lowercase();
        let since = if binding.since_ms == 0 { "-".to_owned() } else { time::moment(binding.since_ms) };
        let port = format!("{}/{}", binding.tenant, binding.port);
        let mut row = vec![binding.network.clone(), binding.address.clone(), port, binding.mac_address.clone()];
        row.extend([proof, since]);
        row.extend(wide.then(|| binding.chassis.clone()));
        table.add_row(row.into_iter().map(|text| Cell::new(output::harmless(&text))));
    }
    table::trimmed(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binding_is_a_line() {
        let learned = v1::AddressBinding {
            network: "acme/lab".to_owned(),
            address: "2001:db8::7".to_owned(),
            tenant: "acme".to_owned(),
            port: "s1-s1-eth1".to_owned(),
            mac_address: "02:00:00:00:00:07".to_owned(),
            chassis: "s1".to_owned(),
            proof: v1::Proof::Dad.into(),
            since_ms: 1_795_558_200_123,
        };
        let fixed = v1::AddressBinding { proof: v1::Proof::Static.into(), since_ms: 0, ..learned.clone() };
        let text = rows(&[learned.clone(), fixed], true);
        let words: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words[0], ["NETWORK", "ADDRESS", "PORT", "MAC", "PROOF", "SINCE", "CHASSIS"]);
        assert_eq!(words[1][2..], ["acme/s1-s1-eth1", "02:00:00:00:00:07", "dad", "2026-11-24T22:10:00.123Z", "s1"]);
        assert_eq!(words[2][4..], ["static", "-", "s1"]);
        let json = &shown("AddressBinding", &[learned]).unwrap()[0];
        assert_eq!((&json["proof"], &json["port"]), (&"dad".into(), &"s1-s1-eth1".into()));
    }
}

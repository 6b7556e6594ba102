//! `sextant get bindings`: who holds which address, how that was proved, and since when.

use std::net::IpAddr;

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

/// Which bindings.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Which {
    /// Only of this address.
    #[arg(long, value_name = "ADDRESS")]
    address: Option<IpAddr>,
    /// Who had it then: `2026-11-24T22:10:00Z`, or milliseconds since 1970.
    #[arg(long, value_name = "TIME", value_parser = time::read)]
    at: Option<u64>,
    /// With those that have ended.
    #[arg(long)]
    history: bool,
}

impl Which {
    /// Whether anything is asked for.
    pub(super) fn any(&self) -> bool {
        self.address.is_some() || self.at.is_some() || self.history
    }
}

pub(super) async fn run(
    port: Option<Name>,
    which: Which,
    watch: bool,
    format: Format,
    context: &Context,
) -> Result<(), Failure> {
    let (tenant, port) = of_port(port, context);
    let Which { address, at, history } = which;
    let address = address.map(|address| address.to_string()).unwrap_or_default();
    let request = v1::BindingsRequest { tenant, port, address, at_ms: at.unwrap_or(0), history, watch };
    let mut stream = context.client().await?.operation().bindings(with_details(request)).await?.into_inner();
    let mut bindings = Vec::new();
    while let Some(binding) = stream.message().await? {
        if !watch {
            bindings.push(binding);
            continue;
        }
        match format {
            Format::Table | Format::Wide => output::print(&line(&binding))?,
            Format::Json | Format::Yaml => {
                shown("AddressBinding", &[binding])?.iter().try_for_each(|one| output::print(&one.to_string()))?;
            }
        }
    }
    if watch {
        return Err(Failure::new("the controller ended the watch".to_owned()));
    }
    let past = history || at.is_some();
    print_all("AddressBinding", &bindings, format, |wide| rows(&bindings, wide, past))
}

/// `2001:db8::5 on acme/red: acme/vm1 (dad) since 2026-11-24T22:10:00.123Z`
fn line(binding: &v1::AddressBinding) -> String {
    let v1::AddressBinding { network, address, tenant, port, since_ms, until_ms, .. } = binding;
    let until = if *until_ms == 0 { String::new() } else { format!(" until {}", time::moment(*until_ms)) };
    let since = if *since_ms == 0 { "-".to_owned() } else { time::moment(*since_ms) };
    let line = format!("{address} on {network}: {tenant}/{port} ({}) since {since}{until}", proof(binding));
    output::harmless(&line).into_owned()
}

fn proof(binding: &v1::AddressBinding) -> String {
    binding.proof().as_str_name().trim_start_matches("PROOF_").to_lowercase()
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

fn rows(bindings: &[v1::AddressBinding], wide: bool, past: bool) -> String {
    let moment = |ms: u64| if ms == 0 { "-".to_owned() } else { time::moment(ms) };
    let mut table = table::blank();
    let mut heads = vec!["NETWORK", "ADDRESS", "PORT", "MAC", "PROOF", "SINCE"];
    heads.extend(past.then_some("UNTIL"));
    heads.extend(wide.then_some(["EXPIRES", "CHASSIS"]).into_iter().flatten());
    table.set_header(heads);
    for binding in bindings {
        let port = format!("{}/{}", binding.tenant, binding.port);
        let mut row = vec![binding.network.clone(), binding.address.clone(), port, binding.mac_address.clone()];
        row.extend([proof(binding), moment(binding.since_ms)]);
        row.extend(past.then(|| moment(binding.until_ms)));
        row.extend(wide.then(|| [moment(binding.expires_ms), binding.chassis.clone()]).into_iter().flatten());
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
            until_ms: 1_795_558_200_124,
            expires_ms: 0,
        };
        let fixed = v1::AddressBinding { proof: v1::Proof::Static.into(), since_ms: 0, ..learned.clone() };
        let text = rows(&[learned.clone(), fixed], true, true);
        let words: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words[0], ["NETWORK", "ADDRESS", "PORT", "MAC", "PROOF", "SINCE", "UNTIL", "EXPIRES", "CHASSIS"]);
        assert_eq!(
            words[1][2..],
            [
                "acme/s1-s1-eth1",
                "02:00:00:00:00:07",
                "dad",
                "2026-11-24T22:10:00.123Z",
                "2026-11-24T22:10:00.124Z",
                "-",
                "s1"
            ]
        );
        assert_eq!(words[2][4..6], ["static", "-"]);
        let told = "2001:db8::7 on acme/lab: acme/s1-s1-eth1 (dad) since 2026-11-24T22:10:00.123Z until 2026-11-24T22:10:00.124Z";
        assert_eq!(line(&learned), told);
        let json = &shown("AddressBinding", &[learned]).unwrap()[0];
        assert_eq!((&json["proof"], &json["port"]), (&"dad".into(), &"s1-s1-eth1".into()));
    }
}

//! `sextant get listeners`: who listens to which multicast group, since when, and to which sources.

use comfy_table::Cell;
use proto::v1;

use super::bindings::{of_port, print_all};
use super::client::with_details;
use super::get::Format;
use super::names::Name;
use super::{Context, Failure, output, table, time};

pub(super) async fn run(port: Option<Name>, format: Format, context: &Context) -> Result<(), Failure> {
    let (tenant, port) = of_port(port, context);
    let request = v1::ListenersRequest { tenant, port };
    let mut stream = context.client().await?.operation().listeners(with_details(request)).await?.into_inner();
    let mut listeners = Vec::new();
    while let Some(listener) = stream.message().await? {
        listeners.push(listener);
    }
    print_all("Listener", &listeners, format, |wide| rows(&listeners, wide))
}

fn rows(listeners: &[v1::Listener], wide: bool) -> String {
    let mut table = table::blank();
    let mut heads = vec!["PORT", "GROUP", "SOURCES", "SINCE"];
    heads.extend(wide.then_some("NETWORK"));
    table.set_header(heads);
    for listener in listeners {
        let port = format!("{}/{}", listener.tenant, listener.port);
        let mut row = vec![port, listener.group.clone(), sources(listener), time::moment(listener.since_ms)];
        row.extend(wide.then(|| listener.network.clone()));
        table.add_row(row.into_iter().map(|text| Cell::new(output::harmless(&text))));
    }
    table::trimmed(table)
}

fn sources(listener: &v1::Listener) -> String {
    match (listener.exclude, listener.sources.is_empty()) {
        (true, true) => "any".to_owned(),
        (true, false) => format!("not:{}", listener.sources.join(",")),
        (false, _) => listener.sources.join(","),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_a_line() {
        let listener = |exclude, sources: &[&str]| v1::Listener {
            tenant: "acme".to_owned(),
            port: "vm1".to_owned(),
            network: "acme/red".to_owned(),
            group: "ff3e::8000:1".to_owned(),
            exclude,
            sources: sources.iter().map(|source| (*source).to_owned()).collect(),
            since_ms: 1_795_558_200_123,
        };
        let all = [listener(true, &[]), listener(true, &["::7"]), listener(false, &["::7", "::8"])];
        let text = rows(&all, true);
        let words: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words[0], ["PORT", "GROUP", "SOURCES", "SINCE", "NETWORK"]);
        assert_eq!(words[1], ["acme/vm1", "ff3e::8000:1", "any", "2026-11-24T22:10:00.123Z", "acme/red"]);
        assert_eq!((words[2][2], words[3][2]), ("not:::7", "::7,::8"));
    }
}

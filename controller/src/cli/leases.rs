//! `sextant get leases`: what clients were promised by DHCP, since when and until when.

use comfy_table::Cell;
use proto::v1;

use super::bindings::{of_port, print_all};
use super::client::with_details;
use super::get::Format;
use super::names::Name;
use super::{Context, Failure, output, table, time};

pub(super) async fn run(port: Option<Name>, format: Format, context: &Context) -> Result<(), Failure> {
    let (tenant, port) = of_port(port, context);
    let request = v1::LeasesRequest { tenant, port };
    let mut stream = context.client().await?.operation().leases(with_details(request)).await?.into_inner();
    let mut leases = Vec::new();
    while let Some(lease) = stream.message().await? {
        leases.push(lease);
    }
    print_all("Lease", &leases, format, |wide| rows(&leases, wide))
}

fn rows(leases: &[v1::Lease], wide: bool) -> String {
    let mut table = table::blank();
    let mut heads = vec!["PORT", "LEASED", "ASSOCIATION", "SINCE", "UNTIL"];
    heads.extend(wide.then_some(["NETWORK", "CLIENT"]).into_iter().flatten());
    table.set_header(heads);
    for lease in leases {
        let until = if lease.until_ms == u64::MAX { "-".to_owned() } else { time::moment(lease.until_ms) };
        let port = format!("{}/{}", lease.tenant, lease.port);
        let mut row =
            vec![port, lease.leased.join(","), lease.association.clone(), time::moment(lease.since_ms), until];
        row.extend(wide.then(|| [lease.network.clone(), lease.client.clone()]).into_iter().flatten());
        table.add_row(row.into_iter().map(|text| Cell::new(output::harmless(&text))));
    }
    table::trimmed(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_a_line() {
        let lease = v1::Lease {
            tenant: "acme".to_owned(),
            port: "vm1".to_owned(),
            network: "acme/red".to_owned(),
            association: "na-4660".to_owned(),
            client: "00030001020000000001".to_owned(),
            leased: vec!["2001:db8::7".to_owned(), "2001:db8::8".to_owned()],
            since_ms: 1_795_558_200_123,
            until_ms: u64::MAX,
        };
        let text = rows(&[lease], true);
        let words: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words[0], ["PORT", "LEASED", "ASSOCIATION", "SINCE", "UNTIL", "NETWORK", "CLIENT"]);
        assert_eq!(words[1][..3], ["acme/vm1", "2001:db8::7,2001:db8::8", "na-4660"]);
        assert_eq!(words[1][3..], ["2026-11-24T22:10:00.123Z", "-", "acme/red", "00030001020000000001"]);
    }
}

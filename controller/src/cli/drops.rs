//! `sextant get drops`: what ports sent and may not, by the name under which it is dropped.

use comfy_table::Cell;
use proto::v1;

use super::bindings::{of_port, print_all};
use super::client::with_details;
use super::get::Format;
use super::names::Name;
use super::{Context, Failure, output, table};

pub(super) async fn run(port: Option<Name>, format: Format, context: &Context) -> Result<(), Failure> {
    let (tenant, port) = of_port(port, context);
    let request = v1::DropsRequest { tenant, port };
    let mut stream = context.client().await?.operation().drops(with_details(request)).await?.into_inner();
    let mut drops = Vec::new();
    while let Some(count) = stream.message().await? {
        drops.push(count);
    }
    print_all("DropCount", &drops, format, |wide| rows(&drops, wide))
}

fn rows(drops: &[v1::DropCount], wide: bool) -> String {
    let mut table = table::blank();
    let mut heads = vec!["PORT", "REASON", "DIRECTION", "PACKETS"];
    heads.extend(wide.then_some(["BYTES", "CHASSIS"]).into_iter().flatten());
    table.set_header(heads);
    for drop in drops {
        let from =
            if drop.network.is_empty() { drop.port.clone() } else { format!("{}@{}", drop.network, drop.chassis) };
        let direction = if drop.direction.is_empty() { "-" } else { &drop.direction };
        let from = format!("{}/{from}", drop.tenant);
        let mut row = vec![from, drop.reason.clone(), direction.to_owned(), drop.packets.to_string()];
        row.extend(wide.then(|| [drop.bytes.to_string(), drop.chassis.clone()]).into_iter().flatten());
        table.add_row(row.into_iter().map(|text| Cell::new(output::harmless(&text))));
    }
    table::trimmed(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_a_port_is_a_line() {
        let drop = v1::DropCount {
            tenant: "acme".to_owned(),
            port: "vm1".to_owned(),
            chassis: "hv1".to_owned(),
            reason: "rogue_router_advert".to_owned(),
            packets: 7,
            bytes: 700,
            network: String::new(),
            direction: "egress".to_owned(),
        };
        let uplink = v1::DropCount { port: String::new(), network: "public".to_owned(), ..drop.clone() };
        let text = rows(&[drop, uplink], true);
        let words: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words[0], ["PORT", "REASON", "DIRECTION", "PACKETS", "BYTES", "CHASSIS"]);
        assert_eq!(words[1], ["acme/vm1", "rogue_router_advert", "egress", "7", "700", "hv1"]);
        assert_eq!(words[2], ["acme/public@hv1", "rogue_router_advert", "egress", "7", "700", "hv1"]);
    }
}

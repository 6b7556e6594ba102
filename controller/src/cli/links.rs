//! `sextant get links`: which chassis are wired to each other, by which ports, and since when.

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

pub(super) async fn run(chassis: Option<Name>, format: Format, context: &Context) -> Result<(), Failure> {
    let request = v1::LinksRequest { chassis: chassis.map(|chassis| chassis.name).unwrap_or_default() };
    let mut stream = context.client().await?.operation().links(with_details(request)).await?.into_inner();
    let mut links = Vec::new();
    while let Some(link) = stream.message().await? {
        links.push(link);
    }
    match format {
        Format::Table | Format::Wide => output::print(&rows(&links, format == Format::Wide)),
        Format::Json => output::print(&pretty(&Value::Array(shown(&links)?))?),
        Format::Yaml => output::print(&yaml::emit(&Value::Array(shown(&links)?)).map_err(Failure::new)?),
    }
}

fn shown(links: &[v1::Link]) -> Result<Vec<Value>, Failure> {
    let show = |link: &v1::Link| {
        let mut message = DynamicMessage::new(shape::message("Link"));
        message.transcode_from(link).map_err(|error| Failure::new(error.to_string()))?;
        Ok(doc::show_message(&message))
    };
    links.iter().map(show).collect()
}

fn rows(links: &[v1::Link], wide: bool) -> String {
    let mut table = table::blank();
    let mut heads = vec!["CHASSIS", "INTERFACE", "PEER", "INTERFACE", "SINCE"];
    heads.extend(wide.then_some(["OFPORT", "PEER OFPORT"]).into_iter().flatten());
    table.set_header(heads);
    for link in links {
        let mut row = vec![link.chassis.clone(), link.interface.clone()];
        row.extend([link.peer_chassis.clone(), link.peer_interface.clone(), time::moment(link.since_ms)]);
        row.extend(wide.then(|| [link.ofport.to_string(), link.peer_ofport.to_string()]).into_iter().flatten());
        table.add_row(row.into_iter().map(|text| Cell::new(output::harmless(&text))));
    }
    table::trimmed(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_a_line() {
        let link = v1::Link {
            chassis: "s1".to_owned(),
            interface: "s1-eth2".to_owned(),
            ofport: 2,
            peer_chassis: "s2".to_owned(),
            peer_interface: "s2-eth1".to_owned(),
            peer_ofport: 1,
            since_ms: 1_795_558_200_123,
        };
        let text = rows(std::slice::from_ref(&link), true);
        let words: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words[1], ["s1", "s1-eth2", "s2", "s2-eth1", "2026-11-24T22:10:00.123Z", "2", "1"]);
        let json = &shown(&[link]).unwrap()[0];
        assert_eq!((&json["peer_chassis"], &json["peer_ofport"]), (&"s2".into(), &1.into()));
    }
}

//! The pipeline's page, made from the declaration.

use std::fmt::Write as _;

use ofp::Field;

use crate::pipeline::{Miss, PIPELINE, Table};
use crate::registers::{REGISTERS, Reg};

/// `docs/pipeline.md`.
pub fn pipeline_page() -> String {
    let mut page = String::from(
        "# The pipeline\n\nMade from the declaration in `flows/src/pipeline.rs` by `make docs`; a test holds it fresh.\n\n\
         A packet starts in the first table and goes forward. What starts over, where the page says so: what one \
         router hands on to another; and what says more of its sender than its sources do: each such claim takes the \
         source's place once, and so passes the rows that know the port's own.\n\n\
         Where a table has prefixes, Open vSwitch is to be told, once for each bridge (here `br-int`): else each address \
         that a host tries becomes a datapath flow of its own.\n\n",
    );
    let _ = writeln!(page, "```\novs-vsctl \\");
    let orders: Vec<String> = prefixes().map(|(table, fields)| order(table, &fields)).collect();
    let _ = writeln!(page, "{}\n```\n", orders.join(" \\\n"));
    for spec in &PIPELINE {
        let _ = writeln!(page, "## {} ({})\n\n{}\n", spec.name, spec.table.id(), spec.about);
        let _ = writeln!(page, "- written by: {}", spec.writers.join(", "));
        line(&mut page, "matches", fields(spec.matches).chain(registers(spec.reads)));
        line(&mut page, "sets", fields(spec.sets).chain(registers(spec.loads)));
        line(&mut page, "leads to", tables(spec.next).chain(spec.outputs.then(|| "out".to_owned())));
        line(&mut page, "prefixes", spec.prefixes().map(|field| format!("`{}`", field.name())));
        line(&mut page, "may start over at", tables(spec.reenters));
        line(&mut page, "asks", tables(spec.asks));
        line(&mut page, "leads, by way of conntrack, to", tables(spec.tracks));
        let miss = match spec.miss {
            Miss::Drop(drop) => format!("dropped as `{}`", drop.name()),
            Miss::Goto(table) => format!("goes on to {}", table.spec().name),
            Miss::Answer => "who asked goes on".to_owned(),
            Miss::Covered => "does not happen: its rows cover everything".to_owned(),
        };
        let _ = writeln!(page, "- a packet without a row: {miss}\n");
    }
    page.push_str("# Registers\n\n| name | register | bits | from | to | what it means |\n| - | - | - | - | - | - |\n");
    for r in &REGISTERS {
        let _ = writeln!(
            page,
            "| {} | {} | {}..{} | {} | {} | {} |",
            r.name,
            r.reg.field().name(),
            r.offset,
            r.offset + r.bits - 1,
            r.from.spec().name,
            r.to.spec().name,
            r.about
        );
    }
    page
}

/// The tables of which Open vSwitch is to be told by what prefixes rows are looked up, as its database has the fields.
pub fn prefixes() -> impl Iterator<Item = (u8, String)> {
    PIPELINE.iter().filter_map(|spec| {
        let fields: Vec<&str> = spec.prefixes().map(|field| field.name()).collect();
        (!fields.is_empty()).then(|| (spec.table.id(), fields.join(",")))
    })
}

fn order(table: u8, fields: &str) -> String {
    format!(
        "  -- --id=@t{table} create Flow_Table prefixes={fields} -- set Bridge br-int flow_tables:{table}=@t{table}"
    )
}

/// `labs/sextantlab/prefixes.json`: the same for labs, by table.
pub fn prefixes_json() -> String {
    let lines: Vec<String> = prefixes().map(|(table, fields)| format!("  \"{table}\": \"{fields}\"")).collect();
    format!("{{\n{}\n}}\n", lines.join(",\n"))
}

fn line(page: &mut String, label: &str, words: impl Iterator<Item = String>) {
    let words: Vec<String> = words.collect();
    if !words.is_empty() {
        let _ = writeln!(page, "- {label}: {}", words.join(", "));
    }
}

fn fields(fields: &[Field]) -> impl Iterator<Item = String> {
    fields.iter().map(|field| format!("`{}`", field.name()))
}

fn registers(registers: &[Reg]) -> impl Iterator<Item = String> {
    registers.iter().map(|reg| format!("*{}*", reg.spec().name))
}

fn tables(tables: &[Table]) -> impl Iterator<Item = String> {
    tables.iter().map(|table| table.spec().name.to_owned())
}

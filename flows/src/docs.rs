//! The pipeline's page, made from the declaration.

use std::fmt::Write as _;

use ofp::Field;

use crate::pipeline::{Miss, PIPELINE, Table};
use crate::registers::{REGISTERS, Reg};

/// `docs/pipeline.md`.
pub fn pipeline_page() -> String {
    let mut page = String::from(
        "# The pipeline\n\nMade from the declaration in `flows/src/pipeline.rs` by `make docs`; a test holds it fresh.\n\n\
         A packet starts in the first table and goes forward. Only one router handing on to another starts over, \
         where the page says so.\n\n",
    );
    for spec in &PIPELINE {
        let _ = writeln!(page, "## {} ({})\n\n{}\n", spec.name, spec.table.id(), spec.about);
        let _ = writeln!(page, "- written by: {}", spec.writers.join(", "));
        line(&mut page, "matches", fields(spec.matches).chain(registers(spec.reads)));
        line(&mut page, "sets", fields(spec.sets).chain(registers(spec.loads)));
        line(&mut page, "leads to", tables(spec.next).chain(spec.outputs.then(|| "out".to_owned())));
        line(&mut page, "may start over at", tables(spec.reenters));
        let miss = match spec.miss {
            Miss::Drop(drop) => format!("dropped as `{}`", drop.name()),
            Miss::Goto(table) => format!("goes on to {}", table.spec().name),
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

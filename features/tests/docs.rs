//! Holds generated pages fresh: `UPDATE_DOCS=1 cargo test -p features --test docs` writes them.

use std::path::Path;

#[test]
fn the_pipeline_page_is_fresh() {
    fresh("docs/pipeline.md", &flows::docs::pipeline_page());
}

#[test]
fn labs_tell_open_vswitch_the_prefixes_of_the_declaration() {
    fresh("labs/sextantlab/prefixes.json", &flows::docs::prefixes_json());
}

fn fresh(name: &str, page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, page).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(there == page, "{name} is not what the code says: run `make docs`");
}

//! The house rules: arrows as `ARCHITECTURE.md` draws them, a first line in every module, no file too long, nothing left undone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Lines of a Rust file, tests included.
const LINES_MAX: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn rust_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if name.ends_with(".rs") {
                files.push(path);
            }
        }
    }
    assert!(files.len() > 50, "found only {} Rust files", files.len());
    files
}

#[test]
fn arrows_are_as_drawn() {
    let page = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let block = page.split("```").nth(1).unwrap();
    let drawn: BTreeMap<&str, BTreeSet<&str>> = block
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(room, uses)| (room.trim(), uses.split_whitespace().filter(|u| *u != "-").collect()))
        .collect();
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let rooms: BTreeSet<&str> = packages.iter().map(|p| p["name"].as_str().unwrap()).collect();
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let Some(allowed) = drawn.get(name) else {
            let manifest = package["manifest_path"].as_str().unwrap();
            assert!(manifest.contains("/tests/"), "ARCHITECTURE.md does not draw {name}");
            continue;
        };
        for dependency in package["dependencies"].as_array().unwrap() {
            let used = dependency["name"].as_str().unwrap();
            if rooms.contains(used) && dependency["kind"] != "dev" {
                assert!(allowed.contains(used), "{name} uses {used}, which ARCHITECTURE.md does not draw");
            }
        }
    }
}

#[test]
fn every_module_says_what_it_is_for() {
    for file in rust_files() {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//! "), "{} does not begin with //!", file.display());
    }
}

#[test]
fn no_file_is_too_long_and_nothing_is_left_undone() {
    let undone = ["TO", "FIX"].map(|start| format!("{start}{}", if start == "TO" { "DO" } else { "ME" }));
    for file in rust_files() {
        let text = std::fs::read_to_string(&file).unwrap();
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines, more than {LINES_MAX}", file.display());
        for word in &undone {
            assert!(!text.contains(word), "{} has a {word}", file.display());
        }
    }
}

#[test]
fn only_the_controller_has_a_clock_or_a_socket() {
    for room in ["addr", "packet", "ofp", "topology", "flows", "features", "brain", "ovsdb"] {
        let transport = root().join("ovsdb/src/transport");
        let pure = |f: &&PathBuf| f.starts_with(root().join(room).join("src")) && !f.starts_with(&transport);
        for file in rust_files().iter().filter(pure) {
            let mut text = std::fs::read_to_string(file).unwrap();
            if file.ends_with("flows/src/engine/parallel.rs") {
                // Pure work on all cores, its results in order: what comes out does not depend on it.
                text = text.replace("std::thread::scope", "").replace("std::thread::available_parallelism", "");
            }
            for word in [
                "tokio",
                "std::net::Tcp",
                "std::net::Udp",
                "std::fs",
                "std::time::Instant",
                "SystemTime",
                "std::thread",
            ] {
                assert!(!text.contains(word), "{} names {word}", file.display());
            }
        }
    }
}

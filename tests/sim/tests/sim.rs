//! The whole controller, seed by seed. `SIM_SEED=7` runs one seed, `SIM_FILE=tests/sim/failures/seed-7.json` one file,
//! `SIM_STEPS=20000` many seeds until there have been so many steps; `SIM_FROM` is the first of them.

use std::path::{Path, PathBuf};
use std::time::Instant;

use sim::failure;
use sim::generate::{STEPS, scenario};
use sim::run::{Outcome, run};
use sim::scenario::Scenario;
use sim::switch::Mutation;
use sim::world::Totals;

/// Steps in a run of all tests.
const STEPS_USUAL: u64 = 640;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text}: a number is needed")))
}

#[test]
fn nothing_goes_wrong_whatever_does() {
    if let Some(file) = std::env::var_os("SIM_FILE") {
        let scenario = failure::read(Path::new(&file)).unwrap();
        let outcome = run(&scenario, &Mutation::default());
        return report(&scenario, &outcome, number("SIM_SHRINK").is_some());
    }
    if let Some(seed) = number("SIM_SEED") {
        let (scenario, start) = (scenario(seed), Instant::now());
        let outcome = run(&scenario, &Mutation::default());
        print(&outcome.totals, start);
        report(&scenario, &outcome, true);
        return;
    }
    let (steps, first, start) =
        (number("SIM_STEPS").unwrap_or(STEPS_USUAL), number("SIM_FROM").unwrap_or(1), Instant::now());
    let mut totals = Totals::default();
    let mut failures = Vec::new();
    for seed in first.. {
        if totals.of("steps") >= steps {
            break;
        }
        let scenario = scenario(seed);
        let outcome = run(&scenario, &Mutation::default());
        totals.add("seeds", 1);
        totals.add("violations", outcome.violations.len() as u64);
        totals.merge(&outcome.totals);
        if !outcome.violations.is_empty() {
            println!("seed {seed}, step {}: {}", outcome.steps, outcome.violations.join("\n"));
            failures.push((scenario, outcome));
        }
    }
    print(&totals, start);
    if let Some((scenario, outcome)) = failures.first() {
        let seeds: Vec<u64> = failures.iter().map(|(scenario, _)| scenario.seed).collect();
        println!("seeds that fail: {seeds:?}");
        report(scenario, outcome, true);
    }
}

/// Totals by what happened; what should not have happened first.
fn print(totals: &Totals, start: Instant) {
    println!("{:>9} violations", totals.of("violations"));
    for (what, count) in totals.0.iter().filter(|(what, _)| *what != "violations") {
        println!("{count:>9} {what}");
    }
    println!("{:>9.1} seconds", start.elapsed().as_secs_f64());
}

/// Fails if the run did, and says how to see it again.
fn report(scenario: &Scenario, outcome: &Outcome, keep: bool) {
    if outcome.violations.is_empty() {
        return;
    }
    let mut words = outcome.violations.join("\n");
    if keep {
        let seed = scenario.seed;
        let short = failure::shrink(scenario, outcome);
        let again = run(&short, &Mutation::default());
        let kept = failure::write(&short, &again).map(|file| file.display().to_string());
        words = format!("{words}\nSIM_SEED={seed} cargo test -p sim runs it again");
        words = match kept {
            Ok(file) => format!("{words}; SIM_FILE={file} its {} steps that matter", short.steps.len()),
            Err(error) => format!("{words}; its steps could not be written: {error}"),
        };
    }
    panic!("step {} of {STEPS}: {words}", outcome.steps);
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in [3, 1_000_003] {
        let mut scenario = scenario(seed);
        scenario.steps.truncate(40);
        let (one, two) = (run(&scenario, &Mutation::default()), run(&scenario, &Mutation::default()));
        assert_eq!((one.digest, one.totals), (two.digest, two.totals), "seed {seed}");
        let other = run(&Scenario { seed: seed + 1, ..scenario }, &Mutation::default());
        assert_ne!(one.digest, other.digest, "the digest tells runs apart");
    }
}

#[test]
fn what_was_found_once_is_mended() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    for file in files {
        let scenario = failure::read(&file).unwrap();
        assert!(!scenario.note.is_empty(), "{} does not say what it once showed", file.display());
        let outcome = run(&scenario, &Mutation::default());
        assert_eq!(outcome.violations, [""; 0], "{}", file.display());
    }
}

/// How many seeds it takes until a mutant is caught, and by which words.
fn caught(mutation: &Mutation) -> String {
    for seed in 1..=4 {
        let outcome = run(&scenario(seed), mutation);
        if let Some(words) = outcome.violations.first() {
            return words.clone();
        }
    }
    "nothing".to_owned()
}

#[test]
fn a_switch_whose_rows_forget_the_network_is_caught() {
    let mutation = Mutation { forgets_network: [flows::Table::Out.id()].into(), ..Mutation::default() };
    let words = caught(&mutation);
    assert!(words.contains("ACROSS TENANTS") || words.contains("rows of priority"), "{words}");
}

#[test]
fn a_switch_that_confirms_what_it_does_not_have_is_caught() {
    let mutation = Mutation { loses_one_in: Some(40), ..Mutation::default() };
    let words = caught(&mutation);
    assert!(words.contains("is called active, but switch"), "{words}");
}

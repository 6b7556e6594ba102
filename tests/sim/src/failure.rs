//! A run that failed: cut down to what it takes, and written down.

use std::path::{Path, PathBuf};

use crate::run::{Outcome, run};
use crate::scenario::Scenario;
use crate::switch::Mutation;

/// Runs that shrinking may take.
const RUNS_MAX: usize = 120;

/// The shortest scenario found that still fails in this way: the steps after the failure go, then whatever can be left out.
pub fn shrink(scenario: &Scenario, outcome: &Outcome) -> Scenario {
    let mut best = Scenario { steps: scenario.steps[..outcome.steps].to_vec(), ..scenario.clone() };
    let mut runs = 0;
    let mut size = best.steps.len() / 2;
    while size > 0 && runs < RUNS_MAX {
        let mut at = 0;
        while at < best.steps.len() && runs < RUNS_MAX {
            let end = (at + size).min(best.steps.len());
            let mut fewer = best.clone();
            fewer.steps.drain(at..end);
            runs += 1;
            if kind(&run(&fewer, &Mutation::default())) == kind(outcome) {
                best = fewer;
            } else {
                at = end;
            }
        }
        size /= 2;
    }
    best
}

/// What went wrong, without its numbers: another fault that turns up on the way is not this one.
fn kind(outcome: &Outcome) -> Option<String> {
    const SHOWN: usize = 60;
    let words = outcome.violations.first()?;
    Some(words.chars().filter(|c| !c.is_ascii_digit()).take(SHOWN).collect())
}

/// Writes a scenario into the folder of failures. Where it is, or why it could not be written.
pub fn write(scenario: &Scenario, outcome: &Outcome) -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("failures");
    let file = folder.join(format!("seed-{}.json", scenario.seed));
    let note = outcome.violations.first().cloned().unwrap_or_default();
    let scenario = Scenario { note, ..scenario.clone() };
    let text = serde_json::to_string_pretty(&scenario).map_err(|error| error.to_string())?;
    std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, text)).map_err(|error| error.to_string())?;
    Ok(file)
}

/// Reads a scenario.
pub fn read(file: &Path) -> Result<Scenario, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
}

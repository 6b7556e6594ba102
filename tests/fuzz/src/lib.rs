//! What the decoders' fuzz tests share: well-formed inputs, damage to them, how long, and a bound on memory.
//!
//! Every test runs as a plain `cargo test`: first the inputs that once found a fault (`regressions/`), then the well-formed ones,
//! then random damage, each time another, a second or so in all. With `FUZZ_SECONDS` each test goes on for that long: `make fuzz
//! TIME=60`. A failure prints the smallest input that was found, as digits for a line of `regressions/`.

mod bounds;
mod damage;
mod run;
mod seeds;

pub use bounds::bounded;
pub use damage::{Step, damaged, steps};
pub use run::{Input, run};
pub use seeds::{dns, documents, frames, lldp, openflow, regressions};

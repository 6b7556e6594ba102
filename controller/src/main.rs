//! The `sextant` binary: see [`controller::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    controller::cli::main()
}

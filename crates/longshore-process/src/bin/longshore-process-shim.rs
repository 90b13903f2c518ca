//! The shim alone, for the tests of this crate. The `longshore` binary has it as a hidden
//! subcommand.

use std::process::ExitCode;

fn main() -> ExitCode {
    longshore_process::shim::main()
}

//! The `jwtis` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    jwtis::cli::main(std::env::args_os())
}

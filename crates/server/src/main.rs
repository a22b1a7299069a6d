//! The `jwtis` program.

use std::process::ExitCode;

/// Gives memory back to the system once it is free, which glibc's allocator does not.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    jwtis::cli::main(std::env::args_os())
}

//! `jwtis completions`: a completion script for a shell.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Cli, Outcome, Output};

/// Prints a completion script. For bash: `source <(jwtis completions bash)`.
#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self, out: &mut Output<'_>) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "jwtis", &mut script);
        out.line(String::from_utf8_lossy(&script).trim_end())
    }
}

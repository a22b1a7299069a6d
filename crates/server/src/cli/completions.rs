//! `jwtis completions`: a completion script for a shell.

use clap_complete::Shell;

use super::failure::CliOutcome;
use super::output::Output;

/// Prints a completion script. For bash: `source <(jwtis completions bash)`.
#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self, mut command: clap::Command, out: &mut Output<'_>) -> CliOutcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "jwtis", &mut script);
        out.line(String::from_utf8_lossy(&script).trim_end())
    }
}

//! The command line: what can be typed, and which file does it.
//!
//! Standard output carries results only. A failure goes to standard error as `error:` and, on its last line, `hint:`;
//! the exit codes are those of [`Exit`].

mod api;
mod audit;
mod client;
mod completions;
mod config;
mod dev;
mod environment;
mod failure;
mod first_start;
mod flags;
mod harden;
mod hash_password;
mod input;
mod inspect;
mod key;
mod login;
mod openapi;
mod opening;
mod output;
mod password;
mod policy;
mod printable;
mod prompt;
mod runtime;
mod serve;
mod signer_start;
mod store;
mod store_file;
mod token;
mod watermark;
mod when;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Command as Line, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub use failure::{CliOutcome, Exit, Failure};
pub use flags::ServerFlags;
pub use output::Output;

/// Runs the command in `arguments`, the program's name first.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    harden::forbid_core_dumps();
    let cli = match Cli::read(arguments) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => {
            let text = failure::usage_text(&error.render().to_string());
            drop(io::stderr().write_all(text.as_bytes()));
            return ExitCode::from(Exit::Usage as u8);
        }
        // Help and version are results.
        Err(error) => {
            return match error.print().and_then(|()| io::stdout().flush()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => Failure::from_output(&error).report(),
            };
        }
    };
    // Before any command opens a store.
    let ready = crate::app::survive_file_size_limits()
        .map_err(|error| Failure::refused("no handler for signals").because(&error));
    match ready.and_then(|()| cli.run(&mut Output::stdout())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// The JWT issuer and Tezos signer: it holds keys and never lets them out.
///
/// Without a command, `jwtis` does what `jwtis serve` does: it serves the issuer from a store in ./data, which it makes at the first
/// start, and the signer where the configuration file has a `tezos:` section.
#[derive(Debug, Parser)]
#[command(name = "jwtis", version, subcommand_negates_reqs = true, max_term_width = 110)]
#[command(after_help = "Exit codes: 0 done, 1 refused, 2 misused or wrong password, 3 damaged store.")]
pub struct Cli {
    #[command(flatten)]
    flags: ServerFlags,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the issuer and, where the configuration asks for it, the signer. The same as no command at all.
    Serve {
        #[command(flatten)]
        flags: ServerFlags,
    },
    /// Try it out: a throw-away server in memory with a ready client, and curl lines to paste.
    Dev(dev::Dev),
    /// Register and manage clients of a running server.
    #[command(subcommand)]
    Client(client::ClientCommand),
    /// Issue, renew, verify and revoke tokens on a running server; inspect one offline.
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Make, import, list and delete the signing keys of the store.
    ///
    /// They are for vaults with `driver: store` in the configuration file. The store has one owner at a time: stop the server first.
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Show, raise, lower, import and export watermarks, which stop double signing.
    ///
    /// A watermark is the highest level and round of a kind of message that a key has signed on a network: nothing else is signed at or
    /// below it, whoever asks. Signatory is another signer for Tezos; its folders of watermarks are read and written, so that a baker
    /// can move either way. The store has one owner at a time: stop the server before its watermarks are shown or changed.
    #[command(subcommand)]
    Watermark(watermark::WatermarkCommand),
    /// Say what a message asks for, and what the policy of a key says to it.
    ///
    /// The policy of a key is what the configuration file says behind its hash, below `tezos:`. Neither a server nor a key is needed.
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Log in to a running signer as a user of its configuration, and print the token.
    Login(login::Login),
    /// Print the Argon2id hash of a password, for the configuration file. Asks for it, or reads it from standard input.
    HashPassword(hash_password::HashPassword),
    /// Look after the store file: check, back up, restore, change the password.
    #[command(subcommand)]
    Store(store::StoreCommand),
    /// List and export the records of what changed something: registrations, keys, revocations, signatures that moved a watermark.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Show or check the configuration of the server.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Print the OpenAPI 3.1 document of the issuer's or the signer's API.
    #[command(name = "openapi")]
    OpenApi(openapi::OpenApi),
    /// Print a completion script for a shell.
    Completions(completions::Completions),
    /// Print the version.
    #[command(alias = "v")]
    Version,
}

impl Cli {
    fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut line = without_empty_variables(Self::command());
        let mut matches = line.try_get_matches_from_mut(arguments)?;
        Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut line))
    }

    fn run(self, out: &mut Output<'_>) -> CliOutcome {
        let Self { flags, command } = self;
        match command {
            None => serve::run(flags.after(ServerFlags::default()), out),
            Some(Command::Serve { flags: own }) => serve::run(own.after(flags), out),
            Some(Command::Config(command)) => command.run(flags, out),
            Some(other) => {
                if let Some(flag) = flags.first() {
                    return Err(Failure::usage(format!(
                        "{flag} belongs to `jwtis serve`, and this is another command"
                    ))
                    .hint("put flags of a command after it, and see `jwtis COMMAND --help`"));
                }
                match other {
                    Command::Dev(dev) => dev.run(out),
                    Command::Client(command) => command.run(out),
                    Command::Token(command) => command.run(out),
                    Command::Key(command) => command.run(out),
                    Command::Watermark(command) => command.run(out),
                    Command::Policy(command) => command.run(out),
                    Command::Login(login) => login.run(out),
                    Command::HashPassword(command) => command.run(out),
                    Command::Store(command) => command.run(out),
                    Command::Audit(command) => command.run(out),
                    Command::OpenApi(command) => command.run(out),
                    Command::Completions(completions) => completions.run(Cli::command(), out),
                    // The words of Signatory's programs.
                    Command::Version => out.line(concat!("Release Version: ", env!("CARGO_PKG_VERSION"))),
                    Command::Serve { .. } | Command::Config(_) => Ok(()),
                }
            }
        }
    }
}

/// A variable that is set and empty counts as not set; help names variables and not their values.
fn without_empty_variables(line: Line) -> Line {
    line.mut_args(|arg| {
        let empty = arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
        if empty { arg.env(None) } else { arg.hide_env_values(true) }
    })
    .mut_subcommands(without_empty_variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_stand_before_or_after_serve_or_alone() {
        for line in [
            &["jwtis", "-l", "127.0.0.1:1", "--sigAlg", "EdDSA", "--tls", "-v"][..],
            &["jwtis", "serve", "--listen", "127.0.0.1:1", "--sig-alg", "EdDSA", "--tls", "-v"],
            &["jwtis", "-v", "--sigAlg=EdDSA", "serve", "-l127.0.0.1:1", "--tls=true"],
        ] {
            let cli = Cli::try_parse_from(line).unwrap();
            let flags = match cli.command {
                Some(Command::Serve { flags }) => flags.after(cli.flags),
                None => cli.flags.after(ServerFlags::default()),
                _ => panic!("not serve"),
            };
            let mut given: Vec<String> = flags
                .iter()
                .map(|(setting, raw)| format!("{}={}", setting.name, raw.text.as_str()))
                .collect();
            given.sort();
            assert_eq!(
                given,
                ["issuer.listen=127.0.0.1:1", "issuer.sig_alg=EdDSA", "issuer.tls=true", "log.verbose=true"],
                "{line:?}"
            );
        }
    }

    #[test]
    fn every_flag_of_the_go_program_is_known() {
        for flags in [
            "-l :1 -e 1h -a 1h -r 1h -n x -p x -d x -v",
            "--listen :1 --tls --sigAlg x --sigBits 1 --encAlg x --encBits 1 --contEnc x --expiry 1h --authTTL 1h --refreshTTL 1h",
            "--name x --pswd x --dbPath x --verbose --certFile x --keyFile x",
        ] {
            let line = ["jwtis"].into_iter().chain(flags.split(' '));
            assert!(Cli::try_parse_from(line).is_ok(), "{flags}");
        }
        assert_eq!(
            Cli::try_parse_from(["jwtis", "-V"]).unwrap_err().kind(),
            clap::error::ErrorKind::DisplayVersion
        );
    }
}

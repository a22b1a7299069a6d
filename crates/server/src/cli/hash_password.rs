//! `jwtis hash-password`: what to write in the configuration file instead of a password.

use clap::Args;
use jwtis_base::Env;
use jwtis_signer::login::{hash_password, password_faults};

use super::{CliOutcome, Failure, Output, prompt};

#[derive(Debug, Args)]
pub(crate) struct HashPassword {}

impl HashPassword {
    pub(crate) fn run(&self, out: &mut Output<'_>) -> CliOutcome {
        let given = match prompt::hidden_twice()? {
            Some(password) => password,
            None => prompt::piped_line()?,
        };
        let mut faults = password_faults(&given);
        // A header's value is trimmed and has no control characters (RFC 9110 §5.5), so such a password would never be right.
        if given.trim() != given.as_str() || given.chars().any(char::is_control) {
            faults.push("password should have no control characters, and no spaces at its ends".to_owned());
        }
        if !faults.is_empty() {
            // The signer would refuse a plain one like it, and of a hash it cannot tell.
            return Err(Failure::usage("the password is not good enough")
                .details(faults)
                .hint("take a longer one with letters of both cases, a digit and a sign"));
        }
        let hash = hash_password(&given, &Env::system()).map_err(|error| {
            Failure::refused("the password cannot be hashed")
                .because(&error)
                .hint("it takes 19 MiB of memory and the system's randomness")
        })?;
        out.line(hash)
    }
}

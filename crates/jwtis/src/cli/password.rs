//! The password of a store: where it comes from, and how a new one is made.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use jwtis_core::{Env, NoEntropy};
use zeroize::Zeroizing;

use super::failure::Failure;
use crate::config::SecretSource;

/// Name of the systemd credential with the password.
const CREDENTIAL: &str = "jwtis-password";
/// Characters of a generated password.
const GENERATED_CHARS: usize = 32;
/// What a generated password is made of: 75 characters that a shell takes literally inside single quotes and people can tell apart.
const ALPHABET: &[u8; 75] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789-_.~!@#$%^&*()+=:,";

/// The password that somebody gives: by a flag, a variable or a file (`configured`), else by systemd's credential.
///
/// # Errors
/// When a source was named and cannot be read.
pub(crate) fn given(configured: Option<&SecretSource>) -> Result<Option<Zeroizing<String>>, Failure> {
    if let Some(source) = configured {
        return read(source).map(Some);
    }
    match credential_file(super::environment("CREDENTIALS_DIRECTORY")) {
        Some(path) if path.exists() => read(&SecretSource::File(path)).map(Some),
        _ => Ok(None),
    }
}

/// The password for an existing store: as given, else asked for when somebody sits there.
///
/// # Errors
/// With exit code 2 when there is none.
pub(crate) fn for_existing(
    configured: Option<&SecretSource>,
    path: &Path,
) -> Result<Zeroizing<String>, Failure> {
    if let Some(password) = given(configured)? {
        return Ok(password);
    }
    prompt(&format!("Password for {}: ", path.display()))?.ok_or_else(|| missing(path))
}

/// Asks on the terminal; `None` where there is none.
///
/// # Errors
/// When the terminal cannot be read.
pub(crate) fn prompt(question: &str) -> Result<Option<Zeroizing<String>>, Failure> {
    if !io::stdin().is_terminal() {
        return Ok(None);
    }
    rpassword::prompt_password(question)
        .map(|text| Some(Zeroizing::new(text)))
        .map_err(|error| Failure::usage("the password cannot be read from the terminal").because(&error))
}

/// Asks twice for a new password; `None` without a terminal.
///
/// # Errors
/// When the two differ.
pub(crate) fn prompt_new() -> Result<Option<Zeroizing<String>>, Failure> {
    let Some(first) = prompt("New password: ")? else { return Ok(None) };
    match prompt("The same again: ")? {
        Some(second) if second == first && !first.is_empty() => Ok(Some(first)),
        Some(_) if first.is_empty() => Err(Failure::usage("the new password is empty")),
        _ => Err(Failure::usage("the two passwords differ; nothing was changed")),
    }
}

/// A new password: 32 characters, each drawn evenly from 75, which makes 199 bits.
///
/// # Errors
/// When there is no randomness.
pub(crate) fn generate(env: &Env) -> Result<Zeroizing<String>, NoEntropy> {
    let alphabet_size = ALPHABET.len();
    // The largest multiple of the alphabet's size that fits a byte: bytes from there on would favour the first characters.
    let even_below = 256 / alphabet_size * alphabet_size;
    let mut password = Zeroizing::new(String::with_capacity(GENERATED_CHARS));
    while password.len() < GENERATED_CHARS {
        let bytes = Zeroizing::new(env.random::<64>()?);
        let characters = bytes
            .iter()
            .map(|byte| usize::from(*byte))
            .filter(|value| *value < even_below)
            .filter_map(|value| ALPHABET.get(value % alphabet_size));
        for character in characters.take(GENERATED_CHARS.saturating_sub(password.len())) {
            password.push(char::from(*character));
        }
    }
    Ok(password)
}

fn read(source: &SecretSource) -> Result<Zeroizing<String>, Failure> {
    let password = source.read().map_err(|message| Failure::usage(format!("no password: {message}")))?;
    if password.is_empty() { Err(Failure::usage("the password is empty")) } else { Ok(password) }
}

fn credential_file(folder: Option<OsString>) -> Option<PathBuf> {
    folder.filter(|folder| !folder.is_empty()).map(|folder| PathBuf::from(folder).join(CREDENTIAL))
}

fn missing(path: &Path) -> Failure {
    Failure::usage(format!("{} exists and opens only with its password", path.display())).hint(
        "give it by JWTIS_PSWD, --pswd-file FILE, systemd's credential jwtis-password, or -p PASSWORD; it was printed at the first start",
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use jwtis_core::{Clock, Entropy, Timestamp};

    use super::*;

    struct Stopped;
    impl Clock for Stopped {
        fn now(&self) -> Timestamp {
            Timestamp::default()
        }
    }

    /// Counts up byte by byte, so that each value comes equally often.
    struct Counting(Mutex<u8>);
    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
            let mut next = self.0.lock().unwrap();
            for byte in bytes {
                *byte = *next;
                *next = next.wrapping_add(1);
            }
            Ok(())
        }
    }

    #[test]
    fn a_generated_password_is_drawn_evenly_from_the_alphabet() {
        let distinct: std::collections::HashSet<_> = ALPHABET.iter().collect();
        assert_eq!(distinct.len(), ALPHABET.len());
        let env = Env::new(std::sync::Arc::new(Stopped), std::sync::Arc::new(Counting(Mutex::new(0))));
        let mut counts = std::collections::HashMap::new();
        // 256 draws of 64 bytes meet every byte value 64 times; half of each draw is used.
        for _ in 0..256 {
            let password = generate(&env).unwrap();
            assert_eq!(password.chars().count(), 32);
            for character in password.bytes() {
                assert!(ALPHABET.contains(&character));
                *counts.entry(character).or_insert(0_u32) += 1;
            }
        }
        assert!(counts.len() > 70, "{counts:?}");
    }

    #[test]
    fn real_passwords_differ() {
        let env = Env::system();
        assert_ne!(generate(&env).unwrap(), generate(&env).unwrap());
    }
}

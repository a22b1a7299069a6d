//! The password of a store: where it comes from, and how a new one is made.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use jwtis_core::{Env, NoEntropy};
use zeroize::Zeroizing;

use super::failure::Failure;
use super::output::printable;
use crate::config::SecretSource;
use crate::config::limited::{self, MAX_SECRET_BYTES};

/// Name of the systemd credential with the password.
const CREDENTIAL: &str = "jwtis-password";
/// A given password with fewer characters gets a warning.
const SHORT_PASSWORD_CHARS: usize = 12;
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
    prompt(&format!("Password for {}: ", printable(&path.display().to_string())))?
        .ok_or_else(|| missing(path))
}

/// Asks on the terminal; `None` where there is none.
///
/// # Errors
/// When the terminal cannot be read.
pub(crate) fn prompt(question: &str) -> Result<Option<Zeroizing<String>>, Failure> {
    if !io::stdin().is_terminal() {
        return Ok(None);
    }
    rpassword::prompt_password(question).map(|text| Some(Zeroizing::new(text))).map_err(|error| {
        Failure::usage("the password cannot be read from the terminal")
            .because(&error)
            .hint("give it by JWTIS_PSWD or --pswd-file FILE")
    })
}

/// All that is piped in, trailing line end and all. Read past the buffer of standard input, which is not wiped.
///
/// # Errors
/// With exit code 2 when it cannot be read, or is no text.
pub(crate) fn piped() -> Result<Zeroizing<String>, Failure> {
    const HINT: &str = "send it to standard input by a pipe or `<`, or run this on a terminal";
    let read = || limited::whole(File::from(io::stdin().as_fd().try_clone_to_owned()?), MAX_SECRET_BYTES);
    let bytes =
        read().map_err(|error| Failure::usage("standard input cannot be read").because(&error).hint(HINT))?;
    limited::text(&bytes).ok_or_else(|| Failure::usage("standard input is not UTF-8").hint(HINT))
}

/// The one line that is piped in: a password.
///
/// # Errors
/// With exit code 2 when there is none, or more than one.
pub(crate) fn piped_line() -> Result<Zeroizing<String>, Failure> {
    let text = piped()?;
    let mut lines = text.lines();
    match (lines.next(), lines.next()) {
        (Some(line), None) if !line.is_empty() => Ok(Zeroizing::new(line.to_owned())),
        (None | Some(""), None) => Err(Failure::usage("standard input has no password")
            .hint("pipe one line in, or run this on a terminal to be asked")),
        _ => Err(Failure::usage("standard input has more than one line").hint("pipe the password alone in")),
    }
}

/// Asks twice for a new password; `None` without a terminal.
///
/// # Errors
/// When the two differ.
pub(crate) fn prompt_new() -> Result<Option<Zeroizing<String>>, Failure> {
    let Some(first) = prompt("New password: ")? else { return Ok(None) };
    match prompt("The same again: ")? {
        Some(second) if second == first && !first.is_empty() => Ok(Some(first)),
        Some(_) if first.is_empty() => {
            Err(Failure::usage("the new password is empty").hint("type one of 12 characters or more"))
        }
        _ => Err(Failure::usage("the two passwords differ; nothing was changed")
            .hint("run it again and type the same twice")),
    }
}

/// What to say of a password that can be guessed.
pub(crate) fn weakness(password: &str) -> Option<String> {
    (password.chars().count() < SHORT_PASSWORD_CHARS).then(|| {
        format!(
            "the password is shorter than {SHORT_PASSWORD_CHARS} characters: whoever copies the store file can try them all"
        )
    })
}

/// A new password: 32 characters, each drawn evenly from 75, which makes 199 bits.
///
/// # Errors
/// When there is no randomness.
pub(crate) fn generate(env: &Env) -> Result<Zeroizing<String>, NoEntropy> {
    let mut password = Zeroizing::new(String::with_capacity(GENERATED_CHARS));
    while password.len() < GENERATED_CHARS {
        let bytes = Zeroizing::new(env.random::<64>()?);
        let missing = GENERATED_CHARS.saturating_sub(password.len());
        password.extend(bytes.iter().filter_map(|byte| character(*byte)).take(missing));
    }
    Ok(password)
}

/// The character for a random byte. The bytes above the largest multiple of the alphabet's size stand for none: they would make its
/// first characters more likely.
fn character(byte: u8) -> Option<char> {
    let even_below = 256 / ALPHABET.len() * ALPHABET.len();
    let value = usize::from(byte);
    ALPHABET
        .get(value % ALPHABET.len())
        .filter(|_| value < even_below)
        .map(|character| char::from(*character))
}

fn read(source: &SecretSource) -> Result<Zeroizing<String>, Failure> {
    let password = source.read().map_err(|message| {
        Failure::usage(format!("no password: {message}"))
            .hint("the file's first line is the password, as UTF-8 text that this user can read")
    })?;
    if password.is_empty() {
        return Err(Failure::usage("the password is empty").hint("give another, or none to be asked for it"));
    }
    Ok(password)
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
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn every_character_is_equally_likely() {
        let mut counts = HashMap::new();
        for character in (0..=u8::MAX).filter_map(character) {
            *counts.entry(character).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), ALPHABET.len());
        assert!(counts.values().all(|count| *count == 3), "{counts:?}");
        assert!(!counts.contains_key(&'\''), "it is printed in single quotes");
    }

    #[test]
    fn a_generated_password_has_32_characters_and_is_not_the_one_before() {
        let env = Env::system();
        let (one, other) = (generate(&env).unwrap(), generate(&env).unwrap());
        assert_eq!(one.chars().count(), 32);
        assert_ne!(one, other);
    }
}

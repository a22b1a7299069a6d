//! The password of a store: where it comes from, and how a new one is made.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use jwtis_base::{Env, NoEntropy};
use jwtis_store::{Password, opens_with};
use zeroize::Zeroizing;

use super::environment;
use super::failure::Failure;
use super::printable::printable;
use super::prompt;
use crate::config::SecretSource;

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
    source(configured).as_ref().map(read).transpose()
}

/// The password for an existing store: as given, else asked for when somebody sits there.
///
/// # Errors
/// With exit code 2 when there is none.
pub(crate) fn for_existing(
    configured: Option<&SecretSource>,
    path: &Path,
) -> Result<Zeroizing<String>, Failure> {
    let Some(source) = source(configured) else {
        return prompt::hidden(&format!("Password for {}: ", printable(&path.display().to_string())))?
            .ok_or_else(|| missing(path));
    };
    let read = read(&source);
    if let Some(before) = source.as_before().ok().filter(|before| read.as_ref().ok() != Some(before)) {
        let opens = |password: &str| matches!(opens_with(path, &Password::new(password)), Ok(true));
        if !read.as_ref().is_ok_and(|read| opens(read)) && opens(&before) {
            super::failure::warn(
                "the password of this store holds a line end, a byte order mark or another control character; `jwtis store passwd` gives it a better one",
            );
            return Ok(before);
        }
    }
    read
}

fn source(configured: Option<&SecretSource>) -> Option<SecretSource> {
    let credential = || {
        let path = credential_file(environment::environment("CREDENTIALS_DIRECTORY"))?;
        path.exists().then_some(SecretSource::File(path))
    };
    configured.cloned().or_else(credential)
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
            .hint("a password is one line of UTF-8 text without control characters, in a file that this user can read")
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

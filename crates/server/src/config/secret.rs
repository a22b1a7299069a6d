//! Secrets that come from outside: one reading for every way in, so that the same bytes are the same secret in a variable, a file or behind
//! a flag. One line end at the back and a byte order mark at the front are dropped; other control characters are refused.

use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tracing::warn;
use zeroize::Zeroizing;

use super::fault::GivenText;
use super::limited;

/// Permission of a file to be read by everybody.
pub(super) const OTHERS_READ: u32 = 0o004;

/// A secret, or the file that holds it.
#[derive(Clone)]
pub enum SecretSource {
    /// The secret itself and where it came from.
    Given(GivenText),
    /// A file with the secret on its first line.
    File(PathBuf),
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(given) => write!(f, "Given({})", given.origin),
            Self::File(path) => write!(f, "File({})", path.display()),
        }
    }
}

impl SecretSource {
    /// The secret.
    ///
    /// # Errors
    /// When the file cannot be read, its first line is empty, or there are control characters in the secret; the message says where.
    pub fn read(&self) -> Result<Zeroizing<String>, String> {
        match self {
            Self::Given(given) => tidy(&given.text).map_err(|error| format!("{}: {error}", given.origin)),
            Self::File(path) => read_secret_file(path),
        }
    }

    /// The secret as earlier releases took it: with the line end of a variable and the byte order mark of a file. Stores were made
    /// with such passwords.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn as_before(&self) -> Result<Zeroizing<String>, String> {
        match self {
            Self::Given(given) => Ok(given.text.clone()),
            Self::File(path) => {
                let bytes = limited::secret_file(path)?;
                let text =
                    std::str::from_utf8(&bytes).map_err(|_| format!("{} is not UTF-8", path.display()))?;
                Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
            }
        }
    }
}

/// The first line of a file, without its line end.
///
/// # Errors
/// When the file cannot be read, its first line is empty, or there are control characters in it; the message names the file.
pub fn read_secret_file(path: &Path) -> Result<Zeroizing<String>, String> {
    if fs::metadata(path).is_ok_and(|file| file.permissions().mode() & OTHERS_READ != 0) {
        warn!(path = %path.display(), "everybody on this machine can read this secret; chmod it to 600");
    }
    first_line(path)
}

pub(super) fn first_line(path: &Path) -> Result<Zeroizing<String>, String> {
    let text = limited::text(&limited::secret_file(path)?)
        .ok_or_else(|| format!("{} is not UTF-8", path.display()))?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => {
            tidy(line).map_err(|error| format!("the first line of {}: {error}", path.display()))
        }
        _ => Err(format!("the first line of {} is empty", path.display())),
    }
}

/// A secret without a byte order mark in front and without one line end behind.
///
/// # Errors
/// Names the control character that is left.
pub(crate) fn tidy(text: &str) -> Result<Zeroizing<String>, ControlCharacter> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    match text.chars().find(|c| c.is_control()) {
        Some(found) => Err(ControlCharacter(found)),
        None => Ok(Zeroizing::new(text.to_owned())),
    }
}

/// A secret holds a character that nobody types.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the secret holds the control character U+{:04X}", u32::from(*.0))]
pub(crate) struct ControlCharacter(char);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_the_place_of_its_file_is_not_shown() {
        for (name, is_shown) in [("Abcdefgh1234567!xyzQQ", false), ("./nowhere", true), ("nowhere.txt", true)]
        {
            let source = SecretSource::File(PathBuf::from(name));
            for error in [source.read().unwrap_err(), source.as_before().unwrap_err()] {
                assert_eq!(error.contains(name), is_shown, "{error}");
            }
        }
    }

    #[test]
    fn the_same_bytes_are_the_same_secret_in_a_variable_and_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for (bytes, secret) in [
            ("s3cret", Some("s3cret")),
            ("s3cret\n", Some("s3cret")),
            ("s3cret\r\n", Some("s3cret")),
            ("\u{feff}s3cret\n", Some("s3cret")),
            (" s3cret ", Some(" s3cret ")),
            ("s3\tcret", None),
            ("s3cret\r", None),
            ("s3\u{0}cret\n", None),
        ] {
            fs::write(&path, bytes).unwrap();
            let given = SecretSource::Given(GivenText::new(bytes, "JWTIS_PSWD"));
            for source in [given, SecretSource::File(path.clone())] {
                let read = source.read().ok();
                assert_eq!(read.as_ref().map(|secret| secret.as_str()), secret, "{bytes:?} by {source:?}");
            }
        }
        // A file may go on behind its first line; a variable with two lines is a mistake.
        fs::write(&path, "s3cret\nnotes\n").unwrap();
        assert_eq!(SecretSource::File(path).read().unwrap().as_str(), "s3cret");
        assert_eq!(
            tidy("s3cret\nnotes\n").unwrap_err().to_string(),
            "the secret holds the control character U+000A"
        );
    }
}

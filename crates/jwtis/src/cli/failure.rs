//! How a command fails: what failed, why, what to try, and the exit code.

use std::error::Error;
use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use jwtis_store::OpenError;

/// Exit codes, documented in `docs/operations.md`.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Exit {
    /// 1: a request was refused or something outside failed.
    Refused = 1,
    /// 2: the command was misused, or a password is missing or wrong.
    Usage = 2,
    /// 3: a store or backup is damaged.
    Damaged = 3,
    /// 0 and silent: the reader of our output has gone away.
    ReaderGone = 0,
}

/// A command that failed.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    what: String,
    causes: Vec<String>,
    details: Vec<String>,
    hint: Option<String>,
}

/// What commands return.
pub type Outcome = Result<(), Failure>;

impl Failure {
    /// A failure that ends in exit code 1.
    pub fn refused(what: impl fmt::Display) -> Self {
        Self::new(Exit::Refused, what)
    }

    /// A failure that ends in exit code 2.
    pub fn usage(what: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// A failure that ends in exit code 3.
    pub fn damaged(what: impl fmt::Display) -> Self {
        Self::new(Exit::Damaged, what)
    }

    fn new(exit: Exit, what: impl fmt::Display) -> Self {
        Self { exit, what: what.to_string(), causes: Vec::new(), details: Vec::new(), hint: None }
    }

    /// With the chain of causes of `error`, itself included.
    #[must_use]
    pub fn because(mut self, error: &dyn Error) -> Self {
        let mut next = Some(error);
        while let Some(cause) = next {
            let text = cause.to_string();
            // Some libraries repeat the cause in their own text.
            if !self.causes.last().is_some_and(|last| last.contains(&text)) {
                self.causes.push(text);
            }
            next = cause.source();
        }
        self
    }

    /// With one line below the message for each of `details`.
    #[must_use]
    pub fn details(mut self, details: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(details);
        self
    }

    /// With what to try.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The exit code.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        self.exit
    }

    /// What failed to write our output.
    #[must_use]
    pub fn from_output(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(Exit::ReaderGone, ""),
            _ => Self::refused("standard output cannot be written").because(error),
        }
    }

    /// What an operation on the store at `path` failed with.
    #[must_use]
    pub fn from_store(path: &std::path::Path, error: &OpenError) -> Self {
        let path = path.display();
        match error {
            OpenError::WrongPassword { .. } => Self::usage(format!("wrong password for {path}"))
                .hint("nothing was changed; a store's password cannot be recovered, only a backup whose password you have can help"),
            OpenError::Damaged { what } => Self::damaged(format!("the store {path} is damaged: {what}"))
                .hint("nothing was changed; restore a backup with `jwtis store restore BACKUP`, and keep the damaged file for inspection"),
            OpenError::InUse => Self::refused(format!("the store {path} is in use by another process"))
                .hint("stop the other jwtis first, or give this one its own store by --dbPath"),
            OpenError::NotFound => Self::refused(format!("there is no store at {path}"))
                .hint("check --dbPath; `jwtis serve` makes a store at its first start"),
            OpenError::AlreadyExists => Self::refused(format!("there is a file at {path} already")),
            OpenError::NewerFormat { found, known } => {
                Self::refused(format!("the store {path} has format {found}, and this release knows up to {known}"))
                    .hint("it was written by a newer jwtis: use that release")
            }
            OpenError::Io(error) => Self::refused(format!("the store {path} cannot be used")).because(error),
        }
    }

    /// Writes the failure to standard error and turns it into the exit code.
    pub fn report(&self) -> ExitCode {
        if self.exit != Exit::ReaderGone {
            let mut text = Vec::new();
            self.write(&mut text, colours());
            // When standard error is gone too there is nobody left to tell.
            drop(io::stderr().write_all(&text));
        }
        ExitCode::from(self.exit as u8)
    }

    fn write(&self, text: &mut Vec<u8>, colours: bool) {
        let (red, cyan, plain) = if colours { ("\x1b[1;31m", "\x1b[1;36m", "\x1b[0m") } else { ("", "", "") };
        let mut lines = vec![format!("{red}error:{plain} {}", self.what)];
        if !self.causes.is_empty() {
            let mut line = lines.pop().unwrap_or_default();
            for cause in &self.causes {
                line.push_str(": ");
                line.push_str(cause);
            }
            lines.push(line);
        }
        lines.extend(self.details.iter().map(|detail| format!("  {detail}")));
        lines.extend(self.hint.iter().map(|hint| format!("{cyan}hint:{plain} {hint}")));
        for line in lines {
            text.extend_from_slice(line.as_bytes());
            text.push(b'\n');
        }
    }
}

/// A warning on standard error.
pub(crate) fn warn(message: impl fmt::Display) {
    let (yellow, plain) = if colours() { ("\x1b[1;33m", "\x1b[0m") } else { ("", "") };
    drop(io::stderr().write_all(format!("{yellow}warning:{plain} {message}\n").as_bytes()));
}

/// Colours on a terminal, unless `NO_COLOR` is set (no-color.org).
fn colours() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_failed_why_and_what_to_try() {
        let cause = io::Error::other(io::Error::other("disk on fire"));
        let failure = Failure::refused("the file cannot be read")
            .because(&cause)
            .details(["one".to_owned(), "two".to_owned()])
            .hint("buy a disk");
        let mut text = Vec::new();
        failure.write(&mut text, false);
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "error: the file cannot be read: disk on fire\n  one\n  two\nhint: buy a disk\n"
        );
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure() {
        assert_eq!(Failure::from_output(&io::ErrorKind::BrokenPipe.into()).exit(), Exit::ReaderGone);
        assert_eq!(Failure::from_output(&io::ErrorKind::StorageFull.into()).exit(), Exit::Refused);
    }
}

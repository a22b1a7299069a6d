//! How a command fails: what failed, why, what to try, and the exit code.

use std::error::Error;
use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use jwtis_store::OpenError;

use super::printable::printable;

/// Exit codes, documented in `docs/guide/troubleshooting.md`.
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

impl Exit {
    /// What to try where nobody knew better.
    const fn hint(self) -> &'static str {
        match self {
            Self::Refused => "see docs/guide/troubleshooting.md",
            Self::Usage | Self::ReaderGone => {
                "`jwtis --help` and `jwtis COMMAND --help` say what can be given"
            }
            Self::Damaged => "keep the file and restore a backup with `jwtis store restore BACKUP`",
        }
    }
}

/// A command that failed. Its report always ends with a hint: the one that fits, else that of its exit code.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    what: String,
    causes: Vec<String>,
    details: Vec<String>,
    hint: Option<String>,
}

/// What commands return.
pub type CliOutcome = Result<(), Failure>;

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
            _ => Self::refused("standard output cannot be written")
                .because(error)
                .hint("send it to a terminal, a pipe, or a file on a disk with room"),
        }
    }

    /// What an operation on the store at `path` failed with.
    #[must_use]
    pub fn from_store(path: &std::path::Path, error: &OpenError) -> Self {
        let path = path.display();
        match error {
            OpenError::WrongPassword { .. } => Self::usage(format!("wrong password for {path}"))
                .hint("nothing was changed; a store's password cannot be recovered, only a backup whose password you have can help"),
            OpenError::NotSealed { .. } => Self::usage(format!("{path} is not sealed, so it is no store with keys"))
                .hint("check --dbPath; a file of watermarks belongs to `jwtis watermark … --base-dir DIR`"),
            OpenError::Sealed { .. } => Self::usage(format!("{path} is sealed with a password, so it is no file of watermarks"))
                .hint("check --base-dir; a store belongs to --dbPath"),
            OpenError::Damaged { what } => Self::damaged(format!("the store {path} is damaged: {what}"))
                .hint("nothing was changed; restore a backup with `jwtis store restore BACKUP`, and keep the damaged file for inspection"),
            OpenError::InUse => Self::refused(format!("the store {path} is in use by another process"))
                .hint("stop the other jwtis first, or give this one its own store by --dbPath"),
            OpenError::NotFound => Self::refused(format!("there is no store at {path}"))
                .hint("check --dbPath; `jwtis serve` makes a store at its first start"),
            OpenError::AlreadyExists => {
                Self::refused(format!("there is a file at {path} already")).hint("choose a name that is free")
            }
            OpenError::NewerFormat { found, known } => {
                Self::refused(format!("the store {path} has format {found}, and this release knows up to {known}"))
                    .hint("it was written by a newer jwtis: use that release")
            }
            OpenError::StoreGone { witness } => Self::usage(format!(
                "there is no store at {path}, and its witness {} says that there was one",
                witness.display()
            ))
            .hint("bring the file back, or restore a backup with `jwtis store restore BACKUP`; to begin with a new store, remove the witness first"),
            OpenError::WitnessOfAnother { witness } => {
                Self::usage(format!("the witness {} belongs to another store than {path}", witness.display()))
                    .hint("check --dbPath and --witness; if they are right, `jwtis store accept-rollback` writes a new witness")
            }
            OpenError::WitnessDamaged { witness } => Self::damaged(format!(
                "the witness {} does not verify under the key of the store {path}: it is damaged, or somebody changed it",
                witness.display()
            ))
            .hint("find out who wrote to it; then `jwtis store accept-rollback` writes a new one"),
            OpenError::WitnessMisplaced { witness, what } => Self::usage(format!(
                "the witness of {path} cannot be at {}, which is {what}",
                witness.display()
            ))
            .hint(crate::config::MISPLACED_WITNESS_HINT),
            OpenError::WitnessUnwritable { witness, source } => {
                Self::refused(format!("the witness {} of the store {path} cannot be written", witness.display()))
                    .because(source)
                    .hint(disk_hint(source))
            }
            OpenError::Io(error) => Self::refused(format!("the store {path} cannot be used"))
                .because(error)
                .hint(disk_hint(error)),
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
        let what: Vec<&str> = std::iter::once(&self.what).chain(&self.causes).map(String::as_str).collect();
        let hint = self.hint.as_deref().unwrap_or_else(|| self.exit.hint());
        let mut lines = vec![format!("{red}error:{plain} {}", printable(&what.join(": ")))];
        lines.extend(self.details.iter().map(|detail| format!("  {}", printable(detail))));
        lines.push(format!("{cyan}hint:{plain} {}", printable(hint)));
        for line in lines {
            text.extend_from_slice(line.as_bytes());
            text.push(b'\n');
        }
    }
}

/// What to try when a file or its disk refuses.
pub(crate) fn disk_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "make the folder first, or check the path",
        io::ErrorKind::PermissionDenied => {
            "run this as the owner of the file and its folder, or change their modes"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on that disk and try again",
        io::ErrorKind::FileTooLarge => {
            "raise the limit on the size of files (`ulimit -f`, systemd's LimitFSIZE) and try again"
        }
        io::ErrorKind::ReadOnlyFilesystem => "choose a place on a disk that can be written",
        io::ErrorKind::IsADirectory => "name a file, not a folder",
        _ => "check the path, the permissions of its folder, and the disk",
    }
}

/// What a misused command line is answered with: clap's words, and a hint instead of its last line.
pub(crate) fn usage_text(said: &str) -> String {
    let said = said.replace("For more information, try '--help'.", "");
    let lines: Vec<String> = said.trim_end().lines().map(printable).collect();
    format!("{}\nhint: {}\n", lines.join("\n"), Exit::Usage.hint())
}

/// A warning on standard error.
pub(crate) fn warn(message: impl fmt::Display) {
    let (yellow, plain) = if colours() { ("\x1b[1;33m", "\x1b[0m") } else { ("", "") };
    drop(
        io::stderr()
            .write_all(format!("{yellow}warning:{plain} {}\n", printable(&message.to_string())).as_bytes()),
    );
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
    fn no_failure_is_without_a_hint_and_no_control_character_reaches_the_terminal() {
        for failure in [Failure::refused("a\x1b[31m\nb"), Failure::usage("c"), Failure::damaged("d")] {
            let failure = failure.because(&io::Error::other("\x07")).details(["e\u{9b}".to_owned()]);
            let mut text = Vec::new();
            failure.write(&mut text, false);
            let text = String::from_utf8(text).unwrap();
            assert!(text.lines().last().unwrap().starts_with("hint: "), "{text}");
            assert_eq!(text.lines().count(), 3, "{text}");
            assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        }
        let said = usage_text("error: invalid value '\x1b'\n\nFor more information, try '--help'.\n");
        assert!(said.starts_with("error: invalid value '\\u{1b}'\nhint: "), "{said}");
    }

    #[test]
    fn what_the_disk_says_has_a_hint_that_fits() {
        for (kind, wanted) in [
            (io::ErrorKind::StorageFull, "hint: make room"),
            (io::ErrorKind::PermissionDenied, "hint: run this as the owner"),
            (io::ErrorKind::NotFound, "hint: make the folder"),
            (io::ErrorKind::Other, "hint: check the path"),
        ] {
            let mut text = Vec::new();
            let failure = Failure::from_store("keys.db".as_ref(), &OpenError::Io(kind.into()));
            failure.write(&mut text, false);
            let text = String::from_utf8(text).unwrap();
            assert!(text.lines().last().unwrap().starts_with(wanted), "{text}");
        }
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure() {
        assert_eq!(Failure::from_output(&io::ErrorKind::BrokenPipe.into()).exit(), Exit::ReaderGone);
        assert_eq!(Failure::from_output(&io::ErrorKind::StorageFull.into()).exit(), Exit::Refused);
    }
}

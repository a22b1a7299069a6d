//! What is wrong with the configuration, and where values come from.

use std::fmt;
use std::path::Path;

use zeroize::Zeroizing;

use super::concealed::concealed;

/// Where a value came from, lowest precedence first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum ValueOrigin {
    /// The default of the model.
    Default,
    /// A default changed by `--profile`.
    Profile(&'static str),
    /// A line of the file.
    File(FilePlace),
    /// An environment variable.
    Environment(&'static str),
    /// A flag.
    Flag(String),
}

/// A line and a column of the configuration file, both from 1.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct FilePlace {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl ValueOrigin {
    /// The origin as people read it; `file` is the configuration file.
    pub(super) fn text(&self, file: &Path) -> String {
        match self {
            Self::Default => "default".to_owned(),
            Self::Profile(name) => format!("profile {name}"),
            Self::File(FilePlace { line, column }) => format!("{}:{line}:{column}", file.display()),
            Self::Environment(name) => (*name).to_owned(),
            Self::Flag(flag) => flag.clone(),
        }
    }
}

/// A value as text, and where it came from. Some are secrets, so all are wiped and none is shown by `Debug`.
#[derive(Clone)]
pub struct GivenText {
    /// The text.
    pub text: Zeroizing<String>,
    /// The flag or the variable that gave it, or its place in the file.
    pub origin: String,
}

impl GivenText {
    /// A value from `origin`.
    pub fn new(text: impl Into<String>, origin: impl Into<String>) -> Self {
        Self { text: Zeroizing::new(text.into()), origin: origin.into() }
    }
}

impl fmt::Debug for GivenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GivenText(from {})", self.origin)
    }
}

/// One thing that is wrong with the configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigFault {
    /// Where: a flag, a variable or a line of the file. Empty for what concerns several of them.
    pub origin: String,
    /// What is wrong, and what to do about it.
    pub message: String,
    /// The place in the file, by which faults are sorted.
    pub place: Option<FilePlace>,
}

impl ConfigFault {
    /// A fault of the value that came from `origin`.
    pub fn new(origin: impl fmt::Display, message: impl fmt::Display) -> Self {
        Self { origin: origin.to_string(), message: message.to_string(), place: None }
    }

    /// A fault at a place of `file`.
    pub(super) fn at(file: &Path, place: FilePlace, message: impl fmt::Display) -> Self {
        Self { place: Some(place), ..Self::new(ValueOrigin::File(place).text(file), message) }
    }
}

impl fmt::Display for ConfigFault {
    /// One line: what a file says may be repeated in it, so control characters are written as `\n` and `\u{1b}`,
    /// and secret keys are cut.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.origin.is_empty() { "" } else { ": " };
        for c in concealed(&format!("{}{separator}{}", self.origin, self.message)).chars() {
            if c.is_control() { write!(f, "{}", c.escape_default())? } else { write!(f, "{c}")? }
        }
        Ok(())
    }
}

/// What was found, by how much it matters.
#[derive(Default, Debug)]
pub(super) struct Findings {
    /// Wrong.
    pub(super) faults: Vec<ConfigFault>,
    /// Odd in what the file says: faults under `--strict-config`.
    pub(super) warnings: Vec<ConfigFault>,
    /// Unsafe in some places and right in others: never faults.
    pub(super) advice: Vec<ConfigFault>,
    /// Good to know.
    pub(super) notices: Vec<ConfigFault>,
}

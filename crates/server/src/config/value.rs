//! Where values come from, which one wins, and what is wrong with them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use zeroize::Zeroizing;

use super::concealed::concealed;
use super::environment::Environment;
use super::path;
use super::setting::{self, Kind, Setting};

/// Where a value came from, lowest precedence first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// The table's default.
    Default,
    /// A default changed by `--profile`.
    Profile(&'static str),
    /// A line of the file.
    File(Position),
    /// An environment variable.
    Environment(&'static str),
    /// A flag.
    Flag(String),
}

/// A place in the configuration file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Position {
    /// The file as the user named it.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Profile(name) => write!(f, "profile {name}"),
            Self::File(position) => write!(f, "{position}"),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// One thing that is wrong with the configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Where: a flag, a variable or a line of the file. Empty for what concerns several of them.
    pub origin: String,
    /// What is wrong.
    pub message: String,
    /// What to do, where the message does not say so already.
    pub hint: Option<String>,
}

impl Fault {
    /// A fault of the value that came from `origin`.
    pub fn new(origin: impl fmt::Display, message: impl fmt::Display) -> Self {
        Self { origin: origin.to_string(), message: message.to_string(), hint: None }
    }

    /// With what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Fault {
    /// One line: what a file says may be repeated in it, so control characters are written as `\n` and `\u{1b}`,
    /// and secret keys are cut.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.origin.is_empty() {
            visible(f, &self.origin)?;
            f.write_str(": ")?;
        }
        visible(f, &self.message)?;
        match &self.hint {
            Some(hint) => {
                f.write_str("; ")?;
                visible(f, hint)
            }
            None => Ok(()),
        }
    }
}

fn visible(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    concealed(text).split_inclusive(char::is_control).try_for_each(|piece| {
        match piece.char_indices().next_back().filter(|(_, last)| last.is_control()) {
            Some((at, last)) => {
                f.write_str(piece.get(..at).unwrap_or_default())?;
                write!(f, "{}", last.escape_default())
            }
            None => f.write_str(piece),
        }
    })
}

/// A value as text, and where it came from. Some are secrets, so all are wiped and none is shown by `Debug`.
#[derive(Clone)]
pub struct Raw {
    /// The text.
    pub text: Zeroizing<String>,
    /// Where it came from.
    pub source: Source,
}

impl Raw {
    /// A value from `source`.
    pub fn new(text: impl Into<String>, source: Source) -> Self {
        Self { text: Zeroizing::new(text.into()), source }
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Raw(from {})", self.source)
    }
}

/// Every setting that somebody gave, after precedence: flag, then environment, then file, then default.
#[derive(Debug, Default)]
pub struct Values(Vec<(&'static Setting, Raw)>);

impl Values {
    /// Picks the winner for each setting, and reads it where it is a path. An environment variable that is set but empty counts as not
    /// set.
    pub fn resolve(
        flags: Vec<(&'static Setting, Raw)>,
        environment: Environment<'_>,
        file: Vec<(&'static Setting, Raw)>,
        faults: &mut Vec<Fault>,
    ) -> Self {
        let find = |from: &[(&'static Setting, Raw)], setting: &Setting| {
            from.iter().find(|(candidate, _)| candidate.name == setting.name).map(|(_, raw)| raw.clone())
        };
        let mut values = Vec::new();
        for setting in setting::ALL {
            let value = find(&flags, setting)
                .or_else(|| from_environment(setting, environment, faults))
                .or_else(|| find(&file, setting))
                .or_else(|| {
                    (!setting.default.is_empty()).then(|| Raw::new(setting.default, Source::Default))
                });
            values.extend(value.map(|raw| (setting, as_path(setting, raw, environment, faults))));
        }
        Self(values)
    }

    /// The value of a setting, if it has one.
    #[must_use]
    pub fn find(&self, setting: &Setting) -> Option<&Raw> {
        self.0.iter().find(|(candidate, _)| candidate.name == setting.name).map(|(_, raw)| raw)
    }

    /// Where the value of a setting came from.
    #[must_use]
    pub fn source(&self, setting: &Setting) -> Source {
        self.find(setting).map_or(Source::Default, |raw| raw.source.clone())
    }

    /// Whether somebody gave it.
    #[must_use]
    pub fn is_given(&self, setting: &Setting) -> bool {
        self.find(setting).is_some_and(|raw| raw.source != Source::Default)
    }

    /// Wipes every secret; where it came from stays known.
    pub fn forget_secrets(&mut self) {
        for (setting, raw) in &mut self.0 {
            if matches!(setting.kind, Kind::Secret(_)) {
                raw.text = Zeroizing::default();
            }
        }
    }

    /// Replaces a value that nobody gave.
    pub fn set_default(&mut self, setting: &'static Setting, text: &str, source: Source) {
        if !self.is_given(setting) {
            self.0.retain(|(candidate, _)| candidate.name != setting.name);
            self.0.push((setting, Raw::new(text, source)));
        }
    }

    /// The value of a setting as `T`; a fault is noted where the text is none.
    pub fn parse<T: FromStr<Err: fmt::Display>>(
        &self,
        setting: &Setting,
        faults: &mut Vec<Fault>,
    ) -> Option<T> {
        let raw = self.find(setting)?;
        match raw.text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                faults.push(Fault::new(origin(setting, &raw.source), error));
                None
            }
        }
    }

    /// The value of a switch; `false` where the text is neither `true` nor `false`.
    pub fn switch(&self, setting: &Setting, faults: &mut Vec<Fault>) -> bool {
        self.parse::<OnOff>(setting, faults).is_some_and(|switch| switch.0)
    }

    /// The value of a setting as a path.
    #[must_use]
    pub fn path(&self, setting: &Setting) -> Option<PathBuf> {
        self.find(setting).map(|raw| Path::new(raw.text.as_str()).to_path_buf())
    }
}

/// How a fault names the place of a value: the flag, the variable, or the line and the key.
#[must_use]
pub fn origin(setting: &Setting, source: &Source) -> String {
    match source {
        Source::File(position) => format!("{position}: {}", setting.name),
        Source::Default | Source::Profile(_) => {
            setting.flag_text().unwrap_or_else(|| setting.name.to_owned())
        }
        given => given.to_string(),
    }
}

/// The value with its path as it is meant, where it is one.
fn as_path(setting: &Setting, raw: Raw, environment: Environment<'_>, faults: &mut Vec<Fault>) -> Raw {
    if !setting.is_path() {
        return raw;
    }
    match path::read(&raw.text, environment) {
        Ok(path) => Raw { text: Zeroizing::new(path.to_string_lossy().into_owned()), source: raw.source },
        Err(message) => {
            faults.push(Fault::new(origin(setting, &raw.source), message));
            raw
        }
    }
}

fn from_environment(setting: &Setting, environment: Environment<'_>, faults: &mut Vec<Fault>) -> Option<Raw> {
    let name = setting.env?;
    match environment(name)?.into_string() {
        Ok(text) if text.is_empty() => None,
        Ok(text) => Some(Raw::new(text, Source::Environment(name))),
        Err(_) => {
            faults.push(Fault::new(name, "the value is not UTF-8"));
            None
        }
    }
}

/// `true` or `false`, also as `1`/`0`, `yes`/`no`, `on`/`off`.
pub(super) struct OnOff(pub(super) bool);

impl FromStr for OnOff {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(Self(true)),
            "false" | "0" | "no" | "off" => Ok(Self(false)),
            _ => Err("write true or false"),
        }
    }
}

/// The value as `config show` prints it: secrets only as present or absent.
#[must_use]
pub fn shown(setting: &Setting, raw: Option<&Raw>) -> String {
    match (setting.kind, raw) {
        (_, None) => "-".to_owned(),
        (Kind::Secret(_), Some(_)) => "(given)".to_owned(),
        (Kind::Value(_) | Kind::Path(_) | Kind::Switch | Kind::List(_), Some(raw)) => concealed(&raw.text),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    /// Found by fuzzing: an unknown key of the file came out as it was, line ends and terminal controls included.
    #[test]
    fn a_fault_is_one_line_whatever_the_file_says() {
        for (text, wanted) in [
            ("\"a\\nb\": 1", "f:1:1: unknown section `a\\nb`"),
            ("\"\\e[2J\": 1", "f:1:1: unknown section `\\u{1b}[2J`"),
            ("ser\u{7f}er:", "f:1:1: unknown section `ser\\u{7f}er`; did you mean `server`?"),
        ] {
            let faults = super::super::ConfigFile::parse(Path::new("f"), text).faults;
            assert!(faults[0].to_string().starts_with(wanted), "{}", faults[0]);
        }
        let hinted = Fault::new("a\n", "b\r").hint("c\t");
        assert_eq!(hinted.to_string(), r"a\n: b\r; c\t");
    }

    /// A value of `issuer.listen` per source, and which of them wins.
    #[test]
    fn precedence_table() {
        let setting = &setting::LISTEN;
        let position = Position { file: "jwtis.yaml".into(), line: 2, column: 11 };
        for (flag, variable, file, wanted, source) in [
            (None, None, None, "127.0.0.1:4343", "default"),
            (None, None, Some("file"), "file", "jwtis.yaml:2:11"),
            (None, Some("env"), None, "env", "JWTIS_ADDRESS"),
            (None, Some("env"), Some("file"), "env", "JWTIS_ADDRESS"),
            (None, Some(""), Some("file"), "file", "jwtis.yaml:2:11"),
            (Some("flag"), None, None, "flag", "--listen"),
            (Some("flag"), None, Some("file"), "flag", "--listen"),
            (Some("flag"), Some("env"), None, "flag", "--listen"),
            (Some("flag"), Some("env"), Some("file"), "flag", "--listen"),
        ] {
            let one = |text: Option<&str>, source: Source| -> Vec<_> {
                text.map(|text| (setting, Raw::new(text, source))).into_iter().collect()
            };
            let environment = |name: &str| variable.filter(|_| name == "JWTIS_ADDRESS").map(OsString::from);
            let mut faults = Vec::new();
            let values = Values::resolve(
                one(flag, Source::Flag("--listen".to_owned())),
                &environment,
                one(file, Source::File(position.clone())),
                &mut faults,
            );
            let raw = values.find(setting).unwrap();
            assert_eq!((raw.text.as_str(), raw.source.to_string().as_str()), (wanted, source));
            assert_eq!(faults, []);
        }
    }

    #[test]
    fn a_secret_is_never_shown() {
        let raw = Raw::new("correct horse", Source::Environment("JWTIS_PSWD"));
        assert_eq!(shown(&setting::PSWD, Some(&raw)), "(given)");
        assert!(!format!("{raw:?}").contains("horse"));
    }
}

//! What every reader of a section uses: checked steps from a node to a value, and where findings go.

use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use zeroize::Zeroizing;

use super::super::environment::Environment;
use super::super::file::{misplaced, position, settings_of, unknown};
use super::super::secret::{OTHERS_READ, first_line, tidy};
use super::super::value::{Fault, OnOff, Position};
use super::super::yaml::{Entry, Mark, Node, Value};
use super::super::{concealed, path, schema, setting::Setting};

/// What was found, by how much it matters.
#[derive(Default)]
pub(in super::super) struct Findings {
    /// Wrong.
    pub(in super::super) faults: Vec<Fault>,
    /// Odd in what the file says: faults under `--strict-config`.
    pub(in super::super) warnings: Vec<Fault>,
    /// Unsafe in some places and right in others: never faults.
    pub(in super::super) advice: Vec<Fault>,
    /// Good to know.
    pub(in super::super) notices: Vec<Fault>,
}

/// A file being read.
pub(super) struct Reading<'a> {
    path: &'a Path,
    environment: Environment<'a>,
    /// Whether the file itself has a secret in it.
    pub(super) holds_secrets: bool,
    pub(super) found: Findings,
}

/// The known entries of a mapping.
#[derive(Copy, Clone)]
pub(super) struct Fields<'n> {
    pub(super) mark: Mark,
    entries: &'n [Entry],
}

impl<'n> Fields<'n> {
    /// The entry of `key`, unless it is null.
    pub(super) fn find(&self, key: &str) -> Option<&'n Entry> {
        let found = self.entries.iter().find(|entry| entry.key == key);
        found.filter(|entry| !matches!(entry.value.value, Value::Null))
    }

    /// Whether there is none beside `key`.
    pub(super) fn only(&self, key: &str) -> bool {
        self.entries.iter().all(|entry| entry.key == key)
    }

    /// The entry of `key`, be it null: a guard that is written without a value lets nobody in, as an empty one.
    pub(super) fn given(&self, key: &str) -> Option<&'n Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The value of `key`, unless it is null.
    pub(super) fn value(&self, key: &str) -> Option<&'n Node> {
        self.find(key).map(|entry| &entry.value)
    }
}

impl<'a> Reading<'a> {
    pub(super) fn new(path: &'a Path, environment: Environment<'a>) -> Self {
        Self { path, environment, holds_secrets: false, found: Findings::default() }
    }

    pub(super) fn fault(&mut self, mark: Mark, message: impl fmt::Display) {
        let fault = Fault::new(self.at(mark), message);
        self.found.faults.push(fault);
    }

    pub(super) fn fault_with_hint(&mut self, mark: Mark, message: impl fmt::Display, hint: &str) {
        let fault = Fault::new(self.at(mark), message).hint(hint);
        self.found.faults.push(fault);
    }

    pub(super) fn warning(&mut self, mark: Mark, message: impl fmt::Display) {
        let warning = Fault::new(self.at(mark), message);
        self.found.warnings.push(warning);
    }

    pub(super) fn advice(&mut self, mark: Mark, message: impl fmt::Display) {
        let advice = Fault::new(self.at(mark), message);
        self.found.advice.push(advice);
    }

    pub(super) fn notice(&mut self, mark: Mark, message: impl fmt::Display) {
        let notice = Fault::new(self.at(mark), message);
        self.found.notices.push(notice);
    }

    pub(super) fn at(&self, mark: Mark) -> Position {
        position(self.path, mark)
    }

    /// The entries of a mapping whose keys its user chose; null is an empty one.
    pub(super) fn named<'n>(&mut self, what: &str, node: &'n Node) -> &'n [Entry] {
        self.entries(&format!("`{what}:`"), node)
    }

    fn entries<'n>(&mut self, what: &str, node: &'n Node) -> &'n [Entry] {
        match &node.value {
            Value::Null => &[],
            Value::Map(entries) => entries,
            _ => {
                self.fault(node.mark, format!("{what} must be a mapping of keys and values"));
                &[]
            }
        }
    }

    /// The entries of the mapping that the table lists at `path`; null is an empty one. Strays are warnings, since Signatory ignores
    /// them. In mappings that Signatory does not have, strays and keys without a value are faults.
    pub(super) fn fields<'n>(&mut self, path: &str, node: &'n Node) -> Fields<'n> {
        let what = match path.rsplit_once('.') {
            Some((above, "NAME" | "PKH" | "N")) => {
                format!("an entry of `{}:`", above.rsplit('.').next().unwrap_or(above))
            }
            Some((_, name)) => format!("`{name}:`"),
            None => format!("`{path}:`"),
        };
        let entries = self.entries(&what, node);
        for entry in entries {
            if schema::below(path).all(|key| key != entry.key) {
                let above = path.split('.').next().unwrap_or(path);
                if let Some(fault) = misplaced(self.at(entry.mark), &entry.key, above) {
                    self.found.faults.push(fault);
                    continue;
                }
                let known = schema::below(path).chain(settings_of(path).map(Setting::key));
                // A secret can become a key here, by a line that was cut or a colon too many.
                let key = if path.starts_with("server.jwt.users") {
                    concealed::name(&entry.key)
                } else {
                    entry.key.clone()
                };
                let stray = unknown(self.at(entry.mark), &key, known, "key");
                if schema::is_ours(path) {
                    self.found.faults.push(stray);
                } else {
                    self.found.warnings.push(stray);
                }
            } else if schema::is_ours(path) && matches!(entry.value.value, Value::Null) {
                self.fault_with_hint(
                    entry.mark,
                    format!("{} has no value", entry.key),
                    "give it one, or leave it out",
                );
            }
        }
        Fields { mark: node.mark, entries }
    }

    /// The text of a scalar.
    pub(super) fn text<'n>(&mut self, what: &str, node: &'n Node) -> Option<&'n Zeroizing<String>> {
        match &node.value {
            Value::Text(text) => Some(text),
            _ => {
                self.fault(node.mark, format!("{what} must be one value"));
                None
            }
        }
    }

    /// A scalar as `T`.
    pub(super) fn parse<T: FromStr<Err: fmt::Display>>(&mut self, what: &str, node: &Node) -> Option<T> {
        let text = self.text(what, node)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault(node.mark, format!("{what}: {error}"));
                None
            }
        }
    }

    /// A switch; `false` where it is absent.
    pub(super) fn switch(&mut self, fields: &Fields<'_>, key: &str) -> bool {
        let node = fields.value(key);
        node.and_then(|node| self.parse::<OnOff>(key, node)).is_some_and(|switch| switch.0)
    }

    /// A whole number, in decimal digits.
    pub(super) fn number<T: FromStr>(&mut self, what: &str, node: &Node, unit: &str) -> Option<T> {
        let text = self.text(what, node)?;
        let number = text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
        if number.is_none() {
            self.fault(node.mark, format!("{what}: write {unit}"));
        }
        number
    }

    /// The members of a list.
    pub(super) fn list<'n>(&mut self, what: &str, node: &'n Node) -> Option<&'n [Node]> {
        match &node.value {
            Value::List(items) => Some(items),
            _ => {
                self.fault(node.mark, format!("{what} must be a list"));
                None
            }
        }
    }

    /// The members of a list that says who is let in; null is an empty one.
    pub(super) fn members<'n>(&mut self, what: &str, entry: &'n Entry) -> Option<&'n [Node]> {
        match &entry.value.value {
            Value::Null => Some(&[]),
            _ => self.list(what, &entry.value),
        }
    }

    /// As [`Self::flat`]; null is an empty list.
    pub(super) fn flat_members<T: FromStr<Err: fmt::Display>>(
        &mut self,
        what: &str,
        entry: &Entry,
    ) -> Vec<T> {
        match &entry.value.value {
            Value::Null => Vec::new(),
            _ => self.flat(what, &entry.value),
        }
    }

    /// The members of a list, each read as `T`, collected.
    pub(super) fn collect<T: FromStr<Err: fmt::Display>, C: FromIterator<T>>(
        &mut self,
        what: &str,
        node: &Node,
    ) -> Option<C> {
        let items = self.list(what, node)?;
        Some(items.iter().filter_map(|item| self.parse(what, item)).collect())
    }

    /// One value or a list of them, perhaps with lists in it, read as `T`.
    pub(super) fn flat<T: FromStr<Err: fmt::Display>>(&mut self, what: &str, node: &Node) -> Vec<T> {
        match &node.value {
            Value::List(items) => items.iter().flat_map(|item| self.flat(what, item)).collect(),
            _ => self.parse(what, node).into_iter().collect(),
        }
    }

    /// A path.
    pub(super) fn path(&mut self, what: &str, node: &Node) -> Option<PathBuf> {
        let text = self.text(what, node)?;
        match path::read(text, self.environment) {
            Ok(path) => Some(path),
            Err(message) => {
                self.fault(node.mark, format!("{what}: {message}"));
                None
            }
        }
    }

    /// A secret: `key` in the file or, as `$VAR`, in the environment; or the first line of the file that `key_file` names. Empty where
    /// nothing is given; `None` where a fault was noted.
    pub(super) fn secret(&mut self, fields: &Fields<'_>, key: &str) -> Option<Zeroizing<String>> {
        let key_file = format!("{key}_file");
        match (fields.value(key), fields.value(&key_file)) {
            (None, None) => Some(Zeroizing::default()),
            (Some(node), None) => {
                let text = self.text(key, node)?;
                let Some(name) = variable(text) else {
                    self.holds_secrets |= !text.starts_with("$argon2");
                    return Some(text.clone());
                };
                let value =
                    (self.environment)(name).and_then(|value| value.into_string().ok()).map(Zeroizing::new);
                let Some(value) = value else {
                    let name = concealed::variable(name);
                    let hint = format!("set it; where `${name}` itself is meant, give it by {key_file}");
                    let message = format!("{key}: the environment has no text in {name}");
                    self.fault_with_hint(node.mark, message, &hint);
                    return None;
                };
                tidy(&value).map_err(|error| self.fault(node.mark, format!("{key}: {name}: {error}"))).ok()
            }
            (None, Some(node)) => {
                let path = self.path(&key_file, node)?;
                self.first_line(&key_file, &path, node.mark)
            }
            (Some(_), Some(node)) => {
                self.fault(node.mark, format!("{key} and {key_file} are both given"));
                None
            }
        }
    }

    fn first_line(&mut self, what: &str, path: &Path, mark: Mark) -> Option<Zeroizing<String>> {
        if fs::metadata(path).is_ok_and(|file| file.permissions().mode() & OTHERS_READ != 0) {
            let message =
                format!("{what}: everybody on this machine can read {}; chmod it to 600", path.display());
            self.advice(mark, message);
        }
        first_line(path).map_err(|message| self.fault(mark, format!("{what}: {message}"))).ok()
    }
}

/// The variable that `text` is, where it is nothing else: `$NAME` or `${NAME}`.
fn variable(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('$')?;
    let name = rest.strip_prefix('{').map_or(Some(rest), |braced| braced.strip_suffix('}'))?;
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_name = name.starts_with(first) && name.chars().all(|c| first(c) || c.is_ascii_digit());
    is_name.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_value_is_a_variable() {
        for (text, wanted) in [
            ("$PW", Some("PW")),
            ("${PW_2}", Some("PW_2")),
            ("$PW!", None),
            ("x$PW", None),
            ("$argon2id$v=19", None),
            ("${PW", None),
            ("$", None),
            ("$1", None),
        ] {
            assert_eq!(variable(text), wanted, "{text}");
        }
    }
}

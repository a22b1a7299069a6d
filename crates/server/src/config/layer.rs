//! The layer between the sources and the model: flag, then environment, then file, then default, each value with its origin.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::fault::{ConfigFault, FilePlace, Findings, GivenText, ValueOrigin};
use super::limited;
use super::path::{self, Environment};
use super::schema::{self, SettingRow};
use super::text::FileText;
use super::yaml::{Document, MapEntry, NodeContent, NodeId};

/// The flags that were given.
pub type GivenFlags = Vec<(&'static SettingRow, GivenText)>;

/// What `--profile strict` changes of the defaults; whatever somebody gave stays.
const STRICT_PROFILE: [(&str, &str); 3] =
    [("issuer.auth_ttl", "15m"), ("issuer.refresh_ttl", "72h"), ("issuer.refresh_strategy", "refreshBoth")];

/// Everything that was given, and which of it counts.
#[derive(Default)]
pub(super) struct Layers {
    pub(super) file: PathBuf,
    pub(super) text: FileText,
    pub(super) document: Document,
    /// The values of settings that win over the file's, or stand where it has none.
    winners: BTreeMap<&'static str, NodeId>,
    pub(super) findings: Findings,
}

/// A setting as `config show` prints it.
#[derive(Debug)]
pub struct ShownSetting {
    /// The setting.
    pub row: &'static SettingRow,
    /// Its text, unless it is a secret, and where it came from; `None` where it has no value.
    pub value: Option<(Option<String>, String)>,
}

/// The configuration file that the flags or the environment name.
pub(super) fn file_named(flags: &GivenFlags, environment: Environment<'_>) -> Option<PathBuf> {
    let mut layers = Layers::default();
    layers.settle(flags, environment);
    layers.path("config.file")
}

impl Layers {
    /// The layer of the file at `path`.
    pub(super) fn of_file(path: &Path) -> Self {
        match limited::text_file(path, limited::MAX_INPUT_BYTES) {
            Ok(text) => Self { text: FileText::new(text.clone()), ..Self::of_text(path, &text) },
            Err(message) => {
                let mut layers = Self { file: path.to_path_buf(), ..Self::default() };
                layers.findings.faults.push(ConfigFault::new("", message));
                layers
            }
        }
    }

    /// The layer of a file at `path` that holds `text`.
    pub(super) fn of_text(path: &Path, text: &str) -> Self {
        let document = Document::read(text);
        let complaints = document.complaints.iter();
        let faults = complaints.map(|(place, message)| ConfigFault::at(path, *place, message)).collect();
        let findings = Findings { faults, ..Findings::default() };
        let mut layers = Self { file: path.to_path_buf(), document, findings, ..Self::default() };
        layers.check_sections();
        layers
    }

    /// Checks the left edge of the file.
    fn check_sections(&mut self) {
        let Some(root) = self.document.root else { return };
        match self.document.content(root) {
            NodeContent::Null | NodeContent::Map(_) => {}
            NodeContent::Text(_) | NodeContent::List(_) => {
                let place = self.place(root);
                self.document.root = None;
                return self.fault(place, "the file must be a mapping of sections, like `issuer:`");
            }
        }
        let sections = self.document.entries(root);
        // Signatory ignores what it does not know.
        let has_signatory_s = sections.iter().any(|section| schema::is_signatory_s(&section.key));
        let is_known = |name: &str| schema::top().any(|known| known == name);
        // Where operators keep anchors, and whatever else is theirs.
        let is_theirs = |name: &str| name.starts_with("x-");
        let stray = |section: &&MapEntry| !is_known(&section.key) && !is_theirs(&section.key);
        let strays = sections.iter().filter(stray);
        let strays: Vec<ConfigFault> = strays
            .map(|section| {
                let message = unknown("section", &section.key, schema::top());
                ConfigFault::at(&self.file, section.place, message)
            })
            .collect();
        let Findings { faults, warnings, .. } = &mut self.findings;
        if has_signatory_s {
            warnings.extend(strays)
        } else {
            faults.extend(strays)
        }
        let known = sections.iter().filter(|section| is_known(&section.key)).cloned().collect();
        if let Some(root) = self.document.nodes.get_mut(root) {
            root.content = NodeContent::Map(known);
        }
        self.check_misplaced_settings();
    }

    /// Settings that only a flag or a variable may give.
    fn check_misplaced_settings(&mut self) {
        for row in schema::settings().iter().filter(|row| !row.in_file) {
            let Some(entry) = self.entry(&row.name) else { continue };
            let (place, key) = (entry.place, entry.key.clone());
            if schema::is_signatory_s(row.section()) {
                let warning = ConfigFault::at(&self.file, place, unknown("key", &key, std::iter::empty()));
                self.findings.warnings.push(warning);
            } else if row.section() != "config" {
                let ways: Vec<String> = row.flag().into_iter().chain(row.env.map(str::to_owned)).collect();
                let message = format!(
                    "{0} is not read from the file; give it by {1}, or name a file by {0}_file",
                    row.name,
                    ways.join(" or ")
                );
                self.fault(place, message);
            }
        }
    }

    fn fault(&mut self, place: FilePlace, message: impl std::fmt::Display) {
        self.findings.faults.push(ConfigFault::at(&self.file, place, message));
    }

    fn place(&self, node: NodeId) -> FilePlace {
        match self.origin(node) {
            ValueOrigin::File(place) => *place,
            _ => FilePlace::default(),
        }
    }

    pub(super) fn origin(&self, node: NodeId) -> &ValueOrigin {
        self.document.nodes.get(node).map_or(&ValueOrigin::Default, |node| &node.origin)
    }

    /// The entry of the file at a path.
    fn entry(&self, path: &str) -> Option<&MapEntry> {
        let mut node = self.document.root?;
        let mut found = None;
        for key in path.split('.') {
            found = self.document.entries(node).iter().find(|entry| entry.key == key);
            node = found?.value;
        }
        found
    }

    /// The value of a setting: the winner, or what the file says.
    pub(super) fn value(&self, name: &str) -> Option<NodeId> {
        self.winners.get(name).copied().or_else(|| {
            let row = schema::setting(name)?;
            self.entry(name).filter(|_| row.in_file).map(|entry| entry.value)
        })
    }

    /// Whether a setting below this path has a value that the file does not give.
    pub(super) fn reaches(&self, path: &str) -> bool {
        let below = |name: &&str| name.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
        self.winners.keys().any(below)
    }

    /// Finds the winner for each setting. An environment variable that is set but empty counts as not set.
    pub(super) fn settle(&mut self, flags: &GivenFlags, environment: Environment<'_>) {
        for row in schema::settings() {
            let flag = flags.iter().find(|(flag, _)| flag.name == row.name);
            let flag = flag.map(|(_, given)| (given.text.clone(), ValueOrigin::Flag(given.origin.clone())));
            if let Some((text, origin)) = flag.or_else(|| self.variable(row, environment)) {
                self.set(row, text, origin);
            } else if self.is_null(row) && !row.default.is_empty() {
                self.set(row, Zeroizing::new(row.default.to_owned()), ValueOrigin::Default);
            }
            if row.is_path() {
                self.expand(row, environment);
            }
        }
        if self.text_of("issuer.profile").as_deref().map(String::as_str) == Some("strict") {
            for row in schema::settings() {
                let changed = STRICT_PROFILE.into_iter().find(|(name, _)| *name == row.name);
                if let Some((_, text)) = changed.filter(|_| !self.is_given(row)) {
                    self.set(row, Zeroizing::new(text.to_owned()), ValueOrigin::Profile("strict"));
                }
            }
        }
    }

    /// Whether the file says nothing of a setting. Nothing behind a key that keeps somebody out is something.
    fn is_null(&self, row: &SettingRow) -> bool {
        match self.value(&row.name).map(|node| self.document.content(node)) {
            None => true,
            Some(NodeContent::Null) => !row.guards,
            Some(NodeContent::Text(_) | NodeContent::List(_) | NodeContent::Map(_)) => false,
        }
    }

    fn set(&mut self, row: &'static SettingRow, text: Zeroizing<String>, origin: ValueOrigin) {
        let node = self.document.add(origin, NodeContent::Text(text));
        self.winners.insert(&row.name, node);
    }

    fn variable(
        &mut self,
        row: &'static SettingRow,
        environment: Environment<'_>,
    ) -> Option<(Zeroizing<String>, ValueOrigin)> {
        let name = row.env?;
        match environment(name)?.into_string() {
            Ok(text) if text.is_empty() => None,
            Ok(text) => Some((Zeroizing::new(text), ValueOrigin::Environment(name))),
            Err(_) => {
                self.findings.faults.push(ConfigFault::new(name, "the value is not UTF-8"));
                None
            }
        }
    }

    /// The path as it is meant.
    pub(super) fn expand(&mut self, row: &'static SettingRow, environment: Environment<'_>) {
        let (Some(node), Some(text)) = (self.value(&row.name), self.text_of(&row.name)) else { return };
        match path::read(&text, environment) {
            Ok(path) if path == Path::new(text.as_str()) => {}
            Ok(path) => {
                let text = Zeroizing::new(path.to_string_lossy().into_owned());
                self.set(row, text, self.origin(node).clone());
            }
            Err(message) => {
                let fault = self.fault_of(row, node, message);
                self.findings.faults.push(fault);
            }
        }
    }

    /// A fault of a setting's value, which names the flag, the variable, or the line and the key.
    pub(super) fn fault_of(
        &self,
        row: &SettingRow,
        node: NodeId,
        message: impl std::fmt::Display,
    ) -> ConfigFault {
        match self.origin(node) {
            ValueOrigin::File(place) => {
                ConfigFault::at(&self.file, *place, format!("{}: {message}", row.name))
            }
            ValueOrigin::Default | ValueOrigin::Profile(_) => {
                ConfigFault::new(row.flag().as_deref().unwrap_or(&row.name), message)
            }
            given => ConfigFault::new(given.text(&self.file), message),
        }
    }

    /// Whether somebody gave a setting.
    pub(super) fn is_given(&self, row: &SettingRow) -> bool {
        let value = self.value(&row.name).filter(|_| !self.is_null(row));
        value.is_some_and(|node| match self.origin(node) {
            ValueOrigin::Default | ValueOrigin::Profile(_) => false,
            ValueOrigin::File(_) | ValueOrigin::Environment(_) | ValueOrigin::Flag(_) => true,
        })
    }

    /// The text of a setting; a list is written as a flag would be, with commas.
    pub(super) fn text_of(&self, name: &str) -> Option<Zeroizing<String>> {
        let text = |node: NodeId| match self.document.content(node) {
            NodeContent::Text(text) => Some(text.clone()),
            NodeContent::Null | NodeContent::List(_) | NodeContent::Map(_) => None,
        };
        let node = self.value(name)?;
        match self.document.content(node) {
            NodeContent::List(items) => {
                let texts: Vec<_> = items.iter().filter_map(|item| text(*item)).collect();
                let texts: Vec<&str> = texts.iter().map(|text| text.as_str()).collect();
                Some(Zeroizing::new(texts.join(", ")))
            }
            NodeContent::Null | NodeContent::Text(_) | NodeContent::Map(_) => text(node),
        }
    }

    /// The value of a setting as a path.
    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        self.text_of(name).map(|text| Path::new(text.as_str()).to_path_buf())
    }

    /// Every setting, for `config show`.
    pub(super) fn shown(&self) -> Vec<ShownSetting> {
        let shown = |row: &'static SettingRow| {
            let node = self.value(&row.name);
            let value = node.zip(self.text_of(&row.name)).map(|(node, text)| {
                let text = (!row.secret).then(|| text.to_string());
                (text, self.origin(node).text(&self.file))
            });
            ShownSetting { row, value }
        };
        schema::settings().iter().map(shown).collect()
    }
}

/// What is said of an unknown word, with the known one that is most like it.
pub(super) fn unknown<'k>(what: &str, name: &str, known: impl Iterator<Item = &'k str>) -> String {
    let message = format!("unknown {what} `{name}`");
    match nearest(name, known) {
        Some(near) => format!("{message}; did you mean `{near}`?"),
        None => message,
    }
}

/// The known name that is most like `name`, if any is like it.
pub(super) fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    /// Below this Jaro-Winkler likeness a suggestion would only confuse.
    const LIKE_ENOUGH: f64 = 0.7;
    let plain = |text: &str| text.to_ascii_lowercase().replace(['_', '-'], "");
    known
        .map(|candidate| (strsim::jaro_winkler(&plain(name), &plain(candidate)), candidate))
        .filter(|(likeness, _)| *likeness >= LIKE_ENOUGH)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

//! The configuration file: YAML 1.2, our sections checked strictly, Signatory's accepted beside them.
//!
//! Every fault is found, not only the first, and each names its line and column. Values stay text here: what they mean is decided
//! where the same text from a flag or a variable is read, and for Signatory's sections in [`super::signatory`].

use std::path::Path;

use zeroize::Zeroizing;

use super::limited;
use super::schema;
use super::setting::{self, Kind, Setting};
use super::text::FileText;
use super::value::{Fault, Position, Raw, Source};
use super::yaml::{self, Entry, Mark, Node, Value};

/// Our own sections.
const OUR_SECTIONS: [&str; 4] = ["issuer", "store", "http", "log"];

/// What a file says.
#[derive(Default)]
pub struct ConfigFile {
    /// The settings it gives.
    pub values: Vec<(&'static Setting, Raw)>,
    /// What is wrong with it.
    pub faults: Vec<Fault>,
    /// What is odd and harmless; a fault under `--strict-config`.
    pub warnings: Vec<Fault>,
    /// What it holds, where it was read.
    pub(super) text: FileText,
    /// Signatory's sections, without what is a setting.
    pub(super) sections: Vec<Entry>,
}

impl std::fmt::Debug for ConfigFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { values, faults, warnings, .. } = self;
        f.debug_struct("ConfigFile")
            .field("values", values)
            .field("faults", faults)
            .field("warnings", warnings)
            .finish_non_exhaustive()
    }
}

impl ConfigFile {
    /// Reads and checks the file at `path`.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        match limited::text_file(path, limited::MAX_INPUT_BYTES) {
            Ok(text) => Self { text: FileText::new(text.clone()), ..Self::parse(path, &text) },
            Err(message) => Self { faults: vec![Fault::new("", message)], ..Self::default() },
        }
    }

    /// Checks `text`, which came from `path`.
    #[must_use]
    pub fn parse(path: &Path, text: &str) -> Self {
        let mut reader = Reader { path, found: Self::default() };
        let (document, complaints) = yaml::read(text);
        for (mark, message) in complaints {
            reader.fault(mark, message);
        }
        if let Some(document) = document {
            reader.document(document);
        }
        reader.found
    }
}

struct Reader<'a> {
    path: &'a Path,
    found: ConfigFile,
}

impl Reader<'_> {
    fn document(&mut self, document: Node) {
        let sections = match document.value {
            Value::Null => return,
            Value::Map(sections) => sections,
            _ => return self.fault(document.mark, "the file must be a mapping of sections, like `issuer:`"),
        };
        let of_signatory =
            |section: &Entry| schema::is_section(&section.key) || section.key == setting::BASE_DIR.name;
        let has_signatory_s = sections.iter().any(of_signatory);
        for section in sections {
            match section.key.as_str() {
                // Where operators keep anchors, and whatever else is theirs.
                name if name.starts_with("x-") => {}
                name if OUR_SECTIONS.contains(&name) => self.section(&section),
                "server" => self.server(section),
                name if schema::is_section(name) => self.found.sections.push(section),
                name => match setting::ALL.into_iter().find(|setting| setting.name == name) {
                    Some(setting) => self.setting(setting, &section.value),
                    None => {
                        let stray = self.unknown(&section, sections_known(), "section");
                        // Signatory ignores what it does not know.
                        let list =
                            if has_signatory_s { &mut self.found.warnings } else { &mut self.found.faults };
                        list.push(stray);
                    }
                },
            }
        }
    }

    /// A section of ours: every key must be known.
    fn section(&mut self, section: &Entry) {
        self.entries(&section.key, section);
    }

    /// The entries of a mapping of ours, at `path`.
    fn entries(&mut self, path: &str, mapping: &Entry) {
        let entries = match &mapping.value.value {
            Value::Null => return,
            Value::Map(entries) => entries,
            Value::Text(_) | Value::List(_) => {
                let message = format!("`{}:` must be a mapping of keys and values", mapping.key);
                return self.fault(mapping.value.mark, message);
            }
        };
        for entry in entries {
            let name = format!("{path}.{}", entry.key);
            if settings_below(&name).next().is_some() {
                self.entries(&name, entry);
                continue;
            }
            match setting::ALL.into_iter().find(|setting| setting.name == name) {
                Some(setting) if setting.in_file => self.setting(setting, &entry.value),
                Some(setting) => {
                    let other = match (setting.env, setting.flag_text()) {
                        (Some(env), Some(flag)) => format!("{flag} or {env}"),
                        (Some(env), None) => env.to_owned(),
                        (None, flag) => flag.unwrap_or_default(),
                    };
                    let message = format!("{} is not read from the file", setting.name);
                    let hint = format!("give it by {other}, or name a file by {}_file", setting.name);
                    let fault = Fault::new(self.at(entry.mark), message).hint(hint);
                    self.found.faults.push(fault);
                }
                None => {
                    let above = path.split('.').next().unwrap_or(path);
                    let fault = misplaced(self.at(entry.mark), &entry.key, above)
                        .unwrap_or_else(|| self.unknown(entry, keys_below(path), "key"));
                    self.found.faults.push(fault);
                }
            }
        }
    }

    /// Signatory's `server:`, where settings of ours stand beside what only the signer understands.
    fn server(&mut self, mut section: Entry) {
        if let Value::Map(entries) = &mut section.value.value {
            entries.retain(|entry| {
                let setting = settings_of("server").find(|setting| setting.key() == entry.key);
                if let Some(setting) = setting {
                    self.setting(setting, &entry.value);
                }
                setting.is_none()
            });
        }
        self.found.sections.push(section);
    }

    fn setting(&mut self, setting: &'static Setting, node: &Node) {
        match &node.value {
            Value::Null if setting.guards => {
                let fault = Fault::new(self.at(node.mark), format!("{} has no value", setting.name));
                self.found.faults.push(fault.hint("give it one, or leave it out"));
            }
            Value::Null => {}
            Value::Text(text) => {
                let source = Source::File(self.at(node.mark));
                self.found.values.push((setting, Raw { text: text.clone(), source }));
            }
            Value::List(items) if matches!(setting.kind, Kind::List(_)) => {
                self.list(setting, node.mark, items)
            }
            Value::List(_) | Value::Map(_) => {
                self.fault(node.mark, format!("{} must be one value", setting.name));
            }
        }
    }

    /// A list becomes what a flag would say: its items between commas.
    fn list(&mut self, setting: &'static Setting, mark: Mark, items: &[Node]) {
        let mut texts = Vec::new();
        for item in items {
            match &item.value {
                Value::Text(text) if !text.contains(',') => texts.push(text.as_str()),
                _ => {
                    return self.fault(item.mark, format!("each item of {} must be one value", setting.name));
                }
            }
        }
        let source = Source::File(self.at(mark));
        self.found.values.push((setting, Raw { text: Zeroizing::new(texts.join(", ")), source }));
    }

    fn unknown<'k>(&self, entry: &Entry, known: impl Iterator<Item = &'k str>, what: &str) -> Fault {
        unknown(self.at(entry.mark), &entry.key, known, what)
    }

    fn fault(&mut self, mark: Mark, message: impl std::fmt::Display) {
        let fault = Fault::new(self.at(mark), message);
        self.found.faults.push(fault);
    }

    fn at(&self, mark: Mark) -> Position {
        position(self.path, mark)
    }
}

/// A place in the file at `path`.
pub(super) fn position(path: &Path, mark: Mark) -> Position {
    Position { file: path.to_path_buf(), line: mark.line, column: mark.column }
}

/// An unknown word, with the known one that is most like it.
pub(super) fn unknown<'k>(
    at: Position,
    name: &str,
    known: impl Iterator<Item = &'k str>,
    what: &str,
) -> Fault {
    let fault = Fault::new(at, format!("unknown {what} `{name}`"));
    match nearest(name, known) {
        Some(near) => fault.hint(format!("did you mean `{near}`?")),
        None => fault,
    }
}

/// What is wrong with a section that stands inside another one: indented too far, it says nothing where it belongs.
pub(super) fn misplaced(at: Position, name: &str, section: &str) -> Option<Fault> {
    is_section(name)
        .then(|| Fault::new(at, format!("`{name}:` stands below `{section}:`; move it to the left margin")))
}

/// Whether a mapping of this name stands at the left edge.
pub(super) fn is_section(name: &str) -> bool {
    OUR_SECTIONS.contains(&name) || schema::is_section(name)
}

/// Every name that may stand at the left edge of the file.
fn sections_known() -> impl Iterator<Item = &'static str> {
    let settings = setting::ALL.into_iter().filter(|setting| setting.in_file && setting.key().is_empty());
    OUR_SECTIONS.into_iter().chain(schema::sections()).chain(settings.map(|setting| setting.name))
}

/// The settings of a section of the file.
pub(super) fn settings_of(section: &str) -> impl Iterator<Item = &'static Setting> {
    setting::ALL.into_iter().filter(move |setting| setting.section() == section)
}

/// The settings of the file in a mapping at `path`, without the path.
fn settings_below(path: &str) -> impl Iterator<Item = &'static str> {
    let settings = setting::ALL.into_iter().filter(|setting| setting.in_file);
    settings.filter_map(move |setting| setting.name.strip_prefix(path)?.strip_prefix('.'))
}

/// The keys that may stand directly in a mapping at `path`.
fn keys_below(path: &str) -> impl Iterator<Item = &'static str> {
    settings_below(path).map(|rest| rest.split_once('.').map_or(rest, |(key, _)| key))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> ConfigFile {
        ConfigFile::parse(Path::new("jwtis.yaml"), text)
    }

    fn values(file: &ConfigFile) -> Vec<(&str, &str)> {
        file.values.iter().map(|(setting, raw)| (setting.name, raw.text.as_str())).collect()
    }

    #[test]
    fn values_keep_the_text_and_the_place_they_were_written_at() {
        let file = parse(
            "# comment ü\nissuer:\n  listen: 127.0.0.1:4343\n  sig_bits: 0256\n  tls: false\n  name: \"Ünï 1\" # c\n  expiry: 1.5h\nlog:\nstore: {path: /x/keys.db}\n",
        );
        assert_eq!(file.faults, []);
        assert_eq!(
            values(&file),
            [
                ("issuer.listen", "127.0.0.1:4343"),
                ("issuer.sig_bits", "0256"),
                ("issuer.tls", "false"),
                ("issuer.name", "Ünï 1"),
                ("issuer.expiry", "1.5h"),
                ("store.path", "/x/keys.db"),
            ]
        );
        assert_eq!(file.values[1].1.source.to_string(), "jwtis.yaml:4:13");
        assert_eq!(file.values[5].1.source.to_string(), "jwtis.yaml:9:15");
    }

    #[test]
    fn all_faults_are_listed_each_with_its_line() {
        let file = parse(
            "isuer: {}\nissuer:\n  sigAlgo: ES256\n  listen: [1]\nstore:\n  password: x\n  xyzzy: 1\nlog: 5\n",
        );
        let faults: Vec<String> = file.faults.iter().map(Fault::to_string).collect();
        assert_eq!(
            faults,
            [
                "jwtis.yaml:1:1: unknown section `isuer`; did you mean `issuer`?",
                "jwtis.yaml:3:3: unknown key `sigAlgo`; did you mean `sig_alg`?",
                "jwtis.yaml:4:11: issuer.listen must be one value",
                "jwtis.yaml:6:3: store.password is not read from the file; give it by --pswd or JWTIS_PSWD, or name a file by store.password_file",
                "jwtis.yaml:7:3: unknown key `xyzzy`",
                "jwtis.yaml:8:6: `log:` must be a mapping of keys and values",
            ]
        );
    }

    #[test]
    fn of_signatory_s_sections_the_settings_are_taken_and_the_rest_is_kept() {
        let file = parse(
            "server:\n  address: :6732\n  utility_address: 127.0.0.1:9583\n  utilty: 1\nbase_dir: /var/lib/signatory\nvaults:\n  v: {driver: file, config: /x}\nwatch_config: true\ntezos:\n",
        );
        assert_eq!((&file.faults, &file.warnings), (&Vec::new(), &Vec::new()));
        assert_eq!(
            values(&file),
            [
                ("server.address", ":6732"),
                ("server.utility_address", "127.0.0.1:9583"),
                ("base_dir", "/var/lib/signatory"),
                ("watch_config", "true"),
            ]
        );
        let sections: Vec<&str> = file.sections.iter().map(|section| section.key.as_str()).collect();
        assert_eq!(sections, ["server", "vaults", "tezos"]);
    }

    #[test]
    fn sections_of_the_operator_are_ignored_and_strays_are_faults_only_in_a_file_of_ours() {
        for (text, faults, warnings) in [
            ("x-policy: &p {a: 1}\nx-more: [*p]\nissuer:\n", "", ""),
            ("x-policy:\ntezos:\n", "", ""),
            ("policy: {a: 1}\n", "jwtis.yaml:1:1: unknown section `policy`; did you mean `policy_hook`?", ""),
            (
                "policy: {a: 1}\ntezos:\n",
                "",
                "jwtis.yaml:1:1: unknown section `policy`; did you mean `policy_hook`?",
            ),
            ("base_dir: /x\nmetrics: 1\n", "", "jwtis.yaml:2:1: unknown section `metrics`"),
            ("metrics: 1\nissuer:\n", "jwtis.yaml:1:1: unknown section `metrics`", ""),
            ("X-policy:\n", "jwtis.yaml:1:1: unknown section `X-policy`", ""),
            (
                "issuer:\n  tezos: {}\n",
                "jwtis.yaml:2:3: `tezos:` stands below `issuer:`; move it to the left margin",
                "",
            ),
        ] {
            let file = parse(text);
            let said = |list: &[Fault]| list.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n");
            let starts = |list: &[Fault], wanted: &str| {
                let said = said(list);
                if wanted.is_empty() { said.is_empty() } else { said.starts_with(wanted) }
            };
            assert!(starts(&file.faults, faults), "{text}: {}", said(&file.faults));
            assert!(starts(&file.warnings, warnings), "{text}: {}", said(&file.warnings));
        }
    }

    #[test]
    fn hostile_and_empty_files_end_in_faults_or_nothing() {
        for empty in ["", "\n# only a comment\n", "---\n", "issuer:\n"] {
            let file = parse(empty);
            assert_eq!((file.faults.len(), file.values.len()), (0, 0), "{empty:?}: {:?}", file.faults);
        }
        for (text, wanted) in [
            ("issuer: {listen: a, listen: b}", "jwtis.yaml:1"),
            ("issuer: [", "not YAML"),
            ("- a\n- b", "must be a mapping of sections"),
            ("a: 1\n---\nb: 2", "more than one YAML document"),
            ("? [x]\n: 1", "a key must be text"),
            ("base_dir: {a: 1}", "base_dir must be one value"),
            ("issuer: {listen: [a, b]}", "issuer.listen must be one value"),
        ] {
            let faults: Vec<String> = parse(text).faults.iter().map(Fault::to_string).collect();
            assert!(faults.iter().any(|fault| fault.contains(wanted)), "{text:?}: {faults:?}");
        }
    }
}

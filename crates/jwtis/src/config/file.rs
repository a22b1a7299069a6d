//! The configuration file: YAML 1.2, our sections checked strictly, Signatory's accepted beside them.
//!
//! Every fault is found, not only the first, and each names its line and column. Values stay text here: what they mean is decided
//! where the same text from a flag or a variable is read.

use std::path::Path;

use saphyr::{LoadableYamlNode as _, MarkedYaml, Scalar, YamlData};

use super::limited;
use super::setting::{self, Setting};
use super::value::{Fault, Position, Raw, Source};

/// Sections of Signatory's file. Of `server:` the utility address is used; all else is kept for the signer.
const SIGNATORY_SECTIONS: [&str; 6] = ["server", "vaults", "watermark", "policy_hook", "tezos", "base_dir"];
/// Keys of Signatory's `server:` that are no settings of ours.
const SIGNATORY_SERVER_KEYS: [&str; 3] = ["address", "authorized_keys", "jwt"];
/// Our own sections.
const OUR_SECTIONS: [&str; 3] = ["issuer", "store", "log"];

/// What a file says.
#[derive(Debug, Default)]
pub struct ConfigFile {
    /// The settings it gives.
    pub values: Vec<(&'static Setting, Raw)>,
    /// What is wrong with it.
    pub faults: Vec<Fault>,
    /// What is odd and harmless; a fault under `--strict-config`.
    pub warnings: Vec<Fault>,
}

impl ConfigFile {
    /// Reads and checks the file at `path`.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        match limited::text_file(path, limited::MAX_INPUT_BYTES) {
            Ok(text) => Self::parse(path, &text),
            Err(message) => Self { faults: vec![Fault::new("", message)], ..Self::default() },
        }
    }

    /// Checks `text`, which came from `path`.
    #[must_use]
    pub fn parse(path: &Path, text: &str) -> Self {
        let mut reader = Reader { path, text, found: Self::default() };
        match MarkedYaml::load_from_str(text) {
            Ok(documents) => match documents.as_slice() {
                [] => {}
                [document] => reader.document(document),
                [_, second, ..] => reader.fault(second, "the file has more than one YAML document"),
            },
            Err(error) => {
                let marker = error.marker();
                let position = reader.position(marker.line(), marker.col());
                reader.found.faults.push(Fault::new(position, format!("not YAML: {}", error.info())));
            }
        }
        reader.found
    }
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    found: ConfigFile,
}

impl Reader<'_> {
    fn document(&mut self, document: &MarkedYaml<'_>) {
        if is_null(document) || document.data.is_badvalue() {
            return;
        }
        let Some(sections) = document.data.as_mapping() else {
            return self.fault(document, "the file must be a mapping of sections, like `issuer:`");
        };
        for (key, value) in sections {
            let Some(name) = key.data.as_str() else {
                self.fault(key, "a section name must be text");
                continue;
            };
            match name {
                "server" => self.server(value),
                "tezos" if !is_null(value) => self.warning(
                    key,
                    "`tezos:` asks for the signer, which this build does not have: these keys will NOT be served",
                ),
                _ if OUR_SECTIONS.contains(&name) => self.section(name, value),
                _ if SIGNATORY_SECTIONS.contains(&name) => {}
                _ => {
                    let known = OUR_SECTIONS.into_iter().chain(SIGNATORY_SECTIONS);
                    let fault = self.unknown(key, name, known, "section");
                    self.found.faults.push(fault);
                }
            }
        }
    }

    /// A section of ours: every key must be known.
    fn section(&mut self, section: &str, node: &MarkedYaml<'_>) {
        for (key, name, value) in self.entries(section, node) {
            match settings_of(section).find(|setting| setting.key() == name) {
                Some(setting) if setting.in_file => self.setting(setting, value),
                Some(setting) => {
                    let other = match (setting.env, setting.flag_text()) {
                        (Some(env), Some(flag)) => format!("{flag} or {env}"),
                        (Some(env), None) => env.to_owned(),
                        (None, flag) => flag.unwrap_or_default(),
                    };
                    let message = format!("{} is not read from the file", setting.name);
                    let hint = format!("give it by {other}, or name a file by {}_file", setting.name);
                    let fault = Fault::new(self.at(key), message).hint(hint);
                    self.found.faults.push(fault);
                }
                None => {
                    let known = settings_of(section).filter(|setting| setting.in_file).map(Setting::key);
                    let fault = self.unknown(key, name, known, "key");
                    self.found.faults.push(fault);
                }
            }
        }
    }

    /// Signatory's `server:`, of which one key is ours to use. Strays are warnings: Signatory itself ignores them.
    fn server(&mut self, node: &MarkedYaml<'_>) {
        for (key, name, value) in self.entries("server", node) {
            match settings_of("server").find(|setting| setting.key() == name) {
                Some(setting) => self.setting(setting, value),
                None if SIGNATORY_SERVER_KEYS.contains(&name) => {}
                None => {
                    let known = settings_of("server").map(Setting::key).chain(SIGNATORY_SERVER_KEYS);
                    let fault = self.unknown(key, name, known, "key");
                    self.found.warnings.push(fault);
                }
            }
        }
    }

    /// Key node, key text and value of every entry of a section; `section:` with nothing below is an empty one.
    fn entries<'n>(
        &mut self,
        section: &str,
        node: &'n MarkedYaml<'_>,
    ) -> Vec<(&'n MarkedYaml<'n>, &'n str, &'n MarkedYaml<'n>)> {
        if is_null(node) {
            return Vec::new();
        }
        let Some(mapping) = node.data.as_mapping() else {
            self.fault(node, &format!("`{section}:` must be a mapping of keys and values"));
            return Vec::new();
        };
        let mut entries = Vec::new();
        for (key, value) in mapping {
            match key.data.as_str() {
                Some(name) => entries.push((key, name, value)),
                None => self.fault(key, "a key must be text"),
            }
        }
        entries
    }

    fn setting(&mut self, setting: &'static Setting, value: &MarkedYaml<'_>) {
        let text = match &value.data {
            YamlData::Value(Scalar::Null) => return,
            YamlData::Value(_) if self.source_text(value).starts_with('*') => {
                return self.fault(value, &format!("{} must be written out, not be an alias", setting.name));
            }
            YamlData::Value(Scalar::String(text)) => text.to_string(),
            // The text as written: `0600` and `1.50` would not survive a detour through numbers.
            YamlData::Value(_) => self.source_text(value),
            _ => return self.fault(value, &format!("{} must be one value", setting.name)),
        };
        let source = Source::File(self.at(value));
        self.found.values.push((setting, Raw::new(text, source)));
    }

    fn source_text(&self, node: &MarkedYaml<'_>) -> String {
        let (start, end) = (node.span.start.index(), node.span.end.index());
        self.text.chars().skip(start).take(end.saturating_sub(start)).collect::<String>().trim().to_owned()
    }

    fn unknown<'k>(
        &self,
        node: &MarkedYaml<'_>,
        name: &str,
        known: impl Iterator<Item = &'k str>,
        what: &str,
    ) -> Fault {
        let fault = Fault::new(self.at(node), format!("unknown {what} `{name}`"));
        match nearest(name, known) {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None => fault,
        }
    }

    fn fault(&mut self, node: &MarkedYaml<'_>, message: &str) {
        let fault = Fault::new(self.at(node), message);
        self.found.faults.push(fault);
    }

    fn warning(&mut self, node: &MarkedYaml<'_>, message: &str) {
        let warning = Fault::new(self.at(node), message);
        self.found.warnings.push(warning);
    }

    fn at(&self, node: &MarkedYaml<'_>) -> Position {
        self.position(node.span.start.line(), node.span.start.col())
    }

    fn position(&self, line: usize, column_from_zero: usize) -> Position {
        Position { file: self.path.to_path_buf(), line, column: column_from_zero.saturating_add(1) }
    }
}

fn is_null(node: &MarkedYaml<'_>) -> bool {
    matches!(node.data, YamlData::Value(Scalar::Null))
}

fn settings_of(section: &str) -> impl Iterator<Item = &'static Setting> {
    setting::ALL.into_iter().filter(move |setting| setting.section() == section)
}

/// The known name that is most like `name`, if any is like it.
fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
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
    fn a_signatory_file_is_accepted_and_its_strays_are_warnings() {
        let file = parse(
            "server:\n  address: :6732\n  utility_address: 127.0.0.1:9583\n  utilty: 1\nbase_dir: /var/lib/signatory\nvaults:\n  v: {driver: file, config: {file: /x}}\nwatermark:\npolicy_hook: {address: http://x}\ntezos:\n  tz1aSkwEot3L2kmUvcoxzjMomb9mvBNuzFK6:\n    allow: {block: }\n",
        );
        assert_eq!(file.faults, []);
        assert_eq!(values(&file), [("server.utility_address", "127.0.0.1:9583")]);
        let warnings: Vec<String> = file.warnings.iter().map(Fault::to_string).collect();
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(
            warnings[0].starts_with("jwtis.yaml:4:3: unknown key `utilty`; did you mean `utility_address`?"),
            "{warnings:?}"
        );
        assert!(warnings[1].contains("will NOT be served"), "{warnings:?}");
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
            ("? [x]\n: 1", "a section name must be text"),
            ("issuer: {sig_bits: &b 256, enc_bits: *b}", "issuer.enc_bits must be written out"),
        ] {
            let faults: Vec<String> = parse(text).faults.iter().map(Fault::to_string).collect();
            assert!(faults.iter().any(|fault| fault.contains(wanted)), "{text:?}: {faults:?}");
        }
    }
}

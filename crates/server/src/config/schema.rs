//! What the model says of itself: every setting and every key of the file, out of the JSON Schema of its types.
//!
//! The flags, the variables, the defaults, the checks of the file and the tables of the reference page come from here.

use std::sync::LazyLock;

use schemars::schema_for;
use serde_json::Value;

use super::model::Model;

/// A setting: one value, which the file, a flag or a variable may give.
#[derive(Debug)]
pub struct SettingRow {
    /// Its name, `section.key`; the path in the file where `in_file` says so.
    pub name: String,
    /// Whether the file may give it.
    pub in_file: bool,
    /// Short flag.
    pub short: Option<char>,
    /// Long flag without dashes, as the Go program spelled it where it had one; then its alias in kebab case.
    pub long: Vec<&'static str>,
    /// Environment variable.
    pub env: Option<&'static str>,
    /// What it takes, as help names it.
    pub takes: &'static str,
    /// Whether it is never printed.
    pub secret: bool,
    /// What holds when nobody says anything; empty where nothing does.
    pub default: &'static str,
    /// Whether a reload applies a change; else it takes a restart.
    pub reloaded: bool,
    /// Whether it keeps somebody out: written without a value in the file it is a fault, not its default.
    pub guards: bool,
    /// What it means.
    pub help: &'static str,
}

/// A key of Signatory's sections that is no setting of its own.
#[derive(Debug)]
pub struct KeyRow {
    /// Its path from the left edge of the file. What stands in capitals is for the operator to name.
    pub path: String,
    /// What it takes.
    pub takes: &'static str,
    /// What holds where it is absent or null.
    pub default: &'static str,
    /// Whether a reload applies a change.
    pub reloaded: bool,
    /// What it means.
    pub meaning: &'static str,
}

/// What a setting takes that is on or off.
pub(crate) const SWITCH: &str = "true or false";

impl SettingRow {
    /// The flag as one types it.
    #[must_use]
    pub fn flag(&self) -> Option<String> {
        self.long.first().map(|long| format!("--{long}"))
    }

    /// Whether it is on or off.
    #[must_use]
    pub fn is_switch(&self) -> bool {
        self.takes == SWITCH
    }

    /// Whether its value is a path.
    #[must_use]
    pub fn is_path(&self) -> bool {
        matches!(self.takes, "FILE" | "FOLDER")
    }

    /// Its section, the part before the first dot.
    #[must_use]
    pub fn section(&self) -> &str {
        self.name.split('.').next().unwrap_or(&self.name)
    }
}

/// The JSON Schema (2020-12) of the configuration file.
static SCHEMA: LazyLock<Value> = LazyLock::new(|| schema_for!(Model).to_value());

static ROWS: LazyLock<(Vec<SettingRow>, Vec<KeyRow>)> = LazyLock::new(|| {
    let mut rows = (Vec::new(), Vec::new());
    walk(&SCHEMA, "", &mut rows);
    rows
});

/// Every setting, in the order of the help.
#[must_use]
pub fn settings() -> &'static [SettingRow] {
    &ROWS.0
}

/// Every key of Signatory's sections, in the order of the reference page.
#[must_use]
pub fn keys() -> &'static [KeyRow] {
    &ROWS.1
}

/// The setting of this name.
#[must_use]
pub fn setting(name: &str) -> Option<&'static SettingRow> {
    settings().iter().find(|row| row.name == name)
}

/// The default of a setting.
#[must_use]
pub(crate) fn default(name: &str) -> &'static str {
    setting(name).map_or("", |row| row.default)
}

/// Every name that may stand at the left edge of the file.
pub(super) fn top() -> impl Iterator<Item = &'static str> {
    members(&SCHEMA).map(|(name, _)| name).filter(|name| *name != "config")
}

/// Whether a mapping of this name stands at the left edge.
pub(super) fn is_section(name: &str) -> bool {
    top().any(|section| section == name) && setting(name).is_none()
}

/// Whether a section is Signatory's, so that a file with it may have strays for Signatory.
pub(super) fn is_signatory_s(name: &str) -> bool {
    name == "base_dir" || is_section(name) && !is_strict(resolved(member(&SCHEMA, name)))
}

/// Whether an unknown key in a mapping of this type is a fault.
pub(super) fn denies_unknown(type_name: &str) -> bool {
    is_strict(definition(type_name))
}

/// Whether a key of a mapping of this type is a fault when it is written without a value.
pub(super) fn guards(type_name: &str, key: &str) -> bool {
    flag(member(definition(type_name), key), "guard")
}

fn is_strict(schema: &'static Value) -> bool {
    part(schema, "additionalProperties") == false
}

fn part(schema: &'static Value, key: &str) -> &'static Value {
    schema.get(key).unwrap_or(&Value::Null)
}

fn definition(type_name: &str) -> &'static Value {
    if text(&SCHEMA, "title") == type_name { &SCHEMA } else { part(part(&SCHEMA, "$defs"), type_name) }
}

fn member(schema: &'static Value, key: &str) -> &'static Value {
    part(part(schema, "properties"), key)
}

fn members(schema: &'static Value) -> impl Iterator<Item = (&'static str, &'static Value)> {
    let members = part(schema, "properties").as_object().into_iter().flatten();
    members.map(|(name, member)| (name.as_str(), member))
}

/// The schema that a reference means.
fn resolved(schema: &'static Value) -> &'static Value {
    SCHEMA
        .pointer(text(schema, "$ref").trim_start_matches('#'))
        .filter(|_| schema.get("$ref").is_some())
        .unwrap_or(schema)
}

fn text(schema: &'static Value, key: &str) -> &'static str {
    part(schema, key).as_str().unwrap_or_default()
}

fn flag(schema: &'static Value, key: &str) -> bool {
    part(schema, key) == true
}

fn walk(schema: &'static Value, above: &str, rows: &mut (Vec<SettingRow>, Vec<KeyRow>)) {
    for (name, member) in members(schema) {
        let path = if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") };
        if member.get("setting").is_some() {
            rows.0.push(setting_row(path, member));
            continue;
        }
        if member.get("takes").is_some() {
            rows.1.push(key_row(path.clone(), member));
        }
        let below = resolved(member);
        walk(below, &path, rows);
        for (entry, name) in [(part(below, "additionalProperties"), ""), (part(below, "items"), "N")] {
            let entry = resolved(entry);
            let name = if name.is_empty() { text(entry, "name") } else { name };
            let path = format!("{path}.{name}");
            if entry.get("takes").is_some() {
                rows.1.push(key_row(path.clone(), entry));
            }
            walk(entry, &path, rows);
        }
    }
}

fn setting_row(name: String, schema: &'static Value) -> SettingRow {
    let flags = || text(schema, "flag").split_whitespace();
    let (takes, default) = (text(schema, "setting"), text(schema, "default"));
    SettingRow {
        name,
        in_file: !flag(schema, "elsewhere"),
        short: flags().find(|flag| !flag.starts_with("--")).and_then(|flag| flag.chars().nth(1)),
        long: flags().filter_map(|flag| flag.strip_prefix("--")).collect(),
        env: part(schema, "env").as_str(),
        takes,
        secret: flag(schema, "secret"),
        default: if takes == SWITCH && default.is_empty() { "false" } else { default },
        reloaded: flag(schema, "reload"),
        guards: flag(schema, "guard"),
        help: text(schema, "description"),
    }
}

fn key_row(path: String, schema: &'static Value) -> KeyRow {
    KeyRow {
        path,
        takes: text(schema, "takes"),
        default: text(schema, "default"),
        reloaded: !flag(schema, "restart"),
        meaning: text(schema, "description"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_name_flag_or_variable_is_given_twice_and_every_setting_can_be_given_somewhere() {
        let mut seen = HashSet::new();
        for row in settings() {
            let short = row.short.map(String::from);
            let places = row.long.iter().copied().chain(row.env).chain(short.as_deref());
            for place in places.chain([row.name.as_str()]) {
                assert!(seen.insert(place.to_owned()), "{place} is taken twice");
            }
            assert!(row.in_file || !row.long.is_empty() || row.env.is_some(), "{}", row.name);
            assert!(!row.takes.is_empty() && !row.help.is_empty(), "{}", row.name);
            let is_text =
                matches!(row.takes, "DIR" | "PATH") || row.name.ends_with("_file") && !row.is_path();
            assert!(!is_text, "{} is a path: it takes FILE or FOLDER", row.name);
        }
        assert!(settings().len() >= 53 && keys().len() >= 61);
    }
}

//! A setting, and the places where it can be given. The settings themselves are the table in `setting/table.rs`.

mod table;

pub use table::*;

/// One setting and the places where it can be given.
#[derive(Debug)]
pub struct Setting {
    /// Its name, `section.key`; the path in the file where `in_file` says so.
    pub name: &'static str,
    /// Whether the file may give it.
    pub in_file: bool,
    /// Long flag without dashes, as the Go program spelled it where it had one.
    pub long: Option<&'static str>,
    /// The flag in kebab case where that differs.
    pub alias: Option<&'static str>,
    /// Short flag.
    pub short: Option<char>,
    /// Environment variable.
    pub env: Option<&'static str>,
    /// What kind of text it takes.
    pub kind: Kind,
    /// What holds when nobody says anything; empty where nothing does.
    pub default: &'static str,
    /// Whether a reload applies a change; else it takes a restart.
    pub reloaded: bool,
    /// Whether it keeps somebody out: written without a value in the file it is a fault, not its default.
    pub guards: bool,
    /// What it means, in one or two sentences.
    pub help: &'static str,
}

/// What kind of text a setting takes.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A value; the text names it in help.
    Value(&'static str),
    /// A file or a folder; the text names it in help.
    Path(&'static str),
    /// `true` or `false`; the bare flag means `true`.
    Switch,
    /// A value that is never printed.
    Secret(&'static str),
    /// Values between commas; in the file a list, too.
    List(&'static str),
}

impl Setting {
    const fn new(name: &'static str, kind: Kind, default: &'static str, help: &'static str) -> Self {
        Self {
            name,
            in_file: true,
            long: None,
            alias: None,
            short: None,
            env: None,
            kind,
            default,
            reloaded: false,
            guards: false,
            help,
        }
    }

    const fn flag(mut self, long: &'static str) -> Self {
        self.long = Some(long);
        self
    }

    const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }

    const fn short(mut self, short: char) -> Self {
        self.short = Some(short);
        self
    }

    const fn env(mut self, env: &'static str) -> Self {
        self.env = Some(env);
        self
    }

    const fn not_in_file(mut self) -> Self {
        self.in_file = false;
        self
    }

    const fn reloaded(mut self) -> Self {
        self.reloaded = true;
        self
    }

    const fn guards(mut self) -> Self {
        self.guards = true;
        self
    }

    /// The flag as one types it.
    #[must_use]
    pub fn flag_text(&self) -> Option<String> {
        self.long.map(|long| format!("--{long}"))
    }

    /// Whether its value is a path.
    #[must_use]
    pub const fn is_path(&self) -> bool {
        matches!(self.kind, Kind::Path(_))
    }

    /// The section of the file, the part before the first dot.
    #[must_use]
    pub fn section(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(section, _)| section)
    }

    /// The key inside the section.
    #[must_use]
    pub fn key(&self) -> &'static str {
        self.name.split_once('.').map_or("", |(_, key)| key)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_name_flag_or_variable_is_given_twice() {
        let mut seen = HashSet::new();
        for setting in ALL {
            let short = setting.short.map(String::from);
            let places = [Some(setting.name), setting.long, setting.alias, setting.env, short.as_deref()];
            for place in places.into_iter().flatten() {
                assert!(seen.insert(place.to_owned()), "{place} is taken twice");
            }
        }
    }

    #[test]
    fn every_setting_can_be_given_somewhere() {
        for setting in ALL {
            assert!(setting.in_file || setting.long.is_some() || setting.env.is_some(), "{}", setting.name);
        }
    }
}

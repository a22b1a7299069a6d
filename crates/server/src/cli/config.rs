//! `jwtis config`: what the server would run with, and what is wrong with it.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;

use super::environment;
use super::output::TextTable;
use super::printable::printable;
use super::{CliOutcome, Failure, Output, ServerFlags};
use crate::config::concealed::concealed;
use crate::config::signer::SignerConfig;
use crate::config::{Config, ConfigFault, GivenFlags, GivenText, ShownSetting, schema};

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print every setting, its value and where the value came from. Secrets are never printed.
    Show {
        #[command(flatten)]
        flags: ServerFlags,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Check the configuration and list all faults, each with its place.
    Check {
        /// Check this file alone, without flags and `JWTIS_…` variables. Variables that it names itself are looked up.
        file: Option<PathBuf>,
        #[command(flatten)]
        flags: ServerFlags,
    },
}

impl ConfigCommand {
    pub(crate) fn run(self, before: ServerFlags, out: &mut Output<'_>) -> CliOutcome {
        match self {
            Self::Show { flags, json } => {
                let config = load(flags.after(before))?;
                if json { out.json(&as_json(&config)) } else { out.line(with_signer(&config)) }
            }
            Self::Check { file, flags } => {
                let mut flags = flags.after(before);
                let config = match file {
                    Some(path) => {
                        flags.splice(0..0, config_file(&path, "FILE"));
                        let named = |name: &str| {
                            if name.starts_with("JWTIS_") { None } else { environment::environment(name) }
                        };
                        Config::load(&flags, &named).map_err(|faults| failure(&faults))?
                    }
                    None => load(flags)?,
                };
                warn(&config);
                for notice in &config.notices {
                    out.notice(format_args!("note: {}", printable(&notice.to_string())));
                }
                out.line("the configuration is valid")
            }
        }
    }
}

/// The configuration from flags, environment and file.
///
/// # Errors
/// With exit code 2 and all faults.
pub(crate) fn load(flags: GivenFlags) -> Result<Config, Failure> {
    Config::load(&flags, &environment::environment).map_err(|faults| failure(&faults))
}

/// The signer's part of the configuration file at `path`; `None` where it asks for no signer.
///
/// # Errors
/// As [`load`].
pub(crate) fn signer(path: &Path) -> Result<Option<SignerConfig>, Failure> {
    Ok(load(config_file(path, "--config").collect())?.signer)
}

/// The flag that names the configuration file.
fn config_file(path: &Path, flag: &str) -> impl Iterator<Item = (&'static schema::SettingRow, GivenText)> {
    let given = GivenText::new(path.to_string_lossy(), flag);
    schema::setting("config.file").map(|row| (row, given)).into_iter()
}

/// Says on standard error what is odd.
pub(crate) fn warn(config: &Config) {
    for warning in &config.warnings {
        super::failure::warn(warning);
    }
}

/// The settings as a first start prints them.
pub(crate) fn as_table(settings: &[ShownSetting]) -> TextTable {
    let mut table = TextTable::with_header(&["SETTING", "VALUE", "FROM"]);
    for ShownSetting { row, value } in settings {
        let (text, origin) = match value {
            Some((Some(text), origin)) => (concealed(text), origin.clone()),
            Some((None, origin)) => ("(given)".to_owned(), origin.clone()),
            None => ("-".to_owned(), String::new()),
        };
        table.row([row.name.clone(), text, origin]);
    }
    table
}

/// The settings and, where there is one, the signer.
fn with_signer(config: &Config) -> TextTable {
    let mut table = as_table(&config.settings);
    let file = config.file.as_deref().map(Path::to_string_lossy).unwrap_or_default();
    for (name, value) in config.signer.iter().flat_map(SignerConfig::rows) {
        table.row([name, printable(&value), file.to_string()]);
    }
    table
}

fn as_json(config: &Config) -> serde_json::Value {
    let entry = |ShownSetting { row, value }: &ShownSetting| {
        let (text, origin) = value.clone().map_or((None, None), |(text, origin)| (text, Some(origin)));
        let mut entry = json!({ "value": text, "source": origin });
        if let (true, Some(members)) = (row.secret, entry.as_object_mut()) {
            members.insert("given".to_owned(), json!(value.is_some()));
        }
        (row.name.clone(), entry)
    };
    let signer = config.signer.as_ref().map(|signer| {
        let row = |(name, value)| (name, serde_json::Value::String(value));
        serde_json::Value::Object(signer.rows().into_iter().map(row).collect())
    });
    let settings = config.settings.iter().map(entry);
    serde_json::Value::Object(settings.chain([("signer".to_owned(), json!(signer))]).collect())
}

/// All faults in one failure.
pub(crate) fn failure(faults: &[ConfigFault]) -> Failure {
    let what = match faults.len() {
        1 => "the configuration has a fault".to_owned(),
        count => format!("the configuration has {count} faults"),
    };
    Failure::usage(what).details(faults.iter().map(ConfigFault::to_string)).hint(
        "`jwtis config check` says all that is wrong without starting anything; docs/reference/configuration.md explains each setting",
    )
}

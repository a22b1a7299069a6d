//! Reading the configuration again while the server runs: from the same flags, environment and file (decisions.md section 6).
//!
//! What a reload applies are the users, keys and policies of the signer, [`super::signer::RulesConfig`]. For all else
//! [`restart_needed`] says by name what the running server does not take up.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::Config;
use super::setting::{self, Setting};
use super::signer::SignerConfig;
use super::value::{Fault, Raw, Values};

/// What a configuration is made from, kept for the next time. Cheap to clone.
#[derive(Clone)]
pub struct Reloader {
    flags: Vec<(&'static Setting, Raw)>,
    environment: Arc<dyn Fn(&str) -> Option<OsString> + Send + Sync>,
}

impl Reloader {
    /// Keeps the flags and the way to ask the environment.
    pub fn new(
        flags: Vec<(&'static Setting, Raw)>,
        environment: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static,
    ) -> Self {
        Self { flags, environment: Arc::new(environment) }
    }

    /// The configuration as it is now. It reads files, so it blocks.
    ///
    /// # Errors
    /// All faults that were found; nothing of such a configuration is to be used.
    pub fn load(&self) -> Result<Config, Vec<Fault>> {
        Config::load(self.flags.clone(), &*self.environment)
    }

    /// The file whose changes matter, if there is one.
    #[must_use]
    pub fn path(&self) -> Option<PathBuf> {
        Values::resolve(self.flags.clone(), &*self.environment, Vec::new(), &mut Vec::new())
            .path(&setting::CONFIG)
    }
}

impl fmt::Debug for Reloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloader").field("flags", &self.flags).finish_non_exhaustive()
    }
}

/// What differs between the configuration that runs and a new one and takes a restart, by the names of settings and sections.
#[must_use]
pub fn restart_needed(running: &Config, new: &Config) -> Vec<String> {
    let text = |config: &Config, setting: &Setting| config.values.find(setting).map(|raw| raw.text.clone());
    let differs = |setting: &&Setting| !setting.reloaded && text(running, setting) != text(new, setting);
    let mut names: Vec<String> =
        setting::ALL.into_iter().filter(differs).map(|setting| setting.name.to_owned()).collect();
    match (&running.signer, &new.signer) {
        (Some(running), Some(new)) => names.extend(sections(running, new).map(str::to_owned)),
        (None, None) => {}
        _ => names.push("tezos".to_owned()),
    }
    if new.needs_store() && !running.needs_store() {
        names.push("the store, which now is needed and is not open".to_owned());
    }
    names
}

fn sections(running: &SignerConfig, new: &SignerConfig) -> impl Iterator<Item = &'static str> {
    let vaults = (running.vaults != new.vaults).then_some("vaults");
    let watermark = (running.watermark != new.watermark).then_some("watermark.driver");
    [vaults, watermark].into_iter().flatten()
}

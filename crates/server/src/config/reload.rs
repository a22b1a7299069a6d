//! Reading the configuration again while the server runs: from the same flags, environment and file.
//!
//! What a reload applies is marked in the model; all else waits for a restart.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::Config;
use super::fault::ConfigFault;
use super::layer::{GivenFlags, file_named};

/// What a configuration is made from, kept for the next time. Cheap to clone.
#[derive(Clone)]
pub struct Reloader {
    flags: GivenFlags,
    environment: Arc<OwnEnvironment>,
}

type OwnEnvironment = dyn Fn(&str) -> Option<OsString> + Send + Sync;

impl Reloader {
    /// Keeps the flags and the way to ask the environment. Secrets behind flags are used at the start only and not kept.
    pub fn new(
        mut flags: GivenFlags,
        environment: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static,
    ) -> Self {
        flags.retain(|(row, _)| !row.secret);
        Self { flags, environment: Arc::new(environment) }
    }

    /// The configuration as it is now. It reads files, so it blocks.
    ///
    /// # Errors
    /// All faults that were found; nothing of such a configuration is to be used.
    pub fn load(&self) -> Result<Config, Vec<ConfigFault>> {
        Config::load(&self.flags, &*self.environment)
    }

    /// The file whose changes matter, if there is one.
    #[must_use]
    pub fn path(&self) -> Option<PathBuf> {
        file_named(&self.flags, &*self.environment)
    }
}

impl fmt::Debug for Reloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloader").field("flags", &self.flags).finish_non_exhaustive()
    }
}

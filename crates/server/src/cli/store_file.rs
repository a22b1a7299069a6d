//! Which store a command means, its password, and how it is opened while no server has it.

use std::path::{Path, PathBuf};

use clap::Args;
use jwtis_store::{OpenError, Store, info, witness_beside};
use zeroize::Zeroizing;

use super::environment;
use super::{Failure, config as configuration, failure, opening, password};
use crate::config::{GivenText, SecretSource, path_in_file, schema};

/// A store at rest, for commands that read and write it themselves.
#[derive(Debug, Args)]
#[command(next_help_heading = "Store")]
pub(crate) struct StoreAtRest {
    #[command(flatten)]
    pub(crate) file: StoreFile,
    #[command(flatten)]
    password: PasswordArgs,
}

impl StoreAtRest {
    /// Whether another process has it open.
    ///
    /// # Errors
    /// When there is no store.
    pub(crate) fn is_in_use(&self) -> Result<bool, Failure> {
        Ok(matches!(info(&self.file.existing()?), Err(OpenError::InUse)))
    }

    /// Opens the store. Nobody is asked for a password in vain: that it is there and free is looked at first.
    ///
    /// # Errors
    /// With exit code 2 for a password, 3 for damage.
    pub(crate) fn open(&self) -> Result<Store, Failure> {
        let path = self.file.existing()?;
        if matches!(info(&path), Err(OpenError::InUse)) {
            return Err(in_use(&path));
        }
        let password = self.password.require(&self.file, &path)?;
        opening::open_store(&path, &self.file.witness(&path)?, &password)
    }
}

pub(crate) fn in_use(path: &Path) -> Failure {
    Failure::refused(format!(
        "the store {} is locked: another process, most likely the server, has it open",
        path.display()
    ))
    .hint("stop the server, run this again, and start the server; or name another store by --dbPath")
}

/// Which store.
#[derive(Debug, Args)]
pub(crate) struct StoreFile {
    /// The store file. Without it the configuration file's `store.path`, else ./data/keys.db.
    #[arg(
        short = 'd',
        long = "dbPath",
        visible_alias = "db-path",
        env = "JWTIS_DB_PATH",
        value_name = "FILE", value_parser = crate::config::path::given
    )]
    path: Option<PathBuf>,
    /// The witness of the store. Without it the configuration file's `store.witness`, else the store's path and `.witness`.
    #[arg(long, env = "JWTIS_WITNESS", value_name = "FILE", value_parser = crate::config::path::given)]
    witness: Option<PathBuf>,
    /// The server's configuration file: its `store.path` and `store.password_file` hold where nothing else is given.
    #[arg(short = 'c', long, env = "JWTIS_CONFIG", value_name = "FILE", value_parser = crate::config::path::given)]
    config: Option<PathBuf>,
}

impl StoreFile {
    /// The store, as the server would find it.
    ///
    /// # Errors
    /// With exit code 2 when the configuration file has faults.
    pub(crate) fn path(&self) -> Result<PathBuf, Failure> {
        match &self.path {
            Some(path) => Ok(path.clone()),
            None => {
                let configured = self.configured("store.path")?;
                Ok(configured.unwrap_or_else(|| schema::default("store.path").into()))
            }
        }
    }

    /// The store, which must be there.
    ///
    /// # Errors
    /// When it is not, or when something else is.
    pub(crate) fn existing(&self) -> Result<PathBuf, Failure> {
        let path = self.path()?;
        if opening::store_exists(&path)? {
            Ok(path)
        } else {
            Err(Failure::from_store(&path, &OpenError::NotFound))
        }
    }

    /// The witness of the store at `path`, as the server would find it.
    ///
    /// # Errors
    /// As [`Self::path`].
    pub(crate) fn witness(&self, path: &Path) -> Result<PathBuf, Failure> {
        match &self.witness {
            Some(witness) => Ok(witness.clone()),
            None => Ok(self.configured("store.witness")?.unwrap_or_else(|| witness_beside(path))),
        }
    }

    /// The configuration file, where one is named.
    pub(crate) fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// A path that the configuration file gives.
    fn configured(&self, name: &str) -> Result<Option<PathBuf>, Failure> {
        let Some(file) = self.config.as_deref() else { return Ok(None) };
        path_in_file(file, name, &environment::environment).map_err(|faults| configuration::failure(&faults))
    }
}

/// Its password: given here, in JWTIS_PSWD, as systemd's credential jwtis-password, or asked for.
#[derive(Debug, Args)]
pub(crate) struct PasswordArgs {
    /// Password of the store. Other users of a machine can read arguments: prefer JWTIS_PSWD or a file.
    #[arg(short = 'p', long = "pswd", value_name = "PASSWORD", allow_hyphen_values = true)]
    pswd: Option<String>,
    /// File whose first line is the password.
    #[arg(long, env = "JWTIS_PSWD_FILE", value_name = "FILE", value_parser = crate::config::path::given)]
    pswd_file: Option<PathBuf>,
}

impl PasswordArgs {
    /// Where the password comes from; `None` where nobody says.
    ///
    /// # Errors
    /// When a variable is not text or the configuration file has faults.
    pub(crate) fn source(&self, store: &StoreFile) -> Result<Option<SecretSource>, Failure> {
        if let Some(text) = &self.pswd {
            failure::warn(
                "other users of this machine can read the password behind -p: prefer JWTIS_PSWD or --pswd-file",
            );
            return Ok(Some(SecretSource::Given(GivenText::new(text.clone(), "--pswd"))));
        }
        if let Some(text) = environment::secret_variable_as_it_is("JWTIS_PSWD")? {
            return Ok(Some(SecretSource::Given(GivenText { text, origin: "JWTIS_PSWD".to_owned() })));
        }
        let file = match &self.pswd_file {
            Some(file) => Some(file.clone()),
            None => store.configured("store.password_file")?,
        };
        Ok(file.map(SecretSource::File))
    }

    /// The password of the file at `path`, which is `store` or a copy of it.
    ///
    /// # Errors
    /// With exit code 2 when there is none.
    pub(crate) fn require(&self, store: &StoreFile, path: &Path) -> Result<Zeroizing<String>, Failure> {
        password::for_existing(self.source(store)?.as_ref(), path)
    }
}

//! Opening a store, and the issuer over it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jwtis_base::Env;
use jwtis_issuer::{Issuer, IssuerSettings};
use jwtis_store::{Password, ReadError, Store, open_redb_beside};

use super::failure::{Failure, disk_hint};
use crate::config::Config;

/// The folder of the store: as private as the store, and on the same disk.
pub(crate) fn store_folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// Whether there is a store at `path`.
///
/// # Errors
/// When there is something that can be no store: a folder, a device, a link to nothing.
pub(crate) fn store_exists(path: &Path) -> Result<bool, Failure> {
    let shown = path.display();
    match fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(true),
        Ok(found) if found.is_dir() => Err(Failure::refused(format!("{shown} is a folder, not a store"))
            .hint(format!("name the file in it, like {}", path.join("keys.db").display()))),
        Ok(_) => Err(Failure::refused(format!("{shown} is no file, so it is no store"))
            .hint("give the path of a file by --dbPath")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::symlink_metadata(path) {
            Ok(_) => Err(Failure::refused(format!("{shown} is a symbolic link to a file that is not there"))
                .hint("bring the file back, or remove the link; nothing was made")),
            Err(_) => Ok(false),
        },
        Err(error) => Err(Failure::refused(format!("{shown} cannot be looked at"))
            .because(&error)
            .hint(disk_hint(&error))),
    }
}

/// What the issuer does by; defaults where its API is switched off.
pub(crate) fn issuer_settings(config: &Config) -> IssuerSettings {
    config.issuer.as_ref().map(|issuer| issuer.settings.clone()).unwrap_or_default()
}

/// Opens an existing store.
///
/// # Errors
/// With exit code 2 for a password, 3 for damage.
pub(crate) fn open_store(path: &Path, witness: &Path, password: &str) -> Result<Store, Failure> {
    open_redb_beside(path, witness, &Password::new(password))
        .map_err(|error| Failure::from_store(path, &error))
}

/// The issuer over a store.
///
/// # Errors
/// When the store cannot be read, or a record in it is damaged.
pub(crate) async fn open_issuer(store: Store, settings: &IssuerSettings) -> Result<Issuer, Failure> {
    Issuer::open(store, Env::system(), settings.clone()).await.map_err(|error| match error {
        ReadError::Damaged { .. } => Failure::damaged("the store is damaged").because(&error),
        ReadError::Unavailable(_) => Failure::refused("the store cannot be read").because(&error),
    })
}

//! The keys of a store that no server has open.

use jwtis_base::Env;
use jwtis_signer::vault::store::{DamagedKey, Listed, StoreVault, StoreVaultError, StoredKey};
use jwtis_store::ReadError;

use super::alias::{looks_secret, refused_argument};
use crate::cli::store_file::StoreAtRest;
use crate::cli::{CliOutcome, Failure, runtime};

/// Does `work` with the keys of a store that no server has open.
pub(super) fn with_vault<T>(
    store: &StoreAtRest,
    work: impl AsyncFnOnce(&StoreVault) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let vault = StoreVault::new(store.open()?, Env::system());
    runtime::runtime()?.block_on(work(&vault))
}

pub(super) async fn list(vault: &StoreVault) -> Result<Listed, Failure> {
    vault.list().await.map_err(|error| failure(&error))
}

/// That no key is damaged.
pub(super) fn whole(damaged: &[DamagedKey]) -> CliOutcome {
    if damaged.is_empty() {
        return Ok(());
    }
    Err(Failure::damaged("not every key of the store can be read; the others are whole")
        .details(damaged.iter().map(ToString::to_string))
        .hint("`jwtis store restore` brings them back from a backup"))
}

/// The key of this hash or alias.
pub(super) async fn find(vault: &StoreVault, name: &str) -> Result<StoredKey, Failure> {
    let named = |key: &StoredKey| {
        (!name.is_empty() && key.alias == name) || key.public_key.hash().to_string() == name
    };
    let Listed { keys, damaged } = list(vault).await?;
    if let Some(key) = keys.into_iter().find(named) {
        return Ok(key);
    }
    if looks_secret(name) {
        return Err(refused_argument());
    }
    whole(&damaged)?;
    Err(Failure::refused(format!("the store has no key {name}")).hint("`jwtis key list` shows its keys"))
}

pub(super) fn failure(error: &StoreVaultError) -> Failure {
    match error {
        StoreVaultError::Exists(_) => {
            Failure::refused(error).hint("`jwtis key list` shows the keys; nothing was changed")
        }
        StoreVaultError::Unknown(_) => Failure::refused(error).hint("`jwtis key list` shows the keys"),
        StoreVaultError::AliasTaken(_) | StoreVaultError::Alias => {
            Failure::refused(error).hint("choose another alias by --alias, or none")
        }
        StoreVaultError::Key(_) => Failure::refused(error)
            .because(source(error))
            .hint("the system gives no randomness: see getrandom(2)"),
        StoreVaultError::Read(ReadError::Damaged { .. }) => Failure::damaged(error).because(source(error)),
        StoreVaultError::Conflict(_) => Failure::refused(error).hint("try again"),
        StoreVaultError::Read(_) | StoreVaultError::Store(_) => {
            Failure::refused(error).because(source(error)).hint("look at the disk and at `jwtis store check`")
        }
        StoreVaultError::OutcomeUnknown(_) => Failure::refused(error).because(source(error)).hint(
            "look at the disk, then run the command again: `jwtis key list` shows whether there is a new key",
        ),
    }
}

pub(super) fn source(error: &StoreVaultError) -> &(dyn std::error::Error + 'static) {
    std::error::Error::source(error).unwrap_or(error)
}

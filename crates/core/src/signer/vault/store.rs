//! Keys sealed in our own store: the vault `store`. They are made in it or brought in once, and never leave it.

use jwtis_store::{BoxFuture, CommitError, ReadError, Store};
use jwtis_tezos::{Curve, PublicKey, PublicKeyHash, SecretKey};

use super::{KeyBackend, VaultError, Verified};
use crate::env::Env;
use crate::signer::pipeline::{Cleared, ClearedProof};

/// The keys of a store.
#[derive(Clone)]
pub struct StoreVault {
    _store: Store,
    _env: Env,
}

/// A key of the store, without its secret half.
#[derive(Clone, Debug)]
pub struct StoredKey {
    /// Its name for people; may be empty.
    pub alias: String,
    /// The public half.
    pub public_key: PublicKey,
    /// When it was made or brought in, in milliseconds since the epoch.
    pub created_at_ms: u64,
}

/// What can go wrong with keys of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreVaultError {
    /// The key is there already.
    #[error("{0} is in the store already")]
    Exists(PublicKeyHash),
    /// It is not there.
    #[error("{0} is not in the store")]
    Unknown(PublicKeyHash),
    /// Another key has this alias.
    #[error("another key has the alias `{0}`")]
    AliasTaken(String),
    /// No randomness, or the library failed.
    #[error("the key cannot be made")]
    Key(#[source] jwtis_tezos::SecretKeyError),
    /// The store cannot be read.
    #[error("the store could not be read")]
    Read(#[from] ReadError),
    /// The store cannot be written.
    #[error("the store could not be written")]
    Commit(#[from] CommitError),
}

impl StoreVault {
    /// The keys of `store`.
    #[must_use]
    pub const fn new(store: Store, env: Env) -> Self {
        Self { _store: store, _env: env }
    }

    /// Makes a key.
    ///
    /// # Errors
    /// [`StoreVaultError`].
    pub async fn generate(&self, _curve: Curve, _alias: &str) -> Result<StoredKey, StoreVaultError> {
        Err(StoreVaultError::AliasTaken(String::new()))
    }

    /// Takes a key in.
    ///
    /// # Errors
    /// [`StoreVaultError`].
    pub async fn import(&self, _key: &SecretKey, _alias: &str) -> Result<StoredKey, StoreVaultError> {
        Err(StoreVaultError::AliasTaken(String::new()))
    }

    /// All keys, by alias and hash.
    ///
    /// # Errors
    /// [`StoreVaultError::Read`].
    pub async fn list(&self) -> Result<Vec<StoredKey>, StoreVaultError> {
        Ok(Vec::new())
    }

    /// Deletes a key for ever.
    ///
    /// # Errors
    /// [`StoreVaultError`].
    pub async fn delete(&self, _key: &PublicKeyHash) -> Result<(), StoreVaultError> {
        Ok(())
    }
}

impl KeyBackend for StoreVault {
    fn kind(&self) -> &'static str {
        "Store"
    }

    fn keys(&self) -> BoxFuture<'_, Result<Vec<PublicKey>, VaultError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn sign<'a>(&'a self, _request: &'a Cleared) -> BoxFuture<'a, Result<Verified, VaultError>> {
        Box::pin(std::future::ready(Err(VaultError::new("Store", "not here yet"))))
    }

    fn prove<'a>(&'a self, _request: &'a ClearedProof) -> BoxFuture<'a, Result<Verified, VaultError>> {
        Box::pin(std::future::ready(Err(VaultError::new("Store", "not here yet"))))
    }
}

//! Holders of keys, and what they may be asked to sign.

pub mod software;
pub mod store;
mod verified;

use std::sync::Arc;

use jwtis_store::BoxFuture;
use jwtis_tezos::PublicKey;

use super::cleared::{Cleared, ClearedProof};

pub use verified::{VaultError, VerifiedSignature};

/// A holder of signing keys.
pub trait KeyBackend: Send + Sync + 'static {
    /// Its kind, as in texts, logs and metrics: `File`, `Mem`, `Store`, …
    fn kind(&self) -> &'static str;

    /// The keys that it holds.
    ///
    /// # Errors
    /// [`VaultError`]; keys of other vaults are still found.
    fn keys(&self) -> BoxFuture<'_, Result<Vec<PublicKey>, VaultError>>;

    /// Signs a request that policy and watermark have cleared.
    ///
    /// # Errors
    /// [`VaultError`].
    fn sign<'a>(&'a self, request: &'a Cleared) -> BoxFuture<'a, Result<VerifiedSignature, VaultError>>;

    /// Proves possession of a tz4 key.
    ///
    /// # Errors
    /// [`VaultError`].
    fn prove<'a>(&'a self, request: &'a ClearedProof)
    -> BoxFuture<'a, Result<VerifiedSignature, VaultError>>;

    /// Whether it can prove possession of tz4 keys.
    fn can_prove(&self) -> bool {
        true
    }

    /// Whether it can work now, for `/healthz`.
    fn ready(&self) -> BoxFuture<'_, bool> {
        Box::pin(std::future::ready(true))
    }
}

/// A vault of the configuration.
#[derive(Clone)]
pub struct Vault {
    /// Its name there.
    pub name: String,
    /// What holds its keys.
    pub backend: Arc<dyn KeyBackend>,
}

//! Holders of keys (§7), and what they may be asked to sign.

mod error;
pub mod software;
pub mod store;
mod verified;

use std::sync::Arc;

use jwtis_store::BoxFuture;
use jwtis_tezos::{Curve, PublicKey, SecretKey};

use super::cleared::{Cleared, ClearedProof};

pub use error::VaultError;
pub use verified::VerifiedSignature;

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

/// Signs with a key of this process: BLS, which takes over a millisecond, on a thread of its own, the others on the spot.
async fn sign_here(
    kind: &'static str,
    key: &Arc<SecretKey>,
    request: &Cleared,
) -> Result<VerifiedSignature, VaultError> {
    if key.curve() != Curve::Bls12381 {
        return VerifiedSignature::sign(kind, key, request);
    }
    let (key, request) = (Arc::clone(key), request.share());
    elsewhere(kind, move || VerifiedSignature::sign(kind, &key, &request)).await
}

/// Proves possession of a key of this process, on a thread of its own.
async fn prove_here(
    kind: &'static str,
    key: &Arc<SecretKey>,
    request: &ClearedProof,
) -> Result<VerifiedSignature, VaultError> {
    let (key, request) = (Arc::clone(key), request.share());
    elsewhere(kind, move || VerifiedSignature::prove(kind, &key, &request)).await
}

async fn elsewhere<T: Send + 'static>(
    kind: &'static str,
    work: impl FnOnce() -> Result<T, VaultError> + Send + 'static,
) -> Result<T, VaultError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(VaultError::new(kind, error)))
}

//! Holders of keys (§7), and what they may be asked to sign.

pub mod software;
pub mod store;

use std::sync::Arc;

use jwtis_store::{BoxError, BoxFuture};
use jwtis_tezos::{PublicKey, SecretKey, Signature};

use super::pipeline::{Cleared, ClearedProof};

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
    fn sign<'a>(&'a self, request: &'a Cleared) -> BoxFuture<'a, Result<Verified, VaultError>>;

    /// Proves possession of a tz4 key.
    ///
    /// # Errors
    /// [`VaultError`].
    fn prove<'a>(&'a self, request: &'a ClearedProof) -> BoxFuture<'a, Result<Verified, VaultError>>;

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

/// A signature that verifies with the key that was asked for.
#[derive(Copy, Clone, Debug)]
pub struct Verified(Signature);

impl Verified {
    /// Signs with a key of this process. [`SecretKey::sign`] verifies what it made.
    ///
    /// # Errors
    /// [`VaultError`] in the words of `kind`.
    pub fn sign(kind: &'static str, key: &SecretKey, request: &Cleared) -> Result<Self, VaultError> {
        let request = request.request();
        key.sign(request.message(), request.version()).map(Self).map_err(|error| VaultError::new(kind, error))
    }

    /// Takes a signature that another program made, if it verifies with `key` and Tezos would take it; a high S of secp256k1 is
    /// lowered first.
    ///
    /// # Errors
    /// [`VaultError`] in the words of `kind`.
    pub fn check(
        kind: &'static str,
        key: &PublicKey,
        request: &Cleared,
        signature: Signature,
    ) -> Result<Self, VaultError> {
        let (signature, request) = (signature.with_low_s(), request.request());
        key.verify_strictly(request.message(), &signature, request.version())
            .map(|()| Self(signature))
            .map_err(|error| VaultError::new(kind, error))
    }

    /// Proves possession of a key of this process.
    ///
    /// # Errors
    /// [`VaultError`] in the words of `kind`.
    pub fn prove(kind: &'static str, key: &SecretKey, _request: &ClearedProof) -> Result<Self, VaultError> {
        key.prove_possession().map(Self).map_err(|error| VaultError::new(kind, error))
    }

    /// The signature.
    #[must_use]
    pub const fn signature(self) -> Signature {
        self.0
    }
}

/// A vault failed. `Display` is `(File): …`, as Signatory prefixes it.
#[derive(Debug, thiserror::Error)]
#[error("({kind}): {source}")]
pub struct VaultError {
    kind: &'static str,
    source: BoxError,
}

impl VaultError {
    /// The vault of this kind failed for this reason, which has no secrets.
    pub fn new(kind: &'static str, source: impl Into<BoxError>) -> Self {
        Self { kind, source: source.into() }
    }
}

/// All vaults, and which of them holds which key.
pub(crate) struct KeyRing {
    _vaults: Vec<Vault>,
}

impl KeyRing {
    pub(crate) const fn new(vaults: Vec<Vault>) -> Self {
        Self { _vaults: vaults }
    }

    pub(crate) fn replace(&self, _vaults: Vec<Vault>) {}
}

//! Keys in the memory of this process: the vaults `file` and `mem`, and how every key of this process signs.

use std::sync::Arc;

use jwtis_store::BoxFuture;
use jwtis_tezos::{Curve, PublicKey, PublicKeyHash, SecretKey};

use super::KeyBackend;
use super::verified::{VaultError, VerifiedSignature};
use crate::cleared::{Cleared, ClearedProof};

/// Keys that were read from where they lie, and opened.
#[derive(Debug)]
pub struct SoftwareVault {
    kind: &'static str,
    keys: Vec<Arc<SecretKey>>,
}

impl SoftwareVault {
    /// A vault of these keys; `kind` is `File` or `Mem`.
    #[must_use]
    pub const fn new(kind: &'static str, keys: Vec<Arc<SecretKey>>) -> Self {
        Self { kind, keys }
    }

    fn key(&self, hash: &PublicKeyHash) -> Result<&Arc<SecretKey>, VaultError> {
        let found = self.keys.iter().find(|key| key.public_key().hash() == *hash);
        found.ok_or_else(|| VaultError::new(self.kind, "the key is not here"))
    }
}

impl KeyBackend for SoftwareVault {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn keys(&self) -> BoxFuture<'_, Result<Vec<PublicKey>, VaultError>> {
        let keys = self.keys.iter().map(|key| key.public_key().clone()).collect();
        Box::pin(std::future::ready(Ok(keys)))
    }

    fn sign<'a>(&'a self, request: &'a Cleared) -> BoxFuture<'a, Result<VerifiedSignature, VaultError>> {
        Box::pin(async move { sign(self.kind, self.key(request.key())?, request).await })
    }

    fn prove<'a>(
        &'a self,
        request: &'a ClearedProof,
    ) -> BoxFuture<'a, Result<VerifiedSignature, VaultError>> {
        Box::pin(async move { prove(self.kind, self.key(request.key())?, request).await })
    }
}

/// Signs with a key of this process: BLS, which takes over a millisecond, on a thread of its own, the others on the spot.
pub(super) async fn sign(
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
pub(super) async fn prove(
    kind: &'static str,
    key: &Arc<SecretKey>,
    request: &ClearedProof,
) -> Result<VerifiedSignature, VaultError> {
    let (key, request) = (Arc::clone(key), ClearedProof::new(*request.key()));
    elsewhere(kind, move || VerifiedSignature::prove(kind, &key, &request)).await
}

async fn elsewhere<T: Send + 'static>(
    kind: &'static str,
    work: impl FnOnce() -> Result<T, VaultError> + Send + 'static,
) -> Result<T, VaultError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(VaultError::new(kind, error)))
}

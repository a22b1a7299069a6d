//! Keys in the memory of this process: the vaults `file` and `mem` (§7).

use std::sync::Arc;

use jwtis_store::BoxFuture;
use jwtis_tezos::{PublicKey, PublicKeyHash, SecretKey};

use super::{KeyBackend, VaultError, VerifiedSignature, prove_here, sign_here};
use crate::cleared::{Cleared, ClearedProof};

/// Keys that somebody has read from where they lie, and opened.
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
        Box::pin(async move { sign_here(self.kind, self.key(request.key())?, request).await })
    }

    fn prove<'a>(
        &'a self,
        request: &'a ClearedProof,
    ) -> BoxFuture<'a, Result<VerifiedSignature, VaultError>> {
        Box::pin(async move { prove_here(self.kind, self.key(request.key())?, request).await })
    }
}

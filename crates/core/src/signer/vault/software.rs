//! Keys in the memory of this process: the vaults `file` and `mem` (§7).

use std::sync::Arc;

use jwtis_store::BoxFuture;
use jwtis_tezos::{PublicKey, SecretKey};

use super::{KeyBackend, VaultError, Verified};
use crate::signer::pipeline::{Cleared, ClearedProof};

/// Keys that somebody has read from where they lie, and opened.
#[derive(Debug)]
pub struct SoftwareVault {
    kind: &'static str,
    _keys: Vec<Arc<SecretKey>>,
}

impl SoftwareVault {
    /// A vault of these keys; `kind` is `File` or `Mem`.
    #[must_use]
    pub const fn new(kind: &'static str, keys: Vec<Arc<SecretKey>>) -> Self {
        Self { kind, _keys: keys }
    }
}

impl KeyBackend for SoftwareVault {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn keys(&self) -> BoxFuture<'_, Result<Vec<PublicKey>, VaultError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn sign<'a>(&'a self, _request: &'a Cleared) -> BoxFuture<'a, Result<Verified, VaultError>> {
        Box::pin(std::future::ready(Err(VaultError::new(self.kind, "not here yet"))))
    }

    fn prove<'a>(&'a self, _request: &'a ClearedProof) -> BoxFuture<'a, Result<Verified, VaultError>> {
        Box::pin(std::future::ready(Err(VaultError::new(self.kind, "not here yet"))))
    }
}

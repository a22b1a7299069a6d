//! The proofs that a request may be signed. A vault takes nothing else.

use std::sync::Arc;

use jwtis_tezos::{PublicKeyHash, SignRequest};

/// A request that the policy allows and whose watermark, and whose share of the limits, are durable. Only the pipeline makes one.
#[derive(Debug)]
pub struct Cleared {
    key: PublicKeyHash,
    request: Arc<SignRequest>,
}

impl Cleared {
    pub(crate) fn new(key: PublicKeyHash, request: SignRequest) -> Self {
        Self { key, request: Arc::new(request) }
    }

    /// The key to sign with.
    #[must_use]
    pub const fn key(&self) -> &PublicKeyHash {
        &self.key
    }

    /// What to sign.
    #[must_use]
    pub fn request(&self) -> &SignRequest {
        &self.request
    }

    /// The same proof once more, for another thread.
    pub(crate) fn share(&self) -> Self {
        Self { key: self.key, request: Arc::clone(&self.request) }
    }

    /// Whether it is the same proof.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.request, &other.request)
    }
}

/// A proof of possession that the policy allows. Only the pipeline makes one.
#[derive(Debug)]
pub struct ClearedProof(PublicKeyHash);

impl ClearedProof {
    pub(crate) const fn new(key: PublicKeyHash) -> Self {
        Self(key)
    }

    /// The key to prove.
    #[must_use]
    pub const fn key(&self) -> &PublicKeyHash {
        &self.0
    }
}

//! The proofs that a request may be signed. A vault takes nothing else.

use std::sync::Arc;

use jwtis_tezos::{PublicKeyHash, SignRequest};

/// A request that the policy allows and whose watermark, and whose share of the limits, are durable. Only the pipeline makes one.
#[derive(Debug)]
pub struct Cleared(Arc<Clear>);

#[derive(Debug)]
struct Clear {
    key: PublicKeyHash,
    request: SignRequest,
}

impl Cleared {
    pub(crate) fn new(key: PublicKeyHash, request: SignRequest) -> Self {
        Self(Arc::new(Clear { key, request }))
    }

    /// The key to sign with.
    #[must_use]
    pub fn key(&self) -> &PublicKeyHash {
        &self.0.key
    }

    /// What to sign.
    #[must_use]
    pub fn request(&self) -> &SignRequest {
        &self.0.request
    }

    /// The same proof once more, for another thread.
    pub(crate) fn share(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    /// Whether it is the same proof.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A proof of possession that the policy allows. Only the pipeline makes one.
#[derive(Debug)]
pub struct ClearedProof {
    key: PublicKeyHash,
}

impl ClearedProof {
    pub(crate) const fn new(key: PublicKeyHash) -> Self {
        Self { key }
    }

    /// The key to prove.
    #[must_use]
    pub const fn key(&self) -> &PublicKeyHash {
        &self.key
    }

    /// The same proof once more, for another thread.
    pub(crate) const fn share(&self) -> Self {
        Self { key: self.key }
    }
}

//! From a request to a signature: policy → allowed → cleared → signed (§4.2).

use jwtis_tezos::{PublicKey, PublicKeyHash, SignRequest};

use super::{Decided, ProofCommand, SignCommand, SignError, Signed, Signer};

/// A request that the policy allows and whose mark, and whose share of the limits, are durable. Only this module makes one.
#[derive(Debug)]
pub struct Cleared {
    key: PublicKeyHash,
    request: SignRequest,
}

impl Cleared {
    /// The key to sign with.
    #[must_use]
    pub const fn key(&self) -> &PublicKeyHash {
        &self.key
    }

    /// What to sign.
    #[must_use]
    pub const fn request(&self) -> &SignRequest {
        &self.request
    }
}

/// A proof of possession that the policy allows. Only this module makes one.
#[derive(Debug)]
pub struct ClearedProof {
    key: PublicKeyHash,
}

impl ClearedProof {
    /// The key to prove.
    #[must_use]
    pub const fn key(&self) -> &PublicKeyHash {
        &self.key
    }
}

impl Signer {
    /// Signs a message, or says why not.
    pub async fn sign(&self, _command: SignCommand<'_>) -> Decided<Signed> {
        Decided { outcome: Err(SignError::NotFound), about: super::About::default() }
    }

    /// Proves possession of a tz4 key, or says why not.
    pub async fn prove(&self, _command: ProofCommand) -> Decided<Signed> {
        Decided { outcome: Err(SignError::NotFound), about: super::About::default() }
    }

    /// The public key of a hash, of any vault; of listed keys only where the rules say so (§1.5).
    ///
    /// # Errors
    /// [`SignError::NotFound`], or [`SignError::Vault`] where it is nowhere and a vault cannot be asked.
    pub async fn public_key(&self, _key: &PublicKeyHash) -> Result<PublicKey, SignError> {
        Err(SignError::NotFound)
    }

    /// The listed keys that some vault holds; `None` where the rules do not tell.
    pub async fn known_keys(&self) -> Option<Vec<PublicKeyHash>> {
        None
    }

    /// Whether all vaults can work, for `/healthz`.
    pub async fn ready(&self) -> bool {
        true
    }
}

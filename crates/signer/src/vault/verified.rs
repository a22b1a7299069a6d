//! The proof that a signature is one: of the very message that was cleared, by the very key that was asked for.

use std::sync::Arc;

use jwtis_store::BoxError;
use jwtis_tezos::{PublicKey, PublicKeyHash, SecretKey, Signature};

use crate::cleared::{Cleared, ClearedProof};

/// A vault failed. `Display` is `(File): …`, as Signatory prefixes it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("({kind}): {source}")]
pub struct VaultError {
    kind: &'static str,
    source: Arc<dyn std::error::Error + Send + Sync>,
}

impl VaultError {
    /// The vault of this kind failed for this reason, which has no secrets.
    pub fn new(kind: &'static str, source: impl Into<BoxError>) -> Self {
        Self { kind, source: Arc::from(source.into()) }
    }
}

/// A signature that verifies with the key that was asked for. It answers one request, and no other.
#[derive(Debug)]
pub struct VerifiedSignature {
    signature: Signature,
    of: Of,
}

#[derive(Debug)]
enum Of {
    Request(Cleared),
    Proof(PublicKeyHash),
}

impl VerifiedSignature {
    /// Signs with a key of this process. [`SecretKey::sign`] verifies what it made.
    ///
    /// # Errors
    /// [`VaultError`] in the words of `kind`.
    pub fn sign(kind: &'static str, key: &SecretKey, request: &Cleared) -> Result<Self, VaultError> {
        same_key(kind, key.public_key(), request.key())?;
        let asked = request.request();
        let signature =
            key.sign(asked.message(), asked.version()).map_err(|error| VaultError::new(kind, error))?;
        Ok(Self { signature, of: Of::Request(request.share()) })
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
        same_key(kind, key, request.key())?;
        let (signature, asked) = (of_curve(signature, key).with_low_s(), request.request());
        key.verify_strictly(asked.message(), &signature, asked.version())
            .map_err(|error| VaultError::new(kind, error))?;
        Ok(Self { signature, of: Of::Request(request.share()) })
    }

    /// Proves possession of a key of this process.
    ///
    /// # Errors
    /// [`VaultError`] in the words of `kind`.
    pub fn prove(kind: &'static str, key: &SecretKey, request: &ClearedProof) -> Result<Self, VaultError> {
        same_key(kind, key.public_key(), request.key())?;
        let signature = key.prove_possession().map_err(|error| VaultError::new(kind, error))?;
        Ok(Self { signature, of: Of::Proof(*request.key()) })
    }

    /// The signature, if it answers this request.
    ///
    /// # Errors
    /// [`VaultError`] in the words of `kind`: a vault that mixes up its answers is not believed.
    pub(crate) fn answer(self, kind: &'static str, request: &Cleared) -> Result<Signature, VaultError> {
        match self.of {
            Of::Request(of) if of.is_same(request) => Ok(self.signature),
            Of::Request(_) | Of::Proof(_) => Err(VaultError::new(kind, MIXED_UP)),
        }
    }

    /// As [`Self::answer`], of a proof.
    pub(crate) fn proof(self, kind: &'static str, request: &ClearedProof) -> Result<Signature, VaultError> {
        match self.of {
            Of::Proof(key) if key == *request.key() => Ok(self.signature),
            Of::Request(_) | Of::Proof(_) => Err(VaultError::new(kind, MIXED_UP)),
        }
    }
}

const MIXED_UP: &str = "the signature answers another request and was withheld";

fn same_key(kind: &'static str, key: &PublicKey, asked: &PublicKeyHash) -> Result<(), VaultError> {
    if key.hash() == *asked {
        Ok(())
    } else {
        Err(VaultError::new(kind, "another key signed than was asked for"))
    }
}

/// A generic signature is one of the key's curve: what leaves names its curve.
fn of_curve(signature: Signature, key: &PublicKey) -> Signature {
    match signature {
        Signature::Generic(bytes) => Signature::from_bytes(key.curve(), &bytes).unwrap_or(signature),
        Signature::Ed25519(_) | Signature::Secp256k1(_) | Signature::P256(_) | Signature::Bls12381(_) => {
            signature
        }
    }
}

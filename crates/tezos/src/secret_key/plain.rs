//! A secret key in the clear, ready to sign.

use std::fmt;

use zeroize::Zeroizing;

use super::error::SecretKeyError;
use super::pair::{Pair, SECRET_BYTES};
use crate::{
    base58check,
    key::{Curve, PublicKey},
    signature::{KeyNotUsed, Signature},
    version::SigningVersion,
};

/// A secret key of any curve, ready to sign.
///
/// It is not `Clone` and cannot be printed; share it in an [`Arc`](std::sync::Arc). It is wiped when it is dropped.
pub struct SecretKey {
    pub(super) pair: Pair,
    public: PublicKey,
}

impl SecretKey {
    /// Makes a new key from the system's randomness.
    ///
    /// # Errors
    /// [`SecretKeyError::Library`] when there is no randomness.
    pub fn generate(curve: Curve) -> Result<Self, SecretKeyError> {
        let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
        loop {
            fill_random(bytes.as_mut_slice())?;
            // Uniform below the order: a number that is zero or too large is drawn again. That happens to every second one
            // for BLS and to none in practice for the others.
            match Self::from_bytes(curve, bytes.as_slice()) {
                Err(SecretKeyError::Scalar(_)) => {}
                made => return made,
            }
        }
    }

    /// Reads the bytes of a key: an Ed25519 seed, a big-endian scalar, or for BLS a little-endian one.
    pub(crate) fn from_bytes(curve: Curve, bytes: &[u8]) -> Result<Self, SecretKeyError> {
        let pair = Pair::parse(curve, bytes)?;
        let public = pair.public_key()?;
        Ok(Self { pair, public })
    }

    /// The key in the clear: `edsk…` (seed), `spsk…`, `p2sk…` or `BLsk…`. The holder of this text has the key.
    ///
    /// # Errors
    /// [`SecretKeyError::Library`].
    pub fn danger_to_base58(&self) -> Result<Zeroizing<String>, SecretKeyError> {
        let secret = self.pair.secret_bytes()?;
        Ok(base58check::encode_secret(self.curve().prefixes().secret, secret.as_slice()))
    }

    /// The public half.
    pub const fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The curve.
    pub const fn curve(&self) -> Curve {
        self.public.curve()
    }

    /// Signs a message, magic byte included. The same bytes get the same signature: Ed25519 and BLS by nature,
    /// secp256k1 and P-256 by RFC 6979 with HMAC-SHA-256; both with low S, which Octez demands of the first.
    ///
    /// The signature has been verified when it is returned.
    ///
    /// # Errors
    /// [`KeyNotUsed::Version0`] for a tz4 key and version 0; [`KeyNotUsed::Faulty`] if the signature does not verify.
    pub fn sign(&self, message: &[u8], version: SigningVersion) -> Result<Signature, KeyNotUsed> {
        let signature = self.pair.sign(&self.public, message, version)?;
        let verified = self.public.verify_strictly(message, &signature, version);
        verified.map_err(|_| KeyNotUsed::Faulty)?;
        Ok(signature)
    }

    /// Proves that this key's secret half is known. Only tz4 keys can.
    ///
    /// # Errors
    /// [`KeyNotUsed::NotBls`]; [`KeyNotUsed::Faulty`] if the proof does not verify.
    pub fn prove_possession(&self) -> Result<Signature, KeyNotUsed> {
        let proof = self.pair.prove_possession(&self.public)?;
        self.public.verify_possession(&proof).map_err(|_| KeyNotUsed::Faulty)?;
        Ok(proof)
    }
}

/// Shows the name of the key and nothing of its secret.
impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey").field("pkh", &self.public.hash()).finish_non_exhaustive()
    }
}

/// The one place where this crate draws randomness: new keys and the salts of encrypted ones.
#[expect(clippy::disallowed_methods, reason = "cryptographic randomness is not an Entropy's to give")]
pub(super) fn fill_random(bytes: &mut [u8]) -> Result<(), SecretKeyError> {
    aws_lc_rs::rand::fill(bytes).map_err(|_| SecretKeyError::Library)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a flipped bit in memory would leave it: the secret of one key beside the public half of another.
    fn faulty(curve: Curve) -> SecretKey {
        let (key, other) = (SecretKey::generate(curve).unwrap(), SecretKey::generate(curve).unwrap());
        SecretKey { pair: key.pair, public: other.public }
    }

    #[test]
    fn a_signature_that_does_not_verify_is_withheld() {
        for curve in Curve::ALL {
            let refused = faulty(curve).sign(b"\x11", SigningVersion::LATEST);
            assert_eq!(refused, Err(KeyNotUsed::Faulty), "{curve:?}");
        }
        assert_eq!(faulty(Curve::Bls12381).sign(b"\x11", SigningVersion::V1), Err(KeyNotUsed::Faulty));
    }

    #[test]
    fn a_proof_that_does_not_verify_is_withheld() {
        assert_eq!(faulty(Curve::Bls12381).prove_possession(), Err(KeyNotUsed::Faulty));
    }
}

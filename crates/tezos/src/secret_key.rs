//! Secret keys: read, made, written, and used to sign (§6.1 to §6.3).

mod encrypted;
mod pair;
mod stored;

use std::{fmt, str::FromStr};

use zeroize::Zeroizing;

use self::pair::Pair;
pub use self::{
    encrypted::EncryptedSecretKey,
    stored::{
        ElsewhereKey, NamedSecretKey, SecretKeys, StoredSecretKey, StoredSecretKeyError, parse_secret_key_of,
        parse_secret_keys,
    },
};
use crate::{
    base58check::{self, Base58Error, Prefix},
    key::{Curve, PublicKey},
    signature::{SignError, Signature},
    version::SigningVersion,
};

/// Why a text is not a secret key. No message repeats a character of the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretKeyError {
    /// Not in the base58 alphabet.
    #[error("not a secret key: unexpected character at position {position}")]
    Character {
        /// Bytes before the character.
        position: usize,
    },
    /// Not base58check of Tezos.
    #[error(transparent)]
    Base58(Base58Error),
    /// base58check of another kind.
    #[error("not a secret key: the text is a {}", found.what())]
    NotASecretKey {
        /// What the text is.
        found: Prefix,
    },
    /// `<scheme>:…` with a scheme that says that the secret is elsewhere, or that is not known.
    #[error("not a secret key: the scheme before the colon is neither `unencrypted` nor `encrypted`")]
    Scheme,
    /// A password is needed: see [`StoredSecretKey`].
    #[error("the secret key is encrypted: it needs its password")]
    Encrypted,
    /// There is nothing to decrypt.
    #[error("the secret key is not encrypted")]
    NotEncrypted,
    /// The password is not the one the key was encrypted with, or the text was tampered with.
    #[error("wrong password")]
    Password,
    /// Zero, or not below the order of the curve.
    #[error("not a secret key of {}: the number is zero or too large", curve.name())]
    Scalar {
        /// The curve.
        curve: Curve,
    },
    /// The library failed.
    #[error("the cryptographic library failed")]
    Library,
}

impl From<Base58Error> for SecretKeyError {
    fn from(error: Base58Error) -> Self {
        match error {
            Base58Error::Character { position, .. } => Self::Character { position },
            other => Self::Base58(other),
        }
    }
}

/// A secret key of any curve, ready to sign.
///
/// It is not `Clone` and cannot be printed; share it in an [`Arc`](std::sync::Arc). It is wiped when it is dropped.
pub struct SecretKey {
    pair: Pair,
    public: PublicKey,
}

impl SecretKey {
    /// Makes a new key from the system's randomness.
    ///
    /// # Errors
    /// [`SecretKeyError::Library`] when there is no randomness.
    pub fn generate(curve: Curve) -> Result<Self, SecretKeyError> {
        let mut bytes = Zeroizing::new([0; pair::SECRET_BYTES]);
        loop {
            fill_random(bytes.as_mut_slice())?;
            // Uniform below the order: a number that is zero or too large is drawn again. That happens to every second one
            // for BLS and to none in practice for the others.
            match Self::from_bytes(curve, bytes.as_slice()) {
                Err(SecretKeyError::Scalar { .. }) => {}
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

    /// Reads an encrypted key (`edesk…`, `spesk…`, `p2esk…`, `BLesk…`) with its password (§6.2). Takes some
    /// 20 milliseconds: not on a thread that serves others.
    ///
    /// # Errors
    /// [`SecretKeyError`]; [`SecretKeyError::Password`] when the password is wrong.
    pub fn from_encrypted(text: &str, password: &[u8]) -> Result<Self, SecretKeyError> {
        match text.parse()? {
            StoredSecretKey::Encrypted(key) => key.decrypt(password),
            StoredSecretKey::Plain(_) => Err(SecretKeyError::NotEncrypted),
        }
    }

    /// Writes the key encrypted with a password, with a new salt (§6.2). As slow as [`SecretKey::from_encrypted`].
    ///
    /// # Errors
    /// [`SecretKeyError::Library`].
    pub fn encrypt(&self, password: &[u8]) -> Result<EncryptedSecretKey, SecretKeyError> {
        let mut salt = [0; encrypted::SALT_BYTES];
        fill_random(&mut salt)?;
        EncryptedSecretKey::seal(self.curve(), &*self.pair.secret_bytes()?, salt, password)
    }

    /// The key in the clear: `edsk…` (seed), `spsk…`, `p2sk…` or `BLsk…`. Whoever has this text has the key.
    ///
    /// # Errors
    /// [`SecretKeyError::Library`].
    pub fn danger_to_base58(&self) -> Result<Zeroizing<String>, SecretKeyError> {
        let secret = self.pair.secret_bytes()?;
        Ok(base58check::encode_secret(self.curve().prefixes().secret, secret.as_slice()))
    }

    /// The public half.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The curve.
    #[must_use]
    pub const fn curve(&self) -> Curve {
        self.public.curve()
    }

    /// Signs a message (§6.3), magic byte included. The same bytes get the same signature: Ed25519 and BLS by nature,
    /// secp256k1 and P-256 by RFC 6979 with HMAC-SHA-256; both with low S, which Octez demands of the first.
    ///
    /// The signature has been verified when it is returned.
    ///
    /// # Errors
    /// [`SignError::Version0`] for a tz4 key and version 0; [`SignError::Faulty`] if the signature does not verify.
    pub fn sign(&self, message: &[u8], version: SigningVersion) -> Result<Signature, SignError> {
        let signature = self.pair.sign(&self.public, message, version)?;
        let verified = self.public.verify_strictly(message, &signature, version);
        verified.map_err(|_| SignError::Faulty)?;
        Ok(signature)
    }

    /// Proves that this key's secret half is known (§1.7). Only tz4 keys can.
    ///
    /// # Errors
    /// [`SignError::NotBls`]; [`SignError::Faulty`] if the proof does not verify.
    pub fn prove_possession(&self) -> Result<Signature, SignError> {
        let proof = self.pair.prove_possession(&self.public)?;
        self.public.verify_possession(&proof).map_err(|_| SignError::Faulty)?;
        Ok(proof)
    }
}

/// Reads a key in the clear, `edsk…` in either form.
impl FromStr for SecretKey {
    type Err = SecretKeyError;

    fn from_str(text: &str) -> Result<Self, SecretKeyError> {
        match text.parse()? {
            StoredSecretKey::Plain(key) => Ok(*key),
            StoredSecretKey::Encrypted(_) => Err(SecretKeyError::Encrypted),
        }
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
fn fill_random(bytes: &mut [u8]) -> Result<(), SecretKeyError> {
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
            assert_eq!(refused, Err(SignError::Faulty), "{curve:?}");
        }
        assert_eq!(faulty(Curve::Bls12381).sign(b"\x11", SigningVersion::V1), Err(SignError::Faulty));
    }

    #[test]
    fn a_proof_that_does_not_verify_is_withheld() {
        assert_eq!(faulty(Curve::Bls12381).prove_possession(), Err(SignError::Faulty));
    }
}

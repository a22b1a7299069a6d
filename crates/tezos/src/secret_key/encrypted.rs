//! Secret keys under a password, as octez-client writes them: salt and NaCl secretbox.

use std::{fmt, num::NonZeroU32};

use aws_lc_rs::pbkdf2::{self, PBKDF2_HMAC_SHA512};
use crypto_secretbox::{AeadInPlace as _, KeyInit as _, XSalsa20Poly1305, aead::generic_array::GenericArray};
use zeroize::Zeroizing;

use super::error::SecretKeyError;
use super::pair::SECRET_BYTES;
use super::plain::{SecretKey, fill_random};
use crate::{base58check, key::Curve};

/// Bytes of salt in front of the box.
const SALT_BYTES: usize = 8;

const TAG_BYTES: usize = 16;

/// Octez's number. Every text has its own salt, so the nonce of the box can be zero.
const ITERATIONS: NonZeroU32 = NonZeroU32::new(32768).unwrap();

/// An `edesk…`, `spesk…`, `p2esk…` or `BLesk…`. To know its public key takes the password.
#[derive(Clone, PartialEq, Eq)]
pub struct EncryptedSecretKey {
    curve: Curve,
    salt: [u8; SALT_BYTES],
    tag: [u8; TAG_BYTES],
    sealed: [u8; SECRET_BYTES],
}

impl SecretKey {
    /// Writes the key encrypted with a password, with a new salt. As slow as [`SecretKey::from_encrypted`].
    ///
    /// # Errors
    /// [`SecretKeyError::Library`].
    pub fn encrypt(&self, password: &[u8]) -> Result<EncryptedSecretKey, SecretKeyError> {
        let mut salt = [0; SALT_BYTES];
        fill_random(&mut salt)?;
        EncryptedSecretKey::seal(self.curve(), &*self.pair.secret_bytes()?, salt, password)
    }
}

impl EncryptedSecretKey {
    /// The curve, which is no secret.
    pub const fn curve(&self) -> Curve {
        self.curve
    }

    /// Opens the box. Takes some 20 milliseconds: not on a thread that serves others.
    ///
    /// # Errors
    /// [`SecretKeyError::Password`], and [`SecretKeyError::Scalar`] if what was sealed is no key.
    pub fn decrypt(&self, password: &[u8]) -> Result<SecretKey, SecretKeyError> {
        let mut secret = Zeroizing::new(self.sealed);
        cipher(password, &self.salt)
            .decrypt_in_place_detached(&GenericArray::default(), &[], secret.as_mut_slice(), &self.tag.into())
            .map_err(|_| SecretKeyError::Password)?;
        SecretKey::from_bytes(self.curve, secret.as_slice())
    }

    fn seal(
        curve: Curve,
        secret: &[u8; SECRET_BYTES],
        salt: [u8; SALT_BYTES],
        password: &[u8],
    ) -> Result<Self, SecretKeyError> {
        let mut sealed = Zeroizing::new(*secret);
        let tag = cipher(password, &salt)
            .encrypt_in_place_detached(&GenericArray::default(), &[], sealed.as_mut_slice())
            .map_err(|_| SecretKeyError::Library)?;
        Ok(Self { curve, salt, tag: tag.into(), sealed: *sealed })
    }

    /// Takes the payload of a text apart.
    pub(super) fn from_payload(curve: Curve, payload: &[u8]) -> Option<Self> {
        let (&salt, boxed) = payload.split_first_chunk()?;
        let (&tag, sealed) = boxed.split_first_chunk()?;
        Some(Self { curve, salt, tag, sealed: sealed.try_into().ok()? })
    }

    /// The text. A thief can guess the password offline, so it must be kept like a key.
    pub fn to_base58(&self) -> String {
        let payload = [self.salt.as_slice(), &self.tag, &self.sealed].concat();
        base58check::encode(self.curve.prefixes().encrypted, &payload)
    }
}

impl fmt::Debug for EncryptedSecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptedSecretKey").field("curve", &self.curve).finish_non_exhaustive()
    }
}

fn cipher(password: &[u8], salt: &[u8; SALT_BYTES]) -> XSalsa20Poly1305 {
    let mut key = Zeroizing::new([0; 32]);
    pbkdf2::derive(PBKDF2_HMAC_SHA512, ITERATIONS, salt, password, key.as_mut_slice());
    XSalsa20Poly1305::new(GenericArray::from_slice(key.as_slice()))
}

//! HS256, RFC 7518 §3.2, for tokens that one program makes and the same program reads.

use std::fmt;

use aws_lc_rs::hmac;

use super::{
    SignError, Unverified, Verified, VerifyError, append_signature, check_algorithm, check_length,
    signing_input,
};
use crate::{
    header::{self, ProtectedHeader},
    jwk::KeyError,
};

const ALG: &str = "HS256";
/// RFC 7518 §3.2: the key is at least as long as the digest.
const MIN_KEY_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 32;

/// A secret that both signs and verifies: a program that can check these tokens can make them. No key pair has this algorithm.
pub struct HmacKey {
    key: hmac::Key,
    header_start: String,
}

impl HmacKey {
    /// A key from at least 32 random bytes. A password is not random.
    ///
    /// # Errors
    /// [`KeyError::HmacKeyTooShort`].
    pub fn from_bytes(secret: &[u8]) -> Result<Self, KeyError> {
        if secret.len() < MIN_KEY_BYTES {
            return Err(KeyError::HmacKeyTooShort(MIN_KEY_BYTES));
        }
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, secret), header_start: header::start(ALG, None) })
    }

    /// Compact JWS, RFC 7515 §7.1. The header has no `kid`.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn sign(&self, header: &ProtectedHeader<'_>, payload: &[u8]) -> Result<String, SignError> {
        let token = signing_input(&self.header_start, header, payload, SIGNATURE_BYTES)?;
        let tag = hmac::sign(&self.key, token.as_bytes());
        Ok(append_signature(token, tag.as_ref()))
    }

    /// Checks that this key made the token; the comparison takes constant time.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub fn verify(&self, token: &Unverified<'_>) -> Result<Verified, VerifyError> {
        check_algorithm(token, ALG)?;
        self.check_tag(token.signing_input(), token.signature())?;
        Ok(token.to_verified())
    }

    pub(crate) fn check_tag(&self, message: &[u8], tag: &[u8]) -> Result<(), VerifyError> {
        check_length(tag, SIGNATURE_BYTES)?;
        hmac::verify(&self.key, message, tag).map_err(|_| VerifyError::Signature)
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HmacKey").field("alg", &ALG).finish_non_exhaustive()
    }
}

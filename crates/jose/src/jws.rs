//! Signed tokens, RFC 7515, in the compact serialisation.
//!
//! [`Unverified::parse`] looks at the form only. [`VerifyingKey::verify`] turns it into [`Verified`]. Only the payload of that type may be
//! believed, and there is no other way to make one.
//!
//! ```
//! use jwtis_jose::{ProtectedHeader, SignatureAlgorithm, SigningKey, jws::Unverified};
//!
//! let key = SigningKey::generate(SignatureAlgorithm::Es256, 256)?;
//! let token = key.sign(&ProtectedHeader::JWT, br#"{"sub":"alice"}"#)?;
//!
//! let verified = key.verifying_key().verify(&Unverified::parse(&token)?)?;
//! assert_eq!(verified.payload(), br#"{"sub":"alice"}"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod hmac;
pub mod key;

use std::fmt;

use aws_lc_rs::error::Unspecified;

pub use self::{
    hmac::HmacKey,
    key::{SigningKey, VerifyingKey},
};
pub use crate::compact::{MAX_TOKEN_BYTES, ParseError};
use crate::{
    base64url, compact,
    header::{self, Header, ProtectedHeader},
};

/// A well-formed token that nobody has vouched for. Its `Debug` shows the header only, since logs are read by others.
#[derive(Clone)]
pub struct Unverified<'a> {
    /// Header, dot, payload: what the signature covers, RFC 7515 §5.2 step 8.
    signing_input: &'a str,
    header: Header,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Unverified<'a> {
    /// Reads a compact JWS, RFC 7515 §5.2 steps 1 to 7.
    ///
    /// # Errors
    /// [`ParseError`] says what is wrong with the form.
    pub fn parse(token: &'a str) -> Result<Self, ParseError> {
        let [header, payload, signature] = compact::split(token)?;
        let parsed = Header::parse(&compact::decode("header", header)?)?;
        if parsed.alg() == "none" {
            return Err(ParseError::Unsecured);
        }
        if parsed.enc().is_some() {
            return Err(ParseError::EncInSignedToken);
        }
        let signed = header.len().saturating_add(1).saturating_add(payload.len());
        Ok(Self {
            signing_input: token.get(..signed).unwrap_or_default(),
            header: parsed,
            payload: compact::decode("payload", payload)?,
            signature: compact::decode("signature", signature)?,
        })
    }

    /// The header, as the sender wrote it: enough to select one of your own keys by `kid`.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The payload before verification, for diagnostics. **Anybody can have written it.**
    pub fn danger_unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    pub(crate) fn signing_input(&self) -> &[u8] {
        self.signing_input.as_bytes()
    }

    pub(crate) fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Only after the signature has been checked.
    pub(crate) fn to_verified(&self) -> Verified {
        Verified { header: self.header.clone(), payload: self.payload.clone() }
    }
}

/// A token whose signature is right. Its `Debug` shows the header only.
#[derive(Clone, PartialEq)]
pub struct Verified {
    header: Header,
    payload: Vec<u8>,
}

impl Verified {
    /// The header that was signed.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The payload that was signed.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }
}

impl fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unverified").field("header", &self.header).finish_non_exhaustive()
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified").field("header", &self.header).finish_non_exhaustive()
    }
}

/// Why a token could not be signed.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The token would be longer than anybody reads.
    #[error("the token would be longer than {0} bytes")]
    TooLong(usize),
    /// AWS-LC failed, for want of memory or of randomness.
    #[error("the cryptographic library failed to sign")]
    Library(#[from] Unspecified),
}

/// Why a token is not believed.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The token names another algorithm than the one that the key has (RFC 8725 §3.1).
    #[error("the token says alg {0:?}, the key is for {1} only")]
    Algorithm(String, &'static str),
    /// A signature of this algorithm and key always has the same length (RFC 7518 §3.3, §3.4; RFC 8037 §3.1).
    #[error("a signature by this key has {expected} bytes, this one has {found}")]
    SignatureLength {
        /// Bytes.
        expected: usize,
        /// Bytes.
        found: usize,
    },
    /// Another key made the signature, or header or payload were changed.
    #[error("the signature does not belong to this token and key")]
    Signature,
}

/// The key decides the algorithm, RFC 8725 §3.1.
pub(crate) fn check_algorithm(token: &Unverified<'_>, alg: &'static str) -> Result<(), VerifyError> {
    if token.header().alg() == alg {
        return Ok(());
    }
    let token = token.header().alg().chars().take(40).collect();
    Err(VerifyError::Algorithm(token, alg))
}

pub(crate) fn check_length(signature: &[u8], expected: usize) -> Result<(), VerifyError> {
    let found = signature.len();
    if found == expected { Ok(()) } else { Err(VerifyError::SignatureLength { expected, found }) }
}

/// Header, dot, payload, RFC 7515 §5.1 steps 2 to 5, with room for the signature: the token's only allocation.
pub(crate) fn signing_input(
    header_start: &str,
    header: &ProtectedHeader<'_>,
    payload: &[u8],
    signature_len: usize,
) -> Result<String, SignError> {
    let json = header::complete(header_start, header);
    let capacity = [json.len(), payload.len(), signature_len]
        .into_iter()
        .fold(2_usize, |sum, part| sum.saturating_add(base64url::encoded_len(part.min(MAX_TOKEN_BYTES))));
    if capacity > MAX_TOKEN_BYTES {
        return Err(SignError::TooLong(MAX_TOKEN_BYTES));
    }
    let mut token = String::with_capacity(capacity);
    base64url::encode_append(json.as_bytes(), &mut token);
    token.push('.');
    base64url::encode_append(payload, &mut token);
    Ok(token)
}

pub(crate) fn append_signature(mut token: String, signature: &[u8]) -> String {
    token.push('.');
    base64url::encode_append(signature, &mut token);
    token
}

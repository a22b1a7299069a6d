//! JSON Web Tokens, RFC 7519: a set of claims, and signed tokens inside of encrypted ones (§5.2).

mod claims;
pub mod validation;

use zeroize::Zeroizing;

pub use self::{
    claims::{ClaimsError, ClaimsSet},
    validation::{Validation, ValidationError},
};
use crate::{
    header::{ProtectedHeader, is_type},
    jwa::ContentEncryption,
    jwe::{DecryptError, DecryptionKey, EncryptError, EncryptionKey, Undecrypted},
    jws::{SignError, SigningKey},
};

/// Signs claims and encrypts the signed token, RFC 7519 §5.2 and §7.1. The outer header says `typ: JWT` and `cty: JWT`.
///
/// Give the inner token a type of its own when more than one kind of token is made with these keys (RFC 8725 §3.11).
///
/// # Errors
/// [`NestError`].
pub fn nest(
    signing: &SigningKey,
    inner: &ProtectedHeader<'_>,
    encryption: &EncryptionKey,
    enc: ContentEncryption,
    claims: &[u8],
) -> Result<String, NestError> {
    let signed = Zeroizing::new(signing.sign(inner, claims)?);
    Ok(encryption.encrypt(enc, &ProtectedHeader::NESTED_JWT, signed.as_bytes())?)
}

/// Decrypts a nested token and gives the signed one inside, **not yet verified**: anybody could have encrypted it.
///
/// # Errors
/// [`DecryptError::NotNested`] without `cty: JWT` in the header (RFC 7519 §5.2), and as [`DecryptionKey::decrypt`].
pub fn open_nested(
    decryption: &DecryptionKey,
    accepted: &[ContentEncryption],
    token: &str,
) -> Result<Zeroizing<String>, DecryptError> {
    let decrypted = decryption.decrypt(&Undecrypted::parse(token)?, accepted)?;
    if !is_type(decrypted.header().cty(), "JWT") {
        return Err(DecryptError::NotNested);
    }
    match std::str::from_utf8(decrypted.plaintext()) {
        Ok(signed) => Ok(Zeroizing::new(signed.to_owned())),
        Err(_) => Err(DecryptError::NotNested),
    }
}

/// Why a nested token could not be made.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NestError {
    /// The inner token.
    #[error("the inner token could not be signed")]
    Sign(#[from] SignError),
    /// The outer token.
    #[error("the signed token could not be encrypted")]
    Encrypt(#[from] EncryptError),
}

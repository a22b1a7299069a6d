//! The functions right behind a token, for this crate's own tests alone: Project Wycheproof's vectors have messages that
//! no token can have. Hidden from the documentation and outside of every promise of stability.

use crate::{
    ContentEncryption, HmacKey, VerifyError, VerifyingKey,
    jwa::KeyWrap,
    jwe::{content, key_management},
};

/// The part of [`VerifyingKey::verify`] behind the check of `alg`.
///
/// # Errors
/// [`VerifyError::SignatureLength`] or [`VerifyError::Signature`].
pub fn verify(key: &VerifyingKey, message: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
    key.check_signature(message, signature)
}

/// The part of [`HmacKey::verify`] behind the check of `alg`.
///
/// # Errors
/// [`VerifyError::SignatureLength`] or [`VerifyError::Signature`].
pub fn verify_tag(key: &HmacKey, message: &[u8], tag: &[u8]) -> Result<(), VerifyError> {
    key.check_tag(message, tag)
}

/// AES key wrap by the wrapping key's size.
pub fn unwrap_key(wrapping_key: &[u8], wrapped: &[u8]) -> Option<Vec<u8>> {
    let wrap = [KeyWrap::A128, KeyWrap::A192, KeyWrap::A256];
    let wrap = wrap.into_iter().find(|wrap| wrap.key_len() == wrapping_key.len())?;
    key_management::unwrap_key(wrap, wrapping_key, wrapped).ok().map(|key| key.to_vec())
}

/// AES-GCM as content encryption, the lengths of initialization vector and tag included.
pub fn open(
    enc: ContentEncryption,
    key: &[u8],
    iv: &[u8],
    aad: &[u8],
    ciphertext: &[u8],
    tag: &[u8],
) -> Option<Vec<u8>> {
    if tag.len() != content::TAG_BYTES {
        return None;
    }
    let mut text = ciphertext.to_vec();
    content::open(enc, &key.to_vec().into(), iv.try_into().ok()?, aad, &mut text, tag).ok()?;
    Some(text)
}

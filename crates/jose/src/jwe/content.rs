//! Content encryption by AES-GCM, RFC 7518 §5.3, and this crate's only source of random bytes.

use aws_lc_rs::{
    aead::{Aad, LessSafeKey, NONCE_LEN, Nonce, Tag, UnboundKey},
    error::Unspecified,
};
use zeroize::Zeroizing;

use crate::jwa::ContentEncryption;

/// 96 bits, RFC 7518 §5.3.
pub(crate) const IV_BYTES: usize = NONCE_LEN;
/// 128 bits, RFC 7518 §5.3.
pub(crate) const TAG_BYTES: usize = 16;

/// A content encryption key, RFC 7516 §2; wiped on drop.
pub(crate) type ContentKey = Zeroizing<Vec<u8>>;

/// Encrypts in place. Every key is used for one message only, so a random IV cannot repeat under it.
pub(crate) fn seal(
    enc: ContentEncryption,
    key: &ContentKey,
    aad: &[u8],
    text: &mut [u8],
) -> Result<([u8; IV_BYTES], Tag), Unspecified> {
    let mut iv = [0; IV_BYTES];
    random(&mut iv)?;
    let cipher = LessSafeKey::new(UnboundKey::new(enc.aead(), key)?);
    let tag = cipher.seal_in_place_separate_tag(Nonce::assume_unique_for_key(iv), Aad::from(aad), text)?;
    Ok((iv, tag))
}

/// Decrypts in place, RFC 7516 §5.2 step 16. After an error the text holds nothing of use.
pub(crate) fn open(
    enc: ContentEncryption,
    key: &ContentKey,
    iv: [u8; IV_BYTES],
    aad: &[u8],
    text: &mut [u8],
    tag: &[u8],
) -> Result<(), Unspecified> {
    let cipher = LessSafeKey::new(UnboundKey::new(enc.aead(), key)?);
    cipher.open_in_place_separate_tag(Nonce::assume_unique_for_key(iv), Aad::from(aad), tag, text)?;
    Ok(())
}

/// A fresh content encryption key.
pub(crate) fn random_key(enc: ContentEncryption) -> Result<ContentKey, Unspecified> {
    let mut key = Zeroizing::new(vec![0; enc.key_len()]);
    random(&mut key)?;
    Ok(key)
}

#[expect(
    clippy::disallowed_methods,
    reason = "keys and nonces of JWE; nothing else in this crate draws random bytes"
)]
fn random(bytes: &mut [u8]) -> Result<(), Unspecified> {
    aws_lc_rs::rand::fill(bytes)
}

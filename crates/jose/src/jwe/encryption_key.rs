//! The public half. Anybody may hold it, and write to the owner.

use std::{fmt, sync::Arc};

use aws_lc_rs::rsa::{
    OaepPublicEncryptingKey, Pkcs1PublicEncryptingKey, PublicEncryptingKey, PublicKeyComponents,
};
use zeroize::Zeroizing;

use super::{
    EncryptError, MAX_TOKEN_BYTES,
    content::{self, IV_BYTES, TAG_BYTES},
    key_management::{Recipient, oaep},
    own_key::OwnScalar,
};
use crate::{
    base64url,
    header::{self, ProtectedHeader},
    jwa::{ContentEncryption, KeyAlgorithm, KeyManagementAlgorithm, KeyManagementScheme},
    jwk::{Jwk, KeyError, Parameters, parameters::agreement_key},
};

/// A public key that encrypts with one key-management algorithm. Cloning it copies a pointer.
#[derive(Clone)]
pub struct EncryptionKey(pub(super) Arc<Public>);

pub(super) struct Public {
    pub(super) alg: KeyManagementAlgorithm,
    kid: String,
    pub(super) jwk: Jwk,
    pub(super) recipient: Recipient,
    /// `{"alg":…,"kid":…`, the same for every token.
    header_start: String,
}

impl EncryptionKey {
    /// Takes the key of a JWK that names its algorithm; see [`Jwk::with_algorithm`] for one that does not.
    ///
    /// # Errors
    /// [`KeyError::MissingAlgorithm`], or [`KeyError::WrongPurpose`] when the key is for signatures.
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, KeyError> {
        Self::new(jwk.completed()?)
    }

    /// The algorithm, the only one that this key is used with.
    pub fn algorithm(&self) -> KeyManagementAlgorithm {
        self.0.alg
    }

    /// The JWK's `kid`, or else its thumbprint.
    pub fn kid(&self) -> &str {
        &self.0.kid
    }

    /// The key with `use`, `alg` and `kid`.
    pub fn jwk(&self) -> &Jwk {
        &self.0.jwk
    }

    /// Compact JWE, RFC 7516 §5.1 and §7.1. `alg` and `kid` come from the key.
    ///
    /// # Errors
    /// [`EncryptError`].
    pub fn encrypt(
        &self,
        enc: ContentEncryption,
        header: &ProtectedHeader<'_>,
        plaintext: &[u8],
    ) -> Result<String, EncryptError> {
        self.encrypt_as(None, enc, header, plaintext)
    }

    /// As [`Self::encrypt`], with the recipient's own scalar if the sender is the recipient.
    pub(super) fn encrypt_as(
        &self,
        own: Option<&OwnScalar>,
        enc: ContentEncryption,
        header: &ProtectedHeader<'_>,
        plaintext: &[u8],
    ) -> Result<String, EncryptError> {
        let Public { alg, recipient, header_start, .. } = &*self.0;
        if plaintext.len() > MAX_TOKEN_BYTES {
            return Err(EncryptError::TooLong(MAX_TOKEN_BYTES));
        }
        // 320 bytes hold an ephemeral key on P-521 and the other members.
        let mut json = String::with_capacity(header_start.len().saturating_add(320));
        json.push_str(header_start);
        header::push_member(&mut json, "enc", enc.name());
        let sent = recipient.send(*alg, enc, &mut json, own)?;
        header::finish(&mut json, header);

        let parts = [json.len(), sent.encrypted_key.len(), IV_BYTES, plaintext.len(), TAG_BYTES];
        let capacity =
            parts.into_iter().fold(4_usize, |sum, part| sum.saturating_add(base64url::encoded_len(part)));
        if capacity > MAX_TOKEN_BYTES {
            return Err(EncryptError::TooLong(MAX_TOKEN_BYTES));
        }
        let mut token = String::with_capacity(capacity);
        base64url::encode_append(json.as_bytes(), &mut token);

        let mut text = Zeroizing::new(plaintext.to_vec());
        let (iv, tag) = content::seal(enc, &sent.content_key, token.as_bytes(), &mut text)?;
        for part in [&sent.encrypted_key, &iv[..], &text, tag.as_ref()] {
            token.push('.');
            base64url::encode_append(part, &mut token);
        }
        Ok(token)
    }

    pub(super) fn new(jwk: Jwk) -> Result<Self, KeyError> {
        let alg = key_management_algorithm(&jwk)?;
        let recipient = match (alg.scheme(), jwk.parameters()) {
            (KeyManagementScheme::Rsa(padding), Parameters::Rsa { n, e }) => {
                let key: PublicEncryptingKey = PublicKeyComponents { n, e }.try_into()?;
                match oaep(padding) {
                    Some(padding) => Recipient::Oaep(OaepPublicEncryptingKey::new(key)?, padding),
                    None => Recipient::Pkcs1(Pkcs1PublicEncryptingKey::new(key)?),
                }
            }
            (KeyManagementScheme::Ecdh(wrap), Parameters::Curve { curve, point }) => {
                Recipient::Ecdh { curve: *curve, wrap, public: agreement_key(*curve, point)? }
            }
            // `alg` was checked against the parameters.
            (_, parameters) => {
                return Err(KeyError::AlgorithmMismatch(alg.name(), parameters.describe()));
            }
        };
        let kid = jwk.kid().map_or_else(|| jwk.thumbprint(), str::to_owned);
        let header_start = header::start(alg.name(), Some(&kid));
        Ok(Self(Arc::new(Public { alg, kid, jwk, recipient, header_start })))
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (alg, kid) = (self.algorithm().name(), self.kid());
        f.debug_struct("EncryptionKey").field("alg", &alg).field("kid", &kid).finish_non_exhaustive()
    }
}

/// Two keys are the same when they have the same members, algorithm and name.
impl PartialEq for EncryptionKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.jwk == other.0.jwk
    }
}

pub(super) fn key_management_algorithm(jwk: &Jwk) -> Result<KeyManagementAlgorithm, KeyError> {
    match jwk.algorithm() {
        Some(KeyAlgorithm::KeyManagement(alg)) => Ok(alg),
        Some(KeyAlgorithm::Signature(alg)) => {
            Err(KeyError::WrongPurpose(alg.name(), "a key-management algorithm"))
        }
        None => Err(KeyError::MissingAlgorithm),
    }
}

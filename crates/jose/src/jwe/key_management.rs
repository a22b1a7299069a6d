//! How the content encryption key reaches the recipient, RFC 7518 §4: wrapped by RSA (§4.2, §4.3) or agreed by ECDH-ES
//! (§4.6), with or without a wrapped key (RFC 3394).

use aes_kw::{KeyInit, KwAes192};
use aws_lc_rs::{
    agreement::{self, ParsedPublicKey},
    error::Unspecified,
    kdf::{SskdfDigestAlgorithmId, get_sskdf_digest_algorithm, sskdf_digest},
    key_wrap::{AES_128, AES_256, AesBlockCipher, AesKek, KeyWrap as _},
    rsa::{
        OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey,
        OaepPublicEncryptingKey, Pkcs1PrivateDecryptingKey, Pkcs1PublicEncryptingKey,
    },
};
use zeroize::Zeroizing;

use super::{
    DecryptError,
    content::{ContentKey, random_key},
    own_key::OwnScalar,
};
use crate::{
    base64url,
    header::Header,
    jwa::{ContentEncryption, JwkCurve, KeyManagementAlgorithm, KeyManagementScheme, KeyWrap, RsaPadding},
    jwk::{Parameters, parameters::agreement_key},
};

/// RFC 3394 §2.2.1: the wrapped key is one block longer.
const WRAP_OVERHEAD: usize = 8;

/// The sender's view of a key.
pub(crate) enum Recipient {
    Pkcs1(Pkcs1PublicEncryptingKey),
    Oaep(OaepPublicEncryptingKey, &'static OaepAlgorithm),
    Ecdh { curve: JwkCurve, wrap: Option<KeyWrap>, public: ParsedPublicKey },
}

/// The keys that a sender makes for one message.
pub(crate) struct Sent {
    pub(crate) content_key: ContentKey,
    pub(crate) encrypted_key: Vec<u8>,
}

impl Recipient {
    /// Makes a content encryption key and the means to recover it; `header` gets the members that the recipient needs.
    ///
    /// `own` is the recipient's scalar if the sender is the recipient. The message is the same, and is made sooner.
    pub(super) fn send(
        &self,
        alg: KeyManagementAlgorithm,
        enc: ContentEncryption,
        header: &mut String,
        own: Option<&OwnScalar>,
    ) -> Result<Sent, Unspecified> {
        match self {
            Self::Pkcs1(key) => {
                let content_key = random_key(enc)?;
                let mut encrypted_key = vec![0; key.ciphertext_size()];
                key.encrypt(&content_key, &mut encrypted_key)?;
                Ok(Sent { content_key, encrypted_key })
            }
            Self::Oaep(key, padding) => {
                let content_key = random_key(enc)?;
                let mut encrypted_key = vec![0; key.ciphertext_size()];
                key.encrypt(padding, &content_key, &mut encrypted_key, None)?;
                Ok(Sent { content_key, encrypted_key })
            }
            Self::Ecdh { curve, wrap, public } => {
                let algorithm = curve.agreement().ok_or(Unspecified)?;
                let ephemeral = agreement::PrivateKey::generate(algorithm)?;
                push_ephemeral_key(header, *curve, ephemeral.compute_public_key()?.as_ref());
                let agreement = Agreement::new(alg, enc, *wrap);
                let agreed = match own {
                    Some(own) => agreement.derive(own.agree(&ephemeral)?.as_slice(), &[], &[])?,
                    None => agreement.agree(&ephemeral, public.clone(), &[], &[])?,
                };
                let Some(wrap) = *wrap else {
                    return Ok(Sent { content_key: agreed, encrypted_key: Vec::new() });
                };
                let content_key = random_key(enc)?;
                let encrypted_key = wrap_key(wrap, &agreed, &content_key)?;
                Ok(Sent { content_key, encrypted_key })
            }
        }
    }

    /// Bytes of the encrypted key.
    pub(crate) fn encrypted_key_len(&self, enc: ContentEncryption) -> usize {
        match self {
            Self::Pkcs1(key) => key.key_size_bytes(),
            Self::Oaep(key, _) => key.key_size_bytes(),
            Self::Ecdh { wrap: None, .. } => 0,
            Self::Ecdh { wrap: Some(_), .. } => enc.key_len().saturating_add(WRAP_OVERHEAD),
        }
    }
}

/// The recipient's own key.
pub(crate) enum Opener {
    Pkcs1(Pkcs1PrivateDecryptingKey),
    Oaep(OaepPrivateDecryptingKey, &'static OaepAlgorithm),
    Ecdh { curve: JwkCurve, wrap: Option<KeyWrap>, private: agreement::PrivateKey },
}

impl Opener {
    /// Recovers the content encryption key, RFC 7516 §5.2 steps 6 to 10. The length of `encrypted_key` has been checked.
    pub(crate) fn receive(
        &self,
        alg: KeyManagementAlgorithm,
        enc: ContentEncryption,
        header: &Header,
        encrypted_key: &[u8],
    ) -> Result<ContentKey, DecryptError> {
        match self {
            Self::Pkcs1(key) => receive_pkcs1(key, enc, encrypted_key),
            Self::Oaep(key, padding) => {
                let mut buffer = Zeroizing::new(vec![0; key.min_output_size()]);
                let opened = key.decrypt(padding, encrypted_key, &mut buffer, None);
                content_key(enc, opened.map_err(|_| DecryptError::Failed)?)
            }
            Self::Ecdh { curve, wrap, private } => {
                let ephemeral = ephemeral_key(header, *curve)?;
                let apu = party_info("apu", header.apu())?;
                let apv = party_info("apv", header.apv())?;
                let agreed = Agreement::new(alg, enc, *wrap).agree(private, ephemeral, &apu, &apv);
                let agreed = agreed.map_err(|_| DecryptError::Failed)?;
                match wrap {
                    None => Ok(agreed),
                    Some(wrap) => content_key(
                        enc,
                        &unwrap_key(*wrap, &agreed, encrypted_key).map_err(|_| DecryptError::Failed)?,
                    ),
                }
            }
        }
    }
}

/// RFC 7516 §11.5: bad padding and a wrong length must look like a wrong key, in the answer and in the time it takes. So
/// a random key is always at hand, and where the right one is missing it goes on to fail at the tag.
fn receive_pkcs1(
    key: &Pkcs1PrivateDecryptingKey,
    enc: ContentEncryption,
    encrypted_key: &[u8],
) -> Result<ContentKey, DecryptError> {
    let mut content_key = random_key(enc).map_err(|_| DecryptError::Failed)?;
    let mut buffer = Zeroizing::new(vec![0; key.min_output_size()]);
    if let Ok(opened) = key.decrypt(encrypted_key, &mut buffer)
        && opened.len() == content_key.len()
    {
        content_key.copy_from_slice(opened);
    }
    Ok(content_key)
}

fn content_key(enc: ContentEncryption, bytes: &[u8]) -> Result<ContentKey, DecryptError> {
    if bytes.len() == enc.key_len() { Ok(Zeroizing::new(bytes.to_vec())) } else { Err(DecryptError::Failed) }
}

/// The padding's parameters in AWS-LC; none for RSA1_5, which has none.
pub(crate) const fn oaep(padding: RsaPadding) -> Option<&'static OaepAlgorithm> {
    match padding {
        RsaPadding::Pkcs1 => None,
        RsaPadding::OaepSha1 => Some(&OAEP_SHA1_MGF1SHA1),
        RsaPadding::OaepSha256 => Some(&OAEP_SHA256_MGF1SHA256),
    }
}

/// The wrapping of an ECDH algorithm.
pub(crate) const fn wrap_of(alg: KeyManagementAlgorithm) -> Option<KeyWrap> {
    match alg.scheme() {
        KeyManagementScheme::Ecdh(wrap) => wrap,
        KeyManagementScheme::Rsa(_) => None,
    }
}

/// RFC 7518 §4.6.1.1.
fn push_ephemeral_key(header: &mut String, curve: JwkCurve, point: &[u8]) {
    let parameters = Parameters::Curve { curve, point: point.to_vec() };
    header.push_str(",\"epk\":");
    header.push_str(&parameters.canonical_json());
}

fn ephemeral_key(header: &Header, curve: JwkCurve) -> Result<ParsedPublicKey, DecryptError> {
    let refused = |source| DecryptError::EphemeralKey(source);
    let members = header.epk().ok_or(DecryptError::MissingEphemeralKey)?;
    crate::jwk::members::refuse_private_members(members).map_err(refused)?;
    match Parameters::read(members).map_err(refused)? {
        Parameters::Curve { curve: found, point } if found == curve => {
            if curve == JwkCurve::X25519 {
                crate::jwk::checks::x25519(&point).map_err(refused)?;
            }
            agreement_key(curve, &point).map_err(refused)
        }
        other => Err(DecryptError::EphemeralKeyCurve { expected: curve.name(), found: other.describe() }),
    }
}

fn party_info(member: &'static str, text: Option<&str>) -> Result<Vec<u8>, DecryptError> {
    base64url::decode(text.unwrap_or_default()).map_err(|source| DecryptError::PartyInfo(member, source))
}

/// The derivation of RFC 7518 §4.6.2: a key for the content or for the wrapping.
struct Agreement {
    algorithm_id: &'static str,
    key_len: usize,
}

impl Agreement {
    const fn new(alg: KeyManagementAlgorithm, enc: ContentEncryption, wrap: Option<KeyWrap>) -> Self {
        match wrap {
            None => Self { algorithm_id: enc.name(), key_len: enc.key_len() },
            Some(wrap) => Self { algorithm_id: alg.name(), key_len: wrap.key_len() },
        }
    }

    fn agree(
        &self,
        private: &agreement::PrivateKey,
        public: ParsedPublicKey,
        apu: &[u8],
        apv: &[u8],
    ) -> Result<ContentKey, Unspecified> {
        let may_be_zero = *private.algorithm() != agreement::X25519;
        agreement::agree(private, public, Unspecified, |shared| {
            // RFC 7748 §6.1: on X25519 zero means a peer with a point of small order, who would decide the key. The NIST
            // curves have no such points; there it is the coordinate of an honest one.
            if !may_be_zero && shared.iter().fold(0, |any, byte| any | byte) == 0 {
                return Err(Unspecified);
            }
            self.derive(shared, apu, apv)
        })
    }

    /// The Concat KDF with SHA-256, NIST SP 800-56A §5.8.1.
    fn derive(&self, shared: &[u8], apu: &[u8], apv: &[u8]) -> Result<ContentKey, Unspecified> {
        let digest = get_sskdf_digest_algorithm(SskdfDigestAlgorithmId::Sha256).ok_or(Unspecified)?;
        let key_bits = u32::try_from(self.key_len.saturating_mul(8)).map_err(|_| Unspecified)?;
        let mut info = Vec::with_capacity(64_usize.saturating_add(apu.len()).saturating_add(apv.len()));
        for part in [self.algorithm_id.as_bytes(), apu, apv] {
            let length = u32::try_from(part.len()).map_err(|_| Unspecified)?;
            info.extend_from_slice(&length.to_be_bytes());
            info.extend_from_slice(part);
        }
        info.extend_from_slice(&key_bits.to_be_bytes());

        let mut key = Zeroizing::new(vec![0; self.key_len]);
        sskdf_digest(digest, shared, &info, &mut key)?;
        Ok(key)
    }
}

fn wrap_key(wrap: KeyWrap, kek: &[u8], content_key: &[u8]) -> Result<Vec<u8>, Unspecified> {
    let mut wrapped = vec![0; content_key.len().saturating_add(WRAP_OVERHEAD)];
    match aws_lc_cipher(wrap) {
        Some(cipher) => {
            AesKek::new(cipher, kek)?.wrap(content_key, &mut wrapped)?;
        }
        None => {
            let cipher = KwAes192::new_from_slice(kek).map_err(|_| Unspecified)?;
            cipher.wrap_key(content_key, &mut wrapped).map_err(|_| Unspecified)?;
        }
    }
    Ok(wrapped)
}

pub(crate) fn unwrap_key(wrap: KeyWrap, kek: &[u8], wrapped: &[u8]) -> Result<ContentKey, Unspecified> {
    let length = wrapped.len().checked_sub(WRAP_OVERHEAD).ok_or(Unspecified)?;
    // RFC 3394 §2: at least two blocks. Without any, the integrity check would be a constant.
    if length < 16 {
        return Err(Unspecified);
    }
    let mut content_key = Zeroizing::new(vec![0; length]);
    match aws_lc_cipher(wrap) {
        Some(cipher) => {
            AesKek::new(cipher, kek)?.unwrap(wrapped, &mut content_key)?;
        }
        None => {
            let cipher = KwAes192::new_from_slice(kek).map_err(|_| Unspecified)?;
            cipher.unwrap_key(wrapped, &mut content_key).map_err(|_| Unspecified)?;
        }
    }
    Ok(content_key)
}

/// AWS-LC's key wrap lacks the 192-bit key.
const fn aws_lc_cipher(wrap: KeyWrap) -> Option<&'static AesBlockCipher> {
    match wrap {
        KeyWrap::A128 => Some(&AES_128),
        KeyWrap::A192 => None,
        KeyWrap::A256 => Some(&AES_256),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn key_wrap_of_rfc_3394_section_4() {
        let kek = hex("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F");
        let key = hex("00112233445566778899AABBCCDDEEFF");
        for (wrap, wrapped) in [
            (KeyWrap::A128, "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5"),
            (KeyWrap::A192, "96778B25AE6CA435F92B5B97C050AED2468AB8A17AD84E5D"),
            (KeyWrap::A256, "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7"),
        ] {
            let kek = &kek[..wrap.key_len()];
            let mut wrapped = hex(wrapped);
            assert_eq!(wrap_key(wrap, kek, &key).unwrap(), wrapped);
            assert_eq!(*unwrap_key(wrap, kek, &wrapped).unwrap(), key);
            wrapped[3] ^= 1;
            assert!(unwrap_key(wrap, kek, &wrapped).is_err());
            for blocks in 0..3 {
                assert!(unwrap_key(wrap, kek, &[0xa6; 24][..8 * blocks]).is_err());
            }
            assert!(unwrap_key(wrap, kek, &wrapped[..7]).is_err());
        }
    }
}

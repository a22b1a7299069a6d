//! The private half. A key has one algorithm, is parsed once, and may be used by many threads at once.

use std::fmt;

use aws_lc_rs::{
    agreement,
    encoding::{AsBigEndian, AsDer, Curve25519SeedBin, EcPrivateKeyBin, Pkcs8V1Der},
    error::Unspecified,
    rsa::{OaepPrivateDecryptingKey, Pkcs1PrivateDecryptingKey, PrivateDecryptingKey},
};
use zeroize::Zeroizing;

use super::{
    DecryptError, Decrypted, EncryptError, EncryptionKey, Undecrypted,
    content::{self, IV_BYTES, TAG_BYTES},
    encryption_key::key_management_algorithm,
    key_management::{Opener, oaep, wrap_of},
    own_key::OwnScalar,
};
use crate::{
    header::ProtectedHeader,
    jwa::{ContentEncryption, JwkCurve, KeyManagementAlgorithm, KeyManagementScheme, rsa_key_size},
    jwk::{
        Jwk, KeyError, KeyOperation, Parameters, PrivateJwk,
        pkcs8::{self, PrivateKeyInfo},
        private::Secret,
    },
    jws::key::rsa_pair,
};

/// A private key that decrypts with one key-management algorithm.
///
/// It is not `Clone` and cannot be printed; share it in an [`Arc`](std::sync::Arc). AWS-LC wipes it when it is dropped.
pub struct DecryptionKey {
    opener: Opener,
    /// RSA keys, a second time: AWS-LC's padding types cannot be exported.
    rsa: Option<PrivateDecryptingKey>,
    public: EncryptionKey,
    /// For [`DecryptionKey::encrypt_to_self`]: the scalar, of keys on P-256.
    own: Option<OwnScalar>,
}

impl DecryptionKey {
    /// Makes a new key; for ECDH-ES the bits choose among P-256, P-384 and P-521. RSA takes from a tenth of a second to
    /// several seconds: not on a thread that serves others.
    ///
    /// # Errors
    /// [`KeyError::Bits`] when `alg` has no keys of that size.
    pub fn generate(alg: KeyManagementAlgorithm, bits: u32) -> Result<Self, KeyError> {
        alg.check_bits(bits)?;
        match (alg.scheme(), bits) {
            (KeyManagementScheme::Rsa(_), _) => {
                Self::from_rsa(alg, PrivateDecryptingKey::generate(rsa_key_size(bits))?, None)
            }
            (KeyManagementScheme::Ecdh(_), 256) => Self::generate_on(alg, JwkCurve::P256),
            (KeyManagementScheme::Ecdh(_), 384) => Self::generate_on(alg, JwkCurve::P384),
            (KeyManagementScheme::Ecdh(_), _) => Self::generate_on(alg, JwkCurve::P521),
        }
    }

    /// Reads a PKCS#8 document (RFC 5958), version 1 or 2, unencrypted.
    ///
    /// # Errors
    /// [`KeyError`]; a key that cannot do `alg`, bytes after the document and halves that do not match are refused.
    pub fn from_pkcs8_der(alg: KeyManagementAlgorithm, der: &[u8]) -> Result<Self, KeyError> {
        let info = PrivateKeyInfo::parse(der)?;
        match (alg.scheme(), info.curve) {
            (KeyManagementScheme::Rsa(_), None) => {
                Self::from_rsa(alg, PrivateDecryptingKey::from_pkcs8(der)?, None)
            }
            (KeyManagementScheme::Ecdh(_), Some(JwkCurve::X25519)) => {
                let (scalar, public) = info.x25519()?;
                let private = agreement::PrivateKey::from_private_key(&agreement::X25519, scalar)?;
                if public.is_some_and(|public| !public_is(&private, public)) {
                    return Err(KeyError::HalvesDiffer);
                }
                Self::from_agreement(alg, JwkCurve::X25519, private, None)
            }
            (KeyManagementScheme::Ecdh(_), Some(curve)) => {
                let algorithm = curve.agreement().ok_or_else(|| cannot(alg, curve))?;
                let private = agreement::PrivateKey::from_private_key_der(algorithm, der)?;
                Self::from_agreement(alg, curve, private, None)
            }
            (KeyManagementScheme::Rsa(_), Some(_)) | (KeyManagementScheme::Ecdh(_), None) => {
                Err(KeyError::AlgorithmMismatch(alg.name(), info.describe()))
            }
        }
    }

    /// Writes a PKCS#8 document, version 1, as OpenSSL does.
    ///
    /// # Errors
    /// [`KeyError::Library`] when AWS-LC fails.
    pub fn to_pkcs8_der(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        if let Some(rsa) = &self.rsa {
            return Ok(Zeroizing::new(rsa.as_der()?.as_ref().to_vec()));
        }
        let private = self.agreement_key()?;
        if self.public.0.jwk.parameters().curve() == Some(JwkCurve::X25519) {
            let scalar: Curve25519SeedBin<'_> = private.as_be_bytes()?;
            return Ok(pkcs8::x25519_document(scalar.as_ref()));
        }
        let document: Pkcs8V1Der<'_> = private.as_der()?;
        Ok(Zeroizing::new(document.as_ref().to_vec()))
    }

    /// Reads a `PRIVATE KEY` block (RFC 7468 §10).
    ///
    /// # Errors
    /// [`KeyError::Pem`], and as [`DecryptionKey::from_pkcs8_der`].
    pub fn from_pkcs8_pem(alg: KeyManagementAlgorithm, pem: &str) -> Result<Self, KeyError> {
        Self::from_pkcs8_der(alg, &pkcs8::from_pem(pem)?)
    }

    /// Writes a `PRIVATE KEY` block (RFC 7468 §10).
    ///
    /// # Errors
    /// As [`DecryptionKey::to_pkcs8_der`].
    pub fn to_pkcs8_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        pkcs8::to_pem(&self.to_pkcs8_der()?)
    }

    /// Reads a private JWK (RFC 7517 §4) that names its algorithm. RSA keys need all of `p q dp dq qi`.
    ///
    /// # Errors
    /// [`KeyError`]; [`KeyError::MissingAlgorithm`] when there is no `alg`: see [`DecryptionKey::from_jwk_as`].
    pub fn from_jwk(json: &[u8]) -> Result<Self, KeyError> {
        let PrivateJwk { jwk, secret } = PrivateJwk::parse(json, KeyOperation::Decrypt)?;
        Self::from_parts(&jwk, &secret)
    }

    /// Reads a private JWK that names no algorithm, or this one.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_jwk_as(alg: KeyManagementAlgorithm, json: &[u8]) -> Result<Self, KeyError> {
        let PrivateJwk { jwk, secret } = PrivateJwk::parse(json, KeyOperation::Decrypt)?;
        Self::from_parts(&jwk.with_algorithm(alg)?, &secret)
    }

    /// Writes a private JWK.
    ///
    /// # Errors
    /// [`KeyError::Library`] when AWS-LC fails.
    pub fn to_jwk(&self) -> Result<Zeroizing<String>, KeyError> {
        let scalar = |bytes: &[u8]| Secret::Scalar(Zeroizing::new(bytes.to_vec()));
        let secret = match self.public_jwk().parameters() {
            Parameters::Rsa { .. } => PrivateKeyInfo::parse(&self.to_pkcs8_der()?)?.rsa()?.1,
            Parameters::Curve { curve: JwkCurve::X25519, .. } => {
                let private: Curve25519SeedBin<'_> = self.agreement_key()?.as_be_bytes()?;
                scalar(private.as_ref())
            }
            Parameters::Curve { .. } => {
                let private: EcPrivateKeyBin<'_> = self.agreement_key()?.as_be_bytes()?;
                scalar(private.as_ref())
            }
        };
        Ok(PrivateJwk::to_json(self.public_jwk(), &secret))
    }

    /// The algorithm, the only one that this key is used with.
    pub fn algorithm(&self) -> KeyManagementAlgorithm {
        self.public.algorithm()
    }

    /// The key's name: the RFC 7638 thumbprint, unless the JWK that the key came from has another.
    pub fn kid(&self) -> &str {
        self.public.kid()
    }

    /// The public half, with `use`, `alg` and `kid`, ready to be published.
    pub fn public_jwk(&self) -> &Jwk {
        self.public.jwk()
    }

    /// The public half, ready to encrypt.
    pub const fn encryption_key(&self) -> &EncryptionKey {
        &self.public
    }

    /// Decrypts a token, RFC 7516 §5.2. `accepted` are the content encryptions that the caller has pinned to this key.
    ///
    /// # Errors
    /// [`DecryptError::Failed`] for whatever depends on the secret; the other errors can be told from the token alone.
    pub fn decrypt(
        &self,
        token: &Undecrypted<'_>,
        accepted: &[ContentEncryption],
    ) -> Result<Decrypted, DecryptError> {
        let (public, header) = (&self.public.0, token.header());
        if header.alg() != public.alg.name() {
            let token = header.alg().chars().take(40).collect();
            return Err(DecryptError::Algorithm(token, public.alg.name()));
        }
        let enc = accepted_encryption(header.enc().unwrap_or_default(), accepted)?;
        let iv = token.check_lengths(public.recipient.encrypted_key_len(enc))?;

        let content_key = self.opener.receive(public.alg, enc, header, &token.encrypted_key)?;
        let mut plaintext = Zeroizing::new(token.ciphertext.clone());
        content::open(enc, &content_key, iv, token.aad.as_bytes(), &mut plaintext, &token.tag)
            .map_err(|_| DecryptError::Failed)?;
        Ok(Decrypted { header: header.clone(), plaintext })
    }

    /// Encrypts a token to this key: the same token as [`EncryptionKey::encrypt`] makes, sooner where the key is on P-256.
    ///
    /// # Errors
    /// [`EncryptError`].
    pub fn encrypt_to_self(
        &self,
        enc: ContentEncryption,
        header: &ProtectedHeader<'_>,
        plaintext: &[u8],
    ) -> Result<String, EncryptError> {
        self.public.encrypt_as(self.own.as_ref(), enc, header, plaintext)
    }

    fn generate_on(alg: KeyManagementAlgorithm, curve: JwkCurve) -> Result<Self, KeyError> {
        let algorithm = curve.agreement().ok_or_else(|| cannot(alg, curve))?;
        Self::from_agreement(alg, curve, agreement::PrivateKey::generate(algorithm)?, None)
    }

    fn from_parts(jwk: &Jwk, secret: &Secret) -> Result<Self, KeyError> {
        let alg = key_management_algorithm(jwk)?;
        let kid = jwk.kid().map(str::to_owned);
        match (jwk.parameters(), secret) {
            (Parameters::Rsa { n, e }, Secret::Rsa(members)) => {
                let document = rsa_pair(n, e, members)?.as_der()?;
                Self::from_rsa(alg, PrivateDecryptingKey::from_pkcs8(document.as_ref())?, kid)
            }
            (Parameters::Curve { curve, point }, Secret::Scalar(scalar)) => {
                let algorithm = curve.agreement().ok_or_else(|| cannot(alg, *curve))?;
                let private = agreement::PrivateKey::from_private_key(algorithm, scalar)?;
                if !public_is(&private, point) {
                    return Err(KeyError::HalvesDiffer);
                }
                Self::from_agreement(alg, *curve, private, kid)
            }
            // The secret is always of the parameters' kind.
            (Parameters::Rsa { .. }, Secret::Scalar(_)) | (Parameters::Curve { .. }, Secret::Rsa(_)) => {
                Err(KeyError::HalvesDiffer)
            }
        }
    }

    fn from_rsa(
        alg: KeyManagementAlgorithm,
        key: PrivateDecryptingKey,
        kid: Option<String>,
    ) -> Result<Self, KeyError> {
        let (parameters, _) = PrivateKeyInfo::parse(key.as_der()?.as_ref())?.rsa()?;
        let public = EncryptionKey::new(Jwk::complete(parameters, alg.into(), kid)?)?;
        let opener = match alg.scheme() {
            KeyManagementScheme::Rsa(padding) => match oaep(padding) {
                Some(padding) => Opener::Oaep(OaepPrivateDecryptingKey::new(key.clone())?, padding),
                None => Opener::Pkcs1(Pkcs1PrivateDecryptingKey::new(key.clone())?),
            },
            KeyManagementScheme::Ecdh(_) => {
                return Err(KeyError::AlgorithmMismatch(alg.name(), "an RSA key".into()));
            }
        };
        Ok(Self { opener, rsa: Some(key), public, own: None })
    }

    fn from_agreement(
        alg: KeyManagementAlgorithm,
        curve: JwkCurve,
        private: agreement::PrivateKey,
        kid: Option<String>,
    ) -> Result<Self, KeyError> {
        let parameters = Parameters::Curve { curve, point: private.compute_public_key()?.as_ref().to_vec() };
        let public = EncryptionKey::new(Jwk::complete(parameters, alg.into(), kid)?)?;
        let own = OwnScalar::of(&private);
        Ok(Self { opener: Opener::Ecdh { curve, wrap: wrap_of(alg), private }, rsa: None, public, own })
    }

    fn agreement_key(&self) -> Result<&agreement::PrivateKey, KeyError> {
        match &self.opener {
            Opener::Ecdh { private, .. } => Ok(private),
            Opener::Pkcs1(_) | Opener::Oaep(..) => Err(KeyError::Library(Unspecified)),
        }
    }
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (alg, kid) = (self.algorithm().name(), self.kid());
        f.debug_struct("DecryptionKey").field("alg", &alg).field("kid", &kid).finish_non_exhaustive()
    }
}

impl Undecrypted<'_> {
    /// Lengths that follow from the algorithms; gives the initialization vector.
    fn check_lengths(&self, encrypted_key_len: usize) -> Result<[u8; IV_BYTES], DecryptError> {
        let (expected, found) = (encrypted_key_len, self.encrypted_key.len());
        if found != expected {
            return Err(DecryptError::EncryptedKeyLength { expected, found });
        }
        let (expected, found) = (TAG_BYTES, self.tag.len());
        if found != expected {
            return Err(DecryptError::TagLength { expected, found });
        }
        let (expected, found) = (IV_BYTES, self.iv.len());
        self.iv.as_slice().try_into().map_err(|_| DecryptError::IvLength { expected, found })
    }
}

fn accepted_encryption(
    name: &str,
    accepted: &[ContentEncryption],
) -> Result<ContentEncryption, DecryptError> {
    accepted.iter().copied().find(|enc| enc.name() == name).ok_or_else(|| {
        let accepted: Vec<&str> = accepted.iter().map(|enc| enc.name()).collect();
        DecryptError::ContentEncryption(name.chars().take(40).collect(), accepted.join(", "))
    })
}

/// Whether the private key's public half is this point.
fn public_is(private: &agreement::PrivateKey, point: &[u8]) -> bool {
    private.compute_public_key().is_ok_and(|public| public.as_ref() == point)
}

fn cannot(alg: KeyManagementAlgorithm, curve: JwkCurve) -> KeyError {
    KeyError::AlgorithmMismatch(alg.name(), format!("a key on {curve}"))
}

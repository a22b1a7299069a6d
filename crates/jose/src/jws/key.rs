//! Keys for signatures. A key has one algorithm (RFC 8725 §3.1), is parsed once, and may be used by many threads at once.

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    rsa::{KeyPairComponents, PublicKeyComponents},
    signature::{
        ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair, ParsedPublicKey, RsaKeyPair, RsaSignatureEncoding,
    },
};
use pkcs1::{RsaPublicKeyRef, der::Decode as _};
use zeroize::Zeroizing;

use super::{
    SignError, Unverified, Verified, VerifyError, append_signature, check_algorithm, check_length,
    signing_input,
};
use crate::{
    header::{self, ProtectedHeader},
    jwa::{JwkCurve, KeyAlgorithm, SignatureAlgorithm, SignatureScheme, rsa_key_size},
    jwk::{
        Jwk, KeyError, KeyOperation, Parameters, PrivateJwk,
        pkcs8::{self, PrivateKeyInfo},
        private::Secret,
    },
};

/// A private key that signs with one algorithm.
///
/// It is not `Clone` and cannot be printed; share it in an [`Arc`]. AWS-LC wipes it when it is dropped.
pub struct SigningKey {
    pair: Pair,
    public: VerifyingKey,
    /// `{"alg":…,"kid":…`, the same for every token.
    header_start: String,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair, &'static RsaSignatureEncoding),
}

impl SigningKey {
    /// Makes a new key. RSA takes from a tenth of a second to several seconds: not on a thread that serves others.
    ///
    /// # Errors
    /// [`KeyError::Bits`] when `alg` has no keys of that size.
    pub fn generate(alg: SignatureAlgorithm, bits: u32) -> Result<Self, KeyError> {
        alg.check_bits(bits)?;
        let pair = match alg.scheme() {
            SignatureScheme::Ecdsa(_, signing, _) => Pair::Ecdsa(EcdsaKeyPair::generate(signing)?),
            SignatureScheme::EdDsa => Pair::Ed25519(Ed25519KeyPair::generate()?),
            SignatureScheme::Rsa(encoding, _) => {
                Pair::Rsa(RsaKeyPair::generate(rsa_key_size(bits))?, encoding)
            }
        };
        Self::new(alg, pair, None)
    }

    /// Reads a PKCS#8 document (RFC 5958), version 1 or 2, unencrypted.
    ///
    /// # Errors
    /// [`KeyError`]; a key that cannot do `alg`, bytes after the document and halves that do not match are refused.
    pub fn from_pkcs8_der(alg: SignatureAlgorithm, der: &[u8]) -> Result<Self, KeyError> {
        let info = PrivateKeyInfo::parse(der)?;
        let pair = match (alg.scheme(), info.curve) {
            (SignatureScheme::Ecdsa(curve, signing, _), Some(found)) if found == curve => {
                Pair::Ecdsa(EcdsaKeyPair::from_pkcs8(signing, der)?)
            }
            (SignatureScheme::EdDsa, Some(JwkCurve::Ed25519)) => {
                Pair::Ed25519(Ed25519KeyPair::from_pkcs8(der)?)
            }
            (SignatureScheme::Rsa(encoding, _), None) => Pair::Rsa(RsaKeyPair::from_pkcs8(der)?, encoding),
            (SignatureScheme::Ecdsa(..) | SignatureScheme::EdDsa | SignatureScheme::Rsa(..), _) => {
                return Err(KeyError::AlgorithmMismatch(alg.name(), info.describe()));
            }
        };
        Self::new(alg, pair, None)
    }

    /// Writes a PKCS#8 document, version 1, as OpenSSL does.
    ///
    /// # Errors
    /// [`KeyError::Library`] when AWS-LC fails.
    pub fn to_pkcs8_der(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        Ok(Zeroizing::new(match &self.pair {
            Pair::Ecdsa(pair) => pair.to_pkcs8v1()?.as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.to_pkcs8v1()?.as_ref().to_vec(),
            Pair::Rsa(pair, _) => pair.as_der()?.as_ref().to_vec(),
        }))
    }

    /// Reads a `PRIVATE KEY` block (RFC 7468 §10).
    ///
    /// # Errors
    /// [`KeyError::Pem`], and as [`SigningKey::from_pkcs8_der`].
    pub fn from_pkcs8_pem(alg: SignatureAlgorithm, pem: &str) -> Result<Self, KeyError> {
        Self::from_pkcs8_der(alg, &pkcs8::from_pem(pem)?)
    }

    /// Writes a `PRIVATE KEY` block (RFC 7468 §10).
    ///
    /// # Errors
    /// As [`SigningKey::to_pkcs8_der`].
    pub fn to_pkcs8_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        pkcs8::to_pem(&self.to_pkcs8_der()?)
    }

    /// Reads a private JWK (RFC 7517 §4) that names its algorithm. RSA keys need all of `p q dp dq qi`.
    ///
    /// # Errors
    /// [`KeyError`]; [`KeyError::MissingAlgorithm`] when there is no `alg`: see [`SigningKey::from_jwk_as`].
    pub fn from_jwk(json: &[u8]) -> Result<Self, KeyError> {
        let PrivateJwk { jwk, secret } = PrivateJwk::parse(json, KeyOperation::Sign)?;
        Self::from_parts(jwk, &secret)
    }

    /// Reads a private JWK that names no algorithm, or this one.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_jwk_as(alg: SignatureAlgorithm, json: &[u8]) -> Result<Self, KeyError> {
        let PrivateJwk { jwk, secret } = PrivateJwk::parse(json, KeyOperation::Sign)?;
        Self::from_parts(jwk.with_algorithm(alg)?, &secret)
    }

    /// Writes a private JWK.
    ///
    /// # Errors
    /// [`KeyError::Library`] when AWS-LC fails.
    pub fn to_jwk(&self) -> Result<Zeroizing<String>, KeyError> {
        use aws_lc_rs::encoding::{AsBigEndian, EcPrivateKeyBin};

        let scalar = |bytes: &[u8]| Secret::Scalar(Zeroizing::new(bytes.to_vec()));
        let secret = match &self.pair {
            Pair::Ecdsa(pair) => {
                let private: EcPrivateKeyBin<'_> = pair.private_key().as_be_bytes()?;
                scalar(private.as_ref())
            }
            Pair::Ed25519(pair) => {
                let seed = pair.seed()?;
                let bytes: aws_lc_rs::encoding::Curve25519SeedBin<'_> = seed.as_be_bytes()?;
                scalar(bytes.as_ref())
            }
            Pair::Rsa(..) => PrivateKeyInfo::parse(&self.to_pkcs8_der()?)?.rsa()?.1,
        };
        Ok(PrivateJwk::to_json(self.public_jwk(), &secret))
    }

    /// The algorithm, the only one that this key is used with.
    pub fn algorithm(&self) -> SignatureAlgorithm {
        self.public.algorithm()
    }

    /// The name in every header: the RFC 7638 thumbprint, unless the JWK that the key came from has another.
    pub fn kid(&self) -> &str {
        self.public.kid()
    }

    /// The public half, with `use`, `alg` and `kid`, ready to be published.
    pub fn public_jwk(&self) -> &Jwk {
        self.public.jwk()
    }

    /// The public half, ready to verify.
    pub const fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    /// Compact JWS, RFC 7515 §7.1. `alg` and `kid` come from the key.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn sign(&self, header: &ProtectedHeader<'_>, payload: &[u8]) -> Result<String, SignError> {
        let signature_len = self.public.0.signature_len;
        let token = signing_input(&self.header_start, header, payload, signature_len)?;
        match &self.pair {
            Pair::Ecdsa(pair) => {
                let signature = pair.sign(&SystemRandom::new(), token.as_bytes())?;
                Ok(append_signature(token, signature.as_ref()))
            }
            Pair::Ed25519(pair) => {
                let signature = pair.try_sign(token.as_bytes())?;
                Ok(append_signature(token, signature.as_ref()))
            }
            Pair::Rsa(pair, encoding) => {
                let mut signature = vec![0; signature_len];
                pair.sign(*encoding, &SystemRandom::new(), token.as_bytes(), &mut signature)?;
                Ok(append_signature(token, &signature))
            }
        }
    }

    fn from_parts(jwk: Jwk, secret: &Secret) -> Result<Self, KeyError> {
        let alg = signature_algorithm(&jwk)?;
        let pair = match (alg.scheme(), jwk.parameters(), secret) {
            (SignatureScheme::Ecdsa(_, signing, _), Parameters::Curve { point, .. }, Secret::Scalar(d)) => {
                let pair = EcdsaKeyPair::from_private_key_and_public_key(signing, d, point);
                Pair::Ecdsa(pair.map_err(|_| KeyError::HalvesDiffer)?)
            }
            (SignatureScheme::EdDsa, Parameters::Curve { point, .. }, Secret::Scalar(d)) => {
                let pair = Ed25519KeyPair::from_seed_and_public_key(d, point);
                Pair::Ed25519(pair.map_err(|_| KeyError::HalvesDiffer)?)
            }
            (SignatureScheme::Rsa(encoding, _), Parameters::Rsa { n, e }, Secret::Rsa(members)) => {
                Pair::Rsa(rsa_pair(n, e, members)?, encoding)
            }
            // `alg` was checked against the parameters, and the secret is of their kind.
            (
                SignatureScheme::Ecdsa(..) | SignatureScheme::EdDsa | SignatureScheme::Rsa(..),
                Parameters::Curve { .. } | Parameters::Rsa { .. },
                Secret::Scalar(_) | Secret::Rsa(_),
            ) => return Err(not_a_pair(alg)),
        };
        Self::new(alg, pair, jwk.kid().map(str::to_owned))
    }

    fn new(alg: SignatureAlgorithm, pair: Pair, kid: Option<String>) -> Result<Self, KeyError> {
        let parameters = match (&pair, alg.scheme()) {
            (Pair::Ecdsa(pair), SignatureScheme::Ecdsa(curve, ..)) => {
                Parameters::Curve { curve, point: pair.public_key().as_ref().to_vec() }
            }
            (Pair::Ed25519(pair), _) => {
                Parameters::Curve { curve: JwkCurve::Ed25519, point: pair.public_key().as_ref().to_vec() }
            }
            (Pair::Rsa(pair, _), _) => {
                let public = RsaPublicKeyRef::from_der(pair.public_key().as_ref());
                let public = public.map_err(|_| not_a_pair(alg))?;
                let (n, e) = (public.modulus.as_bytes(), public.public_exponent.as_bytes());
                Parameters::Rsa { n: n.to_vec(), e: e.to_vec() }
            }
            (Pair::Ecdsa(_), _) => return Err(not_a_pair(alg)),
        };
        let public = VerifyingKey::new(Jwk::complete(parameters, alg.into(), kid)?)?;
        let header_start = header::start(alg.name(), Some(public.kid()));
        Ok(Self { pair, public, header_start })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (alg, kid) = (self.algorithm().name(), self.kid());
        f.debug_struct("SigningKey").field("alg", &alg).field("kid", &kid).finish_non_exhaustive()
    }
}

/// A public key that verifies with one algorithm. Cloning it copies a pointer.
#[derive(Clone)]
pub struct VerifyingKey(Arc<Public>);

struct Public {
    alg: SignatureAlgorithm,
    kid: String,
    jwk: Jwk,
    key: ParsedPublicKey,
    signature_len: usize,
}

impl VerifyingKey {
    /// Takes the key of a JWK that names its algorithm; see [`Jwk::with_algorithm`] for one that does not.
    ///
    /// # Errors
    /// [`KeyError::MissingAlgorithm`], or [`KeyError::WrongPurpose`] when the key is for encryption.
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, KeyError> {
        Self::new(jwk.completed()?)
    }

    /// The algorithm, the only one that this key is used with.
    pub fn algorithm(&self) -> SignatureAlgorithm {
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

    /// Checks that the private half of this key signed the token (RFC 7515 §5.2).
    ///
    /// The header's `alg` must be this key's. Its `kid` is the caller's to select a key by and is not looked at here.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub fn verify(&self, token: &Unverified<'_>) -> Result<Verified, VerifyError> {
        check_algorithm(token, self.0.alg.name())?;
        self.check_signature(token.signing_input(), token.signature())?;
        Ok(token.to_verified())
    }

    pub(crate) fn check_signature(&self, message: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
        check_length(signature, self.0.signature_len)?;
        self.0.key.verify_sig(message, signature).map_err(|_| VerifyError::Signature)
    }

    fn new(jwk: Jwk) -> Result<Self, KeyError> {
        let alg = signature_algorithm(&jwk)?;
        let (key, signature_len) = match (alg.scheme(), jwk.parameters()) {
            (SignatureScheme::Ecdsa(curve, _, verification), Parameters::Curve { point, .. }) => {
                (ParsedPublicKey::new(verification, point)?, curve.coordinate_len().saturating_mul(2))
            }
            (SignatureScheme::EdDsa, Parameters::Curve { point, .. }) => {
                (ParsedPublicKey::new(&ED25519, point)?, 64)
            }
            (SignatureScheme::Rsa(_, parameters), Parameters::Rsa { n, e }) => {
                (PublicKeyComponents { n, e }.to_parsed_public_key(parameters)?, n.len())
            }
            // `alg` was checked against the parameters.
            (SignatureScheme::Ecdsa(..) | SignatureScheme::EdDsa, Parameters::Rsa { .. })
            | (SignatureScheme::Rsa(..), Parameters::Curve { .. }) => return Err(not_a_pair(alg)),
        };
        let kid = jwk.kid().map_or_else(|| jwk.thumbprint(), str::to_owned);
        Ok(Self(Arc::new(Public { alg, kid, jwk, key, signature_len })))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (alg, kid) = (self.algorithm().name(), self.kid());
        f.debug_struct("VerifyingKey").field("alg", &alg).field("kid", &kid).finish_non_exhaustive()
    }
}

/// Two keys are the same when they have the same members, algorithm and name.
impl PartialEq for VerifyingKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.jwk == other.0.jwk
    }
}

fn signature_algorithm(jwk: &Jwk) -> Result<SignatureAlgorithm, KeyError> {
    match jwk.algorithm() {
        Some(KeyAlgorithm::Signature(alg)) => Ok(alg),
        Some(KeyAlgorithm::KeyManagement(alg)) => {
            Err(KeyError::WrongPurpose(alg.name(), "a signature algorithm"))
        }
        None => Err(KeyError::MissingAlgorithm),
    }
}

/// AWS-LC checks that the numbers belong together (RFC 8017 §3.2).
pub(crate) fn rsa_pair(
    n: &[u8],
    e: &[u8],
    members: &[Zeroizing<Vec<u8>>; 6],
) -> Result<RsaKeyPair, KeyError> {
    let [d, p, q, dp, dq, qi] = members.each_ref().map(|member| member.as_slice());
    let public_key = PublicKeyComponents { n, e };
    let components = KeyPairComponents { public_key, d, p, q, dP: dp, dQ: dq, qInv: qi };
    RsaKeyPair::from_components(&components).map_err(|_| KeyError::HalvesDiffer)
}

fn not_a_pair(alg: SignatureAlgorithm) -> KeyError {
    KeyError::WrongPurpose(alg.name(), "an algorithm of such a key pair")
}

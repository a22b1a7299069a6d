//! The algorithms, RFC 7518 and RFC 8037: one row each. Nothing else in this crate lists algorithms.
//!
//! | For | Names |
//! |---|---|
//! | signatures (RFC 7518 §3, RFC 8037 §3.1) | ES256 ES384 ES512 EdDSA RS256 RS384 RS512 PS256 PS384 PS512 |
//! | key management (RFC 7518 §4) | RSA-OAEP RSA-OAEP-256 ECDH-ES ECDH-ES+A128KW ECDH-ES+A192KW ECDH-ES+A256KW, and RSA1_5 as `DangerRsa15` |
//! | content encryption (RFC 7518 §5.3) | A128GCM A192GCM A256GCM |
//!
//! `none` is not here, and a caller cannot add an algorithm: a name without a row cannot be used.

mod names;
mod sizes;

use std::str::FromStr;

use aws_lc_rs::aead::{self, AES_128_GCM, AES_192_GCM, AES_256_GCM};
use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, ECDH_P521};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED,
    ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED, ECDSA_P521_SHA512_FIXED_SIGNING,
    EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
    RSA_PKCS1_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaParameters, RsaSignatureEncoding,
};

use self::names::algorithms;
pub(crate) use self::sizes::rsa_key_size;
use self::sizes::{RSA_BITS, check_bits};
pub use self::{names::UnknownAlgorithm, sizes::BitsError};

use SignatureScheme::{Ecdsa, EdDsa, Rsa};

algorithms! {
    /// A signature algorithm of key pairs, RFC 7518 §3.1 and RFC 8037 §3.1. The salt of RSASSA-PSS is as long as the digest.
    SignatureAlgorithm, "alg", scheme: SignatureScheme;
    /// ECDSA on P-256 with SHA-256.
    Es256 "ES256" Ecdsa(JwkCurve::P256, &ECDSA_P256_SHA256_FIXED_SIGNING, &ECDSA_P256_SHA256_FIXED);
    /// ECDSA on P-384 with SHA-384.
    Es384 "ES384" Ecdsa(JwkCurve::P384, &ECDSA_P384_SHA384_FIXED_SIGNING, &ECDSA_P384_SHA384_FIXED);
    /// ECDSA on P-521 with SHA-512.
    Es512 "ES512" Ecdsa(JwkCurve::P521, &ECDSA_P521_SHA512_FIXED_SIGNING, &ECDSA_P521_SHA512_FIXED);
    /// Ed25519.
    EdDsa "EdDSA" EdDsa;
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256 "RS256" Rsa(&RSA_PKCS1_SHA256, &RSA_PKCS1_2048_8192_SHA256);
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384 "RS384" Rsa(&RSA_PKCS1_SHA384, &RSA_PKCS1_2048_8192_SHA384);
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512 "RS512" Rsa(&RSA_PKCS1_SHA512, &RSA_PKCS1_2048_8192_SHA512);
    /// RSASSA-PSS with SHA-256.
    Ps256 "PS256" Rsa(&RSA_PSS_SHA256, &RSA_PSS_2048_8192_SHA256);
    /// RSASSA-PSS with SHA-384.
    Ps384 "PS384" Rsa(&RSA_PSS_SHA384, &RSA_PSS_2048_8192_SHA384);
    /// RSASSA-PSS with SHA-512.
    Ps512 "PS512" Rsa(&RSA_PSS_SHA512, &RSA_PSS_2048_8192_SHA512);
}

impl SignatureAlgorithm {
    /// The bits of a key for which the caller names none: 256, 384, 521, 256 (EdDSA) or 2048 (RSA).
    pub const fn default_bits(self) -> u32 {
        match self.scheme() {
            Ecdsa(curve, ..) => curve.bits(),
            EdDsa => JwkCurve::Ed25519.bits(),
            Rsa(..) => 2048,
        }
    }

    /// Checks that a generated key of this algorithm can have `bits` bits.
    ///
    /// # Errors
    /// [`BitsError`], whose text names the possible sizes.
    pub fn check_bits(self, bits: u32) -> Result<(), BitsError> {
        let (uses, possible): (_, &[u32]) = match self.scheme() {
            Rsa(..) => ("is RSA", RSA_BITS),
            Ecdsa(JwkCurve::P256, ..) => ("uses P-256", &[256]),
            Ecdsa(JwkCurve::P384, ..) => ("uses P-384", &[384]),
            Ecdsa(..) => ("uses P-521", &[521]),
            EdDsa => ("uses Ed25519", &[256]),
        };
        check_bits(self.name(), uses, possible, bits)
    }
}

/// The implementation of a signature algorithm.
#[derive(Copy, Clone)]
pub(crate) enum SignatureScheme {
    Ecdsa(JwkCurve, &'static EcdsaSigningAlgorithm, &'static EcdsaVerificationAlgorithm),
    EdDsa,
    Rsa(&'static RsaSignatureEncoding, &'static RsaParameters),
}

algorithms! {
    /// A key-management algorithm, RFC 7518 §4.1. [`Self::ALL`] has the dangerous one too.
    KeyManagementAlgorithm, "alg", scheme: KeyManagementScheme;
    /// RSAES-OAEP with SHA-1 and MGF1 with SHA-1, the default parameters.
    RsaOaep "RSA-OAEP" KeyManagementScheme::Rsa(RsaPadding::OaepSha1);
    /// RSAES-OAEP with SHA-256 and MGF1 with SHA-256.
    RsaOaep256 "RSA-OAEP-256" KeyManagementScheme::Rsa(RsaPadding::OaepSha256);
    /// ECDH-ES. The agreed key encrypts the content.
    EcdhEs "ECDH-ES" KeyManagementScheme::Ecdh(None);
    /// ECDH-ES. The agreed key wraps a random key by A128KW.
    EcdhEsA128Kw "ECDH-ES+A128KW" KeyManagementScheme::Ecdh(Some(KeyWrap::A128));
    /// ECDH-ES. The agreed key wraps a random key by A192KW.
    EcdhEsA192Kw "ECDH-ES+A192KW" KeyManagementScheme::Ecdh(Some(KeyWrap::A192));
    /// ECDH-ES. The agreed key wraps a random key by A256KW.
    EcdhEsA256Kw "ECDH-ES+A256KW" KeyManagementScheme::Ecdh(Some(KeyWrap::A256));
    /// RSAES-PKCS1-v1_5. Decryption is guarded against Bleichenbacher's oracle (RFC 7516 §11.5), but nothing new should use it.
    DangerRsa15 "RSA1_5" KeyManagementScheme::Rsa(RsaPadding::Pkcs1);
}

impl KeyManagementAlgorithm {
    /// The bits of a key for which the caller names none: 256 (ECDH-ES on P-256) or 2048 (RSA).
    pub const fn default_bits(self) -> u32 {
        match self.scheme() {
            KeyManagementScheme::Rsa(_) => 2048,
            KeyManagementScheme::Ecdh(_) => 256,
        }
    }

    /// Checks that a generated key of this algorithm can have `bits` bits. For ECDH-ES they choose among P-256, P-384 and P-521.
    ///
    /// # Errors
    /// [`BitsError`], whose text names the possible sizes.
    pub fn check_bits(self, bits: u32) -> Result<(), BitsError> {
        let (uses, possible): (_, &[u32]) = match self.scheme() {
            KeyManagementScheme::Rsa(_) => ("is RSA", RSA_BITS),
            KeyManagementScheme::Ecdh(_) => ("uses P-256, P-384 or P-521", &[256, 384, 521]),
        };
        check_bits(self.name(), uses, possible, bits)
    }
}

/// The implementation of a key-management algorithm.
#[derive(Copy, Clone)]
pub(crate) enum KeyManagementScheme {
    Rsa(RsaPadding),
    Ecdh(Option<KeyWrap>),
}

#[derive(Copy, Clone, PartialEq, Eq)]
pub(crate) enum RsaPadding {
    Pkcs1,
    OaepSha1,
    OaepSha256,
}

/// AES key wrap, RFC 3394.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(crate) enum KeyWrap {
    A128,
    A192,
    A256,
}

impl KeyWrap {
    /// The bytes of the wrapping key.
    pub(crate) const fn key_len(self) -> usize {
        match self {
            Self::A128 => 16,
            Self::A192 => 24,
            Self::A256 => 32,
        }
    }
}

algorithms! {
    /// A content encryption, RFC 7518 §5.3. The CBC-HMAC family is left out on purpose.
    ContentEncryption, "enc", cipher: (usize, &'static aead::Algorithm);
    /// AES-128 in Galois/Counter Mode.
    A128Gcm "A128GCM" (16, &AES_128_GCM);
    /// AES-192 in Galois/Counter Mode.
    A192Gcm "A192GCM" (24, &AES_192_GCM);
    /// AES-256 in Galois/Counter Mode.
    A256Gcm "A256GCM" (32, &AES_256_GCM);
}

impl ContentEncryption {
    /// The bytes of the content encryption key.
    pub const fn key_len(self) -> usize {
        self.cipher().0
    }

    pub(crate) const fn aead(self) -> &'static aead::Algorithm {
        self.cipher().1
    }
}

/// The one algorithm of a key: the `alg` of a JWK (RFC 7517 §4.4).
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum KeyAlgorithm {
    /// The key signs.
    Signature(SignatureAlgorithm),
    /// The key encrypts.
    KeyManagement(KeyManagementAlgorithm),
}

impl KeyAlgorithm {
    /// The `alg` value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signature(alg) => alg.name(),
            Self::KeyManagement(alg) => alg.name(),
        }
    }
}

impl FromStr for KeyAlgorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        if let Ok(alg) = name.parse() {
            return Ok(Self::Signature(alg));
        }
        name.parse().map(Self::KeyManagement).map_err(|_| {
            let signatures = SignatureAlgorithm::ALL.iter().map(|alg| alg.name());
            let known = signatures.chain(KeyManagementAlgorithm::ALL.iter().map(|alg| alg.name()));
            UnknownAlgorithm::new("alg", name, known)
        })
    }
}

impl From<SignatureAlgorithm> for KeyAlgorithm {
    fn from(alg: SignatureAlgorithm) -> Self {
        Self::Signature(alg)
    }
}

impl From<KeyManagementAlgorithm> for KeyAlgorithm {
    fn from(alg: KeyManagementAlgorithm) -> Self {
        Self::KeyManagement(alg)
    }
}

algorithms! {
    /// An elliptic curve, the `crv` of a JWK (RFC 7518 §6.2.1.1, RFC 8037 §2).
    JwkCurve, "crv", row: (u32, usize, Option<&'static agreement::Algorithm>);
    /// NIST P-256.
    P256 "P-256" (256, 32, Some(&ECDH_P256));
    /// NIST P-384.
    P384 "P-384" (384, 48, Some(&ECDH_P384));
    /// NIST P-521.
    P521 "P-521" (521, 66, Some(&ECDH_P521));
    /// Ed25519, for signatures alone.
    Ed25519 "Ed25519" (256, 32, None);
    /// X25519, for key agreement alone.
    X25519 "X25519" (256, 32, Some(&agreement::X25519));
}

impl JwkCurve {
    /// The size that people name it by.
    pub const fn bits(self) -> u32 {
        self.row().0
    }

    /// The bytes of one coordinate, and of the private value.
    pub const fn coordinate_len(self) -> usize {
        self.row().1
    }

    pub(crate) const fn agreement(self) -> Option<&'static agreement::Algorithm> {
        self.row().2
    }

    /// Ed25519 and X25519 have key type OKP and one coordinate (RFC 8037 §2).
    pub(crate) const fn is_okp(self) -> bool {
        match self {
            Self::Ed25519 | Self::X25519 => true,
            Self::P256 | Self::P384 | Self::P521 => false,
        }
    }
}

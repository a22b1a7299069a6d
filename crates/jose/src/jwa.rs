//! The algorithms, RFC 7518 and RFC 8037: one row per name. Nothing else in this crate lists algorithms.
//!
//! | For | Names |
//! |---|---|
//! | signatures (RFC 7518 §3, RFC 8037 §3.1) | ES256 ES384 ES512 EdDSA RS256 RS384 RS512 PS256 PS384 PS512 |
//! | key management (RFC 7518 §4) | RSA-OAEP RSA-OAEP-256 ECDH-ES ECDH-ES+A128KW ECDH-ES+A192KW ECDH-ES+A256KW, and RSA1_5 as `DangerRsa15` |
//! | content encryption (RFC 7518 §5.3) | A128GCM A192GCM A256GCM |
//!
//! `none` is not here, nor is anything that a caller could add: a name that has no row cannot be used.

mod names;
mod sizes;

use std::fmt;

use aws_lc_rs::{
    aead,
    agreement::{self, ECDH_P256, ECDH_P384, ECDH_P521},
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED,
        ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED, ECDSA_P521_SHA512_FIXED_SIGNING,
        EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm, RSA_PKCS1_2048_8192_SHA256,
        RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
        RSA_PKCS1_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
        RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaParameters, RsaSignatureEncoding,
    },
};

pub(crate) use self::sizes::rsa_key_size;
use self::sizes::{RSA_BITS, check_bits};
pub use self::{names::UnknownAlgorithm, sizes::BitsError};

/// A signature algorithm, RFC 7518 §3.1 and RFC 8037 §3.1.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum SignatureAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// Ed25519.
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256; the salt is as long as the digest.
    Ps256,
    /// RSASSA-PSS with SHA-384; the salt is as long as the digest.
    Ps384,
    /// RSASSA-PSS with SHA-512; the salt is as long as the digest.
    Ps512,
    /// HMAC with SHA-256. Whoever can verify can also sign, so it serves only where both are the same program;
    /// see [`HmacKey`](crate::jws::HmacKey). It cannot be read from text.
    Hs256,
}

impl SignatureAlgorithm {
    /// Every algorithm that a key pair can have. HS256 is not among them.
    pub const ALL: &'static [Self] = &[
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
    ];

    pub(crate) const fn row(self) -> (&'static str, SignatureScheme) {
        use SignatureScheme::{Ecdsa, EdDsa, Hmac, Rsa};
        match self {
            Self::Es256 => {
                ("ES256", Ecdsa(JwkCurve::P256, &ECDSA_P256_SHA256_FIXED_SIGNING, &ECDSA_P256_SHA256_FIXED))
            }
            Self::Es384 => {
                ("ES384", Ecdsa(JwkCurve::P384, &ECDSA_P384_SHA384_FIXED_SIGNING, &ECDSA_P384_SHA384_FIXED))
            }
            Self::Es512 => {
                ("ES512", Ecdsa(JwkCurve::P521, &ECDSA_P521_SHA512_FIXED_SIGNING, &ECDSA_P521_SHA512_FIXED))
            }
            Self::EdDsa => ("EdDSA", EdDsa),
            Self::Rs256 => ("RS256", Rsa(&RSA_PKCS1_SHA256, &RSA_PKCS1_2048_8192_SHA256)),
            Self::Rs384 => ("RS384", Rsa(&RSA_PKCS1_SHA384, &RSA_PKCS1_2048_8192_SHA384)),
            Self::Rs512 => ("RS512", Rsa(&RSA_PKCS1_SHA512, &RSA_PKCS1_2048_8192_SHA512)),
            Self::Ps256 => ("PS256", Rsa(&RSA_PSS_SHA256, &RSA_PSS_2048_8192_SHA256)),
            Self::Ps384 => ("PS384", Rsa(&RSA_PSS_SHA384, &RSA_PSS_2048_8192_SHA384)),
            Self::Ps512 => ("PS512", Rsa(&RSA_PSS_SHA512, &RSA_PSS_2048_8192_SHA512)),
            Self::Hs256 => ("HS256", Hmac),
        }
    }

    /// The `alg` value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    pub(crate) const fn scheme(self) -> SignatureScheme {
        self.row().1
    }

    /// Bits of the key where the caller names none: 256, 384, 521, 256 (EdDSA) or 2048 (RSA).
    #[must_use]
    pub const fn default_bits(self) -> u32 {
        match self.scheme() {
            SignatureScheme::Ecdsa(curve, ..) => curve.bits(),
            SignatureScheme::EdDsa => JwkCurve::Ed25519.bits(),
            SignatureScheme::Rsa(..) => 2048,
            SignatureScheme::Hmac => 256,
        }
    }

    /// Checks that a generated key of this algorithm can have `bits` bits.
    ///
    /// # Errors
    /// [`BitsError`], whose text names what is possible.
    pub fn check_bits(self, bits: u32) -> Result<(), BitsError> {
        match self.scheme() {
            SignatureScheme::Rsa(..) => check_bits(self.name(), "is RSA", RSA_BITS, bits),
            SignatureScheme::Ecdsa(JwkCurve::P256, ..) => check_bits(self.name(), "uses P-256", &[256], bits),
            SignatureScheme::Ecdsa(JwkCurve::P384, ..) => check_bits(self.name(), "uses P-384", &[384], bits),
            SignatureScheme::Ecdsa(..) => check_bits(self.name(), "uses P-521", &[521], bits),
            SignatureScheme::EdDsa => check_bits(self.name(), "uses Ed25519", &[256], bits),
            SignatureScheme::Hmac => check_bits(self.name(), "is HMAC with SHA-256", &[256], bits),
        }
    }
}

/// What stands behind a signature algorithm.
#[derive(Copy, Clone)]
pub(crate) enum SignatureScheme {
    Ecdsa(JwkCurve, &'static EcdsaSigningAlgorithm, &'static EcdsaVerificationAlgorithm),
    EdDsa,
    Rsa(&'static RsaSignatureEncoding, &'static RsaParameters),
    Hmac,
}

/// A key-management algorithm, RFC 7518 §4.1.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum KeyManagementAlgorithm {
    /// RSAES-PKCS1-v1_5. The name warns: decryption is guarded against Bleichenbacher's oracle as RFC 7516 §11.5 asks,
    /// and it is still the wrong choice for anything new.
    DangerRsa15,
    /// RSAES-OAEP with SHA-1 and MGF1 with SHA-1, the default parameters.
    RsaOaep,
    /// RSAES-OAEP with SHA-256 and MGF1 with SHA-256.
    RsaOaep256,
    /// ECDH-ES, the agreed key encrypts the content.
    EcdhEs,
    /// ECDH-ES, the agreed key wraps a random key by A128KW.
    EcdhEsA128Kw,
    /// ECDH-ES, the agreed key wraps a random key by A192KW.
    EcdhEsA192Kw,
    /// ECDH-ES, the agreed key wraps a random key by A256KW.
    EcdhEsA256Kw,
}

impl KeyManagementAlgorithm {
    /// Every key-management algorithm, the dangerous one included: who offers a choice to others filters it.
    pub const ALL: &'static [Self] = &[
        Self::RsaOaep,
        Self::RsaOaep256,
        Self::EcdhEs,
        Self::EcdhEsA128Kw,
        Self::EcdhEsA192Kw,
        Self::EcdhEsA256Kw,
        Self::DangerRsa15,
    ];

    pub(crate) const fn row(self) -> (&'static str, KeyManagementScheme) {
        use KeyManagementScheme::{Ecdh, Rsa};
        match self {
            Self::DangerRsa15 => ("RSA1_5", Rsa(RsaPadding::Pkcs1)),
            Self::RsaOaep => ("RSA-OAEP", Rsa(RsaPadding::OaepSha1)),
            Self::RsaOaep256 => ("RSA-OAEP-256", Rsa(RsaPadding::OaepSha256)),
            Self::EcdhEs => ("ECDH-ES", Ecdh(None)),
            Self::EcdhEsA128Kw => ("ECDH-ES+A128KW", Ecdh(Some(KeyWrap::A128))),
            Self::EcdhEsA192Kw => ("ECDH-ES+A192KW", Ecdh(Some(KeyWrap::A192))),
            Self::EcdhEsA256Kw => ("ECDH-ES+A256KW", Ecdh(Some(KeyWrap::A256))),
        }
    }

    /// The `alg` value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    pub(crate) const fn scheme(self) -> KeyManagementScheme {
        self.row().1
    }

    /// Bits of the key where the caller names none: 256 (ECDH-ES on P-256) or 2048 (RSA).
    #[must_use]
    pub const fn default_bits(self) -> u32 {
        match self.scheme() {
            KeyManagementScheme::Rsa(_) => 2048,
            KeyManagementScheme::Ecdh(_) => 256,
        }
    }

    /// Checks that a generated key of this algorithm can have `bits` bits: for ECDH-ES they choose among P-256, P-384
    /// and P-521.
    ///
    /// # Errors
    /// [`BitsError`], whose text names what is possible.
    pub fn check_bits(self, bits: u32) -> Result<(), BitsError> {
        match self.scheme() {
            KeyManagementScheme::Rsa(_) => check_bits(self.name(), "is RSA", RSA_BITS, bits),
            KeyManagementScheme::Ecdh(_) => {
                check_bits(self.name(), "uses P-256, P-384 or P-521", &[256, 384, 521], bits)
            }
        }
    }
}

/// What stands behind a key-management algorithm.
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
    /// Bytes of the wrapping key.
    pub(crate) const fn key_len(self) -> usize {
        match self {
            Self::A128 => 16,
            Self::A192 => 24,
            Self::A256 => 32,
        }
    }
}

/// A content encryption, RFC 7518 §5.3. The CBC-HMAC family is left out on purpose.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum ContentEncryption {
    /// AES-128 in Galois/Counter Mode.
    A128Gcm,
    /// AES-192 in Galois/Counter Mode.
    A192Gcm,
    /// AES-256 in Galois/Counter Mode.
    A256Gcm,
}

impl ContentEncryption {
    /// Every content encryption.
    pub const ALL: &'static [Self] = &[Self::A128Gcm, Self::A192Gcm, Self::A256Gcm];

    pub(crate) const fn row(self) -> (&'static str, usize, &'static aead::Algorithm) {
        match self {
            Self::A128Gcm => ("A128GCM", 16, &aead::AES_128_GCM),
            Self::A192Gcm => ("A192GCM", 24, &aead::AES_192_GCM),
            Self::A256Gcm => ("A256GCM", 32, &aead::AES_256_GCM),
        }
    }

    /// The `enc` value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// Bytes of the content encryption key.
    #[must_use]
    pub const fn key_len(self) -> usize {
        self.row().1
    }

    pub(crate) const fn aead(self) -> &'static aead::Algorithm {
        self.row().2
    }
}

/// The one algorithm of a key, whichever its kind: the `alg` of a JWK (RFC 7517 §4.4).
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum KeyAlgorithm {
    /// The key signs.
    Signature(SignatureAlgorithm),
    /// The key encrypts.
    KeyManagement(KeyManagementAlgorithm),
}

impl KeyAlgorithm {
    /// The `alg` value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signature(alg) => alg.name(),
            Self::KeyManagement(alg) => alg.name(),
        }
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

/// An elliptic curve, the `crv` of a JWK (RFC 7518 §6.2.1.1, RFC 8037 §2).
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum JwkCurve {
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
    /// Ed25519, for signatures alone.
    Ed25519,
    /// X25519, for key agreement alone.
    X25519,
}

impl JwkCurve {
    pub(crate) const ALL: &'static [Self] =
        &[Self::P256, Self::P384, Self::P521, Self::Ed25519, Self::X25519];

    const fn row(self) -> (&'static str, u32, usize, Option<&'static agreement::Algorithm>) {
        match self {
            Self::P256 => ("P-256", 256, 32, Some(&ECDH_P256)),
            Self::P384 => ("P-384", 384, 48, Some(&ECDH_P384)),
            Self::P521 => ("P-521", 521, 66, Some(&ECDH_P521)),
            Self::Ed25519 => ("Ed25519", 256, 32, None),
            Self::X25519 => ("X25519", 256, 32, Some(&agreement::X25519)),
        }
    }

    /// The `crv` value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// The size that people name it by.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.row().1
    }

    /// Bytes of one coordinate, and of the private value.
    #[must_use]
    pub const fn coordinate_len(self) -> usize {
        self.row().2
    }

    pub(crate) const fn agreement(self) -> Option<&'static agreement::Algorithm> {
        self.row().3
    }

    /// Ed25519 and X25519 have key type OKP and one coordinate (RFC 8037 §2).
    pub(crate) const fn is_okp(self) -> bool {
        match self {
            Self::Ed25519 | Self::X25519 => true,
            Self::P256 | Self::P384 | Self::P521 => false,
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|curve| curve.name() == name)
    }
}

impl fmt::Display for JwkCurve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests;

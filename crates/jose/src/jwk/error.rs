//! Every way in which a key is refused, in words for the person who brought it. No message holds a byte of a key.

use aws_lc_rs::error::{KeyRejected, Unspecified};

use crate::{
    base64url::Base64Error,
    json::JsonError,
    jwa::{BitsError, UnknownAlgorithm},
};

/// Why a key is refused.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Longer than any key.
    #[error("a key or key set longer than {0} bytes is not read")]
    TooLong(usize),
    /// Not JSON, or JSON that readers disagree about.
    #[error("the key is not strict JSON")]
    Json(#[from] JsonError),
    /// RFC 7517 §4: a JWK is an object.
    #[error("a JWK is a JSON object")]
    NotAnObject,
    /// RFC 7517 §5: a set is an object with an array `keys`.
    #[error("a JWK set is an object with an array \"keys\"")]
    NotASet,
    /// Two keys of a set have one name (RFC 7517 §4.5).
    #[error("the set has two keys with kid {0:?}")]
    DuplicateKid(String),
    /// A required member is missing.
    #[error("the key has no {0:?}")]
    Missing(&'static str),
    /// A member has another type in its RFC.
    #[error("{0:?} in the key must be {1}")]
    WrongType(&'static str, &'static str),
    /// A member is not base64url.
    #[error("{0:?} in the key is not base64url")]
    Base64(&'static str, #[source] Base64Error),
    /// RFC 7518 §6.2.1.2, RFC 8037 §2: coordinates have a fixed length.
    #[error("{member:?} in the key must have {expected} bytes, it has {found}")]
    WrongLength {
        /// The member.
        member: &'static str,
        /// Bytes that the curve demands.
        expected: usize,
        /// Bytes that it has.
        found: usize,
    },
    /// RFC 7518 §2, Base64urlUInt: the fewest octets, so that one key has one thumbprint.
    #[error("{0:?} in the key starts with a zero byte: it must be written in as few bytes as possible")]
    NotMinimal(&'static str),
    /// A private or symmetric member where a public key belongs.
    #[error(
        "{0:?} is a private member: this is a secret, not a public key. If it was published, replace the key"
    )]
    PrivateMember(&'static str),
    /// RFC 7517 §4.1.
    #[error("the key type {0:?} is not implemented: use EC, OKP or RSA")]
    UnknownKeyType(String),
    /// RFC 7518 §6.2.1.1, RFC 8037 §2.
    #[error("the curve {crv:?} is not one of key type {kty}: use {known}")]
    UnknownCurve {
        /// The curve, cut to 40 characters.
        crv: String,
        /// The key type.
        kty: &'static str,
        /// Its curves.
        known: &'static str,
    },
    /// An `alg` without a row in [`crate::jwa`].
    #[error(transparent)]
    UnknownAlgorithm(#[from] UnknownAlgorithm),
    /// A key has exactly one algorithm; this one has none yet.
    #[error("the key has no \"alg\": name the one algorithm that it is for")]
    MissingAlgorithm,
    /// An algorithm that this kind of key does not have.
    #[error("{0} cannot be used with {1}")]
    AlgorithmMismatch(&'static str, String),
    /// A key has exactly one algorithm, and it is another.
    #[error("the key is bound to {bound}: it cannot be used for {asked}")]
    BoundToAnother {
        /// Its algorithm.
        bound: &'static str,
        /// The one asked for.
        asked: &'static str,
    },
    /// A signing algorithm for an encryption key or the other way round.
    #[error("{0} is not {1}")]
    WrongPurpose(&'static str, &'static str),
    /// RFC 7517 §4.2: `use` forbids what `alg` demands.
    #[error("the key has use {key_use:?}, which contradicts its algorithm {alg}")]
    UseContradictsAlgorithm {
        /// `sig` or `enc`.
        key_use: &'static str,
        /// The algorithm.
        alg: &'static str,
    },
    /// RFC 7517 §4.2.
    #[error("the key has an unknown \"use\": only sig and enc are implemented")]
    UnknownUse,
    /// RFC 7517 §4.3: `key_ops` and `use` must agree, and one key serves one purpose.
    #[error("\"key_ops\" contradicts itself or \"use\": a key is either for signatures or for encryption")]
    KeyOpsContradict,
    /// RFC 7517 §4.3: values must not be repeated.
    #[error("\"key_ops\" names {0:?} twice")]
    DuplicateKeyOp(String),
    /// RFC 7517 §4.3: a private key is used for nothing that its `key_ops` leave out.
    #[error("the \"key_ops\" of the key do not name {0}: it is not meant for that")]
    KeyOpMissing(&'static str),
    /// The coordinates are no point of the curve.
    #[error("the point is not on {0}")]
    PointNotOnCurve(&'static str),
    /// A point that makes every signature or every agreement the same (RFC 8032 §8.9, RFC 7748 §6.1).
    #[error("the {0} key is a point of small order, which protects nothing")]
    SmallOrderPoint(&'static str),
    /// RFC 7518 §3.3, §4.2: at least 2048 bits. At most 8192.
    #[error("an RSA modulus has 2048 to 8192 bits here, this one has {0}")]
    RsaModulusSize(usize),
    /// An even modulus is no product of two odd primes.
    #[error("the RSA modulus is even: it was damaged on the way")]
    RsaModulusEven,
    /// NIST FIPS 186-5 §A.1.1: odd and above 2^16.
    #[error("the RSA exponent must be odd, at least 65537 and at most 33 bits long")]
    RsaExponent,
    /// CVE-2017-15361: keys made by a faulty smart-card library can be factored.
    #[error(
        "the RSA modulus has the ROCA fingerprint (CVE-2017-15361): it can be factored, make another key"
    )]
    Roca,
    /// RFC 7518 §6.3.2.7: RSA keys with more than two primes.
    #[error("RSA keys with more than two primes (\"oth\") are not implemented")]
    MultiPrime,
    /// Private and public half are not of one key.
    #[error("the private and the public half of the key do not belong together")]
    HalvesDiffer,
    /// A size that the algorithm does not have.
    #[error(transparent)]
    Bits(#[from] BitsError),
    /// HMAC keys: RFC 7518 §3.2.
    #[error("an HMAC key for HS256 needs at least {0} bytes")]
    HmacKeyTooShort(usize),
    /// RFC 7468 §10: the text is no `PRIVATE KEY` block.
    #[error("not a PKCS#8 PEM: {0}")]
    Pem(&'static str),
    /// RFC 5958: the bytes are no PKCS#8 document for such a key.
    #[error("not a PKCS#8 private key for this algorithm: {0}")]
    Pkcs8(&'static str),
    /// AWS-LC refuses the key.
    #[error("the key is refused by the cryptographic library")]
    Rejected(#[from] KeyRejected),
    /// AWS-LC failed, for want of memory or of randomness.
    #[error("the cryptographic library failed")]
    Library(#[from] Unspecified),
}

//! The four curves. Only this file lists them.

use crate::base58check::Prefix;

/// The curve of a key. The order is that of the binary tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Curve {
    /// tz1, RFC 8032.
    Ed25519,
    /// tz2, SEC 2.
    Secp256k1,
    /// tz3, FIPS 186-5.
    P256,
    /// tz4: public keys in G1, signatures in G2.
    Bls12381,
}

/// The texts of a curve.
pub(crate) struct Prefixes {
    pub(crate) hash: Prefix,
    pub(crate) public: Prefix,
    pub(crate) secret: Prefix,
    pub(crate) encrypted: Prefix,
    pub(crate) signature: Prefix,
}

impl Curve {
    /// All of them, by tag.
    pub const ALL: [Self; 4] = [Self::Ed25519, Self::Secp256k1, Self::P256, Self::Bls12381];

    /// The first byte of a public key or its hash in binary form.
    pub const fn tag(self) -> u8 {
        self as u8
    }

    /// The curve of a tag. The tag 4, ML-DSA-44, does not sign here.
    pub fn from_tag(tag: u8) -> Option<Self> {
        Self::ALL.get(usize::from(tag)).copied()
    }

    /// Bytes of a public key, points in compressed form, without the tag.
    pub const fn public_key_len(self) -> usize {
        self.prefixes().public.payload_len()
    }

    /// Bytes of a signature.
    pub const fn signature_len(self) -> usize {
        self.prefixes().signature.payload_len()
    }

    /// The name as people write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "Ed25519",
            Self::Secp256k1 => "secp256k1",
            Self::P256 => "P-256",
            Self::Bls12381 => "BLS12-381",
        }
    }

    pub(crate) const fn prefixes(self) -> Prefixes {
        let (hash, public, secret, encrypted, signature) = match self {
            Self::Ed25519 => (Prefix::Tz1, Prefix::Edpk, Prefix::EdskSeed, Prefix::Edesk, Prefix::Edsig),
            Self::Secp256k1 => (Prefix::Tz2, Prefix::Sppk, Prefix::Spsk, Prefix::Spesk, Prefix::Spsig1),
            Self::P256 => (Prefix::Tz3, Prefix::P2pk, Prefix::P2sk, Prefix::P2esk, Prefix::P2sig),
            Self::Bls12381 => (Prefix::Tz4, Prefix::Blpk, Prefix::Blsk, Prefix::Blesk, Prefix::Blsig),
        };
        Prefixes { hash, public, secret, encrypted, signature }
    }
}

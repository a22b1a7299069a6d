//! The four curves: one row each; nothing else lists them.

use crate::base58check::Prefix;

/// What a key belongs to. The order is that of the binary tags.
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
    #[must_use]
    pub const fn tag(self) -> u8 {
        match self {
            Self::Ed25519 => 0,
            Self::Secp256k1 => 1,
            Self::P256 => 2,
            Self::Bls12381 => 3,
        }
    }

    /// The curve of a tag. 4 is ML-DSA-44, which is not signed with here.
    #[must_use]
    pub const fn from_tag(tag: u8) -> Option<Self> {
        match tag {
            0 => Some(Self::Ed25519),
            1 => Some(Self::Secp256k1),
            2 => Some(Self::P256),
            3 => Some(Self::Bls12381),
            _ => None,
        }
    }

    /// Bytes of a public key, points in compressed form, without the tag.
    #[must_use]
    pub const fn public_key_len(self) -> usize {
        self.prefixes().public.payload_len()
    }

    /// Bytes of a signature.
    #[must_use]
    pub const fn signature_len(self) -> usize {
        self.prefixes().signature.payload_len()
    }

    /// The name as people write it.
    #[must_use]
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

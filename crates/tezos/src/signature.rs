//! Signatures: of a named curve or generic.

use std::str::FromStr;

use crate::{
    base58check::{self, Base58Error, Prefix},
    key::Curve,
    text::base58_text,
};

/// Bytes of a signature and their curve. Whether the bytes are a signature of anything only a key can tell.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signature {
    /// `edsig…`: R and S.
    Ed25519([u8; 64]),
    /// `spsig1…`: r and s, big-endian.
    Secp256k1([u8; 64]),
    /// `p2sig…`: r and s, big-endian.
    P256([u8; 64]),
    /// `BLsig…`: a point of G2 in compressed form.
    Bls12381([u8; 96]),
    /// `sig…`: one of the 64-byte kinds.
    Generic([u8; 64]),
}

/// Why a text is not a signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Not base58check of Tezos.
    #[error(transparent)]
    Base58(#[from] Base58Error),
    /// base58check of another kind.
    #[error("base58check, but of no signature")]
    UnknownPrefix,
}

/// Why a signature does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSignature {
    /// A signature of one curve, a key of another.
    #[error("a signature of {} cannot be checked with a key of {}", signature.map_or("no named curve", Curve::name), key.name())]
    Curve {
        /// The signature's curve; `None` for a generic one.
        signature: Option<Curve>,
        /// The key's curve.
        key: Curve,
    },
    /// tz4 keys do not sign for version 0.
    #[error("SigningVersion0 is not supported for BLS keys")]
    Version0,
    /// Only tz4 keys have proofs of possession.
    #[error("proof of possession is not supported")]
    NotBls,
    /// Other bytes, another key, or not a signature at all.
    #[error("the signature is not valid")]
    Invalid,
}

/// Why a key did not sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyNotUsed {
    /// tz4 keys do not sign for version 0.
    #[error("SigningVersion0 is not supported for BLS keys")]
    Version0,
    /// Only tz4 keys have proofs of possession.
    #[error("proof of possession is not supported")]
    NotBls,
    /// The library failed.
    #[error("the cryptographic library failed to sign")]
    Library,
    /// The signature did not verify: a fault in memory or processor, or a public key that is not the secret key's.
    /// A wrong signature can give the key away, so it is dropped.
    #[error("the signature does not verify with its own key and was withheld")]
    Faulty,
}

impl Signature {
    /// Bytes of one curve.
    pub fn from_bytes(curve: Curve, bytes: &[u8]) -> Option<Self> {
        match curve {
            Curve::Ed25519 => bytes.try_into().ok().map(Self::Ed25519),
            Curve::Secp256k1 => bytes.try_into().ok().map(Self::Secp256k1),
            Curve::P256 => bytes.try_into().ok().map(Self::P256),
            Curve::Bls12381 => bytes.try_into().ok().map(Self::Bls12381),
        }
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Ed25519(bytes) | Self::Secp256k1(bytes) | Self::P256(bytes) | Self::Generic(bytes) => bytes,
            Self::Bls12381(bytes) => bytes,
        }
    }

    /// The curve; `None` for a generic signature.
    pub const fn curve(&self) -> Option<Curve> {
        match self {
            Self::Ed25519(_) => Some(Curve::Ed25519),
            Self::Secp256k1(_) => Some(Curve::Secp256k1),
            Self::P256(_) => Some(Curve::P256),
            Self::Bls12381(_) => Some(Curve::Bls12381),
            Self::Generic(_) => None,
        }
    }

    /// The same bytes without the curve, `sig…`. BLS signatures have no such form and stay as they are.
    #[must_use]
    pub const fn to_generic(self) -> Self {
        match self {
            Self::Ed25519(bytes) | Self::Secp256k1(bytes) | Self::P256(bytes) | Self::Generic(bytes) => {
                Self::Generic(bytes)
            }
            Self::Bls12381(_) => self,
        }
    }

    /// A signature of secp256k1 with the smaller of the two values S can have, which Octez insists on: whatever a
    /// vault returns goes through here. Other signatures come back unchanged.
    #[must_use]
    pub fn with_low_s(self) -> Self {
        match self {
            Self::Secp256k1(_) => self.with_low_s_for(Curve::Secp256k1),
            Self::Ed25519(_) | Self::P256(_) | Self::Bls12381(_) | Self::Generic(_) => self,
        }
    }

    /// As [`Signature::with_low_s`], of a signature that is to be checked with a key of this curve.
    pub(crate) fn with_low_s_for(self, curve: Curve) -> Self {
        let bytes = match (curve, self) {
            (Curve::Secp256k1, Self::Secp256k1(bytes) | Self::Generic(bytes)) => bytes,
            (Curve::Secp256k1, Self::Ed25519(_) | Self::P256(_) | Self::Bls12381(_))
            | (Curve::Ed25519 | Curve::P256 | Curve::Bls12381, _) => return self,
        };
        match k256::ecdsa::Signature::from_slice(&bytes) {
            Ok(signature) => Self::Secp256k1(signature.normalize_s().to_bytes().into()),
            Err(_) => self,
        }
    }

    /// The bytes if a key of `curve` may look at them.
    pub(crate) fn bytes_for(&self, curve: Curve) -> Result<&[u8], InvalidSignature> {
        let fits = match self.curve() {
            Some(own) => own == curve,
            None => curve != Curve::Bls12381,
        };
        if fits {
            Ok(self.as_bytes())
        } else {
            Err(InvalidSignature::Curve { signature: self.curve(), key: curve })
        }
    }

    fn to_base58(self) -> String {
        let prefix = self.curve().map_or(Prefix::Sig, |curve| curve.prefixes().signature);
        base58check::encode(prefix, self.as_bytes())
    }
}

impl FromStr for Signature {
    type Err = SignatureError;

    fn from_str(text: &str) -> Result<Self, SignatureError> {
        let (prefix, payload) = base58check::decode_short(text)?;
        let curve = Curve::ALL.into_iter().find(|curve| curve.prefixes().signature == prefix);
        let signature = match curve {
            Some(curve) => Self::from_bytes(curve, &payload),
            None if prefix == Prefix::Sig => payload.as_slice().try_into().ok().map(Self::Generic),
            None => None,
        };
        signature.ok_or(SignatureError::UnknownPrefix)
    }
}

base58_text!(Signature);

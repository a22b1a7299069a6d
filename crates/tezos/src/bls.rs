//! BLS12-381 signatures with public keys in G1 (draft-irtf-cfrg-bls-signature), in the three ways Tezos uses them.

use blst::{
    BLST_ERROR,
    min_pk::{PublicKey, SecretKey, Signature},
};

use crate::version::SigningVersion;

/// The message that is signed, and its domain separation tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// The message with the public key in front: `version=1`.
    Augmentation,
    /// The message alone: `version=2`.
    ProofOfPossession,
    /// The public key, as proof that its secret half is known.
    Possession,
}

impl Scheme {
    /// The scheme of messages, if the version has one.
    pub(crate) const fn of(version: SigningVersion) -> Option<Self> {
        match version {
            SigningVersion::V0 => None,
            SigningVersion::V1 => Some(Self::Augmentation),
            SigningVersion::V2 => Some(Self::ProofOfPossession),
        }
    }

    const fn tag(self) -> &'static [u8] {
        match self {
            Self::Augmentation => b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_AUG_",
            Self::ProofOfPossession => b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_",
            Self::Possession => b"BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_",
        }
    }

    const fn augmentation(self, public: &[u8; 48]) -> &[u8] {
        match self {
            Self::Augmentation => public,
            Self::ProofOfPossession | Self::Possession => &[],
        }
    }
}

/// KeyValidate: canonical compressed form, on the curve, in the subgroup, not at infinity.
pub(crate) fn public_key(bytes: &[u8; 48]) -> Option<PublicKey> {
    PublicKey::key_validate(bytes).ok()
}

pub(crate) fn sign(scheme: Scheme, secret: &SecretKey, public: &[u8; 48], message: &[u8]) -> [u8; 96] {
    secret.sign(message, scheme.tag(), scheme.augmentation(public)).compress()
}

/// CoreVerify, with a `key` that [`public_key`] has validated.
pub(crate) fn verify(
    scheme: Scheme,
    public: &[u8; 48],
    key: &PublicKey,
    message: &[u8],
    signature: &[u8],
) -> bool {
    let Ok(signature) = Signature::uncompress(signature) else { return false };
    signature.validate(true).is_ok()
        && signature.verify(false, message, scheme.tag(), scheme.augmentation(public), key, false)
            == BLST_ERROR::BLST_SUCCESS
}

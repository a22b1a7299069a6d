//! Names of keys: `tz1` to `tz4`.

use std::str::FromStr;

use super::curve::Curve;
use crate::base58check::{self, Base58Error};
use crate::text::base58_text;

/// The BLAKE2b-160 of a public key, with its curve. Sorts as its binary form does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKeyHash {
    curve: Curve,
    hash: [u8; Self::LEN],
}

impl PublicKeyHash {
    /// Bytes of the hash alone.
    pub const LEN: usize = 20;

    /// Bytes with the tag in front.
    pub const TAGGED_LEN: usize = 21;

    /// Any twenty bytes will do.
    pub const fn new(curve: Curve, hash: [u8; Self::LEN]) -> Self {
        Self { curve, hash }
    }

    /// Reads the binary form: the curve's tag, then the hash. `None` if the tag is of no curve.
    pub fn from_tagged(bytes: &[u8; Self::TAGGED_LEN]) -> Option<Self> {
        let (&tag, hash) = bytes.split_first()?;
        Some(Self { curve: Curve::from_tag(tag)?, hash: hash.try_into().ok()? })
    }

    /// Writes the binary form.
    pub fn to_tagged(&self) -> [u8; Self::TAGGED_LEN] {
        let mut bytes = [self.curve.tag(); Self::TAGGED_LEN];
        bytes.iter_mut().skip(1).zip(self.hash).for_each(|(to, from)| *to = from);
        bytes
    }

    /// The hash without its tag.
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.hash
    }

    /// The curve of the key.
    pub const fn curve(&self) -> Curve {
        self.curve
    }

    fn to_base58(self) -> String {
        base58check::encode(self.curve.prefixes().hash, &self.hash)
    }
}

impl FromStr for PublicKeyHash {
    type Err = PublicKeyError;

    fn from_str(text: &str) -> Result<Self, PublicKeyError> {
        let (prefix, payload) = base58check::decode_short(text)?;
        let curve = Curve::ALL.into_iter().find(|curve| curve.prefixes().hash == prefix);
        let hash = payload.as_slice().try_into().ok();
        curve.zip(hash).map(|(curve, hash)| Self { curve, hash }).ok_or(PublicKeyError::UnknownPrefix)
    }
}

base58_text!(PublicKeyHash);

/// Why a text or bytes are not a public key or the hash of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    /// Not base58check of Tezos.
    #[error(transparent)]
    Base58(#[from] Base58Error),
    /// base58check of another kind.
    #[error("base58check, but of no public key or its hash")]
    UnknownPrefix,
    /// Bytes of another length than the curve's.
    #[error("a public key of {} has {} bytes, got {actual}", curve.name(), curve.public_key_len())]
    Length {
        /// The curve.
        curve: Curve,
        /// The bytes that were given.
        actual: usize,
    },
    /// Bytes that are no key: off the curve, of small order or outside the subgroup, at infinity, or a second encoding.
    #[error("not a public key of {}: not a valid point in its one encoding", .0.name())]
    Point(Curve),
}

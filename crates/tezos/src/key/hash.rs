//! Names of keys: `tz1` to `tz4` (§6.1).

use std::str::FromStr;

use super::curve::Curve;
use super::error::PublicKeyError;
use crate::{base58check, text::base58_text};

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
    #[must_use]
    pub const fn new(curve: Curve, hash: [u8; Self::LEN]) -> Self {
        Self { curve, hash }
    }

    /// Reads the binary form: the curve's tag, then the hash. `None` if the tag is of no curve.
    #[must_use]
    pub fn from_tagged(bytes: &[u8; Self::TAGGED_LEN]) -> Option<Self> {
        let (&tag, hash) = bytes.split_first()?;
        Some(Self { curve: Curve::from_tag(tag)?, hash: hash.try_into().ok()? })
    }

    /// Writes the binary form.
    #[must_use]
    pub fn to_tagged(&self) -> [u8; Self::TAGGED_LEN] {
        let mut bytes = [self.curve.tag(); Self::TAGGED_LEN];
        bytes.iter_mut().skip(1).zip(self.hash).for_each(|(to, from)| *to = from);
        bytes
    }

    /// The hash without its tag.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.hash
    }

    /// The curve of the key.
    #[must_use]
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

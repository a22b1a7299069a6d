//! What is wrong with a public key.

use super::curve::Curve;
use crate::base58check::Base58Error;

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
        /// Bytes that there were.
        actual: usize,
    },
    /// Bytes that are no key: off the curve, of small order or outside the subgroup, at infinity, or a second encoding.
    #[error("not a public key of {}: not a valid point in its one encoding", curve.name())]
    Point {
        /// The curve.
        curve: Curve,
    },
}

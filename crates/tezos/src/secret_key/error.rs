//! Why a secret key is refused.

use crate::base58check::{Base58Error, Prefix};
use crate::key::Curve;

/// Why a text is not a secret key. No message repeats a character of the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretKeyError {
    /// Not in the base58 alphabet.
    #[error("not a secret key: unexpected character at position {0}")]
    Character(usize),
    /// Not base58check of Tezos.
    #[error(transparent)]
    Base58(Base58Error),
    /// base58check of another kind.
    #[error("not a secret key: the text is a {}", .0.what())]
    NotASecretKey(Prefix),
    /// `<scheme>:…` with a scheme that is unknown, or that says that the secret is elsewhere.
    #[error("not a secret key: the scheme before the colon is neither `unencrypted` nor `encrypted`")]
    Scheme,
    /// A password is needed: see `StoredSecretKey`.
    #[error("the secret key is encrypted: it needs its password")]
    Encrypted,
    /// There is nothing to decrypt.
    #[error("the secret key is not encrypted")]
    NotEncrypted,
    /// The password is not the one the key was encrypted with, or the text was tampered with.
    #[error("wrong password")]
    Password,
    /// Zero, or not below the order of the curve.
    #[error("not a secret key of {}: the number is zero or too large", .0.name())]
    Scalar(Curve),
    /// The library failed.
    #[error("the cryptographic library failed")]
    Library,
}

impl From<Base58Error> for SecretKeyError {
    fn from(error: Base58Error) -> Self {
        match error {
            Base58Error::Character { position, .. } => Self::Character(position),
            other => Self::Base58(other),
        }
    }
}

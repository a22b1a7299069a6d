//! Accounts: implicit ones and originated contracts.

use std::fmt;
use std::str::FromStr;

use crate::base58check::{self, Prefix};
use crate::codec::{Cursor, MessageError, MessageFault};
use crate::hash::blake2b_160;
use crate::operation::Protocol;
use crate::{Base58Error, PublicKeyHash};

/// The kinds of implicit account by their tag. tz5 is one of them on the wire, though no key here signs for it.
const IMPLICIT: [Prefix; 5] = [Prefix::Tz1, Prefix::Tz2, Prefix::Tz3, Prefix::Tz4, Prefix::Tz5];

/// An account that can hold and receive tez: `tz1…` to `tz5…` or `KT1…`.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    prefix: Prefix,
    hash: [u8; 20],
}

impl Address {
    /// Whether it is an account of a key, and not a contract.
    pub fn is_implicit(&self) -> bool {
        self.prefix != Prefix::Kt1
    }

    /// The account of a public key.
    pub(super) fn of_key(prefix: Prefix, key: &[u8]) -> Self {
        Self { prefix, hash: blake2b_160(key) }
    }

    /// A key hash: `tag ‖ 20 bytes`.
    pub(crate) fn decode_implicit(cursor: &mut Cursor<'_>, protocol: Protocol) -> Result<Self, MessageError> {
        let at = cursor.position();
        let tag = cursor.u8()?;
        let known = tag < 4 || protocol >= Protocol::Ushuaia;
        match IMPLICIT.get(usize::from(tag)) {
            Some(&prefix) if known => Ok(Self { prefix, hash: cursor.array()? }),
            _ => Err(MessageError::new(MessageFault::UnknownTag(tag), at).within("key hash")),
        }
    }

    /// A `contract_id`: 22 bytes.
    pub(crate) fn decode_contract(cursor: &mut Cursor<'_>, protocol: Protocol) -> Result<Self, MessageError> {
        let mut frame = Cursor::clone(cursor);
        cursor.take(22)?;
        let at = frame.position();
        match frame.u8()? {
            0 => Self::decode_implicit(&mut frame, protocol),
            1 => originated(&mut frame),
            tag => Err(MessageError::new(MessageFault::UnknownTag(tag), at).within("contract id")),
        }
    }

    /// A `contract_id` that must be `KT1…`.
    pub(crate) fn decode_originated(cursor: &mut Cursor<'_>) -> Result<Self, MessageError> {
        let at = cursor.position();
        match cursor.u8()? {
            1 => originated(cursor),
            tag => Err(MessageError::new(MessageFault::UnknownTag(tag), at).within("contract id")),
        }
    }
}

fn originated(cursor: &mut Cursor<'_>) -> Result<Address, MessageError> {
    let hash = cursor.array()?;
    let at = cursor.position();
    match cursor.u8()? {
        0 => Ok(Address { prefix: Prefix::Kt1, hash }),
        tag => Err(MessageError::new(MessageFault::UnknownTag(tag), at).within("contract id")),
    }
}

impl From<PublicKeyHash> for Address {
    fn from(hash: PublicKeyHash) -> Self {
        let prefix = match hash.curve() {
            crate::Curve::Ed25519 => Prefix::Tz1,
            crate::Curve::Secp256k1 => Prefix::Tz2,
            crate::Curve::P256 => Prefix::Tz3,
            crate::Curve::Bls12381 => Prefix::Tz4,
        };
        Self { prefix, hash: *hash.as_bytes() }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&base58check::encode(self.prefix, &self.hash))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (prefix, payload) = base58check::decode(text)?;
        let known = prefix == Prefix::Kt1 || IMPLICIT.contains(&prefix);
        let hash = payload.as_slice().try_into().ok().filter(|_| known);
        hash.map(|hash| Self { prefix, hash }).ok_or(AddressError::Kind(prefix))
    }
}

/// Why a text is not an [`Address`].
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AddressError {
    /// Not base58check, or nothing of Tezos.
    #[error(transparent)]
    Base58(#[from] Base58Error),
    /// Something else of Tezos.
    #[error("a {} is not an account: give a tz1…, tz2…, tz3…, tz4…, tz5… or KT1… address", .0.what())]
    Kind(Prefix),
}

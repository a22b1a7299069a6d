//! Types that are kept in the store: their table, their bytes, and the names of their records.

use zeroize::Zeroizing;

use crate::{read_error::BoxError, sealed::Version};

/// Records of one type: their table in the engine.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Table {
    /// First byte of every key; unique in the program, and not 0, which is the store's own.
    pub id: u8,
    /// Part of what a seal binds, so that a record of one table never opens in another. Not secret.
    pub name: &'static str,
    /// Whether keys start with [`Name::at_ms`]. For tables of many rows, since rows in time order cost a sixth of
    /// rows in random order, and old ones are found without reading young ones.
    pub time_ordered: bool,
}

/// A type that is kept in the store.
pub trait Record: Sized {
    /// Where.
    const TABLE: Table;

    /// The value as bytes; they are wiped after sealing.
    fn encode(&self) -> Zeroizing<Vec<u8>>;

    /// The value of bytes that [`Self::encode`] made, perhaps in an earlier release.
    ///
    /// # Errors
    /// The bytes are no value of this type.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError>;

    /// When the record may be deleted by [`Store::sweep`](crate::Store::sweep), in Unix seconds. The store never hides a record that
    /// has expired but is still there.
    fn expires_at(&self) -> Option<u64> {
        None
    }
}

/// Bytes that opened are not a value of the type that was asked for.
#[derive(Debug, thiserror::Error)]
#[error("not a value of this type")]
pub struct DecodeError(#[source] BoxError);

impl DecodeError {
    /// For this reason: an error or a message, without secrets.
    pub fn new(reason: impl Into<BoxError>) -> Self {
        Self(reason.into())
    }
}

impl From<&str> for DecodeError {
    fn from(reason: &str) -> Self {
        Self::new(reason)
    }
}

impl From<String> for DecodeError {
    fn from(reason: String) -> Self {
        Self::new(reason)
    }
}

/// A record's name inside its table. The text is kept only as a keyed hash; the time is kept in clear.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Name<'a> {
    /// The name.
    pub text: &'a str,
    /// Unix milliseconds of a record in a time-ordered table, below 2⁴⁸; ignored in others.
    pub at_ms: u64,
}

impl<'a> Name<'a> {
    /// A name in a plain table.
    pub fn plain(text: &'a str) -> Self {
        Self { text, at_ms: 0 }
    }

    /// A name in a time-ordered table, at Unix milliseconds `at_ms`.
    pub fn at(at_ms: u64, text: &'a str) -> Self {
        Self { text, at_ms }
    }
}

/// A value and the version it was read in, which a replacement must name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stored<T> {
    /// The value.
    pub value: T,
    /// Write id of the record.
    pub version: Version,
}

//! A record as an engine sees it: its ordered key, its version, and its sealed bytes.

use std::{fmt, str::FromStr};

/// Ordered name of a record in the engine: table byte ‖ (in time-ordered tables 6 bytes big-endian milliseconds) ‖
/// 16 bytes keyed hash of the name. In a table that is appended to: table byte ‖ 8 bytes big-endian number.
#[derive(Copy, Clone)]
pub struct RecordKey {
    length: u8,
    bytes: [u8; RecordKey::MAX_BYTES],
}

impl RecordKey {
    /// The longest key, in bytes.
    pub const MAX_BYTES: usize = 1 + 6 + 16;

    /// A key of these bytes; `None` if they are none or more than [`Self::MAX_BYTES`].
    pub fn from_bytes(key: &[u8]) -> Option<Self> {
        let mut bytes = [0; Self::MAX_BYTES];
        bytes.get_mut(..key.len())?.copy_from_slice(key);
        if key.is_empty() {
            return None;
        }
        Some(Self { length: u8::try_from(key.len()).ok()?, bytes })
    }

    /// The bytes, in whose order records are scanned.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or(&self.bytes)
    }

    /// The table that the record is in.
    pub fn table(&self) -> u8 {
        let [table, ..] = self.bytes;
        table
    }

    /// The key of record `number` of a table that is appended to.
    pub fn numbered(table: u8, number: u64) -> Self {
        let mut bytes = [0; Self::MAX_BYTES];
        let mut length = 0_u8;
        for (slot, byte) in bytes.iter_mut().zip([table].into_iter().chain(number.to_be_bytes())) {
            *slot = byte;
            length += 1;
        }
        Self { length, bytes }
    }

    /// The number of a record of a table that is appended to.
    pub fn number(&self) -> Option<u64> {
        let (_, number) = self.as_bytes().split_first()?;
        number.try_into().ok().map(u64::from_be_bytes)
    }

    /// `table`, `at_ms` for a time-ordered table (48 bits of it), and the keyed hash of the name.
    pub(crate) fn compose(table: u8, at_ms: Option<u64>, hash: &[u8; 16]) -> Self {
        let mut bytes = [0; Self::MAX_BYTES];
        let mut length = 0_u8;
        let time = at_ms.map(u64::to_be_bytes);
        let time = time.as_ref().map_or(&[][..], |bytes| bytes.get(2..).unwrap_or_default());
        for (slot, byte) in bytes.iter_mut().zip([table].iter().chain(time).chain(hash)) {
            *slot = *byte;
            length += 1;
        }
        Self { length, bytes }
    }
}

impl PartialEq for RecordKey {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for RecordKey {}

impl PartialOrd for RecordKey {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RecordKey {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl std::hash::Hash for RecordKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

/// Lowercase hexadecimal; [`FromStr`] reads it back, so that a key can be a cursor of a paged list.
impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordKey({self})")
    }
}

impl FromStr for RecordKey {
    type Err = NotARecordKey;

    fn from_str(text: &str) -> Result<Self, NotARecordKey> {
        let digit = |c: u8| match c {
            b'0'..=b'9' => Ok(c - b'0'),
            b'a'..=b'f' => Ok(c - b'a' + 10),
            _ => Err(NotARecordKey),
        };
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if !rest.is_empty() || pairs.len() > Self::MAX_BYTES {
            return Err(NotARecordKey);
        }
        let bytes = pairs.iter().map(|[high, low]| Ok(digit(*high)? << 4 | digit(*low)?));
        Self::from_bytes(&bytes.collect::<Result<Vec<u8>, _>>()?).ok_or(NotARecordKey)
    }
}

/// The text is not a record key in lowercase hexadecimal.
#[derive(Debug, Copy, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a record key")]
pub struct NotARecordKey;

/// Write id of a record. New records start at a random value and each change adds one, so that a version is never
/// met again after the record was deleted and made anew (no ABA).
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct Version(pub u64);

impl Version {
    /// The version that a replacement of this one has.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// A record as the engine sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SealedRecord {
    /// Write id.
    pub version: Version,
    /// When the record may be deleted, in Unix seconds; `u64::MAX` is never. In clear, but authenticated.
    pub expires_at: u64,
    /// Nonce, ciphertext and tag.
    pub sealed: Vec<u8>,
}

impl SealedRecord {
    /// The bytes that the record takes under `key`.
    pub(crate) fn bytes(&self, key: &RecordKey) -> u64 {
        /// Format, version and expiry.
        const HEAD: usize = 1 + 8 + 8;
        let bytes = key.as_bytes().len().saturating_add(HEAD).saturating_add(self.sealed.len());
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_order_by_table_then_time_then_hash() {
        let early = RecordKey::compose(3, Some(5), &[9; 16]);
        let late = RecordKey::compose(3, Some(6), &[1; 16]);
        let other = RecordKey::compose(4, None, &[0; 16]);
        assert!(early < late && late < other);
        assert_eq!(early.as_bytes().len(), RecordKey::MAX_BYTES);
        assert_eq!(other.as_bytes().len(), 17);
        assert_eq!(other.table(), 4);
    }

    #[test]
    fn keys_read_back_from_text() {
        let key = RecordKey::compose(0xab, Some(u64::MAX), &[0x5c; 16]);
        assert_eq!(key.to_string().parse(), Ok(key));
        for bad in ["", "a", "AB", "zz", &"00".repeat(RecordKey::MAX_BYTES + 1)] {
            assert_eq!(bad.parse::<RecordKey>(), Err(NotARecordKey), "{bad}");
        }
    }
}

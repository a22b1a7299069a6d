//! The narrow waist: sealed bytes under ordered keys, and one atomic, conditional commit.
//!
//! An engine ([`Backend`]) knows nothing of names, types or keys of encryption. All that the layers above need —
//! unique names, one-time use, races between nodes, audit — is made of [`Backend::commit`].

use std::{
    fmt,
    future::Future,
    pin::Pin,
    str::FromStr,
    sync::{Arc, PoisonError, RwLock},
};

use crate::commit::CommitError;

/// A boxed future, so that [`Backend`] can be a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The cause of an error, for the operator's log.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Who is told of changes; see [`Backend::observe`].
pub type Observer = Arc<dyn Fn(Feed<'_>) + Send + Sync>;

/// What the change feed says.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Feed<'a> {
    /// These records have changed, in one commit.
    Changed(&'a [Change]),
    /// Track is lost: any record may have changed, and changes are not told until [`Feed::Resumed`].
    Lost,
    /// From now on changes are told again.
    Resumed,
}

impl<'a> Feed<'a> {
    /// The records that are named: none where track is lost or found.
    pub fn named(self) -> &'a [Change] {
        match self {
            Self::Changed(changes) => changes,
            Self::Lost | Self::Resumed => &[],
        }
    }
}

/// An engine that holds sealed records.
///
/// What every engine promises, and `conformance` (feature `testing`) checks:
///
/// * a batch is applied whole or not at all, and only if every precondition holds at that moment;
/// * what a batch [appends](Append) gets the next numbers of its table at that moment: they have no gaps, and a refused batch takes none;
/// * `Ok` means durable, and every read that starts afterwards sees it;
/// * [`CommitError::Conflict`] and [`CommitError::NotWritten`] mean that nothing was written; an engine that is not sure says
///   [`CommitError::Unknown`], and a later commit on the same record decides;
/// * a commit whose future is dropped, or whose outcome is unknown, still lands or does not, whole; if it lands, observers are told.
pub trait Backend: Send + Sync + 'static {
    /// The record under `key`, as of the latest commit.
    fn get<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<Option<SealedRecord>, ReadError>>;

    /// At most `limit` records of `table` in key order, those after `after` when it is given.
    fn scan<'a>(
        &'a self,
        table: u8,
        after: Option<&'a RecordKey>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(RecordKey, SealedRecord)>, ReadError>>;

    /// Applies `batch`, all or nothing; `Ok` means durable. Observers have been called, in commit order, before
    /// this resolves.
    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<(), CommitError>>;

    /// Adds to the change feed: `observer` is called after a commit is durable and before its committer hears
    /// `Ok`, one commit after the other. It must be quick, must not block and must not commit. An engine that cannot tell what changes says so:
    /// [`Feed::Lost`].
    fn observe(&self, observer: Observer);

    /// Whether what is committed lands where the next start will look for it. An engine that stores nothing under a name need not look.
    /// Waits for a moment where the file is just being put back.
    fn in_place(&self) -> BoxFuture<'_, Result<(), ReadError>> {
        Box::pin(async { Ok(()) })
    }

    /// The last key of `table`, as of the latest commit.
    fn last(&self, table: u8) -> BoxFuture<'_, Result<Option<RecordKey>, ReadError>>;

    /// The bytes that the records of `table` take in the engine, without what it needs to find them; 0 in an engine that does not count.
    fn bytes(&self, _table: u8) -> BoxFuture<'_, Result<u64, ReadError>> {
        Box::pin(async { Ok(0) })
    }

    /// All records as of one moment, whatever is committed afterwards.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] when the engine cannot read now.
    fn snapshot(&self) -> Result<Box<dyn Snapshot>, ReadError>;

    /// The number of the latest commit; 0 in an engine that does not count.
    fn commits(&self) -> u64 {
        0
    }

    /// Keeps a witness of the latest commit at `path` from now on, in an engine that can.
    fn keep_witness(&self, _path: &std::path::Path) {}

    /// Brings the witness up to date; blocks until that is done.
    fn catch_up(&self) {}
}

/// All records of an engine as of one moment, in key order.
pub trait Snapshot: Send {
    /// The next `limit` records at most; an empty answer is the end.
    ///
    /// # Errors
    /// As [`Backend::scan`].
    fn next(&mut self, limit: usize) -> Result<Vec<(RecordKey, SealedRecord)>, ReadError>;
}

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

/// Precondition on one key.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Expect {
    /// There is no such record.
    Absent,
    /// The record has this version.
    Version(Version),
}

impl Expect {
    /// Whether the precondition holds for a key whose record has version `current`.
    pub fn holds(self, current: Option<Version>) -> bool {
        match self {
            Self::Absent => current.is_none(),
            Self::Version(version) => current == Some(version),
        }
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

/// What happens to a key whose precondition holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Write {
    /// The record is this from now on.
    Put(SealedRecord),
    /// There is no record from now on.
    Delete,
}

/// One atomic change: preconditions, writes, and records that are appended.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    entries: Vec<(RecordKey, Expect, Option<Write>)>,
    appends: Vec<Append>,
}

impl Batch {
    /// A batch of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `write` to `key`, provided `expect` holds.
    pub fn write(&mut self, key: RecordKey, expect: Expect, write: Write) {
        self.entries.push((key, expect, Some(write)));
    }

    /// Adds a precondition alone.
    pub fn check(&mut self, key: RecordKey, expect: Expect) {
        self.entries.push((key, expect, None));
    }

    /// The keys that are written.
    pub(crate) fn written(&self) -> Vec<RecordKey> {
        self.entries.iter().filter(|(_, _, write)| write.is_some()).map(|(key, _, _)| *key).collect()
    }

    /// What was added, in order.
    pub fn entries(&self) -> &[(RecordKey, Expect, Option<Write>)] {
        &self.entries
    }

    /// Adds a record that gets its number when the batch is committed. The change feed does not tell of it.
    pub fn append(&mut self, append: Append) {
        self.appends.push(append);
    }

    /// What is appended, in order.
    pub fn appends(&self) -> &[Append] {
        &self.appends
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.appends.is_empty()
    }

    /// Whether the batch has preconditions only.
    pub fn is_read_only(&self) -> bool {
        self.appends.is_empty() && self.entries.iter().all(|(_, _, write)| write.is_none())
    }

    /// The first key that is written twice. Such a batch has no meaning, so engines refuse it as a conflict.
    pub fn written_twice(&self) -> Option<RecordKey> {
        let mut written = self.written();
        written.sort_unstable();
        written.windows(2).find_map(|pair| match pair {
            [a, b] if a == b => Some(*a),
            _ => None,
        })
    }

    /// What observers hear of this batch.
    pub fn changes(&self) -> Vec<Change> {
        self.entries
            .iter()
            .filter_map(|(key, _, write)| match write.as_ref()? {
                Write::Put(record) => Some(Change { key: *key, version: Some(record.version) }),
                Write::Delete => Some(Change { key: *key, version: None }),
            })
            .collect()
    }
}

/// A record that gets the next number of its table when its batch is committed.
#[derive(Clone)]
pub struct Append {
    table: u8,
    seal: Arc<Seal>,
}

/// Seals the record under its number.
type Seal = dyn Fn(&RecordKey) -> Result<SealedRecord, BoxError> + Send + Sync;

impl Append {
    /// A record of `table`, which `seal` seals under the key that it gets.
    pub fn new(
        table: u8,
        seal: impl Fn(&RecordKey) -> Result<SealedRecord, BoxError> + Send + Sync + 'static,
    ) -> Self {
        Self { table, seal: Arc::new(seal) }
    }

    /// The table.
    pub fn table(&self) -> u8 {
        self.table
    }

    /// The record behind `last`, which is the last key of the table.
    ///
    /// # Errors
    /// The last key has no number, numbers have run out, or the record cannot be sealed.
    pub fn after(&self, last: Option<&RecordKey>) -> Result<(RecordKey, SealedRecord), BoxError> {
        let last = match last {
            Some(key) => key.number().ok_or("the newest record of a chain has no number")?,
            None => 0,
        };
        let number = last.checked_add(1).ok_or("a chain has no number left")?;
        let key = RecordKey::numbered(self.table, number);
        Ok((key, (self.seal)(&key)?))
    }
}

impl fmt::Debug for Append {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Append").field("table", &self.table).finish_non_exhaustive()
    }
}

/// One line of the change feed.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Which record.
    pub key: RecordKey,
    /// Its version now; `None` if it was deleted.
    pub version: Option<Version>,
}

/// Why a record was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The engine cannot read now; a later try may succeed.
    #[error("the store cannot be read")]
    Unavailable(#[source] BoxError),
    /// The record does not verify: its bytes are not what was written under this key and version.
    #[error("damaged record: {record}")]
    Damaged {
        /// The record, by table and key; never its secret name.
        record: String,
    },
}

/// The observers of an engine, told one commit after the other.
#[derive(Default)]
pub(crate) struct Observers(RwLock<Vec<Observer>>);

impl Observers {
    pub(crate) fn add(&self, observer: Observer) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(observer);
    }

    /// Tells everybody. An observer that panics is reported and does not stop the others, nor the engine.
    pub(crate) fn tell(&self, changes: &[Change]) {
        if !changes.is_empty() {
            self.tell_all(Feed::Changed(changes));
        }
    }

    /// Nobody will be told of changes any more.
    pub(crate) fn lose_track(&self) {
        self.tell_all(Feed::Lost);
    }

    fn tell_all(&self, feed: Feed<'_>) {
        // Cloned, so that an observer may add another one.
        let observers = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        for observer in observers {
            let call = std::panic::AssertUnwindSafe(|| observer(feed));
            if std::panic::catch_unwind(call).is_err() {
                tracing::error!("an observer of the store panicked");
            }
        }
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

    #[test]
    fn a_key_written_twice_is_found_and_a_check_beside_a_write_is_not() {
        let key = RecordKey::compose(1, None, &[7; 16]);
        let mut batch = Batch::new();
        batch.check(key, Expect::Absent);
        batch.write(key, Expect::Absent, Write::Delete);
        assert_eq!(batch.written_twice(), None);
        batch.write(key, Expect::Absent, Write::Delete);
        assert_eq!(batch.written_twice(), Some(key));
    }
}

//! One atomic change as an engine sees it: preconditions, writes, and records that are appended.

use std::{fmt, sync::Arc};

use crate::{
    read_error::BoxError,
    sealed::{RecordKey, SealedRecord, Version},
};

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

#[cfg(test)]
mod tests {
    use super::*;

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

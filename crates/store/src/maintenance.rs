//! What an operator does with a store that no server has open, and the backup of one that a server has.
//!
//! Each function says what it demands. None changes a file before it has proved that it may.

use std::{collections::BTreeMap, fs::File, path::Path};

use crate::{
    backend::{RecordKey, SealedRecord},
    keyslot::{KdfParams, Password},
    open::OpenError,
    redb::maintain,
    rollback::Rollback,
    seal::Keys,
    store::{Store, describe, listed_table},
};

/// What a store says of itself without its password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Info {
    /// Format of the file.
    pub format: u16,
    /// Random identity of the store, which its backups keep.
    pub store_id: [u8; 16],
    /// Password slots.
    pub slots: Vec<SlotInfo>,
    /// Size of the file, in bytes.
    pub file_bytes: u64,
    /// What is in each table.
    pub tables: Vec<TableInfo>,
    /// The number of the latest commit; 0 where an earlier release wrote the store.
    pub commits: u64,
    /// Whether the store is marked as rolled back.
    pub rolled_back: bool,
}

/// One password slot.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct SlotInfo {
    /// Number of the slot; a changed password gets a new one.
    pub id: u32,
    /// What its key derivation costs.
    pub params: KdfParams,
}

/// What is in a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TableInfo {
    /// First byte of its keys.
    pub id: u8,
    /// Its name; empty if the store does not list the table, which is damage.
    pub name: String,
    /// Records in it.
    pub records: u64,
    /// Bytes of their sealed values.
    pub sealed_bytes: u64,
}

/// What a look at every record found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// What is in each table.
    pub tables: Vec<TableInfo>,
    /// The records that do not verify, by table and key.
    pub damaged: Vec<String>,
    /// The number of the latest commit.
    pub commits: u64,
    /// The mark of a store that was rolled back.
    pub rolled_back: Option<Rollback>,
}

impl Report {
    /// Records in all tables.
    pub fn records(&self) -> u64 {
        self.tables.iter().map(|table| table.records).sum()
    }
}

/// What the store at `path` says of itself. The file must be whole and not in use; it is not changed.
///
/// # Errors
/// See [`OpenError`]; a wrong password is not among them.
pub fn info(path: &Path) -> Result<Info, OpenError> {
    maintain::info(path)
}

/// Whether `password` opens the store at `path`, which must be whole and not in use. It is not changed.
///
/// # Errors
/// See [`OpenError`]; a wrong password is not among them.
pub fn opens_with(path: &Path, password: &Password) -> Result<bool, OpenError> {
    maintain::opens_with(path, password)
}

/// Looks at every page and opens every record of the store at `path`, which must not be in use. It is not changed.
///
/// # Errors
/// See [`OpenError`]. Records that do not verify are no error but named in the report; pages that do not are
/// [`OpenError::Damaged`].
pub fn check(path: &Path, password: &Password) -> Result<Report, OpenError> {
    maintain::check(path, password)
}

/// Makes `new` the password in the place of `old`, in one durable commit; the records stay as they are. The store
/// must not be in use. Whoever has an old copy of the file and the old password can still read that copy.
///
/// # Errors
/// See [`OpenError`]; the old password is in force in each.
pub fn change_password(path: &Path, old: &Password, new: &Password) -> Result<(), OpenError> {
    maintain::change_password(path, old, new, None)
}

/// As [`change_password`], and its slot costs `params` from now on.
///
/// # Errors
/// See [`OpenError`]; the old password is in force in each.
pub fn change_password_and_cost(
    path: &Path,
    old: &Password,
    new: &Password,
    params: KdfParams,
) -> Result<(), OpenError> {
    maintain::change_password(path, old, new, Some(params))
}

impl Store {
    /// Writes a copy of the store as of now to a new file `path`, of mode 0600, while commits go on. The copy is
    /// whole and durable before it has its name. It opens with the password that the store has now.
    ///
    /// Blocks for as long as reading and writing all records takes: not on a thread that serves requests.
    ///
    /// # Errors
    /// [`OpenError::AlreadyExists`] if there is a file at `path`; [`OpenError::Io`], also for a store in memory,
    /// which has no password. Records that do not verify are copied as they are and named in the report.
    pub fn backup_to(&self, path: &Path) -> Result<Report, OpenError> {
        maintain::backup(self, path, false)
    }

    /// As [`Self::backup_to`], to a file in `folder` that has no name, so that nothing is left behind, whatever becomes of it. The file is
    /// read from its beginning.
    ///
    /// # Errors
    /// As [`Self::backup_to`].
    pub fn backup_without_name(&self, folder: &Path) -> Result<(File, Report), OpenError> {
        maintain::backup_without_name(self, folder)
    }

    /// As [`Self::backup_to`], in the place of the file that is at `path`.
    ///
    /// # Errors
    /// As [`Self::backup_to`]; the file at `path` is as it was in each.
    pub fn backup_over(&self, path: &Path) -> Result<Report, OpenError> {
        maintain::backup(self, path, true)
    }
}

/// Counts records, and verifies them if it has the keys. Records must come in key order: the directory is in table
/// 0, so it comes first.
pub(crate) struct Census<'k> {
    keys: Option<&'k Keys>,
    names: BTreeMap<u8, String>,
    tables: BTreeMap<u8, TableInfo>,
    damaged: Vec<String>,
}

impl<'k> Census<'k> {
    pub(crate) fn new(keys: Option<&'k Keys>) -> Self {
        Self { keys, names: BTreeMap::new(), tables: BTreeMap::new(), damaged: Vec::new() }
    }

    /// Takes a record, or what stands in the place of one.
    pub(crate) fn take(&mut self, key: &RecordKey, record: Option<&SealedRecord>) {
        if key.table() == 0 {
            if let (Some(table), Some(record)) = (listed_table(key), record) {
                self.names.insert(table, String::from_utf8_lossy(&record.sealed).into_owned());
            }
            return;
        }
        let name = self.names.get(&key.table()).cloned().unwrap_or_default();
        let verifies = match (record, self.keys) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(record), Some(keys)) => keys.open(&name, key, record).is_some(),
        };
        if !verifies {
            self.damaged.push(describe(&name, key));
        }
        let table = self.tables.entry(key.table()).or_insert_with(|| TableInfo {
            id: key.table(),
            name,
            records: 0,
            sealed_bytes: 0,
        });
        table.records += 1;
        table.sealed_bytes += record.map_or(0, |record| record.sealed.len() as u64);
    }

    pub(crate) fn report(self) -> Report {
        Report { tables: self.tables.into_values().collect(), damaged: self.damaged, ..Report::default() }
    }
}

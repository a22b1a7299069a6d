//! What an operator does with a store that no server has open, and the backup of one that a server has.
//!
//! Each function says what it demands. None changes a file before it has proved that it may.

use std::{collections::BTreeMap, fs::File, path::Path};

use crate::{
    backend::{RecordKey, SealedRecord},
    keyslot::{KdfParams, Meta, Password},
    open::OpenError,
    redb::{commits, maintain},
    rollback::Rollback,
    seal::Keys,
    store::{Store, describe, listed_table, table_name},
    summary::{MISSING, Summary},
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
    /// Tables in which records are missing, older ones were put back, or records are too many; where the password was there to tell.
    pub altered: Vec<String>,
    /// Whether the store has a summary of its records, without which nobody can tell that. A store of format 1 has none until it is opened.
    pub summarized: bool,
}

impl Report {
    /// Everything that is wrong.
    pub fn faults(&self) -> Vec<String> {
        self.altered.iter().chain(&self.damaged).cloned().collect()
    }

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
    /// What the last commit left, where the store has a summary; `None` in it if that does not verify.
    committed: Option<Option<Summary>>,
    found: Summary,
}

impl<'k> Census<'k> {
    pub(crate) fn new(keys: Option<&'k Keys>) -> Self {
        Self {
            keys,
            names: BTreeMap::new(),
            tables: BTreeMap::new(),
            damaged: Vec::new(),
            committed: None,
            found: Summary::default(),
        }
    }

    /// Takes a record, or what stands in the place of one.
    pub(crate) fn take(&mut self, key: &RecordKey, record: Option<&SealedRecord>) {
        if key.table() == 0 {
            let Some(record) = record else { return };
            if let Some(table) = listed_table(key) {
                self.names.insert(table, table_name(record));
            } else if let Some(keys) = self.keys {
                self.take_summary(keys, key, record);
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
        if let (Some(record), Some(keys)) = (record, self.keys) {
            self.found.add(keys, key, record);
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

    /// The key slots say whether there is a summary; the summary itself may come before or after them.
    fn take_summary(&mut self, keys: &Keys, key: &RecordKey, record: &SealedRecord) {
        if *key == commits::key() {
            self.committed = Some(commits::open(keys, record).map(|(_, summary)| summary));
        } else if *key == Meta::key() && Meta::decode(&record.sealed).is_ok_and(|meta| meta.has_summary()) {
            self.committed.get_or_insert(None);
        }
    }

    pub(crate) fn report(self) -> Report {
        let name = |table: u8| self.names.get(&table).cloned().unwrap_or_else(|| table.to_string());
        let altered = match &self.committed {
            None => Vec::new(),
            Some(None) => vec![MISSING.to_owned()],
            Some(Some(committed)) => committed.differences(&self.found, name),
        };
        Report {
            tables: self.tables.into_values().collect(),
            damaged: self.damaged,
            altered,
            summarized: self.committed.is_some(),
            ..Report::default()
        }
    }
}

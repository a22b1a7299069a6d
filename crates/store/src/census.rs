//! What is in a store: what is said of it, and the look at every record.

use std::collections::BTreeMap;

use crate::{
    directory::{describe, listed_table, table_name},
    keyslot::{KdfParams, Meta},
    redb::commits,
    rollback::Rollback,
    seal::Keys,
    sealed::{RecordKey, SealedRecord},
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

//! The store's directory of its tables, and how messages name a record.

use crate::{
    record::Table,
    sealed::{RecordKey, SealedRecord, Version},
};

/// How messages name a record: never by its name, which is secret.
pub(crate) fn describe(table: &str, key: &RecordKey) -> String {
    format!("table {table}, key {key}")
}

/// Where the directory lists a table: in the store's own table 0.
pub(crate) fn directory_key(table: u8) -> RecordKey {
    let mut hash = *b"table directory\0";
    hash[15] = table;
    RecordKey::compose(0, None, &hash)
}

/// The table that a key of table 0 lists.
pub(crate) fn listed_table(key: &RecordKey) -> Option<u8> {
    let table = *key.as_bytes().last()?;
    (directory_key(table) == *key).then_some(table)
}

/// The name of a table, from its entry in the directory.
pub(crate) fn table_name(entry: &SealedRecord) -> String {
    String::from_utf8_lossy(&entry.sealed).into_owned()
}

pub(crate) fn directory_entry(table: &Table) -> SealedRecord {
    SealedRecord { version: Version(1), expires_at: u64::MAX, sealed: table.name.as_bytes().to_vec() }
}

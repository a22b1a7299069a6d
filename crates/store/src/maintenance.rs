//! What an operator does with a store.
use std::{path::Path};
use crate::{keyslot::{KdfParams, Password}, open::OpenError, store::Store};

/// What a store says of itself without its password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Info {
    /// Format of the file.
    pub format: u16,
    /// Random identity of the store, kept by its backups.
    pub store_id: [u8; 16],
    /// Password slots.
    pub slots: Vec<SlotInfo>,
    /// Size of the file, in bytes; 0 in memory.
    pub file_bytes: u64,
    /// What is in each table.
    pub tables: Vec<TableInfo>,
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
    /// Number of the table.
    pub id: u8,
    /// Its name.
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
}

/// Info.
/// # Errors
/// x
pub fn info(_path: &Path) -> Result<Info, OpenError> { Err(OpenError::NotFound) }
/// Check.
/// # Errors
/// x
pub fn check(_path: &Path, _password: &Password) -> Result<Report, OpenError> { Err(OpenError::NotFound) }
/// Change.
/// # Errors
/// x
pub fn change_password(_path: &Path, _old: &Password, _new: &Password) -> Result<(), OpenError> { Err(OpenError::NotFound) }
/// Restore.
/// # Errors
/// x
pub fn restore(_backup: &Path, _target: &Path, _password: &Password) -> Result<Report, OpenError> { Err(OpenError::NotFound) }
impl Store {
    /// Backup.
    /// # Errors
    /// x
    pub fn backup_to(&self, _path: &Path) -> Result<Report, OpenError> { Err(OpenError::NotFound) }
}

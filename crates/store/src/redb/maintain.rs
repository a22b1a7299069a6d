//! Maintenance of store files; the contracts are in `maintenance.rs`.

use std::{fs::File, ops::Bound, path::Path, sync::Arc};

use redb::Database;

use super::{
    codec, commits,
    engine::{self, Engine},
    error::{self, EngineError, guarded},
    file::LockedFile,
    lock::Access,
    new_file::{self, NewFile},
    paths,
    records::{RECORDS, each_record, read_one},
    slots::{UnlockSecret, meta_record, read_meta, unlock},
};
use crate::{
    backend::Snapshot,
    batch::{Append, Batch, Expect, Write},
    census::{Census, Info, Report, SlotInfo},
    directory::{directory_entry, directory_key},
    keyslot::{Meta, Password},
    open_error::OpenError,
    record::{Record as _, Table},
    rollback::Rollback,
    seal::Keys,
    sealed::{RecordKey, SealedRecord},
    store::Store,
};

/// Records read at a time.
const STEP: usize = 256;

pub(crate) fn info(path: &Path) -> Result<Info, OpenError> {
    let file = Arc::new(LockedFile::open(path, Access::Read)?);
    let file_bytes = file.bytes()?;
    let engine = Engine::open(file)?;
    let (_, meta) = read_meta(&engine)?;
    let records = engine.records()?;
    let commits = read_one(&records, &commits::key())?.map_or(0, |record| record.version.0);
    let rolled_back = read_one(&records, &Rollback::key())?.is_some();
    drop(records);
    let mut census = Census::new(None);
    visit(&engine, &mut census)?;
    Ok(Info {
        commits,
        rolled_back,
        format: meta.format,
        store_id: meta.store_id,
        slots: meta.slots.iter().map(|slot| SlotInfo { id: slot.id, params: slot.params }).collect(),
        file_bytes,
        tables: census.report().tables,
    })
}

pub(crate) fn opens_with(path: &Path, password: &Password) -> Result<bool, OpenError> {
    let engine = Engine::open(Arc::new(LockedFile::open(path, Access::Read)?))?;
    match unlock(&read_meta(&engine)?.1, UnlockSecret::Password(password), path) {
        Ok(_) => Ok(true),
        Err(OpenError::WrongPassword { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

pub(crate) fn check(path: &Path, password: &Password) -> Result<Report, OpenError> {
    check_opened(&Engine::open(Arc::new(LockedFile::open(path, Access::Read)?))?, password, path)
}

fn check_opened(engine: &Engine, password: &Password, path: &Path) -> Result<Report, OpenError> {
    let keys = unlock(&read_meta(engine)?.1, UnlockSecret::Password(password), path)?;
    // Whether it verifies, the census says.
    let commits = read_one(&engine.records()?, &commits::key())?.map_or(0, |record| record.version.0);
    let mut census = Census::new(Some(&keys));
    visit(engine, &mut census)?;
    let rolled_back = match read_one(&engine.records()?, &Rollback::key())? {
        Some(record) => keys
            .open(Rollback::TABLE.name, &Rollback::key(), &record)
            .and_then(|value| Rollback::decode(&value).ok()),
        None => None,
    };
    Ok(Report { commits, rolled_back, ..census.report() })
}

fn visit(engine: &Engine, census: &mut Census<'_>) -> Result<(), EngineError> {
    let records = engine.records()?;
    guarded(|| {
        each_record(&records, Bound::Unbounded, |key, record| {
            census.take(&key, record.as_ref());
            Ok(true)
        })
    })
}

pub(crate) fn change_password(
    path: &Path,
    old: &Password,
    new: &Password,
    audited: impl FnOnce(Arc<Keys>) -> Option<(Append, Table)>,
) -> Result<(), OpenError> {
    let mut engine = Engine::open(Arc::new(LockedFile::open(path, Access::ReadWrite)?))?;
    let (version, meta) = read_meta(&engine)?;
    let changed = meta.change_password(old, new).map_err(|error| OpenError::from_slots(error, path))?;
    let keys = Arc::new(unlock(&meta, UnlockSecret::Password(old), path)?);
    let mut batch = Batch::new();
    if let Some((append, table)) = audited(Arc::clone(&keys)) {
        let listed = directory_key(table.id);
        if read_one(&engine.records()?, &listed)?.is_none() {
            batch.write(listed, Expect::Absent, Write::Put(directory_entry(&table)));
        }
        batch.append(append);
    }
    engine.number_commits(keys, Some(&meta))?;
    let write = Write::Put(meta_record(&changed, version.next()));
    batch.write(Meta::key(), Expect::Version(version), write);
    engine.publish()?;
    engine.commit(std::iter::once(&batch))?;
    Ok(engine.close()?)
}

pub(crate) fn backup(store: &Store, path: &Path, overwrite: bool) -> Result<Report, OpenError> {
    if !overwrite && paths::exists(path)? {
        return Err(OpenError::AlreadyExists);
    }
    let (new, report) = copy_beside(store, path)?;
    if overwrite {
        new.replace()?
    } else {
        new.place()?
    }
    store.backend().catch_up();
    Ok(report)
}

pub(crate) fn backup_without_name(store: &Store, folder: &Path) -> Result<(File, Report), OpenError> {
    let (new, report) = copy_beside(store, &folder.join("backup"))?;
    store.backend().catch_up();
    Ok((new.without_name()?, report))
}

/// A copy of a store that is being fetched, in a file beside its place. Dropped before [`Self::place`], it leaves nothing behind. A start
/// or a backup in the same folder removes what a killed process leaves.
#[derive(Debug)]
pub struct FetchedCopy(NewFile);

impl FetchedCopy {
    /// An empty file of mode 0600.
    ///
    /// # Errors
    /// [`OpenError::Io`].
    pub fn beside(target: &Path) -> Result<Self, OpenError> {
        new_file::remove_leftovers(target);
        Ok(Self(NewFile::beside(target)?.0))
    }

    /// The file, to write the copy to.
    #[must_use]
    pub const fn file(&self) -> &File {
        self.0.file()
    }

    /// Looks at every page, and with a password at every record, as [`crate::check`] does.
    ///
    /// # Errors
    /// See [`OpenError`]. A copy that was cut off is [`OpenError::Damaged`] or [`OpenError::Io`].
    pub fn check(&self, password: Option<&Password>) -> Result<Option<Report>, OpenError> {
        let engine = Engine::open(Arc::new(self.0.reopened()?))?;
        match password {
            Some(password) => check_opened(&engine, password, self.0.target()).map(Some),
            None => {
                read_meta(&engine)?;
                visit(&engine, &mut Census::new(None))?;
                Ok(None)
            }
        }
    }

    /// Makes the copy durable and gives it its name, which must be free.
    ///
    /// # Errors
    /// [`OpenError::AlreadyExists`] and [`OpenError::Io`].
    pub fn place(self) -> Result<(), OpenError> {
        self.file().sync_all()?;
        self.0.place()
    }
}

fn copy_beside(store: &Store, path: &Path) -> Result<(NewFile, Report), OpenError> {
    let mut snapshot = store.backend().snapshot().map_err(OpenError::from_read)?;
    new_file::remove_leftovers(path);
    let (new, file) = NewFile::beside(path)?;
    let mut census = Census::new(Some(store.keys()));
    copy(&mut *snapshot, file, &mut census, &[])?;
    Ok((new, census.report()))
}

/// Writes all of `snapshot` to the empty `file`, and closes it durably. Records of `overlay` are there in the place of
/// the snapshot's own.
pub(super) fn copy(
    snapshot: &mut dyn Snapshot,
    file: LockedFile,
    census: &mut Census<'_>,
    overlay: &[(RecordKey, SealedRecord)],
) -> Result<(), OpenError> {
    let database = guarded(|| Database::builder().create_with_backend(file).map_err(error::redb))?;
    let mut has_slots = false;
    let transaction = engine::begin_write(&database)?;
    loop {
        let records = snapshot.next(STEP).map_err(OpenError::from_read)?;
        if records.is_empty() {
            break;
        }
        has_slots |= records.iter().any(|(key, _)| *key == Meta::key());
        guarded(|| insert(&transaction, &records))?;
        for (key, record) in &records {
            census.take(key, Some(record));
        }
    }
    if !has_slots {
        return Err(OpenError::other("a store in memory has no password, so its backup could not be opened"));
    }
    Ok(guarded(|| {
        insert(&transaction, overlay)?;
        transaction.commit().map_err(error::redb)?;
        database.close().map_err(error::redb)
    })?)
}

fn insert(
    transaction: &redb::WriteTransaction,
    records: &[(RecordKey, SealedRecord)],
) -> Result<(), EngineError> {
    let mut table = transaction.open_table(RECORDS).map_err(error::redb)?;
    for (key, record) in records {
        table.insert(key.as_bytes(), codec::encode(record).as_slice()).map_err(error::redb)?;
    }
    Ok(())
}

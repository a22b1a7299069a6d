//! Maintenance of store files; the contracts are in `maintenance.rs`.

use std::{fs::File, ops::Bound, path::Path, sync::Arc};

use redb::Database;

use super::{
    codec, each_record,
    engine::{self, Engine, EngineError, RECORDS, guarded},
    file::{self, Access, LockedFile},
    lock::Lock,
    meta_record,
    new_file::{self, NewFile},
    read_meta, unlock,
};
use crate::{
    backend::{Batch, Expect, RecordKey, SealedRecord, Snapshot, Write},
    keyslot::{KdfParams, Meta, Password},
    maintenance::{Census, Info, Report, Restored, SlotInfo},
    open::OpenError,
    store::Store,
};

/// Records read at a time.
const STEP: usize = 256;

pub(crate) fn info(path: &Path) -> Result<Info, OpenError> {
    let file = Arc::new(LockedFile::open(path, Access::Read)?);
    let file_bytes = file.bytes()?;
    let engine = Engine::open(file)?;
    let (_, meta) = read_meta(&engine)?;
    let mut census = Census::new(None);
    visit(&engine, &mut census)?;
    Ok(Info {
        format: meta.format,
        store_id: meta.store_id,
        slots: meta.slots.iter().map(|slot| SlotInfo { id: slot.id, params: slot.params }).collect(),
        file_bytes,
        tables: census.report().tables,
    })
}

pub(crate) fn opens_with(path: &Path, password: &Password) -> Result<bool, OpenError> {
    let engine = Engine::open(Arc::new(LockedFile::open(path, Access::Read)?))?;
    match unlock(&read_meta(&engine)?.1, password, path) {
        Ok(_) => Ok(true),
        Err(OpenError::WrongPassword { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

pub(crate) fn check(path: &Path, password: &Password) -> Result<Report, OpenError> {
    let engine = Engine::open(Arc::new(LockedFile::open(path, Access::Read)?))?;
    let keys = unlock(&read_meta(&engine)?.1, password, path)?;
    let mut census = Census::new(Some(&keys));
    visit(&engine, &mut census)?;
    Ok(census.report())
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
    params: Option<KdfParams>,
) -> Result<(), OpenError> {
    let mut engine = Engine::open(Arc::new(LockedFile::open(path, Access::ReadWrite)?))?;
    let (version, meta) = read_meta(&engine)?;
    let changed =
        meta.change_password(old, new, params).map_err(|error| OpenError::from_slots(error, path))?;
    let mut batch = Batch::new();
    let write = Write::Put(meta_record(&changed, version.next()));
    batch.write(Meta::key(), Expect::Version(version), write);
    engine.publish()?;
    engine.commit(std::iter::once(&batch))?;
    Ok(engine.close()?)
}

pub(crate) fn backup(store: &Store, path: &Path, overwrite: bool) -> Result<Report, OpenError> {
    if !overwrite && file::exists(path)? {
        return Err(OpenError::AlreadyExists);
    }
    let (new, report) = copy_beside(store, path)?;
    if overwrite {
        new.replace()?
    } else {
        new.place()?
    }
    Ok(report)
}

pub(crate) fn backup_without_name(store: &Store, folder: &Path) -> Result<(File, Report), OpenError> {
    let (new, report) = copy_beside(store, &folder.join("backup"))?;
    Ok((new.without_name()?, report))
}

fn copy_beside(store: &Store, path: &Path) -> Result<(NewFile, Report), OpenError> {
    let mut snapshot = store.backend().snapshot().map_err(OpenError::from_read)?;
    new_file::remove_leftovers(path);
    let (new, file) = NewFile::beside(path)?;
    let mut census = Census::new(Some(store.keys()));
    copy(&mut *snapshot, file, &mut census)?;
    Ok((new, census.report()))
}

pub(crate) fn restore(backup: &Path, target: &Path, password: &Password) -> Result<Restored, OpenError> {
    let engine = Engine::open(Arc::new(LockedFile::open(backup, Access::Read)?))?;
    let keys = unlock(&read_meta(&engine)?.1, password, backup)?;
    let mut census = Census::new(Some(&keys));

    // A link to the store stays one.
    let target = if file::exists(target)? { std::fs::canonicalize(target)? } else { target.to_owned() };
    file::make_folder(&target)?;
    // Held until the new store is in its place: nobody opens the old one meanwhile.
    let lock = Lock::take(&target, Access::ReadWrite)?;
    new_file::remove_leftovers(&target);
    let (new, file) = NewFile::beside(&target)?;
    let mut snapshot = super::RedbSnapshot { records: Arc::new(engine.records()?), after: None };
    copy(&mut snapshot, file, &mut census)?;
    let report = census.report();
    if let [first, rest @ ..] = &report.damaged[..] {
        let what = if rest.is_empty() { first.clone() } else { format!("{first} and {} more", rest.len()) };
        return Err(OpenError::Damaged { what });
    }

    let kept_aside = match LockedFile::open_under(lock, &target, Access::Read) {
        Ok(_locked) => {
            let aside = file::keep_aside(&target)?;
            new.replace()?;
            Some(aside)
        }
        Err(OpenError::NotFound) => {
            new.place()?;
            None
        }
        Err(error) => return Err(error),
    };
    Ok(Restored { report, kept_aside })
}

/// Writes all of `snapshot` to the empty `file`, and closes it durably.
fn copy(snapshot: &mut dyn Snapshot, file: LockedFile, census: &mut Census<'_>) -> Result<(), OpenError> {
    let database = guarded(|| Database::builder().create_with_backend(file).map_err(engine::redb))?;
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
        transaction.commit().map_err(engine::redb)?;
        database.close().map_err(engine::redb)
    })?)
}

fn insert(
    transaction: &redb::WriteTransaction,
    records: &[(RecordKey, SealedRecord)],
) -> Result<(), EngineError> {
    let mut table = transaction.open_table(RECORDS).map_err(engine::redb)?;
    for (key, record) in records {
        table.insert(key.as_bytes(), codec::encode(record).as_slice()).map_err(engine::redb)?;
    }
    Ok(())
}

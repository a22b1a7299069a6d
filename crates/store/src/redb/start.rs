//! Making and opening a store file, up to the start of its engine.

use std::{path::Path, sync::Arc};

use super::{
    backend::RedbBackend,
    engine::Engine,
    file::LockedFile,
    lock::{Access, Lock},
    new_file::{self, NewFile},
    paths,
    place::Place,
    read_only::ReadOnly,
    records::read_one,
    slots::{UnlockSecret, made, meta_record, read_meta, unlock},
    witness, witness_place,
};
use crate::{
    batch::{Batch, Expect, Write},
    directory::{directory_entry, directory_key},
    keyslot::{FORMAT, KdfParams, Meta},
    open_error::OpenError,
    record::Record as _,
    rollback::{Rollback, RollbackCause, Witnessed},
    seal::{self, Keys},
    sealed::{RecordKey, SealedRecord},
    store::Store,
};

/// Makes a new store that is not in its place yet; see [`crate::stage_redb`].
pub(crate) fn stage(
    path: &Path,
    secret: UnlockSecret<'_>,
    params: KdfParams,
) -> Result<(Store, NewFile), OpenError> {
    if paths::exists(path)? {
        return Err(OpenError::AlreadyExists);
    }
    paths::make_folder(path)?;
    let lock = Lock::take(path, Access::ReadWrite)?;
    if paths::exists(path)? {
        return Err(OpenError::AlreadyExists);
    }
    new_file::remove_leftovers(path);
    let (meta, keys) = made(secret, params).map_err(|error| OpenError::from_slots(error, path))?;
    let version = seal::first_version().map_err(OpenError::other)?;
    let mut batch = Batch::new();
    batch.write(Meta::key(), Expect::Absent, Write::Put(meta_record(&meta, version)));

    let (new, file) = NewFile::beside_under(path, lock)?;
    let place = file.place();
    let keys = Arc::new(keys);
    let mut engine = Engine::create(Arc::new(file))?;
    engine.number_commits(keys.clone(), None)?;
    engine.commit(std::iter::once(&batch))?;
    // The locks are held, so nobody else opens the store from the moment it is in its place.
    Ok((started(engine, place, keys, meta.store_id)?, new))
}

/// Opens a store; see [`crate::open_redb_beside`].
pub(crate) fn open(path: &Path, witness: &Path, secret: UnlockSecret<'_>) -> Result<Store, OpenError> {
    let (mut engine, place, meta, keys) = unlocked(path, witness, secret)?;
    let seen = witness::read(witness, &keys, &meta.store_id)?;
    let commit = engine.commits();
    if witness != witness::beside(path) {
        let known = seen.unwrap_or_default().max(commit);
        witness::write(witness, &keys, &meta.store_id, known).map_err(|error| match error {
            OpenError::Io(source) => OpenError::WitnessUnwritable { witness: witness.to_owned(), source },
            error => error,
        })?;
    }
    publish(&mut engine, secret, path)?;
    match seen {
        Some(seen) if seen > commit => {
            tracing::error!(
                path = %path.display(),
                commit,
                witness_commit = seen,
                "the store is older than its witness: an older copy was put into its place"
            );
            engine.number_above(seen);
            mark(&mut engine, &keys, RollbackCause::BehindWitness)?;
        }
        Some(_) => {}
        None => tracing::warn!(
            path = %witness.display(),
            "the store has no witness, so that an older copy in its place would not have been noticed; it is made now"
        ),
    }
    let store = started(engine, place, keys, meta.store_id)?;
    store.keep_witness(witness);
    Ok(store)
}

/// Opens a store whatever its witness says; see [`crate::open_redb_unwitnessed`].
pub(crate) fn open_unwitnessed(
    path: &Path,
    witness: &Path,
    secret: UnlockSecret<'_>,
) -> Result<(Store, Witnessed), OpenError> {
    let (mut engine, place, meta, keys) = unlocked(path, witness, secret)?;
    // Whoever asks is about to write it anew.
    witness_place::check_replaceable(witness)?;
    let said = said(witness, &keys, &meta, engine.commits())?;
    if let Witnessed::Behind { witness, .. } = said {
        engine.number_above(witness);
    }
    publish(&mut engine, secret, path)?;
    Ok((started(engine, place, keys, meta.store_id)?, said))
}

/// What the witness says of a store at `commit`.
fn said(witness: &Path, keys: &Keys, meta: &Meta, commit: u64) -> Result<Witnessed, OpenError> {
    match witness::read(witness, keys, &meta.store_id) {
        Ok(None) => Ok(Witnessed::Nothing),
        Ok(Some(seen)) if seen > commit => Ok(Witnessed::Behind { commit, witness: seen }),
        Ok(Some(_)) => Ok(Witnessed::UpToDate),
        Err(OpenError::WitnessOfAnother { .. }) => Ok(Witnessed::OfAnother),
        Err(OpenError::WitnessDamaged { .. }) => Ok(Witnessed::Damaged),
        Err(error) => Err(error),
    }
}

/// Opens a store to be read; see [`crate::read_unsealed`].
pub(crate) fn read(path: &Path, secret: UnlockSecret<'_>) -> Result<Store, OpenError> {
    Ok(read_with(path, secret)?.0)
}

/// As [`read`], and what the witness says; see [`crate::read_unsealed_beside`].
pub(crate) fn read_beside(
    path: &Path,
    witness: &Path,
    secret: UnlockSecret<'_>,
) -> Result<(Store, Witnessed), OpenError> {
    let (store, meta, keys) = match read_with(path, secret) {
        Err(OpenError::NotFound) if witness::exists(witness)? => {
            return Err(OpenError::StoreGone { witness: witness.to_owned() });
        }
        read => read?,
    };
    let said = said(witness, &keys, &meta, store.commits())?;
    Ok((store, said))
}

fn read_with(path: &Path, secret: UnlockSecret<'_>) -> Result<(Store, Meta, Arc<Keys>), OpenError> {
    let mut engine = Engine::open(Arc::new(LockedFile::open(path, Access::Read)?))?;
    let (_, meta) = read_meta(&engine)?;
    let keys = Arc::new(unlock(&meta, secret, path)?);
    engine.number_commits(keys.clone(), Some(&meta))?;
    Ok((Store::over(Arc::new(ReadOnly::over(engine)?), keys.clone()), meta, keys))
}

fn unlocked(
    path: &Path,
    witness: &Path,
    secret: UnlockSecret<'_>,
) -> Result<(Engine, Arc<Place>, Meta, Arc<Keys>), OpenError> {
    witness_place::check_apart(witness, path, None)?;
    let file = match LockedFile::open(path, Access::ReadWrite) {
        Err(OpenError::NotFound) if witness::exists(witness)? => {
            return Err(OpenError::StoreGone { witness: witness.to_owned() });
        }
        opened => opened?,
    };
    new_file::remove_leftovers(path);
    let place = file.place();
    let mut engine = Engine::open(Arc::new(file))?;
    let (_, meta) = read_meta(&engine)?;
    let keys = Arc::new(unlock(&meta, secret, path)?);
    engine.number_commits(keys.clone(), Some(&meta))?;
    Ok((engine, place, meta, keys))
}

pub(super) fn started(
    engine: Engine,
    place: Arc<Place>,
    keys: Arc<Keys>,
    id: [u8; 16],
) -> Result<Store, OpenError> {
    Ok(Store::over(Arc::new(RedbBackend::start(engine, place, keys.clone(), id)?), keys))
}

/// Marks the store as one that has gone back. The mark has no date yet: time is the domain's.
fn mark(engine: &mut Engine, keys: &Keys, cause: RollbackCause) -> Result<(), OpenError> {
    let records = engine.records()?;
    let mut batch = Batch::new();
    for (key, record) in mark_records(keys, cause, read_one(&records, &Rollback::key())?.as_ref())? {
        let there = read_one(&records, &key)?;
        let expect = there.as_ref().map_or(Expect::Absent, |there| Expect::Version(there.version));
        batch.write(key, expect, Write::Put(record));
    }
    drop(records);
    engine.commit(std::iter::once(&batch))?;
    Ok(())
}

/// The records of a mark in the place of `there`: its table in the directory, and itself.
pub(super) fn mark_records(
    keys: &Keys,
    cause: RollbackCause,
    there: Option<&SealedRecord>,
) -> Result<[(RecordKey, SealedRecord); 2], OpenError> {
    let (table, key) = (Rollback::TABLE, Rollback::key());
    let version = match there {
        Some(there) => there.version.next(),
        None => seal::first_version().map_err(OpenError::other)?,
    };
    let value = Rollback { cause, since_ms: None }.encode();
    let record = keys.seal(table.name, &key, version, u64::MAX, &value).map_err(OpenError::other)?;
    Ok([(directory_key(table.id), directory_entry(&table)), (key, record)])
}

/// Writes to the file for the first time, now that all has proved right, and brings a store of an older format to this release's in one
/// durable commit.
fn publish(engine: &mut Engine, secret: UnlockSecret<'_>, path: &Path) -> Result<(), OpenError> {
    engine.publish()?;
    let (version, meta) = read_meta(engine)?;
    if meta.format >= FORMAT {
        return Ok(());
    }
    let upgraded = match secret {
        UnlockSecret::Password(password) => {
            meta.upgraded(password).map_err(|error| OpenError::from_slots(error, path))?
        }
        UnlockSecret::None => Meta { format: FORMAT, ..meta.clone() },
    };
    let mut batch = Batch::new();
    let write = Write::Put(meta_record(&upgraded, version.next()));
    batch.write(Meta::key(), Expect::Version(version), write);
    engine.commit(std::iter::once(&batch))?;
    tracing::info!(path = %path.display(), from = meta.format, to = FORMAT, "the store has a new format: older releases refuse it");
    Ok(())
}

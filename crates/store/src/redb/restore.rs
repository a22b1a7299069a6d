//! A backup takes the place of a store: built beside it, joined with what must not go back, renamed when it is whole.
//!
//! The means only. What must not go back is the domain's to say: it reads [`Restoration::replaced`] and writes into
//! [`Restoration::store`]. Both copies have one data key, so names have one hash in both, and the password of either
//! opens both.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    commits,
    engine::Engine,
    file::LockedFile,
    lock::{Access, Lock},
    maintain::copy,
    new_file::{self, NewFile},
    paths,
    read_only::ReadOnly,
    records::{RedbSnapshot, read_one},
    slots::{meta_record, read_meta},
    start::{mark_records, started},
    witness, witness_place,
};
use crate::{
    census::{Census, Report},
    keyslot::{Meta, Password, SlotError},
    open_error::OpenError,
    rollback::{Rollback, RollbackCause},
    seal::{DataKey, Keys},
    store::Store,
};

/// A backup on its way into the place of a store. Dropped before [`Self::finish`], it changes nothing.
///
/// Until somebody takes it away, the new store has the mark of a rollback ([`Rollback`]): it is for who has taken over
/// from [`Self::replaced`] all that must not go back.
pub struct Restoration {
    new: NewFile,
    target: PathBuf,
    witness: PathBuf,
    keys: Arc<Keys>,
    store_id: [u8; 16],
    store: Store,
    replaced: Replaced,
    /// Held until the new file is in place: nobody opens the old one meanwhile.
    locked: Locked,
    /// What is in the backup.
    report: Report,
    backup_commits: u64,
    backup_was_marked: bool,
    password_of_backup: bool,
}

/// The store that a backup replaces.
#[derive(Debug)]
pub enum Replaced {
    /// There is none.
    Nothing,
    /// It is another store.
    Another,
    /// It is the same one, and cannot be read.
    Unreadable(OpenError),
    /// It is the same one. It can be read, not written.
    Same {
        /// The store.
        store: Store,
        /// It is older than its witness: what it knows is not all that there was.
        behind_witness: bool,
    },
}

/// What a restore did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Restored {
    /// What is in the backup.
    pub report: Report,
    /// Where the store is kept that was there before, if there was one.
    pub kept_aside: Option<PathBuf>,
}

/// What lies at the target.
enum Found {
    Nothing,
    Unreadable(OpenError),
    Store(Box<Engine>, Meta),
}

impl Restoration {
    /// Verifies every page and record of `backup` and copies it beside `target`. Neither may be in use.
    ///
    /// `password` opens the backup, or the store at the target if that is the same store; the new store opens with it.
    ///
    /// # Errors
    /// See [`OpenError`]: [`OpenError::NotFound`] and [`OpenError::Damaged`] are about the backup, [`OpenError::InUse`]
    /// about either. The target is as it was in each.
    pub fn prepare(
        backup: &Path,
        target: &Path,
        witness: &Path,
        password: &Password,
    ) -> Result<Self, OpenError> {
        witness_place::check_apart(witness, target, Some(backup))?;
        witness_place::check_replaceable(witness)?;
        let mut engine = Engine::open(Arc::new(LockedFile::open(backup, Access::Read)?))?;
        let (version, meta) = read_meta(&engine)?;
        paths::make_folder(target)?;
        let lock = Lock::take(target, Access::ReadWrite)?;
        // A link to the store stays one.
        let target = if paths::exists(target)? { std::fs::canonicalize(target)? } else { target.to_owned() };
        let (found, locked) = look(&target, lock)?;
        let same = match &found {
            Found::Store(_, there) if there.store_id == meta.store_id => Some(there.clone()),
            Found::Store(..) | Found::Nothing | Found::Unreadable(_) => None,
        };
        let (data_key, slots) = unlock(&meta, same, password, backup)?;
        let keys = Arc::new(Keys::derive(&data_key).map_err(OpenError::other)?);
        engine.number_commits(keys.clone(), Some(&meta))?;
        // A witness that does not verify may have known of any commit.
        let seen = witness::read(witness, &keys, &meta.store_id);
        let highest_seen = seen.as_ref().map_or(u64::MAX, |seen| seen.unwrap_or_default());
        let seen = seen.ok().flatten().unwrap_or_default();
        let replaced = replaced(found, &meta, &keys, highest_seen);

        new_file::remove_leftovers(&target);
        let (new, file) = NewFile::beside(&target)?;
        let records = engine.records()?;
        let mark = read_one(&records, &Rollback::key())?;
        let highest = engine.commits().max(replaced.commits()).max(seen);
        let [listing, mark_record] = mark_records(&keys, RollbackCause::Restored, mark.as_ref())?;
        let mut summary = engine.summary().clone();
        if let Some(mark) = &mark {
            summary.remove(&keys, &Rollback::key(), mark);
        }
        summary.add(&keys, &Rollback::key(), &mark_record.1);
        let commit = commits::record(&keys, highest.saturating_add(1), &summary).map_err(OpenError::other)?;
        let overlay = [
            (Meta::key(), meta_record(slots.as_ref().unwrap_or(&meta), version)),
            (commits::key(), commit),
            listing,
            mark_record,
        ];
        let mut census = Census::new(Some(&keys));
        let mut snapshot = RedbSnapshot { records: Arc::new(records), after: None };
        copy(&mut snapshot, file, &mut census, &overlay)?;
        let report = census.report();
        if let [first, rest @ ..] = &report.faults()[..] {
            let what =
                if rest.is_empty() { first.clone() } else { format!("{first} and {} more", rest.len()) };
            return Err(OpenError::Damaged { what });
        }
        let store = reopened(&new, &keys, meta.store_id)?;
        Ok(Self {
            password_of_backup: slots.is_none() && replaced.is_same(),
            new,
            target,
            witness: witness.to_owned(),
            keys,
            store_id: meta.store_id,
            store,
            replaced,
            locked,
            report,
            backup_commits: engine.commits(),
            backup_was_marked: mark.is_some(),
        })
    }

    /// The new store, to be written: nobody else sees it before [`Self::finish`].
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The store that it replaces.
    #[must_use]
    pub const fn replaced(&self) -> &Replaced {
        &self.replaced
    }

    /// The number of the backup's latest commit.
    #[must_use]
    pub const fn backup_commits(&self) -> u64 {
        self.backup_commits
    }

    /// Whether the backup is of a store that was marked.
    #[must_use]
    pub const fn backup_was_marked(&self) -> bool {
        self.backup_was_marked
    }

    /// Whether the password of the same store has been another one since: the backup's is in force again.
    #[must_use]
    pub const fn brings_back_a_password(&self) -> bool {
        self.password_of_backup
    }

    /// Puts the new store into its place and rewrites the witness. The store that was there is kept beside as
    /// `<name>.before-restore-<n>`.
    ///
    /// # Errors
    /// [`OpenError::Io`]. Before the new file has its name, the target is as it was.
    pub fn finish(self) -> Result<Restored, OpenError> {
        let Self { new, target, witness, keys, store_id, store, replaced, locked, report, .. } = self;
        let commits = store.commits();
        // Closes both files; the target stays locked.
        drop((store, replaced));
        let kept_aside = match locked {
            Locked::Store(_store) => {
                let aside = paths::keep_aside(&target)?;
                new.replace()?;
                Some(aside)
            }
            Locked::Place(_lock) => {
                new.place()?;
                None
            }
        };
        witness::write(&witness, &keys, &store_id, commits)?;
        paths::sync_folder(&witness)?;
        Ok(Restored { report, kept_aside })
    }
}

impl std::fmt::Debug for Restoration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Restoration").field("target", &self.target).finish_non_exhaustive()
    }
}

impl Replaced {
    const fn is_same(&self) -> bool {
        match self {
            Self::Same { .. } => true,
            Self::Nothing | Self::Another | Self::Unreadable(_) => false,
        }
    }

    fn commits(&self) -> u64 {
        match self {
            Self::Same { store, .. } => store.commits(),
            Self::Nothing | Self::Another | Self::Unreadable(_) => 0,
        }
    }
}

/// What is locked at the target.
enum Locked {
    /// The place alone, where there is no store.
    Place(Lock),
    /// The place and the store.
    Store(Arc<LockedFile>),
}

/// The store at `target`, and its lock.
fn look(target: &Path, lock: Lock) -> Result<(Found, Locked), OpenError> {
    if !paths::exists(target)? {
        return Ok((Found::Nothing, Locked::Place(lock)));
    }
    let store = Arc::new(LockedFile::open_under(lock, target, Access::Read)?);
    let opened = Engine::open(store.clone()).map_err(OpenError::from).and_then(|engine| {
        let (_, meta) = read_meta(&engine)?;
        Ok((engine, meta))
    });
    let found = match opened {
        Ok((engine, meta)) => Found::Store(Box::new(engine), meta),
        Err(error) => Found::Unreadable(error),
    };
    Ok((found, Locked::Store(store)))
}

/// The data key, and the key slots of the store that is replaced if the password opens those: a password that was
/// replaced since the backup stays replaced, unless the old one is what the operator has.
fn unlock(
    backup: &Meta,
    same: Option<Meta>,
    password: &Password,
    path: &Path,
) -> Result<(DataKey, Option<Meta>), OpenError> {
    if let Some(there) = same {
        match there.unlock(password) {
            Ok(data_key) => return Ok((data_key, Some(there))),
            Err(SlotError::WrongPassword | SlotError::Damaged(_)) => {}
            Err(error) => return Err(OpenError::from_slots(error, path)),
        }
    }
    let data_key = backup.unlock(password).map_err(|error| OpenError::from_slots(error, path))?;
    Ok((data_key, None))
}

fn replaced(found: Found, backup: &Meta, keys: &Arc<Keys>, highest_seen: u64) -> Replaced {
    let (mut engine, there) = match found {
        Found::Nothing => return Replaced::Nothing,
        Found::Unreadable(error) => return Replaced::Unreadable(error),
        Found::Store(engine, there) => (*engine, there),
    };
    if there.store_id != backup.store_id {
        return Replaced::Another;
    }
    let store = engine.number_commits(keys.clone(), Some(&there)).and_then(|()| {
        let behind_witness = engine.commits() < highest_seen;
        Ok(Replaced::Same {
            store: Store::over(Arc::new(ReadOnly::over(engine)?), keys.clone()),
            behind_witness,
        })
    });
    store.unwrap_or_else(|error| Replaced::Unreadable(error.into()))
}

fn reopened(new: &NewFile, keys: &Arc<Keys>, id: [u8; 16]) -> Result<Store, OpenError> {
    let file = new.reopened()?;
    let place = file.place();
    let mut engine = Engine::open(Arc::new(file))?;
    engine.number_commits(keys.clone(), None)?;
    engine.publish()?;
    started(engine, place, keys.clone(), id)
}

//! Watermarks in a file of their own: the driver `file`. It needs neither password nor store.
//!
//! The file is an unsealed one of the store's engine (`kept.rs`), which keeps the promises about kills, power cuts, two processes, and files
//! that are replaced below the process. Signatory's files beside it are a copy, for an operator who returns to Signatory.
//!
//! A start joins what lies beside the file, and the higher watermark stands: Signatory may have signed in between, or a release of ours that
//! kept its watermarks there. The folder's lock is taken too, since that release knows no other.

mod older;
mod times;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jwtis_base::audit::AuditRecord;
use jwtis_base::env::Timestamp;
use jwtis_base::rollback;
use jwtis_store::{
    BoxFuture, CommitError, OpenError, Rollback, RollbackCause, Store, Unplaced, Witnessed, open_unsealed,
    open_unsealed_unwitnessed, read_unsealed, stage_unsealed,
};
use jwtis_tezos::watermark::{AllWatermarks, Asked, ChainWatermarks, Watermark, WatermarkKind};
use jwtis_tezos::{ChainId, PublicKeyHash};
use tokio::sync::Mutex;

use self::older::{Older, has_some};
use super::copy::{self, Durable, SignatoryCopy};
use super::folder::{self, FolderLock};
use super::import::{self, Blank, SignatoryVersion};
use super::kept::Places;
use super::store::StoreWatermarks;
use super::{Clearance, KeptIn, RaisedBy, Terms, WatermarkError, WatermarkObserver, Watermarks, WentBack};

pub use super::file_error::FileError;

/// Whether there is such a file below `base_dir`.
#[must_use]
pub fn exists(base_dir: &Path) -> bool {
    Places::below(base_dir).file.exists()
}

/// The store in the file below `base_dir`, for its audit trail. Nobody else may have it open, and nothing is written.
///
/// # Errors
/// [`OpenError::NotFound`] where there is no such file; [`OpenError::InUse`] while a server has it.
pub fn read_store(base_dir: &Path) -> Result<Store, OpenError> {
    read_unsealed(&Places::below(base_dir).file)
}

/// Where that file is.
#[must_use]
pub fn path_below(base_dir: &Path) -> PathBuf {
    Places::below(base_dir).file
}

/// Watermarks in a file. Dropping it closes the file and gives the folder back.
pub struct FileWatermarks {
    kept: StoreWatermarks,
    copy: Arc<SignatoryCopy>,
    /// The commit that the copy knows. Held while the copy is written, so that no older one is written over a newer.
    copied: Arc<Mutex<Option<u64>>>,
    _locks: Locks,
}

/// The lock outside of the folder, and the one in it.
type Locks = [FolderLock; 2];

/// What to do where files of watermarks were there and are gone, or have gone back to an earlier state.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Lost {
    /// Refuse: what they forbade would be forgotten.
    Refuse,
    /// Begin anew without them, because the operator says so (`--new-watermarks`).
    BeginAnew,
}

impl FileWatermarks {
    /// The watermarks below `base_dir`, joined with what lies beside their file. Returns what the operator should know, too. `lost` says what to
    /// do about watermarks that are gone, and `now` dates the records of what is joined.
    ///
    /// # Errors
    /// A [`FileError`]: another process has them; a file cannot be read, is none, or is gone.
    pub async fn open(
        base_dir: &Path,
        lost: Lost,
        now: Timestamp,
        observer: Arc<dyn WatermarkObserver>,
    ) -> Result<(Self, Vec<String>), FileError> {
        let places = Places::below(base_dir);
        places.check()?;
        let io = |source| FileError::io(&places.folder, source);
        let folders = import::older_folders(base_dir)?;
        let locks = enter(base_dir, &places, lost)?;
        let older = Older::read(base_dir, &places.folder)?;
        let (store, unplaced) = engine(&places, lost).await?;
        if unplaced.is_some() && lost == Lost::Refuse && were_kept(&locks).map_err(io)? {
            return Err(FileError::lost(&places.file, "is gone, and a lock file says that it was there"));
        }
        let blank = if unplaced.is_none() { Blank::PassedOver } else { Blank::Refused };
        let mut copies = import::read(&places.folder, Some(SignatoryVersion::V2), blank)?;
        if lost == Lost::Refuse {
            older.check(&places.folder, &copies.watermarks)?;
            if unplaced.is_some() {
                none_is_empty(&places.folder, &copies.watermarks)?;
            }
        }
        older.join_into(&mut copies.watermarks);

        let kept = StoreWatermarks::kept_in(KeptIn::File, store, observer);
        let mut notices = std::mem::take(&mut copies.notices);
        for found in folders.iter().chain([&copies]) {
            let raised = join(&kept, &found.watermarks, now).await;
            let path = || found.folder.display().to_string();
            let raised = raised.map_err(|source| FileError::NotTaken { path: path(), source })?;
            if raised && unplaced.is_none() {
                notices.push(format!("{} had higher watermarks, which were taken over", path()));
            }
        }
        for found in folders {
            let folder = found.folder.display();
            notices.extend(found.notices);
            notices.push(format!(
                "the watermarks of {folder} were taken over, the higher one stands: it can be removed"
            ));
        }
        if let Some(unplaced) = unplaced {
            unplaced.place().map_err(|source| engine_error(&places, source))?;
            kept.store().keep_witness(&places.witness);
        }
        locks.iter().try_for_each(FolderLock::note_kept).map_err(io)?;
        older.remove(base_dir, &places.folder).map_err(io)?;
        let copy = Arc::new(SignatoryCopy::new(places.folder));
        let opened = Self { kept, copy, copied: Arc::default(), _locks: locks };
        if let Err(error) = opened.write_copy().await {
            notices.push(format!("the copy of the watermarks for Signatory is not up to date: {error}"));
        }
        Ok((opened, notices))
    }

    /// As [`StoreWatermarks::danger_lower`]. The copy is lowered, too: a start would bring the higher watermark back from there.
    ///
    /// # Errors
    /// [`WatermarkError::Unavailable`].
    pub async fn danger_lower(
        &self,
        chain: ChainId,
        key: PublicKeyHash,
        kind: WatermarkKind,
        watermark: Watermark,
        at: Timestamp,
    ) -> Result<(), WatermarkError> {
        self.kept.danger_lower(chain, key, kind, watermark, at).await?;
        // A copy that a power cut brought back would undo what was answered.
        self.bring_copy_up_to_date(Durable::Yes).await
    }

    /// The watermarks of `store`, which may have kept them before, to be joined into the file.
    ///
    /// # Errors
    /// [`FileError::StoreWentBack`] where the store may have forgotten some: it has gone back to an earlier state, and it kept watermarks,
    /// or the file has none.
    pub async fn left_in(&self, store: &Store) -> Result<AllWatermarks, FileError> {
        let not_taken = |source| FileError::NotTaken { path: "the store".to_owned(), source };
        let kept = StoreWatermarks::new(store.clone(), Arc::new(()));
        let left = kept.all().await.map_err(not_taken)?;
        let is_filled = left.values().any(has_some);
        match kept.rolled_back().await.map_err(not_taken)? {
            Some(back) if is_filled || self.all().await.map_err(not_taken)?.is_empty() => {
                Err(FileError::StoreWentBack(back.why()))
            }
            Some(_) | None => Ok(left),
        }
    }

    async fn bring_copy_up_to_date(&self, durable: Durable) -> Result<(), WatermarkError> {
        let mut copied = Arc::clone(&self.copied).lock_owned().await;
        let commit = self.kept.store().commits();
        if *copied == Some(commit) {
            return Ok(());
        }
        let all = self.kept.all().await?;
        // Another signer may have the folder at that path by now, with watermarks that are higher.
        self.kept.store().in_place().await?;
        let copy = Arc::clone(&self.copy);
        // The guard goes along: where the caller gives up, the next copy waits for this one all the same.
        let written = tokio::task::spawn_blocking(move || {
            copy.write(&all, durable)?;
            *copied = Some(commit);
            Ok::<_, io::Error>(())
        });
        let written = written.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        written.map_err(|error| WatermarkError::Unavailable(error.into()))
    }
}

/// Makes the folder where there was none, and takes its lock and the one outside of it.
fn enter(base_dir: &Path, places: &Places, lost: Lost) -> Result<Locks, FileError> {
    let Places { folder, witness, lock, .. } = places;
    let io = |source| FileError::io(folder, source);
    let in_use = || FileError::InUse(folder.display().to_string());
    folder::make(base_dir).map_err(|source| FileError::io(base_dir, source))?;
    let outside = FolderLock::take_file(lock).map_err(|source| FileError::io(lock, source))?;
    let outside = outside.ok_or_else(in_use)?;
    if !import::is_folder(folder)? {
        let witnessed = Older::read(base_dir, folder)?.has_witnessed()
            || folder::look(witness).map_err(|source| FileError::io(witness, source))?.is_some()
            || outside.says_kept().map_err(|source| FileError::io(lock, source))?;
        if lost == Lost::Refuse && witnessed {
            return Err(FileError::lost(
                folder,
                "is gone, and a file beside it says that it held watermarks",
            ));
        }
        folder::make(folder).map_err(io)?;
    }
    let inside = FolderLock::take(folder).map_err(io)?.ok_or_else(in_use)?;
    copy::remove_leftovers(folder).map_err(io)?;
    Ok([outside, inside])
}

/// Whether a lock file says that there was a file of watermarks.
fn were_kept(locks: &Locks) -> io::Result<bool> {
    locks.iter().try_fold(false, |kept, lock| Ok(kept || lock.says_kept()?))
}

/// The file of the store's engine. A new one has no name yet.
async fn engine(places: &Places, lost: Lost) -> Result<(Store, Option<Unplaced>), FileError> {
    let Places { file, witness, .. } = places;
    let opened = match lost {
        Lost::Refuse => open_unsealed(file, witness).map(|store| (store, Witnessed::UpToDate)),
        Lost::BeginAnew => open_unsealed_unwitnessed(file, witness),
    };
    let (store, witnessed) = match (opened, lost) {
        (Ok(opened), _) => opened,
        (Err(OpenError::NotFound), _) | (Err(OpenError::StoreGone { .. }), Lost::BeginAnew) => {
            let (store, unplaced) = stage_unsealed(file).map_err(|source| engine_error(places, source))?;
            return Ok((store, Some(unplaced)));
        }
        (Err(error), _) => return Err(engine_error(places, error)),
    };
    if lost == Lost::BeginAnew {
        // What the file has forgotten by going back, it has forgotten: the operator says so.
        accept(&store, witnessed).await.map_err(|error| FileError::NotTaken {
            path: file.display().to_string(),
            source: WatermarkError::Unavailable(error.into()),
        })?;
        store.keep_witness(witness);
    }
    Ok((store, None))
}

/// Ends the state of a file that has gone back. A commit of its own makes that durable, since the file is behind its witness until then.
async fn accept(store: &Store, witnessed: Witnessed) -> Result<(), CommitError> {
    match witnessed {
        Witnessed::Behind { .. } | Witnessed::OfAnother | Witnessed::Damaged => {
            if rollback::stored_mark(store).await?.is_none() {
                rollback::begin(store, RollbackCause::BehindWitness).await?;
            }
        }
        Witnessed::Nothing | Witnessed::UpToDate => {}
    }
    match rollback::stored_mark(store).await? {
        Some(watermark) => {
            store.commit(store.transaction().delete_at(&Rollback::key(), watermark.version)).await
        }
        None => Ok(()),
    }
}

fn engine_error(places: &Places, source: OpenError) -> FileError {
    match source {
        OpenError::InUse => FileError::InUse(places.folder.display().to_string()),
        OpenError::StoreGone { witness } => FileError::lost(
            &places.file,
            format_args!("is gone, and its witness {} says that it held watermarks", witness.display()),
        ),
        source => FileError::Engine { path: places.file.display().to_string(), source },
    }
}

/// Refuses files of Signatory's that have no watermark any more, where they are all that there is.
fn none_is_empty(folder: &Path, found: &AllWatermarks) -> Result<(), FileError> {
    for (name, _) in folder::list(folder).map_err(|source| FileError::io(folder, source))? {
        let chain = name.strip_suffix(".json").and_then(|chain| chain.parse().ok());
        if chain.is_some_and(|chain| !found.get(&chain).is_some_and(has_some)) {
            return Err(FileError::lost(&folder.join(name), "has no watermarks: it was emptied"));
        }
    }
    Ok(())
}

/// Raises the watermarks to those that were found, and says whether any rose.
async fn join(kept: &StoreWatermarks, found: &AllWatermarks, now: Timestamp) -> Result<bool, WatermarkError> {
    let before = kept.store().commits();
    for (chain, watermarks) in found {
        kept.raise(*chain, watermarks, RaisedBy::Start(now)).await?;
    }
    Ok(kept.store().commits() != before)
}

impl Watermarks for FileWatermarks {
    fn name(&self) -> &'static str {
        self.kept.name()
    }

    fn clear<'a>(
        &'a self,
        key: &'a PublicKeyHash,
        asked: &'a Asked,
        terms: &'a Terms,
        record: Option<&'a AuditRecord>,
    ) -> BoxFuture<'a, Result<Clearance, WatermarkError>> {
        self.kept.clear(key, asked, terms, record)
    }

    fn rolled_back(&self) -> BoxFuture<'_, Result<Option<WentBack>, WatermarkError>> {
        self.kept.rolled_back()
    }

    fn all(&self) -> BoxFuture<'_, Result<AllWatermarks, WatermarkError>> {
        self.kept.all()
    }

    fn raise<'a>(
        &'a self,
        chain: ChainId,
        watermarks: &'a ChainWatermarks,
        by: RaisedBy,
    ) -> BoxFuture<'a, Result<(), WatermarkError>> {
        self.kept.raise(chain, watermarks, by)
    }

    fn own_trail(&self) -> Option<&Store> {
        Some(self.kept.store())
    }

    fn write_copy(&self) -> BoxFuture<'_, Result<(), WatermarkError>> {
        Box::pin(self.bring_copy_up_to_date(Durable::No))
    }
}

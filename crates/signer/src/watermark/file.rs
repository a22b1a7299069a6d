//! Marks in files of Signatory's format, version 2 (§5.2): the driver `file`.
//!
//! Marks are judged and written by one thread (`writer`), so that no task waits on a disk, and a caller that goes away while it
//! waits leaves nothing half done. What is already decided by the durable marks, a refusal or the very message of a mark, is answered
//! without it.
//!
//! What Signatory's format has no place for is in files of our own: `times` and `witness`.

mod open;
mod times;
mod witness;
mod writer;

#[cfg(test)]
mod disk_tests;
#[cfg(test)]
mod model;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;

use jwtis_store::{BoxError, BoxFuture};
use jwtis_tezos::watermark::format::ChainMarks;
use jwtis_tezos::watermark::{Asked, Mark, WatermarkKind};
use jwtis_tezos::{ChainId, PublicKeyHash};
use tokio::sync::oneshot;

use self::open::Opened;
use self::writer::{Durable, Request, Writer};
use super::disk::{Disk, RealDisk};
use super::import::ImportError;
use super::{Clearance, Cleared, Terms, WatermarkError, WatermarkObserver, Watermarks, decide};

/// The driver's name.
const NAME: &str = "file";

/// Marks in a folder. Dropping it waits for the write that runs and gives the folder's lock back.
pub struct FileWatermarks {
    durable: Durable,
    /// `None` when it is being dropped.
    outbox: Option<Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

/// Why a folder of marks cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Another process has the lock.
    #[error("{0} is in use by another signer")]
    InUse(String),
    /// A file is not what it should be.
    #[error("marks cannot be read")]
    Marks(#[source] ImportError),
    /// Marks were there, and are not any more.
    #[error("{path} {how}")]
    Lost {
        /// The file or folder.
        path: String,
        /// How it is known.
        how: &'static str,
    },
    /// The file system refuses.
    #[error("{path} cannot be used")]
    Io {
        /// The file or folder.
        path: String,
        /// Why.
        source: io::Error,
    },
}

impl FileError {
    fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.display().to_string(), source }
    }

    fn lost(path: &Path, how: &'static str) -> Self {
        Self::Lost { path: path.display().to_string(), how }
    }
}

/// What to do where files of marks were there and are gone or empty.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Lost {
    /// Refuse to open: what they forbade would be forgotten.
    Refuse,
    /// Begin anew without them, because the operator says so (`--new-watermarks`).
    BeginAnew,
}

impl FileWatermarks {
    /// The marks below `base_dir`: `watermark_v2`, joined with what older folders hold (§5.3). Takes the folder's lock. Returns what the operator should know, too.
    ///
    /// # Errors
    /// A [`FileError`]: another process has the lock; a file cannot be read or is none.
    pub fn open(
        base_dir: &Path,
        observer: Arc<dyn WatermarkObserver>,
    ) -> Result<(Self, Vec<String>), BoxError> {
        Self::open_or(base_dir, Lost::Refuse, observer)
    }

    /// As [`Self::open`], where the operator may have said what to do about marks that are gone.
    ///
    /// # Errors
    /// A [`FileError`].
    pub fn open_or(
        base_dir: &Path,
        lost: Lost,
        observer: Arc<dyn WatermarkObserver>,
    ) -> Result<(Self, Vec<String>), BoxError> {
        Ok(Self::open_on(RealDisk, base_dir, lost, observer)?)
    }

    /// Sets a mark to what `mark` says, be it lower than what stands. A lower mark lets a signer sign twice: for an operator who knows that
    /// what stands was never signed, or is of no chain.
    ///
    /// # Errors
    /// [`WatermarkError::Unavailable`].
    pub async fn danger_lower(
        &self,
        chain: ChainId,
        key: PublicKeyHash,
        kind: WatermarkKind,
        mark: Mark,
    ) -> Result<(), WatermarkError> {
        self.request(|answer| Request::Lower { chain, key, kind, mark, answer }).await
    }

    fn open_on<D: Disk>(
        disk: D,
        base_dir: &Path,
        lost: Lost,
        observer: Arc<dyn WatermarkObserver>,
    ) -> Result<(Self, Vec<String>), FileError> {
        let (writer, durable, notices) = begin(disk, base_dir, lost, observer)?;
        let (outbox, inbox) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("jwtis-watermark".into())
            .spawn(move || writer.run(&inbox))
            .map_err(|source| FileError::io(base_dir, source))?;
        Ok((Self { durable, outbox: Some(outbox), thread: Some(thread) }, notices))
    }

    /// Sends a request to the thread and waits for its answer.
    async fn request<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, WatermarkError>>) -> Request,
    ) -> Result<T, WatermarkError> {
        let stopped = || WatermarkError::Unavailable("the thread that writes marks has stopped".into());
        let (answer, answered) = oneshot::channel();
        let outbox = self.outbox.as_ref().ok_or_else(stopped)?;
        outbox.send(request(answer)).map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

impl Watermarks for FileWatermarks {
    fn name(&self) -> &'static str {
        NAME
    }

    fn clear<'a>(
        &'a self,
        key: &'a PublicKeyHash,
        asked: &'a Asked,
        terms: &'a Terms,
    ) -> BoxFuture<'a, Result<Clearance, WatermarkError>> {
        Box::pin(async move {
            match known(&self.durable, key, asked, terms) {
                Some(answer) => answer,
                None => {
                    let clear = |answer| Request::Clear { key: *key, asked: *asked, terms: *terms, answer };
                    self.request(clear).await
                }
            }
        })
    }

    fn marks(&self) -> BoxFuture<'_, Result<BTreeMap<ChainId, ChainMarks>, WatermarkError>> {
        Box::pin(async move { Ok(self.durable.read().unwrap_or_else(PoisonError::into_inner).clone()) })
    }

    fn raise<'a>(
        &'a self,
        chain: ChainId,
        marks: &'a ChainMarks,
    ) -> BoxFuture<'a, Result<(), WatermarkError>> {
        Box::pin(self.request(move |answer| Request::Raise { chain, marks: marks.clone(), answer }))
    }
}

/// Opens the folder, and raises its marks to those of older folders.
fn begin<D: Disk>(
    disk: D,
    base_dir: &Path,
    lost: Lost,
    observer: Arc<dyn WatermarkObserver>,
) -> Result<(Writer<D>, Durable, Vec<String>), FileError> {
    let Opened { folder, lock, marks, older, notices } = open::open(&disk, base_dir, lost, &*observer)?;
    let durable: Durable = Arc::new(RwLock::new(marks));
    let mut writer = Writer::new(disk, base_dir, folder.clone(), lock, Arc::clone(&durable), observer);
    for (chain, marks) in older {
        writer.raise(chain, marks).map_err(|error| FileError::io(&folder, io::Error::other(error)))?;
    }
    Ok((writer, durable, notices))
}

/// The answer where no mark has to move.
fn known(
    durable: &Durable,
    key: &PublicKeyHash,
    asked: &Asked,
    terms: &Terms,
) -> Option<Result<Clearance, WatermarkError>> {
    let durable = durable.read().unwrap_or_else(PoisonError::into_inner);
    let marks = durable.get(&asked.chain).and_then(|marks| marks.get(key));
    match decide(marks.and_then(|marks| marks.get(asked.kind)), key, asked, terms) {
        Ok(Cleared { clearance, write: None }) => Some(Ok(clearance)),
        Ok(Cleared { write: Some(_), .. }) => None,
        Err(error) => Some(Err(error)),
    }
}

impl Drop for FileWatermarks {
    fn drop(&mut self) {
        drop(self.outbox.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes marks has panicked");
        }
    }
}

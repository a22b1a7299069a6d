//! Marks in files of Signatory's format, version 2 (§5.2): the driver `file`.
//!
//! Marks are judged and written by one thread (`writer`), so that no task waits on a disk, and a caller that goes away while it
//! waits leaves nothing half done. What is already decided by the durable marks, a refusal or the very message of a mark, is answered
//! without it.

mod open;
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
use jwtis_tezos::watermark::Asked;
use jwtis_tezos::watermark::format::ChainMarks;
use jwtis_tezos::{ChainId, PublicKeyHash};
use tokio::sync::oneshot;

use self::open::Opened;
use self::writer::{Durable, Request, Writer};
use super::disk::{Disk, RealDisk};
use super::import::ImportError;
use super::{Clearance, Cleared, WatermarkError, WatermarkObserver, Watermarks, decide};

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
}

impl FileWatermarks {
    /// The marks below `base_dir`: `watermark_v2`, and where that is not, what older folders hold is taken over (§5.3). Takes the
    /// folder's lock. Returns what the operator should know, too.
    ///
    /// # Errors
    /// A [`FileError`]: another process has the lock; a file cannot be read or is none.
    pub fn open(
        base_dir: &Path,
        observer: Arc<dyn WatermarkObserver>,
    ) -> Result<(Self, Vec<String>), BoxError> {
        Ok(Self::open_on(RealDisk, base_dir, observer)?)
    }

    fn open_on<D: Disk>(
        disk: D,
        base_dir: &Path,
        observer: Arc<dyn WatermarkObserver>,
    ) -> Result<(Self, Vec<String>), FileError> {
        let Opened { folder, lock, marks, notices } = open::open(&disk, base_dir, &*observer)?;
        let durable: Durable = Arc::new(RwLock::new(marks));
        let writer = Writer::new(disk, folder, lock, Arc::clone(&durable), observer);
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
    ) -> BoxFuture<'a, Result<Clearance, WatermarkError>> {
        Box::pin(async move {
            match known(&self.durable, key, asked) {
                Some(answer) => answer,
                None => self.request(|answer| Request::Clear { key: *key, asked: *asked, answer }).await,
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

/// The answer where no mark has to move.
fn known(durable: &Durable, key: &PublicKeyHash, asked: &Asked) -> Option<Result<Clearance, WatermarkError>> {
    let durable = durable.read().unwrap_or_else(PoisonError::into_inner);
    let marks = durable.get(&asked.chain).and_then(|marks| marks.get(key));
    match decide(marks.and_then(|marks| marks.get(asked.kind)), &asked.mark) {
        Ok(Cleared { clearance, write: None }) => Some(Ok(clearance)),
        Ok(Cleared { write: Some(_), .. }) => None,
        Err(refusal) => Some(Err(WatermarkError::Refused(refusal))),
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

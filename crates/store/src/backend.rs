//! The narrow waist: sealed bytes under ordered keys, and one atomic, conditional commit.
//!
//! An engine ([`Backend`]) knows nothing of names, types or keys of encryption. All that the layers above need —
//! unique names, one-time use, races between nodes, audit — is made of [`Backend::commit`].

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, PoisonError, RwLock},
};

use crate::{
    batch::{Batch, Change},
    commit::CommitError,
    read_error::ReadError,
    sealed::{RecordKey, SealedRecord},
};

/// A boxed future, so that [`Backend`] can be a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Who is told of changes; see [`Backend::observe`].
pub type Observer = Arc<dyn Fn(Feed<'_>) + Send + Sync>;

/// What the change feed says.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Feed<'a> {
    /// These records have changed, in one commit. Or they may have changed, where its outcome is unknown.
    Changed(&'a [Change]),
    /// Track is lost: any record may have changed, and changes are not told until [`Feed::Resumed`].
    Lost,
    /// From now on changes are told again.
    Resumed,
}

impl<'a> Feed<'a> {
    /// The records that are named: none where track is lost or found.
    pub fn named(self) -> &'a [Change] {
        match self {
            Self::Changed(changes) => changes,
            Self::Lost | Self::Resumed => &[],
        }
    }
}

/// An engine that holds sealed records.
///
/// What every engine promises, and `conformance` (feature `testing`) checks:
///
/// * a batch is applied whole or not at all, and only if every precondition holds at that moment;
/// * what a batch [appends](crate::Append) gets the next numbers of its table at that moment: they have no gaps, and a refused batch takes none;
/// * `Ok` means durable, and every read that starts afterwards sees it;
/// * [`CommitError::Conflict`] and [`CommitError::NotWritten`] mean that nothing was written; an engine that is not sure says
///   [`CommitError::Unknown`], and a later commit on the same record decides;
/// * a commit whose future is dropped, or whose outcome is unknown, still lands or does not, whole; if it lands, observers are told;
/// * what such a commit writes is [in doubt](Self::in_doubt) until it is decided, and observers are told of an unknown outcome, too.
pub trait Backend: Send + Sync + 'static {
    /// The record under `key`, as of the latest commit.
    fn get<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<Option<SealedRecord>, ReadError>>;

    /// At most `limit` records of `table` in key order, those after `after` when it is given.
    fn scan<'a>(
        &'a self,
        table: u8,
        after: Option<&'a RecordKey>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(RecordKey, SealedRecord)>, ReadError>>;

    /// Applies `batch`, all or nothing; `Ok` means durable. Observers have been called, in commit order, before
    /// this resolves.
    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<(), CommitError>>;

    /// Adds to the change feed: `observer` is called after a commit is durable and before its committer hears
    /// `Ok`, one commit after the other. It must be quick, must not block and must not commit. An engine that cannot tell what changes says so:
    /// [`Feed::Lost`].
    fn observe(&self, observer: Observer);

    /// Whether nobody can say what the last commit on the record under `key` has become: its outcome is unknown, or it is under way and
    /// nobody waits for it any more. A later commit that is done has decided all before it.
    fn in_doubt(&self, key: &RecordKey) -> bool;

    /// Whether what is committed lands where the next start will look for it. An engine that stores nothing under a name need not look.
    /// Waits for a moment where the file is just being put back.
    fn in_place(&self) -> BoxFuture<'_, Result<(), ReadError>> {
        Box::pin(async { Ok(()) })
    }

    /// The last key of `table`, as of the latest commit.
    fn last(&self, table: u8) -> BoxFuture<'_, Result<Option<RecordKey>, ReadError>>;

    /// The bytes that the records of `table` take in the engine, without what it needs to find them; 0 in an engine that does not count.
    fn bytes(&self, _table: u8) -> BoxFuture<'_, Result<u64, ReadError>> {
        Box::pin(async { Ok(0) })
    }

    /// All records as of one moment, whatever is committed afterwards.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] when the engine cannot read now.
    fn snapshot(&self) -> Result<Box<dyn Snapshot>, ReadError>;

    /// The number of the latest commit; 0 in an engine that does not count.
    fn commits(&self) -> u64 {
        0
    }

    /// Keeps a witness of the latest commit at `path` from now on, in an engine that can.
    fn keep_witness(&self, _path: &std::path::Path) {}

    /// Whether the witness could not be written the last time.
    fn witness_is_behind(&self) -> bool {
        false
    }

    /// Brings the witness up to date; blocks until that is done.
    fn catch_up(&self) {}
}

/// All records of an engine as of one moment, in key order.
pub trait Snapshot: Send {
    /// The next `limit` records at most; an empty answer is the end.
    ///
    /// # Errors
    /// As [`Backend::scan`].
    fn next(&mut self, limit: usize) -> Result<Vec<(RecordKey, SealedRecord)>, ReadError>;
}

/// The observers of an engine, told one commit after the other.
#[derive(Default)]
pub(crate) struct Observers(RwLock<Vec<Observer>>);

impl Observers {
    pub(crate) fn add(&self, observer: Observer) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(observer);
    }

    /// Tells everybody. An observer that panics is reported and does not stop the others, nor the engine.
    pub(crate) fn tell(&self, changes: &[Change]) {
        if !changes.is_empty() {
            self.tell_all(Feed::Changed(changes));
        }
    }

    /// Nobody will be told of changes any more.
    pub(crate) fn lose_track(&self) {
        self.tell_all(Feed::Lost);
    }

    fn tell_all(&self, feed: Feed<'_>) {
        // Cloned, so that an observer may add another one.
        let observers = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        for observer in observers {
            let call = std::panic::AssertUnwindSafe(|| observer(feed));
            if std::panic::catch_unwind(call).is_err() {
                tracing::error!("an observer of the store panicked");
            }
        }
    }
}

//! Whether the open store file still is the one at its path, and as this process left it.
//!
//! A file that was moved, deleted or replaced stays open and would be written for ever, while a second server starts on what is at the
//! path. So the writing thread looks before each commit and after it, and whoever signs without a commit looks, too: the path, the length
//! and the header (see `contents.rs`). A difference may be a restore or a rename in progress, so it counts only when it is still there after
//! a pause.
//!
//! A file that is back at its path may have been away while a copy of it went on. The witness knows the commits of that copy.

use std::{
    fs::File,
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{contents::Contents, error::Displaced, witness::Watch};

/// How long a difference may last.
pub(super) const PAUSE: Duration = Duration::from_millis(100);

/// An open file and the path where it should be.
#[derive(Debug)]
pub(super) struct Place {
    /// The file; an engine in a test may have none.
    contents: Option<Arc<Contents>>,
    /// How it is compared with the one at its path; `None` where that is off.
    is_at: Option<IsAt>,
    path: RwLock<PathBuf>,
    /// Device and inode of the file.
    id: Option<(u64, u64)>,
    /// The witness, where one is kept.
    watch: RwLock<Option<Watch>>,
    /// At the last look the file was not there: said once, and waited for no more.
    displaced: AtomicBool,
}

pub(super) type IsAt = fn(&File, &Path) -> io::Result<bool>;

impl Place {
    pub(super) fn new(contents: Arc<Contents>, path: &Path, is_at: Option<IsAt>) -> Self {
        let id = contents.file().metadata().ok().map(|ours| (ours.dev(), ours.ino()));
        Self {
            contents: Some(contents),
            is_at,
            id,
            path: RwLock::new(path.to_owned()),
            watch: RwLock::default(),
            displaced: AtomicBool::new(false),
        }
    }

    /// Of an engine that has no file.
    #[cfg(test)]
    pub(super) fn nowhere() -> Self {
        Self {
            contents: None,
            is_at: None,
            id: None,
            path: RwLock::default(),
            watch: RwLock::default(),
            displaced: AtomicBool::new(false),
        }
    }

    /// The file gets another name.
    pub(super) fn move_to(&self, path: &Path) {
        path.clone_into(&mut self.path.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// From now on a witness is looked at, too.
    pub(super) fn watch(&self, watch: Watch) {
        *self.watch.write().unwrap_or_else(PoisonError::into_inner) = Some(watch);
    }

    /// Looks, for the writing thread, which may wait: `pause` waits as long as it is told.
    pub(super) fn look(&self, pause: impl FnOnce(Duration)) -> Result<(), Displaced> {
        let first = self.compare();
        let outcome = if first.is_err() && !self.is_displaced() {
            pause(PAUSE);
            self.compare()
        } else {
            first
        };
        self.note(outcome)
    }

    /// Looks after a commit, which may have taken long: meanwhile a second server may have started on another file of this path. One call,
    /// unless something has changed.
    pub(super) fn look_again(&self, pause: impl FnOnce(Duration)) -> Result<(), Displaced> {
        let path = self.path.read().unwrap_or_else(PoisonError::into_inner).clone();
        let is_there =
            || std::fs::metadata(path).is_ok_and(|there| self.id == Some((there.dev(), there.ino())));
        if self.is_at.is_none() || is_there() { Ok(()) } else { self.look(pause) }
    }

    /// Looks, for tasks.
    pub(super) async fn confirm(&self) -> Result<(), Displaced> {
        let first = self.compare();
        let outcome = if first.is_err() && !self.is_displaced() {
            tokio::time::sleep(PAUSE).await;
            self.compare()
        } else {
            first
        };
        self.note(outcome)
    }

    fn compare(&self) -> Result<(), Displaced> {
        let Some(contents) = &self.contents else { return Ok(()) };
        let path = self.path.read().unwrap_or_else(PoisonError::into_inner);
        let shown = || path.display().to_string();
        match self.is_at.map_or(Ok(true), |is_at| is_at(contents.file(), &path)) {
            Ok(true) => {}
            Ok(false) => return Err(Displaced::Replaced(shown())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Displaced::Gone(shown())),
            Err(source) => return Err(Displaced::Unknown { path: shown(), source }),
        }
        match contents.is_ours() {
            Ok(true) => {}
            Ok(false) => return Err(Displaced::Overwritten(shown())),
            Err(source) => return Err(Displaced::Unknown { path: shown(), source }),
        }
        match &*self.watch.read().unwrap_or_else(PoisonError::into_inner) {
            Some(watch) if watch.knows_later() => {
                Err(Displaced::WentOnElsewhere { path: shown(), witness: watch.path().display().to_string() })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether another program is known to have written into the file, wherever that is now. Nothing may be written there any more, not
    /// even to take a commit back or to close it.
    pub(super) fn is_overwritten(&self) -> bool {
        self.contents.as_ref().is_some_and(|contents| matches!(contents.is_ours(), Ok(false)))
    }

    fn is_displaced(&self) -> bool {
        self.displaced.load(Ordering::Relaxed)
    }

    /// Says once what has changed.
    fn note(&self, outcome: Result<(), Displaced>) -> Result<(), Displaced> {
        let before = self.displaced.swap(outcome.is_err(), Ordering::Relaxed);
        match &outcome {
            Err(error @ Displaced::Overwritten(_)) if !before => tracing::error!(
                error = error as &dyn std::error::Error,
                "nothing is written or signed any more; put the right file there or restore a backup, then restart this server"
            ),
            Err(error @ Displaced::WentOnElsewhere { .. }) if !before => tracing::error!(
                error = error as &dyn std::error::Error,
                "nothing is written or signed any more; restart this server, which then takes the store for one that has gone back"
            ),
            Err(error) if !before => tracing::error!(
                error = error as &dyn std::error::Error,
                "nothing is written or signed any more; put the store file back, or restart this server"
            ),
            Ok(()) if before => tracing::warn!("the store file is at its path again"),
            Ok(()) | Err(_) => {}
        }
        outcome
    }
}

/// Whether `file` is the one at `path`.
pub(super) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let (there, ours) = (std::fs::metadata(path)?, file.metadata()?);
    Ok(there.ino() == ours.ino() && there.dev() == ours.dev())
}

#[cfg(test)]
mod tests;

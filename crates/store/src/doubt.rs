//! Records whose last commit has an unknown outcome. They stay in doubt until another commit on them is done.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::sealed::RecordKey;

/// The records in doubt: hardly ever any, so that looking costs one load.
#[derive(Default)]
pub(crate) struct Doubts {
    any: AtomicBool,
    keys: Mutex<BTreeSet<RecordKey>>,
}

impl Doubts {
    /// Whether one of `keys` is in doubt.
    pub(crate) fn have_any_of(&self, keys: &[RecordKey]) -> bool {
        if !self.any.load(Ordering::Acquire) {
            return false;
        }
        let doubts = self.keys();
        keys.iter().any(|key| doubts.contains(key))
    }

    /// The outcome of a commit on `keys` is unknown. The store's own directory is never read, so it is never in doubt.
    pub(crate) fn add(&self, keys: &[RecordKey]) {
        let mut doubts = self.keys();
        doubts.extend(keys.iter().filter(|key| key.table() != 0));
        self.any.store(!doubts.is_empty(), Ordering::Release);
    }

    /// A commit on `keys` is done.
    pub(crate) fn settle(&self, keys: &[RecordKey]) {
        if !self.any.load(Ordering::Acquire) {
            return;
        }
        let mut doubts = self.keys();
        for key in keys {
            doubts.remove(key);
        }
        self.any.store(!doubts.is_empty(), Ordering::Release);
    }

    fn keys(&self) -> MutexGuard<'_, BTreeSet<RecordKey>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

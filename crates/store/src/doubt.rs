//! Records of whose last commit nobody can say whether it was made. The engine keeps them, in the order of its commits: it sees every
//! outcome, while a caller may go away before.

use std::{
    collections::{BTreeMap, BTreeSet},
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
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// Written by commits whose outcome is unknown.
    unknown: BTreeSet<RecordKey>,
    /// Written by commits that are under way and whose callers have gone, and by how many of them.
    abandoned: BTreeMap<RecordKey, usize>,
}

impl Doubts {
    /// Whether the record under `key` is in doubt.
    pub(crate) fn have(&self, key: &RecordKey) -> bool {
        if !self.any.load(Ordering::Acquire) {
            return false;
        }
        let kept = self.kept();
        kept.unknown.contains(key) || kept.abandoned.contains_key(key)
    }

    /// The outcome of a commit that writes `keys` is unknown.
    pub(crate) fn add(&self, keys: &[RecordKey]) {
        self.change(|kept| kept.unknown.extend(ours(keys)));
    }

    /// All commits that had an outcome so far are decided. Those that are under way are not.
    pub(crate) fn clear(&self) {
        if self.any.load(Ordering::Acquire) {
            self.change(|kept| kept.unknown.clear());
        }
    }

    /// Whoever waits for a commit that writes `keys` goes away now, unless `is_answered`. [`Self::answer_abandoned`] does not run meanwhile.
    pub(crate) fn abandon(&self, keys: &[RecordKey], is_answered: impl FnOnce() -> bool) {
        self.change(|kept| {
            if !is_answered() {
                for key in ours(keys) {
                    let commits = kept.abandoned.entry(key).or_default();
                    *commits = commits.saturating_add(1);
                }
            }
        });
    }

    /// A commit that writes `keys`, and for which nobody waits any more, has its outcome.
    pub(crate) fn answer_abandoned(&self, keys: &[RecordKey]) {
        self.change(|kept| {
            for key in ours(keys) {
                if let Some(commits) = kept.abandoned.get_mut(&key) {
                    *commits = commits.saturating_sub(1);
                    if *commits == 0 {
                        kept.abandoned.remove(&key);
                    }
                }
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut Kept)) {
        let mut kept = self.kept();
        change(&mut kept);
        self.any.store(!kept.unknown.is_empty() || !kept.abandoned.is_empty(), Ordering::Release);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The store's own directory is never read, so it is never in doubt.
fn ours(keys: &[RecordKey]) -> impl Iterator<Item = RecordKey> {
    keys.iter().copied().filter(|key| key.table() != 0)
}

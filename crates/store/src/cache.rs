//! Values made of records, in memory for as long as the change feed tells what changes.
//!
//! The feed empties what a commit changed before the committer hears of its success. So nobody is given a value as it was after learning
//! that it has changed. While the feed has lost track, nothing is kept and nothing is given: everybody reads the store.

use std::{
    borrow::Borrow,
    collections::HashMap,
    fmt,
    hash::Hash,
    sync::{Arc, PoisonError, RwLock},
};

use crate::{backend::Feed, batch::Change, record::Table, sealed::RecordKey, store::Store};

/// Values by `K`, each made of one record of one table. Clones are the same cache.
///
/// A hit takes one read lock and clones the value, which should be an `Arc` or as cheap.
pub struct Cache<K, V>(Arc<Shared<K, V>>);

struct Shared<K, V> {
    table: u8,
    most: usize,
    weigh: fn(&V) -> usize,
    kept: RwLock<Kept<K, V>>,
}

struct Kept<K, V> {
    values: HashMap<K, (RecordKey, V)>,
    /// Which value the record under a key was made into.
    by_record: HashMap<RecordKey, K>,
    weight: usize,
    /// Rises with every change of the table; a value that was read before a rise is not kept.
    epoch: u64,
    is_lost: bool,
}

/// A value that is not in memory: to be handed to [`Cache::keep`] with what is read now.
#[derive(Copy, Clone, Debug)]
#[must_use = "what is read now should be kept"]
pub struct Missed(u64);

impl<K: Clone + Eq + Hash + Send + Sync + 'static, V: Clone + Send + Sync + 'static> Cache<K, V> {
    /// An empty cache of values made of records of `table`, which weigh `most` together at most.
    pub fn following(store: &Store, table: &Table, most: usize, weigh: fn(&V) -> usize) -> Self {
        let kept =
            Kept { values: HashMap::new(), by_record: HashMap::new(), weight: 0, epoch: 0, is_lost: false };
        let shared = Arc::new(Shared { table: table.id, most, weigh, kept: RwLock::new(kept) });
        let follower = Arc::downgrade(&shared);
        store.observe(Arc::new(move |feed| {
            if let Some(shared) = follower.upgrade() {
                shared.follow(feed);
            }
        }));
        Self(shared)
    }

    /// The value for `key`.
    ///
    /// # Errors
    /// [`Missed`], which goes to [`Self::keep`] after reading the record from the store.
    pub fn find<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Result<V, Missed>
    where
        K: Borrow<Q>,
    {
        let kept = self.0.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.values.get(key).map(|(_, value)| value.clone()).ok_or(Missed(kept.epoch))
    }

    /// Keeps a value that was read from the record under `record` after the miss, unless a record of the table has changed since. One that
    /// is heavier than the whole cache is not kept, and moves nothing out.
    pub fn keep(&self, missed: Missed, key: K, record: RecordKey, value: &V) {
        let weight = (self.0.weigh)(value);
        if weight > self.0.most {
            return;
        }
        let mut dropped = Vec::new();
        {
            let mut kept = self.0.kept.write().unwrap_or_else(PoisonError::into_inner);
            if kept.epoch != missed.0 || kept.is_lost {
                return;
            }
            dropped.extend(kept.remove(&record, self.0.weigh));
            // Which ones go is the order of the hash table: as good as chance, and nothing to keep up.
            while kept.weight.saturating_add(weight) > self.0.most {
                let Some(other) = kept.by_record.keys().next().copied() else { break };
                dropped.extend(kept.remove(&other, self.0.weigh));
            }
            kept.weight = kept.weight.saturating_add(weight);
            kept.by_record.insert(record, key.clone());
            dropped.extend(kept.values.insert(key, (record, value.clone())).map(|(_, value)| value));
        }
        // Wiping keys takes its time: not under the lock.
        drop(dropped);
    }
}

impl<K: Eq + Hash, V> Shared<K, V> {
    fn follow(&self, feed: Feed<'_>) {
        match feed {
            Feed::Changed(changes) => {
                let ours = |change: &&Change| change.key.table() == self.table;
                if changes.iter().any(|change| ours(&change)) {
                    self.forget(changes.iter().filter(ours));
                }
            }
            Feed::Lost => self.forget_all(true),
            Feed::Resumed => self.forget_all(false),
        }
    }

    fn forget<'c>(&self, changes: impl Iterator<Item = &'c Change>) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        kept.epoch = kept.epoch.wrapping_add(1);
        let dropped: Vec<_> = changes.filter_map(|change| kept.remove(&change.key, self.weigh)).collect();
        drop(kept);
        drop(dropped);
    }

    fn forget_all(&self, is_lost: bool) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        kept.epoch = kept.epoch.wrapping_add(1);
        kept.is_lost = is_lost;
        kept.weight = 0;
        kept.by_record.clear();
        let dropped = std::mem::take(&mut kept.values);
        drop(kept);
        drop(dropped);
    }
}

impl<K: Eq + Hash, V> Kept<K, V> {
    fn remove(&mut self, record: &RecordKey, weigh: fn(&V) -> usize) -> Option<V> {
        let key = self.by_record.remove(record)?;
        let (_, value) = self.values.remove(&key)?;
        self.weight = self.weight.saturating_sub(weigh(&value));
        Some(value)
    }
}

impl<K, V> Clone for Cache<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K, V> fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("table", &self.0.table).finish_non_exhaustive()
    }
}

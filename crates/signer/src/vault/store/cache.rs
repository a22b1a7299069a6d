//! Opened keys of the store, so that a request neither reads the store nor parses a key. The store's change feed empties what a commit
//! changed before the committer hears of its success, so that a deleted key signs nothing after that.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use jwtis_store::{Change, RecordKey};
use jwtis_tezos::SecretKey;

/// Opened keys by record key.
#[derive(Default)]
pub(super) struct KeyCache(RwLock<OpenedKeys>);

#[derive(Default)]
struct OpenedKeys {
    keys: HashMap<RecordKey, Arc<SecretKey>>,
    /// Rises with every change of a key; one that was read before a rise is not kept.
    epoch: u64,
}

/// When a read of the store began.
#[derive(Copy, Clone)]
pub(super) struct Epoch(u64);

impl KeyCache {
    /// The key, or the epoch to hand to [`Self::keep`] after reading it from the store.
    pub(super) fn find(&self, place: &RecordKey) -> Result<Arc<SecretKey>, Epoch> {
        let inner = self.0.read().unwrap_or_else(PoisonError::into_inner);
        inner.keys.get(place).cloned().ok_or(Epoch(inner.epoch))
    }

    /// Keeps a key that was read from the store at `epoch`, unless some key has changed since.
    pub(super) fn keep(&self, place: RecordKey, key: &Arc<SecretKey>, epoch: Epoch) {
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if inner.epoch == epoch.0 {
            inner.keys.insert(place, Arc::clone(key));
        }
    }

    /// Follows the change feed: forgets what changed.
    pub(super) fn forget(&self, changes: &[Change], is_key: impl Fn(&RecordKey) -> bool) {
        if !changes.iter().any(|change| is_key(&change.key)) {
            return;
        }
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        inner.epoch = inner.epoch.wrapping_add(1);
        for change in changes {
            inner.keys.remove(&change.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use jwtis_tezos::Curve;

    use super::*;

    #[test]
    fn a_key_read_before_a_change_is_not_kept() {
        let place: RecordKey = format!("07{}", "01".repeat(16)).parse().unwrap();
        let cache = KeyCache::default();
        let Err(epoch) = cache.find(&place) else { panic!("empty") };
        cache.forget(&[Change { key: place, version: None }], |_| true);
        cache.keep(place, &Arc::new(SecretKey::generate(Curve::Ed25519).unwrap()), epoch);
        assert!(cache.find(&place).is_err());
    }
}

//! Loaded clients, so that a request neither reads the store nor parses a key. The store's change feed empties what a commit changed
//! before the committer hears of its success, so that nobody reads a client as it was after learning that it has changed.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use jwtis_store::{Change, RecordKey};

use super::Client;

/// Most clients kept loaded. A loaded client with elliptic curve keys takes about 4 KiB, with RSA keys about 12 KiB.
const MAX_CLIENTS: usize = 20_000;

/// Loaded clients by record key.
#[derive(Default)]
pub(crate) struct ClientCache {
    inner: RwLock<Inner>,
}

#[derive(Default)]
struct Inner {
    clients: HashMap<RecordKey, Arc<Client>>,
    /// Rises with every change to a client record; a client that was read before a rise is not kept.
    epoch: u64,
}

/// When a read of the store began.
#[derive(Copy, Clone)]
pub(crate) struct Epoch(u64);

impl ClientCache {
    /// The client, or the epoch to hand to [`Self::keep`] after reading it from the store.
    pub(crate) fn find(&self, key: &RecordKey) -> Result<Arc<Client>, Epoch> {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        inner.clients.get(key).cloned().ok_or(Epoch(inner.epoch))
    }

    /// Keeps a client that was read from the store at `epoch`, unless a client record has changed since.
    pub(crate) fn keep(&self, key: RecordKey, client: &Arc<Client>, epoch: Epoch) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        if inner.epoch != epoch.0 {
            return;
        }
        if inner.clients.len() >= MAX_CLIENTS {
            let crowd: Vec<RecordKey> = inner.clients.keys().take(MAX_CLIENTS / 8).cloned().collect();
            for key in crowd {
                inner.clients.remove(&key);
            }
        }
        inner.clients.insert(key, Arc::clone(client));
    }

    /// Follows the change feed: forgets what changed.
    pub(crate) fn forget(&self, changes: &[Change], is_client: impl Fn(&RecordKey) -> bool) {
        if !changes.iter().any(|change| is_client(&change.key)) {
            return;
        }
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        inner.epoch = inner.epoch.wrapping_add(1);
        for change in changes {
            inner.clients.remove(&change.key);
        }
    }
}

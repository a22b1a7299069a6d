//! Loaded clients, so that a request neither reads the store nor parses a key. The store's change feed empties what a commit changed
//! before the committer hears of its success, so that nobody reads a client as it was after learning that it has changed.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use jwtis_base::bearer::SecretHash;
use jwtis_store::{Change, RecordKey};

use super::Client;

/// Most key sets kept loaded, over all clients. One takes about 4 KiB with elliptic curve keys and 12 KiB with RSA keys.
const MAX_KEY_SETS: usize = 20_000;

/// Loaded clients by record key.
pub(crate) struct ClientCache {
    most: usize,
    inner: RwLock<Inner>,
}

#[derive(Default)]
struct Inner {
    clients: HashMap<RecordKey, Arc<Client>>,
    /// Record key of each kept client by the hash of its token.
    tokens: HashMap<[u8; 32], RecordKey>,
    key_sets: usize,
    /// Rises with every change to a client record; a client that was read before a rise is not kept.
    epoch: u64,
}

/// When a read of the store began.
#[derive(Copy, Clone)]
pub(crate) struct Epoch(u64);

impl Default for ClientCache {
    fn default() -> Self {
        Self::holding(MAX_KEY_SETS)
    }
}

impl ClientCache {
    /// A cache of at most this many key sets.
    fn holding(most: usize) -> Self {
        Self { most, inner: RwLock::default() }
    }

    /// The client, or the epoch to hand to [`Self::keep`] after reading it from the store.
    pub(crate) fn find(&self, key: &RecordKey) -> Result<Arc<Client>, Epoch> {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        inner.clients.get(key).cloned().ok_or(Epoch(inner.epoch))
    }

    /// The kept client whose token has this hash.
    pub(crate) fn find_by_token(&self, hash: &SecretHash) -> Option<Arc<Client>> {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        inner.clients.get(inner.tokens.get(hash.as_bytes())?).cloned()
    }

    /// Keeps a client that was read from the store at `epoch`, unless a client record has changed since.
    pub(crate) fn keep(&self, key: RecordKey, client: &Arc<Client>, epoch: Epoch) {
        let mut dropped = Vec::new();
        {
            let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
            if inner.epoch != epoch.0 {
                return;
            }
            dropped.extend(inner.remove(&key));
            // Which ones go is the order of the hash table: as good as chance, and nothing to keep up.
            let sets = client.keys().entries().len();
            while inner.key_sets.saturating_add(sets) > self.most {
                let Some(other) = inner.clients.keys().next().copied() else { break };
                dropped.extend(inner.remove(&other));
            }
            inner.key_sets = inner.key_sets.saturating_add(sets);
            inner.tokens.insert(*client.token_hash.as_bytes(), key);
            inner.clients.insert(key, Arc::clone(client));
        }
        // Wiping keys takes its time: not under the lock.
        drop(dropped);
    }

    /// Follows the change feed: forgets what changed.
    pub(crate) fn forget(&self, changes: &[Change], is_client: impl Fn(&RecordKey) -> bool) {
        if !changes.iter().any(|change| is_client(&change.key)) {
            return;
        }
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        inner.epoch = inner.epoch.wrapping_add(1);
        let dropped: Vec<_> = changes.iter().filter_map(|change| inner.remove(&change.key)).collect();
        drop(inner);
        drop(dropped);
    }
}

impl Inner {
    fn remove(&mut self, key: &RecordKey) -> Option<Arc<Client>> {
        let client = self.clients.remove(key)?;
        self.key_sets = self.key_sets.saturating_sub(client.keys().entries().len());
        if self.tokens.get(client.token_hash.as_bytes()) == Some(key) {
            self.tokens.remove(client.token_hash.as_bytes());
        }
        Some(client)
    }
}

#[cfg(test)]
mod tests {
    use jwtis_store::Version;

    use super::*;
    use crate::client::ClientRecord;
    use crate::key::plan::{KeyDefaults, KeyOptions, KeyPlan};
    use jwtis_base::env::Env;

    fn client(kid: &str) -> Arc<Client> {
        with_token(kid, 0)
    }

    /// A client whose token has a hash of this byte.
    fn with_token(kid: &str, token: u8) -> Arc<Client> {
        let id: jwtis_base::ClientId = kid.parse().unwrap();
        let plan = KeyPlan::for_registration(&id, &KeyOptions::default(), &KeyDefaults::default()).unwrap();
        let keys = plan.generate(&Env::system()).unwrap();
        let record = ClientRecord::new(id, SecretHash::from_bytes([token; 32]), &keys).unwrap();
        Arc::new(record.load(Version(1)).unwrap())
    }

    fn key(number: u8) -> RecordKey {
        format!("01{}", format!("{number:02x}").repeat(16)).parse().unwrap()
    }

    #[test]
    fn a_full_cache_makes_room_and_keeps_the_newest() {
        let cache = ClientCache::holding(3);
        let client = client("shop");
        for number in 0..10 {
            let Err(epoch) = cache.find(&key(number)) else { panic!("not kept yet") };
            cache.keep(key(number), &client, epoch);
            assert!(cache.find(&key(number)).is_ok());
        }
        assert_eq!((0..10).filter(|&number| cache.find(&key(number)).is_ok()).count(), 3);
    }

    #[test]
    fn a_client_read_before_a_change_is_not_kept() {
        let cache = ClientCache::default();
        let Err(epoch) = cache.find(&key(1)) else { panic!("empty") };
        cache.forget(&[Change { key: key(1), version: None }], |_| true);
        cache.keep(key(1), &client("shop"), epoch);
        assert!(cache.find(&key(1)).is_err());
    }

    #[test]
    fn changes_of_other_tables_empty_nothing() {
        let cache = ClientCache::default();
        let Err(epoch) = cache.find(&key(1)) else { panic!("empty") };
        cache.forget(&[Change { key: key(2), version: None }], |_| false);
        cache.keep(key(1), &client("shop"), epoch);
        assert!(cache.find(&key(1)).is_ok());
    }

    #[test]
    fn a_client_is_found_by_its_token_for_as_long_as_it_is_kept() {
        let cache = ClientCache::holding(2);
        let found = |token: u8| {
            let client = cache.find_by_token(&SecretHash::from_bytes([token; 32]));
            client.map(|client| client.id().to_string())
        };
        for (number, kid) in [(1, "shop"), (2, "bank")] {
            let Err(epoch) = cache.find(&key(number)) else { panic!("empty") };
            cache.keep(key(number), &with_token(kid, number), epoch);
        }
        assert_eq!((found(1).as_deref(), found(2).as_deref(), found(3)), (Some("shop"), Some("bank"), None));

        cache.forget(&[Change { key: key(1), version: None }], |_| true);
        assert_eq!((found(1), found(2).as_deref()), (None, Some("bank")));

        // The client got another token.
        let Err(epoch) = cache.find(&key(1)) else { panic!("forgotten") };
        cache.keep(key(1), &with_token("shop", 4), epoch);
        assert_eq!((found(1), found(4).as_deref()), (None, Some("shop")));

        let Err(epoch) = cache.find(&key(5)) else { panic!("never kept") };
        cache.keep(key(5), &with_token("cafe", 5), epoch);
        let kept = [2, 4, 5].into_iter().filter(|&token| found(token).is_some()).count();
        assert_eq!((kept, found(5).as_deref()), (2, Some("cafe")), "one made room");
    }
}

//! Keys sealed in our own store: the vault `store`. They are made in it or brought in once, and never leave it.

mod record;

use std::sync::Arc;

use jwtis_base::audit::{Actor, Event};
use jwtis_base::env::{Env, Timestamp};
use jwtis_base::rollback::deleted::Deleted;
use jwtis_store::{
    BoxFuture, Cache, CommitError, Name, NotWritten, OutcomeUnknown, ReadError, Record as _, RecordKey,
    Store, settled,
};
use jwtis_tezos::{Curve, PublicKey, PublicKeyHash, SecretKey};

use super::verified::{VaultError, VerifiedSignature};
use super::{KeyBackend, software};
use crate::cleared::{Cleared, ClearedProof};
pub use record::StoredKey;
pub(crate) use record::{AliasRecord, KeyRecord};

/// The longest alias, in characters.
pub const MAX_ALIAS_CHARS: usize = 64;
/// Most keys that are kept opened.
const MOST_OPENED: usize = 100_000;
/// How the vault is called in texts.
const KIND: &str = "Store";

/// The keys of a store.
#[derive(Clone)]
pub struct StoreVault {
    store: Store,
    env: Env,
    opened: Cache<PublicKeyHash, Arc<SecretKey>>,
}

/// The keys of the store.
#[derive(Debug)]
pub struct Listed {
    /// Those that can be read, by alias and hash.
    pub keys: Vec<StoredKey>,
    /// Those that cannot.
    pub damaged: Vec<DamagedKey>,
}

/// A key whose record is damaged, or of a version that this program cannot read. It signs nothing.
#[derive(Debug, thiserror::Error)]
#[error("{record}{}", .key.map_or_else(String::new, |key| format!(", which is the key {key}")))]
pub struct DamagedKey {
    /// Names the record.
    pub record: ReadError,
    /// Which key it is, where its alias tells.
    pub key: Option<PublicKeyHash>,
}

/// What can go wrong with keys of the store.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the texts say it")]
pub enum StoreVaultError {
    #[error("{0} is in the store already")]
    Exists(PublicKeyHash),
    #[error("{0} is not in the store")]
    Unknown(PublicKeyHash),
    #[error("another key has the alias `{0}`")]
    AliasTaken(String),
    #[error("an alias has at most {MAX_ALIAS_CHARS} characters, none of them a control character")]
    Alias,
    /// No randomness, or the library failed.
    #[error("the key cannot be made")]
    Key(#[source] jwtis_tezos::SecretKeyError),
    #[error("the store could not be read")]
    Read(#[from] ReadError),
    #[error("{0} was changed by another program at the same moment")]
    Conflict(PublicKeyHash),
    #[error("the store could not be written")]
    Store(#[from] NotWritten),
    #[error("it is not known whether the store was changed")]
    OutcomeUnknown(#[from] OutcomeUnknown),
}

impl StoreVault {
    /// The keys of `store`. What is deleted or replaced there is forgotten here at once.
    #[must_use]
    pub fn new(store: Store, env: Env) -> Self {
        let opened = Cache::following(&store, &KeyRecord::TABLE, MOST_OPENED, |_| 1);
        Self { store, env, opened }
    }

    /// Makes a key.
    ///
    /// # Errors
    /// [`StoreVaultError`]. After [`StoreVaultError::OutcomeUnknown`] there may be a key that nobody was told of: [`Self::list`] shows it.
    pub async fn generate(&self, curve: Curve, alias: &str) -> Result<StoredKey, StoreVaultError> {
        let key = SecretKey::generate(curve).map_err(StoreVaultError::Key)?;
        self.import(&key, alias).await
    }

    /// Takes a key in.
    ///
    /// # Errors
    /// [`StoreVaultError`]. After [`StoreVaultError::OutcomeUnknown`] another call decides: it takes the key in, or finds it there.
    pub async fn import(&self, key: &SecretKey, alias: &str) -> Result<StoredKey, StoreVaultError> {
        if alias.chars().count() > MAX_ALIAS_CHARS || alias.chars().any(char::is_control) {
            return Err(StoreVaultError::Alias);
        }
        let created_at_ms = self.env.now().millis();
        let record = KeyRecord::of(key, alias, created_at_ms).map_err(StoreVaultError::Key)?;
        let hash = key.public_key().hash();
        let name = hash.to_string();
        let mut transaction = self.store.transaction().create(Name::plain(&name), &record);
        if !alias.is_empty() {
            // Unique names are records of their own, made in the same commit.
            transaction = transaction.create(Name::plain(alias), &AliasRecord(hash));
        }
        let transaction = Deleted::unbury(&self.store, &hash, transaction).await?;
        let event = Event::SigningKeyAdded(&name).by(Actor::Operator, Timestamp::from_millis(created_at_ms));
        match self.store.commit(transaction.append(event.record())).await {
            Ok(()) => {
                event.log();
                Ok(record.public())
            }
            Err(CommitError::Conflict { key }) if key == self.alias_key(alias) => {
                Err(StoreVaultError::AliasTaken(alias.to_owned()))
            }
            Err(CommitError::Conflict { .. }) => Err(StoreVaultError::Exists(hash)),
            Err(CommitError::NotWritten(error)) => Err(error.into()),
            Err(CommitError::Unknown(error)) => Err(error.into()),
        }
    }

    /// All keys. A damaged record hides no other key.
    ///
    /// # Errors
    /// [`StoreVaultError::Read`] if the store cannot be read at all.
    pub async fn list(&self) -> Result<Listed, StoreVaultError> {
        let (mut keys, mut damaged) = (Vec::new(), Vec::new());
        for (place, record) in self.store.scan_each::<KeyRecord>(None, usize::MAX).await? {
            match record {
                Ok(stored) => keys.push(stored.value.public()),
                Err(record) => damaged.push(DamagedKey { record, key: self.named(&place).await? }),
            }
        }
        keys.sort_by(|one: &StoredKey, other| {
            (&one.alias, one.public_key.hash()).cmp(&(&other.alias, other.public_key.hash()))
        });
        Ok(Listed { keys, damaged })
    }

    /// Deletes a key for ever.
    ///
    /// # Errors
    /// [`StoreVaultError`]. After [`StoreVaultError::OutcomeUnknown`] another call decides: it deletes the key, or finds none.
    pub async fn delete(&self, key: &PublicKeyHash) -> Result<(), StoreVaultError> {
        let name = key.to_string();
        let stored = self.store.get::<KeyRecord>(Name::plain(&name)).await?;
        let stored = stored.ok_or(StoreVaultError::Unknown(*key))?;
        let mut transaction =
            self.store.transaction().delete::<KeyRecord>(Name::plain(&name), stored.version);
        let alias = stored.value.alias();
        match self.store.get::<AliasRecord>(Name::plain(alias)).await {
            Ok(Some(taken)) if taken.value.0 == *key => {
                transaction = transaction.delete::<AliasRecord>(Name::plain(alias), taken.version);
            }
            Ok(_) => {}
            // The alias stays taken; the key goes all the same.
            Err(ReadError::Damaged { record }) => {
                tracing::warn!(record, "the record of an alias is damaged and stays")
            }
            Err(error) => return Err(error.into()),
        }
        // No clock that was set back may date the deletion before the key.
        let created_at = Timestamp::from_millis(stored.value.public().created_at_ms);
        let now = self.env.now();
        let deleted = Deleted::signing_key(key, now.max(created_at));
        let transaction = deleted.bury(&self.store, transaction).await?;
        let event = Event::SigningKeyDeleted(&name).by(Actor::Operator, now);
        if settled::<StoreVaultError>(self.store.commit(transaction.append(event.record())).await)? {
            event.log();
            Ok(())
        } else {
            Err(StoreVaultError::Conflict(*key))
        }
    }

    /// Which key has its record at `place`, if it has an alias: names are kept as hashes.
    async fn named(&self, place: &RecordKey) -> Result<Option<PublicKeyHash>, ReadError> {
        let aliases = self.store.scan_each::<AliasRecord>(None, usize::MAX).await?;
        let mut named = aliases.into_iter().filter_map(|(_, alias)| Some(alias.ok()?.value.0));
        Ok(named.find(|key| self.store.key_of::<KeyRecord>(Name::plain(&key.to_string())) == *place))
    }

    /// The key, from memory or from the store.
    async fn key(&self, hash: &PublicKeyHash) -> Result<Arc<SecretKey>, VaultError> {
        let missed = match self.opened.find(hash) {
            Ok(key) => return Ok(key),
            Err(missed) => missed,
        };
        let text = hash.to_string();
        let name = Name::plain(&text);
        let stored = self.store.get::<KeyRecord>(name).await.map_err(|error| VaultError::new(KIND, error))?;
        let record = stored.ok_or_else(|| VaultError::new(KIND, "the key is not here any more"))?.value;
        let key = record.into_key();
        self.opened.keep(missed, *hash, self.store.key_of::<KeyRecord>(name), &key);
        Ok(key)
    }

    fn alias_key(&self, alias: &str) -> RecordKey {
        self.store.key_of::<AliasRecord>(Name::plain(alias))
    }
}

impl KeyBackend for StoreVault {
    fn kind(&self) -> &'static str {
        KIND
    }

    /// A damaged record is named in the log; it hides no other key.
    fn keys(&self) -> BoxFuture<'_, Result<Vec<PublicKey>, VaultError>> {
        Box::pin(async move {
            let Listed { keys, damaged } = self.list().await.map_err(|error| VaultError::new(KIND, error))?;
            for error in damaged {
                tracing::error!(%error, "a signing key cannot be read and is not used");
            }
            Ok(keys.into_iter().map(|key| key.public_key).collect())
        })
    }

    fn sign<'a>(&'a self, request: &'a Cleared) -> BoxFuture<'a, Result<VerifiedSignature, VaultError>> {
        Box::pin(async move { software::sign(KIND, &self.key(request.key()).await?, request).await })
    }

    fn prove<'a>(
        &'a self,
        request: &'a ClearedProof,
    ) -> BoxFuture<'a, Result<VerifiedSignature, VaultError>> {
        Box::pin(async move { software::prove(KIND, &self.key(request.key()).await?, request).await })
    }
}

//! What keys have spent, kept in the store so that a restart does not forget. The rule is [`jwtis_tezos::policy::SpendingLimits`].

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use jwtis_base::audit::AuditRecord;
use jwtis_base::json::{decode_json, encode_json};
use jwtis_base::rollback;
use jwtis_base::rollback::KnownMark;
use jwtis_store::{
    DecodeError, Name, NotWritten, OutcomeUnknown, ReadError, Record, RollbackCause, Store, Stored, Table,
    settled,
};
use jwtis_tezos::PublicKeyHash;
use jwtis_tezos::policy::Usage;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

/// How often a record that others write, too, is read and judged again: other processes, since those of this one queue.
const TRIES: usize = 8;

/// The record of what each key has spent.
pub(crate) struct UsageBook {
    store: Store,
    mark: KnownMark,
    /// Requests that count for one key queue here; there are as many entries as listed keys that have limits.
    queues: std::sync::Mutex<BTreeMap<PublicKeyHash, Arc<Mutex<()>>>>,
}

/// What a key has spent cannot be counted, so that nothing is signed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the texts say it")]
pub enum UsageError {
    #[error(
        "{}: what this key has spent is not known. It signs again after one window of its limit; to end this earlier, run `jwtis store accept-rollback`",
        rollback::words(*.0)
    )]
    RolledBack(RollbackCause),
    #[error("the key has a limit over time, and there is no store to count in")]
    NoStore,
    #[error("what the key has spent cannot be read")]
    Read(#[from] ReadError),
    #[error("what the key has spent cannot be written")]
    Store(#[from] NotWritten),
    /// The request may count, and is not signed. A retry counts again.
    #[error("it is not known whether the request was counted, so it is not signed")]
    OutcomeUnknown(#[from] OutcomeUnknown),
    #[error("other processes change what the key has spent at the same moment")]
    Contended,
}

impl UsageBook {
    pub(crate) fn new(store: Store) -> Self {
        Self { mark: KnownMark::of(&store), store, queues: std::sync::Mutex::default() }
    }

    /// The store that the records are in.
    pub(crate) const fn store(&self) -> &Store {
        &self.store
    }

    /// What `key` has spent so far. It may be more in a moment: only [`Self::spend`] decides.
    pub(crate) async fn spent(&self, key: &PublicKeyHash) -> Result<Usage, UsageError> {
        Ok(self.read(&key.to_string()).await?.map(|stored| stored.value.0).unwrap_or_default())
    }

    /// Lets `judge` decide by what the key has spent, makes durable what it will have spent then, and hands on what else it says.
    /// If somebody was faster, it decides again. `record` is appended to the audit trail in the same commit.
    ///
    /// After [`UsageError::OutcomeUnknown`] the request may count although nothing is signed: limits err on the side of the owner.
    pub(crate) async fn spend<T, E: From<UsageError>>(
        &self,
        key: &PublicKeyHash,
        record: &AuditRecord,
        judge: impl Fn(&Usage) -> Result<(Usage, T), E>,
    ) -> Result<T, E> {
        let mark = self.mark.now().await.map_err(UsageError::from)?;
        let judge = |spent: &Usage| {
            let after = judge(spent)?;
            match mark {
                // What was spent before the store went back is unknown, and may be all that the limit allows.
                Some(mark) if judge(&spent.and_unknown_until(mark.since_ms.unwrap_or(u64::MAX))).is_err() => {
                    Err(E::from(UsageError::RolledBack(mark.cause)))
                }
                _ => Ok(after),
            }
        };
        let queue = self.queue(key);
        let _turn = queue.lock().await;
        let text = key.to_string();
        let name = Name::plain(&text);
        for _ in 0..TRIES {
            let stored = self.read(&text).await?;
            let transaction = self.store.transaction();
            let (transaction, said) = match stored {
                Some(Stored { value, version }) => {
                    let (usage, said) = judge(&value.0)?;
                    (transaction.replace(name, version, &UsageRecord(usage)), said)
                }
                None => {
                    let (usage, said) = judge(&Usage::default())?;
                    (transaction.create(name, &UsageRecord(usage)), said)
                }
            };
            if settled::<UsageError>(self.store.commit(transaction.append(record)).await)? {
                return Ok(said);
            }
        }
        Err(UsageError::Contended.into())
    }

    async fn read(&self, name: &str) -> Result<Option<Stored<UsageRecord>>, UsageError> {
        Ok(self.store.get(Name::plain(name)).await?)
    }

    fn queue(&self, key: &PublicKeyHash) -> Arc<Mutex<()>> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(queues.entry(*key).or_default())
    }
}

/// A key's [`Usage`], by the key's address.
#[derive(PartialEq, Eq)]
pub(crate) struct UsageRecord(pub(crate) Usage);

impl Record for UsageRecord {
    const TABLE: Table = Table { id: 6, name: "usage", time_ordered: false };

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        encode_json(&self.0)
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode_json(bytes).map(Self)
    }
}

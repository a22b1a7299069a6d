//! Watermarks in the store's engine: the drivers `store` and `file`, which differ in whether the records are sealed. One record for each
//! network, key and kind, replaced only in the version that was judged, so that of two requests for one watermark, here or on another
//! node, the second is judged against the first.
//!
//! A watermark whose write has an unknown outcome clears no message. When the same message is asked for again, the store settles the record
//! by another commit before it is judged ([`jwtis_store::OutcomeUnknown`]): none that is only seen clears a message.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jwtis_store::{BoxError, BoxFuture, CommitError, Name, ReadError, Store, Stored, Transaction, Version};
use jwtis_tezos::watermark::{AllWatermarks, Asked, ChainWatermarks, Watermark, WatermarkKind};
use jwtis_tezos::{ChainId, PublicKeyHash};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use jwtis_base::audit::{Actor, AuditRecord};
use jwtis_base::env::Timestamp;
use jwtis_base::rollback::KnownMark;

use super::record::{WatermarkId, WatermarkRecord};
use super::{
    Clearance, Cleared, Keeper, Terms, WatermarkError, WatermarkIo, WatermarkObserver, Watermarks, WentBack,
    decide, room,
};

/// How often a watermark is judged anew because another request was quicker. Each time somebody else got further, so that only a storm
/// of rising requests for one watermark comes near.
const MAX_TRIES: usize = 128;

/// Records read at once when all watermarks are listed.
const PAGE: usize = 256;

/// Watermarks raised in one commit, at most.
const RAISED_AT_ONCE: usize = 512;

/// Watermarks in a store.
pub struct StoreWatermarks {
    store: Store,
    keeper: Keeper,
    rollback: KnownMark,
    observer: Arc<dyn WatermarkObserver>,
    /// On which chains each key has watermarks: read when a first one is asked for, and kept up to date from then on.
    chains: OnceCell<Mutex<Chains>>,
}

type Chains = BTreeMap<PublicKeyHash, BTreeSet<ChainId>>;

impl StoreWatermarks {
    /// The watermarks of the store with the keys.
    #[must_use]
    pub fn new(store: Store, observer: Arc<dyn WatermarkObserver>) -> Self {
        Self::kept_by(Keeper::Store, store, observer)
    }

    /// The watermarks of `store`, which is that of `keeper`.
    pub(super) fn kept_by(keeper: Keeper, store: Store, observer: Arc<dyn WatermarkObserver>) -> Self {
        Self { rollback: KnownMark::of(&store), store, keeper, observer, chains: OnceCell::new() }
    }

    pub(super) const fn store(&self) -> &Store {
        &self.store
    }

    /// Sets a watermark to what `watermark` says, be it lower than what stands. A lower one lets a signer sign twice: for an operator who knows
    /// that what stands was never signed, or is of no chain.
    ///
    /// # Errors
    /// [`WatermarkError::Unavailable`].
    pub async fn danger_lower(
        &self,
        chain: ChainId,
        key: PublicKeyHash,
        kind: WatermarkKind,
        watermark: Watermark,
        at: Timestamp,
    ) -> Result<(), WatermarkError> {
        let id = WatermarkId { chain, key, kind };
        let record = by_operator("watermark_lowered", id, watermark, at);
        self.update(id, None, Some(&record), |_| Ok(((), Some(watermark)))).await
    }

    /// Replaces the watermark `id` by what `change` makes of it, in the version that `change` saw.
    ///
    /// An error of the commit, whichever it is, is nobody's clearance: the watermark may have moved, the message is not signed.
    /// What is cleared without a commit is cleared only while the file is the one that the next start will find.
    async fn update<T>(
        &self,
        id: WatermarkId,
        asked: Option<(&Asked, &Terms)>,
        audited: Option<&AuditRecord>,
        change: impl Fn(Option<&Watermark>) -> Result<(T, Option<Watermark>), WatermarkError>,
    ) -> Result<T, WatermarkError> {
        let name = id.name();
        for _ in 0..MAX_TRIES {
            let (stored, version) = match self.read(id, &name).await? {
                Some(Stored { value, version }) => (Some(value.watermark), Some(version)),
                None => (None, None),
            };
            let (answer, write) = change(stored.as_ref())?;
            let Some(watermark) = write else {
                self.store.in_place().await.map_err(unavailable)?;
                return Ok(answer);
            };
            if stored.is_none() {
                self.make_room(id, asked).await?;
            }
            match self.write(&name, version, WatermarkRecord { id, watermark }, audited).await {
                Ok(()) => return Ok(answer),
                Err(CommitError::Conflict { .. }) => {}
                Err(CommitError::NotWritten(error)) => return Err(WatermarkError::Unavailable(error.into())),
                Err(CommitError::Unknown(error)) => return Err(WatermarkError::OutcomeUnknown(error)),
            }
        }
        Err(WatermarkError::Unavailable("too many requests at once for one watermark".into()))
    }

    /// That the key may have a watermark on the chain, which counts from now on. A request whose watermark then cannot be written counts too, until
    /// the next start.
    async fn make_room(
        &self,
        id: WatermarkId,
        asked: Option<(&Asked, &Terms)>,
    ) -> Result<(), WatermarkError> {
        let chains = match asked {
            Some((_, terms)) if !terms.named => self.chains.get_or_try_init(|| self.count_chains()).await?,
            // Who counts later finds it.
            _ => match self.chains.get() {
                Some(chains) => chains,
                None => return Ok(()),
            },
        };
        let mut chains = lock(chains);
        let of_key = chains.entry(id.key).or_default();
        if let Some((asked, terms)) = asked.filter(|_| !of_key.contains(&id.chain)) {
            room(&id.key, asked, terms, of_key.len())?;
        }
        of_key.insert(id.chain);
        Ok(())
    }

    /// Raises watermarks in one commit, so that a start takes over many at the cost of one.
    async fn raise_some(
        &self,
        watermarks: &[(WatermarkId, Watermark)],
        at: Option<Timestamp>,
    ) -> Result<(), WatermarkError> {
        for _ in 0..MAX_TRIES {
            let mut transaction = self.store.transaction();
            for (id, watermark) in watermarks {
                let name = id.name();
                let stored = self.read(*id, &name).await?;
                let before = stored.as_ref().map(|stored| stored.value.watermark);
                let watermark = before.map_or(*watermark, |before| before.join(*watermark));
                if before == Some(watermark) {
                    continue;
                }
                let record = WatermarkRecord { id: *id, watermark };
                transaction = match stored {
                    Some(stored) => transaction.replace(Name::plain(&name), stored.version, &record),
                    None => {
                        self.make_room(*id, None).await?;
                        transaction.create(Name::plain(&name), &record)
                    }
                };
                if let Some(at) = at {
                    transaction = transaction.append(&by_operator("watermark_raised", *id, watermark, at));
                }
            }
            if transaction.is_empty() {
                return Ok(());
            }
            match self.commit(WatermarkIo::Write, transaction).await {
                Ok(()) => return Ok(()),
                Err(CommitError::Conflict { .. }) => {}
                Err(CommitError::NotWritten(error)) => return Err(WatermarkError::Unavailable(error.into())),
                Err(CommitError::Unknown(error)) => return Err(WatermarkError::OutcomeUnknown(error)),
            }
        }
        Err(WatermarkError::Unavailable("too many requests at once for these watermarks".into()))
    }

    async fn went_back(&self) -> Result<Option<WentBack>, WatermarkError> {
        let mark = self.rollback.now().await.map_err(unavailable)?;
        Ok(mark.map(|mark| WentBack { cause: mark.cause, keeper: self.keeper }))
    }

    async fn count_chains(&self) -> Result<Mutex<Chains>, WatermarkError> {
        let mut chains = Chains::new();
        for (chain, watermarks) in self.all().await? {
            for (key, _) in watermarks.iter() {
                chains.entry(*key).or_default().insert(chain);
            }
        }
        Ok(Mutex::new(chains))
    }

    async fn read(
        &self,
        id: WatermarkId,
        name: &str,
    ) -> Result<Option<Stored<WatermarkRecord>>, WatermarkError> {
        let begin = Instant::now();
        let read = self.store.get::<WatermarkRecord>(Name::plain(name)).await;
        self.tell(WatermarkIo::Read, read.is_ok(), begin.elapsed());
        let stored = read.map_err(unavailable)?;
        if stored.as_ref().is_some_and(|stored| stored.value.id != id) {
            return Err(WatermarkError::Unavailable("the watermark that was read is of another key".into()));
        }
        Ok(stored)
    }

    async fn write(
        &self,
        name: &str,
        version: Option<Version>,
        record: WatermarkRecord,
        audited: Option<&AuditRecord>,
    ) -> Result<(), CommitError> {
        let name = Name::plain(name);
        let (io, transaction) = match version {
            Some(version) => (WatermarkIo::Write, self.store.transaction().replace(name, version, &record)),
            None => (WatermarkIo::Create, self.store.transaction().create(name, &record)),
        };
        let transaction = match audited {
            Some(audited) => transaction.append(audited),
            None => transaction,
        };
        self.commit(io, transaction).await
    }

    async fn commit(&self, io: WatermarkIo, transaction: Transaction<'_>) -> Result<(), CommitError> {
        let begin = Instant::now();
        let outcome = self.store.commit(transaction).await;
        let ok = match &outcome {
            Ok(()) | Err(CommitError::Conflict { .. }) => true,
            Err(CommitError::NotWritten(_) | CommitError::Unknown(_)) => false,
        };
        self.tell(io, ok, begin.elapsed());
        outcome
    }

    fn tell(&self, io: WatermarkIo, ok: bool, took: Duration) {
        self.observer.io(self.name(), io, ok, took);
    }
}

impl Watermarks for StoreWatermarks {
    fn name(&self) -> &'static str {
        self.keeper.name()
    }

    fn clear<'a>(
        &'a self,
        key: &'a PublicKeyHash,
        asked: &'a Asked,
        terms: &'a Terms,
        record: Option<&'a AuditRecord>,
    ) -> BoxFuture<'a, Result<Clearance, WatermarkError>> {
        let id = WatermarkId { chain: asked.chain, key: *key, kind: asked.kind };
        Box::pin(async move {
            if let Some(back) = self.went_back().await? {
                return Err(WatermarkError::RolledBack(back));
            }
            let decide = |stored: Option<&Watermark>| {
                let Cleared { clearance, write } = decide(stored, key, asked, terms)?;
                Ok((clearance, write))
            };
            self.update(id, Some((asked, terms)), record, decide).await
        })
    }

    fn rolled_back(&self) -> BoxFuture<'_, Result<Option<WentBack>, WatermarkError>> {
        Box::pin(self.went_back())
    }

    fn all(&self) -> BoxFuture<'_, Result<AllWatermarks, WatermarkError>> {
        Box::pin(async move {
            let mut watermarks = AllWatermarks::new();
            let mut after = None;
            loop {
                let begin = Instant::now();
                let read = self.store.scan::<WatermarkRecord>(after.as_ref(), PAGE).await;
                self.tell(WatermarkIo::Read, read.is_ok(), begin.elapsed());
                let page = read.map_err(unavailable)?;
                for (_, Stored { value: WatermarkRecord { id, watermark }, .. }) in &page {
                    watermarks.entry(id.chain).or_default().entry(id.key).raise(id.kind, *watermark);
                }
                match page.last() {
                    Some((last, _)) if page.len() == PAGE => after = Some(*last),
                    _ => return Ok(watermarks),
                }
            }
        })
    }

    fn raise<'a>(
        &'a self,
        chain: ChainId,
        watermarks: &'a ChainWatermarks,
        by_operator: Option<Timestamp>,
    ) -> BoxFuture<'a, Result<(), WatermarkError>> {
        Box::pin(async move {
            let all = watermarks.iter().flat_map(|(key, watermarks)| {
                let of_kind =
                    move |kind| Some((WatermarkId { chain, key: *key, kind }, *watermarks.get(kind)?));
                WatermarkKind::ALL.into_iter().filter_map(of_kind)
            });
            let all: Vec<(WatermarkId, Watermark)> = all.collect();
            for some in all.chunks(RAISED_AT_ONCE) {
                self.raise_some(some, by_operator).await?;
            }
            Ok(())
        })
    }
}

/// The record of a watermark that an operator sets.
fn by_operator(event: &'static str, id: WatermarkId, watermark: Watermark, at: Timestamp) -> AuditRecord {
    AuditRecord::new(at, event, Actor::Operator.name())
        .with("key", Some(id.key.to_string()))
        .with("chain", Some(id.chain.to_string()))
        .with("kind", Some(id.kind.name()))
        .with("level", Some(watermark.level()))
        .with("round", Some(watermark.round()))
}

fn lock(chains: &Mutex<Chains>) -> MutexGuard<'_, Chains> {
    // Nothing panics while it is half changed.
    chains.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unavailable(error: ReadError) -> WatermarkError {
    WatermarkError::Unavailable(BoxError::from(error))
}

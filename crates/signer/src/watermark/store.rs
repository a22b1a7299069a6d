//! Watermarks in the store's engine: the drivers `store` and `file`, which differ in whether the records are sealed. One record for each
//! network, key and kind, replaced only in the version that was judged, so that of two requests for one watermark, here or on another
//! node, the second is judged against the first.
//!
//! A watermark whose write has an unknown outcome clears no message. When the same message is asked for again, the store settles the record
//! by another commit before it is judged ([`jwtis_store::OutcomeUnknown`]): none that is only seen clears a message.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use jwtis_base::audit::{Actor, AuditRecord};
use jwtis_base::env::Timestamp;
use jwtis_base::rollback::KnownMark;
use jwtis_store::{BoxFuture, CommitError, Name, Store, Stored, Transaction, settled};
use jwtis_tezos::watermark::{AllWatermarks, Asked, ChainWatermarks, Watermark, WatermarkKind};
use jwtis_tezos::{ChainId, PublicKeyHash};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::record::{WatermarkId, WatermarkRecord};
use super::{
    Clearance, KeptIn, RaisedBy, Terms, WatermarkError, WatermarkIo, WatermarkObserver, Watermarks, WentBack,
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
    kept_in: KeptIn,
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
        Self::kept_in(KeptIn::Store, store, observer)
    }

    pub(super) fn kept_in(kept_in: KeptIn, store: Store, observer: Arc<dyn WatermarkObserver>) -> Self {
        Self { rollback: KnownMark::of(&store), store, kept_in, observer, chains: OnceCell::new() }
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
        let record = AuditRecord::new(at, "watermark_lowered", Actor::Operator.name());
        self.set(&[(WatermarkId { chain, key, kind }, watermark)], &record, |_, watermark| watermark).await
    }

    /// Sets watermarks in one commit to what `rule` makes of each that stands and the one that is given. Each that changes has a record like
    /// `record`.
    async fn set(
        &self,
        some: &[(WatermarkId, Watermark)],
        record: &AuditRecord,
        rule: fn(Watermark, Watermark) -> Watermark,
    ) -> Result<(), WatermarkError> {
        for _ in 0..MAX_TRIES {
            let mut transaction = self.store.transaction();
            for (id, watermark) in some {
                let name = id.name();
                let stored = self.read(*id, &name).await?;
                let before = stored.as_ref().map(|stored| stored.value.watermark);
                let conflicts = before.is_some_and(|before| before.conflicts_with(watermark));
                if conflicts {
                    let WatermarkId { chain, key, kind } = id;
                    tracing::warn!(
                        target: "jwtis::audit",
                        event = "watermark_conflict",
                        %key,
                        chain_id = %chain,
                        %kind,
                        %watermark,
                        "watermarks from elsewhere name another message of a level and round that was signed: it is not signed"
                    );
                }
                let watermark = before.map_or(*watermark, |before| rule(before, *watermark));
                if before == Some(watermark) {
                    continue;
                }
                let record = record
                    .clone()
                    .with("key", Some(id.key.to_string()))
                    .with("chain", Some(id.chain.to_string()))
                    .with("kind", Some(id.kind.name()))
                    .with("level_before", before.map(|before| before.level()))
                    .with("level", Some(watermark.level()))
                    .with("round", Some(watermark.round()))
                    .with("conflict", conflicts.then_some(true));
                transaction =
                    self.put(transaction, *id, &name, stored, watermark, None).await?.append(&record);
            }
            if transaction.is_empty() || self.commit(WatermarkIo::Write, transaction).await? {
                return Ok(());
            }
        }
        Err(too_many_requests())
    }

    /// Adds the new watermark to a transaction, if there is room for it. One that is `asked` for on terms has to find room.
    async fn put<'s>(
        &self,
        transaction: Transaction<'s>,
        id: WatermarkId,
        name: &str,
        stored: Option<Stored<WatermarkRecord>>,
        watermark: Watermark,
        terms: Option<&Terms>,
    ) -> Result<Transaction<'s>, WatermarkError> {
        let (name, record) = (Name::plain(name), WatermarkRecord { id, watermark });
        match stored {
            Some(stored) => Ok(transaction.replace(name, stored.version, &record)),
            None => {
                self.make_room(id, terms).await?;
                Ok(transaction.create(name, &record))
            }
        }
    }

    /// That the key may have a watermark on the chain, which counts from now on. A request whose watermark then cannot be written counts too,
    /// until the next start.
    async fn make_room(&self, id: WatermarkId, terms: Option<&Terms>) -> Result<(), WatermarkError> {
        let chains = match terms {
            Some(terms) if !terms.named => Some(self.chains.get_or_try_init(|| self.count_chains()).await?),
            // Who counts later finds it.
            Some(_) | None => self.chains.get(),
        };
        let Some(chains) = chains else { return Ok(()) };
        // Nothing panics while it is half changed.
        let mut chains = chains.lock().unwrap_or_else(PoisonError::into_inner);
        let of_key = chains.entry(id.key).or_default();
        if let Some(terms) = terms.filter(|_| !of_key.contains(&id.chain)) {
            room(id.key, id.chain, terms, of_key.len())?;
        }
        of_key.insert(id.chain);
        Ok(())
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

    async fn went_back(&self) -> Result<Option<WentBack>, WatermarkError> {
        let watermark = self.rollback.now().await?;
        Ok(watermark.map(|watermark| WentBack { cause: watermark.cause, kept_in: self.kept_in }))
    }

    async fn read(
        &self,
        id: WatermarkId,
        name: &str,
    ) -> Result<Option<Stored<WatermarkRecord>>, WatermarkError> {
        let begin = Instant::now();
        let read = self.store.get::<WatermarkRecord>(Name::plain(name)).await;
        self.tell(WatermarkIo::Read, read.is_ok(), begin);
        match read? {
            Some(stored) if stored.value.id != id => {
                Err(WatermarkError::Unavailable("the watermark that was read is of another key".into()))
            }
            stored => Ok(stored),
        }
    }

    /// Whether the change is made; else somebody else was quicker.
    ///
    /// An error of the commit, whichever it is, is nobody's clearance: the watermark may have moved, the message is not signed.
    async fn commit(&self, io: WatermarkIo, transaction: Transaction<'_>) -> Result<bool, WatermarkError> {
        let begin = Instant::now();
        let outcome = self.store.commit(transaction).await;
        let ok = match &outcome {
            Ok(()) | Err(CommitError::Conflict { .. }) => true,
            Err(CommitError::NotWritten(_) | CommitError::Unknown(_)) => false,
        };
        self.tell(io, ok, begin);
        settled(outcome)
    }

    fn tell(&self, io: WatermarkIo, ok: bool, begin: Instant) {
        self.observer.io(self.name(), io, ok, begin.elapsed());
    }
}

impl Watermarks for StoreWatermarks {
    fn name(&self) -> &'static str {
        self.kept_in.name()
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
            let name = id.name();
            for _ in 0..MAX_TRIES {
                let stored = self.read(id, &name).await?;
                let before = stored.as_ref().map(|stored| &stored.value.watermark);
                let (clearance, write) = decide(before, key, asked, terms)?;
                let Some(watermark) = write else {
                    // What is cleared without a commit is cleared only while the file is the one that the next start will find.
                    self.store.in_place().await?;
                    return Ok(clearance);
                };
                let io = if stored.is_some() { WatermarkIo::Write } else { WatermarkIo::Create };
                let transaction = self.store.transaction();
                let transaction = self.put(transaction, id, &name, stored, watermark, Some(terms)).await?;
                let transaction = match record {
                    Some(record) => transaction.append(record),
                    None => transaction,
                };
                if self.commit(io, transaction).await? {
                    return Ok(clearance);
                }
            }
            Err(too_many_requests())
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
                self.tell(WatermarkIo::Read, read.is_ok(), begin);
                let page = read?;
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
        by: RaisedBy,
    ) -> BoxFuture<'a, Result<(), WatermarkError>> {
        Box::pin(async move {
            let all = watermarks.iter().flat_map(|(key, watermarks)| {
                let of_kind =
                    move |kind| Some((WatermarkId { chain, key: *key, kind }, *watermarks.get(kind)?));
                WatermarkKind::ALL.into_iter().filter_map(of_kind)
            });
            let all: Vec<(WatermarkId, Watermark)> = all.collect();
            for some in all.chunks(RAISED_AT_ONCE) {
                self.set(some, &by.record(), Watermark::join).await?;
            }
            Ok(())
        })
    }
}

fn too_many_requests() -> WatermarkError {
    WatermarkError::Unavailable("too many requests at once for one watermark".into())
}

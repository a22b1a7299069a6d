//! Marks in our own store: the driver `store`. One record for each network, key and kind, replaced only in the version that was
//! judged, so that of two requests for one mark, here or on another node, the second is judged against the first.
//!
//! A mark whose write has an unknown outcome clears no message. When the same message is asked for again, the store settles the record by
//! another commit before it is judged ([`jwtis_store::OutcomeUnknown`]): no mark that is only seen clears a message.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jwtis_base::rollback::KnownMark;
use jwtis_store::{
    BoxError, BoxFuture, CommitError, DecodeError, Name, ReadError, Record, RollbackCause, Store, Stored,
    Table, Version,
};
use jwtis_tezos::watermark::format::ChainMarks;
use jwtis_tezos::watermark::{Asked, Mark, Pace, WatermarkKind};
use jwtis_tezos::{ChainId, PublicKeyHash};
use tokio::sync::OnceCell;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::{Clearance, Cleared, MarkIo, Terms, WatermarkError, WatermarkObserver, Watermarks, decide, room};

/// How often a mark is judged anew because another request was quicker. Each time somebody else got further, so that only a storm
/// of rising requests for one mark comes near.
const MAX_TRIES: usize = 128;

/// Records read at once when all marks are listed.
const PAGE: usize = 256;

/// Marks in a store.
pub struct StoreWatermarks {
    store: Store,
    mark: KnownMark,
    observer: Arc<dyn WatermarkObserver>,
    /// On which chains each key has marks: read when a first one is asked for, and kept up to date from then on.
    chains: OnceCell<Mutex<Chains>>,
}

type Chains = BTreeMap<PublicKeyHash, BTreeSet<ChainId>>;

impl StoreWatermarks {
    /// The marks of `store`.
    #[must_use]
    pub fn new(store: Store, observer: Arc<dyn WatermarkObserver>) -> Self {
        Self { store, mark: KnownMark::default(), observer, chains: OnceCell::new() }
    }

    /// Sets a mark to what `mark` says, be it lower than what stands. A lower mark lets a signer sign twice: for an operator who knows that
    /// what stands was never signed, or is of no chain.
    ///
    /// # Errors
    /// [`WatermarkError::Unavailable`].
    pub async fn danger_lower(
        &self,
        chain: ChainId,
        key: PublicKeyHash,
        kind: WatermarkKind,
        mark: Mark,
    ) -> Result<(), WatermarkError> {
        self.update(Place { chain, key, kind }, None, |_| Ok(((), Some(mark)))).await
    }

    /// Replaces the mark at `place` by what `change` makes of it, in the version that `change` saw.
    ///
    /// An error of the commit, whichever it is, is nobody's clearance: the mark may have moved, the message is not signed.
    async fn update<T>(
        &self,
        place: Place,
        asked: Option<(&Asked, &Terms)>,
        change: impl Fn(Option<&Mark>) -> Result<(T, Option<Mark>), WatermarkError>,
    ) -> Result<T, WatermarkError> {
        let name = place.name();
        for _ in 0..MAX_TRIES {
            let (stored, version) = match self.read(place, &name).await? {
                Some(Stored { value, version }) => (Some(value.mark), Some(version)),
                None => (None, None),
            };
            let (answer, write) = change(stored.as_ref())?;
            let Some(mark) = write else { return Ok(answer) };
            if stored.is_none() {
                self.make_room(place, asked).await?;
            }
            match self.write(&name, version, MarkRecord { place, mark }).await {
                Ok(()) => return Ok(answer),
                Err(CommitError::Conflict { .. }) => {}
                Err(CommitError::NotWritten(error)) => return Err(WatermarkError::Unavailable(error.into())),
                Err(CommitError::Unknown(error)) => return Err(WatermarkError::OutcomeUnknown(error)),
            }
        }
        Err(WatermarkError::Unavailable("too many requests at once for one mark".into()))
    }

    /// That the key may have a mark on the chain, which counts from now on. A request whose mark then cannot be written counts too, until
    /// the next start.
    async fn make_room(&self, place: Place, asked: Option<(&Asked, &Terms)>) -> Result<(), WatermarkError> {
        let chains = match asked {
            Some((_, terms)) if !terms.named => self.chains.get_or_try_init(|| self.count_chains()).await?,
            // Who counts later finds it.
            _ => match self.chains.get() {
                Some(chains) => chains,
                None => return Ok(()),
            },
        };
        let mut chains = lock(chains);
        let of_key = chains.entry(place.key).or_default();
        if let Some((asked, terms)) = asked.filter(|_| !of_key.contains(&place.chain)) {
            room(&place.key, asked, terms, of_key.len())?;
        }
        of_key.insert(place.chain);
        Ok(())
    }

    async fn count_chains(&self) -> Result<Mutex<Chains>, WatermarkError> {
        let mut chains = Chains::new();
        for (chain, marks) in self.marks().await? {
            for (key, _) in marks.iter() {
                chains.entry(*key).or_default().insert(chain);
            }
        }
        Ok(Mutex::new(chains))
    }

    async fn read(&self, place: Place, name: &str) -> Result<Option<Stored<MarkRecord>>, WatermarkError> {
        let begin = Instant::now();
        let read = self.store.get::<MarkRecord>(Name::plain(name)).await;
        self.tell(MarkIo::Read, read.is_ok(), begin.elapsed());
        let stored = read.map_err(unavailable)?;
        if stored.as_ref().is_some_and(|stored| stored.value.place != place) {
            return Err(WatermarkError::Unavailable("the mark that was read is of another key".into()));
        }
        Ok(stored)
    }

    async fn write(
        &self,
        name: &str,
        version: Option<Version>,
        record: MarkRecord,
    ) -> Result<(), CommitError> {
        let name = Name::plain(name);
        let (io, transaction) = match version {
            Some(version) => (MarkIo::Write, self.store.transaction().replace(name, version, &record)),
            None => (MarkIo::Create, self.store.transaction().create(name, &record)),
        };
        let begin = Instant::now();
        let outcome = self.store.commit(transaction).await;
        let ok = matches!(outcome, Ok(()) | Err(CommitError::Conflict { .. }));
        self.tell(io, ok, begin.elapsed());
        outcome
    }

    fn tell(&self, io: MarkIo, ok: bool, took: Duration) {
        self.observer.io(self.name(), io, ok, took);
    }
}

impl Watermarks for StoreWatermarks {
    fn name(&self) -> &'static str {
        "store"
    }

    fn clear<'a>(
        &'a self,
        key: &'a PublicKeyHash,
        asked: &'a Asked,
        terms: &'a Terms,
    ) -> BoxFuture<'a, Result<Clearance, WatermarkError>> {
        let place = Place { chain: asked.chain, key: *key, kind: asked.kind };
        Box::pin(async move {
            if let Some(mark) = self.mark.of(&self.store).await.map_err(unavailable)? {
                return Err(WatermarkError::RolledBack(mark.cause));
            }
            let decide = |stored: Option<&Mark>| {
                let Cleared { clearance, write } = decide(stored, key, asked, terms)?;
                Ok((clearance, write))
            };
            self.update(place, Some((asked, terms)), decide).await
        })
    }

    fn rolled_back(&self) -> BoxFuture<'_, Result<Option<RollbackCause>, WatermarkError>> {
        Box::pin(
            async move { Ok(self.mark.of(&self.store).await.map_err(unavailable)?.map(|mark| mark.cause)) },
        )
    }

    fn marks(&self) -> BoxFuture<'_, Result<BTreeMap<ChainId, ChainMarks>, WatermarkError>> {
        Box::pin(async move {
            let mut marks: BTreeMap<ChainId, ChainMarks> = BTreeMap::new();
            let mut after = None;
            loop {
                let begin = Instant::now();
                let read = self.store.scan::<MarkRecord>(after.as_ref(), PAGE).await;
                self.tell(MarkIo::Read, read.is_ok(), begin.elapsed());
                let page = read.map_err(unavailable)?;
                for (_, Stored { value: MarkRecord { place, mark }, .. }) in &page {
                    marks.entry(place.chain).or_default().entry(place.key).raise(place.kind, *mark);
                }
                match page.last() {
                    Some((last, _)) if page.len() == PAGE => after = Some(*last),
                    _ => return Ok(marks),
                }
            }
        })
    }

    fn raise<'a>(
        &'a self,
        chain: ChainId,
        marks: &'a ChainMarks,
    ) -> BoxFuture<'a, Result<(), WatermarkError>> {
        Box::pin(async move {
            for (key, marks) in marks.iter() {
                for kind in WatermarkKind::ALL {
                    let Some(mark) = marks.get(kind) else { continue };
                    let raise = |stored: Option<&Mark>| {
                        let joined = stored.map_or(*mark, |stored| stored.join(*mark));
                        Ok(((), (stored != Some(&joined)).then_some(joined)))
                    };
                    self.update(Place { chain, key: *key, kind }, None, raise).await?;
                }
            }
            Ok(())
        })
    }
}

fn lock(chains: &Mutex<Chains>) -> MutexGuard<'_, Chains> {
    // Nothing panics while it is half changed.
    chains.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unavailable(error: ReadError) -> WatermarkError {
    WatermarkError::Unavailable(BoxError::from(error))
}

/// What has a mark of its own.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) chain: ChainId,
    pub(crate) key: PublicKeyHash,
    pub(crate) kind: WatermarkKind,
}

impl Place {
    /// The record's name. Hexadecimal, since base58check would cost more than the seal.
    fn name(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().map_or('?', char::from);
        let tagged = self.key.to_tagged();
        let mut name = String::with_capacity(2 * (ChainId::LEN + tagged.len()) + 16);
        for byte in self.chain.as_bytes().iter().chain(&tagged) {
            name.push(digit(byte >> 4));
            name.push(digit(byte & 0xf));
        }
        name.push('/');
        name.push_str(self.kind.name());
        name
    }
}

/// One mark, and what it is the mark of, since names are kept as hashes.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct MarkRecord {
    pub(crate) place: Place,
    pub(crate) mark: Mark,
}

/// First byte of a record without a time: of versions that kept none, and of marks that were imported.
const WITHOUT_TIME: u8 = 1;
/// First byte of a record with a time.
const WITH_TIME: u8 = 2;

/// Format ‖ network ‖ tagged key hash ‖ magic byte ‖ level ‖ round ‖ in [`WITH_TIME`]: time of the last signature ‖ latest time ever seen
/// ‖ used part of the allowance, in milliseconds ‖ digest, which may be missing. Numbers are big-endian.
impl Record for MarkRecord {
    const TABLE: Table = Table { id: 5, name: "watermarks", time_ordered: false };

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let Self { place, mark } = self;
        let mut bytes = Zeroizing::new(Vec::with_capacity(91));
        bytes.push(if mark.pace().is_some() { WITH_TIME } else { WITHOUT_TIME });
        bytes.extend_from_slice(place.chain.as_bytes());
        bytes.extend_from_slice(&place.key.to_tagged());
        bytes.push(magic(place.kind));
        bytes.extend_from_slice(&mark.level().to_be_bytes());
        bytes.extend_from_slice(&mark.round().to_be_bytes());
        if let Some((last, latest, used)) = mark.pace().map(Pace::parts) {
            [last, latest, used].iter().for_each(|part| bytes.extend_from_slice(&part.to_be_bytes()));
        }
        bytes.extend_from_slice(mark.digest().map_or(&[], |digest| digest.as_slice()));
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut rest = bytes;
        let [format] = take(&mut rest)?;
        if ![WITHOUT_TIME, WITH_TIME].contains(&format) {
            return Err(DecodeError::new("a mark of an unknown format"));
        }
        let chain = ChainId::new(take(&mut rest)?);
        let key = PublicKeyHash::from_tagged(&take(&mut rest)?);
        let key = key.ok_or_else(|| DecodeError::new("the key is of no curve"))?;
        let [magic_byte] = take(&mut rest)?;
        let kind = WatermarkKind::ALL.into_iter().find(|kind| magic(*kind) == magic_byte);
        let kind = kind.ok_or_else(|| DecodeError::new("the magic byte has no mark"))?;
        let level = i32::from_be_bytes(take(&mut rest)?);
        let round = i32::from_be_bytes(take(&mut rest)?);
        let pace = if format == WITH_TIME {
            let mut part = || take(&mut rest).map(u64::from_be_bytes);
            Some(Pace::kept(part()?, part()?, part()?))
        } else {
            None
        };
        let digest = if rest.is_empty() { None } else { Some(take(&mut rest)?) };
        if !rest.is_empty() {
            return Err(DecodeError::new("bytes are left over"));
        }
        let mark = Mark::new(level, round, digest);
        let mark = mark.ok_or_else(|| DecodeError::new("the level or round is negative"))?;
        Ok(Self { place: Place { chain, key, kind }, mark: mark.with_pace(pace) })
    }
}

/// The kind as the first byte of its messages.
const fn magic(kind: WatermarkKind) -> u8 {
    match kind {
        WatermarkKind::Block => 0x11,
        WatermarkKind::Preattestation => 0x12,
        WatermarkKind::Attestation => 0x13,
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], DecodeError> {
    let (part, tail) =
        rest.split_first_chunk().ok_or_else(|| DecodeError::new("the record ends too early"))?;
    *rest = tail;
    Ok(*part)
}

#[cfg(test)]
mod tests {
    use jwtis_tezos::Curve;

    use super::*;

    fn record(digest: Option<[u8; 32]>) -> MarkRecord {
        let key = PublicKeyHash::new(Curve::Bls12381, [7; 20]);
        let place = Place { chain: ChainId::new([1, 2, 3, 4]), key, kind: WatermarkKind::Preattestation };
        MarkRecord { place, mark: Mark::new(0x0102_0304, 5, digest).unwrap() }
    }

    #[test]
    fn a_record_reads_back_and_nothing_shorter_or_longer_does() {
        let timed = |MarkRecord { place, mark }| {
            let mark = mark.with_pace(Some(Pace::kept(1_800_000_000_000, u64::MAX, 3)));
            MarkRecord { place, mark }
        };
        for (record, digest_at) in [
            (record(None), 35),
            (record(Some([9; 32])), 35),
            (timed(record(None)), 59),
            (timed(record(Some([9; 32]))), 59),
        ] {
            let bytes = record.encode();
            assert_eq!(MarkRecord::decode(&bytes).unwrap(), record);
            for length in (0..bytes.len()).filter(|length| *length != digest_at) {
                assert!(MarkRecord::decode(&bytes[..length]).is_err(), "{length} bytes");
            }
            assert!(MarkRecord::decode(&[&bytes[..], &[0]].concat()).is_err());
        }
    }

    /// As 916b378 and earlier wrote it.
    #[test]
    fn a_record_of_an_older_version_opens_and_its_time_is_unknown() {
        let text = format!("01 01020304 03{} 12 01020304 00000005 {}", "07".repeat(20), "09".repeat(32));
        let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
        let old: Vec<u8> = digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap())
            .collect();
        let read = MarkRecord::decode(&old).unwrap();
        assert_eq!((read.mark.level(), read.mark.round()), (0x0102_0304, 5));
        assert_eq!((read.mark.digest(), read.mark.pace()), (Some(&[9; 32]), None));
        assert_eq!(read.encode().as_slice(), old, "and is written back as it was");
    }

    #[test]
    fn a_record_of_another_format_curve_kind_or_below_zero_is_none() {
        let bytes = record(None).encode();
        for (at, byte) in [(0, 3), (5, 9), (26, 0x14), (27, 0xff), (31, 0x80)] {
            let mut bytes = bytes.to_vec();
            bytes[at] = byte;
            assert!(MarkRecord::decode(&bytes).is_err(), "byte {at}");
        }
    }

    #[test]
    fn names_differ_by_network_key_and_kind() {
        let place = record(None).place;
        assert_eq!(place.name(), format!("0102030403{}/preattestation", "07".repeat(20)));
        let names = [
            place,
            Place { chain: ChainId::new([0; 4]), ..place },
            Place { key: PublicKeyHash::new(Curve::Ed25519, [7; 20]), ..place },
            Place { kind: WatermarkKind::Block, ..place },
        ]
        .map(|place| place.name());
        for (n, name) in names.iter().enumerate() {
            assert!(!names[..n].contains(name));
        }
    }
}

//! Short words for tests of watermarks.

use std::sync::Arc;

use jwtis_base::Timestamp;
use jwtis_signer::watermark::file::{FileWatermarks, Lost};
use jwtis_signer::watermark::mem::MemWatermarks;
use jwtis_signer::watermark::store::StoreWatermarks;
use jwtis_signer::watermark::{Clearance, RaisedBy, Terms, WatermarkError, Watermarks};
use jwtis_store::{MemoryBackend, Store, testing};
use jwtis_tezos::watermark::{Asked, JumpRule, Watermark, WatermarkKind};
use jwtis_tezos::{ChainId, Curve, PublicKeyHash, SignRequest, SigningVersion};
use tempfile::TempDir;

use crate::forge;

pub const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// As a start raises watermarks.
pub const JOINED: RaisedBy = RaisedBy::Start(NOW);

/// Nothing bounds levels, and there are few chains.
pub const TERMS: Terms = Terms { now_ms: 1_800_000_000_000, jump: JumpRule::Off, named: false };

/// Makes a driver, given the one before.
type Open = Box<dyn Fn(Option<Arc<dyn Watermarks>>) -> Arc<dyn Watermarks> + Send + Sync>;

/// A driver, and what lies below it.
pub struct World {
    watermarks: Option<Arc<dyn Watermarks>>,
    open: Open,
    _folder: TempDir,
}

impl World {
    fn new(
        folder: TempDir,
        open: impl Fn(Option<Arc<dyn Watermarks>>) -> Arc<dyn Watermarks> + Send + Sync + 'static,
    ) -> Self {
        Self { watermarks: Some(open(None)), open: Box::new(open), _folder: folder }
    }

    /// The driver `mem`, which a restart does not touch.
    pub fn mem() -> Self {
        Self::new(TempDir::new().unwrap(), |watermarks| {
            watermarks.unwrap_or_else(|| Arc::new(MemWatermarks::default()))
        })
    }

    pub fn store(store: Store, folder: TempDir) -> Self {
        Self::new(folder, move |_| Arc::new(StoreWatermarks::new(store.clone(), Arc::new(()))))
    }

    pub fn memory_store() -> Self {
        Self::store(testing::store_over(Arc::new(MemoryBackend::new())), TempDir::new().unwrap())
    }

    pub fn redb_store() -> Self {
        let folder = TempDir::new().unwrap();
        Self::store(testing::store_over(testing::redb_backend(&folder.path().join("store"))), folder)
    }

    pub fn file() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().to_owned();
        Self::new(folder, move |watermarks| {
            drop(watermarks);
            let open = FileWatermarks::open(&path, Lost::Refuse, NOW, Arc::new(()));
            let open = || tokio::runtime::Handle::current().block_on(open);
            Arc::new(tokio::task::block_in_place(open).unwrap().0)
        })
    }

    /// Ends the driver, and starts another one over the same storage.
    pub fn restart(&mut self) {
        let before = self.watermarks.take();
        self.watermarks = Some((self.open)(before));
    }

    pub fn watermarks(&self) -> &Arc<dyn Watermarks> {
        self.watermarks.as_ref().unwrap()
    }

    /// The answer in a word.
    pub async fn clear(&self, key: PublicKeyHash, asked: Asked) -> &'static str {
        word(&self.watermarks().clear(&key, &asked, &TERMS, None).await)
    }

    pub async fn on(&self, terms: Terms, asked: Asked) -> &'static str {
        word(&self.watermarks().clear(&key(0), &asked, &terms, None).await)
    }

    /// Each call in a task of its own.
    pub async fn all_at_once(&self, asks: &[(PublicKeyHash, Asked)]) -> Vec<&'static str> {
        let tasks: Vec<_> = asks
            .iter()
            .map(|&(key, asked)| {
                let watermarks = Arc::clone(self.watermarks());
                tokio::spawn(async move { word(&watermarks.clear(&key, &asked, &TERMS, None).await) })
            })
            .collect();
        let mut answers = Vec::new();
        for task in tasks {
            answers.push(task.await.unwrap());
        }
        answers
    }
}

pub fn word(answer: &Result<Clearance, WatermarkError>) -> &'static str {
    match answer {
        Ok(Clearance::Advanced) => "advanced",
        Ok(Clearance::Repeated) => "repeated",
        Err(WatermarkError::Refused(refused)) if refused.is_jump() => "jump",
        Err(WatermarkError::Refused(_)) => "refused",
        Err(WatermarkError::NoRoom { .. }) => "no room",
        Err(WatermarkError::RolledBack(_)) => "rolled back",
        Err(WatermarkError::Unavailable(_)) => "unavailable",
        Err(WatermarkError::OutcomeUnknown(_)) => "unknown",
    }
}

/// The watermark of the `n`-th message of a place.
pub fn watermark(level: i32, round: i32, n: usize) -> Watermark {
    let mut digest = [0xd1; 32];
    digest[..8].copy_from_slice(&(n as u64).to_be_bytes());
    digest[8..12].copy_from_slice(&level.to_be_bytes());
    digest[12..16].copy_from_slice(&round.to_be_bytes());
    Watermark::new(level, round, Some(digest)).unwrap()
}

/// The `n`-th message of a place on the first network.
pub fn asked(kind: WatermarkKind, level: i32, round: i32, n: usize) -> Asked {
    Asked { chain: chain(0), kind, watermark: watermark(level, round, n) }
}

/// The `n`-th key; of all curves in turn.
pub fn key(n: usize) -> PublicKeyHash {
    let mut hash = [0xee; 20];
    hash[..8].copy_from_slice(&(n as u64).to_be_bytes());
    PublicKeyHash::new(Curve::ALL[n % Curve::ALL.len()], hash)
}

/// The `n`-th network.
pub fn chain(n: usize) -> ChainId {
    ChainId::new(u32::try_from(n).unwrap().to_be_bytes())
}

/// An attestation of one place as tag 21, 23 and 41, each another message.
pub fn attestations() -> Vec<Asked> {
    [21, 23, 41]
        .into_iter()
        .map(|tag| {
            let message = forge::consensus_on([0; 4], 0x13, tag, 120, 3, 0x11);
            let request = SignRequest::decode(&message, SigningVersion::default()).unwrap();
            *request.watermark().asked().unwrap()
        })
        .collect()
}

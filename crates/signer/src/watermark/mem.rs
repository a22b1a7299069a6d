//! Watermarks that are forgotten when the process ends: the driver `mem`, for tests.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jwtis_base::audit::AuditRecord;
use jwtis_store::BoxFuture;
use jwtis_tezos::watermark::{AllWatermarks, Asked, ChainWatermarks};
use jwtis_tezos::{ChainId, PublicKeyHash};

use super::{Clearance, RaisedBy, Terms, WatermarkError, Watermarks, decide, room};

/// Watermarks in memory.
#[derive(Default, Debug)]
pub struct MemWatermarks(Mutex<AllWatermarks>);

impl Watermarks for MemWatermarks {
    fn name(&self) -> &'static str {
        "mem"
    }

    fn clear<'a>(
        &'a self,
        key: &'a PublicKeyHash,
        asked: &'a Asked,
        terms: &'a Terms,
        _record: Option<&'a AuditRecord>,
    ) -> BoxFuture<'a, Result<Clearance, WatermarkError>> {
        Box::pin(async move {
            let mut watermarks = self.lock();
            let known = watermarks.get(&asked.chain).and_then(|watermarks| watermarks.get(key));
            let stored = known.and_then(|watermarks| watermarks.get(asked.kind));
            let (clearance, write) = decide(stored, key, asked, terms)?;
            if known.is_none() {
                let chains = watermarks.values().filter(|watermarks| watermarks.get(key).is_some());
                room(*key, asked.chain, terms, chains.count())?;
            }
            if let Some(watermark) = write {
                watermarks.entry(asked.chain).or_default().entry(*key).set(asked.kind, watermark);
            }
            Ok(clearance)
        })
    }

    fn all(&self) -> BoxFuture<'_, Result<AllWatermarks, WatermarkError>> {
        Box::pin(async move { Ok(self.lock().clone()) })
    }

    fn raise<'a>(
        &'a self,
        chain: ChainId,
        watermarks: &'a ChainWatermarks,
        _by: RaisedBy,
    ) -> BoxFuture<'a, Result<(), WatermarkError>> {
        Box::pin(async move {
            self.lock().entry(chain).or_default().join(watermarks);
            Ok(())
        })
    }
}

impl MemWatermarks {
    fn lock(&self) -> MutexGuard<'_, AllWatermarks> {
        // Nothing panics while watermarks are half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! What the keeping of watermarks costs and says: a decorator around any driver, and the observer that a driver tells of its storage.

use std::sync::Arc;
use std::time::Duration;

use jwtis_base::audit::AuditRecord;
use jwtis_signer::watermark::{Clearance, RaisedBy, Terms, WatermarkIo, WatermarkObserver};
use jwtis_signer::{WatermarkError, Watermarks, WentBack};
use jwtis_store::BoxFuture;
use jwtis_store::Store;
use jwtis_tezos::watermark::{AllWatermarks, Asked, ChainWatermarks};
use jwtis_tezos::{ChainId, PublicKeyHash};

use super::{Metrics, monotonic};

/// A driver whose verdicts are counted and timed.
pub struct ObservedWatermarks {
    inner: Arc<dyn Watermarks>,
    metrics: Arc<Metrics>,
}

impl ObservedWatermarks {
    /// Counts what `inner` says in `metrics`.
    #[must_use]
    pub fn new(inner: Arc<dyn Watermarks>, metrics: Arc<Metrics>) -> Self {
        metrics.signer().watermark_backend(inner.name());
        Self { inner, metrics }
    }
}

impl Watermarks for ObservedWatermarks {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn clear<'a>(
        &'a self,
        key: &'a PublicKeyHash,
        asked: &'a Asked,
        terms: &'a Terms,
        record: Option<&'a AuditRecord>,
    ) -> BoxFuture<'a, Result<Clearance, WatermarkError>> {
        Box::pin(async move {
            let started = monotonic();
            let verdict = self.inner.clear(key, asked, terms, record).await;
            let metrics = self.metrics.signer();
            metrics.watermark_operation(verdict.is_ok(), self.name(), asked.kind.name(), started.elapsed());
            verdict
        })
    }

    fn rolled_back(&self) -> BoxFuture<'_, Result<Option<WentBack>, WatermarkError>> {
        self.inner.rolled_back()
    }

    fn all(&self) -> BoxFuture<'_, Result<AllWatermarks, WatermarkError>> {
        self.inner.all()
    }

    fn raise<'a>(
        &'a self,
        chain: ChainId,
        watermarks: &'a ChainWatermarks,
        by: RaisedBy,
    ) -> BoxFuture<'a, Result<(), WatermarkError>> {
        self.inner.raise(chain, watermarks, by)
    }

    fn own_trail(&self) -> Option<&Store> {
        self.inner.own_trail()
    }

    fn write_copy(&self) -> BoxFuture<'_, Result<(), WatermarkError>> {
        self.inner.write_copy()
    }
}

impl WatermarkObserver for Metrics {
    fn io(&self, backend: &'static str, operation: WatermarkIo, ok: bool, took: Duration) {
        let operation = match operation {
            WatermarkIo::Read => "read",
            WatermarkIo::Write => "write",
            WatermarkIo::Create => "create",
        };
        self.signer().watermark_io(backend, operation, ok, took);
    }
}

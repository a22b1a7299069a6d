//! Marks in our own store: the driver `store`.

use std::collections::BTreeMap;

use jwtis_store::BoxFuture;
use jwtis_tezos::watermark::Asked;
use jwtis_tezos::watermark::format::ChainMarks;
use jwtis_tezos::{ChainId, PublicKeyHash};

use super::{Clearance, WatermarkError, Watermarks};

/// Marks in a store.

pub struct StoreWatermarks {
    _private: (),
}

impl Watermarks for StoreWatermarks {
    fn name(&self) -> &'static str {
        "store"
    }

    fn clear<'a>(
        &'a self,
        _key: &'a PublicKeyHash,
        _asked: &'a Asked,
    ) -> BoxFuture<'a, Result<Clearance, WatermarkError>> {
        Box::pin(std::future::ready(Err(WatermarkError::Unavailable("not here yet".into()))))
    }

    fn marks(&self) -> BoxFuture<'_, Result<BTreeMap<ChainId, ChainMarks>, WatermarkError>> {
        Box::pin(std::future::ready(Ok(BTreeMap::new())))
    }

    fn raise<'a>(
        &'a self,
        _chain: ChainId,
        _marks: &'a ChainMarks,
    ) -> BoxFuture<'a, Result<(), WatermarkError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

impl StoreWatermarks {
    /// The marks of `store`.
    #[must_use]
    pub fn new(_store: jwtis_store::Store, _observer: std::sync::Arc<dyn super::WatermarkObserver>) -> Self {
        Self { _private: () }
    }
}

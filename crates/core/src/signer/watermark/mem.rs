//! Marks that are forgotten when the process ends: the driver `mem`, for tests.

use std::collections::BTreeMap;

use jwtis_store::BoxFuture;
use jwtis_tezos::watermark::Asked;
use jwtis_tezos::watermark::format::ChainMarks;
use jwtis_tezos::{ChainId, PublicKeyHash};

use super::{Clearance, WatermarkError, Watermarks};

/// Marks in memory.
#[derive(Default, Debug)]
pub struct MemWatermarks {
    _private: (),
}

impl Watermarks for MemWatermarks {
    fn name(&self) -> &'static str {
        "mem"
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

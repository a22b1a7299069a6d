//! The signer's routes (§1, §2 of the signer's behaviour specification): Signatory's, byte for byte where a client can tell.

use std::sync::Arc;

use axum::Router;
use jwtis_core::Signer;

use super::Limits;
use crate::metrics::Metrics;

/// The routes of the signer. Bodies of `POST /keys/{pkh}` have at most `max_body_bytes`.
pub fn router(_signer: Signer, _metrics: Arc<Metrics>, _limits: &Limits, _max_body_bytes: usize) -> Router {
    Router::new()
}

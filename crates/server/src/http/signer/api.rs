//! What the signer's handlers share.

use std::net::IpAddr;
use std::sync::Arc;

use jwtis_signer::{About, SignError, Signer};

use super::error::Refusal;
use crate::http::limits::Limits;
use crate::metrics::Metrics;

/// What handlers share.
pub(super) struct Api {
    pub(super) signer: Signer,
    pub(super) metrics: Arc<Metrics>,
    pub(super) limits: Limits,
    pub(super) max_body_bytes: usize,
}

impl Api {
    /// Counts a refusal, and makes an answer of it.
    pub(super) fn refused(&self, about: &About, error: SignError, source: IpAddr) -> Refusal {
        self.metrics.signer().refused(about, &error, source);
        error.into()
    }
}

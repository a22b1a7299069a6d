//! What the issuer's handlers share.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use axum::body::Bytes;
use jwtis_issuer::Issuer;
use jwtis_signer::lockout::Refusals;

use super::problem::{Code, Problem};
use crate::http::limits::Limits;
use crate::metrics::Metrics;

/// What handlers share.
pub(super) struct IssuerApi {
    pub(super) issuer: Issuer,
    pub(super) metrics: Arc<Metrics>,
    pub(super) limits: Limits,
    pub(super) backup_folder: PathBuf,
    pub(super) refusals: Refusals,
    /// The OpenAPI document, made when it is first asked for.
    pub(super) document: LazyLock<Bytes>,
}

impl IssuerApi {
    /// Counts a refused operation on tokens.
    pub(super) fn count_refusal<T>(&self, operation: &'static str, outcome: &Result<T, Problem>) {
        let Err(problem) = outcome else { return };
        self.metrics.token_refused(operation, problem.code().name());
        if problem.code() == Code::TokenReused {
            self.metrics.reuse_detected();
        }
    }
}

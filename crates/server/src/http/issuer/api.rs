//! What the issuer's handlers share.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use axum::body::Bytes;
use jwtis_base::sources::RefusedSources;
use jwtis_issuer::Issuer;

use super::problem::{Code, Problem};
use crate::http::limits::Limits;
use crate::metrics::Metrics;

/// What handlers share.
pub(super) struct IssuerApi {
    pub(super) issuer: Issuer,
    pub(super) metrics: Arc<Metrics>,
    pub(super) limits: Limits,
    pub(super) backup_folder: PathBuf,
    pub(super) refusals: RefusedSources,
    /// The OpenAPI document, made when it is first asked for.
    pub(super) document: LazyLock<Bytes>,
}

impl IssuerApi {
    /// The outcome of an operation on tokens; a refusal is counted.
    pub(super) fn counted<T>(
        &self,
        operation: &'static str,
        outcome: Result<T, Problem>,
    ) -> Result<T, Problem> {
        outcome.inspect_err(|problem| {
            self.metrics.token_refused(operation, problem.code().name());
            if problem.code() == Code::TokenReused {
                self.metrics.reuse_detected();
            }
        })
    }
}

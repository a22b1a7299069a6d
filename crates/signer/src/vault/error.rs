//! What a vault says when it fails.

use std::sync::Arc;

use jwtis_store::BoxError;

/// A vault failed. `Display` is `(File): …`, as Signatory prefixes it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("({kind}): {source}")]
pub struct VaultError {
    kind: &'static str,
    source: Arc<dyn std::error::Error + Send + Sync>,
}

impl VaultError {
    /// The vault of this kind failed for this reason, which has no secrets.
    pub fn new(kind: &'static str, source: impl Into<BoxError>) -> Self {
        Self { kind, source: Arc::from(source.into()) }
    }
}

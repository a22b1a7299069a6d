//! The listeners by name.

/// Which of the listeners.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Which {
    /// The issuer's API.
    Issuer,
    /// The signer's API.
    Signer,
    /// `/metrics` and `/healthz`.
    Utility,
}

impl Which {
    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Issuer => "issuer",
            Self::Signer => "signer",
            Self::Utility => "metrics and health",
        }
    }
}

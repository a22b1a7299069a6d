//! Why a token of the issuer counts for nothing now.

/// Why a token is not valid.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum Inactive {
    /// Not a token of the expected form.
    Malformed,
    /// Signed by no key of this client that still verifies.
    UnknownKey,
    /// The signature does not verify.
    BadSignature,
    /// Validly signed, but of another type.
    WrongType,
    /// `iss` is not this client's.
    WrongIssuer,
    /// A claim that our tokens have is missing or of another type.
    InvalidClaims,
    /// Past its `exp`.
    Expired,
    /// Before its `nbf`.
    NotYetValid,
    /// Its session has been revoked.
    Revoked,
    /// The admin has switched the client off.
    ClientDisabled,
}

impl Inactive {
    /// All reasons.
    pub const ALL: [Self; 10] = [
        Self::Malformed,
        Self::UnknownKey,
        Self::BadSignature,
        Self::WrongType,
        Self::WrongIssuer,
        Self::InvalidClaims,
        Self::Expired,
        Self::NotYetValid,
        Self::Revoked,
        Self::ClientDisabled,
    ];

    /// The `reason` in answers: stable.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown_key",
            Self::BadSignature => "bad_signature",
            Self::WrongType => "not_an_access_token",
            Self::WrongIssuer => "wrong_issuer",
            Self::InvalidClaims => "invalid_claims",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Revoked => "revoked",
            Self::ClientDisabled => "client_disabled",
        }
    }
}

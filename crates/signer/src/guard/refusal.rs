//! Why a caller is turned away. `Display` is the answer's text.

use jwtis_tezos::signature::SignatureError;

/// Why a token does not open the signer: 401, or 503 for [`Self::Unavailable`].
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TokenRefusal {
    /// No token.
    #[error("token required")]
    Missing,
    /// No key of ours has verified it. One text for every reason: another would tell who is a user.
    #[error("the token is not valid")]
    Unverified(#[from] UnverifiedReason),
    /// Verified, and not for this user, or without a user, or with claims that cannot be understood.
    #[error("the token is not valid")]
    Invalid,
    /// Verified, and not good now or not here.
    #[error(transparent)]
    Claims(#[from] ClaimFault),
    /// A token of our own issuer whose session has been revoked.
    #[error("the token has been revoked")]
    Revoked,
    /// The store cannot say whether the token has been revoked.
    #[error("the token cannot be checked now")]
    Unavailable,
}

/// What is wrong with a token that a key of ours has verified.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the texts say it")]
pub enum ClaimFault {
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYetValid,
    #[error("the token has no `exp` claim")]
    NoExpiry,
    #[error("the token's `exp` claim is not a time")]
    MalformedExpiry,
    #[error("the token's `nbf` claim is not a time")]
    MalformedNotBefore,
    #[error("the token is for another audience")]
    WrongAudience,
    #[error("the token names another issuer")]
    WrongIssuer,
}

/// Why no key of ours has verified a token. For the log alone.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the names say it")]
pub enum UnverifiedReason {
    #[error("malformed")]
    Malformed,
    #[error("no_user")]
    NoUser,
    #[error("unknown_user")]
    UnknownUser,
    #[error("signature")]
    Signature,
    #[error("no_key")]
    NoKey,
}

/// Why a signed request is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ClientRefusal {
    /// 401: there is no signature.
    #[error("missing authentication signature field")]
    Missing,
    /// 400: the signature cannot be read.
    #[error(transparent)]
    Malformed(SignatureError),
    /// 403: no key verifies it.
    #[error("invalid authentication signature")]
    Invalid,
}

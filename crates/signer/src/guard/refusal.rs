//! Why a caller is turned away.

use crate::text::shown;

/// Why a token does not open the signer: 401, or 503 for [`Self::Unavailable`]. `Display` is the answer's plain text (§2.3).
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
pub enum ClaimFault {
    /// `exp` is over.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is not there yet.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// There is no `exp`.
    #[error("the token has no `exp` claim")]
    NoExpiry,
    /// `exp` is no time.
    #[error("the token's `exp` claim is not a time")]
    MalformedExpiry,
    /// `nbf` is no time.
    #[error("the token's `nbf` claim is not a time")]
    MalformedNotBefore,
    /// `aud` is not ours.
    #[error("the token is for another audience")]
    WrongAudience,
    /// `iss` is not that of the client.
    #[error("the token names another issuer")]
    WrongIssuer,
}

/// Why no key of ours has verified a token. For the log alone.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UnverifiedReason {
    /// The text is no token.
    #[error("malformed")]
    Malformed,
    /// Neither the request nor the token names a user.
    #[error("no_user")]
    NoUser,
    /// No user has the name.
    #[error("unknown_user")]
    UnknownUser,
    /// Another secret, algorithm or key made it.
    #[error("signature")]
    Signature,
    /// No trusted client has the key that it names.
    #[error("no_key")]
    NoKey,
}

/// Why a signed request is refused (§1.8).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ClientRefusal {
    /// 401: there is no signature.
    #[error("missing authentication signature field")]
    Missing,
    /// 400: it is none; the text is that of the decoder.
    #[error("{0}")]
    Malformed(String),
    /// 403: no key verifies it.
    #[error("invalid authentication signature")]
    Invalid,
}

/// A token that was made for somebody is presented as somebody else's.
pub(super) fn warn_of_mismatch(requested: &str, in_token: &str) {
    tracing::warn!(
        target: "jwtis::audit",
        event = "token_user_mismatch",
        request_user = shown(requested),
        token_user = shown(in_token),
        "JWT: Suspicious activity detected, token user does not match request user"
    );
}

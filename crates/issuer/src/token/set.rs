//! The tokens of one answer.

use std::fmt;

use jwtis_base::env::Timestamp;
use jwtis_base::session_id::SessionId;

use super::mint::Minted;

/// An access token, the refresh token beside it, and when they end.
pub struct TokenSet {
    /// The session: `id` in answers, `sid` in the tokens.
    pub session: SessionId,
    /// The access token.
    pub access_token: String,
    /// The refresh token: the presented one where a renewal made no new one.
    pub refresh_token: String,
    /// `exp` of the access token, seconds since the epoch.
    pub expires_at: u64,
    /// `exp` of the refresh token, seconds since the epoch.
    pub refresh_expires_at: u64,
    /// Seconds from now to `expires_at`.
    pub expires_in: u64,
}

impl TokenSet {
    pub(super) fn of(session: SessionId, access: Minted, refresh: Minted, now: Timestamp) -> Self {
        Self {
            session,
            access_token: access.token,
            refresh_token: refresh.token,
            expires_at: access.expires_at,
            refresh_expires_at: refresh.expires_at,
            expires_in: access.expires_at.saturating_sub(now.seconds()),
        }
    }
}

impl fmt::Debug for TokenSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSet")
            .field("session", &self.session)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

//! The answer of operations that make tokens.

use jwtis_issuer::TokenSet;
use serde::Serialize;
use utoipa::ToSchema;

use super::shapes;

/// Answer to issue and renew. `expiry` is the access token's `exp`.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Tokens {
    /// The session.
    #[schema(value_type = shapes::SessionIdText)]
    id: String,
    #[schema(value_type = shapes::AccessTokenText)]
    auth_token: String,
    /// The same as `auth_token`.
    #[schema(value_type = shapes::AccessTokenText)]
    access_token: String,
    #[schema(value_type = shapes::RefreshTokenText)]
    refresh_token: String,
    /// Seconds since 1970-01-01T00:00:00Z.
    expiry: u64,
    /// Seconds since 1970-01-01T00:00:00Z.
    refresh_expiry: u64,
    /// Seconds.
    expires_in: u64,
    #[schema(value_type = shapes::TokenType)]
    token_type: &'static str,
}

impl From<TokenSet> for Tokens {
    fn from(tokens: TokenSet) -> Self {
        Self {
            id: tokens.session.uuid().to_string(),
            auth_token: tokens.access_token.clone(),
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            expiry: tokens.expires_at,
            refresh_expiry: tokens.refresh_expires_at,
            expires_in: tokens.expires_in,
            token_type: "Bearer",
        }
    }
}

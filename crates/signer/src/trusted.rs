//! What the signer asks the issuer of this server, of which it knows nothing else.

use jwtis_base::{BearerSecret, ClientId, Inactive, RegistrationId};
use jwtis_jose::ClaimsSet;
use jwtis_store::{BoxError, BoxFuture};

/// The issuer whose tokens open the signer too, and whose admin may disable keys.
pub trait TrustedTokens: Send + Sync + 'static {
    /// The claims of an access token of `client`, or why it is not valid; `None` where there is no such client, or where it is not the
    /// `registration` that is trusted.
    ///
    /// # Errors
    /// When it cannot be said: a revocation may be missed then.
    fn claims<'a>(
        &'a self,
        client: &'a ClientId,
        registration: Option<RegistrationId>,
        access_token: &'a str,
    ) -> BoxFuture<'a, Result<Option<Result<ClaimsSet, Inactive>>, BoxError>>;

    /// The registration of `client`; `None` where there is no such client.
    ///
    /// # Errors
    /// When it cannot be said.
    fn registration<'a>(
        &'a self,
        client: &'a ClientId,
    ) -> BoxFuture<'a, Result<Option<RegistrationId>, BoxError>>;

    /// Whether `token` is the admin token.
    ///
    /// # Errors
    /// When it cannot be said.
    fn is_admin<'a>(&'a self, token: &'a BearerSecret) -> BoxFuture<'a, Result<bool, BoxError>>;
}

/// A client of our issuer whose tokens open the signer.
///
/// The client names the user by `sub`, and may name one who also logs in here: `jwt_users` does not ask which way they came. So trust a
/// client only as far as every key whose `jwt_users` it could satisfy. A token is never taken for one of the other kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrustedIssuer {
    /// The client.
    pub client: ClientId,
    /// The one registration of that name that is trusted. Without it, any is: after a deletion, with open registration, that may be
    /// somebody else.
    pub registration: Option<RegistrationId>,
    /// What `aud` must contain. Without it tokens that name any audience are refused: they are for somebody else (RFC 7519 §4.1.3).
    pub audience: Option<String>,
}

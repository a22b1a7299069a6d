//! The proofs that a check of credentials leaves. Only the use cases of [`crate::Issuer`] make them.

use std::sync::Arc;

use jwtis_base::audit::Actor;
use jwtis_base::bearer::BearerSecret;

use crate::client::Client;

/// The credentials of a request, not yet checked.
#[derive(Debug)]
pub struct Credentials {
    /// The secret.
    pub secret: BearerSecret,
    /// The client named beside it (HTTP Basic). The request must be about this client.
    pub user: Option<String>,
}

/// Credentials with a token that the admin or some client has, from [`crate::Issuer::recognise`]. They prove nothing about what the caller
/// may do, which [`crate::Issuer::client_access`] decides.
#[derive(Debug)]
pub struct Recognised(Credentials);

impl Recognised {
    pub(crate) const fn found(credentials: Credentials) -> Self {
        Self(credentials)
    }

    /// The credentials.
    pub const fn credentials(&self) -> &Credentials {
        &self.0
    }
}

/// Proof that the caller holds the admin token, from [`crate::Issuer::admin`].
#[derive(Clone, Debug)]
pub struct AdminAccess(());

impl AdminAccess {
    pub(crate) const fn granted() -> Self {
        Self(())
    }
}

/// Proof that the caller may register a client, from [`crate::Issuer::registration`].
#[derive(Clone, Debug)]
pub struct RegistrationAccess(Actor);

impl RegistrationAccess {
    pub(crate) const fn granted(actor: Actor) -> Self {
        Self(actor)
    }

    pub(crate) const fn actor(&self) -> Actor {
        self.0
    }
}

/// Proof that the caller may act for one client, with that client, from [`crate::Issuer::client_access`].
#[derive(Clone, Debug)]
pub struct ClientAccess {
    client: Arc<Client>,
    admin: bool,
}

impl ClientAccess {
    pub(crate) const fn granted(client: Arc<Client>, admin: bool) -> Self {
        Self { client, admin }
    }

    /// The client.
    pub const fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// Whether the caller holds the admin token.
    pub const fn is_admin(&self) -> bool {
        self.admin
    }

    pub(crate) const fn actor(&self) -> Actor {
        if self.admin { Actor::Admin } else { Actor::Client }
    }
}

/// Why a caller was refused. The sentences are safe to show.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain")]
pub enum AccessError {
    /// No credentials, wrong ones, or those of another client. The answer is the same, so that guesses teach nothing.
    #[error("credentials are missing or wrong for this client")]
    Denied,
    #[error("the client is disabled")]
    Disabled,
    #[error("no client is registered under this kid")]
    UnknownClient,
    #[error("the store could not be read")]
    Store(#[from] jwtis_store::ReadError),
}

//! Who is calling: the proofs that a check of a bearer secret leaves behind.

use std::sync::Arc;

use jwtis_base::audit::Actor;
use jwtis_base::bearer::BearerSecret;

use crate::client::Client;

/// What a request brought along: nothing is checked yet.
#[derive(Debug)]
pub struct Credentials {
    /// The secret.
    pub secret: BearerSecret,
    /// The client named beside it (HTTP Basic), which must be the one that the request is about.
    pub user: Option<String>,
}

/// Credentials with a token that somebody has: the admin or a client. They tell that the caller is no stranger, and nothing about what
/// the caller may do: that is for [`crate::Issuer::client_access`]. Only [`crate::Issuer::recognise`] makes one.
#[derive(Debug)]
pub struct Recognised(Credentials);

impl Recognised {
    pub(crate) const fn found(credentials: Credentials) -> Self {
        Self(credentials)
    }

    /// What the request brought along.
    #[must_use]
    pub const fn credentials(&self) -> &Credentials {
        &self.0
    }
}

/// Proof that the caller holds the admin token. Only [`crate::Issuer::admin`] makes one.
#[derive(Clone, Debug)]
pub struct AdminAccess(());

impl AdminAccess {
    pub(crate) const fn granted() -> Self {
        Self(())
    }
}

/// Proof that the caller may register a client: the admin, or anybody where registration is open. Only
/// [`crate::Issuer::registration`] makes one.
#[derive(Clone, Debug)]
pub struct RegistrationAccess(Actor);

impl RegistrationAccess {
    pub(crate) const fn granted(actor: Actor) -> Self {
        Self(actor)
    }

    /// Who it is, for the audit trail.
    pub(crate) const fn actor(&self) -> Actor {
        self.0
    }
}

/// Proof that the caller may act for one client, with that client as loaded. Only [`crate::Issuer::client_access`] makes one.
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
    #[must_use]
    pub const fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// Whether the caller holds the admin token.
    #[must_use]
    pub const fn is_admin(&self) -> bool {
        self.admin
    }

    /// Who it is, for the audit trail.
    pub(crate) const fn actor(&self) -> Actor {
        if self.admin { Actor::Admin } else { Actor::Client }
    }
}

/// Why a caller was turned away. Both sentences are safe to show.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// No credentials, or wrong ones, or right ones for another client: the same answer, so that guessing teaches nothing.
    #[error("credentials are missing or wrong for this client")]
    Denied,
    /// The caller holds the token of a client that the admin has switched off.
    #[error("the client is disabled")]
    Disabled,
    /// The caller is the admin and the client does not exist.
    #[error("no client is registered under this kid")]
    UnknownClient,
    /// The store could not answer.
    #[error("the store could not be read")]
    Store(#[from] jwtis_store::ReadError),
}

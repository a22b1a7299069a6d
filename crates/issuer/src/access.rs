//! The proofs that a check of credentials leaves. Only the use cases of [`crate::Issuer`] make them.

use std::sync::Arc;

use jwtis_base::audit::Actor;
use jwtis_base::bearer::BearerSecret;
use jwtis_base::json::{decode_json, encode_json};
use jwtis_store::{DecodeError, Name, Record, Table};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::client::Client;
use crate::session_floor::SETTINGS;

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

/// Hash of the admin token, as stored.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AdminRecord {
    pub(crate) hash: [u8; 32],
    /// When it was set. Records of earlier releases do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) since_ms: Option<u64>,
}

pub(crate) fn admin_name() -> Name<'static> {
    Name::plain("admin-token")
}

impl Record for AdminRecord {
    const TABLE: Table = SETTINGS;

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        encode_json(self)
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode_json(bytes)
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

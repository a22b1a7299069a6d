//! The audit trail: one structured log event for every act that changes what somebody may do, under the target `jwtis::audit`.
//!
//! An event names the client and the session, never a token, a claim or a key. Tokens themselves leave no event at this level: an
//! issuer that logs each of them would log more than it signs.

use crate::client_id::ClientId;
use crate::session_id::SessionId;

/// Who did it.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Actor {
    /// Whoever holds the admin token.
    Admin,
    /// Whoever holds the client's token.
    Client,
    /// Anybody: registration is open.
    Anybody,
    /// The operator, at the store itself.
    Operator,
}

impl Actor {
    const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Client => "client",
            Self::Anybody => "anybody",
            Self::Operator => "operator",
        }
    }
}

/// What happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// The admin token was set or replaced.
    AdminTokenSet,
    /// A client registered.
    ClientRegistered(&'a ClientId),
    /// A client was deleted.
    ClientDeleted(&'a ClientId),
    /// A client was switched off.
    ClientDisabled(&'a ClientId),
    /// A client was switched on again.
    ClientEnabled(&'a ClientId),
    /// A signing key was switched off.
    SigningKeyDisabled(&'a str),
    /// A signing key was switched on again.
    SigningKeyEnabled(&'a str),
    /// A client got new keys; the second is the `kid` that signs.
    KeysRenewed(&'a ClientId, &'a str),
    /// A session was revoked.
    SessionRevoked(&'a ClientId, SessionId),
    /// The sessions of a subject were revoked.
    SubjectRevoked(&'a ClientId),
    /// All sessions of a client were revoked.
    ClientRevoked(&'a ClientId),
    /// Two parties hold refresh tokens of one session: it has been revoked.
    ReuseDetected(&'a ClientId, SessionId, u64),
}

impl Event<'_> {
    /// Writes the event to the log.
    pub fn record(&self, by: Actor) {
        macro_rules! audit {
            ($level:ident, $event:literal $(, $field:ident = $value:expr)*) => {
                tracing::$level!(target: "jwtis::audit", event = $event, by = by.name() $(, $field = %$value)*)
            };
        }
        match self {
            Self::AdminTokenSet => audit!(info, "admin_token_set"),
            Self::ClientRegistered(client) => audit!(info, "client_registered", client = client),
            Self::ClientDeleted(client) => audit!(info, "client_deleted", client = client),
            Self::ClientDisabled(client) => audit!(info, "client_disabled", client = client),
            Self::ClientEnabled(client) => audit!(info, "client_enabled", client = client),
            Self::SigningKeyDisabled(key) => audit!(warn, "signing_key_disabled", key = key),
            Self::SigningKeyEnabled(key) => audit!(warn, "signing_key_enabled", key = key),
            Self::KeysRenewed(client, kid) => {
                audit!(info, "keys_renewed", client = client, signing_kid = kid)
            }
            Self::SessionRevoked(client, session) => {
                audit!(info, "session_revoked", client = client, session = session.uuid());
            }
            Self::SubjectRevoked(client) => audit!(info, "subject_revoked", client = client),
            Self::ClientRevoked(client) => audit!(info, "client_sessions_revoked", client = client),
            Self::ReuseDetected(client, session, generation) => {
                audit!(
                    warn,
                    "refresh_token_reused",
                    client = client,
                    session = session.uuid(),
                    presented_generation = generation
                );
            }
        }
    }
}

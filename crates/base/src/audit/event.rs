//! What is audited of clients and signing keys, and by whom it was done.

use super::record::AuditRecord;
use crate::client_id::ClientId;
use crate::env::Timestamp;
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
    /// Its name in records and in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Client => "client",
            Self::Anybody => "anybody",
            Self::Operator => "operator",
        }
    }
}

/// What happened.
#[derive(Copy, Clone, Debug)]
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
    /// A signing key was made, or brought in.
    SigningKeyAdded(&'a str),
    /// A signing key was deleted.
    SigningKeyDeleted(&'a str),
    /// A signing key was switched off.
    SigningKeyDisabled(&'a str),
    /// A signing key was switched on again.
    SigningKeyEnabled(&'a str),
    /// A client got new keys; the second is the `kid` that signs.
    KeysRenewed(&'a ClientId, &'a str),
    /// A retiring key set of a client ended before its time, to make room for new keys; the second is its `kid` that signed.
    KeySetEnded(&'a ClientId, &'a str),
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
    /// The event with its record, which belongs into the transaction of the change.
    #[must_use]
    pub fn by(self, by: Actor, at: Timestamp) -> Audited {
        let record = AuditRecord::new(at, self.name(), by.name());
        let record = match self {
            Self::AdminTokenSet => record,
            Self::ClientRegistered(client)
            | Self::ClientDeleted(client)
            | Self::ClientDisabled(client)
            | Self::ClientEnabled(client)
            | Self::SubjectRevoked(client)
            | Self::ClientRevoked(client) => record.with("client", Some(client.as_str())),
            Self::SigningKeyAdded(key)
            | Self::SigningKeyDeleted(key)
            | Self::SigningKeyDisabled(key)
            | Self::SigningKeyEnabled(key) => record.with("key", Some(key)),
            Self::KeysRenewed(client, kid) | Self::KeySetEnded(client, kid) => {
                record.with("client", Some(client.as_str())).with("signing_kid", Some(kid))
            }
            Self::SessionRevoked(client, session) => {
                record.with("client", Some(client.as_str())).with("session", Some(session.uuid().to_string()))
            }
            Self::ReuseDetected(client, session, generation) => record
                .with("client", Some(client.as_str()))
                .with("session", Some(session.uuid().to_string()))
                .with("presented_generation", Some(generation)),
        };
        Audited { record, is_warning: self.is_warning() }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::AdminTokenSet => "admin_token_set",
            Self::ClientRegistered(_) => "client_registered",
            Self::ClientDeleted(_) => "client_deleted",
            Self::ClientDisabled(_) => "client_disabled",
            Self::ClientEnabled(_) => "client_enabled",
            Self::SigningKeyAdded(_) => "signing_key_added",
            Self::SigningKeyDeleted(_) => "signing_key_deleted",
            Self::SigningKeyDisabled(_) => "signing_key_disabled",
            Self::SigningKeyEnabled(_) => "signing_key_enabled",
            Self::KeysRenewed(..) => "keys_renewed",
            Self::KeySetEnded(..) => "key_set_ended",
            Self::SessionRevoked(..) => "session_revoked",
            Self::SubjectRevoked(_) => "subject_revoked",
            Self::ClientRevoked(_) => "client_sessions_revoked",
            Self::ReuseDetected(..) => "refresh_token_reused",
        }
    }

    const fn is_warning(self) -> bool {
        match self {
            Self::SigningKeyDeleted(_)
            | Self::SigningKeyDisabled(_)
            | Self::SigningKeyEnabled(_)
            | Self::KeySetEnded(..)
            | Self::ReuseDetected(..) => true,
            Self::AdminTokenSet
            | Self::ClientRegistered(_)
            | Self::ClientDeleted(_)
            | Self::ClientDisabled(_)
            | Self::ClientEnabled(_)
            | Self::SigningKeyAdded(_)
            | Self::KeysRenewed(..)
            | Self::SessionRevoked(..)
            | Self::SubjectRevoked(_)
            | Self::ClientRevoked(_) => false,
        }
    }
}

/// An event, its actor and its time.
#[derive(Debug)]
pub struct Audited {
    record: AuditRecord,
    is_warning: bool,
}

impl Audited {
    /// What is appended in the transaction of the change.
    #[must_use]
    pub const fn record(&self) -> &AuditRecord {
        &self.record
    }

    /// Writes the log line, once the change is durable.
    pub fn log(&self) {
        self.record.log(self.is_warning);
    }
}

//! A client: an application server that registers once and then asks for tokens made with keys of its own.

pub(crate) mod left;
mod record;
pub(crate) mod summary;
mod token;

pub(crate) use record::{ClientFact, ClientRecord, MAX_KEPT_SETS, StoredKeySet, client_name};
pub(crate) use token::{ClientToken, TokenName};

use jwtis_base::bearer::SecretHash;
use jwtis_base::client_id::ClientId;
use jwtis_base::env::Timestamp;
use jwtis_base::registration_id::RegistrationId;

use crate::key::KeyRing;
use crate::key::plan::KeyPlan;

/// A registered client, loaded: its keys are parsed and ready.
#[derive(Debug)]
pub struct Client {
    pub(crate) id: ClientId,
    pub(crate) registration: RegistrationId,
    pub(crate) created_at: Timestamp,
    pub(crate) token_hash: SecretHash,
    /// Sessions opened before this moment are revoked; compared with the time inside `sid`.
    pub(crate) not_before: Timestamp,
    pub(crate) keys: KeyRing,
    /// Whether the admin has switched it off.
    pub(crate) disabled: bool,
    /// What the client may ask for by itself; `None` in records of releases without it, where the active keys tell.
    pub(crate) granted: Option<KeyPlan>,
    /// Version of the record that it was loaded from.
    pub(crate) version: jwtis_store::Version,
}

impl Client {
    /// Its name.
    #[must_use]
    pub const fn id(&self) -> &ClientId {
        &self.id
    }

    /// When it registered.
    #[must_use]
    pub const fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// Whether `other` is the same registration, perhaps at another time: a client that was deleted and registered again is another.
    pub(crate) fn is_same_registration(&self, other: &Self) -> bool {
        self.registration == other.registration
    }

    /// The id of its registration.
    #[must_use]
    pub const fn registration(&self) -> RegistrationId {
        self.registration
    }

    /// Whether the admin has switched it off: then its token opens nothing, and its tokens are inactive.
    #[must_use]
    pub const fn is_disabled(&self) -> bool {
        self.disabled
    }

    /// What it may ask for by itself when it renews its keys.
    pub(crate) fn granted(&self) -> KeyPlan {
        self.granted.clone().unwrap_or_else(|| KeyPlan::of(self.keys.active()))
    }

    /// Its key sets.
    #[must_use]
    pub const fn keys(&self) -> &KeyRing {
        &self.keys
    }
}

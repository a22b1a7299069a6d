//! A client: an application server that registers once and then asks for tokens made with its own keys.

pub(crate) mod left;
mod record;
pub(crate) mod summary;
pub(crate) mod token_index;

pub(crate) use record::{ClientRecord, MAX_KEPT_SETS, REGISTERED_AGAIN, StoredKeySet, client_name};
pub(crate) use token_index::{ClientToken, TokenName};

use jwtis_base::client_id::ClientId;
use jwtis_base::registration_id::RegistrationId;
use jwtis_store::{DecodeError, Version};

use crate::key::KeyRing;
use crate::key::plan::KeyPlan;

/// A registered client, loaded: its keys are parsed.
#[derive(Debug)]
pub struct Client {
    /// Its record, without the stored keys.
    pub(crate) record: ClientRecord,
    pub(crate) keys: KeyRing,
    pub(crate) version: Version,
}

impl Client {
    /// Its name.
    pub const fn id(&self) -> &ClientId {
        &self.record.id
    }

    /// The id of its registration. A client that was deleted and registered again has another one.
    pub const fn registration(&self) -> RegistrationId {
        self.record.registration
    }

    /// Whether the admin has disabled it. Then its client token opens nothing, and its tokens are inactive.
    pub const fn is_disabled(&self) -> bool {
        self.record.disabled
    }

    /// The most that it may ask for by itself when it renews its keys.
    pub(crate) fn granted(&self) -> KeyPlan {
        self.record.granted.clone().unwrap_or_else(|| KeyPlan::of(self.keys.active()))
    }

    /// Its key sets.
    pub const fn keys(&self) -> &KeyRing {
        &self.keys
    }
}

impl ClientRecord {
    /// Parses the keys: 45 µs for P-256, up to 350 µs for RSA.
    pub(crate) fn load(mut self, version: Version) -> Result<Client, DecodeError> {
        let sets = std::mem::take(&mut self.sets);
        let entries = sets.iter().map(StoredKeySet::load).collect::<Result<Vec<_>, _>>()?;
        Ok(Client { record: self, keys: KeyRing::new(entries).map_err(DecodeError::new)?, version })
    }
}

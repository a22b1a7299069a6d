//! A client as its operator sees it. No private key is needed for it.

use jwtis_base::env::Timestamp;
use jwtis_base::{ClientId, RegistrationId};
use jwtis_jose::{ContentEncryption, KeyManagementAlgorithm, SignatureAlgorithm};

use super::record::{KeySetHeader, ShownOfKeys};
use super::{Client, ClientRecord};
use crate::key::InvalidRing;
use crate::key::rotation::KeySetState;
use crate::policy::TokenPolicy;

/// The public facts about a client.
#[derive(Clone, Debug)]
pub struct ClientSummary {
    /// Its name.
    pub id: ClientId,
    /// The id of its registration.
    pub registration: RegistrationId,
    /// When it registered.
    pub created_at: Timestamp,
    /// Whether the admin has disabled it.
    pub disabled: bool,
    /// The set that makes tokens. It may have expired.
    pub active: KeySetSummary,
    /// All sets, newest first, the active one included.
    pub key_sets: Vec<KeySetSummary>,
}

/// The public facts about a key set.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct KeySetSummary {
    /// Stored state. [`KeySetState::at`] gives the state at a moment.
    pub state: KeySetState,
    pub sig_kid: String,
    pub sig_alg: SignatureAlgorithm,
    pub sig_bits: u32,
    pub enc_kid: String,
    pub enc_alg: KeyManagementAlgorithm,
    pub enc_bits: u32,
    pub cont_enc: ContentEncryption,
    pub policy: TokenPolicy,
    /// No token of this set outlives this moment.
    pub expires_at: Timestamp,
}

impl ClientSummary {
    /// Of a loaded client.
    ///
    /// # Errors
    /// Never for a client that was loaded: it has one active set.
    pub fn of(client: &Client) -> Result<Self, InvalidRing> {
        let sets = client.keys.entries().iter();
        let key_sets = sets.filter_map(|set| KeySetHeader::of(&set.keys, set.state).summary()).collect();
        Self::new(&client.record, key_sets)
    }

    /// Of a record. `None` for a record of an earlier release, for which the keys must be parsed.
    pub(crate) fn of_record(record: &ClientRecord) -> Option<Result<Self, InvalidRing>> {
        let key_sets = record.sets.iter().map(|set| set.header.clone().summary()).collect::<Option<_>>()?;
        Some(Self::new(record, key_sets))
    }

    fn new(record: &ClientRecord, key_sets: Vec<KeySetSummary>) -> Result<Self, InvalidRing> {
        let mut active = key_sets.iter().filter(|set| set.state == KeySetState::Active);
        let (Some(active), None) = (active.next(), active.next()) else { return Err(InvalidRing) };
        Ok(Self {
            id: record.id.clone(),
            registration: record.registration,
            created_at: record.created_at,
            disabled: record.disabled,
            active: active.clone(),
            key_sets,
        })
    }
}

impl KeySetHeader {
    /// `None` if the header is of an earlier release.
    fn summary(self) -> Option<KeySetSummary> {
        let ShownOfKeys { sig_bits, enc_kid, enc_bits } = self.shown?;
        Some(KeySetSummary {
            state: self.state,
            sig_kid: self.sig_kid,
            sig_alg: self.sig_alg,
            sig_bits,
            enc_kid,
            enc_alg: self.enc_alg,
            enc_bits,
            cont_enc: self.cont_enc,
            policy: self.policy,
            expires_at: Timestamp::from_millis(self.expires_at_ms),
        })
    }
}

#[cfg(test)]
mod tests {
    use jwtis_base::bearer::SecretHash;
    use jwtis_base::env::Env;
    use jwtis_store::{Transaction, Version, open_memory};

    use super::*;
    use crate::access::AdminAccess;
    use crate::client::client_name;
    use crate::issuer::{Issuer, IssuerSettings};
    use crate::key::plan::{KeyDefaults, KeyOptions, KeyPlan};

    /// A list opens no private key, also of a record of an earlier release that can do without.
    #[tokio::test]
    async fn a_list_shows_the_same_with_and_without_the_keys() {
        let id: ClientId = "shop".parse().unwrap();
        let options = KeyOptions { sig_alg: Some(SignatureAlgorithm::Es384), ..KeyOptions::default() };
        let plan = KeyPlan::for_registration(&id, &options, &KeyDefaults::default()).unwrap();
        let keys = plan.generate(&Env::system()).unwrap();
        let record = || ClientRecord::new(id.clone(), SecretHash::from_bytes([1; 32]), &keys).unwrap();
        let wanted = format!("{:?}", ClientSummary::of(&record().load(Version(1)).unwrap()).unwrap());
        let garbled = || {
            let mut record = record();
            record.garble_keys();
            record
        };
        assert!(garbled().load(Version(1)).is_err());
        let mut old = record();
        old.sets.iter_mut().for_each(|set| set.header.shown = None);
        assert!(ClientSummary::of_record(&old).is_none());
        for record in [garbled(), old] {
            let store = open_memory();
            store.commit(Transaction::new(&store).create(client_name(&id), &record)).await.unwrap();
            let issuer = Issuer::open(store, Env::system(), IssuerSettings::default()).await.unwrap();
            let listed = issuer.clients(&AdminAccess::granted(), None, 10).await.unwrap().clients;
            assert_eq!(format!("{listed:?}"), format!("[{wanted}]"));
        }
    }
}

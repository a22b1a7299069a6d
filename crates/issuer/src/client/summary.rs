//! A client as its operator sees it: all that can be told without opening a private key.

use jwtis_base::env::Timestamp;
use jwtis_base::{ClientId, RegistrationId};
use jwtis_jose::{ContentEncryption, KeyManagementAlgorithm, SignatureAlgorithm};

use super::record::{KeySetHeader, ShownOfKeys};
use super::{Client, ClientRecord};
use crate::key::rotation::KeySetState;
use crate::key::{InvalidRing, RingEntry};
use crate::policy::TokenPolicy;

/// What is no secret about a client.
#[derive(Clone, Debug)]
pub struct ClientSummary {
    /// Its name.
    pub id: ClientId,
    /// The id of its registration.
    pub registration: RegistrationId,
    /// When it registered.
    pub created_at: Timestamp,
    /// Whether the admin has switched it off.
    pub disabled: bool,
    /// The set that makes tokens; it may have expired.
    pub active: KeySetSummary,
    /// All sets, newest first, the active one included.
    pub key_sets: Vec<KeySetSummary>,
}

/// What is no secret about a key set.
#[derive(Clone, Debug)]
pub struct KeySetSummary {
    /// Stored state; [`KeySetState::at`] tells what it means at a moment.
    pub state: KeySetState,
    /// Kid of the signing key.
    pub sig_kid: String,
    /// Algorithm of the signing key.
    pub sig_alg: SignatureAlgorithm,
    /// Size of the signing key.
    pub sig_bits: u32,
    /// Kid of the encryption key.
    pub enc_kid: String,
    /// Algorithm of the encryption key.
    pub enc_alg: KeyManagementAlgorithm,
    /// Size of the encryption key.
    pub enc_bits: u32,
    /// Content encryption of refresh tokens.
    pub cont_enc: ContentEncryption,
    /// Policy of the tokens made with these keys.
    pub policy: TokenPolicy,
    /// No token of this set outlives this moment.
    pub expires_at: Timestamp,
}

impl ClientSummary {
    /// Of a client whose keys are loaded anyway.
    ///
    /// # Errors
    /// Never for a client that was loaded: it has one active set.
    pub fn of(client: &Client) -> Result<Self, InvalidRing> {
        let key_sets = client.keys().entries().iter().map(KeySetSummary::of).collect();
        Self::new(
            client.id().clone(),
            client.registration(),
            client.created_at(),
            client.is_disabled(),
            key_sets,
        )
    }

    /// Of a record. `None` where it is of an earlier release, which left to the keys what they are.
    pub(crate) fn of_record(record: &ClientRecord) -> Option<Result<Self, InvalidRing>> {
        let key_sets = record.sets.iter().map(|set| set.header.summary()).collect::<Option<_>>()?;
        Some(Self::new(record.id.clone(), record.registration, record.created_at, record.disabled, key_sets))
    }

    fn new(
        id: ClientId,
        registration: RegistrationId,
        created_at: Timestamp,
        disabled: bool,
        key_sets: Vec<KeySetSummary>,
    ) -> Result<Self, InvalidRing> {
        let mut active = key_sets.iter().filter(|set| set.state == KeySetState::Active);
        match (active.next(), active.next()) {
            (Some(active), None) => {
                Ok(Self { id, registration, created_at, disabled, active: active.clone(), key_sets })
            }
            _ => Err(InvalidRing),
        }
    }
}

impl KeySetSummary {
    fn of(entry: &RingEntry) -> Self {
        let keys = &entry.keys;
        Self {
            state: entry.state,
            sig_kid: keys.signing.kid().to_owned(),
            sig_alg: keys.signing.algorithm(),
            sig_bits: keys.public_signing_key().bits(),
            enc_kid: keys.encryption.kid().to_owned(),
            enc_alg: keys.encryption.algorithm(),
            enc_bits: keys.public_encryption_key().bits(),
            cont_enc: keys.content,
            policy: keys.policy.clone(),
            expires_at: keys.expires_at,
        }
    }
}

impl KeySetHeader {
    /// `None` where the header is of an earlier release.
    pub(crate) fn summary(&self) -> Option<KeySetSummary> {
        let ShownOfKeys { sig_bits, enc_kid, enc_bits } = self.shown.clone()?;
        Some(KeySetSummary {
            state: self.state,
            sig_kid: self.sig_kid.clone(),
            sig_alg: self.sig_alg,
            sig_bits,
            enc_kid,
            enc_alg: self.enc_alg,
            enc_bits,
            cont_enc: self.cont_enc,
            policy: self.policy.clone(),
            expires_at: Timestamp::from_millis(self.expires_at_ms),
        })
    }
}

#[cfg(test)]
mod tests {
    use jwtis_store::{Transaction, Version, open_memory};

    use super::*;
    use crate::access::AdminAccess;
    use crate::client::client_name;
    use crate::issuer::{Issuer, IssuerSettings};
    use crate::key::plan::{KeyDefaults, KeyOptions, KeyPlan};
    use jwtis_base::bearer::SecretHash;
    use jwtis_base::env::Env;

    fn record(kid: &str) -> ClientRecord {
        let id: ClientId = kid.parse().unwrap();
        let options = KeyOptions { sig_alg: Some(SignatureAlgorithm::Es384), ..KeyOptions::default() };
        let plan = KeyPlan::for_registration(&id, &options, &KeyDefaults::default()).unwrap();
        let keys = plan.generate(&Env::system()).unwrap();
        ClientRecord::new(id, SecretHash::from_bytes([1; 32]), &keys).unwrap()
    }

    /// The list over a store that holds this record.
    async fn listed(record: &ClientRecord) -> Vec<ClientSummary> {
        let store = open_memory();
        store.commit(Transaction::new(&store).create(client_name(&record.id), record)).await.unwrap();
        let issuer = Issuer::open(store, Env::system(), IssuerSettings::default()).await.unwrap();
        issuer.clients(&AdminAccess::granted(), None, 10).await.unwrap().clients
    }

    #[tokio::test]
    async fn a_list_opens_no_private_key() {
        let whole = record("shop");
        let wanted = format!("{:?}", ClientSummary::of(&whole.load(Version(1)).unwrap()).unwrap());
        let mut garbled = whole;
        garbled.garble_keys();
        assert!(garbled.load(Version(1)).is_err());
        assert_eq!(
            listed(&garbled).await.iter().map(|client| format!("{client:?}")).collect::<Vec<_>>(),
            [wanted]
        );
    }

    #[tokio::test]
    async fn a_record_of_an_earlier_release_is_listed_like_any_other() {
        let mut old = record("shop");
        let wanted = format!("{:?}", ClientSummary::of_record(&old).unwrap().unwrap());
        old.sets.iter_mut().for_each(|set| set.header.shown = None);
        assert!(ClientSummary::of_record(&old).is_none());
        assert_eq!(
            listed(&old).await.iter().map(|client| format!("{client:?}")).collect::<Vec<_>>(),
            [wanted]
        );
    }
}

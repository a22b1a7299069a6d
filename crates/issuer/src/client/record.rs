//! The record of a client in the store: a JSON header without secrets, then the private keys as length-prefixed PKCS#8. So no key passes
//! through text that is not wiped.

use std::fmt;
use std::sync::Arc;

use jwtis_base::bearer::SecretHash;
use jwtis_base::env::Timestamp;
use jwtis_base::json::to_json;
use jwtis_base::{ClientId, RegistrationId};
use jwtis_jose::{ContentEncryption, DecryptionKey, KeyManagementAlgorithm, SignatureAlgorithm, SigningKey};
use jwtis_store::{DecodeError, Name, Record, Table};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::key::plan::KeyPlan;
use crate::key::rotation::{KeySetState, MAX_LIVE_SETS};
use crate::key::{KeySet, MIN_RSA_BITS, RingEntry};
use crate::policy::TokenPolicy;
use crate::session::RECORD_SLACK;

/// Most key sets in one record, retired ones included.
pub(crate) const MAX_KEPT_SETS: usize = 2 * MAX_LIVE_SETS;

/// More sets of elliptic curve keys than this are parsed on a thread of their own. It takes about half a millisecond.
const MANY_SETS: usize = 8;

/// A fact that an older copy of a store does not know of a client, for the list of what a restore took over.
pub(crate) const REGISTERED_AGAIN: &str = "registered again since; the older registration stays deleted";

/// The record of a client, its keys not yet parsed.
#[derive(Debug)]
pub(crate) struct ClientRecord {
    pub(crate) id: ClientId,
    pub(crate) registration: RegistrationId,
    pub(crate) created_at: Timestamp,
    pub(crate) token_hash: SecretHash,
    /// Sessions opened before this moment are revoked. It is compared with the time inside `sid`.
    pub(crate) not_before: Timestamp,
    /// Whether the admin has disabled it.
    pub(crate) disabled: bool,
    /// The most that the client may ask for by itself. `None` in records of earlier releases, where the active keys tell.
    pub(crate) granted: Option<KeyPlan>,
    pub(crate) sets: Vec<StoredKeySet>,
}

pub(crate) struct StoredKeySet {
    pub(crate) header: KeySetHeader,
    signing: Zeroizing<Vec<u8>>,
    encryption: Zeroizing<Vec<u8>>,
}

/// The public facts about a key set.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct KeySetHeader {
    pub(crate) state: KeySetState,
    pub(crate) sig_kid: String,
    pub(crate) sig_alg: SignatureAlgorithm,
    pub(crate) enc_alg: KeyManagementAlgorithm,
    pub(crate) cont_enc: ContentEncryption,
    pub(crate) created_at_ms: u64,
    pub(crate) expires_at_ms: u64,
    pub(crate) policy: TokenPolicy,
    /// Records of earlier releases do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) shown: Option<ShownOfKeys>,
}

/// Facts that otherwise only the keys could tell.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct ShownOfKeys {
    pub(super) sig_bits: u32,
    pub(super) enc_kid: String,
    pub(super) enc_bits: u32,
}

pub(crate) fn client_name(id: &ClientId) -> Name<'_> {
    Name::plain(id.as_str())
}

impl ClientRecord {
    /// A client that registers with its first key set.
    pub(crate) fn new(
        id: ClientId,
        token_hash: SecretHash,
        keys: &KeySet,
    ) -> Result<Self, jwtis_jose::KeyError> {
        let state = KeySetState::Active;
        Ok(Self {
            registration: RegistrationId::of(&id, keys.created_at, token_hash),
            id,
            created_at: keys.created_at,
            token_hash,
            not_before: Timestamp::default(),
            disabled: false,
            granted: Some(KeyPlan::of(keys)),
            sets: vec![StoredKeySet::new(keys, state)?],
        })
    }

    /// Drops the sets that retired more than [`RECORD_SLACK`] ago, so that a clock that is set back by less does not need them. Where too
    /// many are left, drops the oldest retired ones. Returns how many it dropped.
    pub(crate) fn drop_retired(&mut self, now: Timestamp) -> usize {
        let before = self.sets.len();
        let long_ago = Timestamp::from_millis(
            now.millis().saturating_sub(Timestamp::default().plus(RECORD_SLACK).millis()),
        );
        self.sets.retain(|set| set.header.state.at(long_ago) != KeySetState::Retired);
        while self.sets.len() > MAX_KEPT_SETS
            && self.sets.last().is_some_and(|set| !set.header.state.at(now).verifies())
        {
            self.sets.pop();
        }
        before.saturating_sub(self.sets.len())
    }

    pub(crate) fn live_sets(&self, now: Timestamp) -> usize {
        self.sets.iter().filter(|set| set.header.state.at(now).verifies()).count()
    }

    /// Ends the oldest retiring set before its time, and returns its kid.
    pub(crate) fn end_oldest(&mut self, now: Timestamp) -> Option<String> {
        let retiring = |set: &&mut StoredKeySet| matches!(set.header.state.at(now), KeySetState::Retiring(_));
        let oldest = self.sets.iter_mut().rev().find(retiring)?;
        oldest.header.state = KeySetState::Retired;
        Some(oldest.header.sig_kid.clone())
    }

    /// Drops the oldest retired sets until there is room for one more.
    pub(crate) fn drop_oldest_retired(&mut self, now: Timestamp) {
        while self.sets.len() >= MAX_KEPT_SETS
            && let Some(oldest) = self.sets.iter().rposition(|set| !set.header.state.at(now).verifies())
        {
            self.sets.remove(oldest);
        }
    }

    /// One client of two copies of a store, and the facts that the `older` copy does not know.
    ///
    /// A name that was registered again is the newer registration alone. Otherwise the later `not_before` and the newer copy's token count,
    /// the client is disabled where either copy says so, and [`join_sets`] joins the key sets.
    pub(crate) fn join(newer: Self, older: Self) -> (Self, Vec<&'static str>) {
        if newer.registration != older.registration {
            return (newer, vec![REGISTERED_AGAIN]);
        }
        let mut facts = Vec::new();
        if newer.token_hash.as_bytes() != older.token_hash.as_bytes() {
            facts.push("its token stays replaced");
        }
        if newer.not_before > older.not_before {
            facts.push("its sessions stay revoked");
        }
        if newer.disabled && !older.disabled {
            facts.push("stays disabled");
        }
        let not_before = newer.not_before.max(older.not_before);
        let disabled = newer.disabled || older.disabled;
        let (sets, changed) = join_sets(newer.sets, older.sets);
        if changed {
            facts.push("its key sets stay retired");
        }
        (Self { not_before, disabled, sets, ..newer }, facts)
    }

    /// Whether `keys` is still the active set.
    pub(crate) fn has_active(&self, keys: &KeySet) -> bool {
        let kid = keys.signing.kid();
        self.sets.iter().any(|set| set.header.state == KeySetState::Active && set.header.sig_kid == kid)
    }

    /// Whether parsing its keys would hold up other requests.
    pub(crate) fn is_slow_to_load(&self) -> bool {
        let rsa = |set: &StoredKeySet| {
            set.header.sig_alg.default_bits().max(set.header.enc_alg.default_bits()) >= MIN_RSA_BITS
        };
        self.sets.len() > MANY_SETS || self.sets.iter().any(rsa)
    }
}

/// The sets of the newer copy, each in the later state of the two copies. A set of the older copy alone has retired and stays dropped.
/// But one set must be active: of two copies that went separate ways, the older one's active set stays. Also returns whether the older
/// copy's sets were different.
fn join_sets(newer: Vec<StoredKeySet>, older: Vec<StoredKeySet>) -> (Vec<StoredKeySet>, bool) {
    let states = |sets: &[StoredKeySet]| -> Vec<(String, KeySetState)> {
        sets.iter().map(|set| (set.header.sig_kid.clone(), set.header.state)).collect()
    };
    let before = states(&older);
    let mut sets = newer;
    for set in &mut sets {
        let known = older.iter().find(|known| known.header.sig_kid == set.header.sig_kid);
        set.header.state = known.map_or(set.header.state, |known| set.header.state.join(known.header.state));
    }
    if !sets.iter().any(|set| set.header.state == KeySetState::Active) {
        sets.extend(older.into_iter().filter(|set| set.header.state == KeySetState::Active));
        sets.sort_by_key(|set| std::cmp::Reverse(set.header.created_at_ms));
    }
    let changed = states(&sets) != before;
    (sets, changed)
}

impl KeySetHeader {
    pub(super) fn of(keys: &KeySet, state: KeySetState) -> Self {
        Self {
            state,
            sig_kid: keys.signing.kid().to_owned(),
            sig_alg: keys.signing.algorithm(),
            enc_alg: keys.encryption.algorithm(),
            cont_enc: keys.content,
            created_at_ms: keys.created_at.millis(),
            expires_at_ms: keys.expires_at.millis(),
            policy: keys.policy.clone(),
            shown: Some(ShownOfKeys {
                sig_bits: keys.public_signing_key().bits(),
                enc_kid: keys.encryption.kid().to_owned(),
                enc_bits: keys.public_encryption_key().bits(),
            }),
        }
    }
}

impl fmt::Debug for StoredKeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredKeySet").field("sig_kid", &self.header.sig_kid).finish_non_exhaustive()
    }
}

impl StoredKeySet {
    /// A set in its stored form.
    pub(crate) fn new(keys: &KeySet, state: KeySetState) -> Result<Self, jwtis_jose::KeyError> {
        Ok(Self {
            header: KeySetHeader::of(keys, state),
            signing: keys.signing.to_pkcs8_der()?,
            encryption: keys.encryption.to_pkcs8_der()?,
        })
    }

    pub(super) fn load(&self) -> Result<RingEntry, DecodeError> {
        let header = &self.header;
        Ok(RingEntry {
            state: header.state,
            keys: Arc::new(KeySet {
                signing: SigningKey::from_pkcs8_der(header.sig_alg, &self.signing)
                    .map_err(DecodeError::new)?,
                encryption: DecryptionKey::from_pkcs8_der(header.enc_alg, &self.encryption)
                    .map_err(DecodeError::new)?,
                content: header.cont_enc,
                policy: header.policy.clone(),
                created_at: Timestamp::from_millis(header.created_at_ms),
                expires_at: Timestamp::from_millis(header.expires_at_ms),
            }),
        })
    }
}

#[derive(Serialize, Deserialize)]
struct ClientHeader {
    kid: String,
    /// Records of earlier releases do not have it.
    #[serde(default)]
    registration: Option<Uuid>,
    created_at_ms: u64,
    token_hash: [u8; 32],
    not_before_ms: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    disabled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    granted: Option<KeyPlan>,
    sets: Vec<KeySetHeader>,
}

impl Record for ClientRecord {
    const TABLE: Table = Table { id: 1, name: "clients", time_ordered: false };

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let header = ClientHeader {
            kid: self.id.as_str().to_owned(),
            registration: Some(self.registration.uuid()),
            created_at_ms: self.created_at.millis(),
            token_hash: *self.token_hash.as_bytes(),
            not_before_ms: self.not_before.millis(),
            disabled: self.disabled,
            granted: self.granted.clone(),
            sets: self.sets.iter().map(|set| set.header.clone()).collect(),
        };
        let header = to_json(&header);
        let parts = || {
            std::iter::once(header.as_slice())
                .chain(self.sets.iter().flat_map(|set| [set.signing.as_slice(), set.encryption.as_slice()]))
        };
        // One exact allocation: a vector that grows would leave copies of the keys behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(parts().map(|part| part.len() + 4).sum()));
        for part in parts() {
            bytes.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut rest = bytes;
        let header: ClientHeader = serde_json::from_slice(take(&mut rest)?).map_err(DecodeError::new)?;
        let mut sets = Vec::with_capacity(header.sets.len());
        for set in header.sets {
            let signing = Zeroizing::new(take(&mut rest)?.to_vec());
            let encryption = Zeroizing::new(take(&mut rest)?.to_vec());
            sets.push(StoredKeySet { header: set, signing, encryption });
        }
        if !rest.is_empty() {
            return Err(DecodeError::new("bytes are left over"));
        }
        let id = header.kid.parse().map_err(|_| DecodeError::new("the kid is not valid"))?;
        let created_at = Timestamp::from_millis(header.created_at_ms);
        let token_hash = SecretHash::from_bytes(header.token_hash);
        let registration = header.registration.map(RegistrationId::from_uuid);
        Ok(Self {
            registration: registration.unwrap_or_else(|| RegistrationId::of(&id, created_at, token_hash)),
            id,
            created_at,
            token_hash,
            not_before: Timestamp::from_millis(header.not_before_ms),
            disabled: header.disabled,
            granted: header.granted,
            sets,
        })
    }
}

fn take<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], DecodeError> {
    let short = || DecodeError::new("the record ends too early");
    let (length, tail) = rest.split_first_chunk::<4>().ok_or_else(short)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| short())?;
    let (part, tail) = tail.split_at_checked(length).ok_or_else(short)?;
    *rest = tail;
    Ok(part)
}

#[cfg(test)]
impl ClientRecord {
    /// With private keys that are none.
    pub(crate) fn garble_keys(&mut self) {
        for set in &mut self.sets {
            set.signing = Zeroizing::new(vec![7]);
            set.encryption = Zeroizing::new(vec![7]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::plan::{KeyDefaults, KeyOptions};
    use jwtis_base::env::Env;
    use jwtis_store::Version;

    #[test]
    fn a_record_of_a_release_without_switch_and_grant_reads_as_enabled_and_granted_by_its_keys() {
        let id: ClientId = "shop".parse().unwrap();
        let plan = KeyPlan::for_registration(&id, &KeyOptions::default(), &KeyDefaults::default()).unwrap();
        let keys = plan.generate(&Env::system()).unwrap();
        let mut record = ClientRecord::new(id, SecretHash::from_bytes([7; 32]), &keys).unwrap();
        record.granted = None;
        let bytes = record.encode();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("disabled") && !text.contains("granted"), "as the release before wrote it");
        let client = ClientRecord::decode(&bytes).unwrap().load(Version(1)).unwrap();
        assert!(!client.is_disabled());
        assert_eq!(format!("{:?}", client.granted()), format!("{:?}", KeyPlan::of(&keys)));
        record.disabled = true;
        assert!(ClientRecord::decode(&record.encode()).unwrap().disabled);
    }
}

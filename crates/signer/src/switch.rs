//! Signing keys that the operator has switched off: they sign and prove nothing until they are switched on again.
//!
//! Each is a record of the store, so that it outlives a restart and the configuration. It is looked for at each request, and once more right
//! before the key is used. What was read is kept until the change feed tells of a switch, before the switch is acknowledged: so a switch
//! takes effect at once, and a slow store holds up no key that needs nothing else of it. Without a store there are no switches.

use jwtis_base::audit::{Actor, Event};
use jwtis_base::env::{Env, Timestamp};
use jwtis_store::{
    Cache, DecodeError, Name, NotWritten, OutcomeUnknown, ReadError, Record, Store, Table, settled,
};
use jwtis_tezos::PublicKeyHash;
use zeroize::Zeroizing;

/// The switches of a store.
#[derive(Clone, Debug)]
pub struct KeySwitches {
    store: Store,
    env: Env,
    /// When each key was disabled, as far as it was read.
    disabled: Cache<PublicKeyHash, Option<Timestamp>>,
}

/// Most keys that are kept. The configuration lists them, so they are few.
const MOST_KEPT: usize = 100_000;

/// A switch that was not moved.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the texts say it")]
pub enum SwitchError {
    #[error("the signer has no store, so keys cannot be disabled at run time")]
    NoStore,
    #[error("it cannot be read whether the key is disabled")]
    Read(#[from] ReadError),
    #[error("the switch of the key cannot be written")]
    Store(#[from] NotWritten),
    /// The switch may have been moved, and may move in a moment.
    #[error("it is not known whether the switch of the key was moved: repeat the request")]
    OutcomeUnknown(#[from] OutcomeUnknown),
}

impl KeySwitches {
    /// The switches of `store`.
    #[must_use]
    pub fn new(store: Store, env: Env) -> Self {
        let disabled = Cache::following(&store, &DisabledKey::TABLE, MOST_KEPT, |_| 1);
        Self { store, env, disabled }
    }

    /// When the key was disabled, if it is.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn disabled_since(&self, key: &PublicKeyHash) -> Result<Option<Timestamp>, ReadError> {
        let missed = match self.disabled.find(key) {
            Ok(since) => return Ok(since),
            Err(missed) => missed,
        };
        let text = key.to_string();
        let name = Name::plain(&text);
        let since = self.store.get::<DisabledKey>(name).await?.map(|stored| stored.value.since);
        self.disabled.keep(missed, *key, self.store.key_of::<DisabledKey>(name), &since);
        Ok(since)
    }

    /// Disables the key; one that is disabled stays so. Returns whether that changed anything.
    ///
    /// # Errors
    /// When the store cannot be written. After [`SwitchError::OutcomeUnknown`] another call decides.
    pub async fn disable(&self, key: &PublicKeyHash, by: &Switcher) -> Result<bool, SwitchError> {
        let name = key.to_string();
        let now = self.env.now();
        let event = Event::SigningKeyDisabled(&name).by(by.0, now);
        let record = DisabledKey { since: now };
        let transaction = self.store.transaction().create(Name::plain(&name), &record);
        let moved = settled::<SwitchError>(self.store.commit(transaction.append(event.record())).await)?;
        if moved {
            event.log();
        }
        Ok(moved)
    }

    /// Enables the key; one that is enabled stays so. Returns whether that changed anything.
    ///
    /// # Errors
    /// When the store cannot be read or written. After [`SwitchError::OutcomeUnknown`] another call decides.
    pub async fn enable(&self, key: &PublicKeyHash, by: &Switcher) -> Result<bool, SwitchError> {
        let name = key.to_string();
        let Some(stored) = self.store.get::<DisabledKey>(Name::plain(&name)).await? else {
            return Ok(false);
        };
        let event = Event::SigningKeyEnabled(&name).by(by.0, self.env.now());
        let transaction = self.store.transaction().delete::<DisabledKey>(Name::plain(&name), stored.version);
        // Else somebody else enabled it at the same moment.
        let moved = settled::<SwitchError>(self.store.commit(transaction.append(event.record())).await)?;
        if moved {
            event.log();
        }
        Ok(moved)
    }
}

/// Proof that somebody may move a switch, and who it is, for the audit trail. [`crate::Signer::admin`] makes one.
#[derive(Debug)]
pub struct Switcher(pub(crate) Actor);

impl Switcher {
    /// The operator, who has opened the store with its password.
    #[must_use]
    pub const fn operator() -> Self {
        Self(Actor::Operator)
    }
}

/// A key that is disabled, by its address.
#[derive(PartialEq, Eq)]
pub(crate) struct DisabledKey {
    pub(crate) since: Timestamp,
}

impl Record for DisabledKey {
    const TABLE: Table = Table { id: 13, name: "disabled_keys", time_ordered: false };

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.since.millis().to_be_bytes().to_vec())
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let millis = bytes.try_into().map_err(|_| DecodeError::new("a disabled key has 8 bytes"))?;
        Ok(Self { since: Timestamp::from_millis(u64::from_be_bytes(millis)) })
    }
}

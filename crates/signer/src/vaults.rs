//! The configuration of one moment: the rules that judge a request, its vaults, and which of them holds which key.
//!
//! A request takes rules and vaults at once and keeps them to its end. A reload puts another snapshot into force for the requests that come
//! later, so no request meets the guard of one configuration and the policy or the vaults of another.
//!
//! Vaults are asked in the order of the configuration. What was found is remembered until the vaults are replaced, and that a key is nowhere
//! for [`ABSENCE`]. A vault that cannot be asked is passed over: its own keys are missed, those of others are not. One listing serves all
//! who wait for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use jwtis_base::env::{Env, Timestamp};
use jwtis_tezos::{PublicKey, PublicKeyHash};
use tokio::sync::Mutex;

use crate::rules::Rules;
use crate::text::in_one_line;
use crate::vault::{Vault, VaultError};

/// How long a key that was nowhere stays nowhere.
const ABSENCE: Duration = Duration::from_secs(3);
/// How long we tell those who only look for a key that a vault cannot be asked, before we ask it again.
const FAILURE: Duration = Duration::from_secs(1);
/// The longest that a vault may take to list its keys.
const LISTING: Duration = Duration::from_secs(5);
/// The longest that all vaults may take to say that they are ready.
const READINESS: Duration = Duration::from_secs(10);

/// Rules and vaults of one configuration.
pub struct ConfigSnapshot {
    pub(crate) rules: Arc<Rules>,
    pub(crate) vaults: Arc<Vaults>,
}

impl ConfigSnapshot {
    /// What the operator has decided.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The public key of a hash, of any vault; of listed keys only where the rules say so.
    ///
    /// # Errors
    /// [`NotHeld`].
    pub async fn public_key(&self, key: &PublicKeyHash) -> Result<PublicKey, NotHeld> {
        if self.rules.restrict_public_keys == Some(true) && !self.rules.keys.contains_key(key) {
            return Err(NotHeld::Nowhere);
        }
        Ok(self.vaults.find(key, Why::Look).await?.public_key.clone())
    }

    /// The listed keys that some vault holds; `None` where the rules do not tell.
    pub async fn known_keys(&self) -> Option<Vec<PublicKeyHash>> {
        if !self.rules.known_keys {
            return None;
        }
        Some(self.vaults.held(self.rules.keys.keys().copied()).await)
    }

    /// Whether all vaults can work, for `/healthz`.
    pub async fn ready(&self) -> bool {
        self.vaults.ready().await
    }
}

impl fmt::Debug for ConfigSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigSnapshot").finish_non_exhaustive()
    }
}

/// A key and its holder.
pub(crate) struct Held {
    pub(crate) public_key: PublicKey,
    pub(crate) vault: Vault,
    place: usize,
}

/// What a key is looked for.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Why {
    /// To sign: the key is listed, and whoever asks may use it.
    Use,
    /// To show it to anybody.
    Look,
}

/// Why a key is not found.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotHeld {
    /// No vault has it.
    #[error("this key not found in any vault")]
    Nowhere,
    /// No vault that could be asked has it, and this one could not.
    #[error(transparent)]
    Unknown(VaultError),
}

/// The vaults of one configuration, and what they were found to hold.
pub(crate) struct Vaults {
    env: Env,
    vaults: Vec<Vault>,
    known: RwLock<FoundKeys>,
    /// Held by the one that lists, for all who wait.
    turn: Mutex<()>,
}

#[derive(Default)]
struct FoundKeys {
    keys: BTreeMap<PublicKeyHash, Arc<Held>>,
    /// When all vaults were last asked, and all answered.
    complete_at: Option<Timestamp>,
    /// Listings that have begun.
    begun: u64,
    /// The last listing that went through all vaults, if one of them could not be asked.
    failed: Option<Failed>,
    /// What the operator has been told: vaults without keys, and keys in two vaults.
    told_empty: BTreeSet<usize>,
    told_twice: BTreeSet<PublicKeyHash>,
}

/// A listing that is not complete.
struct Failed {
    number: u64,
    at: Timestamp,
    why: VaultError,
}

impl FoundKeys {
    /// What needs no question: where the key is, or that it is nowhere.
    fn answer(&self, key: &PublicKeyHash, now: Timestamp) -> Option<Result<Arc<Held>, NotHeld>> {
        match self.keys.get(key) {
            Some(held) => Some(Ok(Arc::clone(held))),
            None => self.is_fresh(now).then_some(Err(NotHeld::Nowhere)),
        }
    }

    /// Whether all vaults were asked a moment ago.
    fn is_fresh(&self, now: Timestamp) -> bool {
        self.complete_at.is_some_and(|at| is_within(ABSENCE, at, now))
    }

    /// Why the last listing was not complete, if it is too early for another: one has failed that began after the listings
    /// `begun_before`, or, for those who only look, a moment ago.
    fn failure(&self, begun_before: u64, why: Why, now: Timestamp) -> Option<VaultError> {
        let failed = self.failed.as_ref()?;
        let is_recent = why == Why::Look && is_within(FAILURE, failed.at, now);
        (failed.number > begun_before || is_recent).then(|| failed.why.clone())
    }

    /// Takes in what a vault lists. A key that is in two vaults is that of the first.
    fn absorb(&mut self, place: usize, vault: &Vault, keys: Vec<PublicKey>) {
        if keys.is_empty() && self.told_empty.insert(place) {
            tracing::error!(vault = vault.backend.kind(), "No valid keys found in the vault {}", vault.name);
        }
        for public_key in keys {
            let hash = public_key.hash();
            if let Some(other) = self.keys.get(&hash).filter(|other| other.place != place) {
                let (first, second) =
                    if other.place < place { (&other.vault, vault) } else { (vault, &other.vault) };
                if self.told_twice.insert(hash) {
                    tracing::warn!(
                        key = %hash, used = first.name, ignored = second.name,
                        "a key is in two vaults: the first in the order of the configuration is used"
                    );
                }
                if other.place < place {
                    continue;
                }
            }
            self.keys.insert(hash, Arc::new(Held { public_key, vault: vault.clone(), place }));
        }
    }
}

impl Vaults {
    pub(crate) fn new(env: Env, vaults: Vec<Vault>) -> Self {
        Self { env, vaults, known: RwLock::default(), turn: Mutex::default() }
    }

    /// The holder of a key.
    pub(crate) async fn find(&self, key: &PublicKeyHash, why: Why) -> Result<Arc<Held>, NotHeld> {
        if let Some(answer) = self.known().answer(key, self.env.now()) {
            return answer;
        }
        let begun_before = self.known().begun;
        let _turn = self.turn.lock().await;
        {
            // Whoever had the turn before may have found it, or have asked everybody since we began to wait.
            let known = self.known();
            if let Some(answer) = known.answer(key, self.env.now()) {
                return answer;
            }
            if let Some(failure) = known.failure(begun_before, why, self.env.now()) {
                return Err(NotHeld::Unknown(failure));
            }
        }
        self.list(Some(key)).await
    }

    /// Which of these keys some vault holds. Those of vaults that cannot be asked are missing.
    pub(crate) async fn held(&self, keys: impl Iterator<Item = PublicKeyHash>) -> Vec<PublicKeyHash> {
        self.refresh().await;
        let known = self.known();
        keys.filter(|key| known.keys.contains_key(key)).collect()
    }

    /// Whether every vault can work.
    pub(crate) async fn ready(&self) -> bool {
        let all = async {
            for vault in &self.vaults {
                if !vault.backend.ready().await {
                    return false;
                }
            }
            true
        };
        tokio::time::timeout(READINESS, all).await.unwrap_or(false)
    }

    async fn refresh(&self) {
        let begun_before = self.known().begun;
        let _turn = self.turn.lock().await;
        let is_recent = {
            let known = self.known();
            known.is_fresh(self.env.now()) || known.failure(begun_before, Why::Look, self.env.now()).is_some()
        };
        if !is_recent {
            // What could not be asked is in the log.
            drop(self.list(None).await);
        }
    }

    /// Asks one vault after the other, until `wanted` is found. Needs the turn.
    async fn list(&self, wanted: Option<&PublicKeyHash>) -> Result<Arc<Held>, NotHeld> {
        let began = self.env.now();
        let number = self.known().begun.saturating_add(1);
        self.known_mut().begun = number;
        let mut failure = None;
        for (place, vault) in self.vaults.iter().enumerate() {
            match keys_of(vault).await {
                Ok(keys) => self.known_mut().absorb(place, vault, keys),
                Err(error) => {
                    tracing::error!(
                        vault = vault.backend.kind(),
                        vault_name = vault.name,
                        error = in_one_line(&error),
                        "a vault cannot list its keys and is passed over"
                    );
                    failure.get_or_insert(error);
                }
            }
            if let Some(held) = wanted.and_then(|wanted| self.known().keys.get(wanted).cloned()) {
                return Ok(held);
            }
        }
        let mut known = self.known_mut();
        match failure {
            Some(why) => {
                known.failed = Some(Failed { number, at: self.env.now(), why: why.clone() });
                Err(NotHeld::Unknown(why))
            }
            None => {
                known.complete_at = Some(began);
                Err(NotHeld::Nowhere)
            }
        }
    }

    fn known(&self) -> RwLockReadGuard<'_, FoundKeys> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn known_mut(&self) -> RwLockWriteGuard<'_, FoundKeys> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A clock that was set back makes nothing recent.
fn is_within(period: Duration, at: Timestamp, now: Timestamp) -> bool {
    at <= now && now.since(at) < period
}

async fn keys_of(vault: &Vault) -> Result<Vec<PublicKey>, VaultError> {
    let late = || VaultError::new(vault.backend.kind(), "the vault did not list its keys in time");
    tokio::time::timeout(LISTING, vault.backend.keys()).await.unwrap_or_else(|_| Err(late()))
}

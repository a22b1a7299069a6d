//! Key sets. Each has a signing pair and an encryption pair, and the policy of the tokens made with them.
//!
//! A client has a ring of key sets. One is active. Earlier ones are retiring: they verify and decrypt until their last token has expired.
//! Then they are retired and leave the ring. The kid of a key is its RFC 7638 thumbprint.

pub mod grant;
pub mod plan;
pub mod rotation;

use std::fmt;
use std::sync::Arc;

use jwtis_base::env::Timestamp;
use jwtis_jose::{ContentEncryption, DecryptionKey, Jwk, JwkSet, SigningKey};

use crate::policy::TokenPolicy;
use rotation::KeySetState;

/// Keys of this size are RSA keys, which are slow: no curve has as many bits.
pub(crate) const MIN_RSA_BITS: u32 = 2048;

/// A signing pair and an encryption pair, parsed.
pub struct KeySet {
    pub(crate) signing: SigningKey,
    pub(crate) encryption: DecryptionKey,
    pub(crate) content: ContentEncryption,
    pub(crate) policy: TokenPolicy,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

impl KeySet {
    /// Public half of the signing key, which verifies access tokens.
    pub fn public_signing_key(&self) -> &Jwk {
        self.signing.public_jwk()
    }

    /// Public half of the encryption key. Clients do not need it: the server encrypts and decrypts refresh tokens itself.
    pub fn public_encryption_key(&self) -> &Jwk {
        self.encryption.public_jwk()
    }

    /// Whether no token can be made with the set any more.
    pub(crate) const fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.seconds() <= now.seconds()
    }

    pub(crate) fn signs_slowly(&self) -> bool {
        self.signing.public_jwk().bits() >= MIN_RSA_BITS
    }

    /// Policy of the tokens made with these keys.
    pub const fn policy(&self) -> &TokenPolicy {
        &self.policy
    }

    /// When the set was made.
    pub const fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// No token of this set outlives this moment, and none is made after it.
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet")
            .field("signing", &self.signing.kid())
            .field("encryption", &self.encryption.kid())
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// A key set and its state.
#[derive(Clone, Debug)]
pub struct RingEntry {
    /// Stored state. [`KeySetState::at`] gives the state at a moment.
    pub state: KeySetState,
    /// The keys.
    pub keys: Arc<KeySet>,
}

/// All key sets of a client, newest first. Exactly one is active.
#[derive(Clone, Debug)]
pub struct KeyRing {
    active: Arc<KeySet>,
    entries: Vec<RingEntry>,
}

impl KeyRing {
    /// A ring of the given entries.
    ///
    /// # Errors
    /// Unless exactly one entry is active: such a record was not written by us.
    pub fn new(entries: Vec<RingEntry>) -> Result<Self, InvalidRing> {
        let mut active = entries.iter().filter(|entry| entry.state == KeySetState::Active);
        match (active.next(), active.next()) {
            (Some(entry), None) => Ok(Self { active: Arc::clone(&entry.keys), entries }),
            _ => Err(InvalidRing),
        }
    }

    /// The set that makes tokens. It may have expired.
    pub const fn active(&self) -> &Arc<KeySet> {
        &self.active
    }

    /// The sets that verify and decrypt at `now`: the active and the retiring ones.
    pub fn usable(&self, now: Timestamp) -> impl Iterator<Item = &KeySet> {
        self.entries.iter().filter(move |entry| entry.state.at(now).verifies()).map(|entry| &*entry.keys)
    }

    pub(crate) fn decrypts_slowly(&self) -> bool {
        self.entries.iter().any(|entry| entry.keys.encryption.public_jwk().bits() >= MIN_RSA_BITS)
    }

    /// Every signing key that a verifier may still meet, newest first.
    pub fn jwks(&self, now: Timestamp) -> JwkSet {
        JwkSet { keys: self.usable(now).map(|keys| keys.public_signing_key().clone()).collect() }
    }

    /// All entries, newest first.
    pub fn entries(&self) -> &[RingEntry] {
        &self.entries
    }
}

/// A client record without exactly one active key set.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the record does not hold exactly one active key set")]
pub struct InvalidRing;

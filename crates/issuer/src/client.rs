//! A client: an application server that registers once and then asks for tokens made with keys of its own.

mod cache;
pub(crate) mod left;
mod record;
pub(crate) mod summary;
mod token;

pub(crate) use cache::ClientCache;
pub(crate) use record::{ClientFact, ClientRecord, MAX_KEPT_SETS, StoredKeySet, client_name};
pub(crate) use token::{ClientToken, TokenName};

use std::fmt;
use std::str::FromStr;

use jwtis_base::bearer::SecretHash;
use jwtis_base::client_id::ClientId;
use jwtis_base::env::Timestamp;
use jwtis_base::registration_id::RegistrationId;
use jwtis_base::ttl::Ttl;
use serde::{Deserialize, Serialize};

use crate::key::KeyRing;
use crate::key::plan::KeyPlan;

/// When a renewal makes a new refresh token. Ordered: a later one is stricter, because it lets a refresh token live shorter.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub enum RefreshStrategy {
    /// Never: the presented refresh token stays in use until it expires.
    #[default]
    #[serde(rename = "noRefresh")]
    NoRefresh,
    /// When less than 0.3 of the refresh token's life is left.
    #[serde(rename = "refreshOnExpire")]
    RefreshOnExpire,
    /// At every renewal.
    #[serde(rename = "refreshBoth")]
    RefreshBoth,
}

impl RefreshStrategy {
    /// All strategies, weakest first.
    pub const ALL: [Self; 3] = [Self::NoRefresh, Self::RefreshOnExpire, Self::RefreshBoth];

    /// What the strategy gives up, in one line.
    #[must_use]
    pub const fn notice(self) -> Option<&'static str> {
        match self {
            Self::NoRefresh => Some(
                "noRefresh: a stolen refresh token is never noticed and renews until it expires; refreshBoth notices it",
            ),
            Self::RefreshOnExpire => Some(
                "refreshOnExpire: a stolen refresh token is noticed only once the token has been replaced, near its end; refreshBoth notices it at its second use",
            ),
            Self::RefreshBoth => None,
        }
    }

    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoRefresh => "noRefresh",
            Self::RefreshOnExpire => "refreshOnExpire",
            Self::RefreshBoth => "refreshBoth",
        }
    }
}

/// The text names no refresh strategy.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the refresh strategy is one of noRefresh, refreshOnExpire, refreshBoth")]
pub struct UnknownStrategy;

impl FromStr for RefreshStrategy {
    type Err = UnknownStrategy;

    fn from_str(text: &str) -> Result<Self, UnknownStrategy> {
        Self::ALL.into_iter().find(|strategy| strategy.name() == text).ok_or(UnknownStrategy)
    }
}

impl fmt::Display for RefreshStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How long a client's tokens live and what they say by default. Belongs to a key set, so that a change of it comes with new keys and
/// never reaches back to tokens that are out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TokenPolicy {
    /// Longest life of an access token.
    pub auth_ttl: Ttl,
    /// Longest life of a refresh token.
    pub refresh_ttl: Ttl,
    /// When renewals make a new refresh token, at least.
    pub refresh_strategy: RefreshStrategy,
    /// `iss` of every token.
    pub issuer: String,
    /// `aud` of tokens whose claims name none: one name or several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audience: Vec<String>,
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strategies_are_ordered_by_strictness() {
        assert!(RefreshStrategy::NoRefresh < RefreshStrategy::RefreshOnExpire);
        assert!(RefreshStrategy::RefreshOnExpire < RefreshStrategy::RefreshBoth);
        for strategy in RefreshStrategy::ALL {
            assert_eq!(strategy.name().parse(), Ok(strategy));
            assert_eq!(serde_json::to_value(strategy).unwrap(), strategy.name());
        }
    }
}

//! A client: an application server that registers once and then asks for tokens made with keys of its own.

mod cache;
mod record;
mod registration;
pub(crate) mod summary;
mod token;

pub(crate) use cache::ClientCache;
pub(crate) use record::{ClientRecord, MAX_KEPT_SETS, StoredKeySet, client_name};
pub use registration::{InvalidRegistrationId, RegistrationId};
pub(crate) use token::{ClientToken, TokenName};

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::access::SecretHash;
use crate::env::Timestamp;
use crate::key::KeyRing;
use crate::key::plan::KeyPlan;
use crate::ttl::Ttl;

/// Name of a client, the `kid` of the API: 1 to 128 of `A-Z a-z 0-9 . _ - ~` (the unreserved characters of RFC 3986 §2.3).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(String);

/// The text is no client name.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a kid has 1 to 128 characters out of A-Z a-z 0-9 . _ - ~")]
pub struct InvalidClientId;

impl ClientId {
    /// Longest name, in characters.
    pub const MAX_CHARS: usize = 128;

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClientId {
    type Err = InvalidClientId;

    fn from_str(text: &str) -> Result<Self, InvalidClientId> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'~');
        if text.is_empty()
            || text.len() > Self::MAX_CHARS
            || !text.bytes().all(allowed)
            || matches!(text, "." | "..")
        {
            return Err(InvalidClientId);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

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
    fn a_kid_is_what_fits_a_path_segment() {
        for good in ["a", "shop", "A-Z.a_z~09", &"x".repeat(128)] {
            assert!(good.parse::<ClientId>().is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a b", "a/b", "ü", "a\n", "a%20", &"x".repeat(129)] {
            assert!(bad.parse::<ClientId>().is_err(), "{bad:?}");
        }
    }

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

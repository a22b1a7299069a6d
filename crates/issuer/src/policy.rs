//! The policy of a client's tokens: their lives, default claims, and when a renewal replaces the refresh token.

use std::fmt;
use std::str::FromStr;

use jwtis_base::ttl::Ttl;
use serde::{Deserialize, Serialize};

/// When a renewal makes a new refresh token. A later strategy is stricter.
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

    /// The risk of the strategy, in one line.
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
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoRefresh => "noRefresh",
            Self::RefreshOnExpire => "refreshOnExpire",
            Self::RefreshBoth => "refreshBoth",
        }
    }
}

/// The text is not the name of a refresh strategy.
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

/// The policy of tokens. It belongs to a key set, so a change comes with new keys and never affects tokens that were issued before.
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

//! The life of a key set, as pure rules.
//!
//! `pending → active → retiring → retired`. A set is pending until the commit that activates it. `/renew_keys` activates the new set and
//! retires the old one in one commit. Time alone ends a retiring set; housekeeping then drops it.

use std::time::Duration;

use jwtis_base::env::Timestamp;
use serde::{Deserialize, Serialize};

use crate::policy::TokenPolicy;

/// A retiring set is kept this much longer than the longest token life: a request that read the key ring just before a rotation may sign
/// with the old set just after it.
pub const RETIRING_SLACK: Duration = Duration::from_secs(60);

/// Most active and retiring sets of one client. At this number a renewal by the admin ends the oldest retiring set.
pub const MAX_LIVE_SETS: usize = 16;

/// Most of them after a renewal by the client itself. The rest are the admin's: a stolen client token cannot take them all.
pub const MAX_LIVE_SETS_BY_CLIENT: usize = MAX_LIVE_SETS - 2;

/// The state of a key set.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state", content = "until_ms")]
pub enum KeySetState {
    /// Made, not yet in use.
    Pending,
    /// Makes, verifies and decrypts tokens.
    Active,
    /// Verifies and decrypts until the moment given, in milliseconds since the epoch.
    Retiring(u64),
    /// Does nothing any more.
    Retired,
}

/// The stored states do not allow this step.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a key set that is {} cannot become {to}", from.name())]
pub struct ImpossibleStep {
    from: KeySetState,
    to: &'static str,
}

impl KeySetState {
    /// The state at `now`: a retiring set whose time is over is retired.
    #[must_use]
    pub const fn at(self, now: Timestamp) -> Self {
        match self {
            Self::Retiring(until) if until <= now.millis() => Self::Retired,
            Self::Pending | Self::Active | Self::Retiring(_) | Self::Retired => self,
        }
    }

    /// Whether tokens of this set are verified and decrypted. Call it on the result of [`Self::at`].
    #[must_use]
    pub const fn verifies(self) -> bool {
        match self {
            Self::Active | Self::Retiring(_) => true,
            Self::Pending | Self::Retired => false,
        }
    }

    /// Of a set in two copies of a store: the later state.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::Retired, _) | (_, Self::Retired) => Self::Retired,
            (Self::Retiring(one), Self::Retiring(two)) => Self::Retiring(one.min(two)),
            (Self::Retiring(until), _) | (_, Self::Retiring(until)) => Self::Retiring(until),
            (Self::Active, _) | (_, Self::Active) => Self::Active,
            (Self::Pending, Self::Pending) => Self::Pending,
        }
    }

    /// Pending becomes active.
    ///
    /// # Errors
    /// From any other state.
    pub const fn activate(self) -> Result<Self, ImpossibleStep> {
        match self {
            Self::Pending => Ok(Self::Active),
            Self::Active | Self::Retiring(_) | Self::Retired => {
                Err(ImpossibleStep { from: self, to: "active" })
            }
        }
    }

    /// Active becomes retiring until its last token has expired: after the longest life that its policy allows, and no later than the set
    /// itself.
    ///
    /// # Errors
    /// From any other state.
    pub fn retire(
        self,
        now: Timestamp,
        policy: &TokenPolicy,
        expires_at: Timestamp,
    ) -> Result<Self, ImpossibleStep> {
        match self {
            Self::Active => {
                let longest = policy.auth_ttl.max(policy.refresh_ttl).as_duration();
                let until = now.plus(longest).min(expires_at.max(now)).plus(RETIRING_SLACK);
                Ok(Self::Retiring(until.millis()))
            }
            Self::Pending | Self::Retiring(_) | Self::Retired => {
                Err(ImpossibleStep { from: self, to: "retiring" })
            }
        }
    }

    /// Its name in the API, logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Retiring(_) => "retiring",
            Self::Retired => "retired",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::RefreshStrategy;
    use jwtis_base::ttl::Ttl;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn policy() -> TokenPolicy {
        TokenPolicy {
            auth_ttl: Ttl::from_hours(1),
            refresh_ttl: Ttl::from_hours(10),
            refresh_strategy: RefreshStrategy::NoRefresh,
            issuer: "shop".to_owned(),
            audience: Vec::new(),
        }
    }

    fn after(hours: u64) -> Timestamp {
        NOW.plus(Duration::from_secs(hours * 3600))
    }

    #[test]
    fn steps_of_a_life_by_name() {
        use KeySetState::{Active, Pending, Retired, Retiring};
        let retire = |state: KeySetState| state.retire(NOW, &policy(), after(1000));
        let until = after(10).plus(RETIRING_SLACK).millis();
        for (name, outcome, wanted) in [
            ("pending_becomes_active", Pending.activate(), Some(Active)),
            ("active_does_not_become_active_again", Active.activate(), None),
            ("retiring_never_comes_back", Retiring(1).activate(), None),
            ("retired_never_comes_back", Retired.activate(), None),
            ("active_retires_for_the_longest_token_life", retire(Active), Some(Retiring(until))),
            ("pending_cannot_retire", retire(Pending), None),
            ("retiring_is_not_prolonged", retire(Retiring(5)), None),
            ("retired_cannot_retire", retire(Retired), None),
        ] {
            assert_eq!(outcome.ok(), wanted, "{name}");
        }
    }

    #[test]
    fn a_set_retires_no_later_than_its_tokens_can_live() {
        let until = |expires_at| KeySetState::Active.retire(NOW, &policy(), expires_at).unwrap();
        assert_eq!(until(after(2)), KeySetState::Retiring(after(2).plus(RETIRING_SLACK).millis()));
        let long_expired = Timestamp::from_seconds(5);
        assert_eq!(until(long_expired), KeySetState::Retiring(NOW.plus(RETIRING_SLACK).millis()));
    }

    #[test]
    fn of_two_copies_the_later_state_stands() {
        use KeySetState::{Active, Pending, Retired, Retiring};
        for (one, other, wanted) in [
            (Active, Active, Active),
            (Pending, Active, Active),
            (Active, Retiring(7), Retiring(7)),
            (Retiring(9), Retiring(7), Retiring(7)),
            (Active, Retired, Retired),
            (Retiring(9), Retired, Retired),
        ] {
            assert_eq!(one.join(other), wanted, "{one:?} and {other:?}");
            assert_eq!(other.join(one), wanted, "{other:?} and {one:?}");
        }
    }

    #[test]
    fn time_alone_ends_retiring() {
        let state = KeySetState::Retiring(after(1).millis());
        assert!(state.at(Timestamp::from_millis(after(1).millis() - 1)).verifies());
        assert_eq!(state.at(after(1)), KeySetState::Retired);
        assert!(!state.at(after(1)).verifies());
        assert_eq!(KeySetState::Active.at(after(9999)), KeySetState::Active);
    }
}

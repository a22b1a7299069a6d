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
    pub const fn at(self, now: Timestamp) -> Self {
        match self {
            Self::Retiring(until) if until <= now.millis() => Self::Retired,
            Self::Pending | Self::Active | Self::Retiring(_) | Self::Retired => self,
        }
    }

    /// Whether tokens of this set are verified and decrypted. Call it on the result of [`Self::at`].
    pub const fn verifies(self) -> bool {
        match self {
            Self::Active | Self::Retiring(_) => true,
            Self::Pending | Self::Retired => false,
        }
    }

    /// Of a set in two copies of a store: the later state.
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
    use super::KeySetState::{Active, Pending, Retired, Retiring};
    use super::*;
    use crate::policy::RefreshStrategy;
    use jwtis_base::ttl::Ttl;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn after(hours: u64) -> Timestamp {
        NOW.plus(Duration::from_secs(hours * 3600))
    }

    fn retire(state: KeySetState, expires_at: Timestamp) -> Option<KeySetState> {
        let policy = TokenPolicy {
            auth_ttl: Ttl::from_hours(1),
            refresh_ttl: Ttl::from_hours(10),
            refresh_strategy: RefreshStrategy::NoRefresh,
            issuer: "shop".to_owned(),
            audience: Vec::new(),
        };
        state.retire(NOW, &policy, expires_at).ok()
    }

    #[test]
    fn steps_of_a_life_by_name() {
        let until = |moment: Timestamp| Some(Retiring(moment.plus(RETIRING_SLACK).millis()));
        for (name, outcome, wanted) in [
            ("pending_becomes_active", Pending.activate().ok(), Some(Active)),
            ("active_does_not_become_active_again", Active.activate().ok(), None),
            ("retiring_never_comes_back", Retiring(1).activate().ok(), None),
            ("retired_never_comes_back", Retired.activate().ok(), None),
            ("active_retires_for_the_longest_token_life", retire(Active, after(1000)), until(after(10))),
            ("and_no_later_than_its_own_end", retire(Active, after(2)), until(after(2))),
            ("and_now_if_it_has_expired", retire(Active, Timestamp::from_seconds(5)), until(NOW)),
            ("pending_cannot_retire", retire(Pending, after(1000)), None),
            ("retiring_is_not_prolonged", retire(Retiring(5), after(1000)), None),
            ("retired_cannot_retire", retire(Retired, after(1000)), None),
        ] {
            assert_eq!(outcome, wanted, "{name}");
        }
    }

    #[test]
    fn of_two_copies_the_later_state_stands() {
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
        let state = Retiring(after(1).millis());
        assert!(state.at(Timestamp::from_millis(after(1).millis() - 1)).verifies());
        assert_eq!((state.at(after(1)), Retired.verifies()), (Retired, false));
        assert_eq!(Active.at(after(9999)), Active);
    }
}

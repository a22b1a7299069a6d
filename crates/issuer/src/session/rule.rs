//! What a renewal may do, as a pure rule over the session's state.
//!
//! Every rotation raises the session's generation; a refresh token says which generation it is of. The newest one renews. The one
//! before it renews too while the client may not have received the newest: within the grace time and as long as nobody has used the
//! newest. Any other old generation shows that two parties hold tokens of one session, so the session ends (RFC 9700 §4.14.2).

use std::time::Duration;

use jwtis_base::env::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock::Outage;
use crate::policy::RefreshStrategy;

/// What is remembered of a session. A session without a record is in the default state.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SessionState {
    /// Rotations so far.
    pub generation: u64,
    /// When the last rotation was, in milliseconds since the epoch.
    pub rotated_at_ms: u64,
    /// Whether the newest refresh token has been used since: then nobody needs the one before it any more.
    pub confirmed: bool,
    /// Nothing of this session is valid any more.
    pub revoked: bool,
}

/// What to do with a renewal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Renewal {
    /// A new access token; the presented refresh token stays. Nothing to write.
    Keep,
    /// As [`Self::Keep`], and the state must be written first: the newest refresh token has been used.
    KeepAndConfirm(SessionState),
    /// A new pair of the next generation, once the state is written.
    Rotate(SessionState),
    /// A new pair of the present generation: the answer to the last rotation may have been lost. Nothing to write.
    Repeat(u64),
    /// Theft: the state, now revoked, must be written; the answer is a refusal.
    Reuse(SessionState),
    /// The session was revoked before.
    Revoked,
    /// A generation that the store has never seen: it was restored from an older backup. Which of two holders of such tokens is the
    /// right one cannot be told any more, so both are refused.
    Unknown,
}

/// What a presented refresh token is, as far as the rule is concerned.
#[derive(Copy, Clone, Debug)]
pub struct PresentedToken {
    /// Its generation.
    pub generation: u64,
    /// When it was made, in seconds since the epoch.
    pub issued_at: u64,
    /// When it expires, in seconds since the epoch.
    pub expires_at: u64,
}

/// How long the refresh token before the newest one is answered: the answer that brought the newest may have been lost.
#[derive(Copy, Clone, Debug)]
pub struct Grace {
    /// From the rotation on.
    pub length: Duration,
    /// The server was down between these moments. A rotation that was less than the grace before the last commit had part of its grace
    /// left then: for it the grace counts from the start.
    pub outage: Option<Outage>,
}

impl Grace {
    /// Whether a token that was rotated away at `rotated_at` is still answered at `now`.
    fn covers(self, rotated_at: Timestamp, now: Timestamp) -> bool {
        let from = match self.outage {
            Some(outage) if outage.last_commit.since(rotated_at) < self.length => {
                rotated_at.max(outage.started)
            }
            Some(_) | None => rotated_at,
        };
        !self.length.is_zero() && now.since(from) <= self.length
    }
}

/// Decides a renewal of `presented` under `strategy` at `now`.
#[must_use]
pub fn renew(
    state: &SessionState,
    presented: PresentedToken,
    strategy: RefreshStrategy,
    now: Timestamp,
    grace: Grace,
) -> Renewal {
    if state.revoked {
        return Renewal::Revoked;
    }
    if presented.generation > state.generation {
        return Renewal::Unknown;
    }
    if presented.generation < state.generation {
        let previous = presented.generation.checked_add(1) == Some(state.generation);
        let rotated_at = Timestamp::from_millis(state.rotated_at_ms);
        if previous && !state.confirmed && grace.covers(rotated_at, now) {
            return Renewal::Repeat(state.generation);
        }
        return Renewal::Reuse(SessionState { revoked: true, ..state.clone() });
    }
    if is_due(strategy, presented, now) {
        return Renewal::Rotate(SessionState {
            generation: state.generation.saturating_add(1),
            rotated_at_ms: now.millis(),
            confirmed: false,
            revoked: false,
        });
    }
    if state.generation > 0 && !state.confirmed {
        return Renewal::KeepAndConfirm(SessionState { confirmed: true, ..state.clone() });
    }
    Renewal::Keep
}

/// Whether a renewal of `presented` would be granted: it is neither revoked nor spent nor unknown.
#[must_use]
pub fn is_renewable(state: &SessionState, presented: PresentedToken, now: Timestamp, grace: Grace) -> bool {
    match renew(state, presented, RefreshStrategy::NoRefresh, now, grace) {
        Renewal::Keep | Renewal::KeepAndConfirm(_) | Renewal::Rotate(_) | Renewal::Repeat(_) => true,
        Renewal::Reuse(_) | Renewal::Revoked | Renewal::Unknown => false,
    }
}

/// Whether a renewal makes a new refresh token.
#[must_use]
pub fn is_due(strategy: RefreshStrategy, presented: PresentedToken, now: Timestamp) -> bool {
    match strategy {
        RefreshStrategy::NoRefresh => false,
        RefreshStrategy::RefreshBoth => true,
        RefreshStrategy::RefreshOnExpire => {
            let life = u128::from(presented.expires_at.saturating_sub(presented.issued_at));
            let left = u128::from(presented.expires_at.saturating_sub(now.seconds()));
            left * 10 < life * 3
        }
    }
}

/// The stricter of what the client registered and what a call asks for. A call never weakens.
#[must_use]
pub fn effective(stored: RefreshStrategy, asked: Option<RefreshStrategy>) -> RefreshStrategy {
    asked.map_or(stored, |asked| asked.max(stored))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Grace = Grace { length: Duration::from_secs(30), outage: None };
    const T0: u64 = 1_000_000;

    fn state(generation: u64, confirmed: bool) -> SessionState {
        SessionState { generation, rotated_at_ms: T0 * 1000, confirmed, revoked: false }
    }

    fn presented(generation: u64) -> PresentedToken {
        PresentedToken { generation, issued_at: T0, expires_at: T0 + 1000 }
    }

    fn rotated(generation: u64, at: u64) -> Renewal {
        Renewal::Rotate(SessionState {
            generation,
            rotated_at_ms: at * 1000,
            confirmed: false,
            revoked: false,
        })
    }

    fn theft(state: SessionState) -> Renewal {
        Renewal::Reuse(SessionState { revoked: true, ..state })
    }

    #[test]
    fn renewals_by_name() {
        use RefreshStrategy::{NoRefresh, RefreshBoth, RefreshOnExpire};
        let revoked = SessionState { revoked: true, ..state(1, false) };
        for (name, before, generation, strategy, at, wanted) in [
            ("a_fresh_session_rotates", SessionState::default(), 0, RefreshBoth, 5, rotated(1, T0 + 5)),
            ("without_refresh_nothing_is_written", SessionState::default(), 0, NoRefresh, 5, Renewal::Keep),
            ("the_newest_generation_rotates_on", state(1, false), 1, RefreshBoth, 5, rotated(2, T0 + 5)),
            (
                "the_newest_rotates_long_after_the_grace",
                state(1, false),
                1,
                RefreshBoth,
                900,
                rotated(2, T0 + 900),
            ),
            ("a_lost_answer_is_repeated_at_once", state(1, false), 0, RefreshBoth, 0, Renewal::Repeat(1)),
            (
                "a_lost_answer_is_repeated_at_the_end_of_the_grace",
                state(1, false),
                0,
                RefreshBoth,
                30,
                Renewal::Repeat(1),
            ),
            (
                "a_lost_answer_is_repeated_under_every_strategy",
                state(1, false),
                0,
                NoRefresh,
                3,
                Renewal::Repeat(1),
            ),
            (
                "the_previous_one_after_the_grace_is_theft",
                state(1, false),
                0,
                RefreshBoth,
                31,
                theft(state(1, false)),
            ),
            (
                "the_previous_one_after_use_of_its_successor_is_theft",
                state(1, true),
                0,
                RefreshBoth,
                3,
                theft(state(1, true)),
            ),
            (
                "an_older_one_is_theft_even_within_the_grace",
                state(2, false),
                0,
                RefreshBoth,
                1,
                theft(state(2, false)),
            ),
            (
                "an_older_one_is_theft_under_every_strategy",
                state(2, false),
                0,
                NoRefresh,
                1,
                theft(state(2, false)),
            ),
            ("a_revoked_session_renews_nothing", revoked.clone(), 1, RefreshBoth, 1, Renewal::Revoked),
            ("a_revoked_session_hides_reuse", revoked, 0, RefreshBoth, 99, Renewal::Revoked),
            ("a_generation_from_the_future_is_unknown", state(1, false), 2, RefreshBoth, 1, Renewal::Unknown),
            (
                "a_generation_without_a_record_is_unknown",
                SessionState::default(),
                1,
                RefreshBoth,
                1,
                Renewal::Unknown,
            ),
            (
                "use_of_the_newest_is_remembered_once",
                state(1, false),
                1,
                NoRefresh,
                3,
                Renewal::KeepAndConfirm(state(1, true)),
            ),
            ("use_of_the_newest_is_not_written_twice", state(1, true), 1, NoRefresh, 3, Renewal::Keep),
            (
                "on_expire_keeps_while_enough_is_left",
                SessionState::default(),
                0,
                RefreshOnExpire,
                700,
                Renewal::Keep,
            ),
            (
                "on_expire_rotates_below_0_3",
                SessionState::default(),
                0,
                RefreshOnExpire,
                701,
                rotated(1, T0 + 701),
            ),
        ] {
            let now = Timestamp::from_seconds(T0 + at);
            assert_eq!(renew(&before, presented(generation), strategy, now, GRACE), wanted, "{name}");
        }
    }

    #[test]
    fn without_a_grace_every_old_generation_is_theft() {
        let now = Timestamp::from_seconds(T0);
        let grace = Grace { length: Duration::ZERO, outage: None };
        let step = renew(&state(1, false), presented(0), RefreshStrategy::RefreshBoth, now, grace);
        assert_eq!(step, theft(state(1, false)));
    }

    #[test]
    fn the_time_that_the_server_was_down_costs_no_grace() {
        let at = |seconds: u64| Timestamp::from_seconds(T0 + seconds);
        for (name, confirmed, last_commit, started, now, repeats) in [
            ("down_for_long_right_after_the_rotation", false, 0, 3600, 3601, true),
            ("the_end_of_the_grace_counts_from_the_start", false, 0, 3600, 3630, true),
            ("after_the_grace_from_the_start_it_is_theft", false, 0, 3600, 3631, false),
            ("most_of_the_grace_was_over_before_the_crash", false, 29, 3600, 3601, true),
            ("all_of_the_grace_was_over_before_the_crash", false, 30, 3600, 3601, false),
            ("a_quick_restart_within_the_grace", false, 3, 5, 20, true),
            ("a_used_successor_ends_it_all_the_same", true, 0, 3600, 3601, false),
            ("a_rotation_of_this_run_counts_from_itself", false, 0, 0, 31, false),
        ] {
            let outage = Outage { last_commit: at(last_commit), started: at(started) };
            let grace = Grace { outage: Some(outage), ..GRACE };
            let step =
                renew(&state(1, confirmed), presented(0), RefreshStrategy::RefreshBoth, at(now), grace);
            assert_eq!(step == Renewal::Repeat(1), repeats, "{name}: {step:?}");
        }
    }

    #[test]
    fn a_clock_that_steps_back_does_not_make_theft_of_a_lost_answer() {
        let now = Timestamp::from_seconds(T0 - 3600);
        let step = renew(&state(1, false), presented(0), RefreshStrategy::RefreshBoth, now, GRACE);
        assert_eq!(step, Renewal::Repeat(1));
    }

    #[test]
    fn the_stricter_strategy_wins() {
        use RefreshStrategy::{NoRefresh, RefreshBoth, RefreshOnExpire};
        for (stored, asked, wanted) in [
            (NoRefresh, None, NoRefresh),
            (NoRefresh, Some(RefreshOnExpire), RefreshOnExpire),
            (NoRefresh, Some(RefreshBoth), RefreshBoth),
            (RefreshOnExpire, Some(NoRefresh), RefreshOnExpire),
            (RefreshOnExpire, Some(RefreshBoth), RefreshBoth),
            (RefreshBoth, Some(NoRefresh), RefreshBoth),
            (RefreshBoth, Some(RefreshOnExpire), RefreshBoth),
        ] {
            assert_eq!(effective(stored, asked), wanted, "{stored} and {asked:?}");
        }
    }
}

//! The rule for renewals.
//!
//! Every rotation raises the session's generation. A refresh token carries its generation. The newest one renews. The one before it also
//! renews while the client may not have received the newest: within the grace, and until somebody uses the newest. Any other old
//! generation shows that two parties hold tokens of one session, so the session ends (RFC 9700 §4.14.2).

use std::time::Duration;

use jwtis_base::env::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock::Outage;
use crate::policy::RefreshStrategy;

/// The state of a session. A session without a record is in the default state.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SessionState {
    /// Rotations so far.
    pub generation: u64,
    /// Time of the last rotation, in milliseconds since the epoch.
    pub rotated_at_ms: u64,
    /// Whether the newest refresh token has been used since. Then nobody needs the one before it.
    pub confirmed: bool,
    /// Nothing of this session is valid any more.
    pub revoked: bool,
}

/// The decision about a renewal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Renewal {
    /// A new access token. The presented refresh token stays.
    Keep,
    /// As [`Self::Keep`], once the state is written: the newest refresh token has been used.
    KeepAndConfirm(SessionState),
    /// A new pair of the next generation, once the state is written.
    Rotate(SessionState),
    /// A new pair of this generation, because the answer to the last rotation may have been lost.
    Repeat(u64),
    /// A refusal because of theft, once the state, which is revoked, is written.
    Reuse(SessionState),
    /// A refusal: the session was revoked before.
    Revoked,
    /// A refusal: the store has never seen this generation, so it was restored from an older backup. Of two holders of such tokens nobody
    /// can tell the right one.
    Unknown,
}

/// The facts about a presented refresh token.
#[derive(Copy, Clone, Debug)]
pub struct PresentedToken {
    /// Its generation.
    pub generation: u64,
    /// `iat`, in seconds since the epoch.
    pub issued_at: u64,
    /// `exp`, in seconds since the epoch.
    pub expires_at: u64,
}

/// How long the server still answers the refresh token before the newest one, because the answer with the newest may have been lost.
#[derive(Copy, Clone, Debug)]
pub struct RenewalGrace {
    /// The time after a rotation.
    pub length: Duration,
    /// The last time that the server was down. Where the last commit was within the grace of a rotation, its grace counts from the start.
    pub outage: Option<Outage>,
}

impl RenewalGrace {
    /// Whether it covers, at `now`, a token that was replaced at `rotated_at`.
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
pub fn renew(
    state: &SessionState,
    presented: PresentedToken,
    strategy: RefreshStrategy,
    now: Timestamp,
    grace: RenewalGrace,
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

/// Whether a renewal of `presented` would be granted.
pub fn is_renewable(
    state: &SessionState,
    presented: PresentedToken,
    now: Timestamp,
    grace: RenewalGrace,
) -> bool {
    match renew(state, presented, RefreshStrategy::NoRefresh, now, grace) {
        Renewal::Keep | Renewal::KeepAndConfirm(_) | Renewal::Rotate(_) | Renewal::Repeat(_) => true,
        Renewal::Reuse(_) | Renewal::Revoked | Renewal::Unknown => false,
    }
}

/// Whether a renewal makes a new refresh token.
fn is_due(strategy: RefreshStrategy, presented: PresentedToken, now: Timestamp) -> bool {
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

/// The stricter of the client's strategy and the one that a call asks for.
pub fn effective(stored: RefreshStrategy, asked: Option<RefreshStrategy>) -> RefreshStrategy {
    asked.map_or(stored, |asked| asked.max(stored))
}

#[cfg(test)]
mod tests {
    use super::*;
    use RefreshStrategy::{NoRefresh, RefreshBoth, RefreshOnExpire};

    const GRACE: RenewalGrace = RenewalGrace { length: Duration::from_secs(30), outage: None };
    const T0: u64 = 1_000_000;
    const FRESH: SessionState =
        SessionState { generation: 0, rotated_at_ms: 0, confirmed: false, revoked: false };

    fn state(generation: u64, confirmed: bool) -> SessionState {
        SessionState { generation, rotated_at_ms: T0 * 1000, confirmed, revoked: false }
    }

    fn presented(generation: u64) -> PresentedToken {
        PresentedToken { generation, issued_at: T0, expires_at: T0 + 1000 }
    }

    fn rotated(generation: u64, at: u64) -> Renewal {
        Renewal::Rotate(SessionState { generation, rotated_at_ms: (T0 + at) * 1000, ..FRESH })
    }

    fn theft(state: SessionState) -> Renewal {
        Renewal::Reuse(SessionState { revoked: true, ..state })
    }

    #[test]
    fn renewals_by_name() {
        let revoked = SessionState { revoked: true, ..state(1, false) };
        let confirmed = Renewal::KeepAndConfirm(state(1, true));
        let (repeat, keep, unknown) = (Renewal::Repeat(1), Renewal::Keep, Renewal::Unknown);
        for (name, before, generation, strategy, at, wanted) in [
            ("a_fresh_session_rotates", FRESH, 0, RefreshBoth, 5, rotated(1, 5)),
            ("without_refresh_nothing_is_written", FRESH, 0, NoRefresh, 5, keep.clone()),
            ("the_newest_rotates_on", state(1, false), 1, RefreshBoth, 5, rotated(2, 5)),
            ("the_newest_rotates_after_the_grace", state(1, false), 1, RefreshBoth, 900, rotated(2, 900)),
            ("a_used_newest_rotates_on", state(1, true), 1, RefreshBoth, 5, rotated(2, 5)),
            ("a_lost_answer_is_repeated_at_once", state(1, false), 0, RefreshBoth, 0, repeat.clone()),
            ("and_at_the_end_of_the_grace", state(1, false), 0, RefreshBoth, 30, repeat.clone()),
            ("and_under_every_strategy", state(1, false), 0, NoRefresh, 3, repeat.clone()),
            ("and_where_the_clock_stepped_back", state(1, false), 0, RefreshBoth, -3600, repeat),
            ("after_the_grace_it_is_theft", state(1, false), 0, RefreshBoth, 31, theft(state(1, false))),
            ("a_used_successor_makes_theft", state(1, true), 0, RefreshBoth, 3, theft(state(1, true))),
            ("an_older_one_is_theft", state(2, false), 0, RefreshBoth, 1, theft(state(2, false))),
            ("and_under_every_strategy", state(2, false), 0, NoRefresh, 1, theft(state(2, false))),
            ("a_revoked_session_renews_nothing", revoked.clone(), 1, RefreshBoth, 1, Renewal::Revoked),
            ("a_revoked_session_hides_reuse", revoked, 0, RefreshBoth, 99, Renewal::Revoked),
            ("a_future_generation_is_unknown", state(1, false), 2, RefreshBoth, 1, unknown.clone()),
            ("and_without_a_record", FRESH, 1, RefreshBoth, 1, unknown),
            ("use_of_the_newest_is_remembered_once", state(1, false), 1, NoRefresh, 3, confirmed),
            ("and_not_written_twice", state(1, true), 1, NoRefresh, 3, keep.clone()),
            ("on_expire_keeps_while_0_3_is_left", FRESH, 0, RefreshOnExpire, 700, keep),
            ("on_expire_rotates_below_0_3", FRESH, 0, RefreshOnExpire, 701, rotated(1, 701)),
        ] {
            let now = Timestamp::from_seconds(T0.checked_add_signed(at).unwrap());
            assert_eq!(renew(&before, presented(generation), strategy, now, GRACE), wanted, "{name}");
            let granted = matches!(
                wanted,
                Renewal::Keep | Renewal::KeepAndConfirm(_) | Renewal::Rotate(_) | Renewal::Repeat(_)
            );
            assert_eq!(is_renewable(&before, presented(generation), now, GRACE), granted, "{name}");
        }
        let none = RenewalGrace { length: Duration::ZERO, outage: None };
        let step = renew(&state(1, false), presented(0), RefreshBoth, Timestamp::from_seconds(T0), none);
        assert_eq!(step, theft(state(1, false)), "without a grace");
    }

    #[test]
    fn the_time_that_the_server_was_down_costs_no_grace() {
        let at = |seconds: i64| Timestamp::from_seconds(T0.checked_add_signed(seconds).unwrap());
        for (name, confirmed, last_commit, started, now, repeats) in [
            ("down_for_long_right_after_the_rotation", false, 0, 3600, 3601, true),
            ("the_end_of_the_grace_counts_from_the_start", false, 0, 3600, 3630, true),
            ("after_the_grace_from_the_start_it_is_theft", false, 0, 3600, 3631, false),
            ("most_of_the_grace_was_over_before_the_crash", false, 29, 3600, 3601, true),
            ("all_of_the_grace_was_over_before_the_crash", false, 30, 3600, 3601, false),
            ("a_quick_restart_within_the_grace", false, 3, 5, 20, true),
            ("a_used_successor_ends_it_all_the_same", true, 0, 3600, 3601, false),
            ("a_rotation_of_this_run_counts_from_itself", false, 0, 0, 31, false),
            ("and_has_its_whole_grace", false, -100, -50, 20, true),
        ] {
            let outage = Outage { last_commit: at(last_commit), started: at(started) };
            let grace = RenewalGrace { outage: Some(outage), ..GRACE };
            let step = renew(&state(1, confirmed), presented(0), RefreshBoth, at(now), grace);
            assert_eq!(step == Renewal::Repeat(1), repeats, "{name}: {step:?}");
        }
    }

    #[test]
    fn the_stricter_strategy_wins() {
        for (stored, asked, wanted) in [
            (NoRefresh, None, NoRefresh),
            (NoRefresh, Some(RefreshOnExpire), RefreshOnExpire),
            (RefreshOnExpire, Some(NoRefresh), RefreshOnExpire),
            (RefreshOnExpire, Some(RefreshBoth), RefreshBoth),
            (RefreshBoth, Some(RefreshOnExpire), RefreshBoth),
        ] {
            assert_eq!(effective(stored, asked), wanted, "{stored} and {asked:?}");
        }
    }
}

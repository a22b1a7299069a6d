//! Pauses after wrong passwords, per user and per source: five tries are free, then each failure doubles the time until the next try.
//! A source is the peer of the connection. Those who come through one proxy share one.
//!
//! Tries are judged one after the other. So many at once get no more tries than one after the other, and twenty workers who log in at
//! once with the right password all get their token. A try is a failure until it has succeeded, so a caller who hangs up has had it.
//!
//! A user's success forgets the user's failures. It does not forget those of the source: else the owner of one account could guess at
//! others for ever.
//!
//! Anybody who knows a name could lock its user out for ever by failing in their place, and anybody behind the same proxy could lock out
//! all users. So where a user has logged in since the start, only their own failures from there pause them. Those failures are counted
//! for the user and the source all the same. A success in the middle of a user's pause does not end it for others.
//!
//! Time is the wall clock's. Where it steps back, a pause begins anew: it neither ends at once nor lasts longer than [`LONGEST`] from
//! then. Counters of configured users stay whatever else is tried. Those of other names and of sources are bounded, and the ones that
//! were used longest ago go first.

mod bounded;
mod counter;
mod source;

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use jwtis_base::env::{Env, Timestamp};
use tokio::sync::{Mutex, MutexGuard};

use bounded::Bounded;
use counter::Counter;
pub use counter::{FREE_TRIES, LONGEST};
pub use source::MAX_SOURCES;
use source::Source;

/// Most names without a user that are remembered.
pub const MAX_UNKNOWN_NAMES: usize = 10_000;
/// Most sources of a user that are known as theirs.
pub const MAX_SOURCES_OF_USER: usize = 16;

/// Who failed how often, and how long they have to wait. Bounded in size; it outlives a change of the rules.
pub struct Lockout(Mutex<State>);

struct State {
    /// Names of configured users, of which there are as many as the file has.
    users: Bounded<NameHash, Account>,
    /// All other names.
    unknown: Bounded<NameHash, Account>,
    sources: Bounded<Source, Counter>,
}

/// What was tried under one name.
struct Account {
    counter: Counter,
    /// From where its user has logged in, with what was tried there.
    homes: Bounded<Source, Counter>,
}

impl Default for Account {
    fn default() -> Self {
        Self { counter: Counter::default(), homes: Bounded::holding(MAX_SOURCES_OF_USER) }
    }
}

/// SHA-256 of a name: a stranger's name may be long, and is nothing to keep.
type NameHash = [u8; 32];

/// Whom a try counts for.
#[derive(Copy, Clone)]
struct Who {
    name: NameHash,
    is_configured: bool,
    source: Source,
}

impl State {
    fn account(&mut self, who: &Who) -> &mut Account {
        let accounts = if who.is_configured { &mut self.users } else { &mut self.unknown };
        accounts.entry(who.name)
    }

    /// How long a try has to wait.
    fn pause(&mut self, who: &Who, now: Timestamp) -> Duration {
        let of_source = self.sources.entry(who.source).pause(now);
        let account = self.account(who);
        let of_user = account.counter.pause(now);
        account.homes.get_mut(&who.source).map_or(of_user.max(of_source), |home| home.pause(now))
    }

    fn fail(&mut self, who: &Who, now: Timestamp) {
        self.sources.entry(who.source).fail(now);
        let account = self.account(who);
        account.counter.fail(now);
        if let Some(home) = account.homes.get_mut(&who.source) {
            home.fail(now);
        }
    }
}

/// A try under way. No other is judged before it is dropped.
#[must_use]
pub(super) struct Attempt<'a> {
    state: MutexGuard<'a, State>,
    who: Who,
    /// What the counter of the source was before.
    of_source: Counter,
    /// What the counter of the user is after a success.
    of_user: Counter,
    pause: Duration,
}

impl Attempt<'_> {
    /// How long the next try has to wait if this one fails.
    pub(super) const fn pause(&self) -> Duration {
        self.pause
    }

    /// The password was right.
    pub(super) fn succeeded(mut self) {
        *self.state.sources.entry(self.who.source) = self.of_source;
        let account = self.state.account(&self.who);
        account.counter = self.of_user;
        *account.homes.entry(self.who.source) = Counter::default();
    }
}

impl Default for Lockout {
    fn default() -> Self {
        Self(Mutex::new(State {
            users: Bounded::holding(usize::MAX),
            unknown: Bounded::holding(MAX_UNKNOWN_NAMES),
            sources: Bounded::holding(MAX_SOURCES),
        }))
    }
}

impl Lockout {
    /// Begins a try for `user` from `source`, once those before it are over. Whether the name is one of a configured user decides how
    /// it is remembered, nothing else.
    ///
    /// # Errors
    /// How long to wait, if the user or the source is paused. Then nothing is counted.
    pub(super) async fn begin(
        &self,
        user: &str,
        is_configured: bool,
        source: IpAddr,
        env: &Env,
    ) -> Result<Attempt<'_>, Duration> {
        let who = Who { name: hash_of(user), is_configured, source: Source::of(source) };
        let mut state = self.0.lock().await;
        let now = env.now();
        let pause = state.pause(&who, now);
        if !pause.is_zero() {
            return Err(pause);
        }
        let of_source = *state.sources.entry(who.source);
        let counter = &mut state.account(&who).counter;
        // Where others have paused the user, their pause goes on for all sources but this one.
        let of_user = if counter.pause(now).is_zero() { Counter::default() } else { *counter };
        state.fail(&who, now);
        let pause = state.pause(&who, now);
        Ok(Attempt { state, who, of_source, of_user, pause })
    }
}

impl fmt::Debug for Lockout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lockout").finish_non_exhaustive()
    }
}

fn hash_of(name: &str) -> NameHash {
    digest(&SHA256, name.as_bytes()).as_ref().try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests;

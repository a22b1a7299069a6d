//! Pauses after wrong passwords, per user and per source: five tries are free, then each failure doubles the time until the next try.
//! A source is the peer of the connection; who comes through one proxy shares one.
//!
//! Tries under way are taken for failures, so that many at once get no more tries than one after the other. Where only they are in the
//! way, a try waits for them: twenty workers who log in at once with the right password all get their token. A try whose caller
//! hangs up is a failure. A user's success forgets his failures. It does not forget those of his source: else whoever has one account
//! could guess at others for ever.
//!
//! Else anybody who knows a name could lock its user out for ever by failing in his place, and anybody behind the same proxy could lock
//! out all users. So where a user has logged in since the start, only his own failures from there pause him; they are counted for the
//! user and the source all the same. A success in the middle of a user's pause does not end it for others.
//!
//! Time is the wall clock's. Where it steps back, a pause begins anew: it neither ends at once nor lasts longer than [`LONGEST`] from
//! then. Counters of configured users stay whatever else is tried. Those of other names and of sources are bounded, and the ones that
//! were used longest ago go first.

mod bounded;
mod counter;
mod refusals;

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use jwtis_base::env::{Env, Timestamp};
use tokio::sync::Notify;

use bounded::Bounded;
use counter::{Counter, Turn};
pub use counter::{FREE_TRIES, LONGEST};
pub use refusals::Refusals;

/// Most sources that are remembered.
pub const MAX_SOURCES: usize = 10_000;
/// Most names without a user that are remembered.
pub const MAX_UNKNOWN_NAMES: usize = 10_000;

/// Most sources of a user that are known as his.
pub const MAX_SOURCES_OF_USER: usize = 16;

/// Who failed how often, and how long he has to wait. Bounded in size; it outlives a change of the rules.
pub struct Lockout {
    state: Mutex<State>,
    /// Some try has ended.
    ended: Notify,
}

struct State {
    users: HashMap<NameHash, Account>,
    unknown: Bounded<NameHash, Counter>,
    sources: Bounded<Source, Counter>,
}

/// A configured user.
#[derive(Default)]
struct Account {
    counter: Counter,
    /// From where he has logged in, with what he tried there; the last one was used last.
    sources: Vec<(Source, Counter)>,
}

/// SHA-256 of a name: a stranger's name may be long, and is nothing to keep.
type NameHash = [u8; 32];

/// A try under way. Dropped, it is a failure.
#[must_use]
pub(super) struct Attempt<'a> {
    lockout: &'a Lockout,
    name: NameHash,
    is_configured: bool,
    source: Source,
    began: Timestamp,
    pause: Duration,
    /// The user was not paused when it began.
    forgives: bool,
    succeeded: bool,
}

impl Attempt<'_> {
    /// How long the next try has to wait if this one fails.
    pub(super) const fn pause(&self) -> Duration {
        self.pause
    }

    /// The password was right.
    pub(super) fn succeeded(mut self) {
        self.succeeded = true;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let mut state = self.lockout.state();
        state.sources.entry(self.source).end(self.began, self.succeeded);
        if self.is_configured {
            let account = state.users.entry(self.name).or_default();
            account.counter.end(self.began, self.succeeded);
            if let Some(counter) = account.at(self.source) {
                counter.end(self.began, self.succeeded);
            }
            if self.succeeded {
                account.is_from(self.source);
            }
            if self.succeeded && self.forgives {
                account.counter.forgive();
            }
        } else {
            state.unknown.entry(self.name).end(self.began, self.succeeded);
        }
        drop(state);
        self.lockout.ended.notify_waiters();
    }
}

impl Account {
    /// The counter of a source from which he has logged in.
    fn at(&mut self, source: Source) -> Option<&mut Counter> {
        self.sources.iter_mut().find(|(known, _)| *known == source).map(|(_, counter)| counter)
    }

    /// He has logged in from there.
    fn is_from(&mut self, source: Source) {
        let mut counter = self.at(source).copied().unwrap_or_default();
        counter.forgive();
        self.sources.retain(|(known, _)| *known != source);
        if self.sources.len() >= MAX_SOURCES_OF_USER {
            self.sources.remove(0);
        }
        self.sources.push((source, counter));
    }
}

impl Default for Lockout {
    fn default() -> Self {
        let state = State {
            users: HashMap::new(),
            unknown: Bounded::holding(MAX_UNKNOWN_NAMES),
            sources: Bounded::holding(MAX_SOURCES),
        };
        Self { state: Mutex::new(state), ended: Notify::new() }
    }
}

impl Lockout {
    /// Begins a try for `user` from `source`, once those under way leave room for it. Whether the name is one of a configured user
    /// decides how it is remembered, nothing else.
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
        let (name, source) = (hash_of(user), Source::of(source));
        loop {
            let mut ended = pin!(self.ended.notified());
            // From here on no end is missed.
            ended.as_mut().enable();
            match self.try_begin(name, is_configured, source, env.now()) {
                Ok(attempt) => return Ok(attempt),
                Err(Turn::Paused(wait)) => return Err(wait),
                Err(Turn::Busy | Turn::Free) => ended.await,
            }
        }
    }

    fn try_begin(
        &self,
        name: NameHash,
        is_configured: bool,
        source: Source,
        now: Timestamp,
    ) -> Result<Attempt<'_>, Turn> {
        let mut state = self.state();
        let State { users, unknown, sources } = &mut *state;
        let by_source = sources.entry(source);
        let (by_user, mut his) = if is_configured {
            let account = users.entry(name).or_default();
            let his = account.sources.iter_mut().find(|(known, _)| *known == source);
            (&mut account.counter, his.map(|(_, counter)| counter))
        } else {
            (unknown.entry(name), None)
        };
        let of_user = by_user.turn(now);
        let turn = match his {
            Some(ref mut his) => his.turn(now),
            None => of_user.max(by_source.turn(now)),
        };
        if turn != Turn::Free {
            return Err(turn);
        }
        by_user.begin(now);
        by_source.begin(now);
        let pause = match his {
            Some(his) => {
                his.begin(now);
                his.pause_after_these()
            }
            None => by_user.pause_after_these().max(by_source.pause_after_these()),
        };
        let forgives = !matches!(of_user, Turn::Paused(_));
        Ok(Attempt {
            lockout: self,
            name,
            is_configured,
            source,
            began: now,
            pause,
            forgives,
            succeeded: false,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Lockout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lockout").finish_non_exhaustive()
    }
}

/// Whom an address belongs to: of IPv6 a network of 64 bits, since every host has one of its own and can choose the rest.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
struct Source(IpAddr);

impl Source {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) => Self(IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)))),
            v4 => Self(v4),
        }
    }
}

fn hash_of(name: &str) -> NameHash {
    let mut hash = NameHash::default();
    for (to, from) in hash.iter_mut().zip(digest(&SHA256, name.as_bytes()).as_ref()) {
        *to = *from;
    }
    hash
}

#[cfg(test)]
mod tests;

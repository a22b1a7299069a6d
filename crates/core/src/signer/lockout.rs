//! Pauses after wrong passwords, per user and per source: five tries are free, then each failure doubles the time until the next try.
//! A source is the peer of the connection; who comes through one proxy shares one.
//!
//! A try is counted when it begins and given back when the password was right, so that many at once get no more tries than one after
//! the other, and a try whose caller hangs up stays counted. A user's success forgets his failures. It does not forget those of his
//! source: else whoever has one account could guess at others for ever.
//!
//! Time is the wall clock's. Where it steps back, a pause begins anew: it neither ends at once nor lasts longer than [`LONGEST`] from
//! then. Counters of configured users stay whatever else is tried. Those of other names and of sources are bounded, and the ones that
//! were used longest ago go first.

mod bounded;
mod counter;

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};

use crate::env::Timestamp;

use bounded::Bounded;
use counter::{Counter, Try};
pub use counter::{FREE_TRIES, LONGEST};

/// Most sources that are remembered.
pub const MAX_SOURCES: usize = 10_000;
/// Most names without a user that are remembered.
pub const MAX_UNKNOWN_NAMES: usize = 10_000;

/// Who failed how often, and how long he has to wait. Bounded in size; it outlives a change of the rules.
pub struct Lockout(Mutex<State>);

struct State {
    users: HashMap<NameHash, Counter>,
    unknown: Bounded<NameHash>,
    sources: Bounded<Source>,
}

/// SHA-256 of a name: a stranger's name may be long, and is nothing to keep.
type NameHash = [u8; 32];

/// A try that has been counted. Dropped, it stays a failure.
#[must_use]
#[derive(Debug)]
pub(super) struct Attempt {
    name: NameHash,
    source: Source,
    from_source: Try,
    pause: Duration,
}

impl Attempt {
    /// How long the next try has to wait if this one fails.
    pub(super) const fn pause(&self) -> Duration {
        self.pause
    }
}

impl Default for Lockout {
    fn default() -> Self {
        Self(Mutex::new(State {
            users: HashMap::new(),
            unknown: Bounded::holding(MAX_UNKNOWN_NAMES),
            sources: Bounded::holding(MAX_SOURCES),
        }))
    }
}

impl Lockout {
    /// Counts a try for `user` from `source`. Whether the name is one of a configured user decides how it is remembered, nothing else.
    ///
    /// # Errors
    /// How long to wait, if the user or the source is paused. Then nothing is counted.
    pub(super) fn begin(
        &self,
        user: &str,
        is_configured: bool,
        source: IpAddr,
        now: Timestamp,
    ) -> Result<Attempt, Duration> {
        let (name, source) = (hash_of(user), Source::of(source));
        let mut state = self.state();
        let State { users, unknown, sources } = &mut *state;

        let by_source = sources.entry(source);
        let wait_of_source = by_source.wait(now);
        let by_user = if is_configured { users.entry(name).or_default() } else { unknown.entry(name) };
        let wait = by_user.wait(now).max(wait_of_source);
        if !wait.is_zero() {
            return Err(wait);
        }
        let _ = by_user.begin(now);
        let from_source = by_source.begin(now);
        let pause = by_user.wait(now).max(by_source.wait(now));
        Ok(Attempt { name, source, from_source, pause })
    }

    /// The password was right.
    pub(super) fn succeeded(&self, attempt: Attempt) {
        let Attempt { name, source, from_source, .. } = attempt;
        let mut state = self.state();
        state.users.remove(&name);
        state.sources.entry(source).give_back(from_source);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

//! Pauses after wrong passwords, per user and per source: five tries are free, then each failure doubles the time until the next try.
//! A source is the peer of the connection, so callers behind one proxy share one.
//!
//! * Tries are judged one after the other. Many at once get no more tries, and workers who log in together all get their token. A try
//!   that is given up has failed.
//! * A success forgets the user's failures, never the source's: the owner of one account could guess at others for ever.
//! * Anybody could lock a user out by failing in their place, or a whole proxy. So where a user has logged in since the start, only their
//!   own failures from there pause them. Those count for the user and the source all the same. A success there does not end the user's
//!   pause elsewhere.
//! * Time is the wall clock's. Where it steps back, a pause begins anew.
//! * Configured users are never forgotten. Of other names and of sources, those used longest ago are.

mod counter;

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use jwtis_base::env::{Env, Timestamp};
use jwtis_base::sources::{Bounded, SOURCES, network};
use tokio::sync::{Mutex, MutexGuard};

use counter::Counter;

/// Names without a user that are remembered at least.
const UNKNOWN_NAMES: usize = 10_000;
/// Sources of a user that are known as theirs at least.
const HOMES: usize = 16;

/// Who failed how often, and how long they have to wait. It outlives a change of the rules.
#[derive(Default)]
pub(crate) struct Lockout(Mutex<Counters>);

#[derive(Default)]
struct Counters {
    users: HashMap<NameHash, Account>,
    unknown: Bounded<NameHash, Account, UNKNOWN_NAMES>,
    sources: Bounded<IpAddr, Counter, SOURCES>,
}

/// What was tried under one name.
#[derive(Default)]
struct Account {
    counter: Counter,
    /// From where its user has logged in, with what was tried there.
    homes: Bounded<IpAddr, Counter, HOMES>,
}

/// SHA-256 of a name: a stranger's name may be long.
type NameHash = [u8; 32];

/// A try under way. No other is judged before it is dropped.
#[must_use]
pub(super) struct Attempt<'a> {
    counters: MutexGuard<'a, Counters>,
    name: NameHash,
    is_configured: bool,
    source: IpAddr,
    began: Timestamp,
    is_judged: bool,
}

impl Lockout {
    /// Begins a try for `user` from `source`, once those before it are over. Whether the name is of a configured user decides how it is
    /// remembered, nothing else.
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
        let name = digest(&SHA256, user.as_bytes()).as_ref().try_into().unwrap_or_default();
        let (counters, source) = (self.0.lock().await, network(source));
        let mut attempt =
            Attempt { counters, name, is_configured, source, began: env.now(), is_judged: true };
        let pause = attempt.pause();
        attempt.is_judged = !pause.is_zero();
        if pause.is_zero() { Ok(attempt) } else { Err(pause) }
    }
}

impl Attempt<'_> {
    /// The password was wrong. Returns how long the next try has to wait.
    pub(super) fn failed(mut self) -> Duration {
        self.fail();
        self.pause()
    }

    /// The password was right.
    pub(super) fn succeeded(mut self) {
        self.is_judged = true;
        let (source, began) = (self.source, self.began);
        let account = self.account();
        if account.counter.pause(began).is_zero() {
            account.counter = Counter::default();
        }
        *account.homes.entry(source) = Counter::default();
    }

    fn fail(&mut self) {
        self.is_judged = true;
        let (source, began) = (self.source, self.began);
        self.counters.sources.entry(source).fail(began);
        let account = self.account();
        account.counter.fail(began);
        if let Some(home) = account.homes.get_mut(&source) {
            home.fail(began);
        }
    }

    fn pause(&mut self) -> Duration {
        let (source, began) = (self.source, self.began);
        let of_source = self.counters.sources.entry(source).pause(began);
        let account = self.account();
        let of_user = account.counter.pause(began);
        account.homes.get_mut(&source).map_or(of_user.max(of_source), |home| home.pause(began))
    }

    fn account(&mut self) -> &mut Account {
        if self.is_configured {
            self.counters.users.entry(self.name).or_default()
        } else {
            self.counters.unknown.entry(self.name)
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.is_judged {
            self.fail();
        }
    }
}

impl fmt::Debug for Lockout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lockout").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

//! Sources of requests: which addresses count as one, and what is kept for each of them, bounded in size.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::env::Timestamp;

/// So many sources are remembered at least, and twice as many at most.
pub const SOURCES: usize = 10_000;

/// What counts as one source: an IPv4 address however it is written, or a network of 64 bits of IPv6, since a host there chooses the rest.
#[must_use]
pub const fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !(u64::MAX as u128))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Values by name: the `N` that were used last at least, and twice as many at most.
pub struct Bounded<K, V, const N: usize> {
    young: HashMap<K, V>,
    /// What was young when the last `N` names came. It goes when the next `N` are there.
    old: HashMap<K, V>,
}

impl<K, V, const N: usize> Default for Bounded<K, V, N> {
    fn default() -> Self {
        Self { young: HashMap::new(), old: HashMap::new() }
    }
}

impl<K: Copy + Eq + Hash, V: Default, const N: usize> Bounded<K, V, N> {
    /// The value of `name`, a new one where there is none.
    pub fn entry(&mut self, name: K) -> &mut V {
        if !self.young.contains_key(&name) {
            let value = self.old.remove(&name).unwrap_or_default();
            if self.young.len() >= N {
                self.old = std::mem::take(&mut self.young);
            }
            self.young.insert(name, value);
        }
        self.young.entry(name).or_default()
    }

    /// The value of `name`, where there is one. It is not used by that.
    pub fn get_mut(&mut self, name: &K) -> Option<&mut V> {
        self.young.get_mut(name).or_else(|| self.old.get_mut(name))
    }
}

/// Shortest time between two lines about one source.
const QUIET: Duration = Duration::from_secs(60);

/// Refused credentials by source: all are counted, and a line for the log is due once a minute for each source.
///
/// Nobody is paused: a secret of 32 bytes cannot be guessed, and all sources behind one proxy would be paused for one of them.
#[derive(Default)]
pub struct RefusedSources(Mutex<Bounded<IpAddr, SinceLine, SOURCES>>);

/// Refusals since the last line about a source, and when that was.
#[derive(Default)]
struct SinceLine {
    refusals: u64,
    line: Option<Timestamp>,
}

impl RefusedSources {
    /// Counts one. `Some` where a line is due: how many there were since the last one, with this one.
    pub fn count(&self, source: IpAddr, now: Timestamp) -> Option<u64> {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = sources.entry(network(source));
        since.refusals = since.refusals.saturating_add(1);
        // A clock that was set back makes a line due.
        if since.line.is_some_and(|line| line <= now && now.since(line) < QUIET) {
            return None;
        }
        since.line = Some(now);
        Some(std::mem::take(&mut since.refusals))
    }
}

impl fmt::Debug for RefusedSources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefusedSources").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_64_bit_network_of_ipv6_and_one_address_of_ipv4_however_written() {
        let of = |text: &str| network(text.parse().unwrap());
        for (one, other, same) in [
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff::9", true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
        ] {
            assert_eq!(of(one) == of(other), same, "{one} {other}");
        }
    }

    #[test]
    fn those_that_were_used_last_stay_and_there_are_never_more_than_twice_as_many() {
        let mut bounded = Bounded::<u32, u32, 3>::default();
        for name in 0..100 {
            *bounded.entry(name) += 1;
            assert!(bounded.young.len() + bounded.old.len() <= 6);
            for last in name.saturating_sub(2)..=name {
                assert!(bounded.get_mut(&last).is_some(), "{last} after {name}");
            }
        }
        assert_eq!((*bounded.entry(97), *bounded.entry(0)), (1, 0), "what was forgotten begins anew");
    }

    #[test]
    fn each_source_has_a_line_a_minute_that_counts_what_was_left_out() {
        let refused = RefusedSources::default();
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        for (source, seconds, wanted) in [
            (one, 0, Some(1)),
            (one, 1, None),
            (other, 1, Some(1)),
            (one, 59, None),
            (one, 60, Some(3)),
            (one, 61, None),
            // The clock is set back.
            (one, 5, Some(2)),
        ] {
            let at = Timestamp::from_seconds(1_000 + seconds);
            assert_eq!(refused.count(source, at), wanted, "{source} {seconds}");
        }
    }
}

//! Counts by the network address of a caller.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::env::Timestamp;

/// Most sources that are remembered.
const MAX_SOURCES: usize = 10_000;
/// Shortest time between two log lines of one source.
const QUIET: Duration = Duration::from_secs(60);

/// The source that `address` belongs to: an IPv4 address, or a network of 64 bits of IPv6, in which a host can choose any address.
#[must_use]
pub const fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !(u64::MAX as u128))),
    }
}

/// Refused credentials by source. All are counted, and each source may write one log line a minute.
///
/// No source is paused: a secret of 32 bytes cannot be guessed, and all callers behind one proxy would be paused for one of them.
#[derive(Default)]
pub struct Refusals(Mutex<HashMap<IpAddr, Refused>>);

#[derive(Default)]
struct Refused {
    /// Refusals since the last line.
    since: u64,
    /// Time of the last line.
    line: Option<Timestamp>,
}

impl Refused {
    /// A clock that was set back makes a line due.
    fn is_quiet(&self, now: Timestamp) -> bool {
        self.line.is_some_and(|line| line <= now && now.since(line) < QUIET)
    }
}

impl Refusals {
    /// Counts one. `Some` if a log line is due: the number of refusals since the last line, this one included.
    pub fn count(&self, source: IpAddr, now: Timestamp) -> Option<u64> {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sources.len() >= MAX_SOURCES {
            sources.retain(|_, refused| refused.is_quiet(now));
        }
        if sources.len() >= MAX_SOURCES {
            sources.clear();
        }
        let refused = sources.entry(network(source)).or_default();
        refused.since = refused.since.saturating_add(1);
        if refused.is_quiet(now) {
            return None;
        }
        refused.line = Some(now);
        Some(std::mem::take(&mut refused.since))
    }
}

impl fmt::Debug for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusals").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_has_a_line_a_minute_that_counts_what_was_left_out() {
        let refusals = Refusals::default();
        let at = |seconds: u64| Timestamp::from_seconds(1_000 + seconds);
        for (source, seconds, wanted) in [
            ("192.0.2.1", 0, Some(1)),
            ("::ffff:192.0.2.1", 1, None),
            ("192.0.2.2", 1, Some(1)),
            ("192.0.2.1", 59, None),
            ("192.0.2.1", 60, Some(3)),
            ("192.0.2.1", 61, None),
            ("2001:db8:0:1::1", 61, Some(1)),
            ("2001:db8:0:1:ffff::2", 61, None),
            ("2001:db8:0:2::1", 61, Some(1)),
            // The clock is set back.
            ("192.0.2.1", 5, Some(2)),
        ] {
            assert_eq!(refusals.count(source.parse().unwrap(), at(seconds)), wanted, "{source} {seconds}");
        }
    }

    #[test]
    fn remembers_no_more_than_so_many_sources() {
        let refusals = Refusals::default();
        for number in 0..=u32::try_from(MAX_SOURCES).unwrap() {
            assert_eq!(refusals.count(IpAddr::from(number.to_be_bytes()), Timestamp::default()), Some(1));
        }
        assert!(refusals.0.lock().unwrap().len() <= MAX_SOURCES);
    }
}

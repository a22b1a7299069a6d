//! Refused credentials by source: all are counted, and a line for the log is due once a minute for each source.
//!
//! Nothing is paused. A secret of 32 bytes cannot be guessed, and all sources behind one proxy would be paused for one of them.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jwtis_base::env::Timestamp;

use super::bounded::Bounded;
use super::source::{MAX_SOURCES, Source};

/// Shortest time between two lines of one source.
const QUIET: Duration = Duration::from_secs(60);

/// How often each source was refused. Bounded in size.
pub struct Refusals(Mutex<Bounded<Source, Refused>>);

/// One source.
#[derive(Default)]
struct Refused {
    /// Refusals since the last line.
    since: u64,
    /// When that was.
    line: Option<Timestamp>,
}

impl Default for Refusals {
    fn default() -> Self {
        Self(Mutex::new(Bounded::holding(MAX_SOURCES)))
    }
}

impl Refusals {
    /// Counts one. `Some` where a line is due: how many there were since the last one, with this one.
    pub fn count(&self, source: IpAddr, now: Timestamp) -> Option<u64> {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = sources.entry(Source::of(source));
        refused.since = refused.since.saturating_add(1);
        // A clock that was set back makes a line due.
        let quiet = refused.line.is_some_and(|line| line <= now && now.since(line) < QUIET);
        if quiet {
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
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let at = |seconds: u64| Timestamp::from_seconds(1_000 + seconds);
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
            assert_eq!(refusals.count(source, at(seconds)), wanted, "{source} {seconds}");
        }
    }
}

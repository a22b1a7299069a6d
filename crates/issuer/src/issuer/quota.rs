//! The quota of revocations without a token. Ids and subjects can be made up, and each makes a record that stays as long as the client's
//! tokens. The admin and callers with a token of the session are not counted.
//!
//! The counts are in memory, so a restart begins anew. Stored counts would cost one more write for each such revocation.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jwtis_base::client_id::ClientId;

/// New records that one client may make in a day by ids and subjects.
pub const MAX_UNPROVED_REVOCATIONS: u32 = 10_000;
const WINDOW: Duration = Duration::from_secs(24 * 3600);
/// Clients that are counted at once. At this number the windows that are over make room.
const MAX_COUNTED: usize = 10_000;

#[derive(Default)]
pub(crate) struct RevocationQuota(Mutex<HashMap<ClientId, Count>>);

#[derive(Copy, Clone)]
struct Count {
    since: Duration,
    records: u32,
}

impl RevocationQuota {
    /// Takes one record of the client's quota at the steady time `now`. `false` if none is left.
    pub(crate) fn take(&self, client: &ClientId, now: Duration) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let over = |count: &Count| now.saturating_sub(count.since) >= WINDOW;
        if counts.len() >= MAX_COUNTED && !counts.contains_key(client) {
            counts.retain(|_, count| !over(count));
        }
        let count = counts.entry(client.clone()).or_insert(Count { since: now, records: 0 });
        if over(count) {
            *count = Count { since: now, records: 0 };
        }
        if count.records >= MAX_UNPROVED_REVOCATIONS {
            return false;
        }
        count.records = count.records.saturating_add(1);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_of_one_client_and_comes_back_after_its_window() {
        let quota = RevocationQuota::default();
        let (shop, bank) = ("shop".parse().unwrap(), "bank".parse().unwrap());
        let begin = Duration::from_secs(1000);
        for _ in 0..MAX_UNPROVED_REVOCATIONS {
            assert!(quota.take(&shop, begin));
        }
        assert!(!quota.take(&shop, begin));
        assert!(quota.take(&bank, begin));
        assert!(!quota.take(&shop, begin + WINDOW - Duration::from_secs(1)));
        assert!(quota.take(&shop, begin + WINDOW));
    }
}

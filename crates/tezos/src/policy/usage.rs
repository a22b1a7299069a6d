//! The recent spending of a key, as a record that a store keeps between requests. Times come in as arguments.
//!
//! The window slides. Requests that follow each other closely share an entry, so that a record stays short; an entry counts
//! in full until its newest request is older than the window. That errs on the side of refusing, by at most one slice.
//! A clock that steps back forgets nothing.

use serde::{Deserialize, Serialize};

/// Entries that a window is cut into.
const SLICES: u64 = 64;

/// Amounts and numbers of operations, by time. The default is a key that has spent nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Usage {
    entries: Vec<Entry>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Entry {
    /// The oldest request of the entry, in milliseconds since the epoch.
    from_ms: u64,
    /// The newest.
    until_ms: u64,
    /// Mutez.
    amount: u64,
    /// Operations.
    count: u64,
}

impl Entry {
    /// Whether something of it may be younger than the window.
    const fn counts(&self, window_ms: u64, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.until_ms) < window_ms
    }
}

impl Usage {
    /// Mutez spent and operations signed within the window before `now_ms`.
    pub fn within(&self, window_ms: u64, now_ms: u64) -> (u64, u64) {
        let counted = self.entries.iter().filter(|entry| entry.counts(window_ms, now_ms));
        counted.fold((0, 0), |(amount, count), entry| {
            (amount.saturating_add(entry.amount), count.saturating_add(entry.count))
        })
    }

    /// The knowledge of two copies of a store: no window holds less than in either. Entries with one beginning are one entry, which has
    /// grown in one of the copies.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        let mut entries = self.entries.clone();
        for entry in &other.entries {
            match entries.iter_mut().find(|known| known.from_ms == entry.from_ms) {
                Some(known) => {
                    known.until_ms = known.until_ms.max(entry.until_ms);
                    known.amount = known.amount.max(entry.amount);
                    known.count = known.count.max(entry.count);
                }
                None => entries.push(entry.clone()),
            }
        }
        entries.sort_by_key(|entry| entry.from_ms);
        Self { entries }
    }

    /// The record with spending that nobody knows, until `at_ms`: no limit holds within a window after it.
    #[must_use]
    pub fn and_unknown_until(&self, at_ms: u64) -> Self {
        let mut entries = self.entries.clone();
        entries.push(Entry { from_ms: at_ms, until_ms: at_ms, amount: u64::MAX, count: u64::MAX });
        Self { entries }
    }

    /// The record with one request more, and without what no longer counts.
    pub(crate) fn and(&self, amount: u64, count: u64, window_ms: u64, now_ms: u64) -> Self {
        let mut entries = self.entries.clone();
        entries.retain(|entry| entry.counts(window_ms, now_ms));
        match entries.last_mut() {
            Some(last) if now_ms.saturating_sub(last.from_ms) < window_ms / SLICES => {
                last.until_ms = last.until_ms.max(now_ms);
                last.amount = last.amount.saturating_add(amount);
                last.count = last.count.saturating_add(count);
            }
            _ => entries.push(Entry { from_ms: now_ms, until_ms: now_ms, amount, count }),
        }
        Self { entries }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u64 = 64_000;

    #[test]
    fn a_window_slides() {
        let used = Usage::default().and(10, 1, WINDOW, 1_000).and(5, 2, WINDOW, 33_000);
        for (name, now, wanted) in [
            ("at_once", 33_000, (15, 3)),
            ("just_before_the_first_falls_out", 64_999, (15, 3)),
            ("when_the_first_falls_out", 65_000, (5, 2)),
            ("when_all_has_fallen_out", 97_000, (0, 0)),
            ("after_a_step_back_of_the_clock", 0, (15, 3)),
        ] {
            assert_eq!(used.within(WINDOW, now), wanted, "{name}");
        }
    }

    #[test]
    fn a_record_stays_short_and_never_counts_less_than_the_truth() {
        let mut used = Usage::default();
        for now in (0..10 * WINDOW).step_by(100) {
            used = used.and(1, 1, WINDOW, now);
            let truth = (now / 100 + 1).min(WINDOW / 100);
            let (amount, count) = used.within(WINDOW, now);
            assert!(count >= truth && count <= truth + WINDOW / SLICES / 100, "{count} of {truth} at {now}");
            assert_eq!(amount, count);
        }
        assert!(used.entries.len() <= usize::try_from(SLICES).unwrap() + 2, "{}", used.entries.len());
    }

    #[test]
    fn a_clock_that_steps_back_neither_forgets_nor_grows() {
        let mut used = Usage::default().and(1, 1, WINDOW, 1_000_000);
        for now in (0..1_000_000).rev().step_by(1000) {
            used = used.and(1, 1, WINDOW, now);
        }
        assert_eq!(used.within(WINDOW, 0), (1001, 1001));
        assert_eq!(used.entries.len(), 1);
    }

    #[test]
    fn a_join_holds_in_every_window_what_either_holds() {
        let backup = Usage::default().and(10, 1, WINDOW, 0);
        let grown = backup.and(5, 1, WINDOW, 100);
        let later = grown.and(7, 1, WINDOW, 40_000);
        let branch = backup.and(3, 2, WINDOW, 20_000);
        for (name, one, other, wanted) in [
            ("with_nothing", &later, &Usage::default(), (22, 3)),
            ("with_itself", &later, &later, (22, 3)),
            ("an_entry_that_has_grown_counts_once", &backup, &grown, (15, 2)),
            ("what_came_later_counts", &backup, &later, (22, 3)),
            ("what_only_one_of_two_branches_knows_counts", &later, &branch, (25, 5)),
        ] {
            assert_eq!(one.join(other).within(WINDOW, 45_000), wanted, "{name}");
            assert_eq!(other.join(one).within(WINDOW, 45_000), wanted, "{name}, turned round");
        }
        let forgotten = Usage::default().and(9, 9, WINDOW, 64_001);
        assert_eq!(grown.join(&forgotten).within(WINDOW, 64_001), (24, 11));
    }

    #[test]
    fn unknown_spending_counts_for_one_window() {
        let used = Usage::default().and(1, 1, WINDOW, 0).and_unknown_until(1_000);
        assert_eq!(used.within(WINDOW, 64_999), (u64::MAX, u64::MAX));
        assert_eq!(used.within(WINDOW, 65_000), (0, 0));
    }

    #[test]
    fn sums_do_not_overflow() {
        let used =
            Usage::default().and(u64::MAX, u64::MAX, WINDOW, 0).and(u64::MAX, u64::MAX, WINDOW, 60_000);
        assert_eq!(used.within(WINDOW, 60_000), (u64::MAX, u64::MAX));
    }
}

//! How long a commit waits for others, as a rule: one transaction for many costs the disk, and the processor, little more than one for
//! each of them.
//!
//! A lone caller does not wait. Where several come together, the thread learns how many by waiting its whole time once in a while, and goes
//! on as soon as that many are there; when fewer come, the first that comes alone waits in vain, once.

use std::time::Duration;

/// How long the first of a group waits for the others, at most.
pub(super) const LINGER: Duration = Duration::from_millis(1);

/// Batches in one durable transaction at most.
pub(super) const GROUP_LIMIT: usize = 512;

/// Once in so many groups the thread waits for more than it expects.
const GROUPS_TO_PROBE: u32 = 32;

/// What is known of those who commit.
#[derive(Debug, Default)]
pub(super) struct Company {
    /// How many came when there was time to come.
    expected: usize,
    groups_since_probe: u32,
}

impl Company {
    /// The size of group that goes at once, when `in_flight` commits have been sent and not answered.
    pub(super) fn enough(&self, in_flight: usize) -> usize {
        match in_flight.max(self.expected) {
            0 | 1 => 1,
            _ if self.groups_since_probe >= GROUPS_TO_PROBE => GROUP_LIMIT,
            known => known.min(GROUP_LIMIT),
        }
    }

    /// A group of `size` goes; `waited` says that it had all of [`LINGER`] to grow.
    pub(super) fn went(&mut self, size: usize, waited: bool) {
        self.expected = if waited { size } else { self.expected.max(size) };
        self.groups_since_probe = if waited { 0 } else { self.groups_since_probe.saturating_add(1) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups of callers who come back at once: `waiting` are there when a group begins, and `total` in the whole time.
    fn sizes(company: &mut Company, waiting: usize, total: usize, groups: usize) -> Vec<usize> {
        let group = |_| {
            let enough = company.enough(waiting);
            let size = if waiting >= enough { waiting } else { total.min(enough) };
            company.went(size, size < enough);
            size
        };
        (0..groups).map(group).collect()
    }

    #[test]
    fn a_lone_caller_never_waits() {
        let mut company = Company::default();
        for _ in 0..1000 {
            assert_eq!(company.enough(1), 1);
            company.went(1, false);
        }
    }

    #[test]
    fn who_comes_in_time_is_learnt_and_then_waited_for() {
        let mut company = Company::default();
        let sizes = sizes(&mut company, 3, 9, 200);
        let (learning, learnt) = sizes.split_at(40);
        assert!(learning.contains(&9), "{learning:?}");
        assert!(learnt.iter().all(|size| *size == 9), "{learnt:?}");
    }

    #[test]
    fn two_callers_wait_for_a_third_once_in_a_while_only() {
        let mut company = Company::default();
        let mut waits = 0;
        for _ in 0..330 {
            let enough = company.enough(2);
            waits += usize::from(enough > 2);
            company.went(2, enough > 2);
        }
        assert_eq!(waits, 10);
    }

    #[test]
    fn when_the_crowd_has_gone_the_last_one_waits_once() {
        let mut company = Company::default();
        company.went(64, true);
        assert_eq!(company.enough(1), 64);
        company.went(1, true);
        assert_eq!(company.enough(1), 1);
    }

    #[test]
    fn no_group_is_larger_than_the_limit() {
        let mut company = Company::default();
        company.went(10_000, true);
        assert_eq!(company.enough(10_000), GROUP_LIMIT);
    }
}

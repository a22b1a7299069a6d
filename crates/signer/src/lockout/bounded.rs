//! Counters by name, at most so many; the one that was used longest ago makes room. What a counter is, is the caller's to say.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// Counters in the order of their last use.
pub(super) struct Bounded<K, C> {
    most: usize,
    counters: HashMap<K, (u64, C)>,
    by_use: BTreeMap<u64, K>,
    uses: u64,
}

impl<K: Copy + Eq + Hash, C: Default> Bounded<K, C> {
    /// None yet, and never more than `most`.
    pub(super) fn holding(most: usize) -> Self {
        Self { most, counters: HashMap::new(), by_use: BTreeMap::new(), uses: 0 }
    }

    /// The counter of `name`, a new one where there is none.
    pub(super) fn entry(&mut self, name: K) -> &mut C {
        self.uses = self.uses.wrapping_add(1);
        if let Some((last_use, _)) = self.counters.get(&name) {
            self.by_use.remove(last_use);
        } else if self.counters.len() >= self.most
            && let Some((_, oldest)) = self.by_use.pop_first()
        {
            self.counters.remove(&oldest);
        }
        self.by_use.insert(self.uses, name);
        let (last_use, counter) = self.counters.entry(name).or_default();
        *last_use = self.uses;
        counter
    }

    /// The counter of `name`, where there is one. It is not used by that.
    pub(super) fn get_mut(&mut self, name: &K) -> Option<&mut C> {
        self.counters.get_mut(name).map(|(_, counter)| counter)
    }
}

#[cfg(test)]
mod tests {
    use super::super::counter::Counter;
    use super::*;
    use jwtis_base::env::Timestamp;

    #[test]
    fn the_one_that_was_used_longest_ago_makes_room() {
        let mut bounded: Bounded<_, Counter> = Bounded::holding(2);
        let now = Timestamp::from_seconds(9);
        for name in [1, 2, 1, 3] {
            bounded.entry(name).fail(now);
        }
        assert_eq!((bounded.counters.len(), bounded.by_use.len()), (2, 2));
        assert!(bounded.counters.contains_key(&1), "used after 2");
        assert_ne!(*bounded.entry(1), Counter::default());
        assert_eq!(*bounded.entry(2), Counter::default(), "forgotten, and begins anew");
    }
}

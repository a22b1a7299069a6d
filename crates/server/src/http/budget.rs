//! How much memory the bodies of requests may take, in all.
//!
//! A body is charged as it arrives, never by the length that its sender declares. The memory is in two pools. Every body asks the first
//! one. A body of at most [`SMALL_BODY`] that finds no room there asks the reserve, so that large bodies never keep small ones out.
//!
//! In each pool a source holds at most as much as is still free: the first one half of the pool, the next one a quarter, and so on. So
//! no source fills a pool, and a newcomer finds room beside a few that send as much as they can. A network of many sources can still
//! fill both; it has to send its bodies again as fast as they time out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use jwtis_base::sources::network;

/// Longest body that the reserve is for, in bytes. Requests of the issuer and messages of bakers have a few hundred.
pub const SMALL_BODY: usize = 16 * 1024;

/// Memory that all bodies may take at once, in bytes, the reserve included.
const TOTAL: usize = 64 * 1024 * 1024;

/// The memory of request bodies. Clones are the same budget.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Mutex<Ledger>>);

impl Default for Budget {
    fn default() -> Self {
        Self::of(TOTAL)
    }
}

impl PartialEq for Budget {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Budget {}

impl Budget {
    /// A budget of so many bytes, a quarter of them as the reserve.
    #[must_use]
    pub fn of(bytes: usize) -> Self {
        let reserve = bytes / 4;
        let ledger = Ledger { shared: Pool::of(bytes.saturating_sub(reserve)), reserve: Pool::of(reserve) };
        Self(Arc::new(Mutex::new(ledger)))
    }

    /// Bytes that bodies hold now.
    #[must_use]
    pub fn held(&self) -> usize {
        self.with(|ledger| ledger.shared.held.saturating_add(ledger.reserve.held))
    }

    /// The charge of a body from `source` of which nothing has arrived yet.
    pub(super) fn charge(&self, source: Option<IpAddr>) -> Charge {
        Charge { budget: self.clone(), source: source.map(network), place: None }
    }

    fn with<T>(&self, what: impl FnOnce(&mut Ledger) -> T) -> T {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// There is no room for a body now.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) struct NoRoom;

/// What one body holds of the budget. It is given back when dropped.
#[derive(Debug)]
pub(super) struct Charge {
    budget: Budget,
    /// The network of the sender.
    source: Option<IpAddr>,
    place: Option<Place>,
}

impl Charge {
    /// Holds `bytes` in all from now on. Without room for them the charge is empty afterwards: such a body is given up.
    pub(super) fn grow_to(&mut self, bytes: usize) -> Result<(), NoRoom> {
        let held = self.place.take();
        self.place = self.budget.with(|ledger| {
            if let Some(held) = held {
                ledger.give_back(self.source, held);
            }
            ledger.take(self.source, bytes)
        });
        self.place.map(drop).ok_or(NoRoom)
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if let Some(held) = self.place.take() {
            self.budget.with(|ledger| ledger.give_back(self.source, held));
        }
    }
}

/// Which pool a body is in, and with how many bytes.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Place {
    Shared(usize),
    Reserve(usize),
}

/// The rule: both pools.
#[derive(Debug)]
struct Ledger {
    shared: Pool,
    reserve: Pool,
}

impl Ledger {
    fn take(&mut self, source: Option<IpAddr>, bytes: usize) -> Option<Place> {
        if self.shared.take(source, bytes) {
            Some(Place::Shared(bytes))
        } else if bytes <= SMALL_BODY && self.reserve.take(source, bytes) {
            Some(Place::Reserve(bytes))
        } else {
            None
        }
    }

    fn give_back(&mut self, source: Option<IpAddr>, held: Place) {
        match held {
            Place::Shared(bytes) => self.shared.give_back(source, bytes),
            Place::Reserve(bytes) => self.reserve.give_back(source, bytes),
        }
    }
}

/// Memory that sources share.
#[derive(Debug)]
struct Pool {
    size: usize,
    held: usize,
    by_source: HashMap<Option<IpAddr>, usize>,
}

impl Pool {
    fn of(size: usize) -> Self {
        Self { size, held: 0, by_source: HashMap::new() }
    }

    /// Takes `bytes` for `source`, unless it would then hold more than remains free.
    fn take(&mut self, source: Option<IpAddr>, bytes: usize) -> bool {
        let held = self.held.saturating_add(bytes);
        let own = self.by_source.get(&source).copied().unwrap_or(0).saturating_add(bytes);
        if self.size.checked_sub(held).is_none_or(|free| own > free) {
            return false;
        }
        self.held = held;
        self.by_source.insert(source, own);
        true
    }

    fn give_back(&mut self, source: Option<IpAddr>, bytes: usize) {
        self.held = self.held.saturating_sub(bytes);
        if let Some(own) = self.by_source.get_mut(&source) {
            *own = own.saturating_sub(bytes);
            if *own == 0 {
                self.by_source.remove(&source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: usize = 1024;
    /// 768 KiB shared, 256 KiB in reserve.
    const SIZE: usize = 1024 * KIB;

    fn body(budget: &Budget, source: &str, bytes: usize) -> Option<Charge> {
        let mut charge = budget.charge(Some(source.parse().unwrap()));
        charge.grow_to(bytes).is_ok().then_some(charge)
    }

    /// As many bodies of this size as get in.
    fn flood(budget: &Budget, source: &str, bytes: usize) -> Vec<Charge> {
        std::iter::from_fn(|| body(budget, source, bytes)).collect()
    }

    #[test]
    fn a_source_takes_at_most_half_of_what_the_others_leave() {
        let budget = Budget::of(SIZE);
        let flooded: Vec<_> = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
            .into_iter()
            .map(|source| flood(&budget, source, 32 * KIB))
            .collect();
        let held: Vec<usize> = flooded.iter().map(|charges| charges.len() * 32 * KIB).collect();
        assert_eq!(held, [384 * KIB, 192 * KIB, 96 * KIB]);
        assert!(body(&budget, "192.0.2.4", 32 * KIB).is_some(), "a newcomer finds room");
    }

    #[test]
    fn small_bodies_pass_while_large_ones_fill_the_shared_pool() {
        let budget = Budget::of(SIZE);
        let large = flood(&budget, "192.0.2.1", 64 * KIB);
        assert!(body(&budget, "192.0.2.1", SMALL_BODY + 1).is_none());
        let small = flood(&budget, "192.0.2.1", SMALL_BODY);
        assert_eq!((large.len(), small.len()), (6, 8), "half of each pool");
        assert!(body(&budget, "192.0.2.1", 1).is_none());
        assert!(body(&budget, "192.0.2.2", SMALL_BODY).is_some(), "another source gets through");
        assert!(body(&budget, "192.0.2.2", 64 * KIB).is_some());
    }

    #[test]
    fn a_body_that_outgrows_the_reserve_needs_room_in_the_shared_pool() {
        let budget = Budget::of(SIZE);
        let mut large = flood(&budget, "192.0.2.1", 64 * KIB);
        let mut growing = body(&budget, "192.0.2.1", SMALL_BODY).unwrap();
        assert_eq!(growing.place, Some(Place::Reserve(SMALL_BODY)));
        large.pop();
        assert_eq!(growing.grow_to(SMALL_BODY + 1), Ok(()));
        assert_eq!(growing.place, Some(Place::Shared(SMALL_BODY + 1)));
        assert_eq!(growing.grow_to(128 * KIB), Err(NoRoom));
        assert_eq!(budget.held(), large.len() * 64 * KIB, "a body that is given up holds nothing");
    }

    #[test]
    fn what_is_dropped_is_given_back() {
        let budget = Budget::of(SIZE);
        for _ in 0..3 {
            let (large, small) =
                (flood(&budget, "2001:db8::1", 64 * KIB), flood(&budget, "2001:db8::1", 512));
            assert!(large.len() == 6 && small.len() == 256, "{} {}", large.len(), small.len());
            drop((large, small));
            assert_eq!(budget.held(), 0);
        }
        budget.with(|ledger| {
            assert!(ledger.shared.by_source.is_empty() && ledger.reserve.by_source.is_empty())
        });
    }

    #[test]
    fn growth_counts_once() {
        let budget = Budget::of(SIZE);
        let mut charge = budget.charge(None);
        for bytes in [1, KIB, 2 * KIB, 300 * KIB] {
            charge.grow_to(bytes).unwrap();
            assert_eq!(budget.held(), bytes);
        }
    }

    #[test]
    fn nothing_overflows() {
        let budget = Budget::of(usize::MAX);
        let mut charge = budget.charge(None);
        assert_eq!(charge.grow_to(usize::MAX), Err(NoRoom));
        assert_eq!(Budget::of(0).charge(None).grow_to(1), Err(NoRoom));
    }
}

//! A clock set by hand, and entropy that repeats itself from run to run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jwtis_base::{Clock, Entropy, Env, NoEntropy, Timestamp};

/// A clock that moves when it is told to.
#[derive(Debug)]
pub struct ManualClock {
    wall: AtomicU64,
    steady: AtomicU64,
}

impl ManualClock {
    /// A clock that stands at `start`.
    pub fn at(start: Timestamp) -> Arc<Self> {
        Arc::new(Self { wall: AtomicU64::new(start.millis()), steady: AtomicU64::new(0) })
    }

    /// Time passes.
    pub fn advance(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap();
        self.wall.fetch_add(millis, Ordering::SeqCst);
        self.steady.fetch_add(millis, Ordering::SeqCst);
    }

    /// Sets the wall clock, backwards too, while no time passes.
    pub fn set(&self, to: Timestamp) {
        self.wall.store(to.millis(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.wall.load(Ordering::SeqCst))
    }

    fn steady(&self) -> Duration {
        Duration::from_millis(self.steady.load(Ordering::SeqCst))
    }
}

/// Entropy from a counter: different on every call, the same in every run. Not random at all.
#[derive(Debug, Default)]
pub struct CountingEntropy(AtomicU64);

impl Entropy for CountingEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        let count = self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes();
        bytes.fill(0);
        for (byte, counted) in bytes.iter_mut().rev().zip(count.into_iter().rev()) {
            *byte = counted;
        }
        Ok(())
    }
}

/// An environment with `clock` and counted entropy.
pub fn env(clock: &Arc<ManualClock>) -> Env {
    Env::new(clock.clone(), Arc::new(CountingEntropy::default()))
}

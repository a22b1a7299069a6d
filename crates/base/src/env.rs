//! What the domain takes from outside: the time and the randomness of ids and secrets.
//!
//! Both are injected, so that a test sets the clock by hand and reads predictable ids. Cryptographic randomness (keys, nonces,
//! initialisation vectors) is not taken from here: the libraries that need it draw it themselves.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime};

/// A moment, in whole milliseconds since 1970-01-01T00:00:00Z.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// A moment from milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// A moment from seconds since the epoch; saturates far beyond any real date.
    #[must_use]
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down: a `NumericDate` (RFC 7519 §2).
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0 / 1000
    }

    /// This moment plus `duration`; saturates.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// The time from `earlier` to this moment; zero where `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;

    /// Time that has passed since some fixed moment, as a clock that nobody can set tells it.
    fn steady(&self) -> Duration;
}

/// Draws bytes for ids and secrets; nobody may be able to guess them.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `bytes` with fresh random bytes.
    ///
    /// # Errors
    /// When the operating system gives none; the caller must refuse what it was about to do.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy>;
}

/// The operating system gave no random bytes.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct NoEntropy;

/// Clock and entropy, passed together.
#[derive(Clone)]
pub struct Env {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// The latest moment that was read, in milliseconds.
    latest: Arc<AtomicU64>,
}

impl Env {
    /// The real clock and the operating system's randomness.
    #[must_use]
    pub fn system() -> Self {
        Self::new(Arc::new(SystemClock), Arc::new(SystemEntropy))
    }

    /// A world made of the given parts.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { clock, entropy, latest: Arc::default() }
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let now = self.clock.now();
        self.latest.fetch_max(now.millis(), Ordering::Relaxed);
        now
    }

    /// Time that has passed since some fixed moment; nobody can set it.
    #[must_use]
    pub fn steady(&self) -> Duration {
        self.clock.steady()
    }

    /// The latest moment that this process has seen: later than [`Self::now`] after the clock has stepped back. What was made until then is
    /// not from the future.
    #[must_use]
    pub fn latest(&self) -> Timestamp {
        self.now().max(Timestamp(self.latest.load(Ordering::Relaxed)))
    }

    /// Fills a secret's own buffer with fresh random bytes.
    ///
    /// # Errors
    /// As [`Entropy::fill`].
    pub fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        self.entropy.fill(bytes)
    }

    /// `N` fresh random bytes for an id; a secret has [`Self::fill`].
    ///
    /// # Errors
    /// As [`Entropy::fill`].
    pub fn random<const N: usize>(&self) -> Result<[u8; N], NoEntropy> {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes)?;
        Ok(bytes)
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env").field("now", &self.now()).finish_non_exhaustive()
    }
}

/// The operating system's clock.
#[derive(Copy, Clone, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the real clock")]
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }

    fn steady(&self) -> Duration {
        static BEGIN: LazyLock<Instant> = LazyLock::new(steady_now);
        steady_now().saturating_duration_since(*BEGIN)
    }
}

fn steady_now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the real steady clock")]
    Instant::now()
}

/// The operating system's randomness, through AWS-LC.
#[derive(Copy, Clone, Debug)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        #[expect(clippy::disallowed_methods, reason = "the one place that draws ids and secrets")]
        aws_lc_rs::rand::fill(bytes).map_err(|_| NoEntropy)
    }
}

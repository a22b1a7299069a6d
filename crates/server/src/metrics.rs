//! What the server counts, for `/metrics`, which Prometheus scrapes.
//!
//! No label takes its value from a caller: routes are those of the router, reasons are the codes of `docs/reference/issuer-api.md`, so that nobody can
//! fill the memory with label values. Our names begin with `jwtis_`; the signer's and the process's are those of Signatory.

pub mod exposition;
mod process;
mod signer;
mod watermark;

use std::time::{Duration, Instant};

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

pub use signer::SignerMetrics;
pub use watermark::ObservedWatermarks;

/// Upper ends of the latency buckets of requests, in seconds: issuing takes 0.1 ms, RSA 4096 key generation seconds.
const REQUEST_BUCKETS: [f64; 13] =
    [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0];

/// Upper ends of the buckets of durable commits, in seconds: an fsync takes from 50 µs to, on a bad day, seconds.
const COMMIT_BUCKETS: [f64; 11] = [0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5];

/// All counters of the process. Shared by the listeners.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    unprefixed: Registry,
    requests: Family<RequestLabels, Counter>,
    latency: Family<LatencyLabels, Histogram, fn() -> Histogram>,
    issued: Counter,
    renewed: Counter,
    refused: Family<RefusalLabels, Counter>,
    reuse: Counter,
    commits: Histogram,
    key_sets: Family<StateLabels, Gauge>,
    certificates: Family<ListenerLabels, Gauge>,
    witnesses_behind: Gauge,
    signer: SignerMetrics,
}

/// How many key sets are in which state, as counted by the housekeeping pass.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct KeySets {
    /// Sets that make tokens.
    pub active: u64,
    /// Sets that only verify and decrypt.
    pub retiring: u64,
    /// Active sets past their end: their clients get `keys_expired`.
    pub expired: u64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Counters that stand at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("jwtis"),
            unprefixed: Registry::default(),
            requests: Family::default(),
            latency: Family::new_with_constructor(|| Histogram::new(REQUEST_BUCKETS)),
            issued: Counter::default(),
            renewed: Counter::default(),
            refused: Family::default(),
            reuse: Counter::default(),
            commits: Histogram::new(COMMIT_BUCKETS),
            key_sets: Family::default(),
            certificates: Family::default(),
            witnesses_behind: Gauge::default(),
            signer: SignerMetrics::new(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let build = Family::<BuildLabels, Gauge>::default();
        build.get_or_create(&BuildLabels { version: env!("CARGO_PKG_VERSION") }).set(1);
        let registry = &mut self.registry;
        registry.register("build_info", "Version of the running program", build);
        registry.register("http_requests", "Requests answered", self.requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "Time from the end of a request's head to its answer",
            self.latency.clone(),
        );
        registry.register("tokens_issued", "Token pairs issued", self.issued.clone());
        registry.register("tokens_renewed", "Token pairs renewed", self.renewed.clone());
        registry.register("tokens_refused", "Token requests refused", self.refused.clone());
        registry.register(
            "refresh_reuse_detected",
            "Sessions revoked because of a stolen refresh token",
            self.reuse.clone(),
        );
        registry.register(
            "store_commit_duration_seconds",
            "Time to make a change durable",
            self.commits.clone(),
        );
        registry.register(
            "key_sets",
            "Key sets by state at the last housekeeping pass",
            self.key_sets.clone(),
        );
        registry.register(
            "tls_certificate_days_left",
            "Whole days until a listener's certificate ends",
            self.certificates.clone(),
        );
        registry.register(
            "store_witnesses_behind",
            "Witnesses of stores that cannot be written now",
            self.witnesses_behind.clone(),
        );
        self.signer.register_ours(&mut self.registry);
        self.signer.register(&mut self.unprefixed);
    }

    /// The signer's counters.
    #[must_use]
    pub const fn signer(&self) -> &SignerMetrics {
        &self.signer
    }

    /// Sets how many days the certificate of a listener has left.
    pub(crate) fn certificate_days_left(&self, listener: &'static str, days: i64) {
        self.certificates.get_or_create(&ListenerLabels { listener }).set(days);
    }

    /// Sets how many witnesses cannot be written now.
    pub(crate) fn witnesses_behind(&self, count: usize) {
        self.witnesses_behind.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Counts an answered request.
    pub(crate) fn request(&self, route: &str, method: &'static str, status: u16, took: Duration) {
        let status = u32::from(status);
        let labels = RequestLabels { route: route.to_owned(), method, status };
        self.requests.get_or_create(&labels).inc();
        let labels = LatencyLabels { route: labels.route, status };
        self.latency.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Counts an issued token pair.
    pub fn token_issued(&self) {
        self.issued.inc();
    }

    /// Counts a renewed token pair.
    pub fn token_renewed(&self) {
        self.renewed.inc();
    }

    /// Counts a refusal; `reason` is a code of the API.
    pub fn token_refused(&self, operation: &'static str, reason: &'static str) {
        self.refused.get_or_create(&RefusalLabels { operation, reason }).inc();
    }

    /// Counts a session that was revoked because an old refresh token came back.
    pub fn reuse_detected(&self) {
        self.reuse.inc();
    }

    /// Records how long a durable commit took.
    pub fn observe_commit(&self, took: Duration) {
        self.commits.observe(took.as_secs_f64());
    }

    /// Replaces the census of key sets.
    pub fn key_sets(&self, census: KeySets) {
        for (state, count) in
            [("active", census.active), ("retiring", census.retiring), ("expired", census.expired)]
        {
            self.key_sets.get_or_create(&StateLabels { state }).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// Everything as OpenMetrics 1.0 text; [`exposition`] makes the older form of it.
    #[must_use]
    pub fn render(&self) -> String {
        let mut page = String::with_capacity(16 * 1024);
        // Writing to a String does not fail; a half-written page would lack its "# EOF" and be refused by the scraper.
        let _ = text::encode_registry(&mut page, &self.registry)
            .and_then(|()| text::encode(&mut page, &self.unprefixed));
        page
    }
}

/// Reads the monotonic clock, for latencies only: no decision depends on it.
#[must_use]
pub(crate) fn monotonic() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "latency for metrics and logs; rules take a Clock")]
    Instant::now()
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: &'static str,
    status: u32,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct LatencyLabels {
    route: String,
    status: u32,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct RefusalLabels {
    operation: &'static str,
    reason: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct ListenerLabels {
    listener: &'static str,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_what_was_counted() {
        let metrics = Metrics::new();
        metrics.request("/issue_token", "POST", 201, Duration::from_millis(1));
        metrics.token_issued();
        metrics.token_refused("renew", "token_expired");
        metrics.reuse_detected();
        metrics.observe_commit(Duration::from_micros(300));
        metrics.key_sets(KeySets { active: 2, ..KeySets::default() });
        let page = metrics.render();
        for line in [
            r#"jwtis_http_requests_total{route="/issue_token",method="POST",status="201"} 1"#,
            r#"jwtis_http_request_duration_seconds_count{route="/issue_token",status="201"} 1"#,
            "jwtis_tokens_issued_total 1",
            "jwtis_tokens_renewed_total 0",
            r#"jwtis_tokens_refused_total{operation="renew",reason="token_expired"} 1"#,
            "jwtis_refresh_reuse_detected_total 1",
            "jwtis_store_commit_duration_seconds_count 1",
            r#"jwtis_key_sets{state="active"} 2"#,
            concat!(r#"jwtis_build_info{version=""#, env!("CARGO_PKG_VERSION"), r#""} 1"#),
        ] {
            assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
        }
        assert!(page.ends_with("# EOF\n"));
    }
}

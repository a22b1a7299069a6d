//! What the signer counts, under Signatory's names, so that its dashboards go on working, and `jwtis_signer_decisions`.
//!
//! Beware: times of requests and vaults are in milliseconds, those of watermarks in seconds. What differs from Signatory:
//!
//! * No label takes an unbounded value from a caller. `address` is a listed key or `unknown`; `client_ip` is the scope of the address,
//!   [`scope`]; of networks and rounds the first ones have labels of their own and the others share one; the `reason` of a refused
//!   watermark has no level in it.
//! * Failures by token and at `/login` count as `auth_method="jwt"`; refusals by a limit as `violation_type="limit"`.
//! * `watermark_*` have one `request_type` for both kinds of attestation, which share a watermark.

mod labels;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use jwtis_signer::{About, NotHeld, NotSigned, WatermarkError};
use jwtis_tezos::{Denial, RequestKind};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::process::ProcessCollector;
use labels::{
    AuthenticationFailure, BackendLabels, Build, DecisionLabels, Handled, IoLatency, IoOperation, Jump,
    Observed, Rejection, Round, SigningOp, VaultCall, VaultFailure, Violation, WatermarkOperation,
};

/// Upper ends of the buckets of requests and vaults, in milliseconds.
const MILLISECONDS: [f64; 5] = [10.0, 100.0, 1_000.0, 10_000.0, 100_000.0];

/// Most networks with labels of their own; the others are `other`.
const MAX_CHAINS: usize = 32;

/// Rounds from here on share a label: the protocol's blocks come in single digits.
const MANY_ROUNDS: i32 = 100;

type Histograms<Labels> = Family<Labels, Histogram, fn() -> Histogram>;

/// The signer's counters.
#[derive(Debug)]
pub struct SignerMetrics {
    handled: Family<Handled, Counter>,
    handled_in: Histograms<Handled>,
    signing_ops: Family<SigningOp, Counter>,
    vault_took: Histograms<VaultCall>,
    vault_errors: Family<VaultFailure, Counter>,
    rounds: Family<Round, Counter>,
    violations: Family<Violation, Counter>,
    watermark_rejections: Family<Rejection, Counter>,
    authentication_failures: Family<AuthenticationFailure, Counter>,
    watermark_operations: Family<WatermarkOperation, Counter>,
    watermark_took: Histograms<BackendLabels>,
    io_operations: Family<IoOperation, Counter>,
    io_took: Histograms<IoLatency>,
    decisions: Family<DecisionLabels, Counter>,
    observed: Family<Observed, Counter>,
    jumps: Family<Jump, Counter>,
    chains: Mutex<BTreeSet<String>>,
    backend: OnceLock<&'static str>,
}

impl SignerMetrics {
    pub(super) fn new() -> Self {
        let milliseconds: fn() -> Histogram = || Histogram::new(MILLISECONDS);
        let seconds: fn() -> Histogram = || Histogram::new(doubling(0.001, 10));
        Self {
            handled: Family::default(),
            handled_in: Family::new_with_constructor(milliseconds),
            signing_ops: Family::default(),
            vault_took: Family::new_with_constructor(milliseconds),
            vault_errors: Family::default(),
            rounds: Family::default(),
            violations: Family::default(),
            watermark_rejections: Family::default(),
            authentication_failures: Family::default(),
            watermark_operations: Family::default(),
            watermark_took: Family::new_with_constructor(seconds),
            io_operations: Family::default(),
            io_took: Family::new_with_constructor(|| Histogram::new(doubling(0.000_1, 14))),
            decisions: Family::default(),
            observed: Family::default(),
            jumps: Family::default(),
            chains: Mutex::default(),
            backend: OnceLock::new(),
        }
    }

    /// Registers what has Signatory's names; `registry` has no prefix. Names of counters get their `_total` from the encoder.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("sign_handler_requests", "Requests for signatures", self.handled.clone());
        registry.register(
            "sign_handler_request_duration_milliseconds",
            "Time to answer a request for a signature, in milliseconds",
            self.handled_in.clone(),
        );
        registry.register("signing_ops", "Operations signed, by kind", self.signing_ops.clone());
        registry.register(
            "vault_sign_request_duration_milliseconds",
            "Time that the watermark and the vault took for a signature, in milliseconds",
            self.vault_took.clone(),
        );
        registry.register(
            "vault_sign_request_error",
            "Allowed requests that failed at the watermark or in the vault",
            self.vault_errors.clone(),
        );
        registry.register("consensus_round", "Consensus requests signed, by round", self.rounds.clone());
        registry.register("policy_violation", "Requests refused by a policy", self.violations.clone());
        registry.register(
            "watermark_rejection",
            "Requests refused because of double signing",
            self.watermark_rejections.clone(),
        );
        registry.register(
            "authentication_failure",
            "Callers who are not who they must be",
            self.authentication_failures.clone(),
        );
        registry.register("watermark_operations", "Watermarks judged", self.watermark_operations.clone());
        registry.register(
            "watermark_operation_duration_seconds",
            "Time to judge a watermark and make it durable",
            self.watermark_took.clone(),
        );
        registry.register(
            "watermark_io_operations",
            "Reads and writes of watermarks",
            self.io_operations.clone(),
        );
        registry.register(
            "watermark_io_latency_seconds",
            "Time to read or write watermarks",
            self.io_took.clone(),
        );
        let build = Family::<Build, Gauge>::default();
        build.get_or_create(&Build::THIS).set(1);
        registry.register("signatory_build_info", "Version of the running program", build);
        registry.register_collector(Box::new(ProcessCollector));
    }

    /// Registers what is ours alone; `registry` has our prefix.
    pub(super) fn register_ours(&self, registry: &mut Registry) {
        registry.register(
            "signer_decisions",
            "Requests allowed and refused, by reason",
            self.decisions.clone(),
        );
        registry.register(
            "signer_limits_observed",
            "Requests that limits with `mode: observe` would have refused, by the first limit",
            self.observed.clone(),
        );
        registry.register(
            "watermark_jumps_refused",
            "Requests refused because their level is further above the watermark than the chain can have gone",
            self.jumps.clone(),
        );
    }

    /// Counts a request for a signature that reached its handler; `address` is a listed key.
    pub(crate) fn handled(&self, address: Option<String>, status: u16, took: Duration) {
        let labels = Handled { address: address.unwrap_or_else(unknown), status: status.into() };
        self.handled.get_or_create(&labels).inc();
        self.handled_in.get_or_create(&labels).observe(whole_milliseconds(took));
    }

    /// Counts a signature that was given.
    pub(crate) fn signed(&self, about: &About) {
        let Some(kind) = about.kind else { return };
        let (address, chain_id) = (address(about), self.chain(about));
        let vault = about.vault.unwrap_or_default();
        let op = kind.name();
        for (name, count) in &about.operations {
            let labels =
                SigningOp { address: address.clone(), vault, op, kind: name, chain_id: chain_id.clone() };
            self.signing_ops.get_or_create(&labels).inc_by(*count);
        }
        if let Some((_, round)) = about.level_and_round {
            let round = if round < MANY_ROUNDS { round.to_string() } else { format!("{MANY_ROUNDS}+") };
            let labels =
                Round { address: address.clone(), operation_type: op, chain_id: chain_id.clone(), round };
            self.rounds.get_or_create(&labels).inc();
        }
        let has_watermark = match kind {
            RequestKind::Generic | RequestKind::Pack => false,
            RequestKind::Attestation
            | RequestKind::AttestationWithDal
            | RequestKind::Block
            | RequestKind::Preattestation => true,
        };
        if !has_watermark && let Some(backend) = self.backend.get() {
            // Signatory counts those without a watermark too.
            let labels = WatermarkOperation { result: "success", backend, request_type: op };
            self.watermark_operations.get_or_create(&labels).inc();
        }
        if let Some(took) = about.signing_took {
            let labels = VaultCall { vault, address, op, chain_id };
            self.vault_took.get_or_create(&labels).observe(whole_milliseconds(took));
        }
        self.observed(about);
        self.decided("allow", "signed");
    }

    /// Counts a proof of possession that was given.
    pub(crate) fn proved(&self) {
        self.decided("allow", "proved");
    }

    /// Counts a refusal of a request for a signature or a proof.
    pub(crate) fn refused(&self, about: &About, error: &NotSigned, source: IpAddr) {
        self.observed(about);
        self.decided("deny", error.code());
        match error {
            NotSigned::Denied(denial) => self.denied(about, denial, source),
            NotSigned::Hook(_) => self.violation(about, "policy_hook".to_owned()),
            NotSigned::Watermark(error) => {
                let (code, reason) = match error {
                    WatermarkError::Refused(refused) if refused.is_jump() => {
                        self.jumps.get_or_create(&Jump { kind: refused.asked.kind.name() }).inc();
                        ("409", "watermark jump refused")
                    }
                    WatermarkError::Refused(_) => ("409", "watermark validation failed"),
                    WatermarkError::NoRoom { .. } => ("403", "too many chains"),
                    WatermarkError::RolledBack(_) => ("409", "store rolled back"),
                    WatermarkError::Unavailable(_) | WatermarkError::OutcomeUnknown(_) => {
                        ("500", "watermark unavailable")
                    }
                };
                let operation_type = about.kind.map_or("", RequestKind::name);
                let chain_id = self.chain(about);
                let labels = Rejection { address: address(about), operation_type, chain_id, reason };
                self.watermark_rejections.get_or_create(&labels).inc();
                self.vault_failed(about, code);
            }
            NotSigned::NotHeld(NotHeld::Unknown(_)) | NotSigned::Vault(_) => self.vault_failed(about, "n/a"),
            NotSigned::NotListed(_)
            | NotSigned::Decode(_)
            | NotSigned::NotHeld(NotHeld::Nowhere)
            | NotSigned::ProofNotSupported
            | NotSigned::ProofNotAllowed
            | NotSigned::Store(_)
            | NotSigned::NoWatermark
            | NotSigned::Disabled(_)
            | NotSigned::Token(_)
            | NotSigned::Switch(_)
            | NotSigned::Usage(_) => {}
        }
    }

    /// Counts a caller who was turned away before his request was read; `method` is `jwt` or `authentication`.
    pub(crate) fn authentication_failed(&self, status: u16, method: &'static str, source: IpAddr) {
        let labels =
            AuthenticationFailure { status: status.into(), auth_method: method, client_ip: scope(source) };
        self.authentication_failures.get_or_create(&labels).inc();
    }

    /// Remembers which driver keeps the watermarks.
    pub(super) fn watermark_backend(&self, name: &'static str) {
        let _ = self.backend.set(name);
    }

    /// Counts a verdict on a watermark.
    pub(super) fn watermark_operation(
        &self,
        ok: bool,
        backend: &'static str,
        kind: &'static str,
        took: Duration,
    ) {
        let result = if ok { "success" } else { "rejected" };
        let labels = WatermarkOperation { result, backend, request_type: kind };
        self.watermark_operations.get_or_create(&labels).inc();
        self.watermark_took.get_or_create(&BackendLabels { backend }).observe(took.as_secs_f64());
    }

    /// Counts what a driver did with its storage.
    pub(super) fn watermark_io(
        &self,
        backend: &'static str,
        operation: &'static str,
        ok: bool,
        took: Duration,
    ) {
        let result = if ok { "success" } else { "error" };
        let table_name = "";
        self.io_operations.get_or_create(&IoOperation { backend, operation, table_name, result }).inc();
        self.io_took.get_or_create(&IoLatency { backend, operation, table_name }).observe(took.as_secs_f64());
    }

    /// A refusal by the policy. Signatory counts neither those by network nor those by user.
    fn denied(&self, about: &About, denial: &Denial, source: IpAddr) {
        match denial {
            Denial::RequestKind(kind) => self.violation(about, kind.name().to_owned()),
            Denial::Operation(name) => self.violation(about, name.clone()),
            Denial::Limit(_) => self.violation(about, "limit".to_owned()),
            Denial::AuthenticationRequired | Denial::Client(_) => {
                self.violation(about, "authentication".to_owned());
                self.authentication_failed(403, "authorized_keys", source);
            }
            Denial::UserRequired(_) => {
                self.violation(about, "authentication".to_owned());
                self.authentication_failed(403, "jwt", source);
            }
            Denial::Chain(_)
            | Denial::User(..)
            | Denial::Role(..)
            | Denial::TokenKey(..)
            | Denial::TokenPermission(_) => {}
        }
    }

    fn violation(&self, about: &About, violation_type: String) {
        let labels = Violation { violation_type, address: address(about), operation_type: "request" };
        self.violations.get_or_create(&labels).inc();
    }

    fn observed(&self, about: &About) {
        if let Some(denial) = &about.observed {
            let labels = Observed { address: address(about), limit: denial.limit() };
            self.observed.get_or_create(&labels).inc();
        }
    }

    fn vault_failed(&self, about: &About, code: &'static str) {
        let labels =
            VaultFailure { vault: about.vault.unwrap_or_default(), code, chain_id: self.chain(about) };
        self.vault_errors.get_or_create(&labels).inc();
    }

    fn decided(&self, verdict: &'static str, reason: &'static str) {
        self.decisions.get_or_create(&DecisionLabels { verdict, reason }).inc();
    }

    /// The label of a request's network: empty for those without one.
    fn chain(&self, about: &About) -> String {
        let Some(chain) = about.chain else { return String::new() };
        let chain = chain.to_string();
        let mut known = self.chains.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains(&chain) {
            if known.len() >= MAX_CHAINS {
                return "other".to_owned();
            }
            known.insert(chain.clone());
        }
        chain
    }
}

/// Where a caller is, as far as it may become a label: `loopback`, `private` or `public`.
fn scope(address: IpAddr) -> &'static str {
    match address.to_canonical() {
        address if address.is_loopback() => "loopback",
        IpAddr::V4(address) if address.is_private() || address.is_link_local() => "private",
        IpAddr::V6(address) if address.is_unique_local() || address.is_unicast_link_local() => "private",
        _ => "public",
    }
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn address(about: &About) -> String {
    about.listed_key.map_or_else(unknown, |key| key.to_string())
}

/// Signatory observes whole milliseconds, rounded down.
fn whole_milliseconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e3).floor()
}

/// `count` upper ends, each twice the one before.
fn doubling(first: f64, count: usize) -> impl Iterator<Item = f64> {
    std::iter::successors(Some(first), |end| Some(end * 2.0)).take(count)
}

#[cfg(test)]
mod tests {
    use jwtis_tezos::ChainId;

    use super::*;

    #[test]
    fn an_address_becomes_a_scope_and_never_a_label() {
        for (address, expected) in [
            ("127.0.0.1", "loopback"),
            ("::1", "loopback"),
            ("::ffff:127.0.0.1", "loopback"),
            ("10.1.2.3", "private"),
            ("::ffff:192.168.1.1", "private"),
            ("169.254.0.1", "private"),
            ("fd00::1", "private"),
            ("fe80::1", "private"),
            ("203.0.113.9", "public"),
            ("2001:db8::1", "public"),
        ] {
            assert_eq!(scope(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn networks_and_rounds_that_a_caller_makes_up_share_a_label() {
        let metrics = SignerMetrics::new();
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        for number in 0..1000_u32 {
            let about = About {
                kind: Some(RequestKind::Block),
                chain: Some(ChainId::new(number.to_be_bytes())),
                level_and_round: Some((1, i32::try_from(number).unwrap())),
                ..About::default()
            };
            metrics.signed(&about);
        }
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &registry).unwrap();
        let rounds = page.lines().filter(|line| line.starts_with("consensus_round_total{")).count();
        assert!((MAX_CHAINS..=MAX_CHAINS + 101).contains(&rounds), "{rounds}");
        assert!(page.contains(r#"chain_id="other",round="100+"} 900"#), "{page}");
    }
}

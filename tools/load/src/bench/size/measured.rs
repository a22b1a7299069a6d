//! What was measured of size, as lines, JSON and Markdown.

use serde_json::{Value, json};

/// Connections while sessions are measured.
pub(super) const CONNECTIONS: usize = 16;

/// Starts with many clients: medians of the rounds.
pub(crate) struct Start {
    pub(crate) clients: u64,
    pub(crate) store_mib: u64,
    /// Milliseconds from the start of the process until it serves.
    pub(crate) ready_ms: f64,
    /// Without the hash of the store's password.
    pub(crate) beyond_hash_ms: f64,
    pub(crate) resident_kib: u64,
    /// The same after one token of each of the first thousand clients.
    pub(crate) used_kib: u64,
}

/// What one kind of request costs.
pub(crate) struct Cost {
    pub(crate) kind: &'static str,
    pub(crate) server_us: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// What requests cost beside many sessions: medians of the rounds.
pub(crate) struct Growth {
    pub(crate) sessions: u64,
    pub(crate) store_mib: u64,
    pub(crate) costs: Vec<Cost>,
    pub(crate) resident_kib: u64,
}

impl Start {
    pub(super) const HEADING: &str = "   clients   store MiB   start to ready ms   beyond the hash ms   RSS MiB   after a token of each of 1000";

    pub(super) fn line(&self) -> String {
        let (resident, used) = (self.resident_kib / 1024, self.used_kib / 1024);
        format!(
            "{:>10}{:>12}{:>20.0}{:>21.0}{resident:>10}{used:>10}",
            self.clients, self.store_mib, self.ready_ms, self.beyond_hash_ms
        )
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "clients": self.clients,
            "store_mib": self.store_mib,
            "start_to_ready_ms": self.ready_ms,
            "beyond_hash_ms": self.beyond_hash_ms,
            "resident_kib": self.resident_kib,
            "resident_after_1000_tokens_kib": self.used_kib,
        })
    }

    pub(super) fn markdown(&self) -> String {
        let (resident, used) = (self.resident_kib / 1024, self.used_kib / 1024);
        let (clients, store, ready, beyond) =
            (self.clients, self.store_mib, self.ready_ms, self.beyond_hash_ms);
        format!("| {clients} | {store} | {ready:.0} | {beyond:.0} | {resident} | {used} |\n")
    }
}

impl Growth {
    pub(super) const HEADING: &str =
        "  sessions   store MiB   request               server µs   p50 ms   p99 ms   RSS MiB";

    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        self.costs.iter().map(|cost| {
            format!(
                "{:>10}{:>12}   {:<20}{:>11.1}{:>9.2}{:>9.2}{:>10}",
                self.sessions,
                self.store_mib,
                cost.kind,
                cost.server_us,
                cost.p50_ms,
                cost.p99_ms,
                self.resident_kib / 1024
            )
        })
    }

    pub(super) fn to_json(&self) -> Value {
        let cost = |cost: &Cost| {
            json!({
                "request": cost.kind,
                "server_cpu_us": cost.server_us,
                "p50_ms": cost.p50_ms,
                "p99_ms": cost.p99_ms,
            })
        };
        json!({
            "sessions": self.sessions,
            "store_mib": self.store_mib,
            "connections": CONNECTIONS,
            "costs": self.costs.iter().map(cost).collect::<Vec<_>>(),
            "resident_kib": self.resident_kib,
        })
    }

    pub(super) fn markdown(&self) -> String {
        let row = |cost: &Cost| {
            format!(
                "| {} | {} | {} | {:.0} | {:.2} | {:.2} | {} |\n",
                self.sessions,
                self.store_mib,
                cost.kind,
                cost.server_us,
                cost.p50_ms,
                cost.p99_ms,
                self.resident_kib / 1024
            )
        };
        self.costs.iter().map(row).collect()
    }
}

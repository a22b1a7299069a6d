//! Targets: what the readings are held against. A verdict is news, not a failure: times depend on the machine and on who else uses it.

use std::fmt;

use serde_json::{Value, json};

use crate::bench::scenario::Row;
use crate::bench::size::measured::{Growth, Start};

/// Server CPU over floor, at most.
const RATIOS: [(&str, f64); 3] = [("issue", 1.20), ("renew, refreshBoth", 1.35), ("verify", 1.25)];
/// Microseconds of server CPU beyond the floor, at most.
const BEYOND_FLOOR: [(&str, f64); 3] =
    [("sign tz1, generic", 25.0), ("attest tz1, marks in store", 60.0), ("attest tz1, marks in file", 60.0)];
/// Whose latency is that of a password hash, made slow on purpose.
const SLOW_ON_PURPOSE: &str = "login, Argon2id";
const P99_MS: f64 = 10.0;
const IDLE_MB: f64 = 40.0;
/// Clients, and the memory that so many may take.
const MANY_CLIENTS: (u64, f64) = (100_000, 250.0);
const START_MS: f64 = 150.0;
/// The pages of the store that the engine keeps in memory, 128 MiB, and what the allocator adds.
const PAGE_CACHE_MB: f64 = 140.0;
/// Most sessions against fewest: what two readings of the same thing may differ by.
const NOISE: f64 = 1.2;

/// A bound on a reading.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(crate) enum Bound {
    AtMost(f64),
    Below(f64),
}

impl Bound {
    fn holds(self, measured: f64) -> bool {
        match self {
            Self::AtMost(most) => measured <= most,
            Self::Below(limit) => measured < limit,
        }
    }
}

/// What was found of one target.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    name: String,
    bound: Bound,
    unit: &'static str,
    measured: f64,
}

impl Verdict {
    pub(crate) fn met(&self) -> bool {
        self.bound.holds(self.measured)
    }

    /// Name, target, measured, met or missed.
    pub(crate) fn cells(&self) -> [String; 4] {
        let met = if self.met() { "met" } else { "missed" };
        [
            self.name.clone(),
            format!("{} {}", self.bound, self.unit),
            format!("{:.2} {}", self.measured, self.unit),
            met.to_owned(),
        ]
    }

    pub(crate) fn to_json(&self) -> Value {
        let (word, bound) = match self.bound {
            Bound::AtMost(most) => ("at_most", most),
            Bound::Below(limit) => ("below", limit),
        };
        json!({
            "name": self.name,
            word: bound,
            "unit": self.unit,
            "measured": self.measured,
            "met": self.met(),
        })
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => write!(f, "≤ {most}"),
            Self::Below(limit) => write!(f, "< {limit}"),
        }
    }
}

/// The targets of requests, and of the memory of servers (name, KiB) that nobody has loaded yet.
pub(crate) fn of_requests(rows: &[Row], idle: &[(&str, u64)]) -> Vec<Verdict> {
    let ratios = RATIOS.into_iter().flat_map(|(scenario, most)| {
        of(rows, scenario).filter_map(move |row| {
            let [measured, ..] = row.ratio?;
            Some(Verdict { name: row.name(), bound: Bound::AtMost(most), unit: "× floor", measured })
        })
    });
    let beyond = BEYOND_FLOOR.into_iter().flat_map(|(scenario, most)| {
        of(rows, scenario).map(move |row| {
            let measured = row.server_us - row.floor_us;
            Verdict { name: row.name(), bound: Bound::AtMost(most), unit: "µs beyond floor", measured }
        })
    });
    let memory = idle.iter().map(|(world, kib)| Verdict {
        name: format!("idle memory, {world}"),
        bound: Bound::Below(IDLE_MB),
        unit: "MB",
        measured: megabytes(*kib),
    });
    ratios.chain(beyond).chain(slowest(rows)).chain(memory).collect()
}

/// `issue` is also `issue, EdDSA + ECDH-ES`.
fn of<'a>(rows: &'a [Row], scenario: &'a str) -> impl Iterator<Item = &'a Row> {
    rows.iter().filter(move |row| {
        row.scenario.strip_prefix(scenario).is_some_and(|rest| rest.is_empty() || rest.starts_with(','))
    })
}

fn slowest(rows: &[Row]) -> Option<Verdict> {
    let half = rows.iter().filter(|row| row.scenario != SLOW_ON_PURPOSE).filter_map(|row| {
        let milliseconds = row.half_load.as_ref()?.value_at_quantile(0.99) as f64 / 1e6;
        Some((row, milliseconds))
    });
    let (row, measured) = half.max_by(|(_, one), (_, other)| one.total_cmp(other))?;
    let name = format!("p99 at half load, the worst: {}", row.name());
    Some(Verdict { name, bound: Bound::Below(P99_MS), unit: "ms", measured })
}

/// The targets of starts.
pub(crate) fn of_starts(starts: &[Start]) -> Vec<Verdict> {
    let times = starts.iter().map(|start| Verdict {
        name: format!("start to ready beyond the hash, {} clients", start.clients),
        bound: Bound::Below(START_MS),
        unit: "ms",
        measured: start.beyond_hash_ms,
    });
    let (many, most) = MANY_CLIENTS;
    let memory = starts.iter().filter(|start| start.clients == many).map(|start| Verdict {
        name: format!("memory, {many} clients"),
        bound: Bound::Below(most),
        unit: "MB",
        measured: megabytes(start.used_kib.max(start.resident_kib)),
    });
    times.chain(memory).collect()
}

/// The targets of many sessions: what they cost with the most of them over what they cost with the fewest.
pub(crate) fn of_sessions(growths: &[Growth]) -> Vec<Verdict> {
    let (Some(few), Some(many)) = (growths.first(), growths.last()) else {
        return Vec::new();
    };
    if few.sessions == many.sessions {
        return Vec::new();
    }
    let verdict = |what: String, few_cost: f64, many_cost: f64| Verdict {
        name: format!("{what}, {} sessions over {}", many.sessions, few.sessions),
        bound: Bound::AtMost(NOISE),
        unit: "×",
        measured: many_cost / few_cost,
    };
    let mut verdicts = Vec::new();
    for (one, other) in few.costs.iter().zip(&many.costs) {
        verdicts.push(verdict(format!("server CPU to {}", one.kind), one.server_us, other.server_us));
        verdicts.push(verdict(format!("p50 to {}", one.kind), one.p50_ms, other.p50_ms));
        verdicts.push(verdict(format!("p99 to {}", one.kind), one.p99_ms, other.p99_ms));
    }
    verdicts.push(Verdict {
        name: format!("memory, {} sessions beyond {}", many.sessions, few.sessions),
        bound: Bound::AtMost(PAGE_CACHE_MB),
        unit: "MB",
        measured: megabytes(many.resident_kib.saturating_sub(few.resident_kib)),
    });
    verdicts
}

/// Millions of bytes: the stricter reading of the unit.
fn megabytes(kib: u64) -> f64 {
    kib as f64 * 1024.0 / 1e6
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;

    use super::*;
    use crate::bench::size::measured::Cost;

    fn row(scenario: &str, server_us: f64, floor_us: f64, half_load_ms: u64) -> Row {
        let mut latency = Histogram::new(3).unwrap();
        latency.record(half_load_ms * 1_000_000).unwrap();
        Row {
            scenario: scenario.to_owned(),
            connections: 16,
            server_us,
            floor_us,
            ratio: (floor_us > 0.0).then(|| [server_us / floor_us; 3]),
            per_second: 1.0,
            latency: latency.clone(),
            half_load: Some(latency),
            resident_kib: 1,
            written_per_request: 0.0,
            syncs_per_request: None,
        }
    }

    fn words(verdicts: &[Verdict]) -> Vec<String> {
        verdicts.iter().map(|verdict| verdict.cells().join(" | ")).collect()
    }

    #[test]
    fn a_bound_is_part_of_at_most_and_no_part_of_below() {
        for (bound, measured, met) in [
            (Bound::AtMost(1.2), 1.2, true),
            (Bound::AtMost(1.2), 1.21, false),
            (Bound::Below(10.0), 9.99, true),
            (Bound::Below(10.0), 10.0, false),
            (Bound::AtMost(1.2), f64::NAN, false),
            (Bound::Below(10.0), f64::INFINITY, false),
        ] {
            assert_eq!(bound.holds(measured), met, "{bound} {measured}");
        }
    }

    #[test]
    fn ratios_and_microseconds_are_held_against_their_own_targets() {
        let rows = [
            row("issue", 119.0, 100.0, 2),
            row("issue, EdDSA + ECDH-ES", 121.0, 100.0, 2),
            row("renew, noRefresh", 500.0, 100.0, 2),
            row("renew, refreshBoth", 135.0, 100.0, 2),
            row("verify", 126.0, 100.0, 9),
            row("sign tz1, generic", 75.0, 50.0, 2),
            row("attest tz1, marks in file", 111.0, 50.0, 2),
            row("login, Argon2id", 16e3, 16e3, 43),
            row("jwks", 20.0, 0.0, 2),
        ];
        assert_eq!(
            words(&of_requests(&rows, &[("issuer", 39_000)])),
            [
                "issue, 16 at once | ≤ 1.2 × floor | 1.19 × floor | met",
                "issue, EdDSA + ECDH-ES, 16 at once | ≤ 1.2 × floor | 1.21 × floor | missed",
                "renew, refreshBoth, 16 at once | ≤ 1.35 × floor | 1.35 × floor | met",
                "verify, 16 at once | ≤ 1.25 × floor | 1.26 × floor | missed",
                "sign tz1, generic, 16 at once | ≤ 25 µs beyond floor | 25.00 µs beyond floor | met",
                "attest tz1, marks in file, 16 at once | ≤ 60 µs beyond floor | 61.00 µs beyond floor | missed",
                "p99 at half load, the worst: verify, 16 at once | < 10 ms | 9.00 ms | met",
                "idle memory, issuer | < 40 MB | 39.94 MB | met",
            ]
        );
    }

    #[test]
    fn what_was_not_measured_has_no_verdict() {
        assert!(of_requests(&[row("revoke", 80.0, 0.0, 1)], &[]).len() == 1, "latency alone");
        assert!(of_requests(&[], &[]).is_empty());
        assert!(of_starts(&[]).is_empty() && of_sessions(&[]).is_empty());
        assert!(of_sessions(&[growth(1000, 1.0)]).is_empty(), "growth takes two sizes");
    }

    #[test]
    fn memory_of_clients_counts_only_where_there_are_many() {
        let start = |clients, used_kib| Start {
            clients,
            store_mib: 1,
            ready_ms: 170.0,
            beyond_hash_ms: 150.0,
            resident_kib: 1,
            used_kib,
        };
        let verdicts = of_starts(&[start(10, 1), start(100_000, 250_000)]);
        assert_eq!(
            words(&verdicts),
            [
                "start to ready beyond the hash, 10 clients | < 150 ms | 150.00 ms | missed",
                "start to ready beyond the hash, 100000 clients | < 150 ms | 150.00 ms | missed",
                "memory, 100000 clients | < 250 MB | 256.00 MB | missed",
            ]
        );
    }

    fn growth(sessions: u64, cost: f64) -> Growth {
        let costs = vec![Cost { kind: "verify", server_us: cost, p50_ms: 1.0, p99_ms: 2.0 * cost }];
        Growth { sessions, store_mib: 1, costs, resident_kib: 1000 }
    }

    #[test]
    fn growth_is_the_most_over_the_fewest() {
        let verdicts = of_sessions(&[growth(1000, 1.0), growth(100_000, 9.0), growth(1_000_000, 1.3)]);
        let met: Vec<bool> = verdicts.iter().map(Verdict::met).collect();
        assert_eq!(met, [false, true, false, true]);
        assert_eq!(verdicts[0].name, "server CPU to verify, 1000000 sessions over 1000");
    }
}

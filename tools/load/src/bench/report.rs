//! What was measured, as a table on the terminal, as JSON, and as Markdown for the documents.

use std::fs;
use std::path::Path;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::bench::plot;
use crate::bench::scenario::Row;
use crate::bench::target::Verdict;
use crate::output::{Fault, say};

/// Columns of the table.
const HEADING: &str = "scenario                        conns   server   floor  ratio (least–most)       req/s     p50     p90     p99   p99.9  p99 at half     RSS   bytes/req   syncs/req
                                         µs      µs                                    ms      ms      ms      ms           ms     MiB";

/// Writes the head of the table.
pub(crate) fn heading() -> Result<(), Fault> {
    say(&format!("{}\n{HEADING}", machine()))
}

/// Writes a row.
pub(crate) fn line(row: &Row) -> Result<(), Fault> {
    let ratio = row.ratio.map_or_else(
        || "–".to_owned(),
        |[median, least, most]| format!("{median:.2} ({least:.2}–{most:.2})"),
    );
    let half = row.half_load.as_ref().map_or_else(|| "–".to_owned(), |half| ms(half, 0.99));
    say(&format!(
        "{:<32}{:>5}{:>9.1}{:>8.1}  {:<18}{:>10.0}{:>8}{:>8}{:>8}{:>8}{:>13}{:>8.1}{:>12.0}{:>12}",
        row.scenario,
        row.connections,
        row.server_us,
        row.floor_us,
        ratio,
        row.per_second,
        ms(&row.latency, 0.5),
        ms(&row.latency, 0.9),
        ms(&row.latency, 0.99),
        ms(&row.latency, 0.999),
        half,
        row.resident_kib as f64 / 1024.0,
        row.written_per_request,
        syncs(row),
    ))
}

/// Writes `report.json` and the plots into `folder`.
pub(crate) fn save(folder: &Path, rows: &[Row], verdicts: &[Verdict]) -> Result<(), Fault> {
    fs::create_dir_all(folder)?;
    let rows_json: Vec<Value> = rows.iter().map(to_json).collect();
    let report = json!({"machine": machine(), "rows": rows_json, "targets": verdicts_json(verdicts)});
    fs::write(folder.join("report.json"), serde_json::to_vec_pretty(&report)?)?;
    fs::write(folder.join("report.md"), markdown(rows) + &targets_markdown(verdicts))?;
    fs::write(folder.join("ratios.svg"), plot::ratios(rows))?;
    fs::write(folder.join("latency.svg"), plot::latencies(rows))?;
    say(&format!("report.json, report.md, ratios.svg and latency.svg are in {}", folder.display()))
}

/// Writes what the targets were, and whether they were met.
pub(crate) fn targets(verdicts: &[Verdict]) -> Result<(), Fault> {
    if cfg!(debug_assertions) {
        say("\nThis is a debug build: its times say nothing, and the targets are not its own.")?;
    }
    let [name, bound, measured] = ["target", "bound", "measured"];
    say(&format!("\n{name:<66} {bound:<23} {measured}"))?;
    for verdict in verdicts {
        let [name, bound, measured, met] = verdict.cells();
        say(&format!("{name:<66} {bound:<23} {measured:<23} {met}"))?;
    }
    Ok(())
}

/// For `targets` in a JSON file.
pub(crate) fn verdicts_json(verdicts: &[Verdict]) -> Vec<Value> {
    verdicts.iter().map(Verdict::to_json).collect()
}

/// The targets as a table of their own.
pub(crate) fn targets_markdown(verdicts: &[Verdict]) -> String {
    let head = "\n| Target | Bound | Measured | |\n|---|---|---|---|\n".to_owned();
    verdicts.iter().fold(head, |text, verdict| text + &format!("| {} |\n", verdict.cells().join(" | ")))
}

fn to_json(row: &Row) -> Value {
    let latency = |histogram: &Histogram<u64>| {
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
        json!({"p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "p99.9": at(0.999)})
    };
    json!({
        "scenario": row.scenario,
        "connections": row.connections,
        "server_cpu_us": row.server_us,
        "floor_us": row.floor_us,
        "ratio": row.ratio.map(|[median, least, most]| json!({"median": median, "least": least, "most": most})),
        "requests_per_second": row.per_second,
        "latency_us": latency(&row.latency),
        "latency_at_half_load_us": row.half_load.as_ref().map(latency),
        "resident_kib": row.resident_kib,
        "bytes_written_per_request": row.written_per_request,
        "syncs_per_request": row.syncs_per_request,
    })
}

/// The table of the documents.
fn markdown(rows: &[Row]) -> String {
    let mut text = String::from(
        "| Scenario | Connections | Server µs | Floor µs | Ratio (least–most) | Requests/s | p50 ms | p99 ms | p99 at half load | RSS MiB | Bytes written | Syncs |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let ratio = row.ratio.map_or_else(String::new, |[median, least, most]| {
            format!("**{median:.2}** ({least:.2}–{most:.2})")
        });
        let floor = if row.ratio.is_some() { format!("{:.0}", row.floor_us) } else { String::new() };
        let half = row.half_load.as_ref().map_or_else(String::new, |half| ms(half, 0.99));
        text.push_str(&format!(
            "| {} | {} | {:.0} | {floor} | {ratio} | {:.0} | {} | {} | {half} | {:.0} | {:.0} | {} |\n",
            row.scenario,
            row.connections,
            row.server_us,
            row.per_second,
            ms(&row.latency, 0.5),
            ms(&row.latency, 0.99),
            row.resident_kib as f64 / 1024.0,
            row.written_per_request,
            syncs(row),
        ));
    }
    text
}

/// To a thousandth: many requests share a sync.
fn syncs(row: &Row) -> String {
    row.syncs_per_request.map_or_else(|| "–".to_owned(), |syncs| format!("{syncs:.3}"))
}

fn ms(histogram: &Histogram<u64>, quantile: f64) -> String {
    format!("{:.2}", histogram.value_at_quantile(quantile) as f64 / 1e6)
}

/// The processor and how many of it.
pub(crate) fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let count = info.lines().filter(|line| line.starts_with("processor")).count();
    format!("{count} × {}", model.trim_start_matches([' ', '\t', ':']))
}

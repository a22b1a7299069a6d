//! Plots as SVG 1.1: ratios by scenario, latencies by quantile, and what size costs. Plain shapes and text, so that they show everywhere.

use std::fmt::Write as _;

use crate::bench::scenario::Row;
use crate::bench::size::measured::{Cost, Growth, Start};

const WIDTH: f64 = 860.0;
const LEFT: f64 = 300.0;
const BAR: f64 = 20.0;
/// Colours that are told apart with any eyes (Okabe and Ito).
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];

/// One bar for each scenario and number of connections: server CPU over floor, with a line at 1.
pub(crate) fn ratios(rows: &[Row]) -> String {
    let bars: Vec<(&Row, [f64; 3])> =
        rows.iter().filter_map(|row| row.ratio.map(|ratio| (row, ratio))).collect();
    let most = bars.iter().map(|(_, ratio)| ratio[2]).fold(1.5, f64::max).ceil();
    let x = |ratio: f64| LEFT + ratio / most * (WIDTH - LEFT - 60.0);
    let height = bars.len() as f64 * BAR + 60.0;
    let mut svg = open(height, "Server CPU for a request over the floor of its cryptography");
    for (index, (row, [median, least, greatest])) in bars.iter().enumerate() {
        let y = index as f64 * BAR + 40.0;
        text(&mut svg, LEFT - 8.0, y + 12.0, "end", &row.name());
        let width = x(*median) - LEFT;
        let _ = writeln!(
            svg,
            r#"<rect x="{LEFT}" y="{y}" width="{width:.1}" height="14" fill="{}"/>"#,
            COLOURS[0]
        );
        line(&mut svg, (x(*least), y + 7.0), (x(*greatest), y + 7.0), "#000000");
        text(&mut svg, x(*greatest) + 6.0, y + 12.0, "start", &format!("{median:.2}"));
    }
    line(&mut svg, (x(1.0), 32.0), (x(1.0), height - 16.0), "#d55e00");
    svg + "</svg>\n"
}

/// Latency over quantile, both by logarithm, of the runs with 16 connections.
pub(crate) fn latencies(rows: &[Row]) -> String {
    const NINES: [f64; 5] = [0.5, 0.9, 0.99, 0.999, 0.9999];
    let (height, bottom) = (420.0, 370.0);
    let rows: Vec<&Row> = rows.iter().filter(|row| row.connections == 16).collect();
    let mut svg = open(height, "Latency in a closed loop of 16 connections");
    let x = |quantile: f64| 70.0 - (1.0 - quantile).log10() / 4.0 * 480.0;
    // From 10 µs to 1 s.
    let y = |nanoseconds: f64| bottom - (nanoseconds.max(1e4).log10() - 4.0) / 5.0 * (bottom - 40.0);
    for quantile in NINES {
        line(&mut svg, (x(quantile), 40.0), (x(quantile), bottom), "#dddddd");
        text(&mut svg, x(quantile), bottom + 18.0, "middle", &format!("{}%", quantile * 100.0));
    }
    for (nanoseconds, label) in
        [(1e4, "10 µs"), (1e5, "0.1 ms"), (1e6, "1 ms"), (1e7, "10 ms"), (1e8, "0.1 s"), (1e9, "1 s")]
    {
        line(&mut svg, (70.0, y(nanoseconds)), (x(0.9999), y(nanoseconds)), "#dddddd");
        text(&mut svg, 64.0, y(nanoseconds) + 4.0, "end", label);
    }
    for (index, row) in rows.iter().enumerate() {
        let colour = COLOURS.get(index % COLOURS.len()).copied().unwrap_or("#000000");
        // The second time around the colours are dashed.
        let dashes = if index < COLOURS.len() { "" } else { r#" stroke-dasharray="5 3""# };
        let points: Vec<String> = (0..=80)
            .map(|step| {
                let quantile = 1.0 - 10_f64.powf(-0.3 - f64::from(step) / 80.0 * 3.7);
                let latency = row.latency.value_at_quantile(quantile) as f64;
                format!("{:.1},{:.1}", x(quantile), y(latency))
            })
            .collect();
        let _ = writeln!(
            svg,
            r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="1.5"{dashes}/>"#,
            points.join(" ")
        );
        let at = 48.0 + index as f64 * 18.0;
        let _ = writeln!(
            svg,
            r#"<path d="M 580 {y} H 610" stroke="{colour}" stroke-width="1.5"{dashes}/>"#,
            y = at - 4.0
        );
        text(&mut svg, 616.0, at, "start", &row.scenario);
    }
    svg + "</svg>\n"
}

/// Time from start to ready without the password's hash over clients.
pub(crate) fn starts(starts: &[Start]) -> String {
    let points = starts.iter().map(|start| (start.clients as f64, start.beyond_hash_ms)).collect();
    curves(
        "Start to ready beyond the password hash, ms, over clients",
        &[("start to ready".to_owned(), points)],
    )
}

/// Median and 99th percentile of latencies over sessions.
pub(crate) fn sessions(growths: &[Growth]) -> String {
    let kinds = growths.first().map_or(0, |growth| growth.costs.len());
    let of = |kind: usize| {
        growths.iter().filter_map(move |growth| Some((growth.sessions as f64, growth.costs.get(kind)?)))
    };
    let curve = |kind: usize, quantile: &str, latency: fn(&Cost) -> f64| {
        let name = of(kind).next().map_or("", |(_, cost)| cost.kind);
        (format!("{name}, {quantile}"), of(kind).map(|(sessions, cost)| (sessions, latency(cost))).collect())
    };
    let all: Vec<(String, Vec<(f64, f64)>)> = (0..kinds)
        .flat_map(|kind| [curve(kind, "p50", |cost| cost.p50_ms), curve(kind, "p99", |cost| cost.p99_ms)])
        .collect();
    curves("Latency in a closed loop of 16 connections, ms, over live sessions with state", &all)
}

/// Named curves: a logarithm from ten to a million to the right, plain numbers from zero upwards.
fn curves(title: &str, curves: &[(String, Vec<(f64, f64)>)]) -> String {
    let (height, bottom) = (320.0, 280.0);
    let highest = curves.iter().flat_map(|(_, points)| points).map(|(_, y)| *y).fold(1.0, f64::max);
    // Three to five lines at 1, 2 or 5 times a power of ten.
    let power = 10_f64.powf(highest.log10().floor());
    let step = if highest < 2.0 * power {
        0.5 * power
    } else if highest < 5.0 * power {
        power
    } else {
        2.0 * power
    };
    let top = (highest / step).ceil() * step;
    let x = |size: f64| 70.0 + (size.max(10.0).log10() - 1.0) / 5.0 * 480.0;
    let y = |value: f64| bottom - value.max(0.0) / top * (bottom - 40.0);

    let mut svg = open(height, title);
    for (size, label) in
        [(1e1, "10"), (1e2, "100"), (1e3, "1,000"), (1e4, "10,000"), (1e5, "100,000"), (1e6, "1,000,000")]
    {
        line(&mut svg, (x(size), 40.0), (x(size), bottom), "#dddddd");
        text(&mut svg, x(size), bottom + 18.0, "middle", label);
    }
    let mut value = 0.0;
    while value <= top {
        line(&mut svg, (70.0, y(value)), (x(1e6), y(value)), "#dddddd");
        text(&mut svg, 64.0, y(value) + 4.0, "end", &format!("{value}"));
        value += step;
    }
    for (index, (name, points)) in curves.iter().enumerate() {
        let colour = COLOURS.get(index % COLOURS.len()).copied().unwrap_or("#000000");
        let points: Vec<(f64, f64)> = points.iter().map(|(size, value)| (x(*size), y(*value))).collect();
        let joined: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(
            svg,
            r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="1.5"/>"#,
            joined.join(" ")
        );
        for (x, y) in points {
            let _ = writeln!(svg, r#"<circle cx="{x:.1}" cy="{y:.1}" r="3" fill="{colour}"/>"#);
        }
        let at = 48.0 + index as f64 * 18.0;
        line(&mut svg, (580.0, at - 4.0), (610.0, at - 4.0), colour);
        text(&mut svg, 616.0, at, "start", name);
    }
    svg + "</svg>\n"
}

fn open(height: f64, title: &str) -> String {
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">
<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>
"##
    );
    text(&mut svg, 12.0, 20.0, "start", title);
    svg
}

fn line(svg: &mut String, from: (f64, f64), to: (f64, f64), colour: &str) {
    let _ = writeln!(
        svg,
        r#"<line x1="{:.1}" y1="{:.1}" x2="{:.1}" y2="{:.1}" stroke="{colour}"/>"#,
        from.0, from.1, to.0, to.1
    );
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    let _ = writeln!(svg, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{text}</text>"#);
}

//! What the operating system says about this process, under the names that every Prometheus client library has: `process_*` (§8.1).
//!
//! Read from `/proc` at each scrape (proc(5)). What cannot be read is left out.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Ticks per second of the times in `/proc`: `USER_HZ`, which is 100 on every Linux that Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// This process.
#[derive(Debug)]
pub(super) struct ProcessCollector;

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let system = fs::read_to_string("/proc/stat").unwrap_or_default();
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();

        if let Some(seconds) = cpu_seconds(&stat) {
            let help = "Processor time in user and kernel mode, in seconds";
            write(&mut encoder, "process_cpu_seconds", help, &ConstCounter::new(seconds))?;
        }
        let gauges = [
            (
                "process_start_time_seconds",
                "Start of the process, in seconds since the epoch",
                start_time(&stat, &system),
            ),
            ("process_resident_memory_bytes", "Memory that is resident", memory(&status, "VmRSS:")),
            ("process_virtual_memory_bytes", "Memory that is mapped", memory(&status, "VmSize:")),
            ("process_open_fds", "File descriptors that are open", open_descriptors()),
            ("process_max_fds", "Most file descriptors that may be open", max_descriptors(&limits)),
        ];
        for (name, help, value) in gauges {
            if let Some(value) = value {
                write(&mut encoder, name, help, &ConstGauge::new(value))?;
            }
        }
        Ok(())
    }
}

fn write(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    metric: &impl EncodeMetric,
) -> fmt::Result {
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}

/// The field of `/proc/self/stat` with this number, from 1. The second is the program's name in parentheses, which may hold anything.
fn field(stat: &str, number: usize) -> Option<f64> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    behind_name.split_ascii_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
}

fn cpu_seconds(stat: &str) -> Option<f64> {
    Some((field(stat, 14)? + field(stat, 15)?) / TICKS_PER_SECOND)
}

fn start_time(stat: &str, system: &str) -> Option<f64> {
    let boot: f64 = system.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(boot + field(stat, 22)? / TICKS_PER_SECOND)
}

/// A line of `/proc/self/status`, whose unit is the kibibyte.
fn memory(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: f64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024.0)
}

fn open_descriptors() -> Option<f64> {
    // The one that reads the folder is among them.
    let count = fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
    u32::try_from(count).ok().map(f64::from)
}

fn max_descriptors(limits: &str) -> Option<f64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn proc_is_read_as_proc_5_describes_it() {
        let stat = "42 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 150 50 16 17 18 19 20 21 1000 23 24";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(start_time(stat, "cpu 1 2\nbtime 1700000000\n"), Some(1_700_000_010.0));
        assert_eq!(memory("VmSize:\t   2048 kB\nVmRSS:\t 4 kB\n", "VmRSS:"), Some(4096.0));
        assert_eq!(
            max_descriptors("Max open files            1024                 4096     files\n"),
            Some(1024.0)
        );
        assert_eq!(
            max_descriptors("Max open files            unlimited            unlimited     files\n"),
            None
        );
        assert_eq!((cpu_seconds(""), start_time("", ""), memory("", "VmRSS:")), (None, None, None));
    }

    #[test]
    fn all_names_that_dashboards_use_are_there() {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(ProcessCollector));
        let mut page = String::new();
        text::encode(&mut page, &registry).unwrap();
        for name in [
            "process_cpu_seconds_total ",
            "process_start_time_seconds ",
            "process_resident_memory_bytes ",
            "process_virtual_memory_bytes ",
            "process_open_fds ",
            "process_max_fds ",
        ] {
            let line = page.lines().find_map(|line| line.strip_prefix(name));
            assert!(
                line.is_some_and(|value| value.parse::<f64>().is_ok_and(|value| value >= 0.0)),
                "{name}\n{page}"
            );
        }
    }
}

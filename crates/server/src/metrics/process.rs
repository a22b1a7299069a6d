//! What the operating system says about this process, under the names that every Prometheus client library has: `process_*`.
//!
//! Read from `/proc` at each scrape. What cannot be read is left out.

use std::fmt;

use procfs::WithCurrentSystemInfo as _;
use procfs::process::{LimitValue, Process};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// This process.
#[derive(Debug)]
pub(super) struct ProcessCollector;

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Ok(process) = Process::myself() else { return Ok(()) };
        let stat = process.stat().ok();
        let ticks_per_second = procfs::ticks_per_second();
        if let Some(stat) = &stat {
            let help = "Processor time in user and kernel mode, in seconds";
            let ticks = stat.utime.saturating_add(stat.stime);
            let seconds = ConstCounter::new(ticks as f64 / ticks_per_second as f64);
            write(&mut encoder, "process_cpu_seconds", help, &seconds)?;
        }
        let started = stat.as_ref().and_then(|stat| {
            let since_boot = stat.starttime.checked_div(ticks_per_second)?;
            procfs::boot_time_secs().ok()?.checked_add(since_boot)
        });
        // Without the one that this look itself needs.
        let open_fds = process.fd_count().ok().and_then(|count| u64::try_from(count.checked_sub(1)?).ok());
        let max_fds = process.limits().ok().and_then(|limits| match limits.max_open_files.soft_limit {
            LimitValue::Value(most) => Some(most),
            LimitValue::Unlimited => None,
        });
        for (name, help, value) in [
            ("process_start_time_seconds", "Start of the process, in seconds since the epoch", started),
            (
                "process_resident_memory_bytes",
                "Memory that is resident",
                stat.as_ref().map(|stat| stat.rss_bytes().get()),
            ),
            ("process_virtual_memory_bytes", "Memory that is mapped", stat.as_ref().map(|stat| stat.vsize)),
            ("process_open_fds", "File descriptors that are open", open_fds),
            ("process_max_fds", "Most file descriptors that may be open", max_fds),
        ] {
            if let Some(value) = value.and_then(|value| i64::try_from(value).ok()) {
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

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text;
    use prometheus_client::registry::Registry;

    use super::*;

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

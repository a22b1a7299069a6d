//! Certificates while the server runs: read again at SIGHUP and when their files change, with a warning for each that has ended or soon will.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jwtis_base::Env;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};
use tracing::{error, info, warn};

use super::signals::Hangups;
use super::watch::Seen;
use super::which::Which;
use crate::http::utility::{Health, Unhealthy};
use crate::metrics::Metrics;
use crate::tls::Acceptor;

/// Pause between two looks at the files.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Pause between two looks at the dates.
const JUDGE_EVERY: Duration = Duration::from_secs(24 * 3600);

/// The certificate of a listener.
#[derive(Clone, Debug)]
pub(super) struct Certificate {
    pub(super) which: Which,
    pub(super) acceptor: Acceptor,
    pub(super) env: Env,
}

/// A certificate makes no server unhealthy: those who watch it decide what an ended one means to them.
impl Health for Certificate {
    fn check(&self) -> Pin<Box<dyn Future<Output = Result<(), Unhealthy>> + Send + '_>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn warnings(&self) -> Vec<String> {
        self.acceptor.certificate().warnings(self.env.now())
    }
}

impl Certificate {
    /// Logs what is wrong with it, and sets its gauge.
    pub(super) fn judge(&self, metrics: &Metrics) {
        for warning in self.warnings() {
            warn!(listener = self.which.name(), "{warning}");
        }
        if let Some(days) = self.acceptor.certificate().days_left(self.env.now()) {
            metrics.certificate_days_left(self.which.name(), days);
        }
    }

    async fn reload(&self, metrics: &Metrics) {
        let acceptor = self.acceptor.clone();
        let listener = self.which.name();
        match spawn_blocking(move || acceptor.certificate().reload()).await {
            Ok(Ok(())) => {
                info!(target: "jwtis::audit", event = "certificate_reloaded", by = "operator", listener);
                self.judge(metrics);
            }
            Ok(Err(error)) => error!(
                listener,
                error = &error as &dyn std::error::Error,
                "the certificate was not replaced; the one before stays in use"
            ),
            Err(error) => {
                error!(listener, error = &error as &dyn std::error::Error, "the certificate was not read")
            }
        }
    }
}

/// Keeps the certificates up to date. Never ends. `seen` is a look at their files before they were read.
pub(super) async fn keep(
    certificates: &[Certificate],
    mut seen: Seen,
    metrics: &Arc<Metrics>,
    mut hangups: Hangups,
) {
    if certificates.is_empty() {
        return std::future::pending().await;
    }
    let mut judged = Instant::now();
    loop {
        tokio::select! {
            () = hangups.next() => {}
            () = seen.changed(LOOK_EVERY) => {}
            () = sleep_until(judged + JUDGE_EVERY) => {
                certificates.iter().for_each(|certificate| certificate.judge(metrics));
                judged = Instant::now();
                continue;
            }
        }
        seen = seen.again().await;
        for certificate in certificates {
            certificate.reload(metrics).await;
        }
        judged = Instant::now();
    }
}

/// The files of all certificates.
pub(super) fn files(certificates: &[Certificate]) -> impl Iterator<Item = PathBuf> {
    certificates.iter().flat_map(|certificate| certificate.acceptor.certificate().files())
}

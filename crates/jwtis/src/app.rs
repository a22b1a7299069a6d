//! The composition root: which parts the server has, in which order they start, and how they stop.
//!
//! Ports are bound first, before a store is opened or made, so that a busy port changes nothing on disk. Then the issuer's and the
//! utility listener serve until the stop signal; running requests have [`Limits::shutdown_grace`] to finish; the store closes last.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use jwtis_core::housekeeping::HousekeepingCursor;
use jwtis_core::{Env, Issuer};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing::{debug, info, warn};

use crate::config::{Config, ListenAddress, TlsFiles};
use crate::http::{self, Limits, utility};
use crate::metrics::{KeySets, Metrics};
use crate::tls;

/// Pause between two steps of a housekeeping pass, so that requests go first.
const STEP_PAUSE: Duration = Duration::from_millis(20);
/// Pause between two passes.
const PASS_PAUSE: Duration = Duration::from_secs(60);

/// Listeners that are bound and do not serve yet.
#[derive(Debug)]
pub struct Listeners {
    issuer: Option<(TcpListener, Option<tls::Acceptor>)>,
    utility: Option<TcpListener>,
}

/// Why a listener is not there.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address} ({what})")]
    Address {
        /// `issuer` or `metrics and health`.
        what: &'static str,
        /// The address.
        address: ListenAddress,
        /// The reason.
        source: io::Error,
    },
    /// Certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
}

impl Listeners {
    /// Binds what the configuration asks for, and reads certificate and key.
    ///
    /// # Errors
    /// Names the address or the file.
    pub async fn bind(config: &Config) -> Result<Self, BindError> {
        let issuer = match &config.issuer {
            Some(issuer) => {
                let acceptor = issuer.tls.as_ref().map(TlsFiles::acceptor).transpose()?;
                Some((bind("issuer", issuer.listen).await?, acceptor))
            }
            None => None,
        };
        let utility = match config.utility {
            Some(address) => Some(bind("metrics and health", address).await?),
            None => None,
        };
        Ok(Self { issuer, utility })
    }

    /// A plain listener for the issuer alone.
    #[must_use]
    pub const fn issuer_only(listener: TcpListener) -> Self {
        Self { issuer: Some((listener, None)), utility: None }
    }

    /// Base URL of the issuer as a client on this machine reaches it.
    #[must_use]
    pub fn issuer_url(&self) -> Option<String> {
        let (listener, tls) = self.issuer.as_ref()?;
        Some(url(if tls.is_some() { "https" } else { "http" }, listener.local_addr().ok()?))
    }

    /// Base URL of the utility listener.
    #[must_use]
    pub fn utility_url(&self) -> Option<String> {
        Some(url("http", self.utility.as_ref()?.local_addr().ok()?))
    }

    /// Serves until `stop` is ready and what runs has finished. Without an issuer only the utility listener has something to say.
    /// Backups that are being downloaded lie in `backup_folder`.
    ///
    /// # Errors
    /// When a listener is lost.
    pub async fn serve(
        self,
        issuer: Option<Issuer>,
        backup_folder: PathBuf,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let metrics = Arc::new(Metrics::new());
        let limits = Limits::default();
        info!(issuer = self.issuer_url(), utility = self.utility_url(), "serving");
        if let Some(issuer) = &issuer {
            let metrics = Arc::clone(&metrics);
            issuer.store().time_commits(Box::new(move |took| metrics.observe_commit(took)));
        }
        let (stopping, stopped) = watch::channel(false);
        tokio::spawn(async move {
            stop.await;
            info!("stopping");
            stopping.send_replace(true);
        });

        let api = async {
            match (self.issuer, &issuer) {
                (Some((listener, tls)), Some(issuer)) => {
                    let router = http::issuer::router_with_backups_in(
                        backup_folder,
                        issuer.clone(),
                        Arc::clone(&metrics),
                        &limits,
                    );
                    http::serve(listener, tls, router, limits.clone(), told(stopped.clone())).await
                }
                _ => Ok(()),
            }
        };
        let observation = async {
            match self.utility {
                Some(listener) => {
                    let router = utility_router(&metrics, issuer.as_ref());
                    http::serve(listener, None, router, limits.clone(), told(stopped.clone())).await
                }
                None => Ok(()),
            }
        };
        let housekeeping = async {
            if let Some(issuer) = &issuer {
                tokio::select! {
                    () = told(stopped.clone()) => {}
                    () = keep_house(issuer, &metrics) => {}
                }
            }
            Ok(())
        };
        tokio::try_join!(api, observation, housekeeping)?;
        info!("stopped");
        Ok(())
    }
}

async fn bind(what: &'static str, address: ListenAddress) -> Result<TcpListener, BindError> {
    TcpListener::bind(address.socket()).await.map_err(|source| BindError::Address { what, address, source })
}

/// An address that one can connect to, where the listener's means all interfaces.
fn url(scheme: &str, mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        let loopback = if address.is_ipv4() {
            std::net::Ipv4Addr::LOCALHOST.into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        };
        address.set_ip(loopback);
    }
    format!("{scheme}://{address}")
}

fn utility_router(metrics: &Arc<Metrics>, issuer: Option<&Issuer>) -> Router {
    match issuer {
        Some(issuer) => utility::router(Arc::clone(metrics), issuer.env().clone(), issuer.clone()),
        None => utility::router(Arc::clone(metrics), Env::system(), ()),
    }
}

async fn told(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a stop as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Drops expired records and retired key sets, a few at a time, and counts key sets at the end of each pass.
async fn keep_house(issuer: &Issuer, metrics: &Metrics) {
    let mut cursor = HousekeepingCursor::default();
    loop {
        let pause = match issuer.housekeeping_step(cursor).await {
            Ok((next, report)) => {
                cursor = next;
                if report.expired_records_deleted > 0 || report.retired_key_sets_dropped > 0 {
                    debug!(
                        expired_records = report.expired_records_deleted,
                        retired_key_sets = report.retired_key_sets_dropped,
                        "housekeeping"
                    );
                }
                match report.pass_complete {
                    Some(census) => {
                        metrics.key_sets(KeySets {
                            active: census.active,
                            retiring: census.retiring,
                            expired: census.expired,
                        });
                        PASS_PAUSE
                    }
                    None => STEP_PAUSE,
                }
            }
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "housekeeping failed; it starts again later");
                cursor = HousekeepingCursor::default();
                PASS_PAUSE
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// Ready when the process is told to stop: SIGTERM or SIGINT. SIGHUP, which comes with `systemctl reload` and with a terminal that
/// closes, stops nothing: what it could reload are the signer's users, keys and policies, and there are none yet.
///
/// # Errors
/// When the operating system takes no handler.
pub fn stop_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => return info!(signal = "SIGTERM", "told to stop"),
                _ = interrupt.recv() => return info!(signal = "SIGINT", "told to stop"),
                _ = hangup.recv() => warn!(signal = "SIGHUP", "nothing is reloaded: settings take effect at the next start"),
            }
        }
    })
}

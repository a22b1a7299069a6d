//! The composition root: which parts the server has, in which order they start, and how they stop.
//!
//! Ports are bound first, before a store is opened or made, so that a busy port changes nothing on disk. Then the listeners of the
//! issuer, the signer and the utility serve until the stop signal; running requests have [`Limits::shutdown_grace`] to finish, while
//! `/healthz` says that no more are wanted; the store closes last.

mod certificates;
pub mod clock;
mod descriptors;
mod house;
mod listeners;
mod reload;
mod signals;
pub mod signer;
pub mod takeover;
mod trails;
pub mod trusted;
mod vaults;
mod watch;
mod watermarks;
mod which;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jwtis_base::Env;
use jwtis_base::audit::Retention;
use jwtis_issuer::Issuer;
use jwtis_signer::Signer;
use jwtis_store::Store;
use tokio::sync::watch as channel;
use tracing::info;

use crate::http::{self, Limits, utility};
use crate::metrics::Metrics;

pub use listeners::{BindError, Listeners, listen};
pub use reload::{Reload, Started};
pub use signals::{EarlyHangups, Hangups, Signals, survive_file_size_limits};
pub use vaults::{Ask, VaultFault};
pub use watch::Seen;
pub use watermarks::WatermarksError;
pub use which::Which;

/// How long answers of the utility listener may still take once all else is done.
const OBSERVATION_GRACE: Duration = Duration::from_secs(1);

/// What the listeners serve.
#[derive(Debug)]
pub struct Served {
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The store, where one is open.
    pub store: Option<Store>,
    /// The issuer over it. It has a say in health and housekeeping also where its API is not served.
    pub issuer: Option<Issuer>,
    /// The signer.
    pub signer: Option<ServedSigner>,
    /// How long audit records are kept.
    pub audit: Retention,
    /// Backups that are being downloaded lie here.
    pub backup_folder: PathBuf,
}

/// The signer and how it is served.
#[derive(Debug)]
pub struct ServedSigner {
    /// The signer.
    pub signer: Signer,
    /// The longest body of `POST /keys/{pkh}`, in bytes.
    pub max_body_bytes: usize,
    /// Whether other machines reach it.
    pub exposed: bool,
    /// Applies changed configurations.
    pub reload: Option<Reload>,
}

impl Listeners {
    /// Serves until `stop` is ready and what runs has finished. A listener without something to serve closes.
    ///
    /// # Errors
    /// When a listener is lost.
    pub async fn serve(
        self,
        served: Served,
        stop: impl Future<Output = ()> + Send + 'static,
        hangups: Hangups,
    ) -> io::Result<()> {
        let Served { metrics, store, issuer, signer, audit, backup_folder } = served;
        let listeners = [self.issuer.is_some(), self.signer.is_some(), self.utility.is_some()];
        let listeners = listeners.into_iter().map(u64::from).sum();
        let limits = Limits::default();
        let max_connections = descriptors::connections(listeners, limits.max_connections);
        let max_connections_per_source =
            self.http.max_connections_per_source.unwrap_or(max_connections.div_ceil(2));
        let idle_timeout = self.http.idle_timeout;
        let limits = Limits { max_connections, max_connections_per_source, idle_timeout, ..limits };
        let http = self.http.clone();
        info!(
            issuer = self.issuer_url(),
            signer = self.signer_url(),
            utility = self.utility_url(),
            "serving"
        );
        if let Some(store) = &store {
            let metrics = Arc::clone(&metrics);
            store.time_commits(Box::new(move |took| metrics.observe_commit(took)));
        }
        let (signer, max_body_bytes, exposed, reload) = match signer {
            Some(ServedSigner { signer, max_body_bytes, exposed, reload }) => {
                (Some(signer), max_body_bytes, exposed, reload)
            }
            None => (None, 0, false, None),
        };
        let env = env_of(issuer.as_ref(), signer.as_ref());
        let certificates = self.certificates(&env);
        let seen = Seen::look(certificates::files(&certificates));
        certificates.iter().for_each(|certificate| certificate.judge(&metrics));
        let (stopping, stopped) = channel::channel(false);
        tokio::spawn(async move {
            stop.await;
            stopping.send_replace(true);
        });

        let issuer_api = async {
            let (Some(bound), Some(issuer)) = (self.issuer, &issuer) else { return Ok(()) };
            let router = http::issuer::router_with_backups_in(
                backup_folder,
                issuer.clone(),
                Arc::clone(&metrics),
                &limits,
            );
            let door = bound.door(&http);
            let stop = told(stopped.clone());
            http::serve(bound.sockets, bound.tls, door, router, limits.clone(), stop).await
        };
        let signer_api = async {
            let (Some(bound), Some(signer)) = (self.signer, &signer) else { return Ok(()) };
            let router = http::signer::router(signer.clone(), Arc::clone(&metrics), &limits, max_body_bytes);
            // Signatory's words, which log scrapers know.
            if let Some(address) = bound.address() {
                info!("HTTP server is listening for connections on {address}");
            }
            let door = bound.door(&http);
            let stop = told(stopped.clone());
            http::serve(bound.sockets, bound.tls, door, router, limits.clone(), stop).await
        };
        let (drained, all_drained) = channel::channel(false);
        // Requests that finish after the stop move watermarks, too.
        let copying = async {
            let copy = async {
                match &signer {
                    Some(signer) => watermarks::keep_copy(|| signer.write_watermark_copy()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = told(all_drained.clone()) => {}
                () = copy => {}
            }
            Ok(())
        };
        let apis = async {
            tokio::try_join!(issuer_api, signer_api)?;
            told(stopped.clone()).await;
            drained.send_replace(true);
            Ok(())
        };
        let observation = async {
            let Some(bound) = self.utility else { return Ok(()) };
            if let Some(address) = bound.address() {
                info!("Utility HTTP server is listening for connections on {address}");
            }
            let mut parts: Vec<Arc<dyn utility::Health>> = Vec::new();
            parts.extend(issuer.iter().map(|issuer| Arc::new(issuer.clone()) as _));
            parts.extend(signer.clone().map(|signer| -> Arc<dyn utility::Health> {
                if exposed { Arc::new(utility::Exposed(signer)) } else { Arc::new(signer) }
            }));
            let own = signer.as_ref().and_then(Signer::own_trail);
            parts.extend(store.iter().chain(own).map(|store| Arc::new(utility::Witness(store.clone())) as _));
            parts.extend(certificates.iter().map(|certificate| Arc::new(certificate.clone()) as _));
            let router = utility::router(Arc::clone(&metrics), env.clone(), parts, stopped.clone());
            // It watches the others finish, and has nothing to finish itself.
            let limits = Limits { shutdown_grace: OBSERVATION_GRACE, ..limits.clone() };
            let door = bound.door(&http);
            http::serve(bound.sockets, bound.tls, door, router, limits, told(all_drained.clone())).await
        };
        let background = async {
            let house = async {
                match &issuer {
                    Some(issuer) => {
                        tokio::join!(house::keep(issuer, &metrics), clock::keep(issuer));
                    }
                    None => std::future::pending().await,
                }
            };
            let trails = trails::keep(store.as_ref(), issuer.as_ref(), signer.as_ref(), &env, audit);
            tokio::select! {
                () = told(stopped.clone()) => {}
                () = house => {}
                () = trails => {}
                () = clock::watch(&env) => {}
                () = certificates::keep(&certificates, seen, &metrics, hangups.clone()) => {}
                () = heed(hangups, reload) => {}
            }
            Ok(())
        };
        let served = tokio::try_join!(apis, observation, background, copying);
        if let Some(signer) = &signer {
            watermarks::last_copy(signer.write_watermark_copy().await);
        }
        served?;
        if let Some(issuer) = &issuer {
            clock::keep_last(issuer).await;
        }
        info!("stopped");
        Ok(())
    }
}

fn env_of(issuer: Option<&Issuer>, signer: Option<&Signer>) -> Env {
    issuer.map(Issuer::env).or(signer.map(Signer::env)).cloned().unwrap_or_else(Env::system)
}

async fn told(mut stopped: channel::Receiver<bool>) {
    // An error means that the sender is gone, which is a stop as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Does what SIGHUP asks for. Without a signer, certificates alone are reloaded.
async fn heed(mut hangups: Hangups, reload: Option<Reload>) {
    match reload {
        Some(reload) => reload.run(hangups).await,
        None => loop {
            hangups.next().await;
            tracing::warn!(
                signal = "SIGHUP",
                "only certificates are reloaded: settings take effect at the next start"
            );
        },
    }
}

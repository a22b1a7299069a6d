//! Listeners: accept, guard, serve, stop.
//!
//! HTTP/1.1 only (RFC 9112). Every resource that a stranger could hold on to has a named limit in [`Limits`]: connections, time to
//! send a request's head, time to send its body, time without any progress. A listener survives running out of file descriptors, and
//! stops without cutting off a request that runs.

mod body;
mod budget;
mod connection;
pub mod issuer;
mod observe;
mod openapi;
mod paths;
pub mod signer;
pub mod utility;

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time;
use tracing::{debug, warn};

use crate::tls;
pub use budget::{Budget, SMALL_BODY};
use connection::Guarded;
pub(crate) use paths::percent_decode;

/// What a caller may take of the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Longest request body, in bytes.
    pub max_body_bytes: usize,
    /// Memory for the bodies of all requests; listeners with clones of these limits share it.
    pub bodies: Budget,
    /// Longest request head (request line and headers), in bytes; at least 8 KiB.
    pub max_header_bytes: usize,
    /// Most header lines.
    pub max_headers: usize,
    /// From a connection's first byte of a request, or its start, to the end of the head; also for the TLS handshake.
    pub header_read_timeout: Duration,
    /// From the end of the head to the end of the body.
    pub body_read_timeout: Duration,
    /// From the end of the head to the answer, the body's time included.
    pub request_timeout: Duration,
    /// How long a connection may wait for its next request, or make no progress in taking an answer.
    pub idle_timeout: Duration,
    /// Most connections at once; more wait in the operating system's queue.
    pub max_connections: usize,
    /// How long running requests may take to finish once the server was told to stop.
    pub shutdown_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body_bytes: 64 * 1024,
            bodies: Budget::default(),
            max_header_bytes: 16 * 1024,
            max_headers: 64,
            header_read_timeout: Duration::from_secs(5),
            body_read_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(15),
            idle_timeout: Duration::from_secs(60),
            max_connections: 4096,
            shutdown_grace: Duration::from_secs(10),
        }
    }
}

/// Pause after the operating system could not accept a connection, so that a shortage is waited out and not spun on.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// hyper refuses smaller buffers.
const MIN_HEADER_BYTES: usize = 8 * 1024;

/// Serves `router` on `listener` until `shutdown` is ready, then finishes what runs and returns; what still runs after
/// [`Limits::shutdown_grace`] is cut off.
///
/// # Errors
/// When the listener's address cannot be read: it is not bound.
pub async fn serve(
    listener: TcpListener,
    tls: Option<tls::Acceptor>,
    router: Router,
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    let server = Arc::new(Server { tls, router, limits });
    let permits = Arc::new(Semaphore::new(server.limits.max_connections.clamp(1, Semaphore::MAX_PERMITS)));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);

    loop {
        let (stream, peer, permit) = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        while connections.try_join_next().is_some() {}
        let watcher = graceful.watcher();
        let server = Arc::clone(&server);
        connections.spawn(async move {
            server.connection(stream, peer, watcher).await;
            drop(permit);
        });
    }

    drop(listener);
    debug!(%address, connections = connections.len(), "stopping");
    if time::timeout(server.limits.shutdown_grace, graceful.shutdown()).await.is_err() {
        warn!(%address, connections = connections.len(), "cutting off requests that did not finish in time");
    }
    connections.shutdown().await;
    Ok(())
}

/// The next connection, once there is room for one.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    loop {
        let Ok(permit) = Arc::clone(permits).acquire_owned().await else {
            // The semaphore is never closed.
            return std::future::pending().await;
        };
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, permit),
            Err(error) if is_the_peers_fault(&error) => {}
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "cannot accept connections for now");
                time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Errors of one connection that never came to be; the others (no descriptors, no memory) are shortages.
fn is_the_peers_fault(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

struct Server {
    tls: Option<tls::Acceptor>,
    router: Router,
    limits: Limits,
}

impl Server {
    async fn connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        watcher: hyper_util::server::graceful::Watcher,
    ) {
        // Answers are written whole: waiting for more to send (RFC 896) would only delay them.
        let _ = stream.set_nodelay(true);
        let Some(tls) = &self.tls else {
            return self.http(stream, peer, watcher).await;
        };
        match time::timeout(self.limits.header_read_timeout, tls.rustls().accept(stream)).await {
            Ok(Ok(stream)) => self.http(stream, peer, watcher).await,
            Ok(Err(error)) => debug!(%peer, error = &error as &dyn std::error::Error, "TLS handshake failed"),
            Err(_) => debug!(%peer, "TLS handshake took too long"),
        }
    }

    async fn http<S>(&self, stream: S, peer: SocketAddr, watcher: hyper_util::server::graceful::Watcher)
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    {
        let (io, phase) = Guarded::new(stream, self.limits.header_read_timeout, self.limits.idle_timeout);
        let service = connection::Service::new(self.router.clone(), peer, phase);
        let header_bytes = self.limits.max_header_bytes.max(MIN_HEADER_BYTES);

        let connection = hyper::server::conn::http1::Builder::new()
            .timer(hyper_util::rt::TokioTimer::new())
            // hyper's clock for heads runs between requests too, so it gets the longer limit; `Guarded` has the shorter one.
            .header_read_timeout(self.limits.idle_timeout)
            .max_headers(self.limits.max_headers)
            .max_header_size(header_bytes)
            .max_buf_size(header_bytes)
            .serve_connection(hyper_util::rt::TokioIo::new(io), service);

        if let Err(error) = watcher.watch(connection).await {
            debug!(%peer, error = &error as &dyn std::error::Error, "connection ended");
        }
    }
}

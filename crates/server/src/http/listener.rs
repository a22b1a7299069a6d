//! The listener: accept, guard, serve, stop.
//!
//! HTTP/1.1 (RFC 9112) and HTTP/2 (RFC 9113), which TLS clients choose by ALPN and others by speaking it at once. Where connections run
//! out, those that have been idle longest make room. A listener survives running out of file descriptors, and stops without cutting off a
//! request that runs.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use jwtis_store::BoxError;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{self, Instant};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::connection::{Ended, Protocols};
use super::door::Door;
use super::limits::Limits;
use super::link::Link;
use super::proxies::Peer;
use super::room::{Admission, Room};
use crate::tls;

/// Pause after the operating system could not accept a connection, so that a shortage is waited out and not spun on.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Between two looks for somebody who could make room for a connection that waits.
const ROOM_PAUSE: Duration = Duration::from_millis(50);

/// Serves `router` on `listeners` to those whom `door` lets in, until `shutdown` is ready, then finishes what runs and returns; what still runs after
/// [`Limits::shutdown_grace`] is cut off.
///
/// # Errors
/// When the listener's address cannot be read: it is not bound.
pub async fn serve(
    listeners: Vec<TcpListener>,
    tls: Option<tls::Acceptor>,
    door: Door,
    router: Router,
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let address = listeners.first().map(TcpListener::local_addr).transpose()?;
    let stop = CancellationToken::new();
    let mut room = Room::new(limits.max_connections, limits.max_connections_per_source);
    let protocols = Protocols::new(router, door, limits.clone());
    let server = Arc::new(Server { tls, protocols, limits, stop: stop.clone() });
    let epoch = Instant::now();
    let mut connections = JoinSet::new();
    let mut waiting = None;
    let mut turn = 0;
    let mut shutdown = pin!(shutdown);

    loop {
        if let Some((stream, peer)) = waiting.take() {
            let peer: SocketAddr = peer;
            // A trusted proxy speaks for many.
            let source = Some(peer.ip()).filter(|address| !server.protocols.door().trusts(*address));
            match room.admit(source) {
                Admission::Granted => {
                    let link = Arc::new(Link::new(epoch));
                    let connection = Arc::clone(&server).connection(stream, peer, Arc::clone(&link));
                    room.enter(connections.spawn(connection).id(), link, source);
                }
                Admission::Later => waiting = Some((stream, peer)),
                Admission::Refused => debug!(%peer, "refused: its source has too many connections"),
            }
        }
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(ended) = connections.join_next_with_id() => room.leave(ended.map_or_else(|error| error.id(), |(id, ())| id)),
            accepted = accept(&listeners, &mut turn), if waiting.is_none() => waiting = Some(accepted),
            // Somebody who was busy may be idle by now.
            () = time::sleep(ROOM_PAUSE), if waiting.is_some() => {}
        }
    }

    drop(waiting);
    drop(listeners);
    debug!(?address, connections = room.len(), "stopping");
    stop.cancel();
    let finished = async { while connections.join_next().await.is_some() {} };
    if time::timeout(server.limits.shutdown_grace, finished).await.is_err() {
        warn!(?address, connections = connections.len(), "cutting off requests that did not finish in time");
    }
    connections.shutdown().await;
    Ok(())
}

/// The next connection of any of `listeners`; `turn` is which of them is asked first.
async fn accept(listeners: &[TcpListener], turn: &mut usize) -> (TcpStream, SocketAddr) {
    loop {
        let next = poll_fn(|cx| {
            let (later, sooner) = listeners.split_at_checked(*turn).unwrap_or((listeners, &[]));
            let mut polled = sooner.iter().chain(later).map(|listener| listener.poll_accept(cx));
            polled.find(Poll::is_ready).unwrap_or(Poll::Pending)
        });
        let accepted = next.await;
        *turn = turn.wrapping_add(1).checked_rem(listeners.len()).unwrap_or_default();
        match accepted {
            Ok(connection) => return connection,
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
    protocols: Protocols,
    limits: Limits,
    stop: CancellationToken,
}

impl Server {
    async fn connection(self: Arc<Self>, stream: TcpStream, address: SocketAddr, link: Arc<Link>) {
        // Answers are written whole: waiting for more to send (RFC 896) would only delay them.
        let _ = stream.set_nodelay(true);
        let opened = tokio::select! {
            opened = time::timeout(self.limits.header_read_timeout, self.open(stream, address)) => opened,
            () = self.stop.cancelled() => return,
            () = link.must_go() => return debug!(peer = %address, "closed to make room"),
        };
        let served = match opened {
            Ok(Ok((Transport::Plain(stream), peer))) => self.http(stream, peer, &link).await,
            Ok(Ok((Transport::Tls(stream), peer))) => self.http(*stream, peer, &link).await,
            Ok(Err(error)) => {
                return debug!(peer = %address, error = &*error as &dyn std::error::Error, "no connection for HTTP");
            }
            Err(_) => return debug!(peer = %address, "what comes before HTTP took too long"),
        };
        if let Err(error) = served {
            debug!(peer = %address, error = &error as &dyn std::error::Error, "connection ended");
        }
    }

    /// What comes before HTTP: for whom a proxy speaks, and TLS.
    async fn open(&self, mut stream: TcpStream, address: SocketAddr) -> Result<(Transport, Peer), BoxError> {
        let peer = self.protocols.door().meet(&mut stream, address.ip()).await?;
        let opened = match &self.tls {
            Some(tls) => Transport::Tls(Box::new(tls.rustls().accept(stream).await?)),
            None => Transport::Plain(stream),
        };
        Ok((opened, peer))
    }

    async fn http<S>(&self, stream: S, peer: Peer, link: &Arc<Link>) -> Result<(), Ended>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    {
        self.protocols.run(stream, peer, self.tls.clone(), link, &self.stop).await
    }
}

/// A connection on which HTTP is spoken.
enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

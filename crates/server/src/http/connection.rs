//! One connection: HTTP/1.1 (RFC 9112) or HTTP/2 (RFC 9113) over a guarded stream, until it ends, idles too long or has to go.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Request, Version, header};
use axum::response::Response;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::door::Door;
use super::guarded::Guarded;
use super::limits::Limits;
use super::link::Link;
use super::proxies::Peer;
use crate::tls;

/// Requests of one HTTP/2 connection at once (RFC 9113 §5.1.2 recommends no fewer than 100).
const MAX_STREAMS: u32 = 100;
/// Streams that a peer opened and reset before they were looked at, until the connection is closed (CVE-2023-44487).
const MAX_RESET_STREAMS: usize = 20;
/// Streams that this side reset for errors of the peer, until the connection is closed (CVE-2025-8671).
const MAX_REFUSED_STREAMS: usize = 100;
/// Longest frame, in bytes: the least that RFC 9113 §4.2 allows.
const MAX_FRAME_BYTES: u32 = 16 * 1024;
/// How much of all bodies of an HTTP/2 connection may come before somebody reads it, in bytes: what RFC 9113 §6.9.2 begins with.
const WINDOW_BYTES: u32 = 65_535;
/// How much of an answer waits for an HTTP/2 peer that does not take it, in bytes.
const MAX_SEND_BYTES: usize = 64 * 1024;
/// How often an HTTP/2 peer is asked whether it is still there, and how long it may think.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Room that hyper has beyond the limits of a head, so that the answer to one that is too long can say so.
const SPARE_HEAD_BYTES: usize = 8 * 1024;
const SPARE_HEAD_LINES: usize = 64;

/// Serves connections.
pub(super) struct Protocols {
    builder: auto::Builder<TokioExecutor>,
    served: Arc<Served>,
}

/// What all connections of a listener share.
struct Served {
    router: Router,
    /// The router for web pages of the origins that are allowed.
    pages: Option<Router>,
    door: Door,
    limits: Limits,
}

impl Protocols {
    /// `router`, for those whom `door` lets in.
    pub(super) fn new(router: Router, door: Door, limits: Limits) -> Self {
        let builder = builder(&limits);
        let pages = door.cors().map(|cors| router.clone().layer(cors));
        Self { builder, served: Arc::new(Served { router, pages, door, limits }) }
    }

    pub(super) fn door(&self) -> &Door {
        &self.served.door
    }

    /// Serves the peer of `stream`, by `tls` where it is there, until one of the two wants no more, or `stop`, or nothing has moved for
    /// [`Limits::idle_timeout`], or the listener needs the connection's place.
    ///
    /// # Errors
    /// How the connection failed.
    pub(super) async fn run<S>(
        &self,
        stream: S,
        peer: Peer,
        tls: Option<tls::Acceptor>,
        link: &Arc<Link>,
        stop: &CancellationToken,
    ) -> Result<(), Ended>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let limits = &self.served.limits;
        let io = Guarded::new(stream, Arc::clone(link), limits.header_read_timeout, limits.idle_timeout);
        let service = Service { served: Arc::clone(&self.served), peer, tls, link: Arc::clone(link) };
        let mut connection = pin!(self.builder.serve_connection(TokioIo::new(io), service));
        let mut stopping = pin!(stop.cancelled());
        let (mut stopped, mut closing) = (false, false);
        let mut look_at = later(link.still_since(), limits.idle_timeout);
        loop {
            tokio::select! {
                served = connection.as_mut() => return served.map_err(Ended::Failed),
                () = &mut stopping, if !stopped => {
                    stopped = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = link.must_go() => {
                    connection.as_mut().graceful_shutdown();
                    // Says goodbye in HTTP/2, and does not wait for an answer.
                    let _ = timeout(Duration::ZERO, connection).await;
                    return Err(Ended::MadeRoom);
                }
                () = sleep_until(look_at) => {
                    let since = link.still_since();
                    if link.at_work() {
                        // It has a limit of its own.
                        look_at = later(Instant::now(), limits.idle_timeout);
                    } else if since.elapsed() < limits.idle_timeout {
                        look_at = later(since, limits.idle_timeout);
                    } else if closing || link.answering() {
                        return Err(Ended::Idle);
                    } else {
                        closing = true;
                        connection.as_mut().graceful_shutdown();
                        // A peer that does not take the goodbye is left.
                        look_at = later(Instant::now(), limits.header_read_timeout);
                    }
                }
            }
        }
    }
}

fn builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let head_bytes = limits.max_header_bytes.saturating_add(SPARE_HEAD_BYTES);
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // `Guarded` and `run` have clocks of their own for heads and for idling.
        .header_read_timeout(None)
        .max_headers(limits.max_headers.saturating_add(SPARE_HEAD_LINES))
        .max_buf_size(head_bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_pending_accept_reset_streams(MAX_RESET_STREAMS)
        .max_local_error_reset_streams(MAX_REFUSED_STREAMS)
        .max_frame_size(MAX_FRAME_BYTES)
        .max_header_list_size(u32::try_from(head_bytes).unwrap_or(u32::MAX))
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_send_buf_size(MAX_SEND_BYTES)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}

/// Why a connection ended that neither side closed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error("connection failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("closed to make room")]
    MadeRoom,
    #[error("idle for too long")]
    Idle,
}

/// The moment `limit` after `since`; a limit beyond what the clock can count is taken as a day.
fn later(since: Instant, limit: Duration) -> Instant {
    since.checked_add(limit).unwrap_or_else(|| since + Duration::from_secs(24 * 3600))
}

/// What one connection is served: tells handlers where requests come from and why to turn them away, and the link where the connection
/// stands.
struct Service {
    served: Arc<Served>,
    peer: Peer,
    tls: Option<tls::Acceptor>,
    link: Arc<Link>,
}

impl Service {
    /// The request with all that is known of it, and the router for it.
    fn receive(&self, request: Request<Incoming>) -> (Request<Body>, Router) {
        let covers = |name: &str| self.tls.as_ref().is_some_and(|tls| tls.covers(name));
        let refused = self.served.door.judge(&request, &self.served.limits, covers);
        let source = self.peer.source(request.headers());
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(source);
        let router = match (refused, &self.served.pages) {
            (Some(refused), _) => {
                request.extensions_mut().insert(refused);
                &self.served.router
            }
            (None, Some(pages)) if request.headers().contains_key(header::ORIGIN) => pages,
            (None, _) => &self.served.router,
        };
        (request, router.clone())
    }
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response<Tracked>;
    type Error = std::convert::Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Tracked>, Self::Error>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let at_work = AtWork::begin(&self.link, request.version() == Version::HTTP_2);
        let (request, router) = self.receive(request);
        Box::pin(async move {
            if at_work.pipelined {
                // One connection must not keep a thread to itself: all others are looked at before its next request.
                tokio::task::yield_now().await;
            }
            let response = router.oneshot(request).await?;
            Ok(response.map(|body| Tracked::new(body, &at_work.link)))
        })
    }
}

/// A request until it is answered, or its connection has gone.
struct AtWork {
    link: Arc<Link>,
    pipelined: bool,
}

impl AtWork {
    fn begin(link: &Arc<Link>, streams: bool) -> Self {
        let pipelined = link.begin(streams);
        Self { link: Arc::clone(link), pipelined: pipelined && !streams }
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.link.end();
    }
}

/// The body of an answer, which tells the link of every piece that is taken.
struct Tracked {
    body: Body,
    link: Arc<Link>,
}

impl Tracked {
    fn new(body: Body, link: &Arc<Link>) -> Self {
        link.begin_answer();
        Self { body, link: Arc::clone(link) }
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.link.end_answer();
    }
}

impl HttpBody for Tracked {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if polled.is_ready() {
            self.link.moved();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

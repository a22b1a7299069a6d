//! One connection, guarded: how long its peer may take to send a request's head, and to take an answer.
//!
//! hyper has one clock for heads, which also runs while a kept-alive connection waits for its next request. Callers keep
//! connections for a minute, but nobody needs a minute to send a head: so the head has a clock of its own here, started by its first
//! byte.

use std::future::Future as _;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};
use tower::ServiceExt as _;

/// Where the connection stands: even between requests, odd from the end of a request's head to the beginning of its answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Phase(Arc<AtomicU64>);

impl Phase {
    fn step(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A byte stream that fails with [`io::ErrorKind::TimedOut`] when its peer dawdles.
pub(super) struct Guarded<S> {
    stream: S,
    phase: Phase,
    seen: u64,
    head: Deadline,
    write: Deadline,
}

impl<S> Guarded<S> {
    /// Guards `stream`. The phase goes to the [`Service`] of the connection.
    pub(super) fn new(stream: S, head_limit: Duration, stall_limit: Duration) -> (Self, Phase) {
        let phase = Phase::default();
        let mut head = Deadline::new(head_limit);
        // A new connection must speak: its first head is counted from the beginning.
        head.start();
        (
            Self { stream, phase: phase.clone(), seen: phase.now(), head, write: Deadline::new(stall_limit) },
            phase,
        )
    }
}

/// A clock that starts, is stopped, and tells when its time is over.
struct Deadline {
    limit: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    running: bool,
}

impl Deadline {
    const fn new(limit: Duration) -> Self {
        Self { limit, sleep: None, running: false }
    }

    fn start(&mut self) {
        if self.running {
            return;
        }
        self.running = true;
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(after(self.limit)),
            None => self.sleep = Some(Box::pin(sleep_until(after(self.limit)))),
        }
    }

    fn stop(&mut self) {
        self.running = false;
    }

    /// Ready when a running clock has run out; wakes the task when it will.
    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.sleep {
            Some(sleep) if self.running => sleep.as_mut().poll(cx),
            _ => Poll::Pending,
        }
    }
}

/// The moment `limit` from now; a limit beyond what the clock can count is taken as a day.
fn after(limit: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(limit).unwrap_or_else(|| now + Duration::from_secs(24 * 3600))
}

fn timed_out(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buf);
        let phase = this.phase.now();
        if phase != this.seen {
            this.seen = phase;
            this.head.stop();
        }
        let between_requests = phase.is_multiple_of(2);
        if between_requests && buf.filled().len() > before {
            this.head.start();
        }
        if this.head.poll_over(cx).is_ready() {
            return Poll::Ready(Err(timed_out("the request's head took too long")));
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> Guarded<S> {
    /// Passes on what a write said, unless it has made no progress for too long.
    fn watch_write<T>(&mut self, polled: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.write.stop();
            return polled;
        }
        self.write.start();
        ready!(self.write.poll_over(cx));
        Poll::Ready(Err(timed_out("the peer does not take its answer")))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.watch_write(polled, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.watch_write(polled, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_flush(cx);
        this.watch_write(polled, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.watch_write(polled, cx)
    }
}

/// The router of one connection: tells its handlers the peer's address and the guard where the connection stands.
pub(super) struct Service {
    router: Router,
    peer: SocketAddr,
    phase: Phase,
}

impl Service {
    pub(super) const fn new(router: Router, peer: SocketAddr, phase: Phase) -> Self {
        Self { router, peer, phase }
    }
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response;
    type Error = std::convert::Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Self::Error>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.phase.step();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let answer = self.router.clone().oneshot(request);
        let phase = self.phase.clone();
        Box::pin(async move {
            let response = answer.await;
            phase.step();
            response
        })
    }
}

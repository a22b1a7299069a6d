//! A byte stream, guarded: how long its peer may take to send a request's head, and to take an answer.
//!
//! hyper's clock for heads also runs while a kept-alive connection waits for its next request. Callers keep connections for a minute
//! and more, but nobody needs a minute to send a head. So the head has a clock of its own here, which its first byte starts. In
//! HTTP/2 the clock runs until the first request has come; later bytes may be pings, and the connection as a whole has a limit.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::link::{Link, Phase};

/// A byte stream that fails with [`io::ErrorKind::TimedOut`] when its peer dawdles.
pub(super) struct Guarded<S> {
    stream: S,
    link: Arc<Link>,
    seen: u64,
    head: Deadline,
    write: Deadline,
}

impl<S> Guarded<S> {
    /// Guards the stream of the connection `link`.
    pub(super) fn new(stream: S, link: Arc<Link>, head_limit: Duration, stall_limit: Duration) -> Self {
        let mut head = Deadline::new(head_limit);
        // A new connection must speak: its first head is counted from the beginning.
        head.start();
        let seen = link.requests();
        Self { stream, link, seen, head, write: Deadline::new(stall_limit) }
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
        if polled.is_pending() {
            this.link.drained();
        }
        let requests = this.link.requests();
        if requests != this.seen {
            this.seen = requests;
            this.head.stop();
        }
        match this.link.phase() {
            Phase::Between if buf.filled().len() > before => this.head.start(),
            Phase::Between | Phase::Request | Phase::Streams => {}
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

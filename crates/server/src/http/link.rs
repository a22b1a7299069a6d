//! What a connection is doing, as its byte stream, its requests and the listener see it.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// How long an answer may stand still before its connection may be closed to make room.
const STALLED: Duration = Duration::from_secs(5);

/// Where a connection stands.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// HTTP/1.1, and no request is at work: what comes is the head of one, or the rest of a body.
    Between,
    /// HTTP/1.1, from the end of a request's head to the beginning of its answer.
    Request,
    /// HTTP/2, where requests overlap.
    Streams,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Link {
    /// When counting began, for all connections of a listener.
    epoch: Instant,
    /// Requests so far.
    requests: AtomicU64,
    /// Requests without an answer yet.
    at_work: AtomicUsize,
    /// Answers that are on their way.
    leaving: AtomicUsize,
    /// HTTP/2 is spoken.
    streams: AtomicBool,
    /// The peer had nothing more to say since the last request.
    drained: AtomicBool,
    /// When a request last began or was answered, or a piece of an answer was taken: nanoseconds since the epoch.
    moved: AtomicU64,
    /// The listener wants its place.
    dismissed: AtomicBool,
    dismissal: Notify,
}

impl Link {
    pub(super) fn new(epoch: Instant) -> Self {
        let link = Self {
            epoch,
            requests: AtomicU64::new(0),
            at_work: AtomicUsize::new(0),
            leaving: AtomicUsize::new(0),
            streams: AtomicBool::new(false),
            drained: AtomicBool::new(false),
            moved: AtomicU64::new(0),
            dismissed: AtomicBool::new(false),
            dismissal: Notify::new(),
        };
        link.moved();
        link
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(super) fn phase(&self) -> Phase {
        if self.streams.load(Ordering::Relaxed) {
            Phase::Streams
        } else if self.at_work.load(Ordering::Relaxed) > 0 {
            Phase::Request
        } else {
            Phase::Between
        }
    }

    /// The peer has said all for now.
    pub(super) fn drained(&self) {
        self.drained.store(true, Ordering::Relaxed);
    }

    /// A request begins. Says whether the peer had sent it before it could know the answer to the one before it.
    pub(super) fn begin(&self, streams: bool) -> bool {
        self.streams.store(streams, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.at_work.fetch_add(1, Ordering::Relaxed);
        self.moved();
        !self.drained.swap(false, Ordering::Relaxed)
    }

    /// A request is answered, or given up.
    pub(super) fn end(&self) {
        self.at_work.fetch_sub(1, Ordering::Relaxed);
        self.moved();
    }

    /// An answer begins to leave.
    pub(super) fn begin_answer(&self) {
        self.leaving.fetch_add(1, Ordering::Relaxed);
    }

    /// An answer has left, or never will.
    pub(super) fn end_answer(&self) {
        self.leaving.fetch_sub(1, Ordering::Relaxed);
        self.moved();
    }

    /// Something has moved.
    pub(super) fn moved(&self) {
        let since = u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.moved.store(since, Ordering::Relaxed);
    }

    /// Since when nothing has moved.
    pub(super) fn still_since(&self) -> Instant {
        let since = Duration::from_nanos(self.moved.load(Ordering::Relaxed));
        self.epoch.checked_add(since).unwrap_or(self.epoch)
    }

    /// Whether a request is at work.
    pub(super) fn at_work(&self) -> bool {
        self.at_work.load(Ordering::Relaxed) > 0
    }

    /// Whether an answer is on its way.
    pub(super) fn answering(&self) -> bool {
        self.leaving.load(Ordering::Relaxed) > 0
    }

    /// Whether nobody loses anything but a connection when this one is closed.
    pub(super) fn can_go(&self) -> bool {
        !self.at_work() && (!self.answering() || self.still_since().elapsed() >= STALLED)
    }

    /// Asks the connection to make room.
    pub(super) fn dismiss(&self) {
        self.dismissed.store(true, Ordering::Relaxed);
        self.dismissal.notify_one();
    }

    /// Whether it was asked and has not gone yet.
    pub(super) fn is_dismissed(&self) -> bool {
        self.dismissed.load(Ordering::Relaxed)
    }

    /// Ready when the connection was asked to go and can; a request that came meanwhile is served instead.
    pub(super) async fn must_go(&self) {
        loop {
            self.dismissal.notified().await;
            if self.can_go() {
                return;
            }
            self.dismissed.store(false, Ordering::Relaxed);
        }
    }
}

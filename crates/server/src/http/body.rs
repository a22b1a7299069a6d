//! Reads the body of a request: one buffer, which grows as bytes arrive and is charged to the budget before it grows.
//!
//! The buffer at most doubles, so a body in chunks of one byte costs twice its size and no more.

use axum::body::Body;
use axum::http::header;
use axum::http::request::Parts;
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use super::budget::Charge;
use super::limits::Limits;
use super::source::Source;

/// First size of a buffer, in bytes, unless a shorter body is declared.
const FIRST_BYTES: usize = 1024;

/// A body that has arrived whole. Whoever works on what it said keeps the charge meanwhile.
pub(super) struct Arrived {
    pub(super) bytes: Vec<u8>,
    pub(super) charge: Charge,
}

/// Why a body was given up.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum BodyFault {
    /// It is longer than allowed, by its declaration or by its bytes.
    TooLarge,
    /// It did not arrive in [`Limits::body_read_timeout`].
    Slow,
    /// The connection broke off, or its framing is wrong.
    Broken,
    /// [`Limits::bodies`] has no room for it.
    NoRoom,
}

/// Reads a body of at most `most` bytes.
pub(super) async fn read(
    parts: &Parts,
    body: Body,
    limits: &Limits,
    most: usize,
) -> Result<Arrived, BodyFault> {
    let length = parts.headers.get(header::CONTENT_LENGTH);
    let declared = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    // Before the first byte is read.
    if declared.is_some_and(|length| length > most) {
        return Err(BodyFault::TooLarge);
    }
    let charge = limits.bodies.charge(Source::of(&parts.extensions).map(Source::address));
    let arrived = collect(body, declared.unwrap_or(most), most, charge);
    timeout(limits.body_read_timeout, arrived).await.unwrap_or(Err(BodyFault::Slow))
}

async fn collect(
    mut body: Body,
    expected: usize,
    most: usize,
    mut charge: Charge,
) -> Result<Arrived, BodyFault> {
    let mut bytes: Vec<u8> = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BodyFault::Broken)?;
        // Else trailers, which nobody needs.
        let Ok(chunk) = frame.into_data() else { continue };
        let length = bytes.len().saturating_add(chunk.len());
        if length > most {
            return Err(BodyFault::TooLarge);
        }
        if length > bytes.capacity() {
            let capacity = bytes.capacity().saturating_mul(2).max(FIRST_BYTES).min(expected).max(length);
            charge.grow_to(capacity).map_err(|_| BodyFault::NoRoom)?;
            bytes.reserve_exact(capacity.saturating_sub(bytes.len()));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Arrived { bytes, charge })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use axum::body::Bytes;
    use axum::http::Request;
    use hyper::body::Frame;

    use super::*;
    use crate::http::budget::Budget;

    /// So many chunks, then the end, or silence.
    struct Chunks {
        left: usize,
        chunk: &'static [u8],
        then: Poll<Option<Result<Frame<Bytes>, Infallible>>>,
    }

    fn chunks(left: usize, chunk: &'static [u8]) -> Chunks {
        Chunks { left, chunk, then: Poll::Ready(None) }
    }

    impl hyper::body::Body for Chunks {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let Some(left) = self.left.checked_sub(1) else {
                return std::mem::replace(&mut self.then, Poll::Pending);
            };
            self.left = left;
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(self.chunk)))))
        }
    }

    async fn arrived(declared: Option<usize>, body: Chunks, budget: &Budget) -> Result<Arrived, BodyFault> {
        let mut request = Request::post("/");
        if let Some(length) = declared {
            request = request.header(header::CONTENT_LENGTH, length);
        }
        let (parts, body) = request.body(Body::new(body)).unwrap().into_parts();
        let limits = Limits { bodies: budget.clone(), ..Limits::default() };
        read(&parts, body, &limits, 64 * 1024).await
    }

    #[tokio::test]
    async fn a_body_in_chunks_of_one_byte_costs_at_most_twice_its_size() {
        let budget = Budget::default();
        for length in [1, 500, 1025, 40_000, 65_536] {
            for declared in [None, Some(length)] {
                let arrived = arrived(declared, chunks(length, b"x"), &budget).await;
                let Ok(Arrived { bytes, charge }) = arrived else { panic!("{length}") };
                assert_eq!(bytes.len(), length);
                assert_eq!(budget.held(), bytes.capacity(), "what is allocated is charged");
                let most = declared.unwrap_or((2 * length).max(FIRST_BYTES));
                assert!(bytes.capacity() <= most, "{length}: {}", bytes.capacity());
                drop(charge);
                assert_eq!(budget.held(), 0);
            }
        }
    }

    #[tokio::test]
    async fn a_declared_length_is_not_charged_before_its_bytes_arrive() {
        let budget = Budget::default();
        let stalled = Body::new(Chunks { then: Poll::Pending, ..chunks(1, b"x") });
        let mut reading = Box::pin(collect(stalled, 65_536, 65_536, budget.charge(None)));
        let polled = reading.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        assert_eq!(budget.held(), FIRST_BYTES);
        drop(reading);
        assert_eq!(budget.held(), 0, "the connection closed");
    }

    #[tokio::test]
    async fn a_body_without_room_is_given_up() {
        let budget = Budget::of(64 * 1024);
        let refused = arrived(None, chunks(60, &[b'x'; 1024]), &budget).await.err();
        assert_eq!((refused, budget.held()), (Some(BodyFault::NoRoom), 0));
        let refused = arrived(None, chunks(65, &[b'x'; 1024]), &Budget::default()).await.err();
        assert_eq!(refused, Some(BodyFault::TooLarge));
    }
}

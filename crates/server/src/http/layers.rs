//! Layers around every API, whatever the shape of its errors: a time limit, and panics that become an answer.
//!
//! `tower-http` has a time limit, too, but its answer has no body: a caller would not learn that the change may have been made.

use std::any::Any;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::timeout;
use tower_http::catch_panic::{CatchPanicLayer, ResponseForPanic};
use tracing::error;

/// How long a request may take, and the answer to one that takes longer.
#[derive(Copy, Clone)]
pub(super) struct Deadline {
    pub(super) limit: Duration,
    pub(super) answer: fn() -> Response,
}

/// Gives the request up after the limit. A change that the store has by then is made or not made, as a whole.
pub(super) async fn within(State(deadline): State<Deadline>, request: Request, next: Next) -> Response {
    timeout(deadline.limit, next.run(request)).await.unwrap_or_else(|_| (deadline.answer)())
}

/// The answer to a request whose handler panics.
#[derive(Copy, Clone)]
pub(super) struct Panicked(fn() -> Response);

/// Answers panics with `answer`.
pub(super) fn catch_panics(answer: fn() -> Response) -> CatchPanicLayer<Panicked> {
    CatchPanicLayer::custom(Panicked(answer))
}

impl ResponseForPanic for Panicked {
    type ResponseBody = Body;

    /// The panic's text may hold anything, so it is left to the panic hook; this line ties it to the request.
    fn response_for_panic(&mut self, _: Box<dyn Any + Send + 'static>) -> Response {
        error!("a handler panicked");
        (self.0)()
    }
}

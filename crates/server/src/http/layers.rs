//! The one layer around every API. It names and counts the request, turns away whom the door has refused, sets the time limit, and makes
//! panics an answer.
//!
//! One layer and not five: each of axum's costs every request a microsecond. `tower-http` has a time limit, too, but its answer has no
//! body: a caller would not learn that the change may have been made.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, Version, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use tokio::time::timeout;
use tracing::{Instrument as _, error};

use super::door::TurnedAway;
use super::observe::{RequestId, RequestObserver};

/// What an API answers where no handler does, in its own shape of errors.
#[derive(Copy, Clone)]
pub(super) struct Answers {
    /// The routes that anyone may read with GET and HEAD, web pages too.
    pub(super) public: fn(&str) -> bool,
    /// Whether web pages may read the answers of these routes (CORS).
    pub(super) shared: bool,
    /// To a request that the door has refused.
    pub(super) refused: fn(&TurnedAway) -> Response,
    /// To a request that took too long.
    pub(super) late: fn() -> Response,
    /// To a request whose handler panicked.
    pub(super) panicked: fn() -> Response,
    /// Completes an answer that names the request.
    pub(super) complete: fn(&mut Response, &RequestId),
}

#[derive(Clone)]
struct Around {
    observer: RequestObserver,
    answers: Answers,
    limit: Option<Duration>,
}

/// Puts the layer around `routes`. A request gets `limit`; a change that the store has by then is made or not made, as a whole.
pub(super) fn around<S: Clone + Send + Sync + 'static>(
    routes: Router<S>,
    observer: RequestObserver,
    answers: Answers,
    limit: Option<Duration>,
) -> Router<S> {
    routes.layer(middleware::from_fn_with_state(Around { observer, answers, limit }, serve))
}

async fn serve(State(around): State<Around>, mut request: Request, next: Next) -> Response {
    let (id, report) = around.observer.begin(&mut request);
    let answer = around.answer(request, next).instrument(report.span().clone());
    let mut response = answer.await;
    (around.answers.complete)(&mut response, &id);
    report.end(&mut response, id);
    response
}

impl Around {
    async fn answer(&self, request: Request, next: Next) -> Response {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        let public = reads && route.is_some_and(self.answers.public);
        let refused = request.extensions().get::<TurnedAway>();
        if let Some(refused) = refused.filter(|refused| !(public && refused.is_about_web_pages())) {
            let mut response = (self.answers.refused)(refused);
            if refused.ends_the_connection() && request.version() != Version::HTTP_2 {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            return response;
        }
        let running = self.caught(request, next);
        let mut response = match self.limit {
            Some(limit) => timeout(limit, running).await.unwrap_or_else(|_| (self.answers.late)()),
            None => running.await,
        };
        if public && self.answers.shared {
            let anyone = HeaderValue::from_static("*");
            response.headers_mut().entry(header::ACCESS_CONTROL_ALLOW_ORIGIN).or_insert(anyone);
        }
        response
    }

    /// The handler's answer. A panic's text may hold anything, so it is left to the panic hook; the line here ties it to the request.
    async fn caught(&self, request: Request, next: Next) -> Response {
        let mut running = pin!(next.run(request));
        poll_fn(|cx| {
            catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(cx))).unwrap_or_else(|_| {
                error!("a handler panicked");
                Poll::Ready((self.answers.panicked)())
            })
        })
        .await
    }
}

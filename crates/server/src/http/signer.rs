//! The signer's routes (§1, §2 of the signer's behaviour specification): Signatory's, byte for byte where a client can tell.
//!
//! Layers, from the outside: paths as Go's router sees them (`http/paths.rs`), what is known of every request (`http/observe.rs`),
//! panics that become a failure, the time limit. A handler finds out who asks, reads the request in the visible order of §1.4, calls
//! one use case and maps its outcome. Rules are asked for at each request, since a reload may have replaced them.

mod auth;
mod body;
mod error;
mod go;
mod keys;
mod login;
mod routes;
mod switch;
mod table;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use jwtis_signer::Signer;
use serde_json::Value;

use super::door::{Turn, turn_away};
use super::layers::{Deadline, catch_panics, within};
use super::limits::Limits;
use super::observe::{Observer, observe};
use super::paths::{as_in_go, method_not_allowed, nowhere};
use crate::metrics::Metrics;
use error::Refusal;

/// What handlers share.
struct Api {
    signer: Signer,
    metrics: Arc<Metrics>,
    limits: Limits,
    max_body_bytes: usize,
}

/// The routes of the signer. Bodies of `POST /keys/{pkh}` have at most `max_body_bytes`.
pub fn router(signer: Signer, metrics: Arc<Metrics>, limits: &Limits, max_body_bytes: usize) -> Router {
    let observer = Observer { env: signer.env().clone(), metrics: Arc::clone(&metrics) };
    let api = Arc::new(Api { signer, metrics, limits: limits.clone(), max_body_bytes });

    let routes = table::serve(routes::all())
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(nowhere)
        .with_state(api);
    as_in_go(observed(routes, limits.request_timeout, observer))
}

/// The document of these routes, as OpenAPI 3.1.
#[must_use]
pub fn openapi() -> Value {
    routes::document()
}

/// Whom the door has refused gets a failure. Public keys are for web pages too.
const TURN: Turn = Turn {
    public: |route| route == routes::PUBLIC_KEY,
    shared: true,
    answer: |refused| Refusal::new(refused.status(), refused.code(), refused.to_string()).into_response(),
};

/// Around routes: whom the door has refused is turned away, a time limit, panics become failures, and every request is known.
fn observed(routes: Router, limit: Duration, observer: Observer) -> Router {
    routes
        .layer(middleware::from_fn_with_state(Deadline { limit, answer: late }, within))
        .layer(catch_panics(panicked))
        .layer(middleware::from_fn_with_state(TURN, turn_away))
        .layer(middleware::from_fn_with_state(observer, observe))
}

/// The watermark may have moved by then and stays: the same bytes may be asked for again.
fn late() -> Response {
    let text = "the request took too long and was given up";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", text).into_response()
}

fn panicked() -> Response {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "internal error").into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::extract::Request;
    use axum::routing::get;
    use jwtis_base::Timestamp;
    use jwtis_base::env::testing::{ManualClock, env};
    use tower::ServiceExt as _;

    use super::*;

    async fn call(routes: Router, deadline: Duration) -> (u16, String) {
        let observer = Observer { env: env(&ManualClock::at(Timestamp::default())), metrics: Arc::default() };
        let routes = as_in_go(observed(routes, deadline, observer));
        let answer = routes.oneshot(Request::get("/boom").body(Body::empty()).unwrap()).await.unwrap();
        assert!(answer.headers().contains_key("x-request-id"));
        assert_eq!(answer.headers()["content-type"], "application/json; charset=utf-8");
        let status = answer.status().as_u16();
        (status, String::from_utf8(to_bytes(answer.into_body(), 4096).await.unwrap().to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_panic_is_answered_like_any_failure_of_ours() {
        async fn boom() {
            panic!("the secret that was being handled");
        }
        let (status, body) = call(Router::new().route("/boom", get(boom)), Duration::from_secs(9)).await;
        let expected = "[{\"id\":\"failure\",\"kind\":\"temporary\",\"msg\":\"internal error\"}]\n";
        assert_eq!((status, body.as_str()), (500, expected));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_takes_too_long_is_given_up() {
        let routes = Router::new().route("/boom", get(std::future::pending::<()>));
        let (status, body) = call(routes, Duration::from_secs(9)).await;
        assert_eq!(status, 503);
        assert!(
            body.starts_with(
                "[{\"id\":\"failure\",\"kind\":\"temporary\",\"msg\":\"the request took too long"
            )
        );
    }
}

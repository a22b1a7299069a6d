//! The issuer's routes.
//!
//! Layers, from the outside: what is known of every request (`http/observe.rs`), the bodies of problems, panics that become a
//! problem, the time limit. A handler takes the caller's proof, the path and the body, calls one use case and maps its outcome.

mod auth;
mod backup;
mod body;
mod clients;
mod keys;
pub mod problem;
mod routes;
mod schemas;
mod tokens;

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use jwtis_issuer::Issuer;
use jwtis_signer::lockout::Refusals;
use serde_json::{Value, json};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::error;

use super::Limits;
use super::door::{Turn, turn_away};
use super::observe::{Observer, observe};
use super::openapi;
use crate::metrics::Metrics;
use problem::{Code, Problem};

/// What handlers share.
struct Api {
    issuer: Issuer,
    metrics: Arc<Metrics>,
    limits: Limits,
    backup_folder: PathBuf,
    refusals: Refusals,
}

/// The routes of the issuer. Backups pass through the system's folder for temporary files; see [`router_with_backups_in`].
pub fn router(issuer: Issuer, metrics: Arc<Metrics>, limits: &Limits) -> Router {
    router_with_backups_in(std::env::temp_dir(), issuer, metrics, limits)
}

/// The routes of the issuer; a backup that is being downloaded lies, sealed and without a name, in `backup_folder`.
pub fn router_with_backups_in(
    backup_folder: PathBuf,
    issuer: Issuer,
    metrics: Arc<Metrics>,
    limits: &Limits,
) -> Router {
    let observer = Observer { env: issuer.env().clone(), metrics: Arc::clone(&metrics) };
    let deadline = limits.request_timeout;
    let api = Arc::new(Api {
        issuer,
        metrics,
        limits: limits.clone(),
        backup_folder,
        refusals: Refusals::default(),
    });

    // Backups are outside of the time limit: reading all of a large store takes its time.
    let (unhurried, hurried): (Vec<_>, Vec<_>) =
        routes::all().into_iter().partition(|route| route.operation.path == routes::BACKUP);
    let routes = openapi::serve(hurried)
        .fallback(unknown_route)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(deadline, within))
        .merge(openapi::serve(unhurried).method_not_allowed_fallback(method_not_allowed));
    observed(routes, observer).with_state(api)
}

/// Whom the door has refused gets a problem. Public keys, JWK sets and what the server says of itself are for web pages too.
const TURN: Turn = Turn {
    public: routes::is_public,
    shared: true,
    answer: |refused| Problem::from(refused).into_response(),
};

/// Around routes: panics become problems, whom the door has refused is turned away, problems get their bodies, and every request is known.
pub(super) fn observed<S: Clone + Send + Sync + 'static>(routes: Router<S>, observer: Observer) -> Router<S> {
    routes
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(TURN, turn_away))
        .layer(middleware::from_fn(problem::render))
        .layer(middleware::from_fn_with_state(observer, observe))
}

/// The document of these routes, as OpenAPI 3.1.
#[must_use]
pub fn openapi() -> Value {
    routes::document()
}

/// `GET /openapi.json`
async fn described() -> impl IntoResponse {
    static TEXT: LazyLock<String> = LazyLock::new(|| openapi().to_string());
    ([(header::CONTENT_TYPE, "application/json")], TEXT.as_str())
}

async fn greeting() -> &'static str {
    concat!("jwtis ", env!("CARGO_PKG_VERSION"), ": JWT issuer and signer. POST /register/{kid} to begin.\n")
}

async fn ping() -> impl IntoResponse {
    Json(json!({ "status": "ok" }))
}

pub(super) async fn unknown_route() -> Problem {
    Problem::new(Code::UnknownRoute)
}

pub(super) async fn method_not_allowed() -> Problem {
    Problem::new(Code::MethodNotAllowed)
}

/// Gives the request up after `limit`. What it has handed to the store by then is done or not done, as a whole.
async fn within(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(Code::Timeout).into_response(),
    }
}

/// The panic's text may hold anything, so it is left to the panic hook; this line ties it to the request.
fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    error!("a handler panicked");
    Problem::new(Code::Internal).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::routing::get;
    use jwtis_base::Timestamp;
    use jwtis_base::env::testing::{ManualClock, env};
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_answered_like_any_failure_of_ours() {
        async fn boom() {
            panic!("the secret that was being handled");
        }
        let observer = Observer { env: env(&ManualClock::at(Timestamp::default())), metrics: Arc::default() };
        let routes = observed(Router::new().route("/boom", get(boom)), observer.clone());
        let answer = routes.oneshot(Request::get("/boom").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers().contains_key("x-request-id")), (500, true));
        let body: Value = serde_json::from_slice(&to_bytes(answer.into_body(), 4096).await.unwrap()).unwrap();
        assert_eq!((&body["code"], body.get("detail")), (&"internal".into(), None));
        let counted = r#"jwtis_http_requests_total{route="/boom",method="GET",status="500"} 1"#;
        assert!(observer.metrics.render().contains(counted));
    }

    #[tokio::test]
    async fn a_caller_who_goes_away_is_counted() {
        let observer = Observer { env: env(&ManualClock::at(Timestamp::default())), metrics: Arc::default() };
        let routes =
            observed(Router::new().route("/wait", get(std::future::pending::<()>)), observer.clone());
        let answer = routes.oneshot(Request::get("/wait").body(Body::empty()).unwrap());
        let gone = tokio::time::timeout(Duration::from_millis(1), answer).await;
        assert!(gone.is_err());
        assert!(observer.metrics.render().contains(r#"{route="/wait",method="GET",status="499"} 1"#));
    }
}

//! The issuer's routes.
//!
//! Layers, from the outside: what is known of every request ([`observe`](super::observe)), the bodies of problems, panics that become a
//! problem, the time limit. A handler takes the caller's proof, the path and the body, calls one use case and maps its outcome.

mod auth;
mod backup;
mod body;
mod clients;
mod keys;
pub mod problem;
mod tokens;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jwtis_core::Issuer;
use serde_json::json;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::error;

use super::Limits;
use super::observe::{Observer, observe};
use crate::metrics::Metrics;
use problem::{Code, Problem};

/// What handlers share.
struct Api {
    issuer: Issuer,
    metrics: Arc<Metrics>,
    limits: Limits,
    backup_folder: PathBuf,
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
    let api = Arc::new(Api { issuer, metrics, limits: limits.clone(), backup_folder });

    Router::new()
        .route("/", get(greeting))
        .route("/ping", get(ping))
        .route("/register/{kid}", post(clients::register))
        .route("/keys/{kid}", get(keys::public))
        .route("/keys/{kid}/jwks.json", get(keys::jwks))
        .route("/renew_keys", post(clients::renew_keys))
        .route("/issue_token", post(tokens::issue))
        .route("/renew_token", post(tokens::renew))
        .route("/revoke_token", post(tokens::revoke))
        .route("/verify_token", post(tokens::verify))
        .route("/clients", get(clients::list))
        .route("/clients/{kid}", get(clients::show).delete(clients::delete))
        .fallback(unknown_route)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(deadline, within))
        // Outside of the time limit: reading all of a large store takes its time.
        .route("/store/backup", get(backup::download).fallback(method_not_allowed))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(problem::render))
        .layer(middleware::from_fn_with_state(observer, observe))
        .with_state(api)
}

async fn greeting() -> &'static str {
    concat!("jwtis ", env!("CARGO_PKG_VERSION"), ": JWT issuer and signer. POST /register/{kid} to begin.\n")
}

async fn ping() -> impl IntoResponse {
    Json(json!({ "status": "ok" }))
}

async fn unknown_route() -> Problem {
    Problem::new(Code::UnknownRoute)
}

async fn method_not_allowed() -> Problem {
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

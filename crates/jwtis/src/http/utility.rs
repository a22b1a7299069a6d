//! The utility listener: `/metrics` for Prometheus and `/healthz` for whoever decides about restarts and load balancing.
//!
//! It listens on another address than the API and asks for no credentials: it tells counts and a state, never names.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jwtis_core::{Env, Issuer};
use tracing::warn;

use super::issuer;
use super::observe::Observer;
use crate::metrics::{CONTENT_TYPE, Metrics};

/// Why a check failed.
pub type Unhealthy = Box<dyn Error + Send + Sync>;

/// Tells whether the server can do its work.
pub trait Health: Send + Sync + 'static {
    /// Looks, now.
    fn check(&self) -> Pin<Box<dyn Future<Output = Result<(), Unhealthy>> + Send + '_>>;
}

/// A server without a store is healthy while it answers.
impl Health for () {
    fn check(&self) -> Pin<Box<dyn Future<Output = Result<(), Unhealthy>> + Send + '_>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// The issuer is healthy while its store can be read.
impl Health for Issuer {
    fn check(&self) -> Pin<Box<dyn Future<Output = Result<(), Unhealthy>> + Send + '_>> {
        Box::pin(async {
            // Nobody names a client like this, and what does not exist is not cached, so this goes to the store.
            let nobody = "~healthz~".parse()?;
            self.public_client(&nobody).await?;
            Ok(())
        })
    }
}

/// The routes of the utility listener. Request ids come out of `env`.
pub fn router(metrics: Arc<Metrics>, env: Env, health: impl Health) -> Router {
    let observer = Observer { env, metrics: Arc::clone(&metrics) };
    let routes = Router::new()
        .route("/metrics", get(page).with_state(metrics))
        .route("/healthz", get(healthz).with_state(Arc::new(health) as Arc<dyn Health>))
        .fallback(issuer::unknown_route)
        .method_not_allowed_fallback(issuer::method_not_allowed);
    issuer::observed(routes, observer)
}

async fn page(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics.render())
}

async fn healthz(State(health): State<Arc<dyn Health>>) -> Response {
    let (status, text) = match health.check().await {
        Ok(()) => (StatusCode::OK, r#"{"status":"ok"}"#),
        Err(error) => {
            warn!(error = &*error as &(dyn Error + 'static), "unhealthy");
            (StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"unavailable"}"#)
        }
    };
    (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}

//! The utility listener: `/metrics` for Prometheus, `/livez` and `/healthz` (also `/readyz`) for whoever decides about restarts and load
//! balancing, and under `/openapi` the documents of the APIs: the signer's routes are Signatory's, so its document is here.
//!
//! It listens on another address than the APIs and asks for no credentials: it tells counts and a state, never names. The status and the
//! member `ready` of `/healthz` are Signatory's (docs/reference/signer-protocol.md). `/livez` looks at nothing: a server that is not ready on purpose must
//! not be restarted for it.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jwtis_base::{Env, rollback};
use jwtis_issuer::Issuer;
use jwtis_signer::Signer;
use jwtis_store::{Rollback, Store};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::{info, warn};

use super::door::TurnedAway;
use super::layers::{Answers, around};
use super::observe::RequestObserver;
use super::{issuer, nowhere, signer};
use crate::metrics::{Metrics, exposition::Exposition};

/// Longest that a check may take; what needs longer is not ready.
const CHECK_LIMIT: Duration = Duration::from_secs(10);

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// Why a check failed.
pub type Unhealthy = Box<dyn Error + Send + Sync>;

/// Tells whether a part of the server can do its work.
pub trait Health: Send + Sync + 'static {
    /// Looks, now.
    fn check(&self) -> Pin<Box<dyn Future<Output = Result<(), Unhealthy>> + Send + '_>>;

    /// What the operator should know although the part can do its work. No text names anybody.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether it keeps a witness that cannot be written now, for the metric.
    fn witness_is_behind(&self) -> bool {
        false
    }
}

/// The witness of a store. The store works without it, and says so.
#[derive(Debug)]
pub struct Witness(pub Store);

impl Health for Witness {
    fn check(&self) -> Pin<Box<dyn Future<Output = Result<(), Unhealthy>> + Send + '_>> {
        Box::pin(async { Ok(()) })
    }

    fn warnings(&self) -> Vec<String> {
        let warning = || {
            "a witness cannot be written, so an older copy of its store would not be noticed: look at the log and the disk".to_owned()
        };
        self.0.witness_is_behind().then(warning).into_iter().collect()
    }

    fn witness_is_behind(&self) -> bool {
        self.0.witness_is_behind()
    }
}

/// The issuer is healthy while its store can be read and is in its place.
impl Health for Issuer {
    fn check(&self) -> Pin<Box<dyn Future<Output = Result<(), Unhealthy>> + Send + '_>> {
        Box::pin(async {
            self.store().probe().await?;
            Ok(())
        })
    }

    fn warnings(&self) -> Vec<String> {
        let warning = |mark: Rollback| format!("{}: {}", rollback::words(mark.cause), rollback::HINT);
        self.rollback().map(warning).into_iter().collect()
    }
}

/// The signer is healthy while all its vaults can work.
impl Health for Signer {
    fn check(&self) -> Pin<Box<dyn Future<Output = Result<(), Unhealthy>> + Send + '_>> {
        Box::pin(async {
            if let Some(back) = self.rolled_back().await? {
                return Err(format!("{}, so consensus keys sign nothing: {}", back.why(), back.hint()).into());
            }
            if self.snapshot().ready().await {
                Ok(())
            } else {
                Err("a vault of the signer is not ready".into())
            }
        })
    }
}

/// A signer that other machines reach: it says how many keys sign for whoever does.
#[derive(Debug)]
pub struct Exposed(pub Signer);

impl Health for Exposed {
    fn check(&self) -> Pin<Box<dyn Future<Output = Result<(), Unhealthy>> + Send + '_>> {
        self.0.check()
    }

    fn warnings(&self) -> Vec<String> {
        let open = self.0.rules().open_keys().count();
        let warning = || format!("the signer signs for anybody who reaches it, with {open} key(s)");
        (open > 0).then(warning).into_iter().collect()
    }
}

/// What `/healthz` asks. A server of no parts is ready while it answers; one that was told to stop is not.
struct Parts {
    parts: Vec<Arc<dyn Health>>,
    stopping: watch::Receiver<bool>,
}

/// The routes of the utility listener: ready while all of `parts` are healthy and `stopping` is not true. Request ids come out of
/// `env`.
pub fn router(
    metrics: Arc<Metrics>,
    env: Env,
    parts: Vec<Arc<dyn Health>>,
    stopping: watch::Receiver<bool>,
) -> Router {
    let observer = RequestObserver { env, metrics: Arc::clone(&metrics) };
    let parts = Arc::new(Parts { parts, stopping });
    let routes = Router::new()
        .route("/metrics", get(page).with_state((metrics, Arc::clone(&parts))))
        .route("/livez", get(livez))
        .route("/readyz", get(healthz).with_state(Arc::clone(&parts)))
        .route("/healthz", get(healthz).with_state(parts))
        .route("/openapi/issuer.json", get(issuer_described))
        .route("/openapi/signer.json", get(signer_described))
        .fallback(async || nowhere::not_found());
    around(routes, observer, ANSWERS, None)
}

/// Objects with one member. All that is here anyone may read. There is no time limit: checks have their own.
const ANSWERS: Answers = Answers {
    public: |_| true,
    shared: false,
    refused: turned_away,
    late: panicked,
    panicked,
    complete: |_, _| {},
};

fn turned_away(refused: &TurnedAway) -> Response {
    let body = json!({ "error": refused.to_string() });
    (refused.status(), [(header::CONTENT_TYPE, JSON)], format!("{body}\n")).into_response()
}

async fn page(
    State((metrics, parts)): State<(Arc<Metrics>, Arc<Parts>)>,
    headers: HeaderMap,
) -> impl IntoResponse {
    metrics.witnesses_behind(parts.parts.iter().filter(|part| part.witness_is_behind()).count());
    let form =
        Exposition::asked_for(headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()));
    ([(header::CONTENT_TYPE, form.content_type())], form.page(metrics.render()))
}

/// The process answers: nothing else is looked at.
async fn livez() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, JSON)], "{\"alive\":true}\n")
}

async fn issuer_described() -> impl IntoResponse {
    described(issuer::openapi())
}

async fn signer_described() -> impl IntoResponse {
    described(signer::openapi())
}

/// Documents are asked for seldom: they are made when they are.
fn described(document: Value) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, JSON)], document.to_string())
}

async fn healthz(State(parts): State<Arc<Parts>>) -> Response {
    let ready = parts.ready().await;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let warnings: Vec<String> = parts.parts.iter().flat_map(|part| part.warnings()).collect();
    // Signatory's body, to which a warning adds one member.
    let said = if warnings.is_empty() {
        json!({ "ready": ready })
    } else {
        json!({ "ready": ready, "warnings": warnings })
    };
    (status, [(header::CONTENT_TYPE, JSON)], format!("{said}\n")).into_response()
}

impl Parts {
    async fn ready(&self) -> bool {
        if *self.stopping.borrow() {
            info!("not ready: stopping");
            return false;
        }
        for part in &self.parts {
            match timeout(CHECK_LIMIT, part.check()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    warn!(error = &*error as &(dyn Error + 'static), "unhealthy");
                    return false;
                }
                Err(_) => {
                    warn!(limit = ?CHECK_LIMIT, "unhealthy: a check took too long");
                    return false;
                }
            }
        }
        true
    }
}

/// The other shape of errors, which this listener alone has.
fn panicked() -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, JSON)], "{\"error\":\"internal error\"}\n")
        .into_response()
}

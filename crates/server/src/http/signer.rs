//! The signer's routes: Signatory's routes, statuses, order of checks and JSON shape.
//!
//! One layer is around all of them (`http/layers.rs`). A handler finds out who asks, reads the request in the order of
//! `docs/reference/signer-protocol.md`, calls one use case and maps its outcome. Its types make the OpenAPI
//! document. A request takes the rules and vaults once, since a reload may replace them.

mod auth;
mod error;
mod keys;
mod login;
mod promised;
mod request;
mod sign;
mod switch;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jwtis_signer::Signer;
use serde_json::{Value, json};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};

use super::layers::{Answers, around};
use super::limits::Limits;
use super::nowhere;
use super::observe::RequestObserver;
use super::openapi::{Described, Frame};
use crate::metrics::Metrics;
use error::{FailureArray, SignerRefusal};
use request::SignerApi;

/// The routes of the signer. Bodies of `POST /keys/{pkh}` have at most `max_body_bytes`.
pub fn router(signer: Signer, metrics: Arc<Metrics>, limits: &Limits, max_body_bytes: usize) -> Router {
    let observer = RequestObserver { env: signer.env().clone(), metrics: Arc::clone(&metrics) };
    let api = Arc::new(SignerApi { signer, metrics, limits: limits.clone(), max_body_bytes });

    let routes = routes().router().fallback(async || nowhere::not_found()).with_state(api);
    around(routes, observer, ANSWERS, Some(limits.request_timeout))
}

/// Every route. Which of them a caller meets is the operator's configuration: without users there is no `/login`, and without
/// `known_keys` no such page.
fn routes() -> Described<Arc<SignerApi>> {
    Described::new()
        .schema::<FailureArray>()
        .public(login::__path_login, login::login)
        .other_methods("/login", login::other_method)
        .route(sign::__path_sign, sign::sign)
        .route(keys::__path_show, keys::show)
        .route(switch::__path_disable, switch::disable)
        .route(switch::__path_enable, switch::enable)
        .route(keys::__path_prove, keys::prove)
        .route(keys::__path_authorized, keys::authorized)
        .route(keys::__path_known, keys::known)
        .other_methods("/known_keys", keys::known_by_other_method)
}

/// Failures. Public keys are for web pages too.
const ANSWERS: Answers = Answers {
    public: |route| route == "/keys/{pkh}",
    shared: true,
    refused: |refused| {
        SignerRefusal::new(refused.status(), refused.code(), refused.to_string()).into_response()
    },
    late,
    panicked,
    complete: |_, _| {},
};

/// The document of these routes, as OpenAPI 3.1.
#[must_use]
pub fn openapi() -> Value {
    let header = |name: &str| SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new(name)));
    let frame = Frame {
        title: "jwtis signer",
        description: "A remote signer for Tezos, which octez-client, octez-baker and Taquito use as they use octez-signer or Signatory. docs/reference/signer-protocol.md explains. Tokens are asked for where users or issuers are configured.",
        server: "http://127.0.0.1:6732",
        schemes: vec![
            ("token", bearer("of a login, or of a trusted client of the issuer")),
            ("admin", bearer("the admin token of the store")),
            ("user", header("username")),
            ("octezToken", header("x-signatory-token")),
            ("octezUser", header("x-signatory-user")),
        ],
        security: &[&["token", "user"], &["token"], &["octezToken", "octezUser"]],
        headers: json!({
            "X-Request-Id": {
                "description": "names the request in the server's log; yours, where you sent one of this form",
                "required": true,
                "schema": { "type": "string", "pattern": "^[A-Za-z0-9._\\-]{1,64}$" },
            },
            "Cache-Control": { "required": true, "schema": { "const": "no-store" } },
            "Retry-After": {
                "description": "seconds; of pauses after wrong passwords, and where too many bodies are on their way",
                "schema": { "type": "integer", "minimum": 1 },
            },
        }),
        everywhere: &["X-Request-Id", "Cache-Control"],
    };
    routes().document(frame, Described::new())
}

fn bearer(description: &str) -> SecurityScheme {
    let mut http = Http::new(HttpAuthScheme::Bearer);
    http.description = Some(description.to_owned());
    SecurityScheme::Http(http)
}

/// The watermark may have moved by then and stays: the same bytes may be asked for again.
fn late() -> Response {
    let text = "the request took too long and was given up";
    SignerRefusal::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", text).into_response()
}

fn panicked() -> Response {
    SignerRefusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "internal error").into_response()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::{Body, to_bytes};
    use axum::extract::Request;
    use axum::routing::get;
    use jwtis_base::Timestamp;
    use jwtis_testkit::clock::{ManualClock, env};
    use tower::ServiceExt as _;

    use super::*;

    async fn call(routes: Router, deadline: Duration) -> (u16, String) {
        let observer =
            RequestObserver { env: env(&ManualClock::at(Timestamp::default())), metrics: Arc::default() };
        let routes = around(routes, observer, ANSWERS, Some(deadline));
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

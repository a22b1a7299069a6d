//! The issuer's routes.
//!
//! One layer is around all of them (`http/layers.rs`). A handler takes the caller's proof, the path and the body, calls one use case and maps its outcome. Its types make the
//! OpenAPI document.

mod api;
mod audit;
mod auth;
mod backup;
mod clients;
mod issue;
mod json;
mod keys;
mod members;
pub mod problem;
mod promised;
mod registration;
mod renew;
mod revoke;
mod server;
mod shapes;
mod tokens;
mod verify;

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::response::IntoResponse;
use jwtis_base::sources::RefusedSources;
use jwtis_issuer::Issuer;
use serde_json::{Value, json};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};

use super::layers::{Answers, around};
use super::limits::Limits;
use super::observe::RequestObserver;
use super::openapi::{Described, Frame};
use crate::metrics::Metrics;
use api::IssuerApi;
use problem::{Code, Problem};

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
    let observer = RequestObserver { env: issuer.env().clone(), metrics: Arc::clone(&metrics) };
    let api = Arc::new(IssuerApi {
        issuer,
        metrics,
        limits: limits.clone(),
        backup_folder,
        refusals: RefusedSources::default(),
        document: LazyLock::new(|| openapi().to_string().into()),
    });

    let routes = hurried().router().fallback(unknown_route).method_not_allowed_fallback(method_not_allowed);
    let unhurried = unhurried().router().method_not_allowed_fallback(method_not_allowed);
    around(routes, observer.clone(), ANSWERS, Some(limits.request_timeout))
        .merge(around(unhurried, observer, ANSWERS, None))
        .with_state(api)
}

/// Routes with a time limit.
fn hurried() -> Described<Arc<IssuerApi>> {
    Described::new()
        .schema::<problem::ProblemBody<'static>>()
        .schema::<shapes::PublicJwk>()
        .public(server::__path_greeting, server::greeting)
        .public(server::__path_ping, server::ping)
        .public(server::__path_openapi, server::openapi)
        .route(registration::__path_register, registration::register)
        .public(keys::__path_public, keys::public)
        .public(keys::__path_jwks, keys::jwks)
        .route(registration::__path_renew_keys, registration::renew_keys)
        .route(issue::__path_issue, issue::issue)
        .route(renew::__path_renew, renew::renew)
        .route(revoke::__path_revoke, revoke::revoke)
        .route(verify::__path_verify, verify::verify)
        .route(clients::__path_list, clients::list)
        .route(clients::__path_show, clients::show)
        .route(clients::__path_delete, clients::delete)
        .route(clients::__path_disable, clients::disable)
        .route(clients::__path_enable, clients::enable)
        .route(audit::__path_page, audit::page)
}

/// Routes without: reading all of a large store takes its time.
fn unhurried() -> Described<Arc<IssuerApi>> {
    Described::new().route(backup::__path_download, backup::download)
}

/// What anyone may read.
const PUBLIC: &[&str] = &["/", "/ping", "/openapi.json", "/keys/{kid}", "/keys/{kid}/jwks.json"];

/// Problems. Public keys, JWK sets and what the server says of itself are for web pages too.
pub(super) const ANSWERS: Answers = Answers {
    public: |route| PUBLIC.contains(&route),
    shared: true,
    refused: |refused| Problem::from(refused).into_response(),
    late: || Problem::new(Code::Timeout).into_response(),
    panicked: || Problem::new(Code::Internal).into_response(),
    complete: problem::complete,
};

/// The document of these routes, as OpenAPI 3.1.
#[must_use]
pub fn openapi() -> Value {
    let bearer = "`jct_…` of the client that the request is about, or `jat_…` of the admin";
    let header = |description: &str, schema: Value| json!({ "description": description, "required": true, "schema": schema });
    let frame = Frame {
        title: "jwtis issuer",
        description: "An application server registers once and from then on asks for JSON Web Tokens. docs/reference/issuer-api.md explains.",
        server: "http://127.0.0.1:4343",
        schemes: vec![
            ("bearer", http(HttpAuthScheme::Bearer, bearer)),
            ("basic", http(HttpAuthScheme::Basic, "the `kid` and its token")),
            ("clientToken", SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("ClientToken")))),
        ],
        security: &[&["bearer"], &["basic"], &["clientToken"]],
        headers: json!({
            "X-Request-Id": header(
                "names the request in the server's log; yours, where you sent one of this form",
                json!({ "type": "string", "pattern": "^[A-Za-z0-9._\\-]{1,64}$" }),
            ),
            "Cache-Control": header(
                "`no-store` on everything but the JWK set",
                json!({ "enum": ["no-store", keys::CACHE_CONTROL] }),
            ),
            "ETag": header("changes with the body", json!({ "type": "string", "pattern": "^\"[A-Za-z0-9_\\-]{43}\"$" })),
            "WWW-Authenticate": header("how to authenticate", json!({ "const": problem::CHALLENGE })),
            "Retry-After": header("seconds after which a retry makes sense", json!({ "type": "integer", "minimum": 1 })),
        }),
        everywhere: &["X-Request-Id", "Cache-Control"],
    };
    hurried().document(frame, unhurried())
}

fn http(scheme: HttpAuthScheme, description: &str) -> SecurityScheme {
    let mut http = Http::new(scheme);
    http.description = Some(description.to_owned());
    SecurityScheme::Http(http)
}

pub(super) async fn unknown_route() -> Problem {
    Problem::new(Code::UnknownRoute)
}

pub(super) async fn method_not_allowed() -> Problem {
    Problem::new(Code::MethodNotAllowed)
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

    /// A route without credentials that reads is public, and no other.
    #[test]
    fn what_anyone_may_ask_is_what_anyone_may_read() {
        let document = openapi();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let anybody = operation.get("security") == Some(&json!([])) && method == "get";
                assert_eq!(PUBLIC.contains(&path.as_str()) && method == "get", anybody, "{method} {path}");
            }
        }
    }

    #[tokio::test]
    async fn a_panic_is_answered_like_any_failure_of_ours() {
        async fn boom() {
            panic!("the secret that was being handled");
        }
        let observer =
            RequestObserver { env: env(&ManualClock::at(Timestamp::default())), metrics: Arc::default() };
        let routes = around(Router::new().route("/boom", get(boom)), observer.clone(), ANSWERS, None);
        let answer = routes.oneshot(Request::get("/boom").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers().contains_key("x-request-id")), (500, true));
        let body: Value = serde_json::from_slice(&to_bytes(answer.into_body(), 4096).await.unwrap()).unwrap();
        assert_eq!((&body["code"], body.get("detail")), (&"internal".into(), None));
        let counted = r#"jwtis_http_requests_total{route="/boom",method="GET",status="500"} 1"#;
        assert!(observer.metrics.render().contains(counted));
    }

    #[tokio::test]
    async fn a_caller_who_goes_away_is_counted() {
        let observer =
            RequestObserver { env: env(&ManualClock::at(Timestamp::default())), metrics: Arc::default() };
        let routes = around(
            Router::new().route("/wait", get(std::future::pending::<()>)),
            observer.clone(),
            ANSWERS,
            None,
        );
        let answer = routes.oneshot(Request::get("/wait").body(Body::empty()).unwrap());
        let gone = tokio::time::timeout(Duration::from_millis(1), answer).await;
        assert!(gone.is_err());
        assert!(observer.metrics.render().contains(r#"{route="/wait",method="GET",status="499"} 1"#));
    }
}

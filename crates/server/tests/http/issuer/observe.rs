//! Request ids, log lines, metrics, `/metrics` and `/healthz`.

use std::sync::Arc;

use jwtis::http::utility::{self, Health};
use jwtis_store::testing::Fault;
use jwtis_testkit::log::Log;
use serde_json::{Value, json};

use super::support::{Answer, Call, World};

#[tokio::test]
async fn every_answer_has_a_request_id() {
    let world = World::new().await;
    let ids = [
        world.get("/ping").send().await,
        world.get("/ping").send().await,
        world.get("/nowhere").send().await,
        world.post("/ping", json!({})).send().await,
        world.get("/clients").send().await,
    ]
    .map(|answer| answer.header("x-request-id").unwrap().to_owned());
    assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), ids.len(), "{ids:?}");

    let taken = world.get("/nowhere").header("x-request-id", "trace-1.a_B").send().await;
    assert_eq!(taken.header("x-request-id"), Some("trace-1.a_B"));
    taken.problem(404, "unknown_route");
    for harmful in ["", "a b", "ü", "a\tb", "{}", &"x".repeat(65)] {
        let answer = world.get("/ping").header("x-request-id", harmful.as_bytes()).send().await;
        assert_ne!(answer.header("x-request-id"), Some(harmful));
    }
}

#[tokio::test]
async fn a_request_leaves_one_line_that_names_route_status_and_client() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let log = Log::default();
    let answer = {
        let _guard = log.listen("trace");
        world.get("/clients/shop?secret=query").bearer(&token).send().await
    };
    let lines: Vec<_> = log.of("jwtis::http::observe");
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line = &lines[0];
    assert_eq!((&line["level"], &line["fields"]["status"]), (&json!("INFO"), &json!(200)));
    assert!(line["fields"]["latency_ms"].is_number());
    let span = &line["span"];
    assert_eq!((&span["method"], &span["route"]), (&json!("GET"), &json!("/clients/{kid}")));
    assert_eq!((&span["client"], span["id"].as_str()), (&json!("shop"), answer.header("x-request-id")));
    assert!(!log.text().contains("query"));
}

#[tokio::test]
async fn a_failure_of_ours_is_logged_with_its_chain_and_answered_without() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let issued = world.issue("shop", &token, json!({})).await;
    let log = Log::default();
    let answer = {
        let _guard = log.listen("trace");
        world.backend.fail_read(1, Fault::Unavailable);
        world.renew("shop", &token, &issued.refresh).await
    };
    answer.problem(503, "store_unavailable");
    assert!(answer.header("retry-after").is_some());
    let line = log.of("jwtis::http::observe").remove(0);
    assert_eq!((&line["level"], &line["fields"]["code"]), (&json!("WARN"), &json!("store_unavailable")));
    let chain = line["fields"]["error"].as_str().unwrap();
    assert!(chain.starts_with("the store cannot be read: "), "{chain}");
}

#[tokio::test]
async fn wrong_credentials_have_one_line_a_minute_in_the_audit_trail() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let wrong = [&world.admin[..world.admin.len() - 1], "A"].concat();
    let log = Log::default();
    let guard = log.listen("trace");
    let lines = || {
        let of_refusals = |line: &Value| line["fields"]["event"] == "credentials_refused";
        log.lines()
            .into_iter()
            .filter(of_refusals)
            .map(|line| line["fields"]["refused"].clone())
            .collect::<Vec<_>>()
    };
    // Without credentials nobody tries one, and a right one of the wrong kind is no secret that was tried.
    world.get("/clients").send().await.problem(401, "unauthorized");
    assert!(lines().is_empty());
    for path in ["/clients", "/clients", "/store/backup"] {
        world.get(path).bearer(&wrong).send().await.problem(401, "unauthorized");
    }
    world.post("/register/other", json!({})).bearer(&wrong).send().await.problem(401, "unauthorized");
    world
        .post("/issue_token", json!({"kid": "shop"}))
        .bearer("jct_x")
        .send()
        .await
        .problem(401, "unauthorized");
    assert_eq!(lines(), [json!(1)]);
    world.pass(60);
    world.get("/clients").bearer(&token).send().await.problem(401, "unauthorized");
    assert_eq!(lines(), [json!(1), json!(5)]);
    drop(guard);
}

#[tokio::test]
async fn logs_hold_no_secret() {
    let world = World::new().await;
    let log = Log::default();
    let guard = log.listen("trace");
    let token = world.register("shop", json!({"refresh_strategy": "refreshBoth"})).await;
    let issued =
        world.issue("shop", &token, json!({"sub": "subject-4711", "card": "claim-value-0815"})).await;
    world.verify("shop", &token, &issued.auth).await;
    let renewed = world.renew("shop", &token, &issued.refresh).await;
    world.pass(60);
    world.renew("shop", &token, &issued.refresh).await.problem(403, "token_reused");
    world.post("/revoke_token", json!({"kid": "shop", "sub": "subject-4711"})).bearer(&token).send().await;
    world
        .post("/issue_token", json!({"kid": "shop", "claims": {"iss": "foreign-issuer-99"}}))
        .bearer(&token)
        .send()
        .await;
    world
        .post("/issue_token", json!({"kid": "shop", "claims": {"n": 1.0e17, "sub": "subject-4711"}}))
        .bearer(&token)
        .send()
        .await;
    world.get("/clients/shop").basic("shop", &token).send().await;
    world.get("/clients/shop").header("clienttoken", "jct_attempt-23").send().await;
    world.get("/keys/path-secret-5?query-secret-6=1").send().await;
    drop(guard);

    let text = log.text();
    assert!(text.contains("request answered"), "something is logged at all");
    let renewed = renewed.json();
    let body_of = |token: &str| token.split('.').nth(1).unwrap_or(token).to_owned();
    for secret in [
        token.clone(),
        token[4..24].to_owned(),
        world.admin.clone(),
        issued.auth.clone(),
        body_of(&issued.auth),
        issued.refresh.clone(),
        body_of(&issued.refresh),
        renewed["auth_token"].as_str().unwrap().to_owned(),
        renewed["refresh_token"].as_str().unwrap().to_owned(),
        "subject-4711".to_owned(),
        "claim-value-0815".to_owned(),
        "foreign-issuer-99".to_owned(),
        "attempt-23".to_owned(),
        "path-secret-5".to_owned(),
        "query-secret-6".to_owned(),
    ] {
        assert!(!text.contains(&secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn metrics_count_by_route_and_status() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let issued = world.issue("shop", &token, json!({})).await;
    world.renew("shop", &token, &issued.refresh).await;
    world.renew("shop", &token, "garbage").await;
    world.post("/renew_token", json!([])).bearer(&token).send().await;
    world.get("/made/up/path").send().await;
    world.call("BREW", "/ping").send().await;

    let utility = utility_of(&world, true, false);
    let answer = call(&utility, "/metrics").send().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(answer.text().contains("# TYPE jwtis_http_requests_total counter"));
    let answer = call(&utility, "/metrics")
        .header(axum::http::header::ACCEPT, "application/openmetrics-text")
        .send()
        .await;
    assert_eq!(
        answer.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    assert!(answer.text().ends_with("# EOF\n"));
    let page = answer.text();
    for line in [
        r#"jwtis_http_requests_total{route="/register/{kid}",method="POST",status="201"} 1"#,
        r#"jwtis_http_requests_total{route="/renew_token",method="POST",status="403"} 1"#,
        r#"jwtis_http_requests_total{route="unmatched",method="GET",status="404"} 1"#,
        r#"jwtis_http_requests_total{route="/ping",method="other",status="405"} 1"#,
        r#"jwtis_http_request_duration_seconds_count{route="/issue_token",status="201"} 1"#,
        "jwtis_tokens_issued_total 1",
        "jwtis_tokens_renewed_total 1",
        r#"jwtis_tokens_refused_total{operation="renew",reason="invalid_token"} 1"#,
        r#"jwtis_tokens_refused_total{operation="renew",reason="malformed_body"} 1"#,
        "jwtis_refresh_reuse_detected_total 0",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
    }
    assert!(!page.contains("made"), "callers cannot make label values");
}

#[tokio::test]
async fn healthz_follows_the_store() {
    let world = World::new().await;
    let utility = utility_of(&world, true, false);
    let said = |answer: Answer| (answer.status.as_u16(), answer.text());
    let (ready, not_ready) = ("{\"ready\":true}\n".to_owned(), "{\"ready\":false}\n".to_owned());
    let good = call(&utility, "/healthz").send().await;
    assert_eq!(good.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(said(good), (200, ready.clone()));
    world.backend.fail_read(1, Fault::Unavailable);
    let bad = call(&utility, "/healthz").send().await;
    assert_eq!(bad.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(said(bad), (503, not_ready.clone()));
    assert_eq!(said(call(&utility_of(&world, false, false), "/healthz").send().await), (200, ready));
    // Told to stop, it wants no more requests.
    assert_eq!(said(call(&utility_of(&world, true, true), "/healthz").send().await), (503, not_ready));
}

#[tokio::test]
async fn healthz_looks_at_the_store_whatever_clients_are_called() {
    let world = World::new().await;
    let token = world.register("~healthz~", json!({})).await;
    world.issue("~healthz~", &token, json!({})).await;
    let utility = utility_of(&world, true, false);
    assert_eq!(call(&utility, "/healthz").send().await.status, 200);
    world.backend.fail_read(1, Fault::Unavailable);
    assert_eq!(
        call(&utility, "/healthz").send().await.status,
        503,
        "that client is loaded, the store is not asked"
    );
}

#[tokio::test]
async fn the_utility_listener_has_no_routes_of_the_apis() {
    let world = World::new().await;
    let utility = utility_of(&world, true, false);
    for path in ["/issue_token", "/", "/healthz/"] {
        let answer = call(&utility, path).send().await;
        assert_eq!(
            (answer.status.as_u16(), answer.text().as_str()),
            (404, "this path is not served here\n"),
            "{path}"
        );
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    }
    for method in ["POST", "OPTIONS"] {
        let answer = Call::new(&utility, method, "/healthz").send().await;
        assert_eq!((answer.status.as_u16(), answer.text().as_str()), (405, ""), "{method}");
        assert_eq!(answer.header("allow"), Some("GET,HEAD"));
    }
}

#[tokio::test]
async fn probes_by_head_get_the_status_of_get_and_no_body() {
    let world = World::new().await;
    let (ready, stopping) = (utility_of(&world, true, false), utility_of(&world, true, true));
    for (utility, path, status) in [
        (&ready, "/healthz", 200),
        (&ready, "/readyz", 200),
        (&ready, "/livez", 200),
        (&ready, "/metrics", 200),
        (&ready, "/openapi/issuer.json", 200),
        (&stopping, "/healthz", 503),
        (&stopping, "/readyz", 503),
        (&stopping, "/livez", 200),
    ] {
        let get = call(utility, path).send().await;
        let head = Call::new(utility, "HEAD", path).send().await;
        assert_eq!((get.status.as_u16(), head.status.as_u16()), (status, status), "{path}");
        assert_eq!((get.body.is_empty(), head.body.is_empty()), (false, true), "{path}");
        assert_eq!(get.header("content-type"), head.header("content-type"), "{path}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_ready_on_purpose_is_alive() {
    let world = World::new().await;
    world.backend.fail_read(1, Fault::Unavailable);
    let utility = utility_of(&world, true, true);
    assert_eq!(call(&utility, "/healthz").send().await.status, 503);
    let alive = call(&utility, "/livez").send().await;
    assert_eq!((alive.status.as_u16(), alive.text().as_str()), (200, "{\"alive\":true}\n"));
}

/// The utility listener, with the issuer or without, and told to stop or not.
fn utility_of(world: &World, issuer: bool, stopping: bool) -> axum::Router {
    let parts: Vec<Arc<dyn Health>> = if issuer { vec![Arc::new(world.issuer.clone())] } else { Vec::new() };
    let (_, stopping) = tokio::sync::watch::channel(stopping);
    utility::router(world.metrics.clone(), world.issuer.env().clone(), parts, stopping)
}

fn call(router: &axum::Router, path: &str) -> Call {
    Call::new(router, "GET", path)
}

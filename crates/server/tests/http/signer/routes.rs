//! Which routes there are, and what else is answered.

use std::pin::Pin;
use std::sync::Arc;

use jwtis::http::utility::{self, Health, Unhealthy};
use tokio::sync::watch;
use tower::ServiceExt as _;

use super::support::{Answer, Jammed, Setup, TZ1, World, noop};

/// Every route and the methods that it has.
pub(crate) const ROUTES: [(&str, &[&str]); 7] = [
    ("/login", &["POST"]),
    ("/keys/tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q", &["GET", "POST"]),
    ("/keys/tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q/disable", &["POST"]),
    ("/keys/tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q/enable", &["POST"]),
    ("/bls_prove_possession/tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q", &["GET"]),
    ("/authorized_keys", &["GET"]),
    ("/known_keys", &["GET"]),
];

pub(crate) fn world() -> World {
    let mut setup = Setup::with_tokens();
    setup.rules.known_keys = true;
    setup.build()
}

#[track_caller]
fn assert_page(answer: &Answer, what: &str) {
    assert_eq!(
        (answer.status.as_u16(), answer.text().as_str()),
        (404, "this path is not served here\n"),
        "{what}"
    );
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"), "{what}");
}

#[tokio::test]
async fn a_route_takes_its_methods_and_no_other() {
    let world = world();
    for (path, methods) in ROUTES {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
            let answer = world.call(method, path).send().await;
            let as_get = method == "HEAD" && methods.contains(&"GET");
            if methods.contains(&method) || as_get {
                assert_eq!(
                    (answer.status.as_u16(), answer.body.is_empty()),
                    (401, as_get),
                    "{method} {path}"
                );
                continue;
            }
            assert_eq!((answer.status.as_u16(), answer.body.len()), (405, 0), "{method} {path}");
            let allowed = answer.header("allow").unwrap_or_default();
            assert!(methods.iter().all(|method| allowed.contains(method)), "{method} {path}: {allowed}");
        }
    }
}

#[tokio::test]
async fn an_unknown_path_is_404_before_anybody_is_asked_for_a_token() {
    let world = world();
    for path in [
        "/",
        "/login/",
        "/Login",
        "/keys",
        "/keys/",
        "/keys/a/b",
        "/keys/a/",
        "/authorized_keys/",
        "/metrics",
        "/healthz",
        "/ping",
        "/register/x",
        "/bls_prove_possession",
        "/bls_prove_possession/",
        "/keys%2f",
        "/known_keys/x",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            assert_page(&world.call(method, path).send().await, path);
        }
    }
}

#[tokio::test]
async fn login_is_no_route_where_there_are_no_tokens() {
    for world in [Setup::new().build(), Setup::with_client_keys().build()] {
        for method in ["POST", "GET", "OPTIONS"] {
            assert_page(&world.call(method, "/login").send().await, method);
        }
    }
}

#[tokio::test]
async fn a_path_is_taken_as_it_is_sent() {
    let world = world();
    for path in [
        "//keys/x",
        "/keys//x",
        "/./authorized_keys",
        "/a/../login",
        "/keys/..",
        "/keys/%2e%2e/login",
        "//evil.example",
    ] {
        for method in ["GET", "POST", "HEAD"] {
            let answer = world.call(method, path).send().await;
            assert!(matches!(answer.status.as_u16(), 401 | 404), "{method} {path}: {}", answer.status);
            assert_eq!(answer.header("location"), None, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn trap_3_each_part_of_the_api_has_its_own_shape_of_errors() {
    // The main routes: an array with one failure that calls itself temporary, and a newline.
    let world = Setup::new().vault(Jammed).build();
    let answer = world.sign(TZ1, &noop("x")).send().await;
    let array = "[{\"id\":\"failure\",\"kind\":\"temporary\",\"msg\":\"(Jammed): paper \\u003cjam\\u003e \\u0026 smoke\"}]\n";
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (500, array));
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    // Tokens: plain text without a newline, and a bare token with 201.
    let world = Setup::with_tokens().build();
    assert_eq!(world.sign(TZ1, &noop("x")).send().await.plain(401), "token required");
    let login =
        world.post("/login").header("username", "payouts").header("password", super::support::PASSWORD);
    let answer = login.send().await;
    assert_eq!(answer.plain(201).split('.').count(), 3);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    // The utility listener: see http/issuer/observe.rs.
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_is_not_sniffed() {
    let world = world();
    for (method, path) in [
        ("GET", "/nowhere"),
        ("GET", "//nowhere"),
        ("PUT", "/login"),
        ("GET", "/authorized_keys"),
        ("POST", "/login"),
        ("GET", "/%"),
    ] {
        let answer = world.call(method, path).send().await;
        assert!(answer.header("x-request-id").is_some_and(|id| !id.is_empty()), "{method} {path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{method} {path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{method} {path}");
    }
    let taken = world.get("/nowhere").header("x-request-id", "trace-1.a_B").send().await;
    assert_eq!(taken.header("x-request-id"), Some("trace-1.a_B"));
}

/// What `/healthz` says of these parts.
async fn health(world: &World, parts: Vec<Arc<dyn Health>>) -> (u16, String) {
    let (_stop, stopping) = watch::channel(false);
    let router = utility::router(world.metrics.clone(), world.signer.env().clone(), parts, stopping);
    let request = axum::http::Request::get("/healthz").body(axum::body::Body::empty()).unwrap();
    let answer = router.oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = axum::body::to_bytes(answer.into_body(), 4096).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn healthz_follows_the_vaults() {
    let ready = (200, "{\"ready\":true}\n".to_owned());
    let not_ready = (503, "{\"ready\":false}\n".to_owned());
    let world = Setup::new().build();
    assert_eq!(health(&world, Vec::new()).await, ready);
    assert_eq!(health(&world, vec![Arc::new(world.signer.clone())]).await, ready);
    let jammed = Setup::new().vault(Jammed).build();
    assert_eq!(health(&world, vec![Arc::new(jammed.signer.clone())]).await, not_ready);
    let both: Vec<Arc<dyn Health>> = vec![Arc::new(world.signer.clone()), Arc::new(jammed.signer.clone())];
    assert_eq!(health(&world, both).await, not_ready);
}

#[tokio::test]
async fn health_tells_warnings_beside_the_state() {
    struct Warns;
    impl Health for Warns {
        fn check(&self) -> Pin<Box<dyn Future<Output = Result<(), Unhealthy>> + Send + '_>> {
            Box::pin(std::future::ready(Ok(())))
        }
        fn warnings(&self) -> Vec<String> {
            vec!["the certificate ends in 3 days".to_owned()]
        }
    }
    let world = Setup::new().build();
    let said = "{\"ready\":true,\"warnings\":[\"the certificate ends in 3 days\"]}\n".to_owned();
    assert_eq!(health(&world, vec![Arc::new(Warns)]).await, (200, said));
}

#[tokio::test(start_paused = true)]
async fn a_check_that_hangs_is_not_ready() {
    struct Hangs;
    impl Health for Hangs {
        fn check(&self) -> Pin<Box<dyn Future<Output = Result<(), Unhealthy>> + Send + '_>> {
            Box::pin(std::future::pending())
        }
    }
    let world = Setup::new().build();
    assert_eq!(health(&world, vec![Arc::new(Hangs)]).await, (503, "{\"ready\":false}\n".to_owned()));
}

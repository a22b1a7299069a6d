//! Who is turned away before a handler sees the request, over a socket: what HTTP forbids, web pages, names that are not ours.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use jwtis::http::door::Door;
use jwtis::http::proxies::{ProxyHeaderKind, TrustedProxies};
use jwtis::http::source::Source;
use jwtis::http::{Limits, issuer, utility};
use jwtis::metrics::Metrics;
use jwtis_base::env::Env;
use jwtis_issuer::{Issuer, IssuerSettings, MAX_ACCESS_TOKEN_BYTES};

use super::support::Server;

async fn issuer_router() -> Router {
    let settings = IssuerSettings { open_registration: true, ..IssuerSettings::default() };
    let issuer = Issuer::open(jwtis_store::open_memory(), Env::system(), settings).await.unwrap();
    issuer::router(issuer, Arc::new(Metrics::new()), &Limits::default())
}

/// A door as listeners of this machine alone have it.
fn loopback() -> Door {
    Door {
        hosts: Some(["jwtis.internal".parse().unwrap()].into()),
        origins: ["https://app.example".parse().unwrap()].into(),
        proxies: None,
    }
}

async fn ask(server: &Server, request: &str) -> String {
    let mut peer = server.connect().await;
    peer.say(request).await;
    peer.hear().await
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
}

#[tokio::test]
async fn heads_that_http_forbids_get_the_status_that_it_names() {
    let server = Server::behind(Door::default(), issuer_router().await, None, Limits::default()).await;
    let post = "POST /register/a HTTP/1.1\r\n";
    for (request, expected, code) in [
        (
            format!("{post}host: x\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"),
            501,
            "transfer_coding",
        ),
        (
            format!(
                "{post}host: x\r\ntransfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
            ),
            501,
            "transfer_coding",
        ),
        (
            format!("{post}host: x\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
            400,
            "malformed_head",
        ),
        // hyper refuses these itself, without a body.
        (format!("{post}host: x\r\ntransfer-encoding: chunked, gzip\r\n\r\n"), 400, ""),
        (format!("{post}host: x\r\ntransfer-encoding: gzip\r\n\r\n"), 400, ""),
        (
            "POST /register/a HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
            400,
            "",
        ),
        (format!("{post}host: x\r\nexpect: 200-maybe\r\ncontent-length: 2\r\n\r\n{{}}"), 417, "expectation"),
        ("GET /ping HTTP/1.1\r\n\r\n".to_owned(), 400, "malformed_head"),
        ("GET /ping HTTP/1.1\r\nhost: x\r\nhost: x\r\n\r\n".to_owned(), 400, "malformed_head"),
        ("GET /ping HTTP/1.1\r\nhost: x y\r\n\r\n".to_owned(), 400, "malformed_head"),
        ("GET /ping HTTP/1.1\r\nhost: \r\n\r\n".to_owned(), 200, ""),
        ("GET /ping HTTP/1.0\r\n\r\n".to_owned(), 200, ""),
        (format!("{post}host: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n{{}}"), 100, ""),
    ] {
        let answer = ask(&server, &request).await;
        assert_eq!(status(&answer), expected, "{request:?}: {answer}");
        assert!(answer.contains(code), "{request:?}: {answer}");
        let closes = answer.contains("connection: close");
        assert!(closes || !matches!(expected, 400 | 501), "{request:?}: {answer}");
    }
}

#[tokio::test]
async fn web_pages_get_403_but_for_what_anyone_may_read() {
    let server = Server::behind(loopback(), issuer_router().await, None, Limits::default()).await;
    let evil = "host: localhost\r\norigin: https://evil.example\r\n";
    let trusted = "host: localhost\r\norigin: https://app.example\r\nsec-fetch-site: cross-site\r\n";
    let body = "content-type: text/plain\r\ncontent-length: 2\r\n\r\n{}";
    let json = "content-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    for (request, expected) in [
        (format!("POST /register/a HTTP/1.1\r\n{evil}{body}"), 403),
        (
            format!("POST /register/a HTTP/1.1\r\nhost: localhost\r\nsec-fetch-site: cross-site\r\n{body}"),
            403,
        ),
        (format!("OPTIONS /register/a HTTP/1.1\r\n{evil}access-control-request-method: POST\r\n\r\n"), 403),
        (format!("GET /clients HTTP/1.1\r\n{evil}\r\n"), 403),
        (format!("GET /nowhere HTTP/1.1\r\n{evil}\r\n"), 403),
        (format!("GET /ping HTTP/1.1\r\n{evil}\r\n"), 200),
        (format!("GET /keys/nobody/jwks.json HTTP/1.1\r\n{evil}\r\n"), 404),
        (format!("POST /register/a HTTP/1.1\r\n{trusted}{json}"), 201),
        (format!("GET /keys/a/jwks.json HTTP/1.1\r\n{evil}\r\n"), 200),
    ] {
        let answer = ask(&server, &request).await;
        assert_eq!(status(&answer), expected, "{request:?}: {answer}");
        assert_eq!(answer.contains("foreign_origin"), expected == 403, "{answer}");
        assert!(answer.contains("x-request-id: "), "whoever is turned away is in the log: {answer}");
        let shared = answer.contains("access-control-allow-origin: *");
        let read = request.contains("/ping ") || request.contains("/jwks.json ");
        assert_eq!(shared, read, "{request}: {answer}");
    }
    // A page that is trusted may ask what a browser does not let it ask without permission, and read the answer.
    let preflight =
        "access-control-request-method: POST\r\naccess-control-request-headers: authorization\r\n\r\n";
    for request in [
        format!("OPTIONS /issue_token HTTP/1.1\r\n{trusted}{preflight}"),
        format!("POST /issue_token HTTP/1.1\r\n{trusted}{body}"),
    ] {
        let answer = ask(&server, &request).await;
        assert!(answer.contains("access-control-allow-origin: https://app.example"), "{answer}");
    }
}

#[tokio::test]
async fn a_name_that_is_not_ours_is_421_and_the_answer_says_what_to_do() {
    let server = Server::behind(loopback(), issuer_router().await, None, Limits::default()).await;
    for (host, expected) in
        [("127.0.0.1:4343", 200), ("localhost", 200), ("jwtis.internal", 200), ("rebound.example:4343", 421)]
    {
        let answer = ask(&server, &format!("GET /ping HTTP/1.1\r\nhost: {host}\r\n\r\n")).await;
        assert_eq!(status(&answer), expected, "{host}");
        let told = ["foreign_host", "allowed_hosts"].iter().all(|text| answer.contains(text));
        assert_eq!(told, expected == 421, "{answer}");
    }
}

#[tokio::test]
async fn each_listener_turns_away_in_its_own_words() {
    let stopping = tokio::sync::watch::channel(false).1;
    let router = utility::router(Arc::new(Metrics::new()), Env::system(), Vec::new(), stopping);
    let server = Server::behind(loopback(), router, None, Limits::default()).await;
    let evil = "host: localhost\r\norigin: https://evil.example\r\n\r\n";
    assert_eq!(status(&ask(&server, &format!("GET /healthz HTTP/1.1\r\n{evil}")).await), 200);
    let answer = ask(&server, &format!("POST /healthz HTTP/1.1\r\n{evil}")).await;
    assert!(status(&answer) == 403 && answer.contains("{\"error\":\""), "{answer}");
    let answer = ask(&server, "GET /metrics HTTP/1.1\r\nhost: rebound.example\r\n\r\n").await;
    assert!(status(&answer) == 421 && answer.contains("{\"error\":\""), "{answer}");
}

/// What the one half makes the other must take: a token of the greatest length, and other headers beside it.
#[tokio::test]
async fn the_longest_token_fits_with_8_kib_of_other_headers() {
    let server = Server::behind(Door::default(), issuer_router().await, None, Limits::default()).await;
    let token = "t".repeat(MAX_ACCESS_TOKEN_BYTES);
    let head = |other: usize| {
        let others: String =
            (0..16).map(|at| format!("x-{at:02}: {}\r\n", "o".repeat(other / 16 - 8))).collect();
        format!("GET /ping HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n{others}\r\n")
    };
    assert_eq!(status(&ask(&server, &head(8 * 1024 - 64)).await), 200);
    let answer = ask(&server, &head(12 * 1024)).await;
    assert_eq!(status(&answer), 431, "{answer}");
    assert!(
        answer.contains("head_too_large") && answer.contains("45056 bytes") && answer.contains("64 headers"),
        "{answer}"
    );
}

fn proxies(header: ProxyHeaderKind) -> Door {
    let from = vec!["127.0.0.0/8".parse().unwrap()];
    Door { proxies: Some(Arc::new(TrustedProxies { from, header })), ..Door::default() }
}

/// Answers with the source of the request.
fn mirror() -> Router {
    Router::new().route("/", get(async |source: Source| source.address().to_string()))
}

const FIRST: &str = "GET / HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 198.51.100.1, 203.0.113.5\r\n\r\n";

#[tokio::test]
async fn a_request_from_a_trusted_proxy_has_the_source_that_the_proxy_names() {
    let server =
        Server::behind(proxies(ProxyHeaderKind::XForwardedFor), mirror(), None, Limits::default()).await;
    let mut peer = server.connect().await;
    for (request, source) in [
        (FIRST, "203.0.113.5"),
        // Each request of a connection has its own.
        ("GET / HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 203.0.113.6\r\n\r\n", "203.0.113.6"),
        ("GET / HTTP/1.1\r\nhost: x\r\n\r\n", "127.0.0.1"),
    ] {
        peer.say(request).await;
        let answer = peer.hear().await;
        assert!(answer.ends_with(&format!("\r\n\r\n{source}")), "{answer}");
    }
    // Nobody else is believed.
    let plain = Server::behind(Door::default(), mirror(), None, Limits::default()).await;
    assert!(ask(&plain, FIRST).await.ends_with("\r\n\r\n127.0.0.1"));
}

#[tokio::test]
async fn a_proxy_that_speaks_the_proxy_protocol_must_do_so_on_every_connection() {
    let server =
        Server::behind(proxies(ProxyHeaderKind::ProxyProtocol), mirror(), None, Limits::default()).await;
    let answer = ask(&server, &format!("PROXY TCP4 203.0.113.9 127.0.0.1 4711 80\r\n{FIRST}")).await;
    assert!(answer.ends_with("\r\n\r\n203.0.113.9"), "{answer}");
    let mut without = server.connect().await;
    without.say(FIRST).await;
    assert_eq!(without.hear_all().await, "");
}

#[tokio::test]
async fn a_trusted_proxy_has_no_limit_of_a_source() {
    let limits = Limits { max_connections_per_source: 1, ..Limits::default() };
    let server = Server::behind(proxies(ProxyHeaderKind::Forwarded), mirror(), None, limits).await;
    let mut kept = Vec::new();
    for _ in 0..3 {
        let mut peer = server.connect().await;
        peer.say(FIRST).await;
        peer.hear().await;
        kept.push(peer);
    }
    for peer in &mut kept {
        peer.say(FIRST).await;
        assert_eq!(status(&peer.hear().await), 200);
    }
}

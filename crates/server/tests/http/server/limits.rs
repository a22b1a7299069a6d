//! Heads that are too long or too slow, bodies that never end, connections that wait or stall, too many of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::routing::get;
use jwtis::http::Limits;
use tokio::io::AsyncWriteExt as _;

use super::support::{Server, slow_router};

const PING: &str = "GET /ping HTTP/1.1\r\nhost: x\r\n\r\n";
const FAST: &str = "GET /fast HTTP/1.1\r\nhost: x\r\n\r\n";

fn quick() -> Limits {
    Limits {
        header_read_timeout: Duration::from_millis(500),
        idle_timeout: Duration::from_secs(60),
        ..Limits::default()
    }
}

#[tokio::test]
async fn a_connection_is_kept_between_requests_longer_than_a_head_may_take() {
    let server = Server::issuer(quick()).await;
    let mut peer = server.connect().await;
    for _ in 0..3 {
        peer.say(PING).await;
        assert!(peer.hear().await.starts_with("HTTP/1.1 200 OK"));
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_at_last() {
    let limits = Limits { idle_timeout: Duration::from_millis(500), ..Limits::default() };
    let server = Server::issuer(limits).await;
    let mut peer = server.connect().await;
    peer.say(PING).await;
    peer.hear().await;
    assert_eq!(peer.hear_all().await, "");
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let server = Server::issuer(Limits { idle_timeout: Duration::from_secs(600), ..quick() }).await;
    assert_eq!(server.connect().await.hear_all().await, "");
}

#[tokio::test]
async fn a_head_that_trickles_is_cut_off() {
    let server = Server::issuer(Limits { idle_timeout: Duration::from_secs(600), ..quick() }).await;
    for requests_before in [0, 1] {
        let mut peer = server.connect().await;
        for _ in 0..requests_before {
            peer.say(PING).await;
            peer.hear().await;
        }
        let trickle = async {
            for byte in b"GET /ping HTTP/1.1\r\nx-slow: ".iter().chain(std::iter::repeat(&b'a')) {
                if peer.0.write_all(&[*byte]).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), trickle).await.expect("cut off");
    }
}

#[tokio::test]
async fn a_request_that_takes_longer_than_a_head_may_is_answered() {
    let (router, entered, go_on) = slow_router();
    let server = Server::start(router, None, quick()).await;
    let mut peer = server.connect().await;
    peer.say("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    entered.notified().await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    go_on.notify_one();
    assert!(peer.hear().await.ends_with("slow"));
    peer.say("GET /fast HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(peer.hear().await.ends_with("fast"));
}

#[tokio::test]
async fn heads_over_the_limits_are_431() {
    let server = Server::issuer(Limits::default()).await;
    let many: String = (0..200).map(|number| format!("x-{number}: a\r\n")).collect();
    for headers in [format!("x-long: {}\r\n", "a".repeat(48 * 1024)), many] {
        let mut peer = server.connect().await;
        let _ = peer.0.write_all(format!("GET /ping HTTP/1.1\r\nhost: x\r\n{headers}\r\n").as_bytes()).await;
        assert!(peer.hear_all().await.starts_with("HTTP/1.1 431 "));
    }
    let mut peer = server.connect().await;
    peer.say(&format!("GET /ping HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "a".repeat(31 * 1024))).await;
    assert!(peer.hear().await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn an_endless_chunked_body_is_413() {
    let server = Server::issuer(Limits::default()).await;
    let mut peer = server.connect().await;
    peer.say("POST /register/shop HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n").await;
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(4096));
    for _ in 0..17 {
        if peer.0.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    let heard = peer.hear().await;
    assert!(heard.starts_with("HTTP/1.1 413 ") && heard.contains("body_too_large"), "{heard}");
}

#[tokio::test]
async fn what_could_be_read_in_two_ways_is_refused() {
    let server = Server::issuer(Limits::default()).await;
    for request in [
        "POST /register/a HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}}",
        "POST /register/b HTTP/1.1\r\nhost: x\r\ncontent-length: +2\r\n\r\n{}",
        "POST /register/c HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, identity\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "POST /register/d HTTP/1.1\r\nhost : x\r\n\r\n",
        "GET /ping HTTP/1.1\r\nx: a\r\n b\r\n\r\n",
        "GET /ping\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\r\n\r\n",
    ] {
        let mut peer = server.connect().await;
        peer.say(request).await;
        let heard = peer.hear_all().await;
        assert!(heard.is_empty() || heard.starts_with("HTTP/1.1 400 "), "{request:?}: {heard}");
    }
}

#[tokio::test]
async fn a_connection_too_many_waits_for_its_turn() {
    let (router, entered, go_on) = slow_router();
    let server = Server::start(router, None, Limits { max_connections: 1, ..Limits::default() }).await;
    let mut first = server.connect().await;
    first.say("GET /slow HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    entered.notified().await;
    let mut second = server.connect().await;
    second.say("GET /fast HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    let early = tokio::time::timeout(Duration::from_millis(100), second.0.readable()).await;
    assert!(early.is_err(), "nobody serves the second one yet");
    go_on.notify_one();
    assert!(first.hear_all().await.ends_with("slow"));
    assert!(second.hear_all().await.ends_with("fast"));
}

#[tokio::test]
async fn the_connection_that_has_been_idle_longest_makes_room() {
    let (router, entered, go_on) = slow_router();
    let limits = Limits { max_connections: 3, max_connections_per_source: 3, ..Limits::default() };
    let server = Server::start(router, None, limits).await;
    let mut busy = server.connect().await;
    busy.say("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    entered.notified().await;
    let mut idle = server.connect().await;
    idle.say(FAST).await;
    idle.hear().await;
    let mut lately = server.connect().await;
    lately.say(FAST).await;
    lately.hear().await;

    let mut late = server.connect().await;
    late.say(FAST).await;
    assert!(late.hear().await.ends_with("fast"), "there is room for one more");
    assert_eq!(idle.hear_all().await, "");
    go_on.notify_one();
    assert!(busy.hear().await.ends_with("slow"));
    lately.say(FAST).await;
    assert!(lately.hear().await.ends_with("fast"), "it was not its turn");
}

/// The attack of many sockets that are kept warm, from one address: others get in, and the first ones go.
#[tokio::test]
async fn idle_sockets_keep_nobody_out() {
    let limits = Limits {
        max_connections: 20,
        max_connections_per_source: 20,
        header_read_timeout: Duration::from_secs(600),
        ..Limits::default()
    };
    let server = Server::issuer(limits).await;
    let mut held = Vec::new();
    for _ in 0..40 {
        held.push(server.connect().await);
    }
    let mut peer = server.connect().await;
    peer.say(PING).await;
    assert!(peer.hear().await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn a_source_that_uses_all_that_it_may_have_is_refused_more() {
    let (router, entered, go_on) = slow_router();
    let limits = Limits { max_connections_per_source: 1, ..Limits::default() };
    let server = Server::start(router, None, limits).await;
    let mut first = server.connect().await;
    first.say("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    entered.notified().await;
    assert_eq!(server.connect().await.hear_all().await, "");
    go_on.notify_one();
    assert!(first.hear().await.ends_with("slow"));
    // Idle, it gives way.
    let mut second = server.connect().await;
    second.say(FAST).await;
    assert!(second.hear().await.ends_with("fast"));
    assert_eq!(first.hear_all().await, "");
}

/// Without a pause after each, hundreds of requests of one connection are answered before anybody else is heard.
#[tokio::test(flavor = "current_thread")]
async fn pipelined_requests_do_not_delay_other_connections() {
    const REQUESTS: usize = 2000;
    let served = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&served);
    let router = slow_router().0.route(
        "/counted",
        get(move || async move {
            count.fetch_add(1, Ordering::Relaxed);
            "counted"
        }),
    );
    let server = Server::start(router, None, Limits::default()).await;
    let mut other = server.connect().await;
    other.say(FAST).await;
    other.hear().await;
    let mut greedy = server.connect().await;
    greedy.say(&"GET /counted HTTP/1.1\r\nhost: x\r\n\r\n".repeat(REQUESTS)).await;
    while served.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    let before = served.load(Ordering::Relaxed);
    other.say(FAST).await;
    other.hear().await;
    let meanwhile = served.load(Ordering::Relaxed) - before;
    assert!(
        before + meanwhile < REQUESTS && meanwhile < 100,
        "{meanwhile} requests of one connection came first"
    );
}

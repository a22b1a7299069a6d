//! Over real connections: what a peer may take, and what it leaves behind when it goes away.

use std::time::Duration;

use jwtis::http::door::Door;
use jwtis::http::{self, Limits};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::support::{Setup, TZ1, World, attestation, hex, noop};

/// Serves the world until the test ends.
async fn serve(world: &World, limits: Limits) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(http::serve(
        vec![listener],
        None,
        Door::default(),
        world.router.clone(),
        limits,
        std::future::pending(),
    ));
    address
}

/// Says this and hears everything until the server closes.
async fn exchange(address: std::net::SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut heard)).await.unwrap();
    String::from_utf8(heard).unwrap()
}

fn post(body: &str, extra: &str) -> String {
    let length = body.len();
    format!(
        "POST /keys/{TZ1} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{extra}\r\n{body}"
    )
}

#[tokio::test]
async fn a_request_as_octez_sends_it_is_signed() {
    let world = Setup::new().build();
    let address = serve(&world, Limits::default()).await;
    let answer =
        exchange(address, &post(&format!("\"{}\"", hex(&noop("abc"))), "content-type: application/json\r\n"))
            .await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("content-type: application/json; charset=utf-8\r\n"), "{answer}");
    assert!(answer.ends_with("\"}\n"), "{answer}");
    let chunked = format!(
        "POST /keys/{TZ1} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n4\r\nnull\r\n0\r\n\r\n"
    );
    assert!(exchange(address, &chunked).await.starts_with("HTTP/1.1 400 "));
    // Loopback is what the metrics know of the caller; the address is in the hook's question only.
    assert!(!world.metrics.render().contains("127.0.0.1"));
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_sent() {
    let world = Setup::new().build();
    let address = serve(&world, Limits::default()).await;
    let head = format!("POST /keys/{TZ1} HTTP/1.1\r\nhost: x\r\ncontent-length: 10000000\r\n\r\n");
    let answer = exchange(address, &head).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(
        answer.ends_with("\"msg\":\"the request body is too large: at most 4096 bytes are read\"}]\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let mut setup = Setup::new();
    setup.limits.body_read_timeout = Duration::from_millis(50);
    let world = setup.build();
    let address = serve(&world, Limits::default()).await;
    let head = format!("POST /keys/{TZ1} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n\"03");
    let answer = exchange(address, &head).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn heads_that_no_server_should_read_are_refused() {
    let world = Setup::new().build();
    let address = serve(&world, Limits::default()).await;
    for (name, request, status) in [
        ("two lengths", post("null", "content-length: 9\r\n"), "400"),
        (
            "a length that is no number",
            "POST /keys/x HTTP/1.1\r\nhost: x\r\ncontent-length: 1e3\r\n\r\n".to_owned(),
            "400",
        ),
        ("a line break in a header", post("null", "x-signatory-user: a\rb\r\n"), "400"),
        ("a NUL in a header", post("null", "username: a\0b\r\n"), "400"),
        ("a header without an end", post("null", &format!("x: {}\r\n", "y".repeat(48_000))), "431"),
        ("headers without number", post("null", &"x: y\r\n".repeat(100)), "431"),
    ] {
        let answer = exchange(address, &request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{name}: {answer}");
    }
    // Length and chunks at once: a way to smuggle a second request past a proxy.
    let smuggled =
        post("0\r\n\r\nGET /authorized_keys HTTP/1.1\r\nhost: x\r\n\r\n", "transfer-encoding: chunked\r\n");
    let answer = exchange(address, &smuggled).await;
    assert!(!answer.contains("200 OK"), "{answer}");
}

#[tokio::test]
async fn a_caller_who_goes_away_harms_nobody() {
    let world = Setup::new().build();
    let address = serve(&world, Limits::default()).await;
    for _ in 0..20 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(post(&format!("\"{}\"", hex(&attestation(5, 0))), "").as_bytes()).await.unwrap();
    }
    // Whether their watermark moved or not, the same bytes are signed and no other ones.
    world.sign(TZ1, &attestation(5, 0)).send().await.ok();
    world.sign(TZ1, &jwtis_testkit::forge::consensus(0x13, 23, 5, 0)).send().await.failure(409);
}

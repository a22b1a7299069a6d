//! HTTP/2: over TLS by ALPN, in clear by speaking it at once, and what one connection may take.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Frame};
use hyper::client::conn::http2::{Connection, SendRequest, handshake};
use hyper::{Request, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use jwtis::http::Limits;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::support::{PATIENCE, Server, slow_router};
use super::tls::{acceptor, trusting};

type Body = http_body_util::combinators::BoxBody<Bytes, std::convert::Infallible>;

fn body(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).boxed()
}

async fn speak<S>(stream: S) -> (SendRequest<Body>, JoinHandle<hyper::Result<()>>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (requests, connection): (_, Connection<_, Body, _>) =
        handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    (requests, tokio::spawn(connection))
}

async fn connect(server: &Server) -> (SendRequest<Body>, JoinHandle<hyper::Result<()>>) {
    speak(TcpStream::connect(server.address).await.unwrap()).await
}

fn get(path: &str) -> Request<Body> {
    Request::get(format!("http://localhost{path}")).body(body("")).unwrap()
}

#[tokio::test]
async fn http_2_is_served_in_clear_to_who_speaks_it_at_once() {
    let (router, ..) = slow_router();
    let server = Server::start(router, None, Limits::default()).await;
    let (mut requests, _) = connect(&server).await;
    for _ in 0..2 {
        let answer = requests.send_request(get("/fast")).await.unwrap();
        assert_eq!((answer.version(), answer.status()), (Version::HTTP_2, StatusCode::OK));
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "fast");
    }
}

#[tokio::test]
async fn over_tls_the_client_chooses_by_alpn() {
    let (router, ..) = slow_router();
    let server = Server::start(router, Some(acceptor()), Limits::default()).await;
    for (offered, chosen) in [(&[&b"h2"[..], b"http/1.1"][..], "h2"), (&[b"http/1.1"], "http/1.1")] {
        let mut config = trusting(&rustls::version::TLS13);
        config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
        let stream = TcpStream::connect(server.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(chosen.as_bytes()));
        if chosen == "h2" {
            let answer = speak(stream).await.0.send_request(get("/fast")).await.unwrap();
            assert_eq!(answer.version(), Version::HTTP_2);
        } else {
            stream.write_all(b"GET /fast HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
            assert!(super::support::answer(&mut stream).await.starts_with("HTTP/1.1 200 OK"));
        }
    }
}

#[tokio::test]
async fn requests_of_one_connection_overlap() {
    let (router, entered, go_on) = slow_router();
    let server = Server::start(router, None, Limits::default()).await;
    let (mut requests, _) = connect(&server).await;
    let slow = tokio::spawn(requests.send_request(get("/slow")));
    entered.notified().await;
    let fast = requests.send_request(get("/fast")).await.unwrap();
    assert_eq!(fast.status(), StatusCode::OK);
    go_on.notify_one();
    assert_eq!(slow.await.unwrap().unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn bodies_keep_their_limits_over_http_2() {
    let limits = Limits { body_read_timeout: Duration::from_millis(200), ..Limits::default() };
    let server = Server::issuer(limits).await;
    let (mut requests, _) = connect(&server).await;
    let register = |body: Body| Request::post("http://localhost/register/shop").body(body).unwrap();
    let long = requests.send_request(register(body(vec![b' '; 65 * 1024]))).await.unwrap();
    assert_eq!(long.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let slow = timeout(PATIENCE, requests.send_request(register(Never.boxed()))).await.unwrap().unwrap();
    assert_eq!(slow.status(), StatusCode::REQUEST_TIMEOUT);
    // The connection lives on.
    assert_eq!(requests.send_request(get("/ping")).await.unwrap().status(), StatusCode::OK);
}

/// A body that never comes.
struct Never;

impl hyper::body::Body for Never {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Pending
    }
}

#[tokio::test]
async fn header_lists_have_a_limit_over_http_2() {
    let server = Server::issuer(Limits::default()).await;
    let (mut requests, _) = connect(&server).await;
    let with = |bytes: usize| {
        let mut request = get("/ping");
        request.headers_mut().insert("x-long", "a".repeat(bytes).parse().unwrap());
        request
    };
    let limit = Limits::default().max_header_bytes;
    assert_eq!(requests.send_request(with(limit - 1024)).await.unwrap().status(), StatusCode::OK);
    let refused = requests.send_request(with(limit + 1024)).await;
    assert!(refused.is_err() || refused.unwrap().status() == 431);
}

#[tokio::test]
async fn a_peer_that_resets_its_streams_over_and_over_is_sent_away() {
    let server = Server::start(slow_router().0, None, Limits::default()).await;
    let mut peer = server.connect().await;
    peer.say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    peer.0.write_all(&frame(4, 0, 0, b"")).await.unwrap();
    let mut flood = Vec::new();
    for stream in (1..2000).step_by(2) {
        // `:method: GET`, `:scheme: http`, `:path: /` of the static table (RFC 7541), and at once RST_STREAM(CANCEL).
        flood.extend(frame(1, 0x5, stream, &[0x82, 0x86, 0x84]));
        flood.extend(frame(3, 0, stream, &8_u32.to_be_bytes()));
    }
    let _ = peer.0.write_all(&flood).await;
    let mut heard = Vec::new();
    let _ = timeout(PATIENCE, peer.0.read_to_end(&mut heard)).await.expect("the server closes");
    // GOAWAY with ENHANCE_YOUR_CALM, where the reset that follows did not overtake it.
    assert!(heard.is_empty() || heard.windows(4).any(|code| code == [0, 0, 0, 0xb]), "{heard:?}");
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

#[tokio::test]
async fn an_idle_http_2_connection_is_told_goodbye() {
    let limits = Limits { idle_timeout: Duration::from_millis(300), ..Limits::default() };
    let server = Server::start(slow_router().0, None, limits).await;
    let (mut requests, connection) = connect(&server).await;
    assert_eq!(requests.send_request(get("/fast")).await.unwrap().status(), StatusCode::OK);
    timeout(PATIENCE, connection).await.expect("closed").unwrap().expect("without an error");
}

/// Without a window the server cannot send its answer; a connection like this must not stay for ever.
#[tokio::test]
async fn an_answer_that_nobody_takes_ends_its_connection() {
    let limits = Limits { idle_timeout: Duration::from_millis(300), ..Limits::default() };
    let server = Server::start(slow_router().0, None, limits).await;
    let mut peer = server.connect().await;
    peer.say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    // SETTINGS_INITIAL_WINDOW_SIZE 0, and GET /fast (a literal path of the static table's name).
    peer.0.write_all(&frame(4, 0, 0, &[0, 4, 0, 0, 0, 0])).await.unwrap();
    let head = [&[0x82, 0x86, 0x04, 5][..], b"/fast"].concat();
    peer.0.write_all(&frame(1, 0x5, 1, &head)).await.unwrap();
    let mut heard = Vec::new();
    let _ = timeout(PATIENCE, peer.0.read_to_end(&mut heard)).await.expect("the server closes");
    assert!(!heard.windows(4).any(|bytes| bytes == b"fast"));
}

#[tokio::test]
async fn a_running_http_2_request_is_finished_at_a_stop() {
    let (router, entered, go_on) = slow_router();
    let server = Server::start(router, None, Limits::default()).await;
    let (mut requests, _) = connect(&server).await;
    let slow = tokio::spawn(requests.send_request(get("/slow")));
    entered.notified().await;
    server.stop.send(()).unwrap();
    tokio::task::yield_now().await;
    go_on.notify_one();
    assert_eq!(slow.await.unwrap().unwrap().status(), StatusCode::OK);
    timeout(PATIENCE, server.stopped).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_request_that_runs_longer_than_a_connection_may_idle_is_answered() {
    let (router, entered, go_on) = slow_router();
    let limits = Limits { idle_timeout: Duration::from_millis(50), ..Limits::default() };
    let server = Server::start(router, None, limits).await;
    let (mut requests, _) = connect(&server).await;
    let slow = tokio::spawn(requests.send_request(get("/slow")));
    entered.notified().await;
    // Longer than the connection may idle.
    assert!(timeout(Duration::from_millis(300), std::future::pending::<()>()).await.is_err());
    go_on.notify_one();
    assert_eq!(slow.await.unwrap().unwrap().status(), StatusCode::OK);
}

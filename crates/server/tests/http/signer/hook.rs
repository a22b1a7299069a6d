//! The client of the policy hook, against a listener that does as it is told.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jwtis::hook_client::HttpHook;
use jwtis::tls::Acceptor;
use jwtis_signer::PolicyHook as _;
use jwtis_signer::hook::HookReply;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::support::{Setup, TZ1, noop};

const PATIENCE: Duration = Duration::from_secs(20);

/// Answers every request with the same bytes and remembers what was asked.
#[derive(Clone)]
struct Peer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Peer {
    async fn saying(answer: impl Into<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = Self { address: listener.local_addr().unwrap(), asked: Arc::default() };
        let (asked, answer) = (Arc::clone(&peer.asked), answer.into());
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut heard = Vec::new();
                while !complete(&heard) {
                    let mut bytes = [0; 4096];
                    match stream.read(&mut bytes).await {
                        Ok(count) if count > 0 => heard.extend_from_slice(&bytes[..count]),
                        _ => break,
                    }
                }
                asked.lock().unwrap().push(String::from_utf8(heard).unwrap());
                let _ = stream.write_all(&answer).await;
                let _ = stream.shutdown().await;
            }
        });
        peer
    }

    fn url(&self) -> String {
        format!("http://{}/hook?token=query-secret", self.address)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Whether this is a whole request with a length.
fn complete(heard: &[u8]) -> bool {
    let text = String::from_utf8_lossy(heard);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.is_some_and(|length| length.parse::<usize>().unwrap() <= body.len())
}

async fn ask(url: &str, timeout: Duration) -> Result<HookReply, String> {
    let hook = HttpHook::new(url, timeout).unwrap();
    hook.ask(b"{\"question\":1}".to_vec()).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn the_question_is_posted_and_the_reply_comes_back_whole() {
    let peer = Peer::saying("HTTP/1.1 403 Not Today\r\ncontent-length: 5\r\n\r\nhello").await;
    let reply = ask(&peer.url(), PATIENCE).await.unwrap();
    assert_eq!(
        reply,
        HookReply { status: 403, status_text: "403 Not Today".to_owned(), body: b"hello".to_vec() }
    );
    let asked = peer.asked().pop().unwrap();
    assert!(asked.starts_with("POST /hook?token=query-secret HTTP/1.1\r\n"), "{asked}");
    for header in ["content-type: application/json", &format!("host: {}", peer.address), "content-length: 14"]
    {
        assert!(asked.lines().any(|line| line == header), "{header} is not in\n{asked}");
    }
    assert!(asked.ends_with("\r\n\r\n{\"question\":1}"), "{asked}");
    assert!(!asked.contains("authorization"), "{asked}");
    // Without a length, until the peer closes.
    let peer = Peer::saying("HTTP/1.0 200 OK\r\n\r\nto the end").await;
    let reply = ask(&format!("http://{}", peer.address), PATIENCE).await.unwrap();
    assert_eq!((reply.status_text.as_str(), reply.body.as_slice()), ("200 OK", &b"to the end"[..]));
    assert!(peer.asked()[0].starts_with("POST / HTTP/1.1\r\n"));
}

#[tokio::test]
async fn name_and_password_of_the_url_are_sent_and_never_shown() {
    let peer = Peer::saying("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let url = format!("http://al%40ice:pass%20word@{}/", peer.address);
    ask(&url, PATIENCE).await.unwrap();
    let pair = base64_simd::STANDARD.encode_to_string("al@ice:pass word");
    let asked = peer.asked().pop().unwrap();
    assert!(asked.lines().any(|line| line == format!("authorization: Basic {pair}")), "{asked}");
    assert!(!asked.contains("pass%20word"), "{asked}");
    let hook = format!("{:?}", HttpHook::new(&url, PATIENCE).unwrap());
    assert!(!hook.contains("pass") && !hook.contains("alice") && hook.contains("127.0.0.1"), "{hook}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let target = Peer::saying("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let location = target.url();
    let peer = Peer::saying(format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
    ))
    .await;
    let reply = ask(&peer.url(), PATIENCE).await.unwrap();
    assert_eq!((reply.status, reply.status_text.as_str()), (307, "307 Temporary Redirect"));
    assert!(target.asked().is_empty());
}

#[tokio::test]
async fn a_hook_that_says_nothing_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://user:pass@{}/x?token=query-secret", silent.local_addr().unwrap());
    let error = ask(&url, Duration::from_millis(50)).await.unwrap_err();
    assert!(error.ends_with("no answer within 50ms"), "{error}");
    assert!(error.starts_with("the policy hook at http://127.0.0.1:"), "{error}");
    assert!(!error.contains("pass") && !error.contains("query-secret"), "{error}");
    // A reply that begins and does not end.
    let (listener, never) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), tokio::sync::Notify::new());
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe").await.unwrap();
        never.notified().await;
    });
    let error = ask(&format!("http://{address}/"), Duration::from_millis(200)).await.unwrap_err();
    assert!(error.ends_with("no answer within 200ms"), "{error}");
}

#[tokio::test]
async fn replies_that_are_none_are_errors() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = ask(&format!("http://{free}/"), PATIENCE).await.unwrap_err();
    assert!(error.contains("cannot connect"), "{error}");
    let long = vec![b'x'; 65 * 1024];
    let long =
        [format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", long.len()).as_bytes(), &long].concat();
    let endless = [&b"HTTP/1.1 200 OK\r\n\r\n"[..], &vec![b'x'; 200 * 1024]].concat();
    let head = [&b"HTTP/1.1 200 OK\r\nx: "[..], &vec![b'x'; 200 * 1024]].concat();
    for (name, answer, part) in [
        ("too long by its length", long, "the answer is longer than 65536 bytes"),
        ("too long without a length", endless, "the answer is longer than 65536 bytes"),
        ("a head without an end", head, ""),
        ("no HTTP", b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), ""),
        ("nothing", Vec::new(), ""),
        ("broken off", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx".to_vec(), "the answer broke off"),
    ] {
        let peer = Peer::saying(answer).await;
        let error = ask(&peer.url(), PATIENCE).await.unwrap_err();
        assert!(error.contains(part) && !error.contains("query-secret"), "{name}: {error}");
    }
    let full =
        [format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 64 * 1024).as_bytes(), &[b'x'; 64 * 1024]]
            .concat();
    let peer = Peer::saying(full).await;
    assert_eq!(ask(&peer.url(), PATIENCE).await.unwrap().body.len(), 64 * 1024);
}

#[tokio::test]
async fn addresses_that_are_no_urls_are_refused_without_repeating_them() {
    for url in [
        "127.0.0.1:8080",
        "hook.example",
        "/path",
        "",
        "ftp://host/",
        "unix:///run/hook",
        "http://",
        "http://user:secret@/x",
    ] {
        let error = HttpHook::new(url, PATIENCE).unwrap_err().to_string();
        assert!(error.starts_with("the policy hook's address must"), "{url}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
    for url in ["http://localhost", "http://[::1]:8080/x", "http://hook:1/"] {
        HttpHook::new(url, PATIENCE).unwrap();
    }
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http/server").join(name)
}

#[tokio::test]
async fn https_verifies_the_certificate() {
    let acceptor = Acceptor::from_pem_files(&file("certificate.pem"), &file("key.pem")).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let router = axum::Router::new().route("/hook", axum::routing::post(|body: String| async move { body }));
    let serving = jwtis::http::serve(
        vec![listener],
        Some(acceptor),
        Default::default(),
        router,
        Default::default(),
        std::future::pending(),
    );
    tokio::spawn(serving);

    let url = format!("https://localhost:{port}/hook");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file("certificate.pem")).unwrap()).unwrap();
    let hook = HttpHook::trusting(&url, PATIENCE, roots).unwrap();
    assert_eq!(hook.ask(b"{}".to_vec()).await.unwrap().body, b"{}");
    let stranger = HttpHook::trusting(&url, PATIENCE, RootCertStore::empty()).unwrap();
    let error = stranger.ask(b"{}".to_vec()).await.unwrap_err().to_string();
    assert!(error.contains("TLS failed"), "{error}");
}

#[tokio::test]
async fn the_hook_decides_about_signatures() {
    let yes = Peer::saying("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let world = Setup::new().hook(Arc::new(HttpHook::new(&yes.url(), PATIENCE).unwrap())).build();
    world.sign(TZ1, &noop("x")).send().await.ok();
    let asked = yes.asked().pop().unwrap();
    let question: Value = serde_json::from_str(asked.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!((&question["source"], &question["public_key_hash"]), (&"203.0.113.9".into(), &TZ1.into()));
    assert_eq!(question["request"], base64_simd::STANDARD.encode_to_string(noop("x")));

    let no = Peer::saying("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await;
    let world = Setup::new().hook(Arc::new(HttpHook::new(&no.url(), PATIENCE).unwrap())).build();
    assert_eq!(world.sign(TZ1, &noop("x")).send().await.failure(403), "policy hook: 403 Forbidden");
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let hook = HttpHook::new(&format!("http://user:hook-secret@{free}/?q=hook-secret"), PATIENCE).unwrap();
    let world = Setup::new().hook(Arc::new(hook)).build();
    let said = world.sign(TZ1, &noop("x")).send().await.failure(500);
    assert!(
        said.starts_with(&format!("the policy hook at http://{free}/ gave no answer: "))
            && !said.contains("hook-secret"),
        "{said}"
    );
}

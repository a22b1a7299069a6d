//! A server on a free port, and a client that speaks bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use jwtis::http::door::Door;
use jwtis::http::{self, Limits, issuer};
use jwtis::metrics::Metrics;
use jwtis::tls::Acceptor;
use jwtis_base::env::Env;
use jwtis_issuer::{Issuer, IssuerSettings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

/// Longest that a test waits for something that should happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) stopped: JoinHandle<std::io::Result<()>>,
}

impl Server {
    pub(crate) async fn start(router: Router, tls: Option<Acceptor>, limits: Limits) -> Self {
        Self::behind(Door::default(), router, tls, limits).await
    }

    /// Serves `router` to those whom `door` lets in.
    pub(crate) async fn behind(door: Door, router: Router, tls: Option<Acceptor>, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, told) = oneshot::channel();
        let shutdown = async move { drop(told.await) };
        let stopped = tokio::spawn(http::serve(vec![listener], tls, door, router, limits, shutdown));
        Self { address, stop, stopped }
    }

    /// The issuer, with open registration, over a store in memory.
    pub(crate) async fn issuer(limits: Limits) -> Self {
        let settings = IssuerSettings { open_registration: true, ..IssuerSettings::default() };
        let issuer = Issuer::open(jwtis_store::open_memory(), Env::system(), settings).await.unwrap();
        Self::start(issuer::router(issuer, Arc::new(Metrics::new()), &limits), None, limits).await
    }

    pub(crate) async fn connect(&self) -> Peer {
        Peer(TcpStream::connect(self.address).await.unwrap())
    }
}

/// A route that answers when it is told to.
pub(crate) fn slow_router() -> (Router, Arc<Notify>, Arc<Notify>) {
    let (entered, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let router = Router::new().route("/fast", get(|| async { "fast" })).route(
        "/slow",
        get({
            let (entered, go_on) = (entered.clone(), go_on.clone());
            move || async move {
                entered.notify_one();
                go_on.notified().await;
                "slow"
            }
        }),
    );
    (router, entered, go_on)
}

/// The other end of a connection.
pub(crate) struct Peer(pub(crate) TcpStream);

impl Peer {
    pub(crate) async fn say(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// One answer with `Content-Length`, head and body.
    pub(crate) async fn hear(&mut self) -> String {
        tokio::time::timeout(PATIENCE, answer(&mut self.0)).await.expect("an answer in time")
    }

    /// Everything until the server closes; a reset counts as closing.
    pub(crate) async fn hear_all(&mut self) -> String {
        let mut heard = Vec::new();
        let read = self.0.read_to_end(&mut heard);
        let _ = tokio::time::timeout(PATIENCE, read).await.expect("the server closes in time");
        String::from_utf8(heard).unwrap()
    }
}

pub(crate) async fn answer(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut heard = Vec::new();
    loop {
        let mut byte = [0];
        if stream.read(&mut byte).await.unwrap() == 0 {
            return String::from_utf8(heard).unwrap();
        }
        heard.push(byte[0]);
        let text = String::from_utf8_lossy(&heard);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if length.is_none_or(|length| length.parse::<usize>().unwrap() == body.len()) {
                return text.into_owned();
            }
        }
    }
}

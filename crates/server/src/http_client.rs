//! The one HTTP client of this program (RFC 9112). It asks the policy hook, and for the command line a running server.
//!
//! Each request has a connection of its own. Beside what is asked for, a new connection costs little. A kept one may have been closed by
//! the peer meanwhile, and would then cost a signature. TLS sessions are resumed. Redirects are answers, and no proxy is asked: a token
//! must not take a way that nobody named.

use std::error::Error;
use std::io;
use std::time::Duration;

use axum::http::{HeaderValue, Request, Response, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::TokioExecutor;
use rustls::RootCertStore;

use crate::tls;

/// Longest head of an answer, in bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Asks servers whose certificates come from certain roots.
pub(crate) struct HttpClient(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

/// Why there is no answer. The texts repeat nothing of the URL, which may hold a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// Nobody listens there, or nobody who speaks TLS.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The certificate is not trusted, or there is no common version.
    #[error("TLS failed: {0}")]
    Tls(rustls::Error),
    /// What came back is no HTTP, or broke off before its head ended.
    #[error("no HTTP answer: {0}")]
    NotHttp(String),
    /// The body ended early.
    #[error("the answer broke off: {0}")]
    BrokeOff(String),
    /// The body is too long.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// The time is over.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
}

impl HttpClient {
    /// A client that trusts `roots`.
    ///
    /// # Errors
    /// When rustls does not take its own defaults.
    pub(crate) fn new(roots: RootCertStore) -> Result<Self, rustls::Error> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let tls = tls::client(roots)?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let mut builder = Client::builder(TokioExecutor::new());
        Ok(Self(builder.pool_max_idle_per_host(0).http1_max_buf_size(MAX_HEAD_BYTES).build(connector)))
    }

    /// Sends a request and waits for the head of the answer.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub(crate) async fn send(
        &self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, NoAnswer> {
        request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        self.0.request(request).await.map_err(|error| no_answer(&error))
    }
}

/// What comes of `answer`, if it comes in time.
///
/// # Errors
/// [`NoAnswer::TimedOut`], or that of `answer`.
pub(crate) async fn within<T>(
    patience: Duration,
    answer: impl Future<Output = Result<T, NoAnswer>>,
) -> Result<T, NoAnswer> {
    tokio::time::timeout(patience, answer).await.unwrap_or(Err(NoAnswer::TimedOut(patience)))
}

/// The whole body, of at most `most` bytes.
///
/// # Errors
/// [`NoAnswer::TooLong`] and [`NoAnswer::BrokeOff`].
pub(crate) async fn body(answer: Response<Incoming>, most: usize) -> Result<Bytes, NoAnswer> {
    match Limited::new(answer.into_body(), most).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(NoAnswer::TooLong(most)),
        Err(error) => Err(NoAnswer::BrokeOff(root(&*error).to_string())),
    }
}

fn no_answer(error: &legacy::Error) -> NoAnswer {
    match causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
        Some(tls) => NoAnswer::Tls(tls.clone()),
        None if error.is_connect() => NoAnswer::Connect(root(error).to_string()),
        None => NoAnswer::NotHttp(root(error).to_string()),
    }
}

/// What lies at the bottom of an error.
fn root<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    causes(error).last().unwrap_or(error)
}

/// An error and what lies behind it.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| behind(*error))
}

/// An [`io::Error`] does not name what it wraps as its source.
fn behind<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

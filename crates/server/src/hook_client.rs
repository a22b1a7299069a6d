//! The policy hook over HTTP: one POST, no redirects, no proxies, a time limit, and a reply of bounded size (§4.7).
//!
//! Each question has a connection of its own, which costs little beside what a hook decides, and never meets one that the hook has
//! closed meanwhile. `https` trusts what the operating system trusts (`SSL_CERT_FILE` names another list).

use std::fmt;
use std::io;
use std::time::Duration;

use axum::http::uri::{Authority, PathAndQuery};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::ext::ReasonPhrase;
use hyper_util::rt::TokioIo;
use jwtis_signer::PolicyHook;
use jwtis_signer::hook::HookReply;
use jwtis_store::{BoxError, BoxFuture};
use rustls::RootCertStore;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use crate::http::percent_decode;
use crate::tls;

/// Longest reply that is read, in bytes.
const MAX_REPLY_BYTES: usize = 64 * 1024;

/// Longest head of a reply, in bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// A hook at a URL.
pub struct HttpHook {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    path: PathAndQuery,
    headers: HeaderMap,
    timeout: Duration,
    /// Without what may be secret in it, for texts.
    shown: String,
}

/// Why a hook cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HookUrlError {
    /// Not a URL, or without a host.
    #[error("the policy hook's address must be a URL like http://127.0.0.1:8080/path")]
    NotAUrl,
    /// Neither `http` nor `https`.
    #[error("the policy hook's address must begin with http:// or https://")]
    Scheme,
    /// The host cannot be in a certificate.
    #[error("the host of the policy hook's address is neither a name nor an address")]
    Host,
    /// What the operating system trusts cannot be read.
    #[error("certificates to trust for https cannot be read")]
    Roots(#[source] BoxError),
}

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
enum NoReply {
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    #[error("cannot connect: {0}")]
    Connect(#[source] io::Error),
    #[error("TLS failed: {0}")]
    Tls(#[source] io::Error),
    #[error("{0}")]
    Http(#[source] hyper::Error),
    #[error("the reply is longer than {MAX_REPLY_BYTES} bytes")]
    TooLong,
    #[error("the reply broke off")]
    Broken(#[source] BoxError),
}

impl HttpHook {
    /// A hook at `url`, `http` or `https`, that has `timeout` to answer.
    ///
    /// # Errors
    /// [`HookUrlError`].
    pub fn new(url: &str, timeout: Duration) -> Result<Self, BoxError> {
        Self::build(url, timeout, tls::system_roots).map_err(Into::into)
    }

    /// A hook whose certificate comes from one of `roots`.
    ///
    /// # Errors
    /// [`HookUrlError`].
    pub fn trusting(url: &str, timeout: Duration, roots: RootCertStore) -> Result<Self, BoxError> {
        Self::build(url, timeout, || Ok(roots)).map_err(Into::into)
    }

    fn build(
        url: &str,
        timeout: Duration,
        roots: impl FnOnce() -> Result<RootCertStore, BoxError>,
    ) -> Result<Self, HookUrlError> {
        let uri: Uri = url.parse().map_err(|_| HookUrlError::NotAUrl)?;
        let authority = uri.authority().ok_or(HookUrlError::NotAUrl)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(HookUrlError::NotAUrl);
        }
        let scheme = uri.scheme_str().unwrap_or_default();
        let (tls, default_port) = match scheme {
            "http" => (None, 80),
            "https" => {
                let name = ServerName::try_from(host.clone()).map_err(|_| HookUrlError::Host)?;
                let connector = tls::connector(roots().map_err(HookUrlError::Roots)?);
                (Some((connector.map_err(|error| HookUrlError::Roots(error.into()))?, name)), 443)
            }
            _ => return Err(HookUrlError::Scheme),
        };
        let place = authority.as_str().rsplit_once('@').map_or(authority.as_str(), |(_, place)| place);
        Ok(Self {
            port: authority.port_u16().unwrap_or(default_port),
            host,
            tls,
            path: uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/")),
            headers: headers(authority, place)?,
            timeout,
            shown: format!("{scheme}://{place}{}", uri.path()),
        })
    }

    async fn reply(&self, body: Vec<u8>) -> Result<HookReply, NoReply> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(NoReply::Connect)?;
        let _ = stream.set_nodelay(true);
        match &self.tls {
            None => self.exchange(stream, body).await,
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await.map_err(NoReply::Tls)?;
                self.exchange(stream, body).await
            }
        }
    }

    async fn exchange<S>(&self, stream: S, body: Vec<u8>) -> Result<HookReply, NoReply>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_HEAD_BYTES)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(NoReply::Http)?;
        // Ends with this question, however that ends.
        let mut driver = JoinSet::new();
        driver.spawn(connection);

        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from(self.path.clone());
        *request.headers_mut() = self.headers.clone();
        let response = sender.send_request(request).await.map_err(NoReply::Http)?;
        let (status, status_text) = status(&response);
        let body = match Limited::new(response.into_body(), MAX_REPLY_BYTES).collect().await {
            Ok(body) => body.to_bytes().to_vec(),
            Err(error) if error.is::<LengthLimitError>() => return Err(NoReply::TooLong),
            Err(error) => return Err(NoReply::Broken(error)),
        };
        Ok(HookReply { status, status_text, body })
    }
}

impl PolicyHook for HttpHook {
    fn ask(&self, body: Vec<u8>) -> BoxFuture<'_, Result<HookReply, BoxError>> {
        Box::pin(async move {
            let reply = tokio::time::timeout(self.timeout, self.reply(body)).await;
            reply
                .unwrap_or(Err(NoReply::TimedOut(self.timeout)))
                .map_err(|error| format!("Post \"{}\": {error}", self.shown).into())
        })
    }
}

impl fmt::Debug for HttpHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpHook").field("url", &self.shown).field("timeout", &self.timeout).finish()
    }
}

/// What each question says beside its body; a name and password of the URL become credentials (RFC 7617), as in Go.
fn headers(authority: &Authority, place: &str) -> Result<HeaderMap, HookUrlError> {
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, HeaderValue::try_from(place).map_err(|_| HookUrlError::NotAUrl)?);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    if let Some((user, _)) = authority.as_str().rsplit_once('@') {
        let (name, password) = user.split_once(':').unwrap_or((user, ""));
        let pair = percent_decode(name).zip(percent_decode(password)).ok_or(HookUrlError::NotAUrl)?;
        let encoded = base64_simd::STANDARD.encode_to_string(format!("{}:{}", pair.0, pair.1));
        let mut value =
            HeaderValue::try_from(format!("Basic {encoded}")).map_err(|_| HookUrlError::NotAUrl)?;
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
    }
    Ok(headers)
}

/// The status, and its line as it was sent.
fn status(response: &Response<Incoming>) -> (u16, String) {
    let status = response.status();
    let reason = match response.extensions().get::<ReasonPhrase>() {
        Some(sent) => String::from_utf8_lossy(sent.as_bytes()).into_owned(),
        None => status.canonical_reason().unwrap_or_default().to_owned(),
    };
    (status.as_u16(), format!("{} {reason}", status.as_u16()).trim_end().to_owned())
}

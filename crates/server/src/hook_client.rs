//! The policy hook over HTTP: one POST, a time limit, and a reply of bounded size (docs/reference/signer-protocol.md, "Policy hook").
//!
//! `https` trusts what the operating system trusts (`SSL_CERT_FILE` names another list).

use std::fmt;
use std::time::Duration;

use axum::http::uri::{Authority, PathAndQuery};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};
use bytes::Bytes;
use http_body_util::Full;
use hyper::ext::ReasonPhrase;
use jwtis_signer::PolicyHook;
use jwtis_signer::hook::HookReply;
use jwtis_store::{BoxError, BoxFuture};
use percent_encoding::percent_decode_str;
use rustls::RootCertStore;
use rustls::pki_types::ServerName;

use crate::http_client::{self, HttpClient, NoAnswer};
use crate::tls;

/// Longest reply that is read, in bytes.
const MAX_REPLY_BYTES: usize = 64 * 1024;

/// A hook at a URL.
pub struct HttpHook {
    client: HttpClient,
    /// Without a name and a password.
    url: Uri,
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
        let roots = match scheme {
            "http" => RootCertStore::empty(),
            "https" => {
                ServerName::try_from(host).map_err(|_| HookUrlError::Host)?;
                roots().map_err(HookUrlError::Roots)?
            }
            _ => return Err(HookUrlError::Scheme),
        };
        let place = authority.as_str().rsplit_once('@').map_or(authority.as_str(), |(_, place)| place);
        let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        Ok(Self {
            client: HttpClient::new(roots).map_err(|error| HookUrlError::Roots(error.into()))?,
            url: Uri::try_from(format!("{scheme}://{place}{path}")).map_err(|_| HookUrlError::NotAUrl)?,
            headers: headers(authority)?,
            timeout,
            shown: format!("{scheme}://{place}{}", uri.path()),
        })
    }

    async fn reply(&self, body: Vec<u8>) -> Result<HookReply, NoAnswer> {
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = self.headers.clone();
        let answer = self.client.send(request).await?;
        let (status, status_text) = (answer.status().as_u16(), status_text(&answer));
        let body = http_client::body(answer, MAX_REPLY_BYTES).await?.to_vec();
        Ok(HookReply { status, status_text, body })
    }
}

impl PolicyHook for HttpHook {
    fn ask(&self, body: Vec<u8>) -> BoxFuture<'_, Result<HookReply, BoxError>> {
        Box::pin(async move {
            let reply = http_client::within(self.timeout, self.reply(body)).await;
            reply.map_err(|error| format!("the policy hook at {} gave no answer: {error}", self.shown).into())
        })
    }
}

impl fmt::Debug for HttpHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpHook").field("url", &self.shown).field("timeout", &self.timeout).finish()
    }
}

/// What each question says beside its body. A name and a password of the URL become credentials (RFC 7617).
fn headers(authority: &Authority) -> Result<HeaderMap, HookUrlError> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some((user, _)) = authority.as_str().rsplit_once('@') {
        let (name, password) = user.split_once(':').unwrap_or((user, ""));
        let (name, password) = (percent_decode_str(name), percent_decode_str(password));
        let pair = [&name.collect::<Vec<_>>()[..], b":", &password.collect::<Vec<_>>()[..]].concat();
        let encoded = base64_simd::STANDARD.encode_to_string(pair);
        let mut value =
            HeaderValue::try_from(format!("Basic {encoded}")).map_err(|_| HookUrlError::NotAUrl)?;
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
    }
    Ok(headers)
}

/// The status line as it was sent, without the version.
fn status_text<B>(answer: &Response<B>) -> String {
    let status = answer.status();
    let reason = match answer.extensions().get::<ReasonPhrase>() {
        Some(sent) => String::from_utf8_lossy(sent.as_bytes()).into_owned(),
        None => status.canonical_reason().unwrap_or_default().to_owned(),
    };
    format!("{} {reason}", status.as_u16()).trim_end().to_owned()
}

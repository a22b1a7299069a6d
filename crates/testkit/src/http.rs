//! A request to a router, and its answer in the two forms of the two APIs.

mod promised;

use std::fmt::Debug;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use promised::assert_promised;
use serde_json::Value;
use tower::ServiceExt as _;

/// A request that is being put together.
pub struct Call {
    router: Router,
    request: Request<Body>,
    document: Option<&'static Value>,
}

impl Call {
    pub fn new(router: &Router, method: &str, path: &str) -> Self {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method.parse().unwrap();
        *request.uri_mut() = path.parse().unwrap();
        Self { router: router.clone(), request, document: None }
    }

    /// The answer must be one that this OpenAPI document promises.
    pub fn promised_by(mut self, document: &'static Value) -> Self {
        self.document = Some(document);
        self
    }

    pub fn json(self, body: &Value) -> Self {
        self.body(body.to_string()).header(header::CONTENT_TYPE, "application/json")
    }

    pub fn body(mut self, body: impl Into<Body>) -> Self {
        *self.request.body_mut() = body.into();
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header(header::AUTHORIZATION, format!("Bearer {token}"))
    }

    pub fn basic(self, user: &str, token: &str) -> Self {
        let pair = base64_simd::STANDARD.encode_to_string(format!("{user}:{token}"));
        self.header(header::AUTHORIZATION, format!("Basic {pair}"))
    }

    pub fn header(mut self, name: impl TryInto<HeaderName, Error: Debug>, value: impl AsRef<[u8]>) -> Self {
        let value = HeaderValue::from_bytes(value.as_ref()).unwrap();
        self.request.headers_mut().append(name.try_into().unwrap(), value);
        self
    }

    /// What the server puts beside a request, such as its source.
    pub fn extension<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.request.extensions_mut().insert(value);
        self
    }

    /// Adds a parameter to the query.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        let uri = self.request.uri().to_string();
        let separator = if uri.contains('?') { '&' } else { '?' };
        *self.request.uri_mut() = format!("{uri}{separator}{name}={value}").parse().unwrap();
        self
    }

    pub async fn send(self) -> Answer {
        let (method, path) = (self.request.method().to_string(), self.request.uri().path().to_owned());
        let (parts, body) = self.router.oneshot(self.request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        if let Some(document) = self.document {
            assert_promised(document, &method, &path, parts.status.as_u16(), &parts.headers, &body);
        }
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

/// A response, whole.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The JSON of an answer with this status.
    #[track_caller]
    pub fn with(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self.json()
    }

    /// Checks the form of an RFC 9457 problem of the issuer and returns its detail.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> String {
        let body = self.json();
        assert_eq!((self.status.as_u16(), body["code"].as_str()), (status, Some(code)), "{body}");
        assert_eq!(body["status"], status);
        assert_eq!(body["type"], format!("urn:jwtis:problem:{code}"));
        assert_eq!(body["request_id"].as_str(), self.header("x-request-id"));
        assert!(body["title"].is_string());
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
        if status >= 500 {
            assert_eq!(body.get("detail"), None, "a failure of ours explains nothing");
        }
        body["detail"].as_str().unwrap_or_default().to_owned()
    }

    /// The JSON of a success of the signer, in Signatory's form.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json; charset=utf-8"));
        assert!(self.text().ends_with("}\n"), "{:?}", self.text());
        self.with(200)
    }

    /// Checks the form of the signer's error array byte for byte and returns its `msg`.
    #[track_caller]
    pub fn failure(&self, status: u16) -> String {
        let text = self.text();
        assert_eq!(self.status.as_u16(), status, "{text}");
        assert_eq!(self.header("content-type"), Some("application/json; charset=utf-8"));
        let msg = text
            .strip_prefix(r#"[{"id":"failure","kind":"temporary","msg":"#)
            .and_then(|rest| rest.strip_suffix("}]\n"))
            .unwrap_or_else(|| panic!("{text:?}"));
        serde_json::from_str(msg).unwrap()
    }

    /// Checks the form of a plain text of the signer and returns it.
    #[track_caller]
    pub fn plain(&self, status: u16) -> String {
        let text = self.text();
        assert_eq!(self.status.as_u16(), status, "{text}");
        assert_eq!(self.header("content-type"), Some("text/plain; charset=utf-8"));
        assert!(!text.ends_with('\n'), "{text:?}");
        text
    }
}

//! What is known about every request: its id, one span, one line in the log, one count in the metrics.
//!
//! The line names the matched route, never the path or query as sent: those are the caller's text. It holds no header and no body,
//! so no token, password or claim can get into it.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::response::Response;
use jwtis_base::env::Env;
use tracing::{Span, field, info, warn};

use super::source::Source;
use crate::metrics::{Metrics, monotonic};

/// The header that carries the request id, both ways.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Route name of requests that match none.
const UNMATCHED: &str = "unmatched";

/// Longest request id that is taken over from the caller.
const MAX_ID_CHARS: usize = 64;

/// Status in metrics and logs of a request whose caller went away before the answer.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// Begins the report of a request.
#[derive(Clone, Debug)]
pub(crate) struct RequestObserver {
    pub(crate) env: Env,
    pub(crate) metrics: Arc<Metrics>,
}

/// The id of a request, as in its answer and its log lines.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// The caller's id where it has a harmless form, else a new one.
    fn of(headers: &HeaderMap, env: &Env) -> Self {
        let harmless = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let given = headers
            .get(REQUEST_ID)
            .filter(|id| (1..=MAX_ID_CHARS).contains(&id.len()) && id.as_bytes().iter().all(harmless))
            .filter(|id| !id.to_str().is_ok_and(looks_like_a_token));
        Self(given.cloned().unwrap_or_else(|| Self::generate(env)))
    }

    fn generate(env: &Env) -> HeaderValue {
        // Without randomness the request still deserves an answer; whatever needs a secret in it will refuse by itself.
        let bytes = env.random::<10>().unwrap_or_default();
        let id = format!("{:020x}", bytes.iter().fold(0_u128, |id, byte| id << 8 | u128::from(*byte)));
        HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("0"))
    }
}

/// Whether it may be an admin token, a client token or a JWT that its caller has put into the wrong header: the log must not hold it.
fn looks_like_a_token(id: &str) -> bool {
    ["jat_", "jct_", "eyJ"].iter().any(|prefix| id.contains(prefix))
}

/// What a handler's error leaves in the answer's extensions for the log.
#[derive(Clone, Debug)]
pub(crate) struct LoggedFailure {
    /// Stable code of the error.
    pub(crate) code: &'static str,
    /// The error and its sources, for the operator.
    pub(crate) chain: Option<String>,
}

/// Names the authenticated client in the request's span.
pub(crate) fn authenticated(client: &str) {
    Span::current().record("client", client);
}

/// Names the user of a login token in the request's span.
pub(crate) fn authenticated_user(user: &str) {
    Span::current().record("user", user);
}

impl RequestObserver {
    /// Names the request and begins its span and its report.
    pub(super) fn begin(&self, request: &mut Request) -> (RequestId, RequestReport) {
        let id = RequestId::of(request.headers(), &self.env);
        let method = method_name(request.method());
        let matched = request.extensions().get::<MatchedPath>().cloned();
        let source = Source::of(request.extensions()).map(|source| field::display(source.address()));
        // At level ERROR, so that its fields stand in every event inside it, however high the log level is set.
        let span = tracing::error_span!(
            "request",
            id = id.as_str(),
            method,
            route = route_name(matched.as_ref()),
            source,
            client = field::Empty,
            user = field::Empty
        );
        request.extensions_mut().insert(id.clone());
        let metrics = Arc::clone(&self.metrics);
        (id, RequestReport { started: monotonic(), span, metrics, method, matched, sent: false })
    }
}

/// One of the registered methods, or `other`: the label's values are ours, not the caller's.
fn method_name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// The route as the router has it.
fn route_name(matched: Option<&MatchedPath>) -> &str {
    matched.map_or(UNMATCHED, MatchedPath::as_str)
}

/// Counts and logs the request once, also when its future is dropped because the caller went away.
pub(super) struct RequestReport {
    started: Instant,
    span: Span,
    metrics: Arc<Metrics>,
    method: &'static str,
    matched: Option<MatchedPath>,
    sent: bool,
}

impl RequestReport {
    pub(super) const fn span(&self) -> &Span {
        &self.span
    }

    /// The headers that every answer has, and the request's line and count.
    pub(super) fn end(mut self, response: &mut Response, id: RequestId) {
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, id.0);
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        self.send(response.status().as_u16(), response.extensions().get::<LoggedFailure>());
    }

    fn send(&mut self, status: u16, failure: Option<&LoggedFailure>) {
        self.sent = true;
        let took = self.started.elapsed();
        self.metrics.request(route_name(self.matched.as_ref()), self.method, status, took);

        let latency_ms = (took.as_secs_f64() * 1e6).round() / 1e3;
        let code = failure.map(|failure| failure.code);
        let chain = failure.and_then(|failure| failure.chain.as_deref());
        self.span.in_scope(|| {
            if status >= 500 {
                warn!(status, latency_ms, code, error = chain, "request failed");
            } else {
                info!(status, latency_ms, code, "request answered");
            }
        });
    }
}

impl Drop for RequestReport {
    fn drop(&mut self) {
        if !self.sent {
            self.send(CLIENT_CLOSED_REQUEST, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_the_caller_is_taken_over_unless_it_is_odd_or_may_be_a_token() {
        for (given, taken) in [
            ("0af7651916cd43dd8448eb211c80319c", true),
            ("order-7.retry_2", true),
            ("two words", false),
            ("jat_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", false),
            ("jct_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", false),
            ("Bearer-jct_AAAA", false),
            ("eyJhbGciOiJIUzI1NiJ9.e30.AAAA", false),
        ] {
            let headers = HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_static(given))]);
            let id = RequestId::of(&headers, &Env::system());
            assert_eq!(id.as_str() == given, taken, "{given}");
        }
    }
}

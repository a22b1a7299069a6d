//! Errors become answers here and nowhere else: RFC 9457 `application/problem+json` with a stable `code` and the `request_id`.
//!
//! Two readers. The caller gets the code and, where the mistake is his, a sentence without secrets. The operator gets the chain of
//! sources in the log line of the request. A failure of ours (5xx) tells the caller its code and the request id only.

mod causes;
pub mod code;

use std::borrow::Cow;
use std::error::Error;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::shapes;
use crate::http::body::BodyFault;
use crate::http::door::TurnedAway;
use crate::http::observe::{LoggedFailure, RequestId};
pub use code::Code;

/// `Content-Type` of an error.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What a 401 tells about how to authenticate (RFC 9110 §11.6.1).
pub(super) const CHALLENGE: &str = r#"Bearer realm="jwtis", Basic realm="jwtis""#;

/// The answer that says no (RFC 9457 §3.1).
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Problem)]
pub(super) struct ProblemBody<'a> {
    #[schema(value_type = shapes::ProblemUri)]
    r#type: String,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    detail: Option<&'a str>,
    /// Never renamed.
    #[schema(value_type = shapes::ProblemCode)]
    code: &'a str,
    request_id: &'a str,
}

/// A refusal, before it is written.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    code: Code,
    detail: Option<Cow<'static, str>>,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl Problem {
    /// A problem that its code explains.
    pub(crate) const fn new(code: Code) -> Self {
        Self { code, detail: None, cause: None }
    }

    /// A problem of the caller's with a sentence for him.
    pub(crate) fn with_detail(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: Some(detail.into()), cause: None }
    }

    /// A problem of ours with its reason, for the log.
    pub(crate) fn caused_by(code: Code, cause: impl Error + Send + Sync + 'static) -> Self {
        Self { code, detail: None, cause: Some(Arc::new(cause)) }
    }

    /// The code.
    pub(crate) const fn code(&self) -> Code {
        self.code
    }

    /// A problem of the caller's, in the words of the error that found it.
    fn explained(code: Code, error: &dyn Error) -> Self {
        Self::with_detail(code, error.to_string())
    }

    fn body(&self, request_id: &str) -> Vec<u8> {
        let body = ProblemBody {
            r#type: self.code.uri(),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            detail: self.detail.as_deref(),
            code: self.code.name(),
            request_id,
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

impl IntoResponse for Problem {
    /// An answer without a body; [`complete`], which knows the request's id, writes it.
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        let headers = response.headers_mut();
        if self.code == Code::Unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
        }
        if let Some(seconds) = self.code.retry_after() {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes the body of a problem, and leaves code and chain for the log.
pub(super) fn complete(response: &mut Response, id: &RequestId) {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return };
    let chain = problem.cause.as_deref().map(|cause| chain(cause));
    response.extensions_mut().insert(LoggedFailure { code: problem.code.name(), chain });
    *response.body_mut() = problem.body(id.as_str()).into();
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
}

/// An error and its sources in one line.
pub(in crate::http) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let _ = write!(text, ": {error}");
        source = error.source();
    }
    text
}

impl From<&TurnedAway> for Problem {
    fn from(refused: &TurnedAway) -> Self {
        let code = match refused {
            TurnedAway::HeadTooLarge { .. } => Code::HeadTooLarge,
            TurnedAway::TransferCoding => Code::TransferCoding,
            TurnedAway::Chunked | TurnedAway::Host => Code::MalformedHead,
            TurnedAway::ForeignHost(_) => Code::ForeignHost,
            TurnedAway::Expectation => Code::Expectation,
            TurnedAway::Origin | TurnedAway::CrossSite => Code::ForeignOrigin,
        };
        Self::with_detail(code, refused.to_string())
    }
}

impl From<BodyFault> for Problem {
    fn from(fault: BodyFault) -> Self {
        match fault {
            BodyFault::TooLarge => Self::new(Code::BodyTooLarge),
            BodyFault::Slow => Self::new(Code::BodyTimeout),
            BodyFault::Broken => Self::with_detail(Code::MalformedBody, "the body broke off"),
            BodyFault::NoRoom => Self::new(Code::Overloaded),
        }
    }
}

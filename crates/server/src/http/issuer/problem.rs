//! Errors become answers here and nowhere else: RFC 9457 `application/problem+json` with a stable `code` and the `request_id`.
//!
//! Two readers. The caller gets the code and, where the mistake is his, a sentence without secrets. The operator gets the chain of
//! sources in the log line of the request. A failure of ours (5xx) tells the caller its code and the request id only.

pub mod code;

use std::borrow::Cow;
use std::error::Error;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jwtis_base::NoEntropy;
use jwtis_issuer::token::ClaimsRefusal;
use jwtis_issuer::{
    AccessError, DeleteError, IssueError, ListError, OptionsError, RegisterError, RenewError, RenewKeysError,
    RevokeError, SwitchError, VerifyError,
};
use jwtis_jose::{ClaimsError, JsonError};
use jwtis_store::{CommitError, ReadError};
use serde::Serialize;

use crate::http::door::Refused;
use crate::http::observe::{Failure, RequestId};
pub use code::Code;

/// `Content-Type` of an error.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What a 401 tells about how to authenticate (RFC 9110 §11.6.1).
pub(super) const CHALLENGE: &str = r#"Bearer realm="jwtis", Basic realm="jwtis""#;

/// An answer that says no.
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
        #[derive(Serialize)]
        struct Body<'a> {
            r#type: String,
            title: &'a str,
            status: u16,
            #[serde(skip_serializing_if = "Option::is_none")]
            detail: Option<&'a str>,
            code: &'a str,
            request_id: &'a str,
        }
        let body = Body {
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
    /// An answer without a body; [`render`], which knows the request's id, writes it.
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

/// Writes the bodies of problems, and leaves code and chain for the log.
pub(crate) async fn render(request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().cloned();
    let mut response = next.run(request).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>() else {
        return response;
    };
    let chain = problem.cause.as_deref().map(|cause| chain(cause));
    response.extensions_mut().insert(Failure { code: problem.code.name(), chain });
    *response.body_mut() = problem.body(id.as_ref().map_or("", RequestId::as_str)).into();
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    response
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

impl From<&Refused> for Problem {
    fn from(refused: &Refused) -> Self {
        let code = match refused {
            Refused::HeadTooLarge { .. } => Code::HeadTooLarge,
            Refused::TransferCoding => Code::TransferCoding,
            Refused::Chunked | Refused::Host => Code::MalformedHead,
            Refused::ForeignHost(_) => Code::ForeignHost,
            Refused::Expectation => Code::Expectation,
            Refused::Origin | Refused::CrossSite => Code::ForeignOrigin,
        };
        Self::with_detail(code, refused.to_string())
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        let code = match &error {
            ReadError::Unavailable(_) => Code::StoreUnavailable,
            // A retry would meet the same record.
            ReadError::Damaged { .. } => Code::Internal,
        };
        Self::caused_by(code, error)
    }
}

impl From<CommitError> for Problem {
    fn from(error: CommitError) -> Self {
        let code = match &error {
            CommitError::Conflict { .. } => Code::Contended,
            CommitError::Damaged { .. } => Code::Internal,
            CommitError::Unavailable(_) | CommitError::Full(_) | CommitError::ReadOnly(_) => {
                Code::StoreUnavailable
            }
        };
        Self::caused_by(code, error)
    }
}

impl From<NoEntropy> for Problem {
    fn from(error: NoEntropy) -> Self {
        Self::caused_by(Code::Internal, error)
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Denied => Self::new(Code::Unauthorized),
            AccessError::Disabled => Self::new(Code::ClientDisabled),
            AccessError::UnknownClient => Self::new(Code::UnknownKid),
            AccessError::Store(error) => error.into(),
        }
    }
}

impl From<OptionsError> for Problem {
    fn from(error: OptionsError) -> Self {
        let code = match &error {
            OptionsError::NotGranted { .. } => Code::NotGranted,
            OptionsError::SigBits(_)
            | OptionsError::EncBits(_)
            | OptionsError::Rsa15NotAllowed
            | OptionsError::Symmetric
            | OptionsError::TtlOrder { .. }
            | OptionsError::BeyondMaximum { .. }
            | OptionsError::Name { .. } => Code::InvalidMember,
        };
        Self::explained(code, &error)
    }
}

impl From<RegisterError> for Problem {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Taken => Self::new(Code::KidTaken),
            RegisterError::Options(error) => error.into(),
            RegisterError::Busy => Self::new(Code::Busy),
            RegisterError::Deleted => Self::explained(Code::ConcurrentChange, &error),
            RegisterError::Entropy(error) => error.into(),
            RegisterError::Store(error) => error.into(),
            RegisterError::Read(error) => error.into(),
            RegisterError::Keys(_) | RegisterError::Generator(_) => Self::caused_by(Code::Internal, error),
        }
    }
}

impl From<RenewKeysError> for Problem {
    fn from(error: RenewKeysError) -> Self {
        match error {
            RenewKeysError::Options(error) => error.into(),
            RenewKeysError::Disabled => Self::new(Code::ClientDisabled),
            RenewKeysError::TooManyKeySets => Self::explained(Code::TooManyKeySets, &error),
            RenewKeysError::Gone | RenewKeysError::Conflict => {
                Self::explained(Code::ConcurrentChange, &error)
            }
            RenewKeysError::Busy => Self::new(Code::Busy),
            RenewKeysError::Store(error) => error.into(),
            RenewKeysError::Read(error) => error.into(),
            RenewKeysError::Keys(_) | RenewKeysError::Generator(_) | RenewKeysError::State(_) => {
                Self::caused_by(Code::Internal, error)
            }
        }
    }
}

impl From<ListError> for Problem {
    fn from(error: ListError) -> Self {
        match error {
            ListError::BadCursor => Self::explained(Code::InvalidQuery, &error),
            ListError::Read(error) => error.into(),
        }
    }
}

impl From<DeleteError> for Problem {
    fn from(error: DeleteError) -> Self {
        match error {
            DeleteError::Unknown => Self::new(Code::UnknownKid),
            DeleteError::Conflict => Self::caused_by(Code::Contended, error),
            DeleteError::Store(error) => error.into(),
            DeleteError::Read(error) => error.into(),
        }
    }
}

impl From<SwitchError> for Problem {
    fn from(error: SwitchError) -> Self {
        match error {
            SwitchError::Unknown => Self::new(Code::UnknownKid),
            SwitchError::Conflict => Self::caused_by(Code::Contended, error),
            SwitchError::Store(error) => error.into(),
            SwitchError::Read(error) => error.into(),
        }
    }
}

impl From<IssueError> for Problem {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Disabled => Self::new(Code::ClientDisabled),
            IssueError::KeysExpired => Self::new(Code::KeysExpired),
            IssueError::Claims(refusal) => refusal.into(),
            IssueError::Mint(_) => Self::caused_by(Code::Internal, error),
        }
    }
}

impl From<ClaimsRefusal> for Problem {
    fn from(refusal: ClaimsRefusal) -> Self {
        let code = match &refusal {
            ClaimsRefusal::Owned(_) => Code::OwnedClaim,
            ClaimsRefusal::ForeignIssuer => Code::ForeignIssuer,
            ClaimsRefusal::TooLarge { .. } => Code::ClaimsTooLarge,
            ClaimsRefusal::Invalid(_) => Code::InvalidClaim,
            ClaimsRefusal::ExpiryInPast => Code::ExpiryInPast,
            ClaimsRefusal::ExpiryBeyondLimit { .. } => Code::ExpiryBeyondLimit,
        };
        Self::explained(code, &refusal)
    }
}

impl From<RenewError> for Problem {
    fn from(error: RenewError) -> Self {
        match error {
            RenewError::InvalidToken => Self::new(Code::InvalidToken),
            RenewError::NotARefreshToken => Self::new(Code::NotARefreshToken),
            RenewError::Expired => Self::new(Code::TokenExpired),
            RenewError::NotYetValid => Self::new(Code::TokenNotYetValid),
            RenewError::Revoked => Self::new(Code::TokenRevoked),
            RenewError::Reused => Self::new(Code::TokenReused),
            RenewError::SessionUnknown => Self::new(Code::SessionUnknown),
            RenewError::Disabled => Self::new(Code::ClientDisabled),
            RenewError::KeysExpired => Self::new(Code::KeysExpired),
            RenewError::Conflict => Self::caused_by(Code::Contended, error),
            RenewError::Store(error) => error.into(),
            RenewError::Read(error) => error.into(),
            RenewError::Mint(_) => Self::caused_by(Code::Internal, error),
        }
    }
}

impl From<RevokeError> for Problem {
    fn from(error: RevokeError) -> Self {
        match error {
            RevokeError::InvalidSession(_) => Self::explained(Code::InvalidMember, &error),
            RevokeError::NotAToken | RevokeError::DamagedToken => Self::explained(Code::NotAToken, &error),
            RevokeError::SessionFromFuture => Self::new(Code::SessionFromFuture),
            RevokeError::QuotaExceeded => Self::new(Code::TooManyRevocations),
            RevokeError::ClockBehind => Self::caused_by(Code::ClockBehind, error),
            RevokeError::Conflict => Self::caused_by(Code::Contended, error),
            RevokeError::Store(error) => error.into(),
            RevokeError::Read(error) => error.into(),
        }
    }
}

impl From<VerifyError> for Problem {
    fn from(VerifyError(error): VerifyError) -> Self {
        error.into()
    }
}

impl From<JsonError> for Problem {
    /// The body as a whole; claims inside it have [`Self::from`] of [`ClaimsError`].
    fn from(error: JsonError) -> Self {
        let code = match &error {
            JsonError::DuplicateName { .. } => Code::DuplicateMember,
            JsonError::TooDeep { .. } => Code::BodyTooDeep,
            JsonError::NumberOutOfRange { .. } | JsonError::NumberTooPrecise { .. } => Code::NumberOutOfRange,
            JsonError::Syntax { .. } | JsonError::TrailingData => Code::MalformedBody,
        };
        Self::explained(code, &error)
    }
}

impl From<ClaimsError> for Problem {
    fn from(error: ClaimsError) -> Self {
        let (code, detail) = match error {
            ClaimsError::Json(error @ JsonError::TooDeep { .. }) => (Code::ClaimsTooDeep, error.to_string()),
            ClaimsError::Json(
                error @ (JsonError::NumberOutOfRange { .. } | JsonError::NumberTooPrecise { .. }),
            ) => (Code::ClaimsNumberOutOfRange, error.to_string()),
            ClaimsError::Json(
                error
                @ (JsonError::Syntax { .. } | JsonError::DuplicateName { .. } | JsonError::TrailingData),
            ) => (Code::InvalidMember, error.to_string()),
            ClaimsError::NotAnObject => (Code::InvalidMember, error.to_string()),
            ClaimsError::Type { .. } => (Code::InvalidClaim, error.to_string()),
        };
        Self::with_detail(code, format!("claims: {detail}"))
    }
}

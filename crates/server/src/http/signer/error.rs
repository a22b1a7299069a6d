//! Refusals become answers here and nowhere else: Signatory's array with one failure, or plain text where tokens and logins are
//! concerned.
//!
//! octez-client prints the `msg`. It never tells more than the core's `Display` does: what lies behind a failure of ours is for the log.

use std::borrow::Cow;
use std::error::Error;
use std::net::IpAddr;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jwtis_signer::NotTheAdmin;
use jwtis_signer::login::LoginError;
use jwtis_signer::switch::SwitchError;
use jwtis_signer::usage::UsageError;
use jwtis_signer::{ClientRefusal, NotHeld, NotSigned, TokenRefusal, WatermarkError};
use jwtis_tezos::PublicKeyError;
use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::http::issuer::problem::chain;
use crate::http::nowhere;
use crate::http::observe;
use crate::metrics::Metrics;

/// `Content-Type` of what is JSON here.
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// An answer with a JSON body: compact, with a newline behind it.
pub(super) struct Json<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let mut text = serde_json::to_string(&self.0).unwrap_or_default() + "\n";
        // Whatever reads it as HTML finds no tag in it.
        for (character, escaped) in [('<', "\\u003c"), ('>', "\\u003e"), ('&', "\\u0026")] {
            if text.contains(character) {
                text = text.replace(character, escaped);
            }
        }
        ([(header::CONTENT_TYPE, JSON)], text).into_response()
    }
}

/// An answer that says no.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct SignerRefusal {
    status: StatusCode,
    text: String,
    shape: AnswerShape,
    /// When to come again, in seconds.
    retry_after: Option<u64>,
    code: &'static str,
    chain: Option<String>,
}

/// How it is said.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum AnswerShape {
    /// The array with one failure.
    Array,
    /// The bare text.
    Plain,
    /// The page of what is not there.
    NoPage,
}

impl SignerRefusal {
    /// A refusal as an array; `code` is for the log.
    pub(super) fn new(status: StatusCode, code: &'static str, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), shape: AnswerShape::Array, retry_after: None, code, chain: None }
    }

    /// The same, and when to come again.
    pub(super) fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// What the caller sent cannot be read.
    pub(super) fn malformed(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", text)
    }

    /// The status of its answer.
    pub(super) const fn status(&self) -> StatusCode {
        self.status
    }

    /// Counts a caller who is not who they must be. Where there is no page, or we failed, the caller is not to blame.
    pub(super) fn counted(self, metrics: &Metrics, method: &'static str, source: IpAddr) -> Self {
        if self.status.is_client_error() && self.shape != AnswerShape::NoPage {
            metrics.signer().authentication_failed(self.status.as_u16(), method, source);
        }
        self
    }

    fn plain(status: StatusCode, code: &'static str, text: String, retry_after: Option<u64>) -> Self {
        Self { status, text, shape: AnswerShape::Plain, retry_after, code, chain: None }
    }
}

/// What is wrong, in the one member of Signatory's array.
#[derive(Serialize)]
struct Failure<'a> {
    id: &'static str,
    kind: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    msg: &'a str,
}

/// The array in the OpenAPI document.
pub(super) enum FailureArray {}

impl PartialSchema for FailureArray {
    fn schema() -> RefOr<Schema> {
        let always =
            |value: &str| ObjectBuilder::new().schema_type(SchemaType::AnyValue).enum_values(Some([value]));
        let text = ObjectBuilder::new().schema_type(Type::String).description(Some("octez-client prints it"));
        let failure = ObjectBuilder::new()
            .schema_type(Type::Object)
            .property("id", always("failure"))
            .property("kind", always("temporary"))
            .property("msg", text)
            .required("id")
            .required("kind")
            .additional_properties(Some(AdditionalProperties::FreeForm(false)));
        ArrayBuilder::new().items(failure).min_items(Some(1)).max_items(Some(1)).into()
    }
}

impl ToSchema for FailureArray {
    fn name() -> Cow<'static, str> {
        "Failure".into()
    }
}

impl IntoResponse for SignerRefusal {
    fn into_response(self) -> Response {
        let mut response = match self.shape {
            AnswerShape::Array => {
                Json([Failure { id: "failure", kind: "temporary", msg: &self.text }]).into_response()
            }
            AnswerShape::Plain => self.text.into_response(),
            AnswerShape::NoPage => nowhere::not_found(),
        };
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        *response.status_mut() = self.status;
        response.extensions_mut().insert(observe::LoggedFailure { code: self.code, chain: self.chain });
        response
    }
}

impl From<PublicKeyError> for SignerRefusal {
    fn from(error: PublicKeyError) -> Self {
        Self::malformed(error.to_string())
    }
}

impl From<NotSigned> for SignerRefusal {
    fn from(error: NotSigned) -> Self {
        let status = match &error {
            // As at the door.
            NotSigned::Token(refusal) => return refusal.clone().into(),
            NotSigned::NotListed(_)
            | NotSigned::Disabled(_)
            | NotSigned::Denied(_)
            | NotSigned::Usage(UsageError::RolledBack(_))
            | NotSigned::Watermark(WatermarkError::NoRoom { .. }) => StatusCode::FORBIDDEN,
            NotSigned::Decode(_)
            | NotSigned::ProofNotSupported
            | NotSigned::ProofNotAllowed
            | NotSigned::NoWatermark => StatusCode::BAD_REQUEST,
            NotSigned::NotHeld(NotHeld::Nowhere) => StatusCode::NOT_FOUND,
            NotSigned::Hook(hook) => {
                StatusCode::from_u16(hook.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
            NotSigned::Watermark(WatermarkError::Refused(_) | WatermarkError::RolledBack(_)) => {
                StatusCode::CONFLICT
            }
            NotSigned::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            NotSigned::Watermark(WatermarkError::Unavailable(_) | WatermarkError::OutcomeUnknown(_))
            | NotSigned::Usage(
                UsageError::NoStore
                | UsageError::Read(_)
                | UsageError::Store(_)
                | UsageError::OutcomeUnknown(_)
                | UsageError::Contended,
            )
            | NotSigned::Switch(_)
            | NotSigned::NotHeld(NotHeld::Unknown(_))
            | NotSigned::Vault(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let text = match &error {
            // Begins with Signatory's text, and goes on with what it leaves out.
            NotSigned::Decode(decode) => decode.detail(),
            _ => error.to_string(),
        };
        let chain = status.is_server_error().then(|| chain(&error));
        Self { chain, ..Self::new(status, error.code(), text) }
    }
}

impl From<ClientRefusal> for SignerRefusal {
    fn from(error: ClientRefusal) -> Self {
        let (status, code) = match &error {
            ClientRefusal::Missing => (StatusCode::UNAUTHORIZED, "authentication_missing"),
            ClientRefusal::Malformed(_) => (StatusCode::BAD_REQUEST, "authentication_malformed"),
            ClientRefusal::Invalid => (StatusCode::FORBIDDEN, "authentication_invalid"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<TokenRefusal> for SignerRefusal {
    fn from(error: TokenRefusal) -> Self {
        let (status, code) = match &error {
            TokenRefusal::Missing => (StatusCode::UNAUTHORIZED, "token_missing"),
            TokenRefusal::Unverified(_) => (StatusCode::UNAUTHORIZED, "token_unverified"),
            TokenRefusal::Invalid => (StatusCode::UNAUTHORIZED, "token_invalid"),
            TokenRefusal::Claims(_) => (StatusCode::UNAUTHORIZED, "token_refused"),
            TokenRefusal::Revoked => (StatusCode::UNAUTHORIZED, "token_revoked"),
            TokenRefusal::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "token_unchecked"),
        };
        with_source(&error, Self::plain(status, code, error.to_string(), None))
    }
}

impl From<NotTheAdmin> for SignerRefusal {
    fn from(error: NotTheAdmin) -> Self {
        let (status, code) = match &error {
            NotTheAdmin::Denied => (StatusCode::UNAUTHORIZED, "admin_denied"),
            NotTheAdmin::Unchecked(_) => (StatusCode::SERVICE_UNAVAILABLE, "admin_unchecked"),
        };
        with_source(&error, Self::plain(status, code, error.to_string(), None))
    }
}

impl From<SwitchError> for SignerRefusal {
    fn from(error: SwitchError) -> Self {
        match &error {
            SwitchError::NoStore => Self::no_page(),
            SwitchError::Read(_) | SwitchError::Store(_) | SwitchError::OutcomeUnknown(_) => {
                let text = error.to_string();
                with_source(&error, Self::new(StatusCode::SERVICE_UNAVAILABLE, "switch_unavailable", text))
            }
        }
    }
}

impl From<LoginError> for SignerRefusal {
    fn from(error: LoginError) -> Self {
        let (status, code, retry_after) = match &error {
            LoginError::NoLogin => return Self::no_page(),
            LoginError::Missing => (StatusCode::UNAUTHORIZED, "login_missing", None),
            LoginError::Denied => (StatusCode::UNAUTHORIZED, "login_denied", None),
            LoginError::Paused { retry_after } => {
                (StatusCode::TOO_MANY_REQUESTS, "login_paused", Some(*retry_after))
            }
            LoginError::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", None),
        };
        with_source(&error, Self::plain(status, code, error.to_string(), retry_after))
    }
}

impl SignerRefusal {
    /// The route is not there, by the rules in force.
    pub(super) fn no_page() -> Self {
        let mut refusal = Self::plain(StatusCode::NOT_FOUND, "unknown_route", String::new(), None);
        refusal.shape = AnswerShape::NoPage;
        refusal
    }
}

/// Adds what the log of a failure of ours needs.
fn with_source(error: &(dyn Error + 'static), refusal: SignerRefusal) -> SignerRefusal {
    let chain = refusal.status.is_server_error().then(|| chain(error));
    SignerRefusal { chain, ..refusal }
}

//! `POST /keys/{pkh}`: a signature.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use jwtis_signer::{Decided, NotSigned, SignCommand};
use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::auth::{self, Checked, Client};
use super::error::{Json, SignerRefusal};
use super::promised::{AnswerShape, Refusals, SignerRefuses};
use super::request::{Key, SignQuery, SignerApi};
use crate::http::body::{self, Arrived, BodyFault};
use crate::http::budget::Charge;
use crate::http::source::Source;
use crate::metrics::monotonic;

/// Seconds after which a retry makes sense where there was no room for a body.
const RETRY_AFTER: u64 = 1;

/// The message in the OpenAPI document: hexadecimal digits of either case.
enum HexMessage {}

/// The message of a request, and what it holds of the memory for bodies until it has been answered.
struct Message {
    bytes: Vec<u8>,
    _charge: Charge,
}

/// What the signer answers.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignatureAnswer {
    /// In the form of the key's curve.
    #[schema(pattern = "^[A-Za-z0-9]+$")]
    signature: String,
}

/// Sign a message, within the key's policy and never twice for one block
#[utoipa::path(
    post,
    path = "/keys/{pkh}",
    operation_id = "sign",
    params(Key, SignQuery),
    request_body(content = HexMessage, content_type = "application/json"),
    responses(
        (status = OK, description = "the signature", body = SignatureAnswer),
        Refusals<(Checked, Key, Message, Client, NotSigned)>,
    ),
)]
pub(super) async fn sign(
    State(api): State<Arc<SignerApi>>,
    Checked(caller): Checked,
    Source(source): Source,
    key: Result<Key, SignerRefusal>,
    query: SignQuery,
    request: Request,
) -> Result<Json<SignatureAnswer>, SignerRefusal> {
    let started = monotonic();
    let rules = caller.snapshot();
    // Only listed keys become a label.
    let listed = key.as_ref().ok().map(|Key(key)| *key).filter(|key| rules.rules().keys.contains_key(key));
    let answer = async {
        let Key(key) = key?;
        let message = Message::from_request(request, &api).await?;
        let authentication = query.authentication.as_deref();
        let caller = api.signer.authenticate_client(caller, &key, &message.bytes, authentication);
        let caller = caller.map_err(|refusal| Client::refused(&api, refusal, source))?;
        auth::name(caller.caller());
        let command = SignCommand { caller, key, message: &message.bytes, version: query.version, source };
        let Decided { outcome, about } = api.signer.sign(command).await;
        let signature = outcome.map_err(|error| api.refused(&about, error, source))?;
        api.metrics.signer().signed(&about);
        Ok(Json(SignatureAnswer { signature: signature.to_string() }))
    };
    let answer: Result<_, SignerRefusal> = answer.await;
    let status = answer.as_ref().map_or_else(SignerRefusal::status, |_| StatusCode::OK);
    api.metrics.signer().handled(listed.map(|key| key.to_string()), status.as_u16(), started.elapsed());
    answer
}

impl SignerRefuses for Message {
    const ANSWERS: &'static [(u16, AnswerShape)] = &[
        (400, AnswerShape::Array),
        (408, AnswerShape::Array),
        (413, AnswerShape::Array),
        (500, AnswerShape::Array),
        (503, AnswerShape::Array),
    ];
}

impl FromRequest<Arc<SignerApi>> for Message {
    type Rejection = SignerRefusal;

    async fn from_request(request: Request, api: &Arc<SignerApi>) -> Result<Self, SignerRefusal> {
        let (parts, body) = request.into_parts();
        let most = api.max_body_bytes;
        let arrived = body::read(&parts, body, &api.limits, most).await;
        let Arrived { bytes, charge } = arrived.map_err(|fault| refusal(fault, most))?;
        let malformed = |why: &dyn std::fmt::Display| {
            SignerRefusal::malformed(format!("the body must be one JSON string of hexadecimal digits: {why}"))
        };
        // A string alone has no members to repeat, no depth and no numbers, so `serde_json` is strict enough. `null` is the empty message,
        // as it is for Signatory.
        let digits: Option<String> = serde_json::from_slice(&bytes).map_err(|why| malformed(&why))?;
        let bytes = hex_simd::decode_to_vec(digits.unwrap_or_default());
        let bytes = bytes.map_err(|_| malformed(&"two digits stand for each byte, without 0x"))?;
        Ok(Self { bytes, _charge: charge })
    }
}

impl PartialSchema for HexMessage {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^([0-9A-Fa-f]{2})*$"));
        text.description(Some("the message in hexadecimal digits")).into()
    }
}

impl ToSchema for HexMessage {
    fn name() -> Cow<'static, str> {
        "Message".into()
    }
}

fn refusal(fault: BodyFault, most: usize) -> SignerRefusal {
    match fault {
        BodyFault::TooLarge => {
            let text = format!("the request body is too large: at most {most} bytes are read");
            SignerRefusal::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", text)
        }
        BodyFault::Slow => {
            let text = "the request body took too long to arrive";
            SignerRefusal::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", text)
        }
        BodyFault::Broken => {
            let text = "the request body broke off";
            SignerRefusal::new(StatusCode::INTERNAL_SERVER_ERROR, "body_broken", text)
        }
        BodyFault::NoRoom => {
            let text = "too many request bodies are on their way at once: try again in a second";
            SignerRefusal::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", text).retry_after(RETRY_AFTER)
        }
    }
}

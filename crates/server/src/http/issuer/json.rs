//! Request bodies of the issuer: a JSON object of the type that the handler asks for.
//!
//! The Go program took any content type. So do we, unless the body is declared as something else than JSON.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::api::IssuerApi;
use super::problem::{Code, Problem};
use super::promised::IssuerRefuses;
use crate::http::body::{self, Arrived};
use crate::http::budget::Charge;
use crate::http::json;

/// Deepest body: claims may be 16 deep, one level below the top, and what is deeper gets the error of claims, up to here.
const MAX_BODY_DEPTH: usize = 24;

const SAY_JSON: &str = "the body is read as JSON: send Content-Type: application/json";

/// A request's body, and what it holds of the memory for bodies until it has been worked on.
pub(super) struct StrictJson<T> {
    body: T,
    charge: Charge,
}

impl<T> StrictJson<T> {
    /// The body; the charge is for whoever works on it to keep.
    pub(super) fn into_parts(self) -> (T, Charge) {
        (self.body, self.charge)
    }
}

impl<T> Deref for StrictJson<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.body
    }
}

/// A client is named in the body, where it is not in the path.
impl<T> IssuerRefuses for StrictJson<T> {
    const CODES: &'static [Code] = &[
        Code::EmptyBody,
        Code::MalformedBody,
        Code::DuplicateMember,
        Code::BodyTooDeep,
        Code::NumberOutOfRange,
        Code::MissingMember,
        Code::InvalidMember,
        Code::UnknownMember,
        Code::ConflictingMembers,
        Code::InvalidKid,
        Code::BodyTimeout,
        Code::BodyTooLarge,
        Code::UnsupportedMediaType,
        Code::Overloaded,
    ];
}

impl<T: DeserializeOwned> FromRequest<Arc<IssuerApi>> for StrictJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Arc<IssuerApi>) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        check_content_type(&parts.headers)?;
        let Arrived { bytes, charge } =
            body::read(&parts, body, &api.limits, api.limits.max_body_bytes).await?;
        // It may hold a token.
        let bytes = Zeroizing::new(bytes);
        if bytes.is_empty() {
            return Err(Problem::new(Code::EmptyBody));
        }
        Ok(Self { body: json::read(&bytes, MAX_BODY_DEPTH)?, charge })
    }
}

/// No type, `application/json`, another `+json` type (RFC 6839 §3.1), or the type that `curl -d` sends with any body: scripts for the Go
/// program rely on it. Form bodies are rejected later, because they are not JSON. A web page elsewhere gains nothing, because browsers
/// add no credentials of ours.
fn check_content_type(headers: &HeaderMap) -> Result<(), Problem> {
    // RFC 9110 §8.4: nothing is unpacked here.
    let coding = headers
        .get(header::CONTENT_ENCODING)
        .map_or("identity", |coding| coding.to_str().unwrap_or_default());
    if !coding.eq_ignore_ascii_case("identity") {
        return Err(Problem::with_detail(
            Code::UnsupportedMediaType,
            "send the body without a Content-Encoding",
        ));
    }
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Ok(());
    };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    let json = matches!(essence.as_str(), "application/json" | "application/x-www-form-urlencoded")
        || (essence.contains('/') && essence.ends_with("+json"));
    if json { Ok(()) } else { Err(Problem::with_detail(Code::UnsupportedMediaType, SAY_JSON)) }
}

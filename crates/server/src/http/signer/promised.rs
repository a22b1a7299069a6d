//! The refusals that an operation promises in the OpenAPI document, put together from the steps that it takes.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use jwtis_signer::switch::SwitchError;
use jwtis_signer::{LoginError, NotHeld, NotSigned};
use serde_json::Value;
use utoipa::IntoResponses;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr};

use crate::http::nowhere::NOT_FOUND;

/// How an answer says no.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(super) enum AnswerShape {
    /// The array with one failure.
    Array,
    /// A bare text, of tokens and logins.
    Text,
    /// The page of a path that is not served.
    Page,
}
use AnswerShape::{Array, Page, Text};

/// What any request can be answered with.
const ANY: &[(u16, AnswerShape)] = &[
    (400, Array),
    (403, Array),
    (417, Array),
    (421, Array),
    (431, Array),
    (500, Array),
    (501, Array),
    (503, Array),
];

/// A step of a request, or its error: the answers with which it can end the request.
pub(super) trait SignerRefuses {
    const ANSWERS: &'static [(u16, AnswerShape)];
}

/// Whether there is such a page is for the operator to say.
pub(super) enum Hidden {}

impl SignerRefuses for Hidden {
    const ANSWERS: &'static [(u16, AnswerShape)] = &[(404, Page)];
}

impl SignerRefuses for NotHeld {
    const ANSWERS: &'static [(u16, AnswerShape)] = &[(404, Array), (500, Array)];
}

impl SignerRefuses for NotSigned {
    const ANSWERS: &'static [(u16, AnswerShape)] =
        &[(400, Array), (401, Array), (403, Array), (404, Array), (409, Array), (500, Array), (503, Array)];
}

impl SignerRefuses for LoginError {
    const ANSWERS: &'static [(u16, AnswerShape)] = &[(401, Text), (404, Page), (429, Text), (500, Text)];
}

impl SignerRefuses for SwitchError {
    const ANSWERS: &'static [(u16, AnswerShape)] = &[(404, Page), (503, Array)];
}

/// The refusals of an operation that takes these steps, for `responses(…)`.
pub(super) struct Refusals<T>(PhantomData<T>);

macro_rules! refusals {
    ($($step:ident)*) => {
        impl<$($step: SignerRefuses),*> IntoResponses for Refusals<($($step,)*)> {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                responses(&[ANY, $($step::ANSWERS),*].concat())
            }
        }
    };
}

refusals! { A }
refusals! { A B }
refusals! { A B C }
refusals! { A B C D }
refusals! { A B C D E }

fn responses(answers: &[(u16, AnswerShape)]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status = BTreeMap::<u16, Vec<AnswerShape>>::new();
    for (status, shape) in answers {
        by_status.entry(*status).or_default().push(*shape);
    }
    by_status
        .into_iter()
        .map(|(status, shapes)| (status.to_string(), RefOr::T(refusal(status, &shapes))))
        .collect()
}

fn refusal(status: u16, shapes: &[AnswerShape]) -> Response {
    let mut response = ResponseBuilder::new().description(meaning(status));
    if shapes.contains(&Array) {
        let failure = ContentBuilder::new().schema(Some(Ref::from_schema_name("Failure")));
        response = response.content("application/json", failure.build());
    }
    if shapes.contains(&Text) {
        let text = ObjectBuilder::new().schema_type(Type::String).build();
        response = response.content("text/plain", ContentBuilder::new().schema(Some(text)).build());
    } else if shapes.contains(&Page) {
        let page = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
        let page = page.enum_values(Some([Value::from(NOT_FOUND)])).build();
        response = response.content("text/plain", ContentBuilder::new().schema(Some(page)).build());
    }
    if matches!(status, 429 | 503) {
        response = response.header("Retry-After", HeaderBuilder::new().build());
    }
    response.build()
}

const fn meaning(status: u16) -> &'static str {
    match status {
        400 => "the request cannot be read",
        401 => "nobody says who asks",
        403 => "the key is not listed, or its policy does not allow this; or a web page asks that may not",
        404 => "the key is not known, or the route is not there",
        408 => "the body took too long",
        409 => "the watermark forbids it: it could be a second signature for one block",
        413 => "the body is too large",
        417 => "the request expects something other than `100-continue`",
        421 => "this server is not called that (`http.allowed_hosts`)",
        429 => "a pause after wrong passwords",
        431 => "the request line and the headers are too long",
        501 => "a transfer coding other than `chunked`",
        503 => "not now; with `Retry-After` where too many request bodies are on their way",
        _ => "the server, its vault or the policy hook failed",
    }
}

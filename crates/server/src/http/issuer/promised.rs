//! The problems that an operation promises in the OpenAPI document, put together from the steps that it takes.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use axum::http::StatusCode;
use jwtis_issuer::{
    ClientChangeError, IssueError, ListError, RegisterError, RenewError, RenewKeysError, RevokeError,
    VerificationError,
};
use jwtis_store::{OpenError, ReadError};
use utoipa::IntoResponses;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, SchemaType};
use utoipa::openapi::{ContentBuilder, Ref, RefOr};

use super::problem::{Code, PROBLEM_JSON};

/// What any request can be answered with.
const ANY: &[Code] = &[
    Code::MalformedHead,
    Code::ForeignOrigin,
    Code::Expectation,
    Code::ForeignHost,
    Code::HeadTooLarge,
    Code::Internal,
    Code::TransferCoding,
    Code::Timeout,
];

/// A step of a request, or its error: the codes with which it can end the request.
pub(super) trait IssuerRefuses {
    const CODES: &'static [Code];
}

macro_rules! refuses {
    ($($step:ty: $($code:ident)*;)*) => { $(
        impl IssuerRefuses for $step {
            const CODES: &'static [Code] = &[$(Code::$code,)*];
        }
    )* };
}

refuses! {
    ReadError: StoreUnavailable;
    OpenError: StoreUnavailable;
    ListError: InvalidQuery StoreUnavailable;
    ClientChangeError: UnknownKid StoreUnavailable OutcomeUnknown Contended;
    RegisterError: KidTaken ConcurrentChange Busy StoreUnavailable OutcomeUnknown Contended;
    RenewKeysError: NotGranted TooManyKeySets ConcurrentChange Busy StoreUnavailable OutcomeUnknown Contended;
    IssueError:
        OwnedClaim ForeignIssuer KeysExpired EncAlgOff ClaimsTooDeep ClaimsNumberOutOfRange ClaimsTooLarge InvalidClaim
        ExpiryInPast ExpiryBeyondLimit;
    RenewError:
        InvalidToken NotARefreshToken TokenNotYetValid TokenRevoked TokenReused SessionUnknown KeysExpired EncAlgOff
        TokenExpired StoreUnavailable OutcomeUnknown Contended;
    RevokeError: NotAToken SessionFromFuture TooManyRevocations StoreUnavailable OutcomeUnknown Contended ClockBehind;
    VerificationError: StoreUnavailable;
}

/// The problems of an operation that takes these steps, for `responses(…)`.
pub(super) struct Problems<T>(PhantomData<T>);

macro_rules! problems {
    ($($step:ident)*) => {
        impl<$($step: IssuerRefuses),*> IntoResponses for Problems<($($step,)*)> {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                responses(&[ANY, $($step::CODES),*].concat())
            }
        }
    };
}

problems! {}
problems! { A }
problems! { A B }
problems! { A B C }
problems! { A B C D }

fn responses(codes: &[Code]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status = BTreeMap::<StatusCode, Vec<Code>>::new();
    // In the order of the table, each once.
    for code in Code::ALL.iter().filter(|code| codes.contains(code)) {
        by_status.entry(code.status()).or_default().push(*code);
    }
    let response = |(status, codes): (StatusCode, Vec<Code>)| {
        (status.as_str().to_owned(), RefOr::T(problem(status, &codes)))
    };
    by_status.into_iter().map(response).collect()
}

/// The answer with this status: a problem (RFC 9457) with one of these codes.
fn problem(status: StatusCode, codes: &[Code]) -> Response {
    let titles: Vec<String> =
        codes.iter().map(|code| format!("`{}`: {}", code.name(), code.title())).collect();
    let one_of = || ObjectBuilder::new().schema_type(SchemaType::AnyValue);
    let narrower = ObjectBuilder::new()
        .property("status", one_of().enum_values(Some([status.as_u16()])))
        .property("code", one_of().enum_values(Some(codes.iter().map(|code| code.name()))));
    let schema = AllOfBuilder::new().item(Ref::from_schema_name("Problem")).item(narrower);
    let mut response = ResponseBuilder::new()
        .description(titles.join("; "))
        .content(PROBLEM_JSON, ContentBuilder::new().schema(Some(schema)).build());
    if codes.contains(&Code::Unauthorized) {
        response = response.header("WWW-Authenticate", HeaderBuilder::new().build());
    }
    if codes.iter().any(|code| code.retry_after().is_some()) {
        response = response.header("Retry-After", HeaderBuilder::new().build());
    }
    response.build()
}

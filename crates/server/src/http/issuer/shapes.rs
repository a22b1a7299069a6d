//! Shapes of single values in the OpenAPI document that are narrower than their Rust types.

use std::borrow::Cow;

use jwtis_base::{ClientId, Inactive};
use jwtis_issuer::RefreshStrategy;
use jwtis_issuer::key::plan::MAX_NAME_BYTES;
use jwtis_issuer::key::rotation::KeySetState;
use jwtis_jose::{ContentEncryption, KeyManagementAlgorithm, SignatureAlgorithm};
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, AnyOfBuilder, Object, ObjectBuilder, Schema, SchemaType, Type,
};
use utoipa::{PartialSchema, ToSchema};

use super::problem::code::Code;

/// 1 to 128 of the unreserved characters, and not what a path would lose.
pub(super) const KID: &str = r"^(?!\.{1,2}$)[A-Za-z0-9._~\-]{1,128}$";
/// A [`KID`] that [`ClientId::may_be_new`].
pub(super) const NEW_KID: &str = r"^(?!\.{1,2}$|-|jat_|jct_|eyJ)[A-Za-z0-9._~\-]{1,128}$";
const _: () = assert!(ClientId::MAX_CHARS == 128, "the pattern has the number, too");

/// A UUID of version 7 (RFC 9562 §5.7).
const UUID: &str = "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$";
/// Any UUID.
const ANY_UUID: &str = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$";

const BASE64URL: &str = r"^[A-Za-z0-9_\-]+$";
const JWS: &str = r"^[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+$";
/// The second part is empty where nothing is wrapped.
const JWE: &str = r"^[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]*\.[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+$";

macro_rules! shapes {
    ($($name:ident = $schema:expr;)*) => { $(
        pub(super) enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                Schema::from($schema).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).trim_end_matches("Text").into()
            }
        }
    )* };
}

shapes! {
    SessionIdText = like(UUID);
    // What the id names is for the use case to say.
    OptionalSession = AnyOfBuilder::new().item(like(UUID)).item(one_of(["".into(), Value::Null])).build();
    RegistrationUuid = like(ANY_UUID);
    AccessTokenText = like(JWS);
    RefreshTokenText = like(JWE);
    ClientTokenText = like("^jct_");
    ProblemUri = like("^urn:jwtis:problem:[a-z_]+$");

    TokenType = one_of(["Bearer".into()]);
    AliveStatus = one_of(["ok".into()]);
    Yes = one_of([true.into()]);
    No = one_of([false.into()]);
    ProblemCode = one_of(Code::ALL.iter().map(|code| code.name().into()));
    InactiveReason = one_of(Inactive::ALL.iter().map(|reason| reason.as_str().into()));
    StrategyName = one_of(RefreshStrategy::ALL.iter().map(|strategy| strategy.name().into()));
    SignatureAlgorithmName = one_of(SignatureAlgorithm::ALL.iter().map(|alg| alg.name().into()));
    KeyManagementAlgorithmName = one_of(KeyManagementAlgorithm::ALL.iter().map(|alg| alg.name().into()));
    ContentEncryptionName = one_of(ContentEncryption::ALL.iter().map(|enc| enc.name().into()));
    KeySetStateName = one_of(STATES.iter().map(|state| state.name().into()));

    IssuerName = text_or_null().max_length(Some(MAX_NAME_BYTES)).build();
    SignatureBits = bits(|bits| SignatureAlgorithm::ALL.iter().any(|alg| alg.check_bits(bits).is_ok()));
    KeyManagementBits = bits(|bits| KeyManagementAlgorithm::ALL.iter().any(|alg| alg.check_bits(bits).is_ok()));
}

/// A public key (RFC 7517), with its thumbprint for a `kid` (RFC 7638).
pub(super) enum PublicJwk {}

impl PartialSchema for PublicJwk {
    fn schema() -> RefOr<Schema> {
        let required = [
            ("use", one_of(["sig".into(), "enc".into()])),
            ("kty", one_of(["EC".into(), "OKP".into(), "RSA".into()])),
            ("kid", like(BASE64URL)),
            ("alg", one_of(key_algorithms())),
        ];
        let curve = one_of(["P-256".into(), "P-384".into(), "P-521".into(), "Ed25519".into()]);
        let mut jwk = ObjectBuilder::new().schema_type(Type::Object);
        for (name, schema) in required {
            jwk = jwk.property(name, schema).required(name);
        }
        jwk = jwk.property("crv", curve);
        for name in ["x", "y", "n", "e"] {
            jwk = jwk.property(name, like(BASE64URL));
        }
        jwk.additional_properties(Some(AdditionalProperties::FreeForm(false))).into()
    }
}

impl ToSchema for PublicJwk {
    fn name() -> Cow<'static, str> {
        "Jwk".into()
    }
}

/// A record of the audit trail. What it says beside these four depends on the event.
pub(super) enum AuditRecordShape {}

impl PartialSchema for AuditRecordShape {
    fn schema() -> RefOr<Schema> {
        let number = || ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
        let members = [("number", number()), ("at_ms", number()), ("event", text()), ("by", text())];
        let mut record = ObjectBuilder::new().schema_type(Type::Object);
        for (name, schema) in members {
            record = record.property(name, schema).required(name);
        }
        record.into()
    }
}

impl ToSchema for AuditRecordShape {
    fn name() -> Cow<'static, str> {
        "AuditRecord".into()
    }
}

/// That a text member is there and says something.
pub(super) fn given(name: &str) -> Object {
    holds(name, text().min_length(Some(1)).build().into())
}

/// That a member is there and is like `schema`.
pub(super) fn holds(name: &str, schema: RefOr<Schema>) -> Object {
    anything().property(name, schema).required(name).build()
}

const STATES: [KeySetState; 4] =
    [KeySetState::Pending, KeySetState::Active, KeySetState::Retiring(0), KeySetState::Retired];

fn key_algorithms() -> impl Iterator<Item = Value> {
    let signatures = SignatureAlgorithm::ALL.iter().map(|alg| alg.name().into());
    signatures.chain(KeyManagementAlgorithm::ALL.iter().map(|alg| alg.name().into()))
}

/// Sizes that are possible, or nothing.
fn bits(possible: impl Fn(u32) -> bool) -> Object {
    let sizes = (1..=8192).filter(|bits| possible(*bits)).map(Value::from);
    one_of(sizes.chain([0.into(), Value::Null]))
}

fn like(pattern: &str) -> Object {
    text().pattern(Some(pattern)).build()
}

pub(super) fn one_of(values: impl IntoIterator<Item = Value>) -> Object {
    anything().enum_values(Some(values)).build()
}

pub(super) fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

pub(super) fn text_or_null() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null]))
}

pub(super) fn anything() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::AnyValue)
}

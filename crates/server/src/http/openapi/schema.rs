//! Members of request bodies, and what they may hold as JSON Schema (2020-12).
//!
//! A schema accepts what the reader in `http/issuer/body.rs` accepts and nothing else, but for rules between members and between a
//! member and the state of the server, which JSON Schema cannot say.

use jwtis_base::ClientId;
use jwtis_issuer::RefreshStrategy;
use jwtis_issuer::key::plan::{MAX_AUDIENCES, MAX_NAME_BYTES};
use jwtis_issuer::token::claims::OWNED_CLAIMS;
use jwtis_jose::{ContentEncryption, KeyManagementAlgorithm, SignatureAlgorithm};
use serde_json::{Map, Value, json};

/// 1 to 128 of the unreserved characters, and not what a path would lose.
pub(in crate::http) const KID: &str = r"^(?!\.{1,2}$)[A-Za-z0-9._~\-]{1,128}$";
const _: () = assert!(ClientId::MAX_CHARS == 128, "the pattern has the number, too");

/// A Go duration without a sign (`core/src/ttl.rs`), or nothing.
const DURATION: &str = r"^(\+?(0|(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+))?$";

/// A UUID of version 7 (RFC 9562 §5.7).
pub(in crate::http) const UUID: &str =
    "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$";

/// A member of a body: its name, what it may hold, and what it means.
#[derive(Copy, Clone, Debug)]
pub(in crate::http) struct Member(
    pub(in crate::http) &'static str,
    pub(in crate::http) Kind,
    pub(in crate::http) &'static str,
);

/// What a member may hold. Null and the empty text count as left out, where they are allowed.
#[derive(Copy, Clone, Debug)]
pub(in crate::http) enum Kind {
    Kid,
    Duration,
    SignatureAlgorithm,
    SignatureBits,
    KeyManagementAlgorithm,
    KeyManagementBits,
    ContentEncryption,
    RefreshStrategy,
    /// `iss`.
    Issuer,
    /// `aud`, one or several.
    Audience,
    Claims,
    Session,
    Text,
    RequiredText,
    Flag,
}

impl Kind {
    /// The schema.
    pub(in crate::http) fn schema(self) -> Value {
        match self {
            Self::Kid => json!({ "type": "string", "pattern": KID }),
            Self::Duration => json!({
                "anyOf": [
                    { "type": "string", "pattern": DURATION },
                    { "const": 0 },
                    { "type": "integer", "minimum": 1_000_000_000, "maximum": i64::MAX },
                ],
                "examples": ["72h", "1h30m", 60_000_000_000_u64],
            }),
            Self::SignatureAlgorithm => one_of(SignatureAlgorithm::ALL.iter().map(|alg| alg.name())),
            Self::KeyManagementAlgorithm => one_of(KeyManagementAlgorithm::ALL.iter().map(|alg| alg.name())),
            Self::ContentEncryption => one_of(ContentEncryption::ALL.iter().map(|enc| enc.name())),
            Self::RefreshStrategy => one_of(RefreshStrategy::ALL.iter().map(|strategy| strategy.name())),
            Self::SignatureBits => {
                bits(|bits| SignatureAlgorithm::ALL.iter().any(|alg| alg.check_bits(bits).is_ok()))
            }
            Self::KeyManagementBits => {
                bits(|bits| KeyManagementAlgorithm::ALL.iter().any(|alg| alg.check_bits(bits).is_ok()))
            }
            Self::Issuer => json!({ "type": ["string", "null"], "maxLength": MAX_NAME_BYTES }),
            Self::Audience => json!({
                "anyOf": [
                    { "type": ["string", "null"], "maxLength": MAX_NAME_BYTES },
                    {
                        "type": "array",
                        "maxItems": MAX_AUDIENCES,
                        "items": { "type": "string", "minLength": 1, "maxLength": MAX_NAME_BYTES },
                    },
                ],
            }),
            Self::Claims => claims(),
            Self::Session => {
                json!({ "anyOf": [{ "type": "string", "pattern": UUID }, { "enum": ["", null] }] })
            }
            Self::Text => json!({ "type": ["string", "null"] }),
            Self::RequiredText => json!({ "type": "string", "minLength": 1 }),
            Self::Flag => json!({ "type": ["boolean", "null"] }),
        }
    }
}

/// The schema of a body with `members`, of which `required` must be there. Members that are not listed are ignored, so they are allowed.
pub(in crate::http) fn object(members: &[Member], required: &[&str]) -> Value {
    let mut properties = Map::new();
    for Member(name, kind, means) in members {
        let mut schema = kind.schema();
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("description".to_owned(), (*means).into());
        }
        properties.insert((*name).to_owned(), schema);
    }
    json!({ "type": "object", "properties": properties, "required": required })
}

/// That a text member is there and says something.
pub(in crate::http) fn given(name: &str) -> Value {
    json!({ "required": [name], "properties": { name: { "type": "string", "minLength": 1 } } })
}

/// A name out of a table, or nothing.
fn one_of(names: impl Iterator<Item = &'static str>) -> Value {
    let names: Vec<Value> = names.map(Value::from).chain(["".into(), Value::Null]).collect();
    json!({ "enum": names })
}

/// A size that some algorithm has, or nothing.
fn bits(possible: impl Fn(u32) -> bool) -> Value {
    let sizes: Vec<Value> =
        (1..=8192).filter(|bits| possible(*bits)).map(Value::from).chain([0.into(), Value::Null]).collect();
    json!({ "enum": sizes })
}

/// Claims of an issue call. The server's own are not among them.
fn claims() -> Value {
    let owned = OWNED_CLAIMS.iter().map(|name| ((*name).to_owned(), Value::Bool(false)));
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    let mut properties: Map<String, Value> = owned.collect();
    properties.insert("iss".to_owned(), json!({ "type": "string", "description": "the client's issuer" }));
    properties.insert("sub".to_owned(), json!({ "type": "string" }));
    properties.insert("aud".to_owned(), json!({ "anyOf": [{ "type": "string" }, texts] }));
    properties.insert("exp".to_owned(), json!({ "type": "number", "description": "seconds since 1970" }));
    json!({ "type": "object", "properties": properties })
}

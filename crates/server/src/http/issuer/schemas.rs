//! The shapes of the issuer's answers, for the OpenAPI document. Every answer that a test sees is compared with them.

use jwtis_base::Inactive;
use jwtis_issuer::RefreshStrategy;
use jwtis_issuer::key::rotation::KeySetState;
use jwtis_jose::{ContentEncryption, KeyManagementAlgorithm, SignatureAlgorithm};
use serde_json::{Map, Value, json};

use super::problem::Code;
use crate::http::openapi::schema::{KID, UUID};

/// The Components Object.
pub(super) fn components() -> Value {
    json!({
        "schemas": schemas(),
        "headers": {
            "X-Request-Id": {
                "description": "names the request in the server's log; yours, where you sent one of this form",
                "required": true,
                "schema": { "type": "string", "pattern": "^[A-Za-z0-9._\\-]{1,64}$" },
            },
            "Cache-Control": {
                "description": "`no-store` on everything but the JWK set",
                "required": true,
                "schema": { "enum": ["no-store", super::keys::CACHE_CONTROL] },
            },
            "ETag": {
                "description": "changes with the body",
                "required": true,
                "schema": { "type": "string", "pattern": "^\"[A-Za-z0-9_\\-]{43}\"$" },
            },
            "WWW-Authenticate": {
                "description": "how to authenticate",
                "required": true,
                "schema": { "const": super::problem::CHALLENGE },
            },
            "Retry-After": {
                "description": "seconds after which a retry makes sense",
                "required": true,
                "schema": { "type": "integer", "minimum": 1 },
            },
        },
        "securitySchemes": {
            "bearer": {
                "type": "http", "scheme": "bearer",
                "description": "`jct_…` of the client that the request is about, or `jat_…` of the admin",
            },
            "basic": { "type": "http", "scheme": "basic", "description": "the `kid` and its token" },
            "clientToken": { "type": "apiKey", "in": "header", "name": "ClientToken" },
        },
    })
}

fn schemas() -> Value {
    let key = json!({ "$ref": "#/components/schemas/Jwk" });
    let active = [
        ("kid", json!({ "type": "string", "pattern": KID })),
        ("pub_sig_key", key.clone()),
        ("pub_enc_key", key.clone()),
        ("expiry", seconds()),
        ("valid", json!({ "type": "boolean" })),
        ("refresh_strategy", strategy()),
    ];
    let token = ("client_token", json!({ "type": "string", "pattern": "^jct_" }));
    let short = [("sig", key.clone()), ("enc", key)];
    json!({
        "Problem": problem(),
        "Alive": exactly([("status", json!({ "const": "ok" }))]),
        "Nothing": exactly([]),
        "Jwk": jwk(),
        "JwkSet": exactly([("keys", json!({ "type": "array", "items": { "$ref": "#/components/schemas/Jwk" } }))]),
        "ActiveKeys": exactly(active.clone()),
        "Registration": with(active.clone().into_iter().chain([token]), [notice()]),
        "PublicKeys": exactly(active.into_iter().chain(short)),
        "Tokens": tokens(),
        "Verified": verified(),
        "Client": client(),
        "Clients": exactly([
            ("clients", json!({ "type": "array", "items": { "$ref": "#/components/schemas/Client" } })),
            ("next", json!({ "type": ["string", "null"] })),
        ]),
    })
}

/// An object with all of these members and no other.
fn exactly(members: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    with(members, [])
}

/// An object with all of these members, and some of the others.
fn with(
    members: impl IntoIterator<Item = (&'static str, Value)>,
    others: impl IntoIterator<Item = (&'static str, Value)>,
) -> Value {
    let own = |(name, schema): (&str, Value)| (name.to_owned(), schema);
    let mut properties: Map<String, Value> = members.into_iter().map(own).collect();
    let required: Vec<String> = properties.keys().cloned().collect();
    properties.extend(others.into_iter().map(own));
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn seconds() -> Value {
    json!({ "type": "integer", "minimum": 0, "description": "seconds since 1970-01-01T00:00:00Z" })
}

/// Where the strategy gives something up.
fn notice() -> (&'static str, Value) {
    ("notice", json!({ "type": "string", "description": "what the refresh strategy gives up" }))
}

fn strategy() -> Value {
    json!({ "enum": RefreshStrategy::ALL.map(RefreshStrategy::name) })
}

/// Names of a table.
fn names<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|row| name(*row)).collect()
}

fn problem() -> Value {
    let text = json!({ "type": "string" });
    with(
        [
            ("type", json!({ "type": "string", "pattern": "^urn:jwtis:problem:[a-z_]+$" })),
            ("title", text.clone()),
            ("status", json!({ "type": "integer" })),
            ("code", json!({ "enum": names(Code::ALL, Code::name), "description": "never renamed" })),
            ("request_id", text.clone()),
        ],
        [("detail", text)],
    )
}

/// A public key (RFC 7517), with its thumbprint for a `kid` (RFC 7638).
fn jwk() -> Value {
    let alg = names(SignatureAlgorithm::ALL, SignatureAlgorithm::name)
        .into_iter()
        .chain(names(KeyManagementAlgorithm::ALL, KeyManagementAlgorithm::name));
    let part = json!({ "type": "string", "pattern": "^[A-Za-z0-9_\\-]+$" });
    with(
        [
            ("use", json!({ "enum": ["sig", "enc"] })),
            ("kty", json!({ "enum": ["EC", "OKP", "RSA"] })),
            ("kid", part.clone()),
            ("alg", json!({ "enum": alg.collect::<Vec<_>>() })),
        ],
        [
            ("crv", json!({ "enum": ["P-256", "P-384", "P-521", "Ed25519"] })),
            ("x", part.clone()),
            ("y", part.clone()),
            ("n", part.clone()),
            ("e", part),
        ],
    )
}

fn tokens() -> Value {
    let part = "[A-Za-z0-9_\\-]+";
    let jws = json!({ "type": "string", "pattern": format!("^{part}\\.{part}\\.{part}$") });
    let jwe = json!({ "type": "string", "pattern": format!("^{part}\\.[A-Za-z0-9_\\-]*\\.{part}\\.{part}\\.{part}$") });
    exactly([
        ("id", json!({ "type": "string", "pattern": UUID, "description": "the session" })),
        ("auth_token", jws.clone()),
        ("access_token", jws),
        ("refresh_token", jwe),
        ("expiry", seconds()),
        ("refresh_expiry", seconds()),
        ("expires_in", json!({ "type": "integer", "minimum": 0, "description": "seconds" })),
        ("token_type", json!({ "const": "Bearer" })),
    ])
}

fn verified() -> Value {
    let reasons = names(&Inactive::ALL, Inactive::as_str);
    json!({
        "oneOf": [
            with(
                [("active", json!({ "const": true })), ("claims", json!({ "type": "object" }))],
                [("matches", json!({ "type": "boolean" }))],
            ),
            exactly([("active", json!({ "const": false })), ("reason", json!({ "enum": reasons }))]),
        ],
    })
}

fn client() -> Value {
    let duration = json!({ "type": "string", "description": "a Go duration" });
    let number = json!({ "type": "integer" });
    let kid = json!({ "type": "string" });
    let states = [KeySetState::Pending, KeySetState::Active, KeySetState::Retiring(0), KeySetState::Retired];
    let key_set = with(
        [
            ("sig_kid", kid.clone()),
            ("enc_kid", kid),
            ("state", json!({ "enum": states.map(KeySetState::name) })),
            ("expiry", seconds()),
        ],
        [("until", seconds())],
    );
    let members = [
        ("kid", json!({ "type": "string", "pattern": KID })),
        (
            "registration",
            json!({ "type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$" }),
        ),
        ("created_at", seconds()),
        ("disabled", json!({ "type": "boolean" })),
        ("expiry", seconds()),
        ("valid", json!({ "type": "boolean" })),
        ("sig_alg", json!({ "enum": names(SignatureAlgorithm::ALL, SignatureAlgorithm::name) })),
        ("sig_bits", number.clone()),
        ("enc_alg", json!({ "enum": names(KeyManagementAlgorithm::ALL, KeyManagementAlgorithm::name) })),
        ("enc_bits", number),
        ("cont_enc", json!({ "enum": names(ContentEncryption::ALL, ContentEncryption::name) })),
        ("auth_ttl", duration.clone()),
        ("refresh_ttl", duration),
        ("refresh_strategy", strategy()),
        ("issuer", json!({ "type": "string" })),
        ("audience", json!({ "type": "array", "items": { "type": "string" } })),
        ("key_sets", json!({ "type": "array", "minItems": 1, "items": key_set })),
    ];
    with(members, [notice()])
}

//! The signer's routes, one row each: the handler, and what the OpenAPI document says of it.
//!
//! The document says what this server does with every guard. Which of it a caller meets is the operator's configuration: without users
//! there is no `/login`, and without `known_keys` no such page (§1.6, §2.1).

use std::sync::Arc;

use axum::routing::{MethodRouter, get, post};
use serde_json::{Map, Value, json};

use super::table::{Frame, Operation, Route, document as described};
use super::{Api, keys, login, switch};
use crate::http::paths::NOT_FOUND;

/// How an answer says no (§1.3).
#[derive(Copy, Clone, PartialEq, Eq)]
enum Shape {
    /// The array with one failure.
    Array,
    /// A bare text, of tokens and logins.
    Text,
    /// The page of what is not there.
    Page,
}
use Shape::{Array, Page, Text};

/// What anyone may read.
pub(super) const PUBLIC_KEY: &str = "/keys/{pkh}";

/// What any request can be answered with. 400 is also a broken percent-encoding.
const ANY: &[(u16, Shape)] = &[
    (400, Text),
    (400, Array),
    (403, Array),
    (404, Page),
    (417, Array),
    (421, Array),
    (431, Array),
    (500, Array),
    (501, Array),
    (503, Array),
];
/// What a request that needs a token can.
const TOKEN: &[(u16, Shape)] = &[(401, Text), (503, Text)];
/// What a request that names a key can.
const KEY: &[(u16, Shape)] = &[(400, Array), (403, Array), (404, Array)];
/// What a request that a client may have to sign can (§1.8).
const SIGNED: &[(u16, Shape)] = &[(400, Array), (401, Array), (403, Array)];

/// Every route. HEAD is answered like GET, without the body (RFC 9110 §9.3.2).
pub(super) fn all() -> Vec<Route<Arc<Api>>> {
    let row = Row::new;
    let object = |name: &str, schema: Value| {
        json!({
            "type": "object", "properties": { name: schema }, "required": [name], "additionalProperties": false,
        })
    };
    let hashes = |name: &str| object(name, json!({ "type": "array", "items": hash() }));
    let text = json!({ "type": "string", "pattern": "^[A-Za-z0-9]+$" });
    let mut authorized = hashes("authorized_keys");
    if let Some(schema) = authorized.as_object_mut() {
        // Left out where it would be empty.
        schema.remove("required");
    }
    let message = json!({ "type": "string", "pattern": "^([0-9A-Fa-f]{2})*$", "description": "the message in hexadecimal digits" });
    vec![
        row(201, "text/plain", json!({ "type": "string" }))
            .header("username", "the user; or `x-signatory-user`")
            .header("password", "his password")
            .answers(&[(401, Text), (429, Text), (500, Text)])
            .route("post", "/login", "login", "A token for name and password; where users are configured", post(login::login).fallback(login::other_method)),
        row(200, JSON, object("signature", text.clone()))
            .key()
            .query("version", "version of the signing protocol: `0`, `1`, or `2` for the latest, which all else is taken for")
            .query("authentication", "the client's signature of the request, where the guard asks for one")
            .body(message)
            .answers(&[SIGNED, &[(408, Array), (409, Array), (413, Array)]].concat())
            .route("post", "/keys/{pkh}", "sign", "Sign a message, within the key's policy and never twice for one block", post(keys::sign)),
        row(200, JSON, object("public_key", text.clone()))
            .key()
            .route("get", PUBLIC_KEY, "publicKey", "The public key", get(keys::show)),
        row(200, JSON, switched())
            .of_admin()
            .route("post", "/keys/{pkh}/disable", "disableKey", "Switch a key off: it signs and proves nothing", post(switch::disable)),
        row(200, JSON, switched())
            .of_admin()
            .route("post", "/keys/{pkh}/enable", "enableKey", "Switch a key on again", post(switch::enable)),
        row(200, JSON, object("bls_prove_possession", text))
            .key()
            .query("authentication", "the client's signature of the request, where the guard asks for one")
            .answers(SIGNED)
            .route("get", "/bls_prove_possession/{pkh}", "provePossession", "Proof of possession of a tz4 key", get(keys::prove)),
        row(200, JSON, authorized)
            .token()
            .route("get", "/authorized_keys", "authorizedKeys", "Whose signatures open the signer", get(keys::authorized)),
        row(200, JSON, hashes("known_keys"))
            .token()
            .route(
                "get",
                "/known_keys",
                "knownKeys",
                "The keys that may sign; where the operator tells",
                get(keys::known).fallback(keys::known_by_other_method),
            ),
    ]
}

/// `Content-Type` without its parameters.
const JSON: &str = "application/json";

/// The document of all routes.
pub(super) fn document() -> Value {
    let token = |name: &str| json!({ "type": "apiKey", "in": "header", "name": name });
    let frame = Frame {
        title: "jwtis signer",
        description: "A remote signer for Tezos, which octez-client, octez-baker and Taquito use as they use octez-signer or Signatory. docs/signer.md explains. Tokens are asked for where users or issuers are configured. Paths are cleaned as Go cleans them: what differs is answered with 301.",
        server: "http://127.0.0.1:6732",
        components: json!({
            "schemas": { "Failure": failure() },
            "headers": {
                "X-Request-Id": {
                    "description": "names the request in the server's log; yours, where you sent one of this form",
                    "required": true,
                    "schema": { "type": "string", "pattern": "^[A-Za-z0-9._\\-]{1,64}$" },
                },
                "Cache-Control": { "required": true, "schema": { "const": "no-store" } },
                "Retry-After": {
                    "description": "seconds; of pauses after wrong passwords, and where too many bodies are on their way",
                    "schema": { "type": "integer", "minimum": 1 },
                },
            },
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "of a login, or of a trusted client of the issuer" },
                "admin": { "type": "http", "scheme": "bearer", "description": "the admin token of the store" },
                "user": token("username"),
                "octezToken": token("x-signatory-token"),
                "octezUser": token("x-signatory-user"),
            },
        }),
    };
    described(frame, all())
}

/// Signatory's array with one failure (§1.3).
fn failure() -> Value {
    json!({
        "type": "array",
        "minItems": 1,
        "maxItems": 1,
        "items": {
            "type": "object",
            "properties": {
                "id": { "const": "failure" },
                "kind": { "const": "temporary" },
                "msg": { "type": "string", "description": "octez-client prints it" },
            },
            "required": ["id", "kind"],
            "additionalProperties": false,
        },
    })
}

/// What the kill switch of a key answers.
fn switched() -> Value {
    json!({
        "type": "object",
        "properties": { "public_key_hash": hash(), "disabled": { "type": "boolean" } },
        "required": ["public_key_hash", "disabled"],
        "additionalProperties": false,
    })
}

fn hash() -> Value {
    json!({ "type": "string", "pattern": "^tz[1-4][1-9A-HJ-NP-Za-km-z]{33}$" })
}

/// A route that is being described, from its success on.
struct Row {
    security: Value,
    parameters: Vec<Value>,
    body: Value,
    success: (u16, Value),
    answers: Vec<(u16, Shape)>,
}

impl Row {
    fn new(status: u16, media_type: &str, schema: Value) -> Self {
        let success = json!({ "description": "success", "headers": headers(status), "content": { media_type: { "schema": schema } } });
        Self {
            security: json!([]),
            parameters: Vec::new(),
            body: Value::Null,
            success: (status, success),
            answers: ANY.to_vec(),
        }
    }

    fn token(mut self) -> Self {
        self.security =
            json!([{ "token": [], "user": [] }, { "token": [] }, { "octezToken": [], "octezUser": [] }]);
        self.answers(TOKEN)
    }

    fn key(mut self) -> Self {
        self.parameters.push(pkh());
        self.token().answers(KEY)
    }

    /// A route about a key, for the admin.
    fn of_admin(mut self) -> Self {
        self.parameters.push(pkh());
        self.security = json!([{ "admin": [] }]);
        self.answers(&[(400, Array), (401, Text)])
    }

    fn header(self, name: &str, means: &str) -> Self {
        self.parameter("header", name, means)
    }

    fn query(self, name: &str, means: &str) -> Self {
        self.parameter("query", name, means)
    }

    fn parameter(mut self, place: &str, name: &str, means: &str) -> Self {
        let schema = json!({ "type": "string" });
        self.parameters.push(json!({ "name": name, "in": place, "description": means, "schema": schema }));
        self
    }

    fn body(mut self, schema: Value) -> Self {
        self.body = json!({ "required": true, "content": { JSON: { "schema": schema } } });
        self
    }

    fn answers(mut self, answers: &[(u16, Shape)]) -> Self {
        self.answers.extend(answers);
        self
    }

    fn route(
        self,
        method: &'static str,
        path: &'static str,
        id: &'static str,
        summary: &'static str,
        handler: MethodRouter<Arc<Api>>,
    ) -> Route<Arc<Api>> {
        let (status, success) = self.success;
        let mut statuses: Vec<u16> = self.answers.iter().map(|(status, _)| *status).collect();
        statuses.sort_unstable();
        statuses.dedup();
        let refusals = statuses.into_iter().map(|status| {
            let shapes = |shape| self.answers.contains(&(status, shape));
            (status.to_string(), refusal(status, shapes(Array), shapes(Text), shapes(Page)))
        });
        let responses: Map<String, Value> =
            [(status.to_string(), success)].into_iter().chain(refusals).collect();
        let (security, parameters, body) = (self.security, self.parameters, self.body);
        let operation = Operation { method, path, id, summary, security, parameters, body, responses };
        Route { operation, handler }
    }
}

fn pkh() -> Value {
    json!({ "name": "pkh", "in": "path", "required": true, "description": "hash of the key", "schema": hash() })
}

fn refusal(status: u16, array: bool, text: bool, page: bool) -> Value {
    let mut content = Map::new();
    if array {
        content.insert(JSON.to_owned(), json!({ "schema": { "$ref": "#/components/schemas/Failure" } }));
    }
    if text {
        content.insert("text/plain".to_owned(), json!({ "schema": { "type": "string" } }));
    } else if page {
        content.insert("text/plain".to_owned(), json!({ "schema": { "const": NOT_FOUND } }));
    }
    json!({ "description": meaning(status), "headers": headers(status), "content": content })
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

/// Headers of an answer.
fn headers(status: u16) -> Value {
    let more: &[&str] = if matches!(status, 429 | 503) { &["Retry-After"] } else { &[] };
    let names = ["X-Request-Id", "Cache-Control"].iter().chain(more);
    names
        .map(|name| ((*name).to_owned(), json!({ "$ref": format!("#/components/headers/{name}") })))
        .collect()
}

//! The issuer's routes, one row each: the handler, and what the OpenAPI document says of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::routing::{MethodRouter, delete, get, post};
use jwtis_store::RecordKey;
use serde_json::{Map, Value, json};

use super::problem::{Code, PROBLEM_JSON};
use super::tokens::{self, ACCESS_TOKEN};
use super::{Api, backup, clients, keys, schemas};
use crate::http::openapi::schema::{KID, given, object};
use crate::http::openapi::{Frame, Operation, Route, document as described};

/// The one route without a time limit.
pub(super) const BACKUP: &str = "/store/backup";

/// What anyone may read.
const PUBLIC: &[&str] = &["/", "/ping", "/openapi.json", "/keys/{kid}", "/keys/{kid}/jwks.json"];

/// Who may ask.
#[derive(Copy, Clone, PartialEq, Eq)]
enum For {
    Anybody,
    /// The admin, and of some routes the client.
    Token,
}

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
/// What a request that needs a token can.
const TOKEN: &[Code] = &[Code::AmbiguousCredentials, Code::Unauthorized];
/// What a request that names a client in its path can.
const PATH: &[Code] = &[Code::InvalidKid, Code::UnknownRoute];
/// What reads the store can.
const READS: &[Code] = &[Code::StoreUnavailable];
/// What changes the store can.
const WRITES: &[Code] = &[Code::StoreUnavailable, Code::Contended];
/// What a request with a body can.
const BODY: &[Code] = &[
    Code::EmptyBody,
    Code::MalformedBody,
    Code::DuplicateMember,
    Code::BodyTooDeep,
    Code::NumberOutOfRange,
    Code::MissingMember,
    Code::InvalidMember,
    Code::UnknownMember,
    Code::ConflictingMembers,
    Code::BodyTimeout,
    Code::BodyTooLarge,
    Code::UnsupportedMediaType,
    Code::Overloaded,
];
/// What a request that names a client in its body can.
const CLIENT: &[Code] = &[Code::InvalidKid, Code::UnknownKid];
/// What making keys can.
const KEYS: &[Code] = &[Code::Busy, Code::ConcurrentChange];
/// What claims can.
const CLAIMS: &[Code] = &[
    Code::OwnedClaim,
    Code::ForeignIssuer,
    Code::ClaimsTooDeep,
    Code::ClaimsNumberOutOfRange,
    Code::ClaimsTooLarge,
    Code::InvalidClaim,
    Code::ExpiryInPast,
    Code::ExpiryBeyondLimit,
];
/// What a client that is switched off can be told.
const DISABLED: &[Code] = &[Code::ClientDisabled];
/// What renewing can.
const RENEWAL: &[Code] = &[
    Code::InvalidToken,
    Code::NotARefreshToken,
    Code::TokenNotYetValid,
    Code::TokenRevoked,
    Code::TokenReused,
    Code::SessionUnknown,
    Code::KeysExpired,
    Code::TokenExpired,
];

/// Every route.
pub(super) fn all() -> Vec<Route<Arc<Api>>> {
    let renewed = object(&[&[tokens::KID], clients::OPTIONS].concat(), &["kid"]);
    let issue = object(tokens::ISSUE, &["kid"]);
    let renew = object(tokens::RENEW, &["kid", "refresh_token"]);
    let answer = |status, schema| Row::new(status, "application/json", json!({ "$ref": schema }));
    let keys = "#/components/schemas/ActiveKeys";
    let token_set = "#/components/schemas/Tokens";
    vec![
        Row::new(200, "text/plain", json!({ "type": "string" })).get("/", "greeting", "What this is", get(super::greeting)),
        answer(200, "#/components/schemas/Alive").get("/ping", "ping", "Whether the server answers", get(super::ping)),
        Row::new(200, "application/json", json!({ "type": "object", "required": ["openapi", "info", "paths"] }))
            .get("/openapi.json", "openapi", "This document", get(super::described)),
        answer(201, "#/components/schemas/Registration")
            .kid()
            .token()
            .body(object(clients::OPTIONS, &[]))
            .codes(&[WRITES, KEYS, &[Code::KidTaken]])
            .post("/register/{kid}", "register", "Register a client; for the admin, or for anybody where registration is open", post(clients::register)),
        answer(200, "#/components/schemas/PublicKeys")
            .kid()
            .codes(&[READS, &[Code::UnknownKid]])
            .get("/keys/{kid}", "publicKeys", "The active public keys of a client", get(keys::public)),
        Row::new(200, "application/jwk-set+json", json!({ "$ref": "#/components/schemas/JwkSet" }))
            .kid()
            .cached()
            .codes(&[READS, &[Code::UnknownKid]])
            .get("/keys/{kid}/jwks.json", "jwks", "Every signing key that a verifier may still meet (RFC 7517)", get(keys::jwks)),
        answer(201, keys)
            .token()
            .body(renewed)
            .codes(&[WRITES, KEYS, CLIENT, DISABLED, &[Code::TooManyKeySets, Code::NotGranted]])
            .post("/renew_keys", "renewKeys", "New keys for a client", post(clients::renew_keys)),
        answer(201, token_set)
            .token()
            .body(issue)
            .codes(&[READS, CLIENT, CLAIMS, DISABLED, &[Code::KeysExpired]])
            .post("/issue_token", "issueToken", "Open a session and issue its first tokens", post(tokens::issue)),
        answer(201, token_set)
            .token()
            .body(renew)
            .codes(&[WRITES, CLIENT, DISABLED, RENEWAL])
            .post("/renew_token", "renewToken", "Exchange a refresh token for new tokens", post(tokens::renew)),
        answer(200, "#/components/schemas/Nothing")
            .token()
            .body(revocation())
            .codes(&[WRITES, CLIENT, DISABLED, &[Code::NotAToken, Code::SessionFromFuture, Code::TooManyRevocations, Code::ClockBehind]])
            .post("/revoke_token", "revokeToken", "End sessions; an unknown or expired token is a success too (RFC 7009)", post(tokens::revoke)),
        answer(200, "#/components/schemas/Verified")
            .token()
            .body(verification())
            .codes(&[READS, CLIENT, DISABLED])
            .post("/verify_token", "verifyToken", "Whether an access token is valid now (after RFC 7662)", post(tokens::verify)),
        answer(200, "#/components/schemas/Clients")
            .token()
            .parameter(json!({
                "name": "limit", "in": "query", "description": "most clients of a page",
                "schema": { "type": "integer", "minimum": 1, "maximum": jwtis_issuer::MAX_PAGE },
            }))
            .parameter(json!({
                "name": "after", "in": "query", "description": "the `next` of the page before",
                "schema": { "type": "string", "pattern": format!("^([0-9a-f]{{2}}){{1,{}}}$", RecordKey::MAX_BYTES) },
            }))
            .codes(&[READS, &[Code::InvalidQuery]])
            .get("/clients", "clients", "A page of clients; for the admin", get(clients::list)),
        answer(200, "#/components/schemas/Client")
            .kid()
            .token()
            .codes(&[READS, DISABLED, &[Code::UnknownKid]])
            .get("/clients/{kid}", "client", "A client", get(clients::show)),
        Row::empty(204)
            .kid()
            .token()
            .codes(&[WRITES, &[Code::UnknownKid]])
            .route("delete", "/clients/{kid}", "deleteClient", "End a client, its keys and all its tokens; for the admin", delete(clients::delete)),
        answer(200, "#/components/schemas/Nothing")
            .kid()
            .token()
            .codes(&[WRITES, &[Code::UnknownKid]])
            .post("/clients/{kid}/disable", "disableClient", "Switch a client off, at once; for the admin", post(clients::disable)),
        answer(200, "#/components/schemas/Nothing")
            .kid()
            .token()
            .codes(&[WRITES, &[Code::UnknownKid]])
            .post("/clients/{kid}/enable", "enableClient", "Switch a client on again; for the admin", post(clients::enable)),
        Row::new(200, "application/octet-stream", json!({}))
            .token()
            .codes(&[READS])
            .get(BACKUP, "backup", "A sealed copy of the store; for the admin", get(backup::download)),
    ]
}

/// Whether anyone may read what is at `route`, web pages too.
pub(super) fn is_public(route: &str) -> bool {
    PUBLIC.contains(&route)
}

/// The document of all routes.
pub(super) fn document() -> Value {
    let frame = Frame {
        title: "jwtis issuer",
        description: "An application server registers once and from then on asks for JSON Web Tokens. docs/api.md explains.",
        server: "http://127.0.0.1:4343",
        components: schemas::components(),
    };
    described(frame, all())
}

/// Beside the client, exactly one thing to end.
fn revocation() -> Value {
    let [auth, access] = ACCESS_TOKEN;
    let all = json!({ "required": ["all"], "properties": { "all": { "const": true } } });
    let mut body = object(tokens::REVOKE, &["kid"]);
    let choice = json!([
        given("id"),
        given("refresh_token"),
        { "anyOf": [given(auth), given(access)] },
        given("sub"),
        all,
    ]);
    set(&mut body, "oneOf", choice);
    body
}

/// The access token under one of its names.
fn verification() -> Value {
    let mut body = object(tokens::VERIFY, &["kid"]);
    set(&mut body, "anyOf", ACCESS_TOKEN.map(given).into_iter().collect());
    body
}

fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}

/// A route that is being described, from its success on.
struct Row {
    access: For,
    parameters: Vec<Value>,
    body: Value,
    success: (u16, Value),
    unchanged: bool,
    codes: Vec<Code>,
}

impl Row {
    fn new(status: u16, media_type: &str, schema: Value) -> Self {
        let mut row = Self::empty(status);
        set(&mut row.success.1, "content", json!({ media_type: { "schema": schema } }));
        row
    }

    fn empty(status: u16) -> Self {
        let success = (status, json!({ "description": "success", "headers": headers(&[]) }));
        Self {
            access: For::Anybody,
            parameters: Vec::new(),
            body: Value::Null,
            success,
            unchanged: false,
            codes: ANY.to_vec(),
        }
    }

    fn parameter(mut self, parameter: Value) -> Self {
        self.parameters.push(parameter);
        self
    }

    fn kid(self) -> Self {
        self.parameter(json!({
            "name": "kid", "in": "path", "required": true, "description": "the client",
            "schema": { "type": "string", "pattern": KID },
        }))
        .codes(&[PATH])
    }

    fn token(mut self) -> Self {
        self.access = For::Token;
        self.codes(&[TOKEN])
    }

    fn body(mut self, schema: Value) -> Self {
        self.body = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
        self.codes(&[BODY])
    }

    /// Verifiers ask again with the tag of what they have (RFC 9110 §13.1.2).
    fn cached(mut self) -> Self {
        set(&mut self.success.1, "headers", headers(&["ETag"]));
        self.unchanged = true;
        self.parameter(json!({
            "name": "If-None-Match", "in": "header", "description": "`ETag` of the copy that you have",
            "schema": { "type": "string" },
        }))
    }

    fn codes(mut self, codes: &[&[Code]]) -> Self {
        self.codes.extend(codes.iter().copied().flatten());
        self
    }

    fn get(
        self,
        path: &'static str,
        id: &'static str,
        summary: &'static str,
        to: MethodRouter<Arc<Api>>,
    ) -> Route<Arc<Api>> {
        self.route("get", path, id, summary, to)
    }

    fn post(
        self,
        path: &'static str,
        id: &'static str,
        summary: &'static str,
        to: MethodRouter<Arc<Api>>,
    ) -> Route<Arc<Api>> {
        self.route("post", path, id, summary, to)
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
        let mut responses = Map::from_iter([(status.to_string(), success)]);
        if self.unchanged {
            let answer = json!({ "description": "your copy is the newest", "headers": headers(&["ETag"]) });
            responses.insert("304".to_owned(), answer);
        }
        let mut problems = BTreeMap::<u16, Vec<Code>>::new();
        // In the order of the table, each once.
        for code in Code::ALL.iter().filter(|code| self.codes.contains(code)) {
            problems.entry(code.status().as_u16()).or_default().push(*code);
        }
        responses.extend(
            problems.into_iter().map(|(status, codes)| (status.to_string(), problem(status, &codes))),
        );
        let security = match self.access {
            For::Anybody => json!([]),
            For::Token => json!([{ "bearer": [] }, { "basic": [] }, { "clientToken": [] }]),
        };
        let (parameters, body) = (self.parameters, self.body);
        let operation = Operation { method, path, id, summary, security, parameters, body, responses };
        Route { operation, handler }
    }
}

/// The answer with this status: a problem (RFC 9457) with one of these codes.
fn problem(status: u16, codes: &[Code]) -> Value {
    let titles: Vec<String> =
        codes.iter().map(|code| format!("`{}`: {}", code.name(), code.title())).collect();
    let names: Vec<&str> = codes.iter().map(|code| code.name()).collect();
    let mut also = Vec::new();
    if codes.contains(&Code::Unauthorized) {
        also.push("WWW-Authenticate");
    }
    if codes.iter().any(|code| code.retry_after().is_some()) {
        also.push("Retry-After");
    }
    let schema = json!({
        "allOf": [{ "$ref": "#/components/schemas/Problem" }],
        "properties": { "status": { "const": status }, "code": { "enum": names } },
    });
    json!({
        "description": titles.join("; "),
        "headers": headers(&also),
        "content": { PROBLEM_JSON: { "schema": schema } },
    })
}

/// Headers of every answer, and `also`.
fn headers(also: &[&str]) -> Value {
    let names = ["X-Request-Id", "Cache-Control"].iter().chain(also);
    names
        .map(|name| ((*name).to_owned(), json!({ "$ref": format!("#/components/headers/{name}") })))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A route without credentials that reads is public, and no other.
    #[test]
    fn what_anyone_may_ask_is_what_anyone_may_read() {
        for Route { operation, .. } in all() {
            let anybody = operation.security == json!([]) && operation.method == "get";
            assert_eq!(is_public(operation.path) && operation.method == "get", anybody, "{}", operation.path);
        }
    }
}

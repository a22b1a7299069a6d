//! `docs/reference/issuer-api.md` shows what the server really says: its exchanges and tables are compared with a run, and written by
//! `UPDATE_DOCS=1 cargo test -p jwtis --test http docs`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use axum::http::header;
use jwtis::http::issuer::problem::Code;
use jwtis_base::Inactive;
use serde_json::{Value, json};

use super::support::{Answer, Tokens, World};

const PAGE: &str = "../../docs/reference/issuer-api.md";

/// Every route there is; each has a heading.
const ROUTES: [&str; 20] = [
    "GET /",
    "GET /ping",
    "GET /openapi.json",
    "POST /register/{kid}",
    "GET /keys/{kid}",
    "GET /keys/{kid}/jwks.json",
    "POST /renew_keys",
    "POST /issue_token",
    "POST /renew_token",
    "POST /revoke_token",
    "POST /verify_token",
    "GET /clients",
    "GET /clients/{kid}",
    "POST /clients/{kid}/disable",
    "POST /clients/{kid}/enable",
    "DELETE /clients/{kid}",
    "GET /audit",
    "GET /store/backup",
    "GET /metrics",
    "GET /healthz",
];

/// Headers of answers that the page shows.
const SHOWN_HEADERS: [&str; 7] =
    ["content-type", "cache-control", "etag", "allow", "retry-after", "www-authenticate", "x-request-id"];

#[tokio::test]
async fn api_md_says_what_the_server_says() {
    let mut parts = exchanges().await;
    parts.insert("codes", codes());
    parts.insert("reasons", reasons());

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let page = std::fs::read_to_string(&path).unwrap();
    let filled = fill(&page, &parts);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        return std::fs::write(&path, &filled).unwrap();
    }
    for name in parts.keys() {
        assert!(page.contains(&open(name)), "{PAGE} has no place for {name}");
    }
    for route in ROUTES {
        assert!(page.contains(&format!("\n### `{route}`")), "{PAGE} has no heading for {route}");
    }
    let (old, new) = (page.lines(), filled.lines());
    if let Some((number, (old, new))) = old.zip(new).enumerate().find(|(_, (old, new))| old != new) {
        panic!("{PAGE}:{}: the page says\n{old}\nand the server\n{new}\nUPDATE_DOCS=1 writes it", number + 1);
    }
    assert_eq!(page, filled, "UPDATE_DOCS=1 writes it");
}

#[test]
fn every_code_of_the_page_exists() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE)).unwrap();
    for code in page.split("\"code\": \"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(Code::ALL.iter().any(|known| known.name() == code), "{code}");
    }
}

#[test]
fn every_code_is_met_by_a_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let tests = std::fs::read_dir(folder.join("http/issuer")).unwrap().map(|file| file.unwrap().path());
    // Some are met before a handler sees the request.
    let tests = tests.chain([folder.join("http/server/door.rs")]);
    let tests: String = tests.map(|file| std::fs::read_to_string(file).unwrap()).collect();
    for code in Code::ALL {
        assert!(tests.contains(&format!("\"{}\"", code.name())), "no test meets {}", code.name());
    }
}

async fn exchanges() -> BTreeMap<&'static str, String> {
    let world = World::new().await;
    let admin = world.admin.clone();
    let mut parts = BTreeMap::new();

    let options = json!({"sig_alg": "ES256", "auth_ttl": "15m", "refresh_ttl": 259_200_000_000_000_u64, "refresh_strategy": "refreshBoth"});
    let answer =
        show(&mut parts, "register", &world, "POST /register/shop", "Bearer jat_…", &admin, options).await;
    let token = answer.json()["client_token"].as_str().unwrap().to_owned();
    show(&mut parts, "keys", &world, "GET /keys/shop", "", "", Value::Null).await;
    let jwks = show(&mut parts, "jwks", &world, "GET /keys/shop/jwks.json", "", "", Value::Null).await;
    let tag = jwks.header("etag").unwrap();
    let again = world.get("/keys/shop/jwks.json").header(header::IF_NONE_MATCH, tag).send().await;
    parts.insert(
        "jwks-again",
        format!("{}{}", fence("GET /keys/shop/jwks.json\nIf-None-Match: \"…\"\n"), response(&again)),
    );

    let client = "Bearer jct_…";
    let claims = json!({"kid": "shop", "claims": {"sub": "u1", "aud": ["api"], "name": "O'Brien"}, "auth_token_valid_time": "5m"});
    let answer = show(&mut parts, "issue", &world, "POST /issue_token", client, &token, claims).await;
    let issued = Tokens::of(&answer);
    let body = json!({"kid": "shop", "auth_token": issued.auth, "refresh_token": issued.refresh});
    show(&mut parts, "verify", &world, "POST /verify_token", client, &token, body).await;
    world.pass(60);
    let body = json!({"kid": "shop", "refresh_token": issued.refresh});
    show(&mut parts, "renew", &world, "POST /renew_token", client, &token, body.clone()).await;
    world.pass(60);
    show(&mut parts, "renew-reused", &world, "POST /renew_token", client, &token, body).await;
    let body = json!({"kid": "shop", "auth_token": issued.auth});
    show(&mut parts, "verify-revoked", &world, "POST /verify_token", client, &token, body).await;
    let body = json!({"kid": "shop", "sub": "u1"});
    show(&mut parts, "revoke", &world, "POST /revoke_token", client, &token, body).await;
    let body = json!({"kid": "shop", "sig_alg": "EdDSA"});
    show(&mut parts, "renew-keys", &world, "POST /renew_keys", client, &token, body).await;

    show(&mut parts, "list", &world, "GET /clients?limit=1", "Bearer jat_…", &admin, Value::Null).await;
    show(&mut parts, "audit", &world, "GET /audit?limit=2", "Bearer jat_…", &admin, Value::Null).await;
    show(&mut parts, "client", &world, "GET /clients/shop", client, &token, Value::Null).await;
    show(&mut parts, "disable", &world, "POST /clients/shop/disable", "Bearer jat_…", &admin, json!({}))
        .await;
    let body = json!({"kid": "shop", "claims": {"sub": "u1"}});
    show(&mut parts, "disabled", &world, "POST /issue_token", client, &token, body).await;
    show(&mut parts, "enable", &world, "POST /clients/shop/enable", "Bearer jat_…", &admin, json!({})).await;
    show(&mut parts, "unauthorized", &world, "POST /issue_token", "", "", json!({"kid": "shop"})).await;
    let body = json!({"sig_alg": "ES512", "sig_bits": 512});
    show(&mut parts, "refused", &world, "POST /register/bank", "Bearer jat_…", &admin, body).await;
    show(&mut parts, "delete", &world, "DELETE /clients/shop", "Bearer jat_…", &admin, Value::Null).await;
    show(&mut parts, "root", &world, "GET /", "", "", Value::Null).await;
    show(&mut parts, "ping", &world, "GET /ping", "", "", Value::Null).await;
    parts
}

/// Sends a request and writes it down with its answer.
async fn show(
    parts: &mut BTreeMap<&'static str, String>,
    name: &'static str,
    world: &World,
    line: &str,
    shown_credentials: &str,
    token: &str,
    body: Value,
) -> Answer {
    let (method, path) = line.split_once(' ').unwrap();
    let mut call = world.call(method, path);
    let mut request = format!("{line}\n");
    if !token.is_empty() {
        call = call.bearer(token);
        writeln!(request, "Authorization: {shown_credentials}").unwrap();
    }
    if !body.is_null() {
        writeln!(request, "Content-Type: application/json\n\n{}", pretty(&body)).unwrap();
        call = call.json(&body);
    }
    let answer = call.send().await;
    parts.insert(name, format!("{}{}", fence(&request), response(&answer)));
    answer
}

fn response(answer: &Answer) -> String {
    let mut text = format!("{}\n", answer.status);
    for name in SHOWN_HEADERS {
        match (name, answer.header(name)) {
            (_, None) => {}
            ("etag", Some(_)) => text.push_str("etag: \"…\"\n"),
            ("x-request-id", Some(_)) => text.push_str("x-request-id: …\n"),
            (name, Some(value)) => writeln!(text, "{name}: {value}").unwrap(),
        }
    }
    if answer.header("content-type").is_some_and(|value| value.contains("json")) {
        writeln!(text, "\n{}", pretty(&answer.json())).unwrap();
    } else if !answer.body.is_empty() {
        writeln!(text, "\n{}", answer.text().trim_end()).unwrap();
    }
    fence(&text)
}

fn fence(text: &str) -> String {
    format!("```http\n{text}```\n")
}

/// JSON as people read it, without the parts that differ from run to run.
fn pretty(value: &Value) -> String {
    let mut value = value.clone();
    shorten(&mut value);
    serde_json::to_string_pretty(&value).unwrap()
}

fn shorten(value: &mut Value) {
    match value {
        Value::String(text) => {
            let base64url =
                |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
            let uuid = text.len() == 36 && text.matches('-').count() == 4;
            if text.starts_with("eyJ") {
                *text = "eyJ…".to_owned();
            } else if text.starts_with("jct_") {
                *text = "jct_…".to_owned();
            } else if uuid {
                *text = format!("{}…", &text[..14]);
            } else if text.len() >= 20 && base64url(text) {
                *text = "…".to_owned();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(shorten),
        Value::Object(members) => members.values_mut().for_each(shorten),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn codes() -> String {
    let mut table = "| Status | `code` | Title | What to do |\n|---|---|---|---|\n".to_owned();
    for code in Code::ALL {
        let (status, name) = (code.status().as_u16(), code.name());
        writeln!(table, "| {status} | `{name}` | {} | {} |", code.title(), code.cure()).unwrap();
    }
    table
}

fn reasons() -> String {
    Inactive::ALL
        .iter()
        .fold(String::new(), |list, reason| list + &format!("`{}` ", reason.as_str()))
        .trim_end()
        .to_owned()
        + "\n"
}

fn open(name: &str) -> String {
    format!("<!-- from a run: {name} -->\n")
}

/// The page with its generated parts replaced.
fn fill(page: &str, parts: &BTreeMap<&'static str, String>) -> String {
    const END: &str = "<!-- end -->";
    let mut filled = page.to_owned();
    for (name, part) in parts {
        let Some(start) = filled.find(&open(name)).map(|start| start + open(name).len()) else { continue };
        let end = start + filled[start..].find(END).unwrap_or_else(|| panic!("{name} has no end"));
        filled.replace_range(start..end, part);
    }
    filled
}

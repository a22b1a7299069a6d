//! Both APIs as their routers see requests.
//!
//! The worlds have state: clients, sessions, watermarks. They are made anew every few thousand requests.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::BodyExt as _;
use jwtis::http::{Limits, issuer, signer};
use jwtis::metrics::Metrics;
use jwtis_base::{BearerSecret, SecretKind, Timestamp};
use jwtis_issuer::{Issuer, IssuerSettings};
use jwtis_signer::hook::Hook;
use jwtis_signer::vault::software::SoftwareVault;
use jwtis_signer::watermark::mem::MemWatermarks;
use jwtis_signer::{KeyRules, Rules, Vault};
use jwtis_signer::{Signer, SignerParts};
use jwtis_store::open_memory;
use jwtis_testkit::clock::{ManualClock, env};
use jwtis_tezos::policy::{Allow, OperationPermission};
use jwtis_tezos::{Policy, RequestKind, SecretKey, SignRequest, Signature, SigningVersion};
use serde_json::Value;
use tower::ServiceExt as _;

use super::{seeds, tezos};

const START: u64 = 1_795_000_000;
const RENEW_WORLD_AFTER: u32 = 4_000;

pub(crate) struct Answer {
    pub(crate) status: u16,
    content_type: String,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Data as a request: `METHOD target`, lines of headers, an empty line, the body. `None` where hyper would not let it through.
pub(crate) fn request(data: &[u8]) -> Option<(Request<Body>, Vec<u8>)> {
    let end = data.windows(2).position(|two| two == b"\n\n")?;
    let (head, body) = (std::str::from_utf8(&data[..end]).ok()?, data[end + 2..].to_vec());
    let mut lines = head.split('\n');
    let (method, target) = lines.next()?.split_once(' ')?;
    let mut request = Request::new(Body::from(body.clone()));
    *request.method_mut() = method.parse::<Method>().ok()?;
    *request.uri_mut() = target.parse::<Uri>().ok().filter(|uri| uri.path().starts_with('/'))?;
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let (name, value) = (name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value.trim()).ok()?);
        request.headers_mut().append(name, value);
    }
    let peer: SocketAddr = "203.0.113.9:40000".parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(peer));
    Some((request, body))
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    thread_local!(static RUNTIME: tokio::runtime::Runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap());
    RUNTIME.with(|runtime| runtime.block_on(work))
}

pub(crate) fn send(router: &Router, request: Request<Body>) -> Answer {
    wait(async {
        let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
        let content_type = parts.headers.get("content-type").map(|value| value.to_str().unwrap().to_owned());
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status.as_u16(), content_type: content_type.unwrap_or_default(), body }
    })
}

/// `@name@` in data becomes the value.
pub(crate) fn filled(data: &[u8], values: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len());
    let mut rest = data;
    while let [first, tail @ ..] = rest {
        let hit = values
            .iter()
            .find(|(name, _)| tail.strip_prefix(name.as_bytes()).is_some_and(|tail| tail.starts_with(b"@")));
        match hit.filter(|_| *first == b'@') {
            Some((name, value)) => {
                out.extend_from_slice(value.as_bytes());
                rest = &tail[name.len() + 1..];
            }
            None => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out
}

struct IssuerWorld {
    router: Router,
    admin: String,
    client: String,
    auth: String,
    refresh: String,
    /// Every access token that was handed out.
    issued: BTreeSet<String>,
    age: u32,
}

impl IssuerWorld {
    fn new() -> Self {
        let clock = ManualClock::at(Timestamp::from_seconds(START));
        let issuer = wait(Issuer::open(open_memory(), env(&clock), IssuerSettings::default())).unwrap();
        let admin = BearerSecret::generate(SecretKind::Admin, issuer.env()).unwrap();
        wait(issuer.set_admin_token(&admin)).unwrap();
        let router = issuer::router(issuer, Arc::new(Metrics::new()), &Limits::default());
        let mut world = Self {
            router,
            admin: admin.reveal().to_owned(),
            client: String::new(),
            auth: String::new(),
            refresh: String::new(),
            issued: BTreeSet::new(),
            age: 0,
        };
        let shop = world.ask("POST /register/shop\nauthorization: Bearer @admin@\n\n{\"sig_alg\":\"ES256\",\"enc_alg\":\"ECDH-ES\"}");
        world.client = shop["client_token"].as_str().unwrap().to_owned();
        let issued = world.ask("POST /issue_token\nauthorization: Bearer @client@\n\n{\"kid\":\"shop\",\"claims\":{\"sub\":\"u1\"}}");
        world.auth = issued["auth_token"].as_str().unwrap().to_owned();
        world.refresh = issued["refresh_token"].as_str().unwrap().to_owned();
        world.issued.insert(world.auth.clone());
        world
    }

    fn filled(&self, data: &[u8]) -> Vec<u8> {
        let values = [
            ("admin", &self.admin),
            ("client", &self.client),
            ("auth", &self.auth),
            ("refresh", &self.refresh),
        ];
        filled(data, &values.map(|(name, value)| (name, value.as_str())))
    }

    fn ask(&self, text: &str) -> Value {
        let (request, _) = request(&self.filled(text.as_bytes())).unwrap();
        let answer = send(&self.router, request);
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    }
}

/// No request makes a failure of ours; every refusal is a problem with a code; what is not JSON does nothing; a token that is called active
/// is one that was issued.
pub fn issuer(data: &[u8]) {
    thread_local!(static WORLD: RefCell<Option<IssuerWorld>> = const { RefCell::new(None) });
    // RSA keys take seconds to make.
    let text = String::from_utf8_lossy(data);
    if text.contains("\\u") && (text.contains("regist") || text.contains("renew_keys"))
        || text.contains("RS")
        || text.contains("PS")
    {
        return;
    }
    WORLD.with_borrow_mut(|place| {
        let world = place.get_or_insert_with(IssuerWorld::new);
        world.age += 1;
        let Some((request, body)) = request(&world.filled(data)) else { return };
        let method = request.method().clone();
        let answer = send(&world.router, request);
        assert!(
            matches!(answer.status, 200 | 201 | 204 | 304 | 400..=431),
            "{}: {}",
            answer.status,
            answer.text()
        );
        if answer.status >= 400 && method != Method::HEAD {
            assert_eq!(answer.content_type, "application/problem+json", "{}", answer.text());
            let problem = answer.json();
            assert_eq!(problem["status"], answer.status);
            assert!(problem["code"].is_string() && problem["request_id"].is_string());
        }
        if method == Method::POST && matches!(answer.status, 200 | 201) {
            let asked: Value = serde_json::from_slice(&body).expect("only JSON does anything");
            assert!(asked.is_object());
            let said = answer.json();
            world.issued.extend(said["auth_token"].as_str().map(str::to_owned));
            if said["active"] == true {
                let shown: Vec<&str> =
                    asked.as_object().unwrap().values().filter_map(Value::as_str).collect();
                assert!(
                    shown.iter().any(|text| world.issued.contains(*text)),
                    "a token nobody issued is active"
                );
            }
        }
        if world.age > RENEW_WORLD_AFTER {
            *place = None;
        }
    });
}

pub fn issuer_seeds() -> Vec<Vec<u8>> {
    let call = |target: &str, body: &str| {
        format!("POST {target}\nauthorization: Bearer @client@\ncontent-type: application/json\n\n{body}")
    };
    let mut found = vec![
        call("/issue_token", r#"{"kid":"shop","claims":{"sub":"u1","a":[1,2.5,{"b":null}]},"auth_ttl":"1h"}"#),
        call("/issue_token", r#"{"kid":"shop","claims":{"aud":["a","b"],"exp":1,"iss":"x"},"refresh_ttl":3600000000000,"auth_ttl":"1.5h"}"#),
        call("/renew_token", r#"{"kid":"shop","refresh_token":"@refresh@","refresh_strategy":"refreshBoth"}"#),
        call("/verify_token", r#"{"kid":"shop","auth_token":"@auth@","refresh_token":"@refresh@"}"#),
        call("/verify_token", r#"{"kid":"shop","auth_token":"@refresh@"}"#),
        call("/revoke_token", r#"{"kid":"shop","refresh_token":"@refresh@"}"#),
        call("/revoke_token", r#"{"kid":"shop","id":"0192b7a0-0000-7000-8000-000000000000"}"#),
        call("/renew_keys", r#"{"kid":"shop","sig_alg":"EdDSA"}"#),
        "POST /register/bank\nauthorization: Bearer @admin@\n\n{\"kid\":\"bank\",\"sig_alg\":\"ES384\",\"enc_alg\":\"ECDH-ES+A128KW\",\"cont_enc\":\"A128GCM\",\"expiry\":\"4320h\",\"auth_ttl\":\"1h\",\"refresh_ttl\":\"72h\",\"refresh_strategy\":\"noRefresh\"}".to_owned(),
    ];
    for target in [
        "/",
        "/ping",
        "/keys/shop",
        "/keys/shop/jwks.json",
        "/clients",
        "/clients?limit=2&after=a",
        "/clients/shop",
        "/none",
        "//keys/../ping",
        "/keys/%73hop",
    ] {
        found.push(format!("GET {target}\nauthorization: Bearer @admin@\nif-none-match: \"x\"\n\n"));
    }
    found.push("DELETE /clients/bank\nauthorization: Basic c2hvcDpqY3RfeA==\n\n".to_owned());
    seeds::bytes(found)
}

/// The test key that may sign everything, that of a baker, and one that may sign nothing.
pub(crate) const KEYS: [&str; 4] = [
    "edsk4FTF78Qf1m2rykGpHqostAiq5gYW4YZEoGUSWBTJr2njsDHSnd",
    "spsk24LwT422zfBWHZsjnMU5hYigbwYoKKiu1o6kWuLJPC2FPLWpL4",
    "p2sk41tCF3pP8dVakokSThduNVMfsdSvTyH1LBFmuSoasjdJ939jN2",
    "BLsk1izdvdGojuA555qRFdhMTZ36PeGSZ95N9TuaWQMmyPAoVyHjUh",
];

fn secret_keys() -> [Arc<SecretKey>; 4] {
    KEYS.map(|text| Arc::new(text.parse().unwrap()))
}

/// Everything that is allowed to the first key and to the last.
fn everything() -> Policy {
    let operations = ["transaction", "failing_noop", "reveal", "delegation"];
    let operations = operations.map(|name| OperationPermission::from_name(name).unwrap());
    Policy {
        allow: Allow::new(RequestKind::ALL, operations),
        allow_proof_of_possession: true,
        ..Policy::default()
    }
}

pub(crate) fn signer_router(hook: Option<Hook>) -> Router {
    let keys = secret_keys();
    let policies = [everything(), Policy::baker(), Policy::default(), everything()];
    let mut rules = Rules { hook, ..Rules::default() };
    for (key, policy) in keys.iter().zip(policies) {
        rules
            .keys
            .insert(key.public_key().hash(), KeyRules { policy, log_payloads: false, ..KeyRules::default() });
    }
    let clock = ManualClock::at(Timestamp::from_seconds(START));
    let parts = SignerParts {
        env: env(&clock),
        rules,
        vaults: vec![Vault {
            name: "test".to_owned(),
            backend: Arc::new(SoftwareVault::new("Mem", keys.to_vec())),
        }],
        watermarks: Arc::new(MemWatermarks::default()),
        store: None,
        issuer: None,
    };
    signer::router(Signer::new(parts), Arc::new(Metrics::new()), &Limits::default(), 16_384)
}

/// What was signed at a place: key, network, kind, level and round.
type Ledger = BTreeMap<(String, String, &'static str, i32, i32), Vec<u8>>;

struct SignerWorld {
    router: Router,
    signed: Ledger,
    age: u32,
}

/// A signature is one over the message that stood in the body, by the key of the path, allowed by its policy, and never a second one for the
/// same place; no request makes a failure of ours.
pub fn signer(data: &[u8]) {
    thread_local!(static WORLD: RefCell<Option<SignerWorld>> = const { RefCell::new(None) });
    let names: Vec<String> = secret_keys().iter().map(|key| key.public_key().hash().to_string()).collect();
    let values = [("tz1", names[0].as_str()), ("tz2", &names[1]), ("tz3", &names[2]), ("tz4", &names[3])];
    let Some((request, body)) = request(&filled(data, &values)) else { return };
    WORLD.with_borrow_mut(|place| {
        let world = place.get_or_insert_with(|| SignerWorld {
            router: signer_router(None),
            signed: Ledger::new(),
            age: 0,
        });
        world.age += 1;
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let answer = send(&world.router, request);
        // The one failure that a client can ask for is Signatory's.
        let bls =
            answer.status == 500 && answer.text().contains("SigningVersion0 is not supported for BLS keys");
        let known = bls || matches!(answer.status, 200 | 301 | 307 | 308 | 400..=431);
        assert!(known, "{}: {}", answer.status, answer.text());
        if answer.status == 200 && method == Method::POST {
            signed(&mut world.signed, &path, &body, &answer);
        }
        if world.age > RENEW_WORLD_AFTER {
            *place = None;
        }
    });
}

fn signed(ledger: &mut Ledger, path: &str, body: &[u8], answer: &Answer) {
    let text: String = serde_json::from_slice(body).expect("only a JSON string is signed");
    let message = seeds::hex(&text).expect("only hexadecimal digits are signed");
    let signature: Signature = answer.json()["signature"].as_str().unwrap().parse().unwrap();
    let keys = secret_keys();
    let key =
        keys.iter().find(|key| path.contains(&key.public_key().hash().to_string())).expect("a key of ours");
    let versions = [SigningVersion::V0, SigningVersion::V1, SigningVersion::V2];
    let version = versions
        .into_iter()
        .find(|version| key.public_key().verify_strictly(&message, &signature, *version).is_ok())
        .expect("a signature over the message");
    // The version matters for tz4 only; the others sign the same bytes for all.
    let requests: Vec<SignRequest> =
        versions.iter().filter_map(|version| SignRequest::decode(&message, *version).ok()).collect();
    assert!(!requests.is_empty(), "signed and not understood, version {version:?}");
    let hash = key.public_key().hash().to_string();
    assert_ne!(hash, keys[2].public_key().hash().to_string(), "the empty policy signs");
    if let Some(asked) = requests.iter().find_map(|request| request.watermark().asked().copied()) {
        let place = (
            hash,
            asked.chain.to_string(),
            asked.kind.name(),
            asked.watermark.level(),
            asked.watermark.round(),
        );
        let before = ledger.entry(place).or_insert_with(|| message.clone());
        assert_eq!(*before, message, "a second signature for one place");
    } else {
        assert_ne!(
            hash,
            keys[1].public_key().hash().to_string(),
            "a baker's key signs what is no consensus message"
        );
    }
}

pub fn signer_seeds() -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for (index, message) in tezos::request_seeds().iter().enumerate() {
        let key = ["@tz1@", "@tz2@", "@tz4@", "@tz3@"][index % 4];
        let query = ["", "?version=1", "?version=0", "?version=2&authentication=x"][index % 3];
        found.push(format!("POST /keys/{key}{query}\n\n\"{}\"", seeds::to_hex(message)));
        if message[0] != 3 {
            found.push(format!("POST /keys/@tz1@\n\n \"\\u0031{}\"\r\n", &seeds::to_hex(message)[1..]));
        }
    }
    for target in [
        "/keys/@tz1@",
        "/bls_prove_possession/@tz4@",
        "/authorized_keys",
        "/known_keys",
        "/keys/",
        "//keys//@tz1@",
        "/keys/%74z1",
    ] {
        found.push(format!("GET {target}\n\n"));
    }
    found.push("POST /login\nusername: u\npassword: p\n\n".to_owned());
    found.push("POST /keys/@tz1@\nauthorization: Bearer a.b.c\n\nnull".to_owned());
    seeds::bytes(found)
}

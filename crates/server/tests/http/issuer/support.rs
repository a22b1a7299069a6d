//! A world for each test: a store in memory, a clock set by hand, entropy that counts, and the router over them.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use jwtis::http::Limits;
use jwtis::http::issuer;
use jwtis::metrics::Metrics;
use jwtis_base::{BearerSecret, SecretKind, Timestamp};
use jwtis_issuer::{Issuer, IssuerSettings};
use jwtis_store::testing::{Faulty, store_over};
use jwtis_store::{MemoryBackend, Store};
use jwtis_testkit::clock::{ManualClock, env};
use serde_json::{Value, json};

pub(crate) use jwtis_testkit::http::{Answer, Call};

/// When every world begins: 2026-11-18T13:06:40Z.
pub(crate) const START: u64 = 1_795_000_000;

pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) backend: Arc<Faulty<MemoryBackend>>,
    pub(crate) issuer: Issuer,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) router: Router,
    pub(crate) admin: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(IssuerSettings::default()).await
    }

    pub(crate) async fn with(settings: IssuerSettings) -> Self {
        Self::with_limits(settings, &Limits::default()).await
    }

    pub(crate) async fn with_limits(settings: IssuerSettings, limits: &Limits) -> Self {
        let backend = Faulty::new(MemoryBackend::new());
        Self::over(store_over(backend.clone()), backend, settings, limits, START).await
    }

    /// Another server over the same store, whose clock stands at `now`.
    pub(crate) async fn elsewhere(&self, now: u64) -> Self {
        let (store, backend) = (self.issuer.store().clone(), self.backend.clone());
        Self::over(store, backend, IssuerSettings::default(), &Limits::default(), now).await
    }

    async fn over(
        store: Store,
        backend: Arc<Faulty<MemoryBackend>>,
        settings: IssuerSettings,
        limits: &Limits,
        now: u64,
    ) -> Self {
        let clock = ManualClock::at(Timestamp::from_seconds(now));
        let issuer = Issuer::open(store, env(&clock), settings).await.unwrap();
        let admin = BearerSecret::generate(SecretKind::Admin, issuer.env()).unwrap();
        issuer.set_admin_token(&admin).await.unwrap();
        let metrics = Arc::new(Metrics::new());
        let router = issuer::router(issuer.clone(), Arc::clone(&metrics), limits);
        Self { clock, backend, issuer, metrics, router, admin: admin.reveal().to_owned() }
    }

    pub(crate) fn get(&self, path: &str) -> Call {
        self.call("GET", path)
    }

    pub(crate) fn post(&self, path: &str, body: Value) -> Call {
        self.call("POST", path).json(&body)
    }

    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        Call::new(&self.router, method, path).promised_by(document())
    }

    /// Registers a client and returns its token.
    pub(crate) async fn register(&self, kid: &str, options: Value) -> String {
        let answer = self.post(&format!("/register/{kid}"), options).bearer(&self.admin).send().await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["client_token"].as_str().unwrap().to_owned()
    }

    /// Issues tokens with `claims`.
    pub(crate) async fn issue(&self, kid: &str, token: &str, claims: Value) -> Tokens {
        let answer =
            self.post("/issue_token", json!({ "kid": kid, "claims": claims })).bearer(token).send().await;
        Tokens::of(&answer)
    }

    pub(crate) async fn renew(&self, kid: &str, token: &str, refresh_token: &str) -> Answer {
        self.post("/renew_token", json!({ "kid": kid, "refresh_token": refresh_token }))
            .bearer(token)
            .send()
            .await
    }

    pub(crate) async fn verify(&self, kid: &str, token: &str, auth_token: &str) -> Value {
        let body = json!({ "kid": kid, "auth_token": auth_token });
        let answer = self.post("/verify_token", body).bearer(token).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    pub(crate) async fn is_active(&self, kid: &str, token: &str, auth_token: &str) -> bool {
        self.verify(kid, token, auth_token).await["active"].as_bool().unwrap()
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

/// What the issuer promises.
pub(crate) fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(issuer::openapi);
    &DOCUMENT
}

/// What issue and renew answer.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) id: String,
    pub(crate) auth: String,
    pub(crate) refresh: String,
    pub(crate) expiry: u64,
    pub(crate) refresh_expiry: u64,
}

impl Tokens {
    #[track_caller]
    pub(crate) fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 201, "{}", answer.text());
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let body = answer.json();
        assert_eq!(body["auth_token"], body["access_token"]);
        assert_eq!(body["token_type"], "Bearer");
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        Self {
            id: text("id"),
            auth: text("auth_token"),
            refresh: text("refresh_token"),
            expiry: body["expiry"].as_u64().unwrap(),
            refresh_expiry: body["refresh_expiry"].as_u64().unwrap(),
        }
    }
}

/// Payload of a compact JWS, not verified.
pub(crate) fn payload(token: &str) -> Value {
    part(token, 1)
}

/// Header of a compact token.
pub(crate) fn head(token: &str) -> Value {
    part(token, 0)
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&base64_simd::URL_SAFE_NO_PAD.decode_to_vec(part).unwrap()).unwrap()
}

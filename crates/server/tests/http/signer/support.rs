//! A world for each test: known keys, watermarks in memory, a clock set by hand, and the router over them.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use jwtis::http::source::Source;
use jwtis::http::{Limits, signer};
use jwtis::metrics::{Metrics, ObservedWatermarks};
use jwtis_base::Timestamp;
use jwtis_signer::hook::{Hook, HookReply};
use jwtis_signer::login::{CredentialsConfig, TokenGuard, UserConfig};
use jwtis_signer::rules::Guard;
use jwtis_signer::vault::software::SoftwareVault;
use jwtis_signer::watermark::mem::MemWatermarks;
use jwtis_signer::{
    Cleared, ClearedProof, KeyBackend, KeyRules, PolicyHook, Rules, Vault, VaultError, VerifiedSignature,
    Watermarks,
};
use jwtis_signer::{Signer, SignerParts};
use jwtis_store::{BoxError, BoxFuture};
use jwtis_testkit::clock::{ManualClock, env};
use jwtis_tezos::policy::{Allow, OperationPermission};
use jwtis_tezos::{Policy, PublicKey, PublicKeyHash, RequestKind, SecretKey};
use serde_json::{Value, json};

pub(crate) use jwtis_testkit::forge::{attestation, hex, noop};
pub(crate) use jwtis_testkit::http::{Answer, Call};

/// When every world begins: 2026-11-18T13:06:40Z.
pub(crate) const START: u64 = 1_795_000_000;

/// Where requests come from, unless they say otherwise: a public address that must never be in a metric.
pub(crate) const PEER: &str = "203.0.113.9:40000";

/// A user's credentials.
pub(crate) const PASSWORD: &str = "Long-Enough-Pass-1";
pub(crate) const SECRET: &str = "A-Secret-Of-At-Least-32-Bytes-0001";

/// The key of docs/reference/signer-protocol.md, "Check values".
pub(crate) const TZ1: &str = "tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q";

/// Test keys, known to everybody; the last is in the vault and not listed.
pub(crate) fn keys() -> [Arc<SecretKey>; 5] {
    [
        "edsk4FTF78Qf1m2rykGpHqostAiq5gYW4YZEoGUSWBTJr2njsDHSnd",
        "spsk24LwT422zfBWHZsjnMU5hYigbwYoKKiu1o6kWuLJPC2FPLWpL4",
        "p2sk41tCF3pP8dVakokSThduNVMfsdSvTyH1LBFmuSoasjdJ939jN2",
        "BLsk1izdvdGojuA555qRFdhMTZ36PeGSZ95N9TuaWQMmyPAoVyHjUh",
        "edsk3BKJ7haK6mA3os1ydJ6oQqsh9G1LPL9hZeQAc92zC993LbdZTr",
    ]
    .map(|text| Arc::new(text.parse().unwrap()))
}

pub(crate) fn pkh(key: &SecretKey) -> PublicKeyHash {
    key.public_key().hash()
}

/// What a world is made of, before it is.
pub(crate) struct Setup {
    pub(crate) rules: Rules,
    pub(crate) vaults: Vec<Vault>,
    pub(crate) limits: Limits,
    pub(crate) max_body_bytes: usize,
}

impl Setup {
    /// The first four keys may sign everything, for anybody.
    pub(crate) fn new() -> Self {
        let [listed @ .., _] = keys();
        let mut rules = Rules::default();
        for key in listed {
            rules.keys.insert(
                pkh(&key),
                KeyRules { policy: everything(), log_payloads: false, ..KeyRules::default() },
            );
        }
        let vault: Arc<dyn KeyBackend> = Arc::new(SoftwareVault::new("Mem", keys().to_vec()));
        Self {
            rules,
            vaults: vec![Vault { name: "test".to_owned(), backend: vault }],
            limits: Limits::default(),
            max_body_bytes: 4096,
        }
    }

    /// Callers need a token; the only user is `payouts`.
    pub(crate) fn with_tokens() -> Self {
        let mut setup = Self::new();
        setup.rules.guard = tokens(&["payouts"]);
        setup
    }

    /// Callers sign their requests with the first key, or the second.
    pub(crate) fn with_client_keys() -> Self {
        let mut setup = Self::new();
        setup.rules.guard = Guard::Keys(keys()[..2].iter().map(|key| key.public_key().clone()).collect());
        setup
    }

    pub(crate) fn policy(mut self, key: &SecretKey, policy: Policy) -> Self {
        self.rules.keys.insert(pkh(key), KeyRules { policy, log_payloads: false, ..KeyRules::default() });
        self
    }

    pub(crate) fn hook(mut self, transport: Arc<dyn PolicyHook>) -> Self {
        self.rules.hook = Some(Hook { transport, authorized_keys: None });
        self
    }

    pub(crate) fn vault(mut self, backend: impl KeyBackend) -> Self {
        self.vaults = vec![Vault { name: "test".to_owned(), backend: Arc::new(backend) }];
        self
    }

    pub(crate) fn build(self) -> World {
        let clock = ManualClock::at(Timestamp::from_seconds(START));
        let metrics = Arc::new(Metrics::new());
        let watermarks: Arc<dyn Watermarks> =
            Arc::new(ObservedWatermarks::new(Arc::new(MemWatermarks::default()), Arc::clone(&metrics)));
        let parts = SignerParts {
            env: env(&clock),
            rules: self.rules,
            vaults: self.vaults,
            watermarks,
            store: None,
            issuer: None,
        };
        let signer = Signer::new(parts);
        let router = signer::router(signer.clone(), Arc::clone(&metrics), &self.limits, self.max_body_bytes);
        World { clock, signer, metrics, router }
    }
}

/// Everything that the tests ask for.
pub(crate) fn everything() -> Policy {
    let operations =
        ["transaction", "failing_noop"].map(|name| OperationPermission::from_name(name).unwrap());
    Policy {
        allow: Allow::new(RequestKind::ALL, operations),
        allow_proof_of_possession: true,
        ..Policy::default()
    }
}

/// A guard with users who all have the same credentials.
pub(crate) fn tokens(users: &[&str]) -> Guard {
    let clock = ManualClock::at(Timestamp::from_seconds(START));
    let credentials = || CredentialsConfig {
        password: PASSWORD.to_owned().into(),
        secret: SECRET.to_owned().into(),
        jwt_exp: 0,
    };
    let users = users.iter().map(|&name| UserConfig {
        name: name.to_owned(),
        current: credentials(),
        new: None,
        old_cred_exp: None,
    });
    Guard::Tokens(TokenGuard::new(users.collect(), Vec::new(), &env(&clock)).unwrap().0)
}

pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) signer: Signer,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) router: Router,
}

impl World {
    pub(crate) fn get(&self, path: &str) -> Call {
        self.call("GET", path)
    }

    pub(crate) fn post(&self, path: &str) -> Call {
        self.call("POST", path)
    }

    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        Call::new(&self.router, method, path).promised_by(document()).extension(at(PEER))
    }

    /// Asks for a signature.
    pub(crate) fn sign(&self, key: impl ToString, message: &[u8]) -> Call {
        self.post(&format!("/keys/{}", key.to_string())).body(json!(hex(message)).to_string())
    }

    /// A token of a login.
    pub(crate) async fn login(&self, user: &str) -> String {
        let answer = self.post("/login").header("username", user).header("password", PASSWORD).send().await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.text()
    }

    /// The value of a line of the metrics; zero where there is none.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let page = self.metrics.render();
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

/// What the signer promises.
pub(crate) fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(signer::openapi);
    &DOCUMENT
}

/// The source of a request that `peer`, an address with a port, sends.
pub(crate) fn at(peer: &str) -> Source {
    Source::new(peer.parse::<std::net::SocketAddr>().unwrap().ip())
}

/// A hook that always says the same.
pub(crate) struct Saying(pub(crate) Result<(u16, &'static str), &'static str>);

impl PolicyHook for Saying {
    fn ask(&self, _body: Vec<u8>) -> BoxFuture<'_, Result<HookReply, BoxError>> {
        Box::pin(async {
            let (status, status_text) = self.0?;
            Ok(HookReply { status, status_text: status_text.to_owned(), body: Vec::new() })
        })
    }
}

/// A vault that lists the keys and signs nothing.
pub(crate) struct Jammed;

impl KeyBackend for Jammed {
    fn kind(&self) -> &'static str {
        "Jammed"
    }

    fn keys(&self) -> BoxFuture<'_, Result<Vec<PublicKey>, VaultError>> {
        Box::pin(async { Ok(keys().iter().map(|key| key.public_key().clone()).collect()) })
    }

    fn sign<'a>(&'a self, _: &'a Cleared) -> BoxFuture<'a, Result<VerifiedSignature, VaultError>> {
        Box::pin(async { Err(VaultError::new("Jammed", "paper <jam> & smoke")) })
    }

    fn prove<'a>(&'a self, _: &'a ClearedProof) -> BoxFuture<'a, Result<VerifiedSignature, VaultError>> {
        Box::pin(async { Err(VaultError::new("Jammed", "paper jam")) })
    }

    fn ready(&self) -> BoxFuture<'_, bool> {
        Box::pin(async { false })
    }
}

/// A vault that cannot even list.
pub(crate) struct Unplugged;

impl KeyBackend for Unplugged {
    fn kind(&self) -> &'static str {
        "Unplugged"
    }

    fn keys(&self) -> BoxFuture<'_, Result<Vec<PublicKey>, VaultError>> {
        Box::pin(async { Err(VaultError::new("Unplugged", "no cable")) })
    }

    fn sign<'a>(&'a self, _: &'a Cleared) -> BoxFuture<'a, Result<VerifiedSignature, VaultError>> {
        Box::pin(async { Err(VaultError::new("Unplugged", "no cable")) })
    }

    fn prove<'a>(&'a self, _: &'a ClearedProof) -> BoxFuture<'a, Result<VerifiedSignature, VaultError>> {
        Box::pin(async { Err(VaultError::new("Unplugged", "no cable")) })
    }
}

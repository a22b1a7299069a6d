//! A signer for each driver that can die and come back: what is durable stays, everything else is made anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use jwtis::http::source::Source;
use jwtis::http::{Limits, signer};
use jwtis::metrics::Metrics;
use jwtis_base::{Env, Timestamp};
use jwtis_signer::rules::{KeyRules, Rules};
use jwtis_signer::vault::software::SoftwareVault;
use jwtis_signer::vault::{KeyBackend, Vault, VaultError, VerifiedSignature};
use jwtis_signer::watermark::file::{FileWatermarks, Lost};
use jwtis_signer::watermark::mem::MemWatermarks;
use jwtis_signer::watermark::store::StoreWatermarks;
use jwtis_signer::{Cleared, ClearedProof, Signer, SignerParts, Watermarks};
use jwtis_store::testing::{Fault, Faulty, store_over};
use jwtis_store::{BoxFuture, KdfParams, MemoryBackend, Password, Store, create_redb, open_redb};
use jwtis_testkit::consensus::ConsensusMessage;
use jwtis_testkit::forge::hex;
use jwtis_testkit::http::Call;
use jwtis_tezos::policy::Allow;
use jwtis_tezos::watermark::JumpRules;
use jwtis_tezos::{Policy, PublicKey, RequestKind, Signature, SigningVersion};
use tempfile::TempDir;
use tokio::task;

use crate::messages::{KEYS, secret_key};

/// Where watermarks are kept.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Driver {
    Mem,
    /// The store over an engine that fails when it is told to.
    FailingStore,
    /// The store in a file, which is closed and opened again.
    Redb,
    File,
}

/// A signer, and what outlives it.
pub(crate) struct World {
    driver: Driver,
    folder: TempDir,
    failing: Arc<Faulty<MemoryBackend>>,
    /// Over `failing`.
    store: Store,
    vault: Arc<Stumbling>,
    router: Router,
}

/// What a client got.
pub(crate) enum Answer {
    Signed,
    /// 409.
    Refused,
    /// 500: storage or vault failed.
    Failed,
}

impl World {
    pub(crate) async fn new(driver: Driver) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let failing = Faulty::new(MemoryBackend::new());
        let store = store_over(failing.clone());
        let vault = Arc::new(Stumbling::new());
        if driver == Driver::Redb {
            let path = folder.path().join("keys.db");
            drop(create_redb(&path, &password(), KdfParams::cheap_for_tests()).unwrap());
        }
        let mut world = Self { driver, folder, failing, store, vault, router: Router::new() };
        world.start().await;
        world
    }

    /// Forgets all that is not durable. Watermarks of the driver `mem` are not, and a signer that keeps them is not restarted.
    pub(crate) async fn restart(&mut self) {
        if self.driver != Driver::Mem {
            self.router = Router::new();
            self.start().await;
        }
    }

    async fn start(&mut self) {
        let watermarks: Arc<dyn Watermarks> = match self.driver {
            Driver::Mem => Arc::new(MemWatermarks::default()),
            Driver::FailingStore => Arc::new(StoreWatermarks::new(self.store.clone(), Arc::new(()))),
            Driver::Redb => {
                let path = self.folder.path().join("keys.db");
                let store = once_unlocked(async || open_redb(&path, &password()).ok()).await;
                Arc::new(StoreWatermarks::new(store, Arc::new(())))
            }
            Driver::File => {
                let open = async || {
                    FileWatermarks::open(self.folder.path(), Lost::Refuse, Timestamp::default(), Arc::new(()))
                        .await
                        .ok()
                };
                Arc::new(once_unlocked(open).await.0)
            }
        };
        let requests = [
            RequestKind::Block,
            RequestKind::Preattestation,
            RequestKind::Attestation,
            RequestKind::AttestationWithDal,
        ];
        let policy = Policy { allow: Allow::new(requests, []), ..Policy::default() };
        let rules = KeyRules { policy, log_payloads: false, ..KeyRules::default() };
        let keys: BTreeMap<_, _> =
            (0..3).map(|key| (secret_key(key).public_key().hash(), rules.clone())).collect();
        let signer = Signer::new(SignerParts {
            env: Env::system(),
            // Levels rise as fast as the machine signs.
            rules: Rules { keys, jumps: JumpRules::off(), ..Rules::default() },
            vaults: vec![Vault { name: "test".to_owned(), backend: self.vault.clone() }],
            watermarks,
            store: None,
            issuer: None,
        });
        self.router = signer::router(signer, Arc::new(Metrics::new()), &Limits::default(), 1 << 20);
    }

    pub(crate) fn store_fails(&self, reads: bool, call: u64, fault: Fault) {
        if reads { self.failing.fail_read(call, fault) } else { self.failing.fail_commit(call, fault) }
    }

    pub(crate) fn vault_fails(&self, call: u64) {
        self.vault.fail(call);
    }

    pub(crate) fn client(&self) -> Client {
        Client(self.router.clone())
    }
}

/// What was open may still be on its way to being closed, in a task that was cut off. A new process does not meet that.
async fn once_unlocked<T>(open: impl AsyncFn() -> Option<T>) -> T {
    for _ in 0..100_000 {
        if let Some(opened) = open().await {
            return opened;
        }
        task::yield_now().await;
    }
    panic!("the watermarks are locked for ever");
}

fn password() -> Password {
    Password::new("test")
}

/// Somebody who asks.
pub(crate) struct Client(Router);

impl Client {
    pub(crate) async fn ask(&self, message: &ConsensusMessage) -> Answer {
        let key = secret_key(message.key).public_key().clone();
        let bytes = message.bytes();
        let source = Source::new(std::net::Ipv4Addr::LOCALHOST.into());
        let call = Call::new(&self.0, "POST", &format!("/keys/{}", key.hash())).extension(source);
        let answer = call.body(format!("\"{}\"", hex(&bytes))).send().await;
        let (status, text) = (answer.status.as_u16(), answer.text());
        match status {
            200 => {
                let signature: Signature = answer.json()["signature"].as_str().unwrap().parse().unwrap();
                key.verify(&bytes, &signature, SigningVersion::LATEST).unwrap();
                Answer::Signed
            }
            409 => {
                assert!(text.contains("watermark validation failed"), "{text}");
                Answer::Refused
            }
            500 | 503 => Answer::Failed,
            _ => panic!("{message:?}: {status} {text}"),
        }
    }
}

/// A vault that answers late, in another order than it was asked, and sometimes not at all.
struct Stumbling {
    inner: SoftwareVault,
    calls: AtomicU64,
    fails: Mutex<BTreeSet<u64>>,
}

impl Stumbling {
    fn new() -> Self {
        let keys = (0..KEYS.len()).map(|key| Arc::new(secret_key(key))).collect();
        Self { inner: SoftwareVault::new("Mem", keys), calls: AtomicU64::new(0), fails: Mutex::default() }
    }

    fn fail(&self, call: u64) {
        self.fails.lock().unwrap().insert(self.calls.load(Ordering::SeqCst) + call);
    }
}

impl KeyBackend for Stumbling {
    fn kind(&self) -> &'static str {
        "Mem"
    }

    fn keys(&self) -> BoxFuture<'_, Result<Vec<PublicKey>, VaultError>> {
        self.inner.keys()
    }

    fn sign<'a>(&'a self, request: &'a Cleared) -> BoxFuture<'a, Result<VerifiedSignature, VaultError>> {
        Box::pin(async move {
            let call = self.calls.fetch_add(1, Ordering::SeqCst);
            for _ in 0..call % 7 {
                task::yield_now().await;
            }
            if self.fails.lock().unwrap().remove(&call) {
                return Err(VaultError::new("Mem", "out of order"));
            }
            self.inner.sign(request).await
        })
    }

    fn prove<'a>(
        &'a self,
        request: &'a ClearedProof,
    ) -> BoxFuture<'a, Result<VerifiedSignature, VaultError>> {
        self.inner.prove(request)
    }
}

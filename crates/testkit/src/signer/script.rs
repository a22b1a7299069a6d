//! Vaults, watermarks and hooks that do as they are told and write down the order of calls.

use std::sync::{Arc, Mutex};

use jwtis_base::audit::AuditRecord;
use jwtis_signer::hook::HookReply;
use jwtis_signer::watermark::mem::MemWatermarks;
use jwtis_signer::watermark::{Clearance, RaisedBy, Terms, Watermarks};
use jwtis_signer::{
    Cleared, ClearedProof, KeyBackend, PolicyHook, VaultError, VerifiedSignature, WatermarkError,
};
use jwtis_store::{BoxError, BoxFuture};
use jwtis_tezos::watermark::{AllWatermarks, Asked, ChainWatermarks};
use jwtis_tezos::{ChainId, PublicKey, PublicKeyHash, SecretKey, Signature};
use tokio::sync::Semaphore;

/// What was called, in order.
#[derive(Clone, Default)]
pub struct Calls(Arc<Mutex<Vec<String>>>);

impl Calls {
    pub fn note(&self, call: impl Into<String>) {
        self.0.lock().unwrap().push(call.into());
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Where somebody stands until he is let go.
pub struct Gate {
    arrived: Semaphore,
    open: Semaphore,
}

impl Gate {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { arrived: Semaphore::new(0), open: Semaphore::new(0) })
    }

    /// Waits until somebody stands here.
    pub async fn arrival(&self) {
        self.arrived.acquire().await.unwrap().forget();
    }

    /// Lets one go.
    pub fn release(&self) {
        self.open.add_permits(1);
    }

    pub async fn pass(&self) {
        self.arrived.add_permits(1);
        self.open.acquire().await.unwrap().forget();
    }
}

/// What a vault does when it is asked to sign.
#[derive(Clone)]
pub enum Act {
    Sign,
    Fail,
    /// A signature of other bytes.
    OtherBytes,
    /// The signature with the larger S.
    HighS,
    /// `sig…`.
    Generic,
    /// With the secret of another key.
    OtherKey(Arc<SecretKey>),
    /// Waits before it signs.
    Wait(Arc<Gate>),
    /// Signs once more what it signed for somebody else before.
    MixUp,
}

/// A vault that does as it is told.
pub struct ScriptedVault {
    pub keys: Vec<Arc<SecretKey>>,
    pub calls: Calls,
    pub act: Mutex<Act>,
    pub listing_fails: Mutex<bool>,
    pub listing_waits: Mutex<Option<Arc<Gate>>>,
    pub proves: bool,
    stash: Mutex<Option<VerifiedSignature>>,
}

impl ScriptedVault {
    pub fn new(calls: &Calls, keys: &[&Arc<SecretKey>]) -> Arc<Self> {
        Arc::new(Self::bare(calls, keys))
    }

    pub fn bare(calls: &Calls, keys: &[&Arc<SecretKey>]) -> Self {
        Self {
            keys: keys.iter().map(|&key| Arc::clone(key)).collect(),
            calls: calls.clone(),
            act: Mutex::new(Act::Sign),
            listing_fails: Mutex::default(),
            listing_waits: Mutex::default(),
            proves: true,
            stash: Mutex::default(),
        }
    }

    pub fn will(&self, act: Act) {
        *self.act.lock().unwrap() = act;
    }

    pub fn listing_fails(&self, fails: bool) {
        *self.listing_fails.lock().unwrap() = fails;
    }

    fn key(&self, hash: &PublicKeyHash) -> &Arc<SecretKey> {
        self.keys.iter().find(|key| key.public_key().hash() == *hash).unwrap()
    }
}

impl KeyBackend for ScriptedVault {
    fn kind(&self) -> &'static str {
        "Scripted"
    }

    fn keys(&self) -> BoxFuture<'_, Result<Vec<PublicKey>, VaultError>> {
        Box::pin(async move {
            self.calls.note("list");
            let gate = self.listing_waits.lock().unwrap().take();
            if let Some(gate) = gate {
                gate.pass().await;
            }
            if *self.listing_fails.lock().unwrap() {
                return Err(VaultError::new("Scripted", "unplugged"));
            }
            Ok(self.keys.iter().map(|key| key.public_key().clone()).collect())
        })
    }

    fn sign<'a>(&'a self, request: &'a Cleared) -> BoxFuture<'a, Result<VerifiedSignature, VaultError>> {
        Box::pin(async move {
            self.calls.note("sign");
            let act = self.act.lock().unwrap().clone();
            let key = self.key(request.key());
            let sign = |message: &[u8]| key.sign(message, request.request().version()).unwrap();
            let signature = match act {
                Act::Fail => return Err(VaultError::new("Scripted", "on fire")),
                Act::Sign => return VerifiedSignature::sign("Scripted", key, request),
                Act::OtherKey(other) => return VerifiedSignature::sign("Scripted", &other, request),
                Act::Wait(gate) => {
                    gate.pass().await;
                    return VerifiedSignature::sign("Scripted", key, request);
                }
                Act::MixUp => {
                    let fresh = VerifiedSignature::sign("Scripted", key, request)?;
                    return Ok(self
                        .stash
                        .lock()
                        .unwrap()
                        .replace(fresh)
                        .unwrap_or_else(|| VerifiedSignature::sign("Scripted", key, request).unwrap()));
                }
                Act::OtherBytes => sign(b"\x03other"),
                Act::HighS => high_s(sign(request.request().message())),
                Act::Generic => sign(request.request().message()).to_generic(),
            };
            VerifiedSignature::check("Scripted", key.public_key(), request, signature)
        })
    }

    fn prove<'a>(
        &'a self,
        request: &'a ClearedProof,
    ) -> BoxFuture<'a, Result<VerifiedSignature, VaultError>> {
        Box::pin(async move {
            self.calls.note("prove");
            VerifiedSignature::prove("Scripted", self.key(request.key()), request)
        })
    }

    fn can_prove(&self) -> bool {
        self.proves
    }
}

/// The other signature of secp256k1: the order of the group minus S.
pub fn high_s(signature: Signature) -> Signature {
    const ORDER: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    let Signature::Secp256k1(mut bytes) = signature else { panic!("only for secp256k1") };
    let mut borrow = 0_i16;
    for index in (0..32).rev() {
        let order = i16::from(u8::from_str_radix(&ORDER[2 * index..2 * index + 2], 16).unwrap());
        let difference = order - i16::from(bytes[32 + index]) - borrow;
        borrow = i16::from(difference < 0);
        bytes[32 + index] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    Signature::Secp256k1(bytes)
}

/// Watermarks in memory that write down their calls.
pub struct NotedWatermarks {
    pub inner: MemWatermarks,
    pub calls: Calls,
    pub fail: Mutex<bool>,
}

impl NotedWatermarks {
    pub fn new(calls: &Calls) -> Arc<Self> {
        Arc::new(Self { inner: MemWatermarks::default(), calls: calls.clone(), fail: Mutex::default() })
    }
}

impl Watermarks for NotedWatermarks {
    fn name(&self) -> &'static str {
        "mem"
    }

    fn clear<'a>(
        &'a self,
        key: &'a PublicKeyHash,
        asked: &'a Asked,
        terms: &'a Terms,
        record: Option<&'a AuditRecord>,
    ) -> BoxFuture<'a, Result<Clearance, WatermarkError>> {
        self.calls.note("watermark");
        if *self.fail.lock().unwrap() {
            return Box::pin(std::future::ready(Err(WatermarkError::Unavailable("disk gone".into()))));
        }
        self.inner.clear(key, asked, terms, record)
    }

    fn all(&self) -> BoxFuture<'_, Result<AllWatermarks, WatermarkError>> {
        self.inner.all()
    }

    fn raise<'a>(
        &'a self,
        chain: ChainId,
        watermarks: &'a ChainWatermarks,
        by: RaisedBy,
    ) -> BoxFuture<'a, Result<(), WatermarkError>> {
        self.inner.raise(chain, watermarks, by)
    }
}

type Answer = dyn Fn(&serde_json::Value) -> Result<HookReply, BoxError> + Send + Sync;

/// A hook that does as it is told.
pub struct ScriptedHook {
    pub calls: Calls,
    pub questions: Mutex<Vec<serde_json::Value>>,
    answer: Box<Answer>,
    /// Where questions about this key wait.
    pub gate: Mutex<Option<(String, Arc<Gate>)>>,
}

impl ScriptedHook {
    pub fn new(
        calls: &Calls,
        answer: impl Fn(&serde_json::Value) -> Result<HookReply, BoxError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            calls: calls.clone(),
            questions: Mutex::default(),
            answer: Box::new(answer),
            gate: Mutex::default(),
        })
    }

    pub fn saying(calls: &Calls, status: u16, status_text: &'static str) -> Arc<Self> {
        Self::new(calls, move |_| Ok(reply(status, status_text, "")))
    }
}

impl PolicyHook for ScriptedHook {
    fn ask(&self, body: Vec<u8>) -> BoxFuture<'_, Result<HookReply, BoxError>> {
        Box::pin(async move {
            self.calls.note("hook");
            let question: serde_json::Value = serde_json::from_slice(&body).unwrap();
            self.questions.lock().unwrap().push(question.clone());
            let gate = self.gate.lock().unwrap().clone();
            if let Some((key, gate)) = gate
                && question["public_key_hash"] == key.as_str()
            {
                gate.pass().await;
            }
            (self.answer)(&question)
        })
    }
}

pub fn reply(status: u16, status_text: &str, body: &str) -> HookReply {
    HookReply { status, status_text: status_text.to_owned(), body: body.as_bytes().to_vec() }
}

//! A world for tests of the signer: what it is made of, and short words for what tests ask of it.

pub mod script;
pub mod tokens;
pub mod watermark;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use jwtis_base::Timestamp;
use jwtis_signer::hook::Hook;
use jwtis_signer::rules::Guard;
use jwtis_signer::watermark::Watermarks;
use jwtis_signer::watermark::mem::MemWatermarks;
use jwtis_signer::{
    Authenticated, Decided, KeyBackend, KeyRules, PolicyHook, ProofCommand, Rules, SignCommand, Signed,
    Signer, SignerParts, Vault,
};
use jwtis_store::Store;
use jwtis_tezos::policy::{Allow, OperationPermission};
use jwtis_tezos::{Caller, Curve, Policy, PublicKey, PublicKeyHash, RequestKind, SecretKey, SigningVersion};

use crate::clock::{ManualClock, env};

pub use crate::forge::{self, attestation};
pub use script::{Act, Calls, Gate, NotedWatermarks, ScriptedHook, ScriptedVault, reply};

pub const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
pub const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

/// What a signer is made of, before it is.
pub struct Setup {
    pub rules: Rules,
    pub vaults: Vec<Vault>,
    pub watermarks: Arc<dyn Watermarks>,
    pub store: Option<Store>,
    pub clock: Arc<ManualClock>,
}

impl Setup {
    pub fn new() -> Self {
        Self {
            rules: Rules { guard: Guard::Open, ..Rules::default() },
            vaults: Vec::new(),
            watermarks: Arc::new(MemWatermarks::default()),
            store: None,
            clock: ManualClock::at(START),
        }
    }

    pub fn list(mut self, key: &SecretKey, policy: Policy) -> Self {
        self.rules.keys.insert(pkh(key), KeyRules { policy, log_payloads: false, ..KeyRules::default() });
        self
    }

    pub fn vault(mut self, name: &str, backend: Arc<dyn KeyBackend>) -> Self {
        self.vaults.push(Vault { name: name.to_owned(), backend });
        self
    }

    pub fn watermarks(mut self, watermarks: Arc<dyn Watermarks>) -> Self {
        self.watermarks = watermarks;
        self
    }

    pub fn store(mut self, store: &Store) -> Self {
        self.store = Some(store.clone());
        self
    }

    pub fn hook(mut self, transport: Arc<dyn PolicyHook>, authorized_keys: Option<Vec<PublicKey>>) -> Self {
        self.rules.hook = Some(Hook { transport, authorized_keys });
        self
    }

    pub fn build(self) -> Signer {
        let Self { rules, vaults, watermarks, store, clock } = self;
        Signer::new(SignerParts { env: env(&clock), rules, vaults, watermarks, store, issuer: None })
    }
}

pub fn new_key(curve: Curve) -> Arc<SecretKey> {
    Arc::new(SecretKey::generate(curve).unwrap())
}

pub fn pkh(key: &SecretKey) -> PublicKeyHash {
    key.public_key().hash()
}

/// May sign these requests, and of operations transactions.
pub fn allowing(requests: &[RequestKind]) -> Policy {
    let transaction = OperationPermission::from_name("transaction").unwrap();
    Policy { allow: Allow::new(requests.iter().copied(), [transaction]), ..Policy::default() }
}

/// One transaction of so many mutez.
pub fn transaction(amount: u64) -> Vec<u8> {
    forge::transaction(amount, 0xbb, None).generic()
}

pub async fn sign_as(signer: &Signer, caller: Caller, key: PublicKeyHash, message: &[u8]) -> Decided<Signed> {
    let caller = Authenticated::as_caller(signer, caller);
    let version = SigningVersion::LATEST;
    signer.sign(SignCommand { caller, key, message, version, source: SOURCE }).await
}

pub async fn sign(signer: &Signer, key: &SecretKey, message: &[u8]) -> Decided<Signed> {
    sign_as(signer, Caller::Anonymous, pkh(key), message).await
}

pub async fn sign_in_version(
    signer: &Signer,
    key: &SecretKey,
    message: &[u8],
    version: SigningVersion,
) -> Decided<Signed> {
    let caller = Authenticated::as_caller(signer, Caller::Anonymous);
    signer.sign(SignCommand { caller, key: pkh(key), message, version, source: SOURCE }).await
}

pub async fn prove_as(signer: &Signer, caller: Caller, key: &SecretKey) -> Decided<Signed> {
    let caller = Authenticated::as_caller(signer, caller);
    signer.prove(ProofCommand { caller, key: pkh(key), source: SOURCE }).await
}

/// `signed`, or the code of the refusal.
pub fn code<T>(decided: &Decided<T>) -> &'static str {
    decided.outcome.as_ref().map_or_else(|error| error.code(), |_| "signed")
}

/// `signed`, or the text of the refusal.
pub fn text<T>(decided: &Decided<T>) -> String {
    decided.outcome.as_ref().map_or_else(ToString::to_string, |_| "signed".to_owned())
}

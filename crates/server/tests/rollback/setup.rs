//! Stores, restores and signers of these tests.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jwtis::app::takeover::take_over;
use jwtis_base::Timestamp;
use jwtis_base::rollback::takeover::{self, TakeOver};
use jwtis_signer::watermark::store::StoreWatermarks;
use jwtis_store::{KdfParams, Restoration, Store, create_redb, open_redb, witness_beside};
use jwtis_testkit::issuer::START;
use jwtis_testkit::signer::{Calls, ScriptedVault, Setup, allowing};
use jwtis_tezos::policy::{Mutez, Rate, SpendingLimits};
use jwtis_tezos::{Policy, RequestKind};

pub(crate) fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let path = folder.path().join("store.db");
    (folder, path)
}

pub(crate) fn created(path: &Path) -> Store {
    create_redb(path, &"p".into(), KdfParams::cheap_for_tests()).unwrap()
}

pub(crate) fn opened(path: &Path) -> Store {
    open_redb(path, &"p".into()).unwrap()
}

pub(crate) async fn restore(backup: &Path, target: &Path, now: Timestamp, keep_sessions: bool) -> TakeOver {
    let restoration = Restoration::prepare(backup, target, &witness_beside(target), &"p".into()).unwrap();
    let outcome = take_over(&restoration, now, keep_sessions).await.unwrap();
    restoration.finish().unwrap();
    outcome
}

pub(crate) fn lines(outcome: &TakeOver) -> Vec<String> {
    let line = |item: &takeover::Item| format!("{} {}: {}", item.kind, item.name, item.what);
    let mut lines: Vec<_> = outcome.taken.iter().map(line).collect();
    lines.sort();
    lines
}

pub(crate) fn after(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

pub(crate) fn with_limit() -> Policy {
    let rate = Rate { window: Duration::from_secs(3600), amount: Some(Mutez::new(100)), count: None };
    let limits = SpendingLimits { per: Some(rate), ..SpendingLimits::default() };
    Policy { limits, ..allowing(&[RequestKind::Generic, RequestKind::Attestation]) }
}

/// A signer over `store` with one key that may spend 100 mutez an hour, and its clock.
pub(crate) fn signer(store: &Store, key: &Arc<jwtis_tezos::SecretKey>) -> Setup {
    Setup::new()
        .list(key, with_limit())
        .vault("v", ScriptedVault::new(&Calls::default(), &[key]))
        .watermarks(Arc::new(StoreWatermarks::new(store.clone(), Arc::new(()))))
        .store(store)
}

//! The audit trail of the signer: what was cleared by a watermark or counted against a limit, in the commit of that.

use std::sync::Arc;
use std::time::Duration;

use jwtis_base::audit::{AuditPage, NumberedRecord};
use jwtis_signer::Signer;
use jwtis_signer::switch::{KeySwitches, Switcher};
use jwtis_signer::vault::store::StoreVault;
use jwtis_signer::watermark::file::{FileWatermarks, Lost};
use jwtis_signer::watermark::mem::MemWatermarks;
use jwtis_signer::watermark::store::StoreWatermarks;
use jwtis_signer::watermark::{RaisedBy, Watermarks};
use jwtis_store::testing::{Fault, Faulty, store_over};
use jwtis_store::{MemoryBackend, Store, open_memory};
use jwtis_testkit::signer::{
    Calls, START, ScriptedVault, Setup, allowing, attestation, code, new_key, pkh, sign, transaction,
};
use jwtis_tezos::policy::{Rate, SpendingLimits};
use jwtis_tezos::watermark::ChainWatermarks;
use jwtis_tezos::watermark::{Watermark, WatermarkKind};
use jwtis_tezos::{ChainId, Curve, Policy, RequestKind, SecretKey, SignRequest, SigningVersion};
use serde_json::json;

/// Attestations, and at most two operations an hour.
fn policy() -> Policy {
    let rate = Rate { window: Duration::from_secs(3600), amount: None, count: Some(2) };
    let limits = SpendingLimits { per: Some(rate), ..SpendingLimits::default() };
    Policy { limits, ..allowing(&[RequestKind::Generic, RequestKind::Attestation]) }
}

fn signer(store: &Store, key: &Arc<SecretKey>, policy: Policy) -> Signer {
    let setup = Setup::new().list(key, policy).vault("v", ScriptedVault::new(&Calls::default(), &[key]));
    setup.watermarks(Arc::new(StoreWatermarks::new(store.clone(), Arc::new(())))).store(store).build()
}

async fn trail(store: &Store) -> Vec<NumberedRecord> {
    AuditPage::of(store, 0, 1000).await.unwrap().records
}

fn shown(trail: &[NumberedRecord]) -> Vec<serde_json::Value> {
    trail.iter().map(|record| serde_json::to_value(record).unwrap()).collect()
}

fn digest(message: &[u8]) -> String {
    let request = SignRequest::decode(message, SigningVersion::LATEST).unwrap();
    request.digest().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_signature_that_moves_a_watermark_or_counts_leaves_one_record_in_that_commit() {
    let backend = Faulty::new(MemoryBackend::new());
    let store = store_over(backend.clone());
    let key = new_key(Curve::Ed25519);
    let signer = signer(&store, &key, policy());
    for message in [attestation(7, 1), transaction(5)] {
        let (before, commits) = (trail(&store).await.len(), backend.commits());
        assert_eq!(code(&sign(&signer, &key, &message).await), "signed");
        // The first commit of a table lists it in the store's directory, in that commit.
        assert_eq!(backend.commits(), commits + 1);
        assert_eq!(trail(&store).await.len(), before + 1);
    }
    let (key, chain) = (pkh(&key).to_string(), "NetXdQprcVkpaWU");
    let at_ms = START.millis();
    let shown = shown(&trail(&store).await);
    let chain = shown[0]["chain"].as_str().filter(|text| text.len() == chain.len()).unwrap();
    assert_eq!(
        shown,
        [
            json!({
                "number": 1, "at_ms": at_ms, "event": "cleared", "by": "anybody", "key": key, "kind": "attestation",
                "chain": chain, "level": 7, "round": 1, "digest": digest(&attestation(7, 1)),
            }),
            json!({
                "number": 2, "at_ms": at_ms, "event": "cleared", "by": "anybody", "key": key, "kind": "generic",
                "digest": digest(&transaction(5)),
            }),
        ]
    );
}

#[tokio::test]
async fn what_is_refused_repeated_or_not_counted_leaves_none() {
    let store = open_memory();
    let key = new_key(Curve::Ed25519);
    let first = signer(&store, &key, policy());
    for message in [attestation(7, 1), transaction(5), transaction(5)] {
        assert_eq!(code(&sign(&first, &key, &message).await), "signed");
    }
    let before = trail(&store).await;
    assert_eq!(before.len(), 3);
    for (message, wanted) in
        [(attestation(7, 1), "signed"), (attestation(6, 0), "watermark"), (transaction(5), "limit")]
    {
        assert_eq!(code(&sign(&first, &key, &message).await), wanted);
        assert_eq!(trail(&store).await, before, "{wanted}");
    }
    let unlimited = signer(&store, &key, allowing(&[RequestKind::Generic]));
    assert_eq!(code(&sign(&unlimited, &key, &transaction(5)).await), "signed");
    assert_eq!(trail(&store).await, before, "operations without a limit over time are not audited");
}

#[tokio::test]
async fn a_commit_that_fails_leaves_no_signature_and_no_record() {
    for fault in Fault::NOT_WRITTEN {
        for message in [attestation(7, 1), transaction(5)] {
            let backend = Faulty::new(MemoryBackend::new());
            let store = store_over(backend.clone());
            let key = new_key(Curve::Ed25519);
            let signer = signer(&store, &key, policy());
            backend.fail_commit(1, fault);
            assert_ne!(code(&sign(&signer, &key, &message).await), "signed", "{fault:?}");
            assert_eq!(trail(&store).await, [], "{fault:?}");
        }
    }
}

#[tokio::test]
async fn the_driver_file_keeps_the_records_in_its_own_file_and_mem_keeps_none() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_memory();
    let key = new_key(Curve::Ed25519);
    let file: Arc<dyn Watermarks> =
        Arc::new(FileWatermarks::open(folder.path(), Lost::Refuse, START, Arc::new(())).await.unwrap().0);
    for (watermarks, records) in [(file, 1), (Arc::new(MemWatermarks::default()) as _, 0)] {
        let setup = Setup::new().list(&key, policy()).store(&store).watermarks(watermarks);
        let signer = setup.vault("v", ScriptedVault::new(&Calls::default(), &[&key])).build();
        assert_eq!(code(&sign(&signer, &key, &attestation(7, 1)).await), "signed");
        let own = match signer.own_trail() {
            Some(own) => trail(own).await.len(),
            None => 0,
        };
        assert_eq!(own, records);
        assert_eq!(trail(&store).await, []);
    }
}

#[tokio::test]
async fn what_the_operator_or_a_start_does_to_keys_and_watermarks_leaves_one_record_each() {
    let store = open_memory();
    let env = jwtis_base::Env::system();
    let vault = StoreVault::new(store.clone(), env.clone());
    let switches = KeySwitches::new(store.clone(), env);
    let watermarks = StoreWatermarks::new(store.clone(), Arc::new(()));
    let key = vault.generate(Curve::Ed25519, "baker").await.unwrap().public_key.hash();
    switches.disable(&key, &Switcher::operator()).await.unwrap();
    assert!(!switches.disable(&key, &Switcher::operator()).await.unwrap(), "it is disabled already");
    switches.enable(&key, &Switcher::operator()).await.unwrap();
    let chain = ChainId::new([1; 4]);
    let at = |level| Watermark::new(level, 0, None).unwrap();
    let mut raised = ChainWatermarks::default();
    raised.entry(key).set(WatermarkKind::Block, at(9));
    for by in [RaisedBy::Operator(START), RaisedBy::Operator(START), RaisedBy::Start(START)] {
        watermarks.raise(chain, &raised, by).await.unwrap();
    }
    watermarks.danger_lower(chain, key, WatermarkKind::Block, at(3), START).await.unwrap();
    raised.entry(key).set(WatermarkKind::Block, at(7));
    watermarks.raise(chain, &raised, RaisedBy::Start(START)).await.unwrap();
    vault.delete(&key).await.unwrap();
    let trail = shown(&trail(&store).await);
    let events: Vec<_> = trail.iter().map(|record| record["event"].as_str().unwrap()).collect();
    let wanted = [
        "signing_key_added",
        "signing_key_disabled",
        "signing_key_enabled",
        "watermark_raised",
        "watermark_lowered",
        "watermark_joined",
        "signing_key_deleted",
    ];
    assert_eq!(events, wanted);
    assert!(trail.iter().all(|record| record["key"] == key.to_string()));
    let levels = trail[3..6].iter().map(|record| [&record["by"], &record["level_before"], &record["level"]]);
    let wanted = [
        [json!("operator"), json!(null), json!(9)],
        [json!("operator"), json!(9), json!(3)],
        [json!("server"), json!(3), json!(7)],
    ];
    assert_eq!(levels.collect::<Vec<_>>(), wanted.each_ref().map(|row| row.each_ref()));
}

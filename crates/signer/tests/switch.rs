//! The kill switch of a key: at once, for good until it is moved back, and closed where it cannot be read.

use std::sync::Arc;

use jwtis_signer::Signer;
use jwtis_signer::switch::{KeySwitches, SwitchError, Switcher};
use jwtis_store::testing::{Fault, Faulty, store_over};
use jwtis_store::{MemoryBackend, Store};
use jwtis_testkit::signer::{
    Calls, Gate, ScriptedHook, ScriptedVault, Setup, attestation, code, new_key, pkh, prove_as, sign, text,
};
use jwtis_tezos::{Caller, Curve, Policy, SecretKey};

fn proving() -> Policy {
    Policy { allow_proof_of_possession: true, ..Policy::baker() }
}

fn signer(key: &Arc<SecretKey>, store: &Store) -> Signer {
    let vault = ScriptedVault::new(&Calls::default(), &[key]);
    Setup::new().list(key, proving()).vault("v", vault).store(store).build()
}

fn switches(signer: &Signer) -> &KeySwitches {
    signer.switches().unwrap()
}

#[tokio::test]
async fn a_disabled_key_neither_signs_nor_proves_until_it_is_enabled_and_a_restart_changes_nothing() {
    let (key, tz4) = (new_key(Curve::Ed25519), new_key(Curve::Bls12381));
    let store = store_over(Arc::new(MemoryBackend::new()));
    let (first, proving) = (signer(&key, &store), signer(&tz4, &store));
    assert_eq!(code(&sign(&first, &key, &attestation(1, 0)).await), "signed");
    let operator = Switcher::operator();
    for key in [&key, &tz4] {
        assert!(switches(&first).disable(&pkh(key), &operator).await.unwrap());
        assert!(!switches(&first).disable(&pkh(key), &operator).await.unwrap(), "it stays so");
    }
    for signer in [&first, &signer(&key, &store)] {
        let refused = sign(signer, &key, &attestation(2, 0)).await;
        assert_eq!((code(&refused), text(&refused)), ("key_disabled", format!("{} is disabled", pkh(&key))));
        assert!(signer.snapshot().public_key(&pkh(&key)).await.is_ok(), "what is public stays so");
        assert!(signer.snapshot().ready().await, "the operator meant it");
    }
    assert_eq!(code(&prove_as(&proving, Caller::Anonymous, &tz4).await), "key_disabled");
    let other = new_key(Curve::Ed25519);
    assert_eq!(code(&sign(&signer(&other, &store), &other, &attestation(2, 0)).await), "signed");

    for key in [&key, &tz4] {
        assert!(switches(&first).enable(&pkh(key), &operator).await.unwrap());
        assert!(!switches(&first).enable(&pkh(key), &operator).await.unwrap());
    }
    assert_eq!(code(&sign(&first, &key, &attestation(2, 0)).await), "signed", "no watermark rose");
    assert_eq!(code(&prove_as(&proving, Caller::Anonymous, &tz4).await), "signed");
}

#[tokio::test]
async fn a_key_that_is_disabled_while_the_hook_thinks_is_not_used() {
    let key = new_key(Curve::Ed25519);
    let calls = Calls::default();
    let gate = Gate::new();
    let hook = ScriptedHook::saying(&Calls::default(), 200, "200 OK");
    *hook.gate.lock().unwrap() = Some((pkh(&key).to_string(), Arc::clone(&gate)));
    let store = store_over(Arc::new(MemoryBackend::new()));
    let signer = Setup::new()
        .list(&key, Policy::baker())
        .vault("v", ScriptedVault::new(&calls, &[&key]))
        .hook(hook, None)
        .store(&store)
        .build();
    let waiting = {
        let (signer, key) = (signer.clone(), Arc::clone(&key));
        tokio::spawn(async move { code(&sign(&signer, &key, &attestation(7, 0)).await) })
    };
    gate.arrival().await;
    switches(&signer).disable(&pkh(&key), &Switcher::operator()).await.unwrap();
    gate.release();
    assert_eq!(waiting.await.unwrap(), "key_disabled");
    assert!(!calls.take().contains(&"sign".to_owned()), "the vault was asked");
}

#[tokio::test]
async fn where_the_switch_cannot_be_read_nothing_is_signed() {
    let backend = Faulty::new(MemoryBackend::new());
    let store = store_over(backend.clone());
    let key = new_key(Curve::Ed25519);
    let signer = signer(&key, &store);
    for _ in 0..2 {
        backend.fail_read(1, Fault::Unavailable);
        assert_eq!(code(&sign(&signer, &key, &attestation(9, 0)).await), "switch_unavailable");
    }
    assert_eq!(code(&sign(&signer, &key, &attestation(9, 0)).await), "signed");
}

#[tokio::test]
async fn a_switch_with_an_unknown_outcome_is_decided_by_the_next_one() {
    for fault in Fault::UNKNOWN {
        let backend = Faulty::new(MemoryBackend::new());
        let store = store_over(backend.clone());
        let key = new_key(Curve::Ed25519);
        let signer = signer(&key, &store);
        let operator = Switcher::operator();
        let done = fault != Fault::UnknownNotDone;
        // The store lists the tables of a switch already: the first commit of one is two, if somebody else has listed it.
        assert!(switches(&signer).disable(&pkh(&new_key(Curve::Ed25519)), &operator).await.unwrap());

        backend.fail_commit(1, fault);
        let unknown = switches(&signer).disable(&pkh(&key), &operator).await;
        assert!(matches!(unknown, Err(SwitchError::OutcomeUnknown(_))), "{fault:?}: {unknown:?}");
        assert_eq!(switches(&signer).disable(&pkh(&key), &operator).await.unwrap(), !done, "{fault:?}");
        assert_eq!(code(&sign(&signer, &key, &attestation(2, 0)).await), "key_disabled", "{fault:?}");

        backend.fail_commit(1, fault);
        let unknown = switches(&signer).enable(&pkh(&key), &operator).await;
        assert!(matches!(unknown, Err(SwitchError::OutcomeUnknown(_))), "{fault:?}: {unknown:?}");
        assert_eq!(switches(&signer).enable(&pkh(&key), &operator).await.unwrap(), !done, "{fault:?}");
        assert_eq!(code(&sign(&signer, &key, &attestation(2, 0)).await), "signed", "{fault:?}");
    }
}

//! Keys sealed in the store: made, brought in, listed, used, deleted, and there again after a restart.

use std::sync::Arc;

use jwtis_base::env::Env;
use jwtis_signer::Signer;
use jwtis_signer::vault::store::{StoreVault, StoreVaultError};
use jwtis_signer::{KeyRules, Rules};
use jwtis_store::testing::{Fault, Faulty, store_over};
use jwtis_store::{
    Backend as _, Batch, Expect, KdfParams, MemoryBackend, ReadError, Store, Write, create_redb, open_memory,
    open_redb,
};
use jwtis_testkit::clock::{ManualClock, env};
use jwtis_testkit::signer::{START, Setup, allowing, code, new_key, pkh, sign_as, text, transaction};
use jwtis_tezos::{Curve, PublicKeyHash, RequestKind, SecretKey, SigningVersion};

fn vault(store: &Store) -> StoreVault {
    StoreVault::new(store.clone(), env(&ManualClock::at(START)))
}

fn listing(keys: &[PublicKeyHash]) -> Rules {
    let rule =
        KeyRules { policy: allowing(&[RequestKind::Generic]), log_payloads: false, ..KeyRules::default() };
    Rules { keys: keys.iter().map(|key| (*key, rule.clone())).collect(), ..Rules::default() }
}

fn signer(vault: &StoreVault, keys: &[PublicKeyHash]) -> Signer {
    let signer = Setup::new().vault("keys", Arc::new(vault.clone())).build();
    signer.apply(listing(keys), None);
    signer
}

async fn signed(signer: &Signer, key: PublicKeyHash) -> &'static str {
    code(&sign_as(signer, jwtis_tezos::Caller::Anonymous, key, &transaction(1)).await)
}

#[tokio::test]
async fn keys_of_every_curve_are_made_and_sign_and_are_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let mut keys = Vec::new();
    let mut signatures = Vec::new();
    {
        let store = create_redb(&path, &"p".into(), KdfParams::cheap_for_tests()).unwrap();
        let vault = vault(&store);
        for curve in Curve::ALL {
            let made = vault.generate(curve, curve.name()).await.unwrap();
            assert_eq!((made.alias.as_str(), made.created_at_ms), (curve.name(), START.millis()));
            keys.push(made.public_key);
        }
        let hashes: Vec<_> = keys.iter().map(jwtis_tezos::PublicKey::hash).collect();
        let signer = signer(&vault, &hashes);
        for key in &keys {
            let decided = sign_as(&signer, jwtis_tezos::Caller::Anonymous, key.hash(), &transaction(1)).await;
            assert_eq!(decided.about.vault, Some("Store"));
            let signature = decided.outcome.unwrap();
            key.verify_strictly(&transaction(1), &signature, SigningVersion::LATEST).unwrap();
            signatures.push(signature);
        }
    }
    let store = open_redb(&path, &"p".into()).unwrap();
    let vault = vault(&store);
    let listed = vault.list().await.unwrap().keys;
    let names: Vec<&str> = listed.iter().map(|key| key.alias.as_str()).collect();
    assert_eq!(names, ["BLS12-381", "Ed25519", "P-256", "secp256k1"]);
    let hashes: Vec<_> = keys.iter().map(jwtis_tezos::PublicKey::hash).collect();
    let signer = signer(&vault, &hashes);
    for (hash, signature) in hashes.iter().zip(signatures) {
        let decided = sign_as(&signer, jwtis_tezos::Caller::Anonymous, *hash, &transaction(1)).await;
        assert_eq!(decided.outcome.unwrap(), signature);
    }
}

#[tokio::test]
async fn an_imported_key_is_the_same_key_and_comes_in_once() {
    let store = open_memory();
    let vault = vault(&store);
    for curve in Curve::ALL {
        let key = new_key(curve);
        let stored = vault.import(&key, "").await.unwrap();
        assert_eq!(stored.public_key.hash(), pkh(&key));
        let again = vault.import(&key, "").await.unwrap_err();
        assert_eq!(again.to_string(), format!("{} is in the store already", pkh(&key)));
        let named = vault.import(&key, "named").await.unwrap_err();
        assert!(matches!(named, StoreVaultError::Exists(hash) if hash == pkh(&key)), "{named}");
        assert_eq!(signed(&signer(&vault, &[pkh(&key)]), pkh(&key)).await, "signed");
    }
    assert_eq!(vault.list().await.unwrap().keys.len(), Curve::ALL.len());
}

#[tokio::test]
async fn an_alias_is_that_of_one_key() {
    let store = open_memory();
    let vault = vault(&store);
    let first = vault.generate(Curve::Ed25519, "baker").await.unwrap();
    let taken = vault.generate(Curve::P256, "baker").await.unwrap_err();
    assert_eq!(taken.to_string(), "another key has the alias `baker`");
    for bad in ["x".repeat(65).as_str(), "a\nb", "\u{1b}[31m"] {
        assert!(matches!(vault.generate(Curve::P256, bad).await, Err(StoreVaultError::Alias)), "{bad:?}");
    }
    vault.generate(Curve::P256, &"ü".repeat(64)).await.unwrap();
    vault.generate(Curve::P256, "").await.unwrap();
    vault.generate(Curve::P256, "").await.unwrap();
    assert_eq!(vault.list().await.unwrap().keys.len(), 4, "nothing is left of a refused key");
    vault.delete(&first.public_key.hash()).await.unwrap();
    vault.generate(Curve::P256, "baker").await.unwrap();
}

#[tokio::test]
async fn a_deleted_key_signs_nothing_from_that_moment() {
    let store = open_memory();
    let vault = vault(&store);
    let key = vault.generate(Curve::Ed25519, "old").await.unwrap().public_key.hash();
    let signer = signer(&vault, &[key]);
    assert_eq!(signed(&signer, key).await, "signed");
    // Deleted through another view of the same store.
    StoreVault::new(store.clone(), Env::system()).delete(&key).await.unwrap();
    let refused = sign_as(&signer, jwtis_tezos::Caller::Anonymous, key, &transaction(1)).await;
    assert_eq!(text(&refused), "(Store): the key is not here any more");
    let unknown = vault.delete(&key).await.unwrap_err();
    assert!(matches!(unknown, StoreVaultError::Unknown(_)), "{unknown}");
    assert!(vault.list().await.unwrap().keys.is_empty());
}

#[tokio::test]
async fn keys_are_read_from_the_store_once() {
    let backend = Faulty::new(MemoryBackend::new());
    let store = store_over(backend.clone());
    let vault = vault(&store);
    let key = vault.generate(Curve::Ed25519, "").await.unwrap().public_key.hash();
    let signer = signer(&vault, &[key]);
    assert_eq!(signed(&signer, key).await, "signed");
    let reads = backend.reads();
    for _ in 0..10 {
        assert_eq!(signed(&signer, key).await, "signed");
    }
    assert_eq!(backend.reads(), reads);
}

#[tokio::test]
async fn a_store_that_fails_is_a_vault_that_fails() {
    let backend = Faulty::new(MemoryBackend::new());
    let store = store_over(backend.clone());
    let vault = vault(&store);
    for (nth, fault) in [(1, Fault::Unavailable), (2, Fault::Unavailable), (2, Fault::Damaged)] {
        // Listing is the first read, the key itself the second.
        let key = vault.generate(Curve::Ed25519, "").await.unwrap().public_key.hash();
        let signer = signer(&vault, &[key]);
        backend.fail_read(nth, fault);
        let refused = sign_as(&signer, jwtis_tezos::Caller::Anonymous, key, &transaction(1)).await;
        assert!(text(&refused).starts_with("(Store): "), "{}", text(&refused));
        assert_eq!(signed(&signer, key).await, "signed", "the next try works");
    }

    for fault in [Fault::Unavailable, Fault::Full, Fault::Damaged] {
        backend.fail_commit(1, fault);
        let failed = vault.generate(Curve::Ed25519, "again").await.unwrap_err();
        assert!(matches!(failed, StoreVaultError::Store(_)), "{failed}");
        let made = vault.generate(Curve::Ed25519, "again").await.unwrap().public_key.hash();
        vault.delete(&made).await.unwrap();
    }
    backend.fail_read(1, Fault::Unavailable);
    assert!(matches!(vault.list().await, Err(StoreVaultError::Read(ReadError::Unavailable(_)))));
}

#[tokio::test]
async fn an_import_and_a_deletion_with_an_unknown_outcome_are_decided_by_the_next_ones() {
    for fault in Fault::UNKNOWN {
        let backend = Faulty::new(MemoryBackend::new());
        let vault = vault(&store_over(backend.clone()));
        let key = SecretKey::generate(Curve::Ed25519).unwrap();
        let hash = key.public_key().hash();
        let done = fault != Fault::UnknownNotDone;

        backend.fail_commit(1, fault);
        let unknown = vault.import(&key, "baker").await;
        assert!(matches!(unknown, Err(StoreVaultError::OutcomeUnknown(_))), "{fault:?}: {unknown:?}");
        let again = vault.import(&key, "baker").await;
        assert_eq!(matches!(again, Err(StoreVaultError::Exists(_))), done, "{fault:?}: {again:?}");
        let signer = signer(&vault, &[hash]);
        assert_eq!(signed(&signer, hash).await, "signed", "{fault:?}");
    }
    for fault in Fault::UNKNOWN {
        let backend = Faulty::new(MemoryBackend::new());
        let vault = vault(&store_over(backend.clone()));
        let hash = vault.generate(Curve::Ed25519, "baker").await.unwrap().public_key.hash();
        let signer = signer(&vault, &[hash]);
        backend.fail_commit(1, fault);
        assert!(matches!(vault.delete(&hash).await, Err(StoreVaultError::OutcomeUnknown(_))), "{fault:?}");
        match vault.delete(&hash).await {
            Ok(()) => assert_eq!(fault, Fault::UnknownNotDone),
            Err(StoreVaultError::Unknown(_)) => assert_ne!(fault, Fault::UnknownNotDone),
            Err(error) => panic!("{fault:?}: {error}"),
        }
        assert_ne!(signed(&signer, hash).await, "signed", "{fault:?}");
    }
}

/// Puts bytes of another record in the place of the record that is not `kept`.
async fn damage(backend: &Faulty<MemoryBackend>, table: u8, kept: usize) {
    let records = backend.inner().scan(table, None, 10).await.unwrap();
    let mut batch = Batch::new();
    let (lost, other) = (&records[1 - kept], &records[kept]);
    batch.write(lost.0, Expect::Version(lost.1.version), Write::Put(other.1.clone()));
    backend.inner().commit(batch).await.unwrap();
}

#[tokio::test]
async fn a_damaged_key_is_named_by_its_alias_and_a_damaged_record_hides_no_other_key() {
    for (table, named) in [(7, true), (7, false), (8, true)] {
        let backend = Faulty::new(MemoryBackend::new());
        let vault = vault(&store_over(backend.clone()));
        let mut made = Vec::new();
        for alias in ["one", "two"] {
            let alias = if named { alias } else { "" };
            made.push(vault.generate(Curve::Ed25519, alias).await.unwrap().public_key.hash());
        }
        damage(&backend, table, 0).await;
        let listed = vault.list().await.unwrap();
        let signer = signer(&vault, &made);
        if table == 7 {
            let ([kept], [lost]) = (&listed.keys[..], &listed.damaged[..]) else { panic!("{listed:?}") };
            let kept = kept.public_key.hash();
            let lost_key = *made.iter().find(|key| **key != kept).unwrap();
            assert_eq!(signed(&signer, kept).await, "signed");
            assert_eq!(signed(&signer, lost_key).await, "key_not_found");
            assert!(lost.to_string().starts_with("damaged record: table signing-keys, key "), "{lost}");
            assert_eq!(lost.key, named.then_some(lost_key));
            assert_eq!(lost.to_string().ends_with(&format!("which is the key {lost_key}")), named, "{lost}");
        } else {
            assert_eq!((listed.keys.len(), listed.damaged.len()), (2, 0));
            for key in &made {
                assert_eq!(signed(&signer, *key).await, "signed");
                vault.delete(key).await.unwrap();
            }
            assert!(vault.list().await.unwrap().keys.is_empty());
        }
    }
}

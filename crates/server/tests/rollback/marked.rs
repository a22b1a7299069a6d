//! What a marked store refuses, and what ends the watermark.

use std::sync::Arc;

use jwtis_base::rollback;
use jwtis_issuer::{IssuerSettings, KeyOptions, session_floor};
use jwtis_signer::watermark::file::{FileWatermarks, Lost};
use jwtis_signer::watermark::{KeptIn, WentBack};
use jwtis_store::{RollbackCause, open_memory};
use jwtis_testkit::issuer::World;
use jwtis_testkit::signer::{START, attestation, code, new_key, sign, text, transaction};
use jwtis_tezos::Curve;

use crate::setup::{after, created, opened, place, restore, signer};

#[tokio::test]
async fn where_nothing_can_be_taken_over_the_store_is_marked_and_refuses() {
    let (folder, path) = place();
    let backup = folder.path().join("backup.db");
    let key = new_key(Curve::Ed25519);
    let store = created(&path);
    let world = World::with(store.clone(), IssuerSettings::default()).await;
    let shop = world.client("shop", KeyOptions::default()).await;
    let before = world.issue(&shop, "{}");
    store.backup_to(&backup).unwrap();
    drop((world, store));

    let elsewhere = folder.path().join("elsewhere.db");
    let outcome = restore(&backup, &elsewhere, after(10), false).await;
    assert!(outcome.marked.unwrap().contains("no store to take over from"));
    let store = opened(&elsewhere);
    let world = World::at(after(11), store.clone(), IssuerSettings::default()).await;
    assert_eq!(world.issuer.rollback().unwrap().cause, RollbackCause::Restored);
    let shop = world.access("shop").await;
    assert_eq!(world.status(&shop, &before.access_token).await, "revoked");
    let since = world.issue(&shop, "{}");
    assert_eq!(world.status(&shop, &since.access_token).await, "active");

    let setup = signer(&store, &key);
    let clock = setup.clock.clone();
    let running = setup.build();
    let back = WentBack { cause: RollbackCause::Restored, kept_in: KeptIn::Store };
    assert_eq!(running.rolled_back().await.unwrap(), Some(back));
    let refused = sign(&running, &key, &attestation(99, 0)).await;
    assert_eq!(code(&refused), "rolled_back");
    for command in ["jwtis watermark raise", "jwtis store accept-rollback"] {
        assert!(text(&refused).contains(command), "{}", text(&refused));
    }
    clock.set(after(12));
    assert_eq!(code(&sign(&running, &key, &transaction(1)).await), "rolled_back");
    clock.set(after(10 + 3600));
    assert_eq!(code(&sign(&running, &key, &transaction(1)).await), "signed", "one window later");
    assert_eq!(code(&sign(&running, &key, &attestation(99, 0)).await), "rolled_back");
    drop(running);
    drop(world);

    assert!(session_floor::accept(&store, after(20), false).await.unwrap());
    assert!(!session_floor::accept(&store, after(20), false).await.unwrap(), "once");
    drop(store);
    let store = opened(&elsewhere);
    let world = World::at(after(30), store.clone(), IssuerSettings::default()).await;
    assert_eq!(world.issuer.rollback(), None);
    let shop = world.access("shop").await;
    assert_eq!(world.status(&shop, &before.access_token).await, "revoked", "a revoked session stays so");
    let running = signer(&store, &key).build();
    assert_eq!(code(&sign(&running, &key, &attestation(99, 0)).await), "signed");
}

#[tokio::test]
async fn sessions_are_kept_where_the_operator_says_so() {
    let (folder, path) = place();
    let store = created(&path);
    let world = World::with(store.clone(), IssuerSettings::default()).await;
    let shop = world.client("shop", KeyOptions::default()).await;
    let before = world.issue(&shop, "{}");
    let backup = folder.path().join("backup.db");
    store.backup_to(&backup).unwrap();
    drop((world, store));
    for (name, at_restore, at_accept) in [("at_the_restore", true, false), ("at_the_acceptance", false, true)]
    {
        let elsewhere = folder.path().join(name);
        restore(&backup, &elsewhere, after(10), at_restore).await;
        let store = opened(&elsewhere);
        session_floor::accept(&store, after(11), at_accept).await.unwrap();
        let world = World::at(after(12), store, IssuerSettings::default()).await;
        let shop = world.access("shop").await;
        assert_eq!(world.status(&shop, &before.access_token).await, "active", "{name}");
    }
}

#[tokio::test]
async fn a_store_that_found_itself_rolled_back_is_dated_when_the_issuer_opens_it() {
    let store = open_memory();
    let world = World::with(store.clone(), IssuerSettings::default()).await;
    let shop = world.client("shop", KeyOptions::default()).await;
    let before = world.issue(&shop, "{}");
    drop(world);
    rollback::begin(&store, RollbackCause::BehindWitness).await.unwrap();
    let key = new_key(Curve::Ed25519);
    let running = signer(&store, &key).build();
    assert_eq!(code(&sign(&running, &key, &transaction(1)).await), "rolled_back", "before it is dated");

    for now in [after(10), after(20)] {
        let world = World::at(now, store.clone(), IssuerSettings::default()).await;
        assert_eq!(world.issuer.rollback().unwrap().since_ms, Some(after(10).millis()));
        let shop = world.access("shop").await;
        assert_eq!(world.status(&shop, &before.access_token).await, "revoked");
    }
}

#[tokio::test]
async fn watermarks_in_files_are_not_the_stores_so_they_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_memory();
    rollback::begin(&store, RollbackCause::Restored).await.unwrap();
    let key = new_key(Curve::Ed25519);
    let (watermarks, _) =
        FileWatermarks::open(folder.path(), Lost::Refuse, START, Arc::new(())).await.unwrap();
    let running = signer(&store, &key).watermarks(Arc::new(watermarks)).build();
    assert_eq!(running.rolled_back().await.unwrap(), None);
    assert_eq!(code(&sign(&running, &key, &attestation(7, 0)).await), "signed");
    assert_eq!(code(&sign(&running, &key, &transaction(1)).await), "rolled_back", "spending is in the store");
}

#[tokio::test]
async fn accepting_a_watermark_with_its_sessions_brings_back_none_that_an_earlier_watermark_revoked() {
    let store = open_memory();
    let world = World::with(store.clone(), IssuerSettings::default()).await;
    let shop = world.client("shop", KeyOptions::default()).await;
    let before_both = world.issue(&shop, "{}");
    drop(world);
    let mut between = None;
    for (seconds, keep_sessions) in [(10, false), (30, true)] {
        rollback::begin(&store, RollbackCause::BehindWitness).await.unwrap();
        let world = World::at(after(seconds), store.clone(), IssuerSettings::default()).await;
        session_floor::accept(&store, after(seconds + 1), keep_sessions).await.unwrap();
        drop(world);
        let world = World::at(after(seconds + 2), store.clone(), IssuerSettings::default()).await;
        let shop = world.access("shop").await;
        between.get_or_insert_with(|| world.issue(&shop, "{}"));
    }
    let world = World::at(after(40), store, IssuerSettings::default()).await;
    let shop = world.access("shop").await;
    assert_eq!(world.status(&shop, &before_both.access_token).await, "revoked");
    assert_eq!(world.status(&shop, &between.unwrap().access_token).await, "active");
}

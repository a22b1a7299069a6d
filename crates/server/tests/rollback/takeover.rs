//! What one restore takes over.

use std::path::Path;

use jwtis_base::audit::{AuditPage, AuditRecord};
use jwtis_base::rollback::takeover::{Merge, TakeOver};
use jwtis_base::{BearerSecret, Env, SecretKind, Timestamp};
use jwtis_issuer::{Credentials, Issuer, IssuerSettings, KeyOptions, RevokeTarget};
use jwtis_signer::switch::{KeySwitches, Switcher};
use jwtis_signer::vault::store::StoreVault;
use jwtis_store::testing::{Faulty, store_over};
use jwtis_store::{
    Backend as _, Batch, Expect, MemoryBackend, Record as _, Store, Write, open_memory, witness_beside,
};
use jwtis_testkit::issuer::{START, World, id};
use jwtis_testkit::signer::{attestation, code, new_key, sign, transaction};
use jwtis_tezos::Curve;

use crate::setup::{after, created, lines, opened, place, restore, signer};

#[tokio::test]
async fn a_restore_takes_over_watermarks_and_spending() {
    let (folder, path) = place();
    let backup = folder.path().join("backup.db");
    let key = new_key(Curve::Ed25519);
    let store = created(&path);
    let running = signer(&store, &key).build();
    assert_eq!(code(&sign(&running, &key, &attestation(10, 0)).await), "signed");
    assert_eq!(code(&sign(&running, &key, &transaction(20)).await), "signed");
    store.backup_to(&backup).unwrap();
    assert_eq!(code(&sign(&running, &key, &attestation(20, 0)).await), "signed");
    assert_eq!(code(&sign(&running, &key, &transaction(70)).await), "signed");
    drop((running, store));

    let outcome = restore(&backup, &path, START, false).await;
    assert_eq!(outcome.marked, None);
    let lines = lines(&outcome);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[0], "spending of a key : counts towards its limit");
    assert!(
        lines[1].starts_with("watermark ") && lines[1].ends_with("attestation: level 20, round 0"),
        "{lines:?}"
    );

    let store = opened(&path);
    let running = signer(&store, &key).build();
    assert_eq!(code(&sign(&running, &key, &attestation(20, 1)).await), "signed");
    assert_eq!(code(&sign(&running, &key, &attestation(20, 0)).await), "watermark");
    assert_eq!(code(&sign(&running, &key, &transaction(11)).await), "limit");
    assert_eq!(code(&sign(&running, &key, &transaction(10)).await), "signed");
}

#[tokio::test]
async fn a_restore_takes_over_what_happened_to_clients_their_sessions_and_keys() {
    let (folder, path) = place();
    let backup = folder.path().join("backup.db");
    let store = created(&path);
    let world = World::with(store.clone(), IssuerSettings::default()).await;
    let shop = world.client("shop", KeyOptions::default()).await;
    world.client("gone", KeyOptions::default()).await;
    let again = world.client("again", KeyOptions::default()).await;
    world.client("off", KeyOptions::default()).await;
    let revoked = world.issue(&shop, r#"{"sub":"alice"}"#);
    let of_subject = world.issue(&shop, r#"{"sub":"bob"}"#);
    let untouched = world.issue(&shop, r#"{"sub":"carol"}"#);
    let of_client = world.issue(&again, "{}");
    let vault = StoreVault::new(store.clone(), world.issuer.env().clone());
    let deleted = vault.generate(Curve::Ed25519, "deleted").await.unwrap().public_key.hash();
    let kept = vault.generate(Curve::Ed25519, "kept").await.unwrap().public_key.hash();
    let old_keys = shop.client().keys().active().public_signing_key().clone();
    store.backup_to(&backup).unwrap();

    world.seconds_pass(5);
    world.issuer.revoke(&shop, RevokeTarget::Session(&revoked.session.uuid().to_string())).await.unwrap();
    world.issuer.revoke(&shop, RevokeTarget::Subject("bob")).await.unwrap();
    let admin = world.issuer.admin(Some(&world.admin)).await.unwrap();
    world.issuer.renew_keys(&shop, KeyOptions::default()).await.unwrap();
    for kid in ["gone", "again"] {
        world.issuer.delete_client(&admin, &id(kid)).await.unwrap();
    }
    let registered_again = world.client("again", KeyOptions::default()).await;
    world.client("late", KeyOptions::default()).await;
    let new_admin = BearerSecret::generate(SecretKind::Admin, world.issuer.env()).unwrap();
    world.issuer.set_admin_token(&new_admin).await.unwrap();
    world.issuer.switch_client(&admin, &id("off"), false).await.unwrap();
    let switches = KeySwitches::new(store.clone(), world.issuer.env().clone());
    assert!(switches.disable(&kept, &Switcher::operator()).await.unwrap());
    drop(switches);
    vault.delete(&deleted).await.unwrap();
    let made = vault.generate(Curve::Ed25519, "made").await.unwrap().public_key.hash();
    drop((world, store, vault));

    let outcome = restore(&backup, &path, after(10), false).await;
    assert_eq!(outcome.marked, None);
    assert_eq!(
        lines(&outcome),
        [
            "admin token : stays replaced".to_owned(),
            "client again: registered again since; the older registration stays deleted".to_owned(),
            "client gone: stays deleted".to_owned(),
            "client off: stays disabled".to_owned(),
            "client shop: its key sets stay retired".to_owned(),
            "disabled signing key : stays disabled".to_owned(),
            "session : stays revoked".to_owned(),
            format!("signing key {deleted}: stays deleted"),
            "subject : its sessions stay revoked".to_owned(),
        ]
    );
    let mut left: Vec<_> = outcome.left.iter().map(|item| format!("{} {}", item.kind, item.name)).collect();
    left.sort();
    assert_eq!(left, ["client late".to_owned(), format!("signing key {made}")]);

    let store = opened(&path);
    let issuer = Issuer::open(store.clone(), Env::system(), IssuerSettings::default()).await.unwrap();
    let credentials = Credentials { secret: new_admin, user: None };
    assert!(issuer.admin(Some(&credentials)).await.is_ok(), "the new admin token is in force");
    drop(issuer);
    let world = World::at(after(10), store.clone(), IssuerSettings::default()).await;
    let shop = world.issuer_access("shop").await.unwrap();
    assert_eq!(world.status(&shop, &revoked.access_token).await, "revoked");
    assert_eq!(world.status(&shop, &of_subject.access_token).await, "revoked");
    assert_eq!(world.status(&shop, &untouched.access_token).await, "active");
    assert_ne!(*shop.client().keys().active().public_signing_key(), old_keys, "the old key set is retiring");
    assert!(world.issuer_access("gone").await.is_none() && world.issuer_access("late").await.is_none());
    let again = world.issuer_access("again").await.unwrap();
    assert_ne!(
        world.status(&again, &of_client.access_token).await,
        "active",
        "a token of the older registration"
    );
    drop(registered_again);
    let vault_store = store.clone();
    let vault = StoreVault::new(store, world.issuer.env().clone());
    let keys: Vec<_> = vault.list().await.unwrap().keys.iter().map(|key| key.public_key.hash()).collect();
    assert_eq!(keys, [kept]);
    assert!(world.issuer.public_client(&id("off")).await.unwrap().unwrap().is_disabled());
    let switches = KeySwitches::new(vault_store, world.issuer.env().clone());
    assert!(switches.disabled_since(&kept).await.unwrap().is_some());
    vault.generate(Curve::Ed25519, "deleted").await.expect("the alias is free");
}

#[tokio::test]
async fn of_two_copies_the_younger_backup_keeps_its_clients() {
    let (folder, path) = place();
    let backup = folder.path().join("backup.db");
    let store = created(&path);
    let world = World::with(store.clone(), IssuerSettings::default()).await;
    world.client("shop", KeyOptions::default()).await;
    drop((world, store));
    let old = std::fs::read(&path).unwrap();
    let store = opened(&path);
    let world = World::with(store.clone(), IssuerSettings::default()).await;
    // Each world counts from the beginning, and two clients must not draw one token.
    (0..100).for_each(|_| assert!(world.issuer.env().random::<8>().is_ok()));
    world.client("late", KeyOptions::default()).await;
    store.backup_to(&backup).unwrap();
    drop((world, store));
    std::fs::write(&path, old).unwrap();
    std::fs::remove_file(witness_beside(&path)).unwrap();

    let outcome = restore(&backup, &path, START, false).await;
    assert_eq!((outcome.marked, outcome.taken.len(), outcome.left.len()), (None, 0, 0));
    let world = World::with(opened(&path), IssuerSettings::default()).await;
    assert!(world.issuer_access("shop").await.is_some() && world.issuer_access("late").await.is_some());
}

#[tokio::test]
async fn a_signing_key_stays_deleted_though_the_clock_was_set_back_before_its_deletion() {
    let (folder, path) = place();
    let backup = folder.path().join("backup.db");
    let store = created(&path);
    let world = World::with(store.clone(), IssuerSettings::default()).await;
    let vault = StoreVault::new(store.clone(), world.issuer.env().clone());
    let key = vault.generate(Curve::Ed25519, "ahead").await.unwrap().public_key.hash();
    store.backup_to(&backup).unwrap();
    world.clock.set(Timestamp::from_seconds(START.seconds() - 3600));
    vault.delete(&key).await.unwrap();
    drop((world, store, vault));

    let outcome = restore(&backup, &path, START, false).await;
    assert_eq!(lines(&outcome), [format!("signing key {key}: stays deleted")]);
}

/// The audit trail: number and event of each record.
async fn events(store: &Store) -> Vec<(u64, String)> {
    let page = AuditPage::of(store, 0, 1000).await.unwrap();
    page.records.iter().map(|record| (record.number, record.record.event().to_owned())).collect()
}

#[tokio::test]
async fn no_audit_record_is_lost_by_a_restore() {
    let (folder, path) = place();
    let backup = folder.path().join("backup");
    // Not a `World`: each would draw the same tokens.
    let registered = async |path: &Path, kids: &[&str]| {
        let issuer = Issuer::open(opened(path), Env::system(), IssuerSettings::default()).await.unwrap();
        let secret = BearerSecret::generate(SecretKind::Admin, issuer.env()).unwrap();
        issuer.set_admin_token(&secret).await.unwrap();
        let access = issuer.registration(Some(&Credentials { secret, user: None })).await.unwrap();
        for kid in kids {
            issuer.register(&access, id(kid), KeyOptions::default()).await.unwrap();
        }
    };
    drop(created(&path));
    registered(&path, &["a"]).await;
    opened(&path).backup_to(&backup).unwrap();
    registered(&path, &["b", "c"]).await;
    restore(&backup, &path, after(20), true).await;
    let trail = events(&opened(&path)).await;
    let wanted = [
        (1, "admin_token_set"),
        (2, "client_registered"),
        (3, "admin_token_set"),
        (4, "client_registered"),
        (5, "client_registered"),
        (6, "store_restored"),
    ];
    assert_eq!(trail, wanted.map(|(number, event)| (number, event.to_owned())), "they keep their numbers");

    // A copy that went on elsewhere: both trails stay, and no number of the replaced store is that of another record.
    let elsewhere = folder.path().join("elsewhere");
    opened(&path).backup_to(&elsewhere).unwrap();
    registered(&path, &["d"]).await;
    registered(&elsewhere, &["e", "f", "g"]).await;
    let before = AuditPage::of(&opened(&path), 0, 1000).await.unwrap().records;
    restore(&elsewhere, &path, after(40), true).await;
    let page = AuditPage::of(&opened(&path), 0, 1000).await.unwrap();
    assert_eq!(page.records[..before.len()], before);
    let behind = page.records[before.len()..].iter();
    let clients: Vec<_> = behind.filter_map(|record| record.record.fields().get("client")).collect();
    assert_eq!(clients, ["f", "g", "e"]);
    let numbers: Vec<u64> = page.records.iter().map(|record| record.number).collect();
    assert_eq!(numbers, (1..=page.last).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_damaged_audit_record_of_the_replaced_store_keeps_its_number_as_a_lost_one() {
    let backend = Faulty::new(MemoryBackend::new());
    let (old, new) = (store_over(backend.clone()), open_memory());
    for event in ["admin_token_set", "client_registered", "client_disabled"] {
        old.commit(old.transaction().append(&AuditRecord::new(START, event, "admin"))).await.unwrap();
    }
    // The bytes of another record open under no other number.
    let records = backend.inner().scan(AuditRecord::TABLE.id, None, 10).await.unwrap();
    let mut batch = Batch::new();
    batch.write(records[1].0, Expect::Version(records[1].1.version), Write::Put(records[2].1.clone()));
    backend.inner().commit(batch).await.unwrap();

    let outcome = &mut TakeOver::default();
    let mut merge = Merge {
        old: &old,
        new: &new,
        backup_is_younger: false,
        now: after(9),
        outcome,
        unreadable: Vec::new(),
    };
    merge.join_audit_trails().await.unwrap();
    assert_eq!(merge.unreadable.len(), 1, "so the restored store is marked");
    let trail = events(&new).await;
    let wanted = [(1, "admin_token_set"), (2, "audit_record_lost"), (3, "client_disabled")];
    assert_eq!(trail, wanted.map(|(number, event)| (number, event.to_owned())));
}

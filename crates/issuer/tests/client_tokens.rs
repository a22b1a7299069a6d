//! Callers are known by their tokens alone: the index from a token's hash to its client, at every step of its life.

use jwtis_base::{BearerSecret, SecretKind};
use jwtis_issuer::{AccessError, Credentials, Issuer, IssuerSettings, KeyOptions, RegisterError};
use jwtis_store::testing::{Fault, Faulty, store_over};
use jwtis_store::{Backend, Batch, Expect, MemoryBackend, Store, Write};
use jwtis_testkit::issuer::{StoreDouble, World, bearer, id};

/// Table of the index.
const TABLE: u8 = 9;

async fn world() -> (World, StoreDouble, Store) {
    let backend = Faulty::new(MemoryBackend::new());
    let store = store_over(backend.clone());
    (World::with(store.clone(), IssuerSettings::default()).await, backend, store)
}

async fn register(world: &World, kid: &str) -> BearerSecret {
    world.register(kid, KeyOptions::default()).await
}

async fn known(world: &World, secret: &BearerSecret) -> bool {
    known_as(world, secret, None).await
}

async fn known_as(world: &World, secret: &BearerSecret, user: Option<&str>) -> bool {
    let credentials = Credentials { user: user.map(str::to_owned), ..bearer(secret) };
    match world.issuer.recognise(credentials).await {
        Ok(_) => true,
        Err(AccessError::Denied) => false,
        Err(error) => panic!("{error}"),
    }
}

/// Deletes entries of the index: all, or this many.
async fn forget(backend: &StoreDouble, most: usize) {
    let mut batch = Batch::new();
    for (key, record) in backend.scan(TABLE, None, most).await.unwrap() {
        batch.write(key, Expect::Version(record.version), Write::Delete);
    }
    backend.commit(batch).await.unwrap();
}

async fn entries(backend: &StoreDouble) -> usize {
    backend.scan(TABLE, None, usize::MAX).await.unwrap().len()
}

#[tokio::test]
async fn only_tokens_that_somebody_has_are_recognised() {
    let (world, ..) = world().await;
    let (shop, bank) = (register(&world, "shop").await, register(&world, "bank").await);
    let [nobodys, no_admins] = [SecretKind::Client, SecretKind::Admin]
        .map(|kind| BearerSecret::generate(kind, world.issuer.env()).unwrap());
    for (name, secret, user, wanted) in [
        ("a_clients", &shop, None, true),
        ("another_clients", &bank, None, true),
        ("the_admins", &world.admin.secret, None, true),
        ("a_clients_with_its_name", &shop, Some("shop"), true),
        ("a_clients_with_another_name", &shop, Some("bank"), false),
        ("the_admins_with_any_name", &world.admin.secret, Some("root"), true),
        ("nobodys_client_token", &nobodys, None, false),
        ("nobodys_admin_token", &no_admins, None, false),
    ] {
        assert_eq!(known_as(&world, secret, user).await, wanted, "{name}");
    }
}

#[tokio::test]
async fn a_token_is_recognised_after_a_restart_and_then_without_the_store() {
    let (world, backend, store) = world().await;
    let shop = register(&world, "shop").await;
    let restarted = World::with(store, IssuerSettings::default()).await;
    assert!(known(&restarted, &shop).await);
    let reads = backend.reads();
    assert!(known(&restarted, &shop).await);
    assert_eq!(backend.reads(), reads);
}

#[tokio::test]
async fn a_token_comes_and_goes_with_its_client() {
    let (world, backend, _) = world().await;
    backend.fail_commit(1, Fault::Unavailable);
    let access = world.issuer.registration(Some(&world.admin)).await.unwrap();
    assert!(world.issuer.register(&access, id("shop"), KeyOptions::default()).await.is_err());
    assert_eq!(entries(&backend).await, 0, "neither client nor entry");
    let token = register(&world, "shop").await;
    assert_eq!(entries(&backend).await, 1);

    let admin = world.admin().await;
    backend.fail_commit(1, Fault::Unavailable);
    assert!(world.issuer.delete_client(&admin, &id("shop")).await.is_err());
    assert!(known(&world, &token).await, "both are still there");
    world.issuer.delete_client(&admin, &id("shop")).await.unwrap();
    assert!(!known(&world, &token).await);
    assert_eq!(entries(&backend).await, 0);

    let taken = register(&world, "bank").await;
    let again = world.issuer.register(&access, id("bank"), KeyOptions::default()).await;
    assert!(matches!(again, Err(RegisterError::Taken)));
    assert!(known(&world, &taken).await, "a refused registration changes nothing");
    assert_eq!(entries(&backend).await, 1);
}

#[tokio::test]
async fn the_index_is_a_hint_and_the_clients_record_the_proof() {
    let (world, backend, store) = world().await;
    let old = register(&world, "shop").await;
    let entry = backend.scan(TABLE, None, 1).await.unwrap().remove(0);
    let admin = world.admin().await;
    world.issuer.delete_client(&admin, &id("shop")).await.unwrap();
    register(&world, "shop").await;
    // The entry of the client that was deleted comes back, as out of an older copy.
    let mut batch = Batch::new();
    batch.write(entry.0, Expect::Absent, Write::Put(entry.1));
    backend.commit(batch).await.unwrap();

    assert!(!known(&world, &old).await, "the name is another client's");
    let restarted = World::with(store, IssuerSettings::default()).await;
    assert!(!known(&restarted, &old).await);
    assert_eq!(entries(&backend).await, 1, "a stray entry is dropped at the start");
}

#[tokio::test]
async fn a_store_without_the_index_gets_it_at_its_opening() {
    let (world, backend, store) = world().await;
    let (shop, bank) = (register(&world, "shop").await, register(&world, "bank").await);
    for lost in [2, 1] {
        forget(&backend, lost).await;
        let restarted = World::with(store.clone(), IssuerSettings::default()).await;
        assert_eq!(entries(&backend).await, 2);
        assert!(known(&restarted, &shop).await && known(&restarted, &bank).await);
        let nobodys = BearerSecret::generate(SecretKind::Client, world.issuer.env()).unwrap();
        assert!(!known(&restarted, &nobodys).await);
    }
    let commits = backend.commits();
    Issuer::open(store, world.issuer.env().clone(), IssuerSettings::default()).await.unwrap();
    assert_eq!(backend.commits(), commits, "a whole index is left alone");
}

#[tokio::test]
async fn an_index_that_was_made_half_way_locks_nobody_out_and_is_completed_later() {
    let (world, backend, store) = world().await;
    // More than one commit's worth.
    let mut tokens = Vec::new();
    for number in 0..300 {
        tokens.push(register(&world, &format!("client-{number}")).await);
    }
    let env = world.issuer.env().clone();
    let open = || Issuer::open(store.clone(), env.clone(), IssuerSettings::default());
    for (fault, made) in [
        (Fault::Full, 256),
        (Fault::ReadOnly, 0),
        (Fault::Unavailable, 0),
        (Fault::UnknownNotDone, 0),
        (Fault::UnknownDone, 300),
    ] {
        forget(&backend, usize::MAX).await;
        backend.fail_commit(if made > 0 { 2 } else { 1 }, fault);
        let issuer = open().await.unwrap();
        assert_eq!(entries(&backend).await, made, "{fault:?}");
        for token in &tokens {
            assert!(issuer.recognise(bearer(token)).await.is_ok(), "{fault:?}");
        }
        let issuer = open().await.unwrap();
        assert_eq!(entries(&backend).await, 300, "{fault:?}");
        let nobodys = BearerSecret::generate(SecretKind::Client, &env).unwrap();
        let denied = issuer.recognise(bearer(&nobodys)).await;
        assert!(matches!(denied, Err(AccessError::Denied)));
    }
    forget(&backend, usize::MAX).await;
    backend.fail_read(1, Fault::Unavailable);
    assert!(open().await.is_err(), "who cannot read the store does not start");
}

#[tokio::test]
async fn a_race_while_the_index_is_made_is_decided_anew() {
    let (world, backend, store) = world().await;
    register(&world, "shop").await;
    forget(&backend, usize::MAX).await;
    backend.fail_commit(1, Fault::Conflict);
    World::with(store, IssuerSettings::default()).await;
    assert_eq!(entries(&backend).await, 1);
}

#[tokio::test]
async fn a_store_that_cannot_be_read_recognises_nobody_new() {
    let (world, backend, store) = world().await;
    let shop = register(&world, "shop").await;
    let restarted = World::with(store, IssuerSettings::default()).await;
    backend.fail_read(1, Fault::Unavailable);
    let outcome = restarted.issuer.recognise(bearer(&shop)).await;
    assert!(matches!(outcome, Err(AccessError::Store(_))));
    assert!(known(&restarted, &shop).await);
}

//! The store fails at any call: nothing is acknowledged that did not happen, and nothing that matters is answered without the store.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod support;

use std::sync::Arc;

use jwtis_issuer::{
    ClientAccess, IssuerSettings, KeyOptions, RefreshStrategy, RenewError, RevokeTarget, TokenSet,
};
use jwtis_store::MemoryBackend;
use jwtis_store::testing::{Fault, Faulty, store_over};
use support::{World, id, kind};

async fn world() -> (World, Arc<Faulty<MemoryBackend>>, ClientAccess, TokenSet) {
    let backend = Faulty::new(MemoryBackend::new());
    let world = World::with(store_over(backend.clone()), IssuerSettings::default()).await;
    let options =
        KeyOptions { refresh_strategy: Some(RefreshStrategy::RefreshBoth), ..KeyOptions::default() };
    let access = world.client("shop", options).await;
    let tokens = world.issue(&access, r#"{"sub":"u1"}"#);
    (world, backend, access, tokens)
}

const FAULTS: [Fault; 3] = [Fault::Unavailable, Fault::Full, Fault::Damaged];

#[tokio::test]
async fn issuing_needs_no_store() {
    let (world, backend, access, _) = world().await;
    let (reads, commits) = (backend.reads(), backend.commits());
    world.issue(&access, "{}");
    world.access("shop").await;
    assert_eq!((backend.reads(), backend.commits()), (reads, commits));
}

#[tokio::test]
async fn a_renewal_that_could_not_be_stored_gives_no_token_and_can_be_tried_again() {
    for fault in FAULTS {
        let (world, backend, access, first) = world().await;
        backend.fail_commit(1, fault);
        let outcome = world.renew(&access, &first.refresh_token).await;
        assert!(matches!(outcome, Err(RenewError::Store(_))), "{fault:?}: {}", kind(&outcome));
        assert_eq!(kind(&world.renew(&access, &first.refresh_token).await), "renewed", "{fault:?}");
    }
}

#[tokio::test]
async fn every_read_of_a_renewal_matters() {
    for n in 1..=2 {
        for fault in FAULTS {
            let (world, backend, access, first) = world().await;
            backend.fail_read(n, fault);
            let outcome = world.renew(&access, &first.refresh_token).await;
            assert!(matches!(outcome, Err(RenewError::Read(_))), "read {n}, {fault:?}: {}", kind(&outcome));
        }
    }
}

#[tokio::test]
async fn a_verification_that_cannot_read_the_session_says_nothing() {
    for n in 1..=2 {
        let (world, backend, access, tokens) = world().await;
        backend.fail_read(n, Fault::Unavailable);
        assert!(world.issuer.verify(&access, &tokens.access_token, None).await.is_err(), "read {n}");
        assert_eq!(world.status(&access, &tokens.access_token).await, "active");
    }
}

#[tokio::test]
async fn theft_that_could_not_be_stored_is_no_theft_yet_and_gives_no_token() {
    let (world, backend, access, first) = world().await;
    world.renew(&access, &first.refresh_token).await.unwrap();
    world.seconds_pass(31);
    backend.fail_commit(1, Fault::Full);
    assert_eq!(kind(&world.renew(&access, &first.refresh_token).await), "failed");
    assert_eq!(kind(&world.renew(&access, &first.refresh_token).await), "reused");
}

#[tokio::test]
async fn a_revocation_that_could_not_be_stored_is_not_acknowledged() {
    for target in ["id", "refresh_token", "auth_token", "sub", "all"] {
        let (world, backend, access, tokens) = world().await;
        let id = tokens.session.uuid().to_string();
        let target = match target {
            "id" => RevokeTarget::Session(&id),
            "refresh_token" => RevokeTarget::Token(&tokens.refresh_token),
            "auth_token" => RevokeTarget::Token(&tokens.access_token),
            "sub" => RevokeTarget::Subject("u1"),
            _ => RevokeTarget::All,
        };
        backend.fail_commit(1, Fault::Unavailable);
        assert!(world.issuer.revoke(&access, target).await.is_err());
        let access = world.access("shop").await;
        assert_eq!(world.status(&access, &tokens.access_token).await, "active");
        world.issuer.revoke(&access, target).await.unwrap();
        let access = world.access("shop").await;
        assert_eq!(world.status(&access, &tokens.access_token).await, "revoked");
    }
}

#[tokio::test]
async fn a_conflict_is_tried_again() {
    let (world, backend, access, first) = world().await;
    backend.conflict_once();
    assert_eq!(kind(&world.renew(&access, &first.refresh_token).await), "renewed");
    backend.conflict_once();
    world.issuer.revoke(&access, RevokeTarget::All).await.unwrap();
}

#[tokio::test]
async fn a_registration_that_could_not_be_stored_leaves_the_name_free() {
    let (world, backend, _, _) = world().await;
    backend.fail_commit(1, Fault::Full);
    let registration = world.issuer.registration(Some(&world.admin)).await.unwrap();
    assert!(world.issuer.register(&registration, id("bank"), KeyOptions::default()).await.is_err());
    world.client("bank", KeyOptions::default()).await;
}

#[tokio::test]
async fn a_hanging_commit_holds_up_nobody_else() {
    let (world, backend, access, first) = world().await;
    backend.hang_commits();
    let world = Arc::new(world);
    let hanging = tokio::spawn({
        let (world, access, token) = (world.clone(), access.clone(), first.refresh_token.clone());
        async move { kind(&world.renew(&access, &token).await) }
    });
    tokio::task::yield_now().await;
    assert_eq!(world.status(&access, &first.access_token).await, "active");
    world.issue(&access, "{}");
    backend.release();
    assert_eq!(hanging.await.unwrap(), "renewed");
}

#[tokio::test]
async fn a_hanging_read_holds_up_nobody_who_needs_no_store() {
    let (world, backend, access, first) = world().await;
    backend.hang_reads();
    let world = Arc::new(world);
    let hanging = tokio::spawn({
        let (world, access, token) = (world.clone(), access.clone(), first.access_token.clone());
        async move { world.status(&access, &token).await }
    });
    tokio::task::yield_now().await;
    assert!(!hanging.is_finished(), "a revocation may be in what cannot be read");
    world.issue(&world.access("shop").await, "{}");
    backend.release();
    assert_eq!(hanging.await.unwrap(), "active");
}

#[tokio::test]
async fn keys_that_could_not_be_stored_are_not_in_use() {
    for fault in FAULTS {
        let (world, backend, access, first) = world().await;
        backend.fail_commit(1, fault);
        assert!(world.issuer.renew_keys(&access, KeyOptions::default()).await.is_err());
        let access = world.access("shop").await;
        assert_eq!(access.client().keys().entries().len(), 1, "{fault:?}");
        assert_eq!(world.status(&access, &first.access_token).await, "active");
    }
}

#[tokio::test]
async fn a_deletion_that_could_not_be_stored_leaves_the_client() {
    let (world, backend, _, first) = world().await;
    let admin = world.issuer.admin(Some(&world.admin)).await.unwrap();
    backend.fail_commit(1, Fault::Unavailable);
    assert!(world.issuer.delete_client(&admin, &id("shop")).await.is_err());
    assert_eq!(world.status(&world.access("shop").await, &first.access_token).await, "active");
}

#[tokio::test]
async fn an_admin_token_that_could_not_be_stored_does_not_open() {
    use jwtis_base::{BearerSecret, SecretKind};
    use jwtis_issuer::Credentials;
    let (world, backend, _, _) = world().await;
    let next = BearerSecret::generate(SecretKind::Admin, world.issuer.env()).unwrap();
    backend.fail_commit(1, Fault::Full);
    assert!(world.issuer.set_admin_token(&next).await.is_err());
    assert!(world.issuer.admin(Some(&Credentials { secret: next, user: None })).await.is_err());
    assert!(world.issuer.admin(Some(&world.admin)).await.is_ok());
}

#[tokio::test]
async fn housekeeping_that_fails_can_begin_again() {
    let (world, backend, _, _) = world().await;
    world.seconds_pass(6 * 3600);
    for n in 1..=3 {
        backend.fail_read(n, Fault::Unavailable);
        let mut cursor = jwtis_issuer::housekeeping::HousekeepingCursor::default();
        let failed = loop {
            match world.issuer.housekeeping_step(cursor).await {
                Ok((_, report)) if report.pass_complete.is_some() => break false,
                Ok((next, _)) => cursor = next,
                Err(_) => break true,
            }
        };
        assert!(failed, "step {n}");
    }
    let (_, report) = world.issuer.housekeeping_step(Default::default()).await.unwrap();
    assert!(report.pass_complete.is_none());
}

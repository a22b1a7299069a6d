//! The store cannot tell whether a change was made: nobody is told that it was or was not, and the same call decides later.
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

use jwtis_base::rollback;
use jwtis_base::{BearerSecret, SecretKind};
use jwtis_issuer::housekeeping::{HousekeepingCursor, HousekeepingError};
use jwtis_issuer::{
    AdminTokenError, ClientAccess, ClientSwitchError, Credentials, DeleteError, Issuer, IssuerSettings,
    KeepTimeError, KeyOptions, RefreshStrategy, RegisterError, RenewError, RenewKeysError, RevokeError,
    RevokeTarget, TokenSet, session_floor,
};
use jwtis_store::testing::{Fault, Faulty, store_over};
use jwtis_store::{CommitError, MemoryBackend, RollbackCause};
use support::{START, World, id, kind};

async fn world() -> (World, Arc<Faulty<MemoryBackend>>, ClientAccess, TokenSet) {
    let backend = Faulty::new(MemoryBackend::new());
    let world = World::with(store_over(backend.clone()), IssuerSettings::default()).await;
    let options =
        KeyOptions { refresh_strategy: Some(RefreshStrategy::RefreshBoth), ..KeyOptions::default() };
    let access = world.client("shop", options).await;
    let tokens = world.issue(&access, r#"{"sub":"u1"}"#);
    (world, backend, access, tokens)
}

#[tokio::test]
async fn a_registration_is_decided_by_the_next_one() {
    for fault in Fault::UNKNOWN {
        let (world, backend, ..) = world().await;
        let registration = world.issuer.registration(Some(&world.admin)).await.unwrap();
        let register = async || {
            let outcome = world.issuer.register(&registration, id("bank"), KeyOptions::default()).await;
            outcome.map(|_| ())
        };
        backend.fail_commit(1, fault);
        assert!(matches!(register().await, Err(RegisterError::OutcomeUnknown(_))), "{fault:?}");
        let again = register().await;
        if fault == Fault::UnknownNotDone {
            again.unwrap();
            continue;
        }
        assert!(matches!(again, Err(RegisterError::Taken)), "{fault:?}: {again:?}");
        let admin = world.issuer.admin(Some(&world.admin)).await.unwrap();
        world.issuer.delete_client(&admin, &id("bank")).await.unwrap();
        register().await.unwrap();
    }
}

#[tokio::test]
async fn a_renewal_of_keys_breaks_no_token_and_is_decided_by_the_next_one() {
    for fault in Fault::UNKNOWN {
        let (world, backend, access, tokens) = world().await;
        backend.fail_commit(1, fault);
        let unknown = world.issuer.renew_keys(&access, KeyOptions::default()).await;
        assert!(matches!(unknown, Err(RenewKeysError::OutcomeUnknown(_))), "{fault:?}: {unknown:?}");
        let again = world.issuer.renew_keys(&access, KeyOptions::default()).await;
        match fault {
            Fault::UnknownNotDone => assert!(again.is_ok(), "{again:?}"),
            _ => assert!(matches!(again, Err(RenewKeysError::Conflict)), "{fault:?}: {again:?}"),
        }
        let access = world.access("shop").await;
        assert_eq!(access.client().keys().entries().len(), 2, "{fault:?}");
        assert_eq!(world.status(&access, &tokens.access_token).await, "active");
        let new = world.issue(&access, "{}");
        assert_eq!(world.status(&access, &new.access_token).await, "active");
    }
}

#[tokio::test]
async fn a_deletion_is_decided_by_the_next_one() {
    for fault in Fault::UNKNOWN {
        let (world, backend, ..) = world().await;
        let admin = world.issuer.admin(Some(&world.admin)).await.unwrap();
        let delete = async || world.issuer.delete_client(&admin, &id("shop")).await;
        backend.fail_commit(1, fault);
        assert!(matches!(delete().await, Err(DeleteError::OutcomeUnknown(_))), "{fault:?}");
        let again = delete().await;
        match fault {
            Fault::UnknownNotDone => assert!(again.is_ok(), "{again:?}"),
            _ => assert!(matches!(again, Err(DeleteError::Unknown)), "{fault:?}: {again:?}"),
        }
        assert!(world.issuer_access("shop").await.is_none(), "{fault:?}");
    }
}

#[tokio::test]
async fn a_switch_of_a_client_is_decided_by_the_next_one() {
    for fault in Fault::UNKNOWN {
        let (world, backend, _, tokens) = world().await;
        let admin = world.issuer.admin(Some(&world.admin)).await.unwrap();
        let disable = async || world.issuer.switch_client(&admin, &id("shop"), false).await;
        backend.fail_commit(1, fault);
        assert!(matches!(disable().await, Err(ClientSwitchError::OutcomeUnknown(_))), "{fault:?}");
        disable().await.unwrap();
        let access = world.access("shop").await;
        assert_ne!(world.status(&access, &tokens.access_token).await, "active", "{fault:?}");
    }
}

#[tokio::test]
async fn a_revocation_is_not_acknowledged_and_is_decided_by_the_next_one() {
    for fault in Fault::UNKNOWN {
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
            backend.fail_commit(1, fault);
            let unknown = world.issuer.revoke(&access, target).await;
            assert!(matches!(unknown, Err(RevokeError::OutcomeUnknown(_))), "{fault:?}: {unknown:?}");
            world.issuer.revoke(&access, target).await.unwrap();
            let access = world.access("shop").await;
            assert_eq!(world.status(&access, &tokens.access_token).await, "revoked", "{fault:?}");
        }
    }
}

#[tokio::test]
async fn a_renewal_gives_no_token_and_can_be_tried_again_within_the_grace() {
    for fault in Fault::UNKNOWN {
        let (world, backend, access, first) = world().await;
        backend.fail_commit(1, fault);
        let unknown = world.renew(&access, &first.refresh_token).await;
        assert!(matches!(unknown, Err(RenewError::OutcomeUnknown(_))), "{fault:?}: {}", kind(&unknown));
        let again = world.renew(&access, &first.refresh_token).await.unwrap();
        assert_eq!(kind(&world.renew(&access, &again.refresh_token).await), "renewed", "{fault:?}");
    }
}

#[tokio::test]
async fn theft_gives_no_token_and_the_session_ends_at_the_next_try() {
    for fault in Fault::UNKNOWN {
        let (world, backend, access, first) = world().await;
        let second = world.renew(&access, &first.refresh_token).await.unwrap();
        world.seconds_pass(31);
        backend.fail_commit(1, fault);
        assert_eq!(kind(&world.renew(&access, &first.refresh_token).await), "failed");
        let again = kind(&world.renew(&access, &first.refresh_token).await);
        assert!(["reused", "revoked"].contains(&again), "{fault:?}: {again}");
        assert_eq!(world.status(&access, &second.access_token).await, "revoked", "{fault:?}");
    }
}

#[tokio::test]
async fn an_admin_token_is_decided_by_the_next_one() {
    for fault in Fault::UNKNOWN {
        let (world, backend, ..) = world().await;
        let next = || BearerSecret::generate(SecretKind::Admin, world.issuer.env()).unwrap();
        backend.fail_commit(1, fault);
        let unknown = world.issuer.set_admin_token(&next()).await;
        assert!(matches!(unknown, Err(AdminTokenError::OutcomeUnknown(_))), "{fault:?}: {unknown:?}");
        let mut secret = next();
        if world.issuer.set_admin_token(&secret).await.is_err() {
            assert_eq!(fault, Fault::UnknownDoneLater);
            secret = next();
            world.issuer.set_admin_token(&secret).await.unwrap();
        }
        assert!(world.issuer.admin(Some(&Credentials { secret, user: None })).await.is_ok());
        assert!(world.issuer.admin(Some(&world.admin)).await.is_err(), "{fault:?}");
    }
}

#[tokio::test]
async fn the_time_is_kept_at_a_later_look() {
    for fault in Fault::UNKNOWN {
        let (world, backend, ..) = world().await;
        world.seconds_pass(3600);
        backend.fail_commit(1, fault);
        let unknown = world.issuer.keep_time().await;
        assert!(
            matches!(unknown, Err(KeepTimeError::Commit(CommitError::Unknown(_)))),
            "{fault:?}: {unknown:?}"
        );
        let mut looks = 1;
        while world.issuer.keep_time().await.is_err() {
            looks += 1;
            assert!(looks < 3, "{fault:?}");
        }
    }
}

#[tokio::test]
async fn housekeeping_begins_again_and_leaves_nothing_behind() {
    // The first commit drops a key set, the second sweeps a session.
    for (fault, nth) in Fault::UNKNOWN.into_iter().flat_map(|fault| [(fault, 1), (fault, 2)]) {
        let (world, backend, access, tokens) = world().await;
        world.issuer.revoke(&access, RevokeTarget::Token(&tokens.access_token)).await.unwrap();
        world.issuer.renew_keys(&access, KeyOptions::default()).await.unwrap();
        world.seconds_pass(400 * 24 * 3600);
        backend.fail_commit(nth, fault);
        let failed = pass(&world.issuer).await;
        assert!(
            matches!(failed, Err(HousekeepingError::Commit(CommitError::Unknown(_)))),
            "{fault:?}: {failed:?}"
        );
        pass(&world.issuer).await.unwrap();
        let before = backend.commits();
        pass(&world.issuer).await.unwrap();
        assert_eq!(backend.commits(), before, "{fault:?}: something was left");
        assert_eq!(world.access("shop").await.client().keys().entries().len(), 1, "{fault:?}");
    }
}

async fn pass(issuer: &Issuer) -> Result<(), HousekeepingError> {
    let mut cursor = HousekeepingCursor::default();
    loop {
        match issuer.housekeeping_step(cursor).await? {
            (_, report) if report.pass_complete.is_some() => return Ok(()),
            (next, _) => cursor = next,
        }
    }
}

#[tokio::test]
async fn a_store_that_has_gone_back_is_settled_by_the_next_start() {
    for fault in Fault::UNKNOWN {
        let (world, backend, access, tokens) = world().await;
        let store = world.issuer.store().clone();
        rollback::begin(&store, RollbackCause::Restored).await.unwrap();
        let open = || Issuer::open(store.clone(), world.issuer.env().clone(), IssuerSettings::default());
        world.seconds_pass(10);
        backend.fail_commit(1, fault);
        assert!(open().await.is_err(), "{fault:?}");
        let issuer = match open().await {
            Ok(issuer) => issuer,
            // It met the commit that came late.
            Err(_) => open().await.unwrap(),
        };
        assert!(issuer.rollback().is_some_and(|mark| mark.since_ms.is_some()), "{fault:?}");
        let status = issuer.verify(&access, &tokens.access_token, None).await.unwrap();
        assert!(matches!(status, jwtis_issuer::Verification::Inactive(_)), "{fault:?}");

        backend.fail_commit(1, fault);
        let unknown = session_floor::accept(&store, START, false).await;
        assert!(matches!(unknown, Err(CommitError::Unknown(_))), "{fault:?}: {unknown:?}");
        if session_floor::accept(&store, START, false).await.is_err() {
            session_floor::accept(&store, START, false).await.unwrap();
        }
        assert_eq!(rollback::mark(&store).await.unwrap(), None, "{fault:?}");
    }
}

//! The store cannot tell whether a change was made: nobody is told that it was or was not, and the same call decides later.

use jwtis_base::rollback;
use jwtis_base::{BearerSecret, SecretKind};
use jwtis_issuer::{
    AdminTokenError, ClientChangeError, Credentials, Issuer, IssuerSettings, KeyOptions, RegisterError,
    RenewError, RenewKeysError, RevokeError, UpkeepError, session_floor,
};
use jwtis_store::testing::Fault;
use jwtis_store::{CommitError, RollbackCause};
use jwtis_testkit::issuer::{START, TARGETS, World, id, kind};

#[tokio::test]
async fn a_registration_is_decided_by_the_next_one() {
    for fault in Fault::UNKNOWN {
        let (world, backend, ..) = World::faulty().await;
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
        world.issuer.delete_client(&world.admin().await, &id("bank")).await.unwrap();
        register().await.unwrap();
    }
}

#[tokio::test]
async fn a_renewal_of_keys_breaks_no_token_and_is_decided_by_the_next_one() {
    for fault in Fault::UNKNOWN {
        let (world, backend, access, tokens) = World::faulty().await;
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
        for token in [tokens.access_token, world.issue(&access, "{}").access_token] {
            assert_eq!(world.status(&access, &token).await, "active");
        }
    }
}

#[tokio::test]
async fn a_deletion_or_a_switch_of_a_client_is_decided_by_the_next_one() {
    for fault in Fault::UNKNOWN {
        let (world, backend, _, tokens) = World::faulty().await;
        let admin = world.admin().await;
        let disable = async || world.issuer.switch_client(&admin, &id("shop"), false).await;
        backend.fail_commit(1, fault);
        assert!(matches!(disable().await, Err(ClientChangeError::OutcomeUnknown(_))), "{fault:?}");
        disable().await.unwrap();
        let access = world.access("shop").await;
        assert_eq!(world.status(&access, &tokens.access_token).await, "client_disabled", "{fault:?}");

        let delete = async || world.issuer.delete_client(&admin, &id("shop")).await;
        backend.fail_commit(1, fault);
        assert!(matches!(delete().await, Err(ClientChangeError::OutcomeUnknown(_))), "{fault:?}");
        let again = delete().await;
        match fault {
            Fault::UnknownNotDone => assert!(again.is_ok(), "{again:?}"),
            _ => assert!(matches!(again, Err(ClientChangeError::Unknown)), "{fault:?}: {again:?}"),
        }
        assert!(world.issuer.public_client(&id("shop")).await.unwrap().is_none(), "{fault:?}");
    }
}

#[tokio::test]
async fn a_revocation_is_not_acknowledged_and_is_decided_by_the_next_one() {
    for fault in Fault::UNKNOWN {
        for target in TARGETS {
            let (world, backend, access, tokens) = World::faulty().await;
            backend.fail_commit(1, fault);
            let unknown = world.revoke(&access, target, &tokens).await;
            assert!(matches!(unknown, Err(RevokeError::OutcomeUnknown(_))), "{fault:?}: {unknown:?}");
            world.revoke(&access, target, &tokens).await.unwrap();
            let access = world.access("shop").await;
            assert_eq!(world.status(&access, &tokens.access_token).await, "revoked", "{fault:?}");
        }
    }
}

#[tokio::test]
async fn a_renewal_gives_no_token_and_can_be_tried_again_within_the_grace() {
    for fault in Fault::UNKNOWN {
        let (world, backend, access, first) = World::faulty().await;
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
        let (world, backend, access, first) = World::faulty().await;
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
        let (world, backend, ..) = World::faulty().await;
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
        let (world, backend, ..) = World::faulty().await;
        world.seconds_pass(3600);
        backend.fail_commit(1, fault);
        let unknown = world.issuer.keep_time().await;
        let is_unknown = matches!(unknown, Err(UpkeepError::Commit(CommitError::Unknown(_))));
        assert!(is_unknown, "{fault:?}: {unknown:?}");
        let later = [world.issuer.keep_time().await, world.issuer.keep_time().await];
        assert!(later.iter().any(Result::is_ok), "{fault:?}");
    }
}

#[tokio::test]
async fn housekeeping_begins_again_and_leaves_nothing_behind() {
    // The first commit drops a key set, the second sweeps a session.
    for (fault, nth) in Fault::UNKNOWN.into_iter().flat_map(|fault| [(fault, 1), (fault, 2)]) {
        let (world, backend, access, tokens) = World::faulty().await;
        world.revoke(&access, "auth_token", &tokens).await.unwrap();
        world.issuer.renew_keys(&access, KeyOptions::default()).await.unwrap();
        world.seconds_pass(400 * 24 * 3600);
        backend.fail_commit(nth, fault);
        let failed = world.housekeeping().await;
        let is_unknown = matches!(failed, Err(UpkeepError::Commit(CommitError::Unknown(_))));
        assert!(is_unknown, "{fault:?}: {failed:?}");
        world.housekeeping().await.unwrap();
        let before = backend.commits();
        world.housekeeping().await.unwrap();
        assert_eq!(backend.commits(), before, "{fault:?}: something was left");
        assert_eq!(world.access("shop").await.client().keys().entries().len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_store_that_has_gone_back_is_settled_by_the_next_start() {
    for fault in Fault::UNKNOWN {
        let (world, backend, access, tokens) = World::faulty().await;
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

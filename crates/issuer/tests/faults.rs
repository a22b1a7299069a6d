//! The store fails at a read, hangs, or conflicts: no answer without the store that needs it, and nobody else is held up.
//! Changes that the store refuses: `changes.rs`.

use std::sync::Arc;

use jwtis_issuer::RenewError;
use jwtis_store::testing::Fault;
use jwtis_testkit::issuer::{World, kind};

const FAULTS: [Fault; 3] = [Fault::Unavailable, Fault::Full, Fault::Damaged];

#[tokio::test]
async fn issuing_needs_no_store() {
    let (world, backend, access, _) = World::faulty().await;
    let (reads, commits) = (backend.reads(), backend.commits());
    world.issue(&access, "{}");
    world.access("shop").await;
    assert_eq!((backend.reads(), backend.commits()), (reads, commits));
}

#[tokio::test]
async fn a_renewal_that_could_not_be_stored_or_read_gives_no_token_and_can_be_tried_again() {
    for fault in FAULTS {
        for read in 0..=2 {
            let (world, backend, access, first) = World::faulty().await;
            if read == 0 {
                backend.fail_commit(1, fault);
            } else {
                backend.fail_read(read, fault);
            }
            let outcome = world.renew(&access, &first.refresh_token).await;
            let right = match outcome {
                Err(RenewError::Store(_)) => read == 0,
                Err(RenewError::Read(_)) => read > 0,
                _ => false,
            };
            assert!(right, "read {read}, {fault:?}: {}", kind(&outcome));
            assert_eq!(kind(&world.renew(&access, &first.refresh_token).await), "renewed", "{fault:?}");
        }
    }
}

#[tokio::test]
async fn a_verification_that_cannot_read_the_session_says_nothing() {
    for n in 1..=2 {
        let (world, backend, access, tokens) = World::faulty().await;
        backend.fail_read(n, Fault::Unavailable);
        assert!(world.issuer.verify(&access, &tokens.access_token, None).await.is_err(), "read {n}");
        assert_eq!(world.status(&access, &tokens.access_token).await, "active");
    }
}

#[tokio::test]
async fn a_renewal_is_tried_again_after_a_conflict() {
    let (world, backend, access, first) = World::faulty().await;
    backend.conflict_once();
    assert_eq!(kind(&world.renew(&access, &first.refresh_token).await), "renewed");
}

#[tokio::test]
async fn a_store_that_hangs_holds_up_nobody_who_does_not_need_it() {
    for commits in [true, false] {
        let (world, backend, access, first) = World::faulty().await;
        if commits {
            backend.hang_commits();
        } else {
            backend.hang_reads();
        }
        let world = Arc::new(world);
        let hanging = tokio::spawn({
            let (world, access, token) = (world.clone(), access.clone(), first.refresh_token.clone());
            async move { kind(&world.renew(&access, &token).await) }
        });
        tokio::task::yield_now().await;
        assert!(!hanging.is_finished());
        if commits {
            assert_eq!(world.status(&access, &first.access_token).await, "active");
        }
        world.issue(&world.access("shop").await, "{}");
        backend.release();
        assert_eq!(hanging.await.unwrap(), "renewed");
    }
}

#[tokio::test]
async fn housekeeping_that_fails_can_begin_again() {
    let (world, backend, _, _) = World::faulty().await;
    world.seconds_pass(6 * 3600);
    for n in 1..=3 {
        backend.fail_read(n, Fault::Unavailable);
        assert!(world.housekeeping().await.is_err(), "step {n}");
    }
    world.housekeeping().await.unwrap();
}

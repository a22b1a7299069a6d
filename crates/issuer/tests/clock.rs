//! The clock steps while the server runs, or across a restart: no token with impossible times, no dead session, and no acknowledged
//! revocation that is forgotten.

use jwtis_base::Timestamp;
use jwtis_issuer::clock::KeptClock;
use jwtis_issuer::{
    ClientAccess, IssuerSettings, KeyOptions, RevokeError, RevokeTarget, TokenSet, Verification,
    reset_kept_clock,
};
use jwtis_testkit::issuer::{START, TARGETS, World, after, jwks, kind, lives, rotating, verified_by_jwks};

const HOUR: i64 = 3600;
const DAYS: i64 = 24 * HOUR;
/// A session that a subject's revocation ends.
const CLAIMS: &str = r#"{"sub":"u1"}"#;

async fn shop() -> (World, ClientAccess) {
    let world = World::new().await;
    let access = world.client("shop", rotating()).await;
    (world, access)
}

/// The session of `tokens` is revoked, and renews nothing.
async fn assert_revoked(world: &World, tokens: &TokenSet, what: &str) {
    let access = world.access("shop").await;
    assert_eq!(world.status(&access, &tokens.access_token).await, "revoked", "{what}");
    assert_eq!(kind(&world.renew(&access, &tokens.refresh_token).await), "revoked", "{what}");
}

/// Runs the server for this long, with its looks at the clock.
async fn run_for(world: &World, seconds: u64) {
    for _ in 0..seconds / 60 {
        world.seconds_pass(60);
        world.issuer.keep_time().await.unwrap();
    }
}

/// A verifier with a right clock takes the token at this many seconds from the start, and its times are in order.
fn assert_possible(access: &ClientAccess, tokens: &TokenSet, seconds: i64) {
    let now = after(seconds);
    let claims = verified_by_jwks(&jwks(access, now), &tokens.access_token).unwrap();
    let (iat, nbf) = (claims.issued_at().unwrap().unwrap(), claims.not_before().unwrap().unwrap());
    let (exp, now) = (claims.expiration_time().unwrap().unwrap(), now.seconds());
    assert!(iat <= now && nbf <= now && now < exp, "{iat} {nbf} {now} {exp}");
    assert_eq!(exp - iat, 72 * 3600);
}

#[tokio::test]
async fn sessions_live_on_when_the_clock_steps_back() {
    let (world, access) = shop().await;
    let before = world.issue(&access, CLAIMS);
    world.set(-HOUR);
    assert_eq!(world.status(&access, &before.access_token).await, "active");
    let renewed = world.renew(&access, &before.refresh_token).await.unwrap();
    let fresh = world.issue(&access, CLAIMS);
    for tokens in [&renewed, &fresh] {
        assert_possible(&access, tokens, -HOUR);
        let matches = world.issuer.verify(&access, &tokens.access_token, Some(&tokens.refresh_token)).await;
        assert!(matches!(matches.unwrap(), Verification::Active { matches: Some(true), .. }));
    }
    // Time goes on, and the clock is right again.
    let mut newest = fresh.refresh_token;
    for seconds in [10 - HOUR, 0, 10] {
        world.set(seconds);
        assert_eq!(world.status(&access, &renewed.access_token).await, "active");
        newest = world.renew(&access, &newest).await.unwrap().refresh_token;
    }
}

#[tokio::test]
async fn sessions_live_on_when_the_clock_steps_forward_and_back_again() {
    let (world, access) = shop().await;
    let mut tokens = world.issue(&access, "{}");
    for seconds in [HOUR, 5] {
        world.set(seconds);
        assert_eq!(world.status(&access, &tokens.access_token).await, "active");
        tokens = world.renew(&access, &tokens.refresh_token).await.unwrap();
        assert_possible(&access, &tokens, seconds);
    }
}

#[tokio::test]
async fn a_revocation_after_a_step_back_is_one_for_good() {
    for target in TARGETS {
        let (world, access) = shop().await;
        let tokens = world.issue(&access, CLAIMS);
        world.set(-HOUR);
        world.revoke(&access, target, &tokens).await.unwrap();
        for seconds in [-HOUR, 0, 60] {
            world.set(seconds);
            assert_revoked(&world, &tokens, target).await;
        }
    }
}

#[tokio::test]
async fn a_clock_that_is_ahead_for_a_moment_deletes_no_revocation() {
    for target in TARGETS {
        let (world, access) = shop().await;
        world.set(7 * HOUR);
        let tokens = world.issue(&access, CLAIMS);
        world.revoke(&access, target, &tokens).await.unwrap();
        for seconds in [7 * HOUR, 365 * DAYS, 7 * HOUR + 120] {
            world.set(seconds);
            world.housekeeping().await.unwrap();
        }
        assert_revoked(&world, &tokens, target).await;
    }
}

#[tokio::test]
async fn a_clock_that_is_ahead_at_a_start_deletes_no_revocation_for_six_hours() {
    let (first, access) = shop().await;
    let tokens = first.issue(&access, CLAIMS);
    first.revoke(&access, "sub", &tokens).await.unwrap();
    run_for(&first, 1200).await;
    let world = first.restarted(365 * DAYS).await;
    // A clock that stays where it is does delete, after six hours.
    for (passed, status) in [(6 * 3600 - 1, "revoked"), (6 * 3600, "active")] {
        world.set(365 * DAYS);
        world.housekeeping().await.unwrap();
        world.seconds_pass(passed);
        world.housekeeping().await.unwrap();
        world.set(1300);
        let access = world.access("shop").await;
        assert_eq!(world.status(&access, &tokens.access_token).await, status, "{passed}");
    }
}

#[tokio::test]
async fn a_revocation_holds_when_the_clock_was_set_back_across_a_restart() {
    for target in TARGETS {
        let (first, access) = shop().await;
        run_for(&first, 7200).await;
        let tokens = first.issue(&access, CLAIMS);
        first.issuer.keep_time().await.unwrap();
        let world = first.restarted(0).await;
        let access = world.access("shop").await;
        assert_eq!(world.status(&access, &tokens.access_token).await, "active", "of this store's server");
        world.revoke(&access, target, &tokens).await.unwrap();
        let fresh = world.issue(&world.access("shop").await, CLAIMS);
        for seconds in [0, 2 * HOUR, 3 * HOUR] {
            world.set(seconds);
            assert_revoked(&world, &tokens, target).await;
            let access = world.access("shop").await;
            assert_eq!(world.status(&access, &fresh.access_token).await, "active", "by {target}, {seconds}");
        }
    }
}

/// `make crash` found it: after a quick restart a mark lay in the future, and the restart after that opened sessions before it.
#[tokio::test]
async fn quick_restarts_neither_end_later_sessions_nor_lose_revocations() {
    for target in ["sub", "all"] {
        let (mut world, mut access) = shop().await;
        let mut now = START;
        world.issuer.keep_time().await.unwrap();
        for restart in 1..=4 {
            let before = world.issue(&access, CLAIMS);
            world.revoke(&access, target, &before).await.unwrap();
            now = Timestamp::from_millis(now.millis() + 900);
            world = World::at(now, world.issuer.store().clone(), IssuerSettings::default()).await;
            access = world.access("shop").await;
            let after = world.issue(&access, CLAIMS);
            for (tokens, status) in [(before, "revoked"), (after, "active")] {
                let found = world.status(&access, &tokens.access_token).await;
                assert_eq!(found, status, "{target}, restart {restart}");
            }
        }
    }
}

/// The clock was set back behind a time that nobody has confirmed. By token a revocation holds. Otherwise it is not acknowledged.
#[tokio::test]
async fn a_revocation_that_may_miss_a_session_is_not_acknowledged() {
    for (target, acknowledged) in TARGETS.into_iter().zip([false, true, true, false, false]) {
        let (first, access) = shop().await;
        let tokens = first.issue(&access, CLAIMS);
        let world = first.restarted(-HOUR).await;
        let access = world.access("shop").await;
        let outcome = world.revoke(&access, target, &tokens).await;
        assert_eq!(outcome.is_ok(), acknowledged, "by {target}: {outcome:?}");
        if !acknowledged {
            assert!(matches!(outcome, Err(RevokeError::ClockBehind)), "by {target}: {outcome:?}");
            // Once the clock is right, it works.
            world.set(5);
            world.revoke(&access, target, &tokens).await.unwrap();
        }
        world.set(60);
        assert_revoked(&world, &tokens, target).await;
    }
}

#[tokio::test]
async fn a_revocation_made_while_the_clock_was_behind_outlives_the_first_housekeeping() {
    for target in TARGETS {
        let (first, access) = shop().await;
        run_for(&first, 7200).await;
        let tokens = first.issue(&access, CLAIMS);
        first.issuer.keep_time().await.unwrap();
        let world = first.restarted(-900 * DAYS).await;
        world.revoke(&world.access("shop").await, target, &tokens).await.unwrap();
        for seconds in [7500, 7500 + 7 * HOUR] {
            world.set(seconds);
            world.housekeeping().await.unwrap();
        }
        assert_revoked(&world, &tokens, target).await;
    }
}

/// Else the keys would retire by the wrong clock, before the tokens that they made have expired.
#[tokio::test]
async fn keys_renewed_while_the_clock_was_behind_verify_until_their_tokens_expire() {
    let first = World::new().await;
    let access = first.client("shop", lives(1, 1)).await;
    run_for(&first, 7200).await;
    let tokens = first.issue(&access, CLAIMS);
    first.issuer.keep_time().await.unwrap();
    let world = first.restarted(0).await;
    world.issuer.renew_keys(&world.access("shop").await, KeyOptions::default()).await.unwrap();
    world.set(7200 + HOUR - 1);
    let access = world.access("shop").await;
    assert_eq!(world.status(&access, &tokens.access_token).await, "active");
}

#[tokio::test]
async fn one_glimpse_of_a_far_future_does_not_poison_the_kept_time() {
    let (first, access) = shop().await;
    run_for(&first, 1200).await;
    first.set(100 * DAYS);
    first.issuer.keep_time().await.unwrap();
    first.issue(&access, "{}");
    first.issuer.keep_time().await.unwrap();
    let world = first.restarted(1210).await;
    let access = world.access("shop").await;
    let uncertain = world.issuer.revoke(&access, RevokeTarget::Subject("u1")).await;
    assert!(matches!(uncertain, Err(RevokeError::ClockBehind)), "sessions of the glimpse could be missed");
    let tokens = world.issue(&access, CLAIMS);
    assert_eq!(world.status(&access, &tokens.access_token).await, "active");
    run_for(&world, 660).await;
    world.revoke(&access, "sub", &tokens).await.unwrap();
    assert_eq!(world.status(&access, &tokens.access_token).await, "revoked");
    let kept = KeptClock::of(world.issuer.store()).await.unwrap().unwrap();
    assert!(kept.confirmed() < after(2 * DAYS) && kept.seen() < after(2 * DAYS), "{kept:?}");
}

#[tokio::test]
async fn resetting_the_kept_time_mends_a_clock_that_was_wrong_for_long() {
    let (first, _) = shop().await;
    first.set(365 * DAYS);
    run_for(&first, 1200).await;
    let store = first.issuer.store();
    let kept = reset_kept_clock(store, START).await.unwrap().unwrap();
    assert!(kept.confirmed() > after(364 * DAYS));
    assert_eq!(reset_kept_clock(store, START).await.unwrap(), None);
    let world = first.restarted(0).await;
    run_for(&world, 660).await;
    assert_eq!(KeptClock::of(store).await.unwrap().unwrap().confirmed(), after(660));
}

#[tokio::test]
async fn an_honest_retry_after_a_crash_is_no_theft() {
    for (name, after_rotation, expected) in [
        ("the server died right after the rotation", 3, "renewed"),
        ("the server went on for longer than the grace", 35, "reused"),
    ] {
        let (first, access) = shop().await;
        let tokens = first.issue(&access, "{}");
        first.renew(&access, &tokens.refresh_token).await.unwrap();
        first.seconds_pass(after_rotation);
        // Another client's commit, and the next look at the clock: then the server is killed.
        first.client("bank", KeyOptions::default()).await;
        first.issuer.keep_time().await.unwrap();
        let world = first.restarted(HOUR).await;
        world.seconds_pass(20);
        let access = world.access("shop").await;
        let refresh = Some(tokens.refresh_token.as_str());
        let verified = world.issuer.verify(&access, &tokens.access_token, refresh).await.unwrap();
        let Verification::Active { matches, .. } = verified else { panic!("{name}") };
        assert_eq!(matches, Some(expected == "renewed"), "{name}");
        assert_eq!(kind(&world.renew(&access, &tokens.refresh_token).await), expected, "{name}");
    }
}

//! The clock steps while the server runs, or across a restart: no token with impossible times, no dead session, and no revocation that was
//! acknowledged and then forgotten.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod support;

use std::time::Duration;

use jwtis_base::Timestamp;
use jwtis_issuer::clock::KeptClock;
use jwtis_issuer::housekeeping::HousekeepingCursor;
use jwtis_issuer::{
    ClientAccess, IssuerSettings, KeyOptions, RefreshStrategy, RevokeError, RevokeTarget, TokenSet,
    reset_kept_clock,
};
use support::{START, World, jwks, kind, verified_by_jwks};

const HOUR: u64 = 3600;

async fn shop(world: &World) -> ClientAccess {
    let options =
        KeyOptions { refresh_strategy: Some(RefreshStrategy::RefreshBoth), ..KeyOptions::default() };
    world.client("shop", options).await
}

/// The clock of `world` is set to this many seconds from the start.
fn set(world: &World, seconds: i64) {
    world.clock.set(Timestamp::from_seconds(START.seconds().checked_add_signed(seconds).unwrap()));
}

/// A verifier with a right clock takes the token at `now`, and its times are in order.
fn assert_possible(access: &ClientAccess, tokens: &TokenSet, now: u64) {
    let jwks = jwks(access, Timestamp::from_seconds(now));
    let claims = verified_by_jwks(&jwks, &tokens.access_token).unwrap();
    let (iat, nbf) = (claims.issued_at().unwrap().unwrap(), claims.not_before().unwrap().unwrap());
    let exp = claims.expiration_time().unwrap().unwrap();
    assert!(iat <= now && nbf <= now && now < exp, "{iat} {nbf} {now} {exp}");
    assert_eq!(exp - iat, 72 * HOUR);
}

#[tokio::test]
async fn sessions_live_on_when_the_clock_steps_back() {
    let world = World::new().await;
    let access = shop(&world).await;
    let before = world.issue(&access, r#"{"sub":"u1"}"#);
    set(&world, -3600);
    assert_eq!(world.status(&access, &before.access_token).await, "active");
    let renewed = world.renew(&access, &before.refresh_token).await.unwrap();
    let fresh = world.issue(&access, r#"{"sub":"u2"}"#);
    for tokens in [&renewed, &fresh] {
        assert_possible(&access, tokens, START.seconds() - HOUR);
        assert_eq!(world.status(&access, &tokens.access_token).await, "active");
        let matches = world.issuer.verify(&access, &tokens.access_token, Some(&tokens.refresh_token)).await;
        assert!(matches!(matches.unwrap(), jwtis_issuer::Verification::Active { matches: Some(true), .. }));
    }
    // Time goes on, and the clock is right again.
    let mut newest = fresh.refresh_token;
    for seconds in [-3590, 0, 10] {
        set(&world, seconds);
        assert_eq!(world.status(&access, &renewed.access_token).await, "active");
        newest = world.renew(&access, &newest).await.unwrap().refresh_token;
    }
}

#[tokio::test]
async fn sessions_live_on_when_the_clock_steps_forward_and_back_again() {
    let world = World::new().await;
    let access = shop(&world).await;
    let before = world.issue(&access, "{}");
    set(&world, 3600);
    assert_eq!(world.status(&access, &before.access_token).await, "active");
    let renewed = world.renew(&access, &before.refresh_token).await.unwrap();
    assert_possible(&access, &renewed, START.seconds() + HOUR);
    set(&world, 5);
    assert_eq!(world.status(&access, &renewed.access_token).await, "active");
    let again = world.renew(&access, &renewed.refresh_token).await.unwrap();
    assert_possible(&access, &again, START.seconds() + 5);
}

#[tokio::test]
async fn a_revocation_after_a_step_back_is_one_for_good() {
    for target in ["id", "refresh_token", "auth_token", "sub", "all"] {
        let world = World::new().await;
        let access = shop(&world).await;
        let tokens = world.issue(&access, r#"{"sub":"u1"}"#);
        set(&world, -3600);
        let id = tokens.session.uuid().to_string();
        world.issuer.revoke(&access, by(target, &id, &tokens)).await.unwrap();
        for seconds in [-3600, 0, 60] {
            set(&world, seconds);
            let access = world.access("shop").await;
            assert_eq!(
                world.status(&access, &tokens.access_token).await,
                "revoked",
                "by {target}, {seconds}"
            );
            assert_eq!(kind(&world.renew(&access, &tokens.refresh_token).await), "revoked", "by {target}");
        }
    }
}

#[tokio::test]
async fn a_revocation_by_token_holds_when_the_clock_stepped_back_across_a_restart() {
    for target in ["refresh_token", "auth_token"] {
        let first = World::new().await;
        let access = shop(&first).await;
        let tokens = first.issue(&access, r#"{"sub":"u1"}"#);
        let earlier = Timestamp::from_seconds(START.seconds() - HOUR);
        let world = World::at(earlier, first.issuer.store().clone(), IssuerSettings::default()).await;
        let access = world.access("shop").await;
        world.issuer.revoke(&access, by(target, "", &tokens)).await.unwrap();
        world.clock.advance(Duration::from_secs(HOUR + 1));
        assert_eq!(world.status(&access, &tokens.access_token).await, "revoked", "by {target}");
    }
}

/// Runs the server for this long, with its looks at the clock.
async fn run_for(world: &World, seconds: u64) {
    for _ in 0..seconds / 60 {
        world.seconds_pass(60);
        world.issuer.keep_time().await.unwrap();
    }
}

async fn housekeeping(world: &World) {
    let mut cursor = HousekeepingCursor::default();
    loop {
        let (next, report) = world.issuer.housekeeping_step(cursor).await.unwrap();
        cursor = next;
        if report.pass_complete.is_some() {
            return;
        }
    }
}

const TARGETS: [&str; 5] = ["id", "refresh_token", "auth_token", "sub", "all"];
const DAYS: u64 = 24 * HOUR;

/// Scenario (a), while running.
#[tokio::test]
async fn a_clock_that_is_ahead_for_a_moment_deletes_no_revocation() {
    for target in TARGETS {
        let world = World::new().await;
        let access = shop(&world).await;
        world.seconds_pass(7 * HOUR);
        let tokens = world.issue(&access, r#"{"sub":"u1"}"#);
        let id = tokens.session.uuid().to_string();
        world.issuer.revoke(&access, by(target, &id, &tokens)).await.unwrap();
        housekeeping(&world).await;
        set(&world, 365 * 24 * 3600);
        housekeeping(&world).await;
        set(&world, 7 * 3600 + 120);
        housekeeping(&world).await;
        let access = world.access("shop").await;
        assert_eq!(world.status(&access, &tokens.access_token).await, "revoked", "by {target}");
        assert_eq!(kind(&world.renew(&access, &tokens.refresh_token).await), "revoked", "by {target}");
    }
}

/// Scenario (a), at a start.
#[tokio::test]
async fn a_clock_that_is_ahead_at_a_start_deletes_no_revocation_for_six_hours() {
    let first = World::new().await;
    let access = shop(&first).await;
    let tokens = first.issue(&access, r#"{"sub":"u1"}"#);
    first.issuer.revoke(&access, RevokeTarget::Subject("u1")).await.unwrap();
    run_for(&first, 1200).await;
    let ahead = Timestamp::from_seconds(START.seconds() + 365 * DAYS);
    let world = World::at(ahead, first.issuer.store().clone(), IssuerSettings::default()).await;
    housekeeping(&world).await;
    world.seconds_pass(6 * HOUR - 1);
    housekeeping(&world).await;
    set(&world, 1300);
    let access = world.access("shop").await;
    assert_eq!(world.status(&access, &tokens.access_token).await, "revoked");
    // A clock that stays where it is does delete.
    world.clock.set(ahead);
    housekeeping(&world).await;
    world.seconds_pass(6 * HOUR);
    housekeeping(&world).await;
    set(&world, 1300);
    assert_eq!(world.status(&access, &tokens.access_token).await, "active", "the mark is gone");
}

/// Scenario (b), with a time that was confirmed: the revocation holds.
#[tokio::test]
async fn a_revocation_holds_when_the_clock_was_set_back_across_a_restart() {
    for target in TARGETS {
        let first = World::new().await;
        let access = shop(&first).await;
        run_for(&first, 2 * HOUR).await;
        let tokens = first.issue(&access, r#"{"sub":"u1"}"#);
        first.issuer.keep_time().await.unwrap();
        let world = World::at(START, first.issuer.store().clone(), IssuerSettings::default()).await;
        let access = world.access("shop").await;
        assert_eq!(
            world.status(&access, &tokens.access_token).await,
            "active",
            "made by this store's server"
        );
        let id = tokens.session.uuid().to_string();
        world.issuer.revoke(&access, by(target, &id, &tokens)).await.unwrap();
        let fresh = world.issue(&world.access("shop").await, r#"{"sub":"u1"}"#);
        for seconds in [0, 2 * 3600, 3 * 3600] {
            set(&world, seconds);
            let access = world.access("shop").await;
            let status = world.status(&access, &tokens.access_token).await;
            assert_eq!(status, "revoked", "by {target}, {seconds}");
            assert_eq!(world.status(&access, &fresh.access_token).await, "active", "by {target}, {seconds}");
        }
    }
}

/// `make crash` found it: after a quick restart a mark lay in the future, and the restart after that opened sessions before it.
#[tokio::test]
async fn quick_restarts_neither_end_later_sessions_nor_lose_revocations() {
    for target in ["sub", "all"] {
        let mut world = World::new().await;
        let mut now = START;
        let mut access = shop(&world).await;
        world.issuer.keep_time().await.unwrap();
        for restart in 1..=4 {
            let before = world.issue(&access, r#"{"sub":"u1"}"#);
            let id = before.session.uuid().to_string();
            world.issuer.revoke(&access, by(target, &id, &before)).await.unwrap();
            now = Timestamp::from_millis(now.millis() + 900);
            world = World::at(now, world.issuer.store().clone(), IssuerSettings::default()).await;
            access = world.access("shop").await;
            assert_eq!(
                world.status(&access, &before.access_token).await,
                "revoked",
                "{target}, restart {restart}"
            );
            let after = world.issue(&access, r#"{"sub":"u1"}"#);
            assert_eq!(
                world.status(&access, &after.access_token).await,
                "active",
                "{target}, restart {restart}"
            );
        }
    }
}

/// Scenario (b), with a time that nobody has confirmed: the revocation holds, or is not acknowledged.
#[tokio::test]
async fn a_revocation_that_may_miss_a_session_is_not_acknowledged() {
    for (target, acknowledged) in TARGETS.into_iter().zip([false, true, true, false, false]) {
        let first = World::new().await;
        let access = shop(&first).await;
        let tokens = first.issue(&access, r#"{"sub":"u1"}"#);
        let earlier = Timestamp::from_seconds(START.seconds() - HOUR);
        let world = World::at(earlier, first.issuer.store().clone(), IssuerSettings::default()).await;
        let access = world.access("shop").await;
        let id = tokens.session.uuid().to_string();
        let outcome = world.issuer.revoke(&access, by(target, &id, &tokens)).await;
        assert_eq!(outcome.is_ok(), acknowledged, "by {target}: {outcome:?}");
        if !acknowledged {
            assert!(matches!(outcome, Err(RevokeError::ClockBehind)), "by {target}: {outcome:?}");
            // Once the clock is right, it works.
            set(&world, 5);
            world.issuer.revoke(&access, by(target, &id, &tokens)).await.unwrap();
        }
        set(&world, 60);
        let access = world.access("shop").await;
        assert_eq!(world.status(&access, &tokens.access_token).await, "revoked", "by {target}");
    }
}

/// Scenario (c).
#[tokio::test]
async fn a_revocation_made_while_the_clock_was_behind_outlives_the_first_housekeeping() {
    for target in TARGETS {
        let first = World::new().await;
        let access = shop(&first).await;
        run_for(&first, 2 * HOUR).await;
        let tokens = first.issue(&access, r#"{"sub":"u1"}"#);
        first.issuer.keep_time().await.unwrap();
        let behind = Timestamp::from_seconds(START.seconds() - 900 * DAYS);
        let world = World::at(behind, first.issuer.store().clone(), IssuerSettings::default()).await;
        let access = world.access("shop").await;
        let id = tokens.session.uuid().to_string();
        world.issuer.revoke(&access, by(target, &id, &tokens)).await.unwrap();
        set(&world, 7500);
        housekeeping(&world).await;
        world.seconds_pass(7 * HOUR);
        housekeeping(&world).await;
        let access = world.access("shop").await;
        assert_eq!(world.status(&access, &tokens.access_token).await, "revoked", "by {target}");
        assert_eq!(kind(&world.renew(&access, &tokens.refresh_token).await), "revoked", "by {target}");
    }
}

#[tokio::test]
async fn one_glimpse_of_a_far_future_does_not_poison_the_kept_time() {
    let first = World::new().await;
    let access = shop(&first).await;
    run_for(&first, 1200).await;
    set(&first, 100 * 24 * 3600);
    first.issuer.keep_time().await.unwrap();
    first.issue(&access, "{}");
    first.issuer.keep_time().await.unwrap();
    let now = START.seconds() + 1210;
    let store = first.issuer.store().clone();
    let world = World::at(Timestamp::from_seconds(now), store.clone(), IssuerSettings::default()).await;
    let access = world.access("shop").await;
    let uncertain = world.issuer.revoke(&access, RevokeTarget::Subject("u1")).await;
    assert!(matches!(uncertain, Err(RevokeError::ClockBehind)), "sessions of the glimpse could be missed");
    let tokens = world.issue(&access, r#"{"sub":"u1"}"#);
    assert_eq!(world.status(&access, &tokens.access_token).await, "active");
    run_for(&world, 660).await;
    world.issuer.revoke(&access, RevokeTarget::Subject("u1")).await.unwrap();
    assert_eq!(world.status(&access, &tokens.access_token).await, "revoked");
    let kept = KeptClock::of(&store).await.unwrap().unwrap();
    assert!(kept.confirmed().seconds() < now + DAYS && kept.seen().seconds() < now + DAYS, "{kept:?}");
}

#[tokio::test]
async fn resetting_the_kept_time_mends_a_clock_that_was_wrong_for_long() {
    let first = World::new().await;
    set(&first, 365 * 24 * 3600);
    run_for(&first, 1200).await;
    let store = first.issuer.store().clone();
    let kept = reset_kept_clock(&store, START).await.unwrap().unwrap();
    assert!(kept.confirmed() > Timestamp::from_seconds(START.seconds() + 364 * DAYS));
    assert_eq!(reset_kept_clock(&store, START).await.unwrap(), None);
    let world = World::with(store.clone(), IssuerSettings::default()).await;
    run_for(&world, 660).await;
    let kept = KeptClock::of(&store).await.unwrap().unwrap();
    assert_eq!(kept.confirmed(), Timestamp::from_seconds(START.seconds() + 660));
}

#[tokio::test]
async fn an_honest_retry_after_a_crash_is_no_theft() {
    for (name, after_rotation, expected) in [
        ("the server died right after the rotation", 3, "renewed"),
        ("the server went on for longer than the grace", 35, "reused"),
    ] {
        let first = World::new().await;
        let access = shop(&first).await;
        let tokens = first.issue(&access, "{}");
        first.renew(&access, &tokens.refresh_token).await.unwrap();
        first.seconds_pass(after_rotation);
        // Another client's commit, and the next look at the clock: then the server is killed.
        first.client("bank", KeyOptions::default()).await;
        first.issuer.keep_time().await.unwrap();
        let restart = Timestamp::from_seconds(START.seconds() + 3600);
        let world = World::at(restart, first.issuer.store().clone(), IssuerSettings::default()).await;
        world.seconds_pass(20);
        let access = world.access("shop").await;
        let matches =
            world.issuer.verify(&access, &tokens.access_token, Some(&tokens.refresh_token)).await.unwrap();
        let renewable = expected == "renewed";
        assert!(
            matches!(matches, jwtis_issuer::Verification::Active { matches: Some(found), .. } if found == renewable),
            "{name}"
        );
        assert_eq!(kind(&world.renew(&access, &tokens.refresh_token).await), expected, "{name}");
    }
}

fn by<'a>(target: &str, id: &'a str, tokens: &'a TokenSet) -> RevokeTarget<'a> {
    match target {
        "id" => RevokeTarget::Session(id),
        "refresh_token" => RevokeTarget::Token(&tokens.refresh_token),
        "auth_token" => RevokeTarget::Token(&tokens.access_token),
        "sub" => RevokeTarget::Subject("u1"),
        _ => RevokeTarget::All,
    }
}

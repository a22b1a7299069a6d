//! The clock steps by an hour while the server runs, or across a restart: no token with impossible times, no dead session, and no
//! revocation that was acknowledged and then forgotten.
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

use jwtis_core::{
    ClientAccess, IssuerSettings, KeyOptions, RefreshStrategy, RevokeTarget, Timestamp, TokenSet,
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
        assert!(matches!(matches.unwrap(), jwtis_core::Verification::Active { matches: Some(true), .. }));
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

fn by<'a>(target: &str, id: &'a str, tokens: &'a TokenSet) -> RevokeTarget<'a> {
    match target {
        "id" => RevokeTarget::Session(id),
        "refresh_token" => RevokeTarget::Token(&tokens.refresh_token),
        "auth_token" => RevokeTarget::Token(&tokens.access_token),
        "sub" => RevokeTarget::Subject("u1"),
        _ => RevokeTarget::All,
    }
}

//! Point 6: rotation of keys, seen by those whose tokens are out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod support;

use jwtis_base::Ttl;
use jwtis_issuer::housekeeping::{HousekeepingCursor, KeySetCensus};
use jwtis_issuer::{ClientAccess, KeyOptions, RefreshStrategy, RenewKeysError};
use jwtis_jose::SignatureAlgorithm;
use support::{World, jwks, verified_by_jwks, with_alg};

async fn rotate(world: &World, options: KeyOptions) -> ClientAccess {
    let access = world.access("shop").await;
    world.issuer.renew_keys(&access, options).await.unwrap();
    world.access("shop").await
}

fn keys_in(jwks: &str) -> usize {
    jwtis_jose::JwkSet::parse(jwks.as_bytes()).unwrap().keys.len()
}

#[tokio::test]
async fn point_06_tokens_from_before_a_rotation_verify_and_renew() {
    let world = World::new().await;
    let options = KeyOptions {
        auth_ttl: Some(Ttl::from_hours(1)),
        refresh_ttl: Some(Ttl::from_hours(10)),
        refresh_strategy: Some(RefreshStrategy::RefreshBoth),
        ..KeyOptions::default()
    };
    let before = world.client("shop", options).await;
    let old = world.issue(&before, "{}");

    // Even with another algorithm, issuer and shorter lives.
    let change = KeyOptions {
        sig_alg: Some(SignatureAlgorithm::EdDsa),
        issuer: Some("https://shop.example".to_owned()),
        auth_ttl: Some(Ttl::from_seconds(60)),
        refresh_ttl: Some(Ttl::from_seconds(120)),
        ..KeyOptions::default()
    };
    let after = rotate(&world, change).await;
    let now = || world.issuer.env().now();
    assert_eq!(keys_in(&jwks(&after, now())), 2);
    assert_eq!(world.status(&after, &old.access_token).await, "active");
    assert!(verified_by_jwks(&jwks(&after, now()), &old.access_token).is_some());
    let renewed = world.renew(&after, &old.refresh_token).await.unwrap();
    let claims = verified_by_jwks(&jwks(&after, now()), &renewed.access_token).unwrap();
    assert_eq!(support::text(&claims, "iss"), "https://shop.example", "renewed tokens are of the new keys");

    // Until the last old token has expired, and no longer than the slack after it.
    world.seconds_pass(10 * 3600 + 59);
    assert_eq!(keys_in(&jwks(&after, now())), 2);
    world.seconds_pass(1);
    assert_eq!(keys_in(&jwks(&after, now())), 1);
    assert_eq!(world.status(&after, &old.access_token).await, "unknown_key");
}

#[tokio::test]
async fn a_request_that_read_the_client_just_before_the_rotation_still_makes_valid_tokens() {
    let world = World::new().await;
    let before = world.client("shop", KeyOptions::default()).await;
    let after = rotate(&world, KeyOptions::default()).await;
    let tokens = world.issue(&before, "{}");
    assert_eq!(world.status(&after, &tokens.access_token).await, "active");
    world.renew(&after, &tokens.refresh_token).await.unwrap();
}

#[tokio::test]
async fn an_expired_set_is_renewed_and_lives_as_long_as_the_one_before() {
    let world = World::new().await;
    let options = KeyOptions { expiry: Some(Ttl::from_hours(5)), ..KeyOptions::default() };
    world.client("shop", options).await;
    world.seconds_pass(6 * 3600);
    let access = rotate(&world, KeyOptions::default()).await;
    let active = access.client().keys().active();
    assert_eq!(active.expires_at().since(active.created_at()).as_secs(), 5 * 3600);
    world.issue(&access, "{}");
}

#[tokio::test]
async fn more_rotations_than_a_ring_holds_are_refused_until_old_sets_retire() {
    let world = World::new().await;
    world.client("shop", with_alg(SignatureAlgorithm::EdDsa)).await;
    for _ in 1..jwtis_issuer::key::rotation::MAX_LIVE_SETS {
        rotate(&world, KeyOptions::default()).await;
    }
    let access = world.access("shop").await;
    let refused = world.issuer.renew_keys(&access, KeyOptions::default()).await;
    assert!(matches!(refused, Err(RenewKeysError::TooManyKeySets)));
    world.seconds_pass(721 * 3600);
    rotate(&world, KeyOptions::default()).await;
}

#[tokio::test]
async fn housekeeping_drops_what_has_retired_and_counts_the_rest() {
    let world = World::new().await;
    let access = world.client("shop", KeyOptions::default()).await;
    world.client("bank", KeyOptions::default()).await;
    let tokens = world.issue(&access, r#"{"sub":"u1"}"#);
    world.issuer.revoke(&access, jwtis_issuer::RevokeTarget::Token(&tokens.refresh_token)).await.unwrap();
    world.issuer.revoke(&access, jwtis_issuer::RevokeTarget::Subject("u1")).await.unwrap();
    rotate(&world, KeyOptions::default()).await;
    let (census, deleted, dropped) = pass(&world).await;
    assert_eq!(census, KeySetCensus { clients: 2, active: 2, expired: 0, retiring: 1 });
    assert_eq!((deleted, dropped), (0, 0));

    // 720 h of the refresh token, the slack of its key set, the grace of renewals, and a day for clocks.
    world.seconds_pass(720 * 3600 + 60 + 30 + 24 * 3600 + 1);
    let (_, deleted, dropped) = pass(&world).await;
    assert_eq!((deleted, dropped), (2, 1));
    let (census, deleted, dropped) = pass(&world).await;
    assert_eq!(census, KeySetCensus { clients: 2, active: 2, expired: 0, retiring: 0 });
    assert_eq!((deleted, dropped), (0, 0));
}

async fn pass(world: &World) -> (KeySetCensus, usize, usize) {
    let (mut cursor, mut deleted, mut dropped) = (HousekeepingCursor::default(), 0, 0);
    loop {
        let (next, report) = world.issuer.housekeeping_step(cursor).await.unwrap();
        deleted += report.expired_records_deleted;
        dropped += report.retired_key_sets_dropped;
        match report.pass_complete {
            Some(census) => return (census, deleted, dropped),
            None => cursor = next,
        }
    }
}

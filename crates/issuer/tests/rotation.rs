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
use jwtis_base::audit::AuditPage;
use jwtis_issuer::housekeeping::{HousekeepingCursor, KeySetCensus};
use jwtis_issuer::key::rotation::{MAX_LIVE_SETS, MAX_LIVE_SETS_BY_CLIENT};
use jwtis_issuer::{ClientAccess, Credentials, KeyOptions, RefreshStrategy, RenewKeysError};
use jwtis_jose::SignatureAlgorithm;
use support::{World, jwks, verified_by_jwks, with_alg};

async fn rotate(world: &World, options: KeyOptions) -> ClientAccess {
    let access = world.access("shop").await;
    world.issuer.renew_keys(&access, options).await.unwrap();
    world.access("shop").await
}

/// Registers `shop` and returns its token.
async fn registered(world: &World) -> Credentials {
    let access = world.issuer.registration(Some(&world.admin)).await.unwrap();
    let options = with_alg(SignatureAlgorithm::EdDsa);
    let secret = world.issuer.register(&access, support::id("shop"), options).await.unwrap().client_token;
    Credentials { secret, user: None }
}

async fn by_client(
    world: &World,
    own: &Credentials,
    options: KeyOptions,
) -> Result<std::sync::Arc<jwtis_issuer::Client>, RenewKeysError> {
    let access = world.issuer.client_access(Some(own), &support::id("shop")).await.unwrap();
    world.issuer.renew_keys(&access, options).await
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
async fn more_rotations_by_the_client_than_it_has_slots_are_refused_until_old_sets_retire() {
    let world = World::new().await;
    let own = registered(&world).await;
    for _ in 1..MAX_LIVE_SETS_BY_CLIENT {
        by_client(&world, &own, KeyOptions::default()).await.unwrap();
    }
    let refused = by_client(&world, &own, KeyOptions::default()).await;
    assert!(matches!(refused, Err(RenewKeysError::TooManyKeySets)));
    world.seconds_pass(721 * 3600);
    by_client(&world, &own, KeyOptions::default()).await.unwrap();
}

#[tokio::test]
async fn a_stolen_client_token_cannot_keep_the_admin_from_renewing_the_keys() {
    let world = World::new().await;
    let own = registered(&world).await;
    let second = Some(Ttl::from_seconds(1));
    let short = KeyOptions { expiry: second, auth_ttl: second, refresh_ttl: second, ..KeyOptions::default() };
    for renewal in 2..MAX_LIVE_SETS_BY_CLIENT {
        by_client(&world, &own, KeyOptions::default())
            .await
            .unwrap_or_else(|error| panic!("{renewal}: {error}"));
    }
    by_client(&world, &own, short).await.unwrap();
    world.seconds_pass(2);
    let refused = by_client(&world, &own, KeyOptions::default()).await;
    assert!(matches!(refused, Err(RenewKeysError::TooManyKeySets)));
    let access = rotate(&world, KeyOptions::default()).await;
    let active = access.client().keys().active();
    assert_eq!(active.expires_at().since(active.created_at()).as_secs(), 4320 * 3600, "as it was granted");
    world.issue(&access, "{}");
}

#[tokio::test]
async fn the_admin_s_renewal_ends_the_oldest_set_where_all_slots_are_full_and_the_audit_trail_says_so() {
    let world = World::new().await;
    let access = world.client("shop", with_alg(SignatureAlgorithm::EdDsa)).await;
    let oldest = world.issue(&access, "{}");
    let kid = access.client().keys().active().public_signing_key().kid().unwrap().to_owned();
    let access = rotate(&world, KeyOptions::default()).await;
    let younger = world.issue(&access, "{}");
    for _ in 2..MAX_LIVE_SETS {
        rotate(&world, KeyOptions::default()).await;
    }
    let access = world.access("shop").await;
    assert_eq!(world.status(&access, &oldest.access_token).await, "active");
    let access = rotate(&world, KeyOptions::default()).await;
    assert_eq!(world.status(&access, &oldest.access_token).await, "unknown_key");
    assert_eq!(world.status(&access, &younger.access_token).await, "active");
    let trail = AuditPage::of(world.issuer.store(), 0, 1000).await.unwrap().records;
    let [.., ended, renewed] = &trail[..] else { panic!("{trail:?}") };
    assert_eq!((ended.record.event(), renewed.record.event()), ("key_set_ended", "keys_renewed"));
    assert!(format!("{ended:?}").contains(&kid), "{ended:?}");
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

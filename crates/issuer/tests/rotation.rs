//! Renewals of keys, seen by those whose tokens were issued before.

use std::sync::Arc;

use jwtis_base::Ttl;
use jwtis_base::audit::AuditPage;
use jwtis_issuer::housekeeping::KeySetCensus;
use jwtis_issuer::key::rotation::{MAX_LIVE_SETS, MAX_LIVE_SETS_BY_CLIENT};
use jwtis_issuer::{Client, ClientAccess, Credentials, KeyOptions, RefreshStrategy, RenewKeysError};
use jwtis_jose::{ContentEncryption, SignatureAlgorithm};
use jwtis_testkit::issuer::{World, id, jwks, lives, rotating, text, verified_by_jwks, with_alg};

/// A renewal by the admin.
async fn rotate(world: &World, options: KeyOptions) -> ClientAccess {
    let access = world.access("shop").await;
    world.issuer.renew_keys(&access, options).await.unwrap();
    world.access("shop").await
}

/// A renewal by the client.
async fn by_client(
    world: &World,
    own: &Credentials,
    options: KeyOptions,
) -> Result<Arc<Client>, RenewKeysError> {
    let access = world.issuer.client_access(Some(own), &id("shop")).await.unwrap();
    world.issuer.renew_keys(&access, options).await
}

/// Registers `shop` and returns its token.
async fn registered(world: &World, options: KeyOptions) -> Credentials {
    Credentials { secret: world.register("shop", options).await, user: None }
}

fn keys_in(jwks: &str) -> usize {
    jwtis_jose::JwkSet::parse(jwks.as_bytes()).unwrap().keys.len()
}

#[tokio::test]
async fn tokens_from_before_a_rotation_verify_and_renew() {
    let world = World::new().await;
    let options = KeyOptions { refresh_strategy: rotating().refresh_strategy, ..lives(1, 10) };
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
    assert_eq!(text(&claims, "iss"), "https://shop.example", "renewed tokens are of the new keys");

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
async fn more_rotations_by_the_client_than_it_has_slots_are_refused_until_old_sets_retire() {
    let world = World::new().await;
    let own = registered(&world, with_alg(SignatureAlgorithm::EdDsa)).await;
    for _ in 1..MAX_LIVE_SETS_BY_CLIENT {
        by_client(&world, &own, KeyOptions::default()).await.unwrap();
    }
    let refused = by_client(&world, &own, KeyOptions::default()).await;
    assert!(matches!(refused, Err(RenewKeysError::TooManyKeySets)));
    // The admin is not refused.
    rotate(&world, KeyOptions::default()).await;
    world.seconds_pass(721 * 3600);
    by_client(&world, &own, KeyOptions::default()).await.unwrap();
}

/// A thief with the client token renews the keys with worse options. The admin's renewal gives the client what it was registered with,
/// whether the thief's key set has expired or not.
#[tokio::test]
async fn the_admin_s_renewal_does_not_inherit_what_the_client_changed() {
    let granted = KeyOptions {
        expiry: Some(Ttl::from_hours(500)),
        sig_alg: Some(SignatureAlgorithm::Es384),
        cont_enc: Some(ContentEncryption::A128Gcm),
        audience: Some(vec!["api".to_owned()]),
        ..lives(10, 100)
    };
    let second = Some(Ttl::from_seconds(1));
    let worse = KeyOptions {
        expiry: second,
        auth_ttl: second,
        refresh_ttl: second,
        refresh_strategy: Some(RefreshStrategy::RefreshBoth),
        sig_alg: Some(SignatureAlgorithm::Es512),
        cont_enc: Some(ContentEncryption::A256Gcm),
        ..KeyOptions::default()
    };
    let seen = |access: &ClientAccess| {
        let keys = access.client().keys().active();
        let life = keys.expires_at().since(keys.created_at());
        (life, keys.policy().clone(), keys.public_signing_key().bits())
    };
    for expires in [false, true] {
        let world = World::new().await;
        let own = registered(&world, granted.clone()).await;
        let registered = seen(&world.access("shop").await);
        by_client(&world, &own, worse.clone()).await.unwrap();
        by_client(&world, &own, KeyOptions::default()).await.unwrap();
        let shortened = seen(&world.access("shop").await);
        assert_eq!(shortened.0.as_secs(), 1, "the client's own renewal keeps what it leaves out");
        world.seconds_pass(if expires { 2 } else { 0 });
        let access = rotate(&world, KeyOptions::default()).await;
        assert_eq!(seen(&access), registered, "expired: {expires}");
        world.issue(&access, "{}");
        // What the admin asks for is the grant from then on.
        let longer = KeyOptions { refresh_ttl: Some(Ttl::from_hours(200)), ..KeyOptions::default() };
        let access = rotate(&world, longer).await;
        assert_eq!(access.client().keys().active().policy().refresh_ttl, Ttl::from_hours(200));
        let access = rotate(&world, KeyOptions::default()).await;
        assert_eq!(access.client().keys().active().policy().refresh_ttl, Ttl::from_hours(200));
    }
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
    world.revoke(&access, "refresh_token", &tokens).await.unwrap();
    world.revoke(&access, "sub", &tokens).await.unwrap();
    rotate(&world, KeyOptions::default()).await;
    let census =
        |retiring| Some(KeySetCensus { clients: 2, active: 2, expired: 0, retiring, switched_off: 0 });
    // 720 h of the refresh token, the slack of its key set, the grace of renewals, and a day for clocks.
    let all_expired = 720 * 3600 + 60 + 30 + 24 * 3600 + 1;
    for (passed, found, deleted, dropped) in
        [(0, census(1), 0, 0), (all_expired, census(0), 2, 1), (0, census(0), 0, 0)]
    {
        world.seconds_pass(passed);
        let report = world.housekeeping().await.unwrap();
        assert_eq!((report.expired_records_deleted, report.retired_key_sets_dropped), (deleted, dropped));
        assert_eq!(report.pass_complete, found);
    }
}

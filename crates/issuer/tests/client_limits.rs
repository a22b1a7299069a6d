//! The limits of a client: the kill switch, the grant, the quota of revocations, and RSA keys on threads of their own.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::task::Poll;

use jwtis_base::{SessionId, Ttl};
use jwtis_issuer::{
    AccessError, ClaimsRefusal, ClientAccess, ClientChangeError, ClientSummary, Credentials, IssueError,
    IssueToken, IssuerSettings, KeyDefaults, KeyOptions, Maxima, OptionsError, RenewError, RenewKeysError,
    RevokeError, RevokeTarget,
};
use jwtis_jose::{KeyManagementAlgorithm, SignatureAlgorithm};
use jwtis_testkit::issuer::{START, World, id, issue, rotating, with_alg};

/// Registers a client, and gives it access by its own token.
async fn by_token(world: &World, kid: &str, options: KeyOptions) -> (Credentials, ClientAccess) {
    let credentials = Credentials { secret: world.register(kid, options).await, user: None };
    let access = world.issuer.client_access(Some(&credentials), &id(kid)).await.unwrap();
    (credentials, access)
}

#[tokio::test]
async fn a_disabled_client_does_nothing_until_it_is_enabled_again() {
    let world = World::new().await;
    let (credentials, access) = by_token(&world, "shop", rotating()).await;
    let tokens = world.issue(&access, r#"{"sub":"u1"}"#);
    let admin = world.admin().await;
    world.issuer.switch_client(&admin, &id("shop"), false).await.unwrap();

    let denied = world.issuer.client_access(Some(&credentials), &id("shop")).await;
    assert!(matches!(denied, Err(AccessError::Disabled)), "{denied:?}");
    let (stranger, _) = by_token(&world, "bank", KeyOptions::default()).await;
    let denied = world.issuer.client_access(Some(&stranger), &id("shop")).await;
    assert!(matches!(denied, Err(AccessError::Denied)), "told to nobody without the token: {denied:?}");

    // A request that was let in before, and the admin.
    for access in [access, world.access("shop").await] {
        assert_eq!(world.status(&world.access("shop").await, &tokens.access_token).await, "client_disabled");
        assert!(matches!(world.renew(&access, &tokens.refresh_token).await, Err(RenewError::Disabled)));
        let renewed = world.issuer.renew_keys(&access, KeyOptions::default()).await;
        assert!(matches!(renewed, Err(RenewKeysError::Disabled)), "{renewed:?}");
    }
    let by_admin = world.access("shop").await;
    assert!(matches!(world.issuer.issue(&by_admin, issue("{}")), Err(IssueError::Disabled)));
    assert!(world.issuer.public_client(&id("shop")).await.unwrap().unwrap().is_disabled());
    // Its sessions can be ended all the same.
    let other = world.issuer.revoke(&by_admin, RevokeTarget::Subject("u2")).await;
    assert!(other.is_ok(), "{other:?}");

    for _ in 0..2 {
        world.issuer.switch_client(&admin, &id("shop"), true).await.unwrap();
        let access = world.issuer.client_access(Some(&credentials), &id("shop")).await.unwrap();
        assert_eq!(world.status(&access, &tokens.access_token).await, "active");
    }
    let unknown = world.issuer.switch_client(&admin, &id("nobody"), false).await;
    assert!(matches!(unknown, Err(ClientChangeError::Unknown)), "{unknown:?}");
}

#[tokio::test]
async fn a_client_asks_for_no_more_than_the_admin_has_granted_it() {
    let world = World::new().await;
    let auth = |hours| KeyOptions { auth_ttl: Some(Ttl::from_hours(hours)), ..KeyOptions::default() };
    let (credentials, access) = by_token(&world, "shop", auth(10)).await;
    let again = async || world.issuer.client_access(Some(&credentials), &id("shop")).await.unwrap();
    let refused = |outcome: &Result<_, RenewKeysError>| {
        matches!(outcome, Err(RenewKeysError::Options(OptionsError::NotGranted { member: "auth_ttl" })))
    };
    assert!(refused(&world.issuer.renew_keys(&access, auth(11)).await));
    // Down, and up again to what it was registered with: the grant outlives renewals by the client.
    world.issuer.renew_keys(&access, auth(1)).await.unwrap();
    assert!(refused(&world.issuer.renew_keys(&again().await, auth(11)).await));
    world.issuer.renew_keys(&again().await, auth(10)).await.unwrap();
    // The admin moves the grant, in both directions.
    for hours in [20, 2] {
        world.issuer.renew_keys(&world.access("shop").await, auth(hours)).await.unwrap();
        assert!(refused(&world.issuer.renew_keys(&again().await, auth(hours + 1)).await));
        world.issuer.renew_keys(&again().await, auth(hours)).await.unwrap();
    }
}

/// The same store under these settings.
async fn under(world: &World, defaults: KeyDefaults) -> World {
    let settings = IssuerSettings { defaults, ..IssuerSettings::default() };
    World::with(world.issuer.store().clone(), settings).await
}

#[tokio::test]
async fn maxima_hold_for_clients_that_were_registered_before() {
    let world = World::new().await;
    let before = world.issue(&world.client("shop", rotating()).await, "{}");
    let maxima =
        Maxima { auth_ttl: Some(Ttl::from_hours(1)), refresh_ttl: Some(Ttl::from_hours(2)), expiry: None };
    let world = under(&world, KeyDefaults { maxima, ..KeyDefaults::default() }).await;
    let access = world.access("shop").await;
    let hour = |hours: u64| START.seconds() + hours * 3600;
    let longer = IssueToken { access_valid_time: Some(Ttl::from_hours(50)), ..issue("{}") };
    for tokens in [
        world.issue(&access, "{}"),
        world.issuer.issue(&access, longer).unwrap(),
        world.renew(&access, &before.refresh_token).await.unwrap(),
    ] {
        assert_eq!((tokens.expires_at, tokens.refresh_expires_at), (hour(1), hour(2)));
    }
    let beyond = world.issuer.issue(&access, issue(&format!(r#"{{"exp":{}}}"#, hour(1) + 1)));
    assert!(matches!(beyond, Err(IssueError::Claims(ClaimsRefusal::ExpiryBeyondLimit { .. }))), "{beyond:?}");
}

#[tokio::test]
async fn rsa1_5_that_is_switched_off_makes_no_tokens_and_opens_old_ones_after_a_renewal_of_keys() {
    let on = KeyDefaults { allow_rsa1_5: true, ..KeyDefaults::default() };
    let world = under(&World::new().await, on).await;
    let rsa15 = KeyOptions { enc_alg: Some(KeyManagementAlgorithm::DangerRsa15), ..KeyOptions::default() };
    let access = world.client("shop", rsa15).await;
    let before = world.issue(&access, "{}");
    assert_eq!(world.housekeeping().await.unwrap().pass_complete.unwrap().switched_off, 0);

    let world = under(&world, KeyDefaults::default()).await;
    let access = world.access("shop").await;
    assert_eq!(world.housekeeping().await.unwrap().pass_complete.unwrap().switched_off, 1);
    assert!(matches!(world.issuer.issue(&access, issue("{}")), Err(IssueError::AlgorithmOff)));
    let renewed = world.renew(&access, &before.refresh_token).await;
    assert!(matches!(renewed, Err(RenewError::AlgorithmOff)), "{renewed:?}");

    world.issuer.renew_keys(&access, KeyOptions::default()).await.unwrap();
    let access = world.access("shop").await;
    let keys = ClientSummary::of(access.client()).unwrap().active;
    assert_eq!(keys.enc_alg, KeyDefaults::default().enc_alg);
    world.renew(&access, &before.refresh_token).await.unwrap();
}

#[tokio::test]
async fn invented_ids_and_subjects_have_a_quota_and_tokens_have_none() {
    let world = World::new().await;
    let (_, access) = by_token(&world, "shop", KeyOptions::default()).await;
    let tokens = world.issue(&access, r#"{"sub":"u1"}"#);
    for number in 0..jwtis_issuer::MAX_UNPROVED_REVOCATIONS {
        if number % 2 == 0 {
            world.issuer.revoke(&access, RevokeTarget::Subject(&format!("nobody-{number}"))).await.unwrap();
        } else {
            let mut random = [0; 10];
            random[..4].copy_from_slice(&number.to_be_bytes());
            let id = SessionId::new(START, &random).uuid().to_string();
            world.issuer.revoke(&access, RevokeTarget::Session(&id)).await.unwrap();
        }
    }
    let id = SessionId::new(START, &[0xFF; 10]).uuid().to_string();
    for target in [RevokeTarget::Subject("one-more"), RevokeTarget::Session(&id)] {
        let refused = world.issuer.revoke(&access, target).await;
        assert!(matches!(refused, Err(RevokeError::QuotaExceeded)), "{refused:?}");
    }
    // What makes no new record, what is proved by a token, and the admin.
    world.issuer.revoke(&access, RevokeTarget::Subject("nobody-0")).await.unwrap();
    world.issuer.revoke(&access, RevokeTarget::Token(&tokens.access_token)).await.unwrap();
    assert_eq!(world.status(&access, &tokens.access_token).await, "revoked");
    world.issuer.revoke(&access, RevokeTarget::All).await.unwrap();
    world.issuer.revoke(&world.access("shop").await, RevokeTarget::Subject("one-more")).await.unwrap();
}

#[test]
fn rsa_keys_sign_apart_from_the_async_workers_and_others_on_the_spot() {
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let world = World::new().await;
        for (alg, at_once) in [(SignatureAlgorithm::Es256, true), (SignatureAlgorithm::Rs256, false)] {
            let access = world.client(alg.name(), with_alg(alg)).await;
            // The one thread beside this one is kept busy.
            let (release, wait) = std::sync::mpsc::channel::<()>();
            let busy = tokio::task::spawn_blocking(move || wait.recv());
            let mut issued = pin!(world.issuer.issue_apart(access.clone(), issue("{}")));
            let first = poll_fn(|context| Poll::Ready(issued.as_mut().poll(context))).await;
            assert_eq!(first.is_ready(), at_once, "{alg}");
            release.send(()).unwrap();
            busy.await.unwrap().unwrap();
            let tokens = match first {
                Poll::Ready(tokens) => tokens.unwrap(),
                Poll::Pending => issued.await.unwrap(),
            };
            let renewed = world.renew(&access, &tokens.refresh_token).await.unwrap();
            assert_eq!(world.status(&access, &renewed.access_token).await, "active", "{alg}");
        }
    });
}

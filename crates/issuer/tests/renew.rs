//! Point 4: refresh strategies, generations, reuse, and many renewals at once.
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
use jwtis_issuer::{ClientAccess, IssueToken, KeyOptions, RefreshStrategy, RenewToken, TokenSet};
use jwtis_jose::ClaimsSet;
use support::{World, kind};

const HOUR: u64 = 3600;

async fn client(world: &World, strategy: RefreshStrategy) -> ClientAccess {
    let options = KeyOptions {
        refresh_strategy: Some(strategy),
        auth_ttl: Some(Ttl::from_hours(1)),
        refresh_ttl: Some(Ttl::from_hours(100)),
        ..KeyOptions::default()
    };
    world.client("shop", options).await
}

async fn renew_as(
    world: &World,
    access: &ClientAccess,
    token: &TokenSet,
    strategy: Option<RefreshStrategy>,
) -> TokenSet {
    world.issuer.renew(access, RenewToken { refresh_token: &token.refresh_token, strategy }).await.unwrap()
}

#[tokio::test]
async fn point_04_every_strategy_as_stored_and_as_asked() {
    use RefreshStrategy::{NoRefresh, RefreshBoth, RefreshOnExpire};
    // (stored, asked, hours after issue, whether the refresh token is a new one)
    for (stored, asked, hours, wanted) in [
        (NoRefresh, None, 1, false),
        (NoRefresh, None, 99, false),
        (NoRefresh, Some(RefreshOnExpire), 1, false),
        (NoRefresh, Some(RefreshOnExpire), 71, true),
        (NoRefresh, Some(RefreshBoth), 1, true),
        (RefreshOnExpire, None, 1, false),
        (RefreshOnExpire, None, 70, false),
        (RefreshOnExpire, None, 71, true),
        (RefreshOnExpire, Some(NoRefresh), 71, true),
        (RefreshOnExpire, Some(RefreshBoth), 1, true),
        (RefreshBoth, None, 0, true),
        (RefreshBoth, Some(NoRefresh), 1, true),
        (RefreshBoth, Some(RefreshOnExpire), 1, true),
    ] {
        let world = World::new().await;
        let access = client(&world, stored).await;
        let first = world.issue(&access, "{}");
        world.seconds_pass(hours * HOUR);
        let second = renew_as(&world, &access, &first, asked).await;
        let what = format!("{stored} stored, {asked:?} asked, after {hours} h");
        assert_eq!(second.refresh_token != first.refresh_token, wanted, "{what}");
        let now = world.issuer.env().now().seconds();
        assert_eq!(second.expires_at, now + HOUR, "expiry is the access token's: {what}");
        let refresh_expiry = if wanted { now + 100 * HOUR } else { first.refresh_expires_at };
        assert_eq!(second.refresh_expires_at, refresh_expiry, "{what}");
        assert_eq!(second.expires_in, HOUR);
        assert_eq!(world.status(&access, &second.access_token).await, "active", "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn point_04_sixty_four_renewals_at_once_leave_one_family() {
    let world = std::sync::Arc::new(World::new().await);
    let access = client(&world, RefreshStrategy::RefreshBoth).await;
    let first = std::sync::Arc::new(world.issue(&access, "{}"));
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let (world, access, first) = (world.clone(), access.clone(), first.clone());
            tokio::spawn(async move { world.renew(&access, &first.refresh_token).await })
        })
        .collect();
    let mut renewed = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Ok(tokens) => renewed.push(tokens),
            refusal => panic!("within the grace nobody is refused: {}", kind(&refusal)),
        }
    }
    assert_eq!(renewed.len(), 64);
    // All answers are of generation 1: the first use of one makes generation 2, after which every other of them is one too old but
    // within the grace, so that it gets generation 2 as well and never a family of its own.
    let next = world.renew(&access, &renewed[0].refresh_token).await.unwrap();
    let repeated = world.renew(&access, &renewed[63].refresh_token).await.unwrap();
    let newest = world.renew(&access, &next.refresh_token).await.unwrap();
    // `repeated` is of the generation of `next`, so it is the previous one of `newest` now.
    assert_eq!(kind(&world.renew(&access, &repeated.refresh_token).await), "renewed");
    assert_eq!(kind(&world.renew(&access, &renewed[1].refresh_token).await), "reused");
    assert_eq!(kind(&world.renew(&access, &newest.refresh_token).await), "revoked");
}

#[tokio::test]
async fn point_04_a_generation_older_than_the_grace_revokes_the_session() {
    let world = World::new().await;
    let access = client(&world, RefreshStrategy::RefreshBoth).await;
    let first = world.issue(&access, "{}");
    let second = world.renew(&access, &first.refresh_token).await.unwrap();
    assert_eq!(world.status(&access, &second.access_token).await, "active");
    world.seconds_pass(31);
    assert_eq!(kind(&world.renew(&access, &first.refresh_token).await), "reused");
    for token in [&first.access_token, &second.access_token] {
        assert_eq!(world.status(&access, token).await, "revoked");
    }
    assert_eq!(kind(&world.renew(&access, &second.refresh_token).await), "revoked");
    let other = world.issue(&access, "{}");
    assert_eq!(world.status(&access, &other.access_token).await, "active", "other sessions live on");
}

#[tokio::test]
async fn a_lost_answer_costs_nothing_within_the_grace() {
    let world = World::new().await;
    let access = client(&world, RefreshStrategy::RefreshBoth).await;
    let first = world.issue(&access, "{}");
    let _lost = world.renew(&access, &first.refresh_token).await.unwrap();
    world.seconds_pass(30);
    let again = world.renew(&access, &first.refresh_token).await.unwrap();
    world.seconds_pass(100);
    let third = world.renew(&access, &again.refresh_token).await.unwrap();
    assert_eq!(world.status(&access, &third.access_token).await, "active");
}

#[tokio::test]
async fn the_previous_generation_is_refused_once_its_successor_has_been_used_without_rotation() {
    let world = World::new().await;
    let access = client(&world, RefreshStrategy::NoRefresh).await;
    let first = world.issue(&access, "{}");
    let second = renew_as(&world, &access, &first, Some(RefreshStrategy::RefreshBoth)).await;
    let kept = world.renew(&access, &second.refresh_token).await.unwrap();
    assert_eq!(kept.refresh_token, second.refresh_token);
    assert_eq!(kind(&world.renew(&access, &first.refresh_token).await), "reused");
}

#[tokio::test]
async fn shortened_lifetimes_stay_short_through_renewals() {
    let world = World::new().await;
    let access = client(&world, RefreshStrategy::RefreshBoth).await;
    let first = world
        .issuer
        .issue(
            &access,
            IssueToken {
                claims: ClaimsSet::new(),
                access_valid_time: Some(Ttl::from_seconds(60)),
                refresh_valid_time: Some(Ttl::from_seconds(600)),
            },
        )
        .unwrap();
    let second = world.renew(&access, &first.refresh_token).await.unwrap();
    let now = world.issuer.env().now().seconds();
    for tokens in [&first, &second] {
        assert_eq!((tokens.expires_at, tokens.refresh_expires_at), (now + 60, now + 600));
    }
}

#[tokio::test]
async fn no_token_outlives_its_key_set_and_none_is_made_after_it() {
    let world = World::new().await;
    let options = KeyOptions { expiry: Some(Ttl::from_seconds(600)), ..KeyOptions::default() };
    let access = world.client("shop", options).await;
    let tokens = world.issue(&access, "{}");
    let end = world.issuer.env().now().seconds() + 600;
    assert_eq!((tokens.expires_at, tokens.refresh_expires_at), (end, end));
    world.seconds_pass(600);
    let refused = world.issuer.issue(&access, support::issue("{}"));
    assert!(matches!(refused, Err(jwtis_issuer::IssueError::KeysExpired)));
    assert_eq!(world.status(&access, &tokens.access_token).await, "expired");
}

#[tokio::test]
async fn asked_lifetimes_outlast_every_change_of_the_policy() {
    let world = World::new().await;
    let access = client(&world, RefreshStrategy::RefreshBoth).await;
    let asked = |seconds| IssueToken {
        claims: ClaimsSet::new(),
        access_valid_time: Some(Ttl::from_seconds(seconds)),
        refresh_valid_time: None,
    };
    let mut shorter = world.issuer.issue(&access, asked(600)).unwrap();
    let mut equal = world.issuer.issue(&access, asked(HOUR)).unwrap();
    for (auth_ttl, lives) in [(300, (300, 300)), (9 * HOUR, (600, HOUR))] {
        let options = KeyOptions { auth_ttl: Some(Ttl::from_seconds(auth_ttl)), ..KeyOptions::default() };
        world.issuer.renew_keys(&world.access("shop").await, options).await.unwrap();
        let access = world.access("shop").await;
        shorter = world.renew(&access, &shorter.refresh_token).await.unwrap();
        equal = world.renew(&access, &equal.refresh_token).await.unwrap();
        assert_eq!((shorter.expires_in, equal.expires_in), lives);
    }
}

#[tokio::test]
async fn nothing_is_renewed_with_an_expired_active_set() {
    let world = World::new().await;
    let access = client(&world, RefreshStrategy::RefreshBoth).await;
    let tokens = world.issue(&access, "{}");
    let options = KeyOptions { expiry: Some(Ttl::from_seconds(60)), ..KeyOptions::default() };
    world.issuer.renew_keys(&access, options).await.unwrap();
    world.seconds_pass(60);
    let access = world.access("shop").await;
    assert_eq!(kind(&world.renew(&access, &tokens.refresh_token).await), "keys_expired");
}

#[tokio::test]
async fn a_refresh_token_matches_while_it_could_be_renewed_beside_its_own_access_token() {
    let world = World::new().await;
    let access = client(&world, RefreshStrategy::RefreshBoth).await;
    let first = world.issue(&access, "{}");
    let second = world.renew(&access, &first.refresh_token).await.unwrap();
    let other = world.issue(&access, "{}");
    let matches =
        async |refresh: &str| match world.issuer.verify(&access, &second.access_token, Some(refresh)).await {
            Ok(jwtis_issuer::Verification::Active { matches, .. }) => matches,
            other => panic!("{other:?}"),
        };
    assert_eq!(matches(&second.refresh_token).await, Some(true));
    assert_eq!(matches(&first.refresh_token).await, Some(true), "within the grace");
    assert_eq!(matches(&other.refresh_token).await, Some(false), "of another session");
    assert_eq!(matches("garbage").await, Some(false));
    world.seconds_pass(31);
    assert_eq!(matches(&first.refresh_token).await, Some(false), "spent");
    assert_eq!(matches(&second.refresh_token).await, Some(true));
}

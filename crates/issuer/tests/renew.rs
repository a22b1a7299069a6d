//! Renewals: refresh strategies, generations, reuse, lifetimes, and many renewals at once.

use std::sync::Arc;

use jwtis_base::Ttl;
use jwtis_issuer::{
    ClientAccess, IssueError, IssueToken, KeyOptions, RefreshStrategy, RenewToken, TokenSet, Verification,
};
use jwtis_testkit::issuer::{World, issue, kind, lives};

const HOUR: u64 = 3600;

async fn client(world: &World, strategy: RefreshStrategy) -> ClientAccess {
    world.client("shop", KeyOptions { refresh_strategy: Some(strategy), ..lives(1, 100) }).await
}

async fn shop() -> (World, ClientAccess) {
    let world = World::new().await;
    let access = client(&world, RefreshStrategy::RefreshBoth).await;
    (world, access)
}

async fn renew_as(
    world: &World,
    access: &ClientAccess,
    token: &TokenSet,
    strategy: Option<RefreshStrategy>,
) -> TokenSet {
    world.issuer.renew(access, RenewToken { refresh_token: &token.refresh_token, strategy }).await.unwrap()
}

/// The rule has a table of its own. Here: which strategies it gets, and what its answer means for the tokens.
#[tokio::test]
async fn the_stored_strategy_and_the_asked_one_decide_together() {
    use RefreshStrategy::{NoRefresh, RefreshBoth, RefreshOnExpire};
    for (stored, asked, hours, rotates) in [
        (NoRefresh, None, 99, false),
        (NoRefresh, Some(RefreshOnExpire), 71, true),
        (NoRefresh, Some(RefreshBoth), 1, true),
        (RefreshOnExpire, None, 70, false),
        (RefreshOnExpire, None, 71, true),
        (RefreshOnExpire, Some(NoRefresh), 71, true),
        (RefreshBoth, None, 0, true),
        (RefreshBoth, Some(RefreshOnExpire), 1, true),
    ] {
        let world = World::new().await;
        let access = client(&world, stored).await;
        let first = world.issue(&access, "{}");
        world.seconds_pass(hours * HOUR);
        let second = renew_as(&world, &access, &first, asked).await;
        let what = format!("{stored} stored, {asked:?} asked, after {hours} h");
        assert_eq!(second.refresh_token != first.refresh_token, rotates, "{what}");
        let now = world.issuer.env().now().seconds();
        assert_eq!((second.expires_at, second.expires_in), (now + HOUR, HOUR), "{what}");
        let refresh_expiry = if rotates { now + 100 * HOUR } else { first.refresh_expires_at };
        assert_eq!(second.refresh_expires_at, refresh_expiry, "{what}");
        assert_eq!(world.status(&access, &second.access_token).await, "active", "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_renewals_at_once_leave_one_family() {
    let (world, access) = shop().await;
    let first = Arc::new(world.issue(&access, "{}"));
    let world = Arc::new(world);
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
    // All answers are of generation 1. The first use of one makes generation 2. Every other one is too old by one then, but within the
    // grace, so it gets generation 2 as well, and never a family of its own.
    let next = world.renew(&access, &renewed[0].refresh_token).await.unwrap();
    let repeated = world.renew(&access, &renewed[63].refresh_token).await.unwrap();
    let newest = world.renew(&access, &next.refresh_token).await.unwrap();
    // `repeated` is of the generation of `next`, so it is the previous one of `newest` now.
    assert_eq!(kind(&world.renew(&access, &repeated.refresh_token).await), "renewed");
    assert_eq!(kind(&world.renew(&access, &renewed[1].refresh_token).await), "reused");
    assert_eq!(kind(&world.renew(&access, &newest.refresh_token).await), "revoked");
}

#[tokio::test]
async fn reuse_after_the_grace_revokes_the_session_and_no_other() {
    let (world, access) = shop().await;
    let first = world.issue(&access, "{}");
    world.renew(&access, &first.refresh_token).await.unwrap();
    world.seconds_pass(30);
    // A lost answer costs nothing within the grace.
    let second = world.renew(&access, &first.refresh_token).await.unwrap();
    world.seconds_pass(1);
    assert_eq!(kind(&world.renew(&access, &first.refresh_token).await), "reused");
    for token in [&first.access_token, &second.access_token] {
        assert_eq!(world.status(&access, token).await, "revoked");
    }
    assert_eq!(kind(&world.renew(&access, &second.refresh_token).await), "revoked");
    let other = world.issue(&access, "{}");
    assert_eq!(world.status(&access, &other.access_token).await, "active", "other sessions live on");
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
async fn asked_lifetimes_only_shorten_and_outlast_every_change_of_the_policy() {
    let (world, access) = shop().await;
    let asked = |access: u64, refresh: u64| IssueToken {
        access_valid_time: Some(Ttl::from_seconds(access)),
        refresh_valid_time: Some(Ttl::from_seconds(refresh)),
        ..issue("{}")
    };
    let now = world.issuer.env().now().seconds();
    let mut shorter = world.issuer.issue(&access, asked(600, 9000)).unwrap();
    let mut equal = world.issuer.issue(&access, asked(HOUR, 999 * HOUR)).unwrap();
    assert_eq!((shorter.expires_in, shorter.refresh_expires_at), (600, now + 9000));
    assert_eq!((equal.expires_in, equal.refresh_expires_at), (HOUR, now + 100 * HOUR));
    for (auth_ttl, expected) in [(HOUR, (600, HOUR)), (300, (300, 300)), (9 * HOUR, (600, HOUR))] {
        let options = KeyOptions { auth_ttl: Some(Ttl::from_seconds(auth_ttl)), ..KeyOptions::default() };
        world.issuer.renew_keys(&world.access("shop").await, options).await.unwrap();
        let access = world.access("shop").await;
        shorter = world.renew(&access, &shorter.refresh_token).await.unwrap();
        equal = world.renew(&access, &equal.refresh_token).await.unwrap();
        assert_eq!((shorter.expires_in, equal.expires_in), expected);
        assert_eq!(shorter.refresh_expires_at, now + 9000);
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
    assert!(matches!(world.issuer.issue(&access, issue("{}")), Err(IssueError::KeysExpired)));
    assert_eq!(world.status(&access, &tokens.access_token).await, "expired");

    // The refresh token of an earlier set lives on, but the active set has expired.
    let (world, access) = shop().await;
    let tokens = world.issue(&access, "{}");
    let options = KeyOptions { expiry: Some(Ttl::from_seconds(60)), ..KeyOptions::default() };
    world.issuer.renew_keys(&access, options).await.unwrap();
    world.seconds_pass(60);
    let access = world.access("shop").await;
    assert_eq!(kind(&world.renew(&access, &tokens.refresh_token).await), "keys_expired");
}

#[tokio::test]
async fn a_refresh_token_matches_while_it_could_be_renewed_beside_its_own_access_token() {
    let (world, access) = shop().await;
    let first = world.issue(&access, "{}");
    let second = world.renew(&access, &first.refresh_token).await.unwrap();
    let other = world.issue(&access, "{}");
    let matches =
        async |refresh: &str| match world.issuer.verify(&access, &second.access_token, Some(refresh)).await {
            Ok(Verification::Active { matches, .. }) => matches,
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

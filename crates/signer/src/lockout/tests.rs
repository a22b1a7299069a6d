//! Users, sources and floods. The rule itself is tested beside it.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use jwtis_base::env::testing::{ManualClock, env};

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

fn numbered(number: u32) -> IpAddr {
    IpAddr::from(number.wrapping_add(0x0a00_0000).to_be_bytes())
}

async fn begin<'a>(
    lockout: &'a Lockout,
    user: &str,
    is_configured: bool,
    source: IpAddr,
    now: Timestamp,
) -> Result<Attempt<'a>, u64> {
    let env = env(&ManualClock::at(now));
    lockout.begin(user, is_configured, source, &env).await.map_err(|pause| pause.as_secs())
}

/// A login with the right password.
async fn log_in(lockout: &Lockout, user: &str, source: IpAddr) {
    begin(lockout, user, true, source, NOW).await.unwrap().succeeded();
}

/// How many of so many wrong passwords are looked at.
async fn looked_at(lockout: &Lockout, tries: u32, user: &str, is_configured: bool, source: IpAddr) -> usize {
    let mut looked_at = 0;
    for _ in 0..tries {
        looked_at += usize::from(begin(lockout, user, is_configured, source, NOW).await.is_ok());
    }
    looked_at
}

#[tokio::test]
async fn a_user_is_paused_from_wherever_the_tries_come() {
    for is_configured in [true, false] {
        let lockout = Lockout::default();
        for source in 0..5 {
            assert_eq!(looked_at(&lockout, 1, "alice", is_configured, numbered(source)).await, 1);
        }
        let outcome = begin(&lockout, "alice", is_configured, numbered(6), NOW).await;
        assert_eq!(outcome.err(), Some(1), "configured: {is_configured}");
    }
}

#[tokio::test]
async fn a_source_is_paused_whoever_it_tries() {
    let lockout = Lockout::default();
    for user in 0..5 {
        assert_eq!(looked_at(&lockout, 1, &format!("user{user}"), user % 2 == 0, numbered(7)).await, 1);
    }
    assert!(begin(&lockout, "user9", true, numbered(7), NOW).await.is_err());
    assert!(begin(&lockout, "user9", true, numbered(8), NOW).await.is_ok());
}

#[tokio::test]
async fn a_try_knows_what_its_failure_costs() {
    let lockout = Lockout::default();
    for pause in [0, 0, 0, 0, 1] {
        let attempt = begin(&lockout, "alice", true, numbered(1), NOW).await.unwrap();
        assert_eq!(attempt.pause().as_secs(), pause);
    }
}

#[tokio::test]
async fn a_paused_try_is_not_counted() {
    let lockout = Lockout::default();
    assert_eq!(looked_at(&lockout, 100, "alice", true, numbered(1)).await, 5);
    let later = NOW.plus(Duration::from_secs(1));
    assert!(begin(&lockout, "alice", true, numbered(1), later).await.is_ok());
    assert_eq!(begin(&lockout, "alice", true, numbered(1), later).await.err(), Some(2));
}

#[tokio::test]
async fn success_forgets_the_user_s_failures_but_not_the_source_s() {
    let lockout = Lockout::default();
    assert_eq!(looked_at(&lockout, 4, "alice", true, numbered(1)).await, 4);
    log_in(&lockout, "alice", numbered(1)).await;
    assert_eq!(looked_at(&lockout, 9, "alice", true, numbered(2)).await, 5, "alice begins anew");
    assert_eq!(looked_at(&lockout, 9, "bob", true, numbered(1)).await, 1, "the source has had its four");
}

#[tokio::test]
async fn an_account_of_one_s_own_buys_no_tries_at_others() {
    let lockout = Lockout::default();
    let mut guesses = 0;
    for round in 0..50 {
        guesses += looked_at(&lockout, 1, &format!("victim{round}"), true, numbered(1)).await;
        if let Ok(own) = begin(&lockout, "mallory", true, numbered(1), NOW).await {
            own.succeeded();
        }
    }
    assert_eq!(guesses, 5);
}

#[tokio::test]
async fn a_flood_of_made_up_names_does_not_forgive_a_configured_user() {
    let lockout = Lockout::default();
    assert_eq!(looked_at(&lockout, 9, "alice", true, numbered(0)).await, 5);
    for number in 1..25_000 {
        drop(begin(&lockout, &format!("nobody{number}"), false, numbered(number), NOW).await);
    }
    assert!(begin(&lockout, "alice", true, numbered(30_000), NOW).await.is_err());
}

#[tokio::test]
async fn a_try_waits_for_the_one_before_and_knows_then() {
    for it_succeeds in [true, false] {
        let lockout = Lockout::default();
        assert_eq!(looked_at(&lockout, 4, "alice", true, numbered(1)).await, 4);
        let attempt = begin(&lockout, "alice", true, numbered(1), NOW).await.unwrap();
        let mut next = pin!(begin(&lockout, "alice", true, numbered(1), NOW));
        let is_pending = poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx).is_pending())).await;
        assert!(is_pending);
        if it_succeeds {
            attempt.succeeded();
        } else {
            drop(attempt);
        }
        assert_eq!(next.await.err(), (!it_succeeds).then_some(1));
    }
}

#[tokio::test]
async fn a_clock_that_steps_back_keeps_nobody_out_for_longer_than_the_pause() {
    let lockout = Lockout::default();
    assert_eq!(looked_at(&lockout, 9, "alice", true, numbered(1)).await, 5);
    let back = Timestamp::from_seconds(5);
    assert_eq!(begin(&lockout, "alice", true, numbered(1), back).await.err(), Some(1));
    assert!(begin(&lockout, "alice", true, numbered(1), back.plus(Duration::from_secs(1))).await.is_ok());
}

#[tokio::test]
async fn a_stranger_s_failures_do_not_lock_out_a_user_where_they_have_logged_in_before() {
    let lockout = Lockout::default();
    let (home, stranger, elsewhere) = (numbered(1), numbered(2), numbered(3));
    log_in(&lockout, "alice", home).await;
    assert_eq!(looked_at(&lockout, 9, "alice", true, stranger).await, 5);
    for _ in 0..20 {
        log_in(&lockout, "alice", home).await;
    }
    let outcome = begin(&lockout, "alice", true, elsewhere, NOW).await;
    assert_eq!(outcome.err(), Some(1), "their logins give the stranger no new tries");
    assert_eq!(begin(&lockout, "bob", true, stranger, NOW).await.err(), Some(1));

    assert_eq!(
        looked_at(&lockout, 9, "alice", true, home).await,
        5,
        "their own failures there are counted as ever"
    );
    assert_eq!(begin(&lockout, "alice", true, home, NOW).await.err(), Some(1));
    log_in(&lockout, "bob", elsewhere).await;
    let outcome = begin(&lockout, "alice", true, elsewhere, NOW).await;
    assert!(outcome.is_err(), "where bob has logged in is nothing to alice");
}

#[tokio::test]
async fn a_stranger_behind_the_same_proxy_locks_out_nobody_who_has_logged_in() {
    let lockout = Lockout::default();
    let proxy = numbered(1);
    log_in(&lockout, "alice", proxy).await;
    assert_eq!(looked_at(&lockout, 9, "nobody", false, proxy).await, 5);
    assert_eq!(begin(&lockout, "bob", true, proxy, NOW).await.err(), Some(1));
    log_in(&lockout, "alice", proxy).await;
    assert_eq!(looked_at(&lockout, 9, "alice", true, proxy).await, 5, "guesses at her are as many as ever");
}

#[tokio::test]
async fn the_sources_of_a_user_are_bounded() {
    let lockout = Lockout::default();
    let stranger = numbered(99);
    for source in 0..=u32::try_from(MAX_SOURCES_OF_USER).unwrap() {
        log_in(&lockout, "alice", numbered(source)).await;
    }
    assert_eq!(looked_at(&lockout, 9, "alice", true, stranger).await, 5);
    assert_eq!(begin(&lockout, "alice", true, numbered(0), NOW).await.err(), Some(1), "forgotten");
    log_in(&lockout, "alice", numbered(1)).await;
}

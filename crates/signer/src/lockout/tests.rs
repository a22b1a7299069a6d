//! Users, sources and floods. The rule itself is tested beside it.

use jwtis_base::env::testing::{ManualClock, env};

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn numbered(number: u32) -> IpAddr {
    IpAddr::from(number.wrapping_add(0x0a00_0000).to_be_bytes())
}

fn begin<'a>(
    lockout: &'a Lockout,
    user: &str,
    is_configured: bool,
    source: IpAddr,
    now: Timestamp,
) -> Result<Attempt<'a>, Turn> {
    lockout.try_begin(hash_of(user), is_configured, Source::of(source), now)
}

fn paused(seconds: u64) -> Option<Turn> {
    Some(Turn::Paused(Duration::from_secs(seconds)))
}

/// How many of so many wrong passwords are looked at.
fn looked_at(lockout: &Lockout, tries: u32, user: &str, is_configured: bool, source: IpAddr) -> usize {
    (0..tries).filter(|_| begin(lockout, user, is_configured, source, NOW).is_ok()).count()
}

#[test]
fn a_user_is_paused_from_wherever_the_tries_come() {
    for is_configured in [true, false] {
        let lockout = Lockout::default();
        for source in 0..5 {
            assert_eq!(looked_at(&lockout, 1, "alice", is_configured, numbered(source)), 1);
        }
        let outcome = begin(&lockout, "alice", is_configured, numbered(6), NOW);
        assert_eq!(outcome.err(), paused(1), "configured: {is_configured}");
    }
}

#[test]
fn a_source_is_paused_whoever_it_tries() {
    let lockout = Lockout::default();
    for user in 0..5 {
        assert_eq!(looked_at(&lockout, 1, &format!("user{user}"), user % 2 == 0, ip("192.0.2.1")), 1);
    }
    assert!(begin(&lockout, "user9", true, ip("192.0.2.1"), NOW).is_err());
    assert!(begin(&lockout, "user9", true, ip("192.0.2.2"), NOW).is_ok());
}

#[test]
fn a_source_is_a_64_bit_network_of_ipv6_and_one_address_of_ipv4_however_written() {
    for (one, other, same) in [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::9", true),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
        ("192.0.2.1", "::ffff:192.0.2.1", true),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
    ] {
        assert_eq!(Source::of(ip(one)) == Source::of(ip(other)), same, "{one} {other}");
    }
}

#[test]
fn a_try_knows_what_its_failure_costs() {
    let lockout = Lockout::default();
    let pauses: Vec<_> =
        (0..5).map(|_| begin(&lockout, "alice", true, numbered(1), NOW).unwrap().pause().as_secs()).collect();
    assert_eq!(pauses, [0, 0, 0, 0, 1]);
}

#[test]
fn a_paused_try_is_not_counted() {
    let lockout = Lockout::default();
    assert_eq!(looked_at(&lockout, 100, "alice", true, numbered(1)), 5);
    let later = NOW.plus(Duration::from_secs(1));
    assert!(begin(&lockout, "alice", true, numbered(1), later).is_ok());
    assert_eq!(begin(&lockout, "alice", true, numbered(1), later).err(), paused(2));
}

#[test]
fn success_forgets_the_user_s_failures_but_not_the_source_s() {
    let lockout = Lockout::default();
    assert_eq!(looked_at(&lockout, 4, "alice", true, numbered(1)), 4);
    begin(&lockout, "alice", true, numbered(1), NOW).unwrap().succeeded();
    assert_eq!(looked_at(&lockout, 9, "alice", true, numbered(2)), 5, "alice begins anew");
    assert_eq!(looked_at(&lockout, 9, "bob", true, numbered(1)), 1, "the source has had its four");
}

#[test]
fn an_account_of_one_s_own_buys_no_tries_at_others() {
    let lockout = Lockout::default();
    let mut guesses = 0;
    for round in 0..50 {
        guesses += looked_at(&lockout, 1, &format!("victim{round}"), true, numbered(1));
        if let Ok(own) = begin(&lockout, "mallory", true, numbered(1), NOW) {
            own.succeeded();
        }
    }
    assert_eq!(guesses, 5);
}

#[test]
fn a_flood_of_made_up_names_does_not_forgive_a_configured_user() {
    let lockout = Lockout::default();
    assert_eq!(looked_at(&lockout, 9, "alice", true, numbered(0)), 5);
    for number in 1..25_000 {
        drop(begin(&lockout, &format!("nobody{number}"), false, numbered(number), NOW));
    }
    assert!(begin(&lockout, "alice", true, numbered(30_000), NOW).is_err());
}

#[test]
fn tries_at_the_same_time_get_no_more_than_the_free_ones() {
    let lockout = Lockout::default();
    let barrier = std::sync::Barrier::new(16);
    let looked_at: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|number| {
                let (lockout, barrier) = (&lockout, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    (0..50).filter(|_| begin(lockout, "alice", true, numbered(number), NOW).is_ok()).count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(looked_at, 5);
}

#[test]
fn tries_under_way_are_taken_for_failures() {
    let lockout = Lockout::default();
    let mut under_way: Vec<_> =
        (0..5).map(|source| begin(&lockout, "alice", true, numbered(source), NOW).unwrap()).collect();
    assert_eq!(begin(&lockout, "alice", true, numbered(9), NOW).err(), Some(Turn::Busy));
    under_way.pop().unwrap().succeeded();
    under_way.push(begin(&lockout, "alice", true, numbered(9), NOW).unwrap());
    assert_eq!(begin(&lockout, "alice", true, numbered(10), NOW).err(), Some(Turn::Busy));
    drop(under_way);
    assert_eq!(
        begin(&lockout, "alice", true, numbered(10), NOW).err(),
        paused(1),
        "a success forgave none of them"
    );
}

async fn is_pending(mut future: std::pin::Pin<&mut impl Future>) -> bool {
    std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}

#[tokio::test]
async fn a_try_waits_for_those_under_way_and_knows_then() {
    for they_succeed in [true, false] {
        let lockout = Lockout::default();
        let env = env(&ManualClock::at(NOW));
        let mut under_way = Vec::new();
        for _ in 0..5 {
            under_way.push(lockout.begin("alice", true, numbered(1), &env).await.unwrap());
        }
        let mut next = pin!(lockout.begin("alice", true, numbered(1), &env));
        assert!(is_pending(next.as_mut()).await);
        for attempt in under_way {
            if they_succeed {
                attempt.succeeded();
            }
        }
        let outcome = next.await;
        assert_eq!(outcome.is_ok(), they_succeed);
        assert_eq!(outcome.err(), (!they_succeed).then_some(Duration::from_secs(1)));
    }
}

#[test]
fn a_stranger_s_failures_do_not_lock_out_a_user_where_he_has_logged_in_before() {
    let lockout = Lockout::default();
    let (home, stranger, elsewhere) = (numbered(1), numbered(2), numbered(3));
    begin(&lockout, "alice", true, home, NOW).unwrap().succeeded();
    assert_eq!(looked_at(&lockout, 9, "alice", true, stranger), 5);
    for _ in 0..20 {
        begin(&lockout, "alice", true, home, NOW).unwrap().succeeded();
    }
    let outcome = begin(&lockout, "alice", true, elsewhere, NOW);
    assert_eq!(outcome.err(), paused(1), "his logins give the stranger no new tries");
    assert_eq!(begin(&lockout, "bob", true, stranger, NOW).err(), paused(1));

    assert_eq!(looked_at(&lockout, 9, "alice", true, home), 5, "his own failures there are counted as ever");
    assert_eq!(begin(&lockout, "alice", true, home, NOW).err(), paused(1));
    begin(&lockout, "bob", true, elsewhere, NOW).unwrap().succeeded();
    let outcome = begin(&lockout, "alice", true, elsewhere, NOW);
    assert!(outcome.is_err(), "where bob has logged in is nothing to alice");
}

#[test]
fn a_stranger_behind_the_same_proxy_locks_out_nobody_who_has_logged_in() {
    let lockout = Lockout::default();
    let proxy = numbered(1);
    begin(&lockout, "alice", true, proxy, NOW).unwrap().succeeded();
    assert_eq!(looked_at(&lockout, 9, "nobody", false, proxy), 5);
    assert_eq!(begin(&lockout, "bob", true, proxy, NOW).err(), paused(1));
    begin(&lockout, "alice", true, proxy, NOW).unwrap().succeeded();
    assert_eq!(looked_at(&lockout, 9, "alice", true, proxy), 5, "guesses at her are as many as ever");
}

#[test]
fn the_sources_of_a_user_are_bounded() {
    let mut account = Account::default();
    for source in (0..40).chain([39, 30, 39]) {
        account.is_from(Source::of(numbered(source)));
    }
    assert_eq!(account.sources.len(), MAX_SOURCES_OF_USER);
    assert_eq!(account.sources.last().map(|known| known.0), Some(Source::of(numbered(39))));
}

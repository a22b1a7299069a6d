//! Users, sources and floods. The rule itself is tested beside it.

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn numbered(number: u32) -> IpAddr {
    IpAddr::from(number.wrapping_add(0x0a00_0000).to_be_bytes())
}

/// How many of so many tries at once are looked at.
fn looked_at(lockout: &Lockout, tries: u32, user: &str, is_configured: bool, source: IpAddr) -> usize {
    (0..tries).filter(|_| lockout.begin(user, is_configured, source, NOW).is_ok()).count()
}

#[test]
fn a_user_is_paused_from_wherever_the_tries_come() {
    for is_configured in [true, false] {
        let lockout = Lockout::default();
        for source in 0..5 {
            assert_eq!(looked_at(&lockout, 1, "alice", is_configured, numbered(source)), 1);
        }
        let paused = lockout.begin("alice", is_configured, numbered(6), NOW).unwrap_err();
        assert_eq!(paused, Duration::from_secs(1), "configured: {is_configured}");
    }
}

#[test]
fn a_source_is_paused_whoever_it_tries() {
    let lockout = Lockout::default();
    for user in 0..5 {
        assert_eq!(looked_at(&lockout, 1, &format!("user{user}"), user % 2 == 0, ip("192.0.2.1")), 1);
    }
    assert!(lockout.begin("user9", true, ip("192.0.2.1"), NOW).is_err());
    assert!(lockout.begin("user9", true, ip("192.0.2.2"), NOW).is_ok());
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
        (0..5).map(|_| lockout.begin("alice", true, numbered(1), NOW).unwrap().pause().as_secs()).collect();
    assert_eq!(pauses, [0, 0, 0, 0, 1]);
}

#[test]
fn a_paused_try_is_not_counted() {
    let lockout = Lockout::default();
    assert_eq!(looked_at(&lockout, 100, "alice", true, numbered(1)), 5);
    let later = NOW.plus(Duration::from_secs(1));
    assert!(lockout.begin("alice", true, numbered(1), later).is_ok());
    assert_eq!(lockout.begin("alice", true, numbered(1), later).unwrap_err(), Duration::from_secs(2));
}

#[test]
fn success_forgets_the_user_s_failures_but_not_the_source_s() {
    let lockout = Lockout::default();
    assert_eq!(looked_at(&lockout, 4, "alice", true, numbered(1)), 4);
    lockout.succeeded(lockout.begin("alice", true, numbered(1), NOW).unwrap());
    assert_eq!(looked_at(&lockout, 9, "alice", true, numbered(2)), 5, "alice begins anew");
    assert_eq!(looked_at(&lockout, 9, "bob", true, numbered(1)), 1, "the source has had its four");
}

#[test]
fn an_account_of_one_s_own_buys_no_tries_at_others() {
    let lockout = Lockout::default();
    let mut guesses = 0;
    for round in 0..50 {
        guesses += looked_at(&lockout, 1, &format!("victim{round}"), true, numbered(1));
        if let Ok(own) = lockout.begin("mallory", true, numbered(1), NOW) {
            lockout.succeeded(own);
        }
    }
    assert_eq!(guesses, 5);
}

#[test]
fn a_flood_of_made_up_names_does_not_forgive_a_configured_user() {
    let lockout = Lockout::default();
    assert_eq!(looked_at(&lockout, 9, "alice", true, numbered(0)), 5);
    for number in 1..25_000 {
        let _ = lockout.begin(&format!("nobody{number}"), false, numbered(number), NOW);
    }
    assert!(lockout.begin("alice", true, numbered(30_000), NOW).is_err());
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
                    (0..50).filter(|_| lockout.begin("alice", true, numbered(number), NOW).is_ok()).count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(looked_at, 5);
}

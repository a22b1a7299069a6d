//! Users, sources and floods. The rule of the pauses is tested beside it.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use jwtis_testkit::clock::{ManualClock, env};

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

async fn begin<'a>(lockout: &'a Lockout, user: &str, source: u32) -> Result<Attempt<'a>, Duration> {
    let source = IpAddr::from(source.wrapping_add(0x0a00_0000).to_be_bytes());
    lockout.begin(user, !user.starts_with("nobody"), source, &env(&ManualClock::at(NOW))).await
}

enum Tried {
    /// A wrong password from each of these sources in turn, of which so many are looked at.
    Wrong(&'static str, Vec<u32>, usize),
    /// The right password.
    Right(&'static str, u32),
    /// The next try has to wait for so many seconds.
    Paused(&'static str, u32, u64),
}
use Tried::{Paused, Right, Wrong};

#[tokio::test]
async fn who_is_paused_where() {
    let logins = |sources: u32| (0..sources).map(|source| Right("alice", source));
    for (name, steps) in [
        (
            "a_user_wherever_the_tries_come_from",
            vec![Wrong("alice", vec![0, 1, 2, 3, 4], 5), Paused("alice", 6, 1)],
        ),
        ("a_name_without_a_user", vec![Wrong("nobody", vec![0, 1, 2, 3, 4], 5), Paused("nobody", 6, 1)]),
        (
            "a_source_whoever_it_tries",
            vec![
                Wrong("alice", vec![7; 2], 2),
                Wrong("nobody", vec![7; 3], 3),
                Paused("bob", 7, 1),
                Right("bob", 8),
            ],
        ),
        ("a_paused_try_is_not_counted", vec![Wrong("alice", vec![1; 100], 5), Paused("alice", 1, 1)]),
        (
            "success_forgets_the_user_s_failures_and_not_the_source_s",
            vec![
                Wrong("alice", vec![1; 4], 4),
                Right("alice", 1),
                Wrong("alice", vec![2; 9], 5),
                Wrong("bob", vec![1; 9], 1),
            ],
        ),
        (
            "an_account_of_one_s_own_buys_no_tries_at_others",
            vec![
                Wrong("bob", vec![1; 2], 2),
                Right("mallory", 1),
                Wrong("carol", vec![1; 2], 2),
                Right("mallory", 1),
                Wrong("alice", vec![1; 9], 1),
            ],
        ),
        (
            "strangers_pause_nobody_where_they_have_logged_in_and_those_logins_buy_no_tries",
            vec![
                Right("alice", 1),
                Wrong("alice", vec![2; 9], 5),
                Right("alice", 1),
                Right("alice", 1),
                Paused("alice", 3, 1),
                Paused("bob", 2, 1),
                Wrong("alice", vec![1; 9], 5),
                Paused("alice", 1, 1),
            ],
        ),
        (
            "where_one_user_has_logged_in_is_nothing_to_another",
            vec![Wrong("alice", vec![2; 9], 5), Right("bob", 3), Paused("alice", 3, 1)],
        ),
        (
            "a_stranger_behind_the_same_proxy_pauses_nobody_who_has_logged_in_and_guesses_as_ever",
            vec![
                Right("alice", 1),
                Wrong("nobody", vec![1; 9], 5),
                Paused("bob", 1, 1),
                Right("alice", 1),
                Wrong("alice", vec![1; 9], 5),
            ],
        ),
        (
            "as_many_homes_as_are_promised",
            logins(HOMES as u32).chain([Wrong("alice", vec![99; 9], 5), Right("alice", 0)]).collect(),
        ),
        (
            "homes_are_bounded",
            logins(2 * HOMES as u32 + 1)
                .chain([Wrong("alice", vec![99; 9], 5), Paused("alice", 0, 1)])
                .collect(),
        ),
    ] {
        let lockout = Lockout::default();
        for step in steps {
            match step {
                Wrong(user, sources, looked_at) => {
                    let mut count = 0;
                    for source in sources {
                        count += usize::from(begin(&lockout, user, source).await.is_ok());
                    }
                    assert_eq!(count, looked_at, "{name}: {user}");
                }
                Right(user, source) => begin(&lockout, user, source).await.expect(name).succeeded(),
                Paused(user, source, seconds) => {
                    let paused = begin(&lockout, user, source).await.err();
                    assert_eq!(paused, Some(Duration::from_secs(seconds)), "{name}: {user} {source}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_flood_of_made_up_names_does_not_forgive_a_configured_user() {
    let lockout = Lockout::default();
    for number in 0..5 {
        drop(begin(&lockout, "alice", number).await);
    }
    for number in 5..25_000 {
        drop(begin(&lockout, &format!("nobody{number}"), number).await);
    }
    assert!(begin(&lockout, "alice", 30_000).await.is_err());
}

#[tokio::test]
async fn a_try_waits_for_the_one_before_and_knows_then_and_one_that_is_given_up_has_failed() {
    for (end, wanted) in [("succeeded", None), ("failed", Some(1)), ("dropped", Some(1))] {
        let lockout = Lockout::default();
        for pause in [0; 4] {
            assert_eq!(begin(&lockout, "alice", 1).await.unwrap().failed().as_secs(), pause);
        }
        let attempt = begin(&lockout, "alice", 1).await.unwrap();
        let mut next = pin!(begin(&lockout, "alice", 1));
        assert!(poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx).is_pending())).await);
        match end {
            "succeeded" => attempt.succeeded(),
            "failed" => assert_eq!(attempt.failed().as_secs(), 1, "it knows what it costs"),
            _ => drop(attempt),
        }
        assert_eq!(next.await.err().map(|pause| pause.as_secs()), wanted, "{end}");
    }
}

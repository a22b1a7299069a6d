//! Rotation of credentials: before, at and after `old_cred_exp`, with a clock set by hand.

use std::sync::Arc;
use std::time::Duration;

use jwtis_base::Timestamp;
use jwtis_signer::login::{TokenGuard, UserConfig};
use jwtis_testkit::clock::{ManualClock, env};
use jwtis_testkit::log::Log;
use jwtis_testkit::signer::tokens::{
    NEW_PASSWORD, NEW_SECRET, PASSWORD, SECRET, cheap_hash, claims_of, credentials, hs256, login, rotating,
    signer, user, whose,
};

/// 2027-01-15 08:00:00 UTC.
const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
/// An hour later.
const END: &str = "2027-01-15 09:00:00";

fn clock() -> Arc<ManualClock> {
    ManualClock::at(START)
}

/// A moment relative to the end of the old pair.
fn around_end(millis: i64) -> Timestamp {
    Timestamp::from_millis(START.plus(Duration::from_secs(3600)).millis().checked_add_signed(millis).unwrap())
}

fn far_token(secret: &str) -> String {
    hs256(r#"{"user":"alice","exp":1900000000}"#, secret)
}

#[tokio::test]
async fn trap_6_rotation_both_pairs_live_until_old_cred_exp_and_the_old_one_and_its_tokens_die_at_that_second()
 {
    const WRONG: &str = "the token is not valid";
    for (name, at, old_lives) in [
        ("an hour before", -3_600_000, true),
        ("a millisecond before", -1, true),
        ("at", 0, false),
        ("a second after", 1000, false),
        ("a year after", 31_536_000_000, false),
    ] {
        let clock = clock();
        let signer = signer(vec![rotating("alice", END)], &clock);
        clock.set(around_end(at));
        assert_eq!(login(&signer, "alice", PASSWORD).await.is_ok(), old_lives, "{name}: old password");
        assert!(login(&signer, "alice", NEW_PASSWORD).await.is_ok(), "{name}: new password");
        for username in [Some("alice"), None] {
            let old = whose(&signer, &far_token(SECRET), username).await;
            let wanted = if old_lives { Ok("alice".to_owned()) } else { Err(WRONG.to_owned()) };
            assert_eq!(old, wanted, "{name}: token under the old secret");
            let new = whose(&signer, &far_token(NEW_SECRET), username).await;
            assert_eq!(new, Ok("alice".to_owned()), "{name}: token under the new secret");
        }
    }
}

#[tokio::test]
async fn each_password_gives_a_token_under_its_own_secret_with_its_own_life() {
    let clock = clock();
    let signer = signer(vec![rotating("alice", END)], &clock);
    let old = login(&signer, "alice", PASSWORD).await.unwrap();
    let new = login(&signer, "alice", NEW_PASSWORD).await.unwrap();
    let life = |token: &str| claims_of(token).get("exp").unwrap().as_u64().unwrap() - START.seconds();
    assert_eq!((life(&old), life(&new)), (3600, 300));
    clock.set(around_end(0));
    assert!(whose(&signer, &old, None).await.is_err(), "its secret is dead");
    assert_eq!(
        whose(&signer, &new, None).await,
        Err("the token has expired".to_owned()),
        "its secret lives, its time is over"
    );
}

#[tokio::test]
async fn while_rotating_the_error_is_that_of_the_secret_that_verifies_the_token() {
    let signer = signer(vec![rotating("alice", END), user("bob")], &clock());
    let expired = |user: &str, secret: &str| hs256(&format!(r#"{{"user":"{user}","exp":1}}"#), secret);
    for (name, token, username, wanted) in [
        ("old_secret", expired("alice", SECRET), "alice", "the token has expired"),
        ("new_secret", expired("alice", NEW_SECRET), "alice", "the token has expired"),
        (
            "neither",
            expired("alice", "another secret of at least 32 bytes"),
            "alice",
            "the token is not valid",
        ),
        ("no_rotation", expired("bob", SECRET), "bob", "the token has expired"),
    ] {
        assert_eq!(whose(&signer, &token, Some(username)).await, Err(wanted.to_owned()), "{name}");
    }
}

#[tokio::test]
async fn the_rotation_is_logged_once_when_it_is_first_seen() {
    let log = Log::default();
    let guard = log.listen("trace");
    let clock = clock();
    let signer = signer(vec![rotating("alice", END)], &clock);
    assert!(whose(&signer, &far_token(SECRET), None).await.is_ok());
    assert!(!log.text().contains("Rotated"));
    clock.set(around_end(0));
    for _ in 0..3 {
        assert!(whose(&signer, &far_token(NEW_SECRET), None).await.is_ok());
    }
    drop(guard);
    assert_eq!(log.text().matches("JWT: Rotated credentials for user alice").count(), 1, "{}", log.text());
}

#[tokio::test]
async fn a_rotation_from_a_plain_password_to_a_hash() {
    let clock = clock();
    let new = Some(credentials(&cheap_hash(NEW_PASSWORD), NEW_SECRET));
    let signer = signer(vec![UserConfig { new, ..rotating("alice", END) }], &clock);
    for (at, old_lives) in [(-1, true), (0, false)] {
        clock.set(around_end(at));
        assert_eq!(login(&signer, "alice", PASSWORD).await.is_ok(), old_lives, "{at}");
        assert!(login(&signer, "alice", NEW_PASSWORD).await.is_ok(), "{at}");
    }
}

/// What `TokenGuard::new` says at [`START`].
fn planned(config: UserConfig) -> Result<Vec<String>, Vec<String>> {
    match TokenGuard::new(vec![config], Vec::new(), &env(&clock())) {
        Ok((_, notices)) => Ok(notices),
        Err(faults) => Err(faults.iter().map(ToString::to_string).collect()),
    }
}

#[tokio::test]
async fn trap_6_rotation_each_row_of_the_table_at_the_start() {
    let scheduled = |left: &str| format!("JWT: Scheduled credential rotation for user alice in {left}");
    let applied = "JWT: Applied new credentials for user alice".to_owned();
    let passed = format!("{applied} (expiry passed)");
    for (name, old_cred_exp, notice, old, new) in [
        ("none", None, applied.clone(), false, true),
        ("empty", Some(""), applied, false, true),
        ("past", Some("2027-01-15 07:59:59"), passed.clone(), false, true),
        ("long_past", Some("1969-07-20 20:17:40"), passed.clone(), false, true),
        ("now", Some("2027-01-15 08:00:00"), passed, false, true),
        ("future", Some(END), scheduled("1h0m0s"), true, true),
        ("far_future", Some("2027-01-17 08:00:01"), scheduled("48h0m1s"), true, true),
    ] {
        let config =
            || UserConfig { old_cred_exp: old_cred_exp.map(str::to_owned), ..rotating("alice", END) };
        assert_eq!(planned(config()), Ok(vec![notice]), "{name}");
        let signer = signer(vec![config()], &clock());
        assert_eq!(login(&signer, "alice", PASSWORD).await.is_ok(), old, "{name}");
        assert_eq!(login(&signer, "alice", NEW_PASSWORD).await.is_ok(), new, "{name}");
    }
    let alone = UserConfig { new: None, ..rotating("alice", "nonsense") };
    assert_eq!(planned(alone), Ok(Vec::new()), "without new credentials the date is ignored");
}

#[test]
fn trap_6_rotation_an_equal_password_or_an_equal_secret_is_a_fault() {
    let hash = cheap_hash(PASSWORD);
    for (name, old, new, is_fault) in [
        ("password", PASSWORD, credentials(PASSWORD, NEW_SECRET), true),
        ("secret", PASSWORD, credentials(NEW_PASSWORD, SECRET), true),
        ("a_hash_of_the_old_password", PASSWORD, credentials(&hash, NEW_SECRET), true),
        ("the_password_of_the_old_hash", &hash, credentials(PASSWORD, NEW_SECRET), true),
        ("another_hash", &hash, credentials(&cheap_hash(NEW_PASSWORD), NEW_SECRET), false),
    ] {
        let config =
            UserConfig { current: credentials(old, SECRET), new: Some(new), ..rotating("alice", END) };
        let fault = "JWT: new credentials are same as old for user alice".to_owned();
        assert_eq!(planned(config).err(), is_fault.then(|| vec![fault]), "{name}");
    }
}

#[test]
fn trap_6_rotation_a_malformed_date_stops_the_start_and_is_named_beside_other_faults() {
    let bad = UserConfig { new: Some(credentials("Short 1", NEW_SECRET)), ..rotating("alice", "tomorrow") };
    for (config, count) in [(rotating("alice", "tomorrow"), 1), (bad, 2)] {
        let faults = planned(config).unwrap_err();
        let begins = "JWT: invalid old_cred_exp format for user alice: \"tomorrow\" ";
        assert!(faults.len() == count && faults[count - 1].starts_with(begins), "{faults:?}");
    }
}

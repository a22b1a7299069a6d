//! Logins: their table, their tokens, the rules for credentials, and pauses after wrong passwords.

use std::sync::Arc;
use std::time::Duration;

use jwtis_base::{Entropy, Env, NoEntropy, Timestamp};
use jwtis_jose::{HmacKey, base64url, jws};
use jwtis_signer::login::{CredentialsConfig, TokenGuard, UserConfig};
use jwtis_signer::{LoginError, Rules};
use jwtis_testkit::clock::{ManualClock, env};
use jwtis_testkit::log::Log;
use jwtis_testkit::signer::tokens::{
    NEW_PASSWORD, PASSWORD, SECRET, cheap_hash, claims_of, credentials, ip, login, rotating, rules, signer,
    signer_with, user, whose,
};

const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn clock() -> Arc<ManualClock> {
    ManualClock::at(START)
}

#[tokio::test]
async fn each_row_of_the_table_of_logins() {
    let clock = clock();
    let signer = signer(vec![user("alice"), rotating("bob", "2030-01-01 00:00:00")], &clock);
    for (name, username, password, wanted) in [
        ("no_username", None, Some(PASSWORD), Err("username and password required")),
        ("no_password", Some("alice"), None, Err("username and password required")),
        ("neither", None, None, Err("username and password required")),
        ("empty_username", Some(""), Some(PASSWORD), Err("username and password required")),
        ("empty_password", Some("alice"), Some(""), Err("username and password required")),
        ("unknown_user", Some("carol"), Some(PASSWORD), Err("Access denied")),
        ("user_in_other_letters", Some("Alice"), Some(PASSWORD), Err("Access denied")),
        ("wrong_password", Some("alice"), Some("wrong"), Err("Access denied")),
        ("longer_password", Some("alice"), Some("old Password 1 of the user "), Err("Access denied")),
        ("password_of_a_rotation_that_there_is_not", Some("alice"), Some(NEW_PASSWORD), Err("Access denied")),
        ("right", Some("alice"), Some(PASSWORD), Ok(())),
        ("old_password_while_rotating", Some("bob"), Some(PASSWORD), Ok(())),
        ("new_password_while_rotating", Some("bob"), Some(NEW_PASSWORD), Ok(())),
    ] {
        clock.advance(Duration::from_secs(24 * 3600)); // Earlier failures are forgotten.
        let outcome = signer.login(username, password, ip(1)).await;
        assert_eq!(
            outcome.map(drop).map_err(|error| error.to_string()),
            wanted.map_err(str::to_owned),
            "{name}"
        );
    }
}

#[tokio::test]
async fn nobody_logs_in_where_the_rules_have_no_users() {
    let env = env(&clock());
    for rules in [Rules::default(), rules(Vec::new(), Vec::new(), &env)] {
        let signer = signer_with(rules, None, env.clone());
        assert_eq!(login(&signer, "alice", PASSWORD).await, Err(LoginError::NoLogin));
    }
}

#[tokio::test]
async fn a_token_has_signatory_s_header_and_claims() {
    let clock = clock();
    for (jwt_exp, minutes) in [(0, 60), (1, 1), (90, 90)] {
        let config = UserConfig {
            current: CredentialsConfig { jwt_exp, ..credentials(PASSWORD, SECRET) },
            ..user("alice")
        };
        let signer = signer(vec![config], &clock);
        let token = login(&signer, "alice", PASSWORD).await.unwrap();

        let header = base64url::decode(token.split('.').next().unwrap()).unwrap();
        assert_eq!(String::from_utf8(header).unwrap(), r#"{"alg":"HS256","typ":"JWT"}"#);
        let key = HmacKey::from_bytes(SECRET.as_bytes()).unwrap();
        assert!(
            key.verify(&jws::Unverified::parse(&token).unwrap()).is_ok(),
            "the key is the secret's UTF-8"
        );
        let claims = claims_of(&token);
        let names: Vec<_> = claims.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["exp", "user", "iat", "jti"]);
        assert_eq!(claims.get("exp").unwrap().as_u64(), Some(START.seconds() + minutes * 60));
        assert_eq!(claims.get("iat").unwrap().as_u64(), Some(START.seconds()));
        assert_eq!(claims.get("user").unwrap().as_str(), Some("alice"));
        let again = login(&signer, "alice", PASSWORD).await.unwrap();
        assert_ne!(claims_of(&again).get("jti"), claims.get("jti"));
    }
}

#[tokio::test]
async fn a_paused_password_is_not_looked_at_and_the_pause_is_told_in_whole_seconds() {
    let clock = clock();
    let signer = signer(vec![user("alice")], &clock);
    for _ in 0..5 {
        assert_eq!(login(&signer, "alice", "wrong").await, Err(LoginError::Denied));
    }
    for (millis, password, retry_after) in
        [(0, "wrong", 1), (0, PASSWORD, 1), (1, PASSWORD, 1), (999, "wrong", 0), (0, PASSWORD, 2)]
    {
        clock.advance(Duration::from_millis(millis));
        let wanted = if retry_after == 0 { LoginError::Denied } else { LoginError::Paused { retry_after } };
        assert_eq!(login(&signer, "alice", password).await, Err(wanted), "{millis} {password}");
    }
    clock.advance(Duration::from_secs(2));
    assert!(login(&signer, "alice", PASSWORD).await.is_ok(), "the right one opens after the pause");
}

#[tokio::test]
async fn new_rules_forgive_no_failures() {
    let clock = clock();
    let signer = signer(vec![user("alice")], &clock);
    for _ in 0..5 {
        assert_eq!(login(&signer, "alice", "wrong").await, Err(LoginError::Denied));
    }
    signer.apply(rules(vec![user("alice")], Vec::new(), &env(&clock)), None);
    let outcome = signer.login(Some("alice"), Some(PASSWORD), ip(9)).await;
    assert_eq!(outcome, Err(LoginError::Paused { retry_after: 1 }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tries_at_once_get_no_more_than_the_free_ones() {
    let config = UserConfig { current: credentials(&cheap_hash(PASSWORD), SECRET), ..user("alice") };
    let signer = signer(vec![config], &clock());
    let tries: Vec<_> = (0..100)
        .map(|number| {
            let signer = signer.clone();
            tokio::spawn(async move { signer.login(Some("alice"), Some("wrong"), ip(number)).await })
        })
        .collect();
    let (mut denied, mut paused) = (0, 0);
    for one in tries {
        match one.await.unwrap() {
            Err(LoginError::Denied) => denied += 1,
            Err(LoginError::Paused { .. }) => paused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((denied, paused), (5, 95));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_right_logins_at_once_all_get_their_token() {
    let config = UserConfig { current: credentials(&cheap_hash(PASSWORD), SECRET), ..user("alice") };
    let signer = signer(vec![config], &clock());
    let workers: Vec<_> = (0..50)
        .map(|_| {
            let signer = signer.clone();
            tokio::spawn(async move { login(&signer, "alice", PASSWORD).await })
        })
        .collect();
    for worker in workers {
        assert!(worker.await.unwrap().is_ok());
    }
}

#[tokio::test]
async fn without_randomness_there_is_no_token() {
    struct Dry;
    impl Entropy for Dry {
        fn fill(&self, _bytes: &mut [u8]) -> Result<(), NoEntropy> {
            Err(NoEntropy)
        }
    }
    let dry = Env::new(clock(), Arc::new(Dry));
    let signer = signer_with(rules(vec![user("alice")], Vec::new(), &dry), None, dry);
    assert_eq!(login(&signer, "alice", PASSWORD).await, Err(LoginError::Internal));
}

#[tokio::test]
async fn logins_are_in_the_audit_trail_without_secrets_and_without_forged_lines() {
    let log = Log::default();
    let guard = log.listen("trace");
    let signer = signer(vec![user("alice")], &clock());
    let token = login(&signer, "alice", PASSWORD).await.unwrap();
    let forged = format!("eve\n{}\u{1b}[31m", "x".repeat(10_000));
    assert_eq!(login(&signer, &forged, "wrong-password-of-eve").await, Err(LoginError::Denied));
    assert_eq!(login(&signer, PASSWORD, "x").await, Err(LoginError::Denied), "the password as the name");
    assert_eq!(login(&signer, "alice", "wrong").await, Err(LoginError::Denied));
    assert!(whose(&signer, &token, None).await.is_ok());
    drop(guard);
    let text = log.text();
    assert!(text.contains(r#""event":"login","#) && text.contains(r#""event":"login_denied","#), "{text}");
    assert!(text.contains("jwtis::audit") && text.contains("192.0.2.1"), "{text}");
    for secret in [PASSWORD, SECRET, &token, "wrong-password-of-eve", "\u{1b}", &"x".repeat(100)] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert_eq!(text.lines().count(), 4);
    assert_eq!(text.matches("unknown user").count(), 2, "{text}");
    assert_eq!(text.matches(r#""user":"alice""#).count(), 2, "{text}");
    assert!(text.contains(r#""pause_ms":0"#), "{text}");
}

fn faults(users: Vec<UserConfig>) -> Vec<String> {
    let found = TokenGuard::new(users, Vec::new(), &env(&clock()));
    found.err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn a_fault_of_a_password_or_a_secret_names_the_user() {
    for (password, secret, reason) in [
        ("No Digit Password", SECRET, "password should contain at least one digit"),
        (PASSWORD, "Short 1 Secret of 31 bytes.....", "secret should be at least 32 characters"),
        (
            "$argon2id$nonsense",
            SECRET,
            "the Argon2id PHC string cannot be read; jwtis hash-password makes one",
        ),
        (
            "$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
            SECRET,
            "the Argon2id PHC string asks for more than 262144 KiB of memory, 16 passes or 16 lanes",
        ),
    ] {
        let found = faults(vec![UserConfig { current: credentials(password, secret), ..user("alice") }]);
        assert_eq!(found, [format!("JWT: config validation failed for user alice: {reason}")]);
    }
}

#[test]
fn all_faults_of_all_users_are_named_by_user_password_first_current_pair_first() {
    let bad = || credentials("Short 1", "Short 1");
    let config = |name: &str| UserConfig { current: bad(), new: Some(bad()), ..user(name) };
    let of = |which: &str, name: &str| {
        ["password should be at least 16 characters", "secret should be at least 32 characters"]
            .map(|reason| format!("JWT: config validation failed for {which}user {name}: {reason}"))
    };
    let wanted = [
        of("", "alice"),
        of("new credentials of ", "alice"),
        of("", "bob"),
        of("new credentials of ", "bob"),
    ];
    assert_eq!(faults(vec![config("bob"), user("carol"), config("alice")]), wanted.concat());
}

#[test]
fn a_user_who_is_listed_twice_or_has_no_name_is_a_fault() {
    assert_eq!(faults(vec![user("alice"), user("alice")]), ["JWT: user alice is listed twice"]);
    assert_eq!(faults(vec![user("")]), ["JWT: a user has an empty name"]);
}

#[test]
fn a_password_that_no_header_can_carry_is_pointed_out() {
    let config =
        UserConfig { current: credentials("Password 1 with a space at its end ", SECRET), ..user("alice") };
    let (guard, notices) = TokenGuard::new(vec![config], Vec::new(), &env(&clock())).unwrap();
    assert!(notices.len() == 1 && notices[0].contains("alice"), "{notices:?}");
    let printed = format!("{guard:?} {notices:?}");
    assert!(!printed.contains("Password 1") && !printed.contains(SECRET), "{printed}");
}

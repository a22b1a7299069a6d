//! Tokens of logins (§2.3, §2.6), and attacks on them by name.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

#[path = "support/guard.rs"]
mod guard;

use std::sync::Arc;

use guard::{Log, PASSWORD, SECRET, forge, hs256, login, rules, segment, signer, signer_with, user, whose};
use jwtis_base::Timestamp;
use jwtis_base::env::testing::{ManualClock, env};
use jwtis_signer::Signer;
use jwtis_signer::rules::Guard;
use jwtis_signer::{ClientRefusal, Presented, Rules, TokenRefusal};
use jwtis_tezos::Caller;
use jwtis_tezos::policy::{Permissions, User};

const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
/// The one answer to whatever no secret of a user has verified.
const UNVERIFIED: &str = "the token is not valid";
const EXPIRED: &str = "the token has expired";
const NOT_YET: &str = "the token is not valid yet";

fn clock() -> Arc<ManualClock> {
    ManualClock::at(START)
}

fn alice_and_bob() -> Signer {
    signer(vec![user("alice"), user("bob")], &clock())
}

#[tokio::test]
async fn everybody_passes_where_no_token_is_asked_for() {
    let signer = signer_with(Rules::default(), None, env(&clock()));
    let passed =
        signer.authenticate(Presented { token: Some("nonsense"), username: Some("x") }).await.unwrap();
    assert_eq!(passed.caller(), &Caller::Anonymous);
}

#[tokio::test]
async fn each_row_of_the_checks_of_a_token() {
    let signer = alice_and_bob();
    let token = hs256(r#"{"user":"alice","exp":1800000001}"#, SECRET);
    let nobody = hs256(r#"{"user":"carol","exp":1800000001}"#, SECRET);
    let [header, payload, signature] = <[_; 3]>::try_from(token.split('.').collect::<Vec<_>>()).unwrap();
    let bearer = format!("Bearer {token}");
    let alice = Some("alice");
    for (name, presented, username, wanted) in [
        ("1_no_token", None, alice, Err("token required")),
        ("1_empty_token", Some(""), alice, Err("token required")),
        ("2_bearer", Some(bearer.as_str()), alice, Ok("alice")),
        ("2_raw", Some(&token), alice, Ok("alice")),
        ("case_08_lower_case", Some(&format!("bearer {token}")), alice, Ok("alice")),
        ("case_08_upper_case", Some(&format!("BEARER {token}")), alice, Ok("alice")),
        ("case_08_two_spaces", Some(&format!("Bearer  {token}")), alice, Ok("alice")),
        ("case_08_the_scheme_alone", Some("bearer "), alice, Err("token required")),
        ("case_08_no_space", Some(&format!("Bearer{token}")), alice, Err(UNVERIFIED)),
        ("case_08_another_scheme", Some(&format!("Basic {token}")), alice, Err(UNVERIFIED)),
        ("case_08_the_scheme_twice", Some(&format!("Bearer {bearer}")), alice, Err(UNVERIFIED)),
        ("3_unknown_user", Some(&token), Some("carol"), Err(UNVERIFIED)),
        ("3_unknown_user_and_no_token", Some("nonsense"), Some("carol"), Err(UNVERIFIED)),
        ("3_no_header_and_unknown_user", Some(&nobody), None, Err(UNVERIFIED)),
        ("3_no_header_and_no_user", Some(&hs256("{}", SECRET)), None, Err(UNVERIFIED)),
        ("fix_3_no_header", Some(&token), None, Ok("alice")),
        ("fix_3_empty_header", Some(&token), Some(""), Ok("alice")),
        ("fix_3_no_header_and_no_token", Some("a.b"), None, Err(UNVERIFIED)),
        ("5_no_user", Some(&hs256(r#"{"exp":1800000001}"#, SECRET)), alice, Err("the token is not valid")),
        ("6_another_user", Some(&token), Some("bob"), Err("the token is not valid")),
        ("segments", Some("nonsense"), alice, Err(UNVERIFIED)),
        (
            "header_no_base64",
            Some(&format!("e!JhbGciOiJIUzI1NiJ9.{payload}.{signature}")),
            alice,
            Err(UNVERIFIED),
        ),
        (
            "header_no_json",
            Some(&format!("{}.{payload}.{signature}", segment("{alg}"))),
            alice,
            Err(UNVERIFIED),
        ),
        ("header_text", Some(&format!("{}.{payload}.{signature}", segment("hello"))), alice, Err(UNVERIFIED)),
        ("header_without_alg", Some(&forge("{}", "{}", SECRET)), alice, Err(UNVERIFIED)),
        ("payload_no_base64", Some(&format!("{header}.!.{signature}")), alice, Err(UNVERIFIED)),
        ("signature_no_base64", Some(&format!("{header}.{payload}.!")), alice, Err(UNVERIFIED)),
        ("payload_no_json", Some(&hs256("hello", SECRET)), alice, Err("the token is not valid")),
        (
            "duplicate_claim",
            Some(&hs256(r#"{"user":"alice","user":"bob","exp":1800000001}"#, SECRET)),
            alice,
            Err("the token is not valid"),
        ),
        (
            "bad_signature",
            Some(&hs256(r#"{"user":"alice","exp":1800000001}"#, "another secret of at least 32 bytes")),
            alice,
            Err(UNVERIFIED),
        ),
        ("signature_cut", Some(&format!("{header}.{payload}.")), alice, Err(UNVERIFIED)),
        ("last_second", Some(&hs256(r#"{"user":"alice","exp":1800000000.9}"#, SECRET)), alice, Err(EXPIRED)),
        ("expired", Some(&hs256(r#"{"user":"alice","exp":1800000000}"#, SECRET)), alice, Err(EXPIRED)),
        (
            "expired_and_forged",
            Some(&hs256(r#"{"user":"alice","exp":1}"#, "another secret of at least 32 bytes")),
            alice,
            Err(UNVERIFIED),
        ),
        ("expired_and_of_nobody", Some(&hs256(r#"{"user":"carol","exp":1}"#, SECRET)), None, Err(UNVERIFIED)),
        (
            "nbf_future",
            Some(&hs256(r#"{"user":"alice","exp":1800000009,"nbf":1800000001}"#, SECRET)),
            alice,
            Err(NOT_YET),
        ),
        (
            "nbf_now",
            Some(&hs256(r#"{"user":"alice","exp":1800000009,"nbf":1800000000}"#, SECRET)),
            alice,
            Ok("alice"),
        ),
        (
            "exp_text",
            Some(&hs256(r#"{"user":"alice","exp":"1900000000"}"#, SECRET)),
            alice,
            Err("the token's `exp` claim is not a time"),
        ),
        (
            "nbf_text",
            Some(&hs256(r#"{"user":"alice","exp":1900000000,"nbf":"1"}"#, SECRET)),
            alice,
            Err("the token's `nbf` claim is not a time"),
        ),
        ("alg_unknown", Some(&forge(r#"{"alg":"XX1"}"#, "{}", SECRET)), alice, Err(UNVERIFIED)),
        ("alg_in_other_letters", Some(&forge(r#"{"alg":"hs256"}"#, "{}", SECRET)), alice, Err(UNVERIFIED)),
    ] {
        let outcome = signer.authenticate(Presented { token: presented, username }).await;
        let outcome = outcome.map(|caller| caller.caller().clone()).map_err(|refusal| refusal.to_string());
        match wanted {
            Ok(user) => {
                assert_eq!(outcome, Ok(Caller::User(jwtis_tezos::policy::User::named(user))), "{name}")
            }
            Err(text) => {
                let found = outcome.unwrap_err();
                let fits = text.strip_suffix('…').map_or(found == text, |start| found.starts_with(start));
                assert!(fits, "{name}: {found}");
            }
        }
    }
}

#[tokio::test]
async fn claims_of_a_login_token_narrow_and_never_widen() {
    let signer = alice_and_bob();
    let with = |claims: &str| hs256(&format!(r#"{{"user":"alice","exp":1800000001,{claims}}}"#), SECRET);
    let plain = User::named("alice");
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    for (claims, wanted) in [
        (r#""keys":["tz1a","tz1b"]"#, Ok(User { keys: Some(texts(&["tz1a", "tz1b"])), ..plain.clone() })),
        (r#""keys":[]"#, Ok(User { keys: Some(texts(&[])), ..plain.clone() })),
        (
            r#""permissions":["block"]"#,
            Ok(User { permissions: Some(Permissions::from_names(["block"])), ..plain.clone() }),
        ),
        // Whoever holds the secret could give himself any role.
        (r#""roles":["treasurer"]"#, Ok(plain.clone())),
        (r#""keys":"tz1a""#, Err(())),
        (r#""keys":null"#, Err(())),
        (r#""roles":[1]"#, Err(())),
        (r#""permissions":{"block":true}"#, Err(())),
    ] {
        let token = with(claims);
        let outcome = signer.authenticate(Presented { token: Some(&token), username: None }).await;
        match wanted {
            Ok(user) => assert_eq!(outcome.unwrap().caller(), &Caller::User(user), "{claims}"),
            Err(()) => assert_eq!(outcome.unwrap_err(), TokenRefusal::Invalid, "{claims}"),
        }
    }
}

#[tokio::test]
async fn trap_5_the_username_header_must_equal_the_claim_and_a_raw_token_passes() {
    let signer = alice_and_bob();
    let token = login(&signer, "alice", PASSWORD).await.unwrap();
    for presented in [token.clone(), format!("Bearer {token}")] {
        assert_eq!(whose(&signer, &presented, Some("alice")).await, Ok("alice".to_owned()));
        assert_eq!(whose(&signer, &presented, Some("bob")).await, Err("the token is not valid".to_owned()));
        assert_eq!(whose(&signer, &presented, Some("carol")).await, Err(UNVERIFIED.to_owned()));
    }
}

#[tokio::test]
async fn refused_tokens_are_counted_by_source_and_logged_once_a_minute() {
    let log = Log::default();
    let logging = log.start();
    let clock = clock();
    let signer = signer(vec![user("alice")], &clock);
    let forged = hs256(r#"{"user":"alice","exp":1900000000}"#, "another secret of at least 32 bytes");
    let refuse = async |token: &str, username, source| {
        let presented = Presented { token: Some(token), username };
        let refusal = signer.authenticate(presented).await.unwrap_err();
        signer.note_refusal(&refusal, guard::ip(source));
    };
    for _ in 0..100 {
        refuse(&forged, Some("alice"), 1).await;
        refuse(&forged, Some("mallory\u{1b}"), 2).await;
    }
    clock.advance(std::time::Duration::from_secs(60));
    refuse("nonsense", None, 1).await;
    // A token that was ours is no attack.
    refuse(&hs256(r#"{"user":"alice","exp":1}"#, SECRET), None, 3).await;
    drop(logging);
    let text = log.text();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("token_refused")).collect();
    let [one, other, later] = lines[..] else { panic!("{text}") };
    assert!(
        one.contains("192.0.2.1") && one.contains("signature") && one.contains(r#""refused":1"#),
        "{one}"
    );
    assert!(other.contains("192.0.2.2") && other.contains("unknown_user"), "{other}");
    assert!(later.contains("malformed") && later.contains(r#""refused":100"#), "{later}");
    assert!(!text.contains("mallory") && !text.contains(&forged), "{text}");
}

#[tokio::test]
async fn a_token_lives_while_now_is_before_exp() {
    let clock = clock();
    let signer = signer(vec![user("alice")], &clock);
    let token = login(&signer, "alice", PASSWORD).await.unwrap();
    for (millis, wanted) in [(3_599_999, Ok("alice")), (3_600_000, Err(EXPIRED))] {
        clock.set(Timestamp::from_millis(START.millis() + millis));
        let wanted = wanted.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(whose(&signer, &token, Some("alice")).await, wanted, "{millis}");
    }
}

#[tokio::test]
async fn point_07_attack_alg_none() {
    let signer = alice_and_bob();
    let claims = segment(r#"{"user":"alice","exp":1900000000}"#);
    for alg in ["none", "None", "NONE"] {
        for signature in ["", "AAAA"] {
            let token = format!("{}.{claims}.{signature}", segment(&format!(r#"{{"alg":"{alg}"}}"#)));
            assert_eq!(whose(&signer, &token, Some("alice")).await, Err(UNVERIFIED.to_owned()), "{alg}");
        }
    }
}

#[tokio::test]
async fn point_07_attack_another_algorithm_with_the_secret_as_key() {
    let signer = alice_and_bob();
    for alg in ["HS384", "HS512", "RS256", "PS512", "ES256", "EdDSA"] {
        let header = format!(r#"{{"alg":"{alg}","typ":"JWT"}}"#);
        let token = forge(&header, r#"{"user":"alice","exp":1900000000}"#, SECRET);
        assert_eq!(whose(&signer, &token, Some("alice")).await, Err(UNVERIFIED.to_owned()), "{alg}");
    }
}

#[tokio::test]
async fn point_07_attack_missing_exp() {
    let signer = alice_and_bob();
    for (claims, said) in [
        (r#"{"user":"alice"}"#, "the token has no `exp` claim"),
        (r#"{"user":"alice","exp":null}"#, "the token's `exp` claim is not a time"),
    ] {
        let text = whose(&signer, &hs256(claims, SECRET), Some("alice")).await.unwrap_err();
        assert_eq!(text, said);
    }
}

#[tokio::test]
async fn point_07_attack_another_user_s_token_is_refused_and_logged_without_forged_lines() {
    let log = Log::default();
    let logging = log.start();
    let signer = alice_and_bob();
    // Both have one secret here, so the signature is no help.
    let forged = hs256(r#"{"user":"bob\n\u001b[31mforged","exp":1900000000}"#, SECRET);
    assert_eq!(whose(&signer, &forged, Some("alice")).await, Err("the token is not valid".to_owned()));
    drop(logging);
    let text = log.text();
    assert!(
        text.contains("JWT: Suspicious activity detected, token user does not match request user")
            && text.contains(r#""level":"WARN""#)
            && text.contains("jwtis::audit"),
        "{text}"
    );
    assert!(!text.contains('\u{1b}') && !text.contains(r"bob\n") && !text.contains(r"\u001b"), "{text}");
    assert_eq!(text.lines().count(), 1);
    assert!(!text.contains(&forged));
}

#[tokio::test]
async fn point_07_attack_a_user_that_is_no_text() {
    let signer = alice_and_bob();
    for user in ["7", "null", "true", r#"["alice"]"#, r#"{"a":"alice"}"#] {
        let token = hs256(&format!(r#"{{"user":{user},"exp":1900000000}}"#), SECRET);
        for username in [Some("alice"), None] {
            assert_eq!(
                whose(&signer, &token, username).await,
                Err("the token is not valid".to_owned()),
                "{user}"
            );
        }
    }
}

#[tokio::test]
async fn whatever_is_cut_or_changed_opens_nothing() {
    let signer = alice_and_bob();
    let token = login(&signer, "alice", PASSWORD).await.unwrap();
    for at in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        for username in [Some("alice"), None] {
            assert!(whose(&signer, &changed, username).await.is_err(), "changed at {at}");
            assert!(whose(&signer, &token[..at], username).await.is_err(), "cut at {at}");
        }
    }
    for hostile in
        ["..", "...", ".", "\u{0}.\u{0}.\u{0}", "é.é.é", &"A".repeat(100_000), &"a.".repeat(50_000)]
    {
        assert!(whose(&signer, hostile, None).await.is_err());
    }
}

#[tokio::test]
async fn a_request_that_began_before_tokens_were_asked_for_does_not_slip_through() {
    let clock = clock();
    let env = env(&clock);
    let keys = Rules { guard: Guard::Keys(Vec::new()), ..Rules::default() };
    let signer = signer_with(keys, None, env.clone());
    let began = signer.authenticate(Presented::default()).await.unwrap();
    signer.apply(rules(vec![user("alice")], Vec::new(), &env), None);
    let key = "tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q".parse().unwrap();
    assert_eq!(signer.authenticate_client(began, &key, b"\x05", None), Err(ClientRefusal::Invalid));
}

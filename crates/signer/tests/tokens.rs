//! Tokens of logins, and attacks on them by name.

use std::sync::Arc;

use jwtis_base::Timestamp;
use jwtis_signer::{Presented, Rules, Signer, TokenRefusal};
use jwtis_testkit::clock::{ManualClock, env};
use jwtis_testkit::log::Log;
use jwtis_testkit::signer::tokens::{
    PASSWORD, SECRET, forge, hs256, ip, login, segment, signer, signer_with, user, whose,
};
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
    let by = |claims: &str| hs256(claims, SECRET);
    let alice = |more: &str| by(&format!(r#"{{"user":"alice"{more}}}"#));
    let until = |exp: &str| alice(&format!(r#","exp":{exp}"#));
    let token = until("1800000001");
    let [header, payload, signature] = <[_; 3]>::try_from(token.split('.').collect::<Vec<_>>()).unwrap();
    let headed = |header: &str| format!("{}.{payload}.{signature}", segment(header));
    let bearer = format!("Bearer {token}");
    let forged = |claims: &str| hs256(claims, "another secret of at least 32 bytes");
    let (invalid, required) = (UNVERIFIED, Err("token required"));
    let mut rows = vec![
        ("1_empty_token", String::new(), Some("alice"), required),
        ("2_bearer", bearer.clone(), Some("alice"), Ok("alice")),
        ("2_raw", token.clone(), Some("alice"), Ok("alice")),
        ("case_08_lower_case", format!("bearer {token}"), Some("alice"), Ok("alice")),
        ("case_08_upper_case", format!("BEARER {token}"), Some("alice"), Ok("alice")),
        ("case_08_two_spaces", format!("Bearer  {token}"), Some("alice"), Ok("alice")),
        ("case_08_the_scheme_alone", "bearer ".to_owned(), Some("alice"), required),
        ("case_08_no_space", format!("Bearer{token}"), Some("alice"), Err(invalid)),
        ("case_08_another_scheme", format!("Basic {token}"), Some("alice"), Err(invalid)),
        ("case_08_the_scheme_twice", format!("Bearer {bearer}"), Some("alice"), Err(invalid)),
        ("3_unknown_user", token.clone(), Some("carol"), Err(invalid)),
        ("3_unknown_user_and_no_token", "nonsense".to_owned(), Some("carol"), Err(invalid)),
        ("3_no_header_and_unknown_user", by(r#"{"user":"carol","exp":1800000001}"#), None, Err(invalid)),
        ("3_no_header_and_no_user", by("{}"), None, Err(invalid)),
        ("fix_3_no_header", token.clone(), None, Ok("alice")),
        ("fix_3_empty_header", token.clone(), Some(""), Ok("alice")),
        ("fix_3_no_header_and_no_token", "a.b".to_owned(), None, Err(invalid)),
        ("5_no_user", by(r#"{"exp":1800000001}"#), Some("alice"), Err(invalid)),
        ("6_trap_5_another_user", token.clone(), Some("bob"), Err(invalid)),
        ("segments", "nonsense".to_owned(), Some("alice"), Err(invalid)),
        (
            "header_no_base64",
            format!("e!JhbGciOiJIUzI1NiJ9.{payload}.{signature}"),
            Some("alice"),
            Err(invalid),
        ),
        ("header_no_json", headed("{alg}"), Some("alice"), Err(invalid)),
        ("header_text", headed("hello"), Some("alice"), Err(invalid)),
        ("header_without_alg", forge("{}", "{}", SECRET), Some("alice"), Err(invalid)),
        ("payload_no_base64", format!("{header}.!.{signature}"), Some("alice"), Err(invalid)),
        ("signature_no_base64", format!("{header}.{payload}.!"), Some("alice"), Err(invalid)),
        ("payload_no_json", by("hello"), Some("alice"), Err(invalid)),
        ("duplicate_claim", alice(r#","user":"bob","exp":1800000001"#), Some("alice"), Err(invalid)),
        ("bad_signature", forged(r#"{"user":"alice","exp":1800000001}"#), Some("alice"), Err(invalid)),
        ("signature_cut", format!("{header}.{payload}."), Some("alice"), Err(invalid)),
        ("last_second", until("1800000000.9"), Some("alice"), Err(EXPIRED)),
        ("expired", until("1800000000"), Some("alice"), Err(EXPIRED)),
        ("expired_and_forged", forged(r#"{"user":"alice","exp":1}"#), Some("alice"), Err(invalid)),
        ("expired_and_of_nobody", by(r#"{"user":"carol","exp":1}"#), None, Err(invalid)),
        ("nbf_future", alice(r#","exp":1800000009,"nbf":1800000001"#), Some("alice"), Err(NOT_YET)),
        ("nbf_now", alice(r#","exp":1800000009,"nbf":1800000000"#), Some("alice"), Ok("alice")),
        ("exp_text", until(r#""1900000000""#), Some("alice"), Err("the token's `exp` claim is not a time")),
        ("exp_null", until("null"), Some("alice"), Err("the token's `exp` claim is not a time")),
        ("point_07_no_exp", alice(""), Some("alice"), Err("the token has no `exp` claim")),
        (
            "nbf_text",
            alice(r#","exp":1900000000,"nbf":"1""#),
            Some("alice"),
            Err("the token's `nbf` claim is not a time"),
        ),
    ];
    for user in ["7", "null", "true", r#"["alice"]"#, r#"{"a":"alice"}"#] {
        let token = by(&format!(r#"{{"user":{user},"exp":1900000000}}"#));
        rows.extend(
            [Some("alice"), None]
                .map(|name| ("point_07_a_user_that_is_no_text", token.clone(), name, Err(invalid))),
        );
    }
    for alg in ["none", "None", "NONE", "XX1", "hs256", "HS384", "HS512", "RS256", "PS512", "ES256", "EdDSA"]
    {
        let header = format!(r#"{{"alg":"{alg}","typ":"JWT"}}"#);
        let token = forge(&header, r#"{"user":"alice","exp":1900000000}"#, SECRET);
        let unsigned = format!("{}.", token.rsplit_once('.').unwrap().0);
        rows.extend(
            [token, unsigned].map(|token| ("point_07_another_algorithm", token, Some("alice"), Err(invalid))),
        );
    }
    for (name, token, username, wanted) in rows {
        let outcome = signer.authenticate(Presented { token: Some(&token), username }).await;
        let outcome = outcome.map(|caller| caller.caller().clone()).map_err(|refusal| refusal.to_string());
        let wanted = wanted.map(|user| Caller::User(User::named(user))).map_err(str::to_owned);
        assert_eq!(outcome, wanted, "{name}: {token}");
    }
    let none = signer.authenticate(Presented { token: None, username: Some("alice") }).await.unwrap_err();
    assert_eq!(none.to_string(), "token required");
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
async fn refused_tokens_are_counted_by_source_and_logged_once_a_minute() {
    let log = Log::default();
    let logging = log.listen("trace");
    let clock = clock();
    let signer = signer(vec![user("alice")], &clock);
    let forged = hs256(r#"{"user":"alice","exp":1900000000}"#, "another secret of at least 32 bytes");
    let refuse = async |token: &str, username, source| {
        let presented = Presented { token: Some(token), username };
        let refusal = signer.authenticate(presented).await.unwrap_err();
        signer.note_refusal(&refusal, ip(source));
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
async fn point_07_attack_another_user_s_token_is_refused_and_logged_without_forged_lines() {
    let log = Log::default();
    let logging = log.listen("trace");
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

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
use jwtis_core::env::testing::{ManualClock, env};
use jwtis_core::signer::rules::Guard;
use jwtis_core::signer::{ClientRefusal, Presented, Rules};
use jwtis_core::{Signer, Timestamp};
use jwtis_tezos::Caller;

const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
const WRONG: &str = "token signature is invalid: signature is invalid";
const EXPIRED: &str = "token has invalid claims: token is expired";
const NOT_YET: &str = "token has invalid claims: token is not valid yet";

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
        ("3_unknown_user", Some(&token), Some("carol"), Err("JWT: user not found")),
        (
            "3_unknown_user_before_the_token_is_read",
            Some("nonsense"),
            Some("carol"),
            Err("JWT: user not found"),
        ),
        ("3_no_header_and_unknown_user", Some(&nobody), None, Err("JWT: user not found")),
        ("3_no_header_and_no_user", Some(&hs256("{}", SECRET)), None, Err("JWT: user not found")),
        ("fix_3_no_header", Some(&token), None, Ok("alice")),
        ("fix_3_empty_header", Some(&token), Some(""), Ok("alice")),
        (
            "fix_3_no_header_and_no_token",
            Some("a.b"),
            None,
            Err("token is malformed: token contains an invalid number of segments"),
        ),
        ("5_no_user", Some(&hs256(r#"{"exp":1800000001}"#, SECRET)), alice, Err("JWT: invalid token")),
        ("6_another_user", Some(&token), Some("bob"), Err("JWT: invalid token")),
        (
            "segments",
            Some("nonsense"),
            alice,
            Err("token is malformed: token contains an invalid number of segments"),
        ),
        (
            "only_bearer",
            Some("Bearer "),
            alice,
            Err("token is malformed: token contains an invalid number of segments"),
        ),
        (
            "lower_case_bearer",
            Some(&bearer.replace('B', "b")),
            alice,
            Err("token is malformed: tokenstring should not contain 'bearer '"),
        ),
        (
            "header_no_base64",
            Some(&format!("e!JhbGciOiJIUzI1NiJ9.{payload}.{signature}")),
            alice,
            Err("token is malformed: could not base64 decode header: …"),
        ),
        (
            "header_no_json",
            Some(&format!("{}.{payload}.{signature}", segment("{alg}"))),
            alice,
            Err("token is malformed: could not JSON decode header: …"),
        ),
        (
            "header_text",
            Some(&format!("{}.{payload}.{signature}", segment("hello"))),
            alice,
            Err(
                "token is malformed: could not JSON decode header: invalid character 'h' looking for beginning of value",
            ),
        ),
        (
            "header_without_alg",
            Some(&forge("{}", "{}", SECRET)),
            alice,
            Err("token is unverifiable: signing method (alg) is unspecified"),
        ),
        (
            "payload_no_base64",
            Some(&format!("{header}.!.{signature}")),
            alice,
            Err("token is malformed: could not base64 decode claim: …"),
        ),
        (
            "signature_no_base64",
            Some(&format!("{header}.{payload}.!")),
            alice,
            Err("token is malformed: could not base64 decode signature: …"),
        ),
        (
            "payload_no_json",
            Some(&hs256("hello", SECRET)),
            alice,
            Err("token is malformed: could not JSON decode claim: …"),
        ),
        (
            "duplicate_claim",
            Some(&hs256(r#"{"user":"alice","user":"bob","exp":1800000001}"#, SECRET)),
            alice,
            Err("token is malformed: could not JSON decode claim: …"),
        ),
        (
            "bad_signature",
            Some(&hs256(r#"{"user":"alice","exp":1800000001}"#, "another secret of at least 32 bytes")),
            alice,
            Err(WRONG),
        ),
        ("signature_cut", Some(&format!("{header}.{payload}.")), alice, Err(WRONG)),
        ("last_second", Some(&hs256(r#"{"user":"alice","exp":1800000000.9}"#, SECRET)), alice, Err(EXPIRED)),
        ("expired", Some(&hs256(r#"{"user":"alice","exp":1800000000}"#, SECRET)), alice, Err(EXPIRED)),
        (
            "expired_and_forged",
            Some(&hs256(r#"{"user":"alice","exp":1}"#, "another secret of at least 32 bytes")),
            alice,
            Err(WRONG),
        ),
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
            Err("token has invalid claims: …"),
        ),
        (
            "nbf_text",
            Some(&hs256(r#"{"user":"alice","exp":1900000000,"nbf":"1"}"#, SECRET)),
            alice,
            Err("token has invalid claims: …"),
        ),
        (
            "alg_unknown",
            Some(&forge(r#"{"alg":"XX1"}"#, "{}", SECRET)),
            alice,
            Err("token is unverifiable: signing method (alg) is unavailable"),
        ),
        (
            "alg_in_other_letters",
            Some(&forge(r#"{"alg":"hs256"}"#, "{}", SECRET)),
            alice,
            Err("token is unverifiable: signing method (alg) is unavailable"),
        ),
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
async fn trap_5_the_username_header_must_equal_the_claim_and_a_raw_token_passes() {
    let signer = alice_and_bob();
    let token = login(&signer, "alice", PASSWORD).await.unwrap();
    for presented in [token.clone(), format!("Bearer {token}")] {
        assert_eq!(whose(&signer, &presented, Some("alice")).await, Ok("alice".to_owned()));
        assert_eq!(whose(&signer, &presented, Some("bob")).await, Err("JWT: invalid token".to_owned()));
        assert_eq!(whose(&signer, &presented, Some("carol")).await, Err("JWT: user not found".to_owned()));
    }
}

#[tokio::test]
async fn bearer_without_a_space_names_the_beginning_of_a_value() {
    let signer = alice_and_bob();
    let token = login(&signer, "alice", PASSWORD).await.unwrap();
    for username in [Some("alice"), None] {
        let text = whose(&signer, &format!("Bearer{token}"), username).await.unwrap_err();
        assert_eq!(
            text,
            r"token is malformed: could not JSON decode header: invalid character '\x05' looking for beginning of value"
        );
    }
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
    let text = "token signature is invalid: token is unverifiable: 'none' signature type is not allowed";
    for alg in ["none", "None", "NONE"] {
        for signature in ["", "AAAA"] {
            let token = format!("{}.{claims}.{signature}", segment(&format!(r#"{{"alg":"{alg}"}}"#)));
            let refusal = whose(&signer, &token, Some("alice")).await.unwrap_err();
            assert!(alg != "none" || refusal == text, "{refusal}");
        }
    }
}

#[tokio::test]
async fn point_07_attack_another_algorithm_with_the_secret_as_key() {
    let signer = alice_and_bob();
    for (alg, wanted) in [
        ("HS384", "token signature is invalid: signing method HS384 is invalid"),
        ("HS512", "token signature is invalid: signing method HS512 is invalid"),
        ("RS256", "token signature is invalid: key is of invalid type: RSA verify expects *rsa.PublicKey"),
        (
            "PS512",
            "token signature is invalid: key is of invalid type: RSA-PSS verify expects *rsa.PublicKey",
        ),
        (
            "ES256",
            "token signature is invalid: key is of invalid type: ECDSA verify expects *ecdsa.PublicKey",
        ),
        (
            "EdDSA",
            "token signature is invalid: key is of invalid type: Ed25519 verify expects ed25519.PublicKey",
        ),
    ] {
        let header = format!(r#"{{"alg":"{alg}","typ":"JWT"}}"#);
        let token = forge(&header, r#"{"user":"alice","exp":1900000000}"#, SECRET);
        assert_eq!(whose(&signer, &token, Some("alice")).await, Err(wanted.to_owned()), "{alg}");
    }
}

#[tokio::test]
async fn point_07_attack_missing_exp() {
    let signer = alice_and_bob();
    for claims in [r#"{"user":"alice"}"#, r#"{"user":"alice","exp":null}"#] {
        let text = whose(&signer, &hs256(claims, SECRET), Some("alice")).await.unwrap_err();
        assert!(text.starts_with("token has invalid claims: "), "{text}");
    }
}

#[tokio::test]
async fn point_07_attack_another_user_s_token_is_refused_and_logged_without_forged_lines() {
    let log = Log::default();
    let logging = log.start();
    let signer = alice_and_bob();
    // Both have one secret here, so the signature is no help.
    let forged = hs256(r#"{"user":"bob\n\u001b[31mforged","exp":1900000000}"#, SECRET);
    assert_eq!(whose(&signer, &forged, Some("alice")).await, Err("JWT: invalid token".to_owned()));
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
                Err("JWT: invalid token".to_owned()),
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

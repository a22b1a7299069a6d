//! RFC 7515: the worked examples of appendix A, the negative one of appendix E, and what a compact serialisation may be.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::{b64u, public, refused, text, unb64u, vectors, verifying_key};
use jwtis_jose::{HeaderError, HmacKey, ParseError, Unverified, VerifyError};
use serde_json::{Value, json};

fn example(section: &str) -> Value {
    vectors("rfc7515")[section].clone()
}

/// Verifies the token of one section with its key and gives the payload.
fn verified(section: &str, alg: &str) -> Vec<u8> {
    let example = example(section);
    let token = Unverified::parse(text(&example["token"])).unwrap();
    assert_eq!(token.header().alg(), alg);
    verifying_key(&example["key"], alg).verify(&token).unwrap().payload().to_vec()
}

#[test]
fn rfc7515_a1_hs256() {
    let example = example("A.1");
    let key = HmacKey::from_bytes(&unb64u(text(&example["key"]["k"]))).unwrap();
    let token = Unverified::parse(text(&example["token"])).unwrap();
    assert_eq!(
        token.header().typ(),
        Some("JWT"),
        "a header with line breaks and blanks is still one JSON object"
    );
    assert_eq!(key.verify(&token).unwrap().payload(), text(&example["payload"]).as_bytes());
}

#[test]
fn rfc7515_a2_rs256_a3_es256_a4_es512() {
    for (section, alg) in [("A.2", "RS256"), ("A.3", "ES256")] {
        assert_eq!(verified(section, alg), text(&example(section)["payload"]).as_bytes());
    }
    assert_eq!(verified("A.4", "ES512"), b"Payload");
}

#[test]
fn rfc7515_a5_unsecured_is_refused() {
    let token = example("A.5");
    refused!(Unverified::parse(text(&token["token"])), ParseError::Unsecured);
}

#[test]
fn rfc7515_a6_and_a7_json_serialisations_are_refused() {
    for section in ["A.6", "A.7"] {
        refused!(
            Unverified::parse(text(&example(section)["json"])),
            ParseError::PartCount { expected: 3, .. }
        );
    }
}

#[test]
fn rfc7515_e_unknown_critical_header_is_refused() {
    let token = example("E");
    refused!(Unverified::parse(text(&token["token"])), ParseError::Header(HeaderError::UnknownCrit(_)));
}

#[test]
fn rfc7515_e_unknown_critical_header_is_refused_under_a_good_signature() {
    let header =
        r#"{"alg":"ES256","crit":["http://example.com/UNDEFINED"],"http://example.com/UNDEFINED":true}"#;
    let token = common::forge_es256(header, b"FAIL");
    refused!(Unverified::parse(&token), ParseError::Header(HeaderError::UnknownCrit(_)));
}

#[test]
fn rfc7515_a_examples_do_not_verify_with_each_others_keys() {
    let es256 = example("A.3");
    let es512 = example("A.4");
    let token = Unverified::parse(text(&es256["token"])).unwrap();
    refused!(verifying_key(&es512["key"], "ES512").verify(&token), VerifyError::Algorithm(..));

    let other = vectors("keys")["P-256"]["jwk"].clone();
    refused!(verifying_key(&other, "ES256").verify(&token), VerifyError::Signature);
}

#[test]
fn rfc7515_a_examples_do_not_verify_with_another_payload() {
    for (section, alg) in [("A.2", "RS256"), ("A.3", "ES256"), ("A.4", "ES512")] {
        let example = example(section);
        let token = common::edit_part(text(&example["token"]), 1, |_| b64u(br#"{"iss":"eve"}"#));
        let token = Unverified::parse(&token).unwrap();
        assert_eq!(token.danger_unverified_payload(), br#"{"iss":"eve"}"#);
        refused!(verifying_key(&example["key"], alg).verify(&token), VerifyError::Signature);
    }
}

#[test]
fn rfc7515_4_1_1_alg_is_required_and_a_string() {
    for header in ["{}", r#"{"typ":"JWT"}"#] {
        let token = common::forge_es256(header, b"{}");
        refused!(Unverified::parse(&token), ParseError::Header(HeaderError::MissingAlg));
    }
    for header in [r#"{"alg":null}"#, r#"{"alg":256}"#, r#"{"alg":["ES256"]}"#] {
        let token = common::forge_es256(header, b"{}");
        refused!(Unverified::parse(&token), ParseError::Header(HeaderError::WrongType("alg", _)));
    }
}

#[test]
fn rfc7515_4_1_9_typ_may_leave_out_the_application_prefix() {
    use jwtis_jose::is_type;
    for same in ["JWT", "jwt", "application/jwt", "APPLICATION/JWT"] {
        assert!(is_type(Some(same), "JWT"), "{same}");
    }
    for other in ["", "at+jwt", "text/jwt", "application/application/jwt", "JWT ", "application/"] {
        assert!(!is_type(Some(other), "JWT"), "{other}");
    }
    assert!(is_type(Some("jwt"), "application/jwt"));
    assert!(!is_type(None, "JWT") && !is_type(Some("a/jwt"), "application/a/jwt"));
}

#[test]
fn rfc7515_5_2_header_must_be_one_utf8_json_object() {
    for header in [
        &b"[]"[..],
        b"\"ES256\"",
        b"",
        b"null",
        b"{\"alg\":\"ES256\"",
        b"{\"alg\":\"ES256\"}{}",
        b"{\"alg\":\"\xff\"}",
    ] {
        let token = common::sign_es256(&format!("{}.{}", b64u(header), b64u(b"{}")));
        assert!(Unverified::parse(&token).is_err(), "{}", String::from_utf8_lossy(header));
    }
}

#[test]
fn rfc7515_4_1_members_that_we_do_not_know_are_ignored() {
    let header = r#"{"alg":"ES256","example.com/tenant":{"a":[1,2]},"typ":"JWT"}"#;
    let token = common::forge_es256(header, b"payload");
    let key = verifying_key(&vectors("keys")["P-256"]["jwk"], "ES256");
    assert_eq!(key.verify(&Unverified::parse(&token).unwrap()).unwrap().payload(), b"payload");
}

#[test]
fn rfc7515_3_payload_may_be_any_bytes() {
    let key = verifying_key(&vectors("keys")["P-256"]["jwk"], "ES256");
    for payload in [&b"\x00\xff\xfe"[..], b"."] {
        let token = common::forge_es256(r#"{"alg":"ES256"}"#, payload);
        assert_eq!(key.verify(&Unverified::parse(&token).unwrap()).unwrap().payload(), payload);
    }
}

#[test]
fn rfc7515_c_base64url_without_padding() {
    // Appendix C's octets 3 236 255 224 193 encode as A-z_4ME: both letters that differ from plain base64 occur.
    let token = common::forge_es256(r#"{"alg":"ES256"}"#, &[3, 236, 255, 224, 193]);
    assert_eq!(token.split('.').nth(1), Some("A-z_4ME"));
    assert_eq!(Unverified::parse(&token).unwrap().danger_unverified_payload(), [3, 236, 255, 224, 193]);
}

#[test]
fn rfc7515_4_1_4_kid_of_the_header_is_the_callers_to_select_by() {
    let jwk = vectors("keys")["P-256"]["jwk"].clone();
    let key = verifying_key(&public(&common::with(&jwk, json!({"kid": "ours"}))), "ES256");
    let token = common::forge_es256(r#"{"alg":"ES256","kid":"theirs"}"#, b"{}");
    let token = Unverified::parse(&token).unwrap();
    assert_eq!(token.header().kid(), Some("theirs"));
    assert!(key.verify(&token).is_ok(), "a key does not look at kid");
}

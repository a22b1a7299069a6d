//! RFC 7519: the worked examples, the claims of §4.1 and their types, and validation at a given time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::{ANY_ENC, refused, text, unb64u, vectors, with};
use jwtis_jose::{
    ClaimsError, ClaimsSet, ContentEncryption, DecryptError, DecryptionKey, HmacKey, KeyManagementAlgorithm,
    ParseError, ProtectedHeader, SignatureAlgorithm, Undecrypted, Unverified, Validation, ValidationError,
    jwt,
};
use serde_json::{Value, json};

const NOW: u64 = 1_800_000_000;

fn claims(value: Value) -> ClaimsSet {
    ClaimsSet::from_value(value).unwrap()
}

fn validation() -> Validation<'static> {
    Validation { now: NOW, leeway: Duration::ZERO, issuer: None, audience: None }
}

#[test]
fn rfc7519_3_1_signed_example() {
    let example = &vectors("rfc7519")["3.1"];
    let key = HmacKey::from_bytes(&unb64u(text(&example["key"]["k"]))).unwrap();
    let verified = key.verify(&Unverified::parse(text(&example["token"])).unwrap()).unwrap();
    let claims = ClaimsSet::parse(verified.payload()).unwrap();
    assert_eq!(claims.issuer().unwrap(), Some("joe"));
    assert_eq!(claims.expiration_time().unwrap(), Some(1_300_819_380));
    assert_eq!(claims.get("http://example.com/is_root"), Some(&Value::Bool(true)));
    refused!(validation().check(&claims), ValidationError::Expired { .. });
    assert!(Validation { now: 1_300_819_379, ..validation() }.check(&claims).is_ok());
}

#[test]
fn rfc7519_6_1_unsecured_example_is_refused() {
    refused!(Unverified::parse(text(&vectors("rfc7519")["6.1"]["token"])), ParseError::Unsecured);
}

#[test]
fn rfc7519_a1_encrypted_example_is_refused() {
    refuse_rsa1_5_with_cbc("A.1");
}

#[test]
fn rfc7519_a2_nested_example_is_refused() {
    refuse_rsa1_5_with_cbc("A.2");
}

/// RSA1_5 is not the algorithm of a key unless someone opted in; A128CBC-HS256 is not there at all.
fn refuse_rsa1_5_with_cbc(section: &str) {
    let example = vectors("rfc7519")[section].clone();
    let key = |alg: &str| {
        DecryptionKey::from_jwk(with(&example["key"], json!({"alg": alg})).to_string().as_bytes()).unwrap()
    };
    let token = Undecrypted::parse(text(&example["token"])).unwrap();
    refused!(key("RSA-OAEP").decrypt(&token, ANY_ENC), DecryptError::Algorithm { .. });
    refused!(key("RSA1_5").decrypt(&token, ANY_ENC), DecryptError::ContentEncryption { .. });
}

#[test]
fn rfc7519_5_2_nested_tokens_say_so_outside() {
    let signing = common::signing_key(SignatureAlgorithm::Es256);
    let decryption = common::decryption_key(KeyManagementAlgorithm::EcdhEs, "P-256");
    let inner = ProtectedHeader { typ: Some("refresh+jwt"), cty: None };
    let enc = ContentEncryption::A256Gcm;
    let token = jwt::nest(&signing, &inner, decryption.encryption_key(), enc, br#"{"iss":"joe"}"#).unwrap();

    let outer = Undecrypted::parse(&token).unwrap();
    assert_eq!((outer.header().typ(), outer.header().cty()), (Some("JWT"), Some("JWT")));
    assert_eq!(outer.header().kid(), Some(decryption.kid()));

    let opened = jwt::open_nested(&decryption, &[enc], &token).unwrap();
    let opened = opened.as_str();
    let verified = signing.verifying_key().verify(&Unverified::parse(opened).unwrap()).unwrap();
    assert_eq!(verified.header().typ(), Some("refresh+jwt"));
    assert_eq!(verified.payload(), br#"{"iss":"joe"}"#);
}

#[test]
fn rfc7519_4_claims_are_one_object() {
    for text in [
        "",
        " ",
        "[]",
        "null",
        "1",
        "\"iss\"",
        "{} {}",
        "{",
        "{\"iss\":\"a\"}x",
        "{iss:1}",
        "\u{feff}{}",
        "{\"a\":1,}",
    ] {
        assert!(ClaimsSet::parse(text.as_bytes()).is_err(), "{text:?}");
    }
    assert!(ClaimsSet::parse(b" {} \r\n").unwrap().is_empty());
    assert!(ClaimsSet::parse(b"{\"a\":\"\xff\"}").is_err());
    assert!(ClaimsSet::from_value(json!(["iss"])).is_err());
}

#[test]
fn rfc7519_4_duplicate_claim_names_are_refused() {
    for text in [
        r#"{"sub":"a","sub":"b"}"#,
        r#"{"sub":"a","sub":"a"}"#,
        r#"{"sub":"a","s\u0075b":"b"}"#,
        r#"{"a":{"b":1,"b":2}}"#,
    ] {
        assert!(ClaimsSet::parse(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn rfc7519_4_1_string_claims_are_strings() {
    let good = claims(json!({"iss": "a", "sub": "b", "jti": "c"}));
    assert_eq!(
        (good.issuer().unwrap(), good.subject().unwrap(), good.jwt_id().unwrap()),
        (Some("a"), Some("b"), Some("c"))
    );
    let none = ClaimsSet::new();
    assert_eq!((none.issuer().unwrap(), none.subject().unwrap(), none.jwt_id().unwrap()), (None, None, None));
    for wrong in [json!(1), json!(null), json!(["a"]), json!({}), json!(true)] {
        let bad = claims(json!({"iss": wrong, "sub": wrong, "jti": wrong}));
        refused!(bad.issuer(), ClaimsError::Type { .. });
        refused!(bad.subject(), ClaimsError::Type { .. });
        refused!(bad.jwt_id(), ClaimsError::Type { .. });
    }
}

#[test]
fn rfc7519_4_1_3_audience_is_a_string_or_strings() {
    assert_eq!(claims(json!({"aud": "a"})).audience().unwrap(), ["a"]);
    assert_eq!(claims(json!({"aud": ["a", "b"]})).audience().unwrap(), ["a", "b"]);
    assert!(ClaimsSet::new().audience().unwrap().is_empty());
    for wrong in [json!(1), json!(null), json!(["a", 1]), json!({"a": "b"}), json!([["a"]])] {
        refused!(claims(json!({"aud": wrong})).audience(), ClaimsError::Type { .. });
    }
}

#[test]
fn rfc7519_2_numeric_dates_are_numbers_of_seconds() {
    let times = |value: Value| {
        let claims = claims(json!({"exp": value, "nbf": value, "iat": value}));
        [claims.expiration_time(), claims.not_before(), claims.issued_at()]
    };
    // A token is never good longer, nor earlier, than it says.
    for (value, down, up) in [
        (json!(0), 0, 0),
        (json!(NOW), NOW, NOW),
        (json!(1.9), 1, 2),
        (json!(1.1), 1, 2),
        (json!(2.0), 2, 2),
        (json!(1_300_819_380.5), 1_300_819_380, 1_300_819_381),
    ] {
        let times = times(value.clone()).map(|time| time.unwrap().unwrap());
        assert_eq!(times, [down, up, up], "{value}");
    }
    for value in [
        json!("1800000000"),
        json!(-1),
        json!(-0.5),
        json!(true),
        json!(null),
        json!([1]),
        json!({"seconds": 1}),
    ] {
        for time in times(value.clone()) {
            assert!(time.is_err(), "{value}");
        }
    }
    assert_eq!(ClaimsSet::new().expiration_time().unwrap(), None);
}

#[test]
fn rfc7519_4_1_4_expiry_is_required_and_exact() {
    let at = |exp: u64, leeway: u64| {
        Validation { leeway: Duration::from_secs(leeway), ..validation() }.check(&claims(json!({"exp": exp})))
    };
    assert!(at(NOW + 1, 0).is_ok());
    refused!(at(NOW, 0), ValidationError::Expired { .. });
    assert!(at(NOW, 1).is_ok());
    refused!(at(NOW - 60, 60), ValidationError::Expired { .. });
    assert!(at(NOW - 59, 60).is_ok());
    refused!(at(0, 60), ValidationError::Expired { .. });
    refused!(validation().check(&ClaimsSet::new()), ValidationError::MissingExpiry);
}

#[test]
fn rfc7519_4_1_5_and_6_tokens_of_the_future_are_refused() {
    let at = |name: &str, time: u64, leeway: u64| {
        let claims = claims(json!({"exp": NOW + 1000, name: time}));
        Validation { leeway: Duration::from_secs(leeway), ..validation() }.check(&claims)
    };
    for name in ["nbf", "iat"] {
        assert!(at(name, NOW, 0).is_ok(), "{name}");
        assert!(at(name, NOW + 60, 60).is_ok(), "{name}");
    }
    refused!(at("nbf", NOW + 1, 0), ValidationError::NotYetValid { .. });
    refused!(at("nbf", NOW + 61, 60), ValidationError::NotYetValid { .. });
    refused!(at("iat", NOW + 61, 60), ValidationError::IssuedInFuture { .. });
}

#[test]
fn rfc7519_4_1_times_of_the_wrong_type_are_refused_not_ignored() {
    for name in ["exp", "nbf", "iat"] {
        let claims = claims(with(&json!({"exp": NOW + 1000}), json!({name: "1800000001"})));
        refused!(validation().check(&claims), ValidationError::Claims(..));
    }
}

#[test]
fn rfc7519_4_1_1_issuer_is_compared_exactly() {
    let check = |iss: Value| {
        let claims = claims(with(&json!({"exp": NOW + 1}), json!({"iss": iss})));
        Validation { issuer: Some("https://a.example"), ..validation() }.check(&claims)
    };
    assert!(check(json!("https://a.example")).is_ok());
    // `with` takes null as absent.
    for other in [json!("https://a.example/"), json!("HTTPS://a.example"), json!(""), json!(null)] {
        refused!(check(other), ValidationError::WrongIssuer);
    }
    refused!(check(json!(["https://a.example"])), ValidationError::Claims(..));
}

#[test]
fn rfc7519_4_1_3_audience_must_hold_us() {
    let check = |claims_: Value| {
        let claims = claims(with(&json!({"exp": NOW + 1}), claims_));
        Validation { audience: Some("us"), ..validation() }.check(&claims)
    };
    assert!(check(json!({"aud": "us"})).is_ok());
    assert!(check(json!({"aud": ["them", "us"]})).is_ok());
    for other in [
        json!({"aud": "US"}),
        json!({"aud": ["them"]}),
        json!({"aud": []}),
        json!({"aud": "us them"}),
        json!({}),
    ] {
        refused!(check(other), ValidationError::WrongAudience);
    }
}

#[test]
fn claims_keep_their_order_and_every_digit() {
    let text = r#"{"z":1,"a":{"y":[1.5,"é\u0000"]},"n":9007199254740991,"m":-9007199254740991}"#;
    let set = ClaimsSet::parse(text.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(set.to_json()).unwrap(), text);
    assert_eq!(serde_json::to_string(&set).unwrap().into_bytes(), set.to_json());
}

#[test]
fn debug_output_of_claims_has_no_values() {
    let set = claims(json!({"sub": "alice@example.com", "nested": {"secret": "hunter2"}}));
    let debug = format!("{set:?}");
    assert!(debug.contains("sub") && !debug.contains("alice") && !debug.contains("hunter2"), "{debug}");
}

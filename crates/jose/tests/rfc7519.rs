//! RFC 7519: the worked examples, the claims of §4.1 and their types, and validation at a given time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::{ANY_ENC, refused, text, unb64u, vectors, with};
use jwtis_jose::{
    ClaimsError, ClaimsSet, ContentEncryption, DecryptError, DecryptionKey, HmacKey, JsonError,
    KeyManagementAlgorithm, ParseError, ProtectedHeader, SignatureAlgorithm, Undecrypted, Unverified,
    Validation, ValidationError, jwt,
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

/// RSA1_5 is not the algorithm of a key unless someone opted in; A128CBC-HS256 is not there at all.
#[test]
fn rfc7519_a1_and_a2_encrypted_examples_are_refused() {
    for section in ["A.1", "A.2"] {
        let example = vectors("rfc7519")[section].clone();
        let key = |alg: &str| {
            DecryptionKey::from_jwk(with(&example["key"], json!({"alg": alg})).to_string().as_bytes())
                .unwrap()
        };
        let token = Undecrypted::parse(text(&example["token"])).unwrap();
        refused!(key("RSA-OAEP").decrypt(&token, ANY_ENC), DecryptError::Algorithm(..));
        refused!(key("RSA1_5").decrypt(&token, ANY_ENC), DecryptError::ContentEncryption(..));
    }
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
    let verified = signing.verifying_key().verify(&Unverified::parse(&opened).unwrap()).unwrap();
    assert_eq!(verified.header().typ(), Some("refresh+jwt"));
    assert_eq!(verified.payload(), br#"{"iss":"joe"}"#);
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
fn rfc7519_7_2_claims_are_one_strict_object() {
    for text in ["[]", "\"a\"", "1", "null", "true", "[{\"sub\":\"a\"}]"] {
        refused!(ClaimsSet::parse(text.as_bytes()), ClaimsError::NotAnObject);
        refused!(ClaimsSet::from_value(serde_json::from_str(text).unwrap()), ClaimsError::NotAnObject);
    }
    // The object is level 1, so fifteen arrays fit below it.
    let nested = |arrays: usize| format!(r#"{{"a":{}1{}}}"#, "[".repeat(arrays), "]".repeat(arrays));
    let parts = [
        (nested(15), None),
        (nested(16), Some(JsonError::TooDeep(ClaimsSet::MAX_DEPTH))),
        (nested(100), Some(JsonError::TooDeep(ClaimsSet::MAX_DEPTH))),
        (r#"{"sub":"a","s\u0075b":"b"}"#.to_owned(), Some(JsonError::DuplicateName("sub".to_owned()))),
        (
            r#"{"n":9007199254740993}"#.to_owned(),
            Some(JsonError::NumberOutOfRange("9007199254740993".to_owned())),
        ),
    ];
    for (text, reason) in parts {
        let wanted = reason.map(ClaimsError::Json);
        assert_eq!(ClaimsSet::parse(text.as_bytes()).err(), wanted, "{text}");
        let inside = ClaimsSet::read(&mut serde_json::Deserializer::from_str(&text)).unwrap();
        assert_eq!(inside.err(), wanted, "{text} inside of another text");
        assert_eq!(serde_json::from_str::<ClaimsSet>(&text).is_err(), wanted.is_some(), "{text}");
        if !matches!(wanted, Some(ClaimsError::Json(JsonError::DuplicateName(_)))) {
            let value: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(ClaimsSet::from_value(value).err(), wanted, "{text} read by other code");
        }
    }
    assert!(ClaimsSet::read(&mut serde_json::Deserializer::from_str("{")).is_err(), "the text around it");
}

#[test]
fn claims_keep_their_order_and_every_digit() {
    let text = r#"{"z":1,"a":{"y":[1.5,"é\u0000"]},"n":9007199254740991,"m":-9007199254740991}"#;
    let mut set = ClaimsSet::parse(text.as_bytes()).unwrap();
    assert_eq!(set.to_json(), text.as_bytes());
    assert_eq!(serde_json::to_string(&set).unwrap(), text);
    set.insert("jti", "1");
    set.insert("z", 2);
    assert_eq!(set.remove("a").unwrap()["y"][0], 1.5);
    assert_eq!((set.len(), set.contains("a"), set.contains("n"), set.is_empty()), (4, false, true, false));
    assert_eq!(set.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["z", "n", "m", "jti"]);
    assert!(ClaimsSet::new().is_empty());
    // serde_json reads the same values: no third meaning is made on the way.
    for text in
        [r#"{"a":1.0,"b":-0.0,"c":0.1,"d":"\u00e9\ud83d\ude00","e":[],"f":{},"g":null}"#, r#"{"n":1e2}"#]
    {
        let ours = ClaimsSet::parse(text.as_bytes()).unwrap();
        let theirs: Value = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&ours.to_json()).unwrap(), theirs);
        assert_eq!(ours.into_value(), theirs);
    }
}

#[test]
fn a_claim_of_the_wrong_type_is_named_and_not_shown() {
    for (value, found) in [
        (json!("10"), "a string"),
        (json!(-1), "a negative number"),
        (json!(null), "null"),
        (json!(true), "true or false"),
        (json!([10]), "an array"),
        (json!({"a": 1}), "an object"),
        (json!(1e300), "a number"),
    ] {
        let mut claims = ClaimsSet::new();
        claims.insert("exp", value);
        let wanted =
            format!(r#"the claim "exp" must be a number of seconds from 0 to 2^53, and holds {found}"#);
        assert_eq!(claims.expiration_time().unwrap_err().to_string(), wanted);
    }
    let mut claims = ClaimsSet::new();
    claims.insert("iat", 1_u64 << 53);
    claims.insert("nbf", u64::MAX);
    assert_eq!((claims.issued_at(), claims.not_before().is_err()), (Ok(Some(1 << 53)), true));
}

#[test]
fn debug_output_of_claims_has_no_values() {
    let set = claims(json!({"sub": "alice@example.com", "nested": {"secret": "hunter2"}}));
    let debug = format!("{set:?}");
    assert!(debug.contains("sub") && !debug.contains("alice") && !debug.contains("hunter2"), "{debug}");
}

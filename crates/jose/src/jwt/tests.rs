use serde_json::{Value, json};

use super::*;
use crate::{JsonError, KeyManagementAlgorithm, SignatureAlgorithm, Unverified};

const ENC: ContentEncryption = ContentEncryption::A256Gcm;

fn keys() -> (SigningKey, DecryptionKey) {
    let signing = SigningKey::generate(SignatureAlgorithm::Es256, 256).unwrap();
    (signing, DecryptionKey::generate(KeyManagementAlgorithm::EcdhEs, 256).unwrap())
}

#[test]
fn a_nested_token_is_signed_inside_and_says_so_outside() {
    let (signing, decryption) = keys();
    let inner = ProtectedHeader { typ: Some("refresh+jwt"), cty: None };
    let token = nest(&signing, &inner, decryption.encryption_key(), ENC, b"{}").unwrap();

    let outer = Undecrypted::parse(&token).unwrap();
    assert_eq!((outer.header().typ(), outer.header().cty()), (Some("JWT"), Some("JWT")));
    let opened = open_nested(&decryption, &[ENC], &token).unwrap();
    let verified = signing.verifying_key().verify(&Unverified::parse(&opened).unwrap()).unwrap();
    assert_eq!(verified.header().typ(), Some("refresh+jwt"));
}

#[test]
fn what_is_not_marked_as_nested_is_refused() {
    let (signing, decryption) = keys();
    let signed = signing.sign(&ProtectedHeader::JWT, b"{}").unwrap();
    for cty in [None, Some("json"), Some("")] {
        let header = ProtectedHeader { typ: Some("JWT"), cty };
        let token = decryption.encryption_key().encrypt(ENC, &header, signed.as_bytes()).unwrap();
        assert_eq!(open_nested(&decryption, &[ENC], &token), Err(DecryptError::NotNested), "{cty:?}");
    }
    let binary = decryption.encryption_key().encrypt(ENC, &ProtectedHeader::NESTED_JWT, b"\xff").unwrap();
    assert_eq!(open_nested(&decryption, &[ENC], &binary), Err(DecryptError::NotNested));
    assert!(matches!(open_nested(&decryption, &[ENC], &signed), Err(DecryptError::Parse(_))));
}

#[test]
fn claims_keep_their_order_and_their_values() {
    let text = r#"{"z":1,"a":{"y":[0.1,null],"b":"ü"},"m":true}"#;
    let mut claims = ClaimsSet::parse(text.as_bytes()).unwrap();
    assert_eq!(claims.to_json(), text.as_bytes());
    claims.insert("jti", "1");
    claims.insert("z", 2);
    assert_eq!(claims.remove("a").unwrap()["b"], "ü");
    assert_eq!(claims.to_json(), br#"{"z":2,"m":true,"jti":"1"}"#);
    assert_eq!((claims.len(), claims.contains("a"), claims.is_empty()), (3, false, false));
    assert_eq!(claims.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["z", "m", "jti"]);
    assert_eq!(claims.into_value(), json!({"z": 2, "m": true, "jti": "1"}));
    assert_eq!(ClaimsSet::new().to_json(), b"{}");
}

#[test]
fn claims_sets_are_strict() {
    let refusal = |text: &str| ClaimsSet::parse(text.as_bytes()).unwrap_err();
    for text in ["[]", "1", "null", "\"{}\""] {
        assert_eq!(refusal(text), ClaimsError::NotAnObject, "{text}");
    }
    assert!(matches!(
        refusal(r#"{"sub":"a","sub":"b"}"#),
        ClaimsError::Json(JsonError::DuplicateName { .. })
    ));
    assert!(matches!(
        refusal(r#"{"n":9007199254740993}"#),
        ClaimsError::Json(JsonError::NumberOutOfRange { .. })
    ));

    // The object is level 1, so 15 arrays fit below it.
    let nested = |arrays: usize| format!(r#"{{"a":{}1{}}}"#, "[".repeat(arrays), "]".repeat(arrays));
    for (arrays, good) in [(15, true), (16, false)] {
        let text = nested(arrays);
        assert_eq!(ClaimsSet::parse(text.as_bytes()).is_ok(), good);
        assert_eq!(ClaimsSet::from_value(serde_json::from_str(&text).unwrap()).is_ok(), good);
        assert_eq!(serde_json::from_str::<ClaimsSet>(&text).is_ok(), good);
    }
    assert!(ClaimsSet::from_value(json!({"n": u64::MAX})).is_err());
    assert_eq!(ClaimsSet::from_value(Value::Null), Err(ClaimsError::NotAnObject));
    assert!(serde_json::from_str::<ClaimsSet>(r#"{"a":1,"a":1}"#).is_err());
}

#[test]
fn claims_inside_another_text_keep_the_rules_and_the_reason() {
    let read = |text: &str| ClaimsSet::read(&mut serde_json::Deserializer::from_str(text));
    assert_eq!(read(r#"{"a":[1]}"#).unwrap().unwrap().to_json(), br#"{"a":[1]}"#);
    for (text, reason) in [
        ("[]", ClaimsError::NotAnObject),
        (r#"{"a":1,"a":2}"#, JsonError::DuplicateName { name: "a".to_owned() }.into()),
        (r#"{"n":9007199254740993}"#, JsonError::NumberOutOfRange { text: "9007199254740993".into() }.into()),
        (&format!("{}{}", "[".repeat(17), "]".repeat(17)), JsonError::TooDeep { limit: 16 }.into()),
    ] {
        assert_eq!(read(text).unwrap(), Err(reason), "{text}");
    }
    assert!(read("{").is_err(), "the text around it is broken");
}

#[test]
fn typed_readers_refuse_other_types() {
    let claims = ClaimsSet::from_value(json!({
        "iss": "i", "sub": "s", "jti": "j", "aud": ["a", "b"], "exp": 10.9, "nbf": 0, "iat": 9_007_199_254_740_992_u64,
    }));
    let claims = claims.unwrap();
    assert_eq!(
        (claims.issuer(), claims.subject(), claims.jwt_id()),
        (Ok(Some("i")), Ok(Some("s")), Ok(Some("j")))
    );
    assert_eq!(claims.audience(), Ok(vec!["a", "b"]));
    assert_eq!((claims.expiration_time(), claims.not_before()), (Ok(Some(10)), Ok(Some(0))));
    assert_eq!(claims.issued_at(), Ok(Some(1 << 53)));
    let none = ClaimsSet::new();
    assert_eq!((none.issuer(), none.audience(), none.issued_at()), (Ok(None), Ok(vec![]), Ok(None)));

    for wrong in [json!("10"), json!(-1), json!(-0.5), json!(null), json!([10]), json!(true)] {
        let mut claims = ClaimsSet::new();
        claims.insert("exp", wrong.clone());
        assert!(matches!(claims.expiration_time(), Err(ClaimsError::Type { name: "exp", .. })), "{wrong}");
    }
    for (value, found) in [
        (json!("10"), "a string"),
        (json!(-1), "a negative number"),
        (json!(null), "null"),
        (json!(true), "true or false"),
        (json!([10]), "an array"),
        (json!(1e300), "a number"),
    ] {
        let mut claims = ClaimsSet::new();
        claims.insert("exp", value);
        let said = claims.expiration_time().unwrap_err().to_string();
        let wanted =
            format!(r#"the claim "exp" must be a number of seconds from 0 to 2^53, and holds {found}"#);
        assert_eq!(said, wanted);
    }
    let mut claims = ClaimsSet::new();
    for (name, wrong) in
        [("exp", json!(1e300)), ("nbf", json!(u64::MAX)), ("aud", json!([1])), ("iss", json!(null))]
    {
        claims.insert(name, wrong);
    }
    assert!(claims.expiration_time().is_err() && claims.not_before().is_err());
    assert!(claims.audience().is_err() && claims.issuer().is_err());
}

#[test]
fn debug_shows_names_only() {
    let claims = ClaimsSet::from_value(json!({"sub": "alice", "email": "a@example"})).unwrap();
    assert_eq!(format!("{claims:?}"), r#"ClaimsSet ["sub", "email"]"#);
}

//! RFC 7517: keys and key sets as other people write them, and what a public key must never hold.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::{parse_jwk, public, refused, signing_key, test_key, text, vectors, with};
use jwtis_jose::{
    DecryptionKey, EncryptionKey, Jwk, JwkSet, KeyError, KeyManagementAlgorithm, SignatureAlgorithm,
    SigningKey, VerifyingKey, jwk::KeyUse,
};
use serde_json::{Value, json};

fn parse(json: &Value) -> Result<Jwk, KeyError> {
    Jwk::parse(json.to_string().as_bytes())
}

/// The key with `key_ops`, or without where they are null.
fn with_ops(jwk: &Value, operations: &Value) -> Value {
    with(jwk, json!({"key_ops": operations}))
}

fn parse_set(json: &Value) -> Result<JwkSet, KeyError> {
    JwkSet::parse(json.to_string().as_bytes())
}

#[test]
fn rfc7517_a1_public_set() {
    let set = parse_set(&vectors("rfc7517")["A.1"]).unwrap();
    assert_eq!(set.keys.len(), 2);

    let rsa = set.find("2011-04-29").unwrap();
    assert_eq!(rsa.algorithm().map(jwtis_jose::KeyAlgorithm::name), Some("RS256"));
    assert_eq!(VerifyingKey::from_jwk(rsa).unwrap().algorithm(), SignatureAlgorithm::Rs256);

    let ec = set.find("1").unwrap();
    refused!(VerifyingKey::from_jwk(ec), KeyError::MissingAlgorithm);
    let ec = ec.clone();
    refused!(ec.clone().with_algorithm(SignatureAlgorithm::Es256), KeyError::UseContradictsAlgorithm { .. });
    let ec = ec.with_algorithm(KeyManagementAlgorithm::EcdhEs).unwrap();
    assert_eq!(EncryptionKey::from_jwk(&ec).unwrap().kid(), "1");
    refused!(VerifyingKey::from_jwk(&ec), KeyError::WrongPurpose(..));
    assert!(set.find("2").is_none());
}

#[test]
fn rfc7517_a1_set_survives_our_serialisation() {
    let set = parse_set(&vectors("rfc7517")["A.1"]).unwrap();
    let again = JwkSet::parse(&serde_json::to_vec(&set).unwrap()).unwrap();
    assert_eq!(again.keys, set.keys);
}

#[test]
fn rfc7517_a2_private_keys_are_refused_where_a_public_one_belongs() {
    for key in vectors("rfc7517")["A.2"]["keys"].as_array().unwrap() {
        refused!(parse(key), KeyError::PrivateMember(_));
        assert!(serde_json::from_value::<Jwk>(key.clone()).is_err(), "serde is the same door");
    }
    refused!(parse_set(&vectors("rfc7517")["A.2"]), KeyError::PrivateMember(_));
}

#[test]
fn rfc7517_a2_private_keys_import_with_an_algorithm() {
    let keys = vectors("rfc7517")["A.2"]["keys"].clone();
    let ec = with(&keys[0], json!({"alg": "ECDH-ES+A128KW"}));
    let ec = DecryptionKey::from_jwk(ec.to_string().as_bytes()).unwrap();
    assert_eq!((ec.kid(), ec.algorithm()), ("1", KeyManagementAlgorithm::EcdhEsA128Kw));
    let rsa = SigningKey::from_jwk(keys[1].to_string().as_bytes()).unwrap();
    assert_eq!((rsa.kid(), rsa.algorithm()), ("2011-04-29", SignatureAlgorithm::Rs256));
    assert_eq!(rsa.public_jwk().kid(), Some("2011-04-29"));
    assert_eq!(SigningKey::from_jwk(rsa.to_jwk().unwrap().as_bytes()).unwrap().kid(), "2011-04-29");
}

#[test]
fn rfc7517_a3_symmetric_keys_are_never_public_keys() {
    for key in vectors("rfc7517")["A.3"]["keys"].as_array().unwrap() {
        refused!(parse(key), KeyError::PrivateMember("k"));
    }
    refused!(parse_set(&vectors("rfc7517")["A.3"]), KeyError::PrivateMember("k"));
}

#[test]
fn rfc7517_b_certificate_chain_is_ignored() {
    let key = with(&vectors("rfc7517")["B"], json!({"alg": "RS256"}));
    let jwk = parse(&key).unwrap();
    assert_eq!(jwk.kid(), Some("1b94c"));
    assert!(VerifyingKey::from_jwk(&jwk).is_ok());
    assert!(!jwk.to_json().contains("x5c"), "what we do not check we do not publish");
}

#[test]
fn rfc7517_c1_private_rsa_key_imports() {
    let key = with(&vectors("rfc7517")["C.1"], json!({"alg": "RSA-OAEP-256"}));
    let key = DecryptionKey::from_jwk(key.to_string().as_bytes()).unwrap();
    assert_eq!(key.kid(), "juliet@capulet.lit");
}

#[test]
fn rfc7517_c4_password_encrypted_key_is_refused() {
    use jwtis_jose::jwe::{DecryptError, Undecrypted};
    let example = &vectors("rfc7517")["C.4"];
    let header = common::b64u(example["header"].to_string());
    let token = format!(
        "{header}.{}.{}.AAAA.{}",
        text(&example["encrypted_key"]),
        text(&example["iv"]),
        common::b64u([0; 16])
    );
    let token = Undecrypted::parse(&token).unwrap();
    let key = common::decryption_key(KeyManagementAlgorithm::RsaOaep, "RSA-2048");
    refused!(key.decrypt(&token, common::ANY_ENC), DecryptError::Algorithm(..));
}

#[test]
fn rfc7517_4_2_use_must_fit_what_the_key_is_taken_for() {
    let sig = with(&public(&test_key("P-256")["jwk"]), json!({"use": "sig", "alg": "ES256"}));
    assert!(VerifyingKey::from_jwk(&parse_jwk(&sig)).is_ok());
    refused!(EncryptionKey::from_jwk(&parse_jwk(&sig)), KeyError::WrongPurpose(..));

    let enc = with(&sig, json!({"use": "enc", "alg": "ECDH-ES"}));
    assert!(EncryptionKey::from_jwk(&parse_jwk(&enc)).is_ok());
    refused!(VerifyingKey::from_jwk(&parse_jwk(&enc)), KeyError::WrongPurpose(..));

    for (usage, alg) in [("enc", "ES256"), ("sig", "ECDH-ES")] {
        refused!(
            parse(&with(&sig, json!({"use": usage, "alg": alg}))),
            KeyError::UseContradictsAlgorithm { .. }
        );
    }
    for usage in ["", "SIG", "signature", "tls"] {
        refused!(parse(&with(&sig, json!({"use": usage}))), KeyError::UnknownUse);
    }
}

#[test]
fn rfc7517_4_3_key_ops_must_not_contradict_use() {
    let key = with(&public(&test_key("P-256")["jwk"]), json!({"use": "sig", "alg": "ES256"}));
    for (change, key_use) in [
        (json!({"key_ops": ["verify"]}), KeyUse::Signature),
        (json!({"use": null, "key_ops": ["verify", "somethingElse"]}), KeyUse::Signature),
        (json!({"use": null, "alg": "ECDH-ES", "key_ops": ["deriveKey", "deriveBits"]}), KeyUse::Encryption),
        (json!({"key_ops": []}), KeyUse::Signature),
    ] {
        assert_eq!(parse(&with(&key, change)).unwrap().key_use(), Some(key_use));
    }
    for ops in [json!(["encrypt"]), json!(["deriveKey"]), json!(["verify", "decrypt"])] {
        refused!(parse(&with(&key, json!({"key_ops": ops}))), KeyError::KeyOpsContradict);
    }
    let without_use = with(&key, json!({"use": null, "alg": null, "key_ops": ["sign", "encrypt"]}));
    refused!(parse(&without_use), KeyError::KeyOpsContradict);
    for ops in [json!(["verify", "verify"]), json!(["ours", "verify", "ours"])] {
        refused!(parse(&with_ops(&key, &ops)), KeyError::DuplicateKeyOp(_));
    }
    for ops in [json!("verify"), json!([1]), json!(null)] {
        let jwk = key.as_object().unwrap().clone().into_iter().chain([("key_ops".to_owned(), ops)]).collect();
        refused!(parse(&Value::Object(jwk)), KeyError::WrongType("key_ops", _));
    }
}

#[test]
fn rfc7517_4_3_key_ops_stand_in_for_use() {
    let key = with(&public(&test_key("P-256")["jwk"]), json!({"alg": "ES256", "key_ops": ["deriveKey"]}));
    refused!(parse(&key), KeyError::UseContradictsAlgorithm { .. });
}

#[test]
fn rfc7517_4_3_a_private_key_does_only_what_its_key_ops_name() {
    let key = |name: &str, alg: &str| with(&test_key(name)["jwk"], json!({"alg": alg}));
    let rsa = |alg: &str| key("RSA-2048", alg);
    let curve = |alg: &str| key("P-256", alg);
    let signs = |jwk: &str| SigningKey::from_jwk(jwk.as_bytes()).map(drop);
    let decrypts = |jwk: &str| DecryptionKey::from_jwk(jwk.as_bytes()).map(drop);
    let lacks = |needed| Err(KeyError::KeyOpMissing(needed));
    let (sign, unwrap, derive) =
        (r#""sign""#, r#""decrypt" or "unwrapKey""#, r#""deriveKey" or "deriveBits""#);

    for (operations, wanted) in [
        (json!(null), Ok(())),
        (json!(["sign"]), Ok(())),
        (json!(["verify", "sign"]), Ok(())),
        (json!(["sign", "somethingElse"]), Ok(())),
        (json!(["verify"]), lacks(sign)),
        (json!(["somethingElse"]), lacks(sign)),
        (json!([]), lacks(sign)),
        (json!(["Sign"]), lacks(sign)),
        (json!(["sign", "sign"]), Err(KeyError::DuplicateKeyOp("sign".to_owned()))),
        (json!(["sign", "decrypt"]), Err(KeyError::KeyOpsContradict)),
    ] {
        for jwk in [curve("ES256"), rsa("RS256")] {
            let jwk = with_ops(&jwk, &operations).to_string();
            assert_eq!(signs(&jwk), wanted, "{jwk}");
        }
    }
    for (jwk, operations, wanted) in [
        (rsa("RSA-OAEP-256"), json!(["decrypt"]), Ok(())),
        (rsa("RSA-OAEP-256"), json!(["wrapKey", "unwrapKey"]), Ok(())),
        (rsa("RSA-OAEP-256"), json!(["encrypt"]), lacks(unwrap)),
        (rsa("RSA-OAEP-256"), json!(["encrypt", "wrapKey"]), lacks(unwrap)),
        (rsa("RSA-OAEP-256"), json!(["deriveKey"]), lacks(unwrap)),
        (rsa("RSA-OAEP-256"), json!([]), lacks(unwrap)),
        (curve("ECDH-ES"), json!(["deriveKey"]), Ok(())),
        (curve("ECDH-ES+A256KW"), json!(["deriveBits", "deriveKey"]), Ok(())),
        (curve("ECDH-ES"), json!(["encrypt"]), lacks(derive)),
        (curve("ECDH-ES"), json!(["unwrapKey"]), lacks(derive)),
    ] {
        let jwk = with_ops(&jwk, &operations).to_string();
        assert_eq!(decrypts(&jwk), wanted, "{jwk}");
    }
    let contradiction = with(&curve("ES256"), json!({"use": "enc", "key_ops": ["sign"]})).to_string();
    assert_eq!(signs(&contradiction), Err(KeyError::KeyOpsContradict));
    let for_encryption = with(&curve("ES256"), json!({"use": "enc"})).to_string();
    assert_eq!(
        signs(&for_encryption),
        Err(KeyError::UseContradictsAlgorithm { key_use: "enc", alg: "ES256" })
    );
}

#[test]
fn rfc7517_4_members_of_the_wrong_type_are_refused() {
    let key = with(&public(&test_key("P-256")["jwk"]), json!({"use": "sig", "alg": "ES256", "kid": "a"}));
    for member in ["kty", "crv", "x", "y", "alg", "kid", "use"] {
        for wrong in [json!(1), json!(["a"]), json!({}), json!(true)] {
            refused!(parse(&with(&key, json!({member: wrong}))), KeyError::WrongType(..));
        }
    }
    for member in ["kty", "crv", "x", "y"] {
        refused!(parse(&with(&key, json!({member: null}))), KeyError::Missing(_));
    }
}

#[test]
fn rfc7517_5_unknown_kinds_in_a_set_are_skipped() {
    let known = vectors("rfc7517")["A.1"]["keys"][1].clone();
    let set = json!({"keys": [
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"},
        {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"},
        with(&known, json!({"alg": "RS1024", "kid": "y"})),
        {"kty": "future", "kid": "x"},
        known,
    ], "more": 1});
    let set = parse_set(&set).unwrap();
    assert_eq!(set.keys.iter().map(Jwk::kid).collect::<Vec<_>>(), [Some("2011-04-29")]);
}

#[test]
fn rfc7517_5_set_must_be_an_object_with_keys() {
    for set in [json!({}), json!({"keys": {}}), json!({"keys": null})] {
        refused!(parse_set(&set), KeyError::NotASet);
    }
    for set in [json!([]), json!({"keys": [1]}), json!("keys")] {
        refused!(parse_set(&set), KeyError::NotAnObject);
    }
    assert!(parse_set(&json!({"keys": []})).unwrap().keys.is_empty());
    refused!(JwkSet::parse(br#"{"keys":[],"keys":[]}"#), KeyError::Json(_));
}

#[test]
fn rfc7517_4_5_duplicate_kid_in_a_set_is_refused() {
    let keys = vectors("rfc7517")["A.1"]["keys"].clone();
    let same = with(&keys[0], json!({"kid": "2011-04-29"}));
    refused!(parse_set(&json!({"keys": [same, keys[1]]})), KeyError::DuplicateKid(_));
}

#[test]
fn rfc7517_4_1_kty_is_case_sensitive() {
    let key = with(&public(&test_key("P-256")["jwk"]), json!({"alg": "ES256"}));
    for kty in ["ec", "Ec", "EC ", "RSA", "OKP", "oct", ""] {
        assert!(parse(&with(&key, json!({"kty": kty}))).is_err(), "{kty}");
    }
}

#[test]
fn published_key_has_the_members_of_a_public_key_in_order() {
    let names = |alg| {
        let key = signing_key(alg);
        let json: Value = serde_json::to_value(key.public_jwk()).unwrap();
        assert_eq!(
            (text(&json["use"]), text(&json["alg"]), text(&json["kid"])),
            ("sig", alg.name(), key.kid())
        );
        json.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(",")
    };
    assert_eq!(names(SignatureAlgorithm::Es256), "use,kty,kid,crv,alg,x,y");
    assert_eq!(names(SignatureAlgorithm::EdDsa), "use,kty,kid,crv,alg,x");
    assert_eq!(names(SignatureAlgorithm::Ps384), "use,kty,kid,alg,n,e");
}

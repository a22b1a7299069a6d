use serde_json::json;

use super::*;
use crate::{
    DecryptionKey, EncryptionKey, KeyManagementAlgorithm, SignatureAlgorithm, SigningKey, VerifyingKey,
    jwa::JwkCurve,
};

/// The P-256 key of RFC 7515 §A.3.
const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
const D: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";

fn p256() -> Value {
    json!({"kty": "EC", "crv": "P-256", "x": X, "y": Y})
}

/// The key with these members set, or left out where the value is null.
fn with(mut jwk: Value, members: Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        if value.is_null() {
            jwk.as_object_mut().unwrap().shift_remove(name);
        } else {
            jwk[name] = value.clone();
        }
    }
    jwk
}

fn parse(jwk: Value) -> Result<Jwk, KeyError> {
    Jwk::parse(jwk.to_string().as_bytes())
}

fn refusal(members: Value) -> KeyError {
    parse(with(p256(), members)).unwrap_err()
}

#[test]
fn the_order_of_members_is_fixed() {
    let key = SigningKey::generate(SignatureAlgorithm::Es256, 256).unwrap();
    let members: Value = serde_json::from_str(&key.public_jwk().to_json()).unwrap();
    let names: Vec<&String> = members.as_object().unwrap().keys().collect();
    assert_eq!(names, ["use", "kty", "kid", "crv", "alg", "x", "y"]);
    assert_eq!(members["use"], "sig");
    assert_eq!(members["alg"], "ES256");
    assert_eq!(members["kid"], key.public_jwk().thumbprint());

    let key = DecryptionKey::generate(KeyManagementAlgorithm::RsaOaep, 2048).unwrap();
    let members: Value = serde_json::from_str(&key.public_jwk().to_json()).unwrap();
    let names: Vec<&String> = members.as_object().unwrap().keys().collect();
    assert_eq!(names, ["use", "kty", "kid", "alg", "n", "e"]);
    assert_eq!((&members["use"], &members["e"]), (&json!("enc"), &json!("AQAB")));
}

#[test]
fn private_members_are_refused_by_name() {
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        let error = refusal(json!({member: "AA"}));
        assert!(
            matches!(error, KeyError::PrivateMember { member: found } if found == member),
            "{member}: {error}"
        );
    }
    let symmetric = json!({"kty": "oct", "k": "AA"});
    assert_eq!(parse(symmetric.clone()), Err(KeyError::PrivateMember { member: "k" }));
    // Through serde too, and inside of a set.
    assert!(serde_json::from_value::<Jwk>(with(p256(), json!({"d": D}))).is_err());
    for leaked in [symmetric, with(p256(), json!({"d": D}))] {
        let set = json!({"keys": [p256(), leaked]}).to_string();
        assert!(matches!(JwkSet::parse(set.as_bytes()), Err(KeyError::PrivateMember { .. })));
    }
}

#[test]
fn points_off_the_curve_and_coordinates_of_the_wrong_length_are_refused() {
    assert_eq!(refusal(json!({"y": X})), KeyError::PointNotOnCurve { curve: "P-256" });
    let zero = base64url::encode(&[0; 32]);
    assert_eq!(refusal(json!({"x": zero, "y": zero})), KeyError::PointNotOnCurve { curve: "P-256" });
    let long = base64url::encode(&[0; 33]);
    assert_eq!(refusal(json!({"x": long})), KeyError::WrongLength { member: "x", expected: 32, found: 33 });
    assert_eq!(
        refusal(json!({"crv": "P-384"})),
        KeyError::WrongLength { member: "x", expected: 48, found: 32 }
    );
    assert!(matches!(refusal(json!({"x": format!("{X}=")})), KeyError::Base64 { member: "x", .. }));
    assert_eq!(refusal(json!({"y": null})), KeyError::Missing { member: "y" });
    assert!(matches!(refusal(json!({"x": 7})), KeyError::WrongType { member: "x", .. }));
}

#[test]
fn use_key_ops_and_alg_agree() {
    let good = [
        json!({"use": "sig", "alg": "ES256", "key_ops": ["verify"]}),
        json!({"use": "enc", "alg": "ECDH-ES", "key_ops": ["deriveKey", "deriveBits", "somethingElse"]}),
        json!({"key_ops": []}),
    ];
    for members in good {
        parse(with(p256(), members)).unwrap();
    }
    assert_eq!(
        parse(with(p256(), json!({"key_ops": ["verify"]}))).unwrap().key_use(),
        Some(KeyUse::Signature)
    );

    let contradiction = |key_use, alg| KeyError::UseContradictsAlgorithm { key_use, alg };
    assert_eq!(refusal(json!({"use": "enc", "alg": "ES256"})), contradiction("enc", "ES256"));
    assert_eq!(refusal(json!({"use": "sig", "alg": "ECDH-ES"})), contradiction("sig", "ECDH-ES"));
    assert_eq!(refusal(json!({"key_ops": ["wrapKey"], "alg": "ES256"})), contradiction("enc", "ES256"));
    assert_eq!(refusal(json!({"use": "sig", "key_ops": ["deriveKey"]})), KeyError::KeyOpsContradict);
    assert_eq!(refusal(json!({"key_ops": ["verify", "encrypt"]})), KeyError::KeyOpsContradict);
    assert_eq!(
        refusal(json!({"key_ops": ["verify", "verify"]})),
        KeyError::DuplicateKeyOp { operation: "verify".to_owned() }
    );
    assert_eq!(
        refusal(json!({"key_ops": ["ours", "verify", "ours"]})),
        KeyError::DuplicateKeyOp { operation: "ours".to_owned() }
    );
    assert_eq!(refusal(json!({"use": "tls"})), KeyError::UnknownUse);
    assert!(matches!(refusal(json!({"key_ops": "verify"})), KeyError::WrongType { member: "key_ops", .. }));
}

#[test]
fn a_key_has_one_algorithm() {
    let jwk = parse(p256()).unwrap();
    assert_eq!(VerifyingKey::from_jwk(&jwk).unwrap_err(), KeyError::MissingAlgorithm);
    assert_eq!(EncryptionKey::from_jwk(&jwk).unwrap_err(), KeyError::MissingAlgorithm);

    let jwk = jwk.with_algorithm(SignatureAlgorithm::Es256).unwrap();
    assert_eq!(VerifyingKey::from_jwk(&jwk).unwrap().kid(), jwk.thumbprint());
    assert!(matches!(
        EncryptionKey::from_jwk(&jwk).unwrap_err(),
        KeyError::WrongPurpose { alg: "ES256", .. }
    ));
    let error = jwk.with_algorithm(KeyManagementAlgorithm::EcdhEs).unwrap_err();
    assert_eq!(error, KeyError::BoundToAnother { bound: "ES256", asked: "ECDH-ES" });

    for alg in ["ES384", "EdDSA", "RS256", "RSA-OAEP"] {
        assert!(matches!(refusal(json!({"alg": alg})), KeyError::AlgorithmMismatch { .. }), "{alg}");
    }
    for alg in ["none", "HS256", "es256", "A128KW", ""] {
        assert!(matches!(refusal(json!({"alg": alg})), KeyError::UnknownAlgorithm(_)), "{alg}");
    }
    let x25519 = json!({"kty": "OKP", "crv": "X25519", "x": base64url::encode(&[9; 32])});
    assert!(parse(with(x25519.clone(), json!({"alg": "EdDSA"}))).is_err());
    assert!(parse(with(x25519, json!({"alg": "ECDH-ES"}))).is_ok());
    let ed25519 = json!({"kty": "OKP", "crv": "Ed25519", "x": base64url::encode(&[9; 32]), "alg": "ECDH-ES"});
    assert!(matches!(parse(ed25519), Err(KeyError::AlgorithmMismatch { alg: "ECDH-ES", .. })));
}

#[test]
fn weak_rsa_keys_are_refused() {
    let key = SigningKey::generate(SignatureAlgorithm::Rs256, 2048).unwrap();
    let jwk: Value = serde_json::from_str(&key.public_jwk().to_json()).unwrap();
    let n = base64url::decode(jwk["n"].as_str().unwrap()).unwrap();
    let number = |bytes: &[u8]| json!(base64url::encode(bytes));
    let refusal = |members| parse(with(jwk.clone(), members)).unwrap_err();

    assert_eq!(
        refusal(json!({"n": number(&n[128..])})),
        KeyError::RsaModulusSize { bits: 8 * 128 - n[128].leading_zeros() as usize }
    );
    let mut odd = [&[0x80][..], &[1; 1024]].concat();
    assert_eq!(refusal(json!({"n": number(&odd)})), KeyError::RsaModulusSize { bits: 8200 });
    odd.truncate(256);
    odd[255] = 2;
    assert_eq!(refusal(json!({"n": number(&odd)})), KeyError::RsaModulusEven);
    assert_eq!(refusal(json!({"n": number(&[&[0], &n[..]].concat())})), KeyError::NotMinimal { member: "n" });
    for e in [&[3][..], &[1], &[1, 0, 0], &[0xff, 0xff], &[2, 0, 0, 0, 1], &[1, 0, 0, 0, 0, 1]] {
        assert_eq!(refusal(json!({"e": number(e)})), KeyError::RsaExponent, "{e:?}");
    }
    assert!(parse(with(jwk.clone(), json!({"e": number(&[1, 0, 0, 0, 1])}))).is_ok());
    assert_eq!(refusal(json!({"e": ""})), KeyError::Missing { member: "e" });
}

#[test]
fn the_roca_fingerprint_is_recognised() {
    // A modulus that is 65537^k modulo the product of the small primes, as the faulty library makes them: 65537^128
    // itself is one, being such a power as an integer.
    let mut n = vec![1_u8];
    for _ in 0..128 {
        // n · 65537 = n · 2^16 + n, little-endian.
        let shifted: Vec<u8> = [0, 0].into_iter().chain(n.iter().copied()).collect();
        let mut carry = 0_u16;
        n = shifted
            .iter()
            .enumerate()
            .map(|(i, byte)| {
                let sum = u16::from(*byte) + u16::from(n.get(i).copied().unwrap_or(0)) + carry;
                carry = sum >> 8;
                (sum & 0xff) as u8
            })
            .collect();
        if carry > 0 {
            n.push(carry as u8);
        }
    }
    n.reverse();
    let n: Vec<u8> = n.into_iter().skip_while(|byte| *byte == 0).collect();
    assert_eq!(checks::bit_len(&n), 2049);
    assert_eq!(checks::rsa(&n, &[1, 0, 1]), Err(KeyError::Roca));
    let mut other = n;
    *other.last_mut().unwrap() ^= 2;
    assert_eq!(checks::rsa(&other, &[1, 0, 1]), Ok(()));
}

#[test]
fn points_of_small_order_are_refused() {
    // The y coordinates of RFC 8032's curve with order 1, 2, 4 and 8, with either sign.
    let y: [(&str, bool); 5] = [
        ("0000000000000000000000000000000000000000000000000000000000000000", true),
        ("0100000000000000000000000000000000000000000000000000000000000000", true),
        ("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", true),
        ("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", true),
        ("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", true),
    ];
    let hex = |text: &str| -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    };
    for (text, _) in y {
        for sign in [0, 0x80] {
            let mut point = hex(text);
            point[31] |= sign;
            let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": base64url::encode(&point)});
            assert_eq!(parse(jwk), Err(KeyError::SmallOrderPoint { curve: "Ed25519" }), "{text}");
        }
    }
    // 2^255 - 19 and above are second names of small numbers.
    for first in 0xed..=0xff {
        let mut point = [0xff; 32];
        (point[0], point[31]) = (first, 0x7f);
        assert_eq!(checks::ed25519(&point), Err(KeyError::PointNotOnCurve { curve: "Ed25519" }));
    }
    for u in [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ] {
        assert_eq!(checks::x25519(&hex(u)), Err(KeyError::SmallOrderPoint { curve: "X25519" }), "{u}");
    }
    assert_eq!(JwkCurve::named("ed25519"), None);
}

#[test]
fn sets_skip_the_unknown_and_refuse_the_ambiguous() {
    let named = |kid: &str| with(p256(), json!({"kid": kid}));
    let set = json!({"keys": [
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"},
        {"kty": "EC", "crv": "secp256k1", "x": X, "y": Y},
        with(p256(), json!({"alg": "ES256K"})),
        named("a"), named("b"), p256(), p256(),
    ], "more": 1});
    let set = JwkSet::parse(set.to_string().as_bytes()).unwrap();
    assert_eq!(set.keys.len(), 4);
    assert_eq!(set.find("b"), Some(&set.keys[1]));
    assert_eq!(set.find("c"), None);
    assert_eq!(JwkSet::parse(serde_json::to_string(&set).unwrap().as_bytes()), Ok(set));

    let twice = json!({"keys": [named("a"), named("a")]}).to_string();
    assert_eq!(JwkSet::parse(twice.as_bytes()), Err(KeyError::DuplicateKid { kid: "a".into() }));
    for no_set in ["{}", r#"{"keys":{}}"#, r#"{"keys":null}"#] {
        assert_eq!(JwkSet::parse(no_set.as_bytes()), Err(KeyError::NotASet), "{no_set}");
    }
    assert_eq!(JwkSet::parse(br#"{"keys":[1]}"#), Err(KeyError::NotAnObject));
    assert!(matches!(JwkSet::parse(br#"{"keys":[],"keys":[]}"#), Err(KeyError::Json(_))));
    assert_eq!(JwkSet::parse(br#"{"keys":[]}"#), Ok(JwkSet::default()));
}

#[test]
fn halves_of_two_keys_are_no_key() {
    let sign = with(p256(), json!({"d": D, "alg": "ES256"}));
    let key = SigningKey::from_jwk(sign.to_string().as_bytes()).unwrap();
    assert_eq!(
        *key.to_jwk().unwrap(),
        with(serde_json::from_str(&key.public_jwk().to_json()).unwrap(), json!({"d": D})).to_string()
    );

    let one = base64url::encode(&[&[0; 31][..], &[1]].concat());
    for d in [one.as_str(), &base64url::encode(&[0; 32]), &base64url::encode(&[0xff; 32])] {
        let jwk = with(p256(), json!({"d": d, "alg": "ES256"}));
        assert_eq!(SigningKey::from_jwk(jwk.to_string().as_bytes()).unwrap_err(), KeyError::HalvesDiffer);
        let jwk = with(p256(), json!({"d": d, "alg": "ECDH-ES"}));
        assert!(DecryptionKey::from_jwk(jwk.to_string().as_bytes()).is_err());
    }
    let short = with(p256(), json!({"d": "AQ", "alg": "ES256"}));
    let error = SigningKey::from_jwk(short.to_string().as_bytes()).unwrap_err();
    assert_eq!(error, KeyError::WrongLength { member: "d", expected: 32, found: 1 });
    let public = with(p256(), json!({"alg": "ES256"})).to_string();
    assert_eq!(SigningKey::from_jwk(public.as_bytes()).unwrap_err(), KeyError::Missing { member: "d" });
}

#[test]
fn a_private_key_does_only_what_its_key_ops_name() {
    let rsa = |alg: &str| {
        static KEY: std::sync::LazyLock<Value> = std::sync::LazyLock::new(|| {
            let key = DecryptionKey::generate(KeyManagementAlgorithm::RsaOaep256, 2048).unwrap();
            serde_json::from_str(&key.to_jwk().unwrap()).unwrap()
        });
        with(KEY.clone(), json!({"alg": alg, "kid": null, "use": null}))
    };
    let curve = |alg: &str| with(p256(), json!({"d": D, "alg": alg}));
    let signs = |jwk: &str| SigningKey::from_jwk(jwk.as_bytes()).map(drop);
    let decrypts = |jwk: &str| DecryptionKey::from_jwk(jwk.as_bytes()).map(drop);
    let lacks = |needed| Err(KeyError::KeyOpMissing { needed });
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
        (json!(["sign", "sign"]), Err(KeyError::DuplicateKeyOp { operation: "sign".to_owned() })),
        (json!(["sign", "decrypt"]), Err(KeyError::KeyOpsContradict)),
    ] {
        for jwk in [curve("ES256"), rsa("RS256")] {
            let jwk = with(jwk, json!({"key_ops": operations})).to_string();
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
        let jwk = with(jwk, json!({"key_ops": operations})).to_string();
        assert_eq!(decrypts(&jwk), wanted, "{jwk}");
    }
    let contradiction = with(curve("ES256"), json!({"use": "enc", "key_ops": ["sign"]})).to_string();
    assert_eq!(signs(&contradiction), Err(KeyError::KeyOpsContradict));
    let for_encryption = with(curve("ES256"), json!({"use": "enc"})).to_string();
    assert_eq!(
        signs(&for_encryption),
        Err(KeyError::UseContradictsAlgorithm { key_use: "enc", alg: "ES256" })
    );
}

#[test]
fn a_kid_of_its_own_is_kept() {
    let jwk = with(p256(), json!({"d": D, "alg": "ES256", "kid": "mine"})).to_string();
    let key = SigningKey::from_jwk(jwk.as_bytes()).unwrap();
    assert_eq!((key.kid(), key.public_jwk().kid()), ("mine", Some("mine")));
    let again = SigningKey::from_jwk(key.to_jwk().unwrap().as_bytes()).unwrap();
    assert_eq!(again.kid(), "mine");
}

#[test]
fn debug_shows_no_secret() {
    let jwk = with(p256(), json!({"d": D, "alg": "ES256", "kid": "mine"})).to_string();
    let key = SigningKey::from_jwk(jwk.as_bytes()).unwrap();
    assert_eq!(format!("{key:?}"), r#"SigningKey { alg: "ES256", kid: "mine", .. }"#);
    let key = DecryptionKey::generate(KeyManagementAlgorithm::EcdhEs, 256).unwrap();
    assert_eq!(
        format!("{key:?}"),
        format!(r#"DecryptionKey {{ alg: "ECDH-ES", kid: "{}", .. }}"#, key.kid())
    );
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_readers_panic(bytes in proptest::collection::vec(0..=255_u8, 0..200), at in 0..150_usize) {
        let _ = Jwk::parse(&bytes);
        let _ = JwkSet::parse(&bytes);
        let _ = PrivateJwk::parse(&bytes, KeyOperation::Sign);
        let _ = pkcs8::PrivateKeyInfo::parse(&bytes).map(|info| (info.rsa().is_ok(), info.x25519().is_ok()));
        let _ = pkcs8::from_pem(&String::from_utf8_lossy(&bytes));

        // A good document with a few other bytes in it.
        let key = DecryptionKey::generate_x25519(KeyManagementAlgorithm::EcdhEs).unwrap();
        let mut document = key.to_pkcs8_der().unwrap().to_vec();
        for (place, byte) in document.iter_mut().skip(at % 48).zip(bytes) {
            *place = byte;
        }
        let _ = DecryptionKey::from_pkcs8_der(KeyManagementAlgorithm::EcdhEs, &document);
        let _ = SigningKey::from_pkcs8_der(SignatureAlgorithm::EdDsa, &document);
    }
}

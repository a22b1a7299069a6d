//! Keys that protect nothing, keys that are really secrets, and halves that do not belong together.

use jwtis_jose::{
    DecryptionKey, EncryptionKey, Jwk, JwkSet, KeyError, KeyManagementAlgorithm, SignatureAlgorithm,
    SigningKey,
};
use serde_json::{Value, json};

use crate::common::{b64u, hex, public, refused, test_key, test_key_der, text, unb64u, with};

fn parse(json: &Value) -> Result<Jwk, KeyError> {
    Jwk::parse(json.to_string().as_bytes())
}

fn public_jwk(name: &str, alg: &str) -> Value {
    with(&public(&test_key(name)["jwk"]), json!({"alg": alg}))
}

fn import(name: &str, alg: &str, change: Value) -> Result<SigningKey, KeyError> {
    let jwk = with(&with(&test_key(name)["jwk"], json!({"alg": alg})), change);
    SigningKey::from_jwk(jwk.to_string().as_bytes())
}

#[test]
fn private_members_in_a_public_key() {
    for (name, alg) in
        [("P-256", "ES256"), ("Ed25519", "EdDSA"), ("X25519", "ECDH-ES"), ("RSA-2048", "RS256")]
    {
        let private = with(&test_key(name)["jwk"], json!({"alg": alg}));
        refused!(parse(&private), KeyError::PrivateMember(_));
        assert!(serde_json::from_value::<Jwk>(private.clone()).is_err());
        refused!(
            JwkSet::parse(json!({"keys": [private]}).to_string().as_bytes()),
            KeyError::PrivateMember(_)
        );
    }
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        for value in [json!("AA"), json!(""), json!(null), json!([])] {
            let mut key = public_jwk("RSA-2048", "RS256");
            key.as_object_mut().unwrap().insert(member.to_owned(), value);
            assert_eq!(parse(&key), Err(KeyError::PrivateMember(member)));
        }
    }
}

#[test]
fn error_about_a_private_member_does_not_repeat_it() {
    let private = with(&test_key("P-256")["jwk"], json!({"alg": "ES256"}));
    let error = parse(&private).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(text(&private["d"])));
}

#[test]
fn duplicate_members_of_a_key() {
    let key = public_jwk("P-256", "ES256").to_string();
    for first in [r#"{"alg":"none","#, r#"{"kty":"EC","#, r#"{"x":"AA","#] {
        refused!(Jwk::parse(key.replacen('{', first, 1).as_bytes()), KeyError::Json(..));
    }
}

#[test]
fn points_off_the_curve_and_at_infinity() {
    for (name, alg, size) in [("P-256", "ES256", 32), ("P-384", "ES384", 48), ("P-521", "ES512", 66)] {
        let key = public_jwk(name, alg);
        let mut y = unb64u(text(&key["y"]));
        y[size - 1] ^= 1;
        let zero = b64u(vec![0; size]);
        let high = b64u(vec![0xff; size]);
        for change in [
            json!({"y": b64u(y)}),
            json!({"x": zero, "y": zero}),
            json!({"y": zero}),
            json!({"x": zero}),
            json!({"x": high}),
            json!({"x": high, "y": high}),
            json!({"x": key["y"], "y": key["x"]}),
        ] {
            refused!(parse(&with(&key, change)), KeyError::PointNotOnCurve(_));
        }
    }
}

#[test]
fn coordinates_beyond_the_field() {
    // x + p is the same residue; taking it would give one key two thumbprints. On P-521 it still fits into 66 bytes.
    let key = public_jwk("P-521", "ES512");
    let mut x = unb64u(text(&key["x"]));
    let mut p = [0xff_u8; 66];
    p[0] = 1;
    let mut carry = 0_u16;
    for (byte, add) in x.iter_mut().rev().zip(p.iter().rev()) {
        let sum = u16::from(*byte) + u16::from(*add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    refused!(parse(&with(&key, json!({"x": b64u(x)}))), KeyError::PointNotOnCurve(_));
}

#[test]
fn ed25519_points_of_small_order() {
    for point in [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    ] {
        let key = with(&public_jwk("Ed25519", "EdDSA"), json!({"x": b64u(hex(point))}));
        refused!(parse(&key), KeyError::SmallOrderPoint(_));
    }
    for beyond in [
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ] {
        let key = with(&public_jwk("Ed25519", "EdDSA"), json!({"x": b64u(hex(beyond))}));
        refused!(parse(&key), KeyError::PointNotOnCurve(_));
    }
}

#[test]
fn rsa_moduli_that_are_too_small_or_even() {
    let key = public_jwk("RSA-2048", "RS256");
    let small = public_jwk("RSA-1024", "RS256");
    refused!(parse(&small), KeyError::RsaModulusSize(1024));
    refused!(parse(&with(&key, json!({"n": "AQ"}))), KeyError::RsaModulusSize(1));
    let n = unb64u(text(&key["n"]));
    let mut short = n.clone();
    short[0] = 0x7f;
    refused!(parse(&with(&key, json!({"n": b64u(short)}))), KeyError::RsaModulusSize(2047));
    let mut even = n.clone();
    even[255] &= 0xfe;
    refused!(parse(&with(&key, json!({"n": b64u(even)}))), KeyError::RsaModulusEven);
    let huge = [n.clone(), n.clone(), n.clone(), n.clone(), n].concat();
    refused!(parse(&with(&key, json!({"n": b64u(huge)}))), KeyError::RsaModulusSize(_));
}

#[test]
fn rsa_exponents_that_are_even_small_or_huge() {
    let key = public_jwk("RSA-2048", "RS256");
    refused!(parse(&public_jwk("RSA-2048 e=3", "RS256")), KeyError::RsaExponent);
    let odd_above_33_bits = [&[2, 0, 0, 0, 1][..], &[1, 0, 0, 0, 0, 1], &[0xff; 8], &[0xff; 256]];
    for e in [&[1][..], &[2], &[3], &[17], &[1, 0, 0], &[0xff, 0xff]].into_iter().chain(odd_above_33_bits) {
        refused!(parse(&with(&key, json!({"e": b64u(e)}))), KeyError::RsaExponent);
    }
    assert!(parse(&with(&key, json!({"e": b64u([1, 0, 0, 0, 1])}))).is_ok());
    refused!(parse(&with(&key, json!({"e": ""}))), KeyError::Missing("e"));
}

#[test]
fn cve_2017_15361_roca_modulus() {
    refused!(parse(&public_jwk("RSA-2048 ROCA", "RS256")), KeyError::Roca);
    let der = test_key_der("RSA-2048 ROCA");
    assert!(SigningKey::from_pkcs8_der(SignatureAlgorithm::Rs256, &der).is_err(), "the other way in");
    assert!(DecryptionKey::from_pkcs8_der(KeyManagementAlgorithm::RsaOaep, &der).is_err());
    refused!(import("RSA-2048 ROCA", "RS256", json!({})), KeyError::Roca);
}

#[test]
fn weak_rsa_private_keys_are_refused_by_every_door() {
    for name in ["RSA-1024", "RSA-2048 e=3"] {
        let der = test_key_der(name);
        let pem = text(&test_key(name)["pkcs8_pem"]).to_owned();
        assert!(import(name, "RS256", json!({})).is_err(), "{name}");
        for alg in [SignatureAlgorithm::Rs256, SignatureAlgorithm::Ps512] {
            assert!(SigningKey::from_pkcs8_der(alg, &der).is_err(), "{name}");
            assert!(SigningKey::from_pkcs8_pem(alg, &pem).is_err(), "{name}");
        }
        for alg in [KeyManagementAlgorithm::RsaOaep, KeyManagementAlgorithm::DangerRsa15] {
            assert!(DecryptionKey::from_pkcs8_der(alg, &der).is_err(), "{name}");
        }
    }
}

#[test]
fn private_and_public_half_of_two_keys() {
    let rfc = crate::common::vectors("rfc7515")["A.3"]["key"].clone();
    assert!(import("P-256", "ES256", json!({})).is_ok(), "control");
    for change in [json!({"d": rfc["d"]}), json!({"x": rfc["x"], "y": rfc["y"]})] {
        assert!(import("P-256", "ES256", change).is_err());
    }
    let other = test_key("RSA-2048 other")["jwk"].clone();
    assert!(import("RSA-2048", "RS256", json!({})).is_ok(), "control");
    for member in ["n", "d", "p", "q", "dp", "dq", "qi"] {
        assert!(import("RSA-2048", "RS256", json!({member: other[member]})).is_err(), "{member}");
    }
}

#[test]
fn private_scalars_out_of_range() {
    let n = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    for d in [vec![0; 32], n, vec![0xff; 32], vec![1; 31], vec![1; 33], Vec::new()] {
        assert!(import("P-256", "ES256", json!({"d": b64u(&d)})).is_err(), "{d:?}");
    }
}

#[test]
fn rsa_key_with_three_primes_or_without_crt() {
    refused!(
        import("RSA-2048", "RS256", json!({"oth": [{"r": "AQ", "d": "AQ", "t": "AQ"}]})),
        KeyError::MultiPrime
    );
    for member in ["d", "p", "q", "dp", "dq", "qi"] {
        assert!(import("RSA-2048", "RS256", json!({member: null})).is_err(), "{member}");
    }
}

#[test]
fn key_taken_for_another_algorithm() {
    for (name, algs) in [
        ("P-256", &["ES384", "ES512", "EdDSA", "RS256", "RSA-OAEP"][..]),
        ("P-384", &["ES256", "ES512", "PS256"]),
        ("Ed25519", &["ES256", "ECDH-ES", "RS256"]),
        ("X25519", &["EdDSA", "ES256", "RSA-OAEP"]),
        ("RSA-2048", &["ES256", "EdDSA", "ECDH-ES"]),
    ] {
        for alg in algs {
            refused!(parse(&public_jwk(name, alg)), KeyError::AlgorithmMismatch(..));
            assert!(import(name, alg, json!({})).is_err(), "{name} {alg}");
            if let Ok(alg) = alg.parse::<SignatureAlgorithm>() {
                assert!(SigningKey::from_pkcs8_der(alg, &test_key_der(name)).is_err(), "{name} {alg}");
            }
            if let Ok(alg) = alg.parse::<KeyManagementAlgorithm>() {
                assert!(DecryptionKey::from_pkcs8_der(alg, &test_key_der(name)).is_err(), "{name} {alg}");
            }
        }
    }
}

#[test]
fn key_without_algorithm_serves_no_purpose() {
    let key = parse(&public(&test_key("P-256")["jwk"])).unwrap();
    refused!(jwtis_jose::VerifyingKey::from_jwk(&key), KeyError::MissingAlgorithm);
    refused!(EncryptionKey::from_jwk(&key), KeyError::MissingAlgorithm);
    refused!(import("P-256", "ES256", json!({"alg": null})), KeyError::MissingAlgorithm);
    let bound = key.with_algorithm(SignatureAlgorithm::Es256).unwrap();
    refused!(
        bound.with_algorithm(KeyManagementAlgorithm::EcdhEs),
        KeyError::BoundToAnother { bound: "ES256", asked: "ECDH-ES" }
    );
    for alg in ["none", "HS256", "ES256K", "es256", "RS1", ""] {
        refused!(parse(&public_jwk("P-256", alg)), KeyError::UnknownAlgorithm(..));
    }
}

#[test]
fn curves_that_are_not_ours() {
    for (kty, crv) in [
        ("EC", "secp256k1"),
        ("EC", "P-224"),
        ("EC", "p-256"),
        ("EC", "Ed25519"),
        ("OKP", "Ed448"),
        ("OKP", "P-256"),
    ] {
        refused!(
            parse(&with(&public_jwk("P-256", "ES256"), json!({"kty": kty, "crv": crv}))),
            KeyError::UnknownCurve { .. }
        );
    }
    assert!(SigningKey::from_pkcs8_der(SignatureAlgorithm::Es256, &test_key_der("secp256k1")).is_err());
}

#[test]
fn oversized_key_documents() {
    let key = with(&public_jwk("P-256", "ES256"), json!({"x5c": ["A".repeat(1 << 20)]}));
    refused!(parse(&key), KeyError::TooLong(_));
    refused!(JwkSet::parse(&vec![b'['; 1 << 20]), KeyError::TooLong(_));
    refused!(Jwk::parse("[".repeat(60_000).as_bytes()), KeyError::Json(..));
}

#[test]
fn pem_of_other_kinds() {
    let sec1 = text(&test_key("P-256 SEC1")["pem"]).to_owned();
    let encrypted = text(&test_key("P-256 encrypted")["pem"]).to_owned();
    let pkcs1 = text(&test_key("RSA-2048 PKCS1")["pem"]).to_owned();
    let good = text(&test_key("P-256")["pkcs8_pem"]).to_owned();
    let public = good.replace("PRIVATE", "PUBLIC");
    let bare: String = good.lines().filter(|line| !line.starts_with('-')).collect();
    let cut = good.replace("-----END PRIVATE KEY-----", "");
    let no_base64 = good.replacen("\nM", "\n!", 1);
    for (bad, hint) in [
        (&sec1, "openssl pkcs8 -topk8"),
        (&encrypted, "decrypt it first"),
        (&pkcs1, "openssl pkcs8 -topk8"),
        (&public, "public key"),
        (&bare, "first line"),
        (&String::new(), "first line"),
        (&cut, "last line"),
        (&format!("{good}{good}"), "after the key"),
        (&no_base64, "not base64"),
    ] {
        let error = SigningKey::from_pkcs8_pem(SignatureAlgorithm::Es256, bad).unwrap_err();
        assert!(matches!(&error, KeyError::Pem(problem) if problem.contains(hint)), "{hint}: {error}");
    }
    let written =
        SigningKey::from_pkcs8_pem(SignatureAlgorithm::Es256, &good).unwrap().to_pkcs8_pem().unwrap();
    assert!(written.lines().all(|line| line.len() <= 64));
    let windows = written.replace('\n', "\r\n");
    assert!(SigningKey::from_pkcs8_pem(SignatureAlgorithm::Es256, &windows).is_ok());
}

#[test]
fn pkcs8_with_trailing_or_missing_bytes() {
    for (name, alg) in [
        ("P-256", SignatureAlgorithm::Es256),
        ("Ed25519", SignatureAlgorithm::EdDsa),
        ("RSA-2048", SignatureAlgorithm::Rs256),
    ] {
        let der = test_key_der(name);
        for bad in [
            [&der[..], &[0]].concat(),
            der[..der.len() - 1].to_vec(),
            der[1..].to_vec(),
            Vec::new(),
            vec![0x30, 0x80],
        ] {
            assert!(SigningKey::from_pkcs8_der(alg, &bad).is_err(), "{name}");
        }
        for end in 0..der.len().min(200) {
            assert!(SigningKey::from_pkcs8_der(alg, &der[..end]).is_err(), "{name} cut at {end}");
        }
    }
}

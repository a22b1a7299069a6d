//! RFC 7518: the key agreement of appendix C, and the sizes and encodings that the algorithms fix.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::fmt::{Debug, Display};
use std::str::FromStr;

use aws_lc_rs::agreement;
use common::{
    ANY_ENC, b64u, concat_kdf, ecdh, parse_jwk, public, refused, test_key, text, unb64u, vectors, with,
};
use jwtis_jose::{
    ContentEncryption, DecryptError, DecryptionKey, HmacKey, Jwk, KeyAlgorithm, KeyError,
    KeyManagementAlgorithm, ProtectedHeader, SignatureAlgorithm, Undecrypted, UnknownAlgorithm,
};
use serde_json::{Value, json};

fn point(jwk: &Value) -> Vec<u8> {
    [vec![4], unb64u(text(&jwk["x"])), unb64u(text(&jwk["y"]))].concat()
}

fn bob() -> DecryptionKey {
    let key = with(&vectors("rfc7518")["C"]["bob"], json!({"alg": "ECDH-ES"}));
    DecryptionKey::from_jwk(key.to_string().as_bytes()).unwrap()
}

/// The header of appendix C, with the party information that a test wants.
fn appendix_c_header(apu: &str, apv: &str) -> String {
    let alice = public(&vectors("rfc7518")["C"]["alice"]);
    json!({"alg": "ECDH-ES", "enc": "A128GCM", "apu": apu, "apv": apv, "epk": alice}).to_string()
}

#[test]
fn rfc7518_c_test_support_agrees_with_the_standard() {
    let c = &vectors("rfc7518")["C"];
    let z = ecdh(&agreement::ECDH_P256, &unb64u(text(&c["alice"]["d"])), &point(&c["bob"])).unwrap();
    assert_eq!(b64u(&z), text(&c["z"]));
    assert_eq!(b64u(concat_kdf(&z, "A128GCM", b"Alice", b"Bob", 16)), text(&c["derived"]));
}

#[test]
fn rfc7518_c_key_agreement() {
    let derived = unb64u(text(&vectors("rfc7518")["C"]["derived"]));
    let token = common::forge_jwe(&appendix_c_header("QWxpY2U", "Qm9i"), b"", &derived, b"To Bob");
    let decrypted =
        bob().decrypt(&Undecrypted::parse(&token).unwrap(), &[ContentEncryption::A128Gcm]).unwrap();
    assert_eq!(decrypted.plaintext(), b"To Bob");
}

#[test]
fn rfc7518_4_6_1_party_information_goes_into_the_key() {
    let derived = unb64u(text(&vectors("rfc7518")["C"]["derived"]));
    for (apu, apv) in [("Qm9i", "QWxpY2U"), ("QWxpY2U", ""), ("", "Qm9i"), ("QWxpY2V", "Qm9i")] {
        let token = common::forge_jwe(&appendix_c_header(apu, apv), b"", &derived, b"To Bob");
        let token = Undecrypted::parse(&token);
        assert!(token.is_err() || bob().decrypt(&token.unwrap(), ANY_ENC).is_err(), "{apu} {apv}");
    }
}

#[test]
fn rfc7518_4_6_direct_agreement_has_an_empty_encrypted_key() {
    let derived = unb64u(text(&vectors("rfc7518")["C"]["derived"]));
    let token = common::forge_jwe(&appendix_c_header("QWxpY2U", "Qm9i"), b"\0", &derived, b"To Bob");
    let token = Undecrypted::parse(&token).unwrap();
    refused!(bob().decrypt(&token, ANY_ENC), DecryptError::EncryptedKeyLength { .. });
}

#[test]
fn rfc7518_4_6_1_1_epk_is_fresh_for_every_message() {
    let key = common::decryption_key(KeyManagementAlgorithm::EcdhEsA256Kw, "P-256");
    let header = || {
        let token = key
            .encryption_key()
            .encrypt(ContentEncryption::A256Gcm, &ProtectedHeader::default(), b"text")
            .unwrap();
        let header: Value = serde_json::from_slice(&unb64u(token.split('.').next().unwrap())).unwrap();
        header
    };
    let (one, two) = (header(), header());
    assert_ne!(one["epk"], two["epk"]);
    assert_eq!(
        one["epk"].as_object().unwrap().len(),
        4,
        "kty, crv, x, y and nothing private: {}",
        one["epk"]
    );
}

#[test]
fn rfc7518_names_are_case_sensitive_and_an_unknown_one_is_answered_with_the_known_ones() {
    fn check<T: FromStr<Err = UnknownAlgorithm> + Copy + Debug + PartialEq + Display>(
        all: &[T],
        what: &str,
        known: &str,
        unknown: &[&str],
    ) {
        let names: Vec<String> = all.iter().map(T::to_string).collect();
        assert_eq!(names.join(", "), known);
        for (alg, name) in all.iter().zip(&names) {
            assert_eq!(name.parse::<T>().as_ref(), Ok(alg));
        }
        for name in unknown {
            let error = name.parse::<T>().unwrap_err();
            assert_eq!(error.name(), *name);
            assert_eq!(error.to_string(), format!("{what} has no value {name:?} here: use one of {known}"));
        }
    }
    check(
        SignatureAlgorithm::ALL,
        "alg",
        "ES256, ES384, ES512, EdDSA, RS256, RS384, RS512, PS256, PS384, PS512",
        &["es256", "ES256 ", "", "none", "None", "NONE", "HS256", "HS512", "ES256K", "eddsa", "EDDSA", "RSA"],
    );
    check(
        KeyManagementAlgorithm::ALL,
        "alg",
        "RSA-OAEP, RSA-OAEP-256, ECDH-ES, ECDH-ES+A128KW, ECDH-ES+A192KW, ECDH-ES+A256KW, RSA1_5",
        &["dir", "A128KW", "A256KW", "A128GCMKW", "PBES2-HS256+A128KW", "RSA-OAEP-384", "ecdh-es"],
    );
    check(
        ContentEncryption::ALL,
        "enc",
        "A128GCM, A192GCM, A256GCM",
        &["A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512", "a128gcm", "A512GCM", "C20P"],
    );
    assert_eq!(
        serde_json::to_value(ContentEncryption::ALL).unwrap(),
        json!(["A128GCM", "A192GCM", "A256GCM"])
    );
}

#[test]
fn rfc7518_sizes_follow_the_algorithm() {
    let check = |name: &str, bits| match name.parse::<KeyAlgorithm>().unwrap() {
        KeyAlgorithm::Signature(alg) => (alg.default_bits(), alg.check_bits(bits)),
        KeyAlgorithm::KeyManagement(alg) => (alg.default_bits(), alg.check_bits(bits)),
    };
    for (name, good, refusal) in [
        ("ES256", &[256][..], "uses P-256: bits must be 256"),
        ("ES384", &[384], "uses P-384: bits must be 384"),
        ("ES512", &[521], "uses P-521: bits must be 521"),
        ("EdDSA", &[256], "uses Ed25519: bits must be 256"),
        ("RS256", &[2048, 3072, 4096], "is RSA: bits must be 2048, 3072 or 4096"),
        ("PS512", &[2048, 3072, 4096], "is RSA: bits must be 2048, 3072 or 4096"),
        ("ECDH-ES", &[256, 384, 521], "uses P-256, P-384 or P-521: bits must be 256, 384 or 521"),
        ("RSA-OAEP", &[2048, 3072, 4096], "is RSA: bits must be 2048, 3072 or 4096"),
    ] {
        let (default, refused) = check(name, 1);
        assert_eq!(refused.unwrap_err().to_string(), format!("{name} {refusal}, not 1"));
        assert_eq!(default, good[0], "{name}: the default is the smallest");
        for bits in [0, 255, 256, 384, 512, 521, 1024, 2047, 2048, 2049, 3072, 4096, 4104, 8192, u32::MAX] {
            assert_eq!(check(name, bits).1.is_ok(), good.contains(&bits), "{name} {bits}");
        }
    }
}

#[test]
fn rfc7518_3_2_hmac_keys_are_as_long_as_the_digest() {
    assert!(HmacKey::from_bytes(&[1; 32]).is_ok());
    refused!(HmacKey::from_bytes(&[1; 31]), KeyError::HmacKeyTooShort(32));
    refused!(HmacKey::from_bytes(b""), KeyError::HmacKeyTooShort(_));
}

#[test]
fn rfc7518_6_2_1_coordinates_have_the_full_size_of_the_field() {
    let key = with(&public(&test_key("P-256")["jwk"]), json!({"alg": "ES256"}));
    let parse = |member: &str, bytes: Vec<u8>| {
        Jwk::parse(with(&key, json!({member: b64u(bytes)})).to_string().as_bytes())
    };
    for member in ["x", "y"] {
        let good = unb64u(text(&key[member]));
        assert!(parse(member, good.clone()).is_ok());
        refused!(parse(member, good[1..].to_vec()), KeyError::WrongLength { expected: 32, found: 31, .. });
        refused!(
            parse(member, [vec![0], good.clone()].concat()),
            KeyError::WrongLength { expected: 32, found: 33, .. }
        );
        refused!(parse(member, Vec::new()), KeyError::WrongLength { found: 0, .. });
    }
}

#[test]
fn rfc7518_6_3_1_1_modulus_has_no_leading_zero() {
    let key = with(&public(&test_key("RSA-2048")["jwk"]), json!({"alg": "RS256"}));
    for member in ["n", "e"] {
        let padded = b64u([vec![0], unb64u(text(&key[member]))].concat());
        refused!(
            Jwk::parse(with(&key, json!({member: padded})).to_string().as_bytes()),
            KeyError::NotMinimal(_)
        );
    }
    assert_eq!(parse_jwk(&key).algorithm().map(jwtis_jose::KeyAlgorithm::name), Some("RS256"));
}

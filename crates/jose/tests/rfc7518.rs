//! RFC 7518: the key agreement of appendix C, and the sizes and encodings that the algorithms fix.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use aws_lc_rs::agreement;
use common::{
    ANY_ENC, b64u, concat_kdf, ecdh, parse_jwk, public, refused, test_key, text, unb64u, vectors, with,
};
use jwtis_jose::{
    ContentEncryption, DecryptError, DecryptionKey, HmacKey, Jwk, KeyError, KeyManagementAlgorithm,
    ProtectedHeader, SignatureAlgorithm, Undecrypted,
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
fn rfc7518_3_1_names_are_case_sensitive_and_listed_once() {
    let names: Vec<_> = SignatureAlgorithm::ALL.iter().map(|alg| alg.name()).collect();
    assert_eq!(
        names,
        ["ES256", "ES384", "ES512", "EdDSA", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
    );
    for name in names {
        assert_eq!(name.parse::<SignatureAlgorithm>().unwrap().name(), name);
    }
    for other in
        ["es256", "ES256 ", "", "none", "None", "NONE", "HS384", "HS512", "ES256K", "eddsa", "EDDSA", "RSA"]
    {
        let error = other.parse::<SignatureAlgorithm>().unwrap_err().to_string();
        assert!(error.contains("ES256") && error.contains("PS512"), "the known names: {error}");
    }
}

#[test]
fn rfc7518_4_1_and_5_1_names_are_listed_once() {
    let mut names: Vec<_> = KeyManagementAlgorithm::ALL.iter().map(|alg| alg.name()).collect();
    names.sort_unstable();
    let all = [
        "ECDH-ES",
        "ECDH-ES+A128KW",
        "ECDH-ES+A192KW",
        "ECDH-ES+A256KW",
        "RSA-OAEP",
        "RSA-OAEP-256",
        "RSA1_5",
    ];
    assert_eq!(names, all);
    for other in
        ["dir", "A128KW", "A192KW", "A256KW", "A128GCMKW", "PBES2-HS256+A128KW", "RSA-OAEP-384", "ecdh-es"]
    {
        assert!(other.parse::<KeyManagementAlgorithm>().is_err(), "{other}");
    }
    let names: Vec<_> = ContentEncryption::ALL.iter().map(|enc| enc.name()).collect();
    assert_eq!(names, ["A128GCM", "A192GCM", "A256GCM"]);
    for other in ["A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512", "a128gcm", "A512GCM", "C20P"] {
        assert!(other.parse::<ContentEncryption>().is_err(), "{other}");
    }
}

#[test]
fn rfc7518_3_4_each_es_algorithm_has_its_curve() {
    for (alg, bits) in [("ES256", 256), ("ES384", 384), ("ES512", 521)] {
        let alg: SignatureAlgorithm = alg.parse().unwrap();
        assert_eq!(alg.default_bits(), bits);
        for other in [0, 255, 256, 384, 512, 521, 2048] {
            assert_eq!(alg.check_bits(other).is_ok(), other == bits, "{alg} {other}");
        }
    }
    let error = SignatureAlgorithm::Es512.check_bits(512).unwrap_err().to_string();
    assert!(error.contains("P-521") && error.contains("521"), "{error}");
}

#[test]
fn rfc7518_3_3_rsa_keys_have_2048_bits_or_more() {
    for alg in ["RS256", "PS512"] {
        let alg: SignatureAlgorithm = alg.parse().unwrap();
        assert_eq!(alg.default_bits(), 2048);
        for good in [2048, 3072, 4096] {
            assert!(alg.check_bits(good).is_ok(), "{good}");
        }
        for bad in [0, 512, 1024, 2040, 2047, 2049, 4104, 8192, u32::MAX] {
            assert!(alg.check_bits(bad).is_err(), "{bad}");
        }
    }
}

#[test]
fn rfc7518_4_6_ecdh_works_on_three_curves() {
    for alg in KeyManagementAlgorithm::ALL.iter().filter(|alg| alg.name().starts_with("ECDH")) {
        assert_eq!(alg.default_bits(), 256);
        for bits in [256, 384, 521] {
            assert!(alg.check_bits(bits).is_ok());
        }
        for bits in [0, 128, 255, 512, 2048] {
            assert!(alg.check_bits(bits).is_err());
        }
    }
}

#[test]
fn rfc7518_3_2_hmac_keys_are_as_long_as_the_digest() {
    assert!(HmacKey::from_bytes(&[1; 32]).is_ok());
    refused!(HmacKey::from_bytes(&[1; 31]), KeyError::HmacKeyTooShort { needed: 32 });
    refused!(HmacKey::from_bytes(b""), KeyError::HmacKeyTooShort { .. });
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
            KeyError::NotMinimal { .. }
        );
    }
    assert_eq!(parse_jwk(&key).algorithm_name(), Some("RS256"));
}

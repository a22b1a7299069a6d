//! Signed tokens: algorithm confusion, header tricks, and signatures that verify for anyone.

use aws_lc_rs::hmac;
use jwtis_jose::{
    HeaderError, HmacKey, Jwk, ParseError, ProtectedHeader, SignatureAlgorithm, Unverified, VerifyError,
    VerifyingKey,
};
use serde_json::json;

use crate::common::{
    b64u, decryption_key, edit_bytes, edit_part, forge_es256, hex, key_name, public, refused, signing_key,
    test_key, test_key_der, unb64u, verifying_key, with,
};

/// The key under which [`forge_es256`] signs.
fn victim() -> VerifyingKey {
    verifying_key(&test_key("P-256")["jwk"], "ES256")
}

fn verify(key: &VerifyingKey, token: &str) -> Result<Vec<u8>, VerifyError> {
    key.verify(&Unverified::parse(token).unwrap()).map(|verified| verified.payload().to_vec())
}

fn hs256(secret: &[u8], header: &str) -> String {
    let input = format!("{}.{}", b64u(header), b64u(br#"{"sub":"admin"}"#));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
    format!("{input}.{}", b64u(tag))
}

#[test]
fn control_the_forged_token_without_a_trick_verifies() {
    assert_eq!(verify(&victim(), &forge_es256(r#"{"alg":"ES256"}"#, b"payload")).unwrap(), b"payload");
}

#[test]
fn cve_2015_9235_public_key_as_hmac_secret() {
    for alg in SignatureAlgorithm::ALL {
        let key = signing_key(*alg);
        let jwk = key.public_jwk().to_json();
        let der = public_der(key_name(*alg));
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            base64_simd::STANDARD.encode_to_string(&der)
        );
        for secret in [jwk.as_bytes(), &der, pem.as_bytes(), pem.trim_end().as_bytes(), b""] {
            for header in [
                r#"{"alg":"HS256","typ":"JWT"}"#.to_owned(),
                format!(r#"{{"alg":"HS256","kid":"{}"}}"#, key.kid()),
            ] {
                refused!(verify(key.verifying_key(), &hs256(secret, &header)), VerifyError::Algorithm(..));
            }
            // The same bytes under the key's own name: an HMAC is no signature.
            let header = format!(r#"{{"alg":"{alg}"}}"#);
            refused!(
                verify(key.verifying_key(), &hs256(secret, &header)),
                VerifyError::SignatureLength { found: 32, .. }
            );
        }
    }
}

/// The SubjectPublicKeyInfo of a test key, as verifiers commonly have it on disk.
fn public_der(name: &str) -> Vec<u8> {
    use aws_lc_rs::{encoding::AsDer, encoding::PublicKeyX509Der, signature as raw, signature::KeyPair};
    let der = test_key_der(name);
    let ec = |alg| {
        let pair = raw::EcdsaKeyPair::from_pkcs8(alg, &der).unwrap();
        AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).unwrap().as_ref().to_vec()
    };
    match name {
        "P-256" => ec(&raw::ECDSA_P256_SHA256_FIXED_SIGNING),
        "P-384" => ec(&raw::ECDSA_P384_SHA384_FIXED_SIGNING),
        "P-521" => ec(&raw::ECDSA_P521_SHA512_FIXED_SIGNING),
        "Ed25519" => {
            let pair = raw::Ed25519KeyPair::from_pkcs8(&der).unwrap();
            AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).unwrap().as_ref().to_vec()
        }
        _ => {
            let pair = raw::RsaKeyPair::from_pkcs8(&der).unwrap();
            AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).unwrap().as_ref().to_vec()
        }
    }
}

#[test]
fn alg_none_in_every_spelling() {
    for none in ["none", "None", "NONE", "nOnE", "nonE", "", " none", "none ", "n\\u006fne", "null", "0"] {
        for header in [format!(r#"{{"alg":"{none}"}}"#), format!(r#"{{"typ":"JWT","alg":"{none}"}}"#)] {
            let bare = format!("{}.{}.", b64u(&header), b64u(br#"{"sub":"admin"}"#));
            let signed = forge_es256(&header, br#"{"sub":"admin"}"#);
            for token in [bare, signed] {
                if matches!(none, "none" | "n\\u006fne") {
                    refused!(Unverified::parse(&token), ParseError::Unsecured);
                    continue;
                }
                for alg in SignatureAlgorithm::ALL {
                    refused!(verify(signing_key(*alg).verifying_key(), &token), VerifyError::Algorithm(..));
                }
                let token = Unverified::parse(&token).unwrap();
                refused!(HmacKey::from_bytes(&[0; 32]).unwrap().verify(&token), VerifyError::Algorithm(..));
            }
        }
    }
}

#[test]
fn signature_stripped_and_alg_kept() {
    let token = forge_es256(r#"{"alg":"ES256"}"#, br#"{"sub":"admin"}"#);
    let stripped = edit_part(&token, 2, |_| String::new());
    refused!(verify(&victim(), &stripped), VerifyError::SignatureLength { expected: 64, found: 0 });
}

#[test]
fn alg_is_compared_with_case() {
    for alg in [
        "es256",
        "Es256",
        "ES256 ",
        "ES256\\u0000",
        "ES384",
        "ES256K",
        "HS384",
        "HS512",
        "PS256",
        "RSA1_5",
        "dir",
    ] {
        let token = forge_es256(&format!(r#"{{"alg":"{alg}"}}"#), b"{}");
        refused!(verify(&victim(), &token), VerifyError::Algorithm(..));
    }
}

#[test]
fn rs256_and_ps256_of_one_rsa_key_are_two_algorithms() {
    let rs256 = signing_key(SignatureAlgorithm::Rs256);
    let ps256 = signing_key(SignatureAlgorithm::Ps256);
    assert_eq!(rs256.public_jwk().thumbprint(), ps256.public_jwk().thumbprint(), "one key pair");
    let token = ps256.sign(&ProtectedHeader::default(), b"{}").unwrap();
    refused!(verify(rs256.verifying_key(), &token), VerifyError::Algorithm(..));
    let renamed = edit_part(&token, 0, |_| b64u(r#"{"alg":"RS256"}"#));
    refused!(verify(rs256.verifying_key(), &renamed), VerifyError::Signature);
}

#[test]
fn kid_games_never_reach_a_file_or_a_query() {
    for kid in [
        "../../../../dev/null",
        "/etc/passwd",
        "' OR '1'='1",
        "a\\u0000b",
        "http://evil.example/jwks",
        "",
        "|id",
    ] {
        let token = forge_es256(&format!(r#"{{"alg":"ES256","kid":"{kid}"}}"#), b"{}");
        assert!(verify(&victim(), &token).is_ok(), "the caller selects: {kid}");
        let null_key = hs256(&[], &format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#));
        refused!(verify(&victim(), &null_key), VerifyError::Algorithm(..));
    }
    for kid in ["1", "null", "[\"a\"]", "{}"] {
        let token = forge_es256(&format!(r#"{{"alg":"ES256","kid":{kid}}}"#), b"{}");
        refused!(Unverified::parse(&token), ParseError::Header(HeaderError::WrongType("kid", _)));
    }
}

#[test]
fn cve_2018_0114_key_embedded_in_the_header_is_not_trusted() {
    let attacker = signing_key(SignatureAlgorithm::Es256);
    let honest = verifying_key(&crate::common::vectors("rfc7515")["A.3"]["key"], "ES256");
    let jwk = serde_json::to_value(attacker.public_jwk()).unwrap();
    for header in [
        json!({"alg": "ES256", "jwk": jwk}),
        json!({"alg": "ES256", "jku": "https://evil.example/jwks.json"}),
        json!({"alg": "ES256", "x5u": "https://evil.example/cert.pem", "x5t": "AAAA"}),
        json!({"alg": "ES256", "x5c": ["MIIB"], "kid": honest.kid()}),
    ] {
        refused!(verify(&honest, &forge_es256(&header.to_string(), b"{}")), VerifyError::Signature);
    }
}

#[test]
fn cve_2023_51774_jwe_where_a_jws_is_expected() {
    let decryption = decryption_key(jwtis_jose::KeyManagementAlgorithm::RsaOaep, "RSA-2048");
    let jwe = decryption
        .encryption_key()
        .encrypt(jwtis_jose::ContentEncryption::A128Gcm, &ProtectedHeader::JWT, b"{}")
        .unwrap();
    refused!(Unverified::parse(&jwe), ParseError::PartCount { expected: 3, found: 5 });
    // And the header of one on the parts of the other.
    let dressed = forge_es256(r#"{"alg":"ES256","enc":"A128GCM"}"#, b"{}");
    refused!(Unverified::parse(&dressed), ParseError::EncInSignedToken);
}

/// The orders of the groups, FIPS 186-5 / SP 800-186 §3.2.1.
fn order(alg: &str) -> Vec<u8> {
    hex(match alg {
        "ES256" => "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
        "ES384" => {
            "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973"
        }
        _ => concat!(
            "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa",
            "51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409"
        ),
    })
}

#[test]
fn cve_2022_21449_psychic_signatures() {
    for alg in ["ES256", "ES384", "ES512"] {
        let alg: SignatureAlgorithm = alg.parse().unwrap();
        let key = signing_key(alg);
        let token = key.sign(&ProtectedHeader::default(), b"{}").unwrap();
        let n = order(alg.name());
        let size = n.len();
        let zero = vec![0; size];
        let one = [&zero[1..], &[1]].concat();
        let mut n_plus_1 = n.clone();
        n_plus_1[size - 1] += 1;
        let all_ones = vec![0xff; size];
        let genuine = unb64u(token.split('.').nth(2).unwrap());
        let (r, s) = genuine.split_at(size);
        for (r, s) in [
            (&zero[..], &zero[..]),
            (&zero, s),
            (r, &zero),
            (&n, s),
            (r, &n),
            (&n, &n),
            (&zero, &one),
            (&one, &zero),
            (&n_plus_1, s),
            (r, &n_plus_1),
            (&all_ones, &all_ones),
            (&one, &one),
            (&n, &zero),
            (&zero, &n),
        ] {
            let forged = edit_bytes(&token, 2, |signature| *signature = [r, s].concat());
            refused!(verify(key.verifying_key(), &forged), VerifyError::Signature);
        }
        assert!(verify(key.verifying_key(), &token).is_ok());
    }
}

#[test]
fn signatures_of_the_wrong_length() {
    for alg in SignatureAlgorithm::ALL {
        let key = signing_key(*alg);
        let token = key.sign(&ProtectedHeader::default(), b"{}").unwrap();
        let lengths: [fn(&mut Vec<u8>); 6] = [
            |bytes| bytes.push(0),
            |bytes| bytes.insert(0, 0),
            |bytes| bytes.truncate(bytes.len() - 1),
            |bytes| bytes.truncate(bytes.len() / 2),
            |bytes| bytes.extend(bytes.clone()),
            |bytes| bytes.truncate(1),
        ];
        for change in lengths {
            refused!(
                verify(key.verifying_key(), &edit_bytes(&token, 2, change)),
                VerifyError::SignatureLength { .. }
            );
        }
    }
}

#[test]
fn signature_of_another_token_does_not_fit() {
    let one = forge_es256(r#"{"alg":"ES256"}"#, br#"{"sub":"alice"}"#);
    let two = forge_es256(r#"{"alg":"ES256"}"#, br#"{"sub":"admin"}"#);
    let crossed = edit_part(&one, 2, |_| two.split('.').nth(2).unwrap().to_owned());
    refused!(verify(&victim(), &crossed), VerifyError::Signature);
    // The dot is part of what is signed: moving it makes another token.
    let (header, rest) = one.split_once('.').unwrap();
    let moved = format!("{}.{}{rest}", &header[..header.len() - 4], &header[header.len() - 4..]);
    assert!(!Unverified::parse(&moved).is_ok_and(|token| victim().verify(&token).is_ok()));
}

#[test]
fn hmac_tokens_of_other_sizes_and_keys_are_refused() {
    let key = HmacKey::from_bytes(&[7; 32]).unwrap();
    let token = hs256(&[7; 32], r#"{"alg":"HS256"}"#);
    assert!(key.verify(&Unverified::parse(&token).unwrap()).is_ok());
    for length in [0, 1, 16, 31, 33] {
        let cut = edit_bytes(&token, 2, |tag| tag.resize(length, 0));
        refused!(
            key.verify(&Unverified::parse(&cut).unwrap()),
            VerifyError::SignatureLength { expected: 32, .. }
        );
    }
    for alg in ["HS384", "HS512", "hs256", "None", "ES256"] {
        let token = hs256(&[7; 32], &format!(r#"{{"alg":"{alg}"}}"#));
        refused!(key.verify(&Unverified::parse(&token).unwrap()), VerifyError::Algorithm(..));
    }
}

#[test]
fn hs256_is_no_algorithm_that_a_registered_key_can_have() {
    assert!("HS256".parse::<SignatureAlgorithm>().is_err());
    let jwk = with(&public(&test_key("P-256")["jwk"]), json!({"alg": "HS256"}));
    assert!(Jwk::parse(jwk.to_string().as_bytes()).is_err());
    let symmetric = json!({"kty": "oct", "k": b64u([1; 32]), "alg": "HS256"}).to_string();
    assert!(jwtis_jose::SigningKey::from_jwk(symmetric.as_bytes()).is_err());
}

#[test]
fn errors_do_not_repeat_the_token() {
    let token = forge_es256(r#"{"alg":"ES384","kid":"k"}"#, br#"{"sub":"very-private-subject"}"#);
    let error = verify(&victim(), &token).unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("very-private") && !shown.contains(token.split('.').nth(2).unwrap()), "{shown}");
}

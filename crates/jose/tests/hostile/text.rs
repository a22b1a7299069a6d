//! One token, one text: spellings that a lenient reader takes and a list of revoked tokens misses.

use jwtis_jose::{Base64Error, HeaderError, MAX_TOKEN_BYTES, ParseError, SignatureAlgorithm, Undecrypted, Unverified};
use proptest::prelude::*;

use crate::common::{ANY_ENC, b64u, decryption_key, edit_part, forge_es256, sign_es256, signing_key, refused};

fn token() -> String {
    signing_key(SignatureAlgorithm::Es256).sign(&jwtis_jose::ProtectedHeader::JWT, b"{\"sub\":\"alice\"}").unwrap()
}

fn jwe() -> String {
    let key = decryption_key(jwtis_jose::KeyManagementAlgorithm::EcdhEsA128Kw, "P-256");
    key.encryption_key().encrypt(jwtis_jose::ContentEncryption::A128Gcm, &Default::default(), b"text").unwrap()
}

#[test]
fn padding_is_refused_in_every_part() {
    for part in 0..3 {
        let padded = edit_part(&token(), part, |text| format!("{text}{}", if text.len() % 4 == 2 { "==" } else { "=" }));
        refused!(Unverified::parse(&padded), ParseError::Base64 { source: Base64Error::Padding, .. });
    }
    for part in 0..5 {
        let padded = edit_part(&jwe(), part, |text| format!("{text}="));
        refused!(Undecrypted::parse(&padded), ParseError::Base64 { source: Base64Error::Padding, .. });
    }
}

#[test]
fn plain_base64_alphabet_is_refused() {
    // 0xfb 0xff encodes as "-_8" in base64url and "+/8" in base64.
    let good = sign_es256(&format!("{}.-_8", b64u(r#"{"alg":"ES256"}"#)));
    assert!(Unverified::parse(&good).is_ok());
    for spelling in ["+_8", "-/8", "+/8"] {
        let bad = edit_part(&good, 1, |_| spelling.to_owned());
        refused!(Unverified::parse(&bad), ParseError::Base64 { source: Base64Error::Character { .. }, part: "payload" });
    }
}

#[test]
fn white_space_and_stray_characters_are_refused_everywhere() {
    for stray in [" ", "\n", "\r\n", "\t", "\0", "\u{a0}", "\u{feff}", "%", "~", "é"] {
        for token in [token(), jwe()] {
            let parts = token.split('.').count();
            for part in 0..parts {
                for changed in [
                    edit_part(&token, part, |text| format!("{stray}{text}")),
                    edit_part(&token, part, |text| format!("{text}{stray}")),
                    edit_part(&token, part, |text| format!("{}{stray}{}", &text[..4], &text[4..])),
                ] {
                    assert!(Unverified::parse(&changed).is_err() && Undecrypted::parse(&changed).is_err(), "{changed:?}");
                }
            }
        }
    }
}

#[test]
fn trailing_bits_are_refused() {
    // One byte takes two characters, the second of which has four bits to spare: "AA" is canonical, "AB" is not.
    let good = sign_es256(&format!("{}.AA", b64u(r#"{"alg":"ES256"}"#)));
    assert!(Unverified::parse(&good).is_ok());
    for spelling in ["AB", "AP", "AAB", "AAD"] {
        let bad = edit_part(&good, 1, |_| spelling.to_owned());
        refused!(Unverified::parse(&bad), ParseError::Base64 { source: Base64Error::TrailingBits, .. });
    }
    let bad = edit_part(&good, 1, |_| "A".to_owned());
    refused!(Unverified::parse(&bad), ParseError::Base64 { source: Base64Error::Length, .. });
    // 64 bytes of signature take 86 characters: four spare bits, fifteen other spellings of the same signature.
    let last = good.as_bytes()[good.len() - 1];
    for other in (b'A'..=b'Z').filter(|other| *other != last) {
        let bad = format!("{}{}", &good[..good.len() - 1], char::from(other));
        let key = signing_key(SignatureAlgorithm::Es256);
        assert!(!Unverified::parse(&bad).is_ok_and(|token| key.verifying_key().verify(&token).is_ok()));
    }
}

#[test]
fn wrong_number_of_parts_is_refused() {
    let token = token();
    let jwe = jwe();
    for bad in ["", ".", "a", "a.b", "....", &format!(".{token}"), &format!("{token}."), &format!("{token}.AA"), &jwe] {
        refused!(Unverified::parse(bad), ParseError::PartCount { expected: 3, .. });
    }
    for bad in ["", "..", ".....", &format!(".{jwe}"), &format!("{jwe}."), &token] {
        refused!(Undecrypted::parse(bad), ParseError::PartCount { expected: 5, .. });
    }
}

#[test]
fn empty_parts_are_refused() {
    let key = signing_key(SignatureAlgorithm::Es256);
    for part in 0..3 {
        let bad = edit_part(&token(), part, |_| String::new());
        assert!(!Unverified::parse(&bad).is_ok_and(|token| key.verifying_key().verify(&token).is_ok()), "part {part}");
    }
    assert!(Unverified::parse("..").is_err());

    let key = decryption_key(jwtis_jose::KeyManagementAlgorithm::EcdhEsA128Kw, "P-256");
    for part in 0..5 {
        let bad = edit_part(&jwe(), part, |_| String::new());
        assert!(!Undecrypted::parse(&bad).is_ok_and(|token| key.decrypt(&token, ANY_ENC).is_ok()), "part {part}");
    }
    assert!(Undecrypted::parse("....").is_err());
}

#[test]
fn oversized_tokens_are_refused_before_they_are_decoded() {
    let long = "!".repeat(MAX_TOKEN_BYTES + 1);
    refused!(Unverified::parse(&long), ParseError::TooLong { .. });
    refused!(Undecrypted::parse(&long), ParseError::TooLong { .. });
    let token = forge_es256(r#"{"alg":"ES256"}"#, &vec![0; MAX_TOKEN_BYTES]);
    refused!(Unverified::parse(&token), ParseError::TooLong { .. });
}

#[test]
fn oversized_header_is_refused() {
    let header = format!(r#"{{"alg":"ES256","x":"{}"}}"#, "x".repeat(200_000));
    refused!(Unverified::parse(&forge_es256(&header, b"")), ParseError::Header(HeaderError::TooLong { .. }));
}

#[test]
fn deeply_nested_header_is_refused_and_does_not_exhaust_the_stack() {
    for depth in [20, 7_000] {
        let header = format!(r#"{{"alg":"ES256","x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        refused!(Unverified::parse(&forge_es256(&header, b"")), ParseError::Header(HeaderError::Json(..)));
    }
}

#[test]
fn duplicate_header_members_are_refused() {
    for header in [
        r#"{"alg":"none","alg":"ES256"}"#,
        r#"{"alg":"ES256","alg":"ES256"}"#,
        r#"{"alg":"ES256","\u0061lg":"none"}"#,
        r#"{"alg":"ES256","kid":"a","kid":"b"}"#,
        r#"{"alg":"ES256","unknown":{"a":1,"a":2}}"#,
    ] {
        refused!(Unverified::parse(&forge_es256(header, b"")), ParseError::Header(HeaderError::Json(..)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parsers_never_panic(bytes: Vec<u8>, text: String, pem in "-----BEGIN PRIVATE KEY-----\n[A-Za-z0-9+/=\n]{0,80}\n-----END PRIVATE KEY-----\n?") {
        use jwtis_jose::{ClaimsSet, DecryptionKey, Jwk, JwkSet, KeyManagementAlgorithm as K, SigningKey, base64url, json};
        let _ = (json::parse(&bytes, 4), json::parse(text.as_bytes(), 4), base64url::decode(&text));
        let _ = (ClaimsSet::parse(&bytes), Jwk::parse(&bytes), JwkSet::parse(&bytes), Jwk::parse(text.as_bytes()));
        let _ = (Unverified::parse(&text), Undecrypted::parse(&text));
        let _ = (SigningKey::from_jwk(&bytes), DecryptionKey::from_jwk(&bytes));
        for alg in SignatureAlgorithm::ALL {
            let _ = (SigningKey::from_pkcs8_der(*alg, &bytes), SigningKey::from_pkcs8_pem(*alg, &text), SigningKey::from_pkcs8_pem(*alg, &pem));
        }
        for alg in [K::RsaOaep, K::EcdhEs] {
            let _ = (DecryptionKey::from_pkcs8_der(alg, &bytes), DecryptionKey::from_pkcs8_pem(alg, &pem));
        }
        let _ = (text.parse::<SignatureAlgorithm>(), text.parse::<K>(), text.parse::<jwtis_jose::ContentEncryption>());
    }

    #[test]
    fn parsers_never_panic_on_near_tokens(header in "\\{\"alg\":\"(ES256|ECDH-ES|x)\",\"enc\":\"A128GCM\"(,\"(epk|crit|kid|apu|b64|zip)\":(1|null|\"a\"|\\[\\]|\\{\\}|\\{\"kty\":\"EC\"\\}))?\\}", parts: [Vec<u8>; 4]) {
        let [key, iv, text, tag] = parts.map(b64u);
        let header = b64u(header);
        let signing = signing_key(SignatureAlgorithm::Es256);
        if let Ok(token) = Unverified::parse(&format!("{header}.{text}.{tag}")) {
            prop_assert!(signing.verifying_key().verify(&token).is_err());
        }
        let decryption = decryption_key(jwtis_jose::KeyManagementAlgorithm::EcdhEs, "P-256");
        if let Ok(token) = Undecrypted::parse(&format!("{header}.{key}.{iv}.{text}.{tag}")) {
            prop_assert!(decryption.decrypt(&token, ANY_ENC).is_err());
        }
    }

    #[test]
    fn a_pkcs8_key_with_one_byte_changed_never_panics(at in 0_usize..3000, bit in 0_u8..8) {
        for (name, alg) in [("P-256", "ES256"), ("P-521", "ES512"), ("Ed25519", "EdDSA"), ("RSA-2048", "RS256")] {
            let mut der = crate::common::test_key_der(name);
            let at = at % der.len();
            der[at] ^= 1 << bit;
            let alg: SignatureAlgorithm = alg.parse().unwrap();
            if let Ok(key) = jwtis_jose::SigningKey::from_pkcs8_der(alg, &der) {
                // What was taken is at least one key: its halves belong together.
                let token = key.sign(&Default::default(), b"x");
                prop_assert!(token.is_err() || key.verifying_key().verify(&Unverified::parse(&token.unwrap()).unwrap()).is_ok());
            }
        }
    }
}

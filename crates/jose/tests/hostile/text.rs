//! One token, one text: spellings that a lenient reader takes and a list of revoked tokens misses.

use jwtis_jose::{
    Base64Error, HeaderError, MAX_TOKEN_BYTES, ParseError, SignatureAlgorithm, Undecrypted, Unverified,
};

use crate::common::{
    ANY_ENC, b64u, decryption_key, edit_part, forge_es256, refused, sign_es256, signing_key,
};

fn token() -> String {
    signing_key(SignatureAlgorithm::Es256)
        .sign(&jwtis_jose::ProtectedHeader::JWT, b"{\"sub\":\"alice\"}")
        .unwrap()
}

fn jwe() -> String {
    let key = decryption_key(jwtis_jose::KeyManagementAlgorithm::EcdhEsA128Kw, "P-256");
    key.encryption_key()
        .encrypt(jwtis_jose::ContentEncryption::A128Gcm, &Default::default(), b"text")
        .unwrap()
}

#[test]
fn padding_is_refused_in_every_part() {
    for part in 0..3 {
        let padded = edit_part(&token(), part, |text| {
            format!("{text}{}", if text.len() % 4 == 2 { "==" } else { "=" })
        });
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
        refused!(
            Unverified::parse(&bad),
            ParseError::Base64 { source: Base64Error::Character { .. }, part: "payload" }
        );
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
                    assert!(
                        Unverified::parse(&changed).is_err() && Undecrypted::parse(&changed).is_err(),
                        "{changed:?}"
                    );
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
    for bad in [
        "",
        ".",
        "a",
        "a.b",
        "....",
        &format!(".{token}"),
        &format!("{token}."),
        &format!("{token}.AA"),
        &jwe,
    ] {
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
        assert!(
            !Unverified::parse(&bad).is_ok_and(|token| key.verifying_key().verify(&token).is_ok()),
            "part {part}"
        );
    }
    assert!(Unverified::parse("..").is_err());

    let key = decryption_key(jwtis_jose::KeyManagementAlgorithm::EcdhEsA128Kw, "P-256");
    for part in 0..5 {
        let bad = edit_part(&jwe(), part, |_| String::new());
        assert!(
            !Undecrypted::parse(&bad).is_ok_and(|token| key.decrypt(&token, ANY_ENC).is_ok()),
            "part {part}"
        );
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

//! One token, one text: spellings that a lenient reader takes and a list of revoked tokens misses.

use jwtis_jose::{Base64Error, MAX_TOKEN_BYTES, ParseError, SignatureAlgorithm, Undecrypted, Unverified};

use crate::common::{ANY_ENC, decryption_key, edit_part, forge_es256, refused, signing_key};

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
        refused!(Unverified::parse(&padded), ParseError::Base64(_, Base64Error::Padding));
    }
    for part in 0..5 {
        let padded = edit_part(&jwe(), part, |text| format!("{text}="));
        refused!(Undecrypted::parse(&padded), ParseError::Base64(_, Base64Error::Padding));
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
    refused!(Unverified::parse(&long), ParseError::TooLong(_));
    refused!(Undecrypted::parse(&long), ParseError::TooLong(_));
    let token = forge_es256(r#"{"alg":"ES256"}"#, &vec![0; MAX_TOKEN_BYTES]);
    refused!(Unverified::parse(&token), ParseError::TooLong(_));
}

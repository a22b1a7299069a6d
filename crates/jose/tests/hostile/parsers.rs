//! No parser panics, whatever it is given: arbitrary bytes, and good documents with something changed.

use jwtis_jose::{
    ClaimsSet, ContentEncryption, DecryptionKey, Jwk, JwkSet, KeyManagementAlgorithm, SignatureAlgorithm,
    SigningKey, Undecrypted, Unverified, base64url, json, jwt,
};
use proptest::prelude::*;

use crate::common::{
    ANY_ENC, b64u, decryption_key, forge_es256, public, signing_key, test_key, test_key_der, with,
};

/// The header of a token with zero to two members that matter, of any type.
const HEADER: &str = concat!(
    r#"\{"alg":"(ES256|ECDH-ES|none)""#,
    r#"(,"enc":"A128GCM")?"#,
    r#"(,"(epk|crit|kid|typ|apu|b64|zip)":(1|null|"a"|\[\]|\["b64"\]|\{\}|\{"kty":"EC","crv":"P-256"\}))?"#,
    r"\}?"
);

const PEM: &str = "-----BEGIN PRIVATE KEY-----\n[A-Za-z0-9+/=\n]{0,80}\n-----END PRIVATE KEY-----\n?";

fn config() -> ProptestConfig {
    ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() }
}

/// `document` with one byte replaced.
fn changed(document: &[u8], at: usize, byte: u8) -> Vec<u8> {
    let mut document = document.to_vec();
    let at = at % document.len();
    document[at] = byte;
    document
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn parsers_never_panic(bytes: Vec<u8>, text: String, pem in PEM) {
        let _ = (json::parse(&bytes, 4), json::parse(text.as_bytes(), 4), base64url::decode(&text));
        let _ = (ClaimsSet::parse(&bytes), Jwk::parse(&bytes), JwkSet::parse(&bytes), Jwk::parse(text.as_bytes()));
        let _ = (SigningKey::from_jwk(&bytes), DecryptionKey::from_jwk(&bytes));
        prop_assert!(Unverified::parse(&text).is_err() && Undecrypted::parse(&text).is_err());
        for alg in SignatureAlgorithm::ALL {
            prop_assert!(SigningKey::from_pkcs8_der(*alg, &bytes).is_err());
            prop_assert!(SigningKey::from_pkcs8_pem(*alg, &text).is_err());
            prop_assert!(SigningKey::from_pkcs8_pem(*alg, &pem).is_err());
        }
        for alg in KeyManagementAlgorithm::ALL {
            prop_assert!(DecryptionKey::from_pkcs8_der(*alg, &bytes).is_err());
            prop_assert!(DecryptionKey::from_pkcs8_pem(*alg, &pem).is_err());
        }
        let _ = (text.parse::<SignatureAlgorithm>(), text.parse::<KeyManagementAlgorithm>(), text.parse::<ContentEncryption>());
    }

    #[test]
    fn parsers_never_panic_on_near_tokens(header in HEADER, parts: [Vec<u8>; 4]) {
        let [key, iv, text, tag] = parts.map(b64u);
        let header = b64u(header);
        if let Ok(token) = Unverified::parse(&format!("{header}.{text}.{tag}")) {
            prop_assert!(signing_key(SignatureAlgorithm::Es256).verifying_key().verify(&token).is_err());
        }
        let decryption = decryption_key(KeyManagementAlgorithm::EcdhEs, "P-256");
        let token = format!("{header}.{key}.{iv}.{text}.{tag}");
        prop_assert!(jwt::open_nested(&decryption, ANY_ENC, &token).is_err());
    }

    #[test]
    fn a_token_with_any_byte_replaced_never_passes(at: usize, byte in 0_u8..128) {
        let token = forge_es256(r#"{"alg":"ES256"}"#, b"{}");
        let other = String::from_utf8(changed(token.as_bytes(), at, byte)).unwrap();
        if let Ok(parsed) = Unverified::parse(&other) {
            let passed = signing_key(SignatureAlgorithm::Es256).verifying_key().verify(&parsed).is_ok();
            prop_assert_eq!(passed, other == token);
        }
    }

    #[test]
    fn a_jwk_with_any_byte_replaced_never_panics(at: usize, byte: u8, name in "P-256|P-521|Ed25519|X25519|RSA-2048") {
        let private = test_key(&name)["jwk"].clone();
        let alg = match name.as_str() {
            "P-256" => "ES256",
            "P-521" => "ES512",
            "Ed25519" => "EdDSA",
            "X25519" => "ECDH-ES",
            _ => "PS256",
        };
        let private = with(&private, serde_json::json!({"alg": alg}));
        let public = public(&private).to_string();
        let set = format!(r#"{{"keys":[{public}]}}"#);
        let private = changed(private.to_string().as_bytes(), at, byte);
        let _ = (SigningKey::from_jwk(&private), DecryptionKey::from_jwk(&private));
        let _ = (Jwk::parse(&changed(public.as_bytes(), at, byte)), JwkSet::parse(&changed(set.as_bytes(), at, byte)));
    }

    #[test]
    fn a_pkcs8_key_with_any_byte_replaced_is_refused_or_whole(at: usize, byte: u8) {
        for alg in ["ES256", "ES512", "EdDSA", "RS256"] {
            let alg: SignatureAlgorithm = alg.parse().unwrap();
            let der = changed(&test_key_der(crate::common::key_name(alg)), at, byte);
            if let Ok(key) = SigningKey::from_pkcs8_der(alg, &der) {
                // What was taken is one key: its halves belong together.
                let token = key.sign(&jwtis_jose::ProtectedHeader::default(), b"x").unwrap();
                prop_assert!(key.verifying_key().verify(&Unverified::parse(&token).unwrap()).is_ok());
            }
        }
    }
}

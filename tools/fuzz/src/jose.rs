//! Tokens and keys: JWS, JWE, JWK, PKCS#8 and claims.

use std::sync::OnceLock;
use std::time::Duration;

use jwtis_jose::{
    ClaimsSet, ContentEncryption, DecryptError, DecryptionKey, Jwk, JwkSet, KeyManagementAlgorithm,
    ProtectedHeader, SignatureAlgorithm, SigningKey, Undecrypted, Unverified, Validation, VerifyError,
    VerifyingKey, base64url, json, jwt,
};
use serde_json::Value;

use super::seeds;

const TEXT: &[u8] = br#"{"iss":"i","sub":"alice","aud":["shop"],"exp":1800000600,"iat":1800000000}"#;

/// Names of test keys, and an algorithm for each.
const SIGNING: &[(&str, &str)] = &[
    ("ES256", "P-256"),
    ("ES384", "P-384"),
    ("ES512", "P-521"),
    ("EdDSA", "Ed25519"),
    ("RS256", "RSA-2048"),
    ("PS256", "RSA-2048"),
];

const DECRYPTION: &[(&str, &str)] = &[
    ("RSA1_5", "RSA-2048"),
    ("RSA-OAEP", "RSA-2048"),
    ("RSA-OAEP-256", "RSA-2048"),
    ("ECDH-ES", "P-256"),
    ("ECDH-ES", "P-384"),
    ("ECDH-ES", "P-521"),
    ("ECDH-ES", "X25519"),
    ("ECDH-ES+A128KW", "P-256"),
    ("ECDH-ES+A192KW", "X25519"),
    ("ECDH-ES+A256KW", "P-521"),
];

fn pem(name: &str) -> String {
    seeds::key(name)["pkcs8_pem"].as_str().unwrap().to_owned()
}

fn signing_keys() -> &'static [SigningKey] {
    static KEYS: OnceLock<Vec<SigningKey>> = OnceLock::new();
    KEYS.get_or_init(|| {
        let key = |(alg, name): &(&str, &str)| {
            SigningKey::from_pkcs8_pem(alg.parse().unwrap(), &pem(name)).unwrap()
        };
        SIGNING.iter().map(key).collect()
    })
}

fn decryption_keys() -> &'static [DecryptionKey] {
    static KEYS: OnceLock<Vec<DecryptionKey>> = OnceLock::new();
    KEYS.get_or_init(|| {
        let key = |(alg, name): &(&str, &str)| {
            DecryptionKey::from_pkcs8_pem(alg.parse().unwrap(), &pem(name)).unwrap()
        };
        DECRYPTION.iter().map(key).collect()
    })
}

/// What the test keys have signed, and nothing else: header, dot, payload.
fn signed() -> &'static [String] {
    static SIGNED: OnceLock<Vec<String>> = OnceLock::new();
    SIGNED.get_or_init(|| {
        let input = |token: String| token.rsplit_once('.').unwrap().0.to_owned();
        signing_keys().iter().map(|key| input(key.sign(&ProtectedHeader::JWT, TEXT).unwrap())).collect()
    })
}

/// Data as a compact token: as it is, or, behind a byte ff, parts between bytes ff that are still to be written as base64url.
fn compact(data: &[u8]) -> Option<String> {
    match data.strip_prefix(&[0xff]) {
        Some(parts) => {
            let parts: Vec<String> = parts.split(|byte| *byte == 0xff).map(base64url::encode).collect();
            Some(parts.join("."))
        }
        None => std::str::from_utf8(data).ok().map(str::to_owned),
    }
}

/// One byte string has one text: every part is what its bytes are written as.
fn one_text(token: &str) {
    for part in token.split('.') {
        assert_eq!(base64url::encode(&base64url::decode(part).unwrap()), part);
    }
}

/// What is parsed is canonical; what verifies was signed by us, and says what it said before it was verified.
pub fn jws(data: &[u8]) {
    let Some(token) = compact(data) else { return };
    let Ok(parsed) = Unverified::parse(&token) else { return };
    assert_eq!(token.split('.').count(), 3);
    one_text(&token);
    let payload = token.split('.').nth(1).unwrap();
    assert_eq!(base64url::encode(parsed.danger_unverified_payload()), payload);
    assert!(parsed.header().enc().is_none() && parsed.header().alg() != "none");
    assert!(Undecrypted::parse(&token).is_err(), "a token is signed or encrypted");
    for key in signing_keys() {
        match key.verifying_key().verify(&parsed) {
            Ok(verified) => {
                let input = token.rsplit_once('.').unwrap().0;
                assert!(signed().iter().any(|known| known == input), "a forgery: {token}");
                assert_eq!(verified.payload(), parsed.danger_unverified_payload());
                assert_eq!(verified.header().alg(), key.algorithm().name());
                claims(verified.payload());
            }
            Err(VerifyError::Algorithm(_, alg)) => assert_ne!(parsed.header().alg(), alg),
            Err(_) => assert_eq!(parsed.header().alg(), key.algorithm().name()),
        }
    }
}

pub fn jws_seeds() -> Vec<Vec<u8>> {
    let mut found = seeds::bytes(seeds::texts(|text| text.matches('.').count() == 2 && text.len() < 4096));
    for key in signing_keys() {
        let token = key.sign(&ProtectedHeader::JWT, TEXT).unwrap();
        found.push(unpacked(&token));
        found.push(token.into_bytes());
    }
    found
}

fn unpacked(token: &str) -> Vec<u8> {
    let parts = token.split('.').map(|part| base64url::decode(part).unwrap());
    parts.flat_map(|part| [vec![0xff], part].concat()).collect()
}

const PLAINTEXT: &[u8] = b"what was encrypted by the seeds";

/// What decrypts was encrypted by the seeds; nobody gets around the accepted content encryptions; a token for another algorithm is
/// refused by name.
pub fn jwe(data: &[u8]) {
    let Some(token) = compact(data) else { return };
    let Ok(parsed) = Undecrypted::parse(&token) else {
        return;
    };
    assert_eq!(token.split('.').count(), 5);
    one_text(&token);
    assert!(Unverified::parse(&token).is_err(), "a token is signed or encrypted");
    for key in decryption_keys() {
        if key.algorithm().name() != parsed.header().alg() {
            let refused = key.decrypt(&parsed, ContentEncryption::ALL);
            assert!(matches!(refused, Err(DecryptError::Algorithm(..))));
            continue;
        }
        assert!(key.decrypt(&parsed, &[]).is_err(), "no content encryption was accepted");
        match key.decrypt(&parsed, ContentEncryption::ALL) {
            Ok(decrypted) => {
                let text = decrypted.plaintext();
                assert!(text == PLAINTEXT || Unverified::parse(std::str::from_utf8(text).unwrap()).is_ok());
                let enc: ContentEncryption = parsed.header().enc().unwrap().parse().unwrap();
                let others: Vec<_> =
                    ContentEncryption::ALL.iter().copied().filter(|other| *other != enc).collect();
                assert!(matches!(key.decrypt(&parsed, &others), Err(DecryptError::ContentEncryption(..))));
                let nested = jwt::open_nested(key, ContentEncryption::ALL, &token);
                assert_eq!(nested.is_ok(), text != PLAINTEXT);
            }
            Err(error) => {
                assert!(!matches!(error, DecryptError::Algorithm(..)));
                assert!(jwt::open_nested(key, ContentEncryption::ALL, &token).is_err());
            }
        }
    }
}

pub fn jwe_seeds() -> Vec<Vec<u8>> {
    let mut found = seeds::bytes(seeds::texts(|text| text.matches('.').count() == 4 && text.len() < 4096));
    for (index, key) in decryption_keys().iter().enumerate() {
        let enc = ContentEncryption::ALL[index % ContentEncryption::ALL.len()];
        // Nobody encrypts by RSA1_5 any more.
        let Ok(token) = key.encryption_key().encrypt(enc, &ProtectedHeader::default(), PLAINTEXT) else {
            continue;
        };
        found.push(unpacked(&token));
        found.push(token.into_bytes());
        let inner = ProtectedHeader { typ: Some("refresh+jwt"), cty: None };
        let nested = jwt::nest(&signing_keys()[3], &inner, key.encryption_key(), enc, TEXT).unwrap();
        found.push(nested.into_bytes());
    }
    found
}

/// A public key reads back what it prints, with the same thumbprint; a private key keeps its public half, signs what it verifies and
/// decrypts what is encrypted to it; and no private key is taken for a public one.
pub fn jwk(data: &[u8]) {
    if let Ok(key) = Jwk::parse(data) {
        let printed = key.to_json();
        let again = Jwk::parse(printed.as_bytes()).unwrap();
        assert!(again == key && again.to_json() == printed && again.thumbprint() == key.thumbprint());
        assert_eq!(base64url::decode(&key.thumbprint()).unwrap().len(), 32);
        let _ = (VerifyingKey::from_jwk(&key), jwtis_jose::EncryptionKey::from_jwk(&key));
        // As a member of a set it is the same key.
        let set = JwkSet::parse(format!(r#"{{"keys":[{printed}]}}"#).as_bytes()).unwrap();
        assert!(set.keys == [key.clone()]);
        assert!(serde_json::from_slice::<Jwk>(data).unwrap() == key);
    } else if data.len() < 8192 {
        assert!(serde_json::from_slice::<Jwk>(data).is_err(), "two readers, two opinions");
    }
    if let Ok(set) = JwkSet::parse(data) {
        let again = JwkSet::parse(&serde_json::to_vec(&set).unwrap()).unwrap();
        assert!(again == set);
        for key in &set.keys {
            assert!(key.kid().is_none_or(|kid| set.find(kid) == Some(key)));
        }
    }
    if let Ok(key) = SigningKey::from_jwk(data) {
        assert!(Jwk::parse(data).is_err(), "a private key is no public one");
        signing_key(&key);
        let again = SigningKey::from_jwk(key.to_jwk().unwrap().as_bytes()).unwrap();
        assert!(again.public_jwk() == key.public_jwk() && again.kid() == key.kid());
    }
    if let Ok(key) = DecryptionKey::from_jwk(data) {
        assert!(Jwk::parse(data).is_err(), "a private key is no public one");
        decryption_key(&key);
        let again = DecryptionKey::from_jwk(key.to_jwk().unwrap().as_bytes()).unwrap();
        assert!(again.public_jwk() == key.public_jwk() && again.kid() == key.kid());
    }
}

fn signing_key(key: &SigningKey) {
    let token = key.sign(&ProtectedHeader::default(), b"x").unwrap();
    key.verifying_key().verify(&Unverified::parse(&token).unwrap()).unwrap();
    let other = VerifyingKey::from_jwk(&Jwk::parse(key.public_jwk().to_json().as_bytes()).unwrap()).unwrap();
    other.verify(&Unverified::parse(&token).unwrap()).unwrap();
    let again = SigningKey::from_pkcs8_der(key.algorithm(), &key.to_pkcs8_der().unwrap()).unwrap();
    assert_eq!(again.public_jwk().thumbprint(), key.public_jwk().thumbprint());
    let again = SigningKey::from_pkcs8_pem(key.algorithm(), &key.to_pkcs8_pem().unwrap()).unwrap();
    assert_eq!(again.public_jwk().thumbprint(), key.public_jwk().thumbprint());
}

fn decryption_key(key: &DecryptionKey) {
    let enc = ContentEncryption::A256Gcm;
    if let Ok(token) = key.encryption_key().encrypt(enc, &ProtectedHeader::default(), b"x") {
        let decrypted = key.decrypt(&Undecrypted::parse(&token).unwrap(), &[enc]).unwrap();
        assert_eq!(decrypted.plaintext(), b"x");
    }
    let again = DecryptionKey::from_pkcs8_der(key.algorithm(), &key.to_pkcs8_der().unwrap()).unwrap();
    assert_eq!(again.public_jwk().thumbprint(), key.public_jwk().thumbprint());
    let again = DecryptionKey::from_pkcs8_pem(key.algorithm(), &key.to_pkcs8_pem().unwrap()).unwrap();
    assert_eq!(again.public_jwk().thumbprint(), key.public_jwk().thumbprint());
}

pub fn jwk_seeds() -> Vec<Vec<u8>> {
    let values = seeds::values().into_iter().filter(|value| {
        value.get("kty").is_some_and(Value::is_string) || value.get("keys").is_some_and(Value::is_array)
    });
    let mut found: Vec<Vec<u8>> = values.map(|value| value.to_string().into_bytes()).collect();
    for key in signing_keys() {
        found.push(key.to_jwk().unwrap().as_bytes().to_vec());
        found.push(key.public_jwk().to_json().into_bytes());
    }
    for key in decryption_keys() {
        found.push(key.to_jwk().unwrap().as_bytes().to_vec());
        found.push(key.public_jwk().to_json().into_bytes());
    }
    let keys: Vec<Value> =
        signing_keys().iter().map(|key| serde_json::from_str(&key.public_jwk().to_json()).unwrap()).collect();
    found.push(serde_json::json!({ "keys": keys }).to_string().into_bytes());
    found
}

/// A PKCS#8 key that is taken, in DER or PEM, is one whole key.
pub fn pkcs8(data: &[u8]) {
    let pem = std::str::from_utf8(data).ok();
    for alg in [
        SignatureAlgorithm::Es256,
        SignatureAlgorithm::Es384,
        SignatureAlgorithm::Es512,
        SignatureAlgorithm::EdDsa,
        SignatureAlgorithm::Rs256,
    ] {
        if let Ok(key) = SigningKey::from_pkcs8_der(alg, data) {
            signing_key(&key);
            assert!(pem.is_none_or(|pem| SigningKey::from_pkcs8_pem(alg, pem).is_err()));
        }
        if let Some(Ok(key)) = pem.map(|pem| SigningKey::from_pkcs8_pem(alg, pem)) {
            signing_key(&key);
        }
    }
    for alg in [KeyManagementAlgorithm::EcdhEs, KeyManagementAlgorithm::RsaOaep256] {
        if let Ok(key) = DecryptionKey::from_pkcs8_der(alg, data) {
            decryption_key(&key);
        }
        if let Some(Ok(key)) = pem.map(|pem| DecryptionKey::from_pkcs8_pem(alg, pem)) {
            decryption_key(&key);
        }
    }
}

pub fn pkcs8_seeds() -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for key in signing_keys() {
        found.push(key.to_pkcs8_der().unwrap().to_vec());
    }
    for key in decryption_keys() {
        found.push(key.to_pkcs8_der().unwrap().to_vec());
    }
    found.extend(seeds::keys().iter().filter_map(|key| Some(key["pkcs8_pem"].as_str()?.as_bytes().to_vec())));
    found
}

/// Claims are printed as they are read; an ordinary JSON reader reads the same.
pub fn claims(data: &[u8]) {
    let Ok(claims) = ClaimsSet::parse(data) else {
        return;
    };
    let printed = claims.to_json();
    let again = ClaimsSet::parse(&printed).unwrap();
    assert!(again == claims && again.to_json() == printed);
    let value: Value = serde_json::from_slice(data).unwrap();
    assert!(claims.clone().into_value() == value, "an ordinary reader reads something else");
    assert!(json::parse(data, 64).unwrap() == value);
    assert!(ClaimsSet::from_value(value.clone()).unwrap() == claims);
    assert!(serde_json::from_slice::<ClaimsSet>(data).unwrap() == claims);
    assert_eq!(claims.len(), claims.iter().count());
    let _ = (claims.issuer(), claims.subject(), claims.jwt_id(), claims.not_before(), claims.issued_at());
    for now in [0, 1_800_000_000, u64::MAX] {
        let here =
            Validation { now, leeway: Duration::from_secs(30), issuer: Some("i"), audience: Some("shop") };
        if here.check(&claims).is_ok() {
            assert_eq!(claims.issuer().unwrap(), Some("i"));
            assert!(claims.audience().unwrap().contains(&"shop"));
            assert!(claims.expiration_time().unwrap().is_none_or(|exp| now < exp.saturating_add(30)));
            assert!(claims.not_before().unwrap().is_none_or(|nbf| nbf <= now.saturating_add(30)));
        }
    }
}

pub fn claims_seeds() -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> = seeds::values()
        .into_iter()
        .filter(|value| value.is_object())
        .map(|value| value.to_string().into_bytes())
        .filter(|text| text.len() < 1000)
        .collect();
    found.push(TEXT.to_vec());
    found.push(br#"{"nbf":1.5e3,"aud":"shop","iss":"i","a":[{"b":[[]]},-0,1e-7,0.1,9007199254740991],"\u00e9\ud83d\ude00":null}"#.to_vec());
    found
}

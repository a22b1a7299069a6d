//! What the test crates share: the vectors, the test keys, and a small JOSE of our own.
//!
//! The tokens that tests forge are made here, straight over AWS-LC and never with the crate under test: a fault that both
//! halves of the crate shared would otherwise cancel out.
#![allow(dead_code, unused_imports, unused_macros, reason = "each test crate uses its own part")]

use std::sync::OnceLock;

use aws_lc_rs::{aead, agreement, digest, rand::SystemRandom, signature as raw};
use serde_json::{Map, Value};

pub(crate) use jwtis_jose::{
    ContentEncryption, DecryptionKey, Jwk, KeyManagementAlgorithm, SignatureAlgorithm, SigningKey,
    VerifyingKey,
};

/// Every content encryption: what a test passes when it is not about pinning.
pub(crate) const ANY_ENC: &[ContentEncryption] = ContentEncryption::ALL;

/// A vector file, see `vectors/README.md`.
pub(crate) fn vectors(file: &str) -> Value {
    let path = format!("{}/tests/vectors/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A test key of `keys.json`, e.g. `P-256`: its PKCS#8 PEM and its private JWK.
pub(crate) fn test_key(name: &str) -> Value {
    static KEYS: OnceLock<Value> = OnceLock::new();
    KEYS.get_or_init(|| vectors("keys"))[name].clone()
}

/// The PKCS#8 DER of a test key.
pub(crate) fn test_key_der(name: &str) -> Vec<u8> {
    let pem = text(&test_key(name)["pkcs8_pem"]).to_owned();
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    base64_simd::STANDARD.decode_to_vec(body).unwrap()
}

/// A JSON string's text.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}"))
}

pub(crate) fn b64u(bytes: impl AsRef<[u8]>) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes.as_ref())
}

pub(crate) fn unb64u(text: &str) -> Vec<u8> {
    base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text).unwrap()
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// `jwk` with these members set, or removed where the value is null.
pub(crate) fn with(jwk: &Value, members: Value) -> Value {
    let mut object = jwk.as_object().unwrap().clone();
    for (name, value) in members.as_object().unwrap() {
        if value.is_null() {
            object.shift_remove(name);
        } else {
            object.insert(name.clone(), value.clone());
        }
    }
    Value::Object(object)
}

/// The public half of a JWK.
pub(crate) fn public(jwk: &Value) -> Value {
    let private = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
    let kept: Map<String, Value> = jwk
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| !private.contains(&name.as_str()))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect();
    Value::Object(kept)
}

pub(crate) fn parse_jwk(json: &Value) -> Jwk {
    Jwk::parse(json.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error}: {json}"))
}

/// The verifying key of a public or private JWK whose `alg` is set to `alg`, as an issuer would publish it.
pub(crate) fn verifying_key(jwk: &Value, alg: &str) -> VerifyingKey {
    VerifyingKey::from_jwk(&parse_jwk(&with(&public(jwk), serde_json::json!({"alg": alg})))).unwrap()
}

/// The name in `keys.json` of a key that fits `alg`.
pub(crate) fn key_name(alg: SignatureAlgorithm) -> &'static str {
    match alg.name() {
        "ES256" => "P-256",
        "ES384" => "P-384",
        "ES512" => "P-521",
        "EdDSA" => "Ed25519",
        _ => "RSA-2048",
    }
}

pub(crate) fn signing_key(alg: SignatureAlgorithm) -> SigningKey {
    SigningKey::from_pkcs8_der(alg, &test_key_der(key_name(alg))).unwrap()
}

/// Every key management algorithm with every curve it can use.
pub(crate) const KEY_MANAGEMENT: &[(KeyManagementAlgorithm, &str)] = &[
    (KeyManagementAlgorithm::DangerRsa15, "RSA-2048"),
    (KeyManagementAlgorithm::RsaOaep, "RSA-2048"),
    (KeyManagementAlgorithm::RsaOaep256, "RSA-2048"),
    (KeyManagementAlgorithm::EcdhEs, "P-256"),
    (KeyManagementAlgorithm::EcdhEs, "P-384"),
    (KeyManagementAlgorithm::EcdhEs, "P-521"),
    (KeyManagementAlgorithm::EcdhEs, "X25519"),
    (KeyManagementAlgorithm::EcdhEsA128Kw, "P-256"),
    (KeyManagementAlgorithm::EcdhEsA128Kw, "P-384"),
    (KeyManagementAlgorithm::EcdhEsA128Kw, "P-521"),
    (KeyManagementAlgorithm::EcdhEsA128Kw, "X25519"),
    (KeyManagementAlgorithm::EcdhEsA192Kw, "P-256"),
    (KeyManagementAlgorithm::EcdhEsA192Kw, "P-384"),
    (KeyManagementAlgorithm::EcdhEsA192Kw, "P-521"),
    (KeyManagementAlgorithm::EcdhEsA192Kw, "X25519"),
    (KeyManagementAlgorithm::EcdhEsA256Kw, "P-256"),
    (KeyManagementAlgorithm::EcdhEsA256Kw, "P-384"),
    (KeyManagementAlgorithm::EcdhEsA256Kw, "P-521"),
    (KeyManagementAlgorithm::EcdhEsA256Kw, "X25519"),
];

pub(crate) fn decryption_key(alg: KeyManagementAlgorithm, name: &str) -> DecryptionKey {
    DecryptionKey::from_pkcs8_der(alg, &test_key_der(name)).unwrap()
}

/// A compact JWS over any header text, truly signed by the test key P-256: what a test changes is the only thing wrong with it.
pub(crate) fn forge_es256(header: &str, payload: &[u8]) -> String {
    sign_es256(&format!("{}.{}", b64u(header), b64u(payload)))
}

/// Appends the ES256 signature of the test key P-256 to any signing input.
pub(crate) fn sign_es256(input: &str) -> String {
    let key =
        raw::EcdsaKeyPair::from_pkcs8(&raw::ECDSA_P256_SHA256_FIXED_SIGNING, &test_key_der("P-256")).unwrap();
    let signature = key.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
    format!("{input}.{}", b64u(signature))
}

/// A compact JWE with a content key that the caller knows. The IV is fixed: these are test messages.
pub(crate) fn forge_jwe(header: &str, encrypted_key: &[u8], cek: &[u8], plaintext: &[u8]) -> String {
    let protected = b64u(header);
    let iv = [7_u8; 12];
    let algorithm = match cek.len() {
        16 => &aead::AES_128_GCM,
        24 => &aead::AES_192_GCM,
        _ => &aead::AES_256_GCM,
    };
    let key = aead::LessSafeKey::new(aead::UnboundKey::new(algorithm, cek).unwrap());
    let mut text = plaintext.to_vec();
    let tag = key
        .seal_in_place_separate_tag(
            aead::Nonce::assume_unique_for_key(iv),
            aead::Aad::from(protected.as_bytes()),
            &mut text,
        )
        .unwrap();
    format!("{protected}.{}.{}.{}.{}", b64u(encrypted_key), b64u(iv), b64u(text), b64u(tag))
}

/// Concat KDF of NIST SP 800-56A with SHA-256, as RFC 7518 §4.6.2 uses it.
pub(crate) fn concat_kdf(z: &[u8], algorithm: &str, apu: &[u8], apv: &[u8], bytes: usize) -> Vec<u8> {
    let mut info = Vec::new();
    for part in [algorithm.as_bytes(), apu, apv] {
        info.extend_from_slice(&u32::try_from(part.len()).unwrap().to_be_bytes());
        info.extend_from_slice(part);
    }
    info.extend_from_slice(&u32::try_from(bytes * 8).unwrap().to_be_bytes());
    let mut out = Vec::new();
    for round in 1_u32.. {
        if out.len() >= bytes {
            break;
        }
        let block = [&round.to_be_bytes()[..], z, &info].concat();
        out.extend_from_slice(digest::digest(&digest::SHA256, &block).as_ref());
    }
    out.truncate(bytes);
    out
}

/// AES key wrap (RFC 3394) of a content key.
pub(crate) fn wrap(kek: &[u8], cek: &[u8]) -> Vec<u8> {
    use aes_kw::KeyInit as _;
    let mut out = vec![0; cek.len() + 8];
    match kek.len() {
        16 => aes_kw::KwAes128::new_from_slice(kek).unwrap().wrap_key(cek, &mut out).map(|_| ()),
        24 => aes_kw::KwAes192::new_from_slice(kek).unwrap().wrap_key(cek, &mut out).map(|_| ()),
        _ => aes_kw::KwAes256::new_from_slice(kek).unwrap().wrap_key(cek, &mut out).map(|_| ()),
    }
    .unwrap();
    out
}

/// ECDH over a test key and a peer's point: the raw shared secret.
pub(crate) fn ecdh(curve: &'static agreement::Algorithm, private: &[u8], peer: &[u8]) -> Option<Vec<u8>> {
    let key = agreement::PrivateKey::from_private_key(curve, private).ok()?;
    agreement::agree(&key, agreement::UnparsedPublicKey::new(curve, peer), (), |z| Ok(z.to_vec())).ok()
}

/// `parts[index]` of a compact token changed by `edit`.
pub(crate) fn edit_part(token: &str, index: usize, edit: impl FnOnce(&str) -> String) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts[index] = edit(&parts[index]);
    parts.join(".")
}

/// `parts[index]` of a compact token with its bytes changed by `edit`.
pub(crate) fn edit_bytes(token: &str, index: usize, edit: impl FnOnce(&mut Vec<u8>)) -> String {
    edit_part(token, index, |part| {
        let mut bytes = unb64u(part);
        edit(&mut bytes);
        b64u(bytes)
    })
}

/// Asserts that something is refused, and for this reason: `refused!(result, VerifyError::Signature)`.
macro_rules! refused {
    ($result:expr, $($reason:tt)+) => {
        match $result {
            Err($($reason)+) => {}
            Err(other) => panic!("refused, but for another reason than {}: {other:?}", stringify!($($reason)+)),
            Ok(_) => panic!("accepted, where {} was due", stringify!($($reason)+)),
        }
    };
}
pub(crate) use refused;

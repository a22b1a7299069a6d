//! What the libraries are asked: a running server with a client for each pair of algorithms, its tokens and forged ones, and keys and
//! tokens of the jose crate. `tools/interop/issuer/README.md` describes the JSON.

use std::collections::HashMap;

use base64_simd::URL_SAFE_NO_PAD;
use jwtis_jose::{
    ContentEncryption, DecryptionKey, KeyManagementAlgorithm, ProtectedHeader, SignatureAlgorithm,
    SigningKey, Unverified,
};
use jwtis_testkit::process::{Place, Server, post};
use serde_json::{Map, Value, json};

const CURVES: [&str; 4] = ["P-256", "P-384", "P-521", "X25519"];

pub(crate) struct Task {
    /// What the programs read.
    pub(crate) json: Value,
    pub(crate) server: Server,
    /// The token of each client.
    pub(crate) client_tokens: HashMap<String, String>,
    /// One of each algorithm.
    pub(crate) keys: Vec<SigningKey>,
    pub(crate) recipients: Vec<Recipient>,
    pub(crate) message: String,
    _place: Place,
}

/// A key to encrypt to.
pub(crate) struct Recipient {
    pub(crate) key: DecryptionKey,
    /// The column of the page.
    group: String,
    curve: &'static str,
    /// Which key signs what is encrypted to this one.
    pub(crate) signer: usize,
}

impl Task {
    pub(crate) fn new() -> Self {
        let place = Place::new();
        let server = place.serve(&[]);
        let keys: Vec<_> = SignatureAlgorithm::ALL.iter().map(|alg| signing_key(*alg)).collect();
        let message = json!({"sub": "a message", "n": [1, 2.5, "é"]}).to_string();
        let recipients = recipients();
        let mut task = Self {
            json: Value::Null,
            server,
            client_tokens: HashMap::new(),
            keys,
            recipients,
            message,
            _place: place,
        };
        let (signatures, clients) = task.clients();
        task.json = json!({
            "url": task.server.url,
            "subject": "alice",
            "message": task.message,
            "access_type": "JWT",
            "refresh_type": "refresh+jwt",
            "signatures": signatures,
            "clients": clients,
            "keys": task.keys.iter().map(|key| parse(&key.to_jwk().unwrap())).collect::<Vec<_>>(),
            "recipients": task.recipients.iter().map(|each| each.json(&task.message)).collect::<Vec<_>>(),
            "thumbprints": thumbprints(),
        });
        task
    }

    /// A client for each key management with each content encryption, and each signature algorithm among them.
    fn clients(&mut self) -> (Vec<Value>, Vec<Value>) {
        let (mut signatures, mut clients) = (Vec::new(), Vec::new());
        let pairs = KeyManagementAlgorithm::ALL
            .iter()
            .filter(|alg| **alg != KeyManagementAlgorithm::DangerRsa15)
            .flat_map(|alg| ContentEncryption::ALL.iter().map(move |enc| (alg, enc)));
        for (number, (alg, enc)) in pairs.enumerate() {
            let name = format!("client-{number}");
            let signature = self.keys.get(number).map_or("ES256", |key| key.algorithm().name());
            let registered = self.register(&name, signature, alg.name(), enc.name());
            let issued = self.issue(&name, "10m");
            let token = issued["auth_token"].as_str().unwrap();
            clients.push(json!({
                "client": name, "algorithm": alg.name(), "enc": enc.name(), "token": token,
                "kid": registered["pub_sig_key"]["kid"],
                "hostile": {"alg": signature, "payload": String::from_utf8(refresh_claims(token)).unwrap()},
            }));
            if let Some(key) = self.keys.get(number) {
                let expired = self.issue(&name, "1s");
                signatures.push(json!({
                    "client": name, "issuer": name, "algorithm": signature, "token": token,
                    "changed": with_changed_subject(token),
                    "other": signed_by(key, token),
                    "expired": expired["auth_token"], "expires": expired["expiry"],
                }));
            }
        }
        assert_eq!((signatures.len(), clients.len()), (10, 18));
        (signatures, clients)
    }

    fn register(&mut self, name: &str, signature: &str, alg: &str, enc: &str) -> Value {
        let mut options = json!({"sig_alg": signature, "enc_alg": alg, "cont_enc": enc});
        for (member, algorithm) in [("sig_bits", signature), ("enc_bits", alg)] {
            if ["RS", "PS"].iter().any(|rsa| algorithm.starts_with(rsa)) {
                options[member] = 2048.into();
            }
        }
        let admin = self.server.export("JWTIS_ADMIN_TOKEN");
        let (status, answer) =
            post(&format!("{}/register/{name}", self.server.url), &admin, &options).unwrap();
        assert_eq!(status, 201, "{answer}");
        self.client_tokens.insert(name.to_owned(), answer["client_token"].as_str().unwrap().to_owned());
        answer
    }

    fn issue(&self, name: &str, life: &str) -> Value {
        let body = json!({"kid": name, "claims": {"sub": "alice"}, "auth_token_valid_time": life});
        let (status, answer) =
            post(&format!("{}/issue_token", self.server.url), &self.client_tokens[name], &body).unwrap();
        assert_eq!(status, 201, "{answer}");
        answer
    }
}

impl Recipient {
    fn json(&self, message: &str) -> Value {
        let mut tokens = Map::new();
        for enc in ContentEncryption::ALL {
            let header = ProtectedHeader::NESTED_JWT;
            let token = self.key.encryption_key().encrypt(*enc, &header, message.as_bytes()).unwrap();
            let changed = with_changed_ciphertext(&token);
            tokens.insert(enc.name().to_owned(), json!({"token": token, "changed": changed}));
        }
        json!({
            "algorithm": self.key.algorithm().name(), "group": self.group, "curve": self.curve, "signer": self.signer,
            "private": parse(&self.key.to_jwk().unwrap()), "public": parse(&self.key.public_jwk().to_json()),
            "tokens": tokens,
        })
    }
}

/// A token of the server's with another `sub` under the same signature.
fn with_changed_subject(token: &str) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!("{token}") };
    let payload = String::from_utf8(decode(payload)).unwrap();
    let changed = payload.replace("\"alice\"", "\"admin\"");
    assert_ne!(payload, changed);
    format!("{header}.{}.{signature}", encode(&changed))
}

/// The claims of a token of the server's, signed by another key that calls itself by the name of the right one.
fn signed_by(key: &SigningKey, token: &str) -> String {
    let unverified = Unverified::parse(token).unwrap();
    let mut jwk = parse(&key.to_jwk().unwrap());
    jwk["kid"] = unverified.header().kid().unwrap().into();
    let impostor = SigningKey::from_jwk(jwk.to_string().as_bytes()).unwrap();
    impostor.sign(&ProtectedHeader::JWT, unverified.danger_unverified_payload()).unwrap()
}

/// What a forger would write into a refresh token of the session.
fn refresh_claims(token: &str) -> Vec<u8> {
    let mut claims = parse(std::str::from_utf8(&decode(token.split('.').nth(1).unwrap())).unwrap());
    claims["gen"] = 0.into();
    claims.to_string().into_bytes()
}

/// An encrypted token of which one bit of the ciphertext has flipped.
pub(crate) fn with_changed_ciphertext(token: &str) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let mut bytes = decode(&parts[3]);
    bytes[0] ^= 1;
    parts[3] = encode(bytes);
    parts.join(".")
}

fn signing_key(alg: SignatureAlgorithm) -> SigningKey {
    let name = match alg.name() {
        "ES256" => "P-256",
        "ES384" => "P-384",
        "ES512" => "P-521",
        "EdDSA" => "Ed25519",
        _ => "RSA-2048",
    };
    SigningKey::from_pkcs8_pem(alg, &test_key(name)).unwrap()
}

/// Each key management on each curve that it can use.
fn recipients() -> Vec<Recipient> {
    let mut recipients = Vec::new();
    for alg in KeyManagementAlgorithm::ALL {
        let curves = match alg.name() {
            "RSA1_5" => &[][..],
            "RSA-OAEP" | "RSA-OAEP-256" => &["RSA-2048"],
            _ => &CURVES,
        };
        for curve in curves {
            let key = DecryptionKey::from_pkcs8_pem(*alg, &test_key(curve)).unwrap();
            // Keys are told from each other by their names, also where several algorithms share one.
            let mut jwk = parse(&key.to_jwk().unwrap());
            jwk["kid"] = format!("{alg} {curve}").into();
            let key = DecryptionKey::from_jwk(jwk.to_string().as_bytes()).unwrap();
            let group = if *curve == "X25519" { "ECDH-ES on X25519" } else { alg.name() }.to_owned();
            recipients.push(Recipient {
                key,
                group,
                curve,
                signer: recipients.len() % SignatureAlgorithm::ALL.len(),
            });
        }
    }
    recipients
}

/// A public key of each kind, and what the jose crate calls it (RFC 7638).
fn thumbprints() -> Vec<Value> {
    let signing = [
        ("P-256", "ES256"),
        ("P-384", "ES384"),
        ("P-521", "ES512"),
        ("Ed25519", "EdDSA"),
        ("RSA-2048", "RS256"),
    ];
    let mut keys: Vec<_> = signing
        .iter()
        .map(|(name, alg)| {
            (name.replace("-2048", ""), signing_key(alg.parse().unwrap()).public_jwk().clone())
        })
        .collect();
    let ecdh = DecryptionKey::from_pkcs8_pem(KeyManagementAlgorithm::EcdhEs, &test_key("X25519")).unwrap();
    keys.push(("X25519".to_owned(), ecdh.public_jwk().clone()));
    keys.iter()
        .map(
            |(name, key)| json!({"name": name, "jwk": parse(&key.to_json()), "thumbprint": key.thumbprint()}),
        )
        .collect()
}

/// A test key of the jose crate as PEM.
fn test_key(name: &str) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../jose/tests/vectors/keys.json");
    parse(&std::fs::read_to_string(path).unwrap())[name]["pkcs8_pem"].as_str().unwrap().to_owned()
}

fn parse(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode_to_vec(text).unwrap()
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes.as_ref())
}

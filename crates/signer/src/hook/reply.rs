//! What a reply of the policy hook means (§4.7): a pure rule, with the statuses, texts and order of Signatory.
//!
//! A signed reply is believed when it answers our question (its nonce), says what the HTTP status says, and one of the operator's keys
//! has signed the very bytes of its `payload`.

use base64_simd::STANDARD;
use jwtis_store::BoxError;
use jwtis_tezos::signature::SignatureError;
use jwtis_tezos::{PublicKey, PublicKeyError, PublicKeyHash, Signature, SigningVersion};
use serde::Deserialize;
use serde_json::value::RawValue;
use subtle::ConstantTimeEq as _;

use crate::text::{cut, in_one_line};

/// Bytes of the nonce that a signed reply must repeat.
pub(super) const NONCE_BYTES: usize = 32;

/// The longest signed reply that is read.
const MAX_REPLY_BYTES: usize = 64 * 1024;

/// What came back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HookReply {
    /// HTTP status.
    pub status: u16,
    /// As in the status line, like `403 Forbidden`.
    pub status_text: String,
    /// The body.
    pub body: Vec<u8>,
}

/// The hook refused, or gave nothing that can be trusted. `Display` is the answer's text; its source is for the log alone.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct HookError {
    status: u16,
    text: String,
    #[source]
    source: Option<BoxError>,
}

impl HookError {
    /// 403, 401 or 500.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    pub(super) fn new(status: u16, text: impl ToString) -> Self {
        Self { status, text: text.to_string(), source: None }
    }

    /// The source may quote the reply, and the log is not for all of it.
    fn because(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(cut(&in_one_line(&*source.into())).into());
        self
    }
}

/// Judges a reply: unsigned where there are no `keys`, else signed by one of them.
pub(super) fn judge(
    reply: &HookReply,
    keys: Option<&[PublicKey]>,
    nonce: &[u8; NONCE_BYTES],
) -> Result<(), HookError> {
    match keys {
        None => verdict(reply.status, &reply.status_text),
        Some(keys) => signed(reply, keys, nonce),
    }
}

fn signed(reply: &HookReply, keys: &[PublicKey], nonce: &[u8; NONCE_BYTES]) -> Result<(), HookError> {
    if reply.body.len() > MAX_REPLY_BYTES {
        let text = format!("the policy hook reply is longer than {MAX_REPLY_BYTES} bytes");
        return Err(HookError::new(500, text));
    }
    let envelope: Envelope<'_> = serde_json::from_slice(&reply.body).map_err(not_understood)?;
    let payload: Payload = serde_json::from_str(envelope.payload.get()).map_err(not_understood)?;
    let got_nonce =
        STANDARD.decode_to_vec(&payload.nonce).map_err(|_| not_understood("its nonce is not base64"))?;

    if payload.status != i64::from(reply.status) {
        return Err(HookError::new(500, "the policy hook reply status must match the HTTP header"));
    }
    if !bool::from(got_nonce.as_slice().ct_eq(nonce.as_slice())) {
        return Err(HookError::new(403, "nonce mismatch"));
    }
    let signer: PublicKeyHash = payload.public_key_hash.parse().map_err(|error: PublicKeyError| {
        HookError::new(403, "the policy hook reply names no key").because(error)
    })?;
    let key = keys.iter().find(|key| key.hash() == signer);
    let key = key.ok_or_else(|| HookError::new(401, "public key not found"))?;
    let signature: Signature = envelope.signature.parse().map_err(|error: SignatureError| {
        HookError::new(500, "the policy hook reply has no signature that is understood").because(error)
    })?;
    key.verify(envelope.payload.get().as_bytes(), &signature, SigningVersion::LATEST)
        .map_err(|_| HookError::new(403, "invalid hook reply signature"))?;

    let error = payload.error.as_deref().filter(|error| !error.is_empty());
    verdict(reply.status, error.unwrap_or(&reply.status_text))
}

/// The caller hears that much. What exactly is wrong is for the operator.
fn not_understood(why: impl Into<BoxError>) -> HookError {
    HookError::new(500, "the policy hook reply is not understood").because(why)
}

fn verdict(status: u16, text: &str) -> Result<(), HookError> {
    match status {
        200..=299 => Ok(()),
        400..=499 => Err(HookError::new(403, format!("policy hook: {text}"))),
        _ => Err(HookError::new(500, format!("policy hook: {text}"))),
    }
}

/// A signed reply. The payload stays as it came, since its bytes are what is signed. A member that comes twice is refused.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    payload: &'a RawValue,
    signature: String,
}

#[derive(Deserialize)]
struct Payload {
    status: i64,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    public_key_hash: String,
    #[serde(default)]
    nonce: String,
}

#[cfg(test)]
mod tests {
    use jwtis_tezos::{Curve, SecretKey};

    use super::*;

    const NONCE: [u8; NONCE_BYTES] = [7; NONCE_BYTES];

    fn reply(status: u16, body: impl Into<Vec<u8>>) -> HookReply {
        let name = match status {
            200 => "OK",
            201 => "Created",
            302 => "Found",
            403 => "Forbidden",
            404 => "Not Found",
            _ => "Internal Server Error",
        };
        HookReply { status, status_text: format!("{status} {name}"), body: body.into() }
    }

    type Outcome = Result<(), (u16, String)>;

    fn outcome(reply: &HookReply, keys: Option<&[PublicKey]>, nonce: &[u8; NONCE_BYTES]) -> Outcome {
        judge(reply, keys, nonce).map_err(|error| (error.status(), error.to_string()))
    }

    #[test]
    fn unsigned_replies_by_name() {
        for (name, status, wanted) in [
            ("ok", 200, Ok(())),
            ("any_2xx", 201, Ok(())),
            ("a_refusal", 403, Err((403, "policy hook: 403 Forbidden".to_owned()))),
            ("any_4xx_is_a_refusal", 404, Err((403, "policy hook: 404 Not Found".to_owned()))),
            ("a_redirect_is_not_followed", 302, Err((500, "policy hook: 302 Found".to_owned()))),
            ("a_failure", 500, Err((500, "policy hook: 500 Internal Server Error".to_owned()))),
        ] {
            assert_eq!(outcome(&reply(status, "junk"), None, &NONCE), wanted, "{name}");
        }
    }

    struct Service(SecretKey);

    impl Service {
        pub(super) fn new(curve: Curve) -> Self {
            Self(SecretKey::generate(curve).unwrap())
        }

        fn hash(&self) -> String {
            self.0.public_key().hash().to_string()
        }

        fn payload(&self, status: u16, error: &str) -> String {
            let nonce = STANDARD.encode_to_string(NONCE);
            let key = self.hash();
            format!(r#"{{"status":{status},"error":"{error}","public_key_hash":"{key}","nonce":"{nonce}"}}"#)
        }

        fn sign(&self, payload: &str) -> String {
            self.0.sign(payload.as_bytes(), SigningVersion::LATEST).unwrap().to_string()
        }

        fn seal(&self, payload: &str) -> String {
            format!(r#"{{"payload":{payload},"signature":"{}"}}"#, self.sign(payload))
        }
    }

    #[test]
    fn signed_replies_of_every_curve_are_believed() {
        for curve in Curve::ALL {
            let service = Service::new(curve);
            let keys = [service.0.public_key().clone()];
            let body = service.seal(&service.payload(200, ""));
            assert_eq!(outcome(&reply(200, body), Some(&keys), &NONCE), Ok(()), "{curve:?}");
            let body = service.seal(&service.payload(403, "address 192.0.2.1 is not allowed"));
            let wanted = (403, "policy hook: address 192.0.2.1 is not allowed".to_owned());
            assert_eq!(outcome(&reply(403, body), Some(&keys), &NONCE), Err(wanted), "{curve:?}");
        }
    }

    #[test]
    fn signed_replies_by_name() {
        let service = Service::new(Curve::Ed25519);
        let stranger = Service::new(Curve::Secp256k1);
        let keys = [Service::new(Curve::P256).0.public_key().clone(), service.0.public_key().clone()];
        let good = service.payload(200, "");
        let spaced = good.replace(',', " ,\n ");
        let other_signature = stranger.sign(&good);
        let fine = |error: &str| format!("policy hook: {error}");
        let rows: Vec<(&str, u16, String, Outcome)> = vec![
            ("good", 200, service.seal(&good), Ok(())),
            ("the_bytes_of_the_payload_are_signed_as_they_came", 200, service.seal(&spaced), Ok(())),
            (
                "spaces_around_the_payload_are_not_signed",
                200,
                format!(r#" {{ "signature" : "{}" , "payload" : {good} }} "#, service.sign(&good)),
                Ok(()),
            ),
            (
                "a_refusal_without_a_text",
                403,
                service.seal(&service.payload(403, "")),
                Err((403, fine("403 Forbidden"))),
            ),
            ("a_failure", 500, service.seal(&service.payload(500, "oops")), Err((500, fine("oops")))),
            (
                "a_payload_spaced_otherwise_than_signed",
                200,
                format!(r#"{{"payload":{spaced},"signature":"{}"}}"#, service.sign(&good)),
                Err((403, "invalid hook reply signature".to_owned())),
            ),
            (
                "a_status_other_than_that_of_http",
                403,
                service.seal(&good),
                Err((500, "the policy hook reply status must match the HTTP header".to_owned())),
            ),
            (
                "a_refusal_passed_off_as_a_yes",
                200,
                service.seal(&service.payload(403, "")),
                Err((500, "the policy hook reply status must match the HTTP header".to_owned())),
            ),
            (
                "signed_by_a_stranger",
                200,
                stranger.seal(&stranger.payload(200, "")),
                Err((401, "public key not found".to_owned())),
            ),
            (
                "signed_by_a_stranger_in_the_name_of_a_key",
                200,
                format!(r#"{{"payload":{good},"signature":"{other_signature}"}}"#),
                Err((403, "invalid hook reply signature".to_owned())),
            ),
            (
                "no_key_hash",
                200,
                service.seal(&good.replace(&service.hash(), "nonsense")),
                Err((403, "the policy hook reply names no key".to_owned())),
            ),
            (
                "no_signature",
                200,
                format!(r#"{{"payload":{good},"signature":"nonsense"}}"#),
                Err((500, "the policy hook reply has no signature that is understood".to_owned())),
            ),
        ];
        for (name, status, body, wanted) in rows {
            assert_eq!(outcome(&reply(status, body), Some(&keys), &NONCE), wanted, "{name}");
        }
        let wanted = Err((403, "nonce mismatch".to_owned()));
        assert_eq!(
            outcome(&reply(200, service.seal(&good)), Some(&keys), &[8; NONCE_BYTES]),
            wanted,
            "a_replay"
        );
        let nobody = Err((401, "public key not found".to_owned()));
        assert_eq!(outcome(&reply(200, service.seal(&good)), Some(&[]), &NONCE), nobody, "no_keys_at_all");
    }

    #[test]
    fn replies_that_are_not_understood_are_failures() {
        let service = Service::new(Curve::Ed25519);
        let keys = [service.0.public_key().clone()];
        let good = service.payload(200, "");
        let (seal, signature) = (service.seal(&good), service.sign(&good));
        let refusal = service.payload(403, "");
        for (name, body) in [
            ("empty", String::new()),
            ("not_json", "OK".to_owned()),
            ("a_list", "[]".to_owned()),
            ("without_a_signature", format!(r#"{{"payload":{good}}}"#)),
            ("without_a_payload", format!(r#"{{"signature":"{signature}"}}"#)),
            ("with_something_behind", format!("{seal}{{}}")),
            (
                "two_payloads",
                format!(r#"{{"payload":{refusal},"payload":{good},"signature":"{signature}"}}"#),
            ),
            ("two_signatures", format!(r#"{{"payload":{good},"signature":"x","signature":"{signature}"}}"#)),
            ("two_statuses", service.seal(&good.replacen('{', r#"{"status":403,"#, 1))),
            ("two_nonces", service.seal(&good.replacen('{', r#"{"nonce":"","#, 1))),
            ("a_status_in_words", service.seal(&good.replace("200", "\"200\""))),
            (
                "a_nonce_that_is_not_base64",
                service.seal(&good.replace(&STANDARD.encode_to_string(NONCE), "*")),
            ),
            ("too_long", format!("{seal}{}", " ".repeat(MAX_REPLY_BYTES))),
        ] {
            let wanted = match name {
                "too_long" => "the policy hook reply is longer than 65536 bytes",
                _ => "the policy hook reply is not understood",
            };
            let refused = outcome(&reply(200, body), Some(&keys), &NONCE).unwrap_err();
            assert_eq!(refused, (500, wanted.to_owned()), "{name}");
        }
    }

    #[test]
    fn only_the_log_says_why_a_reply_is_not_understood() {
        let service = Service::new(Curve::Ed25519);
        let keys = [service.0.public_key().clone()];
        let good = service.payload(200, "");
        for (name, body, why) in [
            ("not_json", "secret-of-the-hook".to_owned(), "expected value at line 1 column 1"),
            (
                "a_nonce_that_is_not_base64",
                service.seal(&good.replace(&STANDARD.encode_to_string(NONCE), "*")),
                "its nonce is not base64",
            ),
            ("no_key_hash", service.seal(&good.replace(&service.hash(), "tz1?")), "tz1?"),
            ("no_signature", format!(r#"{{"payload":{good},"signature":"sig?"}}"#), "sig?"),
        ] {
            let error = judge(&reply(200, body), Some(&keys), &NONCE).unwrap_err();
            assert!(!error.to_string().contains(why), "{name}: {error}");
            let cause = std::error::Error::source(&error).expect(name).to_string();
            let chain = in_one_line(&error);
            assert!(chain.ends_with(&cause) && chain != error.to_string(), "{name}: {chain}");
        }
    }

    #[test]
    fn the_log_quotes_at_most_200_characters_of_a_reply() {
        let service = Service::new(Curve::Ed25519);
        let keys = [service.0.public_key().clone()];
        let (good, long) = (service.payload(200, ""), "ä".repeat(4096));
        for (name, body) in [
            ("a_payload_in_base64", format!(r#"{{"payload":"{long}","signature":""}}"#)),
            ("no_key_hash", service.seal(&good.replace(&service.hash(), &long))),
            ("no_signature", format!(r#"{{"payload":{good},"signature":"{long}"}}"#)),
        ] {
            let error = judge(&reply(200, body), Some(&keys), &NONCE).unwrap_err();
            let cause = std::error::Error::source(&error).expect(name).to_string();
            assert!(cause.chars().count() <= 201, "{name}: {cause}");
            if name == "a_payload_in_base64" {
                assert!(cause.contains("expected struct Payload at line 1"), "{cause}");
            }
        }
    }
}

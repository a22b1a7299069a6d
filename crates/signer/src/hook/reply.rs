//! What a reply of the policy hook means: a pure rule, with the statuses, texts and order of Signatory.
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
#[expect(missing_docs, reason = "the names say it")]
pub struct HookReply {
    pub status: u16,
    pub status_text: String,
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
        HookReply { status, status_text: format!("{status} Said"), body: body.into() }
    }

    fn outcome(reply: &HookReply, keys: Option<&[PublicKey]>) -> Result<(), (u16, String)> {
        judge(reply, keys, &NONCE).map_err(|error| (error.status(), error.to_string()))
    }

    fn refused(status: u16, text: &str) -> Result<(), (u16, String)> {
        Err((status, text.to_owned()))
    }

    #[test]
    fn unsigned_replies_by_name() {
        for (name, status, wanted) in [
            ("ok", 200, Ok(())),
            ("any_2xx", 201, Ok(())),
            ("any_4xx_is_a_refusal", 404, refused(403, "policy hook: 404 Said")),
            ("a_redirect_is_not_followed", 302, refused(500, "policy hook: 302 Said")),
            ("a_failure", 500, refused(500, "policy hook: 500 Said")),
        ] {
            assert_eq!(outcome(&reply(status, "junk"), None), wanted, "{name}");
        }
    }

    struct HookService(SecretKey);

    impl HookService {
        fn new(curve: Curve) -> Self {
            Self(SecretKey::generate(curve).unwrap())
        }

        fn hash(&self) -> String {
            self.0.public_key().hash().to_string()
        }

        fn payload(&self, status: u16, error: &str) -> String {
            let (key, nonce) = (self.hash(), STANDARD.encode_to_string(NONCE));
            format!(r#"{{"status":{status},"error":"{error}","public_key_hash":"{key}","nonce":"{nonce}"}}"#)
        }

        fn sign(&self, payload: &str) -> String {
            self.0.sign(payload.as_bytes(), SigningVersion::LATEST).unwrap().to_string()
        }

        fn seal(&self, payload: &str) -> String {
            envelope(payload, &self.sign(payload))
        }
    }

    fn envelope(payload: &str, signature: &str) -> String {
        format!(r#"{{"payload":{payload},"signature":"{signature}"}}"#)
    }

    #[test]
    fn signed_replies_of_every_curve_are_believed() {
        for curve in Curve::ALL {
            let service = HookService::new(curve);
            let keys = [service.0.public_key().clone()];
            let body = service.seal(&service.payload(200, ""));
            assert_eq!(outcome(&reply(200, body), Some(&keys)), Ok(()), "{curve:?}");
            let body = service.seal(&service.payload(403, "192.0.2.1 is not allowed"));
            let wanted = refused(403, "policy hook: 192.0.2.1 is not allowed");
            assert_eq!(outcome(&reply(403, body), Some(&keys)), wanted, "{curve:?}");
        }
    }

    #[test]
    fn signed_replies_by_name() {
        let (service, stranger) = (HookService::new(Curve::Ed25519), HookService::new(Curve::Secp256k1));
        let keys = [HookService::new(Curve::P256).0.public_key().clone(), service.0.public_key().clone()];
        let good = service.payload(200, "");
        let (sealed, signature, refusal) =
            (service.seal(&good), service.sign(&good), service.payload(403, ""));
        let spaced = good.replace(',', " ,\n ");
        let with = |from: &str, to: &str| service.seal(&good.replacen(from, to, 1));
        let nonce = STANDARD.encode_to_string(NONCE);
        let status = || refused(500, "the policy hook reply status must match the HTTP header");
        let unread = || refused(500, "the policy hook reply is not understood");
        let invalid = || refused(403, "invalid hook reply signature");
        for (name, http, body, wanted) in [
            ("good", 200, sealed.clone(), Ok(())),
            ("the_bytes_of_the_payload_are_signed_as_they_came", 200, service.seal(&spaced), Ok(())),
            (
                "spaces_around_the_payload_are_not_signed",
                200,
                format!(r#" {{ "signature" : "{signature}" , "payload" : {good} }} "#),
                Ok(()),
            ),
            ("a_refusal_without_a_text", 403, service.seal(&refusal), refused(403, "policy hook: 403 Said")),
            (
                "a_failure",
                500,
                service.seal(&service.payload(500, "oops")),
                refused(500, "policy hook: oops"),
            ),
            ("a_payload_spaced_otherwise_than_signed", 200, envelope(&spaced, &signature), invalid()),
            ("a_status_other_than_that_of_http", 403, sealed.clone(), status()),
            ("a_refusal_passed_off_as_a_yes", 200, service.seal(&refusal), status()),
            (
                "signed_by_a_stranger",
                200,
                stranger.seal(&stranger.payload(200, "")),
                refused(401, "public key not found"),
            ),
            (
                "signed_by_a_stranger_in_the_name_of_a_key",
                200,
                envelope(&good, &stranger.sign(&good)),
                invalid(),
            ),
            (
                "no_key_hash",
                200,
                with(&service.hash(), "nonsense"),
                refused(403, "the policy hook reply names no key"),
            ),
            (
                "no_signature",
                200,
                envelope(&good, "nonsense"),
                refused(500, "the policy hook reply has no signature that is understood"),
            ),
            (
                "a_replay",
                200,
                with(&nonce, &STANDARD.encode_to_string([8; 32])),
                refused(403, "nonce mismatch"),
            ),
            ("empty", 200, String::new(), unread()),
            ("not_json", 200, "OK".to_owned(), unread()),
            ("a_list", 200, "[]".to_owned(), unread()),
            ("without_a_signature", 200, format!(r#"{{"payload":{good}}}"#), unread()),
            ("without_a_payload", 200, format!(r#"{{"signature":"{signature}"}}"#), unread()),
            ("with_something_behind", 200, format!("{sealed}{{}}"), unread()),
            (
                "two_payloads",
                200,
                format!(r#"{{"payload":{refusal},"payload":{good},"signature":"{signature}"}}"#),
                unread(),
            ),
            (
                "two_signatures",
                200,
                format!(r#"{{"payload":{good},"signature":"x","signature":"{signature}"}}"#),
                unread(),
            ),
            ("two_statuses", 200, with("{", r#"{"status":403,"#), unread()),
            ("two_nonces", 200, with("{", r#"{"nonce":"","#), unread()),
            ("a_status_in_words", 200, with("200", "\"200\""), unread()),
            ("a_nonce_that_is_not_base64", 200, with(&nonce, "*"), unread()),
            (
                "too_long",
                200,
                format!("{sealed}{}", " ".repeat(MAX_REPLY_BYTES)),
                refused(500, "the policy hook reply is longer than 65536 bytes"),
            ),
        ] {
            assert_eq!(outcome(&reply(http, body), Some(&keys)), wanted, "{name}");
        }
        assert_eq!(outcome(&reply(200, sealed), Some(&[])), refused(401, "public key not found"), "no keys");
    }

    #[test]
    fn only_the_log_says_why_a_reply_is_not_understood_and_it_quotes_200_characters_at_most() {
        let service = HookService::new(Curve::Ed25519);
        let keys = [service.0.public_key().clone()];
        let (good, long) = (service.payload(200, ""), "ä".repeat(4096));
        let hash_is = |text: &str| service.seal(&good.replace(&service.hash(), text));
        for (name, body, why) in [
            ("not_json", "secret-of-the-hook".to_owned(), "expected value at line 1 column 1"),
            (
                "a_payload_in_base64",
                envelope(&format!("\"{long}\""), ""),
                "expected struct Payload at line 1",
            ),
            ("no_key_hash", hash_is("tz1?"), "tz1?"),
            ("a_long_key_hash", hash_is(&long), "ä"),
            ("no_signature", envelope(&good, "sig?"), "sig?"),
            ("a_long_signature", envelope(&good, &long), "ä"),
        ] {
            let error = judge(&reply(200, body), Some(&keys), &NONCE).unwrap_err();
            assert!(!error.to_string().contains(why), "{name}: {error}");
            let cause = std::error::Error::source(&error).expect(name).to_string();
            assert!(cause.contains(why) || !why.starts_with("expected"), "{name}: {cause}");
            assert!(cause.chars().count() <= 201, "{name}: {cause}");
            assert!(in_one_line(&error).ends_with(&cause), "{name}");
        }
    }
}

//! `jwtis token inspect`: what a token is, in plain words, without a server.
//!
//! Nothing in a token is to be believed before its signature is checked, and the output says so: without keys it says "not verified",
//! with keys it says whether and why not.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use jwtis_base::{BearerSecret, Env, SecretKind, Timestamp};
use jwtis_jose::{
    ClaimsSet, Header, Jwk, JwkSet, Undecrypted, Unverified, Validation, ValidationError, VerifyingKey,
    is_type,
};
use serde_json::{Value, json};

use super::api;
use super::input::argument_or_input;
use super::output::TextTable;
use super::printable::printable;
use super::when::{from_now, utc};
use super::{CliOutcome, Failure, Output};
use crate::config::limited::{self, MAX_INPUT_BYTES};

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The token, or `-` to read it from standard input.
    token: String,
    /// Check the signature with the keys of this JWK set: a file or a URL like http://127.0.0.1:4343/keys/shop/jwks.json.
    #[arg(long, value_name = "FILE|URL")]
    jwks: Option<String>,
    /// Trust this CA (PEM) for an https URL, instead of the system's.
    #[arg(long, env = "JWTIS_CA_CERT", value_name = "FILE", value_parser = crate::config::path::given)]
    ca_cert: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Inspect {
    pub(crate) fn run(&self, out: &mut Output<'_>) -> CliOutcome {
        let pasted = argument_or_input(&self.token)?;
        let now = Env::system().now();
        let found = Token::read(bare(&pasted))?;
        let verdict = match (&self.jwks, &found) {
            (Some(source), Token::Signed { jws, .. }) => Some(verdict(jws, &self.keys(source)?, now)),
            (Some(_), Token::Encrypted { .. } | Token::Secret(_)) | (None, _) => None,
        };
        if self.json {
            out.json(&found.as_json(verdict.as_ref(), now))?;
        } else {
            out.line(found.as_text(verdict.as_ref(), now))?;
        }
        match verdict {
            Some(Err(reason)) => Err(Failure::refused(format!("the token is not valid: {reason}")).hint(
                "do not trust it; check that the keys are those of its issuer and that this clock is right",
            )),
            _ => Ok(()),
        }
    }

    fn keys(&self, source: &str) -> Result<JwkSet, Failure> {
        let bytes = if source.starts_with("http://") || source.starts_with("https://") {
            api::fetch(source, self.ca_cert.as_deref())?.to_string().into_bytes()
        } else {
            limited::file(Path::new(source), MAX_INPUT_BYTES)
                .map_err(|message| {
                    Failure::usage(message)
                        .hint("--jwks takes a file or a URL like http://127.0.0.1:4343/keys/KID/jwks.json")
                })?
                .to_vec()
        };
        JwkSet::parse(&bytes).map_err(|error| {
            Failure::usage(format!("{source} is no JWK set"))
                .because(&error)
                .hint("a server's is at /keys/KID/jwks.json")
        })
    }
}

/// The token in what people paste: without a header's name, `Bearer`, quotes and white space around it.
fn bare(pasted: &str) -> &str {
    let quotes = |c: char| matches!(c, '"' | '\'' | '`') || c.is_whitespace();
    let text = pasted.trim_matches(quotes);
    let without = |text: &'_ str, word: &str| -> Option<usize> {
        text.get(..word.len()).filter(|start| start.eq_ignore_ascii_case(word)).map(str::len)
    };
    let text = without(text, "authorization:")
        .and_then(|end| text.get(end..))
        .unwrap_or(text)
        .trim_start_matches(quotes);
    let text = without(text, "bearer ").and_then(|end| text.get(end..)).unwrap_or(text);
    text.trim_matches(quotes)
}

/// An unsecured JWT (RFC 7519 §6), which this program reads nowhere.
fn is_unsecured(text: &str) -> bool {
    let header =
        text.split('.').next().and_then(|part| base64_simd::URL_SAFE_NO_PAD.decode_to_vec(part).ok());
    let header: Option<Value> = header.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    header.is_some_and(|header| {
        header.get("alg").and_then(Value::as_str).is_some_and(|alg| alg.eq_ignore_ascii_case("none"))
    })
}

/// What a text turned out to be.
enum Token<'a> {
    /// A JWS; claims where the payload is a JSON object that we understand.
    Signed { jws: Unverified<'a>, claims: Option<ClaimsSet> },
    /// A JWE: only its header can be read.
    Encrypted { jwe: Undecrypted<'a> },
    /// A bearer secret of jwtis.
    Secret(SecretKind),
}

impl<'a> Token<'a> {
    fn read(text: &'a str) -> Result<Self, Failure> {
        if let Ok(secret) = BearerSecret::parse(text) {
            return Ok(Self::Secret(secret.kind()));
        }
        let not_a_token = |error: &dyn std::error::Error| {
            let hint = match text.split('.').count() {
                3 | 5 => "each part is base64url; copy the token again, whole and without line breaks",
                _ => "a JWT has three parts between dots (signed) or five (encrypted); copy it again, whole",
            };
            Failure::refused("this is no token that jwtis reads").because(error).hint(hint)
        };
        if is_unsecured(text) {
            return Err(Failure::refused("this token has the algorithm `none`: nobody signed it")
                .hint("do not trust it: anybody can write such a token"));
        }
        if text.split('.').count() == 5 {
            let jwe = Undecrypted::parse(text).map_err(|error| not_a_token(&error))?;
            return Ok(Self::Encrypted { jwe });
        }
        let jws = Unverified::parse(text).map_err(|error| not_a_token(&error))?;
        let claims = ClaimsSet::parse(jws.danger_unverified_payload()).ok();
        Ok(Self::Signed { jws, claims })
    }

    /// What it is, in plain words.
    fn kind(&self) -> &'static str {
        match self {
            Self::Secret(SecretKind::Admin) => {
                "the admin token of a jwtis server: a secret, not a JWT. Whoever has it manages all clients"
            }
            Self::Secret(SecretKind::Client) => {
                "a client's token of a jwtis server: a secret, not a JWT. Whoever has it issues that client's tokens"
            }
            Self::Signed { claims: None, .. } => {
                "a signed message (JWS) whose content is no set of claims, so not a JWT"
            }
            Self::Signed { jws, .. } if is_type(jws.header().typ(), "refresh+jwt") => {
                "the inside of a refresh token: it should never be seen outside of its encryption"
            }
            Self::Signed { claims: Some(claims), .. } if claims.contains("sid") && claims.contains("jti") => {
                "an access token: a signed JWT"
            }
            Self::Signed { .. } => "a signed JWT, not one that jwtis issues",
            Self::Encrypted { jwe } if is_type(jwe.header().cty(), "JWT") => {
                "a refresh token or another nested JWT: signed, then encrypted. Only the server that made it can read it"
            }
            Self::Encrypted { .. } => "an encrypted token (JWE). Only the owner of the key can read it",
        }
    }

    fn header(&self) -> Option<&Header> {
        match self {
            Self::Signed { jws, .. } => Some(jws.header()),
            Self::Encrypted { jwe } => Some(jwe.header()),
            Self::Secret(_) => None,
        }
    }

    fn claims(&self) -> Option<&ClaimsSet> {
        match self {
            Self::Signed { claims, .. } => claims.as_ref(),
            Self::Encrypted { .. } | Self::Secret(_) => None,
        }
    }

    fn as_text(&self, verdict: Option<&Result<String, String>>, now: Timestamp) -> String {
        let mut table = TextTable::default();
        table.pair("this is", self.kind());
        for (name, value) in self.header().map(header_members).unwrap_or_default() {
            table.pair(&format!("header {name}"), value);
        }
        if let Some(claims) = self.claims() {
            table.pair("by", claims.issuer().ok().flatten().unwrap_or("nobody named (no iss)"));
            table.pair("ends", ends(claims, now));
        }
        match (self, verdict) {
            (_, Some(Ok(key))) => table.pair("verified", format_args!("yes, by {key}")),
            (_, Some(Err(reason))) => table.pair("verified", format_args!("NO: {reason}")),
            (Self::Signed { .. }, None) => {
                table.pair(
                    "verified",
                    "not verified: anybody can have written this. Give --jwks to check the signature",
                );
            }
            (Self::Encrypted { .. }, None) => {
                table.pair("verified", "not verified: without the private key nothing inside can be checked");
            }
            (Self::Secret(_), None) => {}
        }
        match self.claims() {
            None => table.to_string(),
            Some(claims) => {
                let mut rows = TextTable::default();
                for (name, value) in claims.iter() {
                    rows.pair(name, claim(name, value, now));
                }
                format!("{table}\n\nclaims\n{rows}")
            }
        }
    }

    fn as_json(&self, verdict: Option<&Result<String, String>>, now: Timestamp) -> Value {
        let header: serde_json::Map<String, Value> = self
            .header()
            .map(header_members)
            .unwrap_or_default()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect();
        json!({
            "kind": self.kind(),
            "header": header,
            "claims": self.claims(),
            "expired": self.claims().and_then(|claims| claims.expiration_time().ok().flatten()).map(|exp| exp <= now.seconds()),
            "verified": verdict.map(Result::is_ok),
            "key": verdict.and_then(|verdict| verdict.as_ref().ok()),
            "reason": verdict.and_then(|verdict| verdict.as_ref().err()),
        })
    }
}

fn header_members(header: &Header) -> Vec<(&'static str, &str)> {
    [
        ("alg", Some(header.alg())),
        ("enc", header.enc()),
        ("kid", header.kid()),
        ("typ", header.typ()),
        ("cty", header.cty()),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

fn ends(claims: &ClaimsSet, now: Timestamp) -> String {
    match claims.expiration_time() {
        Ok(None) => "never (no exp): no careful verifier accepts that".to_owned(),
        Ok(Some(exp)) if exp <= now.seconds() => format!("expired {}, at {}", from_now(exp, now), utc(exp)),
        Ok(Some(exp)) => format!("{}, at {}", from_now(exp, now), utc(exp)),
        Err(error) => error.to_string(),
    }
}

fn claim(name: &str, value: &Value, now: Timestamp) -> String {
    match (name, value.as_u64()) {
        ("exp" | "nbf" | "iat", Some(seconds)) => {
            format!("{seconds} ({}, {})", utc(seconds), from_now(seconds, now))
        }
        // Beside the escapes of what cannot be shown, a backslash is one of the text.
        _ => value.as_str().map_or_else(|| value.to_string(), |text| text.replace('\\', r"\\")),
    }
}

/// The key that verifies the token, in words; or why none does, or why a verified token is not valid now.
fn verdict(jws: &Unverified<'_>, keys: &JwkSet, now: Timestamp) -> Result<String, String> {
    let candidates: Vec<&Jwk> = match jws.header().kid() {
        Some(kid) => {
            let key = keys.find(kid);
            vec![key.ok_or_else(|| {
                format!("none of the {} keys given has the kid {}", keys.keys.len(), printable(kid))
            })?]
        }
        None => keys.keys.iter().collect(),
    };
    let mut reason = "the set has no keys".to_owned();
    for jwk in candidates {
        let outcome = VerifyingKey::from_jwk(jwk).map_err(|error| error.to_string()).and_then(|key| {
            key.verify(jws).map(|verified| (key.kid().to_owned(), verified)).map_err(|e| e.to_string())
        });
        match outcome {
            Ok((kid, verified)) => return valid_now(verified.payload(), now).map(|()| format!("key {kid}")),
            Err(error) => reason = error,
        }
    }
    Err(reason)
}

fn valid_now(payload: &[u8], now: Timestamp) -> Result<(), String> {
    let claims = ClaimsSet::parse(payload)
        .map_err(|error| format!("the signature is right, but the claims are not: {error}"))?;
    let validation = Validation { now: now.seconds(), leeway: Duration::ZERO, issuer: None, audience: None };
    validation.check(&claims).map_err(|error| match error {
        ValidationError::Expired { exp, .. } => {
            format!("the signature is right, but the token expired {}", from_now(exp, now))
        }
        ValidationError::NotYetValid { nbf, .. } => {
            format!("the signature is right, but the token begins {}", from_now(nbf, now))
        }
        other => format!("the signature is right, but {other}"),
    })
}

#[cfg(test)]
mod tests {
    use jwtis_jose::{ProtectedHeader, SignatureAlgorithm, SigningKey};

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn key() -> SigningKey {
        SigningKey::generate(SignatureAlgorithm::Es256, 256).unwrap()
    }

    fn token(key: &SigningKey, claims: &str) -> String {
        key.sign(&ProtectedHeader::JWT, claims.as_bytes()).unwrap()
    }

    fn said(token: &str, keys: Option<&JwkSet>) -> String {
        let found = Token::read(token).unwrap();
        let verdict = match (&found, keys) {
            (Token::Signed { jws, .. }, Some(keys)) => Some(verdict(jws, keys, NOW)),
            _ => None,
        };
        found.as_text(verdict.as_ref(), NOW)
    }

    #[test]
    fn good_expired_tampered_and_foreign_tokens_are_told_apart() {
        let (ours, other) = (key(), key());
        let set = |key: &SigningKey| JwkSet { keys: vec![key.public_jwk().clone()] };
        let good = token(&ours, r#"{"iss":"shop","sid":"s","jti":"j","exp":1000840}"#);
        let expired = token(&ours, r#"{"iss":"shop","sid":"s","jti":"j","exp":989200}"#);

        let text = said(&good, Some(&set(&ours)));
        assert!(text.contains("an access token") && text.contains("in 14 minutes"), "{text}");
        assert!(text.contains("yes, by key ") && text.contains("shop"), "{text}");

        let text = said(&good, None);
        assert!(text.contains("not verified"), "{text}");

        let text = said(&expired, Some(&set(&ours)));
        assert!(text.contains("expired 3 hours ago"), "{text}");
        assert!(text.contains("NO: the signature is right, but the token expired 3 hours ago"), "{text}");

        let text = said(&good, Some(&set(&other)));
        assert!(text.contains("NO: none of the 1 keys given has the kid"), "{text}");

        let mut parts: Vec<&str> = good.split('.').collect();
        let forged = jwtis_jose::base64url::encode(br#"{"iss":"shop","sid":"s","jti":"j","exp":9999999}"#);
        parts[1] = &forged;
        let text = said(&parts.join("."), Some(&set(&ours)));
        assert!(text.contains("NO: the signature does not belong"), "{text}");
    }

    #[test]
    fn garbage_is_no_token() {
        for garbage in ["", "x", "a.b.c", "....", "eyJhbGciOiJub25lIn0.e30."] {
            assert!(Token::read(garbage).is_err(), "{garbage:?}");
        }
    }

    #[test]
    fn escape_sequences_in_claims_do_not_reach_the_terminal() {
        let claims = r#"{"iss":"\u001b[31m","x":["\u001b[31m"],"y":"\u202e\u2028 \\u{202e}"}"#;
        let text = said(&token(&key(), claims), None);
        assert!(!text.contains('\x1b') && text.contains(r"\u{202e}\u{2028} \\u{202e}"), "{text:?}");
    }
}

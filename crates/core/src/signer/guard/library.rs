//! Refusals in the words that Signatory's JWT library has for them, as far as clients can rely on those (§2.3).

use jwtis_jose::jws::ParseError;
use jwtis_jose::{ClaimsError, HeaderError, base64url};

use super::TokenRefusal;

pub(super) const BAD_SIGNATURE: &str = "token signature is invalid: signature is invalid";
pub(super) const EXPIRED: &str = "token has invalid claims: token is expired";
pub(super) const NOT_YET: &str = "token has invalid claims: token is not valid yet";
pub(super) const WRONG_AUDIENCE: &str = "token has invalid claims: token has invalid audience";
pub(super) const WRONG_ISSUER: &str = "token has invalid claims: token has invalid issuer";
/// Ours: there a secret is chosen by the user and always found.
pub(super) const NO_KEY: &str = "token is unverifiable: no trusted client has the key that the token names";

/// A refusal in these words.
pub(super) fn refused(text: &str) -> TokenRefusal {
    TokenRefusal::Library(text.to_owned())
}

/// Why a text is no token.
pub(super) fn malformed(token: &str, error: &ParseError) -> TokenRefusal {
    let malformed = |reason: &str| refused(&format!("token is malformed: {reason}"));
    if starts_like_bearer(token) {
        return malformed("tokenstring should not contain 'bearer '");
    }
    let header = token.split('.').next().unwrap_or_default();
    match error {
        ParseError::PartCount { .. } => malformed("token contains an invalid number of segments"),
        ParseError::Unsecured => {
            refused("token signature is invalid: token is unverifiable: 'none' signature type is not allowed")
        }
        ParseError::Header(HeaderError::MissingAlg) => {
            refused("token is unverifiable: signing method (alg) is unspecified")
        }
        ParseError::Base64 { part: "header", .. } | ParseError::Header(_) => {
            match first_of_no_value(header) {
                Some(first) => malformed(&format!(
                    "could not JSON decode header: invalid character {first} looking for beginning of value"
                )),
                None if matches!(error, ParseError::Header(_)) => {
                    malformed(&format!("could not JSON decode header: {}", chain(error)))
                }
                None => malformed(&format!("could not base64 decode header: {}", chain(error))),
            }
        }
        ParseError::Base64 { part: "payload", .. } => {
            malformed(&format!("could not base64 decode claim: {}", chain(error)))
        }
        ParseError::Base64 { .. } => {
            malformed(&format!("could not base64 decode signature: {}", chain(error)))
        }
        _ => malformed(&chain(error)),
    }
}

/// Why the payload is no claims set.
pub(super) fn bad_claims(error: &ClaimsError) -> TokenRefusal {
    refused(&format!("token is malformed: could not JSON decode claim: {}", chain(error)))
}

/// The secret did not make the token. The texts tell the kinds of algorithms apart.
pub(super) fn bad_signature(alg: &str) -> TokenRefusal {
    let key_type =
        |expected: &str| refused(&format!("token signature is invalid: key is of invalid type: {expected}"));
    match alg {
        "HS256" => refused(BAD_SIGNATURE),
        "HS384" | "HS512" => refused(&format!("token signature is invalid: signing method {alg} is invalid")),
        "RS256" | "RS384" | "RS512" => key_type("RSA verify expects *rsa.PublicKey"),
        "PS256" | "PS384" | "PS512" => key_type("RSA-PSS verify expects *rsa.PublicKey"),
        "ES256" | "ES384" | "ES512" => key_type("ECDSA verify expects *ecdsa.PublicKey"),
        "EdDSA" => key_type("Ed25519 verify expects ed25519.PublicKey"),
        _ => refused("token is unverifiable: signing method (alg) is unavailable"),
    }
}

fn starts_like_bearer(token: &str) -> bool {
    token.get(.."bearer ".len()).is_some_and(|start| start.eq_ignore_ascii_case("bearer "))
}

/// The first character of the decoded header, quoted, if no JSON value begins with it: what comes of `Bearer<token>` without a space.
/// Whole groups of four characters decode whatever comes after them.
fn first_of_no_value(header: &str) -> Option<String> {
    let whole = header.len().checked_sub(header.len() % 4)?;
    let decoded = base64url::decode(header.get(..whole)?).ok()?;
    let first = decoded.into_iter().find(|byte| !byte.is_ascii_whitespace())?;
    let begins_a_value = matches!(first, b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n');
    (!begins_a_value).then(|| match char::from(first) {
        '\'' => r"'\''".to_owned(),
        shown if shown.is_control() => format!(r"'\x{first:02x}'"),
        shown => format!("'{shown}'"),
    })
}

/// An error and what caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

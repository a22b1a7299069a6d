//! The compact serialisation, RFC 7515 §7.1 and RFC 7516 §7.1: base64url parts between dots.
//!
//! Refused before anything is decoded: texts over [`MAX_TOKEN_BYTES`] and texts with the wrong number of parts. The JSON
//! serialisations have no dots in the right places and fall with them.

use crate::{
    base64url::{self, Base64Error},
    header::HeaderError,
};

/// 1 MiB. A longer text is refused before it is decoded, and never made.
pub const MAX_TOKEN_BYTES: usize = 1 << 20;

/// Splits a compact serialisation into its `N` parts, still encoded.
pub(crate) fn split<const N: usize>(token: &str) -> Result<[&str; N], ParseError> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(ParseError::TooLong(MAX_TOKEN_BYTES));
    }
    let mut parts = [""; N];
    let mut found = 0_usize;
    for part in token.split('.') {
        if let Some(place) = parts.get_mut(found) {
            *place = part;
        }
        found = found.saturating_add(1);
    }
    if found == N { Ok(parts) } else { Err(ParseError::PartCount { expected: N, found }) }
}

pub(crate) fn decode(part: &'static str, text: &str) -> Result<Vec<u8>, ParseError> {
    base64url::decode(text).map_err(|source| ParseError::Base64(part, source))
}

/// Why a text is not a token of the expected form. Nothing about keys has been looked at yet.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// More than [`MAX_TOKEN_BYTES`].
    #[error("a token longer than {0} bytes is not read")]
    TooLong(usize),
    /// A JWS has three parts, a JWE five.
    #[error("expected {expected} parts between dots{}, found {found}{}", form(*.expected), form(*.found))]
    PartCount {
        /// 3 or 5.
        expected: usize,
        /// Parts in the text.
        found: usize,
    },
    /// A part is not base64url.
    #[error("the {0} is not base64url")]
    Base64(&'static str, #[source] Base64Error),
    /// The header is not one that this crate understands.
    #[error("the header is refused")]
    Header(#[from] HeaderError),
    /// `alg: none` (RFC 7515 §6): a token that nobody signed.
    #[error("a token with alg \"none\" is not signed and never accepted")]
    Unsecured,
    /// A header with `enc` belongs to an encrypted token (RFC 7516 §9): it has no place on a signed one.
    #[error("this is a signed token with the header of an encrypted one (\"enc\")")]
    EncInSignedToken,
}

fn form(parts: usize) -> &'static str {
    match parts {
        3 => " (a signed token, JWS)",
        5 => " (an encrypted token, JWE)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_parts_and_says_what_it_found() {
        assert_eq!(split::<3>("a.b.c").unwrap(), ["a", "b", "c"]);
        assert_eq!(split::<3>("..").unwrap(), ["", "", ""]);
        let error = split::<3>("a.b.c.d.e").unwrap_err();
        assert_eq!(error, ParseError::PartCount { expected: 3, found: 5 });
        assert_eq!(
            error.to_string(),
            "expected 3 parts between dots (a signed token, JWS), found 5 (an encrypted token, JWE)"
        );
        assert_eq!(split::<5>(""), Err(ParseError::PartCount { expected: 5, found: 1 }));
    }
}

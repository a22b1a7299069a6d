//! Base64url without padding, RFC 7515 §2 and RFC 4648 §5: one byte string has exactly one text.
//!
//! Refused: padding, white space, the characters of plain base64, a length that no byte string has, and bits left over in
//! the last character. A decoder that forgives any of these gives one token several spellings, and a list of revoked
//! tokens then misses all but one of them.

use base64_simd::{Base64, STANDARD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// The text of `bytes`.
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// Appends the text of `bytes` to `text`, without an allocation when the capacity suffices.
pub fn encode_append(bytes: &[u8], text: &mut String) {
    URL_SAFE_NO_PAD.encode_append(bytes, text);
}

/// How many characters [`encode`] makes of `bytes` bytes.
pub const fn encoded_len(bytes: usize) -> usize {
    URL_SAFE_NO_PAD.encoded_length(bytes)
}

/// The bytes of `text`.
///
/// # Errors
/// [`Base64Error`] says which rule the text breaks, and never quotes it.
pub fn decode(text: &str) -> Result<Vec<u8>, Base64Error> {
    decode_with(&URL_SAFE_NO_PAD, text.as_bytes())
}

/// Like [`decode`], for secrets: the bytes are wiped when dropped.
///
/// # Errors
/// As [`decode`].
pub fn decode_secret(text: &str) -> Result<Zeroizing<Vec<u8>>, Base64Error> {
    decode(text).map(Zeroizing::new)
}

/// Plain base64 with padding, for PEM (RFC 7468 §2) alone.
pub(crate) fn decode_pem_body(text: &[u8]) -> Result<Zeroizing<Vec<u8>>, Base64Error> {
    decode_with(&STANDARD, text).map(Zeroizing::new)
}

fn decode_with(alphabet: &Base64, text: &[u8]) -> Result<Vec<u8>, Base64Error> {
    let mut bytes = Vec::new();
    match alphabet.decode_append(text, &mut bytes) {
        Ok(()) => Ok(bytes),
        Err(_) => Err(why_refused(text)),
    }
}

/// Runs after a refusal only, so that the common path is one vectorised pass.
fn why_refused(text: &[u8]) -> Base64Error {
    if text.contains(&b'=') {
        return Base64Error::Padding;
    }
    let stray = |byte: &u8| !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    match text.iter().position(stray) {
        Some(position) => Base64Error::Character(position),
        None if text.len() % 4 == 1 => Base64Error::Length,
        None => Base64Error::TrailingBits,
    }
}

/// Why a text is not base64url (RFC 7515 §2).
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Base64Error {
    /// There is a `=`.
    #[error("base64url here has no padding: remove the '='")]
    Padding,
    /// A character outside the alphabet.
    #[error("the character at position {0} is not of the base64url alphabet (A-Z a-z 0-9 - _)")]
    Character(usize),
    /// Four characters carry three bytes; one left over carries none.
    #[error("no byte string has a base64url text of this length: something was cut off or added")]
    Length,
    /// The last character has bits that belong to no byte.
    #[error("the last base64url character has stray bits: this is not the canonical text")]
    TrailingBits,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7515_appendix_c() {
        let bytes = [3, 236, 255, 224, 193];
        assert_eq!(encode(&bytes), "A-z_4ME");
        assert_eq!(decode("A-z_4ME").unwrap(), bytes);
        assert_eq!(encoded_len(5), 7);
    }

    #[test]
    fn refuses_every_second_spelling() {
        let cases = [
            ("A-z_4ME=", Base64Error::Padding),
            ("A-z_4M==", Base64Error::Padding),
            ("A+z/4ME", Base64Error::Character(1)),
            ("A-z_\n4ME", Base64Error::Character(4)),
            (" A-z_4M", Base64Error::Character(0)),
            ("A-z_4", Base64Error::Length),
            ("A", Base64Error::Length),
            ("A-z_4MF", Base64Error::TrailingBits),
            ("AB", Base64Error::TrailingBits),
        ];
        for (text, expected) in cases {
            assert_eq!(decode(text), Err(expected), "{text:?}");
        }
    }

    #[test]
    fn every_length_round_trips_and_has_one_last_character() {
        for length in 0..200_usize {
            let bytes: Vec<u8> = (0..length).map(|i| (i * 37 % 251) as u8).collect();
            let text = encode(&bytes);
            assert_eq!(text.len(), encoded_len(length));
            assert_eq!(decode(&text).unwrap(), bytes);
        }
        for first in 0..=255_u8 {
            let canonical = encode(&[first]);
            let spellings = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(*b"-_");
            let accepted = spellings
                .map(|last| format!("{}{}", &canonical[..1], char::from(last)))
                .filter(|text| decode(text).is_ok_and(|bytes| bytes == [first]))
                .count();
            assert_eq!(accepted, 1, "{canonical}");
        }
    }
}

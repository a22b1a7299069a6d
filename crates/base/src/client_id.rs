//! The name of a client.

use std::fmt;
use std::str::FromStr;

/// Name of a client, the `kid` of the API: 1 to 128 of `A-Z a-z 0-9 . _ - ~` (the unreserved characters of RFC 3986 §2.3).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(String);

/// The text is no client name.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a kid has 1 to 128 characters out of A-Z a-z 0-9 . _ - ~")]
pub struct InvalidClientId;

impl ClientId {
    /// Longest name, in characters.
    pub const MAX_CHARS: usize = 128;

    /// Whether a new client may have this name. A token in the place of a name would stay in logs, and a command takes a name that begins
    /// with `-` for a flag. Clients of earlier releases keep such names.
    #[must_use]
    pub fn may_be_new(&self) -> bool {
        !["-", "jat_", "jct_", "eyJ"].iter().any(|start| self.0.starts_with(start))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClientId {
    type Err = InvalidClientId;

    fn from_str(text: &str) -> Result<Self, InvalidClientId> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'~');
        if text.is_empty()
            || text.len() > Self::MAX_CHARS
            || !text.bytes().all(allowed)
            || matches!(text, "." | "..")
        {
            return Err(InvalidClientId);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kid_is_what_fits_a_path_segment() {
        for good in ["a", "shop", "A-Z.a_z~09", &"x".repeat(128)] {
            assert!(good.parse::<ClientId>().is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a b", "a/b", "ü", "a\n", "a%20", &"x".repeat(129)] {
            assert!(bad.parse::<ClientId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_new_kid_is_neither_a_token_nor_a_flag() {
        for (kid, may) in [
            ("shop", true),
            ("a-jat_", true),
            ("jat", true),
            ("-", false),
            ("--help", false),
            ("jat_x", false),
        ] {
            assert_eq!(kid.parse::<ClientId>().unwrap().may_be_new(), may, "{kid}");
        }
        for token in ["jct_x7x7", "eyJhbGciOiJFUzI1NiJ9.eyJhIjoxfQ.x"] {
            assert!(!token.parse::<ClientId>().unwrap().may_be_new(), "{token}");
        }
    }
}

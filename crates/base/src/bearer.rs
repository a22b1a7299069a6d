//! Opaque bearer secrets: client tokens and admin tokens.
//!
//! Client and admin tokens are 256 random bits with a kind in front and a checksum behind, so that a mistyped or truncated one is
//! told from a wrong one without a look into the store, and scanners for leaked secrets find them. The store keeps their SHA-256
//! only: with 256 bits of entropy a slow hash would add cost and no safety.

use std::fmt;

use aws_lc_rs::digest;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::env::{Env, NoEntropy};

const SECRET_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 4;
/// Length of the base64url part: 36 bytes make 48 characters.
const ENCODED_CHARS: usize = (SECRET_BYTES + CHECKSUM_BYTES) / 3 * 4;

/// What a bearer secret opens.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum SecretKind {
    /// `jat_…`: registration and everything else.
    Admin,
    /// `jct_…`: one client's tokens and keys.
    Client,
}

impl SecretKind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Admin => "jat_",
            Self::Client => "jct_",
        }
    }
}

/// A client token or an admin token. It is shown once, by [`BearerSecret::reveal`], and wiped when dropped.
pub struct BearerSecret {
    kind: SecretKind,
    text: Zeroizing<String>,
}

/// Why a text is no bearer secret.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SecretFormatError {
    /// Neither `jat_` nor `jct_` in front.
    #[error("a token starts with jat_ (admin) or jct_ (client)")]
    Prefix,
    /// The rest has another length, a stray character or a wrong checksum.
    #[error("the token is mistyped or cut short: its checksum does not match")]
    Checksum,
}

impl BearerSecret {
    /// Draws a new secret.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn generate(kind: SecretKind, env: &Env) -> Result<Self, NoEntropy> {
        let mut secret = Zeroizing::new([0_u8; SECRET_BYTES]);
        env.fill(secret.as_mut_slice())?;
        let mut bytes = Zeroizing::new([0_u8; SECRET_BYTES + CHECKSUM_BYTES]);
        let checksum = checksum(kind, secret.as_slice());
        for (to, from) in bytes.iter_mut().zip(secret.iter().chain(&checksum)) {
            *to = *from;
        }
        let encoded = Zeroizing::new(base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes.as_slice()));
        let mut text = Zeroizing::new(String::with_capacity(kind.prefix().len() + ENCODED_CHARS));
        text.push_str(kind.prefix());
        text.push_str(&encoded);
        Ok(Self { kind, text })
    }

    /// Reads a secret that somebody presents or configures. It proves nothing yet.
    ///
    /// # Errors
    /// When the text cannot be one of ours.
    pub fn parse(text: &str) -> Result<Self, SecretFormatError> {
        let kind = [SecretKind::Admin, SecretKind::Client]
            .into_iter()
            .find(|kind| text.starts_with(kind.prefix()))
            .ok_or(SecretFormatError::Prefix)?;
        let encoded = text.strip_prefix(kind.prefix()).unwrap_or_default();
        if encoded.len() != ENCODED_CHARS {
            return Err(SecretFormatError::Checksum);
        }
        let bytes = base64_simd::URL_SAFE_NO_PAD
            .decode_to_vec(encoded)
            .map(Zeroizing::new)
            .map_err(|_| SecretFormatError::Checksum)?;
        let (secret, given) = bytes.split_at_checked(SECRET_BYTES).ok_or(SecretFormatError::Checksum)?;
        if !bool::from(checksum(kind, secret).ct_eq(given)) {
            return Err(SecretFormatError::Checksum);
        }
        Ok(Self { kind, text: Zeroizing::new(text.to_owned()) })
    }

    /// What the secret opens, if it is right.
    #[must_use]
    pub const fn kind(&self) -> SecretKind {
        self.kind
    }

    /// The text, to show it to its owner.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// What the store keeps of it.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        let mut hash = [0; 32];
        for (to, from) in hash.iter_mut().zip(digest::digest(&digest::SHA256, self.text.as_bytes()).as_ref())
        {
            *to = *from;
        }
        SecretHash(hash)
    }
}

impl fmt::Debug for BearerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", self.kind.prefix())
    }
}

fn checksum(kind: SecretKind, secret: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(kind.prefix().as_bytes());
    context.update(secret);
    let mut checksum = [0; CHECKSUM_BYTES];
    for (to, from) in checksum.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    checksum
}

/// SHA-256 of a bearer secret.
#[derive(Copy, Clone)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// A hash that the store kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash, for the store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether `secret` is the one, in constant time.
    #[must_use]
    pub fn matches(&self, secret: &BearerSecret) -> bool {
        self.0.ct_eq(&secret.hash().0).into()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(kind: SecretKind) -> BearerSecret {
        BearerSecret::generate(kind, &Env::system()).unwrap()
    }

    #[test]
    fn what_was_generated_reads_back_and_matches() {
        for kind in [SecretKind::Admin, SecretKind::Client] {
            let secret = secret(kind);
            let read = BearerSecret::parse(secret.reveal()).unwrap();
            assert_eq!(read.kind(), kind);
            assert!(secret.hash().matches(&read));
        }
    }

    #[test]
    fn any_changed_character_is_noticed() {
        let text = secret(SecretKind::Client).reveal().to_owned();
        for position in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(BearerSecret::parse(&changed).is_err(), "position {position}");
        }
        assert!(BearerSecret::parse(&text[..text.len() - 1]).is_err());
        assert!(BearerSecret::parse(&format!("{text}A")).is_err());
        assert!(BearerSecret::parse("").is_err());
    }

    #[test]
    fn a_client_token_does_not_pass_as_an_admin_token() {
        let text = secret(SecretKind::Client).reveal().replace("jct_", "jat_");
        assert_eq!(BearerSecret::parse(&text).unwrap_err(), SecretFormatError::Checksum);
    }

    #[test]
    fn debug_shows_no_secret() {
        let secret = secret(SecretKind::Admin);
        let shown = format!("{secret:?} {:?}", secret.hash());
        assert!(!shown.contains(&secret.reveal()[8..16]), "{shown}");
    }
}

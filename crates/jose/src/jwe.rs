//! Encrypted tokens, RFC 7516, in the compact serialisation.
//!
//! [`Undecrypted::parse`] looks at the form only; [`DecryptionKey::decrypt`] turns it into [`Decrypted`]. Decryption shows that nobody changed
//! the text on the way. It does **not** show who wrote it: anybody can encrypt to a public key. To prove the origin, sign first and encrypt
//! then, see [`jwt::nest`](crate::jwt::nest).
//!
//! ```
//! use jwtis_jose::{ContentEncryption, DecryptionKey, KeyManagementAlgorithm, ProtectedHeader, jwe::Undecrypted};
//!
//! let key = DecryptionKey::generate(KeyManagementAlgorithm::EcdhEs, 256)?;
//! let token = key.encryption_key().encrypt(ContentEncryption::A256Gcm, &ProtectedHeader::default(), b"text")?;
//!
//! let decrypted = key.decrypt(&Undecrypted::parse(&token)?, &[ContentEncryption::A256Gcm])?;
//! assert_eq!(decrypted.plaintext(), b"text");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub(crate) mod content;
pub mod encryption_key;
pub mod key;
pub(crate) mod key_management;
mod own_key;

use std::fmt;

use aws_lc_rs::error::Unspecified;
use zeroize::Zeroizing;

pub use self::{encryption_key::EncryptionKey, key::DecryptionKey};
pub use crate::compact::{MAX_TOKEN_BYTES, ParseError};
use crate::{
    base64url::Base64Error,
    compact,
    header::{Header, HeaderError},
    jwk::KeyError,
};

/// A well-formed encrypted token. Its `Debug` shows the header only.
#[derive(Clone)]
pub struct Undecrypted<'a> {
    /// The header as it was sent: the additional authenticated data, RFC 7516 §5.2 step 15.
    aad: &'a str,
    header: Header,
    encrypted_key: Vec<u8>,
    iv: Vec<u8>,
    ciphertext: Vec<u8>,
    tag: Vec<u8>,
}

impl<'a> Undecrypted<'a> {
    /// Reads a compact JWE, RFC 7516 §5.2 steps 1 to 4.
    ///
    /// # Errors
    /// [`ParseError`] says what is wrong with the form.
    pub fn parse(token: &'a str) -> Result<Self, ParseError> {
        let [aad, encrypted_key, iv, ciphertext, tag] = compact::split(token)?;
        let header = Header::parse(&compact::decode("header", aad)?)?;
        if header.enc().is_none() {
            return Err(HeaderError::MissingEnc.into());
        }
        Ok(Self {
            aad,
            header,
            encrypted_key: compact::decode("encrypted key", encrypted_key)?,
            iv: compact::decode("initialization vector", iv)?,
            ciphertext: compact::decode("ciphertext", ciphertext)?,
            tag: compact::decode("authentication tag", tag)?,
        })
    }

    /// The header, as the sender wrote it: enough to select one of your own keys by `kid`.
    pub const fn header(&self) -> &Header {
        &self.header
    }
}

/// The content of an encrypted token, unchanged since somebody encrypted it. Its `Debug` shows the header only.
pub struct Decrypted {
    header: Header,
    plaintext: Zeroizing<Vec<u8>>,
}

impl Decrypted {
    /// The header, authenticated together with the text.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The text.
    pub fn plaintext(&self) -> &[u8] {
        &self.plaintext
    }
}

impl fmt::Debug for Undecrypted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Undecrypted").field("header", &self.header).finish_non_exhaustive()
    }
}

impl fmt::Debug for Decrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decrypted").field("header", &self.header).finish_non_exhaustive()
    }
}

/// Why a text could not be encrypted.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncryptError {
    /// The token would be longer than anybody reads.
    #[error("the token would be longer than {0} bytes")]
    TooLong(usize),
    /// AWS-LC failed, for want of memory or of randomness.
    #[error("the cryptographic library failed to encrypt")]
    Library(#[from] Unspecified),
}

/// Why a token could not be decrypted.
///
/// Everything that depends on the key's secret is the one [`DecryptError::Failed`]: a sender who could tell bad padding
/// from a bad tag could decrypt other people's tokens (RFC 7516 §11.5).
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecryptError {
    /// Not a compact JWE.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The token names another algorithm than the one that the key has (RFC 8725 §3.1).
    #[error("the token says alg {0:?}, the key is for {1} only")]
    Algorithm(String, &'static str),
    /// The content encryption is unsupported, or not one that the caller accepts.
    #[error("enc {0:?} is unsupported here: accepted are {1}")]
    ContentEncryption(String, String),
    /// RFC 7518 §4.6.1.1: ECDH-ES needs an ephemeral key.
    #[error("the header has no \"epk\", which ECDH-ES needs")]
    MissingEphemeralKey,
    /// The ephemeral key is no public key: malformed, off its curve, of small order, or private.
    #[error("the ephemeral key (\"epk\") is refused")]
    EphemeralKey(#[source] KeyError),
    /// The ephemeral key is on another curve than the recipient's.
    #[error("the ephemeral key (\"epk\") is {found}, the recipient's key is on {expected}")]
    EphemeralKeyCurve {
        /// The recipient's curve.
        expected: &'static str,
        /// The kind of the ephemeral key.
        found: String,
    },
    /// RFC 7518 §4.6.1.2, §4.6.1.3: `apu` and `apv` are base64url.
    #[error("{0:?} in the header is not base64url")]
    PartyInfo(&'static str, #[source] Base64Error),
    /// The length of an encrypted key follows from the algorithm; under ECDH-ES there is none (RFC 7516 §5.2 step 10).
    #[error("the encrypted key must have {expected} bytes, it has {found}")]
    EncryptedKeyLength {
        /// Bytes.
        expected: usize,
        /// Bytes.
        found: usize,
    },
    /// RFC 7518 §5.3: 96 bits.
    #[error("the initialization vector must have {expected} bytes, it has {found}")]
    IvLength {
        /// Bytes.
        expected: usize,
        /// Bytes.
        found: usize,
    },
    /// RFC 7518 §5.3: 128 bits. A shorter tag is easier to guess.
    #[error("the authentication tag must have {expected} bytes, it has {found}")]
    TagLength {
        /// Bytes.
        expected: usize,
        /// Bytes.
        found: usize,
    },
    /// RFC 7519 §5.2: what should hold a signed token has no `cty: JWT`, or holds no text.
    #[error("the encrypted token does not say that a signed one is inside (\"cty\" must be \"JWT\")")]
    NotNested,
    /// The token is not for this key, or was changed.
    #[error("the token cannot be decrypted with this key: it is for another one, or was changed")]
    Failed,
}

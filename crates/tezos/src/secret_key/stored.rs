//! Secret keys as files and configurations hold them: octez-client's `secret_keys`, and lists of texts.

use std::str::FromStr;

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::encrypted::EncryptedSecretKey;
use super::error::SecretKeyError;
use super::plain::SecretKey;
use crate::{
    base58check::{self, Prefix},
    key::Curve,
};

/// The schemes of keys whose secret stands behind the colon.
const OWN_SCHEMES: [&str; 2] = ["unencrypted", "encrypted"];

/// A secret key that may need a password.
#[derive(Debug)]
pub enum StoredSecretKey {
    /// Ready to sign.
    Plain(Box<SecretKey>),
    /// To be opened.
    Encrypted(EncryptedSecretKey),
}

impl SecretKey {
    /// Reads an encrypted key (`edesk…`, `spesk…`, `p2esk…`, `BLesk…`) with its password. Takes some
    /// 20 milliseconds: not on a thread that serves others.
    ///
    /// # Errors
    /// [`SecretKeyError`]; [`SecretKeyError::Password`] when the password is wrong.
    pub fn from_encrypted(text: &str, password: &[u8]) -> Result<Self, SecretKeyError> {
        match text.parse()? {
            StoredSecretKey::Encrypted(key) => key.decrypt(password),
            StoredSecretKey::Plain(_) => Err(SecretKeyError::NotEncrypted),
        }
    }
}

/// Reads a key in the clear, `edsk…` in either form.
impl FromStr for SecretKey {
    type Err = SecretKeyError;

    fn from_str(text: &str) -> Result<Self, SecretKeyError> {
        match text.parse()? {
            StoredSecretKey::Plain(key) => Ok(*key),
            StoredSecretKey::Encrypted(_) => Err(SecretKeyError::Encrypted),
        }
    }
}

impl StoredSecretKey {
    /// Reads `<scheme>:<key>`: `unencrypted:`, `encrypted:` and no scheme at all are the same, since the key itself tells.
    ///
    /// # Errors
    /// [`SecretKeyError`]; entries of other schemes (`ledger:`, `http:`) fail here, whatever stands behind the colon.
    /// [`parse_secret_keys`] knows them.
    pub fn parse(text: &str) -> Result<Self, SecretKeyError> {
        match text.split_once(':') {
            None => text.parse(),
            Some((scheme, key)) if OWN_SCHEMES.contains(&scheme) => key.parse(),
            Some(_) => Err(SecretKeyError::Scheme),
        }
    }

    /// The curve.
    pub const fn curve(&self) -> Curve {
        match self {
            Self::Plain(key) => key.curve(),
            Self::Encrypted(key) => key.curve(),
        }
    }
}

/// Reads a key without scheme.
impl FromStr for StoredSecretKey {
    type Err = SecretKeyError;

    fn from_str(text: &str) -> Result<Self, SecretKeyError> {
        let (prefix, payload) = base58check::decode_short(text)?;
        if prefix == Prefix::EdskFull {
            // The public half behind the seed is not looked at, as in Signatory; ours is made from the seed.
            let seed = payload.get(..32).unwrap_or_default();
            return plain(Curve::Ed25519, seed);
        }
        for curve in Curve::ALL {
            if prefix == curve.prefixes().secret {
                return plain(curve, &payload);
            }
            if prefix == curve.prefixes().encrypted {
                let key = EncryptedSecretKey::from_payload(curve, &payload);
                return key.map(Self::Encrypted).ok_or(SecretKeyError::NotASecretKey(prefix));
            }
        }
        Err(SecretKeyError::NotASecretKey(prefix))
    }
}

fn plain(curve: Curve, secret: &[u8]) -> Result<StoredSecretKey, SecretKeyError> {
    SecretKey::from_bytes(curve, secret).map(Box::new).map(StoredSecretKey::Plain)
}

/// An entry of octez-client's `secret_keys`.
#[derive(Debug)]
pub struct NamedSecretKey {
    /// The alias.
    pub name: String,
    /// The key.
    pub key: StoredSecretKey,
}

/// An entry of octez-client's `secret_keys` whose secret is elsewhere: with a remote signer, on a ledger, or wherever a scheme that
/// is not known here leads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ElsewhereKey {
    /// The alias.
    pub name: String,
    /// Where it is: `http`, `ledger`, … The rest of the entry may hold a password.
    pub scheme: String,
}

/// The entries of octez-client's `secret_keys`.
#[derive(Debug, Default)]
pub struct SecretKeys {
    /// The keys that are in the file.
    pub keys: Vec<NamedSecretKey>,
    /// The others, by name.
    pub elsewhere: Vec<ElsewhereKey>,
}

/// Why a `secret_keys` file cannot be used. No message repeats a value.
#[derive(Debug, thiserror::Error)]
pub enum StoredSecretKeyError {
    /// Not JSON, or not an array of `{"name": …, "value": …}`.
    #[error("not a list of secret keys, each with a name and a value: line {line}, column {column}")]
    Json {
        /// Counted from one.
        line: usize,
        /// Counted from one.
        column: usize,
    },
    /// The entry that was asked for has its secret elsewhere.
    #[error("the secret of {:?} is not in the file, but with `{}:`", .0.name, .0.scheme)]
    Elsewhere(ElsewhereKey),
    /// An entry that is no key.
    #[error("secret key {name:?}")]
    Entry {
        /// The alias.
        name: String,
        /// The fault of the key.
        #[source]
        source: SecretKeyError,
    },
}

/// Reads octez-client's `secret_keys`: a JSON array of `{"name": "…", "value": "<scheme>:<key>"}`. octez-client writes entries with
/// other schemes itself as soon as a key is remote or on a ledger.
///
/// # Errors
/// [`StoredSecretKeyError`]; one entry that is meant to be a key, and is none, is an error of the file.
pub fn parse_secret_keys(json: &[u8]) -> Result<SecretKeys, StoredSecretKeyError> {
    let mut found = SecretKeys::default();
    for entry in entries(json)? {
        match entry.parse() {
            Ok(key) => found.keys.push(key),
            Err(StoredSecretKeyError::Elsewhere(key)) => found.elsewhere.push(key),
            Err(error @ (StoredSecretKeyError::Json { .. } | StoredSecretKeyError::Entry { .. })) => {
                return Err(error);
            }
        }
    }
    Ok(found)
}

/// Reads the entry `name` of octez-client's `secret_keys`, whatever the others are; `None` where it is not.
///
/// # Errors
/// As [`parse_secret_keys`], of this entry; and [`StoredSecretKeyError::Elsewhere`].
pub fn parse_secret_key_of(json: &[u8], name: &str) -> Result<Option<NamedSecretKey>, StoredSecretKeyError> {
    entries(json)?.into_iter().find(|entry| entry.name == name).map(Entry::parse).transpose()
}

fn entries(json: &[u8]) -> Result<Vec<Entry>, StoredSecretKeyError> {
    serde_json::from_slice(json)
        .map_err(|error| StoredSecretKeyError::Json { line: error.line(), column: error.column() })
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    #[serde(deserialize_with = "wiped")]
    value: Zeroizing<String>,
}

impl Entry {
    fn parse(self) -> Result<NamedSecretKey, StoredSecretKeyError> {
        let Self { name, value } = self;
        match StoredSecretKey::parse(&value) {
            Ok(key) => Ok(NamedSecretKey { name, key }),
            Err(source) => Err(match elsewhere(&value) {
                Some(scheme) => {
                    StoredSecretKeyError::Elsewhere(ElsewhereKey { name, scheme: scheme.to_owned() })
                }
                None => StoredSecretKeyError::Entry { name, source },
            }),
        }
    }
}

/// The scheme of a value that names another place; `None` where the value is meant to be a key.
fn elsewhere(value: &str) -> Option<&str> {
    let (scheme, _) = value.split_once(':')?;
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_lowercase())
            && scheme.len() <= MAX_SCHEME
            && scheme.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.'))
    };
    (is_scheme(scheme) && !OWN_SCHEMES.contains(&scheme)).then_some(scheme)
}

/// Longest scheme: longer texts may be keys that were pasted wrongly, and are not repeated.
const MAX_SCHEME: usize = 16;

fn wiped<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(deserializer).map(Zeroizing::new)
}

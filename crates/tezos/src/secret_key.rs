//! Secret keys: read, made, written, and used to sign.

mod encrypted;
mod error;
mod pair;
mod plain;
mod stored;

pub use self::{
    encrypted::EncryptedSecretKey,
    error::SecretKeyError,
    plain::SecretKey,
    stored::{
        ElsewhereKey, NamedSecretKey, SecretKeys, StoredSecretKey, StoredSecretKeyError, parse_secret_key_of,
        parse_secret_keys,
    },
};

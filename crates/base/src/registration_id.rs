//! The id of a registration: it tells a client from another that was registered later under the same name.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{Context, SHA256};
use uuid::Uuid;

use crate::bearer::SecretHash;
use crate::client_id::ClientId;
use crate::env::Timestamp;

/// The id of one registration, for as long as it lives: a UUIDv8 (RFC 9562 §5.8). No secret.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RegistrationId(Uuid);

/// The text is no registration id.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a registration is a UUID of version 8, as `jwtis client show KID` prints it")]
pub struct InvalidRegistrationId;

impl RegistrationId {
    /// The id of the registration that was made with this token. The token is random, so no two are alike.
    ///
    /// Records from before there were ids get theirs in the same way when they are read. Once written it stays, whatever becomes of
    /// the token.
    #[must_use]
    pub fn of(client: &ClientId, created_at: Timestamp, token: SecretHash) -> Self {
        let mut context = Context::new(&SHA256);
        for part in [
            b"jwtis registration\n".as_slice(),
            token.as_bytes(),
            &created_at.millis().to_be_bytes(),
            client.as_str().as_bytes(),
        ] {
            context.update(part);
        }
        let digest = context.finish();
        let mut bytes = uuid::Bytes::default();
        for (to, from) in bytes.iter_mut().zip(digest.as_ref()) {
            *to = *from;
        }
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// The UUID.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }

    /// The id that a record holds.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl FromStr for RegistrationId {
    type Err = InvalidRegistrationId;

    fn from_str(text: &str) -> Result<Self, InvalidRegistrationId> {
        let uuid = Uuid::try_parse(text).map_err(|_| InvalidRegistrationId)?;
        let usual = text.len() == uuid::fmt::Hyphenated::LENGTH && uuid.get_version_num() == 8;
        if usual { Ok(Self(uuid)) } else { Err(InvalidRegistrationId) }
    }
}

impl fmt::Display for RegistrationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_of_one_registration_and_reads_back() {
        let shop: ClientId = "shop".parse().unwrap();
        let of = |seconds, token| {
            RegistrationId::of(&shop, Timestamp::from_seconds(seconds), SecretHash::from_bytes([token; 32]))
        };
        let id = of(1, 1);
        assert_eq!(id, of(1, 1));
        assert_eq!(id.to_string().parse(), Ok(id));
        for other in [of(2, 1), of(1, 2)] {
            assert_ne!(id, other);
        }
        for text in ["", "shop", "019352a0-0000-7000-8000-000000000000", &id.to_string().replace('-', "")] {
            assert_eq!(text.parse::<RegistrationId>(), Err(InvalidRegistrationId), "{text}");
        }
    }
}

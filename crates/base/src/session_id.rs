//! The name of a session.

use uuid::Uuid;

use crate::env::Timestamp;

/// Name of a session, `sid` in tokens and `id` in answers: a UUIDv7 (RFC 9562 §5.7), whose time is when the session was opened.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct SessionId(Uuid);

/// The text is no session id.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a session id is a UUID of version 7, as in the id of an issue answer")]
pub struct InvalidSessionId;

impl SessionId {
    /// A session opened at `at`, told apart by 74 of the `random` bits.
    #[must_use]
    pub fn new(at: Timestamp, random: &[u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(at.millis(), random).into_uuid())
    }

    /// Reads a `sid`.
    ///
    /// # Errors
    /// Unless it is a UUIDv7 in its usual form.
    pub fn parse(text: &str) -> Result<Self, InvalidSessionId> {
        let uuid = Uuid::try_parse(text).map_err(|_| InvalidSessionId)?;
        if text.len() != uuid::fmt::Hyphenated::LENGTH || uuid.get_version_num() != 7 {
            return Err(InvalidSessionId);
        }
        Ok(Self(uuid))
    }

    /// When the session was opened, to the millisecond.
    #[must_use]
    pub fn opened_at(self) -> Timestamp {
        let mut millis = [0_u8; 8];
        for (to, from) in millis.iter_mut().skip(2).zip(self.0.as_bytes()) {
            *to = *from;
        }
        Timestamp::from_millis(u64::from_be_bytes(millis))
    }

    /// The UUID.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_id_carries_its_time() {
        let at = Timestamp::from_millis(1_795_000_900_123);
        let id = SessionId::new(at, &[7; 10]);
        assert_eq!(id.opened_at(), at);
        assert_eq!(SessionId::parse(&id.uuid().to_string()), Ok(id));
    }

    #[test]
    fn only_uuid_version_7_in_its_usual_form_is_a_session_id() {
        let good = SessionId::new(Timestamp::from_millis(5), &[7; 10]).uuid();
        for bad in [
            String::new(),
            "x".to_owned(),
            good.simple().to_string(),
            good.braced().to_string(),
            good.urn().to_string(),
            "00000000-0000-0000-0000-000000000000".to_owned(),
            "9e107d9d-372b-4b6c-8f3e-5a1d2c3b4a59".to_owned(),
        ] {
            assert_eq!(SessionId::parse(&bad), Err(InvalidSessionId), "{bad}");
        }
    }
}

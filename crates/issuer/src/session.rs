//! Sessions: one issue call and all its renewals.
//!
//! Issuing writes nothing. A session gets a record at its first rotation or revocation. The record goes away when its tokens have expired.
//! [`rule::renew`] decides about renewals.

pub mod rule;

use std::cmp::Ordering;
use std::time::Duration;

use jwtis_base::client_id::ClientId;
use jwtis_base::json::{decode_json, encode_json};
use jwtis_base::session_id::SessionId;
use jwtis_store::{DecodeError, Name, Record, Table};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use rule::SessionState;

/// Records are kept this much longer than their tokens, so that a clock that is set back by less does not revive a revoked session.
pub const RECORD_SLACK: Duration = Duration::from_secs(24 * 3600);

/// State of one session as stored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct SessionRecord {
    #[serde(flatten)]
    pub(crate) state: SessionState,
    /// Seconds; the last token of the session has expired by then.
    pub(crate) expires_at: u64,
}

/// Name of a session's record, and its place in time.
pub(crate) fn session_name(client: &ClientId, session: SessionId) -> (String, u64) {
    (format!("{client}\n{}", session.uuid()), session.opened_at().millis())
}

/// Name of the mark that revokes a subject's sessions.
pub(crate) fn subject_name(client: &ClientId, subject: &str) -> String {
    format!("{client}\n{subject}")
}

/// A name made by [`session_name`], borrowed.
pub(crate) fn at((text, millis): &(String, u64)) -> Name<'_> {
    Name::at(*millis, text)
}

impl SessionRecord {
    /// One record of two copies of a store: revoked stays revoked, the higher generation and the later expiry count.
    pub(crate) fn join(&self, other: &Self) -> Self {
        let (one, two) = (&self.state, &other.state);
        let state = match one.generation.cmp(&two.generation) {
            Ordering::Greater => one.clone(),
            Ordering::Less => two.clone(),
            Ordering::Equal => SessionState {
                rotated_at_ms: one.rotated_at_ms.min(two.rotated_at_ms),
                confirmed: one.confirmed || two.confirmed,
                ..one.clone()
            },
        };
        let revoked = one.revoked || two.revoked;
        Self { state: SessionState { revoked, ..state }, expires_at: self.expires_at.max(other.expires_at) }
    }
}

impl Record for SessionRecord {
    const TABLE: Table = Table { id: 2, name: "sessions", time_ordered: true };

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        encode_json(self)
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode_json(bytes)
    }

    fn expires_at(&self) -> Option<u64> {
        Some(self.expires_at.saturating_add(RECORD_SLACK.as_secs()))
    }
}

/// Revokes all sessions of a subject that were opened before a moment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct SubjectMark {
    /// Milliseconds since the epoch.
    pub(crate) not_before_ms: u64,
    /// Seconds; the last token that the mark speaks of has expired by then.
    pub(crate) expires_at: u64,
}

impl SubjectMark {
    /// One mark of two copies of a store: the later of both.
    pub(crate) fn join(&self, other: &Self) -> Self {
        Self {
            not_before_ms: self.not_before_ms.max(other.not_before_ms),
            expires_at: self.expires_at.max(other.expires_at),
        }
    }
}

impl Record for SubjectMark {
    const TABLE: Table = Table { id: 3, name: "subjects", time_ordered: false };

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        encode_json(self)
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode_json(bytes)
    }

    fn expires_at(&self) -> Option<u64> {
        Some(self.expires_at.saturating_add(RECORD_SLACK.as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_of_two_copies_by_name() {
        let session = |generation, confirmed, revoked, expires_at| SessionRecord {
            state: SessionState { generation, rotated_at_ms: 7, confirmed, revoked },
            expires_at,
        };
        let plain = |generation| session(generation, false, false, 9);
        let at = |rotated_at_ms| SessionRecord {
            state: SessionState { rotated_at_ms, ..plain(1).state },
            expires_at: 9,
        };
        for (name, one, other, wanted) in [
            ("the_same", plain(1), plain(1), plain(1)),
            ("revoked_stays_revoked", plain(3), session(1, false, true, 9), session(3, false, true, 9)),
            ("the_higher_generation_counts", session(1, true, false, 9), plain(2), plain(2)),
            ("a_used_token_stays_used", session(1, true, false, 9), plain(1), session(1, true, false, 9)),
            ("the_earlier_rotation_counts", at(5), at(7), at(5)),
            ("the_later_expiry_counts", session(2, false, false, 5), plain(1), plain(2)),
        ] {
            assert_eq!(one.join(&other), wanted, "{name}");
            assert_eq!(other.join(&one), wanted, "{name}, turned round");
        }
        let mark = |not_before_ms, expires_at| SubjectMark { not_before_ms, expires_at };
        assert_eq!(mark(5, 9).join(&mark(7, 8)), mark(7, 9));
    }
}

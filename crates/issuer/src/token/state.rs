//! The state of a token's session in the store.
//!
//! Every write also requires the client's record to be unchanged. The record of a revocation must outlive every token of the session, and
//! new keys could make longer ones between the read and the write.

use std::time::Duration;

use jwtis_base::audit::Audited;
use jwtis_base::env::Timestamp;
use jwtis_base::rollback::takeover::put;
use jwtis_base::session_id::SessionId;
use jwtis_store::{CommitError, Name, ReadError, Transaction, Version};

use super::open::OpenedToken;
use crate::client::{Client, ClientRecord, client_name};
use crate::issuer::Issuer;
use crate::key::rotation::RETIRING_SLACK;
use crate::session::rule::SessionState;
use crate::session::{SessionRecord, SubjectMark, at, session_name, subject_name};

/// A session as stored.
#[derive(Default)]
pub(super) struct StoredSession {
    pub(super) state: SessionState,
    version: Option<Version>,
    /// When the record goes away, in seconds since the epoch; 0 where there is none.
    expires_at: u64,
}

impl StoredSession {
    pub(super) const fn is_new(&self) -> bool {
        self.version.is_none()
    }

    /// Whether the record outlives every token that can be made for the session now.
    pub(super) fn outlives(&self, client: &Client, now: Timestamp, grace: Duration) -> bool {
        self.expires_at >= last_expiry(client, now, grace)
    }
}

impl Issuer {
    /// The session as its own record says.
    pub(super) async fn session(&self, client: &Client, id: SessionId) -> Result<StoredSession, ReadError> {
        let name = session_name(client.id(), id);
        let stored = self.store().get::<SessionRecord>(at(&name)).await?;
        Ok(stored.map_or_else(StoredSession::default, |stored| StoredSession {
            state: stored.value.state,
            version: Some(stored.version),
            expires_at: stored.value.expires_at,
        }))
    }

    /// Whether the token's session is revoked by a mark: it was opened before the mark of its client or its subject.
    pub(super) async fn is_marked(&self, client: &Client, token: &OpenedToken) -> Result<bool, ReadError> {
        let opened_at = token.session.opened_at();
        if opened_at < client.record.not_before.max(self.sessions_not_before().await?) {
            return Ok(true);
        }
        let Some(subject) = &token.subject else { return Ok(false) };
        let name = subject_name(client.id(), subject);
        let mark = self.store().get::<SubjectMark>(Name::plain(&name)).await?;
        Ok(mark.is_some_and(|mark| opened_at.millis() < mark.value.not_before_ms))
    }

    /// Writes the session's state, unless it or the client has changed since they were read. The record outlives every token of the session
    /// and `until`, in seconds since the epoch. The audit record of `event` is in the same commit.
    pub(super) async fn store_session(
        &self,
        client: &Client,
        id: SessionId,
        previous: &StoredSession,
        state: SessionState,
        until: u64,
        event: Option<&Audited>,
    ) -> Result<(), CommitError> {
        let grace = self.settings().renew_grace;
        let opened = last_expiry(client, self.latest().max(id.opened_at()), grace);
        let expires_at = opened.max(previous.expires_at).max(until);
        let record = SessionRecord { state, expires_at };
        let name = session_name(client.id(), id);
        let tx =
            Transaction::new(self.store()).require::<ClientRecord>(client_name(client.id()), client.version);
        let tx = put(tx, at(&name), previous.version, Some(&record));
        let tx = event.into_iter().fold(tx, |tx, event| tx.append(event.record()));
        self.store().commit(tx).await
    }

    /// When the last token of the client's present sessions will have expired, in seconds since the epoch.
    pub(super) fn last_expiry(&self, client: &Client) -> u64 {
        last_expiry(client, self.latest(), self.settings().renew_grace)
    }
}

/// Tokens of the present generation may be made until the grace is over. `latest` is the latest time that the server knows, because the
/// clock may be behind. Retired sets count, because the clock may be ahead.
fn last_expiry(client: &Client, latest: Timestamp, grace: Duration) -> u64 {
    let longest = client
        .keys()
        .entries()
        .iter()
        .map(|entry| entry.keys.policy.auth_ttl.max(entry.keys.policy.refresh_ttl).as_duration())
        .max()
        .unwrap_or_default();
    latest.plus(longest).plus(grace).plus(RETIRING_SLACK).seconds()
}

//! What the store says of a token's session, and writing it back.
//!
//! Every write depends on the client's record too: what a revocation must outlive is a matter of the client's key sets, and a rotation of
//! keys between reading and writing could let tokens live longer than the record that revokes them.

use std::time::Duration;

use jwtis_base::audit::Audited;
use jwtis_base::env::Timestamp;
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
    /// Revoked also where a mark of its subject or its client says so.
    pub(super) state: SessionState,
    /// `None` where there is no record yet.
    version: Option<Version>,
    /// When the record goes away, in seconds since the epoch; 0 where there is none.
    expires_at: u64,
}

impl StoredSession {
    /// Whether there is no record of it yet.
    pub(super) const fn is_new(&self) -> bool {
        self.version.is_none()
    }

    /// Whether the record stays for as long as any token that can be made for the session now.
    pub(super) fn outlives(&self, client: &Client, now: Timestamp, grace: Duration) -> bool {
        self.expires_at >= last_expiry(client, now, grace)
    }
}

impl Issuer {
    /// State of the token's session, marks of its subject and client included.
    pub(super) async fn session(
        &self,
        client: &Client,
        token: &OpenedToken,
    ) -> Result<StoredSession, ReadError> {
        let mut session = self.session_record(client, token.session).await?;
        if !session.state.revoked {
            session.state.revoked = self.is_marked(client, token).await?;
        }
        Ok(session)
    }

    /// State of a session by its own record alone.
    pub(super) async fn session_record(
        &self,
        client: &Client,
        id: SessionId,
    ) -> Result<StoredSession, ReadError> {
        let name = session_name(client.id(), id);
        let stored = self.store().get::<SessionRecord>(at(&name)).await?;
        Ok(stored.map_or_else(StoredSession::default, |stored| StoredSession {
            state: stored.value.state,
            version: Some(stored.version),
            expires_at: stored.value.expires_at,
        }))
    }

    /// Writes the session's state, provided that neither it nor the client has changed since they were read. The record stays for as long
    /// as any token of the session, and at least until `until`, in seconds since the epoch. What is audited has its record in the same commit.
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
        let tx = match previous.version {
            None => tx.create(at(&name), &record),
            Some(version) => tx.replace(at(&name), version, &record),
        };
        let tx = match event {
            Some(event) => tx.append(event.record()),
            None => tx,
        };
        self.store().commit(tx).await
    }

    /// When the last token that the client can hold or get for a session now will have expired, in seconds since the epoch.
    pub(super) fn last_expiry(&self, client: &Client) -> u64 {
        last_expiry(client, self.latest(), self.settings().renew_grace)
    }

    /// Whether the token's session was opened before a mark of its client or its subject.
    async fn is_marked(&self, client: &Client, token: &OpenedToken) -> Result<bool, ReadError> {
        let opened_at = token.session.opened_at();
        if opened_at < client.not_before.max(self.sessions_not_before().await?) {
            return Ok(true);
        }
        let Some(subject) = &token.subject else { return Ok(false) };
        let name = subject_name(client.id(), subject);
        let mark = self.store().get::<SubjectMark>(Name::plain(&name)).await?;
        Ok(mark.is_some_and(|mark| opened_at.millis() < mark.value.not_before_ms))
    }
}

/// Tokens of the present generation may be made until the grace is over. `latest` is the latest time that the server knows of: a clock that
/// is behind must not make a record end before the tokens that it speaks of. Sets that seem retired count: the clock may be ahead.
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

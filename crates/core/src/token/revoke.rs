//! Revoking: a session, a subject's sessions, or all sessions of a client. Effective before the caller hears of success.
//!
//! A token stands for its session: revoking either of its tokens ends both and all renewals (RFC 7009 §2.1). A token that is unknown,
//! expired or another client's is no error and changes nothing (RFC 7009 §2.2).

use jwtis_store::{CommitError, ReadError, Transaction, Version};

use super::open::{self, Opened};
use super::renew::last_expiry;
use crate::access::ClientAccess;
use crate::audit::Event;
use crate::client::{Client, ClientRecord, client_name};
use crate::issuer::Issuer;
use crate::issuer::clients::MAX_TRIES;
use crate::session::rule::SessionState;
use crate::session::{
    InvalidSessionId, SessionId, SessionRecord, SubjectMark, at, session_name, subject_name,
};

/// What to revoke.
#[derive(Copy, Clone)]
pub enum RevokeTarget<'a> {
    /// The session of this `id`.
    Session(&'a str),
    /// The session of this refresh token.
    RefreshToken(&'a str),
    /// The session of this access token.
    AccessToken(&'a str),
    /// All sessions opened so far whose tokens have this `sub`.
    Subject(&'a str),
    /// All sessions of the client opened so far.
    All,
}

/// Why nothing was revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// The id is none.
    #[error(transparent)]
    InvalidSession(#[from] InvalidSessionId),
    /// Others kept changing the same record; try again.
    #[error("the record was changed by other requests at the same moment")]
    Conflict,
    /// The store could not be written.
    #[error("the revocation could not be stored")]
    Store(#[from] CommitError),
    /// The store could not be read.
    #[error("the store could not be read")]
    Read(#[from] ReadError),
}

impl Issuer {
    /// Revokes. Success means that it is durable, and that [`Issuer::verify`] and [`Issuer::renew`] refuse from now on.
    ///
    /// # Errors
    /// Whatever error, nothing was revoked; all but [`RevokeError::InvalidSession`] are worth a retry.
    pub async fn revoke(&self, access: &ClientAccess, target: RevokeTarget<'_>) -> Result<(), RevokeError> {
        let client = access.client();
        let now = self.env().now();
        match target {
            RevokeTarget::Session(id) => self.revoke_session(client, SessionId::parse(id)?).await,
            RevokeTarget::RefreshToken(token) => match open::refresh_token(client, token, now) {
                Ok(token) => self.revoke_session(client, token.session).await,
                Err(_) => Ok(()),
            },
            RevokeTarget::AccessToken(token) => match open::access_token(client, token, now) {
                Ok(token) => self.revoke_session(client, token.session).await,
                Err(_) => Ok(()),
            },
            RevokeTarget::Subject(subject) => self.revoke_subject(client, subject).await,
            RevokeTarget::All => self.revoke_all(client).await,
        }
    }

    async fn revoke_session(&self, client: &Client, session: SessionId) -> Result<(), RevokeError> {
        let name = session_name(client.id(), session);
        for _ in 0..MAX_TRIES {
            let stored = self.store().get::<SessionRecord>(at(&name)).await?;
            let (version, state) = stored
                .map_or((None, SessionState::default()), |stored| (Some(stored.version), stored.value.state));
            if state.revoked {
                return Ok(());
            }
            let state = SessionState { revoked: true, ..state };
            if settled(self.store_session(client, session, version, state, self.env().now()).await)? {
                Event::SessionRevoked(client.id(), session).record();
                return Ok(());
            }
        }
        Err(RevokeError::Conflict)
    }

    async fn revoke_subject(&self, client: &Client, subject: &str) -> Result<(), RevokeError> {
        let name = subject_name(client.id(), subject);
        let name = jwtis_store::Name::plain(&name);
        let barrier = self.session_barrier(client).millis();
        for _ in 0..MAX_TRIES {
            let stored = self.store().get::<SubjectMark>(name).await?;
            let before = stored.as_ref().map_or(0, |stored| stored.value.not_before_ms);
            let expires_at = last_expiry(client, self.env().now(), self.settings().renew_grace);
            let mark = SubjectMark { not_before_ms: barrier.max(before), expires_at };
            let tx = Transaction::new(self.store());
            let tx = match stored.map(|stored| stored.version) {
                None => tx.create(name, &mark),
                Some(version) => tx.replace(name, version, &mark),
            };
            if settled(self.store().commit(tx).await)? {
                Event::SubjectRevoked(client.id()).record();
                return Ok(());
            }
        }
        Err(RevokeError::Conflict)
    }

    async fn revoke_all(&self, client: &Client) -> Result<(), RevokeError> {
        let name = client_name(client.id());
        let barrier = self.session_barrier(client);
        for _ in 0..MAX_TRIES {
            let Some(stored) = self.store().get::<ClientRecord>(name).await? else {
                // Deleted meanwhile, and its tokens with it.
                return Ok(());
            };
            let (mut record, version): (ClientRecord, Version) = (stored.value, stored.version);
            record.not_before = record.not_before.max(barrier);
            if settled(
                self.store().commit(Transaction::new(self.store()).replace(name, version, &record)).await,
            )? {
                Event::ClientRevoked(client.id()).record();
                return Ok(());
            }
        }
        Err(RevokeError::Conflict)
    }

    /// Whether the token's session was opened before a mark of its client or its subject.
    pub(super) async fn is_marked(&self, client: &Client, token: &Opened) -> Result<bool, ReadError> {
        let opened_at = token.session.opened_at();
        if opened_at < client.not_before {
            return Ok(true);
        }
        let Some(subject) = &token.subject else { return Ok(false) };
        let name = subject_name(client.id(), subject);
        let mark = self.store().get::<SubjectMark>(jwtis_store::Name::plain(&name)).await?;
        Ok(mark.is_some_and(|mark| opened_at.millis() < mark.value.not_before_ms))
    }
}

/// Whether the commit took place; `false` asks for another try.
fn settled(outcome: Result<(), CommitError>) -> Result<bool, CommitError> {
    match outcome {
        Ok(()) => Ok(true),
        Err(CommitError::Conflict { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

//! Revoking a session, a subject's sessions, or all sessions of a client. It is in force before the caller hears of success.
//!
//! A token stands for its session: revoking either token ends both and all renewals, and the caller need not say which kind it is
//! (RFC 7009 §2.1). A token that is unknown, expired or another client's is no error (RFC 7009 §2.2). A text that is not a token is an
//! error, so that nobody reads "revoked" where nothing was.

use jwtis_base::audit::Event;
use jwtis_base::inactive::Inactive;
use jwtis_base::rollback::takeover::put;
use jwtis_base::session_id::{InvalidSessionId, SessionId};
use jwtis_store::{Name, NotWritten, OutcomeUnknown, ReadError, Transaction, settled};

use super::open::{self, CLOCK_SKEW};
use crate::access::ClientAccess;
use crate::client::{ClientRecord, client_name};
#[cfg(doc)]
use crate::issuer::quota::MAX_UNPROVED_REVOCATIONS;
use crate::issuer::{Issuer, MAX_TRIES};
use crate::session::rule::SessionState;
use crate::session::{SubjectMark, subject_name};

/// What to revoke.
#[derive(Copy, Clone)]
pub enum RevokeTarget<'a> {
    /// The session of this `id`.
    Session(&'a str),
    /// The session of this token: an access token or a refresh token, read as [`bare`] does.
    Token(&'a str),
    /// All sessions opened so far whose tokens have this `sub`.
    Subject(&'a str),
    /// All sessions of the client opened so far.
    All,
}

/// Why nothing was revoked.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain")]
pub enum RevokeError {
    #[error(transparent)]
    InvalidSession(#[from] InvalidSessionId),
    #[error(
        "this is not a token: an access token has three base64url parts between dots, a refresh token has five; nothing was revoked"
    )]
    NotAToken,
    #[error(
        "the token names a key of this client, and its signature does not fit: it was cut short or changed; nothing was revoked"
    )]
    DamagedToken,
    #[error(
        "the id is of a session from the future: it is made up, or the clock of this server is behind; nothing was revoked"
    )]
    SessionFromFuture,
    /// The server has seen a later time than its clock says, and nobody has confirmed which is right. A revocation by id, subject or client
    /// could miss sessions, so it is refused. By token it always works.
    #[error(
        "the clock of this server is behind a time that the server has seen, so a revocation could miss sessions; nothing was revoked"
    )]
    ClockBehind,
    /// The client has named more than [`MAX_UNPROVED_REVOCATIONS`] new sessions and subjects.
    #[error(
        "this client has revoked too many ids and subjects within a day; revoke by token, or all sessions of the client"
    )]
    QuotaExceeded,
    #[error("the record was changed by other requests at the same moment")]
    Conflict,
    #[error("the revocation could not be stored")]
    Store(#[from] NotWritten),
    /// It may be revoked.
    #[error("it is not known whether the revocation was stored")]
    OutcomeUnknown(#[from] OutcomeUnknown),
    #[error("the store could not be read")]
    Read(#[from] ReadError),
}

/// A token without what people copy along: white space, quotes, and the `Bearer` of a header.
pub fn bare(text: &str) -> &str {
    let quoted = |text: &str, quote: char| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
    let mut text = text.trim();
    loop {
        let before = text.len();
        for quote in ['"', '\'', '`'] {
            if quoted(text, quote) {
                text = text.trim_matches(quote).trim();
            }
        }
        if let Some((scheme, rest)) = text.split_once(char::is_whitespace)
            && scheme.eq_ignore_ascii_case("Bearer")
        {
            text = rest.trim();
        }
        if text.len() == before {
            return text;
        }
    }
}

impl Issuer {
    /// Revokes. After success it is durable, and [`Issuer::verify`] and [`Issuer::renew`] refuse.
    ///
    /// # Errors
    /// After [`RevokeError::OutcomeUnknown`] it may be revoked; another call decides. After the other errors nothing was.
    pub async fn revoke(&self, access: &ClientAccess, target: RevokeTarget<'_>) -> Result<(), RevokeError> {
        match target {
            RevokeTarget::Session(id) => self.revoke_session(access, SessionId::parse(id)?, None).await,
            RevokeTarget::Token(token) => {
                match self.open_with(access.client(), bare(token), open::any_token).await {
                    Ok(token) => {
                        let proof = Some(token.presented.expires_at);
                        self.revoke_session(access, token.session, proof).await
                    }
                    // Another client's, another server's, or of keys that are gone because all their tokens have expired.
                    Err(Inactive::UnknownKey) => Ok(()),
                    Err(Inactive::Malformed) => Err(RevokeError::NotAToken),
                    Err(
                        Inactive::BadSignature
                        | Inactive::WrongType
                        | Inactive::WrongIssuer
                        | Inactive::InvalidClaims
                        | Inactive::Expired
                        | Inactive::NotYetValid
                        | Inactive::Revoked
                        | Inactive::ClientDisabled,
                    ) => Err(RevokeError::DamagedToken),
                }
            }
            RevokeTarget::Subject(subject) => self.revoke_subject(access, subject).await,
            RevokeTarget::All => self.revoke_all(access).await,
        }
    }

    /// `proof` is the `exp` of a token of the session. Without one, the session id may be made up.
    async fn revoke_session(
        &self,
        access: &ClientAccess,
        id: SessionId,
        proof: Option<u64>,
    ) -> Result<(), RevokeError> {
        for _ in 0..MAX_TRIES {
            // A client that was deleted meanwhile has no sessions left to revoke, here and below.
            let Some(client) = self.reload(access.client()).await? else { return Ok(()) };
            if proof.is_none() {
                let before = self.sessions_of_runs_before().ok_or(RevokeError::ClockBehind)?;
                let latest = self.session_time(&client).max(self.latest()).max(before);
                if id.opened_at() > latest.plus(CLOCK_SKEW) {
                    return Err(RevokeError::SessionFromFuture);
                }
            }
            let session = self.session(&client, id).await?;
            if session.state.revoked {
                return Ok(());
            }
            if proof.is_none() && session.is_new() && !self.may_record(access) {
                return Err(RevokeError::QuotaExceeded);
            }
            let state = SessionState { revoked: true, ..session.state.clone() };
            let event = Event::SessionRevoked(client.id(), id).by(access.actor(), self.env().now());
            let until = proof.unwrap_or_default();
            let stored = self.store_session(&client, id, &session, state, until, Some(&event)).await;
            if settled::<RevokeError>(stored)? {
                event.log();
                return Ok(());
            }
        }
        Err(RevokeError::Conflict)
    }

    async fn revoke_subject(&self, access: &ClientAccess, subject: &str) -> Result<(), RevokeError> {
        let name = subject_name(access.client().id(), subject);
        let name = Name::plain(&name);
        for _ in 0..MAX_TRIES {
            let Some(client) = self.reload(access.client()).await? else { return Ok(()) };
            let stored = self.store().get::<SubjectMark>(name).await?;
            if stored.is_none() && !self.may_record(access) {
                return Err(RevokeError::QuotaExceeded);
            }
            let barrier = self.session_barrier(&client).ok_or(RevokeError::ClockBehind)?;
            let mark = SubjectMark { not_before_ms: barrier.millis(), expires_at: self.last_expiry(&client) };
            let mark = stored.as_ref().map_or(mark.clone(), |stored| stored.value.join(&mark));
            let tx = Transaction::new(self.store())
                .require::<ClientRecord>(client_name(client.id()), client.version);
            let tx = put(tx, name, stored.map(|stored| stored.version), Some(&mark));
            let event = Event::SubjectRevoked(client.id()).by(access.actor(), self.env().now());
            if settled::<RevokeError>(self.store().commit(tx.append(event.record())).await)? {
                event.log();
                return Ok(());
            }
        }
        Err(RevokeError::Conflict)
    }

    async fn revoke_all(&self, access: &ClientAccess) -> Result<(), RevokeError> {
        let name = client_name(access.client().id());
        for _ in 0..MAX_TRIES {
            let Some(client) = self.reload(access.client()).await? else { return Ok(()) };
            let stored = self.store().get::<ClientRecord>(name).await?;
            let Some(stored) = stored.filter(|stored| stored.version == client.version) else { continue };
            let mut record = stored.value;
            let barrier = self.session_barrier(&client).ok_or(RevokeError::ClockBehind)?;
            record.not_before = record.not_before.max(barrier);
            let tx = Transaction::new(self.store()).replace(name, stored.version, &record);
            let event = Event::ClientRevoked(client.id()).by(access.actor(), self.env().now());
            if settled::<RevokeError>(self.store().commit(tx.append(event.record())).await)? {
                event.log();
                return Ok(());
            }
        }
        Err(RevokeError::Conflict)
    }
}

#[cfg(test)]
mod tests {
    use super::bare;

    #[test]
    fn what_people_copy_along_is_taken_off() {
        for text in [
            "a.b.c",
            " a.b.c\r\n",
            "\"a.b.c\"",
            "Bearer a.b.c",
            "bearer  a.b.c ",
            "'Bearer a.b.c'",
            "Bearer \"a.b.c\"\n",
        ] {
            assert_eq!(bare(text), "a.b.c", "{text:?}");
        }
        for text in ["", "\"", "Bearer", "a b", "\"\"a", "x Bearer a.b.c"] {
            assert_eq!(bare(text), text, "{text:?}");
        }
    }
}

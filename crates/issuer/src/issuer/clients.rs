//! Use cases about clients: register, list, disable and enable, delete.

use std::sync::Arc;

use jwtis_base::audit::{Actor, Event};
use jwtis_base::bearer::{BearerSecret, SecretKind};
use jwtis_base::client_id::ClientId;
use jwtis_base::env::NoEntropy;
use jwtis_base::rollback::deleted::Deleted;
use jwtis_jose::KeyError;
use jwtis_store::{
    CommitError, DecodeError, NotWritten, OutcomeUnknown, ReadError, RecordKey, Transaction, settled,
};

use super::rsa_work::{KeyGenerationError, Requester};
use super::{Issuer, MAX_TRIES, damaged, open_keys};
use crate::access::{AdminAccess, RegistrationAccess};
use crate::client::left::LeftClient;
use crate::client::summary::ClientSummary;
use crate::client::{Client, ClientRecord, ClientToken, TokenName, client_name};
use crate::key::plan::{KeyOptions, KeyPlan, OptionsError};

/// Most clients on one page of a list.
pub const MAX_PAGE: usize = 100;

/// A client that has just registered.
#[derive(Debug)]
pub struct Registered {
    /// The client with its keys.
    pub client: Arc<Client>,
    /// Its token, which nobody can read again.
    pub client_token: BearerSecret,
}

/// One page of clients, in an order of the store's own.
#[derive(Debug)]
pub struct ClientPage {
    /// The clients.
    pub clients: Vec<ClientSummary>,
    /// Where the next page starts. `None` after the last one.
    pub next: Option<String>,
}

impl Issuer {
    /// Registers a client and makes its first keys.
    ///
    /// # Errors
    /// The caller can mend [`RegisterError::Name`], [`RegisterError::Taken`] and [`RegisterError::Options`]. After [`RegisterError::OutcomeUnknown`] the same
    /// registration decides: it succeeds, or the name is taken by a client whose token nobody has.
    pub async fn register(
        &self,
        access: &RegistrationAccess,
        client_id: ClientId,
        options: KeyOptions,
    ) -> Result<Registered, RegisterError> {
        if !client_id.may_be_new() {
            return Err(RegisterError::Name);
        }
        let plan = KeyPlan::for_registration(&client_id, &options, &self.settings().defaults)?;
        if self.load(&client_id).await?.is_some() {
            return Err(RegisterError::Taken);
        }
        let requester = Requester::of(access.actor(), &client_id);
        let keys = self.0.keygen.generate(plan, self.env().clone(), requester).await?;
        let client_token = BearerSecret::generate(SecretKind::Client, self.env())?;
        let record = ClientRecord::new(client_id.clone(), client_token.hash(), &keys)?;
        let token = TokenName::of(&record.token_hash);
        let tx = Transaction::new(self.store())
            .create(client_name(&client_id), &record)
            .create(token.name(), &ClientToken { client: client_id.clone() });
        let tx = LeftClient::supersede(self.store(), &client_id, keys.created_at, tx).await?;
        let event = Event::ClientRegistered(&client_id).by(access.actor(), self.env().now());
        match self.store().commit(tx.append(event.record())).await {
            Ok(()) => {}
            Err(CommitError::Conflict { key })
                if key == self.store().key_of::<ClientRecord>(client_name(&client_id)) =>
            {
                return Err(RegisterError::Taken);
            }
            Err(CommitError::Conflict { .. }) => return Err(RegisterError::Conflict),
            Err(CommitError::NotWritten(error)) => return Err(error.into()),
            Err(CommitError::Unknown(error)) => return Err(error.into()),
        }
        event.log();
        // Somebody may have deleted it again meanwhile. Then the name is free, as after any deletion.
        let client = self.load(&client_id).await?.ok_or(RegisterError::Deleted)?;
        Ok(Registered { client, client_token })
    }

    /// The client, whose public keys anybody may see.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn public_client(&self, client_id: &ClientId) -> Result<Option<Arc<Client>>, ReadError> {
        self.load(client_id).await
    }

    /// One page of clients. `after` is the `next` of the page before; `limit` is held between 1 and [`MAX_PAGE`].
    ///
    /// # Errors
    /// [`ListError::BadCursor`] if `after` is no such value.
    pub async fn clients(
        &self,
        _access: &AdminAccess,
        after: Option<&str>,
        limit: usize,
    ) -> Result<ClientPage, ListError> {
        let after =
            after.map(|text| text.parse::<RecordKey>().map_err(|_| ListError::BadCursor)).transpose()?;
        let limit = limit.clamp(1, MAX_PAGE);
        let found = self.store().scan::<ClientRecord>(after.as_ref(), limit.saturating_add(1)).await?;
        let more = found.len() > limit;
        let mut clients = Vec::with_capacity(limit.min(found.len()));
        let mut next = None;
        for (key, stored) in found.into_iter().take(limit) {
            let summary = match ClientSummary::of_record(&stored.value) {
                Some(summary) => summary,
                None => ClientSummary::of(&open_keys(&key, stored).await?),
            };
            clients.push(summary.map_err(|error| damaged(&key, &DecodeError::new(error)))?);
            next = more.then(|| key.to_string());
        }
        Ok(ClientPage { clients, next })
    }

    /// Disables a client, or enables it again. After success it is durable and in force.
    ///
    /// The client's record says it, so it works at once through the change feed. The client token of a disabled client opens nothing, its
    /// tokens are inactive, and none are made. Its public keys stay, because verifiers may hold copies.
    ///
    /// # Errors
    /// [`ClientChangeError::Unknown`] if there is no such client. After [`ClientChangeError::OutcomeUnknown`] another call decides.
    pub async fn switch_client(
        &self,
        _access: &AdminAccess,
        client_id: &ClientId,
        enabled: bool,
    ) -> Result<(), ClientChangeError> {
        let name = client_name(client_id);
        for _ in 0..MAX_TRIES {
            let stored = self.store().get::<ClientRecord>(name).await?.ok_or(ClientChangeError::Unknown)?;
            let mut record = stored.value;
            if record.disabled != enabled {
                return Ok(());
            }
            record.disabled = !enabled;
            let event =
                if enabled { Event::ClientEnabled(client_id) } else { Event::ClientDisabled(client_id) };
            let event = event.by(Actor::Admin, self.env().now());
            let tx = Transaction::new(self.store()).replace(name, stored.version, &record);
            if settled::<ClientChangeError>(self.store().commit(tx.append(event.record())).await)? {
                event.log();
                return Ok(());
            }
        }
        Err(ClientChangeError::Conflict)
    }

    /// Deletes a client and its keys. Its tokens are inactive at once, and its name is free again.
    ///
    /// # Errors
    /// [`ClientChangeError::Unknown`] if there is no such client. After [`ClientChangeError::OutcomeUnknown`] another deletion decides: it
    /// deletes, or finds no such client.
    pub async fn delete_client(
        &self,
        _access: &AdminAccess,
        client_id: &ClientId,
    ) -> Result<(), ClientChangeError> {
        for _ in 0..MAX_TRIES {
            let name = client_name(client_id);
            let stored = self.store().get::<ClientRecord>(name).await?.ok_or(ClientChangeError::Unknown)?;
            let token = TokenName::of(&stored.value.token_hash);
            let tx = Transaction::new(self.store()).delete::<ClientRecord>(name, stored.version);
            let tx = match self.store().get::<ClientToken>(token.name()).await {
                Ok(Some(entry)) => tx.delete::<ClientToken>(token.name(), entry.version),
                Ok(None) => tx.require_absent::<ClientToken>(token.name()),
                // It leads nowhere once the client is gone.
                Err(ReadError::Damaged { .. }) => tx,
                Err(error) => return Err(error.into()),
            };
            let now = self.env().now();
            let deleted = Deleted::client(client_id, stored.value.registration, now);
            let tx = deleted.bury(self.store(), tx).await?;
            let event = Event::ClientDeleted(client_id).by(Actor::Admin, now);
            if settled::<ClientChangeError>(self.store().commit(tx.append(event.record())).await)? {
                event.log();
                return Ok(());
            }
        }
        Err(ClientChangeError::Conflict)
    }
}

/// Why a registration was refused.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain")]
pub enum RegisterError {
    #[error("a new kid does not begin with -, or as a token does with jat_, jct_ or eyJ")]
    Name,
    #[error("a client is already registered under this kid")]
    Taken,
    #[error("another request changed the record of an earlier client of this name at the same moment")]
    Conflict,
    #[error(transparent)]
    Options(#[from] OptionsError),
    #[error("the client was deleted in the instant after its registration")]
    Deleted,
    #[error(transparent)]
    Generation(#[from] KeyGenerationError),
    #[error("the keys could not be exported")]
    Keys(#[from] KeyError),
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    #[error("the client could not be stored")]
    Store(#[from] NotWritten),
    /// The client may be registered, and then nobody has its token.
    #[error("it is not known whether the client was registered")]
    OutcomeUnknown(#[from] OutcomeUnknown),
    #[error("the store could not be read")]
    Read(#[from] ReadError),
}

/// Why clients could not be listed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain")]
pub enum ListError {
    #[error("`after` takes the `next` of the page before, unchanged")]
    BadCursor,
    #[error("the store could not be read")]
    Read(#[from] ReadError),
}

/// Why a client was not disabled, enabled or deleted.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain")]
pub enum ClientChangeError {
    #[error("no client is registered under this kid")]
    Unknown,
    #[error("the client was changed by other requests at the same moment")]
    Conflict,
    #[error("the change of the client could not be stored")]
    Store(#[from] NotWritten),
    /// The client may be changed.
    #[error("it is not known whether the client was changed")]
    OutcomeUnknown(#[from] OutcomeUnknown),
    #[error("the store could not be read")]
    Read(#[from] ReadError),
}

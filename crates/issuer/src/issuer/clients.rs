//! Use cases about clients and their keys: register, renew keys, list, delete.

use std::sync::Arc;

use jwtis_base::audit::{Actor, Audited, Event};
use jwtis_base::bearer::{BearerSecret, SecretKind};
use jwtis_base::client_id::ClientId;
use jwtis_base::env::{NoEntropy, Timestamp};
use jwtis_base::rollback::deleted::Deleted;
use jwtis_jose::KeyError;
use jwtis_store::{
    CommitError, DecodeError, NotWritten, OutcomeUnknown, ReadError, RecordKey, Transaction, settled,
};
use tokio::task::JoinError;

use super::keygen::{GenerateError, Requester};
use super::{Issuer, damaged, open_keys};
use crate::access::{AdminAccess, ClientAccess, RegistrationAccess};
use crate::client::left::LeftClient;
use crate::client::summary::ClientSummary;
use crate::client::{Client, ClientRecord, ClientToken, MAX_KEPT_SETS, StoredKeySet, TokenName, client_name};
use crate::key::plan::{KeyOptions, KeyPlan, OptionsError};
use crate::key::rotation::{KeySetState, MAX_LIVE_SETS, MAX_LIVE_SETS_BY_CLIENT};
use crate::tries::MAX_TRIES;

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
    /// Where the next page starts; `None` after the last one.
    pub next: Option<String>,
}

impl Issuer {
    /// Registers a client and makes its first keys.
    ///
    /// # Errors
    /// [`RegisterError::Taken`] and [`RegisterError::Options`] are the caller's to mend, [`RegisterError::Busy`] is worth a retry. After
    /// [`RegisterError::OutcomeUnknown`] the same registration decides: it is made now, or the name is taken by one whose token nobody has.
    pub async fn register(
        &self,
        access: &RegistrationAccess,
        client_id: ClientId,
        options: KeyOptions,
    ) -> Result<Registered, RegisterError> {
        let plan = KeyPlan::for_registration(&client_id, &options, &self.settings().defaults)?;
        if self.load(&client_id).await?.is_some() {
            return Err(RegisterError::Taken);
        }
        let keys =
            self.0.keygen.generate(plan, self.env().clone(), requester(access.actor(), &client_id)).await?;
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
        // Deleted again within this instant: then the name is free, as after any deletion.
        let client = self.load(&client_id).await?.ok_or(RegisterError::Deleted)?;
        Ok(Registered { client, client_token })
    }

    /// Makes new keys for a client. The present ones go on verifying and decrypting until their last token has expired.
    ///
    /// The client itself may have [`MAX_LIVE_SETS_BY_CLIENT`] sets in use. The admin's renewal is never refused for their number: it ends
    /// the oldest retiring set where there are [`MAX_LIVE_SETS`], and with it that set's tokens.
    ///
    /// # Errors
    /// [`RenewKeysError::Options`] is the caller's to mend; [`RenewKeysError::Conflict`] and [`RenewKeysError::Gone`] tell that somebody
    /// else renewed or deleted at the same moment. After [`RenewKeysError::OutcomeUnknown`] the new keys may be in use. A retry renews them
    /// once more if they are, which costs a key set and breaks no token.
    pub async fn renew_keys(
        &self,
        access: &ClientAccess,
        options: KeyOptions,
    ) -> Result<Arc<Client>, RenewKeysError> {
        let client = access.client();
        let (active, defaults) = (client.keys().active(), &self.settings().defaults);
        let plan = if access.is_admin() && active.expires_at() <= self.env().now() {
            KeyPlan::for_renewal_of_expired(active, &client.granted(), &options, defaults)?
        } else {
            KeyPlan::for_renewal(active, &options, defaults)?
        };
        let granted = if access.is_admin() { plan.clone() } else { client.granted() };
        plan.check_granted(&granted, &options)?;
        let requester = requester(access.actor(), client.id());
        let keys = self.0.keygen.generate(plan, self.env().clone(), requester).await?;

        let name = client_name(client.id());
        for _ in 0..MAX_TRIES {
            let stored = self.store().get::<ClientRecord>(name).await?.ok_or(RenewKeysError::Gone)?;
            let mut record = stored.value;
            if record.registration != client.registration {
                return Err(RenewKeysError::Gone);
            }
            if record.disabled {
                return Err(RenewKeysError::Disabled);
            }
            if !record.has_active(client.keys().active()) {
                return Err(RenewKeysError::Conflict);
            }
            record.granted = Some(granted.clone());
            // The old set has been making tokens until this moment.
            let times = RotationTimes::of(self);
            let ended = make_room(&mut record, access.is_admin(), &times)?;
            rotate(&mut record, StoredKeySet::new(&keys, KeySetState::Pending)?, &times)?;
            let ended = ended.iter().map(|kid| Event::KeySetEnded(client.id(), kid));
            let renewed = Event::KeysRenewed(client.id(), keys.signing.kid());
            let events = ended.chain([renewed]).map(|event| event.by(access.actor(), times.now));
            let events: Vec<_> = events.collect();
            let tx = Transaction::new(self.store()).replace(name, stored.version, &record);
            let tx = events.iter().fold(tx, |tx, event| tx.append(event.record()));
            if settled::<RenewKeysError>(self.store().commit(tx).await)? {
                events.iter().for_each(Audited::log);
                return self.load(client.id()).await?.ok_or(RenewKeysError::Gone);
            }
            // A revocation, or another rotation: the next look tells.
        }
        Err(RenewKeysError::Conflict)
    }

    /// What anybody may see of a client: its public keys.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn public_client(&self, client_id: &ClientId) -> Result<Option<Arc<Client>>, ReadError> {
        self.load(client_id).await
    }

    /// One page of clients. `after` is the `next` of the page before; `limit` is held between 1 and [`MAX_PAGE`].
    ///
    /// # Errors
    /// [`ListError::BadCursor`] when `after` is no such value.
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

    /// Deletes a client and its keys: its tokens stop verifying here at once, and its name is free again.
    ///
    /// # Errors
    /// [`DeleteError::Unknown`] when there is no such client. After [`DeleteError::OutcomeUnknown`] another deletion decides: it deletes, or
    /// finds no such client.
    pub async fn delete_client(
        &self,
        _access: &AdminAccess,
        client_id: &ClientId,
    ) -> Result<(), DeleteError> {
        for _ in 0..MAX_TRIES {
            let name = client_name(client_id);
            let stored = self.store().get::<ClientRecord>(name).await?.ok_or(DeleteError::Unknown)?;
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
            if settled::<DeleteError>(self.store().commit(tx.append(event.record())).await)? {
                event.log();
                return Ok(());
            }
        }
        Err(DeleteError::Conflict)
    }
}

/// For whom RSA keys are made.
fn requester(actor: Actor, client: &ClientId) -> Requester {
    match actor {
        Actor::Admin | Actor::Operator => Requester::Admin,
        Actor::Client => Requester::Client(client.clone()),
        Actor::Anybody => Requester::Anybody,
    }
}

/// What a rotation goes by.
struct RotationTimes {
    now: Timestamp,
    /// The latest time that is sure: a clock that is behind must not retire a set before its tokens have expired.
    latest: Timestamp,
    /// Whether the clock may be believed that sets have retired for good.
    drops: bool,
}

impl RotationTimes {
    fn of(issuer: &Issuer) -> Self {
        let now = issuer.env().now();
        Self { now, latest: now.max(issuer.confirmed()), drops: issuer.may_delete() }
    }
}

/// Retired sets gone, and room for one more: the admin gets it in any case. Returns the kids of the sets that end for it.
fn make_room(
    record: &mut ClientRecord,
    by_admin: bool,
    &RotationTimes { now, drops, .. }: &RotationTimes,
) -> Result<Vec<String>, RenewKeysError> {
    let mut ended = Vec::new();
    if by_admin {
        while record.live_sets(now) >= MAX_LIVE_SETS
            && let Some(kid) = record.end_oldest(now)
        {
            ended.push(kid);
        }
    } else if record.live_sets(now) >= MAX_LIVE_SETS_BY_CLIENT {
        return Err(RenewKeysError::TooManyKeySets);
    }
    if drops {
        record.drop_retired(now);
    } else if record.sets.len() >= MAX_KEPT_SETS {
        // A clock that is ahead may have retired them too early. Only the admin may risk that.
        if !by_admin {
            return Err(RenewKeysError::TooManyKeySets);
        }
        record.drop_oldest_retired(now);
    }
    Ok(ended)
}

/// New set in front and active, the active one retiring.
fn rotate(
    record: &mut ClientRecord,
    mut new: StoredKeySet,
    &RotationTimes { latest, .. }: &RotationTimes,
) -> Result<(), RenewKeysError> {
    for set in record.sets.iter_mut().filter(|set| set.header.state == KeySetState::Active) {
        let header = &mut set.header;
        let expires_at = Timestamp::from_millis(header.expires_at_ms);
        header.state = header.state.retire(latest, &header.policy, expires_at)?;
    }
    new.header.state = new.header.state.activate()?;
    record.sets.insert(0, new);
    Ok(())
}

/// Why a registration was refused.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// The name is taken.
    #[error("a client is already registered under this kid")]
    Taken,
    /// What is kept of an earlier client of this name was changed at the same moment.
    #[error("what is kept of an earlier client of this name was changed at the same moment")]
    Conflict,
    /// The options cannot be.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// Too many RSA keys are being generated; try again in a few seconds.
    #[error("too many keys are being generated at the moment")]
    Busy,
    /// Somebody deleted the client in the instant after it was registered.
    #[error("the client was deleted in the instant after its registration")]
    Deleted,
    /// Keys could not be made.
    #[error("the keys could not be generated")]
    Keys(#[from] KeyError),
    /// The thread that makes keys failed.
    #[error("the thread that makes keys failed")]
    Generator(#[from] JoinError),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// The store could not be written.
    #[error("the client could not be stored")]
    Store(#[from] NotWritten),
    /// The client may be registered, and then nobody has its token.
    #[error("it is not known whether the client was registered")]
    OutcomeUnknown(#[from] OutcomeUnknown),
    /// The store could not be read.
    #[error("the store could not be read")]
    Read(#[from] ReadError),
}

/// Why keys were not renewed.
#[derive(Debug, thiserror::Error)]
pub enum RenewKeysError {
    /// The options cannot be.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// As many sets still verify tokens as there may be after a renewal by the client, [`MAX_LIVE_SETS_BY_CLIENT`].
    #[error(
        "{MAX_LIVE_SETS_BY_CLIENT} key sets of this client are kept, which is the most by the client itself; wait until the oldest has retired, or ask the admin to renew the keys"
    )]
    TooManyKeySets,
    /// The client is disabled.
    #[error("the client is disabled")]
    Disabled,
    /// The client was deleted meanwhile.
    #[error("the client has been deleted meanwhile")]
    Gone,
    /// Another renewal or revocation won.
    #[error(
        "the client was changed by another request at the same moment; its keys are as that one left them"
    )]
    Conflict,
    /// Too many RSA keys are being generated; try again in a few seconds.
    #[error("too many keys are being generated at the moment")]
    Busy,
    /// Keys could not be made.
    #[error("the keys could not be generated")]
    Keys(#[from] KeyError),
    /// The thread that makes keys failed.
    #[error("the thread that makes keys failed")]
    Generator(#[from] JoinError),
    /// The stored states do not allow a rotation.
    #[error("the stored key states are damaged")]
    State(#[from] crate::key::rotation::ImpossibleStep),
    /// The store could not be written.
    #[error("the keys could not be stored")]
    Store(#[from] NotWritten),
    /// The new keys may be in use, and may come into use in a moment.
    #[error("it is not known whether the keys were renewed")]
    OutcomeUnknown(#[from] OutcomeUnknown),
    /// The store could not be read.
    #[error("the store could not be read")]
    Read(#[from] ReadError),
}

/// Why clients could not be listed.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The cursor is none of ours.
    #[error("`after` takes the `next` of the page before, unchanged")]
    BadCursor,
    /// The store could not be read.
    #[error("the store could not be read")]
    Read(#[from] ReadError),
}

/// Why a client was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// No such client.
    #[error("no client is registered under this kid")]
    Unknown,
    /// Others kept changing the client.
    #[error("the client was changed by other requests at the same moment")]
    Conflict,
    /// The store could not be written.
    #[error("the client could not be deleted")]
    Store(#[from] NotWritten),
    /// The client may be gone.
    #[error("it is not known whether the client was deleted")]
    OutcomeUnknown(#[from] OutcomeUnknown),
    /// The store could not be read.
    #[error("the store could not be read")]
    Read(#[from] ReadError),
}

impl From<GenerateError> for RegisterError {
    fn from(error: GenerateError) -> Self {
        match error {
            GenerateError::Busy => Self::Busy,
            GenerateError::Keys(error) => Self::Keys(error),
            GenerateError::Failed(error) => Self::Generator(error),
        }
    }
}

impl From<GenerateError> for RenewKeysError {
    fn from(error: GenerateError) -> Self {
        match error {
            GenerateError::Busy => Self::Busy,
            GenerateError::Keys(error) => Self::Keys(error),
            GenerateError::Failed(error) => Self::Generator(error),
        }
    }
}

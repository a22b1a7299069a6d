//! The issuer: the use cases over a store, a clock and the loaded clients. Clients and their keys are in [`clients`], tokens in
//! [`crate::token`].

mod apart;
mod audit;
pub(crate) mod clients;
mod kept_time;
mod keygen;
pub(crate) mod quota;
mod session_clock;
pub(crate) mod switch;
mod time;
mod token_index;
mod work;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jwtis_base::audit::{Actor, Event};
use jwtis_base::bearer::{BearerSecret, SecretHash, SecretKind};
use jwtis_base::client_id::ClientId;
use jwtis_base::env::{Env, Timestamp};
use jwtis_base::json::{decode_json, encode_json};
use jwtis_store::{
    Cache, CommitError, DecodeError, Name, NotWritten, OutcomeUnknown, ReadError, Record, RecordKey,
    Rollback, Store, Stored, Table, Transaction, settled,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::access::{AccessError, AdminAccess, ClientAccess, Credentials, Recognised, RegistrationAccess};
use crate::client::{Client, ClientRecord, ClientToken, TokenName, client_name};
use crate::clock::KeptClock;
use crate::key::plan::KeyDefaults;
use crate::session_floor::{self, SETTINGS, SessionFloor, floor_name};
use apart::Apart;
use kept_time::KeptTime;
pub use kept_time::{KeepTimeError, reset_kept_clock};
use keygen::KeyGenerator;
use quota::RevocationQuota;
use session_clock::SessionClocks;

/// Most key sets kept loaded, over all clients. One takes about 4 KiB with elliptic curve keys and 12 KiB with RSA keys.
const MAX_KEY_SETS: usize = 20_000;

/// What the operator decides about the issuer.
#[derive(Clone, Debug)]
pub struct IssuerSettings {
    /// What a registration gets where it says nothing.
    pub defaults: KeyDefaults,
    /// How long after a rotation the refresh token before it is still answered, as long as its successor is unused.
    pub renew_grace: Duration,
    /// Whether anybody may register a client, without the admin token.
    pub open_registration: bool,
}

impl Default for IssuerSettings {
    fn default() -> Self {
        Self {
            defaults: KeyDefaults::default(),
            renew_grace: Duration::from_secs(30),
            open_registration: false,
        }
    }
}

/// The issuer. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Issuer(Arc<IssuerState>);

struct IssuerState {
    store: Store,
    env: Env,
    settings: IssuerSettings,
    /// Loaded clients. A request that meets one neither reads the store nor parses a key.
    clients: Cache<ClientId, Arc<Client>>,
    /// Whose each token is, by its hash.
    tokens: Cache<[u8; 32], Arc<ClientId>>,
    admin: Cache<(), Option<SecretHash>>,
    /// Whether every client can be found by its token. Else a token that is not found may still be a client's.
    tokens_indexed: bool,
    keygen: KeyGenerator,
    session_clocks: SessionClocks,
    time: Arc<KeptTime>,
    /// The mark of a store that has gone back.
    rollback: Option<Rollback>,
    /// Sessions opened before count as revoked, after a rollback.
    floor: Cache<(), Timestamp>,
    /// The floor as read last, in milliseconds since the epoch.
    latest_floor: AtomicU64,
    apart: Apart,
    revocations: RevocationQuota,
}

impl Issuer {
    /// The issuer over what `store` holds.
    ///
    /// # Errors
    /// When the store cannot be read, or what a rollback revokes not be written.
    pub async fn open(store: Store, env: Env, settings: IssuerSettings) -> Result<Self, ReadError> {
        let (rollback, floor) = session_floor::settle(&store, env.now()).await.map_err(unread)?;
        let latest_floor = AtomicU64::new(floor.millis());
        let sets = |client: &Arc<Client>| client.keys().entries().len();
        let clients = Cache::following(&store, &ClientRecord::TABLE, MAX_KEY_SETS, sets);
        let tokens = Cache::following(&store, &ClientToken::TABLE, MAX_KEY_SETS, |_| 1);
        let admin = Cache::following(&store, &AdminRecord::TABLE, 1, |_| 1);
        let floor = Cache::following(&store, &SessionFloor::TABLE, 1, |_| 1);
        let time = Arc::new(KeptTime::load(&store, &env).await?);
        let (commits, clock) = (Arc::clone(&time), env.clone());
        store.observe(Arc::new(move |feed| {
            if feed.named().iter().any(|change| change.key.table() != KeptClock::TABLE.id) {
                commits.committed(&clock);
            }
        }));
        let tokens_indexed = token_index::complete(&store).await?;
        let issuer = Self(Arc::new(IssuerState {
            store,
            env,
            settings,
            clients,
            tokens,
            admin,
            tokens_indexed,
            keygen: KeyGenerator::default(),
            session_clocks: SessionClocks::default(),
            rollback,
            floor,
            latest_floor,
            time,
            apart: Apart::default(),
            revocations: RevocationQuota::default(),
        }));
        // A store that cannot be read stops the start, and no request.
        issuer.admin_hash().await?;
        issuer.sessions_not_before().await?;
        // From the first request on the store knows how late it has been.
        if let Err(error) = issuer.keep_time().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the time is not kept; the server tries again"
            );
        }
        Ok(issuer)
    }

    /// Sets or replaces the admin token; the one before it stops working at once.
    ///
    /// # Errors
    /// [`AdminTokenError::NotAnAdminToken`] for a client token; else when it could not be stored. Then the one before stays, but for
    /// [`AdminTokenError::OutcomeUnknown`]: after that only one that was set since is sure to open.
    pub async fn set_admin_token(&self, secret: &BearerSecret) -> Result<(), AdminTokenError> {
        if secret.kind() != SecretKind::Admin {
            return Err(AdminTokenError::NotAnAdminToken);
        }
        let now = self.env().now();
        let record = AdminRecord { hash: *secret.hash().as_bytes(), since_ms: Some(now.millis()) };
        let previous = self.0.store.get::<AdminRecord>(admin_name()).await?;
        let tx = Transaction::new(&self.0.store);
        let tx = match previous {
            Some(stored) => tx.replace(admin_name(), stored.version, &record),
            None => tx.create(admin_name(), &record),
        };
        let event = Event::AdminTokenSet.by(Actor::Operator, now);
        if !settled::<AdminTokenError>(self.0.store.commit(tx.append(event.record())).await)? {
            return Err(AdminTokenError::Conflict);
        }
        event.log();
        Ok(())
    }

    /// Whether an admin token has been set.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn has_admin_token(&self) -> Result<bool, ReadError> {
        Ok(self.admin_hash().await?.is_some())
    }

    /// Lets the admin in.
    ///
    /// # Errors
    /// [`AccessError::Denied`] without the admin token.
    pub async fn admin(&self, credentials: Option<&Credentials>) -> Result<AdminAccess, AccessError> {
        let credentials = credentials.ok_or(AccessError::Denied)?;
        if self.is_admin(&credentials.secret).await? {
            Ok(AdminAccess::granted())
        } else {
            Err(AccessError::Denied)
        }
    }

    /// Lets in who may register clients.
    ///
    /// # Errors
    /// [`AccessError::Denied`] without the admin token, unless registration is open.
    pub async fn registration(
        &self,
        credentials: Option<&Credentials>,
    ) -> Result<RegistrationAccess, AccessError> {
        match self.admin(credentials).await {
            Ok(_) => Ok(RegistrationAccess::granted(Actor::Admin)),
            Err(AccessError::Denied) if self.0.settings.open_registration => {
                Ok(RegistrationAccess::granted(Actor::Anybody))
            }
            Err(error) => Err(error),
        }
    }

    /// Turns away strangers, before anything else about a request is known: only the admin and clients have tokens. A client that gives
    /// a name beside its token must give its own.
    ///
    /// # Errors
    /// [`AccessError::Denied`] for a token that nobody has; [`AccessError::Store`] where it cannot be looked up.
    pub async fn recognise(&self, credentials: Credentials) -> Result<Recognised, AccessError> {
        let Credentials { secret, user } = &credentials;
        let known = match secret.kind() {
            SecretKind::Admin => self.is_admin(secret).await?,
            SecretKind::Client => match self.client_of(secret).await? {
                Some(client) => user.as_ref().is_none_or(|user| user == client.id.as_str()),
                None => !self.0.tokens_indexed,
            },
        };
        if known { Ok(Recognised::found(credentials)) } else { Err(AccessError::Denied) }
    }

    /// Lets in who may act for the client `client_id`: the client itself and the admin.
    ///
    /// # Errors
    /// [`AccessError::UnknownClient`] to the admin only; [`AccessError::Denied`] in all other cases, whatever exists.
    pub async fn client_access(
        &self,
        credentials: Option<&Credentials>,
        client_id: &ClientId,
    ) -> Result<ClientAccess, AccessError> {
        let Credentials { secret, user } = credentials.ok_or(AccessError::Denied)?;
        let admin = self.is_admin(secret).await?;
        let client = self.load(client_id).await?;
        if admin {
            return client
                .map(|client| ClientAccess::granted(client, true))
                .ok_or(AccessError::UnknownClient);
        }
        let for_this_client = user.as_ref().is_none_or(|user| user == client_id.as_str());
        match client {
            Some(client) if for_this_client && client.token_hash.matches(secret) => {
                // Told to nobody without the token.
                if client.disabled {
                    return Err(AccessError::Disabled);
                }
                Ok(ClientAccess::granted(client, false))
            }
            _ => Err(AccessError::Denied),
        }
    }

    /// The mark of its store, if that has gone back to an earlier state.
    #[must_use]
    pub fn rollback(&self) -> Option<Rollback> {
        self.0.rollback
    }

    /// The world it lives in.
    #[must_use]
    pub fn env(&self) -> &Env {
        &self.0.env
    }

    /// The store below.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Whether a revocation that makes a new record may be made without a token of the session.
    pub(crate) fn may_record(&self, access: &ClientAccess) -> bool {
        access.is_admin() || self.0.revocations.take(access.client().id(), self.env().steady())
    }

    pub(crate) fn settings(&self) -> &IssuerSettings {
        &self.0.settings
    }

    /// The client that has this token, from the cache or the store.
    async fn client_of(&self, secret: &BearerSecret) -> Result<Option<Arc<Client>>, ReadError> {
        let client = match self.owner_of(&secret.hash()).await? {
            Some(client) => self.load(&client).await?,
            None => None,
        };
        Ok(client.filter(|client| client.token_hash.matches(secret)))
    }

    /// Whose token has this hash, from the cache or the store. That it is nobody's is not kept: strangers would fill the memory.
    async fn owner_of(&self, hash: &SecretHash) -> Result<Option<Arc<ClientId>>, ReadError> {
        let missed = match self.0.tokens.find(hash.as_bytes()) {
            Ok(client) => return Ok(Some(client)),
            Err(missed) => missed,
        };
        let name = TokenName::of(hash);
        let Some(entry) = self.0.store.get::<ClientToken>(name.name()).await? else { return Ok(None) };
        let client = Arc::new(entry.value.client);
        let record = self.0.store.key_of::<ClientToken>(name.name());
        self.0.tokens.keep(missed, *hash.as_bytes(), record, &client);
        Ok(Some(client))
    }

    /// The client, from the cache or the store.
    pub(crate) async fn load(&self, client_id: &ClientId) -> Result<Option<Arc<Client>>, ReadError> {
        let missed = match self.0.clients.find(client_id) {
            Ok(client) => return Ok(Some(client)),
            Err(missed) => missed,
        };
        let Some(stored) = self.0.store.get::<ClientRecord>(client_name(client_id)).await? else {
            return Ok(None);
        };
        let key = self.0.store.key_of::<ClientRecord>(client_name(client_id));
        let client = open_keys(&key, stored).await.map(Arc::new)?;
        self.0.clients.keep(missed, client_id.clone(), key, &client);
        Ok(Some(client))
    }

    /// The client of `known` as it is now; `None` where it has been deleted, even if its name has been registered again.
    pub(crate) async fn reload(&self, known: &Client) -> Result<Option<Arc<Client>>, ReadError> {
        Ok(self.load(&known.id).await?.filter(|client| client.is_same_registration(known)))
    }

    /// The time that a session of `client` opened now carries.
    pub(crate) fn session_time(&self, client: &Client) -> Timestamp {
        let now = self.env().now();
        // A rollback is met before the first request; what another node adds to it is met at the next look at a token.
        let floor = Timestamp::from_millis(self.0.latest_floor.load(Ordering::Relaxed));
        let time = self.0.session_clocks.of(&client.id).open(now.max(client.not_before).max(floor));
        self.0.time.opened(time, now);
        time
    }

    /// A moment that all sessions of `client` opened so far lie before, and all opened from now on do not; `None` where the clock does
    /// not allow to tell.
    pub(crate) fn session_barrier(&self, client: &Client) -> Option<Timestamp> {
        let before = self.sessions_of_runs_before()?;
        Some(self.0.session_clocks.of(&client.id).barrier(self.env().now().max(before)))
    }

    /// Whether `secret` is the admin token.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn is_admin(&self, secret: &BearerSecret) -> Result<bool, ReadError> {
        Ok(secret.kind() == SecretKind::Admin
            && self.admin_hash().await?.is_some_and(|hash| hash.matches(secret)))
    }

    async fn admin_hash(&self) -> Result<Option<SecretHash>, ReadError> {
        let missed = match self.0.admin.find(&()) {
            Ok(hash) => return Ok(hash),
            Err(missed) => missed,
        };
        let stored = self.0.store.get::<AdminRecord>(admin_name()).await?;
        let hash = stored.map(|stored| SecretHash::from_bytes(stored.value.hash));
        self.0.admin.keep(missed, (), self.0.store.key_of::<AdminRecord>(admin_name()), &hash);
        Ok(hash)
    }

    /// The moment before which all sessions count as revoked, after a rollback.
    pub(crate) async fn sessions_not_before(&self) -> Result<Timestamp, ReadError> {
        let missed = match self.0.floor.find(&()) {
            Ok(floor) => return Ok(floor),
            Err(missed) => missed,
        };
        let stored = self.0.store.get::<SessionFloor>(floor_name()).await?;
        let floor = stored.map(|stored| stored.value.moment()).unwrap_or_default();
        // Another reader may have met a newer one meanwhile.
        self.0.latest_floor.fetch_max(floor.millis(), Ordering::Relaxed);
        self.0.floor.keep(missed, (), self.0.store.key_of::<SessionFloor>(floor_name()), &floor);
        Ok(floor)
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

/// The client of a record, its keys parsed: on a thread for it where that takes long.
pub(crate) async fn open_keys(key: &RecordKey, stored: Stored<ClientRecord>) -> Result<Client, ReadError> {
    let Stored { value: record, version } = stored;
    let loaded = if record.is_slow_to_load() {
        let loading = tokio::task::spawn_blocking(move || record.load(version)).await;
        loading.map_err(|error| ReadError::Unavailable(error.into()))?
    } else {
        record.load(version)
    };
    loaded.map_err(|error| damaged(key, &error))
}

/// The start stops, whatever became of the commit: the next one decides again.
fn unread(error: CommitError) -> ReadError {
    match error {
        CommitError::NotWritten(NotWritten::Damaged { record }) => ReadError::Damaged { record },
        CommitError::Conflict { .. } | CommitError::NotWritten(_) | CommitError::Unknown(_) => {
            ReadError::Unavailable(error.into())
        }
    }
}

/// A client record that unsealed but cannot be what we wrote. The reason goes to the log, as the store does it.
pub(crate) fn damaged(key: &RecordKey, error: &DecodeError) -> ReadError {
    let record = format!("table {}, key {key}", ClientRecord::TABLE.name);
    tracing::error!(record, error = error as &dyn std::error::Error, "a client record does not load");
    ReadError::Damaged { record }
}

/// The admin token could not be set.
#[derive(Debug, thiserror::Error)]
pub enum AdminTokenError {
    /// A token of another kind.
    #[error("an admin token starts with jat_")]
    NotAnAdminToken,
    /// The present one could not be read.
    #[error("the store could not be read")]
    Read(#[from] ReadError),
    /// The new one could not be written.
    #[error("the admin token could not be stored")]
    Store(#[from] NotWritten),
    /// Another process set one at the same moment.
    #[error("another process set an admin token at the same moment")]
    Conflict,
    /// Nobody knows which token opens until one is set.
    #[error("it is not known whether the admin token was stored")]
    OutcomeUnknown(#[from] OutcomeUnknown),
}

pub(crate) fn admin_name() -> Name<'static> {
    Name::plain("admin-token")
}

/// Hash of the admin token, as stored.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AdminRecord {
    hash: [u8; 32],
    /// When it was set. Records of earlier releases do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) since_ms: Option<u64>,
}

impl Record for AdminRecord {
    const TABLE: Table = SETTINGS;

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        encode_json(self)
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode_json(bytes)
    }
}

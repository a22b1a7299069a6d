//! The issuer: its state, and the clients that it has loaded.
//!
//! Use cases: [`access`] (who is calling), [`admin`] (the admin token), [`clients`] and [`key_renewal`] here; tokens in [`crate::token`].

mod access;
mod admin;
pub(crate) mod clients;
mod kept_time;
mod key_renewal;
pub(crate) mod quota;
mod rsa_work;
mod session_clock;
mod time;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jwtis_base::bearer::SecretHash;
use jwtis_base::client_id::ClientId;
use jwtis_base::env::{Env, Timestamp};
use jwtis_store::{
    Cache, CommitError, DecodeError, NotWritten, ReadError, Record, RecordKey, Rollback, Store, Stored,
};

use crate::access::{AdminRecord, ClientAccess};
pub(crate) use crate::client::token_index::{MAX_TRIES, UpkeepError};
use crate::client::{self, Client, ClientRecord, ClientToken, client_name};
use crate::clock::KeptClock;
use crate::key::plan::KeyDefaults;
use crate::session_floor::{self, SessionFloor, floor_name};
pub use admin::AdminTokenError;
use kept_time::KeptTime;
pub use kept_time::reset_kept_clock;
pub use key_renewal::RenewKeysError;
use quota::RevocationQuota;
pub use rsa_work::KeyGenerationError;
use rsa_work::{KeyGenerator, SlowWork};
use session_clock::SessionClocks;

/// Most key sets kept loaded. One takes about 4 KiB with elliptic curve keys and 12 KiB with RSA keys.
const MAX_KEY_SETS: usize = 20_000;

/// The operator's settings of the issuer.
#[derive(Clone, Debug)]
pub struct IssuerSettings {
    /// The values of options that a registration leaves out.
    pub defaults: KeyDefaults,
    /// How long after a rotation the server still answers the previous refresh token, while nobody has used the new one.
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

/// The issuer. Clones are cheap and are the same issuer.
#[derive(Clone)]
pub struct Issuer(Arc<IssuerState>);

struct IssuerState {
    store: Store,
    env: Env,
    settings: IssuerSettings,
    /// Loaded clients. A request for one of them neither reads the store nor parses a key.
    clients: Cache<ClientId, Arc<Client>>,
    /// The client of each token, by the token's hash.
    tokens: Cache<[u8; 32], Arc<ClientId>>,
    admin: Cache<(), Option<SecretHash>>,
    /// Whether the index of client tokens is complete. If not, a token that is not in it may still be a client's.
    tokens_indexed: bool,
    keygen: KeyGenerator,
    session_clocks: SessionClocks,
    time: Arc<KeptTime>,
    /// Set if the store has gone back to an earlier state.
    rollback: Option<Rollback>,
    /// Sessions opened before this moment count as revoked, after a rollback.
    floor: Cache<(), Timestamp>,
    /// The floor as last read, in milliseconds since the epoch.
    latest_floor: AtomicU64,
    slow_work: SlowWork,
    revocations: RevocationQuota,
}

impl Issuer {
    /// The issuer over `store`.
    ///
    /// # Errors
    /// When the store cannot be read, or the revocations after a rollback cannot be written.
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
        let tokens_indexed = client::token_index::complete(&store).await?;
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
            slow_work: SlowWork::default(),
            revocations: RevocationQuota::default(),
        }));
        // A store that cannot be read stops the start, and no request.
        issuer.has_admin_token().await?;
        issuer.sessions_not_before().await?;
        // From the first request on, the store has the time.
        if let Err(error) = issuer.keep_time().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the time could not be stored; the server tries again"
            );
        }
        Ok(issuer)
    }

    /// Set if the store has gone back to an earlier state.
    pub fn rollback(&self) -> Option<Rollback> {
        self.0.rollback
    }

    /// Time and randomness.
    pub fn env(&self) -> &Env {
        &self.0.env
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn settings(&self) -> &IssuerSettings {
        &self.0.settings
    }

    pub(crate) async fn apart<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        self.0.slow_work.run(work).await
    }

    /// Whether the caller may make a new record of a revocation without a token of the session.
    pub(crate) fn may_record(&self, access: &ClientAccess) -> bool {
        access.is_admin() || self.0.revocations.take(access.client().id(), self.env().steady())
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

    /// The client of `known` as it is now. `None` if it was deleted, even if its name was registered again.
    pub(crate) async fn reload(&self, known: &Client) -> Result<Option<Arc<Client>>, ReadError> {
        Ok(self
            .load(&known.record.id)
            .await?
            .filter(|client| client.record.registration == known.record.registration))
    }

    /// The time in the id of a session of `client` that is opened now.
    pub(crate) fn session_time(&self, client: &Client) -> Timestamp {
        let now = self.env().now();
        // A rollback is known before the first request. A later one of another node is known at the next verification.
        let floor = Timestamp::from_millis(self.0.latest_floor.load(Ordering::Relaxed));
        let time =
            self.0.session_clocks.of(&client.record.id).open(now.max(client.record.not_before).max(floor));
        self.0.time.opened(time, now);
        time
    }

    /// A moment after all sessions of `client` opened so far, and at or before all opened from now on. `None` where the clock does not
    /// allow to tell.
    pub(crate) fn session_barrier(&self, client: &Client) -> Option<Timestamp> {
        let before = self.sessions_of_runs_before()?;
        Some(self.0.session_clocks.of(&client.record.id).barrier(self.env().now().max(before)))
    }

    /// Sessions opened before this moment count as revoked, after a rollback.
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

/// The client of a record, its keys parsed; on a thread of its own where that takes long.
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

/// The start stops, whatever became of the commit. The next start decides again.
fn unread(error: CommitError) -> ReadError {
    match error {
        CommitError::NotWritten(NotWritten::Damaged { record }) => ReadError::Damaged { record },
        CommitError::Conflict { .. } | CommitError::NotWritten(_) | CommitError::Unknown(_) => {
            ReadError::Unavailable(error.into())
        }
    }
}

/// A client record that unsealed but is not one that the server wrote. The reason goes to the log.
pub(crate) fn damaged(key: &RecordKey, error: &DecodeError) -> ReadError {
    let record = format!("table {}, key {key}", ClientRecord::TABLE.name);
    tracing::error!(record, error = error as &dyn std::error::Error, "a client record does not load");
    ReadError::Damaged { record }
}

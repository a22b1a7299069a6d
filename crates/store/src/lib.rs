//! Sealed transactional records: typed values under secret names, in one file or in memory.
//!
//! # The contract
//!
//! * **Atomic.** A [`Transaction`] happens whole or not at all, whoever is killed and whatever the disk says.
//! * **Conditional.** Every write states what it replaces: nothing ([`Transaction::create`]) or one version
//!   ([`Transaction::replace`], [`Transaction::delete`]); and a transaction may demand more
//!   ([`Transaction::require`]). All statements are judged at the moment of the commit. If one is wrong, the answer
//!   is [`CommitError::Conflict`] and nothing was written. Unique names, one-time use and races are all that.
//! * **Numbered without gaps.** [`Transaction::append`] adds a record to a chain, in the same commit as what it records. The engine gives
//!   the number, so no two commits compete for it.
//! * **Durable on `Ok`.** When [`Store::commit`] says `Ok`, the change survives `kill -9` and a power cut, every
//!   read sees it, and every observer ([`Store::observe`]) has been told, in commit order.
//! * **Honest on `Err`.** [`CommitError::Conflict`] and [`CommitError::NotWritten`] say that nothing was written. A commit that
//!   failed half-way on a broken disk is taken back from the file. If the disk refuses that, too, the answer is
//!   [`CommitError::Unknown`]: this process goes on without the change and takes it back before its next commit, but if the process ends
//!   before, the next start may find the change made, whole. A record in doubt is settled by a commit before it is read
//!   ([`OutcomeUnknown`]).
//! * **Sealed.** A value is AES-256-GCM-SIV ciphertext bound to its table, name, version and expiry; a name is a keyed
//!   hash. In clear are: that there are records, of which table, how long, when they expire, their versions, and in
//!   time-ordered tables their millisecond. A flipped byte in the file is a clean error or no change.
//!
//! * **Or in clear.** A file for records that are no secret can be made without a password ([`stage_unsealed`]). A checksum takes the
//!   place of each seal: accidents are noticed as in a sealed file, and who can write the file can change it.
//! * **Whole.** A sealed summary of all records tells at the next opening that a record was left out, or an older one put
//!   back, without the password (`summary.rs`).
//! * **Witnessed.** A store that is opened behind its witness, a small file beside it, is marked as rolled back
//!   ([`Rollback`]). It may then not know what was signed or revoked since; the domain decides what it refuses.
//!
//! What it does not promise: who can *write* both files can put back older copies of the two; they cannot read or make a
//! record, nor move one to another name. And damage that happens
//! to the file while it is open is met when a record is read, not before.
//!
//! # Example
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! use jwtis_store::{CommitError, DecodeError, Name, Record, Table, open_memory};
//! use zeroize::Zeroizing;
//!
//! struct Motto(String);
//!
//! impl Record for Motto {
//!     const TABLE: Table = Table { id: 1, name: "mottos", time_ordered: false };
//!
//!     fn encode(&self) -> Zeroizing<Vec<u8>> {
//!         Zeroizing::new(self.0.clone().into_bytes())
//!     }
//!
//!     fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
//!         String::from_utf8(bytes.to_vec()).map(Self).map_err(DecodeError::new)
//!     }
//! }
//!
//! let store = open_memory();
//! let shop = Name::plain("shop");
//! store.commit(store.transaction().create(shop, &Motto("buy".into()))).await?;
//!
//! let stored = store.get::<Motto>(shop).await?.ok_or("it was just made")?;
//! assert_eq!(stored.value.0, "buy");
//! store.commit(store.transaction().replace(shop, stored.version, &Motto("buy more".into()))).await?;
//!
//! // The same statement is wrong now.
//! let late = store.transaction().delete::<Motto>(shop, stored.version);
//! assert!(matches!(store.commit(late).await, Err(CommitError::Conflict { .. })));
//! # Ok(()) })
//! # }
//! ```

pub mod backend;
mod batch;
mod cache;
mod census;
mod chain;
mod commit;
#[cfg(feature = "testing")]
pub mod conformance;
mod directory;
mod doubt;
mod keyslot;
mod maintenance;
mod memory;
mod open;
mod open_error;
mod read_error;
mod record;
mod redb;
mod rollback;
mod seal;
mod sealed;
mod store;
mod summary;
#[cfg(feature = "testing")]
pub mod testing;
mod transaction;

pub use crate::{
    backend::{Backend, BoxFuture, Feed, Observer, Snapshot},
    batch::{Append, Batch, Change, Expect, Write},
    cache::{Cache, Missed},
    census::{Info, Report, SlotInfo, TableInfo},
    chain::Numbered,
    commit::{CommitError, NotWritten, OutcomeUnknown, settled},
    keyslot::{FORMAT, KdfParams, Password},
    maintenance::{change_password, change_password_with, check, info, opens_with},
    memory::MemoryBackend,
    open::{
        Unplaced, create_redb, open_memory, open_redb, open_redb_beside, open_redb_unwitnessed,
        open_unsealed, open_unsealed_unwitnessed, read_unsealed, read_unsealed_beside, stage_redb,
        stage_unsealed,
    },
    open_error::OpenError,
    read_error::{BoxError, ReadError},
    record::{DecodeError, Name, Record, Stored, Table},
    redb::maintain::FetchedCopy,
    redb::restore::{Replaced, Restoration, Restored},
    rollback::{Rollback, RollbackCause, Witnessed, check_witness_place, witness_beside},
    sealed::{NotARecordKey, RecordKey, SealedRecord, Version},
    store::{CommitTimer, Store, Swept},
    transaction::Transaction,
};

//! Sealed transactional records.
pub mod backend;
#[cfg(feature = "testing")]
pub mod conformance;
mod keyslot;
mod maintenance;
mod memory;
mod open;
mod redb;
mod seal;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod transaction;

pub use crate::{
    backend::{
        Backend, Batch, BoxError, BoxFuture, Change, CommitError, Expect, NotARecordKey, Observer, ReadError,
        RecordKey, SealedRecord, Snapshot, Version, Write,
    },
    keyslot::{FORMAT, KdfParams, Password},
    maintenance::{Info, Report, SlotInfo, TableInfo, change_password, change_password_and_cost, check, info, restore},
    memory::MemoryBackend,
    open::{OpenError, create_redb, open_memory, open_redb},
    store::{DecodeError, Name, Record, Store, Stored, Swept, Table},
    transaction::Transaction,
};

//! What the tests of this crate share: records and stores on disk.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::path::{Path, PathBuf};

use jwtis_store::{DecodeError, KdfParams, Name, Password, Record, Store, Table, create_redb, open_redb};
use zeroize::Zeroizing;

/// A record of a plain table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client(pub(crate) String);

/// A record of a time-ordered table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) generation: u64,
    pub(crate) expires_at: u64,
}

impl Record for Client {
    const TABLE: Table = Table { id: 1, name: "clients", time_ordered: false };

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.as_bytes().to_vec())
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        String::from_utf8(bytes.to_vec()).map(Self).map_err(DecodeError::new)
    }
}

impl Record for Session {
    const TABLE: Table = Table { id: 2, name: "sessions", time_ordered: true };

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new([self.generation.to_be_bytes(), self.expires_at.to_be_bytes()].concat())
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (generation, expires_at) = bytes.split_first_chunk().ok_or("too short")?;
        let expires_at = expires_at.try_into().map_err(|_| "wrong length")?;
        Ok(Self { generation: u64::from_be_bytes(*generation), expires_at: u64::from_be_bytes(expires_at) })
    }

    fn expires_at(&self) -> Option<u64> {
        Some(self.expires_at)
    }
}

pub(crate) fn client(text: &str) -> Client {
    Client(text.to_owned())
}

pub(crate) fn password() -> Password {
    "correct horse".into()
}

pub(crate) fn created(path: &Path) -> Store {
    create_redb(path, &password(), KdfParams::cheap_for_tests()).unwrap()
}

pub(crate) fn opened(path: &Path) -> Store {
    open_redb(path, &password()).unwrap()
}

/// A folder that goes away, and the path of a store in it. In memory where that is possible: these tests pull no
/// plug, and a sync costs milliseconds.
pub(crate) fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let path = folder.path().join("store.db");
    (folder, path)
}

/// Makes `count` clients named `client-<n>` in one commit.
pub(crate) async fn fill(store: &Store, count: usize) {
    let mut transaction = store.transaction();
    for n in 0..count {
        transaction = transaction.create(Name::plain(&format!("client-{n}")), &client(&format!("value {n}")));
    }
    store.commit(transaction).await.unwrap();
}

/// Every client of the store, in key order.
pub(crate) async fn clients(store: &Store) -> Result<Vec<String>, jwtis_store::ReadError> {
    Ok(store.scan::<Client>(None, usize::MAX).await?.into_iter().map(|(_, stored)| stored.value.0).collect())
}

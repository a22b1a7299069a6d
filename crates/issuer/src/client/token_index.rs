//! The index of client tokens: from a token's hash to the name of its client.
//!
//! It finds a caller before the caller's body is read. It is a hint and proves nothing: the record of the client must hold the same hash.
//! An entry is written and deleted in the commit that writes and deletes its client.
//!
//! Every start completes the index, because stores of earlier releases have none, and a restored store may have one that does not fit.

use std::collections::HashMap;

use jwtis_base::bearer::SecretHash;
use jwtis_base::client_id::ClientId;
use jwtis_base::json::{decode_json, encode_json};
use jwtis_store::{
    CommitError, DecodeError, Name, ReadError, Record, RecordKey, Store, Table, Transaction, Version,
};
use serde::{Deserialize, Serialize};
use tracing::{error, info, warn};
use zeroize::Zeroizing;

use super::record::{ClientRecord, client_name};

/// Records read, and changes written, at once.
const BATCH: usize = 256;

/// Tries of a conditional write whose outcome does not depend on who wins.
pub(crate) const MAX_TRIES: usize = 16;

/// The store failed at upkeep: at the index of client tokens, the time that it keeps, or housekeeping. It is tried again later.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain")]
pub enum UpkeepError {
    #[error("the store could not be read")]
    Read(#[from] ReadError),
    /// Or nobody knows whether it was.
    #[error("the change could not be committed")]
    Commit(#[from] CommitError),
}

/// One entry of the index.
pub(crate) struct ClientToken {
    /// The client that has the token.
    pub(crate) client: ClientId,
}

/// The name of an entry: the token's hash in hexadecimal digits.
pub(crate) struct TokenName(String);

impl TokenName {
    /// The name for the token with this hash.
    pub(crate) fn of(hash: &SecretHash) -> Self {
        Self(hash.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    pub(crate) fn name(&self) -> Name<'_> {
        Name::plain(&self.0)
    }
}

#[derive(Serialize, Deserialize)]
struct IndexEntry {
    kid: String,
}

impl Record for ClientToken {
    const TABLE: Table = Table { id: 9, name: "client-tokens", time_ordered: false };

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        encode_json(&IndexEntry { kid: self.client.as_str().to_owned() })
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let IndexEntry { kid } = decode_json(bytes)?;
        Ok(Self { client: kid.parse().map_err(|_| DecodeError::new("the kid is not valid"))? })
    }
}

/// Completes the index. `false` if it could not be written, or may not have been: then bodies are read before client tokens are checked.
///
/// # Errors
/// When the store cannot be read.
pub(crate) async fn complete(store: &Store) -> Result<bool, ReadError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let error = match pass(store).await {
            Ok(()) => return Ok(true),
            Err(UpkeepError::Read(error)) => return Err(error),
            Err(UpkeepError::Commit(CommitError::Conflict { .. })) if tries < MAX_TRIES => continue,
            Err(UpkeepError::Commit(
                error @ (CommitError::Conflict { .. } | CommitError::NotWritten(_) | CommitError::Unknown(_)),
            )) => error,
        };
        warn!(
            error = &error as &dyn std::error::Error,
            "the index of client tokens is incomplete until the next start: bodies are read before client tokens are checked"
        );
        return Ok(false);
    }
}

/// One commit for each page of clients. A kill leaves a part of the index, and the next start makes the rest.
async fn pass(store: &Store) -> Result<(), UpkeepError> {
    let mut entries = entries(store).await?;
    let mut made = 0_usize;
    let mut after = None;
    loop {
        let page = store.scan_each::<ClientRecord>(after.as_ref(), BATCH).await?;
        let mut tx = Transaction::new(store);
        for (key, stored) in &page {
            let stored = match stored {
                Ok(stored) => stored,
                Err(error) => {
                    // Its token lets nobody in either way. The other clients must get in.
                    error!(record = %key, error = error as &dyn std::error::Error, "a client is left out of the index of tokens");
                    continue;
                }
            };
            let token = TokenName::of(&stored.value.token_hash);
            if entries.remove(&store.key_of::<ClientToken>(token.name())).is_none() {
                let client = stored.value.id.clone();
                tx = tx
                    .require::<ClientRecord>(client_name(&client), stored.version)
                    .create(token.name(), &ClientToken { client: client.clone() });
                made = made.saturating_add(1);
            }
        }
        store.commit(tx).await?;
        match page.last() {
            Some((last, _)) if page.len() == BATCH => after = Some(*last),
            _ => break,
        }
    }
    let strays: Vec<_> = entries.into_iter().filter_map(|(key, version)| Some((key, version?))).collect();
    for strays in strays.chunks(BATCH) {
        let tx = Transaction::new(store);
        store.commit(strays.iter().fold(tx, |tx, (key, version)| tx.delete_key(*key, *version))).await?;
    }
    if made > 0 || !strays.is_empty() {
        info!(made, dropped = strays.len(), "the index of client tokens was completed");
    }
    Ok(())
}

/// All entries. Damaged ones have no version, and stay.
async fn entries(store: &Store) -> Result<HashMap<RecordKey, Option<Version>>, ReadError> {
    let mut entries = HashMap::new();
    let mut after = None;
    loop {
        let page = store.scan_each::<ClientToken>(after.as_ref(), BATCH).await?;
        let next = page.last().filter(|_| page.len() == BATCH).map(|(last, _)| *last);
        entries.extend(page.into_iter().map(|(key, stored)| (key, stored.ok().map(|stored| stored.version))));
        match next {
            Some(_) => after = next,
            None => return Ok(entries),
        }
    }
}

//! Makes the index of client tokens what it must be: one entry for each client, and none beside.
//!
//! It looks at every start. A store of an earlier release has no index, and a store that was put together by a restore may have one that
//! does not fit. All writes are conditional, a page of clients in each commit: a kill half-way leaves a part of the index, and the next
//! start makes the rest.

use std::collections::HashMap;

use jwtis_store::{CommitError, ReadError, RecordKey, Store, Transaction, Version};
use tracing::{error, info, warn};

use crate::client::{ClientRecord, ClientToken, TokenName, client_name};
use crate::tries::MAX_TRIES;

/// Records read, and changes written, at once.
const BATCH: usize = 256;

/// Completes the index. `false` where it could not be written, or may not have been: then clients that are not in it are met later than
/// others, and no worse.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn complete(store: &Store) -> Result<bool, ReadError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let error = match pass(store).await {
            Ok(()) => return Ok(true),
            Err(Fault::Read(error)) => return Err(error),
            // Another process changes clients at the same time.
            Err(Fault::Write(CommitError::Conflict { .. })) if tries < MAX_TRIES => continue,
            Err(Fault::Write(
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

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("the store could not be read")]
    Read(#[from] ReadError),
    #[error("the store could not be written")]
    Write(#[from] CommitError),
}

async fn pass(store: &Store) -> Result<(), Fault> {
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
                    // Nobody gets in with its token either way, and the others must.
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

/// All entries; without a version those that are damaged, which stay as they are.
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

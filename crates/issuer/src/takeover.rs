//! The issuer's records that a restored store takes over from the replaced one, by one rule for each type.
//!
//! | Record | Rule |
//! |---|---|
//! | session | revoked stays revoked; the higher generation; the later expiry |
//! | revoked subject | the later moment, the later expiry |
//! | client | one deleted since stays deleted; one that nobody deleted comes back; one registered again is the new registration; the later `not_before`; replaced tokens, retired key sets stay so. One registered since is *not* taken over |
//! | client that is not in the backup | its record is kept (`LeftClient`), and joined with the client once a backup brings it back |
//! | disabled client | stays disabled |
//! | admin token | one replaced since stays replaced |
//! | sessions revoked by an earlier rollback | the later moment |
//! | the time that the clock has confirmed | that of the store that is replaced |

use std::collections::BTreeSet;

use jwtis_base::client_id::ClientId;
use jwtis_base::rollback::deleted::Deleted;
use jwtis_base::rollback::takeover::{Joins, Merge, put};
use jwtis_store::{CommitError, NotWritten, ReadError};

use crate::access::{AdminRecord, admin_name};
use crate::client::left::{JoinedClient, LeftClient};
use crate::client::{ClientRecord, REGISTERED_AGAIN, client_name};
use crate::clock::{KeptClock, kept_name};
use crate::session::{SessionRecord, SubjectMark};
use crate::session_floor::{SessionFloor, floor_name};

/// Takes over the issuer's records. Deletions are taken over already.
///
/// # Errors
/// When one of the two stores cannot be read, or the new one not be written.
pub async fn take_over(merge: &mut Merge<'_>) -> Result<(), CommitError> {
    merge.join_all::<SessionRecord>().await?;
    merge.join_all::<SubjectMark>().await?;
    clients(merge).await?;
    settings(merge).await
}

impl Joins for SessionRecord {
    const KIND: &'static str = "session";

    fn join(&self, other: &Self) -> Self {
        Self::join(self, other)
    }

    fn what(&self) -> String {
        if self.state.revoked { "stays revoked" } else { "keeps its generation" }.to_owned()
    }
}

impl Joins for SubjectMark {
    const KIND: &'static str = "subject";

    fn join(&self, other: &Self) -> Self {
        Self::join(self, other)
    }

    fn what(&self) -> String {
        "its sessions stay revoked".to_owned()
    }
}

/// Every client that either store knows, present or left behind.
async fn clients(merge: &mut Merge<'_>) -> Result<(), CommitError> {
    let mut ids = BTreeSet::new();
    for store in [merge.new, merge.old] {
        merge.each::<ClientRecord>(store, |_, client| _ = ids.insert(client.value.id.clone())).await?;
        merge.each::<LeftClient>(store, |_, left| _ = ids.insert(left.value.0.id.clone())).await?;
    }
    for id in ids {
        match client(merge, &id).await {
            // It is as the backup has it, and the new store is marked.
            Err(CommitError::NotWritten(NotWritten::Damaged { record })) => merge.unreadable.push(record),
            answer => answer?,
        }
    }
    Ok(())
}

/// A client of the backup becomes as both stores know it. Any other is kept for a restore that brings it back.
async fn client(merge: &mut Merge<'_>, id: &ClientId) -> Result<(), CommitError> {
    let name = client_name(id);
    let backup = merge.new.get::<ClientRecord>(name).await?;
    let backup_left = merge.new.get::<LeftClient>(name).await?;
    let replaced = merge.old.get::<ClientRecord>(name).await?;
    let was_present = replaced.is_some();
    let replaced = match replaced {
        Some(replaced) => Some(replaced.value),
        None => merge.old.get::<LeftClient>(name).await?.map(|left| left.value.0),
    };
    let present_at = backup.as_ref().map(|stored| stored.version);
    let left_at = backup_left.as_ref().map(|stored| stored.version);
    let backup = backup.map(|stored| stored.value).or(backup_left.map(|stored| stored.value.0));
    let (replaced, backup) = (unless_deleted(merge, replaced).await?, unless_deleted(merge, backup).await?);
    let backup_is_deleted = backup.is_none();
    let unchanged = replaced.is_none() && !backup_is_deleted;
    let known = JoinedClient::of(replaced, backup, merge.backup_is_younger);
    let is_present = known.client.is_some() && present_at.is_some();

    if !unchanged {
        let mut transaction = merge.new.transaction();
        if let Some(superseded) = known.superseded {
            transaction = Deleted::client(id, superseded, merge.now).bury(merge.new, transaction).await?;
        }
        let (present, left) = match known.client {
            Some(client) if is_present => (Some(client), None),
            client => (None, client.map(LeftClient)),
        };
        transaction = put(transaction, name, present_at, present.as_ref());
        transaction = put(transaction, name, left_at, left.as_ref());
        merge.new.commit(transaction).await?;
        if was_present && left.is_some() && !merge.backup_is_younger {
            merge.leaves("client", id.to_string(), "registered since");
        }
    }
    if present_at.is_none() {
        return Ok(());
    }
    if !is_present {
        merge.took("client", id.to_string(), "stays deleted".to_owned());
        return Ok(());
    }
    if !was_present {
        merge.comes_back("client", id.to_string());
    }
    for fact in backup_is_deleted.then_some(REGISTERED_AGAIN).into_iter().chain(known.facts) {
        merge.took("client", id.to_string(), fact.to_owned());
    }
    Ok(())
}

/// The client, unless either store knows that its registration was deleted.
async fn unless_deleted(
    merge: &Merge<'_>,
    client: Option<ClientRecord>,
) -> Result<Option<ClientRecord>, ReadError> {
    let Some(client) = client else { return Ok(None) };
    let deleted = Deleted::of_client(merge.new, &client.id, client.registration).await?;
    Ok(if deleted.is_none() { Some(client) } else { None })
}

async fn settings(merge: &mut Merge<'_>) -> Result<(), CommitError> {
    let mut transaction = merge.new.transaction();
    let old = merge.old.get::<SessionFloor>(floor_name()).await?.map(|stored| stored.value);
    let new = merge.new.get::<SessionFloor>(floor_name()).await?;
    if let Some(old) = old {
        let joined = new.as_ref().map_or(old, |new| new.value.join(old));
        transaction = put(transaction, floor_name(), new.map(|new| new.version), Some(&joined));
    }
    let old = merge.old.get::<KeptClock>(kept_name()).await?.map(|stored| stored.value);
    let new = merge.new.get::<KeptClock>(kept_name()).await?;
    if let Some(old) = old.filter(|_| !merge.backup_is_younger) {
        transaction = put(transaction, kept_name(), new.map(|new| new.version), Some(&old));
    }
    let old = merge.old.get::<AdminRecord>(admin_name()).await?.map(|stored| stored.value);
    let new = merge.new.get::<AdminRecord>(admin_name()).await?;
    // A younger backup may be of a copy that went on elsewhere. Then the clock tells which token was set later.
    let set_later = match (&old, &new) {
        (Some(old), Some(new)) => new.value.since_ms >= old.since_ms,
        (None, _) | (_, None) => true,
    };
    if let Some(old) = old.filter(|_| !(merge.backup_is_younger && set_later))
        && new.as_ref().is_none_or(|new| new.value != old)
    {
        if new.is_some() {
            merge.took("admin token", String::new(), "stays replaced".to_owned());
        }
        transaction = put(transaction, admin_name(), new.map(|new| new.version), Some(&old));
    }
    merge.new.commit(transaction).await
}

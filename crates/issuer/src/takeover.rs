//! What a restored store takes over of the issuer's records, by one rule for each type.
//!
//! | Record | Rule |
//! |---|---|
//! | session | revoked stays revoked; the higher generation; the later expiry |
//! | revoked subject | the later moment, the later expiry |
//! | client | one deleted since stays deleted; one that nobody deleted comes back; one registered again is the new registration; the later `not_before`; replaced tokens, retired key sets stay so. One registered since is *not* taken over |
//! | disabled client | stays disabled |
//! | admin token | one replaced since stays replaced |
//! | sessions revoked by an earlier rollback | the later moment |
//! | the time that the clock has confirmed | that of the store that is replaced |

use jwtis_base::rollback::deleted::Deleted;
use jwtis_base::rollback::takeover::{Joins, Merge};
use jwtis_store::{CommitError, ReadError};

use crate::client::ClientRecord;
use crate::clock::{KeptClock, kept_name};
use crate::issuer::{AdminRecord, admin_name};
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

/// Clients of the backup, and those that only the old store has.
async fn clients(merge: &mut Merge<'_>) -> Result<(), CommitError> {
    for (key, version) in merge.keys_of::<ClientRecord>(merge.new).await? {
        let Some(backup) = merge.new.get_key::<ClientRecord>(&key).await? else { continue };
        let replaced = match merge.old.get_key::<ClientRecord>(&key).await {
            Ok(replaced) => replaced,
            Err(ReadError::Damaged { record }) => {
                merge.unreadable.push(record);
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let id = backup.value.id.to_string();
        let Some(replaced) = replaced else {
            let ClientRecord { id: client, registration, .. } = &backup.value;
            if Deleted::of_client(merge.new, client, *registration).await?.is_some() {
                merge.new.commit(merge.new.transaction().delete_at(&key, version)).await?;
                merge.took("client", id, "stays deleted".to_owned());
            } else {
                merge.comes_back("client", id);
            }
            continue;
        };
        let (newer, older) = if merge.backup_is_younger {
            (backup.value, replaced.value)
        } else {
            (replaced.value, backup.value)
        };
        let (joined, facts) = ClientRecord::join(newer, older);
        merge.new.commit(merge.new.transaction().replace_at(&key, version, &joined)).await?;
        if !merge.backup_is_younger {
            for fact in facts {
                merge.took("client", id.clone(), fact.words().to_owned());
            }
        }
    }
    for (key, _) in merge.keys_of::<ClientRecord>(merge.old).await? {
        if merge.backup_is_younger || merge.new.get_key::<ClientRecord>(&key).await?.is_some() {
            continue;
        }
        match merge.old.get_key::<ClientRecord>(&key).await {
            Ok(Some(client)) => merge.leaves("client", client.value.id.to_string(), "registered since"),
            Ok(None) => {}
            Err(ReadError::Damaged { record }) => merge.unreadable.push(record),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

async fn settings(merge: &mut Merge<'_>) -> Result<(), CommitError> {
    let mut transaction = merge.new.transaction();
    let (old, new) = (
        merge.old.get::<SessionFloor>(floor_name()).await?,
        merge.new.get::<SessionFloor>(floor_name()).await?,
    );
    transaction = match (old, new) {
        (None, _) => transaction,
        (Some(old), None) => transaction.create(floor_name(), &old.value),
        (Some(old), Some(new)) => transaction.replace(floor_name(), new.version, &new.value.join(old.value)),
    };
    let (old, new) =
        (merge.old.get::<KeptClock>(kept_name()).await?, merge.new.get::<KeptClock>(kept_name()).await?);
    transaction = match (old, new) {
        (None, _) => transaction,
        _ if merge.backup_is_younger => transaction,
        (Some(old), None) => transaction.create(kept_name(), &old.value),
        (Some(old), Some(new)) => transaction.replace(kept_name(), new.version, &old.value),
    };
    let (old, new) = (
        merge.old.get::<AdminRecord>(admin_name()).await?,
        merge.new.get::<AdminRecord>(admin_name()).await?,
    );
    transaction = match (old, new) {
        _ if merge.backup_is_younger => transaction,
        (Some(old), Some(new)) if old.value != new.value => {
            merge.took("admin token", String::new(), "stays replaced".to_owned());
            transaction.replace(admin_name(), new.version, &old.value)
        }
        (Some(old), None) => transaction.create(admin_name(), &old.value),
        _ => transaction,
    };
    merge.new.commit(transaction).await
}

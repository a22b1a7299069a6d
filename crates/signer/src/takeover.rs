//! What a restored store takes over of the signer's records, by one rule for each type.
//!
//! | Record | Rule |
//! |---|---|
//! | watermark | the higher one, as when watermarks are joined elsewhere |
//! | spending of a key | in every window what either knows |
//! | disabled signing key | stays disabled |
//! | signing key | one deleted since stays deleted; one that nobody deleted comes back. One made since is *not* taken over |

use std::collections::BTreeSet;

use jwtis_base::rollback::deleted::Deleted;
use jwtis_base::rollback::takeover::{Joins, Merge};
use jwtis_store::{CommitError, RecordKey};

use crate::switch::DisabledKey;
use crate::usage::UsageRecord;
use crate::vault::store::{AliasRecord, KeyRecord, StoredKey};
use crate::watermark::record::WatermarkRecord;

/// Takes over the signer's records. Deletions are taken over already.
///
/// # Errors
/// When one of the two stores cannot be read, or the new one not be written.
pub async fn take_over(merge: &mut Merge<'_>) -> Result<(), CommitError> {
    merge.join_all::<WatermarkRecord>().await?;
    merge.join_all::<UsageRecord>().await?;
    merge.join_all::<DisabledKey>().await?;
    signing_keys(merge).await
}

impl Joins for WatermarkRecord {
    const KIND: &'static str = "watermark";

    fn join(&self, other: &Self) -> Self {
        Self { id: self.id, watermark: self.watermark.join(other.watermark) }
    }

    fn name(&self) -> String {
        format!("{} {} {}", self.id.chain, self.id.key, self.id.kind)
    }

    fn what(&self) -> String {
        self.watermark.to_string()
    }
}

impl Joins for UsageRecord {
    const KIND: &'static str = "spending of a key";

    fn join(&self, other: &Self) -> Self {
        Self(self.0.join(&other.0))
    }

    fn what(&self) -> String {
        "counts towards its limit".to_owned()
    }
}

impl Joins for DisabledKey {
    const KIND: &'static str = "disabled signing key";

    fn join(&self, other: &Self) -> Self {
        Self { since: self.since.min(other.since) }
    }

    fn what(&self) -> String {
        "stays disabled".to_owned()
    }
}

/// Signing keys that were deleted since, and those that were made since.
async fn signing_keys(merge: &mut Merge<'_>) -> Result<(), CommitError> {
    let aliases = merge.new.scan::<AliasRecord>(None, usize::MAX).await?;
    let old = merge.old.scan_each::<KeyRecord>(None, usize::MAX).await?;
    let known: BTreeSet<RecordKey> = old.iter().map(|(key, _)| *key).collect();
    let mut keys = Vec::new();
    merge.each::<KeyRecord>(merge.new, |key, stored| keys.push((*key, stored.version))).await?;
    for (key, version) in keys {
        if known.contains(&key) {
            continue;
        }
        let Some(record) = merge.new.get_key::<KeyRecord>(&key).await? else { continue };
        let StoredKey { public_key, created_at_ms, .. } = record.value.public();
        let hash = public_key.hash();
        if Deleted::of_signing_key(merge.new, &hash, created_at_ms).await?.is_none() {
            merge.comes_back("signing key", hash.to_string());
            continue;
        }
        let mut transaction = merge.new.transaction().delete_at(&key, version);
        for (alias, stored) in aliases.iter().filter(|(_, stored)| stored.value.0 == hash) {
            transaction = transaction.delete_at(alias, stored.version);
        }
        merge.new.commit(transaction).await?;
        merge.took("signing key", hash.to_string(), "stays deleted".to_owned());
    }
    for (key, old) in old {
        let Some(old) = merge.readable(&old) else { continue };
        if !merge.backup_is_younger && merge.new.get_key::<KeyRecord>(&key).await?.is_none() {
            let hash = old.value.public().public_key.hash();
            merge.leaves("signing key", hash.to_string(), "made since");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jwtis_tezos::watermark::{Watermark, WatermarkKind};
    use jwtis_tezos::{ChainId, Curve, PublicKeyHash};

    use super::*;
    use crate::watermark::record::WatermarkId;

    #[test]
    fn of_two_copies_neither_knows_a_message_that_the_other_does_not() {
        let key = PublicKeyHash::new(Curve::Ed25519, [7; 20]);
        let id = WatermarkId { chain: ChainId::new([1; 4]), key, kind: WatermarkKind::Block };
        let record = |digest| WatermarkRecord { id, watermark: Watermark::new(5, 0, digest).unwrap() };
        let [one, two] = [1, 2].map(|n| Some([n; 32]));
        for (this, other, wanted) in [(one, one, one), (one, two, None), (one, None, None), (None, one, None)]
        {
            assert_eq!(record(this).join(&record(other)), record(wanted), "{this:?} and {other:?}");
        }
    }
}

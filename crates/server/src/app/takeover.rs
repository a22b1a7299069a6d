//! `jwtis store restore`: the restored store takes over from the one that it replaces what must not go back, by the rules that
//! [`jwtis_signer::takeover`] and [`jwtis_issuer::takeover`] have for their records.
//!
//! | Record | Rule |
//! |---|---|
//! | deletion of a client or signing key | what either knows, the later moment |
//! | audit record | those that the backup lacks are appended to its trail |

use jwtis_base::Timestamp;
use jwtis_base::rollback::deleted::Deleted;
use jwtis_base::rollback::mark;
use jwtis_base::rollback::takeover::{Merge, TakeOver};
use jwtis_issuer::session_floor::conclude;
use jwtis_store::{CommitError, Replaced, Restoration};

/// Takes over into the restored store what must not go back. Where that cannot be done, or not in full, the new store is marked, and the
/// sessions opened before are revoked unless `keep_sessions`.
///
/// # Errors
/// When one of the two stores cannot be read, or the new one not be written for sure. Nothing is in place then, so that an unknown outcome
/// does no harm: the next restore begins anew.
pub async fn take_over(
    restoration: &Restoration,
    now: Timestamp,
    keep_sessions: bool,
) -> Result<TakeOver, CommitError> {
    let new = restoration.store();
    let mut outcome = TakeOver::default();
    outcome.marked = match restoration.replaced() {
        Replaced::Nothing => Some("there was no store to take over from".to_owned()),
        Replaced::Another => Some("the store that was there is another one".to_owned()),
        Replaced::Unreadable(error) => Some(format!("the store that was there cannot be read ({error})")),
        Replaced::Same { store: old, behind_witness } => {
            let backup_is_younger = restoration.backup_commits() > old.commits();
            let mut merge =
                Merge { old, new, backup_is_younger, now, outcome: &mut outcome, unreadable: Vec::new() };
            merge.join_all::<Deleted>().await?;
            merge.join_audit_trails().await?;
            jwtis_signer::takeover::take_over(&mut merge).await?;
            jwtis_issuer::takeover::take_over(&mut merge).await?;
            let unreadable = merge.unreadable;
            let old_mark = mark(old).await?;
            if *behind_witness {
                Some("the store that was there was older than its witness".to_owned())
            } else if let [first, ..] = &unreadable[..] {
                Some(format!("records of the store that was there cannot be read: {first}"))
            } else if old_mark.is_some() {
                Some("the store that was there was marked itself".to_owned())
            } else if backup_is_younger && restoration.backup_was_marked() {
                Some("the backup is of a marked store".to_owned())
            } else {
                None
            }
        }
    };
    conclude(new, outcome.marked.is_some(), now, keep_sessions).await?;
    Ok(outcome)
}

//! Which records are in doubt, whoever waits for the commits.

use std::task::{Context, Waker};

use super::{Contents, Refuse, empty_store, key, on_failing_disk, step};
use crate::{
    backend::{Backend, BoxFuture},
    batch::Batch,
    commit::CommitError,
    redb::backend::RedbBackend,
};

/// A commit that was sent, and whose outcome nobody has heard yet.
fn sent(backend: &RedbBackend, batch: Batch) -> BoxFuture<'_, Result<(), CommitError>> {
    let mut commit = backend.commit(batch);
    // The first look sends it.
    let _sent = commit.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    commit
}

#[cfg(feature = "testing")]
#[tokio::test]
async fn a_dropped_commit_with_unknown_outcome_leaves_its_records_in_doubt() {
    let (disk, backend) = on_failing_disk(&empty_store(), Refuse::default());
    crate::conformance::a_dropped_commit_with_unknown_outcome_leaves_its_records_in_doubt(
        &backend,
        || disk.state().unsynced = true,
        || disk.state().unsynced = false,
    )
    .await;
}

/// The disk is just writing when the caller goes away.
#[tokio::test]
async fn a_record_is_in_doubt_while_a_commit_is_under_way_for_which_nobody_waits() {
    let (disk, backend) = on_failing_disk(&empty_store(), Refuse::default());
    let mut contents = Contents::new();
    {
        let _hanging = disk.state();
        let left = sent(&backend, step(0, &mut contents));
        assert!(!backend.in_doubt(&key(0)), "somebody waits");
        drop(left);
        assert!(backend.in_doubt(&key(0)) && backend.in_doubt(&key(1_000_000)));
    }
    backend.commit(step(1, &mut contents)).await.unwrap();
    assert!(!backend.in_doubt(&key(0)) && !backend.in_doubt(&key(1_000_000)), "it has landed");
    assert_eq!(backend.get(&key(0)).await.unwrap().as_ref(), contents.get(&key(0)));
}

#[tokio::test]
async fn a_record_is_not_in_doubt_when_the_caller_goes_after_the_outcome() {
    let (_disk, backend) = on_failing_disk(&empty_store(), Refuse::default());
    let mut contents = Contents::new();
    let left = sent(&backend, step(0, &mut contents));
    backend.commit(step(1, &mut contents)).await.unwrap();
    drop(left);
    assert!(!backend.in_doubt(&key(0)));
}

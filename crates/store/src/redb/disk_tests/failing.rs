//! The disk refuses orders.

use std::sync::Arc;

use super::{
    Contents, Disk, FULL, IO, READ_ONLY, Refuse, contents_of, cut_everywhere, empty_store, key,
    on_failing_disk, step,
};
use crate::{
    backend::Backend,
    commit::{CommitError, NotWritten},
    redb::engine::Engine,
};

/// The disk refuses a commit, what takes it back, and a read; when it works again, so does the store.
#[tokio::test]
async fn reads_that_fail_while_a_failed_commit_is_taken_back_find_all_of_it_later() {
    let image = empty_store();
    let long = (0..30).flat_map(|from| [(from, 1, 1, None), (from, 12, 1, None), (from, 25, 3, None)]);
    let twice = (0..12).flat_map(|from| (0..20).map(move |later| (from, 1, 1, Some(later))));
    for (from, times, unreadable, again) in long.chain(twice) {
        let refuse = Refuse { from, times, errno: IO, but_does: true, seen: 0, again };
        let (disk, backend) = on_failing_disk(&image, refuse);
        let mut contents = Contents::new();
        for n in 0..4 {
            let mut after = contents.clone();
            let batch = step(n, &mut after);
            let mut tries = 0;
            while backend.commit(batch.clone()).await.is_err() {
                if tries == 0 {
                    disk.state().unreadable = unreadable;
                    drop(backend.get(&key(1_000_000)).await);
                }
                tries += 1;
                assert!(tries < 100, "from {from}, {times} times: does not recover");
            }
            contents = after;
        }
        disk.state().unreadable = 0;
        let mut found = backend.scan(1, None, 100).await;
        for _ in 0..3 {
            if found.is_err() {
                found = backend.scan(1, None, 100).await;
            }
        }
        let found: Contents = found.unwrap().into_iter().collect();
        assert_eq!(found, contents, "from {from}, {times} times");
        drop(backend);
        let closed = Engine::open(Arc::new(Disk::with(disk.state().bytes.clone()))).unwrap();
        assert_eq!(contents_of(&closed), contents, "from {from}, {times} times, after closing");
    }
}

/// Each order in turn fails, with each error, once or for a while; meanwhile reads go on, what failed left no
/// trace, and what was acknowledged is there, here and after a crash. Once a commit is said to be done, or not written, a power cut
/// finds it so.
#[tokio::test]
async fn a_failing_disk_never_leaves_a_trace_of_a_failed_commit() {
    let image = empty_store();
    let (mut failures, mut unknown) = (0, 0);
    for (errno, times, but_does) in
        [(FULL, 1, false), (IO, 1, true), (READ_ONLY, 6, false), (FULL, 40, false), (IO, 40, true)]
    {
        for from in (0..80).step_by(if times == 1 { 1 } else { 6 }) {
            let (disk, backend) =
                on_failing_disk(&image, Refuse { from, times, errno, but_does, seen: 0, again: None });
            let mut contents = Contents::new();
            let mut n = 0;
            let mut tries = 0;
            let (mut in_doubt, mut cut) = (false, 0);
            while n < 5 {
                tries += 1;
                assert!(tries <= 5 + times, "errno {errno}, from {from}: does not recover");
                let mut after = contents.clone();
                match backend.commit(step(n, &mut after)).await {
                    Ok(()) => {
                        contents = after;
                        n += 1;
                        in_doubt = false;
                    }
                    Err(CommitError::Unknown(_)) => {
                        in_doubt = true;
                        unknown += 1;
                    }
                    Err(CommitError::NotWritten(NotWritten::Full(_))) if errno == FULL => failures += 1,
                    Err(CommitError::NotWritten(NotWritten::ReadOnly(_))) if errno == READ_ONLY => {
                        failures += 1;
                    }
                    Err(CommitError::NotWritten(NotWritten::Unavailable(_))) if errno == IO => failures += 1,
                    Err(error) => panic!("errno {errno}, from {from}: {error:?}"),
                }
                // What nobody is in doubt about, no power cut undoes.
                let log = disk.state().log.clone();
                if !in_doubt && log.len() > cut {
                    cut = log.len();
                    cut_everywhere(&image, cut, &log, &[(0, contents.clone())]);
                }
                let found: Contents = backend.scan(1, None, 100).await.unwrap().into_iter().collect();
                assert_eq!(found, contents, "errno {errno}, from {from}, step {n}");
                assert_eq!(
                    backend.get(&key(1_000_000)).await.unwrap().as_ref(),
                    contents.get(&key(1_000_000))
                );
            }
            // As kill -9 would leave it.
            let crashed = Engine::open(Arc::new(Disk::with(disk.state().bytes.clone()))).unwrap();
            assert_eq!(contents_of(&crashed), contents, "errno {errno}, from {from}, after a crash");
            drop(backend);
            let closed = Engine::open(Arc::new(Disk::with(disk.state().bytes.clone()))).unwrap();
            assert_eq!(contents_of(&closed), contents, "errno {errno}, from {from}, after closing");
        }
    }
    assert!(failures > 100 && unknown > 10, "only {failures} failures and {unknown} unknown outcomes met");
}

//! What every engine must do, as named cases. [`run`] takes a maker of fresh engines and puts each case to one.
//!
//! ```
//! # let run = async {
//! use std::sync::Arc;
//! use jwtis_store::{MemoryBackend, conformance};
//! conformance::run(|| Arc::new(MemoryBackend::new())).await;
//! # };
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run);
//! ```

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed expectation here is a failed test"
)]

pub mod chain;

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use crate::{
    backend::Backend,
    batch::{Batch, Change, Expect, Write},
    commit::CommitError,
    sealed::{RecordKey, SealedRecord, Version},
};

/// Puts every case to a fresh engine.
///
/// # Panics
/// If the engine does not do as it must.
pub async fn run<F: Fn() -> Arc<dyn Backend>>(make: F) {
    what_was_put_is_found(&*make()).await;
    create_refuses_an_existing_record(&*make()).await;
    replace_and_delete_refuse_another_version(&*make()).await;
    one_wrong_statement_stops_the_whole_batch(&*make()).await;
    a_check_alone_writes_nothing_and_is_judged(&*make()).await;
    a_key_written_twice_is_refused(&*make()).await;
    all_statements_are_judged_before_any_write(&*make()).await;
    a_deleted_record_can_be_made_anew(&*make()).await;
    scan_keeps_to_its_table_and_goes_in_key_order(&*make()).await;
    scan_pages_meet_every_record_once(&*make()).await;
    large_and_empty_values_come_back(&*make()).await;
    observers_hear_every_commit_in_order_before_its_committer(&*make()).await;
    observers_hear_nothing_of_a_refused_batch(&*make()).await;
    an_observer_sees_the_commit_that_it_hears_of(make()).await;
    an_observer_that_panics_harms_nobody(&*make()).await;
    of_racing_creates_one_wins(make()).await;
    racing_increments_lose_nothing(make()).await;
    a_dropped_commit_lands_whole_or_not_at_all(&*make()).await;
    a_snapshot_does_not_see_later_commits(&*make()).await;
    chain::appended_records_are_numbered_in_order(&*make()).await;
    chain::a_refused_batch_appends_nothing_and_leaves_no_gap(&*make()).await;
    chain::concurrent_appends_leave_no_gap_and_never_conflict(make()).await;
    chain::numbers_go_on_after_the_oldest_are_gone(&*make()).await;
}

/// A commit is seen by the next read.
pub async fn what_was_put_is_found(backend: &dyn Backend) {
    let key = plain_key(1, 1);
    assert_eq!(backend.get(&key).await.unwrap(), None);
    backend.commit(create(key, 7, b"one")).await.unwrap();
    assert_eq!(backend.get(&key).await.unwrap(), Some(record(7, b"one")));
    backend.commit(replace(key, 7, b"two")).await.unwrap();
    assert_eq!(backend.get(&key).await.unwrap(), Some(record(8, b"two")));
    backend.commit(delete(key, 8)).await.unwrap();
    assert_eq!(backend.get(&key).await.unwrap(), None);
}

/// Names are unique.
pub async fn create_refuses_an_existing_record(backend: &dyn Backend) {
    let key = plain_key(1, 1);
    backend.commit(create(key, 7, b"one")).await.unwrap();
    assert_conflict(backend.commit(create(key, 7, b"two")).await, key);
    assert_eq!(backend.get(&key).await.unwrap(), Some(record(7, b"one")));
}

/// One-time use.
pub async fn replace_and_delete_refuse_another_version(backend: &dyn Backend) {
    let key = plain_key(1, 1);
    assert_conflict(backend.commit(replace(key, 7, b"none")).await, key);
    assert_conflict(backend.commit(delete(key, 7)).await, key);
    backend.commit(create(key, 7, b"one")).await.unwrap();
    for other in [6, 8, 0, u64::MAX] {
        assert_conflict(backend.commit(replace(key, other, b"two")).await, key);
        assert_conflict(backend.commit(delete(key, other)).await, key);
    }
    assert_eq!(backend.get(&key).await.unwrap(), Some(record(7, b"one")));
}

/// All or nothing.
pub async fn one_wrong_statement_stops_the_whole_batch(backend: &dyn Backend) {
    let (a, b, c) = (plain_key(1, 1), plain_key(1, 2), plain_key(2, 3));
    backend.commit(create(b, 5, b"there")).await.unwrap();
    for wrong in [Expect::Absent, Expect::Version(Version(4))] {
        let mut batch = create(a, 1, b"a");
        batch.check(b, wrong);
        batch.write(c, Expect::Absent, Write::Put(record(1, b"c")));
        assert_conflict(backend.commit(batch).await, b);
        assert_eq!(backend.get(&a).await.unwrap(), None);
        assert_eq!(backend.get(&c).await.unwrap(), None);
    }
    let mut batch = create(a, 1, b"a");
    batch.check(b, Expect::Version(Version(5)));
    batch.write(c, Expect::Absent, Write::Put(record(1, b"c")));
    backend.commit(batch).await.unwrap();
    assert_eq!(backend.get(&a).await.unwrap(), Some(record(1, b"a")));
    assert_eq!(backend.get(&c).await.unwrap(), Some(record(1, b"c")));
}

/// A batch may consist of statements.
pub async fn a_check_alone_writes_nothing_and_is_judged(backend: &dyn Backend) {
    let key = plain_key(1, 1);
    let check = |expect| {
        let mut batch = Batch::new();
        batch.check(key, expect);
        batch
    };
    backend.commit(Batch::new()).await.unwrap();
    backend.commit(check(Expect::Absent)).await.unwrap();
    assert_conflict(backend.commit(check(Expect::Version(Version(0)))).await, key);
    backend.commit(create(key, 7, b"one")).await.unwrap();
    backend.commit(check(Expect::Version(Version(7)))).await.unwrap();
    assert_conflict(backend.commit(check(Expect::Absent)).await, key);
    assert_eq!(backend.get(&key).await.unwrap(), Some(record(7, b"one")));
}

/// No silent last-one-wins.
pub async fn a_key_written_twice_is_refused(backend: &dyn Backend) {
    let key = plain_key(1, 1);
    let mut batch = create(key, 1, b"a");
    batch.write(key, Expect::Absent, Write::Put(record(2, b"b")));
    assert_conflict(backend.commit(batch).await, key);
    assert_eq!(backend.get(&key).await.unwrap(), None);
}

/// Statements are about the state before the batch.
pub async fn all_statements_are_judged_before_any_write(backend: &dyn Backend) {
    let key = plain_key(1, 1);
    let mut batch = create(key, 1, b"a");
    batch.check(key, Expect::Absent);
    backend.commit(batch).await.unwrap();
    let mut batch = delete(key, 1);
    batch.check(key, Expect::Absent);
    assert_conflict(backend.commit(batch).await, key);
}

/// Deleted is as if never there.
pub async fn a_deleted_record_can_be_made_anew(backend: &dyn Backend) {
    let key = plain_key(1, 1);
    backend.commit(create(key, 7, b"one")).await.unwrap();
    backend.commit(delete(key, 7)).await.unwrap();
    assert_conflict(backend.commit(replace(key, 7, b"two")).await, key);
    backend.commit(create(key, 100, b"three")).await.unwrap();
    assert_eq!(backend.get(&key).await.unwrap(), Some(record(100, b"three")));
}

/// The order of keys is the order of their bytes, so of time in time-ordered tables.
pub async fn scan_keeps_to_its_table_and_goes_in_key_order(backend: &dyn Backend) {
    let keys = [
        plain_key(1, 9),
        timed_key(2, 1, 200),
        timed_key(2, 255, 3),
        timed_key(2, 256, 2),
        timed_key(2, 1 << 40, 1),
        plain_key(3, 0),
        plain_key(255, 5),
    ];
    for key in keys.iter().rev() {
        backend.commit(create(*key, 1, key.as_bytes())).await.unwrap();
    }
    let scan = async |table, after: Option<&RecordKey>, limit| -> Vec<RecordKey> {
        let found = backend.scan(table, after, limit).await.unwrap();
        found
            .into_iter()
            .map(|(key, found)| {
                assert_eq!(found, record(1, key.as_bytes()));
                key
            })
            .collect()
    };
    assert_eq!(scan(2, None, 100).await, keys[1..5]);
    assert_eq!(scan(2, Some(&keys[2]), 100).await, keys[3..5]);
    assert_eq!(scan(2, Some(&keys[2]), 1).await, keys[3..4]);
    assert_eq!(scan(2, Some(&keys[0]), 1).await, keys[1..2], "a cursor before the table starts it");
    assert_eq!(scan(2, Some(&keys[5]), 9).await, []);
    assert_eq!(scan(255, None, 9).await, keys[6..]);
    assert_eq!(scan(4, None, 9).await, []);
    assert_eq!(scan(2, None, 0).await, []);
}

/// Paging by the last key meets every record.
pub async fn scan_pages_meet_every_record_once(backend: &dyn Backend) {
    let mut batch = Batch::new();
    for n in 0..50 {
        batch.write(plain_key(1, n), Expect::Absent, Write::Put(record(1, &[n])));
    }
    backend.commit(batch).await.unwrap();
    for page in [1, 7, 50, 51] {
        let mut after = None;
        let mut met = Vec::new();
        loop {
            let found = backend.scan(1, after.as_ref(), page).await.unwrap();
            assert!(found.len() <= page);
            let Some((last, _)) = found.last() else { break };
            after = Some(*last);
            met.extend(found.into_iter().map(|(_, record)| record.sealed[0]));
        }
        assert_eq!(met, (0..50).collect::<Vec<u8>>(), "pages of {page}");
    }
}

/// Sizes from nothing to a mebibyte.
pub async fn large_and_empty_values_come_back(backend: &dyn Backend) {
    for (n, size) in [0, 1, 4095, 4096, 4097, 1 << 20].into_iter().enumerate() {
        let key = plain_key(1, u8::try_from(n).unwrap());
        let value: Vec<u8> = (0..=255).cycle().take(size).collect();
        backend.commit(create(key, 1, &value)).await.unwrap();
        assert_eq!(backend.get(&key).await.unwrap(), Some(record(1, &value)), "{size} bytes");
    }
}

/// The change feed.
pub async fn observers_hear_every_commit_in_order_before_its_committer(backend: &dyn Backend) {
    let heard: Arc<Mutex<Vec<Vec<Change>>>> = Arc::default();
    let ear = heard.clone();
    backend.observe(Arc::new(move |feed| ear.lock().unwrap().push(feed.named().to_vec())));
    let (a, b) = (plain_key(1, 1), plain_key(1, 2));

    backend.commit(create(a, 7, b"one")).await.unwrap();
    assert_eq!(heard.lock().unwrap().len(), 1);
    let mut batch = replace(a, 7, b"two");
    batch.check(b, Expect::Absent);
    backend.commit(batch).await.unwrap();
    assert_eq!(heard.lock().unwrap().len(), 2);
    let mut batch = delete(a, 8);
    batch.write(b, Expect::Absent, Write::Put(record(3, b"b")));
    backend.commit(batch).await.unwrap();

    let change = |key, version: Option<u64>| Change { key, version: version.map(Version) };
    let expected =
        [vec![change(a, Some(7))], vec![change(a, Some(8))], vec![change(a, None), change(b, Some(3))]];
    assert_eq!(*heard.lock().unwrap(), expected);
}

/// Silence about what did not happen.
pub async fn observers_hear_nothing_of_a_refused_batch(backend: &dyn Backend) {
    let heard: Arc<Mutex<usize>> = Arc::default();
    let ear = heard.clone();
    backend.observe(Arc::new(move |_| *ear.lock().unwrap() += 1));
    let key = plain_key(1, 1);
    assert_conflict(backend.commit(delete(key, 1)).await, key);
    let mut check = Batch::new();
    check.check(key, Expect::Absent);
    backend.commit(check).await.unwrap();
    assert_eq!(*heard.lock().unwrap(), 0);
}

/// A cache that reads when it hears reads the news.
pub async fn an_observer_sees_the_commit_that_it_hears_of(backend: Arc<dyn Backend>) {
    let seen: Arc<Mutex<Vec<Option<SealedRecord>>>> = Arc::default();
    let eye = seen.clone();
    let reader = Arc::downgrade(&backend);
    backend.observe(Arc::new(move |feed| {
        let changes = feed.named();
        let backend = reader.upgrade().unwrap();
        let mut read = pin!(backend.get(&changes[0].key));
        let Poll::Ready(found) = read.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
            return;
        };
        eye.lock().unwrap().push(found.unwrap());
    }));
    let key = plain_key(1, 1);
    backend.commit(create(key, 7, b"one")).await.unwrap();
    backend.commit(replace(key, 7, b"two")).await.unwrap();
    backend.commit(delete(key, 8)).await.unwrap();
    // An engine whose reads take a round trip has nothing to show here.
    let seen = seen.lock().unwrap();
    let expected = [Some(record(7, b"one")), Some(record(8, b"two")), None];
    assert!(seen.is_empty() || *seen == expected, "{seen:?}");
}

/// The engine does not depend on its observers.
pub async fn an_observer_that_panics_harms_nobody(backend: &dyn Backend) {
    let heard: Arc<Mutex<usize>> = Arc::default();
    let ear = heard.clone();
    backend.observe(Arc::new(|_| {
        std::panic::resume_unwind(Box::new("an observer's own trouble"));
    }));
    backend.observe(Arc::new(move |_| *ear.lock().unwrap() += 1));
    let key = plain_key(1, 1);
    backend.commit(create(key, 7, b"one")).await.unwrap();
    backend.commit(replace(key, 7, b"two")).await.unwrap();
    assert_eq!(backend.get(&key).await.unwrap(), Some(record(8, b"two")));
    assert_eq!(*heard.lock().unwrap(), 2);
}

/// Unique names under a race.
pub async fn of_racing_creates_one_wins(backend: Arc<dyn Backend>) {
    let key = plain_key(1, 1);
    let racers: Vec<_> = (0..20)
        .map(|n| {
            let backend = backend.clone();
            tokio::spawn(async move { backend.commit(create(key, n, &n.to_be_bytes())).await })
        })
        .collect();
    let mut winners = Vec::new();
    for (n, racer) in racers.into_iter().enumerate() {
        match racer.await.unwrap() {
            Ok(()) => winners.push(n as u64),
            Err(error) => assert_conflict(Err(error), key),
        }
    }
    assert_eq!(winners.len(), 1);
    let found = backend.get(&key).await.unwrap();
    assert_eq!(found, Some(record(winners[0], &winners[0].to_be_bytes())));
}

/// Read, decide, replace if unchanged: no update is lost.
pub async fn racing_increments_lose_nothing(backend: Arc<dyn Backend>) {
    let key = plain_key(1, 1);
    backend.commit(create(key, 0, &0_u64.to_be_bytes())).await.unwrap();
    let racers: Vec<_> = (0..8)
        .map(|_| {
            let backend = backend.clone();
            tokio::spawn(async move {
                for _ in 0..10 {
                    loop {
                        let found = backend.get(&key).await.unwrap().unwrap();
                        let count = u64::from_be_bytes(found.sealed[..].try_into().unwrap()) + 1;
                        match backend.commit(replace(key, found.version.0, &count.to_be_bytes())).await {
                            Ok(()) => break,
                            Err(CommitError::Conflict { .. }) => tokio::task::yield_now().await,
                            Err(error) => return Err(error),
                        }
                    }
                }
                Ok(())
            })
        })
        .collect();
    for racer in racers {
        racer.await.unwrap().unwrap();
    }
    assert_eq!(backend.get(&key).await.unwrap(), Some(record(80, &80_u64.to_be_bytes())));
}

/// The caller may go away at any moment.
pub async fn a_dropped_commit_lands_whole_or_not_at_all(backend: &dyn Backend) {
    for n in 0..20 {
        let (a, b) = (plain_key(1, n), plain_key(2, n));
        let mut batch = create(a, 1, b"a");
        batch.write(b, Expect::Absent, Write::Put(record(1, b"b")));
        {
            let mut commit = pin!(backend.commit(batch));
            let _started = commit.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        }
        // Whatever was sent before is done before this.
        backend.commit(create(plain_key(3, n), 1, b"after")).await.unwrap();
        let (a, b) = (backend.get(&a).await.unwrap(), backend.get(&b).await.unwrap());
        assert_eq!(a.is_some(), b.is_some());
    }
}

/// The caller may go away before the engine knows that it does not know. `fail` makes the next commit an unknown outcome and the one after
/// it a failure, and `mend` ends that.
pub async fn a_dropped_commit_with_unknown_outcome_leaves_its_records_in_doubt(
    backend: &dyn Backend,
    fail: impl FnOnce(),
    mend: impl FnOnce(),
) {
    let key = plain_key(1, 1);
    backend.commit(create(key, 7, b"one")).await.unwrap();
    let heard: Arc<Mutex<Vec<RecordKey>>> = Arc::default();
    let ear = heard.clone();
    backend.observe(Arc::new(move |feed| {
        ear.lock().unwrap().extend(feed.named().iter().map(|change| change.key));
    }));
    assert!(!backend.in_doubt(&key));
    fail();
    {
        let mut commit = pin!(backend.commit(replace(key, 7, b"two")));
        let _started = commit.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
    assert!(backend.in_doubt(&key), "from the moment when the caller goes");
    // Whatever was sent before has its outcome before this.
    backend.commit(create(plain_key(2, 1), 1, b"other")).await.unwrap_err();
    assert!(backend.in_doubt(&key), "what failed has decided");
    assert_eq!(heard.lock().unwrap().first(), Some(&key));
    mend();
    backend.commit(create(plain_key(2, 2), 1, b"other")).await.unwrap();
    assert!(!backend.in_doubt(&key), "a later commit has not decided");
}

/// A backup is of one moment.
pub async fn a_snapshot_does_not_see_later_commits(backend: &dyn Backend) {
    let keys: Vec<_> = (0..5).map(|n| plain_key(n + 1, n)).collect();
    for key in &keys {
        backend.commit(create(*key, 1, b"before")).await.unwrap();
    }
    let mut snapshot = backend.snapshot().unwrap();
    backend.commit(replace(keys[1], 1, b"after")).await.unwrap();
    backend.commit(delete(keys[2], 1)).await.unwrap();
    backend.commit(create(plain_key(9, 9), 1, b"after")).await.unwrap();
    let mut seen = Vec::new();
    loop {
        let records = snapshot.next(2).unwrap();
        if records.is_empty() {
            break;
        }
        seen.extend(records.into_iter().filter(|(key, _)| key.table() != 0));
    }
    let expected: Vec<_> = keys.iter().map(|key| (*key, record(1, b"before"))).collect();
    assert_eq!(seen, expected);
}

fn plain_key(table: u8, n: u8) -> RecordKey {
    RecordKey::compose(table, None, &[n; 16])
}

fn timed_key(table: u8, at_ms: u64, n: u8) -> RecordKey {
    RecordKey::compose(table, Some(at_ms), &[n; 16])
}

fn record(version: u64, sealed: &[u8]) -> SealedRecord {
    SealedRecord { version: Version(version), expires_at: 1_900_000_000, sealed: sealed.to_vec() }
}

fn create(key: RecordKey, version: u64, sealed: &[u8]) -> Batch {
    let mut batch = Batch::new();
    batch.write(key, Expect::Absent, Write::Put(record(version, sealed)));
    batch
}

fn replace(key: RecordKey, previous: u64, sealed: &[u8]) -> Batch {
    let mut batch = Batch::new();
    batch.write(
        key,
        Expect::Version(Version(previous)),
        Write::Put(record(previous.wrapping_add(1), sealed)),
    );
    batch
}

fn delete(key: RecordKey, previous: u64) -> Batch {
    let mut batch = Batch::new();
    batch.write(key, Expect::Version(Version(previous)), Write::Delete);
    batch
}

fn assert_conflict(outcome: Result<(), CommitError>, on: RecordKey) {
    assert!(matches!(&outcome, Err(CommitError::Conflict { key }) if *key == on), "{outcome:?}");
}

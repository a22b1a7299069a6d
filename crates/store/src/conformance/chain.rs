//! Records that get their number from the engine.

use std::sync::Arc;

use crate::{
    backend::Backend,
    batch::{Append, Batch, Expect, Write},
    commit::CommitError,
    sealed::{RecordKey, SealedRecord, Version},
};

/// The table of the chain, and those beside it.
const CHAIN: u8 = 200;
const BESIDE: [u8; 2] = [CHAIN - 1, CHAIN + 1];

/// Numbers begin at 1, follow the order of the appends, and are those of their table alone.
pub async fn appended_records_are_numbered_in_order(backend: &dyn Backend) {
    for table in BESIDE {
        backend.commit(create(RecordKey::from_bytes(&[table, 9]).unwrap())).await.unwrap();
    }
    assert_eq!(backend.last(CHAIN).await.unwrap(), None);
    let mut batch = Batch::new();
    batch.append(append(b"one"));
    batch.append(append(b"two"));
    backend.commit(batch).await.unwrap();
    let mut batch = Batch::new();
    batch.append(append(b"three"));
    backend.commit(batch).await.unwrap();
    let found = backend.scan(CHAIN, None, 10).await.unwrap();
    let found: Vec<_> = found.into_iter().map(|(key, record)| (key.number(), record.sealed)).collect();
    let wanted: [&[u8]; 3] = [b"one 1", b"two 2", b"three 3"];
    assert_eq!(found, [1, 2, 3].map(|n: u64| (Some(n), wanted[n as usize - 1].to_vec())));
    assert_eq!(backend.last(CHAIN).await.unwrap(), Some(RecordKey::numbered(CHAIN, 3)));
}

/// A record that says what happened is there only if it happened.
pub async fn a_refused_batch_appends_nothing_and_leaves_no_gap(backend: &dyn Backend) {
    let key = RecordKey::from_bytes(&[1, 1]).unwrap();
    let with = |text: &[u8]| {
        let mut batch = create(key);
        batch.append(append(text));
        batch
    };
    backend.commit(with(b"first")).await.unwrap();
    let refused = backend.commit(with(b"refused")).await;
    assert!(matches!(refused, Err(CommitError::Conflict { .. })), "{refused:?}");
    assert_eq!(numbers(backend).await, [1]);
    let mut batch = Batch::new();
    batch.write(key, Expect::Version(Version(1)), Write::Delete);
    batch.append(append(b"second"));
    backend.commit(batch).await.unwrap();
    assert_eq!(backend.get(&key).await.unwrap(), None);
    assert_eq!(numbers(backend).await, [1, 2]);
}

/// Commits at the same time do not compete for a number.
pub async fn concurrent_appends_leave_no_gap_and_never_conflict(backend: Arc<dyn Backend>) {
    const WRITERS: u8 = 8;
    const EACH: u8 = 20;
    let tasks: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let backend = backend.clone();
            tokio::spawn(async move {
                for n in 0..EACH {
                    let mut batch = create(RecordKey::from_bytes(&[1, writer, n]).unwrap());
                    batch.append(append(&[writer, n]));
                    backend.commit(batch).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let all = u64::from(WRITERS) * u64::from(EACH);
    assert_eq!(numbers(&*backend).await, (1..=all).collect::<Vec<_>>());
}

/// Retention takes the oldest away, and numbers are never given again.
pub async fn numbers_go_on_after_the_oldest_are_gone(backend: &dyn Backend) {
    for _ in 0..4 {
        let mut batch = Batch::new();
        batch.append(append(b"x"));
        backend.commit(batch).await.unwrap();
    }
    let mut batch = Batch::new();
    for number in 1..=3 {
        batch.write(RecordKey::numbered(CHAIN, number), Expect::Version(Version(1)), Write::Delete);
    }
    batch.append(append(b"y"));
    backend.commit(batch).await.unwrap();
    assert_eq!(numbers(backend).await, [4, 5]);
}

async fn numbers(backend: &dyn Backend) -> Vec<u64> {
    let found = backend.scan(CHAIN, None, 1000).await.unwrap();
    found.iter().map(|(key, _)| key.number().unwrap()).collect()
}

/// Says its number behind `text`.
fn append(text: &[u8]) -> Append {
    let text = text.to_vec();
    Append::new(CHAIN, move |key| {
        let number = key.number().unwrap().to_string();
        let sealed = [&text[..], b" ", number.as_bytes()].concat();
        Ok(SealedRecord { version: Version(1), expires_at: u64::MAX, sealed })
    })
}

fn create(key: RecordKey) -> Batch {
    let mut batch = Batch::new();
    let record = SealedRecord { version: Version(1), expires_at: u64::MAX, sealed: Vec::new() };
    batch.write(key, Expect::Absent, Write::Put(record));
    batch
}

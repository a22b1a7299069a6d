//! Chains: records that are appended in the commit of what they record.

#![allow(clippy::unwrap_used, reason = "a failed expectation in a test is a failed test")]

mod common;

use common::{client, created, opened, place};
use jwtis_store::{
    CommitError, DecodeError, MemoryBackend, Name, Record, Store, Table, open_memory,
    testing::{Fault, Faulty, store_over},
};
use zeroize::Zeroizing;

#[derive(PartialEq, Eq, Debug)]
struct Line(String);

impl Record for Line {
    const TABLE: Table = Table { id: 77, name: "lines", time_ordered: false };

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.clone().into_bytes())
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        String::from_utf8(bytes.to_vec()).map(Self).map_err(DecodeError::new)
    }
}

async fn append(store: &Store, text: &str) -> Result<(), CommitError> {
    store.commit(store.transaction().append(&Line(text.into()))).await
}

async fn lines(store: &Store, after: u64) -> Vec<(u64, String)> {
    let found = store.numbered::<Line>(after, 100).await.unwrap();
    found.into_iter().map(|(number, line)| (number, line.unwrap().value.0)).collect()
}

#[tokio::test]
async fn a_chain_goes_on_after_the_store_was_opened_again() {
    let (_folder, path) = place();
    let store = created(&path);
    for text in ["one", "two", "three"] {
        append(&store, text).await.unwrap();
    }
    let forget = store.transaction().delete_numbered::<Line>(1).delete_numbered::<Line>(2);
    store.commit(forget).await.unwrap();
    let bytes = store.chain_bytes::<Line>().await.unwrap();
    drop(store);
    let store = opened(&path);
    assert_eq!(store.chain_bytes::<Line>().await.unwrap(), bytes, "counted anew");
    append(&store, "four").await.unwrap();
    assert_eq!(lines(&store, 0).await, [(3, "three".into()), (4, "four".into())]);
    assert_eq!(lines(&store, 3).await, [(4, "four".into())]);
    assert_eq!(store.last_number::<Line>().await.unwrap(), 4);
}

#[tokio::test]
async fn bytes_grow_and_shrink_with_the_records() {
    let (_folder, path) = place();
    for store in [open_memory(), created(&path)] {
        assert_eq!(store.chain_bytes::<Line>().await.unwrap(), 0);
        append(&store, "a line of twenty byt").await.unwrap();
        let one = store.chain_bytes::<Line>().await.unwrap();
        // Key 9, head 17, nonce 12, value 20, tag 16.
        assert_eq!(one, 74);
        append(&store, "a line of twenty byt").await.unwrap();
        assert_eq!(store.chain_bytes::<Line>().await.unwrap(), 2 * one);
        store.commit(store.transaction().delete_numbered::<Line>(1)).await.unwrap();
        assert_eq!(store.chain_bytes::<Line>().await.unwrap(), one);
    }
}

#[tokio::test]
async fn the_newest_record_is_never_deleted() {
    let store = open_memory();
    append(&store, "one").await.unwrap();
    append(&store, "two").await.unwrap();
    let refused = store.commit(store.transaction().delete_numbered::<Line>(2)).await;
    assert!(matches!(refused, Err(CommitError::Conflict { .. })), "{refused:?}");
    let refused =
        store.commit(store.transaction().delete_numbered::<Line>(1).delete_numbered::<Line>(2)).await;
    assert!(matches!(refused, Err(CommitError::Conflict { .. })), "{refused:?}");
    assert_eq!(store.last_number::<Line>().await.unwrap(), 2);
}

#[tokio::test]
async fn a_failed_commit_takes_no_number() {
    let faulty = Faulty::new(MemoryBackend::new());
    let store = store_over(faulty.clone());
    append(&store, "one").await.unwrap();
    faulty.fail_commit(1, Fault::Full);
    append(&store, "lost").await.unwrap_err();
    append(&store, "two").await.unwrap();
    assert_eq!(lines(&store, 0).await, [(1, "one".into()), (2, "two".into())]);
}

#[tokio::test]
async fn a_conflict_appends_nothing() {
    let store = open_memory();
    let name = Name::plain("shop");
    let change = || store.transaction().create(name, &client("one")).append(&Line("registered".into()));
    store.commit(change()).await.unwrap();
    assert!(matches!(store.commit(change()).await, Err(CommitError::Conflict { .. })));
    assert_eq!(lines(&store, 0).await, [(1, "registered".into())]);
}

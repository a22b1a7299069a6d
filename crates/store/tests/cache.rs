//! The cache serves what the store holds, and nothing while the feed has lost track.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

mod common;

use std::sync::Arc;

use common::{Client, client};
use jwtis_store::testing::{Fault, Faulty, store_over};
use jwtis_store::{Cache, MemoryBackend, Name, Record, RecordKey, Store};

/// A store, and a cache of the lengths of its clients, whose weights are these lengths.
fn world(most: usize) -> (Arc<Faulty<MemoryBackend>>, Store, Cache<String, usize>) {
    let backend = Faulty::new(MemoryBackend::new());
    let store = store_over(backend.clone());
    let cache = Cache::following(&store, &Client::TABLE, most, |length| *length);
    (backend, store, cache)
}

fn place(store: &Store, name: &str) -> RecordKey {
    store.key_of::<Client>(Name::plain(name))
}

async fn put(store: &Store, name: &str, text: &str) {
    let name = Name::plain(name);
    let there = store.get::<Client>(name).await.unwrap();
    let tx = store.transaction();
    let tx = match there {
        Some(there) => tx.replace(name, there.version, &client(text)),
        None => tx.create(name, &client(text)),
    };
    store.commit(tx).await.unwrap();
}

/// As every user of a cache does it. Also says whether the store was asked.
async fn length(store: &Store, cache: &Cache<String, usize>, name: &str) -> (usize, bool) {
    match cache.find(name) {
        Ok(length) => (length, false),
        Err(missed) => {
            let length = store.get::<Client>(Name::plain(name)).await.unwrap().map_or(0, |c| c.value.0.len());
            cache.keep(missed, name.to_owned(), place(store, name), &length);
            (length, true)
        }
    }
}

#[tokio::test]
async fn a_hit_asks_no_store_until_the_record_changes() {
    let (_, store, cache) = world(100);
    put(&store, "a", "one").await;
    assert_eq!(length(&store, &cache, "a").await, (3, true));
    assert_eq!(length(&store, &cache, "a").await, (3, false));
    put(&store, "b", "other").await;
    assert_eq!(length(&store, &cache, "a").await, (3, false), "another record changes nothing");
    put(&store, "a", "three").await;
    assert_eq!(length(&store, &cache, "a").await, (5, true));
    let version = store.get::<Client>(Name::plain("a")).await.unwrap().unwrap().version;
    store.commit(store.transaction().delete::<Client>(Name::plain("a"), version)).await.unwrap();
    assert_eq!(length(&store, &cache, "a").await, (0, true));
    assert_eq!(length(&store, &cache, "a").await, (0, false), "that there is none is known, too");
    put(&store, "a", "again").await;
    assert_eq!(length(&store, &cache, "a").await, (5, true));
}

#[tokio::test]
async fn what_was_read_before_a_change_is_not_kept() {
    let (_, store, cache) = world(100);
    put(&store, "a", "one").await;
    let Err(missed) = cache.find("a") else { panic!("nothing was kept") };
    put(&store, "a", "three").await;
    cache.keep(missed, "a".to_owned(), place(&store, "a"), &3);
    assert_eq!(length(&store, &cache, "a").await, (5, true));
}

#[tokio::test]
async fn nothing_is_served_or_kept_while_the_feed_has_lost_track() {
    let (backend, store, cache) = world(100);
    put(&store, "a", "one").await;
    length(&store, &cache, "a").await;
    let Err(before) = cache.find("b") else { panic!("nothing was kept") };
    backend.lose_track();
    // Nobody is told of this one.
    put(&store, "a", "three").await;
    assert_eq!(length(&store, &cache, "a").await, (5, true));
    assert_eq!(length(&store, &cache, "a").await, (5, true));
    put(&store, "a", "seven..").await;
    let Err(during) = cache.find("a") else { panic!("kept while track was lost") };
    backend.resume();
    for missed in [before, during] {
        cache.keep(missed, "a".to_owned(), place(&store, "a"), &1);
    }
    assert_eq!(length(&store, &cache, "a").await, (7, true), "what was read before is not kept");
    assert_eq!(length(&store, &cache, "a").await, (7, false));
    put(&store, "a", "two").await;
    assert_eq!(length(&store, &cache, "a").await, (3, true));
}

#[tokio::test]
async fn nothing_is_served_of_a_record_in_doubt() {
    for fault in Fault::UNKNOWN {
        let (backend, store, cache) = world(100);
        put(&store, "a", "one").await;
        length(&store, &cache, "a").await;
        let one = store.get::<Client>(Name::plain("a")).await.unwrap().unwrap();
        backend.fail_commit(1, fault);
        let three = store.transaction().replace(Name::plain("a"), one.version, &client("three"));
        store.commit(three).await.unwrap_err();
        let length = length(&store, &cache, "a").await;
        assert_eq!(length, (if fault == Fault::UnknownNotDone { 3 } else { 5 }, true), "{fault:?}");
    }
}

#[tokio::test]
async fn a_full_cache_makes_room_and_keeps_the_newest() {
    let (_, store, cache) = world(9);
    for name in ["a", "b", "c", "d", "e"] {
        put(&store, name, "333").await;
    }
    for name in ["a", "b", "c", "d", "e"] {
        length(&store, &cache, name).await;
        assert_eq!(length(&store, &cache, name).await, (3, false));
    }
    let kept = ["a", "b", "c", "d", "e"].into_iter().filter(|name| cache.find(*name).is_ok()).count();
    assert_eq!(kept, 3);
    put(&store, "f", "1234567890").await;
    assert_eq!(length(&store, &cache, "f").await, (10, true));
    assert_eq!(length(&store, &cache, "f").await, (10, true), "one that alone is too heavy is not kept");
    let kept = ["a", "b", "c", "d", "e"].into_iter().filter(|name| cache.find(*name).is_ok()).count();
    assert_eq!(kept, 3, "and moves nothing out");
}

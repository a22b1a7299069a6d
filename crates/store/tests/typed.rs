//! Typed access: names, versions, transactions, sweeping, the change feed, injected faults.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed expectation in a test is a failed test"
)]

mod common;

use std::sync::{Arc, Mutex};

use common::{Client, Session, client, created, place};
use jwtis_store::{
    Backend, CommitError, DecodeError, MemoryBackend, Name, NotWritten, ReadError, Record, RecordKey, Store,
    Table, Version, open_memory,
    testing::{Fault, Faulty, store_over},
};
use zeroize::Zeroizing;

async fn put_session(store: &Store, at_ms: u64, expires_at: u64) {
    let session = Session { generation: 0, expires_at };
    let name = at_ms.to_string();
    store.commit(store.transaction().create(Name::at(at_ms, &name), &session)).await.unwrap();
}

#[tokio::test]
async fn create_replace_and_delete_go_from_version_to_version() {
    let store = open_memory();
    let name = Name::plain("shop");
    let create = store.transaction().create(name, &client("one"));
    let first = create.written_version().unwrap();
    store.commit(create).await.unwrap();
    let one = store.get::<Client>(name).await.unwrap().unwrap();
    assert_eq!((one.version, &one.value), (first, &client("one")));

    store.commit(store.transaction().replace(name, one.version, &client("two"))).await.unwrap();
    let two = store.get::<Client>(name).await.unwrap().unwrap();
    assert_eq!((two.version, two.value), (first.next(), client("two")));

    let stale = store.transaction().replace(name, one.version, &client("three"));
    assert!(
        matches!(store.commit(stale).await, Err(CommitError::Conflict { key }) if key == store.key_of::<Client>(name))
    );

    store.commit(store.transaction().delete::<Client>(name, two.version)).await.unwrap();
    assert_eq!(store.get::<Client>(name).await.unwrap(), None);
    store.commit(store.transaction()).await.unwrap();
}

#[tokio::test]
async fn a_version_is_not_met_again_after_delete_and_create() {
    let store = open_memory();
    let name = Name::plain("shop");
    let mut met = Vec::<Version>::new();
    for _ in 0..20 {
        store.commit(store.transaction().create(name, &client(""))).await.unwrap();
        let version = store.get::<Client>(name).await.unwrap().unwrap().version;
        assert!(!met.contains(&version));
        met.push(version);
        store.commit(store.transaction().delete::<Client>(name, version)).await.unwrap();
    }
}

#[tokio::test]
async fn requirements_guard_what_is_written_beside_them() {
    let store = open_memory();
    let (shop, other) = (Name::plain("shop"), Name::plain("other"));
    store.commit(store.transaction().create(shop, &client("one"))).await.unwrap();
    let version = store.get::<Client>(shop).await.unwrap().unwrap().version;
    let refused = store.transaction().require::<Client>(shop, version.next()).create(other, &client(""));
    assert!(matches!(store.commit(refused).await, Err(CommitError::Conflict { .. })));
    let refused = store.transaction().require_absent::<Client>(shop).create(other, &client(""));
    assert!(matches!(store.commit(refused).await, Err(CommitError::Conflict { .. })));
    assert_eq!(store.get::<Client>(other).await.unwrap(), None);
    let allowed = store.transaction().require::<Client>(shop, version).create(other, &client(""));
    store.commit(allowed).await.unwrap();
}

#[tokio::test]
async fn sessions_are_scanned_in_time_order() {
    let store = open_memory();
    for at in [300, 100, 200, 1 << 40] {
        put_session(&store, at, at).await;
    }
    let all = store.scan::<Session>(None, 10).await.unwrap();
    let times: Vec<_> = all.iter().map(|(_, stored)| stored.value.expires_at).collect();
    assert_eq!(times, [100, 200, 300, 1 << 40]);
    let rest = store.scan::<Session>(Some(&all[1].0), 10).await.unwrap();
    assert_eq!(rest, all[2..]);
}

#[tokio::test]
async fn sweep_deletes_what_has_expired_in_small_batches() {
    let (_folder, path) = place();
    let memory = open_memory();
    for store in [memory, created(&path)] {
        for at in 0..10 {
            put_session(&store, at, if at % 2 == 0 { 50 } else { 100 }).await;
        }
        let (mut next, mut deleted, mut calls) = (None, 0, 0);
        loop {
            let swept = store.sweep(&Session::TABLE, 100, next, 3).await.unwrap();
            deleted += swept.deleted;
            calls += 1;
            next = swept.next;
            if next.is_none() {
                break;
            }
        }
        assert_eq!((deleted, calls), (5, 4));
        let left = store.scan::<Session>(None, 100).await.unwrap();
        assert!(left.len() == 5 && left.iter().all(|(_, stored)| stored.value.expires_at == 100));
        assert_eq!(store.sweep(&Session::TABLE, 101, None, 100).await.unwrap().deleted, 5);
        assert_eq!(store.sweep(&Session::TABLE, 101, None, 100).await.unwrap().deleted, 0);
    }
}

#[tokio::test]
async fn sweep_leaves_what_was_renewed_meanwhile_and_what_does_not_verify() {
    let backend = Faulty::new(MemoryBackend::new());
    let store = store_over(backend.clone());
    for at in 0..3 {
        put_session(&store, at, 50).await;
    }
    // Somebody else was faster with the first of them.
    backend.conflict_once();
    assert_eq!(store.sweep(&Session::TABLE, 100, None, 10).await.unwrap().deleted, 2);

    let key: RecordKey = store.scan::<Session>(None, 1).await.unwrap()[0].0;
    let mut record = backend.get(&key).await.unwrap().unwrap();
    let mut batch = jwtis_store::Batch::new();
    let expect = jwtis_store::Expect::Version(record.version);
    // An expiry that nobody sealed.
    record.expires_at = 1;
    batch.write(key, expect, jwtis_store::Write::Put(record));
    backend.commit(batch).await.unwrap();
    assert_eq!(store.sweep(&Session::TABLE, 100, None, 10).await.unwrap().deleted, 0);
}

#[tokio::test]
async fn a_moved_or_replayed_record_is_damaged_and_named_without_its_name() {
    let backend = Arc::new(MemoryBackend::new());
    let store = store_over(backend.clone());
    let (a, b) = (Name::plain("secret-a"), Name::plain("secret-b"));
    store.commit(store.transaction().create(a, &client("a")).create(b, &client("b"))).await.unwrap();
    let (key_a, key_b) = (store.key_of::<Client>(a), store.key_of::<Client>(b));
    let record = backend.get(&key_a).await.unwrap().unwrap();
    let old = backend.get(&key_b).await.unwrap().unwrap();
    let mut batch = jwtis_store::Batch::new();
    batch.write(key_b, jwtis_store::Expect::Version(old.version), jwtis_store::Write::Put(record));
    backend.commit(batch).await.unwrap();
    let Err(error) = store.get::<Client>(b).await else { panic!("a record was moved") };
    assert_eq!(error.to_string(), format!("damaged record: table clients, key {key_b}"));
    assert!(store.scan::<Client>(None, 10).await.is_err());
    assert_eq!(store.get::<Client>(a).await.unwrap().unwrap().value, client("a"));
}

#[tokio::test]
async fn a_value_that_does_not_decode_is_damaged() {
    #[derive(Debug)]
    struct Other;
    impl Record for Other {
        const TABLE: Table = Client::TABLE;
        fn encode(&self) -> Zeroizing<Vec<u8>> {
            Zeroizing::new(Vec::new())
        }
        fn decode(_: &[u8]) -> Result<Self, DecodeError> {
            Err("an older release".into())
        }
    }
    let store = open_memory();
    store.commit(store.transaction().create(Name::plain("x"), &Other)).await.unwrap();
    assert!(matches!(store.get::<Other>(Name::plain("x")).await, Err(ReadError::Damaged { .. })));
}

#[tokio::test]
async fn the_change_feed_names_records_and_nothing_of_the_stores_own() {
    let (_folder, path) = place();
    let store = created(&path);
    let heard: Arc<Mutex<Vec<jwtis_store::Change>>> = Arc::default();
    let ear = heard.clone();
    store.observe(Arc::new(move |feed| ear.lock().unwrap().extend(feed.named())));
    let name = Name::plain("shop");
    store.commit(store.transaction().create(name, &client("one"))).await.unwrap();
    let version = store.get::<Client>(name).await.unwrap().unwrap().version;
    store.commit(store.transaction().delete::<Client>(name, version)).await.unwrap();
    let key = store.key_of::<Client>(name);
    let expected = [Some(version), None].map(|version| jwtis_store::Change { key, version });
    assert_eq!(*heard.lock().unwrap(), expected);
}

#[tokio::test]
async fn a_record_in_doubt_is_settled_by_a_commit_before_it_is_read() {
    for (fault, done) in
        [(Fault::UnknownNotDone, false), (Fault::UnknownDone, true), (Fault::UnknownDoneLater, true)]
    {
        let backend = Faulty::new(MemoryBackend::new());
        let store = store_over(backend.clone());
        let name = Name::plain("a");
        store.commit(store.transaction().create(name, &client("one"))).await.unwrap();
        let one = store.get::<Client>(name).await.unwrap().unwrap();
        backend.fail_commit(1, fault);
        let unknown = store.commit(store.transaction().replace(name, one.version, &client("two"))).await;
        assert!(matches!(unknown, Err(CommitError::Unknown(_))), "{fault:?}: {unknown:?}");

        // As long as nothing can be written, nothing is known.
        backend.fail_commit(1, Fault::Full);
        let read = store.get::<Client>(name).await;
        assert!(matches!(read, Err(ReadError::Unavailable(_))), "{fault:?}: {read:?}");
        backend.fail_commit(1, Fault::Full);
        let again = store.commit(store.transaction().replace(name, one.version, &client("two"))).await;
        assert!(matches!(again, Err(CommitError::Unknown(_))), "{fault:?}: {again:?}");

        let before = backend.commits();
        let settled = store.get::<Client>(name).await.unwrap().unwrap();
        assert_eq!(settled.value, client(if done { "two" } else { "one" }), "{fault:?}");
        assert!(backend.commits() > before, "{fault:?}: a read has decided");
        let before = backend.commits();
        assert_eq!(store.get::<Client>(name).await.unwrap().unwrap(), settled);
        assert_eq!(backend.commits(), before, "{fault:?}: in doubt for ever");
        store.commit(store.transaction().replace(name, settled.version, &client("three"))).await.unwrap();
    }
}

#[tokio::test]
async fn injected_faults_do_what_they_say() {
    let backend = Faulty::new(MemoryBackend::new());
    let store = store_over(backend.clone());
    let create = |name| store.transaction().create(Name::plain(name), &client(name));
    let there = async |name| store.get::<Client>(Name::plain(name)).await.unwrap().is_some();

    backend.fail_commit(2, Fault::Full);
    store.commit(create("a")).await.unwrap();
    assert!(matches!(store.commit(create("b")).await, Err(CommitError::NotWritten(NotWritten::Full(_)))));
    assert!(there("a").await && !there("b").await);

    backend.conflict_once();
    assert!(matches!(store.commit(create("b")).await, Err(CommitError::Conflict { .. })));
    assert!(!there("b").await);

    for (fault, name, at_once, later) in [
        (Fault::UnknownNotDone, "d", false, false),
        (Fault::UnknownDone, "b", true, true),
        (Fault::UnknownDoneLater, "e", false, true),
    ] {
        backend.fail_commit(1, fault);
        assert!(matches!(store.commit(create(name)).await, Err(CommitError::Unknown(_))));
        let key = store.key_of::<Client>(Name::plain(name));
        assert_eq!(backend.get(&key).await.unwrap().is_some(), at_once, "{fault:?}");
        let decides = store.commit(create(name)).await;
        assert_eq!(matches!(decides, Err(CommitError::Conflict { .. })), later, "{fault:?}: {decides:?}");
        assert!(there(name).await);
    }

    backend.fail_read(2, Fault::Unavailable);
    assert!(there("a").await);
    assert!(matches!(store.get::<Client>(Name::plain("a")).await, Err(ReadError::Unavailable(_))));
    assert!(there("a").await);

    backend.hang_commits();
    let hanging = {
        let store = store.clone();
        tokio::spawn(
            async move { store.commit(store.transaction().create(Name::plain("c"), &client("c"))).await },
        )
    };
    tokio::task::yield_now().await;
    assert!(!hanging.is_finished() && !there("c").await);
    backend.release();
    hanging.await.unwrap().unwrap();
    assert!(there("c").await);
    assert_eq!(backend.commits(), 12);
}

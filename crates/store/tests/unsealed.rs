//! A file that is not sealed: its records are in clear, and all else that a store promises is kept.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed expectation in a test is a failed test"
)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Client, client, clients, created, fill, password, place};
use jwtis_store::{
    CommitError, Name, NotWritten, OpenError, Rollback, RollbackCause, Store, Witnessed, change_password,
    check, open_redb, open_unsealed, open_unsealed_unwitnessed, opens_with, read_unsealed, stage_unsealed,
    witness_beside,
};

/// A new file with one record, closed.
fn made(path: &Path) -> PathBuf {
    let (store, unplaced) = stage_unsealed(path).unwrap();
    unplaced.place().unwrap();
    drop(store);
    witness_beside(path)
}

fn opened(path: &Path) -> Store {
    open_unsealed(path, &witness_beside(path)).unwrap()
}

async fn add(store: &Store, name: &str) {
    store.commit(store.transaction().create(Name::plain(name), &client(name))).await.unwrap();
}

async fn cause(store: &Store) -> Option<RollbackCause> {
    store.get_key::<Rollback>(&Rollback::key()).await.unwrap().map(|stored| stored.value.cause)
}

fn holds(path: &Path, text: &str) -> bool {
    fs::read(path).unwrap().windows(text.len()).any(|bytes| bytes == text.as_bytes())
}

#[tokio::test]
async fn records_are_in_clear_and_come_back_without_a_password() {
    let (_folder, path) = place();
    made(&path);
    let store = opened(&path);
    fill(&store, 300).await;
    add(&store, "a record in clear").await;
    let before = clients(&store).await.unwrap();
    drop(store);
    assert!(holds(&path, "a record in clear"));
    assert_eq!(clients(&opened(&path)).await.unwrap(), before);
}

#[tokio::test]
async fn a_file_that_is_only_read_is_not_changed() {
    let (_folder, path) = place();
    made(&path);
    add(&opened(&path), "one").await;
    let image = fs::read(&path).unwrap();
    let store = read_unsealed(&path).unwrap();
    assert_eq!(clients(&store).await.unwrap(), ["one"]);
    let refused = store.commit(store.transaction().create(Name::plain("two"), &client("two"))).await;
    refused.unwrap_err();
    drop(store);
    assert!(fs::read(&path).unwrap() == image);
    let open = opened(&path);
    assert!(matches!(read_unsealed(&path), Err(OpenError::InUse)), "not while somebody writes");
    drop(open);
}

#[test]
fn neither_kind_of_file_opens_as_the_other() {
    let (folder, path) = place();
    made(&path);
    for refused in [
        open_redb(&path, &password()).map(drop),
        opens_with(&path, &password()).map(drop),
        check(&path, &password()).map(drop),
        change_password(&path, &password(), &"new".into()),
    ] {
        assert!(matches!(refused, Err(OpenError::NotSealed { .. })), "{refused:?}");
    }
    let sealed = folder.path().join("sealed.db");
    drop(created(&sealed));
    for refused in [
        open_unsealed(&sealed, &witness_beside(&sealed)).map(drop),
        open_unsealed_unwitnessed(&sealed, &witness_beside(&sealed)).map(drop),
        read_unsealed(&sealed).map(drop),
    ] {
        assert!(matches!(refused, Err(OpenError::Sealed { .. })), "{refused:?}");
    }
    drop(open_redb(&sealed, &password()).unwrap());
    drop(opened(&path));
}

#[tokio::test]
async fn an_older_copy_is_marked_and_a_file_that_is_gone_is_missed() {
    let (_folder, path) = place();
    let witness = made(&path);
    let store = opened(&path);
    add(&store, "one").await;
    drop(store);
    let old = fs::read(&path).unwrap();
    let store = opened(&path);
    add(&store, "two").await;
    drop(store);
    assert_eq!(cause(&opened(&path)).await, None);
    fs::write(&path, &old).unwrap();
    assert_eq!(cause(&opened(&path)).await, Some(RollbackCause::BehindWitness));
    fs::write(&path, &old).unwrap();
    let (store, said) = open_unsealed_unwitnessed(&path, &witness).unwrap();
    assert!(matches!(said, Witnessed::Behind { .. }), "{said:?}");
    drop(store);
    fs::remove_file(&path).unwrap();
    assert!(matches!(open_unsealed(&path, &witness), Err(OpenError::StoreGone { .. })));
}

#[tokio::test]
async fn a_flipped_byte_is_an_error_or_no_change() {
    let (_folder, path) = place();
    made(&path);
    let store = opened(&path);
    fill(&store, 3).await;
    let wanted = clients(&store).await.unwrap();
    drop(store);
    let whole = fs::read(&path).unwrap();
    let mut refused = 0;
    for at in (0..whole.len()).step_by(211) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(&path, &changed).unwrap();
        match read_unsealed(&path) {
            Err(OpenError::Damaged { .. }) => refused += 1,
            Err(error) => panic!("byte {at}: {error:?}"),
            Ok(store) => assert_eq!(clients(&store).await.unwrap(), wanted, "byte {at}"),
        }
    }
    assert!(refused > 3, "only {refused}");
}

#[tokio::test]
async fn two_cannot_open_it_and_a_file_below_an_open_one_stops_its_commits() {
    let (_folder, path) = place();
    let witness = made(&path);
    let store = opened(&path);
    assert!(matches!(open_unsealed(&path, &witness), Err(OpenError::InUse)));
    let aside = path.with_extension("aside");
    fs::rename(&path, &aside).unwrap();
    fs::copy(&aside, &path).unwrap();
    let late = store.transaction().create::<Client>(Name::plain("late"), &client("late"));
    assert!(matches!(store.commit(late).await, Err(CommitError::NotWritten(NotWritten::Unavailable(_)))));
    assert!(store.in_place().await.is_err());
}

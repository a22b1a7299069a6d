//! The witness beside a store: an older copy in its place is noticed, and nobody else's witness is taken.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed expectation in a test is a failed test"
)]

mod common;

use std::fs;

use common::{Client, client, clients, created, fill, opened, password, place};
use jwtis_store::{
    KdfParams, Name, OpenError, Rollback, RollbackCause, Store, Witnessed, change_password, check,
    create_redb, info, open_redb, open_redb_beside, open_redb_unwitnessed, witness_beside,
};

async fn mark(store: &Store) -> Option<Rollback> {
    store.get_key::<Rollback>(&Rollback::key()).await.unwrap().map(|stored| stored.value)
}

async fn add(store: &Store, name: &str) {
    store.commit(store.transaction().create(Name::plain(name), &client(name))).await.unwrap();
}

#[tokio::test]
async fn every_commit_has_the_next_number_and_copies_keep_it() {
    let (folder, path) = place();
    let store = created(&path);
    let first = store.commits();
    fill(&store, 3).await;
    add(&store, "one").await;
    assert_eq!(store.commits(), first + 2);
    let version = store.get::<Client>(Name::plain("one")).await.unwrap().unwrap().version;
    let late = store.transaction().require_absent::<Client>(Name::plain("one"));
    store.commit(late).await.unwrap_err();
    store.commit(store.transaction().require::<Client>(Name::plain("one"), version)).await.unwrap();
    assert_eq!(store.commits(), first + 2, "what writes nothing is not counted");
    let backup = folder.path().join("backup.db");
    store.backup_to(&backup).unwrap();
    drop(store);
    assert_eq!(info(&path).unwrap().commits, first + 2);
    assert_eq!(check(&backup, &password()).unwrap().commits, first + 2);
    change_password(&path, &password(), &"new".into()).unwrap();
    assert_eq!(open_redb(&path, &"new".into()).unwrap().commits(), first + 3);
}

/// Whether the first one was asked for something meanwhile or not.
#[tokio::test]
async fn a_store_that_was_away_while_a_copy_went_on_is_refused_when_it_is_back() {
    for is_asked in [false, true] {
        let (folder, path) = place();
        drop(created(&path));
        let first = opened(&path);
        add(&first, "one").await;
        // Known to the witness, as after a second.
        first.backup_to(&folder.path().join("backup.db")).unwrap();
        let beside = |suffix: &str| std::path::PathBuf::from(format!("{}.{suffix}", path.display()));
        let names = [path.clone(), beside("lock")];
        let aside = [beside("aside"), beside("lock.aside")];
        for (name, aside) in names.iter().zip(&aside) {
            fs::rename(name, aside).unwrap();
            fs::copy(aside, name).unwrap();
        }
        if is_asked {
            first.in_place().await.unwrap_err();
        }
        let second = opened(&path);
        add(&second, "two").await;
        drop(second);
        for (name, aside) in names.iter().zip(&aside) {
            fs::rename(aside, name).unwrap();
        }
        let late = first.transaction().create(Name::plain("three"), &client("three"));
        first.commit(late).await.unwrap_err();
        first.in_place().await.unwrap_err();
        drop(first);
        let again = opened(&path);
        assert_eq!(clients(&again).await.unwrap(), ["one"]);
        assert_eq!(
            mark(&again).await.unwrap().cause,
            RollbackCause::BehindWitness,
            "the witness was not lowered"
        );
        add(&again, "three").await;
    }
}

#[tokio::test]
async fn an_older_copy_in_the_place_of_the_store_is_marked() {
    let (_folder, path) = place();
    drop(created(&path));
    let store = opened(&path);
    add(&store, "one").await;
    drop(store);
    let old = fs::read(&path).unwrap();
    let store = opened(&path);
    assert_eq!(mark(&store).await, None);
    add(&store, "two").await;
    add(&store, "three").await;
    let highest = store.commits();
    drop(store);
    assert_eq!(mark(&opened(&path)).await, None, "a younger store is no older copy");

    fs::write(&path, &old).unwrap();
    let store = opened(&path);
    let marked = Some(Rollback { cause: RollbackCause::BehindWitness, since_ms: None });
    assert_eq!(mark(&store).await, marked);
    assert!(store.commits() > highest, "no later commit hides the rollback");
    assert_eq!(clients(&store).await.unwrap(), ["one"]);
    let backup = path.with_extension("backup");
    store.backup_to(&backup).unwrap();
    drop(store);
    assert!(info(&path).unwrap().rolled_back);
    assert_eq!(check(&backup, &password()).unwrap().rolled_back, marked, "so is a backup of it");
    assert_eq!(mark(&opened(&path)).await, marked, "it stays marked");
}

#[tokio::test]
async fn a_store_has_one_witness_whichever_links_lead_to_it() {
    let (folder, link) = place();
    let path = folder.path().join("disk/store.db");
    let store = created(&path);
    std::os::unix::fs::symlink("disk/store.db", &link).unwrap();
    let older = folder.path().join("older.db");
    store.backup_to(&older).unwrap();
    drop(store);
    let store = opened(&link);
    add(&store, "later").await;
    drop(store);
    assert!(!folder.path().join("store.db.witness").exists());
    std::fs::copy(&older, &path).unwrap();
    assert!(mark(&opened(&path)).await.is_some());
}

#[tokio::test]
async fn a_backup_writes_the_witness_at_once() {
    let (folder, path) = place();
    let store = created(&path);
    store.keep_witness(&witness_beside(&path));
    let before = fs::read(witness_beside(&path)).unwrap();
    add(&store, "one").await;
    store.backup_to(&folder.path().join("backup.db")).unwrap();
    let after = fs::read_to_string(witness_beside(&path)).unwrap();
    assert_ne!(before, after.as_bytes());
    assert!(after.contains(&format!("\ncommit {}\n", store.commits())), "{after}");
}

#[tokio::test]
async fn a_missing_witness_is_made() {
    let (_folder, path) = place();
    drop(created(&path));
    assert!(!witness_beside(&path).exists());
    assert_eq!(mark(&opened(&path)).await, None);
    assert!(witness_beside(&path).exists());
}

#[tokio::test]
async fn a_witness_without_its_store_of_another_store_or_changed_opens_nothing() {
    let (folder, path) = place();
    let witness = folder.path().join("elsewhere.witness");
    drop(created(&path));
    drop(open_redb_beside(&path, &witness, &password()).unwrap());
    let text = fs::read_to_string(&witness).unwrap();
    let image = fs::read(&path).unwrap();

    let other = folder.path().join("other.db");
    drop(create_redb(&other, &password(), KdfParams::cheap_for_tests()).unwrap());
    let refused = open_redb_beside(&other, &witness, &password());
    assert!(matches!(refused, Err(OpenError::WitnessOfAnother { .. })));

    let commit = text.lines().nth(2).unwrap();
    fs::write(&witness, text.replace(commit, "commit 0")).unwrap();
    let refused = open_redb_beside(&path, &witness, &password());
    assert!(matches!(refused, Err(OpenError::WitnessDamaged { .. })));
    assert!(fs::read(&path).unwrap() == image, "a refused opening changes nothing");
    let (store, said) = open_redb_unwitnessed(&path, &witness, &password()).unwrap();
    assert_eq!(said, Witnessed::Damaged);
    drop(store);
    fs::write(&witness, &text).unwrap();

    fs::rename(&path, folder.path().join("away.db")).unwrap();
    let refused = open_redb_beside(&path, &witness, &password());
    assert!(matches!(refused, Err(OpenError::StoreGone { .. })));
    assert_eq!(fs::read_to_string(&witness).unwrap(), text);
}

#[tokio::test]
async fn who_accepts_what_the_witness_says_gets_a_new_one() {
    let (_folder, path) = place();
    let witness = witness_beside(&path);
    drop(created(&path));
    let old = fs::read(&path).unwrap();
    let store = opened(&path);
    add(&store, "one").await;
    let highest = store.commits();
    drop(store);
    fs::write(&path, &old).unwrap();
    let (store, said) = open_redb_unwitnessed(&path, &witness, &password()).unwrap();
    assert!(matches!(said, Witnessed::Behind { witness, .. } if witness == highest), "{said:?}");
    assert_eq!(mark(&store).await, None, "nothing is marked for them");
    add(&store, "two").await;
    store.keep_witness(&witness);
    drop(store);
    assert_eq!(mark(&opened(&path)).await, None);
}

#[tokio::test]
async fn a_witness_that_cannot_be_written_stops_no_commit() {
    let (folder, path) = place();
    let store = created(&path);
    let witness = folder.path().join("no/such/folder/witness");
    assert!(!store.witness_is_behind());
    store.keep_witness(&witness);
    add(&store, "one").await;
    assert!(store.witness_is_behind());
    drop(store);
    assert!(!witness.exists());
    assert_eq!(clients(&opened(&path)).await.unwrap(), ["one"]);
    // A start does not do without a witness that has a place of its own.
    let refused = open_redb_beside(&path, &witness, &password());
    assert!(matches!(&refused, Err(OpenError::WitnessUnwritable { .. })), "{refused:?}");
    std::fs::create_dir_all(witness.parent().unwrap()).unwrap();
    let store = open_redb_beside(&path, &witness, &password()).unwrap();
    add(&store, "two").await;
    assert!(witness.exists() && !store.witness_is_behind());
}

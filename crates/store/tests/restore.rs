//! A backup takes the place of a store. What must not go back is the domain's; here are the means.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed expectation in a test is a failed test"
)]

mod common;

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use common::{Client, client, clients, created, fill, opened, password, place};
use jwtis_store::{
    Name, OpenError, Replaced, Restoration, Restored, Rollback, RollbackCause, Store, change_password, check,
    info, open_redb, witness_beside,
};

fn prepare(backup: &Path, target: &Path) -> Result<Restoration, OpenError> {
    Restoration::prepare(backup, target, &witness_beside(target), &password())
}

fn restored(backup: &Path, target: &Path) -> Restored {
    prepare(backup, target).unwrap().finish().unwrap()
}

async fn add(store: &Store, name: &str) {
    store.commit(store.transaction().create(Name::plain(name), &client(name))).await.unwrap();
}

async fn is_marked(store: &Store) -> bool {
    store.get_key::<Rollback>(&Rollback::key()).await.unwrap().is_some()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn restore_verifies_before_it_replaces_and_keeps_the_old_store() {
    let (folder, path) = place();
    let backup = folder.path().join("backup.db");
    let store = created(&path);
    fill(&store, 20).await;
    store.backup_to(&backup).unwrap();
    add(&store, "later").await;
    let highest = store.commits();
    drop(store);
    let target = fs::read(&path).unwrap();

    // A wrong password, a damaged or missing backup, a restore that is not finished: nothing changes.
    let image = fs::read(&backup).unwrap();
    let damaged = folder.path().join("damaged.db");
    let middle = image.windows(2).rposition(|pair| pair[0] != 0 && pair[1] != 0).unwrap();
    for at in [100, 5000, middle] {
        let mut flipped = image.clone();
        flipped[at] ^= 1;
        fs::write(&damaged, &flipped).unwrap();
        if check(&damaged, &password()).is_err() {
            assert!(matches!(prepare(&damaged, &path), Err(OpenError::Damaged { .. })));
        }
    }
    fs::write(&damaged, &image[..image.len() / 2]).unwrap();
    assert!(matches!(prepare(&damaged, &path), Err(OpenError::Damaged { .. })));
    let wrong = Restoration::prepare(&backup, &path, &witness_beside(&path), &"wrong".into());
    assert!(matches!(wrong, Err(OpenError::WrongPassword { .. })));
    assert!(matches!(prepare(&folder.path().join("none"), &path), Err(OpenError::NotFound)));
    let half = prepare(&backup, &path).unwrap();
    add(half.store(), "half").await;
    drop(half);
    assert!(fs::read(&path).unwrap() == target);
    fs::remove_file(&damaged).unwrap();
    assert_eq!(names(folder.path()), ["backup.db", "store.db", "store.db.lock"]);

    for n in 1..3 {
        let restored = restored(&backup, &path);
        assert_eq!(restored.report.records(), 20);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let store = opened(&path);
        assert_eq!(clients(&store).await.unwrap().len(), 20);
        assert!(store.commits() > highest, "the store that was replaced is older than this one");
        let aside = folder.path().join(format!("store.db.before-restore-{n}"));
        drop(store);
        assert_eq!(restored.kept_aside.unwrap().canonicalize().unwrap(), aside.canonicalize().unwrap());
    }
    let kept = folder.path().join("store.db.before-restore-1");
    assert!(fs::read(&kept).unwrap() == target);
    assert_eq!(clients(&opened(&kept)).await.unwrap().len(), 21);

    let elsewhere = folder.path().join("new/place.db");
    assert_eq!(restored(&backup, &elsewhere).kept_aside, None);
    assert_eq!(clients(&opened(&elsewhere)).await.unwrap().len(), 20);
}

#[tokio::test]
async fn the_replaced_store_is_read_and_a_restored_one_is_marked_until_somebody_takes_over() {
    let (folder, path) = place();
    let backup = folder.path().join("backup.db");
    let store = created(&path);
    add(&store, "one").await;
    store.backup_to(&backup).unwrap();
    add(&store, "two").await;
    let highest = store.commits();
    drop(store);

    let restoration = prepare(&backup, &path).unwrap();
    let Replaced::Same { store, behind_witness: false } = restoration.replaced() else {
        panic!("{:?}", restoration.replaced())
    };
    assert_eq!(clients(store).await.unwrap().len(), 2);
    assert_eq!(store.commits(), highest);
    store.commit(store.transaction().create(Name::plain("x"), &client("x"))).await.unwrap_err();
    // What has one name has one key in both.
    let (key, old) =
        store.scan::<Client>(None, 9).await.unwrap().into_iter().find(|(_, c)| c.value.0 == "two").unwrap();
    let new = restoration.store();
    new.commit(new.transaction().create_at(&key, &old.value)).await.unwrap();
    let stored = new.get::<Client>(Name::plain("two")).await.unwrap().unwrap();
    new.commit(new.transaction().replace_at(&key, stored.version, &client("2"))).await.unwrap();
    let one = new.get::<Client>(Name::plain("one")).await.unwrap().unwrap();
    new.commit(new.transaction().delete_at(&new.key_of::<Client>(Name::plain("one")), one.version))
        .await
        .unwrap();
    restoration.finish().unwrap();

    let store = opened(&path);
    assert_eq!(clients(&store).await.unwrap(), ["2"]);
    assert!(store.commits() > highest, "the store that was replaced is older now");
    let mark = store.get_key::<Rollback>(&Rollback::key()).await.unwrap().unwrap();
    assert_eq!(mark.value.cause, RollbackCause::Restored);
    store.commit(store.transaction().delete_at(&Rollback::key(), mark.version)).await.unwrap();
    drop(store);
    fs::rename(folder.path().join("store.db.before-restore-1"), &path).unwrap();
    assert!(is_marked(&opened(&path)).await, "put back, it is behind the witness");
}

#[tokio::test]
async fn what_was_there_is_told_apart() {
    let (folder, path) = place();
    let backup = folder.path().join("backup.db");
    let store = created(&path);
    store.backup_to(&backup).unwrap();
    drop(store);
    let nothing = prepare(&backup, &folder.path().join("none.db")).unwrap();
    assert!(matches!(nothing.replaced(), Replaced::Nothing));

    let other = folder.path().join("other.db");
    drop(created(&other));
    drop(opened(&other));
    let another = prepare(&backup, &other).unwrap();
    assert!(matches!(another.replaced(), Replaced::Another));
    another.finish().unwrap();
    assert!(is_marked(&opened(&other)).await, "and the witness is that of the new store");

    let store = opened(&path);
    add(&store, "one").await;
    drop(store);
    let image = fs::read(&path).unwrap();
    drop(opened(&path));
    fs::write(&path, &image[..image.len() / 2]).unwrap();
    let unreadable = prepare(&backup, &path).unwrap();
    assert!(matches!(unreadable.replaced(), Replaced::Unreadable(_)));
    drop(unreadable);

    let old = fs::read(&backup).unwrap();
    fs::write(&path, &old).unwrap();
    let behind = prepare(&backup, &path).unwrap();
    assert!(matches!(behind.replaced(), Replaced::Same { behind_witness: true, .. }));
}

#[tokio::test]
async fn the_store_opens_with_the_password_that_the_restore_was_given() {
    let (folder, path) = place();
    let backup = folder.path().join("backup.db");
    let store = created(&path);
    add(&store, "one").await;
    store.backup_to(&backup).unwrap();
    drop(store);
    change_password(&path, &password(), &"new".into()).unwrap();
    let changed = fs::read(&path).unwrap();
    for (given, brings_back) in [("correct horse", true), ("new", false)] {
        fs::write(&path, &changed).unwrap();
        let witness = witness_beside(&path);
        let restoration = Restoration::prepare(&backup, &path, &witness, &given.into()).unwrap();
        assert!(matches!(restoration.replaced(), Replaced::Same { .. }), "{given}");
        assert_eq!(restoration.brings_back_a_password(), brings_back, "{given}");
        restoration.finish().unwrap();
        assert_eq!(clients(&open_redb(&path, &given.into()).unwrap()).await.unwrap(), ["one"]);
    }
}

#[tokio::test]
async fn a_backup_of_a_restored_store_is_the_same_store() {
    let (folder, path) = place();
    let store: Store = created(&path);
    fill(&store, 2).await;
    let (one, two) = (folder.path().join("1"), folder.path().join("2"));
    store.backup_to(&one).unwrap();
    drop(store);
    restored(&one, &path);
    opened(&path).backup_to(&two).unwrap();
    assert_eq!(info(&one).unwrap().store_id, info(&two).unwrap().store_id);
    assert_eq!(info(&one).unwrap().tables[0], info(&two).unwrap().tables[0]);
    assert!(info(&two).unwrap().rolled_back, "a backup of a marked store is marked");
}

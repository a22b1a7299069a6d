//! Store files: making, opening, passwords, what is readable in them and backup.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed expectation in a test is a failed test"
)]

mod common;

use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{Arc, Barrier},
};

use common::{Client, Session, client, clients, created, fill, opened, password, place};
use jwtis_store::{
    CommitError, FetchedCopy, KdfParams, Name, NotWritten, OpenError, Restoration, change_password, check,
    create_redb, info, open_memory, open_redb, stage_redb, witness_beside,
};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_new_store_is_private_and_whole_and_opens_again() {
    let (folder, _) = place();
    let path = folder.path().join("data/deep/store.db");
    let store = created(&path);
    fill(&store, 10).await;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(names(path.parent().unwrap()), ["store.db", "store.db.lock"]);
    assert_eq!(mode(&path.with_file_name("store.db.lock")), 0o600);
    drop(store);
    let store = opened(&path);
    assert_eq!(clients(&store).await.unwrap().len(), 10);
    let first = store.get::<Client>(Name::plain("client-3")).await.unwrap().unwrap();
    assert_eq!(first.value, client("value 3"));
}

#[test]
fn create_refuses_an_existing_file_and_open_a_missing_one() {
    let (_folder, path) = place();
    assert!(matches!(open_redb(&path, &password()), Err(OpenError::NotFound)));
    fs::write(&path, b"precious").unwrap();
    let refused = create_redb(&path, &password(), KdfParams::cheap_for_tests());
    assert!(matches!(refused, Err(OpenError::AlreadyExists)));
    assert_eq!(fs::read(&path).unwrap(), b"precious");
}

#[test]
fn of_racing_creators_one_wins_and_no_rubbish_stays() {
    for _ in 0..10 {
        let (folder, path) = place();
        let barrier = Arc::new(Barrier::new(4));
        let racers: Vec<_> = (0..4)
            .map(|_| {
                let (path, barrier) = (path.clone(), barrier.clone());
                std::thread::spawn(move || {
                    barrier.wait();
                    create_redb(&path, &password(), KdfParams::cheap_for_tests()).map(drop)
                })
            })
            .collect();
        let outcomes: Vec<_> = racers.into_iter().map(|racer| racer.join().unwrap()).collect();
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
        let allowed = |outcome: &Result<(), _>| {
            matches!(outcome, Ok(()) | Err(OpenError::AlreadyExists | OpenError::InUse))
        };
        assert!(outcomes.iter().all(allowed), "{outcomes:?}");
        assert_eq!(names(folder.path()), ["store.db", "store.db.lock"]);
        drop(opened(&path));
    }
}

#[tokio::test]
async fn a_wrong_password_leaves_the_file_untouched() {
    let (_folder, path) = place();
    let store = created(&path);
    fill(&store, 5).await;
    // As after a clean end, and as after kill -9, when redb would have to repair.
    let crashed = fs::read(&path).unwrap();
    drop(store);
    let clean = fs::read(&path).unwrap();
    for image in [clean, crashed] {
        fs::write(&path, &image).unwrap();
        let refused = open_redb(&path, &"wrong".into());
        assert!(matches!(&refused, Err(OpenError::WrongPassword { path: p }) if *p == path), "{refused:?}");
        assert_eq!(refused.unwrap_err().to_string(), format!("wrong password for {}", path.display()));
        assert!(check(&path, &"wrong".into()).is_err());
        assert!(change_password(&path, &"wrong".into(), &"new".into()).is_err());
        info(&path).unwrap();
        check(&path, &password()).unwrap();
        assert!(fs::read(&path).unwrap() == image, "the file has changed");
        assert_eq!(clients(&opened(&path)).await.unwrap().len(), 5);
    }
}

/// The link is the store itself, or a folder on the way to it.
#[test]
fn while_a_store_is_open_a_link_that_leads_elsewhere_meanwhile_opens_no_other() {
    for (link, target, rest) in [("store.db", "store.db", ""), ("data", "", "store.db")] {
        let (folder, _) = place();
        let at = |name: &str| folder.path().join(name);
        for disk in ["one", "two"] {
            fs::create_dir(at(disk)).unwrap();
        }
        drop(created(&at("one/store.db")));
        fs::copy(at("one/store.db"), at("two/store.db")).unwrap();
        let point_to = |disk: &str| {
            drop(fs::remove_file(at(link)));
            std::os::unix::fs::symlink(Path::new(disk).join(target), at(link)).unwrap();
        };
        let path = if rest.is_empty() { at(link) } else { at(link).join(rest) };
        point_to("one");
        let store = opened(&path);
        point_to("two");
        assert!(matches!(open_redb(&path, &password()), Err(OpenError::InUse)), "{link}");
        assert!(matches!(info(&path), Err(OpenError::InUse)), "{link}");
        drop(store);
        drop(opened(&path));
    }
}

#[tokio::test]
async fn an_open_store_is_in_use_for_everybody_else() {
    let (folder, path) = place();
    let store = created(&path);
    let backup = folder.path().join("backup.db");
    store.backup_to(&backup).unwrap();
    assert!(matches!(open_redb(&path, &password()), Err(OpenError::InUse)));
    assert!(matches!(info(&path), Err(OpenError::InUse)));
    assert!(matches!(check(&path, &password()), Err(OpenError::InUse)));
    assert!(matches!(change_password(&path, &password(), &"new".into()), Err(OpenError::InUse)));
    let restored = Restoration::prepare(&backup, &path, &witness_beside(&path), &password());
    assert!(matches!(restored, Err(OpenError::InUse)));
    fill(&store, 1).await;
    let clone = store.clone();
    drop(store);
    assert!(matches!(open_redb(&path, &password()), Err(OpenError::InUse)));
    drop(clone);
    opened(&path);
}

#[tokio::test]
async fn a_store_whose_file_was_taken_away_is_in_use_and_writes_nothing() {
    let (folder, path) = place();
    let backup = folder.path().join("backup.db");
    let store = created(&path);
    fill(&store, 1).await;
    store.backup_to(&backup).unwrap();
    store.probe().await.unwrap();
    // Deleted, and replaced: the lock file keeps others out, whatever is at the path.
    fs::remove_file(&path).unwrap();
    for copied in [false, true] {
        if copied {
            fs::copy(&backup, &path).unwrap();
            assert!(matches!(open_redb(&path, &password()), Err(OpenError::InUse)));
            assert!(matches!(info(&path), Err(OpenError::InUse)));
        }
        let restored = Restoration::prepare(&backup, &path, &witness_beside(&path), &password());
        assert!(matches!(restored, Err(OpenError::InUse)));
        assert!(store.probe().await.is_err() && store.in_place().await.is_err());
        let write = store.transaction().create(Name::plain("late"), &client("late"));
        assert!(matches!(
            store.commit(write).await,
            Err(CommitError::NotWritten(NotWritten::Unavailable(_)))
        ));
    }
    drop(store);
    assert_eq!(clients(&opened(&path)).await.unwrap().len(), 1);
    assert!(folder.path().join("store.db.lock").exists(), "the lock file stays");
}

#[tokio::test]
async fn a_store_whose_file_was_overwritten_or_cut_acknowledges_and_writes_nothing_more() {
    for cut in [false, true] {
        let (folder, path) = place();
        let older = folder.path().join("older.db");
        let store = created(&path);
        fill(&store, 1).await;
        store.backup_to(&older).unwrap();
        store.commit(store.transaction().create(Name::plain("later"), &client("later"))).await.unwrap();
        if cut {
            fs::File::options().write(true).open(&path).unwrap().set_len(4096).unwrap();
        } else {
            // As `cp` does: the same inode.
            fs::write(&path, fs::read(&older).unwrap()).unwrap();
        }
        let image = fs::read(&path).unwrap();
        assert!(store.probe().await.is_err() && store.in_place().await.is_err());
        let write = store.transaction().create(Name::plain("late"), &client("late"));
        assert!(matches!(
            store.commit(write).await,
            Err(CommitError::NotWritten(NotWritten::Unavailable(_)))
        ));
        drop(store);
        assert!(fs::read(&path).unwrap() == image, "the file has changed");
        if cut {
            assert!(matches!(open_redb(&path, &password()), Err(OpenError::Damaged { .. })));
        } else {
            assert_eq!(clients(&opened(&path)).await.unwrap().len(), 1);
        }
    }
}

#[tokio::test]
async fn all_names_of_a_store_have_one_lock_a_link_has_one_more_and_whoever_only_reads_makes_none() {
    let (folder, path) = place();
    drop(created(&path));
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let store = opened(&link);
    assert!(matches!(open_redb(&path, &password()), Err(OpenError::InUse)));
    store.in_place().await.unwrap();
    let backup = folder.path().join("backup.db");
    store.backup_to(&backup).unwrap();
    drop(store);
    check(&backup, &password()).unwrap();
    info(&backup).unwrap();
    let locks: Vec<_> = names(folder.path()).into_iter().filter(|name| name.ends_with(".lock")).collect();
    assert_eq!(locks, ["link.db.lock", "store.db.lock"]);
}

#[tokio::test]
async fn a_staged_store_works_before_and_after_it_has_its_name_and_else_leaves_none() {
    let (folder, path) = place();
    let staged = || stage_redb(&path, &password(), KdfParams::cheap_for_tests());
    let (store, unplaced) = staged().unwrap();
    fill(&store, 1).await;
    drop((unplaced, store));
    assert_eq!(names(folder.path()), ["store.db.lock"]);
    let (store, unplaced) = staged().unwrap();
    fill(&store, 1).await;
    assert!(matches!(staged(), Err(OpenError::InUse)));
    unplaced.place().unwrap();
    store.commit(store.transaction().create(Name::plain("late"), &client("late"))).await.unwrap();
    drop(store);
    assert_eq!(clients(&opened(&path)).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_changed_password_opens_and_the_old_one_does_not() {
    let (_folder, path) = place();
    let store = created(&path);
    fill(&store, 3).await;
    drop(store);
    let before = info(&path).unwrap();
    change_password(&path, &password(), &"new".into()).unwrap();
    assert!(matches!(open_redb(&path, &password()), Err(OpenError::WrongPassword { .. })));
    let store = open_redb(&path, &"new".into()).unwrap();
    assert_eq!(clients(&store).await.unwrap().len(), 3);
    drop(store);
    let after = info(&path).unwrap();
    assert_eq!((after.store_id, after.slots.len()), (before.store_id, 1));
    assert_ne!(after.slots[0].id, before.slots[0].id);
}

#[tokio::test]
async fn point_09_the_raw_file_holds_no_name_and_no_value_in_clear() {
    const NAME: &str = "kid-Zx81-marker";
    const VALUE: &str = "private-key-Qq77-marker";
    let (folder, path) = place();
    let store = created(&path);
    for n in 0..50 {
        let name = format!("{NAME}-{n}");
        store.commit(store.transaction().create(Name::plain(&name), &client(VALUE))).await.unwrap();
        let session = Session { generation: n, expires_at: 9 };
        store.commit(store.transaction().create(Name::at(n, &name), &session)).await.unwrap();
        if n % 3 == 0 {
            let version = store.get::<Client>(Name::plain(&name)).await.unwrap().unwrap().version;
            store.commit(store.transaction().delete::<Client>(Name::plain(&name), version)).await.unwrap();
        }
    }
    let backup = folder.path().join("backup.db");
    store.backup_to(&backup).unwrap();
    let live = fs::read(&path).unwrap();
    drop(store);
    for image in [live, fs::read(&path).unwrap(), fs::read(&backup).unwrap()] {
        for marker in ["kid-", "marker", "private", "client-", "correct horse"] {
            let found = image.windows(marker.len()).any(|window| window == marker.as_bytes());
            assert!(!found, "{marker} is in the file");
        }
    }
}

#[tokio::test]
async fn info_and_check_count_what_is_there() {
    let (_folder, path) = place();
    let store = created(&path);
    fill(&store, 7).await;
    let session = Session { generation: 1, expires_at: 9 };
    store.commit(store.transaction().create(Name::at(5, "s"), &session)).await.unwrap();
    drop(store);
    let told = info(&path).unwrap();
    assert_eq!(told.format, 2);
    assert_eq!(told.slots[0].params, KdfParams::cheap_for_tests());
    assert!(told.file_bytes > 0);
    let found = check(&path, &password()).unwrap();
    assert_eq!(found.tables, told.tables);
    assert_eq!(found.damaged, Vec::<String>::new());
    let tables: Vec<_> = found.tables.iter().map(|t| (t.id, t.name.as_str(), t.records)).collect();
    assert_eq!(tables, [(1, "clients", 7), (2, "sessions", 1)]);
    assert_eq!(found.records(), 8);
}

#[tokio::test]
async fn a_fetched_copy_has_its_name_once_it_is_whole_and_else_leaves_nothing() {
    let (folder, path) = place();
    let store = created(&path);
    fill(&store, 300).await;
    let backup = folder.path().join("backup.db");
    store.backup_to(&backup).unwrap();
    drop(store);
    let image = fs::read(&backup).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("fetched.db");
    let fetched = |bytes: &[u8]| {
        let copy = FetchedCopy::beside(&target).unwrap();
        copy.file().write_all(bytes).unwrap();
        copy
    };
    for end in [0, 4096, image.len() / 2, image.len() * 3 / 4] {
        for password in [None, Some(&password())] {
            assert!(fetched(&image[..end]).check(password).is_err(), "cut off at {end} of {}", image.len());
        }
    }
    let wrong = jwtis_store::Password::new("wrong");
    assert!(matches!(fetched(&image).check(Some(&wrong)), Err(OpenError::WrongPassword { .. })));
    assert_eq!(names(elsewhere.path()), [""; 0]);
    // As a killed process leaves it.
    let left = elsewhere.path().join("fetched.db.new-1-0");
    fs::copy(&backup, &left).unwrap();
    let whole = fetched(&image);
    assert!(!left.exists() && !target.exists());
    assert!(whole.check(None).unwrap().is_none());
    assert!(whole.check(Some(&password())).unwrap().unwrap().damaged.is_empty());
    whole.place().unwrap();
    assert_eq!((names(elsewhere.path()), mode(&target)), (vec!["fetched.db".to_owned()], 0o600));
    assert!(matches!(fetched(&image).place(), Err(OpenError::AlreadyExists)));
    assert_eq!(clients(&opened(&target)).await.unwrap().len(), 300);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hot_backup_is_of_one_moment_and_opens() {
    let (folder, path) = place();
    let backup = folder.path().join("backup.db");
    let store = created(&path);
    fill(&store, 100).await;
    // Pairs are changed together all the time; a backup must never see one without the other.
    for name in ["left", "right"] {
        store.commit(store.transaction().create(Name::plain(name), &client("0"))).await.unwrap();
    }
    let writer = {
        let store = store.clone();
        tokio::spawn(async move {
            for n in 1..200 {
                let left = store.get::<Client>(Name::plain("left")).await.unwrap().unwrap();
                let right = store.get::<Client>(Name::plain("right")).await.unwrap().unwrap();
                let value = client(&n.to_string());
                let change = store.transaction().replace(Name::plain("left"), left.version, &value).replace(
                    Name::plain("right"),
                    right.version,
                    &value,
                );
                store.commit(change).await.unwrap();
            }
        })
    };
    for _ in 0..5 {
        let report = {
            let (store, backup) = (store.clone(), backup.clone());
            tokio::task::spawn_blocking(move || store.backup_over(&backup)).await.unwrap().unwrap()
        };
        assert_eq!((report.records(), report.damaged.len()), (102, 0));
        assert_eq!(mode(&backup), 0o600);
        let copy = opened(&backup);
        let left = copy.get::<Client>(Name::plain("left")).await.unwrap().unwrap();
        let right = copy.get::<Client>(Name::plain("right")).await.unwrap().unwrap();
        assert_eq!(left.value, right.value);
    }
    writer.await.unwrap();
    assert!(matches!(store.backup_to(&backup), Err(OpenError::AlreadyExists)));
    assert!(matches!(open_memory().backup_to(&folder.path().join("none")), Err(OpenError::Io(_))));
    assert_eq!(
        names(folder.path()),
        ["backup.db", "backup.db.lock", "backup.db.witness", "store.db", "store.db.lock"]
    );
}

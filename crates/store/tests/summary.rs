//! Somebody without the password removes records from the file, or puts older ones back: it does not open, and says which table it is.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed expectation in a test is a failed test"
)]

mod common;

use std::{collections::BTreeMap, fs, path::Path};

use common::{Client, Session, client, created, fill, opened, password, place};
use jwtis_store::{Name, OpenError, Record as _, Restoration, Store, check, open_redb, witness_beside};
use redb::{Database, ReadableTable as _, TableDefinition};

const RECORDS: TableDefinition<'static, &'static [u8], &'static [u8]> = TableDefinition::new("records");

type Raw = BTreeMap<Vec<u8>, Vec<u8>>;

/// All records as they stand in the file.
fn raw(path: &Path) -> Raw {
    let database = Database::open(path).unwrap();
    let transaction = database.begin_write().unwrap();
    let table = transaction.open_table(RECORDS).unwrap();
    let records = table.iter().unwrap().map(|entry| {
        let (key, value) = entry.unwrap();
        (key.value().to_vec(), value.value().to_vec())
    });
    records.collect()
}

/// Makes `records` the records of the file, without its password.
fn write_raw(path: &Path, records: &Raw) {
    let database = Database::open(path).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut table = transaction.open_table(RECORDS).unwrap();
        table.retain(|_, _| false).unwrap();
        for (key, value) in records {
            table.insert(key.as_slice(), value.as_slice()).unwrap();
        }
    }
    transaction.commit().unwrap();
}

async fn put_session(store: &Store, n: u64, generation: u64) {
    let name = Name::at(n, "session");
    let session = Session { generation, expires_at: 100 + n };
    let transaction = match store.get::<Session>(name).await.unwrap() {
        Some(stored) => store.transaction().replace(name, stored.version, &session),
        None => store.transaction().create(name, &session),
    };
    store.commit(transaction).await.unwrap();
}

fn of_table(records: &Raw, table: u8) -> Vec<Vec<u8>> {
    records.keys().filter(|key| key[0] == table).cloned().collect()
}

#[tokio::test]
async fn a_record_that_is_removed_or_put_back_is_noticed_by_all_who_open_the_file() {
    let (folder, path) = place();
    let store = created(&path);
    fill(&store, 3).await;
    for n in 0..4 {
        put_session(&store, n, 1).await;
    }
    drop(store);
    let old = raw(&path);
    let store = opened(&path);
    put_session(&store, 1, 2).await;
    put_session(&store, 4, 1).await;
    let version = store.get::<Session>(Name::at(2, "session")).await.unwrap().unwrap().version;
    store.commit(store.transaction().delete::<Session>(Name::at(2, "session"), version)).await.unwrap();
    drop(store);
    let now = raw(&path);
    let image = fs::read(&path).unwrap();

    let sessions = of_table(&old, Session::TABLE.id);
    let own = of_table(&now, 0);
    let summary = own.iter().find(|key| key.windows(6).any(|part| part == b"commit")).unwrap().clone();
    let change = |change: &dyn Fn(&mut Raw)| {
        let mut records = now.clone();
        change(&mut records);
        records
    };
    let put_back = |records: &mut Raw, key: &Vec<u8>| drop(records.insert(key.clone(), old[key].clone()));
    let attacks = [
        ("removed", "sessions", change(&|r| drop(r.remove(&sessions[0])))),
        ("older", "sessions", change(&|r| put_back(r, &sessions[1]))),
        ("revived", "sessions", change(&|r| put_back(r, &sessions[2]))),
        ("all removed", "sessions", change(&|r| r.retain(|key, _| key[0] != Session::TABLE.id))),
        ("of another table", "clients", change(&|r| drop(r.remove(&of_table(&now, Client::TABLE.id)[1])))),
        (
            "one exchanged for another",
            "sessions",
            change(&|r| {
                r.remove(&sessions[0]);
                put_back(r, &sessions[2]);
            }),
        ),
        ("the summary removed", "summary", change(&|r| drop(r.remove(&summary)))),
        ("the older summary", "sessions", change(&|r| put_back(r, &summary))),
    ];
    let target = folder.path().join("target.db");
    for (attack, named, records) in attacks {
        fs::write(&path, &image).unwrap();
        write_raw(&path, &records);
        let attacked = fs::read(&path).unwrap();
        for refused in [
            open_redb(&path, &password()).map(drop),
            Restoration::prepare(&path, &target, &witness_beside(&target), &password()).map(drop),
        ] {
            match refused {
                Err(OpenError::Damaged { what }) => assert!(what.contains(named), "{attack}: {what}"),
                other => panic!("{attack}: {other:?}"),
            }
        }
        let report = check(&path, &password()).unwrap();
        assert!(report.summarized && report.damaged.is_empty(), "{attack}: {report:?}");
        assert!(report.altered.len() == 1 && report.altered[0].contains(named), "{attack}: {report:?}");
        assert!(fs::read(&path).unwrap() == attacked, "{attack}: the file was changed");
        assert!(!target.exists(), "{attack}");
    }
    fs::write(&path, &image).unwrap();
    write_raw(&path, &now);
    assert_eq!(check(&path, &password()).unwrap().faults(), [""; 0]);
    drop(opened(&path));
}

#[tokio::test]
async fn the_summary_follows_conflicts_sweeps_backups_and_changed_passwords() {
    let (folder, path) = place();
    let store = created(&path);
    fill(&store, 5).await;
    for n in 0..5 {
        put_session(&store, n, 1).await;
    }
    // What is refused is not summed up.
    let twice = store.transaction().create(Name::plain("client-1"), &client("again"));
    assert!(store.commit(twice).await.is_err());
    let swept = store.sweep(&Session::TABLE, 103, None, 10).await.unwrap();
    assert_eq!(swept.deleted, 3);
    let backup = folder.path().join("backup.db");
    assert_eq!(store.backup_to(&backup).unwrap().faults(), [""; 0]);
    put_session(&store, 9, 1).await;
    drop(store);
    jwtis_store::change_password(&path, &password(), &"new".into()).unwrap();
    let report = check(&path, &"new".into()).unwrap();
    assert!(report.summarized && report.faults().is_empty(), "{report:?}");
    drop(open_redb(&path, &"new".into()).unwrap());
    // What a restore adds of its own is summed up, too.
    for _ in 0..2 {
        Restoration::prepare(&backup, &path, &witness_beside(&path), &password()).unwrap().finish().unwrap();
        assert_eq!(check(&path, &password()).unwrap().faults(), [""; 0]);
        drop(opened(&path));
    }
}

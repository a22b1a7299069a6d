//! The figures of the redb engine: `cargo run --release -p jwtis-store --example measure -- [FOLDER]`.
//! Everything is made in a new folder inside FOLDER (default: the temporary one), which goes away.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement, not a product")]
#![expect(clippy::disallowed_methods, reason = "it measures time")]

use std::{path::Path, time::Instant};

use jwtis_store::{DecodeError, KdfParams, Name, Password, Record, Store, Table, create_redb, open_redb};
use zeroize::Zeroizing;

const RECORDS: u64 = 100_000;
const VALUE_BYTES: usize = 1500;

struct Blob(Vec<u8>);

impl Record for Blob {
    const TABLE: Table = Table { id: 1, name: "blobs", time_ordered: true };

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.clone())
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self(bytes.to_vec()))
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let root = std::env::args().nth(1);
    let folder = root.map_or_else(tempfile::tempdir, tempfile::tempdir_in).unwrap();
    let path = folder.path().join("store.db");
    let store = create_redb(&path, &password(), KdfParams::default()).unwrap();
    runtime.block_on(async {
        single_commits(&store).await;
        for writers in [4, 64] {
            group_commits(&store, writers).await;
        }
        fill(&store).await;
        reads(&store).await;
    });
    let crashed = folder.path().join("crashed.db");
    std::fs::copy(&path, &crashed).unwrap();
    drop(store);
    let started = Instant::now();
    let slot = KdfParams::default();
    drop(create_redb(&folder.path().join("empty.db"), &password(), slot).unwrap());
    println!("create an empty store (one password hash)    {:?}", started.elapsed());
    opening(&folder.path().join("empty.db"), "empty");
    opening(&path, "after a clean end");
    opening(&crashed, "as after kill -9");
}

fn password() -> Password {
    "measure".into()
}

async fn put(store: &Store, at: u64, name: &str) {
    let blob = Blob(vec![7; VALUE_BYTES]);
    store.commit(store.transaction().create(Name::at(at, name), &blob)).await.unwrap();
}

async fn single_commits(store: &Store) {
    let started = Instant::now();
    for n in 0..300 {
        put(store, n, &format!("single {n}")).await;
    }
    println!("one writer, one durable commit               {:?}", started.elapsed() / 300);
}

async fn group_commits(store: &Store, writers: u64) {
    const EACH: u64 = 200;
    let started = Instant::now();
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for n in 0..EACH {
                    put(&store, 1000 + n, &format!("{writers} {writer} {n}")).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let seconds = started.elapsed().as_secs_f64();
    let rate = f64::from(u32::try_from(writers * EACH).unwrap()) / seconds;
    println!("{writers:3} writers, durable commits per second       {rate:.0}");
}

async fn fill(store: &Store) {
    for chunk in 0..RECORDS / 1000 {
        let mut transaction = store.transaction();
        for n in chunk * 1000..(chunk + 1) * 1000 {
            let blob = Blob(vec![7; VALUE_BYTES]);
            transaction = transaction.create(Name::at(1_000_000 + n, &n.to_string()), &blob);
        }
        store.commit(transaction).await.unwrap();
    }
}

async fn reads(store: &Store) {
    const READS: u64 = 200_000;
    for (what, spread) in [("one hot record", 1), ("1,000 records", 1000), ("all records", RECORDS)] {
        let names: Vec<_> = (0..spread).map(|n| n.to_string()).collect();
        let started = Instant::now();
        for n in 0..READS {
            let at = n * 7919 % spread;
            let name = names.get(usize::try_from(at).unwrap()).unwrap();
            store.get::<Blob>(Name::at(1_000_000 + at, name)).await.unwrap().unwrap();
        }
        let nanos = started.elapsed().as_nanos() / u128::from(READS);
        println!("get and unseal {VALUE_BYTES} B, {what:15}        {nanos} ns");
    }
}

fn opening(path: &Path, what: &str) {
    let mebibytes = std::fs::metadata(path).unwrap().len() >> 20;
    let started = Instant::now();
    let store = open_redb(path, &password()).unwrap();
    let opened = started.elapsed();
    drop(store);
    println!(
        "open {mebibytes} MiB, {what}: {opened:?} (with one password hash), close {:?}",
        started.elapsed() - opened
    );
}

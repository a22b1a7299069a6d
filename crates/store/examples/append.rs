//! What a record in a chain costs a commit: `cargo run --release -p jwtis-store --example append -- [FOLDER]`.
//!
//! Commits that replace one small record, without and with an appended record of 230 bytes, in turns. The figures are medians of the rounds.
//! Everything is made in a new folder inside FOLDER (default: the temporary one), which goes away.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement, not a product"
)]
#![expect(clippy::disallowed_methods, reason = "it measures time")]

use std::time::{Duration, Instant};

use jwtis_store::{DecodeError, KdfParams, Name, Record, Store, Table, create_redb};
use zeroize::Zeroizing;

const ROUNDS: usize = 9;

struct SampleWatermark;
struct Line;

macro_rules! record {
    ($name:ident, $id:literal, $table:literal, $bytes:literal) => {
        impl Record for $name {
            const TABLE: Table = Table { id: $id, name: $table, time_ordered: false };

            fn encode(&self) -> Zeroizing<Vec<u8>> {
                Zeroizing::new(vec![7; $bytes])
            }

            fn decode(_: &[u8]) -> Result<Self, DecodeError> {
                Ok(Self)
            }
        }
    };
}

record!(SampleWatermark, 1, "watermarks", 91);
record!(Line, 2, "lines", 230);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let root = std::env::args().nth(1);
    let folder = root.map_or_else(tempfile::tempdir, tempfile::tempdir_in).unwrap();
    let store =
        create_redb(&folder.path().join("store.db"), &"measure".into(), KdfParams::default()).unwrap();
    println!("writers  per commit    without       with   ratio   CPU without       with   ratio");
    for (writers, each) in [(1_u32, 200_u32), (64, 60)] {
        let mut figures: [Vec<(Duration, Duration)>; 2] = Default::default();
        for round in 0..ROUNDS * 2 {
            let appends = round % 2 == 1;
            let (cpu, began) = (cpu_time(), Instant::now());
            runtime.block_on(run(&store, writers, each, appends));
            let commits = writers * each;
            let spent = (cpu_time().saturating_sub(cpu) / commits, began.elapsed() / each);
            figures[usize::from(appends)].push(spent);
        }
        let [without, with] = figures.map(|mut rounds| {
            let mut of = |part: fn(&(Duration, Duration)) -> Duration| {
                rounds.sort_by_key(part);
                rounds.get(ROUNDS / 2).map(part).unwrap()
            };
            (of(|figures| figures.0), of(|figures| figures.1))
        });
        println!(
            "{writers:7}  {:>21.1?} {:>10.1?} {:>7.3} {:>13.1?} {:>10.1?} {:>7.3}",
            without.1,
            with.1,
            with.1.as_secs_f64() / without.1.as_secs_f64(),
            without.0,
            with.0,
            with.0.as_secs_f64() / without.0.as_secs_f64(),
        );
    }
}

/// Each writer replaces its own record again and again.
async fn run(store: &Store, writers: u32, each: u32, appends: bool) {
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                let name = writer.to_string();
                let name = Name::plain(&name);
                for _ in 0..each {
                    let transaction = store.transaction();
                    let transaction = match store.get::<SampleWatermark>(name).await.unwrap() {
                        Some(stored) => transaction.replace(name, stored.version, &SampleWatermark),
                        None => transaction.create(name, &SampleWatermark),
                    };
                    let transaction = if appends { transaction.append(&Line) } else { transaction };
                    store.commit(transaction).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// What this process has used of all processors.
fn cpu_time() -> Duration {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let nanos = threads.filter_map(|thread| {
        let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

//! `kill -9` at any moment: the next start finds everything that was acknowledged.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed expectation in a test is a failed test"
)]

mod common;

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use common::{Client, Session, client, created, opened, place};
use jwtis_store::{Name, Store, check, open_unsealed, stage_unsealed, witness_beside};

const STORE: &str = "JWTIS_STORE_CRASH_TEST";
const UNSEALED: &str = "JWTIS_STORE_CRASH_TEST_UNSEALED";

/// The two kinds of files.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Kind {
    Sealed,
    Unsealed,
}

impl Kind {
    fn open(self, path: &Path) -> Store {
        match self {
            Self::Sealed => opened(path),
            Self::Unsealed => open_unsealed(path, &witness_beside(path)).unwrap(),
        }
    }
}

/// Not a test of its own: what the killed process does. Registers clients, raises the generation of a session and
/// deletes every third client, from several tasks, and says so after each `Ok`.
#[test]
fn child() {
    let Some(path) = std::env::var_os(STORE).map(PathBuf::from) else { return };
    let kind = if std::env::var_os(UNSEALED).is_some() { Kind::Unsealed } else { Kind::Sealed };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let store = kind.open(&path);
        let say = |line: String| std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
        let run = std::process::id();
        let mut tasks = Vec::new();
        for task in 0..4 {
            let store = store.clone();
            tasks.push(tokio::spawn(async move {
                let session = format!("session {task}");
                for n in 0.. {
                    let name = format!("{run}.{task}.{n}");
                    let registered = store.transaction().create(Name::plain(&name), &client(&name));
                    let version = registered.written_version().unwrap();
                    store.commit(registered).await.unwrap();
                    say(format!("there {name}\n"));

                    let at = Name::at(1, &session);
                    let stored = store.get::<Session>(at).await.unwrap();
                    let generation = stored.as_ref().map_or(1, |stored| stored.value.generation + 1);
                    let next = Session { generation, expires_at: u64::MAX };
                    let change = match stored {
                        Some(stored) => store.transaction().replace(at, stored.version, &next),
                        None => store.transaction().create(at, &next),
                    };
                    store.commit(change).await.unwrap();
                    say(format!("generation {task} {generation}\n"));

                    if n % 3 == 0 {
                        say(format!("going {name}\n"));
                        let delete = store.transaction().delete::<Client>(Name::plain(&name), version);
                        store.commit(delete).await.unwrap();
                        say(format!("gone {name}\n"));
                    }
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[tokio::test]
async fn point_09_a_killed_process_loses_nothing_that_it_acknowledged() {
    let (_folder, path) = place();
    drop(created(&path));
    killed_again_and_again(&path, Kind::Sealed).await;
    assert_eq!(check(&path, &common::password()).unwrap().damaged, Vec::<String>::new());
}

#[tokio::test]
async fn a_killed_process_loses_nothing_of_an_unsealed_file() {
    let (_folder, path) = place();
    let (store, unplaced) = stage_unsealed(&path).unwrap();
    unplaced.place().unwrap();
    drop(store);
    killed_again_and_again(&path, Kind::Unsealed).await;
}

async fn killed_again_and_again(path: &Path, kind: Kind) {
    // What each client must be: there, gone, or either.
    let mut clients = BTreeMap::<String, &str>::new();
    let mut generations = BTreeMap::<String, u64>::new();
    for kill_after in [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 200, 90] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture", "--test-threads=1"])
            .env(STORE, path)
            .envs((kind == Kind::Unsealed).then_some((UNSEALED, "1")))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut heard = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            // The test harness of the child speaks, too, sometimes in front of our line.
            let words: Vec<_> = line.split_whitespace().collect();
            match words[..] {
                [.., "there", name] => drop(clients.insert(name.to_owned(), "there")),
                [.., "going", name] => drop(clients.insert(name.to_owned(), "either")),
                [.., "gone", name] => drop(clients.insert(name.to_owned(), "gone")),
                [.., "generation", task, number] => {
                    generations.insert(task.to_owned(), number.parse().unwrap());
                }
                _ => continue,
            }
            heard += 1;
            if heard == kill_after + 1 {
                // SIGKILL; what it said before is still in the pipe.
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(heard > kill_after, "the child did not work");

        let store = kind.open(path);
        for (name, fate) in &clients {
            let found = store.get::<Client>(Name::plain(name)).await.unwrap();
            match *fate {
                "there" => assert_eq!(found.unwrap().value, client(name)),
                "gone" => assert!(found.is_none(), "{name} came back"),
                _ => {}
            }
        }
        for (task, generation) in &mut generations {
            let name = format!("session {task}");
            let found = store.get::<Session>(Name::at(1, &name)).await.unwrap().unwrap();
            assert!(found.value.generation >= *generation, "a generation went back");
            assert!(found.value.generation <= *generation + 1, "nobody asked for that generation");
            // What the killed child did and could not say: the next one goes on from there.
            *generation = found.value.generation;
        }
        drop(store);
    }
    assert!(clients.len() > 100);
}

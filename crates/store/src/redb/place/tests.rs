//! A store file that is moved, replaced or written into while it is open.

use std::sync::{Mutex, atomic::AtomicU64};

use super::*;
use crate::{
    backend::Backend,
    batch::{Batch, Expect, Write},
    commit::{CommitError, NotWritten},
    read_error::ReadError,
    redb::{backend::RedbBackend, engine::Engine, file::LockedFile, lock::Access},
    seal::{DataKey, Keys},
    sealed::{RecordKey, SealedRecord, Version},
};

/// An open engine, the pauses that its thread made, and what happens in the next one.
struct World {
    folder: tempfile::TempDir,
    backend: RedbBackend,
    pauses: Arc<Mutex<Vec<Duration>>>,
    meanwhile: Arc<Mutex<Option<Meanwhile>>>,
    during_sync: Arc<Mutex<Option<Meanwhile>>>,
}

type Meanwhile = Box<dyn FnOnce() + Send>;

/// A file whose sync takes so long that something happens meanwhile.
#[derive(Debug)]
struct Slow {
    file: LockedFile,
    during_sync: Hidden,
}

struct Hidden(Arc<Mutex<Option<Meanwhile>>>);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden")
    }
}

impl redb::StorageBackend for Slow {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()?;
        self.during_sync.0.lock().unwrap().take().into_iter().for_each(|act| act());
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write(offset, data)
    }
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let path = folder.path().join("store.db");
        std::fs::write(&path, "").unwrap();
        let file = LockedFile::open(&path, Access::ReadWrite).unwrap();
        let place = file.place();
        let during_sync = Arc::<Mutex<Option<Meanwhile>>>::default();
        let slow = Slow { file, during_sync: Hidden(during_sync.clone()) };
        let engine = Engine::create(Arc::new(slow)).unwrap();
        let pauses = Arc::<Mutex<Vec<Duration>>>::default();
        let meanwhile = Arc::<Mutex<Option<Meanwhile>>>::default();
        let pause = {
            let (pauses, meanwhile) = (pauses.clone(), meanwhile.clone());
            move |time| {
                pauses.lock().unwrap().push(time);
                meanwhile.lock().unwrap().take().into_iter().for_each(|act| act());
            }
        };
        let keys = Arc::new(Keys::derive(&DataKey::random().unwrap()).unwrap());
        let backend = RedbBackend::start_pausing(engine, place, keys, [0; 16], pause).unwrap();
        Self { folder, backend, pauses, meanwhile, during_sync }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn write(&self, n: u8) -> Result<(), CommitError> {
        let mut batch = Batch::new();
        let record = SealedRecord { version: Version(1), expires_at: u64::MAX, sealed: vec![n] };
        batch.write(key(n), Expect::Absent, Write::Put(record));
        self.backend.commit(batch).await
    }

    async fn has(&self, n: u8) -> bool {
        self.backend.get(&key(n)).await.unwrap().is_some()
    }

    fn pauses(&self) -> Vec<Duration> {
        std::mem::take(&mut self.pauses.lock().unwrap())
    }
}

fn key(n: u8) -> RecordKey {
    RecordKey::compose(1, None, &[n; 16])
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_while_the_file_is_gone_or_another_and_all_goes_on_when_it_is_back() {
    let world = World::new();
    world.write(0).await.unwrap();
    assert_eq!(world.pauses(), []);
    let (path, aside) = (world.path("store.db"), world.path("aside"));
    for (n, replace) in [(1, false), (2, true)] {
        std::fs::rename(&path, &aside).unwrap();
        if replace {
            std::fs::copy(&aside, &path).unwrap();
        }
        let image = std::fs::read(&aside).unwrap();
        for pauses in [1, 0, 0] {
            let refused = world.write(n).await;
            assert!(
                matches!(refused, Err(CommitError::NotWritten(NotWritten::Unavailable(_)))),
                "{refused:?}"
            );
            assert_eq!(world.pauses(), vec![PAUSE; pauses], "only the first commit waits");
            assert!(matches!(world.backend.in_place().await, Err(ReadError::Unavailable(_))));
            assert!(world.has(0).await && !world.has(n).await);
        }
        assert!(std::fs::read(&aside).unwrap() == image, "the file that was moved away has changed");
        std::fs::rename(&aside, &path).unwrap();
        world.backend.in_place().await.unwrap();
        world.write(n).await.unwrap();
        assert_eq!(world.pauses(), []);
    }
}

/// A second server may have started on that other file.
#[tokio::test(start_paused = true)]
async fn a_commit_during_which_the_file_was_replaced_is_told_to_nobody_as_done() {
    let world = World::new();
    world.write(0).await.unwrap();
    let (path, aside) = (world.path("store.db"), world.path("aside"));
    let replace = {
        let (path, aside) = (path.clone(), aside.clone());
        move || {
            std::fs::rename(&path, &aside).unwrap();
            std::fs::copy(&aside, &path).unwrap();
        }
    };
    *world.during_sync.lock().unwrap() = Some(Box::new(replace));
    let outcome = world.write(1).await;
    assert!(matches!(outcome, Err(CommitError::Unknown(_))), "{outcome:?}");
    assert_eq!(world.pauses(), [PAUSE]);
    assert!(world.backend.in_doubt(&key(1)));
    let refused = world.write(2).await;
    assert!(matches!(refused, Err(CommitError::NotWritten(NotWritten::Unavailable(_)))), "{refused:?}");
    std::fs::rename(&aside, &path).unwrap();
    world.write(2).await.unwrap();
    assert!(world.has(1).await, "it is in the file that is back");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_while_another_program_has_written_into_the_file() {
    let world = World::new();
    let path = world.path("store.db");
    world.write(0).await.unwrap();
    let older = std::fs::read(&path).unwrap();
    let mut overwriting: Vec<Vec<u8>> =
        vec![older.clone(), older[..4096].to_vec(), Vec::new(), [&older[..], &[0]].concat()];
    // One bit of a commit slot.
    overwriting.push(older.clone());
    overwriting[4][200] ^= 1;
    for (n, image) in (1..).zip(overwriting) {
        world.write(n).await.unwrap();
        let ours = std::fs::read(&path).unwrap();
        std::fs::write(&path, &image).unwrap();
        for pauses in [1, 0, 0] {
            let refused = world.write(n + 100).await;
            assert!(
                matches!(refused, Err(CommitError::NotWritten(NotWritten::Unavailable(_)))),
                "{refused:?}"
            );
            assert_eq!(world.pauses(), vec![PAUSE; pauses], "only the first commit waits");
            assert!(matches!(world.backend.in_place().await, Err(ReadError::Unavailable(_))));
        }
        assert!(std::fs::read(&path).unwrap() == image, "it was written into");
        // All of ours is there again, so nothing was lost.
        std::fs::write(&path, &ours).unwrap();
        world.backend.in_place().await.unwrap();
        world.write(n + 100).await.unwrap();
        assert_eq!(world.pauses(), []);
    }
    // Nor does the end of the process write into what is another's.
    std::fs::write(&path, &older).unwrap();
    let World { folder, backend, .. } = world;
    drop(backend);
    assert!(std::fs::read(&path).unwrap() == older, "it was written into");
    drop(folder);
}

#[test]
fn commits_and_looks_of_other_threads_at_the_same_time_give_no_false_alarm() {
    const COMMITS: u64 = 400;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let world = World::new();
    let (done, looks) = (AtomicBool::new(false), AtomicU64::new(0));
    let place = &world.backend.place;
    let mut present = [false; 8];
    std::thread::scope(|scope| {
        let lookers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        place.compare()?;
                        looks.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok::<_, Displaced>(())
                })
            })
            .collect();
        // Records come, become larger and go, so that the file grows and shrinks.
        let mut random = 7_u64;
        let outcome = (0..COMMITS).try_for_each(|_| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let n = (random >> 61) as u8;
            let there = &mut present[usize::from(n)];
            let mut batch = Batch::new();
            if std::mem::replace(there, !*there) {
                batch.write(key(n), Expect::Version(Version(1)), Write::Delete);
            } else {
                let sealed = vec![n; (random >> 40) as usize % 200_000];
                let record = SealedRecord { version: Version(1), expires_at: u64::MAX, sealed };
                batch.write(key(n), Expect::Absent, Write::Put(record));
            }
            runtime.block_on(world.backend.commit(batch))
        });
        done.store(true, Ordering::Relaxed);
        for looker in lookers {
            looker.join().unwrap().unwrap();
        }
        outcome.unwrap();
    });
    assert_eq!(world.pauses(), []);
    assert!(looks.into_inner() > COMMITS);
}

#[tokio::test]
async fn a_commit_waits_for_a_file_that_is_just_being_put_back() {
    let world = World::new();
    let (path, aside) = (world.path("store.db"), world.path("aside"));
    std::fs::rename(&path, &aside).unwrap();
    *world.meanwhile.lock().unwrap() = Some(Box::new(move || std::fs::rename(&aside, &path).unwrap()));
    world.write(1).await.unwrap();
    assert_eq!(world.pauses(), [PAUSE]);
    assert!(world.has(1).await);
}

#[tokio::test(start_paused = true)]
async fn a_look_without_a_commit_waits_too() {
    let world = World::new();
    let (path, aside) = (world.path("store.db"), world.path("aside"));
    std::fs::rename(&path, &aside).unwrap();
    let begin = tokio::time::Instant::now();
    let (seen, ()) = tokio::join!(world.backend.in_place(), async {
        tokio::time::sleep(PAUSE / 2).await;
        std::fs::rename(&aside, &path).unwrap();
    });
    seen.unwrap();
    assert_eq!(begin.elapsed(), PAUSE);
}

//! Power cuts and failing disks, simulated below redb.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard},
};

use redb::StorageBackend;

use super::{RedbBackend, engine::Engine, error::EngineError, header::Header, place::Place};
use crate::{
    backend::{Backend, Batch, Expect, RecordKey, SealedRecord, Version, Write},
    commit::{CommitError, NotWritten},
    seal::{DataKey, Keys},
};

const FULL: i32 = 28;
const IO: i32 = 5;
const READ_ONLY: i32 = 30;

/// A disk that remembers every order, and refuses some.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    log: Vec<Order>,
    refuse: Refuse,
    /// So many reads fail.
    unreadable: usize,
}

#[derive(Clone, Debug)]
enum Order {
    Write(u64, Vec<u8>),
    Resize(u64),
    Sync,
}

/// Orders that fail: those from the `from`-th on (counted from the start of the log), `times` of them.
#[derive(Clone, Copy, Debug, Default)]
struct Refuse {
    from: usize,
    times: usize,
    errno: i32,
    /// A refused write still reaches the disk, as when only the sync afterwards fails.
    but_does: bool,
    seen: usize,
    /// One more fails, so many orders after the last of those.
    again: Option<usize>,
}

impl Disk {
    fn with(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(State { bytes, ..State::default() })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn order(&self, order: Order) -> io::Result<()> {
        let mut state = self.state();
        let refuse = &mut state.refuse;
        refuse.seen += 1;
        let refused = refuse.times > 0 && refuse.seen > refuse.from;
        if refused {
            refuse.times -= 1;
            if refuse.times == 0
                && let Some(later) = refuse.again.take()
            {
                (refuse.from, refuse.times) = (refuse.seen + later, 1);
            }
            let error = io::Error::from_raw_os_error(refuse.errno);
            if refuse.but_does {
                apply(&mut state.bytes, &order);
                state.log.push(order);
            } else if matches!(order, Order::Sync) {
                // What a sync failed to write is never written: the kernel takes it for clean afterwards.
                let confirmed = state.log.iter().rposition(|order| matches!(order, Order::Sync));
                state.log.truncate(confirmed.map_or(0, |at| at + 1));
            }
            return Err(error);
        }
        apply(&mut state.bytes, &order);
        state.log.push(order);
        Ok(())
    }
}

fn apply(bytes: &mut Vec<u8>, order: &Order) {
    match order {
        Order::Write(offset, data) => {
            let offset = usize::try_from(*offset).unwrap();
            if bytes.len() < offset + data.len() {
                bytes.resize(offset + data.len(), 0);
            }
            bytes[offset..offset + data.len()].copy_from_slice(data);
        }
        Order::Resize(length) => bytes.resize(usize::try_from(*length).unwrap(), 0),
        Order::Sync => {}
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.state();
        if state.unreadable > 0 {
            state.unreadable -= 1;
            return Err(io::Error::from_raw_os_error(IO));
        }
        let offset = usize::try_from(offset).unwrap();
        let there = state.bytes.get(offset..offset + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(there);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.order(Order::Resize(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.order(Order::Sync)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.order(Order::Write(offset, data.to_vec()))
    }
}

type Contents = BTreeMap<RecordKey, SealedRecord>;

fn key(n: u64) -> RecordKey {
    RecordKey::compose(1, Some(n), &[u8::try_from(n % 251).unwrap(); 16])
}

/// The `n`-th commit of a little workload that creates, replaces and deletes, with values from small to a few pages.
fn step(n: u64, contents: &mut Contents) -> Batch {
    let mut batch = Batch::new();
    let value = |n: u64| vec![u8::try_from(n % 256).unwrap(); usize::try_from(n * 700 % 9000).unwrap()];
    let mut put = |key: RecordKey, n: u64| {
        let (expect, version) = match contents.get(&key) {
            None => (Expect::Absent, Version(n * 1000)),
            Some(old) => (Expect::Version(old.version), old.version.next()),
        };
        let record = SealedRecord { version, expires_at: u64::MAX, sealed: value(n) };
        contents.insert(key, record.clone());
        batch.write(key, expect, Write::Put(record));
    };
    put(key(n), n);
    put(key(1_000_000), n + 1);
    if n % 3 == 2 {
        let gone = contents.remove(&key(n - 2)).unwrap();
        batch.write(key(n - 2), Expect::Version(gone.version), Write::Delete);
    }
    batch
}

/// The file of a store in which nothing is.
fn empty_store() -> Vec<u8> {
    let disk = Disk::default();
    Engine::create(Arc::new(disk.clone())).unwrap().close().unwrap();
    disk.state().bytes.clone()
}

/// The store in `image`, open, on a disk that refuses some orders from now on.
fn on_failing_disk(image: &[u8], refuse: Refuse) -> (Disk, RedbBackend) {
    let disk = Disk::with(image.to_vec());
    let mut engine = Engine::open(Arc::new(disk.clone())).unwrap();
    engine.publish().unwrap();
    disk.state().refuse = refuse;
    let keys = Keys::derive(&DataKey::random().unwrap()).unwrap();
    (disk, RedbBackend::start(engine, Arc::new(Place::nowhere()), Arc::new(keys), [0; 16]).unwrap())
}

fn contents_of(engine: &Engine) -> Contents {
    let mut contents = Contents::new();
    super::each_record(&engine.records().unwrap(), std::ops::Bound::Unbounded, |key, record| {
        contents.insert(key, record.unwrap());
        Ok(true)
    })
    .unwrap();
    contents
}

/// Every prefix of what reaches the disk, with several choices of which unsynced writes survive the cut.
#[test]
fn a_power_cut_at_any_write_keeps_every_acknowledged_commit() {
    let disk = Disk::default();
    let mut engine = Engine::create(Arc::new(disk.clone())).unwrap();
    let mut contents = Contents::new();
    // (length of the log when it was acknowledged, what was in the store then)
    let mut acknowledged = vec![(disk.state().log.len(), contents.clone())];
    let first = acknowledged[0].0;
    for n in 0..8 {
        let batch = step(n, &mut contents);
        engine.commit(std::iter::once(&batch)).unwrap();
        acknowledged.push((disk.state().log.len(), contents.clone()));
    }
    engine.close().unwrap();
    let log = disk.state().log.clone();
    acknowledged.push((log.len(), contents));

    let cuts = cut_everywhere(&[], first, &log, &acknowledged);
    assert!(cuts > 100, "only {cuts} cuts tried");
}

/// Tries each prefix of `log` from `first` on, over the file `image`, with several choices of which unsynced writes survive. What is found
/// then must be the contents at the last acknowledgement before the cut, or at the one after. Returns how many cuts were tried.
fn cut_everywhere(image: &[u8], first: usize, log: &[Order], acknowledged: &[(usize, Contents)]) -> usize {
    let mut cuts = 0;
    for cut in first..=log.len() {
        let synced = log[..cut].iter().rposition(|order| matches!(order, Order::Sync)).map_or(0, |at| at + 1);
        let pending = &log[synced..cut];
        // None, all, all but one, only one; and the last write torn in its middle.
        let mut choices: Vec<Vec<Order>> = vec![vec![], pending.to_vec()];
        for at in 0..pending.len() {
            choices
                .push(pending.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, o)| o.clone()).collect());
            choices.push(vec![pending[at].clone()]);
        }
        if let Some(Order::Write(offset, data)) = pending.last()
            && data.len() > 512
        {
            let mut torn = pending.to_vec();
            *torn.last_mut().unwrap() = Order::Write(*offset, data[..data.len() / 2].to_vec());
            choices.push(torn);
        }
        let before = acknowledged.iter().rposition(|(at, _)| *at <= cut).unwrap();
        let allowed = [&acknowledged[before].1, &acknowledged[(before + 1).min(acknowledged.len() - 1)].1];
        for (n, choice) in choices.iter().enumerate() {
            let mut bytes = image.to_vec();
            log[..synced].iter().chain(choice).for_each(|order| apply(&mut bytes, order));
            let opened = Engine::open(Arc::new(Disk::with(bytes)));
            let engine = opened.unwrap_or_else(|error| panic!("cut {cut}, choice {n}: {error}"));
            let found = contents_of(&engine);
            assert!(allowed.contains(&&found), "cut {cut}, choice {n}: other contents");
            cuts += 1;
        }
    }
    cuts
}

/// After a clean end and after a kill at any commit; the file of the latter is cut to what is in use.
#[test]
fn a_power_cut_while_a_store_is_opened_keeps_every_acknowledged_commit() {
    let disk = Disk::default();
    let mut engine = Engine::create(Arc::new(disk.clone())).unwrap();
    let mut contents = Contents::new();
    let mut images = Vec::new();
    for n in 0..8 {
        engine.commit(std::iter::once(&step(n, &mut contents))).unwrap();
        images.push((disk.state().bytes.clone(), contents.clone()));
    }
    engine.close().unwrap();
    images.push((disk.state().bytes.clone(), contents));
    let mut cuts = 0;
    for (image, contents) in images {
        let disk = Disk::with(image.clone());
        let mut engine = Engine::open(Arc::new(disk.clone())).unwrap();
        assert!(disk.state().log.is_empty(), "opening has written");
        engine.publish().unwrap();
        let log = disk.state().log.clone();
        cuts += cut_everywhere(&image, 0, &log, &[(0, contents)]);
    }
    assert!(cuts > 100, "only {cuts} cuts tried");
}

/// A commit fails, is taken back and tried again; the power goes at any time in between.
#[tokio::test]
async fn a_power_cut_while_a_failed_commit_is_taken_back_keeps_what_was_acknowledged() {
    let image = empty_store();
    let mut cuts = 0;
    let once = (0..24).flat_map(|from| [(from, true, None), (from, false, None)]);
    let twice = (0..12).step_by(3).flat_map(|from| (0..20).map(move |later| (from, false, Some(later))));
    for (from, but_does, again) in once.chain(twice) {
        let refuse = Refuse { from, times: 1, errno: IO, but_does, seen: 0, again };
        let (disk, backend) = on_failing_disk(&image, refuse);
        let mut contents = Contents::new();
        let mut acknowledged = vec![(disk.state().log.len(), contents.clone())];
        for n in 0..2 {
            let mut after = contents.clone();
            let batch = step(n, &mut after);
            while backend.commit(batch.clone()).await.is_err() {}
            contents = after;
            acknowledged.push((disk.state().log.len(), contents.clone()));
        }
        let log = disk.state().log.clone();
        cuts += cut_everywhere(&image, acknowledged[0].0, &log, &acknowledged);
    }
    assert!(cuts > 1000, "only {cuts} cuts tried");
}

/// The disk refuses a commit, what takes it back, and a read; when it works again, so does the store.
#[tokio::test]
async fn reads_that_fail_while_a_failed_commit_is_taken_back_find_all_of_it_later() {
    let image = empty_store();
    let long = (0..30).flat_map(|from| [(from, 1, 1, None), (from, 12, 1, None), (from, 25, 3, None)]);
    let twice = (0..12).flat_map(|from| (0..20).map(move |later| (from, 1, 1, Some(later))));
    for (from, times, unreadable, again) in long.chain(twice) {
        let refuse = Refuse { from, times, errno: IO, but_does: true, seen: 0, again };
        let (disk, backend) = on_failing_disk(&image, refuse);
        let mut contents = Contents::new();
        for n in 0..4 {
            let mut after = contents.clone();
            let batch = step(n, &mut after);
            let mut tries = 0;
            while backend.commit(batch.clone()).await.is_err() {
                if tries == 0 {
                    disk.state().unreadable = unreadable;
                    drop(backend.get(&key(1_000_000)).await);
                }
                tries += 1;
                assert!(tries < 100, "from {from}, {times} times: does not recover");
            }
            contents = after;
        }
        disk.state().unreadable = 0;
        let mut found = backend.scan(1, None, 100).await;
        for _ in 0..3 {
            if found.is_err() {
                found = backend.scan(1, None, 100).await;
            }
        }
        let found: Contents = found.unwrap().into_iter().collect();
        assert_eq!(found, contents, "from {from}, {times} times");
        drop(backend);
        let closed = Engine::open(Arc::new(Disk::with(disk.state().bytes.clone()))).unwrap();
        assert_eq!(contents_of(&closed), contents, "from {from}, {times} times, after closing");
    }
}

/// Each order in turn fails, with each error, once or for a while; meanwhile reads go on, what failed left no
/// trace, and what was acknowledged is there, here and after a crash. Once a commit is said to be done, or not written, a power cut
/// finds it so.
#[tokio::test]
async fn a_failing_disk_never_leaves_a_trace_of_a_failed_commit() {
    let image = empty_store();
    let (mut failures, mut unknown) = (0, 0);
    for (errno, times, but_does) in
        [(FULL, 1, false), (IO, 1, true), (READ_ONLY, 6, false), (FULL, 40, false), (IO, 40, true)]
    {
        for from in (0..80).step_by(if times == 1 { 1 } else { 6 }) {
            let (disk, backend) =
                on_failing_disk(&image, Refuse { from, times, errno, but_does, seen: 0, again: None });
            let mut contents = Contents::new();
            let mut n = 0;
            let mut tries = 0;
            let (mut in_doubt, mut cut) = (false, 0);
            while n < 5 {
                tries += 1;
                assert!(tries <= 5 + times, "errno {errno}, from {from}: does not recover");
                let mut after = contents.clone();
                match backend.commit(step(n, &mut after)).await {
                    Ok(()) => {
                        contents = after;
                        n += 1;
                        in_doubt = false;
                    }
                    Err(CommitError::Unknown(_)) => {
                        in_doubt = true;
                        unknown += 1;
                    }
                    Err(CommitError::NotWritten(NotWritten::Full(_))) if errno == FULL => failures += 1,
                    Err(CommitError::NotWritten(NotWritten::ReadOnly(_))) if errno == READ_ONLY => {
                        failures += 1;
                    }
                    Err(CommitError::NotWritten(NotWritten::Unavailable(_))) if errno == IO => failures += 1,
                    Err(error) => panic!("errno {errno}, from {from}: {error:?}"),
                }
                // What nobody is in doubt about, no power cut undoes.
                let log = disk.state().log.clone();
                if !in_doubt && log.len() > cut {
                    cut = log.len();
                    cut_everywhere(&image, cut, &log, &[(0, contents.clone())]);
                }
                let found: Contents = backend.scan(1, None, 100).await.unwrap().into_iter().collect();
                assert_eq!(found, contents, "errno {errno}, from {from}, step {n}");
                assert_eq!(
                    backend.get(&key(1_000_000)).await.unwrap().as_ref(),
                    contents.get(&key(1_000_000))
                );
            }
            // As kill -9 would leave it.
            let crashed = Engine::open(Arc::new(Disk::with(disk.state().bytes.clone()))).unwrap();
            assert_eq!(contents_of(&crashed), contents, "errno {errno}, from {from}, after a crash");
            drop(backend);
            let closed = Engine::open(Arc::new(Disk::with(disk.state().bytes.clone()))).unwrap();
            assert_eq!(contents_of(&closed), contents, "errno {errno}, from {from}, after closing");
        }
    }
    assert!(failures > 100 && unknown > 10, "only {failures} failures and {unknown} unknown outcomes met");
}

/// The bit that names the primary slot has no checksum of its own.
#[test]
fn a_flipped_primary_bit_goes_back_to_no_older_commit() {
    let disk = Disk::default();
    let mut engine = Engine::create(Arc::new(disk.clone())).unwrap();
    let mut contents = Contents::new();
    for n in 0..4 {
        engine.commit(std::iter::once(&step(n, &mut contents))).unwrap();
        let mut bytes = disk.state().bytes.clone();
        bytes[9] ^= 1;
        let opened = Engine::open(Arc::new(Disk::with(bytes))).unwrap();
        assert_eq!(contents_of(&opened), contents, "commit {n}");
    }
}

/// After a clean end and after a crash, every byte that is in use.
#[test]
fn a_flipped_byte_anywhere_is_damage_or_harmless() {
    let disk = Disk::default();
    let mut engine = Engine::create(Arc::new(disk.clone())).unwrap();
    let mut contents = Contents::new();
    for n in 0..3 {
        engine.commit(std::iter::once(&step(n, &mut contents))).unwrap();
    }
    let crashed = disk.state().bytes.clone();
    engine.close().unwrap();
    let clean = disk.state().bytes.clone();
    for image in [crashed, clean] {
        let mut refused = 0;
        for at in (0..image.len()).filter(|at| *at < 320 || image[*at] != 0 && at % 7 == 0) {
            let mut bytes = image.clone();
            bytes[at] ^= 1 << (at / 7 % 8);
            match Engine::open(Arc::new(Disk::with(bytes))) {
                Ok(engine) => assert_eq!(contents_of(&engine), contents, "byte {at}"),
                Err(EngineError::Damaged(_)) => refused += 1,
                Err(error) => panic!("byte {at}: {error}"),
            }
        }
        assert!(refused > 300, "only {refused} flips were noticed");
    }
}

/// redb alone would silently go back to the commit before.
#[test]
fn damage_in_the_last_commit_after_a_crash_is_damage_and_not_the_commit_before() {
    let disk = Disk::default();
    let mut engine = Engine::create(Arc::new(disk.clone())).unwrap();
    let mut contents = Contents::new();
    for n in 0..4 {
        let before = disk.state().log.len();
        engine.commit(std::iter::once(&step(n, &mut contents))).unwrap();
        let log = disk.state().log.clone();
        let image = disk.state().bytes.clone();
        for order in &log[before..] {
            let Order::Write(offset, data) = order else { continue };
            for at in (*offset..*offset + data.len() as u64).step_by(211) {
                let mut bytes = image.clone();
                bytes[usize::try_from(at).unwrap()] ^= 0x10;
                if let Ok(opened) = Engine::open(Arc::new(Disk::with(bytes))) {
                    assert_eq!(contents_of(&opened), contents, "commit {n}, byte {at}");
                }
            }
        }
    }
}

/// The file beside the tests was written by the version of redb whose header offsets `header.rs` knows. `UPDATE_GOLDEN=1` writes it anew.
#[test]
fn the_golden_file_opens_and_a_new_one_has_the_same_header() {
    let mut contents = Contents::new();
    let disk = Disk::default();
    let mut engine = Engine::create(Arc::new(disk.clone())).unwrap();
    for n in 0..4 {
        engine.commit(std::iter::once(&step(n, &mut contents))).unwrap();
    }
    engine.close().unwrap();
    let new = disk.state().bytes.clone();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/golden.redb");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &new).unwrap();
    }
    let golden = Disk::with(std::fs::read(path).unwrap());
    assert_eq!(Header::read(&golden).unwrap(), Header::read(&disk).unwrap());
    assert_eq!(contents_of(&Engine::open(Arc::new(golden)).unwrap()), contents);
}

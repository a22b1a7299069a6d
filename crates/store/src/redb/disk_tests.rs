//! Power cuts, failing disks and damage, simulated below redb.

mod damage;
mod doubt;
mod failing;
mod power_cuts;

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard},
};

use redb::StorageBackend;

use super::{backend::RedbBackend, engine::Engine, place::Place};
use crate::{
    batch::{Batch, Expect, Write},
    seal::{DataKey, Keys},
    sealed::{RecordKey, SealedRecord, Version},
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
    /// No sync is confirmed.
    unsynced: bool,
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
        if state.unsynced && matches!(order, Order::Sync) {
            return Err(io::Error::from_raw_os_error(IO));
        }
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
    super::records::each_record(&engine.records().unwrap(), std::ops::Bound::Unbounded, |key, record| {
        contents.insert(key, record.unwrap());
        Ok(true)
    })
    .unwrap();
    contents
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

//! A file behind a stage: what redb writes stays in memory until [`StagedFile::publish`] plays it to the file.
//!
//! That one device gives three promises:
//!
//! * a file is opened, repaired and checked without changing a byte of it; only when password and integrity have
//!   proved right is the repair published;
//! * redb never sees a failing write, so a full disk does not take the reads away with it;
//! * the file is written in redb's order with redb's syncs, so redb's own crash safety holds (between two syncs the header comes last).

use std::{
    collections::BTreeMap,
    fmt, io,
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use redb::StorageBackend;
use tokio::runtime::{Handle, RuntimeFlavor};

use super::header::HEADER_BYTES;

const BLOCK: usize = 4096;

/// A [`StorageBackend`] over another; clones are the same.
#[derive(Clone, Debug)]
pub(super) struct StagedFile(Arc<StageState>);

#[derive(Debug)]
struct StageState {
    file: Arc<dyn StorageBackend>,
    /// What was written and not published, in order. Held while it is played.
    log: Mutex<Vec<Order>>,
    /// The same as what readers must see. Not held while the log is played, so that nobody waits for a sync.
    view: RwLock<View>,
}

/// What was staged is not in the file, or not in full.
#[derive(Debug)]
pub(super) struct NotPublished {
    pub(super) error: io::Error,
    /// Whether the header may have been written. Before it is, nothing in the file refers to what was written: redb writes pages where none
    /// are in use.
    pub(super) header: bool,
}

enum Order {
    Write(u64, Box<[u8]>),
    Resize(u64),
    Sync,
}

#[derive(Debug, Default)]
struct View {
    /// Length of the file with all that is staged; `None` if unchanged.
    length: Option<u64>,
    /// Where the file's own bytes end: those behind were cut off, and read as zeros if the file has grown again. `None`
    /// if all of them count.
    kept: Option<u64>,
    /// Blocks as they will be, by number.
    blocks: BTreeMap<u64, Box<[u8; BLOCK]>>,
}

impl StagedFile {
    pub(super) fn new(file: Arc<dyn StorageBackend>) -> Self {
        Self(Arc::new(StageState { file, log: Mutex::default(), view: RwLock::default() }))
    }

    /// Plays all that was written to the file, in order; `Ok` means that the last sync in it was done.
    ///
    /// After an error all that no sync has confirmed is still staged, and a later try plays it again: every order says
    /// the same wherever the first try stopped. What was confirmed is not played again, since older orders than those
    /// that are in the file would undo them for a while. Orders behind the last sync (redb cuts the file there, when a
    /// commit is durable already) may fail without an error; they stay staged.
    pub(super) fn publish(&self) -> Result<(), NotPublished> {
        let mut log = self.0.log.lock().unwrap_or_else(PoisonError::into_inner);
        let (durable, rest) =
            log.split_at(log.iter().rposition(|o| matches!(o, Order::Sync)).map_or(0, |at| at + 1));
        let (mut confirmed, mut header) = (0, false);
        for group in durable.split_inclusive(|order| matches!(order, Order::Sync)) {
            let played = header_last(group).try_for_each(|order| {
                header |= order.touches_header();
                self.play(order)
            });
            if let Err(error) = played {
                log.drain(..confirmed);
                return Err(NotPublished { error, header });
            }
            confirmed += group.len();
        }
        if let Err(error) = rest.iter().try_for_each(|order| self.play(order)) {
            tracing::warn!(%error, "the store file could not be trimmed yet");
            let durable = durable.len();
            log.drain(..durable);
            return Ok(());
        }
        *self.view_mut() = View::default();
        log.clear();
        Ok(())
    }

    fn play(&self, order: &Order) -> io::Result<()> {
        match order {
            Order::Write(offset, bytes) => self.0.file.write(*offset, bytes),
            Order::Resize(length) => self.0.file.set_len(*length),
            Order::Sync => self.0.file.sync_data(),
        }
    }

    /// Whether nothing waits to be published.
    pub(super) fn is_published(&self) -> bool {
        self.0.log.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn record(&self, order: Order) {
        self.0.log.lock().unwrap_or_else(PoisonError::into_inner).push(order);
    }

    fn read_staged(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let view = self.view();
        match view.length {
            None => self.0.file.read(offset, out)?,
            Some(length) => {
                if offset.checked_add(out.len() as u64).is_none_or(|end| end > length) {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                below(view.kept, &*self.0.file, offset, out)?;
            }
        }
        view.lay_over(offset, out);
        Ok(())
    }

    fn view(&self) -> RwLockReadGuard<'_, View> {
        self.0.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn view_mut(&self) -> RwLockWriteGuard<'_, View> {
        self.0.view.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one sync confirms, with the header behind all else, so that a disk without room for the pages has met no word of them. The disk
/// keeps no order between two syncs, so that this is no other order than redb's.
fn header_last(group: &[Order]) -> impl Iterator<Item = &Order> {
    let (before, sync) = group.split_at(group.len().saturating_sub(1));
    let pages = before.iter().filter(|order| !order.touches_header());
    pages.chain(before.iter().filter(|order| order.touches_header())).chain(sync)
}

impl Order {
    fn touches_header(&self) -> bool {
        match self {
            Self::Write(offset, _) => *offset < HEADER_BYTES as u64,
            Self::Resize(_) | Self::Sync => false,
        }
    }
}

impl StorageBackend for StagedFile {
    fn len(&self) -> io::Result<u64> {
        let length = self.view().length;
        length.map_or_else(|| self.0.file.len(), Ok)
    }

    /// Reads pages that redb does not have in memory. On a worker of a runtime its other tasks go on elsewhere meanwhile: whoever waits for
    /// the disk, or for the view, holds up nobody else.
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
            Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(|| self.read_staged(offset, out)),
            _ => self.read_staged(offset, out),
        }
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut view = self.view_mut();
        if let Some(block) = view.blocks.get_mut(&(length / BLOCK as u64)) {
            block.get_mut(to_usize(length % BLOCK as u64)..).unwrap_or_default().fill(0);
        }
        view.blocks.split_off(&length.div_ceil(BLOCK as u64));
        view.kept = Some(view.kept.map_or(length, |kept| kept.min(length)));
        view.length = Some(length);
        drop(view);
        self.record(Order::Resize(length));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.record(Order::Sync);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut view = self.view_mut();
        let mut at = offset;
        let mut rest = data;
        while !rest.is_empty() {
            let within = to_usize(at % BLOCK as u64);
            let (now, later) = rest.split_at(rest.len().min(BLOCK - within));
            let number = at / BLOCK as u64;
            // A block that is written whole need not be read.
            let block = if now.len() == BLOCK {
                view.blocks.entry(number).or_insert_with(|| Box::new([0; BLOCK]))
            } else {
                view.block(&*self.0.file, number)?
            };
            copy(block.get_mut(within..).unwrap_or_default(), now);
            at += now.len() as u64;
            rest = later;
        }
        drop(view);
        self.record(Order::Write(offset, data.into()));
        Ok(())
    }
}

impl View {
    /// The staged block, read from the file if it is not staged yet.
    fn block(&mut self, file: &dyn StorageBackend, number: u64) -> io::Result<&mut [u8; BLOCK]> {
        let entry = match self.blocks.entry(number) {
            std::collections::btree_map::Entry::Occupied(entry) => return Ok(entry.into_mut()),
            std::collections::btree_map::Entry::Vacant(entry) => entry,
        };
        let mut block = Box::new([0; BLOCK]);
        below(self.kept, file, number * BLOCK as u64, &mut *block)?;
        Ok(entry.insert(block))
    }

    fn lay_over(&self, offset: u64, out: &mut [u8]) {
        let end = offset.saturating_add(out.len() as u64);
        for (number, block) in self.blocks.range(offset / BLOCK as u64..end.div_ceil(BLOCK as u64)) {
            let start = number * BLOCK as u64;
            let from = block.get(to_usize(offset.saturating_sub(start))..).unwrap_or_default();
            copy(out.get_mut(to_usize(start.saturating_sub(offset))..).unwrap_or_default(), from);
        }
    }
}

/// Reads what the file has of its first `kept` bytes, and zeros behind.
fn below(kept: Option<u64>, file: &dyn StorageBackend, offset: u64, out: &mut [u8]) -> io::Result<()> {
    let end = file.len()?.min(kept.unwrap_or(u64::MAX));
    let real = to_usize(end.saturating_sub(offset)).min(out.len());
    let (there, beyond) = out.split_at_mut(real);
    beyond.fill(0);
    if there.is_empty() { Ok(()) } else { file.read(offset, there) }
}

/// As much as fits.
fn copy(to: &mut [u8], from: &[u8]) {
    let length = to.len().min(from.len());
    if let (Some(to), Some(from)) = (to.get_mut(..length), from.get(..length)) {
        to.copy_from_slice(from);
    }
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(offset, bytes) => write!(f, "write {} bytes at {offset}", bytes.len()),
            Self::Resize(length) => write!(f, "resize to {length}"),
            Self::Sync => f.write_str("sync"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use redb::backends::InMemoryBackend;

    use super::*;

    fn bytes_of(file: &dyn StorageBackend) -> Vec<u8> {
        let mut bytes = vec![0; to_usize(file.len().unwrap())];
        file.read(0, &mut bytes).unwrap();
        bytes
    }

    #[derive(Clone, Debug)]
    enum Step {
        Write(u64, Vec<u8>),
        Resize(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..20_000_u64, prop::collection::vec(any::<u8>(), 1..9000))
                .prop_map(|(at, data)| Step::Write(at, data)),
            (0..30_000_u64).prop_map(Step::Resize),
        ]
    }

    #[test]
    fn what_is_cut_off_takes_no_memory() {
        let behind = Arc::new(InMemoryBackend::new());
        behind.set_len(10 << 20).unwrap();
        behind.write(5000, &[7; 100]).unwrap();
        let staged = StagedFile::new(behind);
        staged.set_len(4100).unwrap();
        staged.set_len(10 << 20).unwrap();
        assert!(staged.view().blocks.is_empty());
        assert!(bytes_of(&staged).iter().all(|byte| *byte == 0));
    }

    #[test]
    fn who_waits_for_the_view_holds_up_no_other_task() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let behind = Arc::new(InMemoryBackend::new());
        behind.set_len(100).unwrap();
        let staged = StagedFile::new(behind);
        let reader = staged.clone();
        let changing = staged.view_mut();
        let read = runtime.spawn(async move { reader.read(0, &mut [0; 10]) });
        let (done, is_done) = std::sync::mpsc::channel();
        runtime.spawn(async move { done.send(()) });
        is_done.recv_timeout(std::time::Duration::from_secs(30)).unwrap();
        drop(changing);
        runtime.block_on(read).unwrap().unwrap();
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever is written, the stage reads like a plain file, the file behind it stays as it was, and after
        /// publishing it is that plain file.
        #[test]
        fn reads_like_a_plain_file_and_changes_nothing_before_publishing(steps in prop::collection::vec(step(), 1..12)) {
            let plain = InMemoryBackend::new();
            let behind = Arc::new(InMemoryBackend::new());
            for file in [&plain, &*behind] {
                file.set_len(10_000).unwrap();
                file.write(3000, &[0x5a; 5000]).unwrap();
            }
            let before = bytes_of(&*behind);
            let staged = StagedFile::new(behind.clone());
            for step in steps {
                for file in [&plain as &dyn StorageBackend, &staged] {
                    match &step {
                        // redb extends the file before it writes behind the end.
                        Step::Write(at, data) => {
                            let end = at + data.len() as u64;
                            if file.len().unwrap() < end {
                                file.set_len(end).unwrap();
                            }
                            file.write(*at, data).unwrap();
                        }
                        Step::Resize(length) => file.set_len(*length).unwrap(),
                    }
                }
                prop_assert!(bytes_of(&plain) == bytes_of(&staged));
            }
            prop_assert!(bytes_of(&*behind) == before);
            staged.publish().unwrap();
            prop_assert!(bytes_of(&*behind) == bytes_of(&plain));
            prop_assert!(bytes_of(&staged) == bytes_of(&plain));
        }
    }
}

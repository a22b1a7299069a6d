//! The one thread that writes marks. It takes what waits, judges it, writes each network's file once, and then answers everybody:
//! sixty-four keys that attest at once cost one write.
//!
//! # What is on the disk
//!
//! A file is replaced as a whole: a new one is written, made durable, renamed, and the folder made durable. First the one with times, then
//! Signatory's. The first ones of a network are made the other way round, and the witness follows: so that times, or the witness, without
//! Signatory's file show that it was there. Memory moves after that, and answers come last. When a step fails, nobody of the group is cleared and memory stays, while the disk may hold the file
//! before or the new one. Both are at or above memory, which is what was answered so far, so that whatever was signed is at or below
//! a durable mark; and the next write begins anew with a new file, instead of asking the disk once more for what it refused.
//!
//! Somebody may remove the lock, or move the folder away, while we hold it; then another signer can open what is there. So before
//! a file is replaced we look whether the lock is still the one that we hold, which keeps us from overwriting the other's marks, and
//! before anybody is answered once more: then the other one has read what we wrote.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError, RwLock};

use jwtis_tezos::watermark::format::{ChainMarks, Printer};
use jwtis_tezos::watermark::{Asked, Mark, WatermarkKind};
use jwtis_tezos::{ChainId, PublicKeyHash};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::open::{LOCK, TEMPORARY};
use super::{times, witness};
use crate::watermark::disk::Disk;
use crate::watermark::import::{MAX_FILE_BYTES, MAX_NETWORKS};
use crate::watermark::{Clearance, Cleared, MarkIo, Terms, WatermarkError, WatermarkObserver, decide, room};

/// Requests in one group at most.
const GROUP_LIMIT: usize = 512;

/// The marks that are durable: read by everybody, replaced by the thread alone.
pub(super) type Durable = Arc<RwLock<BTreeMap<ChainId, ChainMarks>>>;

/// What the thread is asked for. If nobody waits for the answer any more, it is done all the same.
pub(super) enum Request {
    Clear {
        key: PublicKeyHash,
        asked: Asked,
        terms: Terms,
        answer: oneshot::Sender<Result<Clearance, WatermarkError>>,
    },
    Raise {
        chain: ChainId,
        marks: ChainMarks,
        answer: oneshot::Sender<Result<(), WatermarkError>>,
    },
    Lower {
        chain: ChainId,
        key: PublicKeyHash,
        kind: WatermarkKind,
        mark: Mark,
        answer: oneshot::Sender<Result<(), WatermarkError>>,
    },
}

/// The thread's state.
pub(super) struct Writer<D: Disk> {
    disk: D,
    base_dir: PathBuf,
    folder: PathBuf,
    durable: Durable,
    observer: Arc<dyn WatermarkObserver>,
    /// Texts of the marks that do not move.
    printers: BTreeMap<ChainId, Printer>,
    /// Number of the next temporary file.
    next: u64,
    /// The last write failed: said once, not for every write of a full disk.
    failing: bool,
    /// Held until nobody writes any more.
    lock: D::Lock,
}

impl<D: Disk> Writer<D> {
    pub(super) fn new(
        disk: D,
        base_dir: &Path,
        folder: PathBuf,
        lock: D::Lock,
        durable: Durable,
        observer: Arc<dyn WatermarkObserver>,
    ) -> Self {
        let base_dir = base_dir.to_owned();
        let printers = BTreeMap::new();
        Self { disk, base_dir, folder, durable, observer, printers, next: 0, failing: false, lock }
    }

    /// Works until nobody can send any more.
    pub(super) fn run(mut self, inbox: &Receiver<Request>) {
        while let Ok(first) = inbox.recv() {
            let mut group = vec![first];
            group.extend(inbox.try_iter().take(GROUP_LIMIT - 1));
            self.work(group);
        }
    }

    /// Raises marks of one network, durably.
    pub(super) fn raise(&mut self, chain: ChainId, marks: ChainMarks) -> Result<(), WatermarkError> {
        let (answer, mut answered) = oneshot::channel();
        self.work(vec![Request::Raise { chain, marks, answer }]);
        answered.try_recv().map_err(|error| WatermarkError::Unavailable(error.into()))?
    }

    /// Judges a group in order, makes what it moves durable, and answers.
    pub(super) fn work(&mut self, group: Vec<Request>) {
        let mut drafts = self.judge(group);
        let begin = Instant::now();
        for (chain, draft) in drafts.iter_mut().filter(|(_, draft)| draft.moved) {
            draft.outcome = self.is_ours().and_then(|()| self.replace(*chain, draft));
        }
        let mut written = drafts.values_mut().filter(|draft| draft.moved && draft.outcome.is_ok()).peekable();
        if written.peek().is_some()
            && let Err(error) = self.sync_names()
        {
            written.for_each(|draft| draft.outcome = Err(error.clone()));
        }
        self.begin_networks(&mut drafts);
        for draft in drafts.values().filter(|draft| draft.moved) {
            let io = if draft.new { MarkIo::Create } else { MarkIo::Write };
            self.observer.io(super::NAME, io, draft.outcome.is_ok(), begin.elapsed());
            self.log(&draft.outcome);
        }
        self.show(&mut drafts);
        for draft in drafts.into_values() {
            let outcome = draft.outcome;
            draft.waiting.into_iter().for_each(|waiting| waiting.answer(&outcome));
        }
    }

    /// What the marks of each network become. Later requests of the group are judged against what earlier ones asked for.
    fn judge(&self, group: Vec<Request>) -> BTreeMap<ChainId, Draft> {
        let durable = self.durable.read().unwrap_or_else(PoisonError::into_inner);
        let mut drafts: BTreeMap<ChainId, Draft> = BTreeMap::new();
        for request in group {
            let (chain, others) = match &request {
                Request::Clear { asked, key, .. } => {
                    let marks = match drafts.get(&asked.chain) {
                        Some(draft) => Some(&draft.marks),
                        None => durable.get(&asked.chain),
                    };
                    let is_known = marks.is_some_and(|marks| marks.get(key).is_some());
                    let others =
                        if is_known { 0 } else { chains_beside(asked.chain, key, &durable, &drafts) };
                    (asked.chain, others)
                }
                Request::Raise { chain, .. } | Request::Lower { chain, .. } => (*chain, 0),
            };
            let draft = match drafts.entry(chain) {
                Entry::Occupied(draft) => draft.into_mut(),
                Entry::Vacant(place) => place.insert(Draft::new(durable.get(&chain))),
            };
            draft.judge(request, others);
        }
        drafts
    }

    /// Writes the times of networks that have got their first file, and adds them to the witness.
    fn begin_networks(&mut self, drafts: &mut BTreeMap<ChainId, Draft>) {
        let is_new = |draft: &Draft| draft.new && draft.moved && draft.outcome.is_ok();
        for (chain, draft) in drafts.iter_mut().filter(|(_, draft)| is_new(draft)) {
            draft.outcome = self.replace_times(*chain, &draft.marks);
        }
        let first = drafts.iter().filter(|(_, draft)| is_new(draft)).map(|(chain, _)| *chain);
        let first: BTreeSet<ChainId> = first.collect();
        if first.is_empty() {
            return;
        }
        let written = self.sync_names().and_then(|()| {
            let durable = self.durable.read().unwrap_or_else(PoisonError::into_inner);
            let chains = durable.keys().copied().chain(first).collect();
            witness::write(&self.disk, &self.base_dir, &chains)
                .map_err(|source| NotWritten::new(&witness::path(&self.base_dir), source))
        });
        if let Err(error) = written {
            let mut failed = drafts.values_mut().filter(|draft| is_new(draft));
            failed.by_ref().for_each(|draft| draft.outcome = Err(error.clone()));
        }
    }

    /// Whether nobody else can have opened the folder.
    fn is_ours(&self) -> Result<(), NotWritten> {
        let path = self.folder.join(LOCK);
        let gone = || {
            io::Error::other(
                "the lock was removed, so that another signer may use the folder; restart this one",
            )
        };
        let held =
            self.disk.is_at(&self.lock, &path).and_then(|held| if held { Ok(()) } else { Err(gone()) });
        held.map_err(|source| NotWritten::new(&path, source))
    }

    fn sync_names(&self) -> Result<(), NotWritten> {
        self.disk.sync_folder(&self.folder).map_err(|source| NotWritten::new(&self.folder, source))?;
        self.is_ours()
    }

    /// Puts new files in the place of a network's old ones; the folder is not durable yet.
    ///
    /// Times first: if only they move before a kill, a mark is higher than what was signed, which costs a slot. The other way round its time
    /// would be unknown.
    fn replace(&mut self, chain: ChainId, draft: &Draft) -> Result<(), NotWritten> {
        let target = self.folder.join(format!("{chain}.json"));
        let failed = |source| NotWritten::new(&target, source);
        if draft.new && self.durable.read().unwrap_or_else(PoisonError::into_inner).len() >= MAX_NETWORKS {
            return Err(failed(io::Error::other(format!("there are marks of {MAX_NETWORKS} networks"))));
        }
        let text = print(self.printers.entry(chain).or_default(), &draft.marks).map_err(failed)?;
        if !draft.new {
            self.replace_times(chain, &draft.marks)?;
        }
        self.replace_file(&target, &text)
    }

    fn replace_times(&mut self, chain: ChainId, marks: &ChainMarks) -> Result<(), NotWritten> {
        self.replace_file(&self.folder.join(format!("{chain}{}", times::SUFFIX)), &times::print(marks))
    }

    fn replace_file(&mut self, target: &Path, text: &str) -> Result<(), NotWritten> {
        let failed = |source| NotWritten::new(target, source);
        let (temporary, file) = self.create().map_err(failed)?;
        let replaced = self.fill(file, text).and_then(|()| self.disk.rename(&temporary, target));
        if replaced.is_err() {
            // If it stays, the next start removes it.
            drop(self.disk.remove(&temporary));
        }
        replaced.map_err(failed)
    }

    fn create(&mut self) -> io::Result<(PathBuf, D::File)> {
        for _ in 0..1000 {
            let path = self.folder.join(format!("{TEMPORARY}{}", self.next));
            self.next = self.next.wrapping_add(1);
            match self.disk.create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                created => return created.map(|file| (path, file)),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    fn fill(&self, mut file: D::File, text: &str) -> io::Result<()> {
        self.disk.write(&mut file, text.as_bytes())?;
        self.disk.sync(&file)
    }

    /// Memory follows the disk.
    fn show(&self, drafts: &mut BTreeMap<ChainId, Draft>) {
        let mut moved =
            drafts.iter_mut().filter(|(_, draft)| draft.moved && draft.outcome.is_ok()).peekable();
        if moved.peek().is_some() {
            let mut durable = self.durable.write().unwrap_or_else(PoisonError::into_inner);
            moved.for_each(|(chain, draft)| drop(durable.insert(*chain, std::mem::take(&mut draft.marks))));
        }
    }

    fn log(&mut self, outcome: &Result<(), NotWritten>) {
        match outcome {
            Err(error) if !self.failing => {
                tracing::error!(path = error.path, error = %error.source, "marks cannot be written; nothing that needs them is signed");
            }
            Ok(()) if self.failing => tracing::warn!("marks can be written again"),
            _ => {}
        }
        self.failing = outcome.is_err();
    }
}

/// The marks of one network as a group of requests leaves them.
struct Draft {
    marks: ChainMarks,
    /// There is no file of this network.
    new: bool,
    /// Some mark is not the durable one.
    moved: bool,
    outcome: Result<(), NotWritten>,
    waiting: Vec<Waiting>,
}

impl Draft {
    fn new(durable: Option<&ChainMarks>) -> Self {
        let marks = durable.cloned().unwrap_or_default();
        Self { marks, new: durable.is_none(), moved: false, outcome: Ok(()), waiting: Vec::new() }
    }

    /// `others` are the chains beside this one on which the key has marks.
    fn judge(&mut self, request: Request, others: usize) {
        let waiting = match request {
            Request::Clear { key, asked, terms, answer } => {
                Waiting::Clear(answer, self.clear(key, &asked, &terms, others))
            }
            Request::Lower { key, kind, mark, answer, .. } => {
                self.marks.entry(key).set(kind, mark);
                self.moved = true;
                Waiting::Raise(answer)
            }
            Request::Raise { marks, answer, .. } => {
                self.marks.join(&marks);
                // Written even where no mark moves: Signatory may have left one under the one of its two names only, and would sign
                // under the other.
                self.moved |= self.marks.iter().next().is_some();
                Waiting::Raise(answer)
            }
        };
        self.waiting.push(waiting);
    }

    fn clear(
        &mut self,
        key: PublicKeyHash,
        asked: &Asked,
        terms: &Terms,
        others: usize,
    ) -> Result<Clearance, WatermarkError> {
        let known = self.marks.get(&key);
        let stored = known.and_then(|marks| marks.get(asked.kind));
        let Cleared { clearance, write } = decide(stored, &key, asked, terms)?;
        if known.is_none() {
            room(&key, asked, terms, others)?;
        }
        if let Some(mark) = write {
            self.marks.entry(key).set(asked.kind, mark);
            self.moved = true;
        }
        Ok(clearance)
    }
}

/// Who waits for the group to be durable, and for what answer.
enum Waiting {
    Clear(oneshot::Sender<Result<Clearance, WatermarkError>>, Result<Clearance, WatermarkError>),
    /// And those who lower.
    Raise(oneshot::Sender<Result<(), WatermarkError>>),
}

impl Waiting {
    /// Answers. A refusal, too, may rest on a mark that was not written, so that it is none when the write failed.
    fn answer(self, written: &Result<(), NotWritten>) {
        let written = written.clone().map_err(|error| WatermarkError::Unavailable(error.into()));
        // Whoever asked may have gone away.
        match self {
            Self::Clear(answer, ruling) => {
                drop(answer.send(written.and(ruling)));
            }
            Self::Raise(answer) => drop(answer.send(written)),
        }
    }
}

/// How many chains other than `chain` the key has marks on, what is not durable yet included.
fn chains_beside(
    chain: ChainId,
    key: &PublicKeyHash,
    durable: &BTreeMap<ChainId, ChainMarks>,
    drafts: &BTreeMap<ChainId, Draft>,
) -> usize {
    let of_key = |(other, marks): (&ChainId, &ChainMarks)| {
        (*other != chain && marks.get(key).is_some()).then_some(*other)
    };
    let drafted = drafts.iter().map(|(other, draft)| (other, &draft.marks));
    durable.iter().chain(drafted).filter_map(of_key).collect::<BTreeSet<_>>().len()
}

/// The text of a file, no longer than what is read.
pub(super) fn print(printer: &mut Printer, marks: &ChainMarks) -> io::Result<String> {
    let text = printer.print_v2(marks);
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(text)
}

/// A file or folder that could not be written: told to everybody in the group.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{path} cannot be written")]
struct NotWritten {
    path: String,
    source: Arc<io::Error>,
}

impl NotWritten {
    fn new(path: &Path, source: io::Error) -> Self {
        Self { path: path.display().to_string(), source: Arc::new(source) }
    }
}

//! The one thread that writes. It takes what waits, commits it as one durable transaction, tells the observers and
//! then the committers. What was acknowledged is durable. What failed is taken back from the file; where the disk refuses that, too, the
//! committers hear that the outcome is unknown.

use std::{
    io, mem,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError},
    },
    time::Duration,
};

use tokio::{sync::oneshot, time::Instant};

use super::company::{Company, GROUP_LIMIT, LINGER};
use super::engine::{CommitFailed, CommitVerdict, Engine};
use super::error::EngineError;
use super::place::Place;
use super::records::Records;
use super::waiting::Outcome;
use super::witness::Keeper;
use crate::commit::{CommitError, NotWritten, OutcomeUnknown};
use crate::doubt::Doubts;
use crate::{backend::Observers, batch::Batch};

/// What the thread is asked for.
pub(super) enum Message {
    Commit(Request),
    /// A read met a database that refuses to work since an I/O error.
    Reopen,
    /// A witness is kept from now on.
    Keep(Keeper),
    /// What the records of a table take is asked for.
    Bytes(u8, oneshot::Sender<u64>),
    /// The witness is to be written; the answer is sent afterwards.
    Witness(Sender<()>),
}

/// A batch and who waits for it. If nobody waits any more, it is committed all the same.
pub(super) struct Request {
    pub(super) batch: Batch,
    pub(super) answer: oneshot::Sender<Outcome>,
}

/// What readers and the writing thread share.
#[derive(Default)]
pub(super) struct Shared {
    /// The records at the last acknowledged commit; `None` after the end.
    records: RwLock<Option<Arc<Records>>>,
    pub(super) observers: Observers,
    pub(super) doubts: Doubts,
    /// Commits that were sent and not answered.
    pub(super) in_flight: AtomicUsize,
    /// The number of the latest commit.
    pub(super) commits: Arc<AtomicU64>,
    /// The witness could not be written the last time.
    pub(super) witness_is_behind: AtomicBool,
}

impl Shared {
    pub(super) fn records(&self) -> Option<Arc<Records>> {
        self.records.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn show(&self, records: Option<Records>) {
        let records = records.map(Arc::new);
        // The old view goes after the lock.
        drop(mem::replace(&mut *self.records.write().unwrap_or_else(PoisonError::into_inner), records));
    }
}

/// The thread's state.
pub(super) struct Writer {
    engine: Engine,
    shared: Arc<Shared>,
    inbox: Receiver<Message>,
    /// The engine's last transaction failed, and it could not be opened again yet.
    broken: bool,
    /// The last commit failed: said once, not for every commit of a full disk.
    failing: bool,
    company: Company,
    /// Readers have asked to open the database again.
    reopen: bool,
    place: Arc<Place>,
    pause: Pause,
    /// Keeps the witness, where there is one.
    witness: Option<Keeper>,
    _telling: Telling,
}

/// How the thread waits.
pub(super) type Pause = Box<dyn Fn(Duration) + Send>;

/// Waits for real.
#[expect(clippy::disallowed_methods, reason = "a thread of its own, which tests give another pause")]
pub(super) fn pause(time: Duration) {
    std::thread::sleep(time);
}

impl Writer {
    /// Shows the records of `engine` to readers and makes ready to write.
    pub(super) fn new(
        engine: Engine,
        shared: Arc<Shared>,
        inbox: Receiver<Message>,
        place: Arc<Place>,
        pause: Pause,
    ) -> Result<Self, EngineError> {
        shared.show(Some(engine.records()?));
        shared.commits.store(engine.commits(), Ordering::SeqCst);
        Ok(Self {
            engine,
            _telling: Telling(shared.clone()),
            shared,
            inbox,
            broken: false,
            failing: false,
            company: Company::default(),
            reopen: false,
            place,
            pause,
            witness: None,
        })
    }

    /// Works until nobody can send any more; then leaves the file as after a clean shutdown.
    pub(super) fn run(mut self) {
        while let Some(group) = self.next_group() {
            self.commit(group);
            if self.witness_due_in().is_some_and(|wait| wait.is_zero()) {
                self.write_witness();
            }
        }
        self.shared.show(None);
        self.write_witness();
        self.witness.iter().for_each(Keeper::say_what_is_missing);
        let closed = if self.place.is_overwritten() {
            tracing::warn!("another program has written into the store file: it is left as it is");
            Ok(())
        } else if self.broken {
            Ok(())
        } else {
            self.engine.publish().and_then(|()| self.engine.close())
        };
        if let Err(error) = closed {
            tracing::warn!(%error, "the store was not closed cleanly; the next start repairs it");
        }
    }

    /// What waits, and what comes while the thread lingers; `None` at the end.
    fn next_group(&mut self) -> Option<Vec<Request>> {
        let mut group = Vec::new();
        while group.is_empty() {
            let first = self.receive()?;
            self.take(first, &mut group);
            self.take_waiting(&mut group);
        }
        let enough = self.company.enough(self.shared.in_flight.load(Ordering::Relaxed));
        let begin = Instant::now();
        let mut waited = false;
        while group.len() < enough && !waited {
            match self.inbox.recv_timeout(LINGER.saturating_sub(begin.elapsed())) {
                Ok(message) => {
                    self.take(message, &mut group);
                    self.take_waiting(&mut group);
                }
                Err(_) => waited = true,
            }
        }
        self.company.went(group.len(), waited);
        Some(group)
    }

    /// The next message; the witness is written when it is time and nothing comes. `None` at the end.
    fn receive(&mut self) -> Option<Message> {
        loop {
            let Some(wait) = self.witness_due_in() else { return self.inbox.recv().ok() };
            match self.inbox.recv_timeout(wait) {
                Ok(message) => return Some(message),
                Err(RecvTimeoutError::Timeout) => self.write_witness(),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    fn witness_due_in(&self) -> Option<Duration> {
        self.witness.as_ref()?.due_in(self.engine.commits(), Instant::now())
    }

    fn write_witness(&mut self) {
        if let Some(witness) = &mut self.witness
            && witness.due_in(self.engine.commits(), Instant::now()).is_some()
        {
            let knows_all = witness.write(self.engine.commits(), Instant::now());
            self.shared.witness_is_behind.store(!knows_all, Ordering::Relaxed);
        }
    }

    fn take_waiting(&mut self, group: &mut Vec<Request>) {
        while group.len() < GROUP_LIMIT {
            match self.inbox.try_recv() {
                Ok(message) => self.take(message, group),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        if mem::take(&mut self.reopen) {
            self.reopen();
        }
    }

    /// Opens the database again if it refuses to work. Many readers may ask for that at once.
    fn reopen(&mut self) {
        if self.engine.records().is_ok() || self.place.is_overwritten() {
            return;
        }
        // What an earlier recovery has staged goes to the file first: from one of which half is there, no third could go back.
        if self.broken || self.engine.publish_rest().is_ok() {
            self.recover();
        }
    }

    fn take(&mut self, message: Message, group: &mut Vec<Request>) {
        match message {
            Message::Commit(request) => group.push(request),
            Message::Reopen => self.reopen = true,
            Message::Keep(keeper) => {
                self.witness = Some(keeper);
                self.write_witness();
            }
            Message::Bytes(table, answer) => {
                // Whoever asked may have gone away.
                let _ = answer.send(self.engine.summary().bytes(table));
            }
            Message::Witness(done) => {
                self.write_witness();
                // Whoever asked may have gone away.
                let _ = done.send(());
            }
        }
    }

    fn commit(&mut self, group: Vec<Request>) {
        // What lands in a file that is not in its place any more is told to nobody as done.
        let outcome = self.try_commit(&group).and_then(|verdicts| {
            self.place.look_again(&self.pause).map_err(CommitFailed::displaced).map(|()| verdicts)
        });
        self.shared.in_flight.fetch_sub(group.len(), Ordering::Relaxed);
        match outcome {
            Ok(verdicts) => {
                if mem::take(&mut self.failing) {
                    tracing::warn!("the store can be written again");
                }
                for (request, verdict) in group.iter().zip(&verdicts) {
                    if *verdict == CommitVerdict::Applied {
                        self.shared.observers.tell(&request.batch.changes());
                    }
                }
                for (request, verdict) in group.into_iter().zip(verdicts) {
                    self.answer(
                        request,
                        match verdict {
                            CommitVerdict::Applied => Ok(()),
                            CommitVerdict::Conflict(key) => Err(CommitError::Conflict { key }),
                        },
                    );
                }
            }
            Err(failed) => {
                let is_unknown = failed.in_file;
                let error = failed.into_source();
                // That the file is not in its place, the place has said.
                let displaced = matches!(error, EngineError::Displaced(_));
                if !displaced && !mem::replace(&mut self.failing, true) {
                    tracing::error!(%error, "the store cannot be written");
                }
                let error = Arc::new(error);
                if is_unknown {
                    for Request { batch, .. } in &group {
                        self.shared.doubts.add(&batch.written());
                        self.shared.observers.tell(&batch.changes());
                    }
                }
                for request in group {
                    let error = if is_unknown {
                        OutcomeUnknown(Box::new(error.clone())).into()
                    } else {
                        not_written(&error).into()
                    };
                    self.answer(request, Err(error));
                }
            }
        }
    }

    fn answer(&self, Request { batch, answer }: Request, outcome: Outcome) {
        if answer.send(outcome).is_err() {
            // Whoever asked has gone away.
            self.shared.doubts.answer_abandoned(&batch.written());
        }
    }

    /// One durable transaction, and the new view for readers. An error has `in_file` only if it could not be taken back.
    fn try_commit(&mut self, group: &[Request]) -> Result<Vec<CommitVerdict>, CommitFailed> {
        self.make_ready().map_err(CommitFailed::early)?;
        let verdicts = match self.engine.commit(group.iter().map(|request| &request.batch)) {
            Ok(verdicts) => verdicts,
            Err(mut failed) => {
                failed.in_file &= match self.recover() {
                    Recovery::TakenBack => false,
                    Recovery::Broken | Recovery::Staged => true,
                };
                return Err(failed);
            }
        };
        self.shared.commits.store(self.engine.commits(), Ordering::SeqCst);
        match self.engine.records() {
            Ok(records) => self.shared.show(Some(records)),
            // The commit stands, so nobody may go on reading what was before it.
            Err(_) => match self.recover() {
                Recovery::Broken => self.shared.show(None),
                Recovery::Staged | Recovery::TakenBack => {}
            },
        }
        Ok(verdicts)
    }

    /// That the file is in its place, and that nothing of an earlier failure is left in it.
    fn make_ready(&mut self) -> Result<(), EngineError> {
        self.place.look(&self.pause)?;
        if self.broken && self.recover() == Recovery::Broken {
            return Err(EngineError::Io(io::Error::other("the database could not be opened again")));
        }
        // What an earlier failure left to take back comes first, and needs no new transaction when it fails.
        self.engine.publish_rest()?;
        self.shared.doubts.clear();
        Ok(())
    }

    /// Goes back to the last acknowledged commit. Readers keep their view until the new one stands.
    fn recover(&mut self) -> Recovery {
        self.broken = true;
        if self.place.is_overwritten() {
            // What is there now is another's: neither to be read as ours, nor to be written.
            return Recovery::Broken;
        }
        let recovered = self.engine.reopened().and_then(|engine| Ok((engine.records()?, engine)));
        match recovered {
            Ok((records, engine)) => {
                self.shared.show(Some(records));
                self.engine = engine;
                self.broken = false;
            }
            Err(error) => {
                tracing::error!(%error, "the database cannot be opened again yet");
                return Recovery::Broken;
            }
        }
        // Takes the failed commit out of the file now, if the disk lets us; else before the next commit.
        match self.engine.publish_rest() {
            Ok(()) => Recovery::TakenBack,
            Err(error) => {
                tracing::warn!(%error, "a failed commit is not yet taken back from the file");
                Recovery::Staged
            }
        }
    }
}

/// Ends with the thread, and says that nobody is told of changes any more: not even of one that was made when the thread ended in the middle
/// of its work.
struct Telling(Arc<Shared>);

impl Drop for Telling {
    fn drop(&mut self) {
        self.0.observers.lose_track();
    }
}

/// How far a failed commit was taken back.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Recovery {
    /// The file cannot be opened.
    Broken,
    /// Nobody reads the failed commit; the file may still hold it.
    Staged,
    /// The file does not hold it any more.
    TakenBack,
}

fn not_written(error: &Arc<EngineError>) -> NotWritten {
    let source = Box::new(error.clone());
    match &**error {
        EngineError::Damaged(what) => NotWritten::Damaged { record: what.clone() },
        EngineError::Io(io) => match io.kind() {
            // A limit on the size of files (RLIMIT_FSIZE) is no room, either.
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                NotWritten::Full(source)
            }
            io::ErrorKind::ReadOnlyFilesystem => NotWritten::ReadOnly(source),
            _ => NotWritten::Unavailable(source),
        },
        EngineError::Redb(_) | EngineError::Displaced(_) => NotWritten::Unavailable(source),
    }
}

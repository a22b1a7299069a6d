//! Runs several use cases at once in an order that the test chooses: the store gives way at every call, and a scheduler decides who
//! goes on. No threads, no time, so that a failing order can be run again.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use jwtis_store::{
    Backend, Batch, BoxFuture, CommitError, MemoryBackend, Observer, ReadError, RecordKey, SealedRecord,
    Snapshot, Store,
};

/// An engine in memory that gives way before and after every call.
pub struct Yielding(MemoryBackend);

pub fn yielding_store() -> Store {
    jwtis_store::testing::store_over(Arc::new(Yielding(MemoryBackend::new())))
}

impl Backend for Yielding {
    fn get<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<Option<SealedRecord>, ReadError>> {
        Box::pin(async move {
            give_way().await;
            let found = self.0.get(key).await;
            give_way().await;
            found
        })
    }

    fn scan<'a>(
        &'a self,
        table: u8,
        after: Option<&'a RecordKey>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(RecordKey, SealedRecord)>, ReadError>> {
        self.0.scan(table, after, limit)
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            give_way().await;
            let outcome = self.0.commit(batch).await;
            give_way().await;
            outcome
        })
    }

    fn observe(&self, observer: Observer) {
        self.0.observe(observer);
    }

    fn in_doubt(&self, key: &RecordKey) -> bool {
        self.0.in_doubt(key)
    }

    fn last(&self, table: u8) -> BoxFuture<'_, Result<Option<RecordKey>, ReadError>> {
        self.0.last(table)
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot>, ReadError> {
        self.0.snapshot()
    }
}

/// Pending once.
fn give_way() -> impl Future<Output = ()> {
    let mut gave = false;
    std::future::poll_fn(
        move |_| {
            if std::mem::replace(&mut gave, true) { Poll::Ready(()) } else { Poll::Pending }
        },
    )
}

/// Runs one future to its end.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return done;
        }
    }
}

/// A use case on its way.
pub type Racer<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// What an actor did: when it began and ended, in steps of the scheduler, and what came out.
#[derive(Debug)]
pub struct Ran<T> {
    pub began: usize,
    pub ended: usize,
    pub outcome: T,
}

/// Runs all actors to their end. Each number of `choices` picks, among those not yet done, who makes the next step; when the numbers
/// run out, the first one goes on.
pub fn interleave<'a, T>(actors: Vec<Racer<'a, T>>, choices: &[usize]) -> Vec<Ran<T>> {
    let mut ran: Vec<Option<Ran<T>>> = actors.iter().map(|_| None).collect();
    let mut waiting: Vec<(usize, Option<usize>, Racer<'a, T>)> =
        actors.into_iter().enumerate().map(|(number, actor)| (number, None, actor)).collect();
    let mut choices = choices.iter();
    let mut step = 0;
    while !waiting.is_empty() {
        let choice = choices.next().copied().unwrap_or(0) % waiting.len();
        let (number, began, actor) = &mut waiting[choice];
        let began = *began.get_or_insert(step);
        if let Poll::Ready(outcome) = actor.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            ran[*number] = Some(Ran { began, ended: step, outcome });
            drop(waiting.remove(choice));
        }
        step += 1;
    }
    ran.into_iter().map(Option::unwrap).collect()
}

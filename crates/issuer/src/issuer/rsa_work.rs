//! Work with RSA keys, which would hold up other requests: it runs on threads of its own. Elliptic curve keys are used and made on the
//! spot, because they cost less than the way to another thread.
//!
//! RSA keys are made one at a time, because it takes up to seconds. The admin is served first, then clients, then anybody, where
//! registration is open. A client waits in one place only, so no client delays the others by more than one key.

use std::sync::{Arc, Mutex, PoisonError};

use jwtis_base::audit::Actor;
use jwtis_base::client_id::ClientId;
use jwtis_base::env::Env;
use jwtis_jose::KeyError;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinError;

use crate::key::KeySet;
use crate::key::plan::KeyPlan;

const MAX_WAITING: usize = 16;

/// Threads that sign and decrypt at once: one for each core.
pub(super) struct SlowWork(Arc<Semaphore>);

impl Default for SlowWork {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from))))
    }
}

impl SlowWork {
    /// Runs `work` on a thread of its own. A panic of it goes on here.
    pub(super) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let permit = Arc::clone(&self.0).acquire_owned().await;
        let done = tokio::task::spawn_blocking(move || {
            // Held until the work is done, also when the caller has gone away.
            let _held = permit;
            work()
        });
        match done.await.map_err(JoinError::try_into_panic) {
            Ok(value) => value,
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            // The runtime is stopping, and this request with it.
            Err(Err(_)) => std::future::pending().await,
        }
    }
}

/// For whom keys are made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Requester {
    Admin,
    Client(ClientId),
    Anybody,
}

impl Requester {
    pub(super) fn of(actor: Actor, client: &ClientId) -> Self {
        match actor {
            Actor::Admin | Actor::Operator => Self::Admin,
            Actor::Client => Self::Client(client.clone()),
            Actor::Anybody => Self::Anybody,
        }
    }

    /// Lower ranks are served first.
    const fn rank(&self) -> u8 {
        match self {
            Self::Admin => 0,
            Self::Client(_) => 1,
            Self::Anybody => 2,
        }
    }
}

/// Why no keys were made.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain")]
pub enum KeyGenerationError {
    #[error("too many keys are being generated at the moment")]
    Busy,
    #[error("the keys could not be generated")]
    Keys(#[from] KeyError),
    #[error("the thread that makes keys failed")]
    Thread(#[from] JoinError),
}

#[derive(Clone, Default)]
pub(super) struct KeyGenerator(Arc<Mutex<KeyQueue>>);

#[derive(Default)]
struct KeyQueue {
    busy: bool,
    /// In order of arrival.
    waiting: Vec<WaitingRequest>,
}

struct WaitingRequest {
    requester: Requester,
    turn: oneshot::Sender<KeygenTurn>,
}

/// The right to make RSA keys; given back when dropped.
struct KeygenTurn(Option<KeyGenerator>);

impl KeyGenerator {
    pub(super) async fn generate(
        &self,
        plan: KeyPlan,
        env: Env,
        requester: Requester,
    ) -> Result<KeySet, KeyGenerationError> {
        if !plan.is_slow() {
            return Ok(plan.generate(&env)?);
        }
        let place = self.queue(requester).ok_or(KeyGenerationError::Busy)?;
        let turn = place.await.map_err(|_| KeyGenerationError::Busy)?;
        let made = tokio::task::spawn_blocking(move || {
            // Held until the work is done, also when the caller has gone away.
            let _held = turn;
            plan.generate(&env)
        });
        Ok(made.await??)
    }

    /// A place in the queue. `None` if the client has one already, or the queue is full.
    fn queue(&self, requester: Requester) -> Option<oneshot::Receiver<KeygenTurn>> {
        let (turn, place) = oneshot::channel();
        {
            let waiting = &mut self.0.lock().unwrap_or_else(PoisonError::into_inner).waiting;
            waiting.retain(|other| !other.turn.is_closed());
            let of_rank = waiting.iter().filter(|other| other.requester.rank() == requester.rank());
            let one_each = matches!(requester, Requester::Client(_));
            if of_rank.count() >= MAX_WAITING
                || (one_each && waiting.iter().any(|other| other.requester == requester))
            {
                return None;
            }
            waiting.push(WaitingRequest { requester, turn });
        }
        self.next();
        Some(place)
    }

    /// Gives the turn to the next in the queue, if nobody has it.
    fn next(&self) {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !queue.busy {
            let ranks = queue.waiting.iter().map(|waiting| waiting.requester.rank());
            let Some((first, _)) = ranks.enumerate().min_by_key(|(_, rank)| *rank) else { return };
            queue.busy = true;
            if let Err(mut turn) = queue.waiting.remove(first).turn.send(KeygenTurn(Some(self.clone()))) {
                // The caller has gone away. The drop must not give the turn back: it would wait for this lock.
                turn.0 = None;
                queue.busy = false;
            }
        }
    }
}

impl Drop for KeygenTurn {
    fn drop(&mut self) {
        let Some(keygen) = self.0.take() else { return };
        keygen.0.lock().unwrap_or_else(PoisonError::into_inner).busy = false;
        keygen.next();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(number: usize) -> Requester {
        Requester::Client(format!("client-{number}").parse().unwrap())
    }

    #[test]
    fn a_client_has_one_place_and_the_queue_has_an_end() {
        let keygen = KeyGenerator::default();
        let mut running = keygen.queue(client(0)).unwrap();
        let turn = running.try_recv().unwrap();
        let waiting = keygen.queue(client(0)).unwrap();
        assert!(keygen.queue(client(0)).is_none(), "one place for each client");
        let others: Vec<_> = (1..MAX_WAITING).map(|number| keygen.queue(client(number)).unwrap()).collect();
        assert!(keygen.queue(client(99)).is_none(), "the queue has an end");
        assert!(keygen.queue(Requester::Admin).is_some(), "the admin has a queue of their own");
        drop((waiting, others));
        assert!(keygen.queue(client(0)).is_some(), "places come back");
        drop(turn);
    }

    #[test]
    fn the_admin_is_first_then_clients_in_their_order_then_anybody() {
        let keygen = KeyGenerator::default();
        let turn = keygen.queue(Requester::Anybody).unwrap().try_recv().unwrap();
        let mut waiting: Vec<_> = [Requester::Anybody, client(1), client(2), client(3), Requester::Admin]
            .into_iter()
            .map(|requester| keygen.queue(requester).unwrap())
            .collect();
        drop(waiting.remove(2));
        let mut turn = Some(turn);
        for (next, name) in [(3, "the admin"), (1, "client 1"), (1, "client 3"), (0, "anybody")] {
            for receiver in &mut waiting {
                assert!(receiver.try_recv().is_err(), "before {name}");
            }
            drop(turn.take());
            turn = Some(waiting.remove(next).try_recv().expect(name));
        }
    }
}

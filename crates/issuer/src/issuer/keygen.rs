//! Where keys are made: elliptic curve keys on the spot, RSA keys, which take from tenths of a second to seconds, on threads of their
//! own and one at a time, so that a burst of registrations starves no token request.
//!
//! Who waits for RSA keys is served by rank: the admin, then clients, each with one request at most, then anybody, where registration is
//! open. So no client keeps the others waiting for more than one key.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use jwtis_base::client_id::ClientId;
use jwtis_base::env::Env;
use jwtis_jose::KeyError;
use tokio::sync::oneshot;
use tokio::task::JoinError;

use crate::key::KeySet;
use crate::key::plan::KeyPlan;

/// Requests of one rank that may wait; more are refused.
const WAITING: usize = 16;

/// For whom keys are made, the first served first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Requester {
    Admin,
    Client(ClientId),
    Anybody,
}

/// Makes key sets.
#[derive(Clone, Default)]
pub(super) struct KeyGenerator(Arc<Mutex<Queue>>);

#[derive(Default)]
struct Queue {
    /// Whether keys are being made.
    busy: bool,
    admin: VecDeque<Waiting>,
    clients: VecDeque<Waiting>,
    anybody: VecDeque<Waiting>,
}

struct Waiting {
    requester: Requester,
    turn: oneshot::Sender<Turn>,
}

/// Why no keys were made.
#[derive(Debug, thiserror::Error)]
pub(super) enum GenerateError {
    #[error("too many keys are being generated")]
    Busy,
    #[error(transparent)]
    Keys(#[from] KeyError),
    #[error("the thread that makes keys failed")]
    Failed(#[from] JoinError),
}

impl KeyGenerator {
    pub(super) async fn generate(
        &self,
        plan: KeyPlan,
        env: Env,
        requester: Requester,
    ) -> Result<KeySet, GenerateError> {
        if !plan.is_slow() {
            return Ok(plan.generate(&env)?);
        }
        let turn =
            self.queue(requester).ok_or(GenerateError::Busy)?.await.map_err(|_| GenerateError::Busy)?;
        let made = tokio::task::spawn_blocking(move || {
            // Held until the work is done, also when the caller has gone away.
            let _held = turn;
            plan.generate(&env)
        });
        Ok(made.await??)
    }

    /// A place in the queue; `None` where the requester has one already, or the queue is full.
    fn queue(&self, requester: Requester) -> Option<oneshot::Receiver<Turn>> {
        let (turn, wait) = oneshot::channel();
        {
            let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let rank = queue.rank(&requester);
            // Whoever has gone away waits no more.
            rank.retain(|waiting| !waiting.turn.is_closed());
            let one_each = match requester {
                Requester::Client(_) => true,
                Requester::Admin | Requester::Anybody => false,
            };
            if rank.len() >= WAITING
                || (one_each && rank.iter().any(|waiting| waiting.requester == requester))
            {
                return None;
            }
            rank.push_back(Waiting { requester, turn });
        }
        self.next();
        Some(wait)
    }

    /// Gives the turn to whoever is next, if nobody has it.
    fn next(&self) {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !queue.busy {
            let Some(waiting) = queue.pop() else { return };
            queue.busy = true;
            if let Err(mut turn) = waiting.turn.send(Turn(Some(self.clone()))) {
                // Gone away. The turn is not given back by its drop, which would wait for this lock.
                turn.0 = None;
                queue.busy = false;
            }
        }
    }
}

impl Queue {
    fn rank(&mut self, requester: &Requester) -> &mut VecDeque<Waiting> {
        match requester {
            Requester::Admin => &mut self.admin,
            Requester::Client(_) => &mut self.clients,
            Requester::Anybody => &mut self.anybody,
        }
    }

    fn pop(&mut self) -> Option<Waiting> {
        self.admin.pop_front().or_else(|| self.clients.pop_front()).or_else(|| self.anybody.pop_front())
    }
}

/// The right to make keys; given back when dropped.
struct Turn(Option<KeyGenerator>);

impl Drop for Turn {
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
        assert!(keygen.queue(client(0)).is_none(), "one waiting for each client");
        let others: Vec<_> = (1..WAITING).map(|number| keygen.queue(client(number)).unwrap()).collect();
        assert!(keygen.queue(client(99)).is_none(), "the queue has an end");
        assert!(keygen.queue(Requester::Admin).is_some(), "and the admin one of their own");
        drop((waiting, others));
        assert!(keygen.queue(client(0)).is_some(), "places come back");
        drop(turn);
    }

    #[test]
    fn the_admin_is_first_then_clients_in_their_order_then_anybody() {
        let keygen = KeyGenerator::default();
        let turn = keygen.queue(Requester::Anybody).unwrap().try_recv().unwrap();
        let mut waiting: Vec<_> = [Requester::Anybody, client(1), client(2), Requester::Admin]
            .into_iter()
            .map(|requester| keygen.queue(requester).unwrap())
            .collect();
        drop(waiting.remove(2));
        let mut turn = Some(turn);
        for (next, name) in [(2, "the admin"), (1, "a client"), (0, "anybody")] {
            for receiver in &mut waiting {
                assert!(receiver.try_recv().is_err(), "before {name}");
            }
            drop(turn.take());
            turn = Some(waiting.remove(next).try_recv().expect(name));
        }
    }
}

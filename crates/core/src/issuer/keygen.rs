//! Where keys are made: elliptic curve keys on the spot, RSA keys, which take from tenths of a second to seconds, on threads of their
//! own and few at a time, so that a burst of registrations starves no token request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jwtis_jose::KeyError;
use tokio::sync::Semaphore;
use tokio::task::JoinError;

use crate::env::Env;
use crate::key::KeySet;
use crate::key::plan::KeyPlan;

/// RSA generations that run at once.
const AT_ONCE: usize = 1;
/// RSA generations that may wait; more are refused.
const WAITING: usize = 16;

/// Makes key sets.
pub(super) struct KeyGenerator {
    slots: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
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

impl Default for KeyGenerator {
    fn default() -> Self {
        Self { slots: Arc::new(Semaphore::new(AT_ONCE)), waiting: Arc::default() }
    }
}

impl KeyGenerator {
    pub(super) async fn generate(&self, plan: KeyPlan, env: Env) -> Result<KeySet, GenerateError> {
        if !plan.is_slow() {
            return Ok(plan.generate(&env)?);
        }
        let place = Place::take(&self.waiting).ok_or(GenerateError::Busy)?;
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| GenerateError::Busy)?;
        let made = tokio::task::spawn_blocking(move || {
            // Both are held until the work is done, also when the caller has gone away.
            let _held = (place, slot);
            plan.generate(&env)
        });
        Ok(made.await??)
    }
}

/// A place in the queue; given back when dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(waiting: &Arc<AtomicUsize>) -> Option<Self> {
        let taken = waiting.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| {
            (count < AT_ONCE + WAITING).then(|| count + 1)
        });
        taken.ok().map(|_| Self(Arc::clone(waiting)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_has_an_end_and_places_come_back() {
        let waiting = Arc::default();
        let mut places: Vec<_> = (0..AT_ONCE + WAITING).map(|_| Place::take(&waiting).unwrap()).collect();
        assert!(Place::take(&waiting).is_none());
        places.pop();
        assert!(Place::take(&waiting).is_some());
    }
}

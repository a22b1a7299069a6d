//! Work with RSA keys, which takes from tenths of a millisecond to milliseconds: apart from the async workers, so that it holds up no other
//! request. Elliptic curve keys are used on the spot: they cost less than the way to another thread.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Threads that work with RSA keys at once: one for each core.
pub(super) struct Apart(Arc<Semaphore>);

impl Default for Apart {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from))))
    }
}

impl Apart {
    /// Runs `work` on a thread that may be kept busy. A panic of it goes on here.
    pub(super) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let permit = Arc::clone(&self.0).acquire_owned().await;
        let done = tokio::task::spawn_blocking(move || {
            // Held until the work is done, also when the caller has gone away.
            let _held = permit;
            work()
        });
        match done.await.map_err(tokio::task::JoinError::try_into_panic) {
            Ok(value) => value,
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            // The runtime is stopping, and this request with it.
            Err(Err(_)) => std::future::pending().await,
        }
    }
}

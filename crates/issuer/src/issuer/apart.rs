//! Work with RSA keys, which takes from tenths of a millisecond to milliseconds: apart from the async workers, so that it holds up no other
//! request. Elliptic curve keys are used on the spot: they cost less than the way to another thread.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::Issuer;
use crate::client::Client;

/// Threads that work with RSA keys at once: one for each core.
pub(super) struct Apart(Arc<Semaphore>);

impl Default for Apart {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from))))
    }
}

impl Issuer {
    /// Runs `work` on a thread that may be kept busy. A panic of it goes on here.
    pub(crate) async fn apart<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let permit = Arc::clone(&self.0.apart.0).acquire_owned().await;
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

    /// Opens a token with keys of the client: on the spot, or apart where one of them is slow.
    pub(crate) async fn open_with<T: Send + 'static>(
        &self,
        client: &Arc<Client>,
        token: &str,
        open: impl FnOnce(&Client, &str) -> T + Send + 'static,
    ) -> T {
        if !client.keys.entries().iter().any(|entry| entry.keys.decrypts_slowly()) {
            return open(client, token);
        }
        let (client, token) = (Arc::clone(client), token.to_owned());
        self.apart(move || open(&client, &token)).await
    }
}

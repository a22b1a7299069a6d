//! Work with slow keys, apart from the async workers.

use std::sync::Arc;

use super::Issuer;
use crate::client::Client;

impl Issuer {
    /// Runs `work` on a thread that may be kept busy. A panic of it goes on here.
    pub(crate) async fn apart<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        self.0.apart.run(work).await
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

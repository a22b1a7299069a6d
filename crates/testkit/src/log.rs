//! What a test logs, as lines of JSON.

use std::io;
use std::sync::{Arc, LazyLock, Mutex};

use serde_json::Value;
use tracing::Dispatch;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::filter::EnvFilter;

/// Collects what is logged.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Collects what this thread logs until the guard is dropped, `filter` as in `RUST_LOG`.
    pub fn listen(&self, filter: &str) -> DefaultGuard {
        let (format, writer) = (tracing_subscriber::fmt().json(), self.clone());
        let subscriber = format.with_env_filter(EnvFilter::new(filter)).with_writer(move || writer.clone());
        listen(subscriber.finish())
    }

    /// As [`Self::listen`], of lines as people read them, from INFO on.
    pub fn listen_in_text(&self) -> DefaultGuard {
        let writer = self.clone();
        let format = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
        listen(format.finish())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Gives what was logged, and begins anew.
    pub fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }

    pub fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The lines of one target.
    pub fn of(&self, target: &str) -> Vec<Value> {
        self.lines().into_iter().filter(|line| line["target"] == target).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn listen(subscriber: impl Into<Dispatch>) -> DefaultGuard {
    // While there is one subscriber in the process, `tracing` asks whichever thread meets an event first whether anybody listens,
    // and remembers its no for all threads. With two it asks each thread.
    static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(tracing_subscriber::registry()));
    LazyLock::force(&SECOND);
    tracing::dispatcher::set_default(&subscriber.into())
}

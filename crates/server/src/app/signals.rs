//! What the operating system tells the process: stop, or read the configuration again.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing::info;

/// From here on a write beyond the limit on the size of files (`ulimit -f`, RLIMIT_FSIZE) fails with EFBIG, which counts as a full disk.
/// Without this, SIGXFSZ ends the process.
///
/// # Errors
/// When the operating system takes no handler.
pub fn survive_file_size_limits() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let _entered = runtime.enter();
    // The handler stays for the life of the process, also when nobody listens (tokio::signal::unix::Signal).
    signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).map(drop)
}

/// Wishes to reload from the beginning of the process on. From here on SIGHUP does not end it: `systemctl reload` may come while it starts.
#[derive(Debug)]
pub struct EarlyHangups(Signal);

impl EarlyHangups {
    /// Takes SIGHUP over. It needs no runtime.
    ///
    /// # Errors
    /// When the operating system takes no handler.
    pub fn take() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let _entered = runtime.enter();
        signal(SignalKind::hangup()).map(Self)
    }
}

/// The handlers of signals. From here on neither SIGTERM and SIGINT nor SIGHUP end the process by themselves.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Takes the signals over.
    ///
    /// # Errors
    /// When the operating system takes no handler.
    pub fn take(EarlyHangups(hangup): EarlyHangups) -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup,
        })
    }

    /// A future that is ready when the process is told to stop (SIGTERM or SIGINT), and the wishes to reload (SIGHUP, which comes
    /// with `systemctl reload` and with a terminal that closes). It needs a runtime.
    pub fn split(self) -> (impl Future<Output = ()> + Send + 'static, Hangups) {
        let Self { mut terminate, mut interrupt, mut hangup } = self;
        let stop = async move {
            let signal = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            info!(signal, "told to stop");
        };
        let (asked, hangups) = watch::channel(());
        tokio::spawn(async move { while hangup.recv().await.is_some() && asked.send(()).is_ok() {} });
        (stop, Hangups(Some(hangups)))
    }
}

/// Wishes to reload. Several that come while one is being fulfilled are one. Each clone is told of each.
#[derive(Clone, Debug)]
pub struct Hangups(Option<watch::Receiver<()>>);

impl Hangups {
    /// A process that is never asked to: tests.
    #[must_use]
    pub const fn never() -> Self {
        Self(None)
    }

    /// The next wish.
    pub(super) async fn next(&mut self) {
        let asked = match &mut self.0 {
            Some(asked) => asked.changed().await.is_ok(),
            None => false,
        };
        if !asked {
            std::future::pending::<()>().await;
        }
    }
}

//! Log lines on their way to standard error. A thread of its own writes them, so that a reader who stalls stops nobody: no request waits for
//! a line or fails because of one. Lines that find no room are dropped and counted, and the log says how many once there is room again.

use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Bytes of lines that may wait.
const MAX_WAITING_BYTES: usize = 4 * 1024 * 1024;
/// How long the end of the process waits for lines that are still to be written.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// The lines that wait. Clones are the same queue.
#[derive(Clone, Debug, Default)]
pub(crate) struct LineQueue(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// A line has come.
    filled: Condvar,
    /// Everything has been written.
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<Vec<u8>>,
    /// Bytes of `lines`, and of those that the thread is writing.
    bytes: usize,
    /// Lines dropped since the last report.
    dropped: u64,
}

impl LineQueue {
    /// Starts the thread, which writes every line to `writer`. It calls `report` with the number of dropped lines once all that waited
    /// has been written.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(
        writer: impl Write + Send + 'static,
        report: impl Fn(u64) + Send + 'static,
    ) -> io::Result<Self> {
        let queue = Self::default();
        let ours = queue.clone();
        thread::Builder::new().name("log".to_owned()).spawn(move || ours.write_to(writer, report))?;
        Ok(queue)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Never blocks on the reader.
    fn push(&self, line: &[u8]) {
        let mut state = self.lock();
        match state.bytes.checked_add(line.len()).filter(|bytes| *bytes <= MAX_WAITING_BYTES) {
            Some(bytes) => {
                state.bytes = bytes;
                state.lines.push(line.to_owned());
                drop(state);
                self.0.filled.notify_one();
            }
            None => state.dropped = state.dropped.saturating_add(1),
        }
    }

    fn write_to(&self, mut writer: impl Write, report: impl Fn(u64)) {
        loop {
            let mut state = self.lock();
            while state.lines.is_empty() {
                state = self.0.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            let lines = mem::take(&mut state.lines);
            drop(state);
            // A line that a full disk does not take is lost.
            let lost = lines.iter().filter(|line| writer.write_all(line).is_err()).count();
            let written: usize = lines.iter().map(Vec::len).sum();

            let mut state = self.lock();
            state.bytes = state.bytes.saturating_sub(written);
            // A writer that takes nothing gets no report either: that would be lost, and reported in turn.
            let dropped = if lost == 0 { mem::take(&mut state.dropped) } else { 0 };
            if state.lines.is_empty() {
                self.0.emptied.notify_all();
            }
            drop(state);
            if dropped > 0 {
                report(dropped);
            }
        }
    }

    /// Waits until every line has been written, for [`FLUSH_LIMIT`] at most.
    pub(crate) fn flush(&self) {
        let waiting = |state: &mut State| state.bytes > 0;
        drop(self.0.emptied.wait_timeout_while(self.lock(), FLUSH_LIMIT, waiting));
    }
}

impl<'a> MakeWriter<'a> for LineQueue {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// `tracing` writes each event whole, in one call.
impl Write for LineQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A reader who takes a line only when told to.
    struct Stalled {
        go: Receiver<()>,
        seen: Sender<Vec<u8>>,
    }

    impl Write for Stalled {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.go.recv().map_err(io::Error::other)?;
            self.seen.send(line.to_owned()).map_err(io::Error::other)?;
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stalled_reader_blocks_nobody_and_hears_afterwards_how_many_lines_it_missed() {
        let (tell, go) = channel();
        let (seen, lines) = channel();
        let (reported, reports) = channel();
        let queue =
            LineQueue::start(Stalled { go, seen }, move |dropped| reported.send(dropped).unwrap()).unwrap();
        let line = vec![b'x'; MAX_WAITING_BYTES / 4];
        for _ in 0..7 {
            queue.push(&line);
        }
        // Four fit, whether or not the thread has one of them in its hands.
        for _ in 0..4 {
            tell.send(()).unwrap();
            assert_eq!(lines.recv().unwrap(), line);
        }
        assert_eq!(reports.recv().unwrap(), 3);
        queue.push(b"next");
        tell.send(()).unwrap();
        assert_eq!(lines.recv().unwrap(), b"next");
        queue.flush();
        assert_eq!(queue.lock().bytes, 0);
    }
}

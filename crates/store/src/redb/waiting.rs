//! Who waits for the outcome of a commit, and may go away before.

use tokio::sync::oneshot;

use crate::{commit::CommitError, doubt::Doubts, sealed::RecordKey};

/// What became of a commit.
pub(super) type Outcome = Result<(), CommitError>;

/// Waits for the outcome of a commit that the thread was sent. If it goes away before, what the commit writes is in doubt until there is
/// an outcome.
pub(super) struct Waiting<'d> {
    doubts: &'d Doubts,
    written: Vec<RecordKey>,
    answer: oneshot::Receiver<Outcome>,
    heard: bool,
}

impl<'d> Waiting<'d> {
    pub(super) fn new(
        doubts: &'d Doubts,
        written: Vec<RecordKey>,
        answer: oneshot::Receiver<Outcome>,
    ) -> Self {
        Self { doubts, written, answer, heard: false }
    }

    /// The outcome; `None` if the thread has ended in the middle of its work.
    pub(super) async fn outcome(mut self) -> Option<Outcome> {
        let outcome = (&mut self.answer).await.ok();
        self.heard = outcome.is_some();
        outcome
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.heard {
            return;
        }
        let answer = &mut self.answer;
        self.doubts.abandon(&self.written, || {
            // From here on the thread cannot answer; what it has answered is here.
            answer.close();
            answer.try_recv().is_ok()
        });
    }
}

//! Notices that files have changed (`watch_config`), by what they hold: times and sizes lie on some file systems, and editors and
//! orchestrators replace files in many ways.

use std::path::PathBuf;
use std::time::Duration;

use aws_lc_rs::digest;

use crate::config::limited;

/// Pause between two looks. A change is noticed at the second look that finds the same, so that no file is read half-written.
const PAUSE: Duration = Duration::from_secs(1);

/// Files, and what they held when they were last dealt with.
#[derive(Debug)]
pub(super) struct Watch {
    files: Vec<PathBuf>,
    settled: Option<Seen>,
}

/// A digest of all files; one that cannot be read counts as empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Seen(Vec<u8>);

impl Watch {
    /// Watches `files`, as they are now.
    pub(super) async fn new(files: Vec<PathBuf>) -> Self {
        let settled = look(files.clone()).await;
        Self { files, settled }
    }

    /// What the files hold now.
    pub(super) async fn look(&self) -> Option<Seen> {
        look(self.files.clone()).await
    }

    /// Ready when the files hold something else than what was settled, and have not changed since the look before.
    pub(super) async fn changed(&self) {
        let mut before = None;
        loop {
            tokio::time::sleep(PAUSE).await;
            let now = self.look().await;
            if now != self.settled && now == before {
                return;
            }
            before = now;
        }
    }

    /// `seen` has been dealt with. From now on `files` are watched, where others are to be.
    pub(super) async fn settle(&mut self, seen: Option<Seen>, files: Option<Vec<PathBuf>>) {
        match files.filter(|files| *files != self.files) {
            Some(files) => *self = Self::new(files).await,
            None => self.settled = seen,
        }
    }
}

async fn look(files: Vec<PathBuf>) -> Option<Seen> {
    let read = move || {
        let mut all = digest::Context::new(&digest::SHA256);
        for file in &files {
            let bytes = limited::file(file, limited::MAX_INPUT_BYTES).unwrap_or_default();
            all.update(digest::digest(&digest::SHA256, &bytes).as_ref());
        }
        Seen(all.finish().as_ref().to_vec())
    };
    tokio::task::spawn_blocking(read).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_change_is_noticed_once_it_stands_still_and_only_then() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("jwtis.yaml");
        std::fs::write(&file, "a").unwrap();
        let mut watch = Watch::new(vec![file.clone()]).await;
        let patience = PAUSE * 10;
        assert!(tokio::time::timeout(patience, watch.changed()).await.is_err(), "nothing has changed");

        std::fs::write(&file, "b").unwrap();
        tokio::time::timeout(patience, watch.changed()).await.unwrap();
        let seen = watch.look().await;
        watch.settle(seen, None).await;
        assert!(tokio::time::timeout(patience, watch.changed()).await.is_err(), "it was dealt with");

        std::fs::remove_file(&file).unwrap();
        tokio::time::timeout(patience, watch.changed()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_never_stands_still_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("jwtis.yaml");
        std::fs::write(&file, "0").unwrap();
        let watch = Watch::new(vec![file.clone()]).await;
        let writer = async {
            // Between the looks, so that each finds another content.
            tokio::time::sleep(PAUSE / 2).await;
            for number in 1..20 {
                std::fs::write(&file, number.to_string()).unwrap();
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::select! {
            () = watch.changed() => panic!("it was still being written"),
            () = writer => {}
        }
    }
}

//! Notices that files have changed (`watch_config`), by what they hold: times and sizes lie on some file systems, and editors and
//! orchestrators replace files in many ways.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use aws_lc_rs::digest;

use crate::config::limited;

/// Pause between two looks. A change is noticed at the second look that finds the same, so that no file is read half-written.
pub(super) const PAUSE: Duration = Duration::from_secs(1);
/// How often a file is read that changes meanwhile.
const ATTEMPTS: usize = 4;

/// Files, and a digest of what each held when it was looked at. One that cannot be read, or is no file,
/// counts as empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen(BTreeMap<PathBuf, Vec<u8>>);

impl Seen {
    /// Looks at `files`. It reads them, so it blocks.
    pub fn look(files: impl IntoIterator<Item = PathBuf>) -> Self {
        let look = |file: PathBuf| {
            // A pipe can be read only once, and not by us.
            let readable =
                file.is_file().then(|| limited::file(&file, limited::MAX_INPUT_BYTES).ok()).flatten();
            let digest = digest::digest(&digest::SHA256, &readable.unwrap_or_default());
            (file, digest.as_ref().to_vec())
        };
        Self(files.into_iter().map(look).collect())
    }

    /// Turns to `files`: of those that were looked at already the first look counts, since they may have been read after it.
    pub(super) fn follow(&mut self, files: Vec<PathBuf>) {
        let (known, new): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| self.0.contains_key(file));
        self.0.retain(|file, _| known.contains(file));
        self.0.extend(Self::look(new).0);
    }

    /// Another look at the same files; they count as unchanged where there are no threads to look.
    pub(super) async fn again(&self) -> Self {
        let files: Vec<PathBuf> = self.0.keys().cloned().collect();
        tokio::task::spawn_blocking(move || Self::look(files)).await.unwrap_or_else(|_| self.clone())
    }

    /// Ready when the files hold something else, and have not changed since the look before. It looks every `pause`.
    pub(super) async fn changed(&self, pause: Duration) {
        let mut before = None;
        loop {
            tokio::time::sleep(pause).await;
            let now = Some(self.again().await);
            if now.as_ref() != Some(self) && now == before {
                return;
            }
            before = now;
        }
    }
}

/// What `read` finds while `file` stays as it is: the first part of a file that is being written may be well-formed, and allow what the
/// whole forbids. `None` where it changes each time.
pub(super) fn undisturbed<T>(file: Option<PathBuf>, mut read: impl FnMut() -> T) -> Option<T> {
    let look = || Seen::look(file.clone());
    let mut before = look();
    for _ in 0..ATTEMPTS {
        let found = read();
        let after = look();
        if after == before {
            return Some(found);
        }
        before = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_change_is_noticed_once_it_stands_still_and_only_then() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("jwtis.yaml");
        std::fs::write(&file, "a").unwrap();
        let watch = Seen::look([file.clone()]);
        let patience = PAUSE * 10;
        assert!(tokio::time::timeout(patience, watch.changed(PAUSE)).await.is_err(), "nothing has changed");

        std::fs::write(&file, "b").unwrap();
        tokio::time::timeout(patience, watch.changed(PAUSE)).await.unwrap();
        let watch = watch.again().await;
        assert!(tokio::time::timeout(patience, watch.changed(PAUSE)).await.is_err(), "it was dealt with");

        std::fs::remove_file(&file).unwrap();
        tokio::time::timeout(patience, watch.changed(PAUSE)).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_never_stands_still_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("jwtis.yaml");
        std::fs::write(&file, "0").unwrap();
        let watch = Seen::look([file.clone()]);
        let writer = async {
            // Between the looks, so that each finds another content.
            tokio::time::sleep(PAUSE / 2).await;
            for number in 1..20 {
                std::fs::write(&file, number.to_string()).unwrap();
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::select! {
            () = watch.changed(PAUSE) => panic!("it was still being written"),
            () = writer => {}
        }
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("jwtis.yaml");
        let parts = ["tezos: {a: {allow: {generic: }", "tezos: {a: {allow: {generic: }, jwt_users: []}}"];
        std::fs::write(&file, parts[0]).unwrap();
        let read = || {
            let found = std::fs::read_to_string(&file).unwrap();
            std::fs::write(&file, parts[1]).unwrap();
            found
        };
        assert_eq!(undisturbed(Some(file.clone()), read).as_deref(), Some(parts[1]));

        let mut number = 0;
        let never_still = || {
            number += 1;
            std::fs::write(&file, number.to_string()).unwrap();
        };
        assert_eq!(undisturbed(Some(file.clone()), never_still), None);
        assert_eq!(undisturbed(None, || 7), Some(7));
    }

    #[test]
    fn of_files_that_stay_the_look_before_they_were_read_counts() {
        let folder = tempfile::tempdir().unwrap();
        let files: Vec<PathBuf> = ["a", "b", "c"].iter().map(|name| folder.path().join(name)).collect();
        let [a, b, c] = &files[..] else { panic!() };
        std::fs::write(a, "1").unwrap();
        let mut seen = Seen::look([a.clone(), b.clone()]);
        std::fs::write(a, "2").unwrap();
        seen.follow(vec![a.clone(), c.clone()]);
        assert_ne!(seen, Seen::look([a.clone(), c.clone()]), "the change of a is forgotten");
        std::fs::write(a, "1").unwrap();
        assert_eq!(seen, Seen::look([a.clone(), c.clone()]));
    }
}

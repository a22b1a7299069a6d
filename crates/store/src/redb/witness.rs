//! The witness: a small file beside a store that tells which store it is and the highest commit seen.
//!
//! A store that is behind its witness was rolled back: an older copy of the file was put in its place. The file is
//! written only after the store's own sync, so it is never ahead of the store. It is written at most once a second, at
//! each backup and when the store is closed; what a killed process committed in its last second, it does not know.
//!
//! ```text
//! jwtis witness 1
//! store 4f1c…            (the store's id)
//! commit 1234
//! mac 9a0b…              (HMAC-SHA-256 of the lines above, under a subkey of the data key)
//! ```

use std::{
    fmt, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::{
    paths,
    witness_place::{HEAD, MAX_BYTES, check_replaceable},
};
use crate::{open_error::OpenError, seal::Keys};

/// Time between two writes.
const PAUSE: Duration = Duration::from_secs(1);

/// The place of the witness of the store at `path`, unless a setting names another. A store has one, whichever links lead to it.
pub(crate) fn beside(path: &Path) -> PathBuf {
    let target = std::fs::read_link(path).and_then(|_| paths::resolve(path)).map(|(target, _)| target);
    let mut name = target.unwrap_or_else(|_| path.to_owned()).into_os_string();
    name.push(".witness");
    PathBuf::from(name)
}

/// The highest commit that the witness at `path` has seen of the store `id`; `None` without a witness.
pub(super) fn read(path: &Path, keys: &Keys, id: &[u8; 16]) -> Result<Option<u64>, OpenError> {
    let text = match read_text(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let damaged = || OpenError::WitnessDamaged { witness: path.to_owned() };
    let text = text.ok_or_else(damaged)?;
    let (signed, mac) = text.rsplit_once("mac ").ok_or_else(damaged)?;
    let lines: Vec<&str> = signed.lines().collect();
    let [HEAD, store, commit] = lines[..] else { return Err(damaged()) };
    let (Some(store), Some(commit)) = (store.strip_prefix("store "), commit.strip_prefix("commit ")) else {
        return Err(damaged());
    };
    if store != hex(id) {
        return Err(OpenError::WitnessOfAnother { witness: path.to_owned() });
    }
    let commit = commit.parse().map_err(|_| damaged())?;
    // What is written for this store and commit is the only text that is right.
    let same = keys.witness_verifies(signed.as_bytes(), &unhex(mac.trim_end()).unwrap_or_default());
    if same && text_of(id, commit, &hex(&keys.witness_mac(signed.as_bytes()))) == text {
        Ok(Some(commit))
    } else {
        Err(damaged())
    }
}

fn read_text(path: &Path) -> io::Result<Option<String>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8(bytes).ok())
}

/// Writes the witness, durably, in place of the one that is there. A file that is no witness stays as it is.
pub(super) fn write(path: &Path, keys: &Keys, id: &[u8; 16], commit: u64) -> Result<(), OpenError> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let mac = hex(&keys.witness_mac(head_of(id, commit).as_bytes()));
    // Who holds the store's lock is the only one that writes here.
    let new = paths::sibling(path, "new")?;
    check_replaceable(path)?;
    check_replaceable(&new)?;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(text_of(id, commit, &mac).as_bytes())?;
    file.sync_data()?;
    Ok(std::fs::rename(&new, path)?)
}

fn head_of(id: &[u8; 16], commit: u64) -> String {
    format!("{HEAD}\nstore {}\ncommit {commit}\n", hex(id))
}

fn text_of(id: &[u8; 16], commit: u64, mac: &str) -> String {
    format!("{}mac {mac}\n", head_of(id, commit))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// Keeps the witness of an open store.
pub(super) struct Keeper {
    path: PathBuf,
    keys: Arc<Keys>,
    id: [u8; 16],
    pace: Pace,
    /// The last write failed: said once.
    failing: bool,
}

impl Keeper {
    /// For the witness at `path`, which knows of no commit yet.
    pub(super) fn new(path: PathBuf, keys: Arc<Keys>, id: [u8; 16]) -> Self {
        Self { path, keys, id, pace: Pace::default(), failing: false }
    }

    /// How long until the witness is to be written; `None` while it knows all.
    pub(super) fn due_in(&self, commit: u64, now: Instant) -> Option<Duration> {
        self.pace.due_in(commit, now)
    }

    /// Writes it, unless it knows a later commit: then a copy of the store went on elsewhere, and nobody may forget that. The store does not
    /// stop for a witness that cannot be written. Says whether it knows all.
    pub(super) fn write(&mut self, commit: u64, now: Instant) -> bool {
        let written = match read(&self.path, &self.keys, &self.id) {
            Ok(Some(seen)) if seen > commit => Ok(()),
            Ok(_) | Err(_) => write(&self.path, &self.keys, &self.id, commit),
        };
        match written {
            Ok(()) => self.failing = false,
            Err(error) if !self.failing => {
                self.failing = true;
                let error = &error as &dyn std::error::Error;
                tracing::warn!(path = %self.path.display(), error, "the store's witness cannot be written");
            }
            Err(_) => {}
        }
        // A failed write is tried again after the same pause.
        self.pace.wrote((!self.failing).then_some(commit), now);
        !self.failing
    }

    /// The last word: what a witness does not know now, it never hears.
    pub(super) fn say_what_is_missing(&self) {
        if self.failing {
            tracing::error!(
                path = %self.path.display(),
                "the store's witness could not be written before the stop: an older copy of the store that lacks the last changes will not be noticed"
            );
        }
    }
}

/// Looks at the witness of an open store for a commit that this process did not make: then a copy of the store went on elsewhere.
pub(super) struct Watch {
    path: PathBuf,
    keys: Arc<Keys>,
    id: [u8; 16],
    /// The number of this process's latest commit.
    commits: Arc<AtomicU64>,
    /// The witness that was read last, and was right.
    known: Mutex<Option<Stamp>>,
    /// A later commit was seen. That stays so.
    later: AtomicBool,
}

/// Device, inode, and when it changed in seconds and nanoseconds: tells one witness from the next, which is another file.
type Stamp = (u64, u64, i64, i64);

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Watch {
    pub(super) fn new(path: PathBuf, keys: Arc<Keys>, id: [u8; 16], commits: Arc<AtomicU64>) -> Self {
        Self { path, keys, id, commits, known: Mutex::default(), later: AtomicBool::new(false) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the witness knows of a later commit, or did once. One that is gone or no witness of this store knows nothing; the next start
    /// judges it.
    pub(super) fn knows_later(&self) -> bool {
        if self.later.load(Ordering::Relaxed) {
            return true;
        }
        // Before it is read: what is put there meanwhile is read the next time.
        let stamp = std::fs::metadata(&self.path).ok();
        let stamp = stamp.map(|there| (there.dev(), there.ino(), there.ctime(), there.ctime_nsec()));
        if *self.known.lock().unwrap_or_else(PoisonError::into_inner) == stamp {
            return false;
        }
        let seen = read(&self.path, &self.keys, &self.id).ok().flatten();
        // After it was read: our own thread may have written it just now.
        if seen.is_some_and(|seen| seen > self.commits.load(Ordering::SeqCst)) {
            self.later.store(true, Ordering::Relaxed);
            return true;
        }
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = stamp;
        false
    }
}

/// When the witness is written: at most once in [`PAUSE`], and never much later.
#[derive(Default)]
struct Pace {
    known: Option<u64>,
    last: Option<Instant>,
}

impl Pace {
    fn due_in(&self, commit: u64, now: Instant) -> Option<Duration> {
        if self.known == Some(commit) {
            return None;
        }
        Some(
            self.last
                .map_or(Duration::ZERO, |last| PAUSE.saturating_sub(now.saturating_duration_since(last))),
        )
    }

    fn wrote(&mut self, commit: Option<u64>, now: Instant) {
        self.known = commit.or(self.known);
        self.last = Some(now);
    }
}

/// Whether something is at the witness's place.
pub(super) fn exists(path: &Path) -> io::Result<bool> {
    paths::exists(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::DataKey;

    #[test]
    fn is_written_at_most_once_a_second_and_not_without_a_new_commit() {
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let mut pace = Pace::default();
        assert_eq!(pace.due_in(7, start), Some(Duration::ZERO), "the first is written at once");
        pace.wrote(Some(7), start);
        assert_eq!(pace.due_in(7, after(5000)), None, "nothing new");
        assert_eq!(pace.due_in(8, after(400)), Some(Duration::from_millis(600)));
        assert_eq!(pace.due_in(9, after(1000)), Some(Duration::ZERO));
        pace.wrote(None, after(1000));
        assert_eq!(
            pace.due_in(9, after(1300)),
            Some(Duration::from_millis(700)),
            "a failed write waits, too"
        );
    }

    #[test]
    fn reads_back_and_every_changed_byte_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w");
        let keys = Keys::derive(&DataKey::random().unwrap()).unwrap();
        assert!(matches!(read(&path, &keys, &[5; 16]), Ok(None)));
        write(&path, &keys, &[5; 16], 1234).unwrap();
        assert!(matches!(read(&path, &keys, &[5; 16]), Ok(Some(1234))));
        assert!(matches!(read(&path, &keys, &[6; 16]), Err(OpenError::WitnessOfAnother { .. })));
        let other = Keys::derive(&DataKey::random().unwrap()).unwrap();
        assert!(matches!(read(&path, &other, &[5; 16]), Err(OpenError::WitnessDamaged { .. })));

        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            std::fs::write(&path, changed).unwrap();
            assert!(read(&path, &keys, &[5; 16]).is_err(), "byte {at}");
            std::fs::write(&path, &whole[..at]).unwrap();
            assert!(read(&path, &keys, &[5; 16]).is_err(), "cut at {at}");
        }
        std::fs::write(&path, [&whole[..], b"\n"].concat()).unwrap();
        assert!(read(&path, &keys, &[5; 16]).is_err(), "a byte more");
    }

    #[test]
    fn a_file_that_is_no_witness_is_not_replaced_and_neither_is_one_at_the_place_of_its_draft() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::derive(&DataKey::random().unwrap()).unwrap();
        for (witness, taken) in [("keys.db", "keys.db"), ("keys", "keys.new")] {
            let taken = folder.path().join(taken);
            std::fs::write(&taken, "redb and more").unwrap();
            let refused = write(&folder.path().join(witness), &keys, &[5; 16], 7);
            assert!(matches!(refused, Err(OpenError::WitnessMisplaced { .. })), "{witness}: {refused:?}");
            assert_eq!(std::fs::read(&taken).unwrap(), b"redb and more");
        }
    }
}

//! Opening the folder of marks: making it, whole or not at all, from what older ones hold; locking it; and reading it. What older folders
//! hold is joined at every start, since Signatory, or who put a folder back, may have been there in between.
//!
//! What is read here is trusted from now on: the very message of a mark is signed again without a write. So everything is made
//! durable first, whoever wrote it: a process that was killed before it could, or Signatory, which never does.
//!
//! A file that was there and is gone, or has no mark any more, is refused: what it forbade would be forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use jwtis_tezos::ChainId;
use jwtis_tezos::watermark::format::{ChainMarks, Printer};
use tokio::time::Instant;

use super::writer::print;
use super::{FileError, Lost, times, witness};
use crate::watermark::disk::{Disk, Entry};
use crate::watermark::import;
use crate::watermark::import::{ImportError, Version};
use crate::watermark::{MarkIo, WatermarkObserver};

/// The file that is locked.
pub(super) const LOCK: &str = ".lock";

/// How names begin of files that are being written; digits follow, as in Signatory.
pub(super) const TEMPORARY: &str = "watermark";

/// How names begin of folders that are being made; a number follows.
const UNFINISHED: &str = "watermark_v2.new-";

/// The folder, locked, and what it says.
pub(super) struct Opened<L> {
    pub(super) folder: PathBuf,
    pub(super) lock: L,
    pub(super) marks: BTreeMap<ChainId, ChainMarks>,
    /// What older folders hold and `marks` lack: to be raised before anybody is answered.
    pub(super) older: BTreeMap<ChainId, ChainMarks>,
    pub(super) notices: Vec<String>,
}

/// Opens `watermark_v2` below `base_dir`.
pub(super) fn open<D: Disk>(
    disk: &D,
    base_dir: &Path,
    lost: Lost,
    observer: &dyn WatermarkObserver,
) -> Result<Opened<D::Lock>, FileError> {
    let older = import::older(disk, base_dir)?;
    let folder = Version::V2.folder(base_dir);
    let witnessed = match lost {
        Lost::Refuse => witness::read(disk, base_dir)?,
        Lost::BeginAnew => BTreeSet::new(),
    };
    let mut notices: Vec<String> = older
        .iter()
        .map(|found| {
            format!(
                "the watermarks of {} were taken over, the higher one stands: it can be removed",
                found.folder.display()
            )
        })
        .collect();
    let mut older = import::join(base_dir, older)?;
    notices.append(&mut older.notices);
    if !import::is_folder(disk, &folder)? {
        if !witnessed.is_empty() {
            return Err(FileError::lost(
                &folder,
                "is gone, and the witness beside it says that it held watermarks",
            ));
        }
        make(disk, base_dir, &folder, &older.marks)?;
    }
    let lock = disk.lock(&folder.join(LOCK)).map_err(|source| FileError::io(&folder.join(LOCK), source))?;
    let lock = lock.ok_or_else(|| FileError::InUse(folder.display().to_string()))?;
    remove_leftovers(disk, base_dir, &folder).map_err(|source| FileError::io(&folder, source))?;

    let begin = Instant::now();
    let mut files = BTreeSet::new();
    let each = |file: &D::File, chain| {
        files.insert(chain);
        disk.sync(file)
    };
    let found =
        import::read(disk, &folder, Some(Version::V2), each).map_err(FileError::from).and_then(|found| {
            disk.sync_folder(&folder).map_err(|source| FileError::io(&folder, source))?;
            disk.sync_folder(base_dir).map_err(|source| FileError::io(base_dir, source))?;
            Ok(found)
        });
    observer.io(super::NAME, MarkIo::Read, found.is_ok(), begin.elapsed());
    let mut found = found?;
    // A file without a key has no entry; one with keys that have no marks has.
    found.marks.retain(|_, marks| marks.iter().any(|(_, marks)| !marks.is_empty()));
    let timed = timed(disk, &folder)?;
    match lost {
        Lost::Refuse => {
            let json = |chain: &ChainId| folder.join(format!("{chain}.json"));
            if let Some(chain) = files.iter().find(|chain| !found.marks.contains_key(chain)) {
                return Err(FileError::lost(&json(chain), "has no watermarks: it was emptied"));
            }
            if let Some(chain) = witnessed.union(&timed).find(|chain| !files.contains(chain)) {
                return Err(FileError::lost(&json(chain), "is gone, and it was there before"));
            }
        }
        Lost::BeginAnew => {
            for chain in timed.iter().filter(|chain| !found.marks.contains_key(chain)) {
                let path = folder.join(format!("{chain}{}", times::SUFFIX));
                disk.remove(&path).map_err(|source| FileError::io(&path, source))?;
            }
        }
    }
    for (chain, marks) in &mut found.marks {
        let path = folder.join(format!("{chain}{}", times::SUFFIX));
        if timed.contains(chain) {
            marks.join(&read_times(disk, &path)?);
        } else if witnessed.contains(chain) {
            // The witness names a network when its times are durable, and not before.
            return Err(FileError::lost(&path, "is gone, and it was there before"));
        } else {
            make_times(disk, &folder, &path, marks).map_err(|source| FileError::io(&path, source))?;
        }
    }
    let chains: BTreeSet<ChainId> = found.marks.keys().copied().collect();
    if chains != witnessed || lost == Lost::BeginAnew {
        witness::write(disk, base_dir, &chains)
            .map_err(|source| FileError::io(&witness::path(base_dir), source))?;
    }
    notices.extend(found.notices);
    let marks = found.marks;
    older.marks.retain(|chain, older| {
        let before = marks.get(chain).cloned().unwrap_or_default();
        let mut joined = before.clone();
        joined.join(older);
        older.iter().any(|(_, marks)| !marks.is_empty()) && joined != before
    });
    Ok(Opened { folder, lock, marks, older: older.marks, notices })
}

/// The networks that have a file of times.
fn timed<D: Disk>(disk: &D, folder: &Path) -> Result<BTreeSet<ChainId>, FileError> {
    let names = disk.list(folder).map_err(|source| FileError::io(folder, source))?;
    let files = names.iter().filter(|(_, entry)| *entry == Entry::File);
    Ok(files.filter_map(|(name, _)| name.strip_suffix(times::SUFFIX)?.parse().ok()).collect())
}

fn read_times<D: Disk>(disk: &D, path: &Path) -> Result<ChainMarks, FileError> {
    let io = |source| FileError::io(path, source);
    let mut file = disk.open(path).map_err(io)?;
    let bytes = disk.read(&mut file, import::MAX_FILE_BYTES).map_err(io)?;
    disk.sync(&file).map_err(io)?;
    let bad = |reason: String| FileError::Marks(ImportError::new(path, reason));
    let text = String::from_utf8(bytes).map_err(|error| bad(error.to_string()))?;
    times::parse(&text).map_err(bad)
}

/// Makes the file of times of a network that the witness does not know: its file is Signatory's, or of a version that kept no times, or
/// its maker was killed.
fn make_times<D: Disk>(disk: &D, folder: &Path, path: &Path, marks: &ChainMarks) -> io::Result<()> {
    // Leftovers of that name were removed.
    let temporary = folder.join(format!("{TEMPORARY}0"));
    let mut file = disk.create(&temporary)?;
    disk.write(&mut file, times::print(marks).as_bytes())?;
    disk.sync(&file)?;
    disk.rename(&temporary, path)?;
    disk.sync_folder(folder)
}

/// Makes the folder with the marks of older ones. It gets its name when all is in it: a folder that is there is never half of one,
/// and of two processes that make one at once the later is refused by the name.
fn make<D: Disk>(
    disk: &D,
    base_dir: &Path,
    folder: &Path,
    older: &BTreeMap<ChainId, ChainMarks>,
) -> Result<(), FileError> {
    make_base(disk, base_dir).map_err(|source| FileError::io(base_dir, source))?;
    let unfinished = make_unfinished(disk, base_dir).map_err(|source| FileError::io(base_dir, source))?;
    let filled = fill(disk, &unfinished, older);
    filled.map_err(|source| FileError::io(&unfinished, source))?;
    match disk.rename(&unfinished, folder) {
        Ok(()) => {}
        Err(_) if import::is_folder(disk, folder)? => {
            // Somebody else was quicker, and read the same older folders.
            disk.remove_folder(&unfinished).map_err(|source| FileError::io(&unfinished, source))?;
            return Ok(());
        }
        Err(source) => return Err(FileError::io(folder, source)),
    }
    disk.sync_folder(base_dir).map_err(|source| FileError::io(base_dir, source))
}

/// Makes the base folder and those above it, each durable in the one above.
fn make_base<D: Disk>(disk: &D, path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || disk.look(path)?.is_some() {
        return Ok(());
    }
    let above = match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        _ => Path::new("."),
    };
    make_base(disk, above)?;
    disk.make_folder(path)?;
    disk.sync_folder(above)
}

/// An empty folder of a name that nobody else has.
fn make_unfinished<D: Disk>(disk: &D, base_dir: &Path) -> io::Result<PathBuf> {
    for number in 0..1000 {
        let path = base_dir.join(format!("{UNFINISHED}{number}"));
        match disk.make_folder(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| path),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn fill<D: Disk>(disk: &D, folder: &Path, marks: &BTreeMap<ChainId, ChainMarks>) -> io::Result<()> {
    // A folder with something in it is not replaced by a renaming.
    let lock = disk.create(&folder.join(LOCK))?;
    disk.sync(&lock)?;
    for (chain, marks) in marks {
        let mut file = disk.create(&folder.join(format!("{chain}.json")))?;
        disk.write(&mut file, print(&mut Printer::default(), marks)?.as_bytes())?;
        disk.sync(&file)?;
    }
    disk.sync_folder(folder)
}

/// Removes what processes left behind that were killed: files that did not become marks, and folders that did not get their name.
/// Under the lock, so that the files are nobody's; and a folder's maker has lost anyhow, since there is `watermark_v2`.
fn remove_leftovers<D: Disk>(disk: &D, base_dir: &Path, folder: &Path) -> io::Result<()> {
    for (name, entry) in disk.list(folder)? {
        if entry == Entry::File && is_numbered(&name, TEMPORARY) {
            disk.remove(&folder.join(name))?;
        }
    }
    for (name, entry) in disk.list(base_dir)? {
        if entry == Entry::Folder && is_numbered(&name, UNFINISHED) {
            match disk.remove_folder(&base_dir.join(name)) {
                // Its maker has just removed it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed?,
            }
        }
    }
    Ok(())
}

fn is_numbered(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix)
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

impl From<ImportError> for FileError {
    fn from(error: ImportError) -> Self {
        Self::Marks(error)
    }
}

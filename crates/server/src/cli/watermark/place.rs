//! Where marks are kept: our store, or files as Signatory has them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use jwtis_signer::watermark::file::{FileError, FileWatermarks};
use jwtis_signer::watermark::import;
use jwtis_signer::watermark::store::StoreWatermarks;
use jwtis_signer::watermark::{WatermarkObserver, Watermarks};
use jwtis_store::Store;
use jwtis_tezos::watermark::JumpRules;

use super::{Marks, V2_FOLDER, unavailable};
use crate::cli::failure::{disk_hint, warn};
use crate::cli::store_file::StoreAtRest;
use crate::cli::{Failure, config as configuration, serve};
use crate::config::signer::WatermarkDriver;

/// Where the marks are: as --driver says, else as the configuration file does, else in the store.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// What keeps the marks. Without it the configuration file's `watermark.driver`, else `store`.
    #[arg(long, value_name = "DRIVER")]
    driver: Option<Driver>,
    /// Base folder of the driver `file`. Without it the configuration file's `base_dir`.
    #[arg(long, value_name = "DIR")]
    base_dir: Option<PathBuf>,
    #[command(flatten)]
    store: StoreAtRest,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug, ValueEnum)]
enum Driver {
    /// The store.
    Store,
    /// Signatory's files.
    File,
}

/// A place that is decided.
enum Kept {
    Store,
    Files(PathBuf),
}

impl Place {
    /// The marks as they stand. Files are only read: no lock, nothing taken over.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) fn read(&self) -> Result<Marks, Failure> {
        match self.decide()? {
            Kept::Store => {
                let keeper = self.open_store()?;
                serve::runtime()?.block_on(keeper.marks()).map_err(|error| unavailable(&error))
            }
            Kept::Files(base) => {
                existing(&base)?;
                let found = import::from_base_dir(&base).map_err(|error| {
                    Failure::refused("the marks cannot be read")
                        .because(&error)
                        .hint("mend or remove that file; docs/signer.md says how marks are kept")
                })?;
                let found = found.unwrap_or_default();
                for notice in &found.notices {
                    warn(notice);
                }
                Ok(found.marks)
            }
        }
    }

    /// The keeper of the marks, which nobody else has open.
    ///
    /// # Errors
    /// When somebody has, or it cannot be opened.
    pub(super) fn open(&self) -> Result<Box<dyn Watermarks>, Failure> {
        match self.decide()? {
            Kept::Store => Ok(Box::new(self.open_store()?)),
            Kept::Files(base) => {
                existing(&base)?;
                Ok(Box::new(open_files(&base)?))
            }
        }
    }

    /// How far levels may rise, as the configuration file says.
    ///
    /// # Errors
    /// With exit code 2 when it has faults.
    pub(super) fn jumps(&self) -> Result<JumpRules, Failure> {
        let signer = self.store.file.config().map(configuration::signer).transpose()?.flatten();
        Ok(signer.map(|signer| signer.rules.jumps).unwrap_or_default())
    }

    /// Every place whose marks a start brings together.
    ///
    /// # Errors
    /// When nobody says where they are, or one cannot be opened.
    pub(super) fn copies(&self) -> Result<Copies, Failure> {
        let signer = self.store.file.config().map(configuration::signer).transpose()?.flatten();
        match (self.decide()?, signer) {
            (Kept::Files(base_dir), signer) => {
                existing(&base_dir)?;
                // Marks that the store may have of the time before its driver was `file`. Without a configuration nobody has said so.
                let path = self.store.file.path()?;
                let has_store = signer.is_some() && serve::store_exists(&path)?;
                let store = has_store.then(|| self.store.open()).transpose()?;
                Ok(Copies { is_store: false, base_dir, store })
            }
            (Kept::Store, Some(signer)) => {
                let store = Some(self.store.open()?);
                Ok(Copies { is_store: true, base_dir: signer.base_dir, store })
            }
            (Kept::Store, None) => Err(Failure::usage(
                "nobody says which base folder the server reads watermarks from, and the higher one there would come back",
            )
            .hint("give the server's configuration file by -c FILE")),
        }
    }

    fn open_store(&self) -> Result<StoreWatermarks, Failure> {
        Ok(StoreWatermarks::new(self.store.open()?, nobody()))
    }

    fn decide(&self) -> Result<Kept, Failure> {
        let signer = match (self.driver, self.store.file.config()) {
            (None, Some(path)) => configuration::signer(path)?,
            (Some(Driver::File), Some(path)) if self.base_dir.is_none() => configuration::signer(path)?,
            _ => None,
        };
        let driver = match (self.driver, signer.as_ref().map(|signer| signer.watermark)) {
            (Some(driver), _) => driver,
            (None, Some(WatermarkDriver::File)) => Driver::File,
            (None, Some(WatermarkDriver::Mem)) => {
                return Err(Failure::usage(
                    "the driver `mem` keeps its marks in the server, which forgets them when it stops",
                )
                .hint("use the driver `store` or `file`"));
            }
            (None, Some(WatermarkDriver::Store)) => Driver::Store,
            // A base folder is of files and of nothing else.
            (None, None) if self.base_dir.is_some() => Driver::File,
            (None, None) => Driver::Store,
        };
        match (driver, &self.base_dir) {
            (Driver::Store, None) => Ok(Kept::Store),
            (Driver::Store, Some(_)) => {
                Err(Failure::usage("--base-dir is of the driver `file`, and these marks are in the store")
                    .hint("leave --base-dir out, or say --driver file"))
            }
            (Driver::File, Some(base)) => Ok(Kept::Files(base.clone())),
            (Driver::File, None) => match signer {
                Some(signer) => Ok(Kept::Files(signer.base_dir)),
                None => Err(Failure::usage("nobody says which folder the driver `file` keeps its marks in")
                    .hint("give --base-dir DIR, or the server's configuration file by -c FILE")),
            },
        }
    }
}

/// All places of marks.
pub(super) struct Copies {
    /// Whether the store is what the signer asks; else the files below the base folder.
    pub(super) is_store: bool,
    /// Where files of marks are, or were.
    pub(super) base_dir: PathBuf,
    /// The store, where there is one.
    pub(super) store: Option<Store>,
}

/// Whether there is a folder of marks of the newest version below `base`.
pub(super) fn has_files(base: &Path) -> bool {
    base.join(V2_FOLDER).is_dir()
}

/// The files below a base folder, locked.
///
/// # Errors
/// When another process has them, or one cannot be read.
pub(super) fn open_files(base: &Path) -> Result<FileWatermarks, Failure> {
    let (files, notices) = FileWatermarks::open(base, nobody()).map_err(|error| {
        Failure::refused(format!("the marks below {} cannot be opened", base.display()))
            .because(&*error)
            .hint(hint(error.downcast_ref()))
    })?;
    for notice in notices {
        warn(notice);
    }
    Ok(files)
}

fn hint(error: Option<&FileError>) -> &'static str {
    match error {
        Some(FileError::InUse(_)) => {
            "stop the server that keeps its marks there, run this again, and start it"
        }
        Some(FileError::Lost { .. }) => {
            "bring the file back from where it went; if what was signed does not matter, start the server once with --new-watermarks"
        }
        Some(FileError::Marks(_)) => "mend or remove that file; docs/signer.md says how marks are kept",
        Some(FileError::Io { source, .. }) => disk_hint(source),
        None => "look at the folder and its disk, and run it again",
    }
}

/// That the folder is there: a misspelt one would hold no marks, and be made.
fn existing(base: &Path) -> Result<(), Failure> {
    if base.is_dir() {
        return Ok(());
    }
    Err(Failure::usage(format!("there is no folder {}", base.display()))
        .hint("--base-dir, or base_dir of the configuration file, is the folder that has watermark_v2 in it"))
}

pub(super) fn nobody() -> Arc<dyn WatermarkObserver> {
    Arc::new(())
}

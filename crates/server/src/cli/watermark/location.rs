//! Where watermarks are kept: the store, or the file of the driver `file`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use jwtis_base::{Env, rollback};
use jwtis_signer::Watermarks as _;
use jwtis_signer::watermark::file::{self, FileError, FileWatermarks, Lost};
use jwtis_signer::watermark::import::{self, Busy, ImportFault};
use jwtis_signer::watermark::store::StoreWatermarks;
use jwtis_tezos::watermark::{AllWatermarks, JumpRules};

use super::keeper::{WatermarkKeeper, unavailable};
use crate::cli::failure::{disk_hint, warn};
use crate::cli::signer_start::{LOST_HINT, engine_hint};
use crate::cli::store_file::StoreAtRest;
use crate::cli::{Failure, config as configuration, opening, runtime};
use crate::config::signer::WatermarkDriver;

/// Where the watermarks are: as --driver says, else as the configuration file does, else in the store.
#[derive(Debug, Args)]
pub(crate) struct Location {
    /// What keeps the watermarks. Without it the configuration file's `watermark.driver`, else `store`.
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
    /// A file of their own below the base folder.
    File,
}

/// Where they are, as was decided.
enum WatermarkPlace {
    Store,
    File(PathBuf),
}

impl Location {
    /// The watermarks as they stand. The driver `file` is only read: nothing is taken over. `busy` says what is done while a server has it.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) fn read(&self, busy: Busy) -> Result<AllWatermarks, Failure> {
        match self.decide()? {
            WatermarkPlace::Store => {
                let kept = StoreWatermarks::new(self.store.open()?, Arc::new(()));
                runtime::runtime()?
                    .block_on(async {
                        if let Some(back) = kept.rolled_back().await? {
                            warn(format_args!(
                                "{}: watermarks may be lower than what was signed",
                                back.why()
                            ));
                        }
                        kept.all().await
                    })
                    .map_err(|error| unavailable(&error))
            }
            WatermarkPlace::File(base) => {
                existing(&base)?;
                let found = runtime::runtime()?.block_on(import::from_base_dir(&base, busy));
                let found = found.map_err(|error| {
                    let hint = match error.fault {
                        ImportFault::InUse => {
                            "stop the server that keeps its watermarks there, run this again, and start it"
                        }
                        ImportFault::Lost => LOST_HINT,
                        ImportFault::Unreadable => {
                            "mend or remove that file; docs/reference/watermarks.md says how watermarks are kept"
                        }
                    };
                    Failure::refused("the watermarks cannot be read").because(&error).hint(hint)
                })?;
                let found = found.unwrap_or_default();
                for notice in &found.notices {
                    warn(notice);
                }
                Ok(found.watermarks)
            }
        }
    }

    /// The keeper of the watermarks, which nobody else has open.
    ///
    /// # Errors
    /// When somebody has, or it cannot be opened.
    pub(super) fn open(&self) -> Result<WatermarkKeeper, Failure> {
        match self.decide()? {
            WatermarkPlace::Store => self.open_store(),
            WatermarkPlace::File(base) => {
                existing(&base)?;
                open_file(&base)
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

    /// Every keeper whose watermarks a start brings together, the one that the signer asks last; and the base folder.
    ///
    /// # Errors
    /// When nobody says where they are, or one cannot be opened.
    pub(super) fn everywhere(&self) -> Result<(PathBuf, Vec<WatermarkKeeper>), Failure> {
        let signer = self.store.file.config().map(configuration::signer).transpose()?.flatten();
        match (self.decide()?, signer) {
            (WatermarkPlace::File(base_dir), signer) => {
                existing(&base_dir)?;
                // What the store may have of the time before its driver was `file`. Without a configuration nobody has said so.
                let path = self.store.file.path()?;
                let has_store = signer.is_some() && opening::store_exists(&path)?;
                let store = has_store.then(|| self.open_store()).transpose()?;
                let file = open_file(&base_dir)?;
                Ok((base_dir, store.into_iter().chain([file]).collect()))
            }
            (WatermarkPlace::Store, Some(signer)) => {
                let base_dir = signer.base_dir;
                let copy = if file::exists(&base_dir) {
                    Some(open_file(&base_dir)?)
                } else {
                    base_dir.is_dir().then(|| WatermarkKeeper::Signatory(base_dir.clone()))
                };
                let store = self.open_store()?;
                Ok((base_dir, copy.into_iter().chain([store]).collect()))
            }
            (WatermarkPlace::Store, None) => Err(Failure::usage(
                "nobody says which base folder the server reads watermarks from, and the higher one there would come back",
            )
            .hint("give the server's configuration file by -c FILE")),
        }
    }

    fn open_store(&self) -> Result<WatermarkKeeper, Failure> {
        Ok(WatermarkKeeper::Store(StoreWatermarks::new(self.store.open()?, Arc::new(()))))
    }

    fn decide(&self) -> Result<WatermarkPlace, Failure> {
        let signer = match (self.driver, self.store.file.config()) {
            (None, Some(path)) => configuration::signer(path)?,
            (Some(Driver::File), Some(path)) if self.base_dir.is_none() => configuration::signer(path)?,
            (Some(Driver::File | Driver::Store), Some(_)) | (None | Some(_), None) => None,
        };
        let driver = match (self.driver, signer.as_ref().map(|signer| signer.watermark)) {
            (Some(driver), _) => driver,
            (None, Some(WatermarkDriver::File)) => Driver::File,
            (None, Some(WatermarkDriver::Mem)) => {
                return Err(Failure::usage(
                    "the driver `mem` keeps its watermarks in the server, which forgets them when it stops",
                )
                .hint("use the driver `store` or `file`"));
            }
            (None, Some(WatermarkDriver::Store)) => Driver::Store,
            // A base folder is of files and of nothing else.
            (None, None) if self.base_dir.is_some() => Driver::File,
            (None, None) => Driver::Store,
        };
        match (driver, &self.base_dir) {
            (Driver::Store, None) => Ok(WatermarkPlace::Store),
            (Driver::Store, Some(_)) => Err(Failure::usage(
                "--base-dir is of the driver `file`, and these watermarks are in the store",
            )
            .hint("leave --base-dir out, or say --driver file")),
            (Driver::File, Some(base)) => Ok(WatermarkPlace::File(base.clone())),
            (Driver::File, None) => match signer {
                Some(signer) => Ok(WatermarkPlace::File(signer.base_dir)),
                None => {
                    Err(Failure::usage("nobody says which folder the driver `file` keeps its watermarks in")
                        .hint("give --base-dir DIR, or the server's configuration file by -c FILE"))
                }
            },
        }
    }
}

/// The file below a base folder, locked.
fn open_file(base: &Path) -> Result<WatermarkKeeper, Failure> {
    let (file, notices) = runtime::runtime()?
        .block_on(FileWatermarks::open(base, Lost::Refuse, Env::system().now(), Arc::new(())))
        .map_err(|error| cannot_open(base, &error))?;
    for notice in notices {
        warn(notice);
    }
    Ok(WatermarkKeeper::File(file))
}

/// That watermarks below a base folder cannot be used.
pub(super) fn cannot_open(base: &Path, error: &FileError) -> Failure {
    let hint = match error {
        FileError::InUse(_) => {
            "stop the server that keeps its watermarks there, run this again, and start it"
        }
        FileError::Lost { .. } => {
            "bring the file back from where it went; if what was signed does not matter, start the server once with --new-watermarks"
        }
        FileError::Watermarks(_) => {
            "mend or remove that file; docs/reference/watermarks.md says how watermarks are kept"
        }
        FileError::Engine { source, .. } => engine_hint(source),
        FileError::Io { source, .. } => disk_hint(source),
        FileError::StoreWentBack(_) => rollback::HINT,
        FileError::NotTaken { .. } => "look at the folder and its disk, and run it again",
    };
    Failure::refused(format!("the watermarks below {} cannot be opened", base.display()))
        .because(error)
        .hint(hint)
}

/// That the folder is there: a misspelt one would hold no watermarks, and be made.
fn existing(base: &Path) -> Result<(), Failure> {
    if base.is_dir() {
        return Ok(());
    }
    Err(Failure::usage(format!("there is no folder {}", base.display()))
        .hint("--base-dir, or base_dir of the configuration file, is the folder that has watermark_v2 in it"))
}

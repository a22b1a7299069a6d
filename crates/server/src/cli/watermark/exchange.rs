//! `jwtis watermark import` and `export`: from Signatory, and back to it.

use std::path::{Path, PathBuf};

use clap::Args;
use jwtis_signer::watermark::copy;
use jwtis_signer::watermark::import::{self, Busy, FoundWatermarks, ImportFault};

use super::location::{Location, cannot_open};
use super::raise::raise_all;
use super::table::{changes, show_changes};
use crate::cli::failure::warn;
use crate::cli::signer_start::LOST_HINT;
use crate::cli::{CliOutcome, Failure, Output, runtime};

/// The folder below a base folder of Signatory in which its files are.
const V2_FOLDER: &str = "watermark_v2";

#[derive(Debug, Args)]
pub(crate) struct WatermarkImport {
    /// Signatory's `base_dir`, or the folder in it.
    folder: PathBuf,
    /// Do not ask where a level is higher than the chain can have gone.
    #[arg(long)]
    yes: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    location: Location,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Signatory's `base_dir`, which gets a folder `watermark_v2`; or such a folder.
    folder: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    location: Location,
}

impl WatermarkImport {
    pub(super) fn run(&self, out: &mut Output<'_>) -> CliOutcome {
        let found = read_folder(&self.folder)?;
        for notice in &found.notices {
            warn(notice);
        }
        let changes = raise_all(&self.location, &found.watermarks, self.yes)?;
        show_changes(&changes, self.json, out)?;
        said(self.json, out, format_args!("taken over from {}", found.folder.display()))
    }
}

impl Export {
    pub(super) fn run(&self, out: &mut Output<'_>) -> CliOutcome {
        let watermarks = self.location.read(Busy::Refuse)?;
        let base = base_folder(&self.folder);
        let (before, after) = copy::export(&base, &watermarks).map_err(|error| cannot_open(&base, &error))?;
        show_changes(&changes(&watermarks, &before, &after), self.json, out)?;
        said(self.json, out, format_args!("written to {}", base.join(V2_FOLDER).display()))
    }
}

/// The watermarks below a base folder, or in a folder of Signatory's files.
fn read_folder(folder: &Path) -> Result<FoundWatermarks, Failure> {
    if !folder.is_dir() {
        return Err(Failure::usage(format!("{} is not a folder", folder.display())).hint(
            "name Signatory's base_dir, by default /var/lib/signatory, or a folder of watermarks in it",
        ));
    }
    let found = match runtime::runtime()?.block_on(import::from_base_dir(folder, Busy::Refuse)) {
        Ok(Some(found)) => Ok(found),
        Ok(None) => import::from_folder(folder),
        Err(error) => Err(error),
    };
    let found = found.map_err(|error| {
        let hint = match error.fault {
            ImportFault::InUse => "stop the server that keeps its watermarks there, and run this again",
            ImportFault::Lost => LOST_HINT,
            ImportFault::Unreadable => {
                "mend or remove that file: a watermark that is passed over would be forgotten"
            }
        };
        Failure::refused("the watermarks cannot be taken over, and none was").because(&error).hint(hint)
    })?;
    if found.watermarks.values().all(|watermarks| watermarks.iter().next().is_none()) {
        return Err(Failure::refused(format!("there are no watermarks in {}", folder.display()))
            .hint("name Signatory's base_dir, or the folder watermark_v2, watermark_v1 or watermark in it"));
    }
    Ok(found)
}

/// The base folder that `export` writes below.
fn base_folder(folder: &Path) -> PathBuf {
    match (folder.file_name(), folder.parent()) {
        (Some(name), Some(parent)) if name == V2_FOLDER && !parent.as_os_str().is_empty() => {
            parent.to_path_buf()
        }
        (Some(name), _) if name == V2_FOLDER => PathBuf::from("."),
        _ => folder.to_path_buf(),
    }
}

/// A last line for people.
fn said(as_json: bool, out: &mut Output<'_>, text: std::fmt::Arguments<'_>) -> CliOutcome {
    if as_json { Ok(()) } else { out.line(format_args!("\n{text}")) }
}

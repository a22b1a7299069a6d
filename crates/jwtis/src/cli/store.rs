//! `jwtis store`: look after a store file. All but a hot backup need a store that no server has open.

mod clock;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use jwtis_core::IssuerSettings;
use jwtis_store::{OpenError, Password, Report, Restored, TableInfo, change_password, check, info, restore};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use self::clock::StoreClock;
use super::api::{As, Connection};
use super::failure::disk_hint;
use super::output::{TextTable, printable};
use super::store_file::{PasswordArgs, StoreFile};
use super::{Failure, Outcome, Output, first_start, password, prompt, serve};
use crate::config::read_secret_file;

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Say what a store says of itself without its password: format, size, password slots, records.
    Info {
        #[command(flatten)]
        store: StoreFile,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Unseal every record and count the damaged ones. Ends with 3 if there are any.
    Check {
        #[command(flatten)]
        store: StoreFile,
        #[command(flatten)]
        password: PasswordArgs,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Change the password. The new one is asked for, or comes from a file or JWTIS_NEW_PSWD.
    Passwd {
        #[command(flatten)]
        store: StoreFile,
        #[command(flatten)]
        password: PasswordArgs,
        /// File whose first line is the new password.
        #[arg(long, value_name = "FILE")]
        new_pswd_file: Option<PathBuf>,
    },
    /// Copy a store, consistent and still sealed. One that a server has open is fetched from that server.
    Backup {
        /// The file to write; it must not exist.
        target: PathBuf,
        #[command(flatten)]
        store: StoreFile,
        #[command(flatten)]
        password: PasswordArgs,
        #[command(flatten)]
        connection: Connection,
    },
    /// Verify a backup, then put it in the store's place. The store that was there is kept beside it.
    Restore {
        /// The backup.
        backup: PathBuf,
        #[command(flatten)]
        store: StoreFile,
        #[command(flatten)]
        password: PasswordArgs,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show the latest time that the store knows of, or forget it where a wrong clock was believed.
    Clock(StoreClock),
    /// Make a new admin token for an operator who lost it. The one before stops working.
    ResetAdminToken {
        #[command(flatten)]
        store: StoreFile,
        #[command(flatten)]
        password: PasswordArgs,
    },
}

impl StoreCommand {
    pub(crate) fn run(&self, out: &mut Output<'_>) -> Outcome {
        match self {
            Self::Info { store, json } => show_info(&store.existing()?, *json, out),
            Self::Check { store, password, json } => {
                let path = store.existing()?;
                let password = Password::new(password.require(store, &path)?.as_str());
                let report = check(&path, &password).map_err(|error| Failure::from_store(&path, &error))?;
                checked(&path, &report, *json, out)
            }
            Self::Passwd { store, password, new_pswd_file } => {
                let path = store.existing()?;
                let old = Password::new(password.require(store, &path)?.as_str());
                let new = new_password(new_pswd_file.as_deref())?;
                if let Some(weakness) = password::weakness(&new) {
                    super::failure::warn(weakness);
                }
                change_password(&path, &old, &Password::new(new.as_str()))
                    .map_err(|error| Failure::from_store(&path, &error))?;
                out.line(format_args!(
                    "the password of {} is changed; backups made before keep the old one",
                    shown(&path)
                ))
            }
            Self::Backup { target, store, password, connection } => {
                backup(target, store, password, connection, out)
            }
            Self::Restore { backup, store, password, json } => {
                let path = store.path()?;
                restorable(backup, &path)?;
                let password = Password::new(password.require(store, backup)?.as_str());
                let restored = restore(backup, &path, &password)
                    .map_err(|error| restore_failure(backup, &path, &error))?;
                show_restored(backup, &path, &restored, *json, out)
            }
            Self::Clock(clock) => clock.run(out),
            Self::ResetAdminToken { store, password } => {
                first_start::can_show_admin_token(out)?;
                let path = store.existing()?;
                let opened = serve::open_store(&path, &password.require(store, &path)?)?;
                serve::runtime()?.block_on(async {
                    let issuer = serve::open_issuer(opened, &IssuerSettings::default()).await?;
                    first_start::replace_admin_token(&issuer, out).await
                })
            }
        }
    }
}

/// That the one can take the place of the other.
fn restorable(backup: &Path, store: &Path) -> Outcome {
    if !serve::store_exists(backup)? {
        return Err(Failure::refused(format!("there is no backup at {}", backup.display()))
            .hint("check the path; `jwtis store backup FILE` makes one"));
    }
    if serve::store_exists(store)? {
        let place = |path: &Path| fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
        if place(backup) == place(store) {
            return Err(Failure::usage(format!(
                "{} is the store itself, not a backup of it",
                backup.display()
            ))
            .hint("name the backup, and the store by --dbPath"));
        }
    }
    Ok(())
}

fn shown(path: &Path) -> String {
    printable(&path.display().to_string())
}

fn show_info(path: &Path, as_json: bool, out: &mut Output<'_>) -> Outcome {
    let info = info(path).map_err(|error| Failure::from_store(path, &error))?;
    let store_id: String = info.store_id.iter().map(|byte| format!("{byte:02x}")).collect();
    if as_json {
        let slots: Vec<Value> = info
            .slots
            .iter()
            .map(|slot| json!({ "id": slot.id, "memory_kib": slot.params.memory_kib, "passes": slot.params.passes }))
            .collect();
        return out.json(&json!({
            "path": path,
            "format": info.format,
            "store_id": store_id,
            "bytes": info.file_bytes,
            "slots": slots,
            "tables": tables_json(&info.tables),
        }));
    }
    let mut table = TextTable::default();
    table.pair("store", path.display());
    table.pair("format", info.format);
    table.pair("id", store_id);
    table.pair("size", format_args!("{} bytes", info.file_bytes));
    for slot in &info.slots {
        let cost = format!("Argon2id, {} KiB, {} passes", slot.params.memory_kib, slot.params.passes);
        table.pair(&format!("password slot {}", slot.id), cost);
    }
    out.line(format_args!("{table}\n\n{}", tables_text(&info.tables)))
}

fn checked(path: &Path, report: &Report, as_json: bool, out: &mut Output<'_>) -> Outcome {
    if as_json {
        out.json(&report_json(path, report))?;
    } else {
        out.line(tables_text(&report.tables))?;
    }
    if report.damaged.is_empty() {
        return if as_json { Ok(()) } else { out.line(format_args!("\n{} is whole", shown(path))) };
    }
    Err(Failure::damaged(format!("{} has {} damaged records", path.display(), report.damaged.len()))
        .details(report.damaged.iter().cloned())
        .hint("restore a backup with `jwtis store restore BACKUP`"))
}

/// A store at rest is copied here; one that is in use is fetched from its server. Either way the copy is checked when the password is
/// there to do so.
fn backup(
    target: &Path,
    store: &StoreFile,
    password: &PasswordArgs,
    connection: &Connection,
    out: &mut Output<'_>,
) -> Outcome {
    if fs::symlink_metadata(target).is_ok() {
        return Err(Failure::usage(format!("{} exists", target.display())).hint("choose a name that is free"));
    }
    let path = &store.existing()?;
    let in_use = matches!(info(path), Err(OpenError::InUse));
    let given = password::given(password.source(store)?.as_ref())?;
    let password =
        if in_use { given } else { Some(given.map_or_else(|| password.require(store, path), Ok)?) };
    if in_use {
        connection.open(As::Admin)?.download("/store/backup", target).map(drop)?;
    } else if let Some(password) = &password {
        let opened = serve::open_store(path, password)?;
        opened.backup_to(target).map_err(|error| backup_failure(target, &error))?;
    }
    let report = match &password {
        Some(password) => Some(verified_copy(target, password)?),
        None => None,
    };
    let how = if in_use { format!("fetched from {}", connection.url()) } else { "copied".to_owned() };
    if connection.json {
        let report = report.as_ref().map(|report| report_json(target, report));
        return out.json(
            &json!({ "backup": target, "hot": in_use, "verified": report.is_some(), "report": report }),
        );
    }
    let checked = if report.is_some() {
        "and every record verifies"
    } else {
        "NOT verified: give the password to check it"
    };
    out.line(format_args!("{} is {how}, {checked}; it opens with the store's password", shown(target)))
}

fn backup_failure(target: &Path, error: &OpenError) -> Failure {
    match error {
        OpenError::Io(error) => {
            Failure::refused(format!("the backup {} cannot be written", target.display()))
                .because(error)
                .hint(disk_hint(error))
        }
        _ => Failure::from_store(target, error),
    }
}

fn verified_copy(target: &Path, password: &str) -> Result<Report, Failure> {
    let report = check(target, &Password::new(password)).map_err(|error| match error {
        // Of a store at rest the password has proved right already, so this copy was fetched.
        OpenError::WrongPassword { .. } => match fs::remove_file(target) {
            Ok(()) => Failure::usage(format!(
                "wrong password: the backup {} was fetched, cannot be verified and is removed",
                target.display()
            ))
            .hint("give the store's password, or none to leave the copy unverified"),
            Err(error) => Failure::usage(format!(
                "wrong password: the backup {} was fetched and is not verified",
                target.display()
            ))
            .because(&error)
            .hint("remove it, and give the store's password"),
        },
        error => Failure::from_store(target, &error),
    })?;
    if report.damaged.is_empty() {
        return Ok(report);
    }
    Err(Failure::damaged(format!(
        "the backup {} has damaged records, and so has the store",
        target.display()
    ))
    .details(report.damaged)
    .hint("keep the backup before this one"))
}

fn show_restored(
    backup: &Path,
    store: &Path,
    restored: &Restored,
    as_json: bool,
    out: &mut Output<'_>,
) -> Outcome {
    let aside = restored.kept_aside.as_deref();
    if as_json {
        let mut report = report_json(store, &restored.report);
        if let Some(members) = report.as_object_mut() {
            members.insert("kept_aside".to_owned(), json!(aside));
        }
        return out.json(&report);
    }
    let kept = aside
        .map_or_else(String::new, |aside| format!("; the store that was there is kept as {}", shown(aside)));
    out.line(format_args!("{} is verified and now the store {}{kept}", shown(backup), shown(store)))
}

fn restore_failure(backup: &Path, store: &Path, error: &OpenError) -> Failure {
    match error {
        OpenError::InUse => Failure::from_store(store, error),
        OpenError::Damaged { what } => {
            Failure::damaged(format!("the backup {} is damaged: {what}", backup.display()))
                .hint("the store was not touched; take an older backup")
        }
        OpenError::Io(error) => {
            Failure::refused(format!("the store {} cannot be put in place", store.display()))
                .because(error)
                .hint(disk_hint(error))
        }
        _ => Failure::from_store(backup, error),
    }
}

/// The new password: from a file, from `JWTIS_NEW_PSWD`, or typed twice. Never an argument.
fn new_password(file: Option<&Path>) -> Result<Zeroizing<String>, Failure> {
    if let Some(file) = file {
        return read_secret_file(file).map_err(|message| {
            Failure::usage(format!("no new password: {message}"))
                .hint("the file's first line is the new password, as UTF-8 text that this user can read")
        });
    }
    match super::secret_variable("JWTIS_NEW_PSWD")? {
        Some(text) => Ok(text),
        None => prompt::hidden_twice()?.ok_or_else(|| {
            Failure::usage("no new password")
                .hint("give it by --new-pswd-file FILE or JWTIS_NEW_PSWD, or run this on a terminal")
        }),
    }
}

fn tables_text(tables: &[TableInfo]) -> TextTable {
    let mut table = TextTable::with_header(&["TABLE", "RECORDS", "SEALED BYTES"]);
    for entry in tables {
        table.row([entry.name.clone(), entry.records.to_string(), entry.sealed_bytes.to_string()]);
    }
    table
}

fn tables_json(tables: &[TableInfo]) -> Value {
    tables
        .iter()
        .map(|table| json!({ "name": table.name, "records": table.records, "sealed_bytes": table.sealed_bytes }))
        .collect()
}

fn report_json(path: &Path, report: &Report) -> Value {
    json!({ "path": path, "tables": tables_json(&report.tables), "damaged": report.damaged })
}

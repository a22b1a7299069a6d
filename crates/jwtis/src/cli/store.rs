//! `jwtis store`: look after a store file. All but a hot backup need a store that no server has open.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jwtis_core::IssuerSettings;
use jwtis_store::{OpenError, Password, Report, TableInfo, change_password, check, info, restore};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::api::{As, Connection};
use super::output::TextTable;
use super::{Failure, Outcome, Output, first_start, password, serve};
use crate::config::value::{Raw, Source};
use crate::config::{SecretSource, read_secret_file, setting};

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
    /// Make a new admin token for an operator who lost it. The one before stops working.
    ResetAdminToken {
        #[command(flatten)]
        store: StoreFile,
        #[command(flatten)]
        password: PasswordArgs,
    },
}

/// Which store.
#[derive(Debug, Args)]
pub(crate) struct StoreFile {
    /// The store file.
    #[arg(
        short = 'd',
        long = "dbPath",
        visible_alias = "db-path",
        env = "JWTIS_DB_PATH",
        value_name = "FILE"
    )]
    #[arg(default_value = setting::DB_PATH.default)]
    path: PathBuf,
}

/// Its password: given here, in JWTIS_PSWD, as systemd's credential jwtis-password, or asked for.
#[derive(Debug, Args)]
pub(crate) struct PasswordArgs {
    /// Password of the store. Other users of a machine can read arguments: prefer JWTIS_PSWD or a file.
    #[arg(short = 'p', long = "pswd", value_name = "PASSWORD", allow_hyphen_values = true)]
    pswd: Option<String>,
    /// File whose first line is the password.
    #[arg(long, env = "JWTIS_PSWD_FILE", value_name = "FILE")]
    pswd_file: Option<PathBuf>,
}

impl PasswordArgs {
    fn source(&self) -> Option<SecretSource> {
        let variable = || super::environment("JWTIS_PSWD").and_then(|value| value.into_string().ok());
        let given =
            |text: String, from: &str| SecretSource::Given(Raw::new(text, Source::Flag(from.to_owned())));
        match (&self.pswd, variable().filter(|text| !text.is_empty()), &self.pswd_file) {
            (Some(text), _, _) => Some(given(text.clone(), "--pswd")),
            (None, Some(text), _) => Some(given(text, "JWTIS_PSWD")),
            (None, None, Some(path)) => Some(SecretSource::File(path.clone())),
            (None, None, None) => None,
        }
    }

    fn require(&self, path: &Path) -> Result<Zeroizing<String>, Failure> {
        password::for_existing(self.source().as_ref(), path)
    }
}

impl StoreCommand {
    pub(crate) fn run(&self, out: &mut Output<'_>) -> Outcome {
        match self {
            Self::Info { store, json } => show_info(&store.path, *json, out),
            Self::Check { store, password, json } => {
                let path = exists(&store.path)?;
                let password = Password::new(password.require(path)?.as_str());
                let report = check(path, &password).map_err(|error| Failure::from_store(path, &error))?;
                checked(path, &report, *json, out)
            }
            Self::Passwd { store, password, new_pswd_file } => {
                let path = exists(&store.path)?;
                let old = Password::new(password.require(path)?.as_str());
                let new = Password::new(new_password(new_pswd_file.as_deref())?.as_str());
                change_password(path, &old, &new).map_err(|error| Failure::from_store(path, &error))?;
                out.line(format_args!(
                    "the password of {} is changed; backups made before keep the old one",
                    path.display()
                ))
            }
            Self::Backup { target, store, password, connection } => {
                backup(target, &store.path, password, connection, out)
            }
            Self::Restore { backup, store, password, json } => {
                let password = Password::new(password.require(backup)?.as_str());
                let report = restore(backup, &store.path, &password)
                    .map_err(|error| restore_failure(backup, &store.path, &error))?;
                restored(backup, &store.path, &report, *json, out)
            }
            Self::ResetAdminToken { store, password } => {
                let path = exists(&store.path)?;
                let opened = serve::open_store(path, &password.require(path)?)?;
                serve::runtime()?.block_on(async {
                    let issuer = serve::open_issuer(opened, &IssuerSettings::default()).await?;
                    first_start::replace_admin_token(&issuer, out).await
                })
            }
        }
    }
}

fn exists(path: &Path) -> Result<&Path, Failure> {
    match path.try_exists() {
        Ok(false) => Err(Failure::from_store(path, &OpenError::NotFound)),
        _ => Ok(path),
    }
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
        return if as_json { Ok(()) } else { out.line(format_args!("\n{} is whole", path.display())) };
    }
    Err(Failure::damaged(format!("{} has {} damaged records", path.display(), report.damaged.len()))
        .details(report.damaged.iter().cloned())
        .hint("restore a backup with `jwtis store restore BACKUP`"))
}

/// A store at rest is copied here; one that is in use is fetched from its server. Either way the copy is checked when the password is
/// there to do so.
fn backup(
    target: &Path,
    store: &Path,
    password: &PasswordArgs,
    connection: &Connection,
    out: &mut Output<'_>,
) -> Outcome {
    if target.try_exists().unwrap_or(true) {
        return Err(Failure::usage(format!("{} exists", target.display())).hint("choose a name that is free"));
    }
    let path = exists(store)?;
    let in_use = matches!(info(path), Err(OpenError::InUse));
    let given = password::given(password.source().as_ref())?;
    let password = if in_use { given } else { Some(given.map_or_else(|| password.require(path), Ok)?) };
    if in_use {
        connection.open(As::Admin)?.download("/store/backup", target).map(drop)?;
    } else if let Some(password) = &password {
        let opened = serve::open_store(path, password)?;
        opened.backup_to(target).map_err(|error| Failure::from_store(target, &error))?;
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
    out.line(format_args!("{} is {how}, {checked}; it opens with the store's password", target.display()))
}

fn verified_copy(target: &Path, password: &str) -> Result<Report, Failure> {
    let report =
        check(target, &Password::new(password)).map_err(|error| Failure::from_store(target, &error))?;
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

fn restored(backup: &Path, store: &Path, report: &Report, as_json: bool, out: &mut Output<'_>) -> Outcome {
    if as_json {
        return out.json(&report_json(store, report));
    }
    out.line(format_args!(
        "{} is verified and now the store {}; a store that was there before is kept beside it",
        backup.display(),
        store.display()
    ))
}

fn restore_failure(backup: &Path, store: &Path, error: &OpenError) -> Failure {
    match error {
        OpenError::InUse => Failure::from_store(store, error),
        OpenError::Damaged { what } => {
            Failure::damaged(format!("the backup {} is damaged: {what}", backup.display()))
                .hint("the store was not touched; take an older backup")
        }
        _ => Failure::from_store(backup, error),
    }
}

/// The new password: from a file, from `JWTIS_NEW_PSWD`, or typed twice. Never an argument.
fn new_password(file: Option<&Path>) -> Result<Zeroizing<String>, Failure> {
    if let Some(file) = file {
        return read_secret_file(file).map_err(Failure::usage);
    }
    match super::environment("JWTIS_NEW_PSWD").and_then(|value| value.into_string().ok()) {
        Some(text) if !text.is_empty() => Ok(Zeroizing::new(text)),
        _ => password::prompt_new()?.ok_or_else(|| {
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

//! `jwtis store`: look after a store file. All but a hot backup need a store that no server has open.

mod backup;
mod clock;
mod restore;
mod rollback;
mod shown;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use jwtis_base::Env;
use jwtis_base::audit::{Actor, AuditRecord};
use jwtis_issuer::IssuerSettings;
use jwtis_store::{Password, Report, TableInfo, change_password_with, check, info, open_redb_beside};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use self::clock::StoreClock;
use self::shown::{report_json, shown, tables_json};
use super::api::Connection;
use super::environment;
use super::output::TextTable;
use super::store_file::{PasswordArgs, StoreFile};
use super::{CliOutcome, Failure, Output, first_start, opening, password, prompt, runtime};
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
        #[arg(long, value_name = "FILE", value_parser = crate::config::path::given)]
        new_pswd_file: Option<PathBuf>,
    },
    /// Copy a store, consistent and still sealed. One that a server has open is fetched from that server; --url names a server elsewhere.
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
    /// Verify a backup, then put it in the store's place. What must not go back (watermarks, spending, revocations, deletions) is taken
    /// over from the store that was there, which is kept beside it. Where that cannot be done, the new store is marked as restored.
    Restore {
        /// The backup.
        backup: PathBuf,
        #[command(flatten)]
        store: StoreFile,
        #[command(flatten)]
        password: PasswordArgs,
        /// Where the store is marked as restored: do not revoke the sessions that were opened before.
        #[arg(long)]
        keep_sessions: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show the latest time that the store knows of, or forget it where a wrong clock was believed.
    Clock(StoreClock),
    /// End the state of a store that was restored, or that is older than its witness. Raise the watermarks of consensus keys first.
    AcceptRollback {
        #[command(flatten)]
        store: StoreFile,
        #[command(flatten)]
        password: PasswordArgs,
        /// Let the sessions live that were opened before.
        #[arg(long)]
        keep_sessions: bool,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Make a new admin token for an operator who lost it. The one before stops working.
    ResetAdminToken {
        #[command(flatten)]
        store: StoreFile,
        #[command(flatten)]
        password: PasswordArgs,
    },
}

impl StoreCommand {
    pub(crate) fn run(&self, out: &mut Output<'_>) -> CliOutcome {
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
                // Marks a store that has gone back: the commit of the new password would hide it.
                drop(
                    open_redb_beside(&path, &store.witness(&path)?, &old)
                        .map_err(|error| Failure::from_store(&path, &error))?,
                );
                let now = Env::system().now();
                let record = AuditRecord::new(now, "store_password_changed", Actor::Operator.name());
                change_password_with(&path, &old, &Password::new(new.as_str()), &record)
                    .map_err(|error| Failure::from_store(&path, &error))?;
                out.line(format_args!(
                    "the password of {} is changed; backups made before keep the old one",
                    shown(&path)
                ))
            }
            Self::Backup { target, store, password, connection } => {
                backup::run(target, store, password, connection, out)
            }
            Self::Restore { backup, store, password, keep_sessions, json } => {
                restore::run(backup, store, password, *keep_sessions, *json, out)
            }
            Self::AcceptRollback { store, password, keep_sessions, yes } => {
                rollback::accept(store, password, *keep_sessions, *yes, out)
            }
            Self::Clock(clock) => clock.run(out),
            Self::ResetAdminToken { store, password } => {
                first_start::can_show_admin_token(out)?;
                let path = store.existing()?;
                let witness = store.witness(&path)?;
                let opened = opening::open_store(&path, &witness, &password.require(store, &path)?)?;
                runtime::runtime()?.block_on(async {
                    let issuer = opening::open_issuer(opened, &IssuerSettings::default()).await?;
                    first_start::replace_admin_token(&issuer, out).await
                })
            }
        }
    }
}

fn show_info(path: &Path, as_json: bool, out: &mut Output<'_>) -> CliOutcome {
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
            "commits": info.commits,
            "rolled_back": info.rolled_back,
            "tables": tables_json(&info.tables),
        }));
    }
    let mut table = TextTable::default();
    table.pair("store", path.display());
    table.pair("format", info.format);
    table.pair("id", store_id);
    table.pair("size", format_args!("{} bytes", info.file_bytes));
    table.pair("commits", info.commits);
    table.pair("state", if info.rolled_back { ROLLED_BACK } else { "in order" });
    for slot in &info.slots {
        let cost = format!("Argon2id, {} KiB, {} passes", slot.params.memory_kib, slot.params.passes);
        table.pair(&format!("password slot {}", slot.id), cost);
    }
    out.line(format_args!("{table}\n\n{}", tables_text(&info.tables)))
}

/// What `info` and `check` say of a marked store.
const ROLLED_BACK: &str = "gone back to an earlier state; `jwtis store accept-rollback` ends that";

fn checked(path: &Path, report: &Report, as_json: bool, out: &mut Output<'_>) -> CliOutcome {
    if as_json {
        out.json(&report_json(path, report))?;
    } else {
        out.line(tables_text(&report.tables))?;
        out.line(format_args!("\nlatest commit: {}", report.commits))?;
        if let Some(mark) = report.rolled_back {
            out.line(format_args!("state: {} ({ROLLED_BACK})", mark.cause.name()))?;
        }
    }
    let faults = report.faults();
    if !faults.is_empty() {
        let what = if report.altered.is_empty() {
            format!("{} has {} damaged records", path.display(), report.damaged.len())
        } else {
            format!("{} was changed by another program", path.display())
        };
        return Err(Failure::damaged(what)
            .details(faults)
            .hint("restore a backup with `jwtis store restore BACKUP`"));
    }
    if as_json {
        return Ok(());
    }
    if report.summarized {
        return out.line(format_args!("\n{} is whole", shown(path)));
    }
    out.line(format_args!(
        "\nevery record of {} verifies; whether records are missing cannot be told, because an older jwtis wrote it and it was not opened since",
        shown(path)
    ))
}

/// The new password: from a file, from `JWTIS_NEW_PSWD`, or typed twice. Never an argument.
fn new_password(file: Option<&Path>) -> Result<Zeroizing<String>, Failure> {
    if let Some(file) = file {
        return read_secret_file(file).map_err(|message| {
            Failure::usage(format!("no new password: {message}"))
                .hint("the file's first line is the new password, as UTF-8 text that this user can read")
        });
    }
    match environment::secret_variable("JWTIS_NEW_PSWD")? {
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

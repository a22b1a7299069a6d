//! `jwtis store restore`: what must not go back is taken over, and listed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use jwtis_base::Env;
use jwtis_base::rollback;
use jwtis_base::rollback::takeover::{self, Item};
use jwtis_store::{OpenError, Password, Restoration, Restored};
use serde_json::{Value, json};

use super::shown::{report_json, shown};
use crate::app::takeover::take_over;
use crate::cli::failure::{disk_hint, warn};
use crate::cli::output::TextTable;
use crate::cli::printable::printable;
use crate::cli::store_file::{PasswordArgs, StoreFile};
use crate::cli::{CliOutcome, Failure, Output, opening, runtime};

/// Both copies have one data key, so the password of either opens both. The restored store opens with the one that is given.
pub(super) fn run(
    backup: &Path,
    store: &StoreFile,
    password: &PasswordArgs,
    keep_sessions: bool,
    as_json: bool,
    out: &mut Output<'_>,
) -> CliOutcome {
    let path = store.path()?;
    restorable(backup, &path)?;
    let witness = store.witness(&path)?;
    let password = Password::new(password.require(store, backup)?.as_str());
    let failed = |error: &OpenError| restore_failure(backup, &path, error);
    let restoration =
        Restoration::prepare(backup, &path, &witness, &password).map_err(|error| failed(&error))?;
    let taking = take_over(&restoration, Env::system().now(), keep_sessions);
    let outcome = runtime::runtime()?.block_on(taking).map_err(|error| {
        Failure::refused("what must not go back cannot be taken over")
            .because(&error)
            .hint("the store was not touched")
    })?;
    let brings_back_a_password = restoration.brings_back_a_password();
    let restored = restoration.finish().map_err(|error| failed(&error))?;
    show(backup, &path, &restored, &outcome, as_json, out)?;
    if brings_back_a_password {
        warn("the password of the store is the backup's again; `jwtis store passwd` changes it");
    }
    if let Some(why) = &outcome.marked {
        let sessions = if keep_sessions { "" } else { ", and sessions opened before count as revoked" };
        warn(format_args!(
            "the store is marked as restored, because {why}: consensus keys sign nothing, keys with a limit over time sign nothing within one window{sessions}"
        ));
        warn(rollback::HINT);
    }
    Ok(())
}

/// That the one can take the place of the other.
fn restorable(backup: &Path, store: &Path) -> CliOutcome {
    if !opening::store_exists(backup)? {
        return Err(Failure::refused(format!("there is no backup at {}", backup.display()))
            .hint("check the path; `jwtis store backup FILE` makes one"));
    }
    if opening::store_exists(store)? {
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

/// What was done, and the list of what did not go back.
fn show(
    backup: &Path,
    store: &Path,
    restored: &Restored,
    outcome: &takeover::TakeOver,
    as_json: bool,
    out: &mut Output<'_>,
) -> CliOutcome {
    let aside = restored.kept_aside.as_deref();
    if as_json {
        let items = |items: &[Item]| -> Value {
            items
                .iter()
                .map(|item| json!({ "kind": item.kind, "name": item.name, "what": item.what }))
                .collect()
        };
        let mut report = report_json(store, &restored.report);
        if let Some(members) = report.as_object_mut() {
            members.insert("kept_aside".to_owned(), json!(aside));
            members.insert("taken_over".to_owned(), items(&outcome.taken));
            members.insert("come_back".to_owned(), items(&outcome.back));
            members.insert("not_taken_over".to_owned(), items(&outcome.left));
            members.insert("marked".to_owned(), json!(outcome.marked));
        }
        return out.json(&report);
    }
    let kept = aside
        .map_or_else(String::new, |aside| format!("; the store that was there is kept as {}", shown(aside)));
    out.line(format_args!("{} is verified and now the store {}{kept}", shown(backup), shown(store)))?;
    list("taken over from the store that was there:", &outcome.taken, out)?;
    list("only in the backup:", &outcome.back, out)?;
    list("not taken over, only in the store that was there:", &outcome.left, out)
}

/// A table of items; those without a name are counted.
fn list(title: &str, items: &[Item], out: &mut Output<'_>) -> CliOutcome {
    if items.is_empty() {
        return Ok(());
    }
    let mut counted: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    for item in items {
        let count = counted.entry((item.kind, &item.name, &item.what)).or_default();
        *count = count.saturating_add(1);
    }
    let mut table = TextTable::with_header(&["KIND", "WHICH", "WHAT"]);
    for ((kind, name, what), count) in counted {
        let which = if name.is_empty() { count.to_string() } else { printable(name) };
        table.row([kind.to_owned(), which, what.to_owned()]);
    }
    out.line(format_args!("\n{title}\n{table}"))
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
        OpenError::WitnessMisplaced { .. } => Failure::from_store(store, error),
        _ => Failure::from_store(backup, error),
    }
}

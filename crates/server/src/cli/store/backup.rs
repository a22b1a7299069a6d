//! `jwtis store backup`.

use std::fs;
use std::path::Path;

use jwtis_store::{FetchedCopy, OpenError, Password, Report, check, info};
use serde_json::json;

use super::shown::{report_json, shown};
use crate::cli::api::{As, Connection};
use crate::cli::failure::disk_hint;
use crate::cli::printable::printable;
use crate::cli::store_file::{PasswordArgs, StoreFile};
use crate::cli::{CliOutcome, Failure, Output, opening, password};

/// A store at rest is copied here. A server that is named, or that has the store open, is asked for a copy; a named server needs no store
/// here. Either way the copy is checked when the password is there to do so.
pub(super) fn run(
    target: &Path,
    store: &StoreFile,
    password: &PasswordArgs,
    connection: &Connection,
    out: &mut Output<'_>,
) -> CliOutcome {
    if fs::symlink_metadata(target).is_ok() {
        return Err(Failure::usage(format!("{} exists", target.display())).hint("choose a name that is free"));
    }
    let given = password::given(password.source(store)?.as_ref())?;
    let path = store.path()?;
    let elsewhere =
        connection.is_named_by_flag() || (connection.is_named() && !opening::store_exists(&path)?);
    let local = if elsewhere { None } else { Some(store.existing()?) };
    let at_rest = local.filter(|path| !matches!(info(path), Err(OpenError::InUse)));
    let hot = at_rest.is_none();
    let report = match at_rest {
        None => fetched(target, given.as_ref().map(|given| Password::new(given.as_str())), connection)?,
        Some(path) => {
            let password = given.map_or_else(|| password.require(store, &path), Ok)?;
            let opened = opening::open_store(&path, &store.witness(&path)?, &password)?;
            opened.backup_to(target).map_err(|error| backup_failure(target, &error))?;
            let report = check(target, &Password::new(password.as_str()));
            Some(report.map_err(|error| Failure::from_store(target, &error))?)
        }
    };
    if let Some(report) = report.as_ref().filter(|report| !report.damaged.is_empty()) {
        return Err(Failure::damaged(format!(
            "the backup {} has damaged records, and so has the store",
            target.display()
        ))
        .details(report.damaged.clone())
        .hint("keep the backup before this one"));
    }
    let how = if hot { format!("fetched from {}", printable(connection.url())) } else { "copied".to_owned() };
    if connection.json {
        let report = report.as_ref().map(|report| report_json(target, report));
        return out
            .json(&json!({ "backup": target, "hot": hot, "verified": report.is_some(), "report": report }));
    }
    let checked = if report.is_some() {
        "and every record verifies"
    } else {
        "NOT verified: give the password to check it"
    };
    out.line(format_args!("{} is {how}, {checked}; it opens with the store's password", shown(target)))
}

/// A copy from the server. It has its name once it is whole, and verified if there is a password.
fn fetched(
    target: &Path,
    password: Option<Password>,
    connection: &Connection,
) -> Result<Option<Report>, Failure> {
    let api = connection.open(As::Admin)?;
    let answer = api.stream("/store/backup")?;
    let copy = FetchedCopy::beside(target).map_err(|error| backup_failure(target, &error))?;
    api.save(answer, copy.file()).map_err(|error| backup_failure(target, &error.into()))?;
    let report = copy.check(password.as_ref()).map_err(|error| match error {
        OpenError::WrongPassword { .. } => Failure::usage(format!(
            "wrong password: the backup {} was fetched, cannot be verified and is removed",
            target.display()
        ))
        .hint("give the store's password, or none to leave the copy unverified"),
        error => {
            Failure::refused(format!("the backup {} did not arrive whole, and is removed", target.display()))
                .because(&error)
                .hint("try again; a proxy on the way may cut long answers")
        }
    })?;
    copy.place().map_err(|error| backup_failure(target, &error))?;
    Ok(report)
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

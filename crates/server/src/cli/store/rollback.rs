//! `jwtis store accept-rollback`.

use std::io::{self, IsTerminal as _};
use std::path::Path;

use jwtis_base::{Env, rollback};
use jwtis_issuer::session_floor;
use jwtis_store::{OpenError, Password, RollbackCause, Store, Witnessed, info, open_redb_unwitnessed};

use super::shown::shown;
use crate::cli::store_file::{PasswordArgs, StoreFile, in_use};
use crate::cli::{CliOutcome, Failure, Output, prompt, runtime};

/// Ends the state of a store that has gone back, and writes its witness anew.
pub(super) fn accept(
    store: &StoreFile,
    password: &PasswordArgs,
    keep_sessions: bool,
    yes: bool,
    out: &mut Output<'_>,
) -> CliOutcome {
    let path = store.existing()?;
    let witness = store.witness(&path)?;
    if matches!(info(&path), Err(OpenError::InUse)) {
        return Err(in_use(&path));
    }
    let password = Password::new(password.require(store, &path)?.as_str());
    let (opened, said) = open_redb_unwitnessed(&path, &witness, &password)
        .map_err(|error| Failure::from_store(&path, &error))?;
    runtime::runtime()?.block_on(settle(&opened, said, &path, &witness, keep_sessions, yes, out))
}

async fn settle(
    store: &Store,
    said: Witnessed,
    path: &Path,
    witness: &Path,
    keep_sessions: bool,
    yes: bool,
    out: &mut Output<'_>,
) -> CliOutcome {
    let mark = rollback::mark(store).await.map_err(|error| unusable(&error))?;
    let why = match (mark, said) {
        (Some(mark), _) => rollback::words(mark.cause),
        (None, Witnessed::Behind { .. }) => rollback::words(RollbackCause::BehindWitness),
        (None, Witnessed::OfAnother) => "the witness belongs to another store",
        (None, Witnessed::Damaged) => "the witness does not verify",
        (None, Witnessed::Nothing) => {
            store.keep_witness(witness);
            return out.line(format_args!("{} is not marked; its witness is made", shown(path)));
        }
        (None, Witnessed::UpToDate) => {
            return out.line(format_args!("{} is not marked, nothing was changed", shown(path)));
        }
    };
    confirm(path, why, yes)?;
    // A witness that cannot be believed may have known of any commit.
    if mark.is_none() {
        rollback::begin(store, RollbackCause::BehindWitness).await.map_err(|error| unusable(&error))?;
    }
    session_floor::accept(store, Env::system().now(), keep_sessions)
        .await
        .map_err(|error| unusable(&error))?;
    store.keep_witness(witness);
    out.line(format_args!("{} is accepted as it is, and its witness is written anew", shown(path)))
}

fn confirm(path: &Path, why: &str, yes: bool) -> CliOutcome {
    if yes {
        return Ok(());
    }
    let declined = || Failure::refused("nothing was changed");
    if !io::stdin().is_terminal() {
        return Err(declined().hint("give --yes where nobody can type"));
    }
    let question = format!(
        "{}: {why}. It may not know what was signed since. A consensus key whose watermark has gone back can sign twice and lose its stake: raise the watermarks first (`jwtis watermark raise`).\nType yes to accept it: ",
        shown(path)
    );
    let typed = prompt::line(&question).map_err(|error| {
        Failure::usage("standard input cannot be read").because(&error).hint("give --yes")
    })?;
    if typed == "yes" { Ok(()) } else { Err(declined().hint("type yes to accept, or give --yes")) }
}

fn unusable(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::refused("the store cannot be used")
        .because(error)
        .hint("`jwtis store check` says whether it is well")
}

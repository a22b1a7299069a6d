//! What `jwtis serve` says when the signer cannot start.

use jwtis_base::rollback;
use jwtis_signer::watermark::file::FileError;
use jwtis_signer::watermark::import::ImportFault;
use jwtis_store::OpenError;
use jwtis_tezos::SecretKeyError;

use super::Failure;
use super::failure::disk_hint;
use crate::app::signer::{RulesFault, StartError};
use crate::app::{VaultFault, WatermarksError};

/// What to do where another driver than `file` finds that a file of watermarks is gone or has gone back.
pub(super) const LOST_HINT: &str = "bring the file back from where it went: its watermarks protect the stake. If that is impossible, start once with `watermark.driver: file` and --new-watermarks, and raise the watermarks with `jwtis watermark raise`";

/// What failed, and what to try.
pub(super) fn failure(error: &StartError) -> Failure {
    let refused = || Failure::refused("the signer cannot start").because(error);
    let misused = || Failure::usage("the signer cannot start").because(error);
    match error {
        StartError::Rules(RulesFault::Users(_)) => {
            misused().hint("`jwtis config check` lists all that is wrong with the users of `server.jwt`")
        }
        StartError::Rules(RulesFault::Hook(_)) => {
            misused().hint("write policy_hook.address as a URL, like http://127.0.0.1:8080/")
        }
        StartError::Vault(fault) => of_vault(fault, refused, misused),
        StartError::Watermarks(fault) => match fault {
            WatermarksError::BaseDir { .. } => refused().hint(
                "make the folder writable for this user, or name another by --base-dir; without its watermarks the signer signs nothing",
            ),
            WatermarksError::Files { source, .. } => refused().hint(match source {
                FileError::Lost { .. } => "bring the file back from where it went: its watermarks protect the stake. If what was signed does not matter, start once with --new-watermarks",
                FileError::InUse(_) => "stop the other signer that uses the folder",
                FileError::Watermarks(_) => "mend the file, do not remove it: its watermarks protect the stake",
                FileError::Engine { source, .. } => engine_hint(source),
                FileError::StoreWentBack(_) => rollback::HINT,
                FileError::NotTaken { .. } | FileError::Io { .. } => "look at the folder and its disk; without its watermarks the signer signs nothing",
            }),
            WatermarksError::File(_) => refused()
                .hint("look at the folder and its disk; without its watermarks the signer signs nothing"),
            WatermarksError::Import(error) => refused().hint(match error.fault {
                ImportFault::InUse => "stop the signer that keeps its watermarks there",
                ImportFault::Lost => LOST_HINT,
                ImportFault::Unreadable => "mend the file, or let this user read it: a watermark that is passed over would be forgotten. Another folder is looked at by --base-dir",
            }),
            WatermarksError::Store(_) | WatermarksError::NoStore => {
                refused().hint("`jwtis store check` says whether the store is well")
            }
        },
        StartError::KeysMissing(_) => {
            refused().hint("put the keys into a vault, or remove them from `tezos:` or `strict_vaults`")
        }
        StartError::Listing { .. } => {
            refused().hint("see whether the vault works, or remove `strict_vaults` to do without it")
        }
    }
}

/// What to do about a file of watermarks that cannot be opened.
pub(super) fn engine_hint(error: &OpenError) -> &'static str {
    match error {
        OpenError::WitnessOfAnother { .. } | OpenError::WitnessDamaged { .. } => {
            "find out who wrote to the witness. If the watermarks are right, raise them with `jwtis watermark raise` and start once with --new-watermarks"
        }
        OpenError::Damaged { .. } => {
            "bring the folder back from a backup, then raise the watermarks with `jwtis watermark raise`. Signatory's copy in the same folder is a second old at most: with the file moved away, --new-watermarks begins with that"
        }
        OpenError::NewerFormat { .. } => "it was written by a newer jwtis: use that release",
        OpenError::Sealed { .. } => {
            "it is a store with a password; name the folder of the watermarks by --base-dir"
        }
        OpenError::WitnessMisplaced { .. } => "a file that is no witness is in its place: move it away",
        OpenError::WitnessUnwritable { source, .. } => disk_hint(source),
        OpenError::Io(error) => disk_hint(error),
        OpenError::NotFound
        | OpenError::AlreadyExists
        | OpenError::WrongPassword { .. }
        | OpenError::NotSealed { .. }
        | OpenError::InUse
        | OpenError::StoreGone { .. } => "look at the folder and its disk, and run it again",
    }
}

fn of_vault(fault: &VaultFault, refused: impl Fn() -> Failure, misused: impl Fn() -> Failure) -> Failure {
    match fault {
        VaultFault::Unavailable { .. } => refused()
            .hint("bring the file back and see that this user can read it; without `strict_vaults` the signer starts without such a vault"),
        VaultFault::File { .. } => refused()
            .hint("a vault of the driver `file` is a file like octez-client's secret_keys: [{\"name\": \"…\", \"value\": \"unencrypted:edsk…\"}]"),
        VaultFault::Elsewhere { .. } => refused()
            .hint("take the entries out of the file, or set `strict_vaults: false` to serve the others"),
        VaultFault::Text { .. } => {
            misused().hint("a vault of the driver `mem` is a list of secret keys, like edsk…, spsk…, p2sk… or BLsk…")
        }
        VaultFault::PasswordFile { .. } => {
            misused().hint("the first line of password_file is the password of the vault's encrypted keys")
        }
        VaultFault::NoPassword { .. } => misused().hint(
            "name a file with the password by `password_file` in the vault's `config:`, or start once on a terminal to be asked",
        ),
        VaultFault::Locked { source: SecretKeyError::Password, .. } => {
            misused().hint("give the password that the key was encrypted with; nothing was changed")
        }
        VaultFault::Locked { .. } => refused().hint("the entry is damaged: take it from a backup of the file"),
        VaultFault::Terminal(_) => {
            misused().hint("name a file with the password by `password_file` in the vault's `config:`")
        }
    }
}

//! What `jwtis serve` says when the signer cannot start.

use jwtis_signer::watermark::file::FileError;
use jwtis_tezos::SecretKeyError;

use super::Failure;
use crate::app::signer::{RulesFault, StartError};
use crate::app::{MarksError, VaultFault};

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
        StartError::Marks(fault) => match fault {
            MarksError::BaseDir { .. } => refused().hint(
                "make the folder writable for this user, or name another by --base-dir; without its marks the signer signs nothing",
            ),
            MarksError::Files { source, .. } if matches!(source.downcast_ref(), Some(FileError::Lost { .. })) => {
                refused().hint(
                    "bring the file back from where it went: its watermarks protect the stake. If what was signed does not matter, start once with --new-watermarks",
                )
            }
            MarksError::Files { .. } => refused()
                .hint("stop the other signer that uses the folder; a damaged file is to be mended, not removed: its marks protect the stake"),
            MarksError::Import(_) => refused()
                .hint("mend the file, or let this user read it: a mark that is passed over would be forgotten. Another folder is looked at by --base-dir"),
            MarksError::Store(_) | MarksError::NoStore => {
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

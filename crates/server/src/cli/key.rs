//! `jwtis key`: the signing keys of the store, made in it or brought in once. No command shows a secret half.
//!
//! The blocks are those of `signatory-cli`, and an `Alias:` line more. The store has one
//! owner at a time, so the server must not run.

mod alias;
mod import;
mod shown;
mod switch;
mod vault;

use clap::{Args, Subcommand, ValueEnum};
use jwtis_base::Env;
use jwtis_signer::switch::KeySwitches;
use jwtis_signer::vault::store::{Listed, StoreVault, StoredKey};
use jwtis_tezos::Curve;

use super::printable::printable;
use super::store_file::StoreAtRest;
use super::{CliOutcome, Failure, Output, prompt, runtime};
use alias::Alias;
use shown::{Configured, blocks, key_json, keys_json, show_new};
use switch::Way;
use vault::{failure, find, list, whole, with_vault};

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make new keys in the store.
    Generate {
        /// The kind of key.
        #[arg(short = 't', long = "type", value_name = "TYPE", default_value = "tz1", ignore_case = true)]
        kind: KeyType,
        /// How many.
        #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
        num: u16,
        /// A name for people, of one key.
        #[arg(long, value_name = "NAME")]
        alias: Option<Alias>,
        #[command(flatten)]
        show: Show,
    },
    /// Bring secret keys in: from a prompt without echo, from standard input, or from a file. Never from an argument.
    Import(import::KeyImport),
    /// List the keys.
    List {
        #[command(flatten)]
        show: Show,
    },
    /// Print a public key.
    ExportPublic {
        /// Hash (tz1…) or alias.
        #[arg(value_name = "PKH|ALIAS")]
        key: String,
        #[command(flatten)]
        show: Show,
    },
    /// Switch a key off: it signs and proves nothing until it is enabled, whatever the configuration says. Works at once with --url.
    Disable(switch::Switch),
    /// Switch a key on again.
    Enable(switch::Switch),
    /// Delete a key for ever, after its hash has been typed.
    Delete {
        /// Hash (tz1…) or alias.
        #[arg(value_name = "PKH|ALIAS")]
        key: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        store: StoreAtRest,
    },
}

/// Which store, and how to print.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreAtRest,
}

/// Kinds of keys, under the names of both of Signatory's programs.
#[derive(Copy, Clone, Debug, ValueEnum)]
pub(crate) enum KeyType {
    /// Ed25519.
    #[value(name = "tz1", alias = "ed25519")]
    Tz1,
    /// secp256k1.
    #[value(name = "tz2", alias = "secp256k1")]
    Tz2,
    /// P-256.
    #[value(name = "tz3", alias = "p256")]
    Tz3,
    /// BLS12-381.
    #[value(name = "tz4", alias = "bls")]
    Tz4,
}

impl KeyType {
    const fn curve(self) -> Curve {
        match self {
            Self::Tz1 => Curve::Ed25519,
            Self::Tz2 => Curve::Secp256k1,
            Self::Tz3 => Curve::P256,
            Self::Tz4 => Curve::Bls12381,
        }
    }
}

impl KeyCommand {
    pub(crate) fn run(&self, out: &mut Output<'_>) -> CliOutcome {
        match self {
            Self::Generate { kind, num, alias, show } => {
                if *num > 1 && alias.is_some() {
                    return Err(Failure::usage("an alias is the name of one key")
                        .hint("make the keys that get an alias one at a time"));
                }
                alias.as_ref().map_or(Ok(()), Alias::harmless)?;
                let alias = alias.as_ref().map_or("", |alias| alias.0.as_str());
                let made = with_vault(&show.store, async |vault| {
                    let mut made = Vec::new();
                    for _ in 0..*num {
                        made.push(
                            vault.generate(kind.curve(), alias).await.map_err(|error| failure(&error))?,
                        );
                    }
                    Ok(made)
                })?;
                show_new(&made, show.json, out)
            }
            Self::Import(import) => import.run(out),
            Self::List { show } => {
                let mut configured = Configured::read(show.store.file.config())?;
                let store = show.store.open()?;
                let Listed { keys, damaged } = runtime::runtime()?.block_on(async {
                    let listed = list(&StoreVault::new(store.clone(), Env::system())).await?;
                    configured.look_at_switches(&listed.keys, KeySwitches::new(store, Env::system())).await?;
                    Ok::<_, Failure>(listed)
                })?;
                if show.json {
                    out.json(&keys_json(&keys, &configured))?;
                } else {
                    blocks(&keys, &configured, out)?;
                }
                whole(&damaged)
            }
            Self::ExportPublic { key, show } => {
                let found = with_vault(&show.store, async |vault| find(vault, key).await)?;
                if show.json {
                    out.json(&key_json(&found, &Configured::default()))
                } else {
                    out.line(&found.public_key)
                }
            }
            Self::Disable(switch) => switch.run(Way::Disable, out),
            Self::Enable(switch) => switch.run(Way::Enable, out),
            Self::Delete { key, yes, store } => {
                let hash = with_vault(store, async |vault| {
                    let found = find(vault, key).await?;
                    let hash = found.public_key.hash();
                    if !yes {
                        confirm(&found)?;
                    }
                    vault.delete(&hash).await.map_err(|error| failure(&error))?;
                    Ok(hash)
                })?;
                out.line(format_args!("{hash} is deleted"))
            }
        }
    }
}

/// That the hash of the key is typed, or piped, by somebody who means this one.
fn confirm(key: &StoredKey) -> CliOutcome {
    let hash = key.public_key.hash();
    let named = if key.alias.is_empty() { String::new() } else { format!(" ({})", printable(&key.alias)) };
    let question = format!(
        "{hash}{named} will be deleted from the store. Nobody can bring it back but from a backup.\nType its hash to go on: "
    );
    let typed = prompt::line(&question).map_err(|error| {
        Failure::usage("standard input cannot be read").because(&error).hint("type the hash, or give --yes")
    })?;
    if typed.trim() == hash.to_string() {
        return Ok(());
    }
    Err(Failure::usage("the hash was not typed, so nothing was deleted")
        .hint("type the whole hash, or give --yes where nobody can type"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_neither_a_hash_nor_a_secret() {
        for (text, good) in [
            ("payouts", true),
            ("edsk-backup", true),
            ("", false),
            (" x", false),
            ("a\nb", false),
            ("tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q", false),
            ("edsk4FTF78Qf1m2rykGpHqostAiq5gYW4YZEoGUSWBTJr2njsDHSnd", false),
            ("unencrypted:edsk4FTF78Qf1m2rykGpHqostAiq5gYW4YZEoGUSWBTJr2njsDHSnd", false),
        ] {
            let read = text.parse::<Alias>();
            assert_eq!(read.is_ok_and(|alias| alias.harmless().is_ok()), good, "{text}");
        }
    }
}

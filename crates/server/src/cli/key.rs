//! `jwtis key`: the signing keys of the store, made in it or brought in once. No command shows a secret half.
//!
//! The blocks are those of `signatory-cli` (§9 of the signer's behaviour specification), and an `Alias:` line more. The store has one
//! owner at a time, so the server must not run.

mod import;
mod switch;

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};
use jwtis_base::{Env, Timestamp};
use jwtis_signer::KeyRules;
use jwtis_signer::switch::KeySwitches;
use jwtis_signer::vault::store::{
    DamagedKey, Listed, MAX_ALIAS_CHARS, StoreVault, StoreVaultError, StoredKey,
};
use jwtis_store::ReadError;
use jwtis_tezos::{Curve, Policy, PublicKeyHash, RequestKind};
use serde_json::{Value, json};

use super::output::printable;
use super::store_file::StoreAtRest;
use super::when::utc;
use super::{Failure, Outcome, Output, config as configuration, prompt, serve};
use switch::Way;

/// Where the values of a block begin, counted from zero (§9).
const VALUE_COLUMN: usize = 27;

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
    Import(import::Import),
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

/// A name for people. It cannot be taken for a hash.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Alias(String);

impl FromStr for Alias {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() || text.chars().count() > MAX_ALIAS_CHARS {
            return Err("an alias has 1 to 64 characters");
        }
        if text.chars().any(char::is_control) || text.trim() != text {
            return Err("an alias has no control characters, and no spaces at its ends");
        }
        if text.parse::<PublicKeyHash>().is_ok() {
            return Err("an alias cannot be the hash of a key");
        }
        Ok(Self(text.to_owned()))
    }
}

impl Alias {
    /// That it is no secret key in a wrong place. Asked here and not while it is read, since a text that cannot be read is shown.
    fn harmless(&self) -> Outcome {
        if looks_secret(&self.0) { Err(import::refused_argument()) } else { Ok(()) }
    }
}

/// Whether a text begins like a secret key of any kind, plain or encrypted.
fn looks_secret(text: &str) -> bool {
    /// The shortest secret key has 54 characters; an alias such as `edsk-backup` is none.
    const SHORT: usize = 40;
    let text = text.rsplit(':').next().unwrap_or(text);
    let starts = ["edsk", "spsk", "p2sk", "BLsk", "mdsk", "edesk", "spesk", "p2esk", "BLesk", "mdesk"];
    text.len() > SHORT && starts.iter().any(|start| text.starts_with(start))
}

impl KeyCommand {
    pub(crate) fn run(&self, out: &mut Output<'_>) -> Outcome {
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
                let Listed { keys, damaged } = serve::runtime()?.block_on(async {
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

/// Does `work` with the keys of a store that no server has open.
fn with_vault<T>(
    store: &StoreAtRest,
    work: impl AsyncFnOnce(&StoreVault) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let vault = StoreVault::new(store.open()?, Env::system());
    serve::runtime()?.block_on(work(&vault))
}

async fn list(vault: &StoreVault) -> Result<Listed, Failure> {
    vault.list().await.map_err(|error| failure(&error))
}

/// That no key is damaged.
fn whole(damaged: &[DamagedKey]) -> Outcome {
    if damaged.is_empty() {
        return Ok(());
    }
    Err(Failure::damaged("not every key of the store can be read; the others are whole")
        .details(damaged.iter().map(ToString::to_string))
        .hint("`jwtis store restore` brings them back from a backup"))
}

/// The key of this hash or alias.
async fn find(vault: &StoreVault, name: &str) -> Result<StoredKey, Failure> {
    let named = |key: &StoredKey| {
        (!name.is_empty() && key.alias == name) || key.public_key.hash().to_string() == name
    };
    let Listed { keys, damaged } = list(vault).await?;
    if let Some(key) = keys.into_iter().find(named) {
        return Ok(key);
    }
    if looks_secret(name) {
        return Err(import::refused_argument());
    }
    whole(&damaged)?;
    Err(Failure::refused(format!("the store has no key {name}")).hint("`jwtis key list` shows its keys"))
}

/// That the hash of the key is typed, or piped, by somebody who means this one.
fn confirm(key: &StoredKey) -> Outcome {
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

/// New keys, and what to write so that they may sign.
fn show_new(keys: &[StoredKey], as_json: bool, out: &mut Output<'_>) -> Outcome {
    if as_json {
        return out.json(&keys_json(keys, &Configured::default()));
    }
    blocks(keys, &Configured::default(), out)?;
    let mut snippet = String::from(
        "For the configuration file. A key with nothing behind it may sign blocks, preattestations and attestations;\n\
         `{allow: {generic: [reveal, transaction]}}` behind it allows transfers instead.\n\n\
         vaults:\n  store: {driver: store}\ntezos:",
    );
    for key in keys {
        snippet.push_str(&format!("\n  {}:", key.public_key.hash()));
    }
    out.line(snippet)
}

/// What the configuration lists, where one is named, and which keys are switched off.
#[derive(Default)]
struct Configured {
    keys: Option<BTreeMap<PublicKeyHash, KeyRules>>,
    disabled: BTreeMap<PublicKeyHash, Timestamp>,
}

impl Configured {
    fn read(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Self::default()) };
        let signer = configuration::signer(path)?;
        let keys = Some(signer.map(|signer| signer.rules.keys).unwrap_or_default());
        Ok(Self { keys, ..Self::default() })
    }

    async fn look_at_switches(&mut self, keys: &[StoredKey], switches: KeySwitches) -> Outcome {
        for key in keys {
            let hash = key.public_key.hash();
            let since = switches.disabled_since(&hash).await;
            if let Some(since) = since.map_err(|error| switch::failure(&error.into()))? {
                self.disabled.insert(hash, since);
            }
        }
        Ok(())
    }

    /// Whether the key is listed, and what it may sign; `None` where nobody can tell.
    fn of(&self, key: &StoredKey) -> Option<Option<&Policy>> {
        Some(self.keys.as_ref()?.get(&key.public_key.hash()).map(|rules| &rules.policy))
    }

    /// When the key was switched off.
    fn disabled(&self, key: &StoredKey) -> Option<Timestamp> {
        self.disabled.get(&key.public_key.hash()).copied()
    }
}

fn blocks(keys: &[StoredKey], configured: &Configured, out: &mut Output<'_>) -> Outcome {
    keys.iter().try_for_each(|key| out.line(block(key, configured)))
}

/// A block of §9, its empty line included. The lines from `Active:` on speak of the configuration.
fn block(key: &StoredKey, configured: &Configured) -> String {
    let mut rows = vec![
        ("Public Key Hash:", key.public_key.hash().to_string()),
        ("Public Key:", key.public_key.to_string()),
        ("Alias:", printable(&key.alias)),
        ("Vault:", "Store".to_owned()),
        ("Created:", utc(key.created_at_ms / 1000)),
    ];
    if let Some(since) = configured.disabled(key) {
        rows.push(("Disabled:", format!("since {}", utc(since.seconds()))));
    }
    if let Some(policy) = configured.of(key) {
        rows.push(("Active:", policy.is_some().to_string()));
        if let Some(policy) = policy {
            let requests: Vec<&str> = policy.allow.requests().map(RequestKind::name).collect();
            rows.push(("Allowed Requests:", format!("[{}]", requests.join(" "))));
            rows.push(("Allowed Operations:", format!("[{}]", operations(policy).join(" "))));
            rows.push(("Allow Proof of Possession:", policy.allow_proof_of_possession.to_string()));
        }
    }
    rows.iter()
        .map(|(name, value)| format!("{name:VALUE_COLUMN$}{value}").trim_end().to_owned() + "\n")
        .collect()
}

fn operations(policy: &Policy) -> Vec<String> {
    policy.allow.operations().map(|operation| operation.name()).collect()
}

fn keys_json(keys: &[StoredKey], configured: &Configured) -> Value {
    keys.iter().map(|key| key_json(key, configured)).collect()
}

fn key_json(key: &StoredKey, configured: &Configured) -> Value {
    let mut object = json!({
        "public_key_hash": key.public_key.hash().to_string(),
        "public_key": key.public_key.to_string(),
        "alias": key.alias,
        "curve": key.public_key.curve().name(),
        "created_at": key.created_at_ms / 1000,
        "disabled": configured.disabled(key).is_some(),
    });
    if let (Some(members), Some(policy)) = (object.as_object_mut(), configured.of(key)) {
        members.insert("active".to_owned(), json!(policy.is_some()));
        if let Some(policy) = policy {
            let requests: Vec<&str> = policy.allow.requests().map(RequestKind::name).collect();
            members.insert("allowed_requests".to_owned(), json!(requests));
            members.insert("allowed_operations".to_owned(), json!(operations(policy)));
            members.insert("allow_proof_of_possession".to_owned(), json!(policy.allow_proof_of_possession));
        }
    }
    object
}

fn failure(error: &StoreVaultError) -> Failure {
    match error {
        StoreVaultError::Exists(_) => {
            Failure::refused(error).hint("`jwtis key list` shows the keys; nothing was changed")
        }
        StoreVaultError::Unknown(_) => Failure::refused(error).hint("`jwtis key list` shows the keys"),
        StoreVaultError::AliasTaken(_) | StoreVaultError::Alias => {
            Failure::refused(error).hint("choose another alias by --alias, or none")
        }
        StoreVaultError::Key(_) => Failure::refused(error)
            .because(source(error))
            .hint("the system gives no randomness: see getrandom(2)"),
        StoreVaultError::Read(ReadError::Damaged { .. }) => Failure::damaged(error).because(source(error)),
        StoreVaultError::Conflict(_) => Failure::refused(error).hint("try again"),
        StoreVaultError::Read(_) | StoreVaultError::Store(_) => {
            Failure::refused(error).because(source(error)).hint("look at the disk and at `jwtis store check`")
        }
        StoreVaultError::OutcomeUnknown(_) => Failure::refused(error).because(source(error)).hint(
            "look at the disk, then run the command again: `jwtis key list` shows whether there is a new key",
        ),
    }
}

fn source(error: &StoreVaultError) -> &(dyn std::error::Error + 'static) {
    std::error::Error::source(error).unwrap_or(error)
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

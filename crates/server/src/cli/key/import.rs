//! `jwtis key import`: where a secret key comes from. Never from an argument: other users of a machine can read those.

use std::path::{Path, PathBuf};

use clap::Args;
use jwtis_signer::vault::store::{StoreVault, StoreVaultError, StoredKey};
use jwtis_tezos::secret_key::{
    ElsewhereKey, NamedSecretKey, SecretKeys, StoredSecretKeyError, parse_secret_key_of, parse_secret_keys,
};
use jwtis_tezos::{EncryptedSecretKey, SecretKey, SecretKeyError, StoredSecretKey};
use zeroize::Zeroizing;

use super::alias::{Alias, refused_argument};
use super::shown::show_new;
use super::vault::{failure, with_vault};
use crate::cli::failure::warn;
use crate::cli::printable::printable;
use crate::cli::store_file::StoreAtRest;
use crate::cli::{CliOutcome, Failure, Output, prompt};
use crate::config::limited::{self, MAX_INPUT_BYTES};
use crate::config::read_secret_file;

const HINT: &str =
    "a secret key is an edsk…, spsk…, p2sk… or BLsk…, or edesk… and its kin where it has a password";

#[derive(Debug, Args)]
pub(crate) struct KeyImport {
    /// `-`, or nothing and a pipe, to read the secret key from standard input.
    #[arg(value_name = "-", conflicts_with = "from")]
    input: Option<String>,
    /// A file with one secret key, or octez-client's `secret_keys`, of which all are taken.
    #[arg(short, long, value_name = "FILE", value_parser = crate::config::path::given)]
    from: Option<PathBuf>,
    /// Of `secret_keys`, take this one alone.
    #[arg(long, value_name = "NAME", requires = "from")]
    name: Option<String>,
    /// A name for people. Keys of `secret_keys` keep the names that they have there.
    #[arg(long, value_name = "NAME")]
    alias: Option<Alias>,
    /// File whose first line opens encrypted keys, instead of a prompt.
    #[arg(long, value_name = "FILE", value_parser = crate::config::path::given)]
    password_file: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreAtRest,
}

/// A key ready for the store.
struct Incoming {
    alias: String,
    key: SecretKey,
}

impl KeyImport {
    pub(super) fn run(&self, out: &mut Output<'_>) -> CliOutcome {
        if self.input.as_deref().is_some_and(|input| input != "-") {
            return Err(refused_argument());
        }
        self.alias.as_ref().map_or(Ok(()), Alias::harmless)?;
        // All are read and opened before the first is stored.
        let incoming = self.read()?;
        let stored = with_vault(&self.store, async |vault| store_all(vault, &incoming).await)?;
        show_new(&stored, self.json, out)
    }

    fn read(&self) -> Result<Vec<Incoming>, Failure> {
        let named = match &self.from {
            Some(path) => self.file(path)?,
            None => vec![one(&input()?, "standard input")?],
        };
        if named.len() > 1 && self.alias.is_some() {
            return Err(Failure::usage("an alias is the name of one key, and the file has several")
                .hint("choose one by --name, or leave --alias out: the names in the file are kept"));
        }
        named.into_iter().map(|named| self.incoming(named)).collect()
    }

    fn file(&self, path: &Path) -> Result<Vec<NamedSecretKey>, Failure> {
        let text = limited::text_file(path, MAX_INPUT_BYTES).map_err(|message| {
            Failure::usage(message)
                .hint("--from takes a text file with keys, of at most 1 MiB, that this user can read")
        })?;
        let shown = path.display();
        if text.trim_start().starts_with("-----BEGIN") {
            return Err(Failure::usage(format!("{shown} is PEM, which is not read here"))
                .hint("give the key in Tezos' own form, edsk… and its kin"));
        }
        if !text.trim_start().starts_with('[') {
            return match &self.name {
                Some(_) => {
                    Err(Failure::usage(format!("{shown} is not a list of keys, so --name has no use"))
                        .hint("leave --name out; --alias names the key in the store"))
                }
                None => Ok(vec![one(&text, &shown.to_string())?]),
            };
        }
        let keys = match &self.name {
            None => parse_secret_keys(text.as_bytes()).map(|SecretKeys { keys, elsewhere }| {
                for ElsewhereKey { name, scheme } in &elsewhere {
                    warn(format_args!(
                        "the secret of {} is not in {shown} ({scheme}), and the key is not imported",
                        printable(name)
                    ));
                }
                keys
            }),
            Some(name) => parse_secret_key_of(text.as_bytes(), name).map(|key| key.into_iter().collect()),
        };
        let keys = keys.map_err(|error| {
            let hint = match error {
                StoredSecretKeyError::Json { .. } => "octez-client keeps them in ~/.tezos-client/secret_keys",
                StoredSecretKeyError::Elsewhere(_) => {
                    "a ledger or a remote signer has it; import a key whose secret is in the file"
                }
                StoredSecretKeyError::Entry { .. } => {
                    "mend the entry, or take the others one at a time by --name"
                }
            };
            Failure::usage(format!("{shown} cannot be imported")).because(&error).hint(hint)
        })?;
        match (keys.is_empty(), &self.name) {
            (false, _) => Ok(keys),
            (true, Some(name)) => Err(Failure::usage(format!("{shown} has no key {name}"))
                .hint("--name takes an alias as it stands in the file")),
            (true, None) => Err(Failure::usage(format!("{shown} has no secret keys")).hint(HINT)),
        }
    }

    fn incoming(&self, named: NamedSecretKey) -> Result<Incoming, Failure> {
        let key = match named.key {
            StoredSecretKey::Plain(key) => *key,
            StoredSecretKey::Encrypted(sealed) => self.open(&sealed, &named.name)?,
        };
        if let Some(Alias(alias)) = &self.alias {
            return Ok(Incoming { alias: alias.clone(), key });
        }
        if !named.name.is_empty() {
            let kept = named.name.parse::<Alias>().map_err(|message| {
                Failure::usage(format!("the name of {} cannot be kept: {message}", key.public_key().hash()))
                    .hint("import it alone by --name, with another --alias")
            })?;
            kept.harmless()?;
        }
        Ok(Incoming { alias: named.name, key })
    }

    fn open(&self, sealed: &EncryptedSecretKey, name: &str) -> Result<SecretKey, Failure> {
        let of = if name.is_empty() { "the secret key".to_owned() } else { printable(name) };
        let password = match &self.password_file {
            Some(path) => read_secret_file(path).map_err(|message| {
                Failure::usage(format!("no password of {of}: {message}"))
                    .hint("the file's first line is the password, as UTF-8 text that this user can read")
            })?,
            None => prompt::hidden(&format!("Password of {of}: "))?.ok_or_else(|| {
                Failure::usage(format!("{of} is encrypted, and nobody is there to type its password"))
                    .hint("give the password by --password-file FILE, or run this on a terminal")
            })?,
        };
        sealed.decrypt(password.as_bytes()).map_err(|error| {
            Failure::usage(format!("{of} cannot be opened")).because(&error).hint(match error {
                SecretKeyError::Password => {
                    "it opens with the password that it was encrypted with; nothing was changed"
                }
                _ => HINT,
            })
        })
    }
}

/// Stores the keys in turn. Of several, those that are there already are no failure, so that an import can be repeated.
async fn store_all(vault: &StoreVault, incoming: &[Incoming]) -> Result<Vec<StoredKey>, Failure> {
    let mut stored = Vec::new();
    for Incoming { alias, key } in incoming {
        match vault.import(key, alias).await {
            Ok(key) => stored.push(key),
            Err(error @ StoreVaultError::Exists(_)) if incoming.len() > 1 => warn(error),
            Err(error) => {
                let before = stored.iter().map(|key| format!("{} is imported", key.public_key.hash()));
                return Err(failure(&error).details(before));
            }
        }
    }
    Ok(stored)
}

/// A text that holds one secret key, perhaps with octez-client's `unencrypted:` or `encrypted:` in front.
fn one(text: &str, origin: &str) -> Result<NamedSecretKey, Failure> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Failure::usage(format!("{origin} has no secret key")).hint(HINT));
    }
    match StoredSecretKey::parse(text) {
        Ok(key) => Ok(NamedSecretKey { name: String::new(), key }),
        Err(error) => {
            Err(Failure::usage(format!("{origin} has no usable secret key")).because(&error).hint(HINT))
        }
    }
}

/// A line typed without echo, or all of what is piped in.
fn input() -> Result<Zeroizing<String>, Failure> {
    match prompt::hidden("Secret key: ")? {
        Some(text) => Ok(text),
        None => prompt::piped(),
    }
}

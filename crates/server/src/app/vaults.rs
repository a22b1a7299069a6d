//! Opens the vaults of the configuration, in its order: first all is read that needs nobody, then encrypted keys are opened.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jwtis_signer::Vault;
use jwtis_signer::vault::software::SoftwareVault;
use jwtis_signer::vault::store::StoreVault;
use jwtis_tezos::secret_key::{ElsewhereKey, SecretKeys, StoredSecretKeyError, parse_secret_keys};
use jwtis_tezos::{EncryptedSecretKey, SecretKey, SecretKeyError, StoredSecretKey};
use tracing::{error, info, warn};
use zeroize::Zeroizing;

use crate::config::signer::{VaultConfig, VaultDriver};
use crate::config::{limited, read_secret_file};

/// Permissions of a file to be read by its group and by everybody.
const OTHERS_READ: u32 = 0o044;

/// Asks somebody for a password without showing it; `None` where nobody can be asked.
pub type Ask<'a> = &'a mut (dyn FnMut(&str) -> io::Result<Option<Zeroizing<String>>> + Send);

/// Why the vaults cannot be opened. No text repeats anything of a key.
#[derive(Debug, thiserror::Error)]
pub enum VaultFault {
    /// It cannot be read, and it may not be skipped.
    #[error("vault `{vault}` cannot be opened: {reason}")]
    Unavailable {
        /// The vault.
        vault: String,
        /// The reason, which names the file.
        reason: String,
    },
    /// A file of keys that is none, or has an entry that is no key.
    #[error("vault `{vault}`: {} cannot be used", path.display())]
    File {
        /// The vault.
        vault: String,
        /// The file.
        path: PathBuf,
        /// Names the entry.
        source: StoredSecretKeyError,
    },
    /// `strict_vaults`, and secrets of the file's keys are elsewhere.
    #[error("vault `{vault}`: the secrets of these keys are not in {}: {}", path.display(), named(keys))]
    Elsewhere {
        /// The vault.
        vault: String,
        /// The file.
        path: PathBuf,
        /// The keys.
        keys: Vec<ElsewhereKey>,
    },
    /// A text in the configuration that is no key.
    #[error("vault `{vault}`: key number {number}")]
    Text {
        /// The vault.
        vault: String,
        /// Counted from 1.
        number: usize,
        /// What is wrong.
        source: SecretKeyError,
    },
    /// The file of the password cannot be read.
    #[error("vault `{vault}`: no password: {reason}")]
    PasswordFile {
        /// The vault.
        vault: String,
        /// The reason, which names the file.
        reason: String,
    },
    /// An encrypted key, and nobody to ask.
    #[error("vault `{vault}`: key `{key}` is encrypted, and there is nobody to ask for its password")]
    NoPassword {
        /// The vault.
        vault: String,
        /// Its name.
        key: String,
    },
    /// The password does not open the key, or what it opens is no key.
    #[error("vault `{vault}`: key `{key}` cannot be opened")]
    Locked {
        /// The vault.
        vault: String,
        /// Its name.
        key: String,
        /// [`SecretKeyError::Password`] for a wrong password.
        source: SecretKeyError,
    },
    /// The terminal failed.
    #[error("the password cannot be read from the terminal")]
    Terminal(#[source] io::Error),
}

/// Whether a vault that cannot be read stops everything or is left out.
#[derive(Copy, Clone, Debug)]
pub(super) enum Missing<'a> {
    /// Any stops it.
    Stops,
    /// It is left out, with an error in the log, unless it is one of these.
    IsSkippedUnless(&'a [String]),
}

/// A vault that has been read and may have keys to open.
pub(super) struct ReadVault {
    name: String,
    keys: ReadKeys,
}

enum ReadKeys {
    Software { kind: &'static str, keys: Vec<(String, StoredSecretKey)>, password: Option<Zeroizing<String>> },
    Store,
}

/// Reads all vaults of the configuration.
///
/// # Errors
/// [`VaultFault`].
pub(super) fn read(configs: Vec<VaultConfig>, missing: Missing<'_>) -> Result<Vec<ReadVault>, VaultFault> {
    let mut vaults = Vec::new();
    for VaultConfig { name, driver } in configs {
        let kind = match &driver {
            VaultDriver::File { .. } => "File",
            VaultDriver::Mem { .. } => "Mem",
            VaultDriver::Store => "Store",
        };
        info!(vault = kind, vault_name = name, "Initializing vault");
        match read_one(&name, kind, driver, missing) {
            Ok(keys) => vaults.push(ReadVault { name, keys }),
            Err(VaultFault::Unavailable { reason, .. }) if missing.may_skip(&name) => {
                error!(
                    vault = kind,
                    vault_name = name,
                    error = reason,
                    "Error initializing vault, skipping..."
                );
            }
            Err(fault) => return Err(fault),
        }
    }
    Ok(vaults)
}

impl Missing<'_> {
    fn may_skip(self, vault: &str) -> bool {
        match self {
            Self::Stops => false,
            Self::IsSkippedUnless(needed) => !needed.iter().any(|name| name == vault),
        }
    }
}

fn read_one(
    vault: &str,
    kind: &'static str,
    driver: VaultDriver,
    missing: Missing<'_>,
) -> Result<ReadKeys, VaultFault> {
    let (keys, password_file) = match driver {
        VaultDriver::Store => return Ok(ReadKeys::Store),
        VaultDriver::File { path, password_file } => (read_file(vault, &path, missing)?, password_file),
        VaultDriver::Mem { keys, password_file } => (read_texts(vault, &keys)?, password_file),
    };
    let password = password_file.as_deref().map(read_secret_file).transpose();
    let password = password.map_err(|reason| VaultFault::PasswordFile { vault: vault.to_owned(), reason })?;
    Ok(ReadKeys::Software { kind, keys, password })
}

fn read_file(
    vault: &str,
    path: &Path,
    missing: Missing<'_>,
) -> Result<Vec<(String, StoredSecretKey)>, VaultFault> {
    let json = limited::file(path, limited::MAX_INPUT_BYTES)
        .map_err(|reason| VaultFault::Unavailable { vault: vault.to_owned(), reason })?;
    if std::fs::metadata(path).is_ok_and(|file| file.mode() & OTHERS_READ != 0) {
        warn!(path = %path.display(), "others on this machine can read these secret keys; chmod the file to 600");
    }
    let SecretKeys { keys, elsewhere } = parse_secret_keys(&json).map_err(|source| VaultFault::File {
        vault: vault.to_owned(),
        path: path.to_path_buf(),
        source,
    })?;
    if !elsewhere.is_empty() {
        match missing {
            Missing::Stops => {
                return Err(VaultFault::Elsewhere {
                    vault: vault.to_owned(),
                    path: path.to_path_buf(),
                    keys: elsewhere,
                });
            }
            Missing::IsSkippedUnless(_) => warn!(
                vault_name = vault,
                path = %path.display(),
                keys = named(&elsewhere),
                "the secrets of these keys are not in the file, and the keys are not served"
            ),
        }
    }
    Ok(keys.into_iter().map(|key| (key.name, key.key)).collect())
}

/// Names and places, in a line.
fn named(keys: &[ElsewhereKey]) -> String {
    let named = keys.iter().map(|ElsewhereKey { name, scheme }| format!("{name:?} ({scheme})"));
    named.collect::<Vec<_>>().join(", ")
}

fn read_texts(
    vault: &str,
    texts: &[Zeroizing<String>],
) -> Result<Vec<(String, StoredSecretKey)>, VaultFault> {
    let read = |(number, text): (usize, &Zeroizing<String>)| {
        let key = StoredSecretKey::parse(text).map_err(|source| VaultFault::Text {
            vault: vault.to_owned(),
            number,
            source,
        })?;
        Ok((String::new(), key))
    };
    (1..).zip(texts).map(read).collect()
}

/// Opens vaults, and remembers which encrypted keys are open: a reload finds them so, and asks nobody.
#[derive(Default)]
pub(super) struct VaultOpener {
    store: Option<StoreVault>,
    open: Vec<OpenedKey>,
}

type OpenedKey = (EncryptedSecretKey, Arc<SecretKey>);

/// Vaults that are open.
pub(super) struct OpenedVaults {
    pub(super) vaults: Vec<Vault>,
    keys: Vec<OpenedKey>,
}

impl VaultOpener {
    /// An opener whose vaults of the kind `store` are this one.
    pub(super) const fn new(store: Option<StoreVault>) -> Self {
        Self { store, open: Vec::new() }
    }

    /// Opens what was read. `ask` is asked for passwords that no file gives.
    ///
    /// # Errors
    /// [`VaultFault`].
    pub(super) async fn open(&self, read: Vec<ReadVault>, ask: Ask<'_>) -> Result<OpenedVaults, VaultFault> {
        let mut opened = OpenedVaults { vaults: Vec::new(), keys: Vec::new() };
        for ReadVault { name, keys } in read {
            let backend: Arc<dyn jwtis_signer::KeyBackend> = match keys {
                ReadKeys::Store => match &self.store {
                    Some(store) => Arc::new(store.clone()),
                    None => {
                        let reason = "the store is not open".to_owned();
                        return Err(VaultFault::Unavailable { vault: name, reason });
                    }
                },
                ReadKeys::Software { kind, keys, password } => {
                    let mut ready = Vec::with_capacity(keys.len());
                    for (key_name, key) in keys {
                        ready.push(match key {
                            StoredSecretKey::Plain(key) => Arc::new(*key),
                            StoredSecretKey::Encrypted(key) => {
                                let named = Named { vault: &name, kind, key: &key_name };
                                self.unlock(named, key, password.as_ref(), ask, &mut opened.keys).await?
                            }
                        });
                    }
                    Arc::new(SoftwareVault::new(kind, ready))
                }
            };
            opened.vaults.push(Vault { name, backend });
        }
        Ok(opened)
    }

    /// Remembers the keys of `opened`, which are in use from now on, and forgets all others.
    pub(super) fn keep(&mut self, opened: OpenedVaults) -> Vec<Vault> {
        self.open = opened.keys;
        opened.vaults
    }

    async fn unlock(
        &self,
        named: Named<'_>,
        key: EncryptedSecretKey,
        password: Option<&Zeroizing<String>>,
        ask: &mut (dyn FnMut(&str) -> io::Result<Option<Zeroizing<String>>> + Send),
        opened: &mut Vec<OpenedKey>,
    ) -> Result<Arc<SecretKey>, VaultFault> {
        let known = opened.iter().chain(&self.open).find(|(known, _)| *known == key);
        let secret = match known {
            Some((_, secret)) => Arc::clone(secret),
            None => {
                let password = match password {
                    Some(password) => password.clone(),
                    None => ask(&named.question())
                        .map_err(VaultFault::Terminal)?
                        .ok_or_else(|| VaultFault::NoPassword { vault: named.vault(), key: named.key() })?,
                };
                Arc::new(decrypt(key.clone(), password).await.map_err(|source| VaultFault::Locked {
                    vault: named.vault(),
                    key: named.key(),
                    source,
                })?)
            }
        };
        opened.push((key, Arc::clone(&secret)));
        Ok(secret)
    }
}

/// Some 20 milliseconds of work, on a thread that serves nobody.
async fn decrypt(key: EncryptedSecretKey, password: Zeroizing<String>) -> Result<SecretKey, SecretKeyError> {
    tokio::task::spawn_blocking(move || key.decrypt(password.as_bytes()))
        .await
        .unwrap_or(Err(SecretKeyError::Library))
}

/// A key by its names.
#[derive(Copy, Clone)]
struct Named<'a> {
    vault: &'a str,
    kind: &'static str,
    key: &'a str,
}

impl Named<'_> {
    fn vault(self) -> String {
        self.vault.to_owned()
    }

    fn key(self) -> String {
        if self.key.is_empty() { "<unnamed>".to_owned() } else { self.key.to_owned() }
    }

    /// Signatory's question.
    fn question(self) -> String {
        let name: String = self.key().chars().filter(|c| !c.is_control()).collect();
        format!("({}): Enter password to unlock key `{name}': ", self.kind)
    }
}

impl fmt::Debug for VaultOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener").field("open", &self.open.len()).finish_non_exhaustive()
    }
}

//! The signer's part of the configuration: what Signatory's sections say, checked.

mod shown;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jwtis_signer::KeyRules;
use jwtis_signer::login::{TrustedIssuer, UserConfig};
use jwtis_tezos::watermark::JumpRules;
use jwtis_tezos::{PublicKey, PublicKeyHash};
use zeroize::Zeroizing;

use super::address::{ListenAddress, TlsFiles};

pub(super) use shown::allow_text;

/// The signer, where the file has a `tezos:` section.
#[derive(Debug)]
pub struct SignerConfig {
    /// `server.address`.
    pub listen: ListenAddress,
    /// `server.tls_cert_file` and `server.tls_key_file`.
    pub tls: Option<TlsFiles>,
    /// `server.max_body_bytes`: the longest body of `POST /keys/{pkh}`.
    pub max_body_bytes: usize,
    /// What a reload replaces.
    pub rules: RulesConfig,
    /// `vaults`, in the order of the file.
    pub vaults: Vec<VaultConfig>,
    /// `strict_vaults`: whether a vault that cannot be opened, or a listed key that none holds, stops the start.
    pub strict_vaults: bool,
    /// `watermark.driver`.
    pub watermark: WatermarkDriver,
    /// `--new-watermarks`: whether the driver `file` may begin anew where files of watermarks are gone.
    pub new_watermarks: bool,
    /// `base_dir`, with variables expanded: where the `file` driver keeps its watermarks, and where those of Signatory are looked for.
    pub base_dir: PathBuf,
    /// `watch_config`: whether a changed file is applied without a signal.
    pub watch_config: bool,
}

impl SignerConfig {
    /// Whether the signer cannot do without our store: a vault or watermarks in it, limits over time, or tokens of our issuer, whose
    /// revocations are there.
    #[must_use]
    pub fn needs_store(&self) -> bool {
        let has_issuers = match &self.rules.guard {
            GuardConfig::Tokens { issuers, .. } => !issuers.is_empty(),
            GuardConfig::Open | GuardConfig::Keys(_) => false,
        };
        let keeps_watermarks = match self.watermark {
            WatermarkDriver::Store => true,
            WatermarkDriver::File | WatermarkDriver::Mem => false,
        };
        let has_vault = self.vaults.iter().any(|vault| match vault.driver {
            VaultDriver::Store => true,
            VaultDriver::File { .. } | VaultDriver::Mem { .. } => false,
        });
        has_issuers
            || keeps_watermarks
            || has_vault
            || self.rules.keys.values().any(|rules| rules.policy.limits.per.is_some())
    }
}

/// Users, keys and policies: what SIGHUP and `watch_config` apply.
#[derive(Debug)]
pub struct RulesConfig {
    /// `server.authorized_keys` or `server.jwt`.
    pub guard: GuardConfig,
    /// `tezos`.
    pub keys: BTreeMap<PublicKeyHash, KeyRules>,
    /// `policy_hook`.
    pub hook: Option<HookConfig>,
    /// `server.restrict_public_keys`, where it is given.
    pub restrict_public_keys: Option<bool>,
    /// `server.known_keys`.
    pub known_keys: bool,
    /// `watermark.max_jump` and `watermark.chains`.
    pub jumps: JumpRules,
}

/// How callers are known.
pub enum GuardConfig {
    /// Neither keys nor tokens.
    Open,
    /// `server.authorized_keys`, perhaps none.
    Keys(Vec<PublicKey>),
    /// `server.jwt`.
    Tokens {
        /// `server.jwt.users`; [`jwtis_signer::login::TokenGuard::new`] has accepted them.
        users: Vec<UserConfig>,
        /// `server.jwt.issuers`.
        issuers: Vec<TrustedIssuer>,
    },
}

/// `policy_hook`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HookConfig {
    /// `address`: a URL, `http` or `https`.
    pub url: String,
    /// `authorized_keys`.
    pub authorized_keys: Option<Vec<PublicKey>>,
    /// `timeout`, 5 s where it is not given.
    pub timeout: Duration,
}

/// One of `vaults`.
pub struct VaultConfig {
    /// Its name.
    pub name: String,
    /// Its driver and what that needs.
    pub driver: VaultDriver,
}

/// `vaults.N.driver` and `.config`.
pub enum VaultDriver {
    /// octez-client's `secret_keys`.
    File {
        /// `file`, with variables expanded.
        path: PathBuf,
        /// `password_file`: its first line opens the encrypted keys, instead of a prompt.
        password_file: Option<PathBuf>,
    },
    /// Secret keys in the configuration itself.
    Mem {
        /// Their texts.
        keys: Vec<Zeroizing<String>>,
        /// As of [`Self::File`].
        password_file: Option<PathBuf>,
    },
    /// Sealed in our store.
    Store,
}

/// `watermark.driver`.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub enum WatermarkDriver {
    /// Our store.
    #[default]
    Store,
    /// Signatory's files.
    File,
    /// Memory: for tests.
    Mem,
}

impl WatermarkDriver {
    /// Its name in the file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::File => "file",
            Self::Mem => "mem",
        }
    }
}

impl std::fmt::Debug for GuardConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Open => f.write_str("Open"),
            Self::Keys(keys) => f.debug_tuple("Keys").field(keys).finish(),
            Self::Tokens { users, issuers } => {
                let users: Vec<&str> = users.iter().map(|user| user.name.as_str()).collect();
                f.debug_struct("Tokens").field("users", &users).field("issuers", issuers).finish()
            }
        }
    }
}

impl std::fmt::Debug for VaultConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let driver = match &self.driver {
            VaultDriver::File { path, .. } => format!("file {}", path.display()),
            VaultDriver::Mem { keys, .. } => format!("mem, {} keys", keys.len()),
            VaultDriver::Store => "store".to_owned(),
        };
        write!(f, "{}: {driver}", self.name)
    }
}

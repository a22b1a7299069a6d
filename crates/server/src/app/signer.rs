//! Builds the signer from its configuration: first what needs nobody, then what needs an open store or a password.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use jwtis_base::Env;
use jwtis_issuer::Issuer;
use jwtis_signer::TrustedTokens;
use jwtis_signer::hook::Hook;
use jwtis_signer::login::TokenGuard;
use jwtis_signer::rules::Guard;
use jwtis_signer::vault::store::StoreVault;
use jwtis_signer::watermark::file::Lost;
use jwtis_signer::{Rules, Vault, VaultError};
use jwtis_signer::{Signer, SignerParts};
use jwtis_store::{BoxError, Store};
use jwtis_tezos::PublicKeyHash;
use tracing::{error, info, warn};

use super::trusted::OwnIssuer;
use super::vaults::{self, Ask, Missing, OpenedVaults, ReadVault, VaultFault, VaultOpener};
use super::watermarks::{self, Keeping, WatermarksError};
use crate::config::signer::{GuardConfig, HookConfig, RulesConfig, SignerConfig, WatermarkDriver};
use crate::hook_client::HttpHook;
use crate::metrics::{Metrics, ObservedWatermarks};

/// Why the signer cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Users, keys or the hook are not right.
    #[error(transparent)]
    Rules(#[from] RulesFault),
    /// A vault cannot be opened.
    #[error(transparent)]
    Vault(#[from] VaultFault),
    /// The watermarks cannot be kept.
    #[error(transparent)]
    Watermarks(#[from] WatermarksError),
    /// `strict_vaults`, and these are listed in `tezos:` and in no vault.
    #[error("no vault holds these keys of `tezos:`: {}", list(.0))]
    KeysMissing(Vec<PublicKeyHash>),
    /// `strict_vaults`, and a vault does not say which keys it holds.
    #[error("the keys of vault `{vault}` cannot be listed")]
    Listing {
        /// The vault.
        vault: String,
        /// The reason.
        source: VaultError,
    },
}

/// Rules that cannot be put into force.
#[derive(Debug, thiserror::Error)]
pub enum RulesFault {
    /// All that is wrong with login users, one sentence each.
    #[error("the users of `server.jwt` cannot be used: {}", .0.join("; "))]
    Users(Vec<String>),
    /// The URL of the hook.
    #[error("policy_hook.address cannot be used")]
    Hook(#[source] BoxError),
}

/// A signer of which all has been read and checked that needs neither a store nor a password.
pub struct Prepared {
    rules: Rules,
    vaults: Vec<ReadVault>,
    strict: bool,
    watermark: WatermarkDriver,
    lost: Lost,
    base_dir: PathBuf,
}

/// What the vaults are opened beside.
#[derive(Debug)]
pub struct Surroundings {
    /// Time and randomness.
    pub env: Env,
    /// The store, where it is open.
    pub store: Option<Store>,
    /// The issuer over that store, whose tokens the rules may take.
    pub issuer: Option<Issuer>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// A signer that can sign, and what a reload needs of its start.
#[derive(Debug)]
pub struct Running {
    /// The signer.
    pub signer: Signer,
    pub(super) opener: VaultOpener,
    pub(super) vaults: Vec<String>,
}

impl Prepared {
    /// Reads vaults, and checks users and the hook.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn new(config: SignerConfig, env: &Env) -> Result<Self, StartError> {
        let missing = if config.strict_vaults { Missing::Stops } else { Missing::IsSkippedUnless(&[]) };
        Self::with(config, env, missing)
    }

    /// As [`Self::new`], for a signer that runs with the vaults `open`: none of them may be lost.
    pub(super) fn again(config: SignerConfig, env: &Env, open: &[String]) -> Result<Self, StartError> {
        let missing = if config.strict_vaults { Missing::Stops } else { Missing::IsSkippedUnless(open) };
        Self::with(config, env, missing)
    }

    fn with(config: SignerConfig, env: &Env, missing: Missing<'_>) -> Result<Self, StartError> {
        let SignerConfig { rules, vaults, strict_vaults, watermark, new_watermarks, base_dir, .. } = config;
        let lost = if new_watermarks { Lost::BeginAnew } else { Lost::Refuse };
        let rules = to_rules(rules, env)?;
        let vaults = vaults::read(vaults, missing)?;
        Ok(Self { rules, vaults, strict: strict_vaults, watermark, lost, base_dir })
    }

    /// Opens watermarks and vaults and puts the signer together. `ask` is asked for the passwords of encrypted keys.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(self, around: Surroundings, ask: Ask<'_>) -> Result<Running, StartError> {
        let Surroundings { env, store, issuer, metrics } = around;
        let keeping = Keeping { driver: self.watermark, base_dir: &self.base_dir, lost: self.lost };
        let watermarks = watermarks::open(keeping, store.as_ref(), &env, Arc::clone(&metrics) as _).await?;
        let mut opener = VaultOpener::new(store.clone().map(|store| StoreVault::new(store, env.clone())));
        let (rules, opened) = self.open(&opener, ask).await?;
        let vaults = opener.keep(opened);
        let names = vaults.iter().map(|vault| vault.name.clone()).collect();
        let parts = SignerParts {
            env,
            rules,
            vaults,
            watermarks: Arc::new(ObservedWatermarks::new(watermarks, metrics)),
            store,
            issuer: issuer.map(|issuer| Arc::new(OwnIssuer(issuer)) as Arc<dyn TrustedTokens>),
        };
        let signer = Signer::new(parts);
        warn_of_issuers(&signer).await;
        // A key whose switch cannot be read now is refused until it can.
        if let Err(error) = signer.read_switches().await {
            warn!(error = &error as &dyn Error, "whether keys are disabled cannot be read");
        }
        Ok(Running { signer, opener, vaults: names })
    }

    /// Opens the vaults and says which keys they hold.
    pub(super) async fn open(
        self,
        opener: &VaultOpener,
        ask: Ask<'_>,
    ) -> Result<(Rules, OpenedVaults), StartError> {
        let opened = opener.open(self.vaults, ask).await?;
        survey(&opened.vaults, &self.rules, self.strict).await?;
        Ok((self.rules, opened))
    }
}

/// Logs what is odd about trusted clients of our issuer.
pub(super) async fn warn_of_issuers(signer: &Signer) {
    for remark in signer.remarks_on_issuers().await {
        warn!("{remark}");
    }
}

/// Logs the keys of all vaults, and what the rules list in vain.
async fn survey(vaults: &[Vault], rules: &Rules, strict: bool) -> Result<(), StartError> {
    let mut found = BTreeSet::new();
    for Vault { name, backend } in vaults {
        let keys = match backend.keys().await {
            Ok(keys) => keys,
            Err(source) if strict => return Err(StartError::Listing { vault: name.clone(), source }),
            Err(error) => {
                error!(
                    vault_name = name,
                    error = &error as &dyn Error,
                    "the keys of the vault cannot be listed"
                );
                continue;
            }
        };
        if keys.is_empty() {
            error!(vault = backend.kind(), "No valid keys found in the vault {name}");
        }
        for key in keys {
            let pkh = key.hash();
            let active = rules.keys.contains_key(&pkh);
            info!(%pkh, vault = backend.kind(), vault_name = name, active, "key");
            found.insert(pkh);
        }
    }
    let missing: Vec<PublicKeyHash> =
        rules.keys.keys().filter(|listed| !found.contains(listed)).copied().collect();
    if strict && !missing.is_empty() {
        return Err(StartError::KeysMissing(missing));
    }
    for pkh in missing {
        warn!(%pkh, "the key is listed in `tezos:`, and no vault holds it");
    }
    Ok(())
}

fn to_rules(config: RulesConfig, env: &Env) -> Result<Rules, RulesFault> {
    let RulesConfig { guard, keys, hook, restrict_public_keys, known_keys, jumps } = config;
    let guard = match guard {
        GuardConfig::Open => Guard::Open,
        GuardConfig::Keys(keys) => Guard::Keys(keys),
        GuardConfig::Tokens { users, issuers } => {
            // What it remarks is among the notices of the configuration.
            let (guard, _) = TokenGuard::new(users, issuers, env)
                .map_err(|faults| RulesFault::Users(faults.iter().map(ToString::to_string).collect()))?;
            Guard::Tokens(guard)
        }
    };
    let hook = hook.map(to_hook).transpose().map_err(RulesFault::Hook)?;
    Ok(Rules { guard, keys, hook, restrict_public_keys, known_keys, jumps })
}

fn to_hook(config: HookConfig) -> Result<Hook, BoxError> {
    let HookConfig { url, authorized_keys, timeout } = config;
    Ok(Hook { transport: Arc::new(HttpHook::new(&url, timeout)?), authorized_keys })
}

fn list(keys: &[PublicKeyHash]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

//! What a signer is made of, and what is in force.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jwtis_base::env::Env;
use jwtis_base::sources::RefusedSources;
use jwtis_store::{ReadError, Store};

use crate::lockout::Lockout;
use crate::restrictions::Restrictions;
use crate::rules::{GuardRemoved, Rules};
use crate::switch::{KeySwitches, SwitchError};
use crate::trusted::TrustedTokens;
use crate::usage::UsageBook;
use crate::vault::Vault;
use crate::vaults::{ConfigSnapshot, Vaults};
use crate::watermark::{WatermarkError, Watermarks, WentBack};

/// What a signer is made of. All of it is injected.
pub struct SignerParts {
    /// Time and randomness.
    pub env: Env,
    /// Who, what, and by which keys. Replaced as a whole by [`Signer::reload`].
    pub rules: Rules,
    /// The holders of keys, in the order in which they are asked.
    pub vaults: Vec<Vault>,
    /// The watermarks.
    pub watermarks: Arc<dyn Watermarks>,
    /// Where limits over time are counted and keys are switched off. Without it a policy that has such a limit refuses everything generic.
    pub store: Option<Store>,
    /// Whose tokens open the signer too, where the rules name clients of ours.
    pub issuer: Option<Arc<dyn TrustedTokens>>,
}

/// The signer. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Signer(pub(crate) Arc<SignerState>);

pub(crate) struct SignerState {
    pub(crate) env: Env,
    /// What requests that come now work with.
    in_force: RwLock<Arc<ConfigSnapshot>>,
    /// What restricted keys, issuers and users under any rules so far.
    restrictions: Mutex<Restrictions>,
    pub(crate) watermarks: Arc<dyn Watermarks>,
    pub(crate) usage: Option<UsageBook>,
    pub(crate) switches: Option<KeySwitches>,
    pub(crate) issuer: Option<Arc<dyn TrustedTokens>>,
    pub(crate) lockout: Lockout,
    pub(crate) refused: RefusedSources,
}

impl Signer {
    /// A signer of these parts.
    #[must_use]
    pub fn new(parts: SignerParts) -> Self {
        let SignerParts { env, rules, vaults, watermarks, store, issuer } = parts;
        Self(Arc::new(SignerState {
            switches: store.clone().map(|store| KeySwitches::new(store, env.clone())),
            restrictions: Mutex::new(Restrictions::of(&rules)),
            in_force: RwLock::new(Arc::new(ConfigSnapshot {
                rules: Arc::new(rules),
                vaults: Arc::new(Vaults::new(env.clone(), vaults)),
            })),
            env,
            watermarks,
            usage: store.map(UsageBook::new),
            issuer,
            lockout: Lockout::default(),
            refused: RefusedSources::default(),
        }))
    }

    /// The rules and vaults in force. A request takes them once.
    #[must_use]
    pub fn snapshot(&self) -> Arc<ConfigSnapshot> {
        Arc::clone(&self.0.in_force.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.snapshot().rules)
    }

    /// Puts other rules, and other vaults where some are given, into force for all requests that come from now on. Failed logins and
    /// what keys have spent are not forgotten.
    ///
    /// # Errors
    /// [`GuardRemoved`] if they lack a guard of the rules in force, or what has restricted a key, an issuer or a user since the start.
    /// Then nothing changes.
    pub fn reload(&self, rules: Rules, vaults: Option<Vec<Vault>>) -> Result<(), GuardRemoved> {
        let mut restrictions = self.0.restrictions.lock().unwrap_or_else(PoisonError::into_inner);
        self.rules().keep_guards(&rules)?;
        restrictions.check(&rules)?;
        restrictions.remember(&rules);
        self.put(rules, vaults);
        Ok(())
    }

    /// Puts other rules into force, whatever they are: for tests of what follows.
    #[cfg(feature = "testing")]
    pub fn apply(&self, rules: Rules, vaults: Option<Vec<Vault>>) {
        self.put(rules, vaults);
    }

    fn put(&self, rules: Rules, vaults: Option<Vec<Vault>>) {
        let mut in_force = self.0.in_force.write().unwrap_or_else(PoisonError::into_inner);
        let vaults = match vaults {
            Some(vaults) => Arc::new(Vaults::new(self.0.env.clone(), vaults)),
            // They keep what they were found to hold.
            None => Arc::clone(&in_force.vaults),
        };
        *in_force = Arc::new(ConfigSnapshot { rules: Arc::new(rules), vaults });
    }

    /// The switches of the keys.
    ///
    /// # Errors
    /// [`SwitchError::NoStore`].
    pub fn switches(&self) -> Result<&KeySwitches, SwitchError> {
        self.0.switches.as_ref().ok_or(SwitchError::NoStore)
    }

    /// Reads the switches of all listed keys, before the first request.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn read_switches(&self) -> Result<(), ReadError> {
        let Some(switches) = &self.0.switches else { return Ok(()) };
        for key in self.rules().keys.keys() {
            switches.disabled_since(key).await?;
        }
        Ok(())
    }

    /// Why consensus keys sign nothing: their watermarks have gone back to an earlier state.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn rolled_back(&self) -> Result<Option<WentBack>, WatermarkError> {
        self.0.watermarks.rolled_back().await
    }

    /// Brings the copy of the watermarks that other programs read up to date, where the driver keeps one.
    ///
    /// # Errors
    /// [`WatermarkError::Unavailable`].
    pub async fn write_watermark_copy(&self) -> Result<(), WatermarkError> {
        self.0.watermarks.write_copy().await
    }

    /// The store with an audit trail of its own that the keeper of the watermarks has, beside that of the store with the keys.
    #[must_use]
    pub fn own_trail(&self) -> Option<&Store> {
        self.0.watermarks.own_trail()
    }

    /// Time and randomness.
    #[must_use]
    pub fn env(&self) -> &Env {
        &self.0.env
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").finish_non_exhaustive()
    }
}

//! The door: what a signer is made of, what it is asked, and what it answers.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use jwtis_base::env::Env;
use jwtis_store::{ReadError, RollbackCause, Store};
use jwtis_tezos::policy::LimitDenial;
use jwtis_tezos::{ChainId, DecodeError, Denial, PublicKeyHash, RequestKind, Signature, SigningVersion};

use crate::guard::Authenticated;
use crate::hook::HookError;
use crate::lockout::{Lockout, Refusals};
use crate::restrictions::Restrictions;
use crate::rules::{GuardRemoved, Rules};
use crate::snapshot::Snapshot;
use crate::switch::{KeySwitches, SwitchError};
use crate::trusted::TrustedTokens;
use crate::usage::{UsageBook, UsageError};
use crate::vault::{Vault, VaultError};
use crate::vaults::{NotHeld, Vaults};
use crate::watermark::{WatermarkError, Watermarks};

/// What a signer is made of. All of it is injected.
pub struct SignerParts {
    /// Time and randomness.
    pub env: Env,
    /// Who, what, and by which keys. Replaced as a whole by [`Signer::reload`].
    pub rules: Rules,
    /// The holders of keys, in the order in which they are asked.
    pub vaults: Vec<Vault>,
    /// The marks.
    pub watermarks: Arc<dyn Watermarks>,
    /// Where limits over time are counted and keys are switched off; without it a policy that has such a limit refuses everything generic.
    pub store: Option<Store>,
    /// Whose tokens open the signer too, where the rules name clients of ours.
    pub issuer: Option<Arc<dyn TrustedTokens>>,
}

/// The signer. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Signer(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) env: Env,
    /// What requests that come now work with.
    in_force: RwLock<Arc<Snapshot>>,
    /// What restricted keys, issuers and users under any rules so far.
    pub(crate) restrictions: Mutex<Restrictions>,
    pub(crate) watermarks: Arc<dyn Watermarks>,
    pub(crate) usage: Option<UsageBook>,
    pub(crate) switches: Option<KeySwitches>,
    pub(crate) issuer: Option<Arc<dyn TrustedTokens>>,
    pub(crate) lockout: Lockout,
    pub(crate) refusals: Refusals,
}

impl Signer {
    /// A signer of these parts.
    #[must_use]
    pub fn new(parts: SignerParts) -> Self {
        let SignerParts { env, rules, vaults, watermarks, store, issuer } = parts;
        Self(Arc::new(Inner {
            switches: store.clone().map(|store| KeySwitches::new(store, env.clone())),
            restrictions: Mutex::new(Restrictions::of(&rules)),
            in_force: RwLock::new(Arc::new(Snapshot {
                rules: Arc::new(rules),
                vaults: Arc::new(Vaults::new(env.clone(), vaults)),
            })),
            env,
            watermarks,
            usage: store.map(UsageBook::new),
            issuer,
            lockout: Lockout::default(),
            refusals: Refusals::default(),
        }))
    }

    /// The rules and vaults in force. A request takes them once.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
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
        *in_force = Arc::new(Snapshot { rules: Arc::new(rules), vaults });
    }

    /// Why consensus keys sign nothing: their watermarks have gone back to an earlier state.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn rolled_back(&self) -> Result<Option<RollbackCause>, WatermarkError> {
        self.0.watermarks.rolled_back().await
    }

    /// The world it lives in.
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

/// A request for a signature: bytes are not decoded yet, since the order of checks is visible (§1.4).
#[derive(Debug)]
pub struct SignCommand<'a> {
    /// Who asks.
    pub caller: Authenticated,
    /// With which key.
    pub key: PublicKeyHash,
    /// The message, magic byte included.
    pub message: &'a [u8],
    /// How it is to be read and, for tz4, signed.
    pub version: SigningVersion,
    /// Where the request came from, for the policy hook.
    pub source: IpAddr,
}

/// A request for a proof of possession (§1.7).
#[derive(Debug)]
pub struct ProofCommand {
    /// Who asks.
    pub caller: Authenticated,
    /// Of which key.
    pub key: PublicKeyHash,
    /// Where the request came from, for the policy hook.
    pub source: IpAddr,
}

/// An answer, or a refusal, and what became known about the request on the way: for metrics and logs.
#[derive(Debug)]
pub struct Decided<T> {
    /// The answer.
    pub outcome: Result<T, SignError>,
    /// What it was about.
    pub about: About,
}

/// What is known of a request when it has been decided. Members stay empty where the decision fell before they were known.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct About {
    /// The key, once it is known to be listed: so that a label of a metric never holds what a stranger sent.
    pub listed_key: Option<PublicKeyHash>,
    /// What kind of request it is.
    pub kind: Option<RequestKind>,
    /// Operations by kind; of requests that are not generic the kind itself, once.
    pub operations: BTreeMap<String, u64>,
    /// The network of consensus requests.
    pub chain: Option<ChainId>,
    /// Level and round of consensus requests.
    pub level_and_round: Option<(i32, i32)>,
    /// The kind of the vault that holds the key, as in Signatory's metrics: `File`, `Mem`, `Store`, …
    pub vault: Option<String>,
    /// What limits with `mode: observe` would have refused.
    pub observed: Option<LimitDenial>,
    /// How long watermark and vault took, of requests that came so far.
    pub signing_took: Option<Duration>,
}

/// Why there is no signature. `Display` is the answer's text (§1.4).
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// 403: the key has no entry in the configuration.
    #[error("{0} is not listed in config")]
    NotListed(PublicKeyHash),
    /// 403: the operator has switched the key off.
    #[error("{0} is disabled")]
    Disabled(PublicKeyHash),
    /// 500: whether the key is switched off cannot be read.
    #[error(transparent)]
    Switch(SwitchError),
    /// 403: the caller or the request is not allowed.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// 400: the message is not understood.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// 404: no vault holds the key. 500: a vault cannot be asked whether it does.
    #[error(transparent)]
    NotHeld(#[from] NotHeld),
    /// 400: only tz4 keys in vaults that can do it have proofs.
    #[error("proof of possession is not supported")]
    ProofNotSupported,
    /// 400: the key's policy does not say `allow_proof_of_possession`.
    #[error("proof of possession is not allowed")]
    ProofNotAllowed,
    /// 403, 401 or 500: the policy hook says no, or nothing that can be trusted.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// 409, 403 where there is no room for another chain, or 500 where the marks cannot be read or written.
    #[error(transparent)]
    Watermark(#[from] WatermarkError),
    /// 503: the store file is not in its place any more.
    #[error("the store of this signer cannot be used")]
    Store(#[source] ReadError),
    /// 400: a consensus message of which nobody can tell which watermark it needs.
    #[error("the message does not say which watermark protects it, so it is not signed")]
    NoWatermark,
    /// 500: what the key has spent cannot be counted.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// 500: the vault failed, or what it gave is no signature of the message.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl SignError {
    /// A stable name for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotListed(_) => "not_listed",
            Self::Disabled(_) => "key_disabled",
            Self::Switch(_) => "switch_unavailable",
            Self::Denied(denial) => denial.code(),
            Self::Decode(_) => "not_understood",
            Self::NotHeld(NotHeld::Nowhere) => "key_not_found",
            Self::ProofNotSupported => "proof_not_supported",
            Self::ProofNotAllowed => "proof_not_allowed",
            Self::Hook(_) => "policy_hook",
            Self::Watermark(WatermarkError::Refused(refused)) if refused.is_jump() => "watermark_jump",
            Self::Watermark(WatermarkError::Refused(_)) => "watermark",
            Self::Store(_) => "store_unavailable",
            Self::Watermark(WatermarkError::NoRoom { .. }) => "watermark_chains",
            Self::NoWatermark => "watermark_unclear",
            Self::Watermark(WatermarkError::RolledBack(_)) | Self::Usage(UsageError::RolledBack(_)) => {
                "rolled_back"
            }
            Self::Watermark(WatermarkError::Unavailable(_)) => "watermark_unavailable",
            Self::Usage(UsageError::NoStore | UsageError::Read(_) | UsageError::Commit(_)) => {
                "usage_unavailable"
            }
            Self::NotHeld(NotHeld::Unknown(_)) | Self::Vault(_) => "vault",
        }
    }
}

/// A signature that has been verified and may leave.
pub type Signed = Signature;

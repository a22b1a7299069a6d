//! What the operator decides about the signer: who may ask, what each key may sign, and who else is asked. Replaced as a whole.

use std::collections::BTreeMap;

use jwtis_tezos::{Policy, PublicKey, PublicKeyHash};

use super::hook::Hook;
use super::login::TokenGuard;

/// The signer's rules.
#[derive(Default)]
pub struct Rules {
    /// Who may ask.
    pub guard: Guard,
    /// What each listed key may sign.
    pub keys: BTreeMap<PublicKeyHash, KeyRules>,
    /// Who else is asked.
    pub hook: Option<Hook>,
    /// Whether `GET /keys/{pkh}` knows listed keys only.
    pub restrict_public_keys: bool,
    /// Whether `GET /known_keys` is answered.
    pub known_keys: bool,
}

/// How callers are known.
#[derive(Default)]
pub enum Guard {
    /// Anybody who reaches the listener may ask.
    #[default]
    Open,
    /// Requests for signatures are signed with one of these keys (§1.8), in the order of the configuration.
    Keys(Vec<PublicKey>),
    /// Every request carries a token (§2).
    Tokens(TokenGuard),
}

/// The rules of one key.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct KeyRules {
    /// What it may sign.
    pub policy: Policy,
    /// Whether messages are logged at level info instead of debug.
    pub log_payloads: bool,
}

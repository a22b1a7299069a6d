//! What the operator decides about the signer: who may ask, what each key may sign, and who else is asked. Replaced as a whole.

use std::collections::BTreeMap;
use std::time::Duration;

use jwtis_base::client_id::ClientId;
use jwtis_tezos::watermark::{Asked, JumpRules};
use jwtis_tezos::{Policy, PublicKey, PublicKeyHash};

use super::hook::Hook;
use super::login::TokenGuard;
use super::watermark::Terms;

/// The signer's rules.
#[derive(Default)]
pub struct Rules {
    /// Who may ask.
    pub guard: Guard,
    /// What each listed key may sign.
    pub keys: BTreeMap<PublicKeyHash, KeyRules>,
    /// Who else is asked.
    pub hook: Option<Hook>,
    /// Whether `GET /keys/{pkh}` knows listed keys only. `None` is no, and a reload does not go from yes to that.
    pub restrict_public_keys: Option<bool>,
    /// Whether `GET /known_keys` is answered.
    pub known_keys: bool,
    /// How far levels may rise.
    pub jumps: JumpRules,
}

/// How callers are known.
#[derive(Default)]
pub enum Guard {
    /// Anybody who reaches the listener may ask.
    #[default]
    Open,
    /// Requests for signatures are signed with one of these keys, in the order of the configuration.
    Keys(Vec<PublicKey>),
    /// Every request carries a token.
    Tokens(TokenGuard),
}

/// The rules of one key.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct KeyRules {
    /// What it may sign.
    pub policy: Policy,
    /// Whether messages are logged at level info instead of debug.
    pub log_payloads: bool,
    /// What its table of permissions was made of.
    pub allow_source: AllowSource,
}

/// What a key's table of permissions was made of.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub enum AllowSource {
    /// Nothing: it is a default.
    #[default]
    Default,
    /// `allow`.
    Allow,
    /// `allowed_operations` and `allowed_kinds`, which are deprecated and count only where `allow` is not.
    DeprecatedLists,
}

/// A guard that other rules would take away. Only a restart does that: a file that was cut off must not open a key.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the texts say it")]
pub enum GuardRemoved {
    #[error("neither server.jwt nor server.authorized_keys is there, and one of them was in force")]
    Server,
    #[error("{0} would sign for anybody, and it was for authenticated callers")]
    Key(PublicKeyHash),
    #[error("{key} is without {missing}, and that restricted it before")]
    Setting { key: PublicKeyHash, missing: String },
    #[error("the client {client} in server.jwt.issuers is without {missing}, and had it before")]
    Issuer { client: ClientId, missing: &'static str },
    #[error("the user {0:?} in server.jwt is without new_data, and has the secret that new_data replaced")]
    User(String),
    #[error("the user {0:?} in server.jwt is without jwt_exp, and its tokens would live longer than before")]
    TokenLife(String),
    #[error(
        "limits.per.window of {key} is {next:?} and was {longest:?}: what the key spent before would be forgotten"
    )]
    Window { key: PublicKeyHash, longest: Duration, next: Duration },
    #[error("{0} is not there, and without it levels would rise farther")]
    Jumps(String),
    #[error("there is no server.restrict_public_keys, and it was true")]
    PublicKeys,
    #[error("there is no policy_hook, and one was in force")]
    Hook,
    #[error("there is no policy_hook.authorized_keys, and replies of the hook had to be signed")]
    HookKeys,
}

impl Rules {
    /// On what terms a key of this policy asks for a watermark to rise.
    #[must_use]
    pub fn terms(&self, policy: &Policy, asked: &Asked, now_ms: u64) -> Terms {
        let chain = &asked.chain;
        let allowed =
            policy.allowed_chains.as_ref().is_some_and(|chains| chains.contains(&chain.to_string()));
        let named = allowed || self.jumps.chains.contains_key(chain);
        Terms { now_ms, jump: self.jumps.on(chain), named }
    }

    /// The keys that sign for a caller whom nobody knows.
    pub fn open_keys(&self) -> impl Iterator<Item = &PublicKeyHash> {
        self.keys
            .iter()
            .filter(|(_, rules)| self.is_open() && rules.policy.serves_anybody())
            .map(|(key, _)| key)
    }

    /// The keys that are for authenticated callers alone, or for nobody.
    pub(super) fn guarded_keys(&self) -> impl Iterator<Item = &PublicKeyHash> {
        let names_callers = |policy: &Policy| policy.names_users() || policy.authorized_keys.is_some();
        let is_guarded = move |rules: &KeyRules| !self.is_open() || names_callers(&rules.policy);
        self.keys.iter().filter(move |(_, rules)| is_guarded(rules)).map(|(key, _)| key)
    }

    const fn is_open(&self) -> bool {
        match self.guard {
            Guard::Open => true,
            Guard::Keys(_) | Guard::Tokens(_) => false,
        }
    }

    /// Whether every guard of the server and of the hook is in `next`. Keys, issuers and users: [`super::restrictions`].
    pub(super) fn keep_guards(&self, next: &Self) -> Result<(), GuardRemoved> {
        if !self.is_open() && next.is_open() {
            return Err(GuardRemoved::Server);
        }
        match (&self.hook, &next.hook) {
            (Some(_), None) => Err(GuardRemoved::Hook),
            (Some(hook), Some(next)) if hook.authorized_keys.is_some() && next.authorized_keys.is_none() => {
                Err(GuardRemoved::HookKeys)
            }
            (None | Some(_), _) => Ok(()),
        }
    }
}

//! What a key may sign, as a pure rule (specification 3.2, 4.2, 4.5; design decisions 6).
//!
//! Nothing in here reads a file or a clock. A policy says no unless it finds a reason to say yes: the default policy of the
//! *type* allows nothing, and [`Policy::baker`] is the one that a null in the configuration stands for.

mod allow;
mod caller;
mod denial;
mod explain;
mod limit_denial;
mod limits;
mod mutez;
mod possession;
mod usage;
mod verdict;

use std::collections::BTreeSet;

use crate::PublicKeyHash;
use crate::operation::Address;
use crate::request::{Body, SignRequest};

pub use self::allow::{Allow, AllowError, AllowWords, OperationPermission};
pub use self::caller::{Caller, Permissions, User};
pub use self::denial::Denial;
pub use self::limit_denial::{AskedAmount, LimitDenial, ListedNames};
pub use self::limits::{LimitsMode, LimitsModeError, Rate, SpendingLimits};
pub use self::mutez::{Mutez, MutezError};
pub use self::possession::PossessionDenial;
pub use self::usage::Usage;
pub use self::verdict::Verdict;

/// The policy of one key. The default allows nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Policy {
    /// Requests and operations.
    pub allow: Allow,
    /// The chains that consensus requests must be for, as `Net…` texts. They are compared as texts: a misspelt one allows
    /// nothing.
    pub allowed_chains: Option<BTreeSet<String>>,
    /// The clients that may sign. Nobody, when it is empty.
    pub authorized_keys: Option<BTreeSet<PublicKeyHash>>,
    /// The users that may sign. Nobody, when it is empty.
    pub jwt_users: Option<BTreeSet<String>>,
    /// Roles of which a user must have one. Nobody has, when it is empty.
    pub jwt_roles: Option<BTreeSet<String>>,
    /// Whether a tz4 key gives proofs of possession.
    pub allow_proof_of_possession: bool,
    /// What may be spent.
    pub limits: SpendingLimits,
}

/// What a request is judged by, beside the policy.
#[derive(Copy, Clone, Debug)]
pub struct Circumstances<'a> {
    /// The key that shall sign.
    pub key: &'a PublicKeyHash,
    /// Who asks.
    pub caller: &'a Caller,
    /// What the key has spent so far.
    pub usage: &'a Usage,
    /// Milliseconds since the epoch.
    pub now_ms: u64,
}

impl Policy {
    /// What a null in the configuration stands for: blocks, preattestations and attestations without DAL.
    #[must_use]
    pub fn baker() -> Self {
        Self { allow: Allow::baker(), ..Self::default() }
    }

    /// Whether the key is for users or roles that it names, be it for none.
    #[must_use]
    pub const fn names_users(&self) -> bool {
        self.jwt_users.is_some() || self.jwt_roles.is_some()
    }

    /// Whether the key signs, or proves possession, for a caller whom nobody knows. Limits and chains are not looked at.
    #[must_use]
    pub fn serves_anybody(&self) -> bool {
        let names_callers = self.names_users() || self.authorized_keys.is_some();
        !names_callers && (self.allow.requests().next().is_some() || self.allow_proof_of_possession)
    }

    /// Whether the caller may use the key at all: the step before the message is decoded (specification 1.4 step 9).
    ///
    /// A key that names users or roles is for users alone. Signatory lets everybody pass where tokens are switched off
    /// (specification 4.6); then a lost section of a file would open the key.
    ///
    /// # Errors
    /// [`Denial::UserRequired`], [`Denial::User`], [`Denial::Role`], [`Denial::TokenKey`].
    pub fn admit(&self, key: &PublicKeyHash, caller: &Caller) -> Result<(), Denial> {
        let key_text = Address::from(*key);
        let user = match caller {
            Caller::User(user) => user,
            Caller::Anonymous | Caller::Client(_) if self.names_users() => {
                return Err(Denial::UserRequired { key: key_text });
            }
            Caller::Anonymous | Caller::Client(_) => return Ok(()),
        };
        if self.jwt_users.as_ref().is_some_and(|users| !users.contains(&user.name)) {
            return Err(Denial::User { user: user.name.clone(), key: key_text });
        }
        if self.jwt_roles.as_ref().is_some_and(|roles| roles.is_disjoint(&user.roles)) {
            return Err(Denial::Role { user: user.name.clone(), key: key_text });
        }
        user.may_use(key)
    }

    /// Whether `request` may be signed.
    ///
    /// In this order, which clients see: caller, chain, client, request kind, each operation, the token's permissions, limits.
    pub fn evaluate(&self, request: &SignRequest, at: &Circumstances<'_>) -> Verdict {
        if let Err(denial) = self.permits(request, at) {
            return Verdict::Deny(denial);
        }
        match request.body() {
            Body::Generic { operations, .. } => self.limits.judge(operations, at.usage, at.now_ms),
            Body::Block { .. } | Body::Consensus { .. } | Body::Pack => Verdict::Allow(None),
        }
    }

    /// Everything but the limits.
    fn permits(&self, request: &SignRequest, at: &Circumstances<'_>) -> Result<(), Denial> {
        self.admit(at.key, at.caller)?;
        self.chain(request)?;
        self.client(at.caller)?;
        if !self.allow.request(request.kind()) {
            return Err(Denial::RequestKind { kind: request.kind() });
        }
        if let Some(name) = request.operations().iter().find_map(|operation| self.allow.lacks(operation)) {
            return Err(Denial::Operation { name });
        }
        match at.caller {
            Caller::User(user) => user.may_ask(request),
            Caller::Anonymous | Caller::Client(_) => Ok(()),
        }
    }

    fn chain(&self, request: &SignRequest) -> Result<(), Denial> {
        let (Some(allowed), Some(chain)) = (&self.allowed_chains, request.chain()) else { return Ok(()) };
        let chain = chain.to_string();
        if allowed.contains(&chain) { Ok(()) } else { Err(Denial::Chain { chain }) }
    }

    fn client(&self, caller: &Caller) -> Result<(), Denial> {
        let Some(allowed) = &self.authorized_keys else { return Ok(()) };
        match caller {
            Caller::Client(client) if allowed.contains(client) => Ok(()),
            Caller::Client(client) => Err(Denial::Client { client: Address::from(*client) }),
            Caller::Anonymous | Caller::User(_) => Err(Denial::AuthenticationRequired),
        }
    }
}

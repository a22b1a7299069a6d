//! The policy of a key, as a pure rule: who may sign what (docs/reference/signer-protocol.md).
//!
//! Nothing here reads a file or a clock. A policy refuses unless it finds a reason to allow: the default of the *type* allows nothing.
//! [`Policy::baker`] is the policy that a null in the configuration stands for.

mod allow;
mod caller;
mod denial;
mod explain;
mod limits;
mod mutez;
mod usage;

use std::collections::BTreeSet;

use crate::operation::Address;
use crate::request::{Body, SignRequest};
use crate::{Curve, PublicKeyHash};

pub use self::allow::{Allow, AllowError, AllowWords, OperationPermission};
pub use self::caller::{Caller, Permissions, User};
pub use self::denial::{AskedAmount, Denial, LimitDenial, PossessionDenial, Unlisted, Verdict};
pub use self::limits::{LimitsMode, LimitsModeError, Rate, SpendingLimits};
pub use self::mutez::{Mutez, MutezError};
pub use self::usage::Usage;

/// The policy of one key. The default allows nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Policy {
    /// The requests and operations that are allowed.
    pub allow: Allow,
    /// The chains that consensus requests must be for, as `Net…` texts. A misspelt one allows nothing.
    pub allowed_chains: Option<BTreeSet<String>>,
    /// The clients that may sign. An empty list allows nobody.
    pub authorized_keys: Option<BTreeSet<PublicKeyHash>>,
    /// The users that may sign. An empty list allows nobody.
    pub jwt_users: Option<BTreeSet<String>>,
    /// Roles of which a user must have one. An empty list allows nobody.
    pub jwt_roles: Option<BTreeSet<String>>,
    /// Whether a tz4 key gives proofs of possession.
    pub allow_proof_of_possession: bool,
    /// The limits on spending.
    pub limits: SpendingLimits,
}

/// The facts that a policy judges a request by.
#[derive(Copy, Clone, Debug)]
pub struct Circumstances<'a> {
    /// The key that is to sign.
    pub key: &'a PublicKeyHash,
    /// The caller.
    pub caller: &'a Caller,
    /// The spending of the key so far.
    pub usage: &'a Usage,
    /// Milliseconds since the epoch.
    pub now_ms: u64,
}

impl Policy {
    /// The policy of a null in the configuration: blocks, preattestations and attestations without DAL.
    pub fn baker() -> Self {
        Self { allow: Allow::baker(), ..Self::default() }
    }

    /// Whether the key names users or roles, even if it names none of them.
    pub const fn names_users(&self) -> bool {
        self.jwt_users.is_some() || self.jwt_roles.is_some()
    }

    /// Whether the key signs, or proves possession, for an unknown caller. Limits and chains do not count.
    pub fn serves_anybody(&self) -> bool {
        let names_callers = self.names_users() || self.authorized_keys.is_some();
        !names_callers && (self.allow.requests().next().is_some() || self.allow_proof_of_possession)
    }

    /// Whether the caller may use the key at all. The server asks this before it decodes the message.
    ///
    /// Only users may use a key that names users or roles. Signatory lets everybody pass if tokens are switched off; then a lost section
    /// of the file would open the key.
    ///
    /// # Errors
    /// [`Denial::UserRequired`], [`Denial::User`], [`Denial::Role`], [`Denial::TokenKey`].
    pub fn admit(&self, key: &PublicKeyHash, caller: &Caller) -> Result<(), Denial> {
        let key_text = Address::from(*key);
        let user = match caller {
            Caller::User(user) => user,
            Caller::Anonymous | Caller::Client(_) if self.names_users() => {
                return Err(Denial::UserRequired(key_text));
            }
            Caller::Anonymous | Caller::Client(_) => return Ok(()),
        };
        if self.jwt_users.as_ref().is_some_and(|users| !users.contains(&user.name)) {
            return Err(Denial::User(user.name.clone(), key_text));
        }
        if self.jwt_roles.as_ref().is_some_and(|roles| roles.is_disjoint(&user.roles)) {
            return Err(Denial::Role(user.name.clone(), key_text));
        }
        user.may_use(key)
    }

    /// Whether `request` may be signed.
    ///
    /// Clients see this order: caller, chain, client, request kind, each operation, the token's permissions, limits.
    pub fn evaluate(&self, request: &SignRequest, at: &Circumstances<'_>) -> Verdict {
        if let Err(denial) = self.permits(request, at) {
            return Verdict::Deny(denial);
        }
        match request.body() {
            Body::Generic { operations, .. } => self.limits.judge(operations, at.usage, at.now_ms),
            Body::Block { .. } | Body::Consensus { .. } | Body::Pack => Verdict::Allow(None),
        }
    }

    /// Whether the caller gets a proof of possession of the key. It has no message, no watermark and no request kind.
    ///
    /// Signatory gives it to clients that may not sign with the key. They are refused here.
    ///
    /// # Errors
    /// [`PossessionDenial`].
    pub fn possession(&self, key: &PublicKeyHash, caller: &Caller) -> Result<(), PossessionDenial> {
        self.admit(key, caller)?;
        self.client(caller)?;
        match caller {
            Caller::User(user) => user.may_prove()?,
            Caller::Anonymous | Caller::Client(_) => {}
        }
        if key.curve() != Curve::Bls12381 {
            return Err(PossessionDenial::NotSupported);
        }
        if self.allow_proof_of_possession { Ok(()) } else { Err(PossessionDenial::NotAllowed) }
    }

    /// Everything but the limits.
    fn permits(&self, request: &SignRequest, at: &Circumstances<'_>) -> Result<(), Denial> {
        self.admit(at.key, at.caller)?;
        self.chain(request)?;
        self.client(at.caller)?;
        if !self.allow.request(request.kind()) {
            return Err(Denial::RequestKind(request.kind()));
        }
        if let Some(name) = request.operations().iter().find_map(|operation| self.allow.lacks(operation)) {
            return Err(Denial::Operation(name));
        }
        match at.caller {
            Caller::User(user) => user.may_ask(request),
            Caller::Anonymous | Caller::Client(_) => Ok(()),
        }
    }

    fn chain(&self, request: &SignRequest) -> Result<(), Denial> {
        let (Some(allowed), Some(chain)) = (&self.allowed_chains, request.chain()) else { return Ok(()) };
        let chain = chain.to_string();
        if allowed.contains(&chain) { Ok(()) } else { Err(Denial::Chain(chain)) }
    }

    fn client(&self, caller: &Caller) -> Result<(), Denial> {
        let Some(allowed) = &self.authorized_keys else { return Ok(()) };
        match caller {
            Caller::Client(client) if allowed.contains(client) => Ok(()),
            Caller::Client(client) => Err(Denial::Client(Address::from(*client))),
            Caller::Anonymous | Caller::User(_) => Err(Denial::AuthenticationRequired),
        }
    }
}

//! The answers of a policy, and the texts of its refusals with status 403 (docs/reference/signer-protocol.md).

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use super::mutez::Mutez;
use super::usage::Usage;
use crate::operation::{Address, Operation};
use crate::request::RequestKind;

/// The answer of a policy.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use]
pub enum Verdict {
    /// The request may be signed. A usage must be durable before the key is used.
    Allow(Option<Usage>),
    /// The request may be signed, because the limits are only observed.
    Observe {
        /// The refusal that enforced limits would give.
        denial: LimitDenial,
        /// As in [`Self::Allow`].
        usage: Option<Usage>,
    },
    /// The request is refused.
    Deny(Denial),
}

/// A refusal. The texts from `Chain` to `User` are Signatory's, byte for byte. The others have no counterpart there.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Denial {
    /// The chain, `Net…`, is not one of `allowed_chains`.
    #[error("chain `{0}' is not allowed")]
    Chain(String),
    /// The key has `authorized_keys`, and nobody has signed the request.
    #[error("authentication required")]
    AuthenticationRequired,
    /// The key has `authorized_keys`, and the client is none of them.
    #[error("client `{0}' is not allowed")]
    Client(Address),
    /// The kind of request is not in `allow`.
    #[error("request kind `{0}' is not allowed")]
    RequestKind(RequestKind),
    /// The operation is not in `allow.generic`. It is the first of the batch, with the vote of a ballot.
    #[error("operation `{0}' is not allowed")]
    Operation(String),
    /// The user is not in `jwt_users` of the key.
    #[error("user `{0}' is not authorized to access {1}")]
    User(String, Address),
    /// The key has `jwt_users` or `jwt_roles`, and the caller is no user.
    #[error("only users with a token may use {0}")]
    UserRequired(Address),
    /// The user has none of the `jwt_roles` of the key.
    #[error("user `{0}' has no role for {1}")]
    Role(String, Address),
    /// The key is not in the `keys` claim of the user's token.
    #[error("the token of user `{0}' is not for {1}")]
    TokenKey(String, Address),
    /// The `permissions` claim of the token lacks this.
    #[error("the token does not permit `{0}'")]
    TokenPermission(String),
    /// A limit of the key.
    #[error(transparent)]
    Limit(#[from] LimitDenial),
}

impl Denial {
    /// A name for metrics and logs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Chain(_) => "chain",
            Self::AuthenticationRequired => "authentication_required",
            Self::Client(_) => "client",
            Self::RequestKind(_) => "request_kind",
            Self::Operation(_) => "operation",
            Self::User(..) => "user",
            Self::UserRequired(_) => "user_required",
            Self::Role(..) => "role",
            Self::TokenKey(..) => "token_key",
            Self::TokenPermission(_) => "token_permission",
            Self::Limit(_) => "limit",
        }
    }
}

/// Why no proof of possession is given. The answer's status is 403 for [`Self::Denied`] and 400 for the others.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PossessionDenial {
    /// The caller may not use the key, or their token does not permit this.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// Only tz4 keys have proofs.
    #[error("proof of possession is not supported")]
    NotSupported,
    /// The key's `allow_proof_of_possession` is not true.
    #[error("proof of possession is not allowed")]
    NotAllowed,
}

/// A limit that a request does not keep.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LimitDenial {
    /// `max_amount`, and the amount of all operations.
    #[error("limit max_amount is {0}, {1}")]
    MaxAmount(Mutez, AskedAmount),
    /// `max_fee`, and the fees of all operations.
    #[error("limit max_fee is {limit}, {asked} was asked", limit = .0, asked = amount(*.1))]
    MaxFee(Mutez, Option<Mutez>),
    /// `destinations`.
    #[error("limit destinations is {}, a {} to {} was asked", .0.listed, .0.operation, .0.asked)]
    Destination(Unlisted),
    /// `entrypoints`.
    #[error("limit entrypoints is {}, a {} that calls {} was asked", .0.listed, .0.operation, .0.asked)]
    Entrypoint(Unlisted),
    /// `per.amount`.
    #[error("limit per.amount is {limit} in {} s, of which {spent} is used, {asked}", window.as_secs())]
    Amount {
        /// The window.
        window: Duration,
        /// The limit.
        limit: Mutez,
        /// The used part of the limit.
        spent: Mutez,
        /// The amount of all operations.
        asked: AskedAmount,
    },
    /// `per.count`.
    #[error("limit per.count is {limit} operation(s) in {} s, of which {counted} are used, {asked} more were asked", window.as_secs())]
    Count {
        /// The window.
        window: Duration,
        /// The limit.
        limit: u64,
        /// The used part of the limit.
        counted: u64,
        /// The operations of the request.
        asked: u64,
    },
}

impl LimitDenial {
    /// The limit's name in the configuration.
    pub const fn limit(&self) -> &'static str {
        match self {
            Self::MaxAmount(..) => "max_amount",
            Self::MaxFee(..) => "max_fee",
            Self::Destination(_) => "destinations",
            Self::Entrypoint(_) => "entrypoints",
            Self::Amount { .. } => "per.amount",
            Self::Count { .. } => "per.count",
        }
    }
}

fn amount(asked: Option<Mutez>) -> String {
    asked.map_or_else(|| "more than can be told".to_owned(), |asked| asked.to_string())
}

/// The amount that a request spends, for a refusal. `None` is more than can be told.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct AskedAmount {
    /// All of it.
    pub amount: Option<Mutez>,
    /// The burns and bonds in it.
    pub unsent: Option<Mutez>,
}

impl fmt::Display for AskedAmount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} was asked", amount(self.amount))?;
        match (self.amount, self.unsent) {
            (Some(_), Some(unsent)) if unsent > Mutez::default() => {
                write!(formatter, ", with burns and bonds of at most {unsent}")
            }
            _ => Ok(()),
        }
    }
}

/// A destination or entrypoint that the limit's list lacks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unlisted {
    /// The list, cut to a length that fits into a sentence.
    listed: String,
    asked: String,
    operation: String,
}

impl Unlisted {
    /// Members that are named before the rest is only counted.
    const SHOWN: usize = 4;

    pub(super) fn new<T: ToString>(list: &BTreeSet<T>, asked: &str, operation: &Operation) -> Self {
        let shown: Vec<String> = list.iter().take(Self::SHOWN).map(ToString::to_string).collect();
        let more = match list.len().saturating_sub(Self::SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let listed = format!("[{}{more}]", shown.join(", "));
        Self { listed, asked: asked.to_owned(), operation: operation.permission() }
    }
}

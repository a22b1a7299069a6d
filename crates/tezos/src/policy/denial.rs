//! Why a request is refused by a policy: the text of the answer with status 403 (specification 4.5, 4.6).

use crate::operation::Address;
use crate::policy::limit_denial::LimitDenial;
use crate::request::RequestKind;

/// A refusal. The first six texts are Signatory's, byte for byte; the others have no counterpart there.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Denial {
    /// The chain is not one of `allowed_chains`.
    #[error("chain `{chain}' is not allowed")]
    Chain {
        /// The chain, `Net…`.
        chain: String,
    },
    /// The key has `authorized_keys`, and nobody has signed the request.
    #[error("authentication required")]
    AuthenticationRequired,
    /// The key has `authorized_keys`, and the client is none of them.
    #[error("client `{client}' is not allowed")]
    Client {
        /// The client's key.
        client: Address,
    },
    /// The kind of request is not in `allow`.
    #[error("request kind `{kind}' is not allowed")]
    RequestKind {
        /// What was asked.
        kind: RequestKind,
    },
    /// The operation is not in `allow.generic`; the first of the batch that is not.
    #[error("operation `{name}' is not allowed")]
    Operation {
        /// What was asked, with the vote of a ballot.
        name: String,
    },
    /// The user is not in `jwt_users` (specification 4.6).
    #[error("user `{user}' is not authorized to access {key}")]
    User {
        /// The token's user.
        user: String,
        /// The key that he asked for.
        key: Address,
    },
    /// The key has `jwt_users` or `jwt_roles`, and the caller is no user.
    #[error("only users with a token may use {key}")]
    UserRequired {
        /// The key that they asked for.
        key: Address,
    },
    /// The user has none of the `jwt_roles` of the key.
    #[error("user `{user}' has no role for {key}")]
    Role {
        /// The token's user.
        user: String,
        /// The key that he asked for.
        key: Address,
    },
    /// The key is not in the `keys` claim of the token.
    #[error("the token of user `{user}' is not for {key}")]
    TokenKey {
        /// The token's user.
        user: String,
        /// The key that he asked for.
        key: Address,
    },
    /// The `permissions` claim of the token lacks this.
    #[error("the token does not permit `{name}'")]
    TokenPermission {
        /// The permission that is missing.
        name: String,
    },
    /// A limit of the key.
    #[error(transparent)]
    Limit(#[from] LimitDenial),
}

impl Denial {
    /// A name for metrics and logs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Chain { .. } => "chain",
            Self::AuthenticationRequired => "authentication_required",
            Self::Client { .. } => "client",
            Self::RequestKind { .. } => "request_kind",
            Self::Operation { .. } => "operation",
            Self::User { .. } => "user",
            Self::UserRequired { .. } => "user_required",
            Self::Role { .. } => "role",
            Self::TokenKey { .. } => "token_key",
            Self::TokenPermission { .. } => "token_permission",
            Self::Limit(_) => "limit",
        }
    }
}

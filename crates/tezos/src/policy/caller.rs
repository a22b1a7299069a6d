//! The caller of a request, and the claims of their token that narrow the file's permissions.

use std::collections::BTreeSet;

use crate::policy::allow::lacking;
use crate::policy::{Denial, OperationPermission};
use crate::request::{RequestKind, SignRequest};
use crate::{Address, PublicKeyHash};

/// The caller, as far as the server's authentication knows them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Caller {
    /// No authentication is configured, or it is optional and was not given.
    #[default]
    Anonymous,
    /// The holder of a key of `server.authorized_keys`.
    Client(PublicKeyHash),
    /// The user of a token.
    User(User),
}

/// The user of a token, and the claims that narrow what they may do. An absent claim narrows nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct User {
    /// The name for `jwt_users`: the login's name, or `sub` of a token of our own issuer.
    pub name: String,
    /// The keys that the token is for, by address.
    pub keys: Option<BTreeSet<String>>,
    /// The roles for `jwt_roles`.
    pub roles: BTreeSet<String>,
    /// The requests and operations that the token is for.
    pub permissions: Option<Permissions>,
}

impl User {
    /// A user without narrowing claims, as `/login` makes one.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Whether the token is for `key`.
    pub(crate) fn may_use(&self, key: &PublicKeyHash) -> Result<(), Denial> {
        if self.keys.as_ref().is_none_or(|keys| keys.contains(&key.to_string())) {
            return Ok(());
        }
        Err(Denial::TokenKey(self.name.clone(), Address::from(*key)))
    }

    /// Whether the token is for everything in `request`.
    pub(crate) fn may_ask(&self, request: &SignRequest) -> Result<(), Denial> {
        self.permissions.as_ref().map_or(Ok(()), |permissions| permissions.check(request))
    }

    /// Whether the token is for proofs of possession.
    pub(crate) fn may_prove(&self) -> Result<(), Denial> {
        if self.permissions.as_ref().is_none_or(|permissions| permissions.proof_of_possession) {
            return Ok(());
        }
        Err(Denial::TokenPermission(PROOF.to_owned()))
    }
}

/// The permission for a request that has no message, and so no kind.
const PROOF: &str = "proof_of_possession";

/// The `permissions` claim: `block`, `attestation`, `generic:transaction`, `generic:ballot:yay`, `proof_of_possession`, …
///
/// `generic` alone stands for every operation that the file allows. An unknown name grants nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Permissions {
    requests: BTreeSet<RequestKind>,
    operations: BTreeSet<OperationPermission>,
    proof_of_possession: bool,
    unknown: BTreeSet<String>,
}

impl Permissions {
    /// Reads the members of the claim. This cannot fail: an unknown name is not granted.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut permissions = Self::default();
        for name in names {
            let operation = name.strip_prefix("generic:").and_then(OperationPermission::from_name);
            if let Some(kind) = RequestKind::from_name(name) {
                permissions.requests.insert(kind);
            } else if let Some(operation) = operation {
                permissions.operations.insert(operation);
            } else if name == PROOF {
                permissions.proof_of_possession = true;
            } else {
                permissions.unknown.insert(name.to_owned());
            }
        }
        permissions
    }

    /// The unknown names, for a warning in the log.
    pub const fn unknown(&self) -> &BTreeSet<String> {
        &self.unknown
    }

    fn check(&self, request: &SignRequest) -> Result<(), Denial> {
        let kind = request.kind();
        if self.requests.contains(&kind) {
            return Ok(());
        }
        // A batch is never empty; if it were, nothing in it would be permitted.
        if kind != RequestKind::Generic || self.operations.is_empty() || request.operations().is_empty() {
            return Err(Denial::TokenPermission(kind.name().to_owned()));
        }
        match request.operations().iter().find_map(|operation| lacking(&self.operations, operation)) {
            Some(name) => Err(Denial::TokenPermission(format!("generic:{name}"))),
            None => Ok(()),
        }
    }
}

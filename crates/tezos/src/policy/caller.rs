//! Who asks for a signature, and what the token that he brings leaves of the file's permissions (design decisions 6).

use std::collections::BTreeSet;

use crate::policy::allow::lacking;
use crate::policy::{Denial, OperationPermission};
use crate::request::{RequestKind, SignRequest};
use crate::{Address, PublicKeyHash};

/// The caller, as far as the server's authentication knows him.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Caller {
    /// No authentication is configured, or none was given where it is optional.
    #[default]
    Anonymous,
    /// The holder of a key of `server.authorized_keys` (specification 1.8).
    Client(PublicKeyHash),
    /// The user of a token (specification 2).
    User(User),
}

/// The user of a token and the claims that narrow what he may do. An absent claim narrows nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct User {
    /// For `jwt_users`: the login's name, or `sub` of a token of our own issuer.
    pub name: String,
    /// The keys that the token is for, by address.
    pub keys: Option<BTreeSet<String>>,
    /// For `jwt_roles`.
    pub roles: BTreeSet<String>,
    /// The requests and operations that the token is for.
    pub permissions: Option<Permissions>,
}

impl User {
    /// A user without narrowing claims, as `/login` makes them.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Whether the token is for `key`.
    pub(crate) fn may_use(&self, key: &PublicKeyHash) -> Result<(), Denial> {
        match &self.keys {
            Some(keys) if !keys.contains(&key.to_string()) => {
                Err(Denial::TokenKey { user: self.name.clone(), key: Address::from(*key) })
            }
            _ => Ok(()),
        }
    }

    /// Whether the token is for everything in `request`.
    pub(crate) fn may_ask(&self, request: &SignRequest) -> Result<(), Denial> {
        match &self.permissions {
            Some(permissions) => permissions.check(request),
            None => Ok(()),
        }
    }

    /// Whether the token is for proofs of possession.
    pub(crate) fn may_prove(&self) -> Result<(), Denial> {
        match &self.permissions {
            Some(permissions) if !permissions.proof_of_possession => {
                Err(Denial::TokenPermission { name: PROOF.to_owned() })
            }
            _ => Ok(()),
        }
    }
}

/// The permission for a request that has no message, and so no kind.
const PROOF: &str = "proof_of_possession";

/// The `permissions` claim: `block`, `attestation`, `generic:transaction`, `generic:ballot:yay`, `proof_of_possession`, …
///
/// `generic` alone stands for every operation that the file allows. A name that is none of these grants nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Permissions {
    requests: BTreeSet<RequestKind>,
    operations: BTreeSet<OperationPermission>,
    proof_of_possession: bool,
    unknown: BTreeSet<String>,
}

impl Permissions {
    /// Reads the members of the claim. This cannot fail: what is not understood is not granted.
    #[must_use]
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

    /// The names that mean nothing here, for a warning in the log.
    #[must_use]
    pub const fn unknown(&self) -> &BTreeSet<String> {
        &self.unknown
    }

    fn check(&self, request: &SignRequest) -> Result<(), Denial> {
        let kind = request.kind();
        if self.requests.contains(&kind) {
            return Ok(());
        }
        if kind != RequestKind::Generic || self.operations.is_empty() {
            return Err(Denial::TokenPermission { name: kind.name().to_owned() });
        }
        match request.operations().iter().find_map(|operation| lacking(&self.operations, operation)) {
            Some(name) => Err(Denial::TokenPermission { name: format!("generic:{name}") }),
            // A batch is never empty; if it were, nothing in it would be permitted.
            None if request.operations().is_empty() => {
                Err(Denial::TokenPermission { name: kind.name().to_owned() })
            }
            None => Ok(()),
        }
    }
}

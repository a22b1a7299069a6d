//! The permission table of a key, and how it is made of the configuration's words.

use std::collections::{BTreeMap, BTreeSet};

use crate::Curve;
use crate::operation::{Operation, OperationKind, Vote};
use crate::request::RequestKind;

/// The requests that are allowed, and the operations of generic ones. The default allows nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Allow {
    requests: BTreeSet<RequestKind>,
    operations: BTreeSet<OperationPermission>,
}

impl Allow {
    /// The table of a key whose policy is null: blocks, preattestations and attestations.
    pub fn baker() -> Self {
        let requests = [RequestKind::Block, RequestKind::Preattestation, RequestKind::Attestation];
        Self { requests: requests.into(), operations: BTreeSet::new() }
    }

    /// A table of exactly these.
    pub fn new(
        requests: impl IntoIterator<Item = RequestKind>,
        operations: impl IntoIterator<Item = OperationPermission>,
    ) -> Self {
        Self { requests: requests.into_iter().collect(), operations: operations.into_iter().collect() }
    }

    /// The kinds of requests, by name.
    pub fn requests(&self) -> impl Iterator<Item = RequestKind> {
        self.requests.iter().copied()
    }

    /// The entries of `allow.generic`, in order.
    pub fn operations(&self) -> impl Iterator<Item = OperationPermission> {
        self.operations.iter().copied()
    }

    /// Whether requests of `kind` are allowed. For a generic one each operation counts too.
    pub fn request(&self, kind: RequestKind) -> bool {
        self.requests.contains(&kind)
    }

    /// Whether `operation` may be part of a generic request.
    pub fn operation(&self, operation: &Operation) -> bool {
        self.lacks(operation).is_none()
    }

    /// The entry that `allow.generic` lacks for `operation`, if it lacks one.
    pub fn lacks(&self, operation: &Operation) -> Option<String> {
        lacking(&self.operations, operation)
    }

    /// A hint for operators about a key of `curve`: it attests, but not with DAL.
    pub fn hint(&self, curve: Curve) -> Option<&'static str> {
        let lacks = self.request(RequestKind::Attestation) && !self.request(RequestKind::AttestationWithDal);
        (lacks && curve != Curve::Bls12381).then_some(
            "`attestation` does not include `attestation_with_dal`: list that too if this key attests DAL slots",
        )
    }
}

/// An entry of `allow.generic`: a kind, for ballots perhaps with one vote.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OperationPermission {
    kind: OperationKind,
    vote: Option<Vote>,
}

impl OperationPermission {
    /// Every operation of `kind`.
    pub const fn kind(kind: OperationKind) -> Self {
        Self { kind, vote: None }
    }

    /// The entry that `name` stands for: a listable kind, or `ballot:` and a vote.
    pub fn from_name(name: &str) -> Option<Self> {
        if let Some(vote) = name.strip_prefix("ballot:") {
            let vote = Some(Vote::from_name(vote)?);
            return Some(Self { kind: OperationKind::Ballot, vote });
        }
        OperationKind::from_name(name).map(Self::kind)
    }

    /// Whether it allows `operation`.
    pub fn covers(&self, operation: &Operation) -> bool {
        self.kind.is_listable()
            && self.kind == operation.kind()
            && (self.vote.is_none() || self.vote == operation.vote())
    }
}

/// The permission that `operation` lacks among `granted`.
pub(super) fn lacking(granted: &BTreeSet<OperationPermission>, operation: &Operation) -> Option<String> {
    if !granted.iter().any(|permission| permission.covers(operation)) {
        return Some(operation.permission());
    }
    let staking = operation.staking_by_name()?;
    let covered = granted.contains(&OperationPermission::kind(staking));
    (!covered).then(|| staking.name().to_owned())
}

/// The words of the configuration. `None` is a member that is absent or null.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AllowWords {
    /// `allow`: request kinds with their lists.
    pub allow: Option<BTreeMap<String, Option<Vec<String>>>>,
    /// `allowed_operations`, deprecated: request kinds.
    pub allowed_operations: Option<Vec<String>>,
    /// `allowed_kinds`, deprecated: operation kinds.
    pub allowed_kinds: Option<Vec<String>>,
}

impl AllowWords {
    /// The table, with warnings about deprecated words.
    ///
    /// # Errors
    /// Every unknown word, all at once.
    pub fn resolve(&self) -> Result<(Allow, Vec<String>), Vec<AllowError>> {
        let mut reader = AllowReader::default();
        match &self.allow {
            Some(allow) => {
                for (name, operations) in allow {
                    let kind = reader.request(name, "allow");
                    // Lists under any other kind mean nothing.
                    if kind == Some(RequestKind::Generic) {
                        reader.operations(operations.as_deref().unwrap_or_default(), "allow.generic");
                    }
                }
                let lists = [
                    ("allowed_operations", &self.allowed_operations),
                    ("allowed_kinds", &self.allowed_kinds),
                ];
                for (list, _) in lists.iter().filter(|(_, names)| names.is_some()) {
                    reader.warnings.push(format!("'{list}' counts for nothing beside `allow`: remove it"));
                }
            }
            None => {
                for name in self.allowed_operations.as_deref().unwrap_or_default() {
                    reader.request(name, "allowed_operations");
                }
                reader.operations(self.allowed_kinds.as_deref().unwrap_or_default(), "allowed_kinds");
                if self.allowed_operations.is_some() || self.allowed_kinds.is_some() {
                    reader.warnings.push(reader.equivalent());
                }
            }
        }
        if reader.errors.is_empty() { Ok((reader.allow, reader.warnings)) } else { Err(reader.errors) }
    }
}

#[derive(Default)]
struct AllowReader {
    allow: Allow,
    warnings: Vec<String>,
    errors: Vec<AllowError>,
}

impl AllowReader {
    fn request(&mut self, name: &str, list: &'static str) -> Option<RequestKind> {
        let known = match name {
            "endorsement" => self.renamed(name, "attestation"),
            "preendorsement" => self.renamed(name, "preattestation"),
            known => known,
        };
        let kind = RequestKind::from_name(known);
        match kind {
            Some(kind) => drop(self.allow.requests.insert(kind)),
            None => self.errors.push(AllowError::Request(name.to_owned(), list)),
        }
        kind
    }

    fn operations(&mut self, names: &[String], list: &'static str) {
        for name in names {
            let known = match name.as_str() {
                "double_endorsement_evidence" | "double_preendorsement_evidence" => {
                    self.renamed(name, "double_consensus_operation_evidence")
                }
                "endorsement" | "preendorsement" => {
                    self.warnings.push(format!(
                        "Deprecated configuration detected: '{name}' is no operation of a generic request and allows nothing"
                    ));
                    continue;
                }
                known => known,
            };
            match OperationPermission::from_name(known) {
                Some(permission) => drop(self.allow.operations.insert(permission)),
                None => self.errors.push(AllowError::Operation(name.clone(), list)),
            }
        }
    }

    fn renamed(&mut self, old: &str, new: &'static str) -> &'static str {
        self.warnings
            .push(format!("Deprecated configuration detected: '{old}' should be replaced with '{new}'"));
        new
    }

    /// The words to write instead of the deprecated fields.
    fn equivalent(&self) -> String {
        let mut text = String::from(
            "Deprecated configuration detected: 'allowed_operations' and 'allowed_kinds' should be replaced with\nallow:",
        );
        for kind in &self.allow.requests {
            text.push_str(&format!("\n  {kind}:"));
            if *kind == RequestKind::Generic {
                for permission in &self.allow.operations {
                    text.push_str(&format!("\n    - {}", permission.name()));
                }
            }
        }
        if self.allow.requests.is_empty() {
            text.push_str(" {}");
        }
        text
    }
}

impl OperationPermission {
    /// Its name, as [`Self::from_name`] reads it.
    pub fn name(&self) -> String {
        match self.vote {
            Some(vote) => format!("{}:{}", self.kind, vote.name()),
            None => self.kind.name().to_owned(),
        }
    }
}

/// An unknown word of the configuration, and the list that it stands in.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AllowError {
    /// Not a request kind.
    #[error("invalid request kind `{0}` in `{1}` list")]
    Request(String, &'static str),
    /// Not an operation kind that can be allowed.
    #[error("invalid operation kind `{0}` in `{1}` list")]
    Operation(String, &'static str),
}
